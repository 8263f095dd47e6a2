# SPDX-License-Identifier: Apache-2.0
"""Tests of record_inputs.py."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.errors import InputError
from pretraining import record_inputs
from tests.helpers import pretraining_files
from training.datasets import Part

SHAPE = record_inputs.Shape(
  pretraining_files.SEQUENCE,
  pretraining_files.MASKED,
  pretraining_files.VOCABULARY,
)


def batches(dataset, count=None):
  """The first batches of a dataset, as NumPy arrays; None: all."""
  found = []
  with tf.Session(graph=tf.get_default_graph()) as session:
    batch = tf.data.make_one_shot_iterator(dataset).get_next()
    while count is None or len(found) < count:
      try:
        found.append(session.run(batch))
      except tf.errors.OutOfRangeError:
        break
  return found


@pytest.fixture
def files(tmp_path):
  """Three files of 7 examples, and a graph to read them in."""
  paths = [str(tmp_path / ("part-%d" % i)) for i in range(3)]
  for i, path in enumerate(paths):
    pretraining_files.write(path, 7, i)
  with tf.Graph().as_default():
    yield paths


def rows_of(found):
  return {tuple(row) for batch in found for row in batch["input_ids"]}


def test_training_repeats_forever_in_full_batches(files):
  dataset = record_inputs.training_dataset(files, SHAPE, 4, seed=1)
  found = batches(dataset, 12)
  assert {b["input_ids"].shape for b in found} == {(4, 16)}
  assert len(rows_of(found)) == 21  # 48 draws: every example came.


def test_features_have_types_and_static_shapes_as_tpus_need(files):
  dataset = record_inputs.training_dataset(files, SHAPE, 4, seed=1)
  types = {name: x.dtype for name, x in batches(dataset, 1)[0].items()}
  assert types.pop("masked_lm_weights") == np.float32
  assert set(types.values()) == {np.dtype(np.int32)}
  for shape in tf.data.get_output_shapes(dataset).values():
    assert shape.as_list()[1:] and None not in shape.as_list()


def test_the_same_seed_gives_the_same_batches_and_another_does_not(files):
  def first(seed):
    dataset = record_inputs.training_dataset(files, SHAPE, 4, seed)
    return batches(dataset, 1)[0]["input_ids"].tolist()

  assert first(1) == first(1) != first(2)


@pytest.mark.parametrize("batch_size, files_together", [(4, 16), (5, 2)])
def test_a_resumed_run_sees_what_it_would_have_seen(
  files, monkeypatch, batch_size, files_together
):
  """Over three passes, with the files in one group or in two."""
  monkeypatch.setattr(record_inputs, "MIXED_FILES", files_together)
  counts = dict.fromkeys(files, 7)

  def stream(first, count):
    dataset = record_inputs.training_dataset(
      files,
      SHAPE,
      batch_size,
      seed=1,
      remask=lambda batch, seed: dict(batch, seed=seed),
      first=first,
      counts=counts,
    )
    return [
      (b["input_ids"].tolist(), b["seed"].tolist())
      for b in batches(dataset, count)
    ]

  whole = stream(0, 15)
  assert len({str(batch) for batch in whole}) == 15
  for first in (1, 4, 5, 6, 13):
    assert stream(first, 2) == whole[first : first + 2]


def test_each_pass_has_every_example_once_in_an_order_of_its_own(files):
  dataset = record_inputs.training_dataset(files, SHAPE, 7, seed=1)
  found = [b["input_ids"].tolist() for b in batches(dataset, 6)]
  first, second = sum(found[:3], []), sum(found[3:], [])
  assert first != second
  assert sorted(first) == sorted(second)
  assert len(set(map(tuple, first))) == 21


def test_machines_split_each_batch_of_one_stream(files):
  def stream(batch_size, part, count):
    tf.set_random_seed(part.machine)  # As on each of several machines.
    dataset = record_inputs.training_dataset(files, SHAPE, batch_size, 1, part)
    return [b["input_ids"].tolist() for b in batches(dataset, count)]

  whole = stream(2, Part(0, 1, 1), 12)
  first, second = [stream(8, Part(machine, 2, 2), 6) for machine in (0, 1)]
  assert first == whole[0:2] + whole[4:6] + whole[8:10]
  assert second == whole[2:4] + whole[6:8] + whole[10:12]


def test_a_batch_that_does_not_divide_among_devices_is_rejected(files):
  with pytest.raises(InputError, match="12 examples .* among 8 devices"):
    record_inputs.training_dataset(files, SHAPE, 12, 1, Part(1, 2, 4))


def test_an_evaluation_sees_every_example_once(files):
  found = batches(record_inputs.evaluation_dataset(files, SHAPE, 4))
  assert [len(b["real"]) for b in found] == [4, 4, 4, 4, 4, 1]
  assert len(rows_of(found)) == 21 and all(b["real"].all() for b in found)


def test_on_tpu_the_last_batch_is_filled_with_zero_weights(files):
  dataset = record_inputs.evaluation_dataset(files, SHAPE, 4, fill=True)
  found = batches(dataset)
  assert [len(b["real"]) for b in found] == [4] * 6
  assert found[-1]["real"].tolist() == [1, 0, 0, 0]
  assert not found[-1]["masked_lm_weights"][1:].any()


def test_records_are_counted(files):
  assert [record_inputs.count(path) for path in files] == [7] * 3
  assert record_inputs.count("file://" + files[0]) == 7


@pytest.mark.parametrize(
  "changed, message",
  [
    ({"max_seq_length": 32}, "has 16 values, expected 32; give --max_seq_"),
    (
      {"max_predictions_per_seq": 20},
      "has 3 values, expected 20; give --max_predictions_per_seq=3",
    ),
    ({"vocab_size": 10}, "expected ids below the config's vocab_size"),
  ],
)
def test_examples_of_another_shape_are_refused(files, changed, message):
  with pytest.raises(InputError, match=message) as caught:
    record_inputs.check(files, SHAPE._replace(**changed))
  assert str(caught.value).startswith(files[0] + ": record at byte 0: ")


def test_records_that_are_no_examples_are_refused(tmp_path):
  path = str(tmp_path / "records")
  with tf.io.TFRecordWriter(path) as writer:
    writer.write(b"\xff\xff\xff")
  with pytest.raises(InputError, match="not a tf.train.Example"):
    record_inputs.check([path], SHAPE)
  with tf.io.TFRecordWriter(path) as writer:
    writer.write(tf.train.Example().SerializeToString())
  with pytest.raises(InputError, match="has no input_ids"):
    record_inputs.check([path], SHAPE)


def test_an_empty_file_is_rejected_only_if_all_are_empty(files, tmp_path):
  empty = str(tmp_path / "empty")
  tf.io.TFRecordWriter(empty).close()
  record_inputs.check(files + [empty], SHAPE)
  with pytest.raises(InputError, match="empty: no record in it"):
    record_inputs.check([empty], SHAPE)


def test_damage_is_reported_with_file_and_offset(files):
  with open(files[1], "r+b") as f:
    f.seek(-3, 2)
    f.write(b"xxx")
  with pytest.raises(InputError, match="part-1.* byte \\d+"):
    record_inputs.refuse_damage(files)
