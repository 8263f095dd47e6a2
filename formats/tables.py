# SPDX-License-Identifier: Apache-2.0
"""Reads and writes tables of texts: tab-separated columns and JSON.

Files are read from bytes; a path only names the file in error messages. A
quotation mark is a character like any other, as in all corpora of the
benchmark, unless the whole file quotes cells as CSV does. Blank lines are
ignored.
"""

import collections
import functools
import json
import re

from absl import logging

from common.errors import InputError
from common.errors import caught
from common.errors import reject
from common.errors import shorten
from common.text import check_lines
from common.text import check_whole
from common.text import decode
from common.text import parse_json_line
from formats import csv_rows
from formats import streams

# `place` is "file:line", for messages; `line` counts from 1; `values` maps the
# names of columns to strings, or to None where a row has no value.
Record = collections.namedtuple("Record", "place line values")
# A row as in the file: `cells` are a list of strings, or an object of JSON.
Row = collections.namedtuple("Row", "place line cells")

# A cell that CSV encloses in quotation marks, with one of its own doubled.
_CSV_CELL = re.compile(r'"[^"]*(?:""[^"]*)+"')
# What a header's cell looks like.
_NAME = re.compile(r"[^\W\d][\w ()/-]{0,30}")
BLOCK = 1 << 22  # Characters of a large table to read at once.
INDEX = ("", "unnamed: 0")  # How pandas names the column of a table's index.
# Labels and ids have fewer words, unless the texts have more.
_TEXT_WORDS = 3


def parse(
  data, path, columns, layouts, optional=(), lists=(), gold=None, is_gold=None
):
  """Returns the rows of a table as a list of Record.

  The first row is a header if one of its cells is a known spelling of a
  column's name; otherwise the number of cells decides the order of columns.
  JSON lines ({"name": value}) and an array of such objects are recognized by
  their first character and use the same names. Other columns are ignored.

  Args:
    data, path: the file's bytes and its name, for error messages.
    columns: {name: its spellings in lower case}.
    layouts: {number of cells: names of the columns in order, None for a column
      to ignore, or a list of such orders, the preferred one first}, for tables
      without a header.
    optional: names of columns that may be missing, or empty in a row.
    lists: names of columns that JSON may hold as a list or an object, which
      stays JSON.
    gold: name of the column of labels; texts are longer than labels and ids.
    is_gold: function of a cell that recognizes a label; it helps to choose
      between several orders.

  Raises:
    InputError: the file has no rows, or a row is malformed, or the order of the
      columns is another one or unclear.
  """
  rows = read_rows(data, path, columns)
  return records(rows, path, columns, layouts, optional, lists, gold, is_gold)


def read_rows(data, path, columns):
  """Returns a file's bytes as a list of Row; see `parse`.

  Cells are separated by tabs, or by commas or semicolons if the header names a
  column and has no tab.
  """
  text = decode(data, path)
  if text.lstrip()[:1] == "[":
    found = _read_array(text, path)
    if found is not None:
      return found
  check_lines(data, path)
  return _rows_of_text(text, path, columns)


def row_blocks(source, columns, is_array, failed=reject):
  """Yields lists of Rows, each of about BLOCK characters of a file.

  The first rows decide how all of them are read; see `read_rows`.

  Args:
    source: a streams.Source.
    columns: see `parse`.
    is_array: whether it is an array of JSON, which is one list.
    failed: called with the InputError of a row; may return.
  """
  if is_array:
    yield rows_of(_parse_array(source), source.path + ": ", failed)
    return
  rows, size, is_empty = [], 0, True
  for row, length in _sized_rows(source, columns, failed):
    rows.append(row)
    size += length
    if size >= BLOCK:
      yield rows
      rows, size, is_empty = [], 0, False
  if rows or is_empty:
    yield rows


def _parse_array(source):
  return parse_json_line(decode(source.whole(), source.path), source.path)


def _sized_rows(source, columns, failed):
  """Yields (Row, number of its characters) of a file that is no JSON array."""
  head = _first_block(source)
  if head.lstrip()[:1] == "{":
    for number, line in streams.lines(source, failed):
      place = "%s:%d" % (source.path, number)
      with caught(failed):
        if line.strip():
          cells = object_of(parse_json_line(line, place), place)
          yield Row(place, number, cells), len(line)
    return
  delimiter = _find_delimiter(head.lstrip().split("\n")[0], _known(columns))
  read, width = _plain_rows, None
  if _is_csv(head, delimiter):
    read, width = csv_rows.stream, csv_rows.width_of(head, delimiter)
  for line, cells in read(source, delimiter, width, failed):
    place = "%s:%d" % (source.path, line)
    yield Row(place, line, cells), sum(map(len, cells))


def _first_block(source):
  """Returns the first lines of a file, if possible up to the end of a row."""
  lines, size, quotes = [], 0, 0
  for _, line in streams.lines(source, lambda _: None):
    lines.append(line)
    size += len(line)
    quotes += line.count('"')
    if size >= (BLOCK if quotes % 2 == 0 else 2 * BLOCK):
      break
  return "".join(lines)


def _is_csv(head, delimiter):
  """Returns whether the first rows of a table are CSV, perhaps with damage.

  Commas inside of cells, which need CSV's quotes, make its lines uneven.
  """
  if is_quoted(head, delimiter):
    return True
  if delimiter == "\t":
    return False
  if '"' not in head:  # There may be some below.
    return csv_rows.read(head, delimiter) is not None
  return len({len(cells) for _, cells in _split_lines(head, delimiter)}) > 1


def header_of(rows, columns, layouts, optional, gold, is_gold):
  """Returns a list of the Row that tells the columns of a table's other blocks.

  This is its header, or the names of the columns that `records` finds. JSON
  needs none.

  Args:
    rows: those of the first block.
    columns, layouts, optional, gold, is_gold: see `parse`.
  """
  if isinstance(rows[0].cells, dict):
    return []
  if _parse_header(rows, columns):
    return rows[:1]
  names = _choose_order(
    rows, columns, _lists_of(layouts), optional, gold, is_gold
  )
  return [rows[0]._replace(cells=[name or "?" for name in names])]


def _rows_of_text(text, path, columns):
  """Returns the Rows of a table's text, which is no JSON array."""
  if text.lstrip()[:1] == "{":
    lines = enumerate(text.split("\n"), 1)
    places = [("%s:%d" % (path, i), i, line) for i, line in lines]
    return [
      Row(place, i, object_of(parse_json_line(line, place), place))
      for place, i, line in places
      if line.strip()
    ]
  return align(
    [
      Row("%s:%d" % (path, line), line, cells)
      for line, cells in _split(text, path, columns)
    ],
    columns,
  )


def records(
  rows,
  path,
  columns,
  layouts,
  optional=(),
  lists=(),
  gold=None,
  is_gold=None,
  failed=reject,
):
  """Returns the Records of a list of Row; see `parse`.

  `failed` is called with the InputError of a row; it may return.
  """
  layouts = _lists_of(layouts)
  if not rows:
    raise InputError(
      "%s: found no rows, the file is empty, expected %s"
      % (path, _describe(columns, layouts))
    )
  if isinstance(rows[0].cells, dict):
    make = functools.partial(_from_object, columns=columns, lists=lists)
  else:
    rows, make = _below_header(
      rows, path, columns, layouts, optional, (gold, is_gold)
    )
  found = []
  for row in rows:
    with caught(failed):
      record = make(row)
      _check(record, optional)
      found.append(record)
  return found


def _lists_of(layouts):
  """Returns layouts with a list of orders for each number of cells."""
  return {
    width: orders if isinstance(orders, list) else [orders]
    for width, orders in layouts.items()
  }


def stream(source, layout, failed=reject):
  """Yields (line, {column: cell}) of the rows below a table's header.

  Only one row at a time is in memory. Columns are named as in the Layout.

  Args:
    source: a streams.Source.
    layout: its detect.Layout.
    failed: called with the InputError of a row that is damaged or of another
      width; may return.

  Raises:
    InputError: there is no row, or one is malformed.
  """
  line = None
  read_rows = csv_rows.stream if layout.quoted else _plain_rows
  rows = read_rows(source, layout.delimiter, len(layout.names), failed)
  next(rows, None)
  for line, cells in rows:
    yield line, dict(zip(layout.names, cells))
  if line is None:
    raise InputError("%s: found a header and no rows below it" % source.path)


def _plain_rows(source, delimiter, width, failed):
  """Yields (line, cells) of a table without quoting; see csv_rows.stream."""
  may_warn = True
  for line, text in streams.lines(source, failed):
    if not text.strip():
      continue
    place, cells = "%s:%d" % (source.path, line), text.rstrip("\r\n")
    cells = cells.split(delimiter)
    if may_warn and any(map(_CSV_CELL.fullmatch, cells)):
      _warn_of_quotes(place)
      may_warn = False
    with caught(failed):
      csv_rows.reject_width(cells, width or len(cells), place)
      yield line, cells


def to_tsv(rows):
  """Returns the rows of a table, strings and numbers, as text.

  Floats get six decimals; white space inside a cell becomes a single space, so
  that every row is one line.
  """
  return "".join("\t".join(map(_cell, row)) + "\n" for row in rows)


def to_jsonl(header, rows):
  """Returns the table as JSON lines, with texts as they are."""
  return "".join(
    json.dumps(dict(zip(header, row)), ensure_ascii=False) + "\n"
    for row in rows
  )


def _read_array(text, path):
  """Returns the Rows of a JSON array; None if the text is none."""
  try:
    values = parse_json_line(text, path)
  except InputError:
    return None  # A text may begin with a bracket.
  return rows_of(values, path + ": ")


def rows_of(values, place, failed=reject):
  """Returns the Rows of a list of JSON objects; `place` is that of the list.

  `failed` is called with the InputError of a value; it may return.
  """
  rows = []
  for number, value in enumerate(values, 1):
    where = "%s[%d]" % (place, number - 1)
    with caught(failed):
      rows.append(Row(where, number, object_of(value, where)))
  return rows


def object_of(value, place):
  """Returns an object of JSON with its keys in lower case."""
  if not isinstance(value, dict):
    raise InputError(
      "%s: found %s, expected an object" % (place, shorten(json.dumps(value)))
    )
  return {key.lower(): cell for key, cell in value.items()}


def _split(text, path, columns):
  """Returns (line, cells) of the rows of a text."""
  delimiter = _find_delimiter(text.lstrip().split("\n")[0], _known(columns))
  plain = _split_lines(text, delimiter)
  if '"' not in text:
    return plain
  quoted = csv_rows.read(text, delimiter)
  if _is_better(quoted, plain):
    logging.info("%s: read without the quotation marks of CSV", path)
    return quoted
  for line, cells in plain:
    if any(map(_CSV_CELL.fullmatch, cells)):
      _warn_of_quotes("%s:%d" % (path, line))
      break
  return plain


def _known(columns):
  """Returns all spellings of the names of columns."""
  return {spelling for group in columns.values() for spelling in group}


def _warn_of_quotes(place):
  logging.warning(
    "%s: found a cell quoted as in CSV, but other quotation marks of this file "
    "are not CSV's; all of them stay in the texts",
    place,
  )


def is_quoted(text, delimiter):
  """Returns whether a table quotes cells as CSV does."""
  return '"' in text and _is_better(
    csv_rows.read(text, delimiter), _split_lines(text, delimiter)
  )


def _split_lines(text, delimiter):
  """Returns (line, cells) of a table without quoting."""
  lines = [line.rstrip("\r") for line in text.split("\n")]
  return [
    (i, line.split(delimiter))
    for i, line in enumerate(lines, 1)
    if line.strip()
  ]


def _is_better(quoted, plain):
  """Returns whether the rows of CSV make more sense than those of lines.

  A cell of several lines must make the number of columns even. Otherwise two
  unrelated quotation marks enclose whatever is between them.
  """
  if not quoted or len(quoted) == len(plain):
    return bool(quoted)
  widths = [len({len(cells) for _, cells in rows}) for rows in (quoted, plain)]
  return widths[0] == 1 < widths[1]


def _find_delimiter(first_line, known):
  """Returns what separates the cells of a table with this first line."""
  for delimiter in ",;":
    cells = [c.strip('" \r').lower() for c in first_line.split(delimiter)]
    if "\t" not in first_line and len(cells) > 1 and known.intersection(cells):
      return delimiter
  return "\t"


def align(rows, columns):
  """Returns Rows without empty cells in excess at their ends.

  A header with one name less than all rows lacks that of the index, as R writes
  it.
  """
  if len(rows) < 2 or isinstance(rows[0].cells, dict):
    return rows
  first = [cell.strip().lower() for cell in rows[0].cells]
  narrowest = min(len(row.cells) for row in rows)
  # Narrower rows than the first one without its empty cells are damaged.
  narrowest = max(narrowest, len(_cut(rows[0].cells, 1)))
  rows = [
    row._replace(cells=_cut(row.cells, narrowest))
    if len(row.cells) > narrowest
    else row
    for row in rows
  ]
  if "id" in columns and not set(first).intersection(columns["id"]):
    if all(len(row.cells) == len(rows[0].cells) + 1 for row in rows[1:]):
      rows[0] = rows[0]._replace(cells=[""] + rows[0].cells)
  return rows


def _cut(cells, width):
  """Returns the cells without empty ones behind the first `width`."""
  end = len(cells)
  while end > width and not cells[end - 1].strip():
    end -= 1
  return cells[:end]


def _below_header(rows, path, columns, layouts, optional, gold):
  """Returns (the rows below a header, function that makes a Record of one)."""
  names, first = _parse_header(rows, columns), rows[0]
  if names:
    known = set(names).union(optional)
    missing = [n for n in columns if n not in known]
    if missing:
      raise InputError(
        "%s: found the header %s, expected also %s"
        % (
          first.place,
          ", ".join(first.cells),
          ", ".join("/".join(columns[n]) for n in missing),
        )
      )
    rows = rows[1:]
    if not rows:
      raise InputError("%s: found a header and no rows below it" % path)
  width = len(first.cells)
  if not names:
    fitting = [row for row in rows if len(row.cells) == width]
    _reject_unknown_header(fitting, columns, layouts)
    names = _choose_order(fitting, columns, layouts, optional, *gold)

  def make(row):
    if len(row.cells) != width:
      raise InputError(
        "%s: found %s, expected %d as in line %d"
        % (row.place, csv_rows.count(row.cells), width, first.line)
      )
    values = {n: None for n in columns}
    values.update((n, c) for n, c in zip(names, row.cells) if n in values)
    return Record(row.place, row.line, values)

  return rows, make


def _parse_header(rows, columns):
  """Returns the names of a header's columns, None for unknown ones.

  Returns None if the first row is no header at all. A cell that occurs again in
  its column is a label such as "relation", not a name.
  """
  spelt = {s: name for name, spellings in columns.items() for s in spellings}
  cells = [cell.strip().lower() for cell in rows[0].cells]
  names = [spelt.get(cell) for cell in cells]
  seen = set()
  for i, name in enumerate(names):
    if name in seen or name and _recurs(rows, i):  # Or two spellings of it.
      names[i] = None
    seen.add(names[i])
  if not any(names):
    return None
  if cells[0] in INDEX and "id" in columns and "id" not in names:
    names[0] = "id"
  return names


def _recurs(rows, column):
  """Returns whether the first row's cell occurs again in its column."""
  cell = rows[0].cells[column].strip().lower()
  return any(cell == c.strip().lower() for c in _column(rows[1:], column))


def _column(rows, number):
  return [row.cells[number] for row in rows if number < len(row.cells)]


def _reject_unknown_header(rows, columns, layouts):
  """Rejects a first row that looks like a header with other names.

  Its cells are short names that do not recur, above a column of texts.
  """
  cells = [cell.strip() for cell in rows[0].cells]
  if len(cells) < 2 or len(rows) < 3 or not all(map(_NAME.fullmatch, cells)):
    return
  if any(_recurs(rows, i) for i in range(len(cells))):
    return
  words = [_mean_words(_column(rows[1:], i)) for i in range(len(cells))]
  if max(words) > _TEXT_WORDS >= max(map(_count_words, cells)):
    raise InputError(
      "%s: found what looks like a header (%s), expected %s"
      % (rows[0].place, ", ".join(cells), _describe(columns, layouts))
    )


def _choose_order(rows, columns, layouts, optional, gold, is_gold):
  """Returns the names of the columns of a table without a header."""
  cells, orders = _possible_orders(rows, columns, layouts, optional, gold)
  if gold is None:
    return orders[0]
  table = [_column(rows, i) for i in range(len(cells))]
  labelled = [order for order in orders if gold in order]
  if is_gold:
    for order in labelled + [(gold,) + orders[0][1:]]:
      if _holds_gold(table, order, gold, is_gold):
        _log_labels(rows, order, gold)
        return order
  fitting = [o for o in orders if _fits(table, o, gold, is_gold)]
  unclear = len(fitting) > 1 and _repeats(table[-1]) and not _repeats(table[0])
  if not fitting or unclear:
    raise InputError(
      "%s: %s, expected the columns %s, or a header with these names"
      % (
        rows[0].place,
        _describe_texts(table, cells, unclear),
        " or ".join(", ".join(n or "(anything)" for n in o) for o in orders),
      )
    )
  if is_gold and gold in fitting[0]:
    _log_labels(rows, fitting[0], gold)
  return fitting[0]


def _possible_orders(rows, columns, layouts, optional, gold):
  """Returns (the first row's cells, the orders for so many columns).

  Columns that are empty throughout, as tabs at line ends make them, are cut off
  unless they may be one of labels.
  """
  every = [layouts.get(width, []) for width in range(len(rows[0].cells) + 1)]
  for width in range(len(rows[0].cells), 0, -1):
    orders, cells = every[width], rows[0].cells[:width]
    is_empty = not any(map(str.strip, _column(rows, width - 1)))
    if orders and not (is_empty and orders[0][-1] == gold not in optional):
      return cells, orders
    if not is_empty:
      break
  if every[-1]:
    return rows[0].cells, every[-1]
  raise InputError(
    "%s: found %s, expected %s"
    % (
      rows[0].place,
      csv_rows.count(rows[0].cells),
      _describe(columns, layouts),
    )
  )


def _log_labels(rows, order, gold):
  logging.info(
    "%s: column %d holds labels, which are ignored",
    *(rows[0].place.rpartition(":")[0], order.index(gold) + 1),
  )


def _holds_gold(table, order, gold, is_gold):
  """Returns whether the column of labels holds known labels and no others.

  In front of a text, they must repeat if there are no ids, or they could be.
  """
  column = order.index(gold)
  cells = [cell for cell in table[column] if cell.strip()]
  return bool(
    len(order) > 1
    and cells
    and all(map(is_gold, cells))
    and (column or "id" in order or _repeats(cells))
  )


def _repeats(cells):
  return len(set(cells)) < len(cells)


def _fits(table, order, gold, is_gold):
  """Returns whether the columns of texts have at least as many words as others.

  Of a file with labels, only texts in a wrong column are rejected; of one that
  may have some, also texts without a letter.
  """
  words = list(map(_mean_words, table))
  is_text = [name not in ("id", gold, None) for name in order]
  least = min(n for n, text in zip(words, is_text) if text)
  most = max((n for n, text in zip(words, is_text) if not text), default=0)
  if is_gold is None:
    return most <= max(least, _TEXT_WORDS)
  letters = [
    any(c.isalpha() for cell in cells for c in cell) for cells in table
  ]
  has_letters = all(found for found, text in zip(letters, is_text) if text)
  return len(table) == 1 or (most <= min(least, _TEXT_WORDS) and has_letters)


def _describe_texts(table, cells, unclear):
  """Returns a description of columns in a wrong order, for error messages."""
  if unclear:
    return "found %s that cannot be told apart" % csv_rows.count(cells)
  words = list(map(_mean_words, table))
  longest = words.index(max(words))
  return "found the texts in column %d of %d (%s)" % (
    longest + 1,
    len(cells),
    shorten(cells[longest]),
  )


def _count_words(cell):
  return len(cell.split())


def _mean_words(cells):
  return sum(map(_count_words, cells)) / max(1, len(cells))


def _from_object(row, columns, lists):
  """Returns the Record of a JSON object."""
  values = {}
  for name, spellings in columns.items():
    value = next((row.cells[s] for s in spellings if s in row.cells), None)
    if name in lists and isinstance(value, (list, dict)):
      value = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (str, int, float, type(None))):
      raise InputError(
        "%s: found %s under %s, expected a string or a number"
        % (row.place, shorten(json.dumps(value)), "/".join(spellings))
      )
    values[name] = None if value is None else str(value)
    check_whole(values[name] or "", row.place)
  return Record(row.place, row.line, values)


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
    ", ".join(name or "(anything)" for name in order)
    for size in sorted(layouts)
    for order in layouts[size]
  ]
  header = "a header with " + ", ".join(
    "/".join(spellings[:2]) for spellings in columns.values()
  )
  if not orders:
    return header + ", or JSON lines"
  return "%s, or without one the columns %s" % (header, " or ".join(orders))


def _cell(value):
  if isinstance(value, float):
    return "%.6f" % value
  return re.sub(r"\s+", " ", str(value))
