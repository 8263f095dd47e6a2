# SPDX-License-Identifier: Apache-2.0
"""Tests of bioc.py: passages, sentences, annotations and relations."""

import pytest

from common import errors
from formats import annotated
from formats import bioc

HEAD = (
  '<?xml version="1.0" encoding="UTF-8"?>\n'
  '<!DOCTYPE collection SYSTEM "BioC.dtd">\n'
  "<collection><source>PubMed</source>\n"
)
PASSAGES = """<document><id>12</id>
<passage><infon key="type">title</infon><offset>0</offset>
<text>Naloxone &amp; \u03b2-clonidine.</text>
<annotation id="0"><infon key="type">Chemical</infon>
<location offset="0" length="8"/><text>Naloxone</text></annotation>
</passage>
<passage><infon key="type">abstract</infon><offset>24</offset>
<text>In rats, x fell.</text>
<annotation id="1"><infon key="type">Species</infon>
<location offset="27" length="4"/><text>rats</text></annotation>
</passage>
%s</document>
"""


def parse(documents, **options):
  data = HEAD + documents + "</collection>\n"
  return bioc.parse(data.encode("utf-8"), "c.xml", **options)


def rejection_of(documents):
  with pytest.raises(errors.InputError) as caught:
    parse(documents)
  assert "\n" not in str(caught.value)
  return str(caught.value)


def mention_xml(locations, text="", infons='<infon key="type">X</infon>'):
  return '<annotation id="7">%s%s%s</annotation>' % (
    infons,
    "".join('<location offset="%s" length="%s"/>' % pair for pair in locations),
    text,
  )


def test_documents_have_text_title_and_mentions():
  title = "Naloxone & \u03b2-clonidine."
  assert parse(PASSAGES % "") == [
    annotated.Document(
      "12",
      title + " In rats, x fell.",
      title,
      [
        annotated.Mention("0", "Chemical", ((0, 8),), "Naloxone", "c.xml:7"),
        annotated.Mention("1", "Species", ((27, 31),), "rats", "c.xml:12"),
      ],
      [],
      "c.xml:4",
    )
  ]


ONE = "<document><id>1</id>%s</document>"
PASSAGE = "<passage><offset>%s</offset>%s</passage>"
TITLE = '<infon key="type">title</infon>'
TEXTS = [
  # [(offset, XML of a passage)], text, title, why
  (
    [(2, "<text>One.</text>"), (10, "<text>Two.</text>")],
    ("  One.    Two.", None),
    "passages at their offsets",
  ),
  (
    [(0, "<text>It.</text>"), (4, TITLE + "<text>Methods</text>")],
    ("It. Methods", None),
    "only the first passage is the title",
  ),
  (
    [(0, "<text>It.</text><sentence><text>Rose</text></sentence>")],
    ("It.", None),
    "the text of a passage comes before that of its sentences",
  ),
  (
    [(0, TITLE + "<text>It <!-- no -->ro<![CDATA[se <&]]>.</text>")],
    ("It rose <&.", "It rose <&."),
    "comments and CDATA sections leave no gaps",
  ),
]


@pytest.mark.parametrize(("passages", "expected", "why"), TEXTS)
def test_passages_make_the_text_and_the_title(passages, expected, why):
  (document,) = parse(ONE % "".join(PASSAGE % pair for pair in passages))
  assert (document.text, document.title) == expected, why


def test_sentences_are_placed_at_their_offsets():
  sentence = "<sentence><offset>%d</offset><text>%s</text>%s</sentence>"
  first = sentence % (0, "It rose.", mention_xml([(0, 2)], "<text>It</text>"))
  mention = mention_xml([(14, 4)], "<text>fell</text>")
  second = sentence % (11, "It fell.", mention)
  passages = PASSAGE % (0, TITLE + first + second)
  passages += PASSAGE % (20, "<text>Pain.</text>")
  (document,) = parse(ONE % passages)
  assert document.text == "It rose.   It fell. Pain."
  assert document.title == "It rose.   It fell."
  assert [m.text for m in document.mentions] == ["It", "fell"]


def test_annotations_of_the_document_itself_are_read():
  xml = PASSAGES % mention_xml([(9, 1)], "<text>&amp;</text>")
  assert parse(xml)[0].mentions[-1].spans == ((9, 10),)


def test_an_annotation_with_several_locations_has_several_parts():
  xml = PASSAGES % mention_xml([(27, 4), (0, 8)], "<text>Naloxone rats</text>")
  mention = parse(xml)[0].mentions[-1]
  assert (mention.spans, mention.text) == (((0, 8), (27, 31)), "Naloxone rats")


def test_an_annotation_without_text_gets_the_text_at_its_offsets():
  xml = PASSAGES % mention_xml([(27, 4)])
  assert parse(xml)[0].mentions[-1].text == "rats"


def test_annotations_can_be_skipped_and_are_not_checked_then():
  xml = PASSAGES % mention_xml([(990, 4)])
  found = parse(xml, skip=lambda infons: infons["type"] in ("Species", "X"))
  assert [m.type for m in found[0].mentions] == ["Chemical"]


def test_relations_connect_their_nodes():
  xml = PASSAGES % (
    '<relation id="R7"><infon key="type">CID</infon>'
    '<node refid="0" role="Chemical"/><node refid="1" role="Species"/>'
    "</relation>"
  )
  assert parse(xml)[0].relations == [
    annotated.Relation("R7", "CID", "0", "1", "c.xml:15")
  ]


def test_relations_between_concepts_are_read_from_infons():
  xml = PASSAGES % (
    '<relation id="R0"><infon key="relation">CID</infon>'
    '<infon key="Chemical">D1</infon><infon key="Disease">D2</infon></relation>'
  )
  assert parse(xml)[0].relations[0][:4] == ("R0", "CID", "D1", "D2")


def test_the_encoding_of_the_xml_declaration_is_used():
  data = HEAD.replace("UTF-8", "ISO-8859-1") + (
    "<document><id>1</id><passage><offset>0</offset><text>caf\xe9</text>"
    "</passage></document></collection>"
  )
  (document,) = bioc.parse(data.encode("latin-1"), "c.xml")
  assert document.text == "caf\xe9"


def json_document(**changed):
  """Returns a document in BioC's JSON with an annotation in a sentence."""
  annotation = {
    "id": 7,
    "infons": {
      "type": "Gene",
      "identifier": "12;p|SUB|G|12|V",
      "n": 1,
      "score": 0.5,
    },
    "locations": [{"offset": 4, "length": 4}],
    "text": "rats",
  }
  sentence = {"offset": 4, "text": "rats.", "annotations": [annotation]}
  passage = {"offset": 0, "infons": {}, "sentences": [sentence]}
  return dict({"id": 1, "passages": [passage]}, **changed)


def test_json_has_the_same_annotations_as_xml():
  relation = {"id": "R", "infons": {"type": "x"}, "nodes": [{"refid": 7}] * 2}
  place = "c.json, document '1'"
  assert bioc.parse_json(
    json_document(relations=[relation]), "c.json"
  ) == annotated.Document(
    "1",
    "    rats.",
    None,
    [
      annotated.Mention(
        "7",
        "Gene",
        ((4, 8),),
        "rats",
        place + ", annotation '7'",
        ("12;p|SUB|G|12|V", "12", "p|SUB|G|12|V", "1"),
      )
    ],
    [annotated.Relation("R", "x", "7", "7", place + ", relation 'R'")],
    place,
  )


@pytest.mark.parametrize(
  "infons",
  [
    {"type": "Bind", "novel": "No", "entity2": "12", "entity1": "D1"},
    {"novel": "No", "type": "Bind", "Chemical": "D1", "Gene": "12"},
  ],
)
def test_relations_of_concepts_in_json_skip_other_infons(infons):
  document = json_document(relations=[{"id": "R", "infons": infons}])
  (relation,) = bioc.parse_json(document, "c.json").relations
  assert relation[1:4] == ("Bind", "D1", "12") and relation.by_concept


@pytest.mark.parametrize(
  "changed, message",
  [
    ({"relations": [{"id": "R"}]}, "relation 'R': found a relation with 0 arg"),
    ({"relations": {}}, None),
    ({"relations": ["R"]}, 'found "R" under relations'),
    (
      {"annotations": [{"id": "A"}]},
      "annotation 'A': found an annotation wi",
    ),
    ({"annotations": 5}, "found 5 under annotations, expected a list"),
    ({"id": "\ud800"}, "found half of a surrogate pair"),
    ({"passages": 5}, "c.json: found passages of another shape"),
  ],
)
def test_malformed_json_is_rejected(changed, message):
  if message is None:  # Nothing is no fault.
    assert bioc.parse_json(json_document(**changed), "c.json").relations == []
    return
  with pytest.raises(errors.InputError) as caught:
    bioc.parse_json(json_document(**changed), "c.json")
  assert message in str(caught.value)


FAULTS = [
  # documents, message
  ("", ": found no document, expected a BioC collection with documents"),
  ("<document>", ":4: found no well-formed XML (Opening and ending tag"),
  (
    "<document><id> </id></document>",
    ":4: found <document> without '<id>', expected one",
  ),
  (
    ONE % "\n<passage><text>x</text></passage>",
    ":5: found <passage> without '<offset>'",
  ),
  (
    ONE % "<passage>\n<sentence><text>x</text></sentence></passage>",
    ":5: found <sentence> without '<offset>'",
  ),
  (
    ONE % (PASSAGE % ("x", "<text/>")),
    ":4: found 'x', expected the offset as a whole number",
  ),
  (
    ONE % (PASSAGE % (0, "<text>x</text>") + PASSAGE % (0, "<text>y</text>")),
    ":4: found a passage or sentence at offset 0, but the text before it ends "
    "at 1;",
  ),
  (
    ONE % (PASSAGE % (999999999999, "<text/>")),
    ":4: found a passage or sentence at offset 999999999999, but the text "
    "before",
  ),
  (
    PASSAGES % mention_xml([(1, 4)], "<text>Nalo</text>"),
    ":15: found 'alox' at the offsets 1-5, expected 'Nalo' there",
  ),
  (
    PASSAGES % mention_xml([(30, 90)]),
    ":15: found the offsets 30 to 120, expected offsets within the 40",
  ),
  (
    PASSAGES % mention_xml([]),
    ":15: found an annotation without a location, expected one",
  ),
  (
    PASSAGES % mention_xml([(0, 8)], infons=""),
    ":15: found an annotation without a type, expected one",
  ),
  (
    PASSAGES
    % '<annotation><infon key="type">X</infon><location/></annotation>',
    ":15: found '', expected the offset as a whole number",
  ),
  (
    PASSAGES % '<relation id="R0"><node refid="0"/></relation>',
    ":15: found a relation with 1 arguments, expected two: '0'",
  ),
]


@pytest.mark.parametrize(("documents", "message"), FAULTS)
def test_malformed_bioc_is_rejected_with_its_line(documents, message):
  assert rejection_of(documents).startswith("c.xml" + message)


def test_other_xml_is_rejected_with_its_line():
  with pytest.raises(errors.InputError) as caught:
    bioc.parse(b"\n<html></html>", "c.xml")
  assert str(caught.value) == (
    "c.xml:2: found <html>, expected a BioC collection with documents, "
    "passages and annotations"
  )


def test_an_entity_in_a_text_is_rejected_because_its_text_would_be_missing():
  error = rejection_of(
    "<document><id>1</id><passage><offset>0</offset>\n"
    "<text>&beta;-clonidine</text></passage></document>"
  )
  assert error == "c.xml:5: found the entity '&beta;', expected its characters"
