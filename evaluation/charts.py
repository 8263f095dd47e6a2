# SPDX-License-Identifier: Apache-2.0
"""Draws the charts of a report as SVG inside a page.

Colours are the page's CSS variables (--ink, --soft, --rule, --series-0 to
--series-7), so charts follow its light and dark themes; letters stay text in
the page's typeface. The same input gives the same SVG.
"""

import io
import re

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Stand in for the page's variables, as matplotlib does not know var(...).
_COLOURS = {"ink": "#010101", "soft": "#020202", "rule": "#030303"}
_COLOURS.update(("series-%d" % i, "#0a0a0%d" % i) for i in range(8))
_MARKERS = "osD^vPX*"  # Series differ in shape too, for the colour-blind.
_STYLE = {
  "svg.fonttype": "none",
  "svg.hashsalt": "report",
  "font.size": 10,
  "text.color": _COLOURS["ink"],
  "axes.edgecolor": _COLOURS["rule"],
  "axes.labelcolor": _COLOURS["ink"],
  "xtick.color": _COLOURS["soft"],
  "ytick.color": _COLOURS["ink"],
  "grid.color": _COLOURS["rule"],
  "legend.labelcolor": _COLOURS["ink"],
}
_WIDTH = 7.2  # inches


def scores(rows, models, others, name):
  """Draws a chart with a line for each row: a mark and a bar for each model.

  Args:
    rows: [(label, {model: (mean, deviation or None)}, [published values])],
      all x100.
    models: their names, in the order of colours.
    others: the name of the published values.
    name: prefix of the ids in the SVG, unique in its page.
  """
  with matplotlib.rc_context(_STYLE):
    step = 0.8 / max(1, len(models))
    figure, axes = _axes([row[0] for row in rows], 0.2 + 0.16 * len(models))
    for y, (_, _, published) in enumerate(rows):
      axes.plot(
        published,
        [y] * len(published),
        linestyle="none",
        marker="|",
        markersize=11,
        color=_COLOURS["soft"],
        label=None if y else _plain(others),
      )
    for i, model in enumerate(models):
      found = [
        (y, row[1][model]) for y, row in enumerate(rows) if model in row[1]
      ]
      shift = (i - (len(models) - 1) / 2) * step
      axes.errorbar(
        [mean for _, (mean, _) in found],
        [y + shift for y, _ in found],
        xerr=[deviation or 0.0 for _, (_, deviation) in found],
        linestyle="none",
        label=_plain(model),
        **_look(i),
      )
    axes.legend(
      loc="lower left",
      bbox_to_anchor=(0, 1),
      ncol=2,
      frameon=False,
      handletextpad=0.4,
    )
    return _svg(figure, name)


def differences(rows, first, second, name):
  """Draws a chart with a line for each row: a difference and its interval.

  Args:
    rows: [(label, difference, low, high)], all x100.
    first: the model that is better to the right of 0.
    second: the one that is better to the left.
    name: see `scores`.
  """
  with matplotlib.rc_context(_STYLE):
    figure, axes = _axes([row[0] for row in rows], 0.32)
    axes.axvline(0, color=_COLOURS["ink"], linewidth=1)
    axes.errorbar(
      [row[1] for row in rows],
      range(len(rows)),
      xerr=[
        [row[1] - row[2] for row in rows],
        [row[3] - row[1] for row in rows],
      ],
      linestyle="none",
      **_look(0),
    )
    axes.set_xlabel(
      "\N{LEFTWARDS ARROW} %s better | %s better \N{RIGHTWARDS ARROW}"
      % (_plain(second), _plain(first))
    )
    return _svg(figure, name)


def _plain(text):
  """Escapes dollar signs, which would begin a formula."""
  return text.replace("$", r"\$")


def _look(i):
  """Returns the style of a series' marks and bars."""
  colour = _COLOURS["series-%d" % (i % 8)]
  return {
    "marker": _MARKERS[i % 8],
    "color": colour,
    "ecolor": colour,
    "markersize": 6,
    "capsize": 2.5,
    "elinewidth": 1.4,
  }


def _axes(labels, height):
  """Returns (figure, axes) with a line of `height` inches for each label."""
  figure = Figure(figsize=(_WIDTH, 1.0 + height * len(labels)))
  FigureCanvasSVG(figure)
  axes = figure.add_subplot()
  axes.set_yticks(range(len(labels)))
  axes.set_yticklabels(map(_plain, labels))
  axes.set_ylim(len(labels) - 0.4, -0.6)
  axes.grid(axis="x")
  axes.set_axisbelow(True)
  axes.tick_params(length=0)
  for side in ("top", "right", "left"):
    axes.spines[side].set_visible(False)
  return figure, axes


def _svg(figure, name):
  """Returns a figure as an <svg> element, hidden from screen readers."""
  target = io.BytesIO()
  figure.savefig(
    target,
    format="svg",
    transparent=True,
    bbox_inches="tight",
    metadata={"Date": None},
  )
  text = target.getvalue().decode("utf-8")
  text = text[text.index("<svg") :].strip()
  text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
  text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
  text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
  text = re.sub(r'\bid="', 'id="%s-' % name, text)
  text = re.sub(r'(href="|url\()#', r"\1#%s-" % name, text)
  text = re.sub(r"font: (\S+) [^;\"]*", r"font: \1 system-ui, sans-serif", text)
  for variable, colour in _COLOURS.items():
    text = text.replace(colour, "var(--%s)" % variable)
  return text.replace("<svg ", '<svg aria-hidden="true" ', 1)
