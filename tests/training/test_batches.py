# SPDX-License-Identifier: Apache-2.0
"""Tests of batches.py."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

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


def first_batches(dataset, count=None):
  """Returns the first `count` batches of a dataset, or all, as arrays."""
  with tf.Graph().as_default(), tf.Session() as session:
    batch = tf.data.make_one_shot_iterator(dataset()).get_next()
    drawn = []
    while count is None or len(drawn) < count:
      try:
        drawn.append(session.run(batch))
      except tf.errors.OutOfRangeError:
        return drawn
    return drawn


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


def test_training_resumes_with_the_next_batches():
  examples = features(np.random.RandomState(0).randint(1, 9, 20))

  def dataset(first_step):
    return batches.training_dataset(examples, 6, 3, {}, first_step)

  whole = first_batches(lambda: dataset(0), 10)
  rest = first_batches(lambda: dataset(5), 5)
  for a, b in zip(whole[5:], rest):
    assert np.array_equal(a["input_ids"], b["input_ids"])


@pytest.mark.parametrize("devices", [1, 2])
def test_every_batch_is_split_among_machines_and_devices(devices):
  examples = features(np.random.RandomState(0).randint(1, 9, 13))

  def scores(part, count):
    drawn = first_batches(
      lambda: batches.training_dataset(examples, 6, 3, {}, part=part), count
    )
    return [batch["score"].tolist() for batch in drawn]

  whole = scores(batches.WHOLE, 3)
  assert [len(batch) for batch in whole].count(6) == 2  # And one of 1.
  shares = [scores(batches.Part(i, 2, devices), 3 * devices) for i in (0, 1)]
  for i, batch in enumerate(whole):
    mine = slice(i * devices, (i + 1) * devices)
    parts = shares[0][mine] + shares[1][mine]
    if len(batch) == 1:
      assert parts == [batch] * 2 * devices  # So that no device is without.
    else:
      assert sorted(sum(parts, [])) == sorted(batch)
      assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_predictions_come_longest_first_with_their_numbers():
  drawn = first_batches(
    lambda: batches.prediction_dataset(features([2, 9, 4, 7]), 3, {})
  )
  assert [b["window"].tolist() for b in drawn] == [[1, 3, 2], [0]]
  assert [b["input_ids"].shape for b in drawn] == [(3, 9), (1, 2)]


def test_a_pool_of_predictions_is_finished_before_the_next():
  drawn = first_batches(
    lambda: batches.prediction_dataset(features([2, 4, 3, 7, 9]), 2, {}, pool=3)
  )
  assert [b["window"].tolist() for b in drawn] == [[1, 2], [0], [4, 3]]


def test_fixed_batches_for_prediction_are_filled_up():
  drawn = first_batches(
    lambda: batches.fixed_dataset(features([2, 3, 1]), 2, {}, 4)
  )
  assert [b["window"].tolist() for b in drawn] == [[0, 1], [2, -1]]
  assert all(b["input_ids"].shape == (2, 4) for b in drawn)


def test_fixed_batches_have_known_shapes_and_repeat_in_training():
  def dataset():
    return batches.fixed_dataset(features([2, 3, 1]), 2, {}, 4, seed=1)

  assert tf.data.get_output_shapes(dataset())["input_ids"].as_list() == [2, 4]
  seen = [i for b in first_batches(dataset, 6) for i in b["score"].tolist()]
  assert set(seen) == {0, 1, 2} and len(seen) == 12


def test_hosts_of_a_tpu_share_one_stream_in_training():
  def examples_of(host):
    part = batches.Part(host, 2, 1)
    drawn = first_batches(
      lambda: batches.fixed_dataset(features([2] * 6), 3, {}, 4, 1, part), 4
    )
    return [i for batch in drawn for i in batch["score"].tolist()]

  first, second = examples_of(0), examples_of(1)
  for epoch in range(4):
    own = slice(3 * epoch, 3 * epoch + 3)
    assert sorted(first[own] + second[own]) == list(range(6))


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


@pytest.mark.parametrize("make", ["bucketed", "fixed"])
def test_values_of_whole_examples_are_stacked(make):
  examples = features([3, 3, 3])
  for i, example in enumerate(examples):
    example["labels"] = np.array([i, 0.5, 1], np.float32)
    example["gold"] = np.array(i / 2, np.float32)

  def dataset():
    if make == "fixed":
      return batches.fixed_dataset(examples, 3, {}, 3)
    return batches.prediction_dataset(examples, 3, {})

  (batch,) = first_batches(dataset)
  assert batch["labels"].dtype == batch["gold"].dtype == np.float32
  assert batch["labels"].tolist() == [[0, 0.5, 1], [1, 0.5, 1], [2, 0.5, 1]]
  assert batch["gold"].tolist() == [0, 0.5, 1]
