# SPDX-License-Identifier: Apache-2.0
"""Computes the benchmark's table: a row for each data set and metric, a column
for each model, those of one's own runs and published ones.

Scores are fractions from 0 to 1 (correlations from -1 to 1), published ones
too. A data set outside the benchmark gets the row of the task whose program
made its runs.
"""

import collections
import csv
import io
import re

import numpy as np

from common import data_sets
from common.errors import InputError
from common.text import decode
from common.text import parse_number
from evaluation import results
from evaluation import significance

# family: a key of data_sets.TASKS. metrics: {key in results.json: name to
# show}. compared: the metric that models are compared by.
DataSet = collections.namedtuple("DataSet", "name family metrics compared note")
Row = collections.namedtuple("Row", "data_set metric")
# The mean and standard deviation (n - 1; None for one value) of a model's
# scores over n of `expected` runs; the mean is None if n is 0. values: {name of
# the run: score}.
Cell = collections.namedtuple("Cell", "mean deviation n expected values")
Published = collections.namedtuple("Published", "value source note")
# value: the mean over the data sets `used`, None if there are none. missing:
# the data sets that lack a score.
Blurb = collections.namedtuple("Blurb", "value used missing")
# first, second: the means of two models over the n runs that both have.
# difference: a significance.Difference, None if there is a problem. p_holm: its
# p, adjusted for the number of data sets. problem: a line that says why the
# models cannot be compared.
Comparison = collections.namedtuple(
  "Comparison", "data_set first second runs difference p_holm problem"
)


def _make_data_set(name, family, metrics, note=""):
  return DataSet(name, family, metrics, next(iter(metrics)), note)


def _question_name(label, kind):
  """Returns a name such as "BioASQ 4b yes/no"."""
  return "%s %s" % (label, {"yesno": "yes/no"}.get(kind, kind))


def _split(data_set):
  """Returns a data set's DataSets, one for each type of questions."""
  label, task, note = data_set.label, data_set.task, data_set.note
  if task != "QA":
    return [_make_data_set(label, task, data_set.metrics, note)]
  metrics = data_sets.QUESTION_METRICS
  return [
    _make_data_set(_question_name(label, kind), task, metrics[kind], note)
    for kind in ("factoid", "list", "yesno")
  ]


DATA_SETS = tuple(d for whole in data_sets.DATA_SETS for d in _split(whole))
_NAMES = {data_set.name for data_set in DATA_SETS}


class Board:
  """All scores of the table.

  Attributes:
    models: the names of one's own models, in the order of their columns.
    runs: all Runs of these models.
    data_sets: the DataSets that have runs, by family.
    rows: the Rows that have a score of one's own.
    cells: {(data set, metric, model): Cell} for all `data_sets` and `models`.
    published: {(data set, metric, model): Published}, for any data set.
    comparators: the names of the published models that have a score in a row.
    problems: a line for each run without scores and each data set without rows.
  """

  def __init__(self, runs, models, published):
    self.models = models
    self.runs = [run for run in runs if run.model in models]
    self._runs_of = _group_by_name(self.runs)
    self.data_sets, self.problems = _find_data_sets(self._runs_of)
    self.cells = {
      (data_set.name, metric, model): _make_cell(
        self.runs_of(data_set, model), metric
      )
      for data_set in self.data_sets
      for metric in data_set.metrics
      for model in models
    }
    self.rows = [
      Row(data_set, metric)
      for data_set in self.data_sets
      for metric in data_set.metrics
      if any(self.cells[data_set.name, metric, model].n for model in models)
    ]
    there = {(row.data_set.name, row.metric) for row in self.rows}
    self.published = published
    self.comparators = list(
      dict.fromkeys(key[2] for key in published if key[:2] in there)
    )

  def runs_of(self, data_set, model):
    """Returns a model's Runs on a data set."""
    return [r for r in self._runs_of.get(data_set.name, []) if r.model == model]

  def value(self, data_set, metric, model):
    """Returns a score of an own or published model; None if it is missing."""
    if model in self.models:
      cell = self.cells.get((data_set, metric, model))
      return cell.mean if cell else None
    found = self.published.get((data_set, metric, model))
    return found.value if found else None

  def best(self, row, models):
    """Returns those of some models that have the highest score of a row.

    Scores that are shown as equal are equal. A lone score is not the highest.
    """
    scores = {
      model: self.value(row.data_set.name, row.metric, model)
      for model in models
    }
    scores = {k: round(v, 4) for k, v in scores.items() if v is not None}
    highest = max(scores.values(), default=None)
    return [k for k, v in scores.items() if v == highest and len(scores) > 1]

  def not_run(self):
    """Returns the names of the benchmark's data sets without a score."""
    there, found = {row.data_set.name for row in self.rows}, []
    for whole in data_sets.DATA_SETS:
      names = [d.name for d in _split(whole)]
      missing = [name for name in names if name not in there]
      found += [whole.label] if missing == names else missing
    return found

  def missing(self, model):
    """Returns the Rows in which an own model has no score."""
    return [
      row
      for row in self.rows
      if self.cells[row.data_set.name, row.metric, model].mean is None
    ]

  def blurb(self, model):
    """Returns a model's Blurb: the mean over families of means over sets."""
    families = self.blurb_families(model).values()
    values = [family.value for family in families if family.value is not None]
    return Blurb(
      float(np.mean(values)) if values else None,
      [name for family in families for name in family.used],
      [name for family in families for name in family.missing],
    )

  def blurb_families(self, model):
    """Returns {family: Blurb, the mean over its data sets} of a model.

    Only data sets of this benchmark count, for published models too: means over
    different data sets cannot be compared.
    """
    families = collections.OrderedDict()
    for family, pairs in data_sets.BLURB.items():
      values = collections.OrderedDict(
        (name, self.value(name, metric, model))
        for name, metric in pairs
        if name in _NAMES
      )
      used = [name for name, value in values.items() if value is not None]
      if values:
        families[family] = Blurb(
          float(np.mean([values[name] for name in used])) if used else None,
          used,
          [name for name in values if name not in used],
        )
    return families


def choose_models(runs, wanted=None):
  """Returns the models of runs, sorted, or those wanted, in that order.

  Raises:
    InputError: a wanted model has no runs.
  """
  there = sorted({run.model for run in runs})
  for model in wanted or ():
    if model not in there:
      raise InputError(
        "%s: no such model in the results, expected some of %s"
        % (model, ", ".join(there))
      )
  return list(dict.fromkeys(wanted or there))


def blurb_elsewhere():
  """Returns BLURB's data sets that are not in this benchmark."""
  names = (name for pairs in data_sets.BLURB.values() for name, _ in pairs)
  return [name for name in names if name not in _NAMES]


def read_published(data, path):
  """Returns {(data set, metric, model): Published} from the bytes of a CSV.

  Its columns are data_set, metric, model, value (x100), batch, source, note. If
  there are several batches, the value is their mean.
  """
  groups = collections.OrderedDict()
  try:
    # None reads line ends of every kind.
    table = list(csv.DictReader(io.StringIO(decode(data, path), None)))
  except csv.Error as error:
    raise InputError(
      "%s: found a damaged table (%s), expected CSV" % (path, error)
    ) from None
  for number, row in enumerate(table, 2):
    try:
      if None in row.values():
        raise ValueError("too short")
      key = row["data_set"], row["metric"], row["model"]
      value = parse_number(row["value"]) / 100
      groups.setdefault(key, []).append(
        Published(value, row["source"], row["note"])
      )
    except (KeyError, TypeError, ValueError):
      raise InputError(
        "%s:%d: expected data_set, metric, model, value, batch, source and "
        "note, the value a number" % (path, number)
      ) from None
  return {
    key: found[0]._replace(value=float(np.mean([p.value for p in found])))
    for key, found in groups.items()
  }


def compare(board, first, second, samples, seed):
  """Returns the Comparisons of two models, one for each data set of either.

  p-values are adjusted for the number of data sets compared (Holm).
  """
  found = []
  for data_set in board.data_sets:
    sides = [board.runs_of(data_set, model) for model in (first, second)]
    if any(sides):
      found.append(_compare(data_set, sides, samples, seed))
  tested = [c for c in found if c.difference]
  adjusted = significance.holm([c.difference.p for c in tested])
  p_holm = {c.data_set.name: p for c, p in zip(tested, adjusted)}
  return [c._replace(p_holm=p_holm.get(c.data_set.name)) for c in found]


def _compare(data_set, sides, samples, seed):
  """Returns the Comparison of two models' Runs on a data set."""
  pairs, problem = _pair_runs(data_set, sides), None
  try:
    if not pairs:
      raise InputError("no run that both models have")
    sets, weights, score, means = _pair_examples(data_set, pairs)
    difference = significance.paired_bootstrap(
      sets, weights, score, samples, seed
    )
  except InputError as error:
    difference, means, problem = None, (None, None), str(error)
  return Comparison(
    data_set, means[0], means[1], len(pairs), difference, None, problem
  )


def _pair_runs(data_set, sides):
  """Returns the pairs of Runs that have the same name and scores."""
  first, second = (
    {
      run.name: run
      for run in side
      if results.figure(run, data_set.compared) is not None
    }
    for side in sides
  )
  return [(first[name], second[name]) for name in first if name in second]


def _pair_examples(data_set, pairs):
  """Returns (test sets, weights, score function, means of both models).

  The first three are arguments of significance.paired_bootstrap. Pairs of runs
  with the same examples share a test set.
  """
  weight = 1 / len(pairs)
  tests, means, score = collections.OrderedDict(), np.zeros(2), None
  for pair in pairs:
    both = [
      results.outcomes(run, data_set.family, data_set.compared) for run in pair
    ]
    if both[0].examples != both[1].examples:
      raise InputError(
        "%s and %s: found different test sets, expected the same examples in "
        "the same order" % (pair[0].path, pair[1].path)
      )
    score = both[0].score
    sums = np.stack([one.sums for one in both], axis=1)
    tests.setdefault(tuple(both[0].examples), []).append(sums)
    means += [weight * float(score(one.sums.sum(0))) for one in both]
  sets = [np.stack(found, axis=1) for found in tests.values()]
  weights = [[weight] * len(found) for found in tests.values()]
  return sets, weights, score, means.tolist()


def _group_by_name(runs):
  """Returns {data set's name: [Run]}; rejects two folders of one data set."""
  found = collections.OrderedDict()
  for run in runs:
    same = found.setdefault(_name(run), [])
    if same and same[0].data_set != run.data_set:
      raise InputError(
        "%s: found the folders %s and %s for it, expected one"
        % (_name(run), same[0].data_set, run.data_set)
      )
    same.append(run)
  return found


def _name(run):
  """Returns the name of a run's data set and, for BioASQ, type of questions."""
  folder = run.data_set
  if run.kind:
    folder = re.sub(r"[\W_]*%s$" % run.kind, "", folder) or folder
  found = data_sets.find(folder)
  label = found.label if found else folder
  return _question_name(label, run.kind) if run.kind else label


def _find_data_sets(runs_of):
  """Returns the DataSets of runs by family, and a line for each problem."""
  found = [d for d in DATA_SETS if d.name in runs_of]
  problems = []
  for name, runs in runs_of.items():
    problems += [run.problem for run in runs if run.problem]
    if name not in _NAMES:
      data_set = _make_other(name, runs)
      if data_set:
        found.append(data_set)
      else:
        problems.append(
          "%s: found a data set outside the benchmark whose %d runs have no "
          "run_config.json that names their program" % (name, len(runs))
        )
  order = list(data_sets.TASKS)
  return sorted(found, key=lambda d: order.index(d.family)), problems


def _make_other(name, runs):
  """Returns the DataSet of runs outside the benchmark, None if unknown."""
  programs = {task.program: key for key, task in data_sets.TASKS.items()}
  for run in runs:
    try:
      family = "QA" if run.kind else programs.get(results.program(run))
    except InputError:
      continue  # This run is damaged; another one may be whole.
    if family == "QA":
      metrics = data_sets.QUESTION_METRICS[run.kind or "squad"]
      return _make_data_set(name, family, metrics)
    if family:
      return _make_data_set(name, family, data_sets.TASKS[family].metrics)
  return None


def _make_cell(runs, metric):
  """Returns the Cell of a model's runs on a data set."""
  scores = {run.name: results.figure(run, metric) for run in runs}
  scores = {name: v for name, v in scores.items() if v is not None}
  values = list(scores.values())
  return Cell(
    float(np.mean(values)) if values else None,
    float(np.std(values, ddof=1)) if len(values) > 1 else None,
    len(values),
    len(runs),
    scores,
  )
