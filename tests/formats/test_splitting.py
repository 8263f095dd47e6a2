# SPDX-License-Identifier: Apache-2.0
"""Tests of splitting.py: where sentences end."""

import gzip
import os
import random

import pytest
from segtok import segmenter

from formats import splitting


def sentences(text):
  return [text[a:b] for a, b in splitting.spans(text)]


def test_sentences_equal_those_of_segtok_except_at_citations(shared):
  path = "data/pretraining/text/pubmed_abstracts.tsv.gz"
  with gzip.open(os.path.join(shared, path), "rt", encoding="utf-8") as f:
    texts = [line.rstrip("\n").split("\t")[-1].strip() for line in f][::20]
  asked = 0
  for text in texts:
    if "et al." not in text:
      expected = [s for s in segmenter.split_multi(text) if s]
      assert sentences(text) == expected
      asked += len(expected)
  assert asked > 3000


PIECES = (
  "Cells |p53 |(see |[3|] |) |Fig|. |. |.) |! |.\n|\n\n|\x1c|A|12|5|May |J|"
  ' and |al|.] |." |i.v|vs|%|A\u02b0|\u03b1|caf\xe9|DNA|was |B. |x | |? '
).split("|")


def test_segtok_splits_the_parts_as_it_splits_the_whole():
  for seed in range(3000):
    choice = random.Random(seed)
    text = "".join(choice.choice(PIECES) for _ in range(choice.randrange(30)))
    text = text.strip()
    expected = [s for s in segmenter.split_multi(text) if s]
    if "et al" not in text:
      assert sentences(text) == expected, repr(text)


def test_spans_cover_every_character_but_white_space():
  text = "  One here. \n\nSee Fig. 1 (or\tnot. Two et al. [5] "
  spans = splitting.spans(text)
  assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(
    text.split()
  )
  assert all(text[a:b].strip() == text[a:b] for a, b in spans)


def test_parts_in_doubt_are_split_as_segtok_splits_them():
  for seed in range(3000):
    choice = random.Random(seed)
    pieces = PIECES + [" et al. ", "spp. ", "(a. ", "J. "]
    text = "".join(choice.choice(pieces) for _ in range(choice.randrange(40)))
    expected = list(segmenter.split_multi(text))
    assert list(splitting._split(text)) == expected, repr(text)


class Counting:
  """A pattern that counts the characters that it is applied to."""

  def __init__(self, pattern, counts):
    self._pattern = pattern
    self._counts = counts

  def match(self, text):
    self._counts.append(len(text))
    return self._pattern.match(text)

  def search(self, text, begin=0):
    self._counts.append(len(text) - begin)
    return self._pattern.search(text, begin)


JUNK = [
  "et al. ",
  "a) b. ",
  "(a. b) ",
  "( x. Y ",
  "A. B. c. ",
  "etc. ",
  "( A. ",
]


@pytest.mark.parametrize("junk", JUNK)
def test_the_work_grows_with_the_text_and_not_faster(junk, monkeypatch):
  counts = []
  for name in (
    "ABBREVIATIONS BEFORE_LOWER CONTINUATIONS LOWER_WORD UPPER_CASE_END "
    "UPPER_CASE_START"
  ).split():
    pattern = Counting(getattr(segmenter, name), counts)
    monkeypatch.setattr(segmenter, name, pattern)

  def work(size):
    del counts[:]
    text = (junk * size)[:size].strip()
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())
    return sum(counts)

  assert 0 < work(9000) < 3.1 * work(3000)
