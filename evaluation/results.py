# SPDX-License-Identifier: Apache-2.0
"""Reads what the fine-tuning programs left in <data set>/<model>/<run>/ of a
results folder: the figures of the test set, and what became of each example.

A run's name tells its seed and fold (seed-1, fold-3, fold-3-seed-1), of BioASQ
also the type of questions (yesno-seed-1), whose batches may have folders of
their own in it. A run that --folds made counts as one run a fold.
"""

import collections
import glob
import itertools
import json
import math
import os
import re

import numpy as np

from common import files
from common.errors import InputError
from common.errors import shorten
from common.text import decode
from evaluation import bioasq
from evaluation import metrics
from evaluation import significance
from formats import questions
from formats import tables

# `kind` is the type of a BioASQ run's questions, else "". `scores` are those of
# the test set, {} where `problem` says in a line why there are none.
Run = collections.namedtuple(
  "Run", ["data_set", "model", "name", "path", "kind", "scores", "problem"]
)

# `examples` tell which they are, gold labels included; `sums` is float [N, K],
# what `score` of significance.py takes.
Outcomes = collections.namedtuple("Outcomes", ["examples", "sums", "score"])

_KIND = re.compile(r"\b(%s)\b" % "|".join(bioasq.TYPES))
_ANSWERS = "BioASQform_BioASQ-answer.json"
# Predictions are written with six digits.
_ROUNDING = 1e-4
_CLASS_FIGURES = {
  "precision": np.mean,
  "recall": np.mean,
  "f1": np.mean,
  "gold": sum,
  "predicted": sum,
  "correct": sum,
}
_COLUMNS = {
  "id": ("index",),
  "sentence1": ("sentence", "sentence1"),
  "sentence2": ("sentence2",),
  "gold": ("gold",),
  "predicted": ("predicted",),
}


def find(folder):
  """Returns the Runs of a results folder, in the order of their names.

  Raises:
    InputError: there is no run, or none that can be read.
  """
  if not files.is_folder(folder):
    raise InputError("%s: no such folder, expected one of results" % folder)
  paths = [
    path
    for path in files.glob(os.path.join(glob.escape(folder), "*/*/*"))
    if files.is_folder(path)
  ]
  runs = [run for path in paths for run in _read_runs(path)]
  if not runs:
    raise InputError(
      "%s: found no run, expected folders <data set>/<model>/<run> with a "
      "results.json of run_ner.py or its fellows" % folder
    )
  if all(run.problem for run in runs):
    raise InputError(
      "%s: none of %d runs has figures; the first: %s"
      % (folder, len(runs), runs[0].problem)
    )
  return sorted(runs, key=lambda run: _natural(run.path))


def read_object(path):
  """Returns the object in a JSON file; {} without one, or if it is damaged."""
  try:
    return _read_json(path)
  except InputError:
    return {}


def test_scores(folder):
  """Returns the scores of the test set in a folder's results.json, or {}."""
  results = read_object(os.path.join(folder, "results.json"))
  return _object(results.get("test"))


def merge_batches(folder, kind, tests):
  """Writes the results.json of a BioASQ run from those of its batches.

  "test" has the scores over the questions of all batches, "batches" those of
  each batch.

  Args:
    folder: of the run, with batch-1, batch-2, ... in it.
    kind: of the questions.
    tests: {batch: (test file, golden file or None)}.
  """
  gold, answers, batches = {}, {}, {}
  for batch, (_, golden) in sorted(tests.items()):
    place = os.path.join(folder, "batch-%d" % batch)
    batches[str(batch)] = test_scores(place)
    if golden:
      path = os.path.join(place, _ANSWERS)
      found = questions.parse_exact_answers(_read(path), path, submitted=True)
      answers.update((name, answer) for name, (_, answer) in found.items())
      gold.update(questions.parse_exact_answers(_read(golden), golden))
  test = {"batches": len(batches)}
  if gold:
    test.update(bioasq.scores(gold, answers)[kind])
  value = {"task_name": "bioasq-" + kind, "test": test, "batches": batches}
  text = json.dumps(value, indent=1) + "\n"
  files.write(os.path.join(folder, "results.json"), text.encode("utf-8"))


def figure(run, metric):
  """Returns a figure of a run's test set; None if it has no such number."""
  value = run.scores.get(metric)
  if isinstance(value, bool) or not isinstance(value, (int, float)):
    return None
  return float(value) if math.isfinite(value) else None


def figures(runs):
  """Returns {name: [value]} of the ratios that all of these runs have."""
  names = [k for k, v in runs[0].scores.items() if isinstance(v, float)]
  values = {name: [figure(run, name) for run in runs] for name in names}
  return {name: found for name, found in values.items() if None not in found}


def classes(runs):
  """Returns {class: {name: value}} over runs, of entities' types or labels.

  precision, recall and f1 are means over the runs that have the class; gold,
  predicted and correct are totals.
  """
  found = collections.OrderedDict()
  for run in runs:
    groups = [_object(run.scores.get(k)) for k in ("types", "classes")]
    for label, counts in itertools.chain(*(g.items() for g in groups)):
      if set(_CLASS_FIGURES) <= set(_numbers(counts)):
        found.setdefault(label, []).append(counts)
  return {
    label: {
      name: combine([counts[name] for counts in rows])
      for name, combine in _CLASS_FIGURES.items()
    }
    for label, rows in found.items()
  }


def confusion(runs):
  """Returns {gold label: {predicted label: count}} in total over runs."""
  total = collections.OrderedDict()
  for run in runs:
    for gold, row in _object(run.scores.get("confusion")).items():
      counts = total.setdefault(gold, collections.Counter())
      counts.update(_numbers(row))
  return {gold: {p: row[p] for p in total} for gold, row in total.items()}


def collapsed(runs):
  """Returns how many runs predict one label throughout."""
  return sum(run.scores.get("collapsed") is True for run in runs)


def answered(runs):
  """Returns (questions asked, questions answered) in total; (0, 0) of others.

  Of runs without these counts nothing is said.
  """
  counts = [
    (figure(run, "questions"), figure(run, "answered"))
    for run in runs
    if figure(run, "questions") is not None
    and figure(run, "answered") is not None
  ]
  return tuple(int(sum(pair[i] for pair in counts)) for i in range(2))


def program(run):
  """Returns the name of the program that a run is of, such as run_ner.py."""
  words = str(_read_config(run.path).get("command", "")).split()
  return os.path.basename(words[0]) if words else ""


def outcomes(run, family, metric):
  """Returns the Outcomes of a run's test examples by a metric.

  An example is what cannot be torn apart: a sentence of named entities, a row
  of relations or inference, a pair of sentences, a document, a question.

  Args:
    run: a Run without a problem.
    family: "NER", "RE", "STS", "NLI", "DC" or "QA".
    metric: the key in results.json: f1, pearson, accuracy, or what
      bioasq.scores means over questions.

  Raises:
    InputError: predictions are missing, damaged, or of another run than
      results.json, whose figure they do not give.
  """
  result = _READERS[family](run, metric)
  found = float(result.score(result.sums.sum(0)))
  if not _agrees(run, metric, found):
    raise InputError(
      "%s: its predictions give %s %.4f, its results.json has %s; expected "
      "both of one run" % (run.path, metric, found, figure(run, metric))
    )
  return result


def _read_runs(path):
  """The Run of a folder, or a Run for each of its folds."""
  try:
    results = _read_results(path)
    folds = results.get("folds")
    if isinstance(folds, dict) and folds:
      return [
        _run(path, results, fold, _object(part)) for fold, part in folds.items()
      ]
    return [_run(path, results, None, results)]
  except InputError as error:
    return [_run(path, {}, None, {}, str(error))]


def _run(path, results, fold, part, problem=None):
  """The Run of `part` of a folder's results, of one fold or of all."""
  data_set, model, name = path.rstrip("/").split("/")[-3:]
  label = name if fold is None else "%s-fold-%s" % (name, fold)
  kind = _KIND.match(name)
  kind = kind or _KIND.search(str(results.get("task_name")))
  kind = kind.group(1) if kind else ""
  scores = _object(part.get("test", {}))
  if problem is None and not scores:
    problem = "%s: found no figures of a test set" % (
      os.path.join(path, "results.json")
    )
  if fold is not None:
    path = os.path.join(path, fold)
  return Run(data_set, model, label, path, kind, scores, problem)


def _agrees(run, metric, value):
  """Whether results.json has that value too."""
  kept = figure(run, metric)
  return kept is not None and abs(kept - value) < _ROUNDING


def _object(value):
  return value if isinstance(value, dict) else {}


def _numbers(value):
  """The numbers of an object by name."""
  pairs = _object(value).items()
  return {k: v for k, v in pairs if isinstance(v, (int, float))}


def _natural(text):
  """What names are sorted by: seed-2 before seed-10."""
  return [int(x) if x.isdigit() else x for x in re.split(r"(\d+)", text)]


def _read_results(folder):
  """Returns the content of a run's results.json."""
  path = os.path.join(folder, "results.json")
  if not files.exists(path):
    raise InputError("%s: no such file, the run is not finished" % path)
  return files.read_json(path)


def _read_config(folder):
  """Returns the content of a run's run_config.json, {} if there is none."""
  return files.read_json(os.path.join(folder, "run_config.json"), {})


# ------------------------------------------------------ what became of examples


def _sentences_of_words(run, metric):
  """Named entities: the counts of a sentence's entities."""
  path = os.path.join(run.path, "NER_result_conll.txt")
  examples, sums = [], []
  for words, gold, predicted in _conll(files.read(path), path):
    counts = metrics.entity_scores([gold], [predicted])
    sums.append([counts[k] for k in ("gold", "predicted", "correct")])
    examples.append((words, gold))
  return _counted(path, metric, examples, sums)


def _conll(data, path):
  """Yields (words, gold, predicted) of a file's sentences, as tuples."""
  rows = []
  for number, line in enumerate(decode(data, path).split("\n") + [""], 1):
    columns = line.split()
    if len(columns) == 3:
      rows.append(columns)
    elif columns:
      raise InputError(
        "%s:%d: found %s, expected a word, its gold label and its predicted "
        "label" % (path, number, shorten(line))
      )
    elif rows:
      yield tuple(zip(*rows))
      rows = []


def _relations(run, metric):
  """Relations: of a row the counts of labels other than the negative."""
  path, rows = _table(run, "test_predictions.tsv")
  gold, predicted = ([row[side] for row in rows] for side in (-2, -1))
  if "negative" not in run.scores:
    raise InputError(
      '%s: found results.json without the "negative" label, expected it beside '
      "the scores" % path
    )
  negative = run.scores["negative"]
  sums = [
    (g != negative, p != negative, g == p != negative)
    for g, p in zip(gold, predicted)
  ]
  return _counted(path, metric, [row[:-1] for row in rows], sums)


def _inferences(run, metric):
  """Inference: whether a pair's label is right."""
  path, rows = _table(run, "test_predictions.tsv")
  if metric != "accuracy":
    raise InputError("%s: examples are compared by accuracy only" % path)
  sums = [(row[-1] == row[-2], 1) for row in rows]
  return _outcomes([row[:-1] for row in rows], sums, significance.mean)


def _similarities(run, metric):
  """Similarity: the moments of both numbers."""
  path, rows = _table(run, "test_predictions.tsv")
  if metric != "pearson":
    raise InputError("%s: examples are compared by pearson only" % path)
  try:
    gold, predicted = np.array([row[-2:] for row in rows], np.float64).T
  except ValueError as error:
    raise InputError("%s: %s, expected numbers" % (path, error)) from None
  sums = significance.moments(gold, predicted)
  return _outcomes([row[:-1] for row in rows], sums, significance.pearson)


def _documents(run, metric):
  """Documents: the counts of their labels."""
  path, rows = _table(run, "test_documents.tsv")
  sums = []
  for row in rows:
    gold, predicted = ({x for x in c.split(",") if x} for c in row[-2:])
    sums.append((len(gold), len(predicted), len(gold & predicted)))
  return _counted(path, metric, [row[:-1] for row in rows], sums)


def _questions(run, metric):
  """Questions: what each scores, of those that were answered."""
  folders = [run.path]
  if not files.exists(os.path.join(run.path, _ANSWERS)):
    folders = files.glob(os.path.join(glob.escape(run.path), "batch-*"))
  examples, sums = [], []
  for folder in sorted(folders, key=_natural):
    path = os.path.join(folder, _ANSWERS)
    submitted = questions.parse_exact_answers(
      files.read(path), path, submitted=True
    )
    for name, gold in _gold_answers(folder, run.kind).items():
      if gold[0] == run.kind and gold[1] is not None and name in submitted:
        answers = {name: submitted[name][1]}
        scores = bioasq.scores({name: gold}, answers)[run.kind]
        sums.append((scores.get(metric, 0.0), 1))
        examples.append((name, json.dumps(gold[1])))
  if not examples:
    raise InputError(
      "%s: found no %s with an answer to a question that has a gold answer"
      % (run.path, _ANSWERS)
    )
  return _outcomes(examples, sums, significance.mean)


def _gold_answers(folder, kind):
  """{question id: (type, exact answer)} that a folder was scored by."""
  flags = _object(_read_config(folder).get("flags"))
  golden, test = flags.get("golden_file"), flags.get("test_file")
  if golden:
    return questions.parse_exact_answers(files.read(golden), golden)
  if not test:
    raise InputError(
      "%s: its run_config.json names neither golden_file nor test_file, "
      "expected where the gold answers are" % folder
    )
  found = [
    q
    for q in questions.parse(files.read(test), test, kind)
    if q.answers is not None
  ]
  groups = bioasq.by_question(
    [(q.id, q.text) for q in found], [q.answers for q in found]
  )
  return {n: (kind, questions.exact_answer(g)) for n, g in groups.items()}


_READERS = {
  "NER": _sentences_of_words,
  "RE": _relations,
  "STS": _similarities,
  "NLI": _inferences,
  "DC": _documents,
  "QA": _questions,
}


def _table(run, name):
  """A table's path and its rows (id, texts, gold, predicted) as tuples."""
  path = os.path.join(run.path, name)
  records = tables.parse(files.read(path), path, _COLUMNS, {}, tuple(_COLUMNS))
  rows = [tuple(record.values.values()) for record in records]
  if any(None in row[-2:] for row in rows):
    raise InputError("%s: expected columns gold and predicted" % path)
  return path, rows


def _counted(path, metric, examples, sums):
  if metric != "f1":
    raise InputError("%s: examples are compared by f1 only" % path)
  return _outcomes(examples, sums, significance.f1)


def _outcomes(examples, sums, score):
  return Outcomes(examples, np.array(sums, np.float64), score)
