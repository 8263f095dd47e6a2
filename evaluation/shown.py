# SPDX-License-Identifier: Apache-2.0
"""What every form of the report shows: cells as text, notes, what is missing.

Scores are x100 with two decimals.
"""

import collections

from evaluation import results
from evaluation import scoreboard

MISSING = "\N{EN DASH}"
TITLE = "Scores on the benchmark"
COMPARISON_HEADS = [
  "data set",
  "metric",
  "first",
  "second",
  "difference",
  "95 % interval",
  "p",
  "p (Holm)",
  "examples",
  "runs",
]
# One cell of the table: its text, the number of its footnote (None without),
# whether it is the best of its row.
_Shown = collections.namedtuple("_Shown", ["text", "footnote", "best"])


class Notes:
  """Numbers footnotes in the order in which they are first met."""

  def __init__(self):
    self.texts = []

  def number(self, text):
    if not text:
      return None
    if text not in self.texts:
      self.texts.append(text)
    return self.texts.index(text) + 1


def percent(value):
  """Returns a fraction x100 with two decimals."""
  return MISSING if value is None else "%.2f" % (100 * value)


def cell_text(cell):
  """Returns "84.10 +- 0.35 (n = 5)"; "n = 4 of 5" where a run is missing."""
  if cell.mean is None:
    return MISSING
  count = "%d" % cell.n
  if cell.n < cell.expected:
    count += " of %d" % cell.expected
  if cell.deviation is None:
    return "%s (n = %s)" % (percent(cell.mean), count)
  return "%s \N{PLUS-MINUS SIGN} %s (n = %s)" % (
    percent(cell.mean),
    percent(cell.deviation),
    count,
  )


def table_rows(board, notes):
  """[(family, [(data set, metric, [_Shown])])], a _Shown for each column."""
  families = collections.OrderedDict()
  for row in board.rows:
    best = board.best(row)
    name = row.data_set.name
    shown = [
      _Shown(
        cell_text(board.cells[name, row.metric, model]), None, model in best
      )
      for model in board.models
    ]
    for model in board.comparators:
      found = board.published.get((name, row.metric, model))
      value = found.value if found else None
      note = found.note if value is not None else ""
      shown.append(_Shown(percent(value), notes.number(note), model in best))
    families.setdefault(row.data_set.family, []).append(
      (name, row.data_set.metrics[row.metric], shown)
    )
  return list(families.items())


def blurb_rows(board, notes):
  """[(name, metric, [_Shown])] of BLURB: families, the score, as published."""
  columns = board.models + board.comparators
  families = [board.blurb_families(column) for column in columns]
  rows = [
    (
      scoreboard.FAMILIES[name],
      "mean of data sets",
      [_blurb_cell(found[name]) for found in families],
    )
    for name in families[0]
  ]
  computed = [_blurb_cell(board.blurb(column)) for column in columns]
  published = []
  for column in columns:
    found = board.published.get(("BLURB", "blurb", column))
    published.append(
      _Shown(
        percent(found.value if found else None),
        notes.number(found.note if found else ""),
        False,
      )
    )
  return rows + [
    ("BLURB score", "mean of families", computed),
    ("BLURB score", "as published", published),
  ]


def _blurb_cell(score):
  """The _Shown of a scoreboard.Blurb."""
  text = percent(score.value)
  if score.value is not None and score.missing:
    whole = len(score.used) + len(score.missing)
    text += ", incomplete (%d of %d)" % (len(score.used), whole)
  return _Shown(text, None, False)


def remarks(board):
  """Returns groups of sentences on the table; none is empty."""
  groups = _legend(board), _missing(board), _warnings(board)
  return [group for group in groups if group]


def _legend(board):
  """Sentences that say what the table shows."""
  lines = [
    "All scores are of test sets, x100 with two decimals. Of these runs they "
    "are the mean \N{PLUS-MINUS SIGN} standard deviation (n - 1) over n seeds "
    "or folds; of one run there is none. The highest of a row is bold.",
    "Published scores are as their sources give them, made with other "
    "protocols and other numbers of runs; per-data-set scores of BioALBERT's "
    "paper are not known here.",
  ]
  here = sum(len(pairs) for pairs in scoreboard.BLURB.values())
  elsewhere = scoreboard.blurb_elsewhere()
  lines.append(
    "BLURB score: the mean over task families of the mean over their data "
    "sets, of all columns over those %d of BLURB's %d that are in this "
    "benchmark. Left out are %s. Scores marked incomplete are over different "
    "data sets, so not to be compared. As published, it is over all %d."
    % (here - len(elsewhere), here, " and ".join(elsewhere), here)
  )
  return lines + [d.note for d in board.data_sets if d.note]


def _missing(board):
  """Sentences that say which cells are missing."""
  total = len(board.rows) * len(board.models)
  gaps = {model: board.missing(model) for model in board.models}
  lines = [
    "Missing (%s): %d of %d cells of %s."
    % (
      MISSING,
      sum(map(len, gaps.values())),
      total,
      counted(len(board.models), "model", "models"),
    )
  ]
  for model, rows in gaps.items():
    if rows:
      names = dict.fromkeys(row.data_set.name for row in rows)
      lines.append(
        "%s: %d of %d missing: %s."
        % (model, len(rows), len(board.rows), ", ".join(names))
      )
  for model in board.models:
    score = board.blurb(model)
    if score.missing:
      over = ", ".join(score.used) or "no data set"
      lines.append(
        "%s: BLURB score over %s; missing: %s."
        % (model, over, ", ".join(score.missing))
      )
  return lines


def _warnings(board):
  """Sentences on runs whose figures say less than they seem to."""
  lines = []
  for data_set in board.data_sets:
    for model in board.models:
      runs = board.runs_of(data_set, model)
      number = results.collapsed(runs)
      if number:
        lines.append(
          "%s, %s: %d of %s predict one label throughout (a collapse)."
          % (data_set.name, model, number, counted(len(runs), "run", "runs"))
        )
      asked, answered = results.answered(runs)
      if answered < asked:
        lines.append(
          "%s, %s: %d of %d questions answered; the others are left out, as in "
          "the official measure." % (data_set.name, model, answered, asked)
        )
  return lines


def sources_of(board):
  """{published column: where its figures are from}."""
  sources = collections.OrderedDict()
  for (_, _, model), found in board.published.items():
    if model in board.comparators:
      sources.setdefault(model, {})[found.source] = None
  return {model: "; ".join(found) for model, found in sources.items()}


def comparison_rows(comparisons):
  """The cells of those comparisons that came to a result."""
  return [
    [
      c.data_set.name,
      c.data_set.metrics[c.data_set.compared],
      percent(c.first),
      percent(c.second),
      "%+.2f" % (100 * c.difference.difference),
      "%+.2f to %+.2f" % (100 * c.difference.low, 100 * c.difference.high),
      "%.4f" % c.difference.p,
      "%.4f" % c.p_holm,
      str(c.difference.n),
      str(c.runs),
    ]
    for c in comparisons
    if c.difference
  ]


def comparison_notes(comparisons, samples):
  """Sentences that say how two models were compared, and where not."""
  tested = sum(c.difference is not None for c in comparisons)
  lines = [
    "Paired bootstrap over test examples (%s samples): sentences of named "
    "entities, rows of relations and inference, pairs of sentences, documents, "
    "questions. Runs of both models with the same seed or fold are taken "
    "together; seeds on one test set share its samples. p is two-sided."
    % f"{samples:,}"
  ]
  if tested > 1:
    lines.append(
      "%d data sets are tested at once: look at p (Holm), which is adjusted "
      "for that, before calling any one difference significant." % tested
    )
  return lines + [
    "%s: not compared (%s)." % (c.data_set.name, c.problem)
    for c in comparisons
    if c.problem
  ]


def counted(number, one, many):
  """Returns "1 run" or "2 runs"."""
  return "%d %s" % (number, one if number == 1 else many)
