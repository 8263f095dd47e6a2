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
  "Cells |p53 |(see |[3|] |) |Fig|. |. |.) |! |.\n|\n\n|A|12|5|May |J| and |al|"
  '.] |." |i.v|vs|%|A\u02b0|\u03b1|caf\xe9|DNA|was |B. |x | |? '
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


@pytest.mark.parametrize("junk", ["( x. Y ", "A. B. c. ", "etc. ", "(", "vs. "])
def test_segtok_reads_each_character_of_junk_once_in_short_parts(
  junk, monkeypatch
):
  sizes = []
  split = segmenter.split_multi

  def counting(text):
    sizes.append(len(text))
    return split(text)

  monkeypatch.setattr(segmenter, "split_multi", counting)
  text = (junk * 50000)[:50000].strip()
  found = sentences(text)
  assert max(sizes, default=0) <= splitting._MAX_DOUBT  # Its time is quadratic.
  assert sum(sizes) <= len(text)
  assert "".join("".join(found).split()) == "".join(text.split())
