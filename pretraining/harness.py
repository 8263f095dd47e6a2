# SPDX-License-Identifier: Apache-2.0
"""The pretraining harness: TFRecord files in, an ALBERT checkpoint out.

`run` checks the files, trains on masked words and sentence order, evaluates
each checkpoint once on held-out data, keeps the best, draws the curves, and
goes on where an earlier run of the same command stopped.
"""

import collections
import contextlib
import functools
import os
import re

from absl import logging
import tensorflow.compat.v1 as tf

from common import files
from common import flag_groups
from common import run_files
from common.errors import InputError
from common.errors import reason_of
import modeling
from pretraining import curves
from pretraining import manifests
from pretraining import masking
from pretraining import record_inputs
from training import devices
from training import estimators
from training import heads
from training import model_folder
from training import run as training_run
from training import state

METRICS = (
  "masked_lm_loss",
  "masked_lm_accuracy",
  "sentence_order_loss",
  "sentence_order_accuracy",
)
# LAMB's rate was tuned at this batch; it grows with the batch's square root.
LAMB_RATE, LAMB_BATCH = 0.00176, 4096

# What a pretraining command asks for: the fields are flags of
# run_pretraining.py, grouped for the modules that act on them. `flags` is
# {name: value} of the whole command, for run_config.json; nothing is decided by
# it.
Command = collections.namedtuple(
  "Command",
  "output_dir do_train do_eval input_file eval_file model schedule "
  "device max_seq_length max_predictions_per_seq masked_lm_budget "
  "train_batch_size eval_batch_size max_eval_steps init_optimizer_state "
  "init_from_group0 use_sop seed flags",
)


def read_command(values):
  """Returns the Command that flags give.

  Args:
    values: of flag_groups.values, of run_pretraining.py.
  """
  pick = functools.partial(flag_groups.pick, values)
  device = devices.choose_precision(pick(devices.Device))
  return pick(
    Command,
    model=pick(model_folder.ModelPaths),
    schedule=pick(
      training_run.Schedule, save_steps=values.save_checkpoints_steps
    ),
    device=device,
    flags=dict(vars(values), precision=device.precision),
  )


def run(command):
  """Trains and evaluates, as a Command asks.

  Raises:
    InputError: flags or files are wrong, before anything is written; or
      training failed in a way that a flag can fix.
  """
  check(command)
  if command.eval_file is None and (command.do_eval or not command.do_train):
    if command.do_train:
      logging.warning(
        "no --eval_file: --do_eval evaluates on the training data "
        "(--input_file), which says little about other text"
      )
    command = command._replace(eval_file=command.input_file)
  with training_run.locked(command.output_dir, command.device):
    _Run(command).go()


def check(command):
  """Rejects inconsistent flags; warns about unlikely values."""
  schedule = command.schedule
  sizes = {
    "train_batch_size": command.train_batch_size,
    "eval_batch_size": command.eval_batch_size,
  }
  devices.check(command.device, sizes, schedule.num_accumulation_steps)
  if not (command.do_train or command.do_eval):
    raise InputError("nothing to do: give --do_train or --do_eval")
  if command.init_optimizer_state and not command.model.init_checkpoint:
    raise InputError("--init_optimizer_state needs --init_checkpoint")
  if schedule.num_warmup_steps > schedule.num_train_steps:
    raise InputError(
      "--num_warmup_steps is %d, expected at most --num_train_steps (%d)"
      % (schedule.num_warmup_steps, schedule.num_train_steps)
    )
  _warn_of_rate(schedule, command.train_batch_size)


def _warn_of_rate(schedule, train_batch_size):
  """Warns about LAMB at the published rate with a small batch.

  It does not learn.
  """
  batch = train_batch_size * schedule.num_accumulation_steps
  fitting = LAMB_RATE * (batch / LAMB_BATCH) ** 0.5
  if schedule.optimizer == "lamb" and schedule.learning_rate > 4 * fitting:
    logging.warning(
      "--learning_rate=%g is high for LAMB with a batch of %d: ALBERT's %g is "
      "meant for %d, and the square root rule gives %.2g here",
      *(schedule.learning_rate, batch, LAMB_RATE, LAMB_BATCH, fitting),
    )


def find_files(patterns):
  """Returns the files of comma-separated paths, patterns and folders.

  Where create_pretraining_data.py left a manifest, only what it lists counts.
  """
  found = []
  for pattern in patterns.split(","):
    # Not tf.io.gfile.glob, which finds ./x for x.
    paths = files.glob(pattern)
    if len(paths) == 1 and files.is_folder(paths[0]):
      pattern = os.path.join(paths[0], "*")
      paths = _folder_files(paths[0])
    paths = manifests.only_shards(
      sorted(paths), pattern, record_inputs.looks_like_records
    )
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
  return files.glob(os.path.join(folder, "*"))


def check_files(paths, shape):
  """Returns {path: number of records} of files of examples of this shape.

  Looks at the first example of each file, at the lengths of all records, and
  at the manifests beside the files, which know the vocabulary, the flags that
  shaped the examples, and each file's size. Of remote files the lengths are
  not read; those without a manifest are not in the result.

  Raises:
    InputError: something of that does not fit.
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
  counts = manifests.check_shards(paths, record_inputs.count)
  record_inputs.check(paths, shape)
  return counts


def first_step(command, initial):
  """Returns the step that training starts from, unless it goes on.

  Args:
    command: a Command.
    initial: the initial checkpoint, or None.

  Raises:
    InputError: it does not fit the schedule.
  """
  first = 0
  if command.init_optimizer_state:
    first = state.checkpoint_step(initial)
    if first is None:
      raise InputError(
        "%s: has no global_step, so no optimizer state; leave out "
        "--init_optimizer_state" % initial
      )
  schedule, expected = command.schedule, None
  if schedule.num_train_steps <= first:
    expected = (
      "--num_train_steps is %d, expected more" % schedule.num_train_steps
    )
  elif schedule.start_warmup_step > first:
    expected = "--start_warmup_step is %d, expected no more" % (
      schedule.start_warmup_step
    )
  if command.do_train and expected:
    raise InputError(
      "%s than the step that training starts from, %d" % (expected, first)
    )
  return first


def _find_all(command, shape):
  """Returns ({"train", "eval": paths} of a command, see check_files)."""
  found, counts = {}, {}
  for name, wanted, patterns in (
    ("train", command.do_train, command.input_file),
    ("eval", command.do_eval, command.eval_file),
  ):
    if wanted:
      found[name] = find_files(patterns)
      counts.update(check_files(found[name], shape))
  return found, counts


class _Run(training_run.Run):
  """One command's run. `__init__` validates all input."""

  def __init__(self, command):
    folder = command.model.bioalbert_dir or command.output_dir
    initial = model_folder.initial_checkpoint(command.model)
    albert, self.config_source = model_folder.load_config(
      command.model, initial, folder, command.max_seq_length
    )
    self.shape = record_inputs.Shape(
      command.max_seq_length, command.max_predictions_per_seq, albert.vocab_size
    )
    self.command = command
    self.files, self.counts = _find_all(command, self.shape)
    super().__init__(
      command.output_dir,
      command.device,
      command.seed,
      {
        "train": command.train_batch_size,
        "eval": command.eval_batch_size,
        "predict": None,
      },
      albert,
      initial,
    )
    self.schedule = command.schedule if command.do_train else None
    self._check_initial()
    self.first = first_step(command, self.initial)
    self._remask = None
    if command.do_train and command.masked_lm_budget:
      self._remask = functools.partial(
        masking.mask_anew,
        budget=command.masked_lm_budget,
        vocabulary=masking.vocabulary_of(self._tokenizer()),
      )
    self.description = self._describe()

  def go(self):
    """Does what the command asks."""
    if self.is_chief():
      self._write_description()
    self.start()
    if self.command.do_train:
      with self._explained_records():
        self.train(self.first, looks=self.command.do_eval)
    if not self.is_chief():  # One machine evaluates, draws and writes.
      return
    if self.command.do_eval:
      self._evaluate_at_end()
    _draw_curves(self.folder)

  # ----------------------------------------------------------- before training

  def _check_initial(self):
    """Rejects weights to start from, or to evaluate, that do not fit."""
    if self.starts_from_initial():
      variables = self.variables().items()
      modeling.match_checkpoint(
        self.initial, {self._source_of(n): shape for n, shape in variables}
      )
    elif not self.command.do_train and self.state.started():
      checkpoint = modeling.find_checkpoint(self.folder)
      modeling.match_checkpoint(checkpoint, self.variables())

  def _tokenizer(self):
    """Returns the FullTokenizer of the files, to mask them anew."""
    paths = self.command.model
    beside = manifests.vocabulary_beside(self.files["train"])
    if not (paths.vocab_file or paths.spm_model_file) and beside:
      paths = paths._replace(vocab_file=beside[0])
    size = self.albert.vocab_size
    return model_folder.load_tokenizer(
      paths, self.initial, paths.bioalbert_dir, size, self.config_source
    )

  def _source_of(self, name):
    """Returns the name in the initial checkpoint of a variable's start."""
    if self.command.init_from_group0:
      return re.sub(r"/group_\d+/", "/group_0/", name)
    return name

  def _describe(self):
    """Returns the content of run_config.json."""
    config = model_folder.hash_config(self.albert, self.config_source)
    hashes = {self.config_source: config}
    if self.initial:
      hashes[self.initial] = model_folder.hash_checkpoint(self.initial)
    asked, more = None, {}
    if self.command.do_train:
      vocabulary = manifests.vocabulary_beside(self.files["train"])
      more["vocabulary"] = model_folder.vocabulary_hashes(vocabulary)
      asked = {
        "config": config,
        "initial weights": hashes.get(self.initial),
        "training files": [
          [os.path.basename(path), files.size(path)]
          for path in self.files["train"]
        ],
      }
    return self.describe(self.command.flags, asked, hashes, **more)

  def _write_description(self):
    """Writes run_config.json and what makes the folder a --bioalbert_dir."""
    files.write_json(self.path(run_files.DESCRIPTION), self.description)
    if self.command.do_train:
      vocabulary = manifests.vocabulary_beside(self.files["train"])
      model_folder.write_model(self.folder, self.albert, vocabulary)

  # ------------------------------------------------------- what the graph holds

  def blank_batch(self):
    return record_inputs.narrow(
      {
        name: tf.zeros([1] + list(spec.shape), spec.dtype)
        for name, spec in record_inputs.features(self.shape).items()
      }
    )

  def outputs(self, albert_config, features, is_training):
    albert = self.encode(albert_config, features, is_training)
    loss, outputs = heads.pretraining(
      albert_config, albert, features, self.command.use_sop
    )
    return loss, dict(outputs, **_per_example(outputs, features))

  def curves(self, outputs, features):
    return {
      "masked_lm_loss": outputs["masked_lm_loss"],
      "masked_lm_accuracy": _mean(
        outputs["word_right"], outputs["word_weights"]
      ),
      "sentence_order_loss": outputs["sentence_order_loss"],
      "sentence_order_accuracy": _mean(
        outputs["order_right"], outputs["order_weights"]
      ),
    }

  def inference_spec(self, loss, outputs, features):
    if self.starts_from_initial():
      self.restore()
    tensors = {name: outputs[name] for name in PER_EXAMPLE}
    return estimators.evaluation_spec(
      loss, metrics, tensors, self.device.use_tpu
    )

  def restore(self):
    modeling.restore(self.initial, source_of=self._source_of)
    if self.command.init_optimizer_state and self.command.do_train:
      modeling.restore_training_state(self.initial)

  def training_data(self, params, input_context=None):
    if self.device.use_tpu:
      part = devices.part_of_tpu_input(params)
    else:
      part = devices.part_of_input(input_context)
    step = self.state.step() or self.first
    return record_inputs.training_dataset(
      self.files["train"],
      self.shape,
      self.batch_sizes["train"],
      self.seed,
      part,
      self._remask,
      step * self.schedule.num_accumulation_steps,
      _counted(self.files["train"], self.counts) if step else None,
    )

  @contextlib.contextmanager
  def _explained_records(self):
    """Turns TensorFlow's errors about damaged records into InputErrors."""
    try:
      yield
    except tf.errors.DataLossError as error:
      for paths in self.files.values():
        record_inputs.refuse_damage(paths)
      raise InputError(
        "an input file is damaged (%s)" % reason_of(error)
      ) from None

  # ----------------------------------------------------------------- evaluation

  def evaluate(self, step, checkpoint):
    scores = self._scores(checkpoint)
    return scores, scores["masked_lm_accuracy"]

  def keep_best(self, checkpoint, scores):
    super().keep_best(checkpoint, scores)
    self._write_results(scores, checkpoint)

  def _scores(self, checkpoint):
    """Returns {metric: value} on the held-out files.

    Args:
      checkpoint: its prefix; None for the initial weights.
    """
    most, size = self.command.max_eval_steps, self.command.eval_batch_size
    steps = most
    if self.device.use_tpu:
      counts = _counted(self.files["eval"], self.counts)
      steps = min(most, -(-sum(counts.values()) // size))
    place = checkpoint or self.initial
    with self._explained_records(), estimators.explained_restoring(place):
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
    if examples >= most * size:
      logging.info("--max_eval_steps=%d ended the evaluation there", most)
    return {name: float(scores[name]) for name in METRICS + ("loss",)}

  def _evaluation_data(self, params):
    use_tpu = self.device.use_tpu
    size = params["batch_size"] if use_tpu else self.batch_sizes["eval"]
    return record_inputs.evaluation_dataset(
      self.files["eval"], self.shape, size, fill=use_tpu
    )

  def _evaluate_at_end(self):
    """Evaluates if nothing was trained, else logs which step was best."""
    if self.command.do_train:
      logging.info(
        "best: model.ckpt-best, of step %d, masked_lm_accuracy %.4f",
        *self.state.best(),
      )
    elif self.state.started():
      checkpoint = modeling.find_checkpoint(self.folder)
      self._write_results(self._scores(checkpoint), checkpoint)
    elif self.initial:  # Restored by model_fn: it may lack a global_step.
      self._write_results(self._scores(None), self.initial)
    else:
      raise InputError(
        "%s: no checkpoint to evaluate; give --do_train, --init_checkpoint or "
        "--bioalbert_dir" % self.folder
      )

  def _write_results(self, scores, checkpoint):
    """Writes eval_results.txt, one `name = value` per line."""
    step = state.checkpoint_step(checkpoint)
    values = dict(scores, checkpoint=checkpoint, global_step=step)
    lines = ["%s = %s\n" % item for item in sorted(values.items())]
    files.write_text(self.path("eval_results.txt"), "".join(lines))


def _counted(paths, counts):
  """Returns {path: number of records}; reads those files to count them that
  are not in `counts`.
  """
  found = {}
  for path in paths:
    if path not in counts:
      logging.info("counting the records of %s", path)
    found[path] = counts.get(path) or record_inputs.count(path)
  return found


def _draw_curves(folder):
  """Draws the TensorBoard curves of a run into pretraining_curves.png."""
  lines = {
    "training": curves.read(folder),
    "held out": curves.read(os.path.join(folder, "eval")),
  }
  path = os.path.join(folder, "pretraining_curves.png")
  if curves.draw(path, METRICS + ("learning_rate",), lines):
    logging.info("curves: %s", path)


# Names of `_per_example`'s tensors, which are `metrics`' arguments.
PER_EXAMPLE = (
  "word_losses",
  "word_right",
  "word_weights",
  "order_losses",
  "order_right",
  "order_weights",
)


def _per_example(outputs, batch):
  """Returns what metrics are means of: losses, hits and weights, [B...]."""
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
  """Returns the cross-entropy of each row."""
  return tf.nn.sparse_softmax_cross_entropy_with_logits(
    labels=ids, logits=logits
  )


def _right(logits, ids):
  """Returns 1.0 where the most likely id is right, else 0.0."""
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
