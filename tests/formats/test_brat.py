# SPDX-License-Identifier: Apache-2.0
"""Tests of brat.py: mentions, discontinuous ones too, and relations."""

import pytest

from common import errors
from formats import annotated
from formats import brat
from formats import documents
from formats import entity_files

TEXT = "Naloxone\r\nLeft and right weakness.\n"


def parse(ann, text=TEXT):
  return brat.parse(
    text.encode("utf-8"), ann.encode("utf-8"), "1", "1.txt", "1.ann"
  )


def test_a_document_has_mentions_and_relations():
  ann = (
    "T1\tChemical 0 8\tNaloxone\n"
    "T2\tDisease 10 14;25 33\tLeft weakness\n"
    "\n"
    "R1\tCID Arg1:T1 Arg2:T2\n"
  )
  assert parse(ann) == annotated.Document(
    "1",
    TEXT,
    None,
    [
      annotated.Mention("T1", "Chemical", ((0, 8),), "Naloxone", "1.ann:1"),
      annotated.Mention(
        "T2", "Disease", ((10, 14), (25, 33)), "Left weakness", "1.ann:2"
      ),
    ],
    [annotated.Relation("R1", "CID", "T1", "T2", "1.ann:4")],
    "1.txt:1",
  )


def test_a_relation_may_precede_its_mentions():
  found = parse("R1\tX a:T1 b:T2 \nT1\tA 0 8\tNaloxone\nT2\tB 10 14\tLeft\n")
  assert found.relations[0][:4] == ("R1", "X", "T1", "T2")


@pytest.mark.parametrize("ann", ["", "\n", " \r\n"])
def test_a_document_may_have_no_mentions(ann):
  assert parse(ann).mentions == []


def test_windows_line_ends_end_annotations_and_stay_in_the_text():
  found = parse("T1\tA 0 8\tNaloxone\r\nT2\tA 10 14\tLeft\r\n")
  assert [m.text for m in found.mentions] == ["Naloxone", "Left"]


def test_a_mention_across_a_line_end_has_a_blank_there():
  found = parse("T1\tA 0 14\tNaloxone  Left\n")
  assert found.mentions[0].spans == ((0, 14),)


def test_other_annotations_are_ignored():
  ann = (
    "E1\tX:T1 Theme:T2\nA1\tNegation T1\nM1\tNegation T1\n*\tEquiv T1 T2\n"
    "#1\tAnnotatorNotes T1\tof old\nN1\tReference T1 MeSH:D1\tNaloxone\n"
  )
  found = parse(ann + "T1\tChemical 0 8\tNaloxone\n")
  assert (len(found.mentions), found.relations) == (1, [])


MENTION = "T1\tChemical 0 8\tNaloxone\n"
FAULTS = [
  # .ann, message
  (
    MENTION + "T2 Chemical 0 8 Naloxone\n",
    ":2: found 'T2 Chemical 0 8 Naloxone', expected a line of brat's "
    "standoff format, such as T1<TAB>Type start end<TAB>text",
  ),
  ("\nT1\tChemical 0\tNaloxone\n", ":2: found 'T1\\tChemical 0\\tNalox"),
  ("T1\tChemical 0 8\n", ":1: found 'T1\\tChemical 0 8', expected a"),
  ("T1\tA 0 8;9\tNaloxone\n", ":1: found 'T1\\tA 0 8;9\\tNaloxone', exp"),
  ("R1\tCID T1 T2\n", ":1: found 'R1\\tCID T1 T2', expected a line"),
  ("X1\tChemical 0 8\tNaloxone\n", ":1: found 'X1\\tChemical 0 8"),
  (
    "T1\tChemical 1 8\tNaloxone\n",
    ":1: found 'aloxone' at the offsets 1-8, expected 'Naloxone' there",
  ),
  ("T1\tA 0 99\tNaloxone\n", ":1: found the offsets 0 to 99, expected"),
  ("T1\tA 0 %s\tNaloxone\n" % ("9" * 5000), ":1: found '9999"),
  (MENTION + MENTION, ":2: found the id 'T1' again, expected each id once"),
  (
    MENTION + "R1\tCID Arg1:T1 Arg2:T3\n",
    ":2: found a relation to T3, expected mentions of this document",
  ),
]


@pytest.mark.parametrize(("ann", "message"), FAULTS)
def test_malformed_annotations_are_rejected_with_their_line(ann, message):
  with pytest.raises(errors.InputError) as caught:
    parse(ann)
  assert str(caught.value).startswith("1.ann" + message)
  assert "\n" not in str(caught.value)


def test_invalid_utf8_is_rejected_with_its_file():
  with pytest.raises(errors.InputError, match="1.txt:2: found byte 0xe9"):
    brat.parse(b"a\n\xe9", b"", "1", "1.txt", "1.ann")
  with pytest.raises(errors.InputError, match="1.ann:1: found byte 0xe9"):
    brat.parse(b"a\n", b"\xe9", "1", "1.txt", "1.ann")


def test_the_output_of_entity_files_can_be_read():
  text = "\u03b2-APC & FAP\r\n \r\nrose.\nIt fell."
  spans = [(0, 5), (8, 21), (22, 24)]
  entities = [
    entity_files.Entity(start, end, kind, 0.5, text[start:end])
    for (start, end), kind in zip(spans, ("Gene", "Two words", ""))
  ]
  txt, ann = entity_files.to_brat(documents.Document("1", text, None), entities)
  read = parse(ann, txt)
  assert read.text == text
  assert [annotated.extent(m) for m in read.mentions] == spans
  assert read.mentions[1].spans == ((8, 11), (16, 21))
  assert [m.type for m in read.mentions] == ["Gene", "Two_words", "entity"]
