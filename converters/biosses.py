# SPDX-License-Identifier: Apache-2.0
"""BIOSSES: similarity, 0 to 4, of sentences (Sogancioglu et al. 2017)."""

from common.errors import InputError
from common.errors import shorten
from converters.shared import corpus
from converters.shared import examples
from converters.shared import pairs
from converters.shared import splits
from converters.shared import word_tables
from formats import annotated

PUBLISHED = corpus.Published(
  counts={"biosses": {"rows": {"train": 64, "dev": 16, "test": 20}}},
  certain=("rows",),
  source="BLUE and BLURB, which share the split",
)


def convert(source, options, report):
  """Returns a row for each pair; its label is the annotators' mean score."""
  texts = _read_table(source, "Annotation-Pairs.docx", 3, report)
  scores = _read_table(source, "Annotator-Scores.docx", 6, report)
  rows = []
  for i in sorted(set(texts) | set(scores)):
    with report.skipping("pairs that do not fit (skipped)"):
      if i not in texts or i not in scores:
        raise InputError(
          "%s: found pair %d in only one of Annotation-Pairs.docx and "
          "Annotator-Scores.docx, expected the same pairs in both"
          % (source.folder, i)
        )
      rows.append(
        examples.Row(str(i), str(i), _texts(texts[i]), _mean(scores[i]))
      )
  return splits.published("biosses", rows, source, options, report)


def write(rows, options):
  """Returns the files in BLURB's or BLUE's layout."""
  if options.layout == "blue":
    return pairs.blue(rows, "biomedical", "BIOSSES", "2017")
  return pairs.blurb(rows)


def _read_table(source, name, columns, report):
  """Returns {pair number: (place, the cells after it)} of a table."""
  data, path = source.read("table of pairs", name)
  found = {}
  for table in word_tables.parse(data, path):
    for number, cells in enumerate(table[1:], 2):
      place = "%s, table row %d" % (path, number)
      with report.skipping("table rows that do not fit (skipped)"):
        if len(cells) != columns:
          raise InputError(
            "%s: found %d cells, expected %d" % (place, len(cells), columns)
          )
        pair = annotated.whole_number(cells[0], "number of a pair", place)
        if pair in found:
          raise InputError(
            "%s: found pair %d twice, expected each once" % (place, pair)
          )
        found[pair] = place, cells[1:]
  if not found:
    raise InputError("%s: found no table with rows, expected one" % path)
  return found


def _texts(row):
  place, cells = row
  if not all(cell.strip() for cell in cells):
    raise InputError("%s: found an empty cell, expected a sentence" % place)
  return tuple(" ".join(cell.split()) for cell in cells)


def _mean(row):
  place, cells = row
  values = [pairs.score(cell, 4, place) for cell in cells]
  if len(values) != 5:
    raise InputError(
      "%s: found the scores %s, expected five" % (place, shorten(str(cells)))
    )
  return "%.1f" % (sum(values) / len(values))
