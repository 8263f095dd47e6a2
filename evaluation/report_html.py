# SPDX-License-Identifier: Apache-2.0
"""Writes a scoreboard as a web page.

It takes a scoreboard.Board and the scoreboard.Comparisons of two models ([]
without). Scores are x100 with two decimals.
"""

import collections
import html
import re

import numpy as np

from common import html_page
from evaluation import charts
from evaluation import report_tables
from evaluation import results

_STYLE = """
:root { --band: #f3f5f7; --heat: 210, 90%, 50%;
  --series-0: #0b62a8; --series-1: #b3470c; --series-2: #14744f;
  --series-3: #8a3a86; --series-4: #7a5c00; --series-5: #0f7285;
  --series-6: #a8243d; --series-7: #4d5763; }
@media screen and (prefers-color-scheme: dark) {
  :root { --band: #1d2126; --heat: 210, 80%, 55%;
    --series-0: #6cb6f5; --series-1: #f59a62; --series-2: #5fcf9f;
    --series-3: #db97d6; --series-4: #dcb94a; --series-5: #5cc6d8;
    --series-6: #f58a9d; --series-7: #b3bdc7; } }
body { max-width: 75rem; line-height: 1.55; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .5rem; }
p, ul, ol { margin: 0 0 .75rem; max-width: 46rem; }
ul, ol { padding-left: 1.25rem; }
.note, .notes, figcaption { color: var(--soft); font-size: .9rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0;
  list-style: none; }
a { color: var(--series-0); }
.scroll { overflow-x: auto; width: fit-content; max-width: 100%;
  box-sizing: border-box; margin: 0 0 1rem; border: 1px solid var(--rule);
  border-radius: .4rem; }
.scroll:focus-visible { outline: 2px solid var(--series-0); }
table { border-collapse: collapse; font-size: .8rem; line-height: 1.35;
  font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption { text-align: left; padding: .5rem .6rem; color: var(--soft); }
th, td { padding: .35rem .45rem; text-align: right; vertical-align: top;
  border-top: 1px solid var(--rule); }
th { font-weight: 600; }
thead th { border-top: 0; max-width: 9rem; vertical-align: bottom; }
th[scope=row], th[scope=rowgroup], .left { text-align: left; }
th[scope=rowgroup] { background: var(--band); }
th[scope=row] { font-weight: 400; min-width: 6.5rem; }
.whole { white-space: nowrap; }
.whole.note { font-size: inherit; }
td.none { color: var(--soft); }
sup { color: var(--soft); line-height: 0; }
figure { margin: 0 0 1rem; }
figure svg { display: block; min-width: 34rem; max-width: 46rem; width: 100%;
  height: auto; }
figure svg * { stroke-linejoin: round; }
details { border-top: 1px solid var(--rule); padding: .35rem 0; }
summary { cursor: pointer; }
summary:focus-visible { outline: 2px solid var(--series-0); }
details .scroll { display: inline-block; max-width: 100%; margin: .5rem 1rem
  .5rem 0; vertical-align: top; }
td.heat { background: hsla(var(--heat), var(--share)); }
@media print { body { max-width: none; padding: 0; font-size: 9pt; }
  .scroll { overflow: visible; border: 0; } h2 { break-after: avoid; } }
"""
_SCORE = re.compile(r"([-\d].*) (\((?:n =|\d+ of) .*\))")
_BODY = """<p class="note">{summary}</p>
<nav aria-label="Sections"><ul>
{links}
</ul></nav>
<main>
{sections}
</main>"""


def to_html(board, comparisons, models, samples):
  """Returns a page that needs no other file; see report_text.to_markdown."""
  sections = collections.OrderedDict()
  sections["Scores"] = _scores(board)
  sections["By data set"] = _score_chart(board)
  if comparisons:
    sections["%s against %s" % models] = _comparison(
      comparisons, models, samples
    )
  blurb = report_tables.blurb_table(board)
  if blurb:
    notes = _list(report_tables.blurb_notes(board))
    sections["BLURB"] = _table(blurb) + notes
  if board.comparators:
    sections["Published scores"] = _published(board)
  sections["By class"] = _all_details(board)
  if board.problems:
    sections["Not counted"] = _list(board.problems)
  filled = [pair for pair in sections.items() if pair[1]]
  body = _BODY.format(
    summary=html.escape(report_tables.summary(board)),
    links="\n".join(
      '<li><a href="#part-%d">%s</a></li>' % (i, html.escape(title))
      for i, (title, _) in enumerate(filled)
    ),
    sections="\n".join(
      '<section id="part-%d">\n<h2>%s</h2>\n%s\n</section>'
      % (i, html.escape(title), content)
      for i, (title, content) in enumerate(filled)
    ),
  )
  return html_page.page(report_tables.TITLE, _STYLE, body)


def _tag(name, text, **attributes):
  """Returns an element; class_ and the like lose their underscore."""
  written = "".join(
    ' %s="%s"' % (key.rstrip("_").replace("_", "-"), html.escape(str(value)))
    for key, value in attributes.items()
    if value is not None
  )
  return "<%s%s>%s</%s>" % (name, written, text, name)


def _list(texts, kind="ul"):
  items = "\n".join(_tag("li", html.escape(text)) for text in texts)
  return '<%s class="notes">\n%s\n</%s>\n' % (kind, items, kind)


# ---------------------------------------------------------------------- tables


def _table(table, shares=None):
  """Returns a report_tables.Table and its footnotes.

  Args:
    table: the Table.
    shares: the darkness of each cell besides names, from 0 to 1, by row.
  """
  heads = "".join(
    _tag("th", html.escape(head), scope="col", class_=_side(i, table))
    for i, head in enumerate(table.heads)
  )
  bodies = [_group(table, title, rows, shares) for title, rows in table.groups]
  text = _tag(
    "table",
    _tag("caption", html.escape(table.caption))
    + _tag("thead", _tag("tr", heads))
    + "\n".join(bodies),
  )
  # A table that is too wide for the window scrolls, by the keyboard too.
  role = dict(role="region", tabindex="0", aria_label=table.caption)
  text = _tag("div", text, class_="scroll", **role)
  return text + "\n" + (_list(table.notes, "ol") if table.notes else "")


def _side(column, table):
  return "left" if column < table.names else None


def _group(table, title, rows, shares):
  """Returns the rows of a group below its title."""
  lines = []
  if title:
    width = len(table.heads)
    head = _tag("th", html.escape(title), scope="rowgroup", colspan=width)
    lines.append(_tag("tr", head))
  for i, row in enumerate(rows):
    cells = [_tag("th", html.escape(row[0].text), scope="row")]
    for j, cell in enumerate(row[1:], 1):
      style = "--share: %.2f" % (0.65 * shares[i][j - 1]) if shares else None
      classes = _side(j, table) or ("heat" if shares else None)
      if cell.text == report_tables.MISSING:
        classes = "none"
      cells.append(_tag("td", _cell(cell), class_=classes, style=style))
    lines.append(_tag("tr", "".join(cells)))
  return _tag("tbody", "\n".join(lines))


def _cell(cell):
  """Returns a cell's text; a score breaks before its "(n = 5)" only."""
  text = html.escape(cell.text)
  score = _SCORE.fullmatch(text)
  if score:
    text = _tag("span", score[1], class_="whole") + " "
    text += _tag("span", score[2], class_="whole note")
  if cell.best:
    text = _tag("strong", text)
  return text + (_tag("sup", str(cell.note)) if cell.note else "")


def _scores(board):
  """Returns the table of scores and the notes on it."""
  if not board.rows:
    return _tag("p", "No run has a score.", class_="note")
  notes = map(_list, report_tables.score_notes(board))
  return _table(report_tables.score_table(board)) + "".join(notes)


def _published(board):
  """Returns the tables of published scores and their sources."""
  tables = map(_table, report_tables.published_tables(board))
  pairs = report_tables.sources(board).items()
  heading = _tag("h3", "Sources")
  return "".join(tables) + heading + _list("%s: %s" % pair for pair in pairs)


# ---------------------------------------------------------------------- charts


def _score_chart(board):
  """Returns a chart of one's own scores beside published ones, or ""."""
  rows = []
  for row in board.rows:
    name = row.data_set.name
    cells = {m: board.cells[name, row.metric, m] for m in board.models}
    own = {
      m: (100 * cell.mean, _times_100(cell.deviation))
      for m, cell in cells.items()
      if cell.mean is not None
    }
    published = [
      board.value(name, row.metric, model) for model in board.comparators
    ]
    label = "%s, %s" % (name, row.data_set.metrics[row.metric])
    rows.append((label, own, [100 * v for v in published if v is not None]))
  if not rows:
    return ""
  return _figure(
    charts.scores(rows, board.models, "published", "scores"),
    "Chart of %d scores of %s; the table has the same scores."
    % (len(rows), ", ".join(board.models)),
    "Means of these runs \N{PLUS-MINUS SIGN} standard deviation; published "
    "scores are vertical bars.",
  )


def _times_100(value):
  return None if value is None else 100 * value


def _figure(chart, label, caption):
  chart = _tag("div", chart, role="img", aria_label=label)
  caption = _tag("figcaption", html.escape(caption))
  return _tag("figure", _tag("div", chart, class_="scroll") + caption)


def _comparison(comparisons, models, samples):
  """Returns the table and the chart of two models' differences."""
  notes = _list(report_tables.comparison_notes(comparisons, samples))
  table = report_tables.comparison_table(comparisons, models)
  if not table:
    return notes
  rows = [
    (c.data_set.name,) + tuple(100 * value for value in c.difference[:3])
    for c in comparisons
    if c.difference
  ]
  chart = _figure(
    charts.differences(rows, models[0], models[1], "differences"),
    "Chart of %d differences; the table has the same numbers." % len(rows),
    "Differences x100 with their 95 % intervals.",
  )
  return _table(table) + chart + notes


# ---------------------------------------------------------------------- details


def _all_details(board):
  """Returns a section to unfold for each data set and model."""
  parts = []
  for data_set in board.data_sets:
    for model in board.models:
      runs = [r for r in board.runs_of(data_set, model) if not r.problem]
      if runs:
        parts.append(_details(data_set, model, runs))
  return "\n".join(parts)


def _details(data_set, model, runs):
  """Returns the scores, the classes and the confusion matrix of some runs."""
  number = report_tables.count(len(runs), "run", "runs")
  tables = [_table(_all_scores(results.figures(runs), "over " + number))]
  classes = results.classes(runs)
  if classes:
    tables.append(_table(_class_table(classes, "over " + number)))
  confusion = results.confusion(runs)
  if confusion:
    shares = [
      [count / (sum(row.values()) or 1) for count in row.values()]
      for row in confusion.values()
    ]
    table = _confusion_table(confusion, "over " + number)
    tables.append(_table(table, shares))
  title = "%s, %s (%s)" % (data_set.name, model, number)
  summary = _tag("summary", html.escape(title))
  return _tag("details", summary + "\n".join(tables))


def _all_scores(scores, over):
  """Returns the Table of {name: [value for each run]}."""
  rows = []
  for name, values in scores.items():
    scale = 1 if name == "mse" else 100  # A squared error is no fraction.
    deviation = report_tables.MISSING
    if len(values) > 1:
      deviation = "%.2f" % (scale * np.std(values, ddof=1))
    label = name.replace("_", " ").replace("f1", "F1")
    label += " (not x100)" if scale == 1 else ""
    rows.append([label, "%.2f" % (scale * np.mean(values)), deviation])
  heads = ["score", "mean", "standard deviation"]
  return report_tables.simple_table("All scores, " + over, heads, rows)


def _class_table(classes, over):
  rows = [
    [label]
    + [report_tables.percent(values[k]) for k in ("precision", "recall", "f1")]
    + [str(values[k]) for k in ("gold", "predicted", "correct")]
    for label, values in classes.items()
  ]
  heads = ["class", "precision", "recall", "F1", "gold", "predicted", "correct"]
  caption = "By class: means and total counts " + over
  return report_tables.simple_table(caption, heads, rows)


def _confusion_table(confusion, over):
  rows = [
    [gold] + [str(count) for count in row.values()]
    for gold, row in confusion.items()
  ]
  heads = ["gold \N{RIGHTWARDS ARROW} predicted"] + list(confusion)
  caption = "Confusion matrix, counts " + over
  return report_tables.simple_table(caption, heads, rows)
