# SPDX-License-Identifier: Apache-2.0
"""Writes a scoreboard as Markdown and as CSV.

Every function takes a scoreboard.Board and the scoreboard.Comparisons of two
models ([] without), and returns text. Scores are x100 with two decimals.
"""

import csv
import io

from evaluation import results
from evaluation import scoreboard
from evaluation import shown

CSV_COLUMNS = [
  "kind",
  "family",
  "data_set",
  "metric",
  "model",
  "run",
  "value",
  "standard_deviation",
  "n",
  "expected",
  "low",
  "high",
  "p",
  "p_holm",
  "note",
]


def to_markdown(board, comparisons, models, samples):
  """Returns the tables in Markdown.

  Args:
    board: the Board.
    comparisons: of the two `models` (None without).
    models: (first, second).
    samples: how many the bootstrap drew.
  """
  notes = shown.Notes()
  head = ["data set", "metric"] + board.models + board.comparators
  lines = ["# " + shown.TITLE, "", _line(head), _line(["---"] * len(head))]
  for family, rows in shown.table_rows(board, notes):
    lines.append(
      _line(["**%s**" % scoreboard.FAMILIES[family]] + [""] * (len(head) - 1))
    )
    lines += [_markdown_row(row) for row in rows]
  lines.append(_line(["**BLURB**"] + [""] * (len(head) - 1)))
  lines += [_markdown_row(row) for row in shown.blurb_rows(board, notes)]
  lines += [
    "",
    "These runs: %s. Published: the other columns." % ", ".join(board.models),
  ]
  lines += [""] + [
    "[%d] %s" % pair + "  " for pair in enumerate(notes.texts, 1)
  ]
  for group in shown.remarks(board):
    lines += [""] + ["- " + text for text in group]
  if board.problems:
    lines += ["", "## Not counted", ""] + ["- " + p for p in board.problems]
  if comparisons:
    lines += ["", "## %s against %s" % models, ""]
    heads = (
      shown.COMPARISON_HEADS[:2] + list(models) + shown.COMPARISON_HEADS[4:]
    )
    lines += [_line(heads), _line(["---"] * len(heads))]
    lines += [_line(row) for row in shown.comparison_rows(comparisons)]
    lines += [""] + [
      "- " + t for t in shown.comparison_notes(comparisons, samples)
    ]
  lines += ["", "## Sources", ""]
  lines += ["- %s: %s" % pair for pair in shown.sources_of(board).items()]
  return "\n".join(lines) + "\n"


def _line(cells):
  return "| %s |" % " | ".join(cell.replace("|", "\\|") for cell in cells)


def _markdown_row(row):
  name, metric, shown = row
  return _line([name, metric] + [_markdown_cell(cell) for cell in shown])


def _markdown_cell(cell):
  text = "**%s**" % cell.text if cell.best else cell.text
  return text if cell.footnote is None else "%s [%d]" % (text, cell.footnote)


def to_csv(board, comparisons, models):
  """Returns all figures in long form, a row each, with CSV_COLUMNS.

  kind is run, aggregate (n of `expected` runs), published, blurb (n data sets
  of `expected`) or difference (n examples; `expected` is empty); a missing
  value is empty.
  """
  target = io.StringIO()
  table = csv.DictWriter(target, CSV_COLUMNS, lineterminator="\n")
  table.writeheader()
  for row in board.rows:
    for model in board.models:
      table.writerows(_run_rows(board, row, model))
  table.writerows(_published_rows(board))
  table.writerows(_blurb_records(board))
  table.writerows(_difference_rows(comparisons, models))
  return target.getvalue()


def _number(value):
  return "" if value is None else shown.percent(value)


def _run_rows(board, row, model):
  """The rows of a model's runs on a data set, and of them all."""
  data_set = row.data_set
  common = {
    "family": data_set.family,
    "data_set": data_set.name,
    "metric": row.metric,
    "model": model,
  }
  for run in board.runs_of(data_set, model):
    value = _number(results.figure(run, row.metric))
    yield dict(common, kind="run", run=run.name, value=value, note=run.problem)
  cell = board.cells[data_set.name, row.metric, model]
  yield dict(
    common,
    kind="aggregate",
    value=_number(cell.mean),
    standard_deviation=_number(cell.deviation),
    n=cell.n,
    expected=cell.expected,
  )


def _published_rows(board):
  for row in board.rows:
    for model in board.comparators:
      found = board.published.get((row.data_set.name, row.metric, model))
      if found:
        note = "; ".join(text for text in (found.source, found.note) if text)
        yield {
          "kind": "published",
          "family": row.data_set.family,
          "data_set": row.data_set.name,
          "metric": row.metric,
          "model": model,
          "value": _number(found.value),
          "note": note,
        }


def _blurb_records(board):
  for column in board.models + board.comparators:
    for family, score in board.blurb_families(column).items():
      yield dict(_blurb_record(column, score), family=family)
    yield _blurb_record(column, board.blurb(column))


def _blurb_record(column, score):
  missing = ", ".join(score.missing)
  return {
    "kind": "blurb",
    "metric": "blurb",
    "model": column,
    "value": _number(score.value),
    "n": len(score.used),
    "expected": len(score.used) + len(score.missing),
    "note": "incomplete, without " + missing if missing else "",
  }


def _difference_rows(comparisons, models):
  for c in comparisons:
    row = {
      "kind": "difference",
      "family": c.data_set.family,
      "data_set": c.data_set.name,
      "metric": c.data_set.compared,
      "model": "%s - %s" % models,
      "note": c.problem,
    }
    if c.difference:
      row.update(
        value=_number(c.difference.difference),
        n=c.difference.n,
        low=_number(c.difference.low),
        high=_number(c.difference.high),
        p="%.6f" % c.difference.p,
        p_holm="%.6f" % c.p_holm,
      )
    yield row
