# SPDX-License-Identifier: Apache-2.0
"""Scores predictions against gold labels, in pure functions.

Each function takes gold labels, then predictions, as parallel lists with one
item for each example: the labels of a sentence's words, a label, a set of
labels, a number, or an answer. It raises ValueError for lists of different
lengths, unknown labels and numbers that are not finite. Scores are fractions
from 0 to 1 (correlations from -1 to 1, squared errors from 0 up). A ratio is 0
where its denominator is 0, but a score that says nothing about the predictions,
because of what gold holds, is None; "undefined" then has its reason, {score:
reason}. All results are plain Python, ready for json.
"""

import collections
import functools
import itertools
import operator
import re
import string

import numpy as np

_RATIOS = ("precision", "recall", "f1")
_AVERAGES = _RATIOS + tuple("macro_" + name for name in _RATIOS)


def entity_spans(labels):
  """Returns the entities of a sentence: (first word, end, type), end excluded.

  Labels are IOB1, IOB2 or IOBES tags with types (`B-Disease`) or without (`B`,
  type ""), split at the first hyphen. The rules are those of the CoNLL-2000
  scorer conlleval.pl: a stray I or E opens an entity, a change of type closes
  one and opens the next, any other tag is outside.

  There is one exception. conlleval.pl has no rule for S, nor for B after E, so
  it merges neighbours of the same type (it finds 955 of the 960 diseases in
  NCBI-disease's test set in IOBES). Here S is an entity of its own and E closes
  one, as IOBES means them.

  ["B-DNA", "I-DNA", "I-RNA", "O", "I"] ->
      [(0, 2, "DNA"), (2, 3, "RNA"), (4, 5, "")]
  """
  spans = []
  last_tag, last_type = "O", ""
  for i, label in enumerate(labels):
    tag, _, kind = label.partition("-")
    inside = last_tag in ("B", "I") and tag in ("I", "E") and kind == last_type
    if inside:
      spans[-1] = (spans[-1][0], i + 1, kind)
    elif tag in ("B", "I", "E", "S"):
      spans.append((i, i + 1, kind))
    last_tag, last_type = tag, kind
  return spans


def entity_scores(gold, predicted):
  """Computes exact-match scores of entities, over all types and by type.

  An entity is correct if its first word, its last word and its type are.
  Returns precision, recall and f1 (micro-averaged), the counts gold, predicted
  and correct, and types: {type: the same keys but types}, sorted.
  """
  counts = _entity_counts(gold, predicted)
  scores = _counted_scores(*_totals(counts))
  scores["types"] = _table({kind: counts[kind] for kind in sorted(counts)})
  if not scores["gold"]:
    _undefine(scores, _RATIOS, "no entity in gold")
  return scores


def alternative_scores(gold, predicted):
  """Computes scores of entities that have alternative spans.

  A gold entity is found if one of its spans is predicted; its own span takes
  precedence over alternatives. A predicted entity finds at most one gold entity
  and is wrong if it finds none. This is the official measure of BioCreative
  II's gene mentions (Smith et al. 2008). Types do not matter. Returns
  precision, recall and f1, and the counts gold, predicted and correct.

  Args:
    gold: for each sentence a list of entities; an entity is a list of spans
      (first word, end), its own span first.
    predicted: for each sentence the labels of its words.
  """
  _check_lengths(gold, predicted, "sentences")
  totals = [0, 0, 0]
  for entities, labels in zip(gold, predicted):
    spans = [span[:2] for span in entity_spans(labels)]
    hits = _found_by_alternatives(entities, spans)
    for i, number in enumerate((len(entities), len(spans), hits)):
      totals[i] += number
  return _counted_scores(*totals)


def _found_by_alternatives(entities, spans):
  """Returns the number of entities found; see alternative_scores."""
  found, unused = set(), set(spans)
  for own in (True, False):
    for i, acceptable in enumerate(entities):
      hit = next(
        (s for s in acceptable[: 1 if own else None] if s in unused), None
      )
      if i not in found and hit is not None:
        found.add(i)
        unused.remove(hit)
  return len(found)


def token_scores(gold, predicted):
  """Computes scores of single labels, without regard to entities.

  Returns token_accuracy over all words, and token_precision, token_recall and
  token_f1: unweighted means over the labels besides O that occur in gold or
  predictions. BioBERT's run_ner.py reports these as eval_precision, eval_recall
  and eval_f; entity_scores is stricter.
  """
  _check_sentences(gold, predicted)
  gold, predicted = (list(itertools.chain(*side)) for side in (gold, predicted))
  labels = sorted({"O"}.union(gold, predicted))
  scores = class_scores(gold, predicted, labels, negative="O")
  return {
    "token_accuracy": scores["accuracy"],
    "token_precision": scores["macro_precision"],
    "token_recall": scores["macro_recall"],
    "token_f1": scores["macro_f1"],
  }


def conlleval_report(gold, predicted):
  """Returns the text that conlleval.pl prints, except as entity_spans says.

  The accuracy is that of single labels. A type's line ends with the number of
  its predicted entities.
  """
  counts = _entity_counts(gold, predicted)
  totals = _totals(counts)
  pairs = [pair for both in zip(gold, predicted) for pair in zip(*both)]
  right = sum(gold_label == label for gold_label, label in pairs)
  lines = [
    "processed %d tokens with %d phrases; found: %d phrases; correct: %d."
    % ((len(pairs),) + totals)
  ]
  if pairs:
    line = "accuracy: %6.2f%%; precision: %6.2f%%; recall: %6.2f%%; FB1: %6.2f"
    line %= (divide(100 * right, len(pairs)),) + _ratios(*totals, whole=100)
    lines.append(line)
  for kind in _conlleval_types(counts):
    line = "%17s: precision: %6.2f%%; recall: %6.2f%%; FB1: %6.2f  %d"
    line %= (kind,) + _ratios(*counts[kind], whole=100) + (counts[kind][1],)
    lines.append(line)
  return "\n".join(lines) + "\n"


def conlleval_table(gold, predicted):
  """Returns the rows of a LaTeX table that conlleval.pl prints with -l."""
  counts = _entity_counts(gold, predicted)
  row = "%-7s &  %6.2f\\%% & %6.2f\\%% & %6.2f \\\\"
  lines = [r"        & Precision &  Recall  & F$_{\beta=1} \\\hline"] + [
    row % ((kind,) + _ratios(*counts[kind], whole=100))
    for kind in _conlleval_types(counts)
  ]
  total = row % (("Overall",) + _ratios(*_totals(counts), whole=100))
  return "\n".join(lines) + "\\hline\n" + total + "\\hline\n"


def _conlleval_types(counts):
  """Returns the types in the order in which conlleval.pl prints them.

  The script sorts the types of gold and of predictions in one list and drops
  repetitions with `not($lastType) or $lastType ne $i`, so the empty type, false
  in perl, stays twice if both have it.
  """
  kinds = sorted(counts)
  if "" in counts and all(counts[""][:2]):
    kinds.insert(0, "")
  return kinds


def class_scores(gold, predicted, labels, negative=None):
  """Computes scores of examples that have one of `labels` each.

  Returns:
  - accuracy;
  - precision, recall, f1: micro-averaged over the labels other than `negative`
    ("no relation"), as BLUE and BLURB score ChemProt. With two labels these
    are the scores of the positive one, as for GAD and EU-ADR;
  - macro_precision, macro_recall, macro_f1: unweighted means over those of
    these labels that occur in gold or predictions, as BLUE scores DDI;
  - specificity, the recall of `negative`, if there is one other label;
  - classes: {label: {precision, recall, f1, gold, predicted, correct}};
  - confusion: {gold label: {predicted label: count}}.

  The last two are complete and in the order of `labels`.
  """
  _check_lengths(gold, predicted, "examples")
  _check_labels(itertools.chain(gold, predicted), labels)
  if negative is not None:
    _check_labels([negative], labels)
  pairs = collections.Counter(zip(gold, predicted))
  confusion = {g: {p: pairs[g, p] for p in labels} for g in labels}
  counts = {}
  for label, row in confusion.items():
    column = [other[label] for other in confusion.values()]
    counts[label] = (sum(row.values()), sum(column), row[label])
  scores = {"accuracy": divide(_totals(counts)[2], len(gold))}
  scores.update(_averages({k: v for k, v in counts.items() if k != negative}))
  if len(labels) == 2 and negative is not None:
    scores["specificity"] = _ratios(*counts[negative])[1]
    if negative not in gold:
      _undefine(scores, ["specificity"], "no gold label is %s" % negative)
  if all(label == negative for label in gold):
    reason = "no gold label but %s" % negative if gold else "no examples"
    _undefine(scores, _AVERAGES, reason)
  scores["classes"] = _table(counts)
  scores["confusion"] = confusion
  return scores


def multilabel_scores(gold, predicted, labels):
  """Computes scores of documents that have a set of `labels` each.

  Returns:
  - accuracy: the share of documents whose set is exactly right;
  - precision, recall, f1: micro-averaged over all pairs of document and label,
    as BLURB scores Hallmarks of Cancer;
  - macro_precision, macro_recall, macro_f1: unweighted means over the labels
    that occur in gold or predictions;
  - example_precision, example_recall: means over the documents; example_f1:
    the harmonic mean of the two, as BLUE scores Hallmarks of Cancer. If nothing
    is predicted for a document with labels, its precision is 0. For a document
    without labels, BLUE's eval_hoc.py divides by zero; here its precision and
    recall are 1 if nothing is predicted for it, otherwise 0;
  - documents, documents_without_label: counts of gold documents;
  - classes: as in class_scores.
  """
  _check_lengths(gold, predicted, "documents")
  _check_labels(itertools.chain(*gold, *predicted), labels)
  correct = [g & p for g, p in zip(gold, predicted)]
  columns = (gold, predicted, correct)
  counts = {k: [sum(k in s for s in c) for c in columns] for k in labels}
  by_document = [
    _ratios(len(g), len(p), len(c)) if g or p else (1.0, 1.0, 1.0)
    for g, p, c in zip(*columns)
  ]
  precision, recall, _ = _means(by_document)
  scores = {"accuracy": mean([g == p for g, p in zip(gold, predicted)])}
  scores.update(_averages(counts))
  scores.update(
    example_precision=precision,
    example_recall=recall,
    example_f1=_harmonic_mean(precision, recall),
    documents=len(gold),
    documents_without_label=sum(not g for g in gold),
    classes=_table(counts),
  )
  if not any(gold):
    _undefine(scores, _AVERAGES, "no label in gold")
  return scores


def class_report(scores):
  """Returns the tables of class_scores or multilabel_scores as text.

  Ratios become percentages. If the scores have a confusion matrix, it follows;
  labels that would make it wider than 80 columns are numbered.
  """
  heads = ["precision", "recall", "F1", "gold", "predicted", "correct"]
  rows = [["label"] + heads]
  for label, values in scores["classes"].items():
    ratios = ["%.2f" % (100 * values[k]) for k in ("precision", "recall", "f1")]
    counts = [values[k] for k in ("gold", "predicted", "correct")]
    rows.append([label] + ratios + counts)
  lines = _aligned(rows)
  if "confusion" in scores:
    lines += ["", "Confusion matrix (rows: gold, columns: predicted)"]
    lines += _confusion_lines(scores["confusion"])
  return "\n".join(lines) + "\n"


def best_threshold(gold, probabilities):
  """Returns the t for which `probability >= t` predicts one label best.

  The best t has the highest F1 against the booleans `gold`; among equals, it is
  the t nearest to 0.5. Candidates are 0.5, the midpoints between neighbouring
  probabilities and, to allow predicting all, the midpoint between 0 and the
  lowest. The result is 0.5 if nothing in gold is true.
  """
  _check_lengths(gold, probabilities, "labels")
  gold, probabilities = np.array(gold, bool), _finite(probabilities)
  if not gold.any():
    return 0.5
  order = np.argsort(probabilities)
  upper = np.unique(probabilities)
  lower = np.append(0.0, upper[:-1])
  candidates = np.append((lower + upper) / 2, 0.5)
  rejected = np.searchsorted(probabilities[order], candidates)
  missed = np.append(0, np.cumsum(gold[order]))[rejected]
  # Equal fractions of integers are equal floats, so == finds ties.
  f1 = 2 * (gold.sum() - missed) / (gold.sum() + len(gold) - rejected)
  return float(candidates[np.lexsort((abs(candidates - 0.5), -f1))[0]])


def regression_scores(gold, predicted):
  """Computes pearson, spearman (ties share their mean rank) and mse.

  They are over all pairs at once, as BLUE scores BIOSSES and MedSTS.
  """
  _check_lengths(gold, predicted, "numbers")
  gold, predicted = _finite([gold, predicted])
  scores = {
    "pearson": _correlation(gold, predicted),
    "spearman": _correlation(_ranks(gold), _ranks(predicted)),
    "mse": mean(np.square(gold - predicted).tolist()),
  }
  for values, name in ((predicted, "predicted"), (gold, "gold")):
    if len(set(values.tolist())) < 2:
      reason = "all %s scores are equal" % name
      _undefine(scores, ["pearson", "spearman"], reason)
  return scores


def squad_scores(gold, predicted):
  """Computes exact and f1 as the official script of SQuAD 2.0 does.

  Gold is a list of acceptable answers for each question. If it is empty, or if
  normalisation leaves nothing of the answers, "" is right. exact is the share
  of predictions that equal an acceptable answer, f1 the mean F1 of their words
  against the answer that fits best. Case, ASCII punctuation, articles and white
  space do not matter. If all questions have answers, this is SQuAD 1.1's score.
  """
  _check_lengths(gold, predicted, "questions")
  exact, f1 = [], []
  for answers, answer in zip(gold, predicted):
    answers = [_squad_words(text) for text in answers]
    answers = [words for words in answers if words] or [[]]
    words = _squad_words(answer)
    exact.append(words in answers)
    f1.append(max(_word_f1(right, words) for right in answers))
  return {"exact": mean(exact), "f1": mean(f1)}


def _squad_words(text):
  """Returns the words of a normalised answer: "The U.S.!" -> ["us"]."""
  text = text.lower().translate(str.maketrans("", "", string.punctuation))
  return re.sub(r"\b(a|an|the)\b", " ", text).split()


def _word_f1(gold, predicted):
  """Returns the F1 of bags of words; an empty one matches an empty one only."""
  if not gold or not predicted:
    return float(gold == predicted)
  common = collections.Counter(gold) & collections.Counter(predicted)
  return _ratios(len(gold), len(predicted), sum(common.values()))[2]


def _correlation(x, y):
  """Returns Pearson's correlation of two vectors."""
  # Equal values minus the first are exactly 0. Minus their mean, which is
  # rounded, they may not be: np.mean([0.1] * 3) > 0.1.
  x, y = (v - v[:1] for v in (x, y))
  x, y = (v - divide(v.sum(), len(v)) for v in (x, y))
  r = divide(x @ y, np.linalg.norm(x) * np.linalg.norm(y))
  return float(np.clip(r, -1, 1))


def _ranks(values):
  """Returns ranks from 1, the mean for ties: [7, 5, 7] -> [2.5, 1, 2.5]."""
  ordered = np.sort(values)
  below = np.searchsorted(ordered, values, "left")
  up_to = np.searchsorted(ordered, values, "right")
  return (below + 1 + up_to) / 2


def _aligned(rows):
  """Returns a line for each row: first column left, the others right."""
  rows = [[str(cell) for cell in row] for row in rows]
  first, *widths = [max(map(len, column)) for column in zip(*rows)]
  return [
    "  ".join([row[0].ljust(first)] + list(map(str.rjust, row[1:], widths)))
    for row in rows
  ]


def _confusion_lines(confusion):
  """Returns the lines of a confusion matrix, with numbers for long labels."""
  heads = names = list(confusion)
  longest = max(map(len, names), default=0)
  if longest + sum(2 + len(name) for name in names) > 80:
    heads = ["(%d)" % number for number in range(1, len(names) + 1)]
    names = map(" ".join, zip(heads, names))
  rows = [[k] + list(row.values()) for k, row in zip(names, confusion.values())]
  return _aligned([[""] + heads] + rows)


def _entity_counts(gold, predicted):
  """Returns {type: [gold, predicted, correct]} of the entities."""
  _check_sentences(gold, predicted)
  counts = collections.defaultdict(lambda: [0, 0, 0])
  for gold_labels, labels in zip(gold, predicted):
    gold_spans, spans = entity_spans(gold_labels), entity_spans(labels)
    correct = set(gold_spans).intersection(spans)
    for column, found in enumerate((gold_spans, spans, correct)):
      for _, _, kind in found:
        counts[kind][column] += 1
  return counts


def _totals(counts):
  """Returns (gold, predicted, correct) over all types or labels."""
  return tuple(sum(count[i] for count in counts.values()) for i in range(3))


def _counted_scores(gold, predicted, correct):
  """Returns scores and the counts behind them as a dict."""
  precision, recall, f1 = _ratios(gold, predicted, correct)
  scores = dict(precision=precision, recall=recall, f1=f1)
  return dict(scores, gold=gold, predicted=predicted, correct=correct)


def _ratios(gold, predicted, correct, whole=1):
  """Returns (precision, recall, F1), on a scale from 0 to `whole`."""
  precision = divide(whole * correct, predicted)
  recall = divide(whole * correct, gold)
  return precision, recall, _harmonic_mean(precision, recall)


def _harmonic_mean(precision, recall):
  return divide(2 * precision * recall, precision + recall)


def _averages(counts):
  """Returns the micro and macro averages of {label: counts}."""
  present = [_ratios(*count) for count in counts.values() if any(count)]
  averages = dict(zip(_RATIOS, _ratios(*_totals(counts))))
  for name, mean in zip(_RATIOS, _means(present)):
    averages["macro_" + name] = mean
  return averages


def _undefine(scores, names, reason):
  """Sets scores to None and notes why."""
  scores.update(dict.fromkeys(names))
  scores.setdefault("undefined", {}).update(dict.fromkeys(names, reason))


def _table(counts):
  """Returns {label: its scores and counts}."""
  return {label: _counted_scores(*count) for label, count in counts.items()}


def _means(ratios):
  """Returns the mean (precision, recall, F1) of a list of them."""
  return tuple(mean([row[i] for row in ratios]) for i in range(3))


def mean(values):
  """Returns the mean, 0 of no values; the same number on every Python.

  Adds from left to right, as `sum` does before Python 3.12.
  """
  return divide(functools.reduce(operator.add, values, 0), len(values))


def divide(numerator, denominator):
  """Returns a ratio, 0 for a denominator of 0."""
  return numerator / denominator if denominator else 0.0


def _check_lengths(gold, predicted, noun):
  if len(gold) != len(predicted):
    raise ValueError(
      "%d gold %s, %d predicted" % (len(gold), noun, len(predicted))
    )


def _check_sentences(gold, predicted):
  _check_lengths(gold, predicted, "sentences")
  for i, (gold_labels, labels) in enumerate(zip(gold, predicted)):
    if len(gold_labels) != len(labels):
      raise ValueError(
        "sentence %d has %d gold labels and %d predicted"
        % (i, len(gold_labels), len(labels))
      )


def _check_labels(found, labels):
  unknown = set(found).difference(labels)
  if unknown:
    raise ValueError(
      "%r are not among the labels %r" % (sorted(unknown, key=str), labels)
    )


def _finite(numbers):
  """Returns an array of numbers; rejects those that are not finite."""
  numbers = np.array(numbers, np.float64)
  if not np.isfinite(numbers).all():
    raise ValueError("one of the numbers is not finite")
  return numbers
