# SPDX-License-Identifier: Apache-2.0
"""Makes the tables and notes of the report, in no format yet.

Scores are x100 with two decimals. Rows and columns without a score are left
out.
"""

import collections

from common import data_sets
from evaluation import results
from evaluation import scoreboard

MISSING = "\N{EN DASH}"
TITLE = "Scores on the benchmark"

# caption: a line above the table. names: how many columns on the left name the
# row. groups: [(title, [row])]; a row is a list of Texts. notes: the footnotes,
# from number 1.
Table = collections.namedtuple("Table", "caption heads names groups notes")
# note: the number of its footnote, None without one. best: whether it is the
# best of its row.
Text = collections.namedtuple("Text", "text note best", defaults=(None, False))


def percent(value):
  """Returns a fraction x100 with two decimals."""
  return MISSING if value is None else "%.2f" % (100 * value)


def count(number, one, many):
  """Returns "1 run" or "2 runs"."""
  return "%d %s" % (number, one if number == 1 else many)


def title_of(family):
  """Returns a title such as "Named entities"."""
  return data_sets.TASKS[family].title.capitalize()


def cell_text(cell):
  """Returns "84.10 +- 0.35 (n = 5)", "n = 4 of 5" if a run is missing."""
  if cell.mean is None:
    return MISSING
  text = percent(cell.mean)
  if cell.deviation is not None:
    text += " \N{PLUS-MINUS SIGN} " + percent(cell.deviation)
  number = "%d" % cell.n
  if cell.n < cell.expected:
    number += " of %d" % cell.expected
  return "%s (n = %s)" % (text, number)


def simple_table(caption, heads, rows):
  """Returns a Table of plain texts whose first column names the row."""
  rows = [[Text(text) for text in row] for row in rows]
  return Table(caption, heads, 1, [("", rows)], [])


# ---------------------------------------------------------------------- scores


def score_table(board):
  """Returns the Table of one's own scores beside the best published one."""
  groups = collections.OrderedDict()
  for row in board.rows:
    name = row.data_set.name
    best = board.best(row, board.models + board.comparators)
    texts = [Text(name), Text(row.data_set.metrics[row.metric])]
    texts += [
      Text(cell_text(board.cells[name, row.metric, model]), None, model in best)
      for model in board.models
    ]
    if board.comparators:
      texts.append(_best_published(board, row, best))
    groups.setdefault(title_of(row.data_set.family), []).append(texts)
  heads = ["data set", "metric"] + board.models
  heads += ["best published"] if board.comparators else []
  caption = "Test sets, x100: mean \N{PLUS-MINUS SIGN} standard deviation"
  return Table(caption, heads, 2, list(groups.items()), [])


def _best_published(board, row, best):
  name = row.data_set.name
  found = {
    model: board.value(name, row.metric, model) for model in board.comparators
  }
  found = {k: v for k, v in found.items() if v is not None}
  if not found:
    return Text(MISSING)
  model = max(found, key=found.get)
  return Text("%s %s" % (percent(found[model]), model), None, model in best)


def published_tables(board):
  """Returns a Table of published scores for each family, a row for a model."""
  families = collections.OrderedDict()
  for row in board.rows:
    families.setdefault(row.data_set.family, []).append(row)
  tables = [_published_table(board, *item) for item in families.items()]
  return [table for table in tables if table]


def _published_table(board, family, rows):
  columns = []
  for row in rows:
    key = (row.data_set.name, row.metric)
    column = {m: board.published.get(key + (m,)) for m in board.comparators}
    if any(column.values()):
      best = board.best(row, board.comparators)
      columns.append((row, column, best))
  if not columns:
    return None
  notes, lines = [], []
  for model in board.comparators:
    if any(column[model] for _, column, _ in columns):
      lines.append([Text(model)])
      for _, column, best in columns:
        lines[-1].append(_published_text(column[model], model in best, notes))
  metrics = {row.data_set.metrics[row.metric] for row, _, _ in columns}
  heads = [row.data_set.name for row, _, _ in columns]
  caption = "%s, %s" % (title_of(family), metrics.pop())
  if metrics:  # Several.
    heads = [
      "%s, %s" % (row.data_set.name, row.data_set.metrics[row.metric])
      for row, _, _ in columns
    ]
    caption = title_of(family)
  return Table(caption, ["published model"] + heads, 1, [("", lines)], notes)


def _published_text(found, is_best, notes):
  if found is None:
    return Text(MISSING)
  if not found.note:
    return Text(percent(found.value), None, is_best)
  if found.note not in notes:
    notes.append(found.note)
  return Text(percent(found.value), notes.index(found.note) + 1, is_best)


def sources(board):
  """Returns {published model: where its scores are from}."""
  found = collections.OrderedDict()
  for (_, _, model), score in board.published.items():
    if model in board.comparators:
      found.setdefault(model, {})[score.source] = None
  return {model: "; ".join(names) for model, names in found.items()}


# ----------------------------------------------------------------------- BLURB


def blurb_table(board):
  """Returns the Table of BLURB scores, None if no own model has one."""
  families = collections.OrderedDict(
    (family, title_of(family))
    for family in data_sets.BLURB
    if any(_blurb(board, model, family).value for model in board.models)
  )
  if not families:
    return None
  notes, groups = [], []
  for title, models in (
    ("These runs", board.models),
    ("Published", board.comparators),
  ):
    rows = [_blurb_row(board, m, families, notes) for m in models]
    rows = [row for row in rows if any(t.text != MISSING for t in row[1:])]
    groups.append((title, rows))
  heads = ["model"] + list(families.values())
  heads += ["BLURB score", "as published"]
  caption = "Means over BLURB's data sets, x100"
  return Table(caption, heads, 1, [g for g in groups if g[1]], notes)


def _blurb(board, model, family):
  nothing = scoreboard.Blurb(None, [], [])
  return board.blurb_families(model).get(family, nothing)


def _blurb_row(board, model, families, notes):
  means = [_blurb(board, model, family) for family in families]
  texts = [Text(model)]
  texts += [Text(_blurb_text(mean)) for mean in means + [board.blurb(model)]]
  published = board.published.get(("BLURB", "blurb", model))
  return texts + [_published_text(published, False, notes)]


def _blurb_text(mean):
  text = percent(mean.value)
  if mean.value is not None and mean.missing:
    used, all_sets = len(mean.used), len(mean.used) + len(mean.missing)
    text += " (%d of %d sets)" % (used, all_sets)
  return text


def blurb_notes(board):
  """Returns sentences on the Table of BLURB scores."""
  pairs = [pair for pairs in data_sets.BLURB.values() for pair in pairs]
  elsewhere = scoreboard.blurb_elsewhere()
  lines = [
    "The BLURB score is the mean over families of the mean over their data "
    "sets. All models are scored on the %d of BLURB's %d data sets that are in "
    'this benchmark; %s are not. The column "as published" is over all %d. '
    "Means over different data sets (2 of 5) cannot be compared."
    % (
      len(pairs) - len(elsewhere),
      len(pairs),
      " and ".join(elsewhere),
      len(pairs),
    )
  ]
  models_without = collections.OrderedDict()
  for model in board.models:
    missing = ", ".join(board.blurb(model).missing)
    models_without.setdefault(missing, []).append(model)
  return lines + [
    "Missing for %s: %s." % (", ".join(models), missing)
    for missing, models in models_without.items()
    if missing
  ]


# ----------------------------------------------------------------------- notes


def summary(board):
  """Returns what there is, in a sentence."""
  failed = sum(run.problem is not None for run in board.runs)
  text = "%s, %s, %s" % (
    count(len(board.models), "model", "models"),
    count(len({r.data_set.name for r in board.rows}), "data set", "data sets"),
    count(len(board.runs), "run", "runs"),
  )
  return text + (", %d of them without scores." % failed if failed else ".")


def score_notes(board):
  """Returns lists of sentences on the Table of scores; none is empty."""
  legend = [
    "A score of these runs is the mean \N{PLUS-MINUS SIGN} standard deviation "
    "(n - 1) over n seeds or folds. The highest score, published ones "
    "included, is bold."
  ]
  if board.comparators:
    legend.append(
      "Published scores were made with other protocols and other numbers of "
      "runs. The scores of BioALBERT's paper are not among them."
    )
  legend += dict.fromkeys(d.note for d in board.data_sets if d.note)
  groups = legend, _list_missing(board), _list_warnings(board)
  return [group for group in groups if group]


def _list_missing(board):
  """Returns sentences on data sets and models without scores."""
  names = board.not_run()
  lines = ["Not run: %s." % ", ".join(names)] if names else []
  for model in board.models:
    missing = [row.data_set.name for row in board.missing(model)]
    if missing:
      names = ", ".join(dict.fromkeys(missing))
      lines.append("%s has no score on %s." % (model, names))
  return lines


def _list_warnings(board):
  """Returns sentences on runs whose scores need a second look."""
  lines = []
  for data_set in board.data_sets:
    for model in board.models:
      runs = board.runs_of(data_set, model)
      place = "%s, %s" % (data_set.name, model)
      number = results.collapsed(runs)
      if number:
        lines.append(
          "%s: %d of %s predict the same label for every example."
          % (place, number, count(len(runs), "run", "runs"))
        )
      asked, answered = results.answered(runs)
      if answered < asked:
        lines.append(
          "%s: %d of %d questions are answered; the others are left out, as in "
          "the official measure." % (place, answered, asked)
        )
  return lines


# ----------------------------------------------------------------- comparisons


def comparison_table(comparisons, models):
  """Returns the Table of two models' differences, None if there are none."""
  heads = ["data set", "metric"] + list(models)
  heads += ["difference", "95 % interval", "p", "p (Holm)", "examples", "runs"]
  rows = [
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
  caption = "Difference: %s minus %s, x100" % models
  table = simple_table(caption, heads, rows)._replace(names=2)
  return table if rows else None


def comparison_notes(comparisons, samples):
  """Returns sentences on how two models were compared, and where not."""
  tested = sum(c.difference is not None for c in comparisons)
  lines = [
    "Paired bootstrap over test examples (%s samples): sentences of named "
    "entities, rows of relations and inference, pairs of sentences, documents, "
    "questions. Runs of both models with the same seed or fold are paired; "
    "seeds on one test set share its samples. p is two-sided." % f"{samples:,}"
  ]
  if tested > 1:
    lines.append(
      "%d data sets are tested at once: use p (Holm), which is adjusted for "
      "that, before you call any one difference significant." % tested
    )
  return lines + [
    "%s: not compared (%s)." % (c.data_set.name, c.problem)
    for c in comparisons
    if c.problem
  ]
