# SPDX-License-Identifier: Apache-2.0
"""Where a model runs, and what is seen of it: estimator and progress.

The only module that tells devices apart. On CPU and GPU it is an Estimator
whose batches have any length; on TPU a TPUEstimator with fixed shapes.
"""

import collections
import contextlib
import sys
import time

from absl import logging
import numpy as np
import tensorflow.compat.v1 as tf
import tqdm

from errors import InputError

SUMMARY_STEPS = 50
LOG_SECONDS = 10


def log_devices(use_tpu):
  """Logs what the run computes on."""
  gpus = tf.config.experimental.list_physical_devices("GPU")
  if use_tpu:
    device = "TPU"
  elif gpus:
    device = "%d GPU(s)" % len(gpus)
  else:
    device = "CPU (TensorFlow sees no GPU)"
  logging.info("TensorFlow %s on %s", tf.__version__, device)


def build_estimator(model_fn, config, save_steps):
  """Returns an Estimator, or a TPUEstimator if config.use_tpu.

  Args:
    model_fn: (features, labels, mode, params) -> training_spec or
      prediction_spec.
    config: values of the flags output_dir, seed, keep_checkpoint_max, those
      of the TPU and the batch sizes. With neither --tpu_name nor --master a
      TPUEstimator runs on the CPU, which is how it is tested.
    save_steps: updates between two checkpoints; None for predicting only.
  """
  tf.logging.set_verbosity(tf.logging.ERROR)
  common = dict(
    model_dir=config.output_dir,
    tf_random_seed=config.seed,
    save_checkpoints_steps=save_steps,
    keep_checkpoint_max=config.keep_checkpoint_max or None,
    save_summary_steps=SUMMARY_STEPS,
    log_step_count_steps=None,
  )
  if config.use_tpu:
    return tf.estimator.tpu.TPUEstimator(
      model_fn,
      config=_tpu_config(config, common),
      train_batch_size=config.train_batch_size,
      predict_batch_size=config.predict_batch_size,
      use_tpu=bool(config.tpu_name or config.master),
    )
  session_config = tf.ConfigProto(
    allow_soft_placement=True,
    gpu_options=tf.GPUOptions(allow_growth=True),
  )
  return tf.estimator.Estimator(
    model_fn,
    config=tf.estimator.RunConfig(session_config=session_config, **common),
  )


def _tpu_config(config, common):
  """RunConfig of a TPU, found by name or by its master's address."""
  tpu_config = tf.estimator.tpu.TPUConfig(
    iterations_per_loop=config.iterations_per_loop,
    num_shards=config.num_tpu_cores,
    per_host_input_for_training=tf.estimator.tpu.InputPipelineConfig.PER_HOST_V2,
  )
  cluster = None
  if config.tpu_name:
    cluster = tf.distribute.cluster_resolver.TPUClusterResolver(
      config.tpu_name, zone=config.tpu_zone, project=config.gcp_project
    )
  return tf.estimator.tpu.RunConfig(
    master=config.master, cluster=cluster, tpu_config=tpu_config, **common
  )


def training_spec(loss, train_op, restore, hooks, use_tpu):
  """Returns what model_fn returns when training.

  Args:
    loss: scalar.
    train_op: of optimization.create_optimizer.
    restore: function that sets the initializers from a checkpoint, or None.
    hooks: SessionRunHooks, left out on TPU.
    use_tpu: whether the estimator is a TPUEstimator.
  """
  mode = tf.estimator.ModeKeys.TRAIN
  if not use_tpu:
    if restore:
      restore()
    return tf.estimator.EstimatorSpec(
      mode, loss=loss, train_op=train_op, training_hooks=hooks
    )

  def scaffold():
    if restore:
      restore()
    return tf.train.Scaffold()

  return tf.estimator.tpu.TPUEstimatorSpec(
    mode, loss=loss, train_op=train_op, scaffold_fn=scaffold
  )


def prediction_spec(predictions, use_tpu):
  """Returns what model_fn returns when predicting."""
  spec = (
    tf.estimator.tpu.TPUEstimatorSpec if use_tpu else tf.estimator.EstimatorSpec
  )
  return spec(tf.estimator.ModeKeys.PREDICT, predictions=predictions)


@contextlib.contextmanager
def explained_failures():
  """Turns what a flag can mend, when training fails, into InputErrors."""
  try:
    yield
  except tf.train.NanLossDuringTrainingError:
    raise InputError(
      "the loss is not a number any more; expected a smaller --learning_rate, "
      "a longer warm-up or, with weights of one's own, other weights"
    ) from None
  except tf.errors.ResourceExhaustedError as e:
    raise InputError(
      "out of memory (%s); expected a smaller --train_batch_size, with more "
      "--num_accumulation_steps, or a smaller --max_seq_length"
      % e.message.split("\n")[0]
    ) from None


class Progress(tf.train.SessionRunHook):
  """Shows a run's progress: a bar on a terminal, else a line now and then.

  Counts examples/s, useful tokens/s (padding left out) and the share of
  positions that were no padding, since the last line.
  """

  def __init__(self, loss, train_op, input_mask, total_steps, steps_per_epoch):
    """Watches one graph.

    Args:
      loss: scalar tensor.
      train_op: what counts global_step.
      input_mask: [B, S] tensor, 1 for pieces.
      total_steps: updates of the whole run.
      steps_per_epoch: updates of one pass over the data.
    """
    shape = tf.shape(input_mask)
    with tf.control_dependencies([train_op]):
      step = tf.train.get_or_create_global_step().read_value()
    self._fetches = {
      "step": step,
      "loss": loss,
      "examples": shape[0],
      "positions": shape[0] * shape[1],
      "tokens": tf.reduce_sum(input_mask),
    }
    self._total = total_steps
    self._per_epoch = steps_per_epoch
    self._bar = None
    self._start(0)

  def after_create_session(self, session, coord):
    del coord
    self._start(int(session.run(tf.train.get_global_step())))
    if sys.stderr.isatty():
      logging.get_absl_handler().python_handler.setStream(_AboveBars())
      self._bar = tqdm.tqdm(
        total=self._total, initial=self._seen, unit="step", dynamic_ncols=True
      )

  def _start(self, step):
    self._seen = step
    self._since = time.time()
    self._sums = collections.Counter()
    self._losses = []

  def leave_out(self, seconds):
    """Takes time that went into something else out of the rates."""
    self._since += seconds

  def before_run(self, run_context):
    del run_context
    return tf.train.SessionRunArgs(self._fetches)

  def after_run(self, run_context, run_values):
    del run_context
    values = run_values.results
    for name in ("examples", "positions", "tokens"):
      self._sums[name] += int(values[name])
    self._losses.append(float(values["loss"]))
    step = int(values["step"])
    now = time.time()
    if self._bar is not None:
      self._bar.update(step - self._bar.n)
    if now - self._since >= LOG_SECONDS or step >= self._total:
      self._report(step, now - self._since)

  def _report(self, step, seconds):
    text = (
      "loss %.4f, %.1f examples/s, %.0f useful tokens/s, "
      "padding efficiency %.2f"
      % (
        np.mean(self._losses),
        self._sums["examples"] / seconds,
        self._sums["tokens"] / seconds,
        self._sums["tokens"] / self._sums["positions"],
      )
    )
    if self._bar is not None:
      self._bar.set_postfix_str(text)
    else:
      rate = max(step - self._seen, 1) / seconds
      logging.info(
        "step %d of %d (epoch %.2f): %s, %s to go",
        step,
        self._total,
        step / self._per_epoch,
        text,
        clock((self._total - step) / rate),
      )
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


def clock(seconds):
  """Returns "1:02:03" or "2:03"."""
  minutes, seconds = divmod(int(round(seconds)), 60)
  hours, minutes = divmod(minutes, 60)
  if hours:
    return "%d:%02d:%02d" % (hours, minutes, seconds)
  return "%d:%02d" % (minutes, seconds)


def predictions(estimator, input_fn, checkpoint, count, name):
  """Returns the predictions of all windows, in the order of their numbers."""
  outputs = [None] * count
  if not count:
    return outputs
  stream = estimator.predict(input_fn, checkpoint_path=checkpoint)
  for output in tqdm.tqdm(
    stream,
    total=count,
    desc=name,
    unit="window",
    disable=not sys.stderr.isatty(),
    dynamic_ncols=True,
    leave=False,
  ):
    window = int(output.pop("window"))
    if window >= 0:
      outputs[window] = output
  assert all(o is not None for o in outputs), "a window was not predicted"
  return outputs


def write_scalars(folder, step, scalars):
  """Adds a point to each of these TensorBoard curves."""
  with tf.Graph().as_default():
    writer = tf.summary.FileWriter(folder)
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
