# SPDX-License-Identifier: Apache-2.0
"""Reads tables of fixed columns without header or quoting, as in corpora."""

import contextlib

from common import text
from common.errors import InputError
from common.errors import shorten
from converters.shared import corpus
from formats import annotated


def parse(
  data,
  path,
  sizes,
  expected,
  cut_by="\t",
  decode=text.decode,
  skipping=contextlib.nullcontext,
):
  """Returns [(file:line, cells)] of the lines that are not blank.

  Args:
    data, path: the file's bytes and its name, for error messages.
    sizes: allowed numbers of cells per line.
    expected: names of the columns, for the message of an InputError.
    cut_by: separator between cells.
    decode: function from (bytes, path) to text.
    skipping: for lines of other sizes; see formats/annotated.py.
  """
  found = []
  for number, line in enumerate(text.split_lines(data, path, decode), 1):
    line = line.rstrip("\r")
    if not line.strip():
      continue
    cells = line.split(cut_by)
    with skipping(annotated.UNFIT_LINES):
      if len(cells) not in sizes:
        raise InputError(
          "%s:%d: found %d columns (%s), expected %s"
          % (path, number, len(cells), shorten(line, 60), expected)
        )
      found.append(("%s:%d" % (path, number), cells))
  if not found:
    raise InputError("%s: found no rows, expected %s" % (path, expected))
  return found


def fitting(data, path, parse, cut, skipping, tail=b""):
  """Returns a file's bytes without the pieces that its reader rejects.

  If it rejects all of them, or the file for another reason, they stay.

  Args:
    data, path: the file's bytes and its name.
    parse: reader of (bytes, path), which raises an InputError.
    cut: bytes between pieces.
    skipping: for the pieces; see formats/annotated.py.
    tail: bytes after a piece that make a file of it.
  """
  data = data.replace(b"\r\n", b"\n")
  try:
    parse(data, path)
    return data
  except InputError:
    kept, before = [], 0  # `before` counts the lines before a piece.
  for piece in data.split(cut):
    lines = (piece + cut).count(b"\n")
    try:
      if piece.strip():
        parse(piece + tail, path)
    except InputError:
      with skipping(annotated.UNFIT_LINES):
        parse(b"\n" * before + piece + tail, path)
      piece = b""
    kept.append(piece)
    before += lines
  return cut.join(kept) if b"".join(kept).strip() else data


def abstracts(data, path, report, split):
  """Reads a table of PMID, title, abstract as {PMID: annotated.Document}.

  Notes in the corpus.Report if the file looks truncated. An abstract may be
  empty, and an exact copy of a row is taken once.
  """
  check_end(data, path, report)
  found, skipping = {}, report.skipping_in(split)
  for place, cells in parse(
    data, path, (3,), "PMID, title, abstract", skipping=skipping
  ):
    name, title, abstract = cells
    document = annotated.Document(
      name, title + " " + abstract, title, [], [], place
    )
    if name in found and found[name][:3] == document[:3]:
      report.rule(corpus.COPIES, split)
      continue
    with skipping(annotated.UNFIT_DOCUMENTS):
      annotated.check_new(name, found, place)
      found[name] = document
  return found


def unquoted(cell):
  """Returns a cell without the quotation marks that CSV puts around it."""
  if len(cell) > 1 and cell[0] == cell[-1] == '"':
    return cell[1:-1].replace('""', '"')
  return cell


def check_end(data, path, report):
  """Notes in the corpus.Report if the last line has no end: a cut file?"""
  if not data.endswith(b"\n"):
    report.note("%s ends without a line feed: is it whole?" % path)


def check_size(cells, size, expected, place):
  """Raises InputError unless a row has `size` cells."""
  if len(cells) != size:
    raise InputError(
      "%s: found %d columns, expected %s" % (place, len(cells), expected)
    )


def check_same_number(first, first_path, second, second_path):
  """Raises InputError if two parallel tables differ in length."""
  if len(first) != len(second):
    raise InputError(
      "%s: found %d rows, expected %d as %s has"
      % (second_path, len(second), len(first), first_path)
    )


def check_one_of(cell, known, what, place):
  """Raises InputError if a cell has none of the known values."""
  if cell not in known:
    raise InputError(
      "%s: found the %s %s, expected one of %s"
      % (place, what, shorten(cell), ", ".join(known))
    )


def check_known(name, known, place):
  """Raises InputError if an id is not among those of the texts."""
  if name not in known:
    raise InputError(
      "%s: found the id %s, expected the id of a text" % (place, shorten(name))
    )
