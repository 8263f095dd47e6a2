# SPDX-License-Identifier: Apache-2.0
"""Pools, writes and scores answers to BioASQ's questions.

An exact answer is what BioASQ's JSON calls so: a string for a yesno question,
otherwise a list of answers, each a list of synonyms (a system gives one).
Answers are {question id: exact answer}, gold answers {question id: (type, exact
answer)}. Scores are fractions from 0 to 1.
"""

import os
import re

from common.errors import InputError
from common.errors import first_five
from evaluation import metrics

MAX_CHARACTERS = 100  # BioBERT's and BioASQ's limit for an exact answer.
MAX_FACTOID_ANSWERS = 5
TYPES = ("yesno", "factoid", "list")

# In the order in which the official measure prints them.
_FIGURES = [
  (kind, name)
  for kind, names in (
    ("yesno", "accuracy"),
    ("factoid", "strict lenient mrr"),
    ("list", "precision recall f1"),
    ("yesno", "macro_f1 f1_yes f1_no"),
  )
  for name in names.split()
]


def find_files(folder, name, kind):
  """Returns (training file, {batch: (test file, golden file or None)}).

  The files are named as BioBERT's: BioASQ-train-factoid-4b.json,
  BioASQ-test-factoid-4b-1.json and 4B1_golden.json; `name` is then bioasq-4b.
  """
  edition = name.rpartition("-")[2]
  train = os.path.join(folder, "BioASQ-train-%s-%s.json" % (kind, edition))
  stem = "BioASQ-test-%s-%s-" % (kind, edition)
  tests = {}
  for path in os.listdir(folder):
    match = re.fullmatch(re.escape(stem) + r"(\d+)\.json", path)
    if match:
      golden = "%s%s_golden.json" % (edition.upper(), match[1])
      golden = os.path.join(folder, golden)
      golden = golden if os.path.exists(golden) else None
      tests[int(match[1])] = os.path.join(folder, path), golden
  if not os.path.exists(train) or not tests:
    raise InputError(
      "%s: expected %s and %s1.json there"
      % (folder, os.path.basename(train), stem)
    )
  return train, tests


def pool(n_bests):
  """Returns the answers to one question as (text, weight), best first.

  Does what BioBERT's transform_nbset2bioasqform.py does: takes the answers from
  all snippets together, drops empty ones and those of over 100 characters, and
  adds up the probabilities of answers that differ in case only. The most
  probable spelling is kept. Among equal weights, the answer with the highest
  single probability comes first.

  Args:
    n_bests: a list of {"text", "probability"} for each snippet.
  """
  entries = [entry for n_best in n_bests for entry in n_best]
  entries.sort(key=lambda entry: -entry["probability"])
  spellings, weights = {}, {}
  for entry in entries:
    text = entry["text"]
    if text and len(text) <= MAX_CHARACTERS:
      spellings.setdefault(text.lower(), text)
      weight = weights.get(text.lower(), 0.0) + entry["probability"]
      weights[text.lower()] = weight
  pooled = [(spellings[key], weight) for key, weight in weights.items()]
  return sorted(pooled, key=lambda pair: -pair[1])


def exact_answer(kind, pooled, threshold):
  """Returns the exact answer, given the result of `pool`.

  It is the better of yes and no; for a factoid question, the five best answers;
  for a list question, all answers of weight `threshold` or more, or the best
  one if there are none.
  """
  if kind == "yesno":
    return pooled[0][0]
  if kind == "factoid":
    return [[text] for text, _ in pooled[:MAX_FACTOID_ANSWERS]]
  enough = [[text] for text, weight in pooled if weight >= threshold]
  return enough or [[text] for text, _ in pooled[:1]]


def submission(kind, answers):
  """Returns the submission for BioASQ and its official measure."""
  questions = [
    dict(type=kind, id=name, ideal_answer="Dummy", exact_answer=answer)
    for name, answer in answers.items()
  ]
  return {"questions": questions}


def scores(gold, answers):
  """Computes {type: scores} as EvaluatorTask1b -phaseB -e 5 of BioASQ does.

  Only questions with an entry among the answers count (None is a wrong answer).
  The official measure leaves the others out of its means, so compare `answered`
  with `questions`. Case does not matter, white space does.

  A factoid answer is right if it is any of the synonyms; the rank of the first
  right answer counts. A gold answer of a list can be found once. "yes" and "no"
  count anywhere in a string, "yes" first.

  Returns:
    {"yesno": {"accuracy", "macro_f1", "f1_yes", "f1_no"}, "factoid":
    {"strict", "lenient", "mrr"}, "list": {"precision", "recall", "f1"}}, each
    also with the counts "questions" and "answered". Scores are None without an
    answered question, and so is the F1 of a class that gold lacks; the official
    measure prints 0. "undefined" then has {score: reason}.
  """
  measures = dict(zip(TYPES, (_yesno_scores, _factoid_scores, _list_scores)))
  result = {}
  for kind in TYPES:
    names = _asked(gold, kind)
    pairs = [(gold[n][1], answers[n]) for n in names if n in answers]
    result[kind] = measures[kind](pairs)
    _explain(result[kind], bool(pairs))
    result[kind].update(questions=len(names), answered=len(pairs))
  return result


def official_line(results):
  """Returns the ten numbers that the official measure prints."""
  figures = [results[kind][name] or 0.0 for kind, name in _FIGURES]
  return " ".join(repr(float(figure)) for figure in figures)


def report(results):
  """Returns the scores of each answered type, a line each."""
  lines = []
  for kind in TYPES:
    values = results[kind]
    figures = [
      "%s undefined" % n if values[n] is None else "%s %.4f" % (n, values[n])
      for k, n in _FIGURES
      if k == kind
    ]
    if values["answered"]:
      lines.append(
        "%s, %d of %d questions answered: %s\n"
        % (kind, values["answered"], values["questions"], ", ".join(figures))
      )
  return "".join(lines)


def mismatches(gold, answers):
  """Returns sentences on questions and answers without a counterpart.

  Types of questions without any answer are left out.
  """
  found = []
  for kind in TYPES:
    names = _asked(gold, kind)
    missing = [name for name in names if name not in answers]
    if 0 < len(missing) < len(names):
      found.append(
        "%d of %d %s questions have no answer and are left out, as in the "
        "official measure: %s"
        % (len(missing), len(names), kind, first_five(missing))
      )
  strange = [name for name in answers if name not in gold]
  if strange:
    found.append(
      "%d of %d answers are to questions without a gold answer: %s"
      % (len(strange), len(answers), first_five(strange))
    )
  return found


def _asked(gold, kind):
  """Returns the ids of the questions of a type that have a gold answer."""
  return [
    n for n, (k, exact) in gold.items() if k == kind and exact is not None
  ]


def _explain(scores, has_pairs):
  """Sets all scores to None without answers; notes why scores are None."""
  if not has_pairs:
    scores.update(dict.fromkeys(scores))
  reason = "no question has a gold answer and was answered"
  if has_pairs:
    reason = "no such gold answer; macro_f1 counts it as 0, as officially"
  undefined = [name for name, value in scores.items() if value is None]
  if undefined:
    scores["undefined"] = dict.fromkeys(undefined, reason)


def _yesno_scores(pairs):
  verdicts = [(_verdict(gold), _verdict(answer)) for gold, answer in pairs]
  f1_yes, f1_no = _f1_of_class(verdicts, True), _f1_of_class(verdicts, False)
  return {
    "accuracy": metrics.mean([gold == answer for gold, answer in verdicts]),
    "macro_f1": ((f1_yes or 0) + (f1_no or 0)) / 2,
    "f1_yes": f1_yes,
    "f1_no": f1_no,
  }


def _verdict(answer):
  """Returns "yes", "no" or "none"; None, which is wrong, for no string."""
  if not isinstance(answer, str):
    return None
  return next((v for v in ("yes", "no") if v in answer.lower()), "none")


def _f1_of_class(verdicts, yes):
  """Returns the F1 of questions answered "yes" in gold, or of all others.

  It is None if gold has none of them.
  """
  if all((gold == "yes") != yes for gold, _ in verdicts):
    return None
  right = sum(g == a and (g == "yes") == yes for g, a in verdicts)
  wrong = sum(g != a for g, a in verdicts)
  return metrics.divide(2 * right, 2 * right + wrong)


def _factoid_scores(pairs):
  ranks = [_rank(gold, answer) for gold, answer in pairs]
  return {
    "strict": metrics.mean([rank == 1 for rank in ranks]),
    "lenient": metrics.mean([rank > 0 for rank in ranks]),
    "mrr": metrics.mean([metrics.divide(1, rank) for rank in ranks]),
  }


def _rank(gold, answer):
  """Returns the rank of the first right answer, from 1; 0 if there is none."""
  right = {s.lower() for synonyms in gold for s in synonyms}
  for rank, said in enumerate(_said(answer), 1):
    if said in right:
      return rank
  return 0


def _list_scores(pairs):
  rows = [_list_row(gold, answer) for gold, answer in pairs]
  columns = zip(*rows) if rows else ((), (), ())
  return dict(zip(("precision", "recall", "f1"), map(metrics.mean, columns)))


def _list_row(gold, answer):
  """Computes (precision, recall, F1) of one question.

  As in the official measure, an answer can also match one further gold answer:
  "a" alone finds all of [["a"], ["a", "b"]].
  """
  said = _said(answer)
  left = [{s.lower() for s in synonyms} for synonyms in gold]
  right = 0
  for text in said:
    hit = next((synonyms for synonyms in left if text in synonyms), None)
    if hit is not None:
      left.remove(hit)
      right += 1
  unused, missed = list(said), 0
  for synonyms in left:
    again = next((text for text in unused if text in synonyms), None)
    if again is None:
      missed += 1
    else:
      unused.remove(again)
  precision = metrics.divide(right, len(said))
  recall = metrics.divide(right, right + missed)
  f1 = metrics.divide(2 * precision * recall, precision + recall)
  return precision, recall, f1


def _said(answer):
  """Returns the answers in lower case, None for one without a synonym."""
  if not isinstance(answer, list):
    return []
  return [s[0].lower() if s else None for s in answer]
