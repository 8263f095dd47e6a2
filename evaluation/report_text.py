# SPDX-License-Identifier: Apache-2.0
"""Writes a scoreboard as Markdown and as CSV.

Each function takes a scoreboard.Board and the scoreboard.Comparisons of two
models ([] without), and returns text. Scores are x100 with two decimals.
"""

import csv
import io

from common.text import parse_number
from evaluation import report_tables
from evaluation import results

CSV_COLUMNS = (
  "kind family data_set metric model run value standard_deviation n expected "
  "low high p p_holm note"
).split()

_FORMULA = tuple("=+-@\t\r")


def to_markdown(board, comparisons, models, samples):
  """Returns the tables in Markdown.

  Args:
    board: the Board.
    comparisons: of the two `models`.
    models: (first, second); None without comparisons.
    samples: the number of bootstrap samples.
  """
  lines = ["# " + report_tables.TITLE, "", report_tables.summary(board), ""]
  lines += _markdown_table(report_tables.score_table(board))
  for group in report_tables.score_notes(board):
    lines += [""] + _markdown_list(group)
  if comparisons:
    lines += ["", "## %s against %s" % models, ""]
    table = report_tables.comparison_table(comparisons, models)
    lines += _markdown_table(table) + [""] if table else []
    lines += _markdown_list(
      report_tables.comparison_notes(comparisons, samples)
    )
  table = report_tables.blurb_table(board)
  if table:
    lines += ["", "## BLURB", ""] + _markdown_table(table) + [""]
    lines += _markdown_list(report_tables.blurb_notes(board))
  if board.comparators:
    lines += ["", "## Published scores"]
    for table in report_tables.published_tables(board):
      lines += [""] + _markdown_table(table)
    lines += ["", "Sources:", ""]
    lines += _markdown_list(
      "%s: %s" % pair for pair in report_tables.sources(board).items()
    )
  if board.problems:
    lines += ["", "## Not counted", ""] + _markdown_list(board.problems)
  return "\n".join(lines) + "\n"


def _markdown_list(texts):
  return ["- " + text for text in texts]


def _markdown_table(table):
  """Returns the lines of a report_tables.Table and its footnotes."""
  lines = [table.caption + ":", "", _markdown_row(table.heads)]
  lines.append(_markdown_row(["---"] * len(table.heads)))
  for title, rows in table.groups:
    if title:
      rest = [""] * (len(table.heads) - 1)
      lines.append(_markdown_row(["**%s**" % title] + rest))
    lines += [_markdown_row(map(_markdown_cell, row)) for row in rows]
  notes = ["[%d] %s  " % pair for pair in enumerate(table.notes, 1)]
  return lines + [""] * bool(notes) + notes


def _markdown_row(cells):
  return "| %s |" % " | ".join(cell.replace("|", "\\|") for cell in cells)


def _markdown_cell(cell):
  text = "**%s**" % cell.text if cell.best else cell.text
  return text if cell.note is None else "%s [%d]" % (text, cell.note)


def to_csv(board, comparisons, models):
  """Returns all scores in long form, a row each, with CSV_COLUMNS.

  kind is run, aggregate (n of `expected` runs), published, blurb (n data sets
  of `expected`) or difference (n examples; `expected` is empty). A missing
  value is empty.
  """
  target = io.StringIO()
  table = _Table(target, CSV_COLUMNS, lineterminator="\n")
  table.writeheader()
  for data_set in board.data_sets:
    for metric in data_set.metrics:
      for model in board.models:
        table.writerows(_run_records(board, data_set, metric, model))
  table.writerows(_published_records(board))
  table.writerows(_blurb_records(board))
  table.writerows(_difference_records(comparisons, models))
  return target.getvalue()


class _Table(csv.DictWriter):
  """Escapes cells that a spreadsheet would take for formulas."""

  def writerows(self, rowdicts):
    super().writerows(
      {name: _plain(cell) for name, cell in row.items()} for row in rowdicts
    )


def _plain(cell):
  """Returns a cell with an apostrophe before what begins a formula."""
  if not isinstance(cell, str) or not cell.startswith(_FORMULA):
    return cell
  try:
    parse_number(cell)
  except ValueError:
    return "'" + cell
  return cell


def _number(value):
  return "" if value is None else report_tables.percent(value)


def _run_records(board, data_set, metric, model):
  """Yields the records of a model's runs on a data set, and their mean."""
  common = dict(family=data_set.family, data_set=data_set.name)
  common.update(metric=metric, model=model)
  for run in board.runs_of(data_set, model):
    value = _number(results.figure(run, metric))
    yield dict(common, kind="run", run=run.name, value=value, note=run.problem)
  cell = board.cells[data_set.name, metric, model]
  yield dict(
    common,
    kind="aggregate",
    value=_number(cell.mean),
    standard_deviation=_number(cell.deviation),
    n=cell.n,
    expected=cell.expected,
  )


def _published_records(board):
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
  for model in board.models + board.comparators:
    for family, score in board.blurb_families(model).items():
      yield dict(_blurb_record(model, score), family=family)
    yield _blurb_record(model, board.blurb(model))


def _blurb_record(model, score):
  missing = ", ".join(score.missing)
  return {
    "kind": "blurb",
    "metric": "blurb",
    "model": model,
    "value": _number(score.value),
    "n": len(score.used),
    "expected": len(score.used) + len(score.missing),
    "note": "incomplete, without " + missing if missing else "",
  }


def _difference_records(comparisons, models):
  for c in comparisons:
    record = {
      "kind": "difference",
      "family": c.data_set.family,
      "data_set": c.data_set.name,
      "metric": c.data_set.compared,
      "model": "%s - %s" % models,
      "note": c.problem,
    }
    if c.difference:
      record.update(
        value=_number(c.difference.difference),
        n=c.difference.n,
        low=_number(c.difference.low),
        high=_number(c.difference.high),
        p="%.6f" % c.difference.p,
        p_holm="%.6f" % c.p_holm,
      )
    yield record
