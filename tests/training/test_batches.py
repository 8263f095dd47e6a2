# SPDX-License-Identifier: Apache-2.0
"""Tests of batches.py."""

import os

import numpy as np
import pytest

from formats import conll
import tokenization
from training import batches


def features(lengths):
  """Returns feature dicts of these lengths; their ids differ."""
  return [
    {
      "input_ids": np.full([n], i + 1, np.int32),
      "label_ids": np.full([n], i, np.int32),
      "score": np.array(i, np.int32),
    }
    for i, n in enumerate(lengths)
  ]


@pytest.mark.parametrize(
  "lengths, room, overlap, windows",
  [
    ([1, 2, 1], 4, 1, [(0, 3, 0, 3)]),  # A short sentence is one window.
    ([], 4, 1, [(0, 0, 0, 0)]),
    # Words in an overlap belong to the window with more context.
    ([1] * 10, 6, 4, [(0, 6, 0, 4), (2, 8, 4, 6), (4, 10, 6, 10)]),
    # The last window is filled with context.
    ([1] * 9, 6, 2, [(0, 6, 0, 4), (3, 9, 4, 9)]),
  ],
)
def test_long_sentences_become_windows(lengths, room, overlap, windows):
  assert batches.windows(lengths, room, overlap) == windows


@pytest.mark.parametrize("seed", range(50))
def test_windows_fit_and_own_every_word_once(seed):
  random = np.random.RandomState(seed)
  room = random.randint(1, 40)
  overlap = random.randint(0, room)
  lengths = random.randint(1, room + 1, size=random.randint(0, 200)).tolist()
  windows = batches.windows(lengths, room, overlap)
  owned = [i for w in windows for i in range(w.own, w.own_last)]
  assert owned == list(range(len(lengths)))
  for w in windows:
    assert sum(lengths[w.first : w.last]) <= room
    assert w.first <= w.own <= w.own_last <= w.last


def test_context_is_at_least_half_the_overlap_on_both_sides():
  for a, b in zip(*[batches.windows([1] * 1000, 126, 42)[i:] for i in (0, 1)]):
    assert a.last - a.own_last >= 21
    assert b.own - b.first >= 21


def test_a_batch_is_padded_to_its_longest_example_with_given_values():
  batch = batches.pad_batch(features([1, 3]), {"label_ids": -1})
  assert batch["input_ids"].tolist() == [[1, 0, 0], [2, 2, 2]]
  assert batch["label_ids"].tolist() == [[0, -1, -1], [1, 1, 1]]
  assert batch["score"].tolist() == [0, 1]
  fixed = batches.pad_batch(features([1, 3]), {}, length=5)
  assert fixed["input_ids"].shape == (2, 5)


@pytest.mark.parametrize("bucketed", [True, False])
def test_an_epoch_has_every_example_once(bucketed):
  drawn = batches.epoch_batches([5, 1, 9] * 33, 8, 1, 0, bucketed)
  assert sorted(np.concatenate(drawn)) == list(range(99))
  assert sorted(len(b) for b in drawn) == [3] + [8] * 12


@pytest.mark.parametrize("bucketed", [True, False])
def test_batches_depend_on_seed_and_epoch_only(bucketed):
  def batch_lists(seed, epoch):
    lengths = np.random.RandomState(0).randint(1, 50, 200)
    drawn = batches.epoch_batches(lengths, 8, seed, epoch, bucketed)
    return [b.tolist() for b in drawn]

  assert batch_lists(1, 2) == batch_lists(1, 2)
  assert batch_lists(1, 2) != batch_lists(1, 3)
  assert batch_lists(1, 2) != batch_lists(2, 2)


def padding_efficiency(lengths, drawn):
  """Returns the share of positions that are pieces, over all batches."""
  positions = sum(len(b) * np.max(np.take(lengths, b)) for b in drawn)
  return np.sum(lengths) / positions


def test_bucketed_batches_need_little_padding_and_are_not_sorted():
  lengths = np.random.RandomState(0).randint(3, 120, 3200)
  bucketed = batches.epoch_batches(lengths, 32, 1, 0, True)
  random = batches.epoch_batches(lengths, 32, 1, 0, False)
  assert padding_efficiency(lengths, bucketed) > 0.9
  assert padding_efficiency(lengths, random) < 0.6
  means = [lengths[b].mean() for b in bucketed]
  assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


def test_batches_of_a_real_corpus_are_at_most_a_tenth_padding(shared, repo):
  path = os.path.join(shared, "data/benchmarks/NER/NCBI-disease/train.tsv")
  tokenizer = tokenization.load(
    spm_model_file=os.path.join(repo, "examples/vocab/pubmed-8k.model")
  )
  with open(path, "rb") as f:
    sentences = conll.parse(f.read(), path)
  lengths = [
    2 + sum(len(tokenizer.encode(w)) for w in s.words) for s in sentences
  ]
  drawn = batches.epoch_batches(lengths, 32, 1, 0, True)
  assert padding_efficiency(lengths, drawn) >= 0.9


class Ids:
  """The attributes of a tokenizer that sequence_features uses."""

  cls_id, sep_id = 2, 3


def test_two_texts_are_joined_as_in_pretraining():
  features = batches.sequence_features(Ids, [7, 8], [9])
  assert {name: list(value) for name, value in features.items()} == {
    "input_ids": [2, 7, 8, 3, 9, 3],
    "input_mask": [1, 1, 1, 1, 1, 1],
    "segment_ids": [0, 0, 0, 0, 1, 1],
  }
  single = batches.sequence_features(Ids, [7])
  assert list(single["input_ids"]) == [2, 7, 3]
  assert not single["segment_ids"].any()


def test_batches_of_a_number_of_pieces_include_their_padding():
  lengths = np.array([3, 9, 2, 4, 30, 1])
  parts = batches.chunk_by_tokens(np.argsort(-lengths), lengths, 10)
  assert [part.tolist() for part in parts] == [[4], [1], [3, 0], [2, 5]]


def test_windows_to_predict_are_batched_by_length_within_pools():
  features = [{"input_ids": np.ones(n)} for n in (3, 9, 4, 8, 5)]

  def numbers(*arguments, **options):
    found = batches.prediction_batches(*arguments, **options)
    return [batch.tolist() for batch in found]

  assert numbers(features, 2) == [[1, 3], [4, 2], [0]]
  assert numbers(features, 2, pool=3) == [[1, 2], [0], [3, 4]]
  assert numbers(features, 2, tokens=15) == [[1], [3], [4, 2, 0]]
  assert numbers([], 2) == []


def test_packing_keeps_every_kind_of_feature():
  encoded = [
    batches.Encoded(
      [
        {
          "input_ids": np.arange(size, dtype=np.int32),
          "large": np.arange(size, dtype=np.int32) + 40000,
          "equal": np.full([size], -1, np.int32),
          "label_id": np.array(size, np.int32),
          "gold": np.array([size, 0.5], np.float32),
        }
        for size in sizes
      ],
      truncated=len(sizes) > 1,
    )
    for sizes in ([3], [], [2, 5])
  ]
  found = batches.unpack(batches.pack(encoded))
  assert [e.truncated for e in found] == [False, False, True]
  for one, other in zip(found, encoded):
    assert len(one.features) == len(other.features)
    for window, expected in zip(one.features, other.features):
      assert list(window) == list(expected)
      for name, value in expected.items():
        assert np.array_equal(window[name], value), name
        assert window[name].dtype == value.dtype, name
  assert batches.unpack(batches.pack([])) == []
