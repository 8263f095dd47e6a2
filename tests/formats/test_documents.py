# SPDX-License-Identifier: Apache-2.0
"""Tests of documents.py: the formats of texts, their sentences and words."""

import gzip
import json
import logging
import os

import pytest

from common import errors
from formats import conll
from formats import documents

PUBTATOR = b"""12|t|Naloxone | and clonidine.
12|a|In rats, x fell.
12\t0\t8\tNaloxone\tChemical\tD009270
12\tCID\tD008750\tD007022

13|t|A title alone.
"""


def test_a_line_of_plain_text_is_a_document_with_its_number_as_id():
  found = documents.parse(b"\nOne  is here. \n \n\tTwo.\n\n", "notes.txt")
  assert found == [
    documents.Document("2", "One  is here. ", None),
    documents.Document("4", "\tTwo.", None),
  ]


@pytest.mark.parametrize(
  "data",
  [
    b"One.\nTwo.\n",
    b"One.\nTwo.",
    b"One.\r\nTwo.\r\n",
    b"\xef\xbb\xbfOne.\nTwo.\n",
    b"One.\nTwo.\n\n\n",
  ],
)
def test_line_ends_and_byte_order_marks_are_removed(data):
  found = documents.parse(data, "notes.txt")
  assert [document.text for document in found] == ["One.", "Two."]


def test_only_line_feeds_end_lines():
  found = documents.parse("a\u2028b\x0bc\x85d\n".encode(), "notes.txt")
  assert [document.text for document in found] == ["a\u2028b\x0bc\x85d"]


def test_json_lines_have_a_text_and_an_optional_id():
  data = b'{"text": "a\\nb", "id": "x"}\n\n{"text": "", "id": 7}\n{"text": "c"}'
  assert documents.parse(data, "notes.jsonl") == [
    documents.Document("x", "a\nb", None),
    documents.Document("7", "", None),
    documents.Document("4", "c", None),
  ]


def test_json_lines_are_recognized_by_their_beginning_too():
  found = documents.parse(b' { "text": "a"}\n', "notes.txt")
  assert found == [documents.Document("1", "a", None)]


def test_text_in_braces_is_not_json():
  found = documents.parse(b"{beta}-catenin\n", "notes.txt")
  assert found[0].text == "{beta}-catenin"


def test_pubtator_offsets_fit_the_text():
  first, second = documents.parse(PUBTATOR, "corpus.txt")
  title = "Naloxone | and clonidine."
  assert first == documents.Document("12", title + " In rats, x fell.", title)
  assert second == documents.Document("13", "A title alone.", "A title alone.")


def test_pubtator_annotations_are_ignored_and_counted(caplog):
  with caplog.at_level(logging.INFO):
    documents.parse(PUBTATOR, "corpus.txt")
  assert "corpus.txt: ignored 2 annotations" in caplog.text


def test_an_exact_copy_of_a_document_is_taken_once():
  found = documents.parse(PUBTATOR + PUBTATOR, "corpus.txt")
  assert [document.id for document in found] == ["12", "13"]


def test_pubtator_needs_no_blank_line_between_documents():
  found = documents.parse(PUBTATOR.replace(b"\n\n", b"\r\n"), "corpus.txt")
  assert [document.id for document in found] == ["12", "13"]


def test_with_an_empty_abstract_the_text_is_the_title():
  found = documents.parse(b"1|t|Title.\n1|a|\n", "corpus.txt")
  assert found == [documents.Document("1", "Title.", "Title.")]


FAULTS = [
  # file, message
  (b"", "a.txt: found no text, the file is empty, expected plain"),
  (b" \n\r\n\t\n", "a.txt: found no text, the file is empty"),
  (b"a\n\xff\n", "a.txt:2: found byte 0xff, which is not UTF-8"),
  ("a".encode("utf-16"), "a.txt:1: found UTF-16 text or a binary"),
  (b'{"text": "a"}\n{"text"}\n', "a.jsonl:2: found no JSON (Expec"),
  (b"plain\n", "a.jsonl:1: found no JSON (Expecting value"),
  (b'[{"text": "a"}]', 'a.json:1: found \'[{"text": "a"}]\', expected'),
  (
    b'{"txt": "a"}',
    'a.jsonl:1: found \'{"txt": "a"}\', expected an object with a string '
    'under "text"',
  ),
  (b'{"text": 1}', "a.jsonl:1: found '{\"text\": 1}', expected an"),
  (b'{"text": "a", "id": ""}', "a.jsonl:1: found the id '', expected"),
  (b'{"text": "a", "id": 1.5}', "a.jsonl:1: found the id 1.5, expec"),
  (b'{"text": "a", "id": true}', "a.jsonl:1: found the id True, exp"),
  (b'{"text": "\\ud800"}', "a.jsonl:1: found half of a surrogate"),
  (
    b'{"text": "a", "id": "x"}\n\n{"text": "b", "id": "x"}\n',
    "a.jsonl:3: found the id 'x' of line 1 again, expected unique ids",
  ),
  (b'{"text": "a", "id": 2}\n{"text": "b"}', "a.jsonl:2: found the id"),
  (
    b"1|t|a\n\n1|t|b\n",
    "a.txt:3: found the id '1' of a.txt:1 with another text or other",
  ),
  (b"1|a|b\n", "a.txt:1: found '1|a|b', expected id|t|title, then"),
  (b"1|t|a\n2|a|b\n", "a.txt:2: found '2|a|b', expected id|t|title"),
  (b"1|t|a\n1|a|b\n1|a|c\n", "a.txt:3: found '1|a|c', expected"),
  (b"1|t|a\n2\t0\t1\ta\tX\n", "a.txt:2: found '2\\t0\\t1\\ta\\tX', exp"),
  (b"1|t|a\n1|x|b\n", "a.txt:2: found '1|x|b', expected id|t|title"),
  (b"1|t|a\n12\t0\t1\ta\tX\n", "a.txt:2: found '12\\t0\\t1\\ta\\tX'"),
  (b"1|t|a\nmore\n", "a.txt:2: found 'more', expected id|t|title"),
]


@pytest.mark.parametrize(("data", "message"), FAULTS)
def test_malformed_files_are_rejected_with_their_line(data, message):
  path = message.partition(":")[0]
  with pytest.raises(errors.InputError) as caught:
    documents.parse(data, path)
  assert str(caught.value).startswith(message)
  assert "\n" not in str(caught.value)


def sentences(text, title=None):
  found = documents.split_sentences(documents.Document("1", text, title))
  return [text[start:end] for start, end in found]


SENTENCES = [
  # text with "|" where it is cut, why
  ("Smith et al. saw it fall.| It rose.", "et al."),
  (
    "So did Smith et al. (1999).| It (Lee et al. 1998) rose.",
    "et al. and year",
  ),
  ("So did Smith et al. [12] in (Lee et al. 2001).| It rose.", "a citation"),
  ("This was seen by Smith et al.| We saw it too.", "et al. at the end"),
  ("It is in Fig. 1 and Figs. 2 and 3.| We saw it.", "Fig."),
  ("Mice got 5 mg i.v. and 3 mg i.p. daily.| Then it rose.", "i.v."),
  ("We grew E. coli O157 and S. aureus.| C. elegans fed.", "species"),
  ("It was 0.5 mg/kg.| P < .05 was used.", "decimals"),
  ("The IC50 was 10(-6) M.| Higher doses killed.", "a unit at the end"),
  ("We saw NF-kappa B.| It bound to protein kinase C.| It fell.", "a letter"),
  ("BACKGROUND: It rose.| METHODS: We used it.", "headings"),
  ("Was it TNF?| It was.| p53 is active.| alpha-Amylase rose.", "lower case"),
  ("(It rose.)| It fell (P = 0.01).| It rose.", "brackets"),
  ("One is here.|\nTwo is here.|\r\nThree is here.", "line ends"),
  ("One is\nhere.|\n\nTwo", "a line end inside"),
  ("The pH was 7.4.| It rose vs. cells (e.g. HeLa).| So.", "other stops"),
  ("(A short one. In brackets.)| And more.", "sentences in brackets"),
  ("  One is here. | \u00a0Two is here. ", "white space around"),
  ("no full stop", "no full stop"),
  ("", "no text"),
  (" \n", "blanks"),
]


@pytest.mark.parametrize(("text", "why"), SENTENCES)
def test_sentences_end_where_a_reader_ends_them(text, why):
  parts = [part.strip() for part in text.split("|") if part.strip()]
  assert sentences(text.replace("|", "")) == parts, why


def test_no_sentence_crosses_the_end_of_the_title():
  title = "Effects of E. coli in vitro"
  assert sentences(title + " and so on. It fell.", title) == [
    title,
    "and so on.",
    "It fell.",
  ]
  assert sentences("By Lee et al. (1999) Fell.", "By Lee et al.") == [
    "By Lee et al.",
    "(1999) Fell.",
  ]
  assert sentences(title, title) == [title]
  assert sentences(" Abstract.", "") == ["Abstract."]


WORDS = [
  # text, inner punctuation, words, why
  ("IL-2 binds", "", "IL - 2 binds", "cut at punctuation"),
  ("IL-2 (0.5/1)", "-./", "IL-2 ( 0.5/1 )", "left inside"),
  ("-a- a--b .5 5' x-", "-.'", "- a - a - - b . 5 5 ' x -", "not at an edge"),
  ("a-b-c", "-", "a-b-c", "several in a word"),
  ("p53 10mg", "", "p53 10mg", "letters and digits run together"),
  ("a_b", "", "a _ b", "the underscore is punctuation"),
  ("+/-5%\u00b0C", "", "+ / - 5 % \u00b0 C", "symbols"),
  ("\u03b1-TNF\u03b2 caf\u00e9", "", "\u03b1 - TNF\u03b2 caf\u00e9", "letters"),
  ("cafe\u0301s e\u0301", "", "cafe\u0301s e\u0301", "combining marks"),
  ("e\u0301-a =\u0338", "-", "e\u0301-a =\u0338", "marks beside punctuation"),
  ("hemo\u00adglobin", "", "hemo\u00adglobin", "a soft hyphen"),
  ("a\u200bb\ufeff \u200b", "", "a b", "spaces without width"),
  ("a\x00b\x85c", "", "a b c", "controls"),
  (" \u0301 a", "", "a", "a mark on nothing"),
  ("a\u00a0b\u2009c\td", "", "a b c d", "white space"),
  ("\U0001f600x\ud55c\uad6d", "", "\U0001f600 x\ud55c\uad6d", "other planes"),
  ("a]b^c\\d", "]^\\", "a]b^c\\d", "characters with a meaning in patterns"),
  ("", "", "", "no text"),
]


@pytest.mark.parametrize(("text", "inner", "words", "why"), WORDS)
def test_words_are_split_as_in_the_corpora(text, inner, words, why):
  found = documents.words_of(text, 0, len(text), inner)
  assert " ".join(text[start:end] for start, end in found) == words, why


def test_words_come_from_the_given_part_only():
  assert documents.words_of("ab-cd ef", 1, 7, "-") == [(1, 5), (6, 7)]


def abstracts(shared, source):
  """Returns the documents of one source of the collected abstracts."""
  path = os.path.join(
    shared, "data", "pretraining", "text", "pubmed_abstracts.tsv.gz"
  )
  with gzip.open(path, "rt", encoding="utf-8", newline="\n") as f:
    rows = [line.rstrip("\n").split("\t") for line in f]
  return [
    documents.Document(name, title + " " + abstract, title)
    for origin, name, title, abstract in rows
    if origin == source
  ]


def test_sentences_of_real_abstracts_cover_all_their_characters(shared):
  for document in abstracts(shared, "NCBI-disease/devel"):
    end = 0
    for start, next_end in documents.split_sentences(document):
      assert not document.text[end:start].strip()
      sentence = document.text[start:next_end]
      assert sentence == sentence.strip() != ""
      assert next_end <= len(document.title) or start > len(document.title)
      end = next_end
    assert not document.text[end:].strip()


def test_words_of_real_abstracts_equal_those_of_their_corpus(shared):
  path = os.path.join(shared, "data", "benchmarks", "NER", "NCBI-disease")
  with open(os.path.join(path, "test.tsv"), "rb") as f:
    corpus = conll.parse(f.read(), "test.tsv")
  gold = "\n".join(word for sentence in corpus for word in sentence.words)
  found = [
    "\n".join(
      document.text[start:end]
      for start, end in documents.words_of(
        document.text, 0, len(document.text), conll.inner_punctuation(corpus)
      )
    )
    for document in abstracts(shared, "NCBI-disease/test")[:20]
  ]
  assert sum(words in gold for words in found) == 20


def test_real_pubtator_offsets_match_the_annotated_texts(shared):
  path = os.path.join(
    shared, "data", "official", "BC5CDR", "CDR_TestSet.PubTator.txt"
  )
  with open(path, "rb") as f:
    data = f.read()
  texts = {d.id: d.text for d in documents.parse(data, path)}
  assert len(texts) == 500
  rows = [line.split("\t") for line in data.decode().split("\n")]
  rows = [row for row in rows if len(row) > 4]
  assert len(rows) > 9000
  for row in rows:
    assert texts[row[0]][int(row[1]) : int(row[2])] == row[3]


def test_the_output_of_json_dumps_can_be_parsed():
  text = 'a "b"\t\u2028\U0001f600\n'
  line = json.dumps({"id": "\u00e4", "text": text}).encode()
  assert documents.parse(line, "a.jsonl")[0].text == text
