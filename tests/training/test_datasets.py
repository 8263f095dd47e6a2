# SPDX-License-Identifier: Apache-2.0
"""Tests of datasets.py."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests.training.test_batches import features
from training import datasets


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


def test_training_resumes_with_the_next_batches():
  examples = features(np.random.RandomState(0).randint(1, 9, 20))

  def dataset(first_step):
    return datasets.training_dataset(examples, 6, 3, {}, first_step)

  whole = first_batches(lambda: dataset(0), 10)
  rest = first_batches(lambda: dataset(5), 5)
  for a, b in zip(whole[5:], rest):
    assert np.array_equal(a["input_ids"], b["input_ids"])


@pytest.mark.parametrize("devices", [1, 2])
def test_every_batch_is_split_among_machines_and_devices(devices):
  examples = features(np.random.RandomState(0).randint(1, 9, 13))

  def scores(part, count):
    drawn = first_batches(
      lambda: datasets.training_dataset(examples, 6, 3, {}, part=part), count
    )
    return [batch["score"].tolist() for batch in drawn]

  whole = scores(datasets.WHOLE, 3)
  assert [len(batch) for batch in whole].count(6) == 2  # And one of 1.
  shares = [scores(datasets.Part(i, 2, devices), 3 * devices) for i in (0, 1)]
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
    lambda: datasets.prediction_dataset(features([2, 9, 4, 7]), 3, {})
  )
  assert [b["window"].tolist() for b in drawn] == [[1, 3, 2], [0]]
  assert [b["input_ids"].shape for b in drawn] == [(3, 9), (1, 2)]


def test_a_pool_of_predictions_is_finished_before_the_next():
  drawn = first_batches(
    lambda: datasets.prediction_dataset(
      features([2, 4, 3, 7, 9]), 2, {}, pool=3
    )
  )
  assert [b["window"].tolist() for b in drawn] == [[1, 2], [0], [4, 3]]


def test_fixed_batches_for_prediction_are_filled_up():
  drawn = first_batches(
    lambda: datasets.fixed_dataset(features([2, 3, 1]), 2, {}, 4)
  )
  assert [b["window"].tolist() for b in drawn] == [[0, 1], [2, -1]]
  assert all(b["input_ids"].shape == (2, 4) for b in drawn)


def test_fixed_batches_have_known_shapes_and_repeat_in_training():
  def dataset():
    return datasets.fixed_dataset(features([2, 3, 1]), 2, {}, 4, seed=1)

  assert tf.data.get_output_shapes(dataset())["input_ids"].as_list() == [2, 4]
  seen = [i for b in first_batches(dataset, 6) for i in b["score"].tolist()]
  assert set(seen) == {0, 1, 2} and len(seen) == 12


def test_hosts_of_a_tpu_share_one_stream_in_training():
  def examples_of(host):
    part = datasets.Part(host, 2, 1)
    drawn = first_batches(
      lambda: datasets.fixed_dataset(features([2] * 6), 3, {}, 4, 1, part), 4
    )
    return [i for batch in drawn for i in batch["score"].tolist()]

  first, second = examples_of(0), examples_of(1)
  for epoch in range(4):
    own = slice(3 * epoch, 3 * epoch + 3)
    assert sorted(first[own] + second[own]) == list(range(6))


@pytest.mark.parametrize("make", ["bucketed", "fixed"])
def test_values_of_whole_examples_are_stacked(make):
  examples = features([3, 3, 3])
  for i, example in enumerate(examples):
    example["labels"] = np.array([i, 0.5, 1], np.float32)
    example["gold"] = np.array(i / 2, np.float32)

  def dataset():
    if make == "fixed":
      return datasets.fixed_dataset(examples, 3, {}, 3)
    return datasets.prediction_dataset(examples, 3, {})

  (batch,) = first_batches(dataset)
  assert batch["labels"].dtype == batch["gold"].dtype == np.float32
  assert batch["labels"].tolist() == [[0, 0.5, 1], [1, 0.5, 1], [2, 0.5, 1]]
  assert batch["gold"].tolist() == [0, 0.5, 1]
