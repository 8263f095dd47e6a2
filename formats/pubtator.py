# SPDX-License-Identifier: Apache-2.0
"""Reads annotated documents in PubTator's format.

  227508|t|Naloxone reverses the effect of clonidine.
  227508|a|In unanesthetized rats ...
  227508<TAB>0<TAB>8<TAB>Naloxone<TAB>Chemical<TAB>D009270
  227508<TAB>CID<TAB>D008750<TAB>D007022

Offsets count characters of title + " " + abstract; the end is exclusive.
"""

from common.errors import InputError
from common.errors import shorten
from common.text import decode
from formats import annotated
from formats import documents

_EXPECTED = (
  "id|t|title, then id|a|abstract, then annotations of the same id in columns "
  "separated by tabs"
)


def parse(data, path):
  """Returns the documents of a file's bytes as a list of annotated.Document.

  Mentions have 5 to 7 columns (id, start, end, text, type, concept, parts),
  relations 4 (id, type, two concepts); blank lines are ignored. Documents may
  repeat (see annotated.without_repeats). Mentions are numbered within their
  document: T1, T2, ...

  Raises:
    InputError: another kind of line, a title without an abstract, or a last
      line without an end, as broken downloads have.
  """
  found = []
  text = decode(data, path)
  for number, name, title, abstract, rows in documents.pubtator_blocks(
    text, path
  ):
    place = "%s:%d" % (path, number)
    if abstract is None:
      raise InputError(
        "%s: found the title of %s without an abstract, expected %s"
        % (place, shorten(name), _EXPECTED)
      )
    rows = [("%s:%d" % (path, n), line.split("\t")) for n, line in rows]
    found.append(_document(place, name, title, abstract, rows))
  if not found:
    raise InputError("%s: found no document, expected %s" % (path, _EXPECTED))
  if not text.endswith("\n"):
    raise InputError(
      "%s:%d: found the end of the file within a line, expected a whole file"
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
        "%s: found %d columns, expected 5 to 7 for a mention (id, start, end, "
        "text, type, concept, parts) or 4 for a relation (id, type, two "
        "concepts)" % (place_of_row, len(cells))
      )
  return annotated.Document(name, text, title, mentions, relations, place)


def _mention(text, name, cells, place):
  span = annotated.offsets(cells[1:3], place)
  if not cells[4].strip():
    raise InputError("%s: found a mention without a type" % place)
  return annotated.mention(
    text, name, cells[4].strip(), [span], cells[3], place
  )
