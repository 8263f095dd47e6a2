# SPDX-License-Identifier: Apache-2.0
"""Tests of conll.py: the layouts of the corpora, and malformed files."""

import os

import pytest

from common import errors
from formats import conll


def labelled(data):
  """Returns the sentences of a file as text: word/label, "|" in between."""
  return " | ".join(
    " ".join("/".join(pair) for pair in zip(*sentence))
    for sentence in conll.parse(data, "train.tsv")
  )


LAYOUTS = [
  # file, sentences, why
  (b"Of\tO\nAPC\tB\n\nNo\tO\n\n", "Of/O APC/B | No/O", "BioBERT"),
  (b"Of\tO\n\nNo\tO\n\n\n", "Of/O | No/O", "an empty last sentence"),
  (b"Of\tO\n\nNo\tO", "Of/O | No/O", "no line end at the end"),
  (b"\n\nOf\tO\n\n\n\nNo\tO\n", "Of/O | No/O", "blank lines in excess"),
  (b"Of\tO\n \t \n  \nNo\tO\n", "Of/O | No/O", "lines of blanks"),
  (b"Of\tO\r\n\r\nNo\tB\r\n", "Of/O | No/B", "Windows line ends"),
  (b"\xef\xbb\xbfOf\tO\n", "Of/O", "a byte order mark"),
  (b"APC B-Gene\ngene I-Gene\n", "APC/B-Gene gene/I-Gene", "spaces"),
  (b"APC   B\n", "APC/B", "a run of spaces"),
  (b" APC B \n", "APC/B", "spaces around"),
  (b"APC\tB \n", "APC/B", "a space after the label"),
  (b"APC\tNN\tO\tB-Disease\n", "APC/B-Disease", "SciBERT, four columns"),
  (b"aortic\t-\t210\tB\n", "aortic/B", "ShARe/CLEF in BLUE's layout"),
  (b"APC NN B\n", "APC/B", "three columns"),
  (b"a b\xc2\xa0c\tO\n", "a b\u00a0c/O", "a tab lets words hold white space"),
  (b"\xc2\xa0\tO\n", "\u00a0/O", "or be white space"),
  (b"a\xc2\xa0b O\n", "a\u00a0b/O", "only ASCII spaces cut columns"),
  (b"a\xc2\x85\tO\nb\xe2\x80\xa8\tO\n", "a\x85/O b\u2028/O", "not line ends"),
  (b"a\tB\nb\tI\nc\tE\nd\tS\n", "a/B b/I c/E d/S", "IOBES without types"),
  (b"a\tS-x-y\nb\tE-1\n", "a/S-x-y b/E-1", "any type"),
  (b"-DOCSTART-\tO\n\na\tO\n", "a/O", "MTL's document mark"),
  (b"-DOCSTART- 91075236\n\na\tO\n", "a/O", "BLURB's document mark"),
  (b"-DOCSTART-\na\tO\n", "a/O", "a bare document mark"),
  (b"-DOCSTART- -X- O O\n\na O\n", "a/O", "CoNLL-2003's document mark"),
  (b"###MEDLINE:90092414\n\na\tO\n", "a/O", "JNLPBA's document mark"),
  (b"a\tB\n-DOCSTART-\tO\nb\tI\n", "a/B | b/I", "it ends a sentence"),
  (b"label\tB\nword\tO\n", "label/B word/O", "words like those of headers"),
  (b"a\tB-X\nb\tL-X\nc\tU-X\n", "a/B-X b/E-X c/S-X", "BILOU"),
  (b"a\tB\nb\tI\nc\tL\nd\tU\n", "a/B b/I c/E d/S", "BILOU without types"),
  (b"a\tM-X\nb\tW-X\n", "a/I-X b/S-X", "BMEWO"),
  (b"a\tcell-line-B\nb\tX-I\nc\tX-L\n", "a/B-cell-line b/I-X c/E-X", "suffix"),
  (b"a\tB-I\nb\tI-B\n", "a/B-I b/I-B", "types like tags"),
]


@pytest.mark.parametrize(("data", "sentences", "why"), LAYOUTS)
def test_all_layouts_of_the_corpora_are_read(data, sentences, why):
  assert labelled(data) == sentences, why


DOCUMENTS = [
  # file, documents as text: id: words, why
  (b"a\tO\n\nb\tO\n", [":a|b"], "no mark"),
  (b"-DOCSTART-\na\tO\n", [":a"], "a mark alone"),
  (b"-DOCSTART-\tO\n\na\tO\n-DOCSTART-\tO\nb\tO\n", [":a", ":b"], "MTL"),
  (b"-DOCSTART-\tO\r\n\r\na\tO\r\n", [":a"], "MTL, Windows line ends"),
  (b"-DOCSTART- 9\n\na\tO\n\nb\tO\n", ["9:a|b"], "BLURB"),
  (b"-DOCSTART- 9 \r\n\r\na\tO\r\n", ["9:a"], "BLURB, Windows line ends"),
  (b"-DOCSTART- -X- O O\n\na O\n", [":a"], "CoNLL-2003"),
  (b"-DOCSTART- -X- -X- O\n\na O\n", [":a"], "CoNLL-2003, as in NLTK"),
  (b" -DOCSTART- O\n a O\n", [":a"], "blanks around"),
  (b"###MEDLINE:9\n\na\tO\n\n###MEDLINE:8\n\nb\tO\n", ["9:a", "8:b"], "JNLPBA"),
  (b"###MEDLINE:9\na\tO\n###MEDLINE:9\nb\tO\n", ["9:a", "9:b"], "one id twice"),
  (b"a\tO\n\n###MEDLINE:9\n\nb\tO\n", [":a", "9:b"], "words before a mark"),
  (b"###MEDLINE:9\n\n###MEDLINE:8\n\na\tO\n", ["8:a"], "one without words"),
]


@pytest.mark.parametrize(("data", "found", "why"), DOCUMENTS)
def test_documents_get_their_ids_from_their_markers(data, found, why):
  assert [
    "%s:%s" % (name, "|".join(" ".join(words) for words, _ in sentences))
    for name, sentences in conll.parse_documents(data, "train.tsv")
  ] == found, why


def test_a_word_that_begins_like_a_marker_is_a_word():
  assert labelled(b"-DOCSTART-s\tO\n-docstart-\tB\n") == (
    "-DOCSTART-s/O -docstart-/B"
  )


def test_a_header_after_a_marker_is_rejected_with_its_line():
  with pytest.raises(errors.InputError, match="train.tsv:2: found what looks"):
    conll.parse_documents(b"-DOCSTART- 9\nword\ttag\na\tO\n", "train.tsv")


FAULTS = [
  # file, message
  (
    b"a\tO\nb\n",
    ":2: found 1 column ('b'), expected 2 to 4 columns, the word "
    "first and its label last",
  ),
  (
    b"New York B\nis O\nbig O\n",
    ":1: found 3 columns ('New York B'), expected 2 as in line 2 and most "
    "others; tabs between the columns allow spaces in a word",
  ),
  (b"a O\nNew York B\n", ":2: found 3 columns ('New York B'), expected 2"),
  (b"a\tNN\tO\n\nb\tO\nc\tNN\tB\n", ":3: found 2 columns ('b O'), expec"),
  (b"1\ta\t_\tO\n2\tb\t_\tB\n", ":1: found '1' in place of a word, and num"),
  (b"a b c d O\n", ":1: found 5 columns ('a b c d O'), expected 2 to"),
  (
    b"a\tO\n\nb\tX\n",
    ":3: found label 'X' of word 'b', expected O, B, I, E or S, the "
    "last four also with -type",
  ),
  (b"a\tB-\n", ":1: found label 'B-' of word 'a'"),
  (b"a\tB_Gene\n", ":1: found label 'B_Gene'"),
  (b"a\tb-gene\n", ":1: found label 'b-gene'"),
  (b"a\tO-Gene\n", ":1: found label 'O-Gene'"),
  (b"a\tB-cell type\n", ":1: found label 'B-cell type'"),
  (b"a\tO\t\n", ":1: found label '' of word 'a'"),
  (b"\tO\n", ":1: found an empty word"),
  (b"\xc2\xa0\n", ":1: found 1 column"),
  (
    b"word\ttag\na\tO\n",
    ":1: found what looks like a header ('word tag'), expected a word "
    "and its label on the first line",
  ),
  (b"\nToken Label\na O\n", ":2: found what looks like a header"),
  (b"Word\tPOS\tNER\na\tNN\tO\n", ":1: found what looks like a head"),
  (b"a\tO\nword\ttag\n", ":2: found label 'tag' of word 'word'"),
  (
    b"a\tO\nb\xff\tO\n",
    ":2: found byte 0xff, which is not UTF-8, expected text in UTF-8",
  ),
  (b"\xef\xbb\xbfa\tO\n\xe9\tO\n", ":2: found byte 0xe9"),
  ("a\tO\n".encode("utf-16"), ":1: found UTF-16 text or a binary"),
  ("a\tO\n".encode("utf-16-be"), ":1: found UTF-16 text"),
  (b"", ": found no words, the file is empty, expected lines of 2 to"),
  (b"\n \n\n", ": found no words, the file is empty"),
  (b"-DOCSTART-\tO\n\n", ": found no words"),
]


@pytest.mark.parametrize(("data", "message"), FAULTS)
def test_malformed_files_are_rejected_with_their_line(data, message):
  with pytest.raises(errors.InputError) as caught:
    conll.parse(data, "train.tsv")
  assert str(caught.value).startswith("train.tsv" + message)
  assert "\n" not in str(caught.value)


def test_messages_quote_only_the_beginning_of_a_long_line():
  with pytest.raises(errors.InputError) as caught:
    conll.parse(b"x" * 100000, "train.tsv")
  assert len(str(caught.value)) < 200


def test_labels_are_sorted_by_type_and_tag_after_o():
  data = b"a\tS-B\nb\tI-A\nc\tO\nd\tB-A\ne\tE-B\nf\tI-B\ng\tB\nh\tB-B\ni\tB-A\n"
  labels = conll.labels_of(conll.parse(data, "train.tsv"))
  assert labels == "O B B-A I-A B-B I-B E-B S-B".split()


def test_o_is_a_label_of_every_corpus():
  assert conll.labels_of([conll.Sentence(["a"], ["B"])]) == ["O", "B"]


def test_predictions_follow_gold_with_a_blank_line_after_each_sentence():
  sentences = conll.parse(b"a\tB-X\nb\tO\n\nc\tO\n", "test.tsv")
  text = conll.format_predictions(sentences, [["B-X", "I-X"], ["O"]])
  assert text == "a B-X B-X\nb O I-X\n\nc O O\n\n"


def test_white_space_in_words_adds_no_columns():
  sentences = [conll.Sentence(["a b\u00a0c", "\u00a0"], ["O", "O"])]
  text = conll.format_predictions(sentences, [["O", "O"]])
  assert text == "a_b_c O O\n_ O O\n\n"


def test_written_predictions_can_be_parsed():
  sentences = conll.parse(b"a\tB-X\nb\tO\n\nc\tO\n", "test.tsv")
  predicted = [["B-X", "I-X"], ["O"]]
  text = conll.format_predictions(sentences, predicted)
  again = conll.parse(text.encode(), "NER_result_conll.txt")
  assert [sentence.words for sentence in again] == [["a", "b"], ["c"]]
  assert [sentence.labels for sentence in again] == predicted


def test_predictions_of_another_length_are_rejected():
  sentences = conll.parse(b"a\tO\nb\tO\n", "test.tsv")
  with pytest.raises(ValueError, match="1 sentences, 0 predicted"):
    conll.format_predictions(sentences, [])
  with pytest.raises(ValueError, match="has 2 words and 1 predicted labels"):
    conll.format_predictions(sentences, [["O"]])


@pytest.mark.parametrize("data", [b"a\n\nb\nc\n", b"a\t\n\nb\t\nc\t\n"])
def test_words_without_labels_are_read_where_labels_are_optional(data):
  sentences = conll.parse(data, "test.tsv", needs_labels=False)
  assert sentences == [(["a"], None), (["b", "c"], None)]
  text = conll.format_predictions(sentences, [["O"], ["B", "I"]])
  assert text == "a O\n\nb B\nc I\n\n"
  with pytest.raises(errors.InputError, match="test.tsv:1: found"):
    conll.parse(data, "test.tsv")


def test_labels_are_for_all_words_or_none():
  with pytest.raises(errors.InputError, match="test.tsv:2: found 1 column"):
    conll.parse(b"a\tO\nb\n", "test.tsv", needs_labels=False)


def corpus(text):
  words = text.split()
  return [conll.Sentence(words, ["O"] * len(words))]


INNER = [
  # sentence, times, punctuation, why
  ("IL - 2 at 0 . 5 .", 20, "", "cut at all punctuation"),
  ("IL-2 at 0.5 or 1/2 .", 20, "-./", "not cut"),
  ("IL-2 .", 9, "", "too rare"),
  ("IL-2 and IL - 2 and IL - 3 .", 20, "", "mostly cut"),
  ("IL-2 and IL-3 and IL - 2 .", 20, "-", "mostly not cut"),
  ("-a- 5' +/- x+ a--b", 20, "", "not between two letters or digits"),
  ("0.5 mg .", 20, ".", "the final full stop does not count"),
  ("a\u0301-b", 20, "", "a mark is not a letter"),
]


@pytest.mark.parametrize(("text", "times", "punctuation", "why"), INNER)
def test_punctuation_is_inner_if_the_corpus_keeps_it_in_words(
  text, times, punctuation, why
):
  assert conll.inner_punctuation(corpus(text) * times) == punctuation, why


@pytest.mark.parametrize(
  ("path", "sentences", "words", "labels", "punctuation"),
  [
    ("NCBI-disease/test.tsv", 940, 24497, 3, ""),
    ("NCBI-disease-IOBES/test.tsv", 940, 24497, 5, ""),
    ("BC5CDR-chem/devel.tsv", 4581, 117453, 3, ""),
    ("JNLPBA-typed/test.tsv", 3856, 101039, 11, "-./"),
  ],
)
def test_real_corpora_have_their_known_sizes(
  shared, path, sentences, words, labels, punctuation
):
  path = os.path.join(shared, "data", "benchmarks", "NER", path)
  with open(path, "rb") as f:
    found = conll.parse(f.read(), path)
  assert len(found) == sentences
  assert sum(len(sentence.words) for sentence in found) == words
  assert len(conll.labels_of(found)) == labels
  assert conll.inner_punctuation(found) == punctuation
