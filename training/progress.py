# SPDX-License-Identifier: Apache-2.0
"""What is seen of a run while it lasts: a bar on a terminal, else lines."""

import sys
import time

from absl import logging
import numpy as np
import tensorflow.compat.v1 as tf
import tqdm

from ops import replicas

LOG_SECONDS = 10


def clock(seconds):
  """Returns "1:02:03" or "2:03"."""
  minutes, seconds = divmod(int(round(seconds)), 60)
  hours, minutes = divmod(minutes, 60)
  if hours:
    return "%d:%02d:%02d" % (hours, minutes, seconds)
  return "%d:%02d" % (minutes, seconds)


def shown(items, total, name, unit):
  """Yields the items of an iterable and shows how many of `total` have come."""
  if sys.stderr.isatty():
    yield from tqdm.tqdm(
      items,
      total=total,
      desc=name,
      unit=unit,
      dynamic_ncols=True,
      leave=False,
    )
    return
  begin = said = time.time()
  for count, item in enumerate(items, 1):
    yield item
    now = time.time()
    if now - said >= LOG_SECONDS:
      said, rate = now, count / (now - begin)
      logging.info(
        "%s: %d of %d %ss, %.1f a second, %s to go",
        *(name, count, total, unit, rate, clock((total - count) / rate)),
      )


class Progress(tf.train.SessionRunHook):
  """Shows a run's progress: a bar on a terminal, else a line now and then.

  Counts examples/s, useful tokens/s (padding left out) and the share of
  positions that were no padding, since the last line.
  """

  running = None  # The one of the session: of several replicas' the first's.

  def __init__(
    self,
    loss,
    train_op,
    input_mask,
    total_steps,
    steps_per_epoch=None,
    scalars=None,
  ):
    """Watches one graph.

    Args:
      loss: scalar tensor.
      train_op: what counts global_step.
      input_mask: [B, S] tensor, 1 for pieces.
      total_steps: updates of the whole run.
      steps_per_epoch: updates of one pass over the data; None: not shown.
      scalars: {name: scalar tensor} to show the means of, after the loss.
    """
    shape = tf.cast(tf.shape(input_mask), tf.float32)
    self._means = ["loss"] + list(scalars or {})
    means = [loss] + list((scalars or {}).values())
    counts = [
      shape[0],
      shape[0] * shape[1],
      tf.cast(tf.reduce_sum(input_mask), tf.float32),
    ]
    # Of all replicas; training_spec sees to it that all of them take part.
    self.watched = replicas.total(
      tf.stack([x / replicas.count() for x in means] + counts)
    )
    with tf.control_dependencies([train_op]):
      self._step = tf.train.get_or_create_global_step().read_value()
    self._total = total_steps
    self._per_epoch = steps_per_epoch
    self._bar = None
    self._start(0)

  def after_create_session(self, session, coord):
    del coord
    Progress.running = self
    self._start(int(session.run(tf.train.get_global_step())))
    if sys.stderr.isatty():
      logging.get_absl_handler().python_handler.setStream(_AboveBars())
      self._bar = tqdm.tqdm(
        total=self._total, initial=self._seen, unit="step", dynamic_ncols=True
      )

  def _start(self, step):
    self.step = self._seen = step
    self._since = time.time()
    self._watched = []

  def leave_out(self, seconds):
    """Takes time that went into something else out of the rates."""
    (Progress.running or self)._since += seconds

  def before_run(self, run_context):
    del run_context
    return tf.train.SessionRunArgs([self._step, self.watched])

  def after_run(self, run_context, run_values):
    del run_context
    step, watched = run_values.results
    self.step = int(step)
    self._watched.append(watched)
    now = time.time()
    if self._bar is not None:
      self._bar.update(self.step - self._bar.n)
    if now - self._since >= LOG_SECONDS or self.step >= self._total:
      self._report(self.step, now - self._since)

  def _report(self, step, seconds):
    watched = np.array(self._watched, np.float64)
    examples, positions, tokens = watched[:, -3:].sum(0)
    shown = [
      "%s %.4g" % (name.replace("_", " "), value)
      for name, value in zip(self._means, watched.mean(0))
    ]
    shown += [
      "%.1f examples/s" % (examples / seconds),
      "%.0f useful tokens/s" % (tokens / seconds),
      "padding efficiency %.2f" % (tokens / positions),
    ]
    if self._bar is not None:
      self._bar.set_postfix_str(", ".join(shown))
    else:
      place = "step %d of %d" % (step, self._total)
      if self._per_epoch:
        place += " (epoch %.2f)" % (step / self._per_epoch)
      rate = max(step - self._seen, 1) / seconds
      remaining = clock((self._total - step) / rate)
      logging.info("%s: %s, %s to go", place, ", ".join(shown), remaining)
    self._start(step)

  def end(self, session):
    del session
    if self._bar is not None:
      self._bar.close()


class _AboveBars:
  """A stream for log lines that moves the progress bars out of the way."""

  def write(self, text):
    tqdm.tqdm.write(text, file=sys.stderr, end="")

  def flush(self):
    sys.stderr.flush()

  def isatty(self):
    return True  # Else absl would close it at the end.
