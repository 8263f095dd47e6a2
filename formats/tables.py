# SPDX-License-Identifier: Apache-2.0
"""Reads and writes tables of texts: tab-separated columns and JSON lines.

Files are read from bytes; a path only names the file in error messages. There
is no quoting: a quotation mark is a character like any other, as in all corpora
of the benchmark. Blank lines are ignored.
"""

import collections
import json
import re

from common.errors import InputError
from common.errors import shorten
from common.text import check_whole
from common.text import decode
from common.text import parse_json_line

# `place` is "file:line", for messages; `line` counts from 1; `values` maps the
# names of columns to strings, or to None where a row has no value.
Record = collections.namedtuple("Record", "place line values")


def parse(data, path, columns, layouts, optional=(), lists=()):
  """Returns the rows of a table as a list of Record.

  The first row is a header if one of its cells is a known spelling of a
  column's name; otherwise the number of cells decides the order of columns.
  JSON lines ({"name": value}) are recognized by their first character and use
  the same names. Other columns are ignored.

  Args:
    data, path: the file's bytes and its name, for error messages.
    columns: {name: its spellings in lower case}.
    layouts: {number of cells: names of the columns in order, None for a column
      to ignore}, for tables without a header.
    optional: names of columns that may be missing, or empty in a row.
    lists: names of columns that JSON may hold as a list of strings; they are
      joined with commas.

  Raises:
    InputError: the file has no rows, or a row is malformed.
  """
  lines = decode(data, path).split("\n")
  rows = [
    ("%s:%d" % (path, number), number, line.rstrip("\r"))
    for number, line in enumerate(lines, 1)
    if line.strip()
  ]
  if not rows:
    raise InputError(
      "%s: found no rows, the file is empty, expected %s"
      % (path, _describe(columns, layouts))
    )
  if rows[0][2].lstrip().startswith("{"):
    records = [_from_json(row, columns, lists) for row in rows]
  else:
    records = _from_cells(rows, columns, layouts, optional)
    if not records:
      raise InputError("%s: found a header and no rows below it" % path)
  for record in records:
    _check(record, optional)
  return records


def to_tsv(header, rows):
  """Returns a table of strings and numbers as text, with its header.

  Floats get six decimals; white space inside a cell becomes a single space, so
  that every row is one line.
  """
  lines = [header] + [[_cell(value) for value in row] for row in rows]
  return "".join("\t".join(cells) + "\n" for cells in lines)


def to_jsonl(header, rows):
  """Returns the table as JSON lines, with texts as they are."""
  return "".join(
    json.dumps(dict(zip(header, row)), ensure_ascii=False) + "\n"
    for row in rows
  )


def _from_cells(rows, columns, layouts, optional):
  """Returns the Records of tab-separated lines."""
  cells = [line.split("\t") for _, _, line in rows]
  names = _parse_header(cells[0], columns)
  if names:
    missing = [n for n in columns if n not in names and n not in optional]
    if missing:
      raise InputError(
        "%s: found the header %s, expected also %s"
        % (
          rows[0][0],
          ", ".join(cells[0]),
          ", ".join("/".join(columns[n]) for n in missing),
        )
      )
    rows, cells = rows[1:], cells[1:]
    expected = "%d as in the header" % len(names)
  else:
    names = layouts.get(len(cells[0]))
    if names is None:
      raise InputError(
        "%s: found %s, expected %s"
        % (rows[0][0], _count(cells[0]), _describe(columns, layouts))
      )
    expected = "%d as in line %d" % (len(names), rows[0][1])
  records = []
  for (place, line, _), row in zip(rows, cells):
    if len(row) != len(names):
      raise InputError(
        "%s: found %s, expected %s" % (place, _count(row), expected)
      )
    values = {n: None for n in columns}
    values.update((n, cell) for n, cell in zip(names, row) if n)
    records.append(Record(place, line, values))
  return records


def _parse_header(cells, columns):
  """Returns the names of a header's columns, None for unknown ones.

  Returns None if the cells are no header at all.
  """
  spelt = {s: name for name, spellings in columns.items() for s in spellings}
  names = [spelt.get(cell.strip().lower()) for cell in cells]
  return names if any(names) else None


def _from_json(row, columns, lists):
  """Returns the Record of a JSON object."""
  place, line, text = row
  found = parse_json_line(text, place)
  if not isinstance(found, dict):
    raise InputError(
      "%s: found %s, expected an object" % (place, shorten(text))
    )
  found = {key.lower(): value for key, value in found.items()}
  values = {}
  for name, spellings in columns.items():
    value = next((found[s] for s in spellings if s in found), None)
    if name in lists and isinstance(value, list):
      value = ",".join(map(str, value))
    if not isinstance(value, (str, int, float, type(None))):
      raise InputError(
        "%s: found %s under %s, expected a string or a number"
        % (place, shorten(json.dumps(value)), "/".join(spellings))
      )
    values[name] = None if value is None else str(value)
    check_whole(values[name] or "", place)
  return Record(place, line, values)


def _check(record, optional):
  """Raises InputError if a row lacks a required value."""
  for name, value in record.values.items():
    if name not in optional and not (value or "").strip():
      raise InputError(
        "%s: found no %s, expected one in every row" % (record.place, name)
      )


def _describe(columns, layouts):
  """Returns a description of the expected table, for error messages."""
  orders = [
    ", ".join(name or "(anything)" for name in layouts[size])
    for size in sorted(layouts)
  ]
  header = "a header with " + ", ".join(
    "/".join(spellings[:2]) for spellings in columns.values()
  )
  if not orders:
    return header + ", or JSON lines"
  return "%s, or without one the columns %s" % (header, " or ".join(orders))


def _count(cells):
  return "1 column" if len(cells) == 1 else "%d columns" % len(cells)


def _cell(value):
  if isinstance(value, float):
    return "%.6f" % value
  return re.sub(r"\s+", " ", str(value))
