# SPDX-License-Identifier: Apache-2.0
"""Reads tables of texts that have any number of labels each.

Three notations are told apart by content: 0_1,1_0,... (every aspect with 1 or
0, BLURB), names with commas between them (BLUE), and a column of 0 and 1 for
each label. Gold is a dict {label: whether the text has it}; names tell of those
it has alone, the other two notations tell of all.
"""

import re

from common.errors import InputError
from common.errors import shorten
from common.text import decode
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


def parse(data, path, columns, gold, split, names=()):
  """Returns the rows of a table as pairs of a tables.Record and its gold.

  Args:
    data: the file's bytes.
    path: its name.
    columns: {name: spellings} of the id and the text, named id and sentence.
    gold: {"labels": spellings} of the column that has all labels.
    split: "train" and "dev" must have labels; of a "test" without them the
      gold is None throughout.
    names: of the aspects from 0 on, where a row has as many; else an aspect's
      name is its number.

  Raises:
    InputError: see tables.parse; and for labels in no notation.
  """
  data = without_surplus_name(data)
  first, second = _first_rows(data, path)
  known = [spelling for group in columns.values() for spelling in group]
  flags = _flag_columns(first, second, known, gold["labels"])
  wanted = {name: (name.lower(),) for name in flags} or gold
  records = tables.parse(
    data,
    path,
    dict(columns, **wanted),
    _layouts(first, split),
    ["id", "labels"],
    ["labels"],
  )
  pairs = [(record, _gold(record, flags, names)) for record in records]
  without = [record for record, labels in pairs if labels is None]
  if without and (split != "test" or len(without) < len(pairs)):
    raise InputError(
      "%s: found no labels, expected a column labels, or one of 0 and 1 for "
      "each label" % without[0].place
    )
  return pairs


def without_surplus_name(data):
  """Returns a table without a column that only its header has.

  BLUE's create_hoc.py writes index, sentence1, sentence2, label above rows of
  an index, a sentence and its labels.
  """
  head, feed, rest = data.partition(b"\n")
  names, cells = head.split(b"\t"), rest.partition(b"\n")[0].split(b"\t")
  if b"sentence2" not in names or len(cells) != len(names) - 1:
    return data
  names.remove(b"sentence2")
  return b"\t".join(names) + feed + rest


def document_of(name):
  """Returns the document of a sentence's id: 123_s0 and 123_0 -> 123."""
  return re.sub(r"(?<=.)_s\d+$|(?<=\d)_\d+$", "", name)


def order(label):
  """Returns what labels are sorted by: aspects by number, names by name."""
  return int(label) if label.isdecimal() else 0, label


def _first_rows(data, path):
  """The cells of a table's first two rows, [""] for none."""
  lines = [line for line in decode(data, path).split("\n") if line.strip()]
  return [line.rstrip("\r").split("\t") for line in (lines + ["", ""])[:2]]


def _flag_columns(first, second, known, gold):
  """The names of a header's 0/1 columns; [] if it has none.

  They are the columns that are not otherwise known and hold 0 or 1 in the row
  below. `gold` are spellings of the column that would have all labels in it.
  """
  names = [name.strip() for name in first]
  spelt = {name.lower() for name in names}
  if not spelt.intersection(known) or spelt.intersection(gold):
    return []
  return [
    name
    for name, cell in zip(names, second)
    if name.lower() not in known and cell.strip() in ("0", "1")
  ]


def _layouts(cells, split):
  """The orders of columns without a header, told by the first row.

  BLURB's labels, sentence, id is the other order's reverse.
  """
  orders = {2: ("sentence", "labels"), 3: ("id", "sentence", "labels")}
  if _FIRST_ASPECT.match(cells[0]) or _SENTENCE_ID.fullmatch(cells[-1]):
    orders = {size: columns[::-1] for size, columns in orders.items()}
  if split == "test":
    orders[1] = ("sentence",)
  return orders


def _gold(record, flags, names):
  """The gold of a row: of its 0/1 columns, if it has any, or of one cell."""
  if not flags:
    cell = record.values["labels"]
    return None if cell is None else _listed(cell, record.place, names)
  cells = {name: record.values[name].strip() for name in flags}
  for name, cell in cells.items():
    if cell not in ("0", "1"):
      raise InputError(
        "%s: found %s under %s, expected 0 or 1"
        % (record.place, shorten(cell), name)
      )
  return {name: cell == "1" for name, cell in cells.items()}


def _listed(text, place, names):
  """The gold of a cell with names or aspects."""
  found = [name.strip() for name in text.split(",") if name.strip()]
  if not found or not _ASPECT.fullmatch(found[0]):
    return {name: True for name in found}
  aspects = [_ASPECT.fullmatch(name) for name in found]
  if not all(a and a.group(2) in ("0", "1") for a in aspects):
    raise InputError(
      "%s: found the labels %s, expected aspects with 0 or 1, such as 0_1,1_0"
      % (place, shorten(text))
    )
  gold = {a.group(1): a.group(2) == "1" for a in aspects}
  if set(gold) == set(map(str, range(len(names)))):
    return {names[int(aspect)]: has for aspect, has in gold.items()}
  return gold
