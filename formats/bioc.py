# SPDX-License-Identifier: Apache-2.0
"""Reads documents in BioC: annotated ones in XML, texts alone also in JSON.

This uses lxml, which the DDI corpus needs anyway, and not the library bioc, so
that errors name the line and offsets are checked against the text.
"""

import contextlib

from lxml import etree

from common.errors import InputError
from common.errors import shorten
from formats import annotated
from formats import safe_xml

_MAX_OFFSET = 10**7  # No document has so many characters.
_TITLES = ("title", "front")  # Types of a title's passage; PMC has the latter.
_EXPECTED = "a BioC collection with documents, passages and annotations"


def parse(
  data, path, skip=lambda infons: False, skipping=contextlib.nullcontext
):
  """Returns the documents of a file's bytes as a list of annotated.Document.

  The text joins the passages (or their sentences) at their offsets, with blanks
  in between; the title is the first passage if its type is "title". Annotations
  of documents, passages and sentences become mentions, with one part per
  location and the infon "type" as type; those whose infons, {key: text}, make
  `skip` true are left out. Relations connect their first two nodes, in order.

  Raises:
    InputError: the file is not BioC; the message names the line. `skipping` may
      prevent it for a document or an annotation (see annotated.py).
  """
  root = safe_xml.parse(data, path, _EXPECTED, "collection")
  documents = []
  for element in root.iter("document"):
    with skipping(annotated.UNFIT_DOCUMENTS):
      documents.append(_document(element, path, skip, skipping))
  if not documents:
    raise InputError("%s: found no document, expected %s" % (path, _EXPECTED))
  return documents


def read_texts(source):
  """Yields (place, id, text, title or None) of the documents of BioC's XML.

  Only one document at a time is in memory; see `parse` for the text.
  """
  elements = safe_xml.elements(
    source.blocks(), source.path, ("document",), ("collection",), _EXPECTED
  )
  for element in elements:
    safe_xml.check_entities(element, source.path)
    name = safe_xml.child_text(element, "id", source.path)
    place = safe_xml.place(element, source.path)
    yield (place, name) + _text(element, source.path)


def json_text(document, place):
  """Returns (text, title or None) of a document in BioC's JSON, an object."""
  text, title = "", None
  try:
    for passage in document["passages"]:
      is_first = not text
      is_whole = passage.get("text") is not None
      for part in [passage] if is_whole else passage["sentences"]:
        text = _with_part(text, str(part["offset"]), part["text"], place)
      if is_first and passage.get("infons", {}).get("type") in _TITLES:
        title = text
  except (AttributeError, KeyError, TypeError) as error:
    raise InputError(
      "%s: found passages of another shape (%r), expected BioC's: an offset, "
      "infons and a text each" % (place, error)
    ) from None
  return text, title


def _document(element, path, skip, skipping):
  place = safe_xml.place(element, path)
  name = safe_xml.child_text(element, "id", path)
  text, title = _text(element, path)
  mentions, relations = [], []
  for annotation in element.iter("annotation"):
    with skipping(annotated.UNFIT_ANNOTATIONS):
      if not skip(_infons(annotation)):
        mentions.append(_mention(annotation, text, path))
  for relation in element.iter("relation"):
    with skipping(annotated.UNFIT_ANNOTATIONS):
      relations.append(_relation(relation, path))
  return annotated.Document(name, text, title, mentions, relations, place)


def _text(element, path):
  """Returns (text, title or None) of a document's passages."""
  text, title = "", None
  for passage in element.iter("passage"):
    is_first = not text
    is_whole = passage.find("text") is not None
    for part in [passage] if is_whole else passage.iter("sentence"):
      where = safe_xml.place(part, path)
      offset = safe_xml.child_text(part, "offset", path)
      text = _with_part(text, offset, part.findtext("text", ""), where)
    if is_first and _infons(passage).get("type") in _TITLES:
      title = text
  return text, title


def _with_part(text, offset, part, where):
  """Returns the text so far, padded to the offset of a part, and the part."""
  offset = annotated.whole_number(offset, "offset", where)
  if not len(text) <= offset <= _MAX_OFFSET:
    raise InputError(
      "%s: found a passage or sentence at offset %d, but the text before "
      "it ends at %d; expected passages and sentences in order"
      % (where, offset, len(text))
    )
  return text + " " * (offset - len(text)) + part


def _infons(element):
  """Returns {key: text} of an element's infons; the first of a key counts."""
  infons = {}
  for infon in element.findall("infon"):
    infons.setdefault(infon.get("key"), (infon.text or "").strip())
  return infons


def _mention(element, text, path):
  place = safe_xml.place(element, path)
  spans = []
  for location in element.findall("location"):
    start = annotated.whole_number(location.get("offset", ""), "offset", place)
    size = annotated.whole_number(location.get("length", ""), "length", place)
    spans.append((start, start + size))
  kind = _infons(element).get("type")
  if not spans or not kind:
    raise InputError(
      "%s: found an annotation without %s, expected one"
      % (place, "a location" if kind else "a type")
    )
  covered = element.find("text")
  return annotated.mention(
    text,
    element.get("id", ""),
    kind,
    spans,
    None if covered is None else covered.text or "",
    place,
  )


def _relation(element, path):
  place = safe_xml.place(element, path)
  arguments = [node.get("refid") for node in element.findall("node")]
  if not arguments:  # PubTator's own BioC stores the concepts as infons.
    arguments = [
      text
      for key, text in _infons(element).items()
      if key not in ("relation", "type")
    ]
  infons = _infons(element)
  kind = infons.get("type") or infons.get("relation") or ""
  if len(arguments) < 2:
    raise InputError(
      "%s: found a relation with %d arguments, expected two: %s"
      % (
        place,
        len(arguments),
        shorten(etree.tostring(element).decode("ascii")),
      )
    )
  return annotated.Relation(
    element.get("id", ""), kind, arguments[0], arguments[1], place
  )
