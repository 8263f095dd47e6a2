# SPDX-License-Identifier: Apache-2.0
"""Reads the results of runs: the scores on the test set, and the outcome of
every test example.

Runs are in RESULTS/<data set>/<model>/<run>/, as the sweep and the fine-tuning
programs write them. A run's name has its seed, its fold or both (seed-1,
fold-3, fold-3-seed-1); for BioASQ it begins with the type of the questions
(yesno-seed-1). A BioASQ run may hold a folder for each batch of questions.
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
from common import run_files
from common.errors import InputError
from common.errors import shorten
from common.text import parse_number
from common.text import split_lines
from evaluation import bioasq
from evaluation import metrics
from evaluation import significance
from formats import questions
from formats import tables

# kind: the type of a BioASQ run's questions, otherwise "".
# scores: those of the test set, {} if there is a problem.
# problem: None, or a line that says why there are no scores.
Run = collections.namedtuple(
  "Run", "data_set model name path kind scores problem"
)

# examples: identify the test examples, including their gold labels.
# sums: float [N, K], the input of `score`, a function of significance.py.
Outcomes = collections.namedtuple("Outcomes", "examples sums score")

_KIND = re.compile(r"\b(%s)\b" % "|".join(bioasq.TYPES))
_ANSWERS = "BioASQform_BioASQ-answer.json"
# Predictions are written with six digits, so their score differs a little.
_ROUNDING = 1e-4
_CLASS_FIGURES = {
  **dict.fromkeys(("precision", "recall", "f1"), np.mean),
  **dict.fromkeys(("gold", "predicted", "correct"), sum),
}
_COLUMNS = {
  "id": ("index",),
  "sentence1": ("sentence", "sentence1"),
  "sentence2": ("sentence2",),
  "gold": ("gold",),
  "predicted": ("predicted",),
}


def find(folder):
  """Returns the Runs in a results folder, sorted by name.

  Raises:
    InputError: there is no run, or none that has scores.
  """
  if not files.is_folder(folder):
    raise InputError(
      "%s: no such folder, expected a folder of results" % folder
    )
  paths = [
    path
    for path in files.glob(os.path.join(glob.escape(folder), "*/*/*"))
    if files.is_folder(path)
  ]
  _check_names(paths)
  runs = [_read_run(path) for path in paths]
  if not runs:
    raise InputError(
      "%s: found no run, expected folders <data set>/<model>/<run> with the "
      "results.json of a fine-tuning program" % folder
    )
  if all(run.problem for run in runs):
    raise InputError(
      "%s: none of its %d runs has scores; the first: %s"
      % (folder, len(runs), runs[0].problem)
    )
  return sorted(runs, key=lambda run: _natural(run.path))


def _check_names(paths):
  """Rejects names of runs that would break tables."""
  for path in paths:
    if not "".join(path.rstrip("/").split("/")[-3:]).isprintable():
      raise InputError(
        "%r: found a folder with a line feed or the like in its name, expected "
        "<data set>/<model>/<run> without" % path
      )


def read_object(path, shape=None):
  """Returns the object in a JSON file; {} without one, or if it is damaged."""
  try:
    return files.read_json(path, {}, shape)
  except InputError:
    return {}


def test_scores(folder):
  """Returns the scores of the test set in a folder's results.json, or {}."""
  try:
    return run_files.read_results(folder).get("test", {})
  except InputError:
    return {}


def merge_batches(folder, kind, tests):
  """Writes the results.json of a BioASQ run from those of its batches.

  "test" has the scores over the questions of all batches, "batches" those of
  each. `tests` is {batch: (test file, golden file or None)}.
  """
  gold, answers, batches = {}, {}, {}
  for batch, (_, golden) in sorted(tests.items()):
    place = os.path.join(folder, "batch-%d" % batch)
    batches[str(batch)] = test_scores(place)
    if golden:
      path = os.path.join(place, _ANSWERS)
      found = questions.parse_exact_answers(
        files.read(path), path, submitted=True
      )
      answers.update((name, answer) for name, (_, answer) in found.items())
      gold.update(questions.parse_exact_answers(files.read(golden), golden))
  test = {"batches": len(batches)}
  if gold:
    test.update(bioasq.scores(gold, answers)[kind])
  value = {"task_name": "bioasq-" + kind, "test": test, "batches": batches}
  files.write_json(os.path.join(folder, run_files.RESULTS), value)


def figure(run, metric):
  """Returns a score of a run's test set; None if it has no such number."""
  value = run.scores.get(metric)
  if isinstance(value, bool) or not isinstance(value, (int, float)):
    return None
  return float(value) if math.isfinite(value) else None


def figures(runs):
  """Returns {name: [value for each run]} for the scores that all runs have."""
  names = [k for k, v in runs[0].scores.items() if isinstance(v, float)]
  values = {name: [figure(run, name) for run in runs] for name in names}
  return {name: found for name, found in values.items() if None not in found}


def classes(runs):
  """Returns {class: {name: value}} over runs; a class is a type or a label.

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
  """Returns {gold label: {predicted label: count}}, summed over runs."""
  total = collections.OrderedDict()
  for run in runs:
    for gold, row in _object(run.scores.get("confusion")).items():
      counts = total.setdefault(gold, collections.Counter())
      counts.update(_numbers(row))
  return {gold: {p: row[p] for p in total} for gold, row in total.items()}


def collapsed(runs):
  """Returns the number of runs that predict the same label everywhere."""
  return sum(run.scores.get("collapsed") is True for run in runs)


def answered(runs):
  """Returns (questions asked, questions answered), summed over runs.

  Runs without these counts are left out.
  """
  names = ("questions", "answered")
  counts = [tuple(figure(run, name) for name in names) for run in runs]
  counts = [pair for pair in counts if None not in pair]
  return tuple(int(sum(pair[i] for pair in counts)) for i in range(2))


def program(run):
  """Returns the name of the program that made a run, such as run_ner.py."""
  words = run_files.read_description(run.path).get("command", "").split()
  return os.path.basename(words[0]) if words else ""


def outcomes(run, family, metric):
  """Returns the Outcomes of the test examples of a Run without a problem.

  Examples are sentences (NER), rows (RE, NLI), pairs of sentences (STS),
  documents (DC) or questions (QA); `family` is one of these keys. `metric` is a
  key in results.json: f1, pearson, accuracy, or a mean in bioasq.scores.

  Raises:
    InputError: predictions are missing or damaged, or their score is not the
      one in results.json.
  """
  result = _READERS[family](run, metric)
  if not result.examples:
    raise InputError("%s: found no test example in its predictions" % run.path)
  found, kept = float(result.score(result.sums.sum(0))), figure(run, metric)
  if kept is None or not abs(kept - found) < _ROUNDING:
    raise InputError(
      "%s: its predictions give %s %.4f, its results.json has %s; expected "
      "both from one run" % (run.path, metric, found, kept)
    )
  return result


def _read_run(path):
  """Returns the Run in a folder."""
  data_set, model, name = path.rstrip("/").split("/")[-3:]
  results, problem = {}, None
  try:
    results = _read_results(path)
  except InputError as error:
    problem = str(error)
  scores = results.get("test", {})
  if not scores and problem is None:
    problem = "%s/results.json: found no scores of a test set" % path
  kind = _KIND.match(name) or _KIND.search(str(results.get("task_name")))
  kind = kind.group(1) if kind else ""
  return Run(data_set, model, name, path, kind, scores, problem)


def _object(value):
  return value if isinstance(value, dict) else {}


def _numbers(value):
  """Returns {name: number} for the numbers in an object."""
  pairs = _object(value).items()
  return {k: v for k, v in pairs if isinstance(v, (int, float))}


def _natural(text):
  """Returns a sort key that puts seed-2 before seed-10."""
  return [int(x) if x.isdigit() else x for x in re.split(r"(\d+)", text)]


def _read_results(folder):
  """Returns the content of a run's results.json."""
  path = os.path.join(folder, run_files.RESULTS)
  if not files.exists(path):
    raise InputError("%s: no such file; the run is not finished" % path)
  return run_files.read_results(folder)


# --------------------------------------------------------- outcomes of examples


def _read_entities(run, metric):
  """Counts the gold, predicted and correct entities of each sentence."""
  path = os.path.join(run.path, "NER_result_conll.txt")
  examples, sums = [], []
  for words, gold, predicted in _read_conll(files.read(path), path):
    counts = metrics.entity_scores([gold], [predicted])
    sums.append([counts[k] for k in ("gold", "predicted", "correct")])
    examples.append((words, gold))
  return _counted(path, metric, examples, sums)


def _read_conll(data, path):
  """Yields (words, gold labels, predicted labels) for each sentence."""
  rows = []
  for number, line in enumerate(split_lines(data, path) + [""], 1):
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


def _read_relations(run, metric):
  """Counts the labels of each row, leaving out the negative label."""
  path, rows = _read_table(run, "test_predictions.tsv")
  gold, predicted = ([row[side] for row in rows] for side in (-2, -1))
  if "negative" not in run.scores:
    raise InputError(
      '%s: found results.json without the "negative" label, expected it among '
      "the scores" % path
    )
  negative = run.scores["negative"]
  sums = [
    (g != negative, p != negative, g == p != negative)
    for g, p in zip(gold, predicted)
  ]
  return _counted(path, metric, [row[:-1] for row in rows], sums)


def _read_inferences(run, metric):
  """Finds for each pair whether its label is correct."""
  path, rows = _read_table(run, "test_predictions.tsv")
  if metric != "accuracy":
    raise InputError("%s: models are compared by accuracy only" % path)
  sums = [(row[-1] == row[-2], 1) for row in rows]
  return _outcomes([row[:-1] for row in rows], sums, significance.mean)


def _read_similarities(run, metric):
  """Computes the moments of gold and predicted similarity for each pair."""
  path, rows = _read_table(run, "test_predictions.tsv")
  if metric != "pearson":
    raise InputError("%s: models are compared by pearson only" % path)
  try:
    gold, predicted = np.array(
      [[parse_number(cell) for cell in row[-2:]] for row in rows], np.float64
    ).T
  except ValueError as error:
    raise InputError("%s: %s, expected numbers" % (path, error)) from None
  sums = significance.moments(gold, predicted)
  return _outcomes([row[:-1] for row in rows], sums, significance.pearson)


def _read_documents(run, metric):
  """Counts the gold, predicted and correct labels of each document."""
  path, rows = _read_table(run, "test_documents.tsv")
  sums = []
  for row in rows:
    gold, predicted = ({x for x in c.split(",") if x} for c in row[-2:])
    sums.append((len(gold), len(predicted), len(gold & predicted)))
  return _counted(path, metric, [row[:-1] for row in rows], sums)


def _read_questions(run, metric):
  """Scores each question that was answered."""
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
      "%s: found no %s that answers a question with a gold answer"
      % (run.path, _ANSWERS)
    )
  return _outcomes(examples, sums, significance.mean)


def _gold_answers(folder, kind):
  """Returns the gold answers for a folder, {question id: (type, answer)}."""
  flags = run_files.read_description(folder).get("flags", {})
  golden, test = flags.get("golden_file"), flags.get("test_file")
  if golden:
    return questions.parse_exact_answers(files.read(golden), golden)
  if not test:
    raise InputError(
      "%s: found neither golden_file nor test_file in run_config.json, "
      "expected the file of the gold answers" % folder
    )
  found = [
    q
    for q in questions.parse(files.read(test), test, kind)
    if q.answers is not None
  ]
  groups = questions.by_question(
    [(q.id, q.text) for q in found], [q.answers for q in found]
  )
  return {n: (kind, questions.exact_answer(g)) for n, g in groups.items()}


_READERS = {
  "NER": _read_entities,
  "RE": _read_relations,
  "STS": _read_similarities,
  "NLI": _read_inferences,
  "DC": _read_documents,
  "QA": _read_questions,
}


def _read_table(run, name):
  """Returns a table's path and rows (id, texts..., gold, predicted)."""
  path = os.path.join(run.path, name)
  records = tables.parse(files.read(path), path, _COLUMNS, {}, tuple(_COLUMNS))
  rows = [tuple(record.values.values()) for record in records]
  if any(None in row[-2:] for row in rows):
    raise InputError("%s: expected columns gold and predicted" % path)
  return path, rows


def _counted(path, metric, examples, sums):
  if metric != "f1":
    raise InputError("%s: models are compared by f1 only" % path)
  return _outcomes(examples, sums, significance.f1)


def _outcomes(examples, sums, score):
  return Outcomes(examples, np.array(sums, np.float64), score)
