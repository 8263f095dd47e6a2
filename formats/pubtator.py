# SPDX-License-Identifier: Apache-2.0
"""Reads documents in PubTator's format, annotated or not.

  227508|t|Naloxone reverses the effect of clonidine.
  227508|a|In unanesthetized rats ...
  227508<TAB>0<TAB>8<TAB>Naloxone<TAB>Chemical<TAB>D009270
  227508<TAB>CID<TAB>D008750<TAB>D007022

Offsets count characters of title + " " + abstract; the end is exclusive.
"""

import contextlib
import re

from common.errors import InputError
from common.errors import shorten
from common.text import decode
from formats import annotated

# The line of a title or an abstract.
TEXT_LINE = re.compile(r"([^|\t]+)\|([ta])\|(.*)")
_EXPECTED = (
  "id|t|title, then id|a|abstract, then annotations of the same id in columns "
  "separated by tabs"
)
_EXPECTED_ROW = (
  "5 to 7 for a mention (id, start, end, text, type, concept, parts), or 3 and "
  "more for a relation (id, type, two concepts, anything)"
)
_NO_ABSTRACT = "titles without an abstract (taken on their own)"


def parse(data, path, skipping=contextlib.nullcontext):
  """Returns the documents of a file's bytes as a list of annotated.Document.

  Mentions have 5 to 7 columns (id, start, end, text, type, concept, parts).
  Relations have 4 (id, type, two concepts) or more, of which the others are
  ignored (BioRED's fifth says whether it is novel); in tmVar they have no type.
  Blank lines are ignored. Documents may repeat (see
  annotated.without_repeats). Mentions are numbered within their document: T1,
  T2, ...

  Raises:
    InputError: another kind of line, a title without an abstract, or a last
      line without an end, as broken downloads have; `skipping` may prevent it
      (see annotated.py).
  """
  text = decode(data, path)
  found = []
  for number, name, title, abstract, rows in blocks(
    text.split("\n"), path, skipping
  ):
    place = "%s:%d" % (path, number)
    if abstract is None:
      with skipping(_NO_ABSTRACT):
        raise InputError(
          "%s: found the title of %s without an abstract, expected %s"
          % (place, shorten(name), _EXPECTED)
        )
    rows = [("%s:%d" % (path, n), line.split("\t")) for n, line in rows]
    found.append(_document(place, name, title, abstract or "", rows, skipping))
  if not found:
    raise InputError("%s: found no document, expected %s" % (path, _EXPECTED))
  if not text.endswith("\n"):
    with skipping("files that end within a line (took what is there)"):
      raise InputError(
        "%s:%d: found the end of the file within a line, expected a whole file"
        % (path, text.count("\n") + 1)
      )
  return found


def blocks(lines, path, skipping=contextlib.nullcontext):
  """Yields (line number, id, title, abstract, rows) of the documents in lines.

  The abstract is None if its line is missing; `rows` is a list of
  (line number, line) of the annotations.

  Raises:
    InputError: a line of another form or of another document.
  """
  block = None
  for number, line in enumerate(lines, 1):
    line = line.rstrip("\r\n")
    match = TEXT_LINE.fullmatch(line)
    if match and match.group(2) == "t":
      if block:
        yield tuple(block)
      block = [number, match.group(1), match.group(3), None, []]
    elif block and match and match.group(1) == block[1] and block[3] is None:
      block[3] = match.group(3)
    elif block and "\t" in line and line.split("\t")[0] == block[1]:
      block[4].append((number, line))
    elif line.strip():
      with skipping(annotated.UNFIT_LINES):
        raise InputError(
          "%s:%d: found %s, expected %s"
          % (path, number, shorten(line, 60), _EXPECTED)
        )
  if block:
    yield tuple(block)


def _document(place, name, title, abstract, rows, skipping):
  text = title + " " + abstract
  mentions, relations = [], []
  for place_of_row, cells in rows:
    with skipping(annotated.UNFIT_ANNOTATIONS):
      if _is_relation(cells):
        number = len(relations) + 1
        relations.append(_relation("R%d" % number, cells, place_of_row))
      else:
        number = len(mentions) + 1
        mentions.append(_mention(text, "T%d" % number, cells, place_of_row))
  return annotated.Document(name, text, title, mentions, relations, place)


def _is_relation(cells):
  """Returns whether a row is a relation: its second column is no offset."""
  if len(cells) == 3:
    return not all(cell.isdecimal() for cell in cells[1:])
  return len(cells) > 3 and cells[1][:1].isalpha()


def _relation(name, cells, place):
  kind, first, second = [""] + cells[1:] if len(cells) == 3 else cells[1:4]
  return annotated.Relation(
    name, kind, first.strip(), second.strip(), place, by_concept=True
  )


def _mention(text, name, cells, place):
  if not 5 <= len(cells) <= 7:
    raise InputError(
      "%s: found %d columns, expected %s" % (place, len(cells), _EXPECTED_ROW)
    )
  span = annotated.offsets(cells[1:3], place)
  if not cells[4].strip():
    raise InputError("%s: found a mention without a type" % place)
  concepts = annotated.split_concepts(*cells[5:6])
  return annotated.mention(
    text, name, cells[4].strip(), [span], cells[3], place, concepts
  )
