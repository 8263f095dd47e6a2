# SPDX-License-Identifier: Apache-2.0
"""Reads annotated documents in BioC's XML.

Read with lxml, which DDI and ShARe/CLEF need anyway, and not with the library
bioc: errors here name the line, and offsets are checked against the text. DTDs,
entities and the network are off.
"""

from lxml import etree

from common.errors import InputError
from common.errors import shorten
from formats import annotated
from formats import safe_xml

_MAX_OFFSET = 10**7  # No document has so many characters.
_EXPECTED = "a BioC collection with documents, passages and annotations"


def parse(data, path, skip=lambda infons: False):
  """Returns the documents of a file's bytes as a list of annotated.Document.

  The text is that of the passages, or of their sentences, at their offsets,
  with blanks between; the title is the first passage if its type says so.
  Annotations of the document itself, of passages and of sentences are taken; of
  an annotation with several locations each is a part. Its type is the infon
  `type`. Relations have the roles of their first two nodes in order.

  Args:
    data: the file's bytes.
    path: its name.
    skip: tells, of the {key: text} of an annotation's infons, whether it is
      left out.

  Raises:
    InputError: what is no such XML, with the line.
  """
  root = safe_xml.parse(data, path, _EXPECTED)
  if root.tag != "collection":
    raise InputError(
      "%s:%d: found <%s>, expected %s"
      % (path, root.sourceline, root.tag, _EXPECTED)
    )
  documents = [_document(e, path, skip) for e in root.iter("document")]
  if not documents:
    raise InputError("%s: found no document, expected %s" % (path, _EXPECTED))
  return documents


def _document(element, path, skip):
  place = safe_xml.place(element, path)
  name = safe_xml.child_text(element, "id", path)
  text, title = _text(element, path)
  mentions = [
    _mention(annotation, text, path)
    for annotation in element.iter("annotation")
    if not skip(_infons(annotation))
  ]
  relations = [
    _relation(relation, path) for relation in element.iter("relation")
  ]
  return annotated.Document(name, text, title, mentions, relations, place)


def _text(element, path):
  """(text, title or None) of a document's passages, put at their offsets."""
  text, title = "", None
  for passage in element.iter("passage"):
    is_first = not text
    is_whole = passage.find("text") is not None
    for part in [passage] if is_whole else passage.iter("sentence"):
      text = _with_part(text, part, path)
    if is_first and _infons(passage).get("type") == "title":
      title = text
  return text, title


def _with_part(text, element, path):
  """A text, and that of a passage or sentence behind it at its offset."""
  where = safe_xml.place(element, path)
  offset = annotated.whole_number(
    safe_xml.child_text(element, "offset", path), "offset", where
  )
  if not len(text) <= offset <= _MAX_OFFSET:
    raise InputError(
      "%s: found a %s at offset %d, where the text before it ends at %d; "
      "expected them one after another"
      % (where, element.tag, offset, len(text))
    )
  return text + " " * (offset - len(text)) + element.findtext("text", "")


def _infons(element):
  """{key: text} of an element's infons, of the first of a key."""
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
  said = element.find("text")
  return annotated.mention(
    text,
    element.get("id", ""),
    kind,
    spans,
    None if said is None else said.text or "",
    place,
  )


def _relation(element, path):
  place = safe_xml.place(element, path)
  ends = [node.get("refid") for node in element.findall("node")]
  if not ends:  # PubTator's own BioC has the concepts as infons.
    ends = [
      text
      for key, text in _infons(element).items()
      if key not in ("relation", "type")
    ]
  infons = _infons(element)
  kind = infons.get("type") or infons.get("relation") or ""
  if len(ends) < 2:
    raise InputError(
      "%s: found a relation of %d ends, expected two: %s"
      % (place, len(ends), shorten(etree.tostring(element).decode("ascii")))
    )
  return annotated.Relation(
    element.get("id", ""), kind, ends[0], ends[1], place
  )
