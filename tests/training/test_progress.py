# SPDX-License-Identifier: Apache-2.0
"""Tests of progress.py."""

import tensorflow.compat.v1 as tf

from training import progress


def test_progress_logs_losses_epoch_and_padding_efficiency(caplog):
  with tf.Graph().as_default():
    mask = tf.placeholder(tf.int32, [None, None])
    train_op = tf.train.get_or_create_global_step().assign_add(1)
    scalars = {"word_loss": tf.constant(2.0)}
    hook = progress.Progress(
      progress.Meter(2, 1), tf.constant(0.5), train_op, mask, scalars
    )
    with tf.train.MonitoredSession(hooks=[hook]) as session:
      with caplog.at_level("INFO", logger="absl"):
        for rows in ([[1, 1], [1, 0]], [[1, 0], [0, 0]]):
          session.run(train_op, {mask: rows})
  (line,) = [m for m in caplog.messages if "steps" in m]
  assert line.startswith("2 of 2 steps, epoch 2.00, loss 0.5, word loss 2, ")
  assert "padding efficiency 0.50, 0:00 to go" in line


def test_curves_are_written_with_their_step(tmp_path):
  progress.write_scalars(str(tmp_path), 7, {"f1": 0.5})
  (path,) = tmp_path.iterdir()
  values = [
    (event.step, value.tag, value.simple_value)
    for event in tf.train.summary_iterator(str(path))
    for value in event.summary.value
  ]
  assert values == [(7, "f1", 0.5)]
