# SPDX-License-Identifier: Apache-2.0
"""Estimators: how they are built, run, and what a model_fn returns to them.

On CPU and GPU it is an Estimator whose batches have any length, on TPU a
TPUEstimator with fixed shapes. The device itself is in devices.py.
"""

import collections
import contextlib
import re

import numpy as np
import tensorflow.compat.v1 as tf
import tensorflow.compat.v2 as tf2

from common import signals
from common.errors import InputError
from common.errors import is_disk_full
from common.errors import reason_of
from ops import replicas
from training import datasets
from training import devices
from training import loop

SUMMARY_STEPS = 50
TPU_ITERATIONS = 1000
# Begins TensorFlow's message about variables that a checkpoint does not have.
_NOT_RESTORED = "Restoring from checkpoint failed."
TRAIN = loop.TRAIN


def build(
  model_fn,
  device,
  folder,
  seed,
  batch_sizes,
  save_steps=None,
  keep_checkpoint_max=None,
):
  """Returns an Estimator, or a TPUEstimator with use_tpu; logs the device.

  With neither tpu_name nor master a TPUEstimator runs on the CPU, which is how
  it is tested.

  Args:
    model_fn: (features, labels, mode, params) -> training_spec,
      evaluation_spec or prediction_spec.
    device: a devices.Device.
    folder: of checkpoints and TensorBoard events.
    seed: of new weights and dropout.
    batch_sizes: {"train", "eval", "predict": examples}, for a TPU.
    save_steps: updates between two checkpoints; None for predicting only.
    keep_checkpoint_max: number of checkpoints to keep; 0 or None keeps all.
  """
  tf.logging.set_verbosity(tf.logging.ERROR)
  devices.log(device)
  if devices.TF_1 and devices.is_on_cpu(device):
    devices.keep_freed_memory()

  seed += devices.machine(device)  # Dropout differs on each machine.
  keep = keep_checkpoint_max or None
  with devices.tf_config_hidden(device):
    if not (device.use_tpu or devices.on_several_machines(device)):
      return loop.Estimator(
        model_fn,
        folder,
        seed,
        devices.session_config(device),
        devices.strategy(device),
        save_steps,
        keep,
        SUMMARY_STEPS,
      )
    common = dict(
      model_dir=folder,
      tf_random_seed=seed,
      save_checkpoints_steps=save_steps,
      keep_checkpoint_max=keep,
      save_summary_steps=SUMMARY_STEPS,
      log_step_count_steps=None,
    )
    if device.use_tpu:
      return _tpu_estimator(model_fn, device, batch_sizes, common)
    return _machines_estimator(model_fn, device, common)


def _machines_estimator(model_fn, device, common):
  """Returns the Estimator of several machines."""
  # TensorFlow 1.15 would translate the model's code, through files.
  as_is = tf.autograph.experimental.do_not_convert(model_fn)

  def call(features, labels, mode, params):
    # TensorFlow deep-copies its estimators. It leaves a function as it is,
    # while a method would bring its object's data along.
    spec = as_is(features, labels, mode, params)
    return tf.estimator.EstimatorSpec(**spec._asdict())

  return tf.estimator.Estimator(
    call,
    config=tf.estimator.RunConfig(
      session_config=devices.session_config(device),
      train_distribute=devices.strategy(device),
      **common,
    ),
  )


def _tpu_estimator(model_fn, device, batch_sizes, common):
  return tf.estimator.tpu.TPUEstimator(
    model_fn,
    config=_tpu_config(device, common),
    train_batch_size=batch_sizes["train"],
    eval_batch_size=batch_sizes["eval"],
    predict_batch_size=batch_sizes["predict"],
    use_tpu=bool(device.tpu_name or device.master),
  )


def _tpu_config(device, common):
  """Returns the RunConfig of a TPU, found by name or by its master."""
  tpu_config = tf.estimator.tpu.TPUConfig(
    iterations_per_loop=device.iterations_per_loop or TPU_ITERATIONS,
    num_shards=device.num_tpu_cores or devices.TPU_CORES,
    per_host_input_for_training=tf.estimator.tpu.InputPipelineConfig.PER_HOST_V2,
  )
  cluster = None
  if device.tpu_name:
    cluster = tf.distribute.cluster_resolver.TPUClusterResolver(
      device.tpu_name, zone=device.tpu_zone, project=device.gcp_project
    )
  return tf.estimator.tpu.RunConfig(
    master=device.master, cluster=cluster, tpu_config=tpu_config, **common
  )


# Training runs from step `start` to step `end`. Checkpoints are due every
# `save` steps after step `first`, and at the end.
Steps = collections.namedtuple("Steps", "first start end save")


def train(estimator, input_fn, device, meter, steps, after_save=None):
  """Trains, and calls after_save at every checkpoint that is due.

  On one machine that happens in the middle of training. A TPU has one session
  at a time, and several machines have no common moment: there training stops
  for it and goes on from the checkpoint.

  Args:
    estimator: returned by `build`.
    input_fn: the Estimator's.
    device: a devices.Device.
    meter: the Meter that model_fn's hooks report to.
    steps: Steps; `save` as given to `build`.
    after_save: function of a step that tells whether to stop, called on all
      machines; or None.

  Raises:
    InputError: training failed in a way that a flag can fix.
    Stopped: SIGTERM has come; a checkpoint of the last step was saved.
  """
  several = devices.on_several_machines(device)
  in_pieces = after_save and (device.use_tpu or several)
  listener = _AfterSave(after_save or (lambda _: False), steps)
  step = steps.start
  folder = estimator.model_dir
  with explained_failures(meter, folder), signals.hold(True):
    if step > steps.first:
      listener.look(step)  # Saved, and killed before that.
    while step < steps.end and not listener.stops:
      # An earlier run may have ended between two checkpoints that are due.
      late = (step - steps.first) % steps.save
      due = min(step + steps.save - late, steps.end)
      step = due if late or in_pieces else steps.end
      listeners = None if in_pieces else [listener]
      _train_until(estimator, input_fn, step, device, listeners)
      if signals.arrived():
        raise signals.Stopped(_saved(folder))
      if in_pieces:
        listener.look(step)


def _saved(folder):
  """Returns what to say of the checkpoint that a stopped run has left."""
  newest = tf.train.latest_checkpoint(folder)
  if not newest:
    return ""
  return "saved %s; the same command resumes there" % newest


def _train_until(estimator, input_fn, step, device, listeners):
  hooks = [_StopAtSigterm(devices.is_chief(device))]
  if not devices.on_several_machines(device):
    estimator.train(input_fn, hooks, max_steps=step, saving_listeners=listeners)
    return
  with tf.Graph().as_default():  # See devices.strategy.
    tf.estimator.train_and_evaluate(
      estimator,
      tf.estimator.TrainSpec(input_fn, step, hooks),
      # Required, but used only by an evaluator machine, and there is none.
      tf.estimator.EvalSpec(input_fn),
    )


class _AfterSave(tf.train.CheckpointSaverListener):
  """Calls a function of the step after each checkpoint that is due.

  Attributes:
    stops: whether the function has asked to stop training.
  """

  def __init__(self, function, steps):
    self._function = function
    self._steps = steps
    self.stops = False

  def after_save(self, session, global_step_value):
    del session
    self.look(int(global_step_value))
    # The next step would leave a checkpoint that was not looked at behind.
    return self.stops or bool(signals.arrived())

  def look(self, step):
    """Calls the function, unless SIGTERM has come: then time is short."""
    first, _, end, save = self._steps
    due = not (step - first) % save or step == end
    if step > 0 and due and not signals.arrived():
      with signals.hold(False):  # The checkpoint is saved already.
        self.stops = bool(self._function(step))


class _StopAtSigterm(tf.train.SessionRunHook):
  """Ends a session after the update in which SIGTERM has come.

  Ending it saves. Of several machines only the chief ends it: the others may
  be needed for the chief's last update.
  """

  SECONDS = 20  # In which the chief should have ended its update.

  def __init__(self, is_chief):
    self._is_chief = is_chief
    self._seen = None

  def after_create_session(self, session, coord):
    del session, coord
    if signals.arrived():
      raise signals.Stopped

  def after_run(self, run_context, run_values):
    del run_values
    if not signals.arrived():
      return
    step = run_context.session.run(tf.train.get_global_step())
    if self._seen is None:
      self._seen = step
      if not self._is_chief:
        signals.end_later(self.SECONDS)
    # With --num_accumulation_steps, only the last batch changes the step.
    elif self._is_chief and step > self._seen:
      run_context.request_stop()


@contextlib.contextmanager
def explained_failures(meter, folder):
  """Turns failures of training that a person can fix into InputErrors.

  Args:
    meter: the run's Meter, which knows the step.
    folder: of the checkpoints.
  """
  try:
    with explained_restoring(folder):
      yield
  except tf.train.NanLossDuringTrainingError:
    raise InputError(
      "the loss or a gradient is not finite any more, in the update after step "
      "%d; expected a smaller --learning_rate, a longer warm-up or, with "
      "weights of your own, other weights; the last checkpoint was saved "
      "before that and is good" % meter.step
    ) from None
  except tf.errors.ResourceExhaustedError as e:
    # TensorFlow has one class for a full disk and for exhausted memory.
    if is_disk_full(e):
      raise
    raise InputError(
      "out of memory (%s); expected a smaller --train_batch_size, with more "
      "--num_accumulation_steps, --recompute, or a smaller --max_seq_length"
      % reason_of(e)
    ) from None


@contextlib.contextmanager
def explained_restoring(place):
  """Turns a failure to restore a checkpoint into an InputError.

  Args:
    place: the checkpoint, or its folder.
  """
  try:
    yield
  except (tf.errors.NotFoundError, tf.errors.InvalidArgumentError) as e:
    if _NOT_RESTORED not in e.message:
      raise
    raise InputError(
      "%s: has a checkpoint of another model or run (%s)"
      % (place, re.sub(r"\s+", " ", e.message.split(_NOT_RESTORED)[1])[:300])
    ) from None


class _StopAtNan(tf.train.SessionRunHook):
  """Stops training at gradients that are not finite, which make no update."""

  def __init__(self, norm):
    self.watched = norm

  def before_run(self, run_context):
    del run_context
    return tf.train.SessionRunArgs(self.watched)

  def after_run(self, run_context, run_values):
    del run_context
    if not np.isfinite(run_values.results):
      raise tf.train.NanLossDuringTrainingError


# ---------------------------------------------------- what a model_fn returns


def training_spec(loss, update, scalars, restore, hooks, device, folder):
  """Returns what model_fn returns when training.

  Args:
    loss: scalar.
    update: an optimization.Update.
    scalars: {name: scalar tensor} that become TensorBoard's curves, beside
      loss, learning_rate and global_norm.
    restore: function that sets the initializers from a checkpoint, or None.
    hooks: Progress and the like, left out on TPU; their `watched` tensor is
      computed on all replicas.
    device: a devices.Device.
    folder: of a TPU's TensorBoard events.
  """
  mode = TRAIN
  scalars = dict(
    scalars,
    loss=loss,
    learning_rate=update.learning_rate,
    global_norm=update.norm,
  )
  if device.use_tpu:
    return tf.estimator.tpu.TPUEstimatorSpec(
      mode,
      loss=loss,
      train_op=update.operation,
      scaffold_fn=_scaffold_fn(restore),
      host_call=_summaries_on_host(folder, update.operation, scalars),
    )
  if restore:  # Once for all replicas, whose variables' names differ.
    tf.distribute.get_replica_context().merge_call(lambda _: restore())
  # What replicas add up must run on all of them, and so at every step.
  scalars = {name: replicas.mean(x) for name, x in scalars.items()}
  if device.precision != "fp16":  # There the loss scale deals with overflow.
    hooks = [_StopAtNan(scalars["global_norm"])] + hooks
  together = list(scalars.values()) + [hook.watched for hook in hooks]
  for name, value in scalars.items():
    tf.summary.scalar(name, value)
  return loop.Spec(
    mode,
    loss=loss,
    train_op=tf.group(update.operation, *together),
    training_hooks=hooks,
  )


def _scaffold_fn(restore):
  """Returns the scaffold_fn that restores on a TPU's host."""

  def scaffold():
    if restore:
      restore()
    return tf.train.Scaffold()

  return scaffold


def _summaries_on_host(folder, train_op, scalars):
  """Returns the host_call that writes a TPU's scalars: the TPU itself cannot.

  Its tensors have a first axis, along which those of all cores are joined. The
  step is the one that train_op ends.
  """
  names = sorted(scalars)

  def write(step, *values):
    step = step[0]
    with tf2.summary.create_file_writer(folder).as_default():
      with tf2.summary.record_if(tf.equal(step % SUMMARY_STEPS, 0)):
        for name, value in zip(names, values):
          tf2.summary.scalar(name, tf.reduce_mean(value), step=step)
    return tf.summary.all_v2_summary_ops()

  with tf.control_dependencies([train_op]):
    step = tf.train.get_or_create_global_step().read_value()
  tensors = [step] + [scalars[name] for name in names]
  return write, [tf.reshape(tensor, [1]) for tensor in tensors]


def evaluation_spec(loss, metrics, tensors, use_tpu):
  """Returns what model_fn returns when evaluating.

  Args:
    loss: scalar.
    metrics: function of the tensors, by name, that returns {name: tf.metrics'
      pair}.
    tensors: {name: tensor of examples, [B...]}.
    use_tpu: whether the estimator is a TPUEstimator.
  """
  mode = loop.EVAL
  if use_tpu:
    return tf.estimator.tpu.TPUEstimatorSpec(
      mode, loss=loss, eval_metrics=(metrics, tensors)
    )
  return loop.Spec(mode, loss=loss, eval_metric_ops=metrics(**tensors))


def prediction_spec(predictions, use_tpu, restore=None):
  """Returns what model_fn returns when predicting.

  Args:
    predictions: {name: tensor [B, ...]}.
    use_tpu: whether the estimator is a TPUEstimator.
    restore: function that sets the initializers from a checkpoint; None where
      `predictions` is given one.
  """
  mode = loop.PREDICT
  if use_tpu:
    return tf.estimator.tpu.TPUEstimatorSpec(
      mode, predictions=predictions, scaffold_fn=_scaffold_fn(restore)
    )
  if restore:
    restore()
  return loop.Spec(mode, predictions=predictions)


# ----------------------------------------------------------------- predicting


def prediction_input(
  features,
  batch_size,
  padding,
  max_seq_length,
  use_tpu,
  fixed=False,
  pool=None,
  tokens=None,
):
  """Returns the input_fn that yields all windows, each with its number.

  Args:
    features: feature dicts.
    batch_size: windows per batch; a TPU's estimator has its own.
    padding: {name: value} where it is not 0.
    max_seq_length: length of all batches on a TPU, or if `fixed`; otherwise
      each batch is as long as its longest window.
    use_tpu: whether the estimator is a TPUEstimator.
    fixed: pads all batches to max_seq_length.
    pool, tokens: see datasets.prediction_dataset; a TPU keeps the order.
  """

  def input_fn(params):
    if use_tpu:
      return datasets.fixed_dataset(
        features, params["batch_size"], padding, max_seq_length
      )
    length = max_seq_length if fixed else None
    return datasets.prediction_dataset(
      features, batch_size, padding, length, pool, tokens
    )

  return input_fn


def predictions(estimator, input_fn, checkpoint, count, shown=iter):
  """Yields the predictions of all windows, in the order of their numbers.

  Predictions that come before their turn wait in memory. A caller who stops
  before the end leaves a session open.

  Args:
    estimator: returned by `build`.
    input_fn: returned by `prediction_input`.
    checkpoint: its prefix; None where model_fn restores.
    count: number of windows.
    shown: function that passes an iterator of predictions on as they come, to
      show how many there are.
  """
  if not count:
    return
  stream = estimator.predict(input_fn, checkpoint_path=checkpoint)
  waiting, turn = {}, 0
  with explained_restoring(checkpoint):
    for output in shown(stream):
      waiting[int(output.pop("window"))] = output  # -1 fills up a TPU's batch.
      while turn in waiting:
        yield waiting.pop(turn)
        turn += 1
  assert turn == count, "a window was not predicted"


def predictor(estimator, *arguments, **options):
  """Returns a function that predicts one list of windows after another.

  It takes the checkpoint, the windows, and `shown`, and yields what
  `predictions` does. The graph is built once.

  Args:
    estimator: returned by `build`.
    *arguments, **options: of prediction_input, without the features.
  """
  held = []
  input_fn = prediction_input(held, *arguments, **options)

  def predict(checkpoint, windows, shown=iter):
    held[:] = windows
    return predictions(estimator, input_fn, checkpoint, len(windows), shown)

  return predict
