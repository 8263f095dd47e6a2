# SPDX-License-Identifier: Apache-2.0
"""Decodes text, JSON and numbers of files, the same way for every reader."""

import codecs
import json
import math
import re

from common.errors import InputError
from common.errors import shorten

# Bytes. No sentence, document or row of a table is as long, but a compression
# bomb is; a line has to be in memory whole, several times.
MAX_LINE = 1 << 25

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?", re.ASCII | re.I)
_MAX_DIGITS = 100  # Of a number in JSON.
_MAX_DEPTH = 100  # Of lists and objects in JSON.
_MAX_PARTS = 1 << 22  # Lists and objects, of 64 to 240 bytes in memory.
_NAMES = {
  str: "a string",
  int: "a whole number",
  float: "a number",
  bool: "true or false",
  None: "null",
}


def decode(data, path):
  """Returns the text of UTF-8 bytes without a byte order mark.

  Raises InputError for anything else, with path and line.
  """
  utf16_marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
  if data.startswith(utf16_marks) or b"\0" in data[:100]:
    raise InputError(
      "%s:1: found UTF-16 text or a binary file, expected text in UTF-8" % path
    )
  try:
    text = data.decode("utf-8-sig")
  except UnicodeDecodeError as error:
    line = error.object.count(b"\n", 0, error.start) + 1
    raise InputError(
      "%s:%d: found byte 0x%02x, which is not UTF-8, expected text in UTF-8"
      % (path, line, error.object[error.start])
    ) from error
  nul = text.find("\0")
  if nul >= 0:
    raise InputError(
      "%s:%d: found byte 0x00, which no text has, expected text in UTF-8"
      % (path, text.count("\n", 0, nul) + 1)
    )
  return text


def split_lines(data, path, decode=decode):
  """Returns the lines of a text file's bytes, without their line feeds.

  Raises InputError for bytes that `decode` rejects, and for an endless line.
  """
  check_lines(data, path)
  return decode(data, path).split("\n")


def check_lines(data, path):
  """Raises InputError if bytes have a line of more than MAX_LINE."""
  start = 0
  while len(data) - start > MAX_LINE:
    end = data.rfind(b"\n", start, start + MAX_LINE + 1) + 1
    if not end:
      raise endless_line(path, data.count(b"\n", 0, start) + 1)
    start = end


def endless_line(path, number):
  """Returns the InputError about a line of more than MAX_LINE bytes."""
  return InputError(
    "%s:%d: found a line of more than %d bytes, expected shorter lines"
    % (path, number, MAX_LINE)
  )


def check_whole(text, place):
  """Raises InputError for half of a surrogate pair.

  JSON can hold one, but UTF-8 cannot, so such a text could not be written.
  """
  try:
    text.encode("utf-8")
  except UnicodeEncodeError:
    raise InputError(
      "%s: found half of a surrogate pair (\\uD800 to \\uDFFF), expected "
      "whole characters" % place
    ) from None


def load_json(text, allow_nan=False):
  """Returns the value of a JSON text.

  Args:
    text: the JSON.
    allow_nan: whether numbers may be NaN or infinite, which is not JSON, but
      what Python writes.

  Raises:
    json.JSONDecodeError: the text is no JSON, is nested too deeply, has too
      many lists and objects, or a number that is not finite or has too many
      digits.
  """

  def reject(number):
    found = re.search(r"(^|[\[:,])\s*" + re.escape(number), text)
    raise json.JSONDecodeError(
      "found the number %s" % shorten(number), text, found.end() if found else 0
    )

  def parse_int(number):
    return int(number) if len(number) <= _MAX_DIGITS else reject(number)

  def parse_float(number):
    if len(number) > _MAX_DIGITS or not math.isfinite(float(number)):
      reject(number)
    return float(number)

  if text.count("[") + text.count("{") > _MAX_PARTS:
    raise json.JSONDecodeError(
      "more than %d lists and objects" % _MAX_PARTS, text, 0
    )
  numbers = dict(parse_int=parse_int, parse_float=parse_float)
  constant = float if allow_nan else reject
  try:
    value = json.loads(text, parse_constant=constant, **numbers)
  except RecursionError:
    value = None
  else:
    if not _is_deep(value):
      return value
  raise json.JSONDecodeError(
    "nested more than %d levels deep" % _MAX_DEPTH, text, 0
  )


def _is_deep(value):
  level = [[value]]
  for _ in range(_MAX_DEPTH + 1):
    parts = [x.values() if isinstance(x, dict) else x for x in level]
    level = [x for part in parts for x in part if isinstance(x, (dict, list))]
    if not level:
      return False
  return True


def parse_json(text, path, shape=object, allow_nan=False):
  """Returns the value of a file of JSON, or another text in place of a file.

  Args:
    text: the JSON.
    path: where it is from, for messages.
    shape: what the value has to be; see `check_shape`.
    allow_nan: see `load_json`.

  Raises:
    InputError: the text is no such JSON, or has half of a surrogate pair.
  """
  try:
    value = load_json(text, allow_nan)
  except json.JSONDecodeError as e:
    raise InputError(
      "%s:%d:%d: damaged JSON (%s)" % (path, e.lineno, e.colno, e.msg)
    ) from None
  if "\\u" in text:
    check_whole(json.dumps(value, ensure_ascii=False), path)
  check_shape(value, shape, path)
  return value


def parse_json_line(line, place):
  """Returns the value of a line of JSON; InputError if it is not JSON."""
  try:
    return load_json(line)
  except ValueError as error:
    raise InputError(
      "%s: found no JSON (%s), expected an object per line" % (place, error)
    ) from None


def check_shape(value, shape, place, key=""):
  """Raises InputError unless a value from JSON has a shape.

  Shapes are str, int (of 64 bits), float (any number), bool, None, object (any
  value); [shape], a list of any length; [shape, shape], a list of two;
  {name: shape}, an object, in which the name "x?" may be missing, str stands
  for all other names, and names that the shape lacks are ignored; and a tuple
  of alternatives.

  Args:
    value: the value.
    shape: the shape.
    place: where the value is from, for the message.
    key: path of the value within that.
  """
  shapes = shape if isinstance(shape, tuple) else (shape,)
  found = next((s for s in shapes if _is_like(value, s)), _is_like)
  if found is _is_like:
    where = " under " + key if key else ""
    expected = " or ".join(map(_describe, shapes))
    raise InputError(
      "%s: found %s%s, expected %s" % (place, _shown(value), where, expected)
    )
  if isinstance(found, list) and found:
    parts = found * len(value) if len(found) == 1 else found
    for i, (item, part) in enumerate(zip(value, parts)):
      check_shape(item, part, place, "%s[%d]" % (key, i))
  elif isinstance(found, dict):
    _check_object(value, found, place, key)


def _check_object(value, shape, place, key):
  prefix = key + "." if key else ""
  for name in shape:
    if name is not str and name[-1] != "?" and name not in value:
      raise InputError(
        "%s: found no %s, expected %s"
        % (place, prefix + name, _describe(shape[name]))
      )
  others = shape.get(str, object)
  for name, item in value.items():
    part = shape.get(name, shape.get(name + "?", others))
    check_shape(item, part, place, prefix + shorten(name, 40)[1:-1])


def _is_like(value, shape):
  """Returns whether a value has a shape; ignores what is inside of it."""
  if isinstance(shape, list):
    return isinstance(value, list) and len(shape) in (0, 1, len(value))
  if isinstance(shape, dict):
    return isinstance(value, dict)
  if shape is None:
    return value is None
  if isinstance(value, bool):
    return shape in (bool, object)
  if shape is int:
    return isinstance(value, int) and abs(value) < 1 << 63
  return isinstance(value, (int, float) if shape is float else shape)


def _shown(value):
  text = json.dumps(value, ensure_ascii=False)
  return text if len(text) <= 40 else text[:40] + "..."


def _describe(shape):
  if isinstance(shape, tuple):
    return " or ".join(map(_describe, shape))
  if isinstance(shape, list):
    return "a list" + (" of %d" % len(shape) if len(shape) > 1 else "")
  return "an object" if isinstance(shape, dict) else _NAMES[shape]


def parse_number(text):
  """Returns the number in a text, which float() reads too generously.

  Raises ValueError for anything else, such as "nan", "inf" and "0_1".
  """
  if not _NUMBER.fullmatch(text.strip()):
    raise ValueError("%s is not a number" % shorten(text))
  return float(text)


def count_text(number, noun):
  """Returns "1 text" or "2 texts" for the noun "text"."""
  return "%d %s%s" % (number, noun, "" if number == 1 else "s")


def size_text(size):
  """Returns a number of bytes as "0.3 MB" or "4.2 GB"."""
  return "%.1f GB" % (size / 1e9) if size >= 1e9 else "%.1f MB" % (size / 1e6)
