# SPDX-License-Identifier: Apache-2.0
"""Reads tables of texts with any number of labels each.

The content decides between the notations: 0_1,1_0,... (every aspect with 1 or
0, BLURB), names separated by commas (BLUE), the same two as a list of Python or
JSON, ["a", "b"] or [0, 1], and a column of 0 and 1 for each label. Gold is a
dict {label: whether the text has it}. Names are only those of labels that a
text has; the other notations list all labels.
"""

import re

from common.errors import InputError
from common.errors import shorten
from formats import tables

# The aspects 0 to 9 of Hallmarks of Cancer.
HALLMARKS = (
  "activating invasion and metastasis",
  "avoiding immune destruction",
  "cellular energetics",
  "enabling replicative immortality",
  "evading growth suppressors",
  "genomic instability and mutation",
  "inducing angiogenesis",
  "resisting cell death",
  "sustaining proliferative signaling",
  "tumor promoting inflammation",
)

_ASPECT = re.compile(r"(\d+)_(-?\d+)")  # 7_1: the text has the aspect 7.
_FIRST_ASPECT = re.compile(r"0_[01](,|$)")
_SENTENCE_ID = re.compile(r"\S+_s\d+")
_FLAGS = {"1": True, "1.0": True, "true": True}
_FLAGS.update({"0": False, "0.0": False, "false": False})
_BIT = {"1": True, "1.": True, "0": False, "0.": False, **_FLAGS}
# A list as Python, NumPy and JSON write it; of sets and tuples too.
_LIST = re.compile(
  r"[\[({]\s*(?:(?:'[^']*'|\"[^\"]*\")[\s,]*)*[\])}]|\[[^'\"\[\]]*\]|set\(\)"
)
_ITEM = re.compile(r"'([^']*)'|\"([^\"]*)\"|([^\s,'\"\[\](){}][^,'\"\[\]]*)")


def parse(data, path, columns, gold, split, names=()):
  """Returns the rows of a table as pairs of a tables.Record and its gold.

  Args:
    data, path: the file's bytes and its name, for error messages.
    columns: {name: spellings} of the columns "id" and "sentence".
    gold: {"labels": spellings} of the column that lists all labels.
    split: "train" and "dev" must have labels; without labels in "test", gold
      is None in every row.
    names: names of the aspects from 0 on, used if a row has as many; otherwise
      an aspect's name is its number.

  Raises:
    InputError: see tables.parse; also labels in none of the notations.
  """
  rows = fix_header(tables.read_rows(data, path, dict(columns, **gold)))
  flags = _flag_columns(rows, columns, gold["labels"])
  wanted = {name: (name.lower(),) for name in flags} or gold
  records = tables.records(
    rows,
    path,
    dict(columns, **wanted),
    _layouts(rows, split),
    ["id", "labels"],
    ["labels"],
    "labels",
  )
  pairs = list(zip(records, _read_gold(records, flags, names)))
  without = [record for record, labels in pairs if labels is None]
  if without and (split != "test" or len(without) < len(pairs)):
    raise InputError(
      "%s: found no labels, expected a column labels, or one of 0 and 1 for "
      "each label" % without[0].place
    )
  return pairs


def fix_header(rows):
  """Returns the tables.Rows of a file after mending their header.

  Removes a column that only the header has: BLUE's create_hoc.py writes the
  header index, sentence1, sentence2, label above rows of an index, a sentence
  and its labels.
  """
  if len(rows) > 1 and isinstance(rows[0].cells, list):
    names, below = rows[0].cells, rows[1].cells
    if "sentence2" in names and len(below) == len(names) - 1:
      names = [name for name in names if name != "sentence2"]
      rows[0] = rows[0]._replace(cells=names)
  return rows


def names_in(cell):
  """Returns the names of labels in a cell that a text has."""
  if _LIST.fullmatch(cell.strip()):
    items = _ITEM.findall(cell.strip()[1:-1])
    return [name.strip() for item in items for name in item if name.strip()]
  return [name.strip() for name in cell.split(",") if name.strip()]


def document_of(name):
  """Returns the document's part of a sentence id: 123_s0 and 123_0 -> 123."""
  return re.sub(r"(?<=.)_s\d+$|(?<=\d)_\d+$", "", name)


def order(label):
  """Returns a sort key: aspects by number, names by name."""
  return int(label) if label.isdecimal() else 0, label


def _flag_columns(rows, columns, gold):
  """Returns the names of a header's 0/1 columns; [] if it has none.

  These are the columns without another meaning that hold 0 or 1 in the row
  below. A header with a column of all labels (`gold`, its spellings) has none.
  """
  if len(rows) < 2 or not isinstance(rows[0].cells, list):
    return []
  known = {spelling for group in columns.values() for spelling in group}
  names = [name.strip() for name in rows[0].cells]
  spelt = {name.lower() for name in names}
  if not spelt.intersection(known) or spelt.intersection(gold):
    return []
  return [
    name
    for name, cell in zip(names, rows[1].cells)
    if name.lower() not in known.union(tables.INDEX)
    and cell.strip().lower() in _FLAGS
  ]


def _layouts(rows, split):
  """Returns the layouts of a table without a header, by its first row.

  BLURB's order (labels, sentence, id) is the reverse of the other.
  """
  orders = {2: ("sentence", "labels"), 3: ("id", "sentence", "labels")}
  cells = list(rows[0].cells) if rows else [""]
  if _FIRST_ASPECT.match(cells[0]) or _SENTENCE_ID.fullmatch(cells[-1]):
    orders = {size: columns[::-1] for size, columns in orders.items()}
  if split == "test":
    orders[1] = ("sentence",)
  return orders


def _read_gold(records, flags, names):
  """Returns the gold of each Record, from its 0/1 columns or cell of labels."""
  if flags:
    return [_from_flags(record, flags) for record in records]
  cells = [record.values["labels"] for record in records]
  bits = _read_bits(cells)
  if bits:
    numbers = range(len(bits[0]))
    return [_named(dict(zip(map(str, numbers), row)), names) for row in bits]
  return [
    None if cell is None else _parse_labels(cell, record.place, names)
    for cell, record in zip(cells, records)
  ]


def _from_flags(record, flags):
  """Returns the gold in the 0/1 columns of a Record."""
  cells = {name: record.values[name].strip() for name in flags}
  for name, cell in cells.items():
    if cell.lower() not in _FLAGS:
      raise InputError(
        "%s: found %s under %s, expected 0 or 1"
        % (record.place, shorten(cell), name)
      )
  return {name: _FLAGS[cell.lower()] for name, cell in cells.items()}


def _read_bits(cells):
  """Returns lists of whether each label applies; None if these are none.

  [1, 0, 1] is such a list if all cells are of the same length. Without
  brackets, a number must repeat in one: 1,0 could be the names of two labels.
  """
  rows = [
    re.split(r"[\s,]+", cell.strip().lstrip("[").rstrip("]").strip())
    for cell in cells
    if cell is not None
  ]
  if len(rows) < len(cells) or len({len(row) for row in rows}) != 1:
    return None
  if len(rows[0]) < 2 or not all(set(row) <= set(_BIT) for row in rows):
    return None
  if not all(cell.strip().startswith("[") for cell in cells):
    if not any(len(set(row)) < len(row) for row in rows):
      return None
  return [[_BIT[bit] for bit in row] for row in rows]


def _parse_labels(text, place, names):
  """Returns the gold of a cell of names or aspects."""
  found = names_in(text)
  if not found or not _ASPECT.fullmatch(found[0]):
    return {name: True for name in found}
  aspects = [_ASPECT.fullmatch(name) for name in found]
  if not all(a and a.group(2) in ("0", "1") for a in aspects):
    raise InputError(
      "%s: found the labels %s, expected aspects with 0 or 1, such as 0_1,1_0"
      % (place, shorten(text))
    )
  return _named({a.group(1): a.group(2) == "1" for a in aspects}, names)


def _named(gold, names):
  """Returns gold with the names of its aspects if there is one for each."""
  if set(gold) == set(map(str, range(len(names)))):
    return {names[int(aspect)]: has for aspect, has in gold.items()}
  return gold
