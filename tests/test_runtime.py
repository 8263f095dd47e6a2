# SPDX-License-Identifier: Apache-2.0
"""Tests of runtime.py; of its estimators in test_finetuning.py."""

import pytest
import tensorflow.compat.v1 as tf

from errors import InputError
import runtime


@pytest.mark.parametrize(
  "seconds, text",
  [(0, "0:00"), (59.6, "1:00"), (125, "2:05"), (3723, "1:02:03")],
)
def test_a_duration_reads_like_a_clock(seconds, text):
  assert runtime.clock(seconds) == text


def test_running_out_of_memory_ends_in_advice():
  with pytest.raises(InputError, match="smaller --train_batch_size"):
    with runtime.explained_failures():
      raise tf.errors.ResourceExhaustedError(None, None, "OOM\ndetails")


def test_progress_counts_what_was_no_padding(caplog):
  with tf.Graph().as_default():
    mask = tf.placeholder(tf.int32, [None, None])
    train_op = tf.train.get_or_create_global_step().assign_add(1)
    progress = runtime.Progress(tf.constant(0.5), train_op, mask, 2, 1)
    with tf.train.MonitoredSession(hooks=[progress]) as session:
      with caplog.at_level("INFO", logger="absl"):
        for rows in ([[1, 1], [1, 0]], [[1, 0], [0, 0]]):
          session.run(train_op, {mask: rows})
  (line,) = [r.getMessage() for r in caplog.records if "step" in r.msg]
  assert line.startswith("step 2 of 2 (epoch 2.00): loss 0.5000, ")
  assert "padding efficiency 0.50, 0:00 to go" in line


def test_curves_are_written_with_their_step(tmp_path):
  runtime.write_scalars(str(tmp_path), 7, {"f1": 0.5})
  (path,) = tmp_path.iterdir()
  values = [
    (event.step, value.tag, value.simple_value)
    for event in tf.train.summary_iterator(str(path))
    for value in event.summary.value
  ]
  assert values == [(7, "f1", 0.5)]
