# SPDX-License-Identifier: Apache-2.0
"""DDI 2013: drug-drug interactions in 905 texts of DrugBank and PubMed."""

from common.errors import InputError
from common.errors import shorten
from converters.shared import corpus
from converters.shared import examples
from converters.shared import marking
from converters.shared import splits
from converters.shared import writers
from formats import annotated
from formats import safe_xml

_TYPES = ("advise", "effect", "int", "mechanism")
PUBLISHED = corpus.Published(
  counts={"ddi": {"rows": {"train": 25296, "dev": 2496, "test": 5716}}},
  certain=("rows",),
  source="BLURB; both layouts have its development set",
)
write = writers.labelled_sentences
_EXPECTED = "a document of the DDI corpus, with sentences, entities and pairs"


def convert(source, options, report):
  """Returns a row for each pair of drugs in a sentence."""
  training = report.part(
    "train", _read, source, "train", "train/*/*.xml", report
  )
  divided = splits.published("ddi.blurb", training, source, options, report)
  pattern = "test for ddi extraction task/*/*.xml"
  divided["test"] = report.part("test", _read, source, "test", pattern, report)
  found = {}
  for split, documents in divided.items():
    documents = sorted(documents, key=lambda document: document.id)
    found[split] = [
      row
      for document in documents
      for row in _rows(document, options, report, split)
    ]
  return found


def _read(source, split, pattern, report):
  """Returns a splits.Group per document of a part, with its sentences."""
  documents, skipping = [], report.skipping_in(split)
  for file in source.files("%s set" % split, pattern):
    with skipping(annotated.UNFIT_DOCUMENTS):
      root = safe_xml.parse(file.read(), file.path, _EXPECTED, "document")
      name = safe_xml.attribute(root, "id", file.path)
      sentences = [
        _sentence(element, file.path, skipping)
        for element in root.iter("sentence")
      ]
      place = safe_xml.place(root, file.path)
      documents.append(splits.Group(name, sentences, place))
  return documents


def _sentence(element, path, skipping):
  text = safe_xml.attribute(element, "text", path)
  mentions, pairs = [], []
  for entity in element.iter("entity"):
    with skipping(annotated.UNFIT_ANNOTATIONS):
      mentions.append(_mention(entity, text, path))
  known = {mention.id for mention in mentions}
  for pair in element.iter("pair"):
    with skipping("pairs that do not fit or lack an entity (skipped)"):
      pairs.append(_pair(pair, known, path))
  return annotated.Document(
    safe_xml.attribute(element, "id", path),
    text,
    None,
    mentions,
    pairs,
    safe_xml.place(element, path),
  )


def _pair(element, known, path):
  first, second = (safe_xml.attribute(element, e, path) for e in ("e1", "e2"))
  place = safe_xml.place(element, path)
  if not {first, second} <= known:
    raise InputError(
      "%s: found a pair of %s and %s, expected entities of its sentence"
      % (place, first, second)
    )
  name, label = safe_xml.attribute(element, "id", path), _label(element, path)
  return annotated.Relation(name, label, first, second, place)


def _mention(element, text, path):
  """Returns the Mention of a drug; the corpus's end offsets are inclusive."""
  place = safe_xml.place(element, path)
  spans = []
  for part in safe_xml.attribute(element, "charOffset", path).split(";"):
    start, dash, last = part.partition("-")
    if not dash:
      raise InputError(
        "%s: found the offsets %s, expected first-last" % (place, shorten(part))
      )
    start, last = annotated.offsets((start, last), place)
    spans.append((start, last + 1))
  # The text given for a discontinuous entity may differ from that of its parts.
  said = None if len(spans) > 1 else element.get("text")
  return annotated.mention(
    text,
    safe_xml.attribute(element, "id", path),
    safe_xml.attribute(element, "type", path),
    spans,
    said,
    place,
  )


def _label(pair, path):
  """Returns the label; None for an interaction without a type."""
  is_true = safe_xml.attribute(pair, "ddi", path)
  kind = pair.get("type")
  if is_true == "false" and kind is None:
    return "DDI-false"
  if is_true == "true" and kind in _TYPES + (None,):
    return "DDI-%s" % kind if kind else None
  raise InputError(
    '%s: found ddi="%s" type="%s", expected false without a type, or true with '
    "one of %s" % (safe_xml.place(pair, path), is_true, kind, ", ".join(_TYPES))
  )


def _rows(document, options, report, split):
  rows = []
  for sentence in document.members:
    mentions = {mention.id: mention for mention in sentence.mentions}
    for pair in sentence.relations:
      first, second = mentions[pair.first], mentions[pair.second]
      report.rule(
        "pairs with a drug in several parts (marked from start to end)",
        split,
        any(len(mention.spans) > 1 for mention in (first, second)),
      )
      report.rule(
        "interactions without a type (DDI-int, as in BLURB)",
        split,
        pair.type is None,
      )
      text = marking.mark(
        sentence.text,
        0,
        len(sentence.text),
        first,
        second,
        _NAMES[options.layout],
      )
      rows.append(
        examples.Row(pair.id, document.id, (text,), pair.type or "DDI-int")
      )
  return rows


# The name of an entity's mark.
_NAMES = {"blurb": lambda mention: "DRUG", "blue": lambda mention: mention.type}
