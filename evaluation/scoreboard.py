# SPDX-License-Identifier: Apache-2.0
"""The benchmark's table: a row for each data set and its metric, a column for
each model, of one's own runs and as published.

Scores are fractions from 0 to 1 (correlations from -1 to 1), published ones
too. A data set of the benchmark always has its row, with scores or without;
one that is not of it gets a row of the family whose program made its runs.
"""

import collections
import csv
import io
import re

import numpy as np

from common.errors import InputError
from common.text import decode
from evaluation import results
from evaluation import significance

FAMILIES = {
  "NER": "Named entities",
  "RE": "Relations",
  "STS": "Similarity",
  "NLI": "Inference",
  "DC": "Documents",
  "QA": "Questions",
}
# {its key in results.json: its name}, for each family, or type of questions.
_METRICS = {
  "NER": {"f1": "entity F1"},
  "RE": {"f1": "micro F1"},
  "STS": {"pearson": "Pearson"},
  "NLI": {"accuracy": "accuracy"},
  "DC": {"f1": "micro F1", "example_f1": "example F1"},
  "factoid": {
    "strict": "strict accuracy",
    "lenient": "lenient accuracy",
    "mrr": "MRR",
  },
  "list": {"f1": "mean F1"},
  "yesno": {"accuracy": "accuracy"},
  "squad": {"f1": "F1", "exact": "exact match"},
}
_PROGRAMS = {"run_%s.py" % name.lower(): name for name in FAMILIES}

# `metrics` is {key: name}, `compared` the key that models are compared by.
DataSet = collections.namedtuple(
  "DataSet", ["name", "family", "metrics", "compared", "note"]
)
Row = collections.namedtuple("Row", ["data_set", "metric"])
# One model's mean and standard deviation (n - 1; None of one value) over n of
# `expected` seeds or folds; mean None if n is 0. `values` is {run: score}.
Cell = collections.namedtuple(
  "Cell", ["mean", "deviation", "n", "expected", "values"]
)
Published = collections.namedtuple("Published", ["value", "source", "note"])
# `value` is over the data sets `used`; None if there are none. `missing` are
# those it should also be over.
Blurb = collections.namedtuple("Blurb", ["value", "used", "missing"])
# What came of two models on a data set: of the first and the second their means
# over the n runs that both have, a significance.Difference, its p adjusted; or
# `problem`, why there is none.
Comparison = collections.namedtuple(
  "Comparison",
  ["data_set", "first", "second", "runs", "difference", "p_holm", "problem"],
)


def _data_set(name, kind, note="", **metrics):
  """A DataSet with the metrics of its kind, or those given."""
  metrics = metrics or _METRICS[kind]
  family = kind if kind in FAMILIES else "QA"
  compared = "mrr" if "mrr" in metrics else next(iter(metrics))
  return DataSet(name, family, metrics, compared, note)


def _plain(name):
  """The letters and digits of a name."""
  return re.sub(r"[\W_]", "", name.lower())


_POSITIVE = "F1 of the positive class"
DATA_SETS = (
  _data_set("NCBI-disease", "NER"),
  _data_set("BC5CDR-disease", "NER"),
  _data_set("BC5CDR-chem", "NER"),
  _data_set("BC4CHEMD", "NER"),
  _data_set("BC2GM", "NER"),
  _data_set("JNLPBA", "NER"),
  _data_set("LINNAEUS", "NER"),
  _data_set("Species-800", "NER"),
  _data_set("ShARe/CLEFE", "NER"),
  _data_set("ChemProt", "RE"),
  _data_set(
    "DDI",
    "RE",
    "DDI: micro F1 is BLURB's; macro F1 is BLUE's since August 2019.",
    f1="micro F1",
    macro_f1="macro F1",
  ),
  _data_set("i2b2 2010", "RE"),
  _data_set(
    "GAD",
    "RE",
    "GAD: BioBERT's figures are of ten folds, BLURB's of a single split.",
    f1=_POSITIVE,
  ),
  _data_set("EU-ADR", "RE", f1=_POSITIVE),
  _data_set("BIOSSES", "STS"),
  _data_set("MedSTS", "STS"),
  _data_set("MedNLI", "NLI"),
  _data_set(
    "HoC",
    "DC",
    "HoC: micro F1 over all pairs of document and label is BLURB's; example "
    "F1, of the means of precision and recall over documents, is BLUE's.",
  ),
  _data_set("BioASQ 4b factoid", "factoid"),
  _data_set("BioASQ 4b list", "list"),
  _data_set("BioASQ 4b yes/no", "yesno"),
  _data_set("BioASQ 5b factoid", "factoid"),
  _data_set("BioASQ 5b list", "list"),
  _data_set("BioASQ 5b yes/no", "yesno"),
  _data_set("BioASQ 6b factoid", "factoid"),
  _data_set("BioASQ 6b list", "list"),
  _data_set("BioASQ 6b yes/no", "yesno"),
  _data_set("BioASQ 7b factoid", "factoid"),
  _data_set("BioASQ 7b list", "list"),
  _data_set(
    "BioASQ 7b yes/no",
    "yesno",
    "BioASQ: scores are over the questions of all batches together. BLURB's "
    "are the yes/no questions of 7b.",
  ),
)
# Other names of data sets, as _plain makes them.
_ALIASES = {
  "ncbi": "NCBI-disease",
  "bc5disease": "BC5CDR-disease",
  "bc5chem": "BC5CDR-chem",
  "bc5cdrchemical": "BC5CDR-chem",
  "s800": "Species-800",
  "shareclef": "ShARe/CLEFE",
  "share": "ShARe/CLEFE",
  "ddi2013": "DDI",
  "ddi13": "DDI",
  "i2b2": "i2b2 2010",
}
_ALIASES.update((_plain(d.name), d.name) for d in DATA_SETS)

# BLURB's data sets by task family, and the metric each counts with.
BLURB = {
  "NER": [
    ("BC5CDR-chem", "f1"),
    ("BC5CDR-disease", "f1"),
    ("NCBI-disease", "f1"),
    ("BC2GM", "f1"),
    ("JNLPBA", "f1"),
  ],
  "PICO": [("EBM PICO", "macro_f1")],
  "RE": [("ChemProt", "f1"), ("DDI", "f1"), ("GAD", "f1")],
  "STS": [("BIOSSES", "pearson")],
  "DC": [("HoC", "f1")],
  "QA": [("PubMedQA", "accuracy"), ("BioASQ 7b yes/no", "accuracy")],
}


class Board:
  """All cells of the table.

  Attributes:
    rows: [Row], by family.
    models: names of the columns of one's own runs.
    comparators: names of the published columns that have a cell in a row.
    cells: {(data set, metric, model): Cell}; complete.
    published: {(data set, metric, model): Published}; the ones there are.
    data_sets: [DataSet], likewise: those of the benchmark, and others of runs.
    runs: all Runs of these models.
    problems: a line for each run without figures, and for each data set that
      has no row.
  """

  def __init__(self, runs, models, published):
    self.models = models
    self.runs = [run for run in runs if run.model in models]
    self._runs_of = _by_name(self.runs)
    self.data_sets, self.problems = _data_sets(self._runs_of)
    self.rows = [Row(d, m) for d in self.data_sets for m in d.metrics]
    self.cells = {
      (row.data_set.name, row.metric, model): _cell(
        self.runs_of(row.data_set, model), row.metric
      )
      for row in self.rows
      for model in models
    }
    shown = {(row.data_set.name, row.metric) for row in self.rows}
    self.published = published
    self.comparators = list(
      dict.fromkeys(key[2] for key in published if key[:2] in shown)
    )

  def runs_of(self, data_set, model):
    """Returns a model's Runs on a data set."""
    return [r for r in self._runs_of.get(data_set.name, []) if r.model == model]

  def value(self, data_set, metric, column):
    """Returns the score in a column of either kind; None if it is missing."""
    if column in self.models:
      cell = self.cells.get((data_set, metric, column))
      return cell.mean if cell else None
    found = self.published.get((data_set, metric, column))
    return found.value if found else None

  def best(self, row):
    """Returns the columns with a row's highest score, all if they tie.

    A lone score is not the highest.
    """
    name = row.data_set.name
    values = {
      column: self.value(name, row.metric, column)
      for column in self.models + self.comparators
    }
    # What is shown equal is equal.
    values = {k: round(v, 4) for k, v in values.items() if v is not None}
    if len(values) < 2:
      return set()
    return {k for k, v in values.items() if v == max(values.values())}

  def missing(self, model):
    """Returns the Rows in which one's own model has no score."""
    return [
      row
      for row in self.rows
      if self.cells[row.data_set.name, row.metric, model].mean is None
    ]

  def blurb(self, column):
    """Returns a column's Blurb: the mean over families of means over sets."""
    families = self.blurb_families(column).values()
    values = [family.value for family in families if family.value is not None]
    return Blurb(
      float(np.mean(values)) if values else None,
      [name for family in families for name in family.used],
      [name for family in families for name in family.missing],
    )

  def blurb_families(self, column):
    """Returns {family: Blurb, the mean over its data sets} of a column.

    Only data sets of this benchmark count, for published models too: a mean
    over other data sets cannot be compared.
    """
    here = {d.name for d in DATA_SETS}
    families = collections.OrderedDict()
    for family, pairs in BLURB.items():
      values = collections.OrderedDict(
        (name, self.value(name, metric, column))
        for name, metric in pairs
        if name in here
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
  """Returns the models of runs, by name, or those wanted, in that order.

  Raises:
    InputError: one wanted has no folder.
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
  """Returns BLURB's data sets that are not of this benchmark."""
  here = {d.name for d in DATA_SETS}
  return [n for pairs in BLURB.values() for n, _ in pairs if n not in here]


def read_published(data, path):
  """Returns {(data set, metric, model): Published} of a CSV's bytes.

  Its columns are data_set, metric, model, value (x100), batch, source, note;
  where a data set has several batches, the mean of them is what counts. An
  empty value, of a score that nobody here knows, is None.
  """
  groups = collections.OrderedDict()
  table = csv.DictReader(io.StringIO(decode(data, path)))
  for number, row in enumerate(table, 2):
    try:
      if None in row.values():
        raise ValueError("too short")
      key = row["data_set"], row["metric"], row["model"]
      value = float(row["value"]) / 100 if row["value"] else None
      groups.setdefault(key, []).append(
        Published(value, row["source"], row["note"])
      )
    except (KeyError, TypeError, ValueError):
      raise InputError(
        "%s:%d: expected data_set, metric, model, value, batch, source and "
        "note, the value a number" % (path, number)
      ) from None
  return {
    key: found[0]
    if found[0].value is None
    else found[0]._replace(value=float(np.mean([p.value for p in found])))
    for key, found in groups.items()
  }


def compare(board, first, second, samples, seed):
  """Returns the Comparisons of two models, one a data set that either has.

  p-values are adjusted for all data sets that were compared (Holm).
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
  """The Comparison of two models' Runs on a data set."""
  pairs, problem = _common(data_set, sides), None
  try:
    if not pairs:
      raise InputError("no run that both models have")
    sets, weights, score, means = _paired(data_set, pairs)
    difference = significance.paired_bootstrap(
      sets, weights, score, samples, seed
    )
  except InputError as error:
    difference, means, problem = None, (None, None), str(error)
  return Comparison(
    data_set, means[0], means[1], len(pairs), difference, None, problem
  )


def _common(data_set, sides):
  """Pairs of the runs, one of each model, that have figures and one name."""
  first, second = (
    {
      run.name: run
      for run in side
      if results.figure(run, data_set.compared) is not None
    }
    for side in sides
  )
  return [(first[name], second[name]) for name in first if name in second]


def _paired(data_set, pairs):
  """(test sets, weights, score, both means) for significance.paired_bootstrap.

  Pairs of runs that have the same examples share a test set.
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


def _by_name(runs):
  """{name of a data set: [Run]}; two folders of one are an InputError."""
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


def _data_sets(runs_of):
  """All DataSets by family, and a line for each thing that is not counted."""
  found, problems = list(DATA_SETS), []
  known = {d.name for d in DATA_SETS}
  for name, runs in runs_of.items():
    problems += [run.problem for run in runs if run.problem]
    if name not in known:
      kind = _kind(runs)
      if kind:
        found.append(_data_set(name, kind))
      else:
        problems.append(
          "%s: not a data set of the benchmark, and no run_config.json of its "
          "%d runs says of which program they are" % (name, len(runs))
        )
  order = list(FAMILIES)
  return sorted(found, key=lambda d: order.index(d.family)), problems


def _name(run):
  """What the data set of a run is called: as the benchmark has it, if it has.

  One folder of BioASQ holds questions of several types.
  """
  plain = _plain(run.data_set)
  if plain.endswith(run.kind):
    return _ALIASES.get(plain, run.data_set)
  kind = {"yesno": "yes/no"}.get(run.kind, run.kind)
  own = "%s %s" % (re.sub("[-_]", " ", run.data_set), kind)
  return _ALIASES.get(plain + run.kind, own)


def _kind(runs):
  """The kind of a data set that the benchmark has not; None if untold."""
  for run in runs:
    if run.kind:
      return run.kind
    try:
      family = _PROGRAMS.get(results.program(run))
    except InputError:
      continue  # Of a damaged run another one may tell.
    if family:
      return "squad" if family == "QA" else family
  return None


def _cell(runs, metric):
  """The Cell of a model's runs on a data set."""
  figures = {run.name: results.figure(run, metric) for run in runs}
  values = {name: v for name, v in figures.items() if v is not None}
  scores = list(values.values())
  return Cell(
    float(np.mean(scores)) if scores else None,
    float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
    len(scores),
    len(runs),
    values,
  )
