# SPDX-License-Identifier: Apache-2.0
"""The fine-tuning harness: one loop for every task.

A Task says how to read, encode, predict and score. `run` does the rest: finds
the files, counts steps, trains, keeps the best checkpoint on the development
set, predicts, scores, writes; and goes on where an earlier run stopped.
"""

import collections
import hashlib
import os
import sys
import time

from absl import logging
import numpy as np
import tensorflow.compat.v1 as tf

from errors import InputError
import inputs
import modeling
import optimization
import runtime
import tokenization

CONFIG_NAMES = ("albert_config.json", "bert_config.json", "config.json")
VOCABULARY_NAMES = (
  "30k-clean.model",
  "spiece.model",
  "*.model",
  "vocab.txt",
  "30k-clean.vocab",
  "*.vocab",
)
TRAIN_NAMES = ("train.tsv", "train_dev.tsv")
DEV_NAMES = ("devel.tsv", "dev.tsv")
TEST_NAMES = ("test.tsv",)

# Flags that may differ when a command is repeated to go on with a run.
FREE_FLAGS = frozenset(
  "bioalbert_dir data_dir output_dir do_train do_eval do_predict predict_file "
  "predict_format eval_batch_size predict_batch_size keep_checkpoint_max "
  "early_stopping_patience eval_checkpoint use_tpu tpu_name tpu_zone "
  "gcp_project master num_tpu_cores iterations_per_loop save_checkpoints_steps "
  "albert_config_file vocab_file spm_model_file init_checkpoint".split()
)

Model = collections.namedtuple(
  "Model", ["config", "tokenizer", "checkpoint", "files"]
)
Split = collections.namedtuple("Split", ["path", "examples", "features"])


class Task:
  """What differs between fine-tuning tasks. Subclassed once, in a run_*.py."""

  learned = None  # Set by the harness: what `learn` returned.
  padding = {}  # {feature: value} where a batch is not padded with 0.
  metric = None  # The score that tells which checkpoint is the best.
  files = {}  # {"dev": name, "test": name} of the files for score's lines.

  def read(self, data, path):
    """Returns the examples of a file's bytes, gold labels included."""
    raise NotImplementedError

  def learn(self, examples):
    """Returns what a training set teaches, as a dict that JSON can hold.

    "labels" are the label names in the order of their ids. The dict is kept
    beside the checkpoint and set as `learned` before anything is encoded.
    """
    raise NotImplementedError

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

  def score(self, examples, outputs):
    """Returns ({metric: value}, text of the predictions).

    Args:
      examples: as read.
      outputs: for each example the predictions of its windows.
    """
    raise NotImplementedError

  def read_unlabelled(self, data, path):
    """Returns the examples of a --predict_file's bytes."""
    raise NotImplementedError

  def write_unlabelled(self, examples, outputs, path):
    """Returns {file name: text} of the predictions for a --predict_file."""
    raise NotImplementedError


# ------------------------------------------------------------- what is there


def load_model(config):
  """Returns the Model that the flags name.

  Without any of them it is the one that an earlier run left in --output_dir.

  Raises:
    InputError: says what was looked for, and where.
  """
  folder = config.bioalbert_dir
  if not folder and not config.albert_config_file:
    folder = config.output_dir
  config_file = config.albert_config_file or _find(
    folder, CONFIG_NAMES, "--albert_config_file"
  )
  vocab_file, spm_model_file = config.vocab_file, config.spm_model_file
  if not vocab_file and not spm_model_file:
    vocab_file = _find(folder, VOCABULARY_NAMES, "--spm_model_file")
  albert = modeling.AlbertConfig.from_json_file(config_file)
  tokenizer = tokenization.load(
    vocab_file,
    spm_model_file,
    config.do_lower_case,
    spm_digit_comma_fix=config.spm_digit_comma_fix,
    open_file=tf.io.gfile.GFile,
  )
  tokenization.check_vocab_size(tokenizer, albert.vocab_size, config_file)
  if config.max_seq_length > albert.max_position_embeddings:
    raise InputError(
      "--max_seq_length is %d, expected at most max_position_embeddings of "
      "%s, which is %d"
      % (config.max_seq_length, config_file, albert.max_position_embeddings)
    )
  checkpoint = None
  if config.init_checkpoint or config.bioalbert_dir:
    checkpoint = modeling.find_checkpoint(
      config.init_checkpoint or config.bioalbert_dir
    )
  return Model(albert, tokenizer, checkpoint, (config_file,) + tokenizer.files)


def _find(folder, names, flag):
  """The first of these names (or patterns) in a folder."""
  if not folder or not tf.io.gfile.isdir(folder):
    raise InputError(
      "%s: no such folder; give %s, or --bioalbert_dir"
      % (folder or "--bioalbert_dir", flag)
    )
  for name in names:
    found = sorted(tf.io.gfile.glob(os.path.join(folder, name)))
    if found:
      return found[0]
  raise InputError(
    "%s: looked for %s and found none of them; give %s"
    % (folder, ", ".join(names), flag)
  )


def _find_split(folder, names, flag):
  if not folder:
    raise InputError("--%s needs --data_dir" % flag)
  for name in names:
    path = os.path.join(folder, name)
    if tf.io.gfile.exists(path):
      return path
  raise InputError(
    "%s: --%s needs one of %s there" % (folder, flag, ", ".join(names))
  )


def _decide(config):
  """Fills in the do_* flags that were left open; refuses what cannot be."""
  raw = bool(config.predict_file)
  if config.do_train is None:
    config.do_train = not raw
  if config.do_predict is None:
    config.do_predict = (
      not raw
      and bool(config.data_dir)
      and tf.io.gfile.exists(os.path.join(config.data_dir, TEST_NAMES[0]))
    )
  if not (config.do_train or config.do_eval or config.do_predict or raw):
    raise InputError(
      "nothing to do: give --do_train, --do_eval, --do_predict or "
      "--predict_file"
    )
  if config.use_tpu and not (config.tpu_name or config.master):
    raise InputError("--use_tpu needs --tpu_name or --master")
  for flag in ("tpu_name", "tpu_zone", "gcp_project", "master"):
    if getattr(config, flag) and not config.use_tpu:
      raise InputError("--%s has a meaning with --use_tpu only" % flag)
  if config.num_train_epochs <= 0:
    raise InputError(
      "--num_train_epochs is %s, expected more than 0"
      % config.num_train_epochs
    )
  if config.early_stopping_patience and not config.do_eval:
    raise InputError("--early_stopping_patience needs --do_eval")


# -------------------------------------------------------------------- a run


def run(task, config, model):
  """Trains, scores the development set, predicts: as the flags ask.

  Args:
    task: a Task.
    config: the values of flag_groups.define_finetuning_flags.
    model: of load_model.

  Returns:
    The content of results.json: {"dev": scores, "test": scores}.

  Raises:
    InputError: before anything is written.
  """
  _decide(config)
  return _Run(task, config, model).go()


class _Run:
  """One command's work: what was read, the estimator, the state on disk."""

  def __init__(self, task, config, model):
    self.task = task
    self.config = config
    self.model = model
    self.splits = self._read_splits()
    self._check_unknown()
    if config.do_train:
      self.num_train_steps, self.save_steps = self._count_steps()
    self.state = _State(config.output_dir)
    self.description = self._describe()
    self.estimator = None
    self.progress = None

  def go(self):
    """Does what the flags ask; returns the content of results.json."""
    config = self.config
    runtime.log_devices(config.use_tpu)
    self._write_description()
    self.estimator = self._build_estimator()
    results_file = self._path("results.json")
    results = runtime.read_json(results_file, {})
    if config.do_train:
      self._train()
    if config.do_eval:
      results["dev"] = self._evaluate("dev", "eval_results.txt")
    if config.do_predict:
      results["test"] = self._evaluate("test", "test_results.txt")
    runtime.write_json(results_file, results)
    if config.predict_file:
      self._label_text()
    return results

  # -- reading

  def _read_splits(self):
    """{"train": Split, ...} of what this command needs."""
    config, paths = self.config, {}
    if config.do_train:
      paths["train"] = _find_split(config.data_dir, TRAIN_NAMES, "do_train")
    if config.do_eval or config.train_on_dev:
      flag = "do_eval" if config.do_eval else "train_on_dev"
      paths["dev"] = _find_split(config.data_dir, DEV_NAMES, flag)
    if config.do_predict:
      paths["test"] = _find_split(config.data_dir, TEST_NAMES, "do_predict")
    read = {
      name: self.task.read(runtime.read_bytes(path), path)
      for name, path in paths.items()
    }
    self.task.learned = self._learned(read.get("train"))
    if config.predict_file:
      paths["raw"] = config.predict_file
      read["raw"] = self.task.read_unlabelled(
        runtime.read_bytes(config.predict_file), config.predict_file
      )
    if config.do_train and config.train_on_dev:
      read["train"] = read["train"] + read["dev"]
    return {
      name: Split(paths[name], examples, [self.task.encode(e) for e in examples])
      for name, examples in read.items()
    }

  def _learned(self, train):
    """What the training set teaches, or what was kept of an earlier one."""
    if train is not None:
      return self.task.learn(train)
    folders = [self.config.output_dir, self.config.bioalbert_dir]
    for start in (self.config.eval_checkpoint, self.config.init_checkpoint):
      folders.append(os.path.dirname(start) if start else None)
    for folder in filter(None, folders):
      learned = runtime.read_json(os.path.join(folder, "task.json"), None)
      if learned is not None:
        return learned
    raise InputError(
      "no task.json in %s: nothing was fine-tuned there; give --do_train, or "
      "as --bioalbert_dir the folder of a fine-tuned model"
      % ", ".join(filter(None, folders))
    )

  def _check_unknown(self):
    for name, split in self.splits.items():
      windows = [f["input_ids"] for fs in split.features for f in fs]
      tokenization.warn_of_unknown(
        tokenization.unknown_rate(windows, self.model.tokenizer.unk_id),
        split.path,
      )
      logging.info(
        "%s: %d examples, %d windows, from %s",
        name,
        len(split.examples),
        len(windows),
        split.path,
      )

  def _count_steps(self):
    """(updates of the run, updates between two checkpoints)."""
    config = self.config
    windows = sum(len(fs) for fs in self.splits["train"].features)
    per_update = config.train_batch_size * config.num_accumulation_steps
    self.steps_per_epoch = -(-windows // per_update)
    steps = config.train_step or max(
      1, int(round(self.steps_per_epoch * config.num_train_epochs))
    )
    save = config.save_checkpoints_steps or self.steps_per_epoch
    return steps, min(save, steps)

  def _flat(self, name):
    return [f for fs in self.splits[name].features for f in fs]

  def _path(self, name):
    return os.path.join(self.config.output_dir, name)

  # -- the run's description, and what it must not be mixed with

  def _describe(self):
    """The content of run_config.json; refuses another run's folder."""
    config = self.config
    flags = vars(config)
    hashes = {s.path: sha256(s.path) for s in self.splits.values()}
    hashes.update((path, sha256(path)) for path in self.model.files)
    if self.model.checkpoint:
      hashes[self.model.checkpoint] = sha256(self.model.checkpoint)
    before = runtime.read_json(self._path("run_config.json"), {})
    training = before.get("training")
    if config.do_train:
      asked = {k: v for k, v in flags.items() if k not in FREE_FLAGS}
      asked["training set"] = hashes[self.splits["train"].path]
      asked["config and vocabulary"] = [hashes[f] for f in self.model.files]
      asked["initial weights"] = hashes.get(self.model.checkpoint)
      if self.state.started():
        self._refuse_other(training, asked)
      training = asked
    return {
      "command": " ".join(sys.argv),
      "flags": flags,
      "do_lower_case": self.model.tokenizer.do_lower_case,
      "learned": self.task.learned,
      "versions": runtime.versions(),
      "commit": runtime.commit(),
      "sha256": hashes,
      "training": training,
    }

  def _refuse_other(self, before, asked):
    """Stops when the folder holds checkpoints of another training run."""
    if before is None:
      raise InputError(
        "%s: holds checkpoints and no run_config.json that says of what; "
        "expected a new or empty folder as --output_dir"
        % self.config.output_dir
      )
    for key in sorted(set(before) | set(asked)):
      if before.get(key) != asked.get(key):
        raise InputError(
          "%s: holds a run with another %s (%s, now %s); expected the same, to "
          "go on, or another --output_dir"
          % (self.config.output_dir, key, before.get(key), asked.get(key))
        )

  def _write_description(self):
    """Writes run_config.json, labels.txt, and what predicting needs later.

    After that the output folder is a --bioalbert_dir of its own.
    """
    runtime.write_json(self._path("run_config.json"), self.description)
    if not self.config.do_train:
      return
    runtime.write_json(self._path("task.json"), self.task.learned)
    labels = self.task.learned["labels"]
    runtime.write_text(
      self._path("labels.txt"), "".join(label + "\n" for label in labels)
    )
    self.model.config.to_json_file(self._path("albert_config.json"))
    for path in self.model.tokenizer.files:
      runtime.write_bytes(
        self._path(os.path.basename(path)), runtime.read_bytes(path)
      )

  # -- the estimator

  def _build_estimator(self):
    config, tpu = self.config, None
    if config.use_tpu:
      tpu = runtime.Tpu(
        config.tpu_name,
        config.tpu_zone,
        config.gcp_project,
        config.master,
        config.num_tpu_cores,
        config.iterations_per_loop,
      )
    return runtime.build_estimator(
      self._model_fn,
      config.output_dir,
      config.seed,
      self.save_steps if config.do_train else None,
      config.keep_checkpoint_max,
      tpu,
      {"train": config.train_batch_size, "predict": config.predict_batch_size},
    )

  def _model_fn(self, features, labels, mode, params):
    del labels, params
    config = self.config
    is_training = mode == tf.estimator.ModeKeys.TRAIN
    albert = modeling.AlbertModel(
      self.model.config,
      is_training,
      features["input_ids"],
      features["input_mask"],
      features["segment_ids"],
      use_one_hot_embeddings=config.use_tpu,
    )
    loss, predictions = self.task.head(
      albert.get_sequence_output(),
      albert.get_pooled_output(),
      features,
      is_training,
    )
    if not is_training:
      predictions["window"] = features["window"]
      return runtime.prediction_spec(predictions, config.use_tpu)
    restore = None
    if self.model.checkpoint and not self.state.started():
      restore = lambda: modeling.restore(self.model.checkpoint)
    warmup = config.warmup_step
    if warmup is None:
      warmup = int(self.num_train_steps * config.warmup_proportion)
    train_op = optimization.create_optimizer(
      loss,
      config.learning_rate,
      self.num_train_steps,
      warmup,
      config.use_tpu,
      optimizer=config.optimizer,
      num_accumulation_steps=config.num_accumulation_steps,
    )
    self.progress = runtime.Progress(
      loss,
      train_op,
      features["input_mask"],
      self.num_train_steps,
      self.steps_per_epoch,
    )
    return runtime.training_spec(
      loss, train_op, restore, [self.progress], config.use_tpu
    )

  def _training_data(self, params):
    config = self.config
    features = self._flat("train")
    if config.use_tpu:
      return inputs.fixed_dataset(
        features,
        params["batch_size"],
        self.task.padding,
        config.max_seq_length,
        config.seed,
      )
    return inputs.training_dataset(
      features,
      config.train_batch_size,
      config.seed,
      self.task.padding,
      self.state.step() * config.num_accumulation_steps,
      config.padding == "bucketed",
      config.max_seq_length if config.padding == "fixed" else None,
    )

  def _prediction_data(self, features, batch_size):
    config = self.config

    def dataset(params):
      if config.use_tpu:
        return inputs.fixed_dataset(
          features,
          params["batch_size"],
          self.task.padding,
          config.max_seq_length,
        )
      return inputs.prediction_dataset(
        features,
        batch_size,
        self.task.padding,
        config.max_seq_length if config.padding == "fixed" else None,
      )

    return dataset

  # -- training

  def _train(self):
    """Trains to the end, or says that it was done before."""
    if self.state.finished(self.num_train_steps):
      logging.info(
        "training was finished at step %d before", self.state.step()
      )
      return
    if self.model.checkpoint is None and not self.state.started():
      logging.warning(
        "no --init_checkpoint: the encoder starts from random weights"
      )
    logging.info(
      "training from step %d to %d, %d an epoch",
      self.state.step(),
      self.num_train_steps,
      self.steps_per_epoch,
    )
    if self.config.use_tpu:
      self._train_in_segments()
    else:
      self.estimator.train(
        self._training_data,
        max_steps=self.num_train_steps,
        saving_listeners=[_DevListener(self)] if self.config.do_eval else None,
      )
    self.state.finish()

  def _train_in_segments(self):
    """On TPU training stops for each score: one session has the device."""
    while self.state.step() < self.num_train_steps:
      target = min(self.state.step() + self.save_steps, self.num_train_steps)
      self.estimator.train(self._training_data, max_steps=target)
      if self.config.do_eval and self.score_dev(target):
        return

  def score_dev(self, step):
    """Scores a checkpoint on the development set; says whether to stop.

    The best one is copied to model.ckpt-best, unless the model has seen the
    development set in training: then no score can tell which is best.
    """
    if self.state.scored(step):
      return False
    begin = time.time()
    scores, _ = self._predict("dev", self._path("model.ckpt-%d" % step))
    runtime.write_scalars(self._path("eval"), step, flatten(scores))
    value = scores[self.task.metric]
    best = self.state.best()
    logging.info(
      "step %d: %s on the development set %.4f (best before: %s)",
      step,
      self.task.metric,
      value,
      "none" if best is None else "%.4f at step %d" % (best[1], best[0]),
    )
    if not self._dev_is_seen() and (best is None or value > best[1]):
      runtime.copy_checkpoint(
        self._path("model.ckpt-%d" % step), self._path("model.ckpt-best")
      )
    self.state.add(step, value)
    if self.progress is not None:
      self.progress.leave_out(time.time() - begin)
    return self.state.stale(self.config.early_stopping_patience)

  def _dev_is_seen(self):
    train = os.path.basename(self.splits["train"].path)
    return self.config.train_on_dev or train == "train_dev.tsv"

  # -- predicting

  def _checkpoint(self):
    """The checkpoint to predict with, as --eval_checkpoint says."""
    which, folder = self.config.eval_checkpoint, self.config.output_dir
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
        "or --bioalbert_dir" % folder
      )
    return self.model.checkpoint

  def _predict(self, name, checkpoint):
    """(scores, text) of a split."""
    outputs = self._outputs(name, checkpoint)
    return self.task.score(self.splits[name].examples, outputs)

  def _outputs(self, name, checkpoint):
    """For each example of a split the predictions of its windows."""
    config, flat = self.config, self._flat(name)
    size = config.eval_batch_size if name == "dev" else config.predict_batch_size
    stream = iter(
      runtime.predictions(
        self.estimator,
        self._prediction_data(flat, size),
        checkpoint,
        len(flat),
        name,
      )
    )
    return [[next(stream) for _ in fs] for fs in self.splits[name].features]

  def _evaluate(self, name, results_name):
    """Scores a split, writes its files and returns its part of results.json."""
    checkpoint = self._usable_checkpoint()
    scores, text = self._predict(name, checkpoint)
    step = checkpoint_step(checkpoint)
    lines = ["%s = %s" % item for item in sorted(flatten(scores).items())]
    lines += ["checkpoint = %s" % checkpoint, "global_step = %s" % step]
    runtime.write_text(self._path(results_name), "\n".join(lines) + "\n")
    runtime.write_text(self._path(self.task.files[name]), text)
    logging.info(
      "%s (%s, step %s): %s",
      name,
      os.path.basename(checkpoint),
      step,
      ", ".join(
        "%s %.4f" % (k, v) for k, v in scores.items() if isinstance(v, float)
      ),
    )
    return dict(scores, checkpoint=checkpoint, global_step=step)

  def _usable_checkpoint(self):
    """The checkpoint to predict with; refuses one that was not fine-tuned."""
    checkpoint = self._checkpoint()
    shapes = modeling.checkpoint_shapes(checkpoint)
    expected = len(self.task.learned["labels"])
    if shapes.get("output_bias") != [expected]:
      raise InputError(
        "%s: has %s for output_bias, expected [%d] as task.json has labels: "
        "it was not fine-tuned for this task"
        % (checkpoint, shapes.get("output_bias", "nothing"), expected)
      )
    return checkpoint

  def _label_text(self):
    """Labels a --predict_file and writes what was found."""
    outputs = self._outputs("raw", self._usable_checkpoint())
    stem = os.path.splitext(os.path.basename(self.config.predict_file))[0]
    files = self.task.write_unlabelled(
      self.splits["raw"].examples, outputs, stem
    )
    for name, text in files.items():
      runtime.write_text(self._path(name), text)
    shown = sorted({name.split("/")[0] for name in files})
    logging.info(
      "labelled %s: %s", self.config.predict_file,
      ", ".join(self._path(n) for n in shown),
    )


class _DevListener(tf.train.CheckpointSaverListener):
  """Scores the development set whenever a checkpoint was saved."""

  def __init__(self, run):
    self._run = run

  def after_save(self, session, global_step_value):
    del session
    return global_step_value > 0 and self._run.score_dev(global_step_value)


class _State:
  """What an output folder knows of its training run.

  training_state.json: {"finished": bool, "scores": [[step, value], ...]}.
  """

  def __init__(self, folder):
    self._folder = folder
    self._file = os.path.join(folder, "training_state.json")
    self._values = runtime.read_json(
      self._file, {"finished": False, "scores": []}
    )

  def step(self):
    """Step of the newest checkpoint; 0 if there is none."""
    newest = tf.train.latest_checkpoint(self._folder)
    return checkpoint_step(newest) if newest else 0

  def started(self):
    return self.step() > 0

  def finished(self, num_train_steps):
    return self._values["finished"] or self.step() >= num_train_steps

  def scored(self, step):
    return any(s == step for s, _ in self._values["scores"])

  def best(self):
    """(step, value) of the first best score, or None."""
    scores = self._values["scores"]
    return max(scores, key=lambda pair: pair[1]) if scores else None

  def stale(self, patience):
    """Whether the last `patience` scores were all no better than one before."""
    scores = [s for s, _ in self._values["scores"]]
    if not patience or not scores:
      return False
    return len(scores) - 1 - scores.index(self.best()[0]) >= patience

  def add(self, step, value):
    self._values["scores"].append([int(step), value])
    runtime.write_json(self._file, self._values)

  def finish(self):
    self._values["finished"] = True
    runtime.write_json(self._file, self._values)


def checkpoint_step(checkpoint):
  """Returns the global_step in a checkpoint, None where there is none."""
  if "global_step" not in modeling.checkpoint_shapes(checkpoint):
    return None
  return int(tf.train.load_variable(checkpoint, "global_step"))


def sha256(path):
  """Returns the SHA-256 of a file, or of a checkpoint's files, as hex."""
  files = [path]
  if not tf.io.gfile.exists(path):
    files = sorted(
      tf.io.gfile.glob(path + ".data-*") + tf.io.gfile.glob(path + ".index")
    )
  digest = hashlib.sha256()
  for name in files:
    with tf.io.gfile.GFile(name, "rb") as f:
      for block in iter(lambda: f.read(1 << 20), b""):
        digest.update(block)
  return digest.hexdigest()


def flatten(scores, prefix=""):
  """Returns nested scores as {"types.Disease.f1": 0.5}, numbers only."""
  flat = {}
  for name, value in scores.items():
    if isinstance(value, dict):
      flat.update(flatten(value, prefix + name + "."))
    elif isinstance(value, (int, float, np.number)):
      flat[prefix + name] = value
  return flat
