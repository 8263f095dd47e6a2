# SPDX-License-Identifier: Apache-2.0
"""Tests of documents.py: sentences and words."""

import gzip
import os
import random
import re

import pytest

from formats import conll
from formats import documents


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


def words_of(text, start, end, inner=""):
  """Returns the (start, end) spans of the words of a sentence of a text."""
  words, spans, ends = documents.split_words([text], [[(start, end)]], inner)
  assert [text[a:b] for a, b in spans] == words.strings()
  assert ends == [len(words)]
  return list(map(tuple, spans.tolist()))


@pytest.mark.parametrize(("text", "inner", "words", "why"), WORDS)
def test_words_are_split_as_in_the_corpora(text, inner, words, why):
  found = words_of(text, 0, len(text), inner)
  assert " ".join(text[start:end] for start, end in found) == words, why


def test_words_come_from_the_given_part_only():
  assert words_of("ab-cd ef", 1, 7, "-") == [(1, 5), (6, 7)]


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


LETTER = r"[^\W_]"
# An independent account of a word, where marks are \u0301 and controls \0.
WORD = (
  rf"{LETTER}+(?:(?:[-.](?={LETTER})|\u0301){LETTER}*)*|"
  r"(?:_|[^\w\s\u0301\0])\u0301*"
)


def test_sentences_of_many_texts_have_the_words_of_each():
  for seed in range(300):
    draw = random.Random(seed)
    texts = [
      "".join(
        draw.choices("aB1-._(\u03b1 \n\u0301\0\ud800", k=draw.randrange(12))
      )
      for _ in range(draw.randrange(4))
    ]
    cuts = [sorted(draw.choices(range(len(t) + 1), k=4)) for t in texts]
    sentences = [[(a, b), (b, c), (c, d)] for a, b, c, d in cuts]
    words, spans, ends = documents.split_words(texts, sentences, "-.")
    expected, counts = [], []
    for text, own in zip(texts, sentences):
      for start, end in own:
        for match in re.compile(WORD).finditer(text, start, end):
          expected.append((match.group(), *match.span()))
        counts.append(len(expected))
    found = [
      (word, *span) for word, span in zip(words.strings(), spans.tolist())
    ]
    assert (found, ends.tolist()) == (expected, counts), texts


def test_words_of_real_abstracts_equal_those_of_their_corpus(shared):
  path = os.path.join(shared, "data", "benchmarks", "NER", "NCBI-disease")
  with open(os.path.join(path, "test.tsv"), "rb") as f:
    corpus = conll.parse(f.read(), "test.tsv")
  gold = "\n".join(word for sentence in corpus for word in sentence.words)
  found = [
    "\n".join(
      document.text[start:end]
      for start, end in words_of(
        document.text, 0, len(document.text), conll.inner_punctuation(corpus)
      )
    )
    for document in abstracts(shared, "NCBI-disease/test")[:20]
  ]
  assert sum(words in gold for words in found) == 20
