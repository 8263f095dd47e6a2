# SPDX-License-Identifier: Apache-2.0
"""The progress of a training run, from the hooks of its sessions."""

import numpy as np
import tensorflow.compat.v1 as tf

from common import progress
from ops import replicas


class Meter:
  """Measures and shows a run's progress, across its sessions and replicas.

  Shows means of the run's scalars, examples/s, useful tokens/s (without
  padding) and padding efficiency (the share of positions that are not
  padding), each since the last report.

  Attributes:
    step: the last finished step.
  """

  def __init__(self, total_steps, steps_per_epoch=None):
    """Makes a meter.

    Args:
      total_steps: number of updates of the whole run.
      steps_per_epoch: updates per pass over the data; None hides epochs.
    """
    self.step = 0
    self._total = total_steps
    self._per_epoch = steps_per_epoch
    self._bar = None
    self._rows = []

  def start(self, step):
    """Starts measuring at a step."""
    self.step = step
    self._bar = progress.Bar(self._total, "step", initial=step)
    self._rows = []

  def leave_out(self, seconds):
    """Takes the time of other work, such as evaluation, out of the rates."""
    if self._bar is not None:
      self._bar.leave_out(seconds)

  def update(self, step, names, values):
    """Counts a step.

    Args:
      step: number of the step that has ended.
      names: of the scalars.
      values: float array: the scalars, then examples, positions and tokens.
    """
    self.step = step
    self._rows.append(values)
    self._bar.update(step, lambda seconds: self._note(names, seconds))

  def _note(self, names, seconds):
    """Returns what to report of the steps since the last report."""
    rows = np.array(self._rows, np.float64)
    self._rows = []
    examples, positions, tokens = rows[:, -3:].sum(0)
    shown = []
    if self._per_epoch:
      shown.append("epoch %.2f" % (self.step / self._per_epoch))
    shown += [
      "%s %.4g" % (name.replace("_", " "), value)
      for name, value in zip(names, rows.mean(0))
    ]
    shown += [
      "%.1f examples/s" % (examples / seconds),
      "%.0f useful tokens/s" % (tokens / seconds),
      "padding efficiency %.2f" % (tokens / positions),
    ]
    return ", ".join(shown)

  def close(self):
    """Closes the progress bar."""
    self._bar.close()


class Progress(tf.train.SessionRunHook):
  """Reports each step of a graph to a Meter."""

  def __init__(self, meter, loss, train_op, input_mask, scalars=None):
    """Watches a graph.

    Args:
      meter: the run's Meter.
      loss: scalar tensor.
      train_op: operation that counts global_step.
      input_mask: [B, S] tensor, 1 for pieces.
      scalars: {name: scalar tensor} whose means are shown after the loss.
    """
    scalars = scalars or {}
    shape = tf.cast(tf.shape(input_mask), tf.float32)
    self._meter = meter
    self._names = ["loss"] + list(scalars)
    means = [loss] + list(scalars.values())
    counts = [
      shape[0],
      shape[0] * shape[1],
      tf.cast(tf.reduce_sum(input_mask), tf.float32),
    ]
    # Summed over all replicas; training_spec makes all of them take part.
    self.watched = replicas.total(
      tf.stack([x / replicas.count() for x in means] + counts)
    )
    with tf.control_dependencies([train_op]):
      self._step = tf.train.get_or_create_global_step().read_value()

  def after_create_session(self, session, coord):
    del coord
    self._meter.start(int(session.run(tf.train.get_global_step())))

  def before_run(self, run_context):
    del run_context
    return tf.train.SessionRunArgs([self._step, self.watched])

  def after_run(self, run_context, run_values):
    del run_context
    step, watched = run_values.results
    self._meter.update(int(step), self._names, watched)

  def end(self, session):
    del session
    self._meter.close()


def write_scalars(folder, step, scalars):
  """Adds a point to each of these TensorBoard curves."""
  with tf.Graph().as_default():
    # A file's name has the second; the suffix tells files of one second apart.
    writer = tf.summary.FileWriter(folder, filename_suffix=".%d" % step)
    writer.add_summary(
      tf.Summary(
        value=[
          tf.Summary.Value(tag=name, simple_value=value)
          for name, value in sorted(scalars.items())
        ]
      ),
      step,
    )
    writer.close()
