# SPDX-License-Identifier: Apache-2.0
"""Reads the rows of CSV, and finds the next one after a damaged row."""

import bisect
import collections
import csv
import io
import itertools
import re

from common.errors import InputError
from common.errors import reject
from formats import streams

# The module's own limit of a cell is shorter than many a clinical note.
csv.field_size_limit(streams.MAX_LINE)

_LOOK_AHEAD = 1 << 18  # Characters to look for the next row in, at first.
_UNREADABLE = "\0\n"  # Stands for a line that is not UTF-8; no text has it.


def read(text, delimiter):
  """Returns (line, cells) of CSV; None if a quotation mark is not CSV's."""
  rows, line, at, cell = [], 1, 0, _cell_pattern(delimiter)
  while at < len(text):
    row = _read_row(cell, text, at, delimiter)
    if not row:
      return None
    cells, end = row
    if len(cells) > 1 or cells[0].strip():
      rows.append((line, cells))
    line += text.count("\n", at, end)
    at = end
  return rows


def reject_width(cells, width, place, error=InputError):
  """Raises an error for a row of another width than the first one.

  There may be more cells if they are empty.
  """
  if len(cells) < width or any(map(str.strip, cells[width:])):
    raise error(
      "%s: found %s, expected %d as in the first row"
      % (place, count(cells), width)
    )


def width_of(head, delimiter):
  """Returns the number of cells of a table's rows; None if it is not certain.

  The first row may lack the name of an index, or end in empty cells.
  """
  reader = csv.reader(io.StringIO(head), delimiter=delimiter)
  try:
    rows = list(itertools.islice(filter(None, reader), 2))
  except csv.Error:
    return None
  widths = {len(row) for row in rows}
  return widths.pop() if len(widths) == 1 and rows[0][-1].strip() else None


def count(cells):
  """Returns the number of cells as a text for messages."""
  return "1 column" if len(cells) == 1 else "%d columns" % len(cells)


def _cell_pattern(delimiter):
  """Returns the pattern of a cell and of what ends it."""
  return re.compile(
    r'(?:"([^"\0]*(?:""[^"\0]*)*)"|([^"\r\n\0%s]*))(%s|\r?\n|\r?\Z)'
    % (delimiter, delimiter)
  )


def _read_row(cell, text, at, delimiter):
  """Returns (cells, end) of the row at an offset; None if it is damaged."""
  cells = []
  while True:
    match = cell.match(text, at)
    if not match:
      return None
    quoted, bare, end = match.groups()
    cells.append(bare if quoted is None else quoted.replace('""', '"'))
    at = match.end()
    if end != delimiter:
      return cells, at


def stream(source, delimiter, width=None, failed=reject):
  """Yields (line, cells) of a file's rows; blank lines are no rows.

  Only one row at a time is in memory.

  Args:
    source: a streams.Source.
    delimiter: between cells.
    width: number of cells of all rows; None for any.
    failed: called with the InputError of a damaged row; may return. The row,
      and what follows until a line certainly begins another, is then left out.

  Raises:
    InputError: a row is damaged, and none after it is certain.
  """
  lines, latest = _Lines(source), []
  while True:
    try:
      for line, latest in _rows(lines, delimiter, width):
        yield line, latest
      return
    except _Damage as error:
      damage = error
    if any('"' in _text_of(item, '"') for item in lines.row + lines.peek()):
      following = _find_row(lines, delimiter, width or len(latest))
      if following is None:
        raise damage
      damage = InputError(
        "%s; the next row is in line %d" % (damage, following)
      )
    failed(damage)


class _Damage(InputError):
  """An error of a row, after which others may follow."""


class _Lines:
  """Iterates over (number, text or InputError) of lines, which may be put back.

  Attributes: `row`, those of the row at work.
  """

  def __init__(self, source):
    self.row = []
    self.path = source.path
    self._lines = streams.lines_or_errors(source)
    self._ahead = collections.deque()

  def __iter__(self):
    return self

  def __next__(self):
    return self._ahead.popleft() if self._ahead else next(self._lines)

  def peek(self):
    """Returns a list of the next line, or an empty one."""
    found = list(itertools.islice(self, 1))
    self.put_back(found)
    return found

  def put_back(self, lines):
    self._ahead.extendleft(reversed(lines))


def _rows(lines, delimiter, width):
  """Yields (line, cells) until a row is damaged; raises _Damage then."""
  lines.row = []
  reader = csv.reader(_texts(lines), delimiter=delimiter, strict=True)
  try:
    for cells in reader:
      line = lines.row[0][0]
      if cells:
        place = "%s:%d" % (lines.path, line)
        reject_width(cells, width or len(cells), place, _Damage)
        yield line, cells
      lines.row = []
  except csv.Error as error:
    raise _Damage(
      "%s:%d: found a damaged row (%s), expected quotes around a text and "
      "doubled inside it" % (lines.path, lines.row[0][0], error)
    ) from error


def _texts(lines):
  """Yields the texts of lines; keeps them in lines.row."""
  size = 0
  for number, text in lines:
    size = 0 if not lines.row else size
    lines.row.append((number, text))
    if isinstance(text, InputError):
      raise _Damage(str(text))
    size += len(text)
    if size > streams.MAX_LINE:
      raise _Damage(
        "%s:%d: found a row of more than %d characters, expected shorter rows"
        % (lines.path, lines.row[0][0], streams.MAX_LINE)
      )
    yield text


def _find_row(lines, delimiter, width):
  """Moves to the line where the next row certainly begins; returns its number.

  None if there is no such line. What the damaged row has swallowed is left out,
  except if it is the whole rest, and each line of it is a row.
  """
  ahead, found, size, limit = [], None, 0, _LOOK_AHEAD
  for item in lines:
    ahead.append(item)
    size += len(_text_of(item))
    if size >= limit:
      found, limit = _certain_row(ahead, delimiter, width), 4 * size
    if found is not None or size > streams.MAX_LINE:
      break
  else:
    found = _certain_row(ahead, delimiter, width)
  if not ahead:
    ahead = lines.row[1:]
    cell = _cell_pattern(delimiter)
    rows = [_read_row(cell, _text_of(i), 0, delimiter) for i in ahead]
    found = 0 if rows and all(r and len(r[0]) == width for r in rows) else None
  if found is None:
    return None
  lines.put_back(ahead[found:])
  return ahead[found][0]


def _text_of(item, unreadable=_UNREADABLE):
  return unreadable if isinstance(item[1], InputError) else item[1]


def _certain_row(ahead, delimiter, width):
  """Returns the number of the first line that certainly begins a row, or None.

  It begins a row of so many cells, and is not inside a cell, as the next
  quotation mark does not end one, or is too far away.

  Args:
    ahead: (number, text) of lines, as far as a cell may go on.
    delimiter, width: of the rows.
  """
  texts = list(map(_text_of, ahead))
  whole, cell = "".join(texts), _cell_pattern(delimiter)
  # Inside a cell, two marks are a character, and a single one ends the cell.
  single = [m for m in re.finditer('"+|\0', whole) if len(m.group()) % 2]
  begins = [m.start() for m in single]
  ends_cell = re.compile(r"%s|\r?\n|\r?\Z" % delimiter)
  at = 0
  for number, text in enumerate(texts):
    row = text.strip() and _read_row(cell, whole, at, delimiter)
    if row and len(row[0]) == width:
      next_mark = bisect.bisect_left(begins, at)
      after = single[next_mark : next_mark + 1]
      if not after or not (
        after[0].group() == "\0" or ends_cell.match(whole, after[0].end())
      ):
        return number
    at += len(text)
  return None
