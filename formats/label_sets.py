# SPDX-License-Identifier: Apache-2.0
"""Reads tables of texts with any number of labels each.

The content decides between three notations: 0_1,1_0,... (every aspect with 1
or 0, BLURB), names separated by commas (BLUE), and a column of 0 and 1 for each
label. Gold is a dict {label: whether the text has it}. The notation of names
lists only the labels that a text has; the other two list all labels.
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
  """Removes a column that only the header of a table has.

  BLUE's create_hoc.py writes the header index, sentence1, sentence2, label
  above rows of an index, a sentence and its labels.
  """
  head, feed, rest = data.partition(b"\n")
  names, cells = head.split(b"\t"), rest.partition(b"\n")[0].split(b"\t")
  if b"sentence2" not in names or len(cells) != len(names) - 1:
    return data
  names.remove(b"sentence2")
  return b"\t".join(names) + feed + rest


def document_of(name):
  """Returns the document's part of a sentence id: 123_s0 and 123_0 -> 123."""
  return re.sub(r"(?<=.)_s\d+$|(?<=\d)_\d+$", "", name)


def order(label):
  """Returns a sort key: aspects by number, names by name."""
  return int(label) if label.isdecimal() else 0, label


def _first_rows(data, path):
  """Returns the cells of a table's first two rows, [""] for a missing one."""
  lines = [line for line in decode(data, path).split("\n") if line.strip()]
  return [line.rstrip("\r").split("\t") for line in (lines + ["", ""])[:2]]


def _flag_columns(first, second, known, gold):
  """Returns the names of a header's 0/1 columns; [] if it has none.

  These are the columns without another meaning that hold 0 or 1 in the row
  below. A header with a column of all labels (`gold`, its spellings) has none.
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
  """Returns the layouts of a table without a header, by its first row.

  BLURB's order (labels, sentence, id) is the reverse of the other.
  """
  orders = {2: ("sentence", "labels"), 3: ("id", "sentence", "labels")}
  if _FIRST_ASPECT.match(cells[0]) or _SENTENCE_ID.fullmatch(cells[-1]):
    orders = {size: columns[::-1] for size, columns in orders.items()}
  if split == "test":
    orders[1] = ("sentence",)
  return orders


def _gold(record, flags, names):
  """Returns the gold of a row, from its 0/1 columns or its cell of labels."""
  if not flags:
    cell = record.values["labels"]
    return None if cell is None else _parse_labels(cell, record.place, names)
  cells = {name: record.values[name].strip() for name in flags}
  for name, cell in cells.items():
    if cell not in ("0", "1"):
      raise InputError(
        "%s: found %s under %s, expected 0 or 1"
        % (record.place, shorten(cell), name)
      )
  return {name: cell == "1" for name, cell in cells.items()}


def _parse_labels(text, place, names):
  """Returns the gold of a cell of names or aspects."""
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
