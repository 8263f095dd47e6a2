# SPDX-License-Identifier: Apache-2.0
"""The fine-tuning harness: one loop for every task.

A Task says how to read, encode, predict and score. `run` does the rest: finds
the files, counts steps, trains, keeps the best checkpoint on the development
set, predicts, scores, writes; and goes on where an earlier run stopped.
"""

import collections
import copy
import functools
import os
import time

from absl import logging
import numpy as np
import tensorflow.compat.v1 as tf

from common.errors import InputError
import modeling
import optimization
import tokenization
from training import batches
from training import estimators
from training import model_folder

# For the last two see Task.
Split = collections.namedtuple(
  "Split", ["path", "examples", "features", "truncated", "expected_unknown"]
)


class Task:
  """What differs between fine-tuning tasks. Subclassed once, in a run_*.py."""

  learned = None  # Set by the harness: what `learn` returned.
  padding = {}  # {feature: value} where a batch is not padded with 0.
  metric = None  # The score that tells which checkpoint is the best.
  split_names = model_folder.SPLIT_NAMES  # The files of --data_dir.
  # Both counted by encode, a split at a time, and told by the harness:
  truncated = 0  # Examples cut short.
  expected_unknown = 0  # Unknown pieces that are no sign of a wrong vocabulary.

  def read(self, data, path, split):
    """Returns the examples of a file's bytes, gold labels included.

    The splits "train" and "dev" must have them, "test" may be without.
    """
    raise NotImplementedError

  def learn(self, examples):
    """Returns what a training set teaches, as a dict that JSON can hold.

    "labels" are the label names in the order of their ids. The dict is kept
    beside the checkpoint and set as `learned` before anything is encoded.
    """
    raise NotImplementedError

  def group(self, example):
    """Returns what an example is part of, None if it stands alone.

    --dev_fraction does not tear apart what belongs together.
    """
    del example

  def encode(self, example):
    """Returns the example as a list of feature dicts: one, or one a window."""
    raise NotImplementedError

  def head(self, sequence, pooled, features, is_training):
    """Returns (scalar loss, dict of predictions) on top of the encoder.

    Args:
      sequence: float [B, S, H].
      pooled: float [B, H].
      features: the batch.
      is_training: whether dropout is on.
    """
    raise NotImplementedError

  def score(self, examples, outputs, split):
    """Returns ({metric: value}, {file name: text of predictions}).

    Args:
      examples: as read; without gold labels there are no metrics.
      outputs: for each example the predictions of its windows.
      split: "dev" or "test", whose files bear different names.
    """
    raise NotImplementedError

  def rank(self, scores):
    """Returns what checkpoints are compared by, the best having the highest."""
    return scores[self.metric]

  def report(self, scores):
    """Returns what a person wants to see of the scores, as tables; or ""."""
    del scores
    return ""

  def read_unlabelled(self, data, path):
    """Returns the examples of a --predict_file's bytes."""
    raise NotImplementedError

  def write_unlabelled(self, examples, outputs, stem):
    """Returns {file name: text} of the predictions for a --predict_file.

    The names begin with `stem`, its name without folder and ending.
    """
    raise NotImplementedError


def _decide(task, config):
  """Fills in the do_* flags that were left open; refuses what cannot be."""
  estimators.check_devices(config)
  raw = bool(config.predict_file)
  if config.do_train is None:
    config.do_train = not raw
  if config.do_predict is None:
    config.do_predict = not raw and model_folder.has_split(
      config, "test", task.split_names
    )
  if not (config.do_train or config.do_eval or config.do_predict or raw):
    raise InputError(
      "nothing to do: give --do_train, --do_eval, --do_predict or "
      "--predict_file"
    )
  if config.distribution != "none" and not config.do_train:
    raise InputError(
      "--distribution=%s shares training out, and nothing is trained; expected "
      "--distribution=none" % config.distribution
    )
  if config.use_xla and config.padding != "fixed":
    raise InputError(
      "--use_xla compiles anew for each length of a batch; expected "
      "--padding=fixed with it"
    )
  if config.num_train_epochs <= 0:
    raise InputError(
      "--num_train_epochs is %s, expected more than 0" % config.num_train_epochs
    )
  if config.dev_fraction is not None and config.train_on_dev:
    raise InputError("--dev_fraction and --train_on_dev contradict each other")
  if config.early_stopping_patience and not config.do_eval:
    raise InputError("--early_stopping_patience needs --do_eval")


def run(task, config, model):
  """Trains, scores the development set, predicts: as the flags ask.

  Args:
    task: a Task.
    config: the values of flag_groups.define_finetuning_flags.
    model: of run_files.load_model.

  Returns:
    The content of results.json: {"dev": scores, "test": scores}.

  Raises:
    InputError: before anything is written.
  """
  if config.folds:
    return _run_folds(task, config, model)
  return _prepare(task, config, model).go()


def _prepare(task, config, model):
  """A command's _Run."""
  _decide(task, config)
  return _Run(task, config, model, _read_splits(task, config))


def _run_folds(task, config, model):
  """One run a fold, all looked at before the first starts, and their mean."""
  for flag in ("predict_file", "train_file", "dev_file", "test_file"):
    if getattr(config, flag):
      raise InputError("--folds and --%s contradict each other" % flag)
  if config.distribution == "multi_worker_mirrored":
    raise InputError(
      "--folds does not run on several machines, which build one model a "
      "process; expected a command a fold, with its folder as --data_dir"
    )
  if not config.data_dir:
    raise InputError("--folds needs --data_dir, with a folder for each in it")
  works = {}
  for fold in _fold_names(config.folds):
    part = copy.copy(config)
    part.folds = None
    part.data_dir = os.path.join(config.data_dir, fold)
    part.output_dir = os.path.join(config.output_dir, fold)
    works[fold] = _prepare(copy.copy(task), part, model)
  results = {"task_name": config.task_name, "folds": {}}
  for fold, work in works.items():
    logging.info("fold %s of %s", fold, config.folds)
    results["folds"][fold] = work.go()
  results.update(_over_folds(list(results["folds"].values())))
  model_folder.write_json(
    os.path.join(config.output_dir, "results.json"), results
  )
  deviation = results["standard_deviation"]
  for split in ("dev", "test"):
    figures = [
      "%s %.4f +- %.4f" % (name[len(split) + 1 :], mean, deviation[name])
      for name, mean in results["mean"].items()
      if name.startswith(split)
    ]
    if figures:
      logging.info(
        "%s over %d folds: %s", split, len(works), ", ".join(figures)
      )
  return results


def _fold_names(folds):
  """The folders of folds: "1-3,7" -> ["1", "2", "3", "7"]."""
  names = []
  for part in folds.split(","):
    first, dash, last = part.partition("-")
    if dash and first.isdigit() and last.isdigit():
      names += [str(i) for i in range(int(first), int(last) + 1)]
    elif part and not dash:
      names.append(part)
    else:
      names = []
      break
  if not names:
    raise InputError(
      "--folds=%s: expected folders such as 1-10 or 1,2,5" % folds
    )
  return names


def _over_folds(results):
  """Mean and standard deviation (n - 1) of the scores that all folds have."""
  flat = [
    {
      "%s.%s" % (split, name): value
      for split in ("dev", "test")
      for name, value in result.get(split, {}).items()
      if isinstance(value, (float, bool))
    }
    for result in results
  ]
  names = [name for name in flat[0] if all(name in f for f in flat)]
  table = {n: np.array([f[n] for f in flat], np.float64) for n in names}
  ddof = min(1, len(results) - 1)
  mean = {n: float(v.mean()) for n, v in table.items()}
  deviation = {n: float(v.std(ddof=ddof)) for n, v in table.items()}
  return {"mean": mean, "standard_deviation": deviation}


def _read_splits(task, config):
  """Returns {"train": Split, ...} of what a command needs."""
  read = {}
  held_out = config.dev_fraction and config.do_eval
  from_file = (config.do_eval or config.train_on_dev) and not held_out
  for name, wanted, flag in (
    ("train", config.do_train or held_out, "do_train"),
    ("dev", from_file, "do_eval"),
    ("test", config.do_predict, "do_predict"),
  ):
    if wanted:
      path = model_folder.find_split(config, name, task.split_names, flag)
      data = model_folder.read_bytes(path)
      if name == "dev" and not data:
        _do_without_dev(config, path)
      else:
        read[name] = (path, task.read(data, path, name))
  if held_out:
    path, examples = read["train"]
    examples, dev = hold_out(
      examples, config.dev_fraction, config.seed, task.group, path
    )
    read["train"], read["dev"] = (path, examples), (path, dev)
  if config.do_train:
    path, examples = read["train"]
    if config.train_on_dev and "dev" in read:
      read["train"] = (path, examples + read["dev"][1])
    task.learned = task.learn(read["train"][1])
  else:
    read.pop("train", None)
    task.learned = model_folder.read_learned(config)
  if config.predict_file:
    path = config.predict_file
    examples = task.read_unlabelled(model_folder.read_bytes(path), path)
    read["raw"] = (path, examples)
  return {name: _encoded(task, *pair) for name, pair in read.items()}


def _encoded(task, path, examples):
  """A Split of these examples."""
  task.truncated = task.expected_unknown = 0
  features = [task.encode(e) for e in examples]
  return Split(path, examples, features, task.truncated, task.expected_unknown)


def _do_without_dev(config, path):
  """Goes on with a development set of 0 bytes (GAD, EU-ADR) where it can."""
  message = (
    "%s is empty (0 bytes): there is nothing to score and no best checkpoint "
    "to choose by; --dev_fraction=0.1 splits a development set off the "
    "training set" % path
  )
  if config.early_stopping_patience or not (
    config.do_train or config.do_predict or config.predict_file
  ):
    raise InputError(message)
  logging.warning("%s", message)
  config.do_eval = config.train_on_dev = False


def hold_out(examples, fraction, seed, group, path):
  """Returns (training examples, development examples), each in their order.

  Args:
    examples: a list.
    fraction: share of the examples, at least, to hold out.
    seed: the same one gives the same split.
    group: function of an example that names what must not be torn apart.
    path: of the examples, for the message of an InputError.
  """
  groups = collections.OrderedDict()
  for i, example in enumerate(examples):
    name = group(example)
    groups.setdefault(("alone", i) if name is None else name, []).append(i)
  members = list(groups.values())
  held = set()
  for i in np.random.RandomState(seed).permutation(len(members)):
    if len(held) >= fraction * len(examples):
      break
    held.update(members[i])
  if len(held) == len(examples):
    raise InputError(
      "%s: --dev_fraction=%s of %d examples leaves none to train on"
      % (path, fraction, len(examples))
    )
  train = [e for i, e in enumerate(examples) if i not in held]
  return train, [e for i, e in enumerate(examples) if i in held]


class _Run:
  """One command's work. What is wrong with its input shows in __init__."""

  def __init__(self, task, config, model, splits):
    self.task = task
    self.config = config
    self.model = model
    self.splits = splits
    self.state = model_folder.TrainingState(config.output_dir)
    self._log_splits()
    if config.do_train:
      self._count_steps()
    self._check_checkpoint()
    self.description = model_folder.describe(
      config,
      model,
      {name: split.path for name, split in splits.items()},
      task.learned,
      self.state.started(),
    )
    if config.do_train and self.state.started():
      # Scoring may have learned too (thresholds): what was kept holds.
      task.learned = model_folder.read_learned(config)
    self.estimator = None
    self.progress = None

  def go(self):
    """Does what the flags ask; returns the content of results.json."""
    config = self.config
    chief = estimators.is_chief(config)
    if chief:
      model_folder.write_description(
        config, self.model, self.task.learned, self.description
      )
    self.estimator = estimators.build_estimator(
      self._model_fn,
      config,
      self.save_steps if config.do_train else None,
    )
    if not chief:  # Of several machines one scores, predicts and writes.
      self._train()
      return {}
    results = model_folder.read_json(self._path("results.json"), {})
    results["task_name"] = config.task_name
    if config.do_train:
      self._train()
    if config.do_eval:
      results["dev"] = self._evaluate("dev", "eval_results.txt")
    if config.do_predict:
      results["test"] = self._evaluate("test", "test_results.txt")
    if config.do_eval or config.do_predict:
      model_folder.write_json(self._path("results.json"), results)
    if config.predict_file:
      self._label_text()
    return results

  def _path(self, name):
    return os.path.join(self.config.output_dir, name)

  def _flat(self, name):
    """All windows of a split, in order."""
    return [f for fs in self.splits[name].features for f in fs]

  # ------------------------------------------------------------ before it runs

  def _log_splits(self):
    """Says what was read, and warns of a vocabulary that does not fit it."""
    unk_id = self.model.tokenizer.unk_id
    for name, split in self.splits.items():
      windows = [f["input_ids"] for f in self._flat(name)]
      logging.info(
        "%s: %d examples, %d windows, from %s",
        name,
        len(split.examples),
        len(windows),
        split.path,
      )
      rate = tokenization.unknown_rate(windows, unk_id, split.expected_unknown)
      tokenization.warn_of_unknown(rate, split.path)
      if split.truncated:
        logging.warning(
          "%s: %d of %d examples have more pieces than fit and were cut",
          name,
          split.truncated,
          len(split.examples),
        )

  def _count_steps(self):
    """Counts updates: of an epoch, of the run, between two checkpoints."""
    config = self.config
    per_update = config.train_batch_size * config.num_accumulation_steps
    self.steps_per_epoch = -(-len(self._flat("train")) // per_update)
    self.num_train_steps = config.train_step or max(
      1, int(round(self.steps_per_epoch * config.num_train_epochs))
    )
    self.save_steps = min(
      config.save_checkpoints_steps or self.steps_per_epoch,
      self.num_train_steps,
    )
    self.num_warmup_steps = config.warmup_step
    if self.num_warmup_steps is None:
      self.num_warmup_steps = int(
        self.num_train_steps * config.warmup_proportion
      )

  def _check_checkpoint(self):
    """Refuses a checkpoint that does not fit the model."""
    if self.config.do_train:
      if self.model.checkpoint and not self.state.started():
        modeling.match_checkpoint(self.model.checkpoint, self._variables())
      return
    checkpoint = self._checkpoint()
    if not any(self._flat(name) for name in self.splits):
      return  # Texts without a word: nothing will be asked of it.
    lacking = modeling.match_checkpoint(checkpoint, self._variables()).new
    if lacking:
      raise InputError(
        "%s: was not fine-tuned for this task and these labels: it has no "
        "fitting %s; expected the checkpoint of a --do_train like this"
        % (checkpoint, ", ".join(lacking))
      )

  def _variables(self):
    """{name: shape} of the model's variables."""
    config = copy.deepcopy(self.model.config)
    config.num_hidden_layers = config.num_hidden_groups  # Quicker, and enough.
    example = next(f for name in self.splits for f in self._flat(name))
    with tf.Graph().as_default():
      features = {
        name: tf.zeros((1,) + value.shape, value.dtype)
        for name, value in example.items()
      }
      self._outputs_of(config, features, is_training=False)
      return {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}

  # ------------------------------------------------------- what the graph holds

  def _outputs_of(self, albert_config, features, is_training):
    """(loss, predictions) of the task's head on the encoder."""
    albert = estimators.encoder(
      albert_config,
      features,
      self.config,
      is_training,
      # In training XLA would not compile batches of many lengths anyway.
      fuse=not is_training,
    )
    return self.task.head(
      albert.get_sequence_output(),
      albert.get_pooled_output(),
      features,
      is_training,
    )

  def _model_fn(self, features, labels, mode, params):
    del labels, params
    config = self.config
    is_training = mode == tf.estimator.ModeKeys.TRAIN
    loss, predictions = self._outputs_of(
      self.model.config, features, is_training
    )
    if not is_training:
      predictions["window"] = features["window"]
      return estimators.prediction_spec(predictions, config.use_tpu)
    restore = None
    if self.model.checkpoint and not self.state.started():
      restore = functools.partial(modeling.restore, self.model.checkpoint)
    scalars = {}
    train_op = optimization.create_optimizer(
      loss,
      config.learning_rate,
      self.num_train_steps,
      self.num_warmup_steps,
      config.use_tpu,
      optimizer=config.optimizer,
      num_accumulation_steps=config.num_accumulation_steps,
      loss_scaling=config.precision == "fp16",
      scalars=scalars,
    )
    self.progress = estimators.Progress(
      loss,
      train_op,
      features["input_mask"],
      self.num_train_steps,
      self.steps_per_epoch,
    )
    return estimators.training_spec(
      loss, train_op, restore, [self.progress], config, scalars
    )

  def _training_data(self, params, input_context=None):
    config = self.config
    features = self._flat("train")
    if config.use_tpu:
      return batches.fixed_dataset(
        features,
        params["batch_size"],
        self.task.padding,
        config.max_seq_length,
        config.seed,
      )
    return batches.training_dataset(
      features,
      config.train_batch_size,
      config.seed,
      self.task.padding,
      self.state.step() * config.num_accumulation_steps,
      config.padding == "bucketed",
      config.max_seq_length if config.padding == "fixed" else None,
      estimators.part_of_input(input_context),
    )

  # ------------------------------------------------------------------- training

  def _train(self):
    """Trains to the end, or says that it was done before."""
    start = self.state.step()
    if self.state.finished(self.num_train_steps):
      logging.info("training was finished at step %d before", start)
      if self.config.do_eval:
        self.score_dev(start)  # A run may end between saving and scoring.
      return
    if self.model.checkpoint is None and not start:
      logging.warning(
        "no --init_checkpoint: the encoder starts from random weights"
      )
    logging.info(
      "training from step %d to %d, %d an epoch",
      start,
      self.num_train_steps,
      self.steps_per_epoch,
    )
    estimators.train(
      self.estimator,
      self._training_data,
      self.config,
      start,
      self.num_train_steps,
      self.save_steps,
      self.score_dev if self.config.do_eval else None,
    )
    if estimators.is_chief(self.config):
      self.state.finish()

  def score_dev(self, step):
    """Scores a checkpoint on the development set; says whether to stop.

    The best one is copied to model.ckpt-best, unless the model has seen the
    development set in training: then no score can tell which is best.
    """
    if not estimators.is_chief(self.config):
      self.state.await_score(step)
      return self.state.stale(self.config.early_stopping_patience)
    if self.state.scored(step):
      return self.state.stale(self.config.early_stopping_patience)
    begin = time.time()
    checkpoint = self._path("model.ckpt-%d" % step)
    scores, _ = self._predict("dev", checkpoint)
    value, best = self.task.rank(scores), self.state.best()
    estimators.write_scalars(self._path("eval"), step, flatten(scores))
    logging.info(
      "step %d: %s on the development set %.4f (best before: %s)",
      step,
      self.task.metric,
      scores[self.task.metric],
      "none" if best is None else "step %d" % best[0],
    )
    if not self._dev_is_seen() and (best is None or value > best[1]):
      model_folder.copy_checkpoint(checkpoint, self._path("model.ckpt-best"))
    self.state.add(step, value)
    if self.progress is not None:
      self.progress.leave_out(time.time() - begin)
    return self.state.stale(self.config.early_stopping_patience)

  def _dev_is_seen(self):
    if self.config.dev_fraction:
      return False
    train = os.path.basename(self.splits["train"].path)
    return self.config.train_on_dev or train == "train_dev.tsv"

  # ----------------------------------------------------------------- predicting

  def _checkpoint(self):
    """The checkpoint to predict with, as --eval_checkpoint says."""
    which = self.config.eval_checkpoint
    if which not in ("best", "last"):
      return modeling.find_checkpoint(which)
    best = self._path("model.ckpt-best")
    if which == "best" and tf.io.gfile.exists(best + ".index"):
      return best
    if self.state.started():
      return self._path("model.ckpt-%d" % self.state.step())
    if self.model.checkpoint is None:
      raise InputError(
        "%s: no checkpoint to predict with; give --do_train, --init_checkpoint "
        "or --bioalbert_dir" % self.config.output_dir
      )
    return self.model.checkpoint

  def _outputs(self, name, checkpoint):
    """For each example of a split the predictions of its windows."""
    config, flat = self.config, self._flat(name)
    size = config.predict_batch_size
    if name == "dev":
      size = config.eval_batch_size
    input_fn = estimators.prediction_input(
      flat,
      size,
      self.task.padding,
      config,
      config.max_seq_length if config.padding == "fixed" else None,
    )
    stream = iter(
      list(
        estimators.predictions(
          self.estimator, input_fn, checkpoint, len(flat), name
        )
      )
    )
    return [[next(stream) for _ in fs] for fs in self.splits[name].features]

  def _predict(self, name, checkpoint):
    """(scores, {file name: text}) of a split."""
    outputs = self._outputs(name, checkpoint)
    return self.task.score(self.splits[name].examples, outputs, name)

  def _evaluate(self, name, results_name):
    """Scores a split, writes its files and returns its part of results.json."""
    checkpoint = self._checkpoint()
    scores, files = self._predict(name, checkpoint)
    for file_name, text in files.items():
      model_folder.write_text(self._path(file_name), text)
    logging.info("written to %s: %s", self.config.output_dir, ", ".join(files))
    step = model_folder.checkpoint_step(checkpoint)
    place = "%s (%s, step %s)" % (name, os.path.basename(checkpoint), step)
    if not scores:
      logging.info("%s: no gold labels, so no scores", place)
      return {"checkpoint": checkpoint, "global_step": step}
    lines = ["%s = %s" % item for item in sorted(flatten(scores).items())]
    lines += ["checkpoint = %s" % checkpoint, "global_step = %s" % step]
    model_folder.write_text(self._path(results_name), "\n".join(lines) + "\n")
    report = self.task.report(scores)
    if report:
      model_folder.write_text(self._path(name + "_report.txt"), report)
      logging.info("%s:\n%s", place, report)
    logging.info(
      "%s: %s",
      place,
      ", ".join(
        "%s %.4f" % (k, v) for k, v in scores.items() if isinstance(v, float)
      ),
    )
    return dict(scores, checkpoint=checkpoint, global_step=step)

  def _label_text(self):
    """Labels a --predict_file and writes what was found."""
    outputs = self._outputs("raw", self._checkpoint())
    stem = os.path.splitext(os.path.basename(self.config.predict_file))[0]
    files = self.task.write_unlabelled(
      self.splits["raw"].examples, outputs, stem
    )
    for name, text in files.items():
      model_folder.write_text(self._path(name), text)
    shown = sorted({name.split("/")[0] for name in files})
    logging.info(
      "labelled %s: %s",
      self.config.predict_file,
      ", ".join(self._path(n) for n in shown),
    )


def flatten(scores, prefix=""):
  """Returns nested scores as {"types.Disease.f1": 0.5}, numbers only."""
  flat = {}
  for name, value in scores.items():
    if isinstance(value, dict):
      flat.update(flatten(value, prefix + name + "."))
    elif isinstance(value, (int, float, np.number)):
      flat[prefix + name] = value
  return flat
