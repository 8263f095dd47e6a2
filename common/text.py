# SPDX-License-Identifier: Apache-2.0
"""Decodes the text of files, the same way for every reader."""

import codecs
import json
import re

from common.errors import InputError

_SURROGATE = re.compile("[\ud800-\udfff]")


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


def check_whole(text, place):
  """Raises InputError for half of a surrogate pair.

  JSON can hold one, but UTF-8 cannot, so such a text could not be written.
  """
  if _SURROGATE.search(text):
    raise InputError(
      "%s: found half of a surrogate pair (\\uD800 to \\uDFFF), expected "
      "whole characters" % place
    )


def parse_json_line(line, place):
  """Returns the value of a line of JSON; InputError if it is not JSON."""
  try:
    return json.loads(line)
  except ValueError as error:
    raise InputError(
      "%s: found no JSON (%s), expected an object per line" % (place, error)
    ) from None
