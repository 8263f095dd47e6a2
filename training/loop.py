# SPDX-License-Identifier: Apache-2.0
"""An Estimator for the CPU or the GPUs of one machine.

Has the part of tf.estimator.Estimator that this project uses, with the same
checkpoints, events and resumption, and runs on every TensorFlow. It keeps graph
and session of the last evaluation, so that looking at one checkpoint after the
other builds the graph once.

Source: tensorflow_estimator/python/estimator/estimator.py.
"""

import collections
import contextlib
import inspect
import os

import tensorflow.compat.v1 as tf
from tensorflow.python.training import training_util

from training import progress
from training import state

# The values of tf.estimator.ModeKeys.
TRAIN, EVAL, PREDICT = "train", "eval", "infer"

# What a model_fn returns, with the fields of tf.estimator.EstimatorSpec.
Spec = collections.namedtuple(
  "Spec",
  "mode loss train_op training_hooks predictions eval_metric_ops",
  defaults=(None, None, (), None, None),
)

# A graph for evaluating or predicting, and its session.
_Inference = collections.namedtuple(
  "_Inference", "key session spec saver initial first_batch update"
)


class Estimator:
  """Trains, evaluates and predicts with the graph of a model_fn."""

  def __init__(
    self,
    model_fn,
    folder,
    seed,
    session_config=None,
    strategy=None,
    save_steps=None,
    keep_checkpoint_max=None,
    summary_steps=100,
  ):
    """Makes an estimator; nothing is built or read yet.

    Args:
      model_fn: (features, labels, mode, params) -> Spec.
      folder: of checkpoints and TensorBoard events.
      seed: of the graphs.
      session_config: tf.ConfigProto.
      strategy: tf.distribute.MirroredStrategy to train under; None for one
        device.
      save_steps: updates between two checkpoints.
      keep_checkpoint_max: number of checkpoints to keep; None keeps all.
      summary_steps: updates between two points of TensorBoard's curves.
    """
    self._model_fn = model_fn
    self.model_dir = folder
    self._seed = seed
    self._config = session_config
    self._strategy = strategy
    self._save_steps = save_steps
    self._keep = keep_checkpoint_max
    self._summary_steps = summary_steps
    self._inference = None
    self._restored_from = None  # A checkpoint, and when it was written.

  # ------------------------------------------------------------------- training

  def train(self, input_fn, hooks=(), max_steps=None, saving_listeners=None):
    """Trains from the folder's newest checkpoint, if there is one.

    Args:
      input_fn: returns a tf.data.Dataset; may take `params` and an
        `input_context`.
      hooks: tf.train.SessionRunHooks, besides the Spec's.
      max_steps: global step to stop at.
      saving_listeners: tf.train.CheckpointSaverListeners.
    """
    newest = tf.train.latest_checkpoint(self.model_dir)
    if newest and state.checkpoint_step(newest) >= max_steps:
      return
    with tf.Graph().as_default(), _scope(self._strategy):
      tf.set_random_seed(self._seed)
      tf.train.create_global_step()
      # As Estimator does here: the seeds of dropout count the operations, and
      # replicas share what the main thread reads.
      training_util._get_or_create_global_step_read()
      spec, initializer = self._training_graph(input_fn)
      saver = tf.train.Saver(
        sharded=True,
        max_to_keep=self._keep,
        defer_build=True,
        save_relative_paths=True,
      )
      # All variables are initialized or restored. To ask TensorFlow about each
      # of them would take hundreds of operations.
      scaffold = tf.train.Scaffold(
        saver=saver,
        ready_op=tf.no_op("is_ready"),
        ready_for_local_init_op=tf.no_op("is_ready_for_local_init"),
      )
      hooks = [_Initialize(initializer), *hooks, *spec.training_hooks] + [
        tf.train.StopAtStepHook(last_step=max_steps),
        tf.train.NanTensorHook(spec.loss),
      ]
      save = tf.train.CheckpointSaverHook(
        self.model_dir,
        save_steps=self._save_steps,
        scaffold=scaffold,
        listeners=saving_listeners,
      )
      with tf.train.MonitoredTrainingSession(
        checkpoint_dir=self.model_dir,
        scaffold=scaffold,
        hooks=hooks,
        chief_only_hooks=[save],
        save_checkpoint_secs=0,  # The hook saves.
        save_summaries_steps=self._summary_steps,
        config=self._config,
        log_step_count_steps=None,
      ) as session:
        # TensorFlow optimizes the graph anew for other fetches, so those of
        # the hook that saves summaries are fetched at every step.
        fetches = [spec.train_op, spec.loss, scaffold.summary_op]
        while not session.should_stop():
          session.run(fetches)

  def _training_graph(self, input_fn):
    """Returns (Spec of all replicas, initializer of the input)."""
    if self._strategy is None:
      iterator = _iterator(input_fn)
      return self._call(iterator.get_next(), TRAIN), iterator.initializer
    iterator = self._strategy.make_input_fn_iterator(
      lambda context: _dataset(input_fn, context)
    )
    # TensorFlow 1.15 would translate the model's code, through files.
    call = tf.autograph.experimental.do_not_convert(self._call)
    specs = self._strategy.extended.call_for_each_replica(
      call, args=(iterator.get_next(), TRAIN)
    )
    local = self._strategy.experimental_local_results
    spec = specs._replace(
      loss=self._strategy.reduce(
        tf.distribute.ReduceOp.MEAN, specs.loss, axis=None
      ),
      train_op=self._strategy.group(specs.train_op),
      # A hook fetches what all replicas have in common.
      training_hooks=[local(hook)[0] for hook in specs.training_hooks],
    )
    return spec, iterator.initializer

  def _call(self, features, mode):
    return self._model_fn(features, None, mode, {})

  # ------------------------------------------------- evaluating and predicting

  def evaluate(self, input_fn, steps=None, checkpoint_path=None):
    """Returns {name: value} of the metrics and the loss, and global_step.

    Also adds them to TensorBoard's curves in the folder "eval".

    Args:
      input_fn: as in `train`.
      steps: largest number of batches; None for all.
      checkpoint_path: its prefix; None: the folder's newest, or the initial
        values if there is none.
    """
    found = self._restored(input_fn, EVAL, checkpoint_path)
    session, metrics = found.session, found.spec.eval_metric_ops
    count = 0
    with contextlib.suppress(tf.errors.OutOfRangeError):
      while steps is None or count < steps:
        session.run(found.update)
        count += 1
    scores = session.run({name: value for name, (value, _) in metrics.items()})
    step = int(session.run(tf.train.get_global_step(session.graph)))
    progress.write_scalars(os.path.join(self.model_dir, "eval"), step, scores)
    return dict(scores, global_step=step)

  def predict(self, input_fn, checkpoint_path=None):
    """Yields {name: array} of each example; arguments as in `evaluate`."""
    found = self._restored(input_fn, PREDICT, checkpoint_path)
    while True:
      try:
        batch = found.session.run(found.spec.predictions)
      except tf.errors.OutOfRangeError:
        return
      for row in zip(*batch.values()):
        yield dict(zip(batch, row))

  def _restored(self, input_fn, mode, checkpoint_path):
    """Returns the _Inference of an input, restored, at its first batch."""
    found = self._inference
    if found is None or found.key != (mode, input_fn):
      if found is not None:
        found.session.close()
      found = self._inference = self._inference_graph(input_fn, mode)
      self._restored_from = None
    path = checkpoint_path or tf.train.latest_checkpoint(self.model_dir)
    version = path and _version(path)
    if not path:
      found.session.run(found.initial)
    elif version is None or version != self._restored_from:
      with found.session.graph.as_default():
        found.saver.restore(found.session, path)
    self._restored_from = version
    found.session.run(found.first_batch)
    return found

  def _inference_graph(self, input_fn, mode):
    """Builds the graph of an input and starts its session."""
    with tf.Graph().as_default():
      tf.set_random_seed(self._seed)
      tf.train.create_global_step()
      iterator = _iterator(input_fn)
      spec = self._call(iterator.get_next(), mode)
      update = None
      if mode == EVAL:
        spec.eval_metric_ops["loss"] = tf.metrics.mean(spec.loss)
        update = [update for _, update in spec.eval_metric_ops.values()]
      return _Inference(
        key=(mode, input_fn),
        session=tf.Session(config=self._config),
        spec=spec,
        saver=tf.train.Saver(sharded=True),
        initial=tf.global_variables_initializer(),
        first_batch=[iterator.initializer, tf.local_variables_initializer()],
        update=update,
      )


def _version(checkpoint):
  """Returns what changes with each writing of a checkpoint; None: unknown."""
  index = checkpoint + ".index"
  if not tf.io.gfile.exists(index):
    return None
  written = tf.io.gfile.stat(index)
  return checkpoint, written.mtime_nsec, written.length


class _Initialize(tf.train.SessionRunHook):
  """Runs an operation in each new session."""

  def __init__(self, operation):
    self._operation = operation

  def after_create_session(self, session, coord):
    del coord
    session.run(self._operation)


@contextlib.contextmanager
def _scope(strategy):
  """Enters a strategy, in which optimizers average over the replicas."""
  with contextlib.ExitStack() as stack:
    if strategy is not None:
      stack.enter_context(strategy.scope())
    if hasattr(strategy, "_scale_loss_for_estimator_enabled"):
      stack.enter_context(strategy._scale_loss_for_estimator_enabled())
    yield


def _dataset(input_fn, context=None):
  """Returns the dataset of an input_fn, called with what it takes."""
  given = {"params": {}, "input_context": context}
  taken = inspect.signature(input_fn).parameters
  return input_fn(**{k: v for k, v in given.items() if k in taken})


def _iterator(input_fn):
  with tf.device("/cpu:0"):
    return tf.data.make_initializable_iterator(_dataset(input_fn))
