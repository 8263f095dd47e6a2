# SPDX-License-Identifier: Apache-2.0
"""One training run in an output folder: what both harnesses have in common.

`Run` describes the run, restores, trains, looks at each checkpoint, keeps the
best one, and goes on after a kill. A harness subclasses it and adds its loss,
its input and its evaluation.
"""

import collections
import contextlib
import copy
import os
import sys
import time

from absl import logging
import tensorflow.compat.v1 as tf

from common import files
from common import run_files
import modeling
import optimization
from training import devices
from training import estimators
from training import model_folder
from training import progress
from training import state

# How the weights are updated, and how often they are saved.
Schedule = collections.namedtuple(
  "Schedule",
  "optimizer learning_rate num_train_steps num_warmup_steps "
  "num_accumulation_steps save_steps keep_checkpoint_max poly_power "
  "start_warmup_step steps_per_epoch freeze_encoder",
  defaults=(1.0, 0, None, False),
)


@contextlib.contextmanager
def locked(folder, device):
  """Locks an output folder while a context lasts, after tidying it up.

  Of several machines only the one that writes there does so.
  """
  if not devices.is_chief(device):
    yield
    return
  with files.locked(folder):
    state.remove_leftovers(folder)
    yield


def _frozen(schedule):
  """Returns the names of the variables that a Schedule leaves as they are."""
  if not schedule.freeze_encoder:
    return []
  return [v.name for v in tf.trainable_variables(modeling.ENCODER_SCOPE)]


class Run:
  """A training run; subclasses give what differs.

  Attributes:
    folder: the output folder.
    device: a devices.Device.
    seed: of shuffling, new weights and dropout.
    batch_sizes: {"train", "eval", "predict": examples}.
    albert: the AlbertConfig.
    initial: the checkpoint to start from, or None.
    state: the folder's state.TrainingState.
    schedule: the Schedule; None if nothing is trained.
    estimator: None before `start`.
  """

  fuses_training = True  # Whether the encoder is fused in training.
  random_weights = logging.INFO  # How to log that none were given.

  def __init__(self, folder, device, seed, batch_sizes, albert, initial):
    self.folder = folder
    self.device = device
    self.seed = seed
    self.batch_sizes = batch_sizes
    self.albert = albert
    self.initial = initial
    self.state = state.TrainingState(folder)
    self.schedule = None
    self.estimator = None
    self.meter = None

  # ------------------------------------------------------ what subclasses give

  def outputs(self, albert_config, features, is_training):
    """Returns (loss, {name: tensor}) of the heads on the encoder."""
    raise NotImplementedError

  def blank_batch(self):
    """Returns the features of a batch of one example, all zeros."""
    raise NotImplementedError

  def curves(self, outputs, features):
    """Returns {name: scalar} to show while training, besides the loss."""
    del outputs, features
    return {}

  def inference_spec(self, loss, outputs, features):
    """Returns the EstimatorSpec of evaluating or predicting."""
    raise NotImplementedError

  def restore(self):
    """Sets the variables' initializers from the initial checkpoint."""
    modeling.restore(self.initial)

  def training_data(self, params, input_context=None):
    """Returns the dataset to train on; an Estimator's input_fn."""
    raise NotImplementedError

  def evaluate(self, step, checkpoint):
    """Returns (scores, the value by which checkpoints are ranked)."""
    raise NotImplementedError

  def keep_best(self, checkpoint, scores):
    """Copies a checkpoint that scores better than all before it."""
    del scores
    state.copy_checkpoint(checkpoint, self.path(state.BEST))

  # ----------------------------------------------------------- before training

  def path(self, name):
    """Returns the path of a file in the output folder."""
    return os.path.join(self.folder, name)

  def is_chief(self):
    """Tells whether this process evaluates and writes."""
    return devices.is_chief(self.device)

  def starts_from_initial(self):
    """Tells whether training starts from the initial checkpoint."""
    return bool(self.initial) and not self.state.started()

  def variables(self):
    """Returns {name: shape} of the model's variables."""
    config = copy.deepcopy(self.albert)
    config.num_hidden_layers = config.num_hidden_groups  # Faster, and enough.
    with tf.Graph().as_default():
      self.outputs(config, self.blank_batch(), is_training=False)
      return {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}

  def describe(self, flags, asked, hashes, **more):
    """Returns the content of run_config.json.

    Args:
      flags: {name: value} of the command.
      asked: {what: value} that, besides flags, makes this training run what
        it is; None if nothing is trained.
      hashes: {path: SHA-256} of the files that results depend on.
      **more: further entries.

    Raises:
      InputError: the folder holds another training run.
    """
    before = run_files.read_description(self.folder)
    training = before.get("training")
    if asked is not None:
      free = model_folder.FREE_FLAGS
      asked = dict({k: v for k, v in flags.items() if k not in free}, **asked)
      if self.state.started():
        state.refuse_other_run(self.folder, training, asked)
      training = asked
    description = {"command": " ".join(sys.argv), "flags": flags}
    description["vocabulary"] = before.get("vocabulary", {})
    description.update(more)
    description.update(
      versions=model_folder.versions(),
      commit=model_folder.commit(),
      sha256=hashes,
      training=training,
    )
    return description

  def start(self):
    """Builds the estimator; to be called before training or predicting."""
    schedule = self.schedule
    if schedule:
      self.meter = progress.Meter(
        schedule.num_train_steps, schedule.steps_per_epoch
      )
    self.estimator = estimators.build(
      self._model_fn,
      self.device,
      self.folder,
      self.seed,
      self.batch_sizes,
      schedule and schedule.save_steps,
      schedule and schedule.keep_checkpoint_max,
    )

  # ------------------------------------------------------- what the graph holds

  def encode(self, albert_config, features, is_training):
    """Returns the AlbertModel of a batch."""
    return devices.encoder(
      albert_config,
      features,
      self.device,
      is_training,
      fuse=self.fuses_training or not is_training,
    )

  def _model_fn(self, features, labels, mode, params):
    del labels, params
    is_training = mode == estimators.TRAIN
    loss, outputs = self.outputs(self.albert, features, is_training)
    if not is_training:
      return self.inference_spec(loss, outputs, features)
    return self._training_spec(loss, outputs, features)

  def _training_spec(self, loss, outputs, features):
    curves = self.curves(outputs, features)
    schedule = self.schedule
    update = optimization.create_update(
      loss,
      schedule.learning_rate,
      schedule.num_train_steps,
      schedule.num_warmup_steps,
      self.device.use_tpu,
      schedule.optimizer,
      schedule.poly_power,
      schedule.start_warmup_step,
      excluded_tvars=_frozen(schedule),
      num_accumulation_steps=schedule.num_accumulation_steps,
      loss_scaling=self.device.precision == "fp16",
    )
    shown = curves and dict(curves, learning_rate=update.learning_rate)
    hook = progress.Progress(
      self.meter, loss, update.operation, features["input_mask"], shown
    )
    return estimators.training_spec(
      loss,
      update,
      curves,
      self.restore if self.starts_from_initial() else None,
      [hook],
      self.device,
      self.folder,
    )

  # ------------------------------------------------------------------- training

  def train(self, first=0, looks=True):
    """Trains to the end, unless an earlier run has done so.

    Args:
      first: step that training starts from, if it does not go on.
      looks: whether each checkpoint is evaluated.
    """
    start, schedule = self.state.step(), self.schedule
    if self.state.finished(schedule.num_train_steps):
      logging.info("training had already finished, at step %d", start)
      if looks:
        self.look_at(start)  # A run may end between saving and evaluating.
      return
    if self.initial is None and not start:
      logging.log(
        self.random_weights,
        "no --init_checkpoint: training starts from random weights",
      )
    per_epoch = schedule.steps_per_epoch
    logging.info(
      "training from step %d to %d%s",
      start,
      schedule.num_train_steps,
      ", %d per epoch" % per_epoch if per_epoch else "",
    )
    estimators.train(
      self.estimator,
      self.training_data,
      self.device,
      self.meter,
      estimators.Steps(
        first, start or first, schedule.num_train_steps, schedule.save_steps
      ),
      self.look_at if looks else None,
    )
    if self.is_chief():
      self.state.finish()

  def look_at(self, step):
    """Evaluates a step's checkpoint once and keeps the best.

    Returns:
      Whether to stop training.
    """
    if not self.is_chief():
      self.state.await_score(step)
    elif not self.state.scored(step):
      begin = time.time()
      checkpoint = self.state.checkpoint(step)
      scores, value = self.evaluate(step, checkpoint)
      best = self.state.best()
      if best is None or value > best[1]:
        self.keep_best(checkpoint, scores)
      self.state.add(step, value)
      self.meter.leave_out(time.time() - begin)
    return self.should_stop()

  def should_stop(self):
    """Tells whether training should stop early."""
    return False
