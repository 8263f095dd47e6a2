# SPDX-License-Identifier: Apache-2.0
"""marking: two mentions of a sentence give way to their marks."""

import pytest

from converters.shared import marking
from formats import annotated

TEXT = "We saw. Naloxone blocks p53 binding here."
CHEMICAL, GENE = "CHEMICAL", "GENE"


def mention(kind, *spans):
  return annotated.Mention("T", kind, spans, "", "a:1")


def marked(first, second, both=None):
  """Returns the second sentence with its marks."""
  return marking.mark(TEXT, 8, len(TEXT), first, second, lambda m: m.type, both)


MARKED = [
  # spans of the chemical, of the gene, sentence, why
  (
    [(8, 16)],
    [(24, 27)],
    "@CHEMICAL$ blocks @GENE$ binding here.",
    "two apart",
  ),
  ([(24, 27)], [(8, 16)], "@GENE$ blocks @CHEMICAL$ binding here.", "reversed"),
  (
    [(8, 12)],
    [(12, 16)],
    "@CHEMICAL$@GENE$ blocks p53 binding here.",
    "two that touch",
  ),
  (
    [(17, 27)],
    [(24, 35)],
    "Naloxone @CHEMICAL-GENE$ here.",
    "two that overlap",
  ),
  (
    [(24, 27)],
    [(17, 35)],
    "Naloxone @GENE-CHEMICAL$ here.",
    "one within the other",
  ),
  (
    [(24, 35)],
    [(24, 27)],
    "Naloxone blocks @GENE-CHEMICAL$ here.",
    "one beginning",
  ),
  (
    [(24, 27)],
    [(24, 27)],
    "Naloxone blocks @CHEMICAL-GENE$ binding here.",
    "one place",
  ),
  (
    [(8, 10), (14, 16)],
    [(24, 27), (36, 40)],
    "@CHEMICAL$ blocks @GENE$.",
    "gaps are marked too",
  ),
  (
    [(8, 16), (28, 35)],
    [(24, 27)],
    "@CHEMICAL-GENE$ here.",
    "one in the gap of the other",
  ),
  ([(8, 40)], [(40, 41)], "@CHEMICAL$@GENE$", "the whole sentence"),
]


@pytest.mark.parametrize(("chemical", "gene", "sentence", "why"), MARKED)
def test_marks_stand_in_place_of_mentions(chemical, gene, sentence, why):
  pair = mention(CHEMICAL, *chemical), mention(GENE, *gene)
  assert marked(*pair) == sentence, why
  assert marked(*reversed(pair)) == sentence, "the order does not matter"


def test_the_mark_of_two_that_overlap_may_have_a_name_of_its_own():
  pair = mention(CHEMICAL, (17, 27)), mention(GENE, (24, 35))
  assert marked(*pair, both="CHEM-GENE") == "Naloxone @CHEM-GENE$ here."


def test_two_apart_do_not_take_the_name_of_two_that_overlap():
  pair = mention(CHEMICAL, (8, 16)), mention(GENE, (24, 27))
  assert "CHEM-GENE" not in marked(*pair, both="CHEM-GENE")


def test_marks_are_called_what_the_caller_calls_them():
  text = marking.mark(
    "ab", 0, 2, mention("X", (0, 1)), mention("Y", (1, 2)), lambda m: "DRUG"
  )
  assert text == "@DRUG$@DRUG$"


SENTENCES = [(0, 7), (8, 20), (21, 30)]


def test_sentences_have_their_mentions_in_order():
  a, b, c, d = (
    mention("X", span) for span in [(12, 14), (0, 2), (8, 20), (8, 9)]
  )
  assert marking.grouped(SENTENCES, [a, b, c, d]) == (
    [((0, 7), [b]), ((8, 20), [d, c, a]), ((21, 30), [])],
    0,
  )


def test_a_sentence_that_ends_within_a_mention_is_joined_with_the_next():
  a, b, c = (mention("X", span) for span in [(5, 10), (16, 18), (25, 27)])
  assert marking.grouped(SENTENCES, [a, b, c]) == (
    [((0, 20), [a, b]), ((21, 30), [c])],
    1,
  )


def test_a_document_may_have_no_sentence():
  assert marking.grouped([], []) == ([], 0)
