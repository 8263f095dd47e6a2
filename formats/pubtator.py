# SPDX-License-Identifier: Apache-2.0
"""Reads annotated documents in PubTator's format.

  227508|t|Naloxone reverses the effect of clonidine.
  227508|a|In unanesthetized rats ...
  227508<TAB>0<TAB>8<TAB>Naloxone<TAB>Chemical<TAB>D009270
  227508<TAB>CID<TAB>D008750<TAB>D007022

Offsets count characters of title + " " + abstract, the end is exclusive.
"""

from common.errors import InputError
from common.errors import shorten
from common.text import decode
from formats import annotated
from formats import documents

_EXPECTED = (
  "id|t|title, then id|a|abstract, then annotations of the same id in columns "
  "cut by tabs"
)


def parse(data, path):
  """Returns the documents of a file's bytes as a list of annotated.Document.

  Mentions have 5 to 7 columns (id, start, end, text, type, concept, parts),
  relations 4 (id, type, two concepts); blank lines are left out. A document may
  come twice (see annotated.without_repeats). Mentions are numbered within their
  document: T1, T2, ...

  Raises:
    InputError: any other line, with its number; a title without an abstract;
      a file whose last line does not end, as of a broken download.
  """
  found = []
  text = decode(data, path)
  for number, name, title, abstract, rows in documents.pubtator_blocks(
    text, path
  ):
    place = "%s:%d" % (path, number)
    if abstract is None:
      raise InputError(
        "%s: found the title of %s and no abstract below it, expected %s"
        % (place, shorten(name), _EXPECTED)
      )
    rows = [("%s:%d" % (path, n), line.split("\t")) for n, line in rows]
    found.append(_document(place, name, title, abstract, rows))
  if not found:
    raise InputError("%s: found no document, expected %s" % (path, _EXPECTED))
  if not text.endswith("\n"):
    raise InputError(
      "%s:%d: found the end of the file within a line, expected it whole"
      % (path, text.count("\n") + 1)
    )
  return found


def _document(place, name, title, abstract, rows):
  text = title + " " + abstract
  mentions, relations = [], []
  for place_of_row, cells in rows:
    if len(cells) == 4 and not cells[1].isdecimal():
      relations.append(
        annotated.Relation(
          "R%d" % (len(relations) + 1), *cells[1:], place_of_row
        )
      )
    elif 5 <= len(cells) <= 7:
      number = len(mentions) + 1
      mentions.append(_mention(text, "T%d" % number, cells, place_of_row))
    else:
      raise InputError(
        "%s: found %d columns, expected 5 to 7 of a mention (id, start, end, "
        "text, type, concept, parts) or 4 of a relation (id, type, two "
        "concepts)" % (place_of_row, len(cells))
      )
  return annotated.Document(name, text, title, mentions, relations, place)


def _mention(text, name, cells, place):
  span = annotated.offsets(cells[1:3], place)
  if not cells[4].strip():
    raise InputError("%s: found no type of the mention, expected one" % place)
  return annotated.mention(
    text, name, cells[4].strip(), [span], cells[3], place
  )
