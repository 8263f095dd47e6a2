# SPDX-License-Identifier: Apache-2.0
"""Tests of progress.py."""

import types

import pytest
import tensorflow.compat.v1 as tf

from training import progress


@pytest.mark.parametrize(
  "seconds, text",
  [(0, "0:00"), (59.6, "1:00"), (125, "2:05"), (3723, "1:02:03")],
  ids=["nothing", "rounded_up", "minutes", "hours"],
)
def test_durations_read_like_a_clock(seconds, text):
  assert progress.clock(seconds) == text


def test_shown_yields_all_items_and_logs_every_ten_seconds(caplog, monkeypatch):
  times = iter([0, 5, 11, 12, 22])
  clock = types.SimpleNamespace(time=lambda: next(times))
  monkeypatch.setattr(progress, "time", clock)
  with caplog.at_level("INFO", logger="absl"):
    items = progress.shown("abcd", 4, "x.txt", "window")
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: False)
    assert "".join(items) == "abcd"
  assert caplog.messages == [
    "x.txt: 2 of 4 windows, 0.2 a second, 0:11 to go",
    "x.txt: 4 of 4 windows, 0.2 a second, 0:00 to go",
  ]


def test_progress_logs_losses_epoch_and_padding_efficiency(caplog):
  with tf.Graph().as_default():
    mask = tf.placeholder(tf.int32, [None, None])
    train_op = tf.train.get_or_create_global_step().assign_add(1)
    hook = progress.Progress(
      tf.constant(0.5), train_op, mask, 2, 1, {"word_loss": tf.constant(2.0)}
    )
    with tf.train.MonitoredSession(hooks=[hook]) as session:
      with caplog.at_level("INFO", logger="absl"):
        for rows in ([[1, 1], [1, 0]], [[1, 0], [0, 0]]):
          session.run(train_op, {mask: rows})
  (line,) = [m for m in caplog.messages if m.startswith("step")]
  assert line.startswith("step 2 of 2 (epoch 2.00): loss 0.5, word loss 2, ")
  assert "padding efficiency 0.50, 0:00 to go" in line
