# SPDX-License-Identifier: Apache-2.0
"""Writes a scoreboard as a page to look at.

It takes a scoreboard.Board and the scoreboard.Comparisons of two models ([]
without). Scores are x100 with two decimals.
"""

import collections
import html

import numpy as np

from common import html_page
from evaluation import charts
from evaluation import results
from evaluation import scoreboard
from evaluation import shown

_CLASS_HEADS = ["precision", "recall", "f1", "gold", "predicted", "correct"]
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
body { max-width: 70rem; line-height: 1.55; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
p, ul, ol { margin: 0 0 .75rem; max-width: 46rem; }
ul, ol { padding-left: 1.25rem; }
.note, .notes, figcaption { color: var(--soft); font-size: .9rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0;
  list-style: none; }
a { color: var(--series-0); }
.scroll { overflow-x: auto; margin: 0 0 1rem; border: 1px solid var(--rule);
  border-radius: .4rem; }
.scroll:focus-visible { outline: 2px solid var(--series-0); }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.35;
  font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption { text-align: left; padding: .5rem .6rem; color: var(--soft); }
th, td { padding: .35rem .6rem; text-align: right; white-space: nowrap;
  border-top: 1px solid var(--rule); vertical-align: bottom; }
th { font-weight: 600; }
thead th { white-space: normal; min-width: 4.5rem; max-width: 9rem;
  border-top: 0; }
thead .group { text-align: left; color: var(--soft); max-width: none; }
th[scope=row], th[scope=rowgroup], .left { text-align: left; }
th[scope=rowgroup], tr.family td { background: var(--band); }
.main th[scope=row], .main th[scope=rowgroup], .main .corner {
  position: sticky; left: 0; background: var(--paper); z-index: 1; }
.main th[scope=rowgroup] { background: var(--band); }
th[scope=row] { font-weight: 400; }
@media (max-width: 40rem) { th[scope=row] { white-space: normal;
  min-width: 6.5rem; } }
td.first { border-left: 1px solid var(--rule); }
td.none { color: var(--soft); }
td.wrap { white-space: normal; }
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
_BODY = """<p class="note">{summary}</p>
<nav aria-label="Sections"><ul>
{links}
</ul></nav>
<main>
{sections}
</main>"""


def to_html(board, comparisons, models, samples):
  """Returns a page complete in itself; see to_markdown."""
  sections = collections.OrderedDict()
  sections["Scores"] = _main_table(board)
  sections["By data set"] = _score_chart(board)
  if comparisons:
    sections["%s against %s" % models] = _comparison(
      comparisons, models, samples
    )
  sections["By class"] = _all_details(board)
  if board.problems:
    sections["Not counted"] = _list(board.problems)
  sections["Sources"] = _list(
    "%s: %s" % pair for pair in shown.sources_of(board).items()
  )
  pairs = list(enumerate(sections.items()))
  body = _BODY.format(
    summary=html.escape(_summary(board)),
    links="\n".join(
      '<li><a href="#part-%d">%s</a></li>' % (i, html.escape(title))
      for i, (title, _) in pairs
    ),
    sections="\n".join(
      '<section id="part-%d">\n<h2>%s</h2>\n%s\n</section>'
      % (i, html.escape(title), content)
      for i, (title, content) in pairs
    ),
  )
  return html_page.page(shown.TITLE, _STYLE, body)


def _summary(board):
  """What there is, in a line."""
  there = {key[0] for key, cell in board.cells.items() if cell.n}
  failed = sum(run.problem is not None for run in board.runs)
  return "%s (%s), %s with scores, %s, %d of them without figures." % (
    shown.counted(len(board.models), "model", "models"),
    ", ".join(board.models),
    shown.counted(len(there), "data set", "data sets"),
    shown.counted(len(board.runs), "run", "runs"),
    failed,
  )


def _tag(name, text, **attributes):
  """An element; `class_` and the like lose their underscore."""
  written = "".join(
    ' %s="%s"' % (key.rstrip("_").replace("_", "-"), html.escape(str(value)))
    for key, value in attributes.items()
    if value is not None
  )
  return "<%s%s>%s</%s>" % (name, written, text, name)


def _list(texts, kind="ul"):
  items = "\n".join(_tag("li", html.escape(text)) for text in texts)
  return '<%s class="notes">\n%s\n</%s>' % (kind, items, kind)


def _scrolled(table, label):
  """A wide table in a frame that scrolls, by the keyboard too."""
  return _tag(
    "div", table, class_="scroll", role="region", tabindex="0", aria_label=label
  )


def _main_table(board):
  """The table and all that is said below it."""
  notes = shown.Notes()
  width = 2 + len(board.models) + len(board.comparators)
  bodies = []
  for family, rows in shown.table_rows(board, notes):
    bodies.append(_body(board, scoreboard.FAMILIES[family], rows, width))
  bodies.append(_body(board, "BLURB", shown.blurb_rows(board, notes), width))
  table = _tag(
    "table",
    _tag(
      "caption", "Test sets; x100; mean \N{PLUS-MINUS SIGN} standard deviation"
    )
    + _main_head(board)
    + "\n".join(bodies),
    class_="main",
  )
  parts = [_scrolled(table, "Scores of all models on all data sets")]
  if notes.texts:
    parts.append(_list(notes.texts, "ol"))
  parts += [_list(texts) for texts in shown.remarks(board)]
  return "\n".join(parts)


def _main_head(board):
  groups = [
    _tag("th", "Data set", scope="col", rowspan=2, class_="left corner"),
    _tag("th", "Metric", scope="col", rowspan=2, class_="left"),
    _tag(
      "th",
      "These runs",
      scope="colgroup",
      colspan=len(board.models),
      class_="group",
    ),
  ]
  if board.comparators:
    groups.append(
      _tag(
        "th",
        "Published",
        scope="colgroup",
        colspan=len(board.comparators),
        class_="group",
      )
    )
  names = [
    _tag("th", html.escape(name), scope="col")
    for name in board.models + board.comparators
  ]
  rows = _tag("tr", "".join(groups)) + _tag("tr", "".join(names))
  return _tag("thead", rows)


def _body(board, title, rows, width):
  """The rows of a family under its title."""
  lines = [
    _tag(
      "tr",
      _tag("th", html.escape(title), scope="rowgroup")
      + _tag("td", "", colspan=width - 1),
      class_="family",
    )
  ]
  for name, metric, row in rows:
    cells = [
      _tag("th", html.escape(name), scope="row"),
      _tag("td", html.escape(metric), class_="left"),
    ]
    for i, cell in enumerate(row):
      classes = ["first"] if i in (0, len(board.models)) else []
      classes += ["none"] if cell.text == shown.MISSING else []
      classes += ["wrap"] if "incomplete" in cell.text else []
      cells.append(
        _tag("td", _html_cell(cell), class_=" ".join(classes) or None)
      )
    lines.append(_tag("tr", "".join(cells)))
  return _tag("tbody", "\n".join(lines))


def _html_cell(cell):
  text = html.escape(cell.text)
  if cell.best:
    text = _tag("strong", text)
  if cell.footnote is not None:
    text += _tag("sup", str(cell.footnote))
  return text


def _score_chart(board):
  """The scores that one's own runs have, as a chart."""
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
      board.value(name, row.metric, column) for column in board.comparators
    ]
    if own:
      label = "%s, %s" % (name, row.data_set.metrics[row.metric])
      rows.append((label, own, [100 * v for v in published if v is not None]))
  if not rows:
    return _tag("p", "No score to draw.", class_="note")
  chart = charts.scores(rows, board.models, "published", "scores")
  return _figure(
    chart,
    "Chart of %d scores of %s; the table has the same figures."
    % (len(rows), ", ".join(board.models)),
    "Means of these runs with a standard deviation to either side, and "
    "published scores as bars without names: the table has both. Data sets "
    "without runs are left out here.",
  )


def _times_100(value):
  return None if value is None else 100 * value


def _figure(chart, label, caption):
  return _tag(
    "figure",
    _tag(
      "div", _tag("div", chart, role="img", aria_label=label), class_="scroll"
    )
    + _tag("figcaption", html.escape(caption)),
  )


def _comparison(comparisons, models, samples):
  """The table and the chart of two models' differences."""
  rows = shown.comparison_rows(comparisons)
  parts = []
  if rows:
    heads = (
      shown.COMPARISON_HEADS[:2] + list(models) + shown.COMPARISON_HEADS[4:]
    )
    parts.append(
      _scrolled(
        _table(heads, rows, "Difference: %s less %s, x100" % models),
        "Differences of %s and %s" % models,
      )
    )
    chart = charts.differences(
      [
        (c.data_set.name,) + tuple(100 * value for value in c.difference[:3])
        for c in comparisons
        if c.difference
      ],
      models[0],
      models[1],
      "differences",
    )
    parts.append(
      _figure(
        chart,
        "Chart of %d differences; the table has the same figures." % len(rows),
        "Differences x100 with their 95 % intervals.",
      )
    )
  parts.append(_list(shown.comparison_notes(comparisons, samples)))
  return "\n".join(parts)


def _table(heads, rows, caption, shares=None):
  """A plain table; the first column names the row.

  Args:
    heads: of the columns.
    rows: of cells as text.
    caption: its title.
    shares: for each cell but the first how dark it is, from 0 to 1.
  """
  head = "".join(
    _tag("th", html.escape(h), scope="col", class_=None if i else "left")
    for i, h in enumerate(heads)
  )
  lines = []
  for i, (name, *cells) in enumerate(rows):
    line = _tag("th", html.escape(name), scope="row")
    for j, cell in enumerate(cells):
      attributes = {}
      if shares:
        style = "--share: %.2f" % (0.65 * shares[i][j])
        attributes = {"class_": "heat", "style": style}
      line += _tag("td", html.escape(cell), **attributes)
    lines.append(_tag("tr", line))
  return _tag(
    "table",
    _tag("caption", html.escape(caption))
    + _tag("thead", _tag("tr", head))
    + _tag("tbody", "\n".join(lines)),
  )


def _all_details(board):
  """What a fold-out has for each data set and model."""
  parts = []
  for data_set in board.data_sets:
    for model in board.models:
      runs = [r for r in board.runs_of(data_set, model) if not r.problem]
      if runs:
        parts.append(_details(data_set, model, runs))
  return "\n".join(parts)


def _details(data_set, model, runs):
  """The figures, the classes and the confusion matrix of some runs."""
  title = "%s, %s" % (data_set.name, model)
  over = "over " + shown.counted(len(runs), "run", "runs")
  tables = [_figures_table(results.figures(runs), over)]
  classes = results.classes(runs)
  if classes:
    tables.append(_class_table(classes, over))
  confusion = results.confusion(runs)
  if confusion:
    tables.append(_confusion_table(confusion, over))
  return _tag(
    "details",
    _tag(
      "summary",
      html.escape("%s (%s)" % (title, shown.counted(len(runs), "run", "runs"))),
    )
    + "\n".join(_scrolled(table, title) for table in tables),
  )


def _figures_table(figures, over):
  rows = []
  for name, values in figures.items():
    scale = 1 if name == "mse" else 100  # A squared error is no share.
    deviation = shown.MISSING
    if len(values) > 1:
      deviation = "%.2f" % (scale * np.std(values, ddof=1))
    label = name.replace("_", " ").replace("f1", "F1") + (
      " (not x100)" if scale == 1 else ""
    )
    rows.append([label, "%.2f" % (scale * np.mean(values)), deviation])
  heads = ["figure", "mean", "standard deviation"]
  return _table(heads, rows, "All figures, " + over)


def _class_table(classes, over):
  rows = [
    [label]
    + [shown.percent(values[k]) for k in _CLASS_HEADS[:3]]
    + [str(values[k]) for k in _CLASS_HEADS[3:]]
    for label, values in classes.items()
  ]
  heads = ["class"] + [name.replace("f1", "F1") for name in _CLASS_HEADS]
  return _table(heads, rows, "By class: means and total counts " + over)


def _confusion_table(confusion, over):
  rows, shares = [], []
  for gold, row in confusion.items():
    total = sum(row.values()) or 1
    rows.append([gold] + [str(count) for count in row.values()])
    shares.append([count / total for count in row.values()])
  heads = ["gold \N{RIGHTWARDS ARROW} predicted"] + list(confusion)
  return _table(heads, rows, "Confusion matrix, counts " + over, shares)
