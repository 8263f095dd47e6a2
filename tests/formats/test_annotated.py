# SPDX-License-Identifier: Apache-2.0
"""Tests of annotated.py: spans match the text, sentences join."""

import pytest

from common import errors
from formats import annotated

TEXT = "Left  renal pain. It rose."


def mention(spans, expected=None, text=TEXT):
  return annotated.mention(text, "T1", "Disorder", spans, expected, "a.ann:3")


def message(call, *args):
  with pytest.raises(errors.InputError) as caught:
    call(*args)
  assert "\n" not in str(caught.value)
  return str(caught.value)


def test_a_mention_has_the_text_at_its_offsets():
  assert mention([(6, 11)], "renal") == annotated.Mention(
    "T1", "Disorder", ((6, 11),), "renal", "a.ann:3"
  )


@pytest.mark.parametrize(
  "cells, expected",
  [
    (["D1|D2"], ("D1|D2", "D1", "D2")),
    (["12, 13;14"], ("12, 13;14", "12", "13", "14")),
    (["p|SUB|G|12|V"], ("p|SUB|G|12|V",)),  # 12 is a position, no gene.
    (["-1", "-", "", "1"], ("1",)),  # PubTator writes -1 for none.
    ([], ()),
  ],
)
def test_concepts_are_split(cells, expected):
  assert annotated.split_concepts(*cells) == expected


SPANS = [
  # spans, expected, spans of the mention, text, why
  ([(4, 12)], None, ((6, 11),), "renal", "white space at the ends"),
  ([(0, 11)], "Left renal", ((0, 11),), "Left  renal", "more white space"),
  ([(0, 11)], "Leftrenal", ((0, 11),), "Left  renal", "no white space"),
  ([(6, 11), (0, 4)], None, ((0, 4), (6, 11)), "Left renal", "another order"),
  ([(0, 5), (12, 16)], "Left pain", ((0, 4), (12, 16)), "Left pain", "parts"),
  ([(0, 4), (4, 6)], "Left", ((0, 4),), "Left", "a part of white space"),
  ([(0, 26)], TEXT, ((0, 26),), TEXT, "the whole text"),
]


@pytest.mark.parametrize(("spans", "expected", "kept", "text", "why"), SPANS)
def test_spans_are_sorted_and_trimmed(spans, expected, kept, text, why):
  found = mention(spans, expected)
  assert (found.spans, found.text) == (kept, text), why


@pytest.mark.parametrize("span", [(3, 3), (4, 2), (20, 27), (-1, 3), (90, 99)])
def test_offsets_outside_the_text_are_rejected(span):
  assert message(mention, [span]) == (
    "a.ann:3: found the offsets %d to %d, expected offsets within the "
    "26 characters of the text" % span
  )


def test_a_mention_with_other_text_than_annotated_is_rejected():
  assert message(mention, [(0, 4), (6, 11)], "Left pain") == (
    "a.ann:3: found 'Left renal' at the offsets 0-4, 6-11, expected "
    "'Left pain' there as annotated"
  )


def test_the_text_of_a_mention_is_compared_with_case():
  assert "found 'Left'" in message(mention, [(0, 4)], "left")


def test_a_mention_of_white_space_is_rejected():
  assert message(mention, [(4, 6)]) == (
    "a.ann:3: found '' at the offsets 4-6, expected 'text' there as annotated"
  )


@pytest.mark.parametrize(("text", "number"), [("0", 0), (" 17\r", 17)])
def test_whole_numbers_are_parsed(text, number):
  assert annotated.whole_number(text, "offset", "a:1") == number


@pytest.mark.parametrize(
  "text", ["", " ", "-1", "+1", "1.0", "1e3", "1_0", "x", "\u00b2", "9" * 5000]
)
def test_anything_but_a_whole_number_is_rejected(text):
  error = message(annotated.whole_number, text, "offset", "a:1")
  assert error == (
    "a:1: found %s, expected the offset as a whole number"
    % errors.shorten(text)
  )


def document(name="1", text=TEXT, spans=((0, 4),), place="a.txt:1"):
  mentions = [
    annotated.Mention("T%d" % i, "X", (span,), text[slice(*span)], place)
    for i, span in enumerate(spans)
  ]
  return annotated.Document(name, text, None, mentions, [], place)


def test_copies_of_a_document_are_dropped_and_counted():
  documents = [document(), document("2"), document(place="a.txt:9")]
  assert annotated.without_repeats(documents) == (documents[:2], 1)


def test_the_same_text_under_two_ids_is_two_documents():
  assert annotated.without_repeats([document("1"), document("2")])[1] == 0


@pytest.mark.parametrize(
  "other",
  [
    document(text="Another text.", place="a.txt:9"),
    document(spans=((0, 4), (6, 11)), place="a.txt:9"),
    document(spans=((6, 11),), place="a.txt:9"),
  ],
)
def test_different_documents_with_the_same_id_are_rejected(other):
  assert message(annotated.without_repeats, [document(), other]) == (
    "a.txt:9: found the id '1' of a.txt:1 with another text or other "
    "annotations, expected a different id for each document"
  )


@pytest.mark.parametrize(
  ("spans", "extent"),
  [
    ([(6, 11)], (6, 11)),
    ([(0, 4), (12, 16)], (0, 16)),
    ([(0, 16), (6, 11)], (0, 16)),
  ],
)
def test_the_extent_covers_all_parts_and_gaps(spans, extent):
  assert annotated.extent(mention(spans)) == extent


SENTENCES = [(0, 4), (5, 10), (12, 20), (21, 25)]
JOINED = [
  # spans of mentions, sentences, crossing, why
  ([], SENTENCES, 0, "no mention"),
  ([[(0, 4)], [(5, 10)]], SENTENCES, 0, "whole sentences"),
  ([[(3, 6)]], [(0, 10), (12, 20), (21, 25)], 1, "over an end"),
  ([[(3, 6)], [(2, 7)]], [(0, 10), (12, 20), (21, 25)], 2, "twice"),
  ([[(6, 22)]], [(0, 4), (5, 25)], 1, "over two ends"),
  ([[(3, 6)], [(13, 22)]], [(0, 10), (12, 25)], 2, "two pairs"),
  ([[(3, 6)], [(9, 13)]], [(0, 20), (21, 25)], 2, "in a chain"),
  ([[(0, 2), (14, 15)]], [(0, 20), (21, 25)], 1, "a gap over an end"),
  ([[(20, 21)]], SENTENCES, 0, "between two sentences"),
]


@pytest.mark.parametrize(("spans", "sentences", "crossing", "why"), JOINED)
def test_sentences_that_end_inside_a_mention_are_joined(
  spans, sentences, crossing, why
):
  mentions = [
    annotated.Mention("T", "X", tuple(parts), "", "a:1") for parts in spans
  ]
  found = annotated.joined_sentences(SENTENCES, mentions)
  assert found == (sentences, crossing), why


def test_a_repeated_id_is_rejected():
  annotated.check_new("2", {"1"}, "t.tsv:2")
  assert message(annotated.check_new, "1", {"1"}, "t.tsv:2") == (
    "t.tsv:2: found the id '1' again, expected each id once"
  )
