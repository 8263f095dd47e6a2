# SPDX-License-Identifier: Apache-2.0
"""Reads documents in BioC's XML and JSON, annotated or not.

This uses lxml, which the DDI corpus needs anyway, and not the library bioc, so
that errors name the line and offsets are checked against the text.
"""

import contextlib
import json

from common.errors import InputError
from common.errors import caught
from common.errors import reject
from common.errors import shorten
from common.text import check_shape
from common.text import check_whole
from formats import annotated
from formats import safe_xml

_MAX_OFFSET = 10**7  # No document has so many characters.
_TITLES = ("title", "front")  # Types of a title's passage; PMC has the latter.
# Infons with the concepts of a relation in BioRED, and those without any.
_ENDS = ("entity1", "entity2")
_NO_ENDS = ("relation", "type", "novel", "score")
_NO_CONCEPTS = ("type", "score")  # Infons of an annotation.
_EXPECTED = "a BioC collection with documents, passages and annotations"


def is_part_of_composite(infons):
  """Returns whether an annotation is a part of a composite name, in BC5CDR.

  Parts are not mentions of their own, and some have wrong offsets.
  """
  return infons.get("CompositeRole") == "IndividualMention"


def parse(
  data, path, skip=lambda infons: False, skipping=contextlib.nullcontext
):
  """Returns the documents of a file's bytes as a list of annotated.Document.

  The text joins the passages (or their sentences) at their offsets, with blanks
  in between; the title is the first passage if its type is "title". Annotations
  of documents, passages and sentences become mentions, with one part per
  location and the infon "type" as type; the other infons name its concepts.
  Those whose infons, {key: text}, make `skip` true are left out. Relations
  connect their first two nodes, in order, or the concepts in their infons.

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


def read_texts(source, failed=reject):
  """Yields (place, id, text, title or None) of the documents of BioC's XML.

  Only one document at a time is in memory; see `parse` for the text. `failed`
  is called with the InputError of a document; it may return.
  """
  elements = safe_xml.elements(
    source.blocks(), source.path, ("document",), ("collection",), _EXPECTED
  )
  for element in elements:
    with caught(failed):
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


def json_documents(value):
  """Returns the documents in a value of BioC's JSON, a list of objects.

  The value is a collection or a document; [] for anything else.
  """
  if not isinstance(value, dict):
    return []
  parts = value.get("documents") or value.get("PubTator3")
  if isinstance(parts, list) and isinstance(parts[0], dict):
    return parts if "passages" in parts[0] else []
  return [value] if "passages" in value else []


def parse_json(
  document,
  place,
  skip=lambda infons: False,
  skipping=contextlib.nullcontext,
):
  """Returns the annotated.Document of a document in BioC's JSON, an object.

  See `parse`. Places are that of the file and the ids of document and
  annotation, as JSON has no lines.
  """
  check_whole(json.dumps(document, ensure_ascii=False), place)
  text, title = json_text(document, place)
  name = str(document.get("id", ""))
  place = "%s, document %s" % (place, shorten(name))
  found = annotated.Document(name, text, title, [], [], place)
  for part in _json_parts(document, place):
    for value in _items(part, "annotations", place):
      with skipping(annotated.UNFIT_ANNOTATIONS):
        if not skip(_json_infons(value)):
          found.mentions.append(_json_mention(value, text, place))
    for value in _items(part, "relations", place):
      with skipping(annotated.UNFIT_ANNOTATIONS):
        found.relations.append(_json_relation(value, place))
  return found


def _json_parts(document, place):
  """Yields a document, its passages and their sentences."""
  yield document
  for passage in _items(document, "passages", place):
    yield passage
    yield from _items(passage, "sentences", place)


def _items(value, key, place):
  """Returns a list of objects under a key, [] without it."""
  found = value.get(key) or []
  check_shape(found, [{}], place, key)
  return found


def _json_infons(value):
  infons = value.get("infons")
  return {
    key: infon if isinstance(infon, str) else str(infon)
    for key, infon in (infons if isinstance(infons, dict) else {}).items()
    if infon is not None
  }


def _json_mention(value, text, place):
  name = str(value.get("id", ""))
  place += ", annotation %s" % shorten(name)
  spans = [
    (location.get("offset", ""), location.get("length", ""))
    for location in _items(value, "locations", place)
  ]
  covered = value.get("text")
  check_shape(covered, (str, None), place, "text")
  return _mention(name, _json_infons(value), spans, covered, text, place)


def _json_relation(value, place):
  name = str(value.get("id", ""))
  nodes = [node.get("refid", "") for node in _items(value, "nodes", place)]
  place += ", relation %s" % shorten(name)
  return _relation(name, _json_infons(value), list(map(str, nodes)), place)


def _document(element, path, skip, skipping):
  place = safe_xml.place(element, path)
  name = safe_xml.child_text(element, "id", path)
  text, title = _text(element, path)
  mentions, relations = [], []
  for annotation in element.iter("annotation"):
    with skipping(annotated.UNFIT_ANNOTATIONS):
      if not skip(_infons(annotation)):
        mentions.append(_mention_of(annotation, text, path))
  for relation in element.iter("relation"):
    with skipping(annotated.UNFIT_ANNOTATIONS):
      relations.append(_relation_of(relation, path))
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


def _mention_of(element, text, path):
  spans = [
    (location.get("offset", ""), location.get("length", ""))
    for location in element.findall("location")
  ]
  covered = element.find("text")
  return _mention(
    element.get("id", ""),
    _infons(element),
    spans,
    None if covered is None else covered.text or "",
    text,
    safe_xml.place(element, path),
  )


def _relation_of(element, path):
  nodes = [node.get("refid", "") for node in element.findall("node")]
  return _relation(
    element.get("id", ""),
    _infons(element),
    nodes,
    safe_xml.place(element, path),
  )


def _mention(name, infons, spans, covered, text, place):
  """Returns a Mention.

  Args:
    name: its id.
    infons: {key: text}; "type" is its type, the others may name concepts.
    spans: [(offset, length)], as in the file.
    covered: the text that the annotation gives, or None.
    text: the document's text.
    place: for messages.
  """
  pairs = []
  for offset, length in spans:
    start = annotated.whole_number(str(offset), "offset", place)
    size = annotated.whole_number(str(length), "length", place)
    pairs.append((start, start + size))
  kind = infons.get("type")
  if not pairs or not kind:
    raise InputError(
      "%s: found an annotation without %s, expected one"
      % (place, "a location" if kind else "a type")
    )
  others = [text for key, text in infons.items() if key not in _NO_CONCEPTS]
  concepts = annotated.split_concepts(*others)
  return annotated.mention(text, name, kind, pairs, covered, place, concepts)


def _relation(name, infons, nodes, place):
  """Returns the Relation of two nodes or, without any, of infons' concepts."""
  arguments = nodes
  if not nodes:  # PubTator's own BioC stores the concepts as infons.
    ends = [infons[key] for key in _ENDS if key in infons]
    others = [text for key, text in infons.items() if key not in _NO_ENDS]
    arguments = ends if len(ends) == len(_ENDS) else others
  if len(arguments) < 2:
    raise InputError(
      "%s: found a relation with %d arguments, expected two: %s"
      % (place, len(arguments), shorten(", ".join(arguments)))
    )
  kind = infons.get("type") or infons.get("relation") or ""
  first, second = arguments[:2]
  return annotated.Relation(name, kind, first, second, place, not nodes)
