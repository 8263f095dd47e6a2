# SPDX-License-Identifier: Apache-2.0
"""marking: marks that replace two mentions of a sentence."""

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
  ("8-16", "24-27", "@CHEMICAL$ blocks @GENE$ binding here.", "two apart"),
  ("24-27", "8-16", "@GENE$ blocks @CHEMICAL$ binding here.", "reversed"),
  ("8-12", "12-16", "@CHEMICAL$@GENE$ blocks p53 binding here.", "adjacent"),
  ("17-27", "24-35", "Naloxone @CHEMICAL-GENE$ here.", "two that overlap"),
  ("24-27", "17-35", "Naloxone @GENE-CHEMICAL$ here.", "one in the other"),
  ("24-35", "24-27", "Naloxone blocks @GENE-CHEMICAL$ here.", "same start"),
  ("24-27", "24-27", "Naloxone blocks @CHEMICAL-GENE$ binding here.", "same"),
  ("8-10+14-16", "24-27+36-40", "@CHEMICAL$ blocks @GENE$.", "gaps go too"),
  ("8-16+28-35", "24-27", "@CHEMICAL-GENE$ here.", "one in the other's gap"),
  ("8-40", "40-41", "@CHEMICAL$@GENE$", "the whole sentence"),
]


def parse_spans(text):
  """Returns the spans in a text such as "8-10+14-16"."""
  return [tuple(map(int, span.split("-"))) for span in text.split("+")]


@pytest.mark.parametrize(("chemical", "gene", "sentence", "why"), MARKED)
def test_marks_replace_mentions(chemical, gene, sentence, why):
  chemical = mention(CHEMICAL, *parse_spans(chemical))
  gene = mention(GENE, *parse_spans(gene))
  assert marked(chemical, gene) == sentence, why
  assert marked(gene, chemical) == sentence, "the order does not matter"


def test_only_the_mark_of_overlapping_mentions_may_have_its_own_name():
  pair = mention(CHEMICAL, (17, 27)), mention(GENE, (24, 35))
  assert marked(*pair, both="CHEM-GENE") == "Naloxone @CHEM-GENE$ here."
  pair = mention(CHEMICAL, (8, 16)), mention(GENE, (24, 27))
  assert "CHEM-GENE" not in marked(*pair, both="CHEM-GENE")


def test_the_caller_names_the_marks():
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


def test_a_document_may_have_no_sentences():
  assert marking.grouped([], []) == ([], 0)
