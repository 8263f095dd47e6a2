# SPDX-License-Identifier: Apache-2.0
"""Reads the tables of corpora: lines of cells, without quoting."""

from common import text
from common.errors import InputError
from common.errors import shorten
from formats import annotated


def parse(data, path, sizes, expected, cut_by="\t", decode=text.decode):
  """Returns [(file:line, cells)] of the lines that are not blank.

  Args:
    data: the file's bytes.
    path: its name.
    sizes: how many cells a line may have.
    expected: what they are, for the message of an InputError.
    cut_by: what stands between cells.
    decode: function from (bytes, path) to text.
  """
  found = []
  for number, line in enumerate(decode(data, path).split("\n"), 1):
    line = line.rstrip("\r")
    if not line.strip():
      continue
    cells = line.split(cut_by)
    if len(cells) not in sizes:
      raise InputError(
        "%s:%d: found %d columns (%s), expected %s"
        % (path, number, len(cells), shorten(line, 60), expected)
      )
    found.append(("%s:%d" % (path, number), cells))
  if not found:
    raise InputError("%s: found no rows, expected %s" % (path, expected))
  return found


def abstracts(data, path, report):
  """Returns {PMID: annotated.Document} of a table of PMID, title, abstract.

  A corpus.Report is told of a last line without its end.
  """
  check_end(data, path, report)
  found = {}
  for place, cells in parse(data, path, (3,), "PMID, title, abstract"):
    name, title, abstract = cells
    annotated.check_new(name, found, place)
    found[name] = annotated.Document(
      name, title + " " + abstract, title, [], [], place
    )
  return found


def unquoted(cell):
  """Returns a cell without the quotation marks that CSV puts around it."""
  if len(cell) > 1 and cell[0] == cell[-1] == '"':
    return cell[1:-1].replace('""', '"')
  return cell


def check_end(data, path, report):
  """Tells a corpus.Report of a last line without its end: it may be cut."""
  if not data.endswith(b"\n"):
    report.note("%s ends without a line feed: is it whole?" % path)


def check_size(cells, size, expected, place):
  """Raises InputError if a row has another number of cells."""
  if len(cells) != size:
    raise InputError(
      "%s: found %d columns, expected %s" % (place, len(cells), expected)
    )


def check_same_number(first, first_path, second, second_path):
  """Raises InputError if two tables that belong together differ in length."""
  if len(first) != len(second):
    raise InputError(
      "%s: found %d rows, expected %d as %s has"
      % (second_path, len(second), len(first), first_path)
    )


def check_known(name, known, place):
  """Raises InputError if an id is not among those of the texts."""
  if name not in known:
    raise InputError(
      "%s: found the id %s, expected that of a text" % (place, shorten(name))
    )
