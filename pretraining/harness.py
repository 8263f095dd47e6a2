# SPDX-License-Identifier: Apache-2.0
"""The pretraining harness: TFRecord files in, an ALBERT checkpoint out.

`run` checks the files, trains on masked words and sentence order, evaluates
each checkpoint once on held-out data, keeps the best, draws the curves, and
goes on where an earlier run of the same command stopped.
"""

import contextlib
import copy
import functools
import os
import re
import sys
import time

from absl import logging
import tensorflow.compat.v1 as tf

from common.errors import InputError
import modeling
import optimization
from pretraining import curves
from pretraining import manifests
from pretraining import masking
from pretraining import record_inputs
from training import estimators
from training import heads
from training import model_folder

METRICS = (
  "masked_lm_loss",
  "masked_lm_accuracy",
  "sentence_order_loss",
  "sentence_order_accuracy",
)
# LAMB's rate was tuned at this batch; it grows with the batch's root.
LAMB_RATE, LAMB_BATCH = 0.00176, 4096

# Flags that may differ when a command is repeated to go on with a run, besides
# those of fine-tuning.
FREE_FLAGS = model_folder.FREE_FLAGS | {
  "eval_file",
  "input_file",
  "max_eval_steps",
}


def run(config):
  """Trains and evaluates, as the flags ask.

  Args:
    config: the values of run_pretraining.py's flags.

  Raises:
    InputError: of what the flags or files have wrong before anything is
      written; of what goes wrong in training when it does.
  """
  estimators.check_devices(config)
  _decide(config)
  _Run(config).go()


def _decide(config):
  """Refuses what cannot be, warns of what is seldom meant."""
  if not (config.do_train or config.do_eval):
    raise InputError("nothing to do: give --do_train or --do_eval")
  if not config.do_train and config.eval_file is None:
    config.eval_file = config.input_file
  if config.do_eval and config.eval_file is None:
    logging.warning(
      "no --eval_file: --do_eval looks at the training data (--input_file), "
      "which says little of other text"
    )
    config.eval_file = config.input_file
  if config.init_optimizer_state and not config.init_checkpoint:
    raise InputError("--init_optimizer_state needs --init_checkpoint")
  if config.num_warmup_steps > config.num_train_steps:
    raise InputError(
      "--num_warmup_steps is %d, expected at most --num_train_steps (%d)"
      % (config.num_warmup_steps, config.num_train_steps)
    )
  _warn_of_rate(config)


def _warn_of_rate(config):
  """LAMB at the published rate with a small batch does not learn."""
  batch = config.train_batch_size * config.num_accumulation_steps
  fitting = LAMB_RATE * (batch / LAMB_BATCH) ** 0.5
  if config.optimizer == "lamb" and config.learning_rate > 4 * fitting:
    logging.warning(
      "--learning_rate=%g is high for LAMB with a batch of %d: ALBERT's %g was "
      "meant for %d, whose root rule gives %.2g here",
      *(config.learning_rate, batch, LAMB_RATE, LAMB_BATCH, fitting),
    )


def find_files(patterns):
  """Returns the files of comma-separated paths, patterns and folders.

  Where create_pretraining_data.py left a manifest, only what it lists counts.
  """
  found = []
  for pattern in patterns.split(","):
    try:
      paths = tf.io.gfile.glob(pattern)
    except tf.errors.NotFoundError:  # TensorFlow 1.15, of a folder.
      paths = []
    if len(paths) == 1 and tf.io.gfile.isdir(paths[0]):
      paths = _folder_files(paths[0])
    paths = manifests.only_shards(sorted(paths))
    if not paths:
      raise InputError("%s: no such file" % pattern)
    found += paths
  return found


def _folder_files(folder):
  """Returns the paths of all files in a folder with one output."""
  outputs = manifests.in_folder(folder)
  if len(outputs) > 1:
    raise InputError(
      "%s: holds several outputs (%s), expected the names of one's files, such "
      "as %s/train.tfrecord*"
      % (folder, ", ".join(map(os.path.basename, outputs)), folder)
    )
  return tf.io.gfile.glob(os.path.join(folder, "*"))


def check_files(paths, shape):
  """Raises InputError unless files hold examples of this shape.

  Looks at the first example of each file and at the manifests beside them,
  which know the vocabulary and the flags that shaped the examples.
  """
  for place, manifest in manifests.of_files(paths).items():
    if manifest["vocab_size"] != shape.vocab_size:
      raise InputError(
        "%s: made with a vocabulary of %d pieces, the config's vocab_size is %d"
        % (place, manifest["vocab_size"], shape.vocab_size)
      )
    flags = dict(manifest["flags"])
    if flags.get("do_permutation"):  # Those that changed places come on top.
      flags["max_predictions_per_seq"] *= 2
    for flag in ("max_seq_length", "max_predictions_per_seq"):
      if flags[flag] != getattr(shape, flag):
        raise InputError(
          "%s: its files need --%s=%d, found %d"
          % (place, flag, flags[flag], getattr(shape, flag))
        )
  record_inputs.check(paths, shape)


class _Run:
  """One command's work. What is wrong with its input shows in __init__."""

  def __init__(self, config):
    self.config = config
    self.albert, self.config_file = model_folder.load_config(
      config, config.bioalbert_dir or config.output_dir
    )
    self.shape = record_inputs.Shape(
      config.max_seq_length,
      config.max_predictions_per_seq,
      self.albert.vocab_size,
    )
    self.files = {}
    for name, wanted, patterns in (
      ("train", config.do_train, config.input_file),
      ("eval", config.do_eval, config.eval_file),
    ):
      if wanted:
        self.files[name] = find_files(patterns)
        check_files(self.files[name], self.shape)
    self.state = model_folder.TrainingState(config.output_dir)
    self.initial = model_folder.initial_checkpoint(config)
    self.first = self._check_checkpoint()
    self._remask = None
    if config.do_train and config.masked_lm_budget:
      self._remask = functools.partial(
        masking.mask_anew,
        budget=config.masked_lm_budget,
        vocabulary=masking.vocabulary_of(self._tokenizer()),
      )
    self.description = self._describe()
    self.estimator = None
    self.progress = None

  def go(self):
    """Does what the flags ask."""
    config = self.config
    chief = estimators.is_chief(config)
    if chief:
      self._write_description()
    self.estimator = estimators.build_estimator(
      self._model_fn,
      config,
      config.save_checkpoints_steps if config.do_train else None,
    )
    if config.do_train:
      self._train()
    if not chief:  # Of several machines one evaluates, draws and writes.
      return
    if config.do_eval:
      self._evaluate_at_end()
    self._draw_curves()

  def _draw_curves(self):
    lines = {
      "training": curves.read(self.config.output_dir),
      "held out": curves.read(self._path("eval")),
    }
    path = self._path("pretraining_curves.png")
    if curves.draw(path, METRICS + ("learning_rate",), lines):
      logging.info("curves: %s", path)

  def _path(self, name):
    return os.path.join(self.config.output_dir, name)

  # ------------------------------------------------------------ before it runs

  def _check_checkpoint(self):
    """Refuses initial weights that do not fit the model or the schedule.

    Returns:
      The step that training starts from, unless it goes on.
    """
    config, first = self.config, 0
    if self.initial and not self.state.started():
      variables = self._variables().items()
      modeling.match_checkpoint(
        self.initial, {self._source_of(n): shape for n, shape in variables}
      )
    if config.init_optimizer_state:
      first = model_folder.checkpoint_step(self.initial)
      if first is None:
        raise InputError(
          "%s: has no global_step, so no optimizer state; leave "
          "--init_optimizer_state out" % self.initial
        )
    expected = None
    if config.num_train_steps <= first:
      expected = (
        "--num_train_steps is %d, expected more" % config.num_train_steps
      )
    elif config.start_warmup_step > first:
      expected = "--start_warmup_step is %d, expected no more" % (
        config.start_warmup_step
      )
    if config.do_train and expected:
      raise InputError(
        "%s than the step that training starts from, %d" % (expected, first)
      )
    return first

  def _variables(self):
    """{name: shape} of the model's variables."""
    albert = copy.deepcopy(self.albert)
    albert.num_hidden_layers = albert.num_hidden_groups  # Quicker, and enough.
    with tf.Graph().as_default():
      batch = {
        name: tf.zeros([1] + list(spec.shape), spec.dtype)
        for name, spec in record_inputs.features(self.shape).items()
      }
      self._outputs(albert, record_inputs.narrow(batch), is_training=False)
      return {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}

  def _tokenizer(self):
    """The vocabulary's, which masking anew needs."""
    config = copy.copy(self.config)
    beside = manifests.vocabulary_beside(self.files["train"])
    if not (config.vocab_file or config.spm_model_file) and beside:
      config.vocab_file = beside[0]
    return model_folder.load_tokenizer(
      config, config.bioalbert_dir, self.albert.vocab_size, self.config_file
    )

  def _source_of(self, name):
    """The name in the initial checkpoint of what starts this variable."""
    if self.config.init_from_group0:
      return re.sub(r"/group_\d+/", "/group_0/", name)
    return name

  def _describe(self):
    """The content of run_config.json; InputError if the folder's is another."""
    config = self.config
    hashes = {self.config_file: model_folder.sha256(self.config_file)}
    if self.initial:
      hashes[self.initial] = model_folder.sha256(self.initial)
    asked = {k: v for k, v in vars(config).items() if k not in FREE_FLAGS}
    asked["config"] = hashes[self.config_file]
    asked["initial weights"] = hashes.get(self.initial)
    asked["training files"] = [
      [os.path.basename(p), tf.io.gfile.stat(p).length]
      for p in self.files.get("train", ())
    ]
    path = self._path("run_config.json")
    training = model_folder.read_json(path, {}).get("training")
    if config.do_train:
      if self.state.started():
        model_folder.refuse_other_run(config.output_dir, training, asked)
      training = asked
    return {
      "command": " ".join(sys.argv),
      "flags": vars(config),
      "versions": model_folder.versions(),
      "commit": model_folder.commit(),
      "sha256": hashes,
      "training": training,
    }

  def _write_description(self):
    """Writes run_config.json and what makes the folder a model's."""
    model_folder.write_json(self._path("run_config.json"), self.description)
    if not self.config.do_train:
      return
    self.albert.to_json_file(self._path("albert_config.json"))
    for source in manifests.vocabulary_beside(self.files["train"]):
      model_folder.write_bytes(
        self._path(os.path.basename(source)), model_folder.read_bytes(source)
      )

  # ------------------------------------------------------- what the graph holds

  def _outputs(self, albert_config, batch, is_training):
    """(loss, {name: tensor}) of both heads on the encoder."""
    albert = estimators.encoder(albert_config, batch, self.config, is_training)
    return heads.pretraining(albert_config, albert, batch, self.config.use_sop)

  def _model_fn(self, features, labels, mode, params):
    del labels, params
    is_training = mode == tf.estimator.ModeKeys.TRAIN
    loss, outputs = self._outputs(self.albert, features, is_training)
    tensors = _per_example(outputs, features)
    if not is_training:
      if self.initial and not self.state.started():
        self._restore()
      return estimators.evaluation_spec(
        loss, metrics, tensors, self.config.use_tpu
      )
    return self._training_spec(features, loss, outputs, tensors)

  def _training_spec(self, features, loss, outputs, tensors):
    config = self.config
    scalars = {
      "masked_lm_loss": outputs["masked_lm_loss"],
      "masked_lm_accuracy": _mean(
        tensors["word_right"], tensors["word_weights"]
      ),
      "sentence_order_loss": outputs["sentence_order_loss"],
      "sentence_order_accuracy": _mean(
        tensors["order_right"], tensors["order_weights"]
      ),
    }
    shown = dict(scalars)
    train_op = optimization.create_optimizer(
      loss,
      config.learning_rate,
      config.num_train_steps,
      config.num_warmup_steps,
      config.use_tpu,
      optimizer=config.optimizer,
      poly_power=config.poly_power,
      start_warmup_step=config.start_warmup_step,
      num_accumulation_steps=config.num_accumulation_steps,
      loss_scaling=config.precision == "fp16",
      scalars=scalars,
    )
    shown["learning_rate"] = scalars["learning_rate"]
    restore = None
    if self.initial and not self.state.started():
      restore = self._restore
    self.progress = estimators.Progress(
      loss,
      train_op,
      features["input_mask"],
      config.num_train_steps,
      scalars=shown,
    )
    return estimators.training_spec(
      loss, train_op, restore, [self.progress], config, scalars
    )

  def _restore(self):
    """Starts the variables from the initial checkpoint."""
    modeling.restore(self.initial, source_of=self._source_of)
    if self.config.init_optimizer_state and self.config.do_train:
      modeling.restore_training_state(self.initial)

  # ------------------------------------------------------------------- training

  def _training_data(self, params, input_context=None):
    if self.config.use_tpu:
      part = estimators.part_of_tpu_input(params)
    else:
      part = estimators.part_of_input(input_context)
    return record_inputs.training_dataset(
      self.files["train"],
      self.shape,
      self.config.train_batch_size,
      self.config.seed + self.state.step(),  # A run that goes on sees others.
      part,
      self._remask,
    )

  def _train(self):
    """Trains to the end, or says that it was done before."""
    config, start = self.config, self.state.step()
    if self.state.finished(config.num_train_steps):
      logging.info("training was finished at step %d before", start)
      if config.do_eval:
        self.evaluate(start)  # A run may end between saving and evaluating.
      return
    if self.initial is None and not start:
      logging.info("no --init_checkpoint: training starts from random weights")
    logging.info("training from step %d to %d", start, config.num_train_steps)
    with self._explained_records():
      estimators.train(
        self.estimator,
        self._training_data,
        config,
        start or self.first,
        config.num_train_steps,
        config.save_checkpoints_steps,
        self.evaluate if config.do_eval else None,
      )
    if estimators.is_chief(config):
      self.state.finish()

  @contextlib.contextmanager
  def _explained_records(self):
    """Turns what damaged records do to TensorFlow into InputErrors."""
    try:
      yield
    except tf.errors.DataLossError as error:
      for paths in self.files.values():
        record_inputs.refuse_damage(paths)
      raise InputError(
        "an input file is damaged (%s)" % error.message.split("\n")[0]
      ) from None

  # ----------------------------------------------------------------- evaluation

  def evaluate(self, step):
    """Evaluates a checkpoint of this run once; keeps it if it is the best."""
    if not estimators.is_chief(self.config):
      self.state.await_score(step)
    if self.state.scored(step):
      return
    begin = time.time()
    checkpoint = self._path("model.ckpt-%d" % step)
    scores = self._scores(checkpoint)
    best = self.state.best()
    value = scores["masked_lm_accuracy"]
    if best is None or value > best[1]:
      model_folder.copy_checkpoint(checkpoint, self._path("model.ckpt-best"))
      self._write_results(scores, checkpoint)
    self.state.add(step, value)
    if self.progress is not None:
      self.progress.leave_out(time.time() - begin)

  def _scores(self, checkpoint):
    """{metric: value} on the held-out files; None: of the initial weights."""
    config, paths = self.config, self.files["eval"]
    steps = config.max_eval_steps
    if config.use_tpu:
      examples = record_inputs.count(paths)
      steps = min(steps, -(-examples // config.eval_batch_size))
    with self._explained_records():
      scores = self.estimator.evaluate(
        self._evaluation_data, steps=steps, checkpoint_path=checkpoint
      )
    examples = int(scores.pop("examples"))
    logging.info(
      "step %d: on %d held-out examples %s",
      scores["global_step"],
      examples,
      ", ".join("%s %.4f" % (name, scores[name]) for name in METRICS),
    )
    if examples >= config.max_eval_steps * config.eval_batch_size:
      logging.info("--max_eval_steps=%d ended it there", config.max_eval_steps)
    return {name: float(scores[name]) for name in METRICS + ("loss",)}

  def _evaluation_data(self, params):
    return record_inputs.evaluation_dataset(
      self.files["eval"],
      self.shape,
      params["batch_size"]
      if self.config.use_tpu
      else self.config.eval_batch_size,
      fill=self.config.use_tpu,
    )

  def _evaluate_at_end(self):
    """Evaluates without training; after it, only says which was the best."""
    if self.config.do_train:
      step, value = self.state.best()
      logging.info(
        "best: model.ckpt-best, of step %d, masked_lm_accuracy %.4f",
        *(step, value),
      )
      return
    if self.state.started():
      checkpoint = modeling.find_checkpoint(self.config.output_dir)
      self._write_results(self._scores(checkpoint), checkpoint)
    elif self.initial:  # Restored by model_fn: it may lack a global_step.
      self._write_results(self._scores(None), self.initial)
    else:
      raise InputError(
        "%s: no checkpoint to evaluate; give --do_train, --init_checkpoint or "
        "--bioalbert_dir" % self.config.output_dir
      )

  def _write_results(self, scores, checkpoint):
    """Writes eval_results.txt, a `name = value` a line."""
    step = model_folder.checkpoint_step(checkpoint)
    values = dict(scores, checkpoint=checkpoint, global_step=step)
    lines = ["%s = %s" % item for item in sorted(values.items())]
    model_folder.write_text(
      self._path("eval_results.txt"), "\n".join(lines) + "\n"
    )


def _per_example(outputs, batch):
  """What the metrics are means of: losses, hits and weights, all [B...]."""
  words = outputs["masked_lm_logits"]  # [B * P, V]
  orders = outputs["sentence_order_logits"]  # [B, 2]
  word_ids = tf.reshape(batch["masked_lm_ids"], [-1])
  order_ids = tf.reshape(batch["next_sentence_labels"], [-1])
  real = batch.get("real", tf.ones_like(orders[:, 0]))
  return {
    "word_losses": _losses(words, word_ids),
    "word_right": _right(words, word_ids),
    "word_weights": tf.reshape(batch["masked_lm_weights"], [-1]),
    "order_losses": _losses(orders, order_ids),
    "order_right": _right(orders, order_ids),
    "order_weights": real,
  }


def _losses(logits, ids):
  """The cross-entropy of each row."""
  return tf.nn.sparse_softmax_cross_entropy_with_logits(
    labels=ids, logits=logits
  )


def _right(logits, ids):
  """1.0 where the likeliest is the right one, else 0.0."""
  likeliest = tf.argmax(logits, -1, output_type=ids.dtype)
  return tf.cast(tf.equal(likeliest, ids), tf.float32)


def _mean(values, weights):
  return tf.reduce_sum(values * weights) / (tf.reduce_sum(weights) + 1e-5)


def metrics(
  word_losses,
  word_right,
  word_weights,
  order_losses,
  order_right,
  order_weights,
):
  """Returns {name: metric} of an evaluation, means over all its examples."""
  mean = tf.metrics.mean
  return {
    "masked_lm_loss": mean(word_losses, word_weights),
    "masked_lm_accuracy": mean(word_right, word_weights),
    "sentence_order_loss": mean(order_losses, order_weights),
    "sentence_order_accuracy": mean(order_right, order_weights),
    "examples": tf.metrics.true_positives(  # Of weight 1: a plain count.
      tf.ones_like(order_weights), tf.ones_like(order_weights), order_weights
    ),
  }
