# SPDX-License-Identifier: Apache-2.0
"""Tests of word_arrays.py: words as arrays of characters."""

import random

import numpy as np
import pytest

from common import word_arrays
from common.word_arrays import WordArray


def random_words(draw):
  return [
    "".join(draw.choices("aB1\0\x7f\x80\u03b1\ud800\U0001f600", k=size))
    for size in draw.choices(range(12), k=draw.randrange(1, 40))
  ]


def test_words_are_the_same_after_a_way_through_arrays():
  for seed in range(200):
    draw = random.Random(seed)
    words = random_words(draw)
    array = WordArray.of(words)
    assert len(array) == len(words)
    assert array.strings() == words
    some = draw.sample(range(len(words)), len(words) // 2)
    assert array.strings(np.array(some, int)) == [words[i] for i in some]
    cut = draw.randrange(len(words) + 1)
    parts = array.rows([cut, cut, len(words)])
    assert [p.strings() for p in parts] == [words[:cut], [], words[cut:]]
    assert WordArray.join(parts).strings() == words


def test_short_ascii_words_have_keys_of_their_own():
  words = set()
  for seed in range(2000):
    words.update(random_words(random.Random(seed)))
  words = sorted(words)
  found = dict(zip(words, WordArray.of(words).keys().tolist()))
  short = {w for w in words if len(w) <= 9 and all(c < "\x80" for c in w)}
  assert len(short) > 500 and {"", "a", "a\0", "\0a"} <= short
  assert len({found[word] for word in short}) == len(short)
  assert {word for word in words if not found[word]} == set(words) - short


@pytest.mark.parametrize(
  "begins, sizes, expected",
  [([5, 0], [2, 3], [5, 6, 0, 1, 2]), ([3, 9, 1], [1, 0, 2], [3, 1, 2])],
)
def test_ranges_are_joined(begins, sizes, expected):
  found = word_arrays.ranges(np.array(begins), np.array(sizes))
  assert found.tolist() == expected
