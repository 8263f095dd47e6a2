# SPDX-License-Identifier: Apache-2.0
"""The fine-tuning harness: one loop for every task.

A Task says how to read, encode, predict and score. `run` does the rest: finds
the files, counts steps, trains, keeps the best checkpoint on the development
set, predicts, scores and writes; and goes on where an earlier run stopped.
"""

import collections
import functools
import os

from absl import logging
import numpy as np
import tensorflow.compat.v1 as tf

from common import files
from common import flag_groups
from common import pipelines
from common import progress
from common import run_files
from common import stripes
from common.errors import InputError
from common.errors import reject
from finetuning import label_files
from finetuning import labelling
from finetuning import splits
import modeling
from training import datasets
from training import devices
from training import estimators
from training import model_folder
from training import progress as training_progress
from training import run as training_run
from training import saved_models
from training import state

# Below all scores: an undefined one never makes a checkpoint the best.
UNDEFINED_RANK = -1.0

# How long to train, in which batches, and how fast: the flags of that name.
Training = collections.namedtuple(
  "Training",
  "train_batch_size num_accumulation_steps num_train_epochs train_step "
  "learning_rate warmup_proportion warmup_step optimizer "
  "save_checkpoints_steps keep_checkpoint_max early_stopping_patience "
  "freeze_encoder class_weights",
  defaults=(None,),
)

# Flags of some programs on which labels depend, beside the model.
_LABEL_FLAGS = (
  "max_seq_length padding precision predict_format task_name doc_stride "
  "max_query_length n_best_size max_answer_length list_threshold "
  "null_score_diff_threshold tune_threshold"
).split()
_BEAM_MODEL = "beam_model"  # The SavedModel of a pipeline, while it runs.
# What the files of scores are called.
_SCORE_FILES = {"dev": "eval_results.txt", "test": "test_results.txt"}

# What a fine-tuning command asks for. `flags` is {name: value} of the whole
# command, for run_config.json; nothing is decided by it.
Command = collections.namedtuple(
  "Command",
  "task_name output_dir todo data model training device max_seq_length "
  "padding eval_batch_size predict_batch_size predict_batch_tokens "
  "eval_checkpoint seed runner part flags",
)


def read_command(values):
  """Returns the Command that a program's flags give.

  Args:
    values: of flag_groups.values, after define_finetuning_flags.
  """
  pick = functools.partial(flag_groups.pick, values)
  device = devices.choose_precision(pick(devices.Device))
  return pick(
    Command,
    todo=pick(splits.Todo),
    data=pick(splits.Data),
    model=pick(model_folder.ModelPaths),
    training=pick(Training),
    device=device,
    runner=pick(pipelines.Runner),
    part=stripes.parse_part(values.predict_part, "predict_part"),
    flags=dict(vars(values), precision=device.precision),
  )


def load_model(command):
  """Returns the model_folder.Model that a Command names."""
  return model_folder.load(
    command.model, command.max_seq_length, command.output_dir
  )


class Task:
  """What differs between fine-tuning tasks. Each run_*.py subclasses it."""

  name = None  # What task.json calls the task.
  learned = None  # What `learn` and `calibrate` returned; set by the harness.
  padding = {}  # {feature: value} where a batch is not padded with 0.
  metric = None  # The score that tells which checkpoint is best.
  split_names = splits.NAMES  # The files of --data_dir.
  # Kinds of files (see detect.py) that `read` and `read_unlabelled` take.
  kinds = ("table", "rows", "json")
  unlabelled_kinds = ("text", "table", "rows", "json")
  label_kind = "predictions"  # What a --predict_file's labels are called.
  predict_format = None  # Their format; set by tasks that label.
  has_page = False  # Whether `page` shows labels.

  def read(self, data, path, split):
    """Returns the examples in a file's bytes, gold labels included.

    The splits "train" and "dev" must have gold labels, "test" may lack them.
    """
    raise NotImplementedError

  def learn(self, examples):
    """Returns what a training set teaches, as a dict that JSON can hold.

    "labels" are the label names in the order of their ids. The dict is kept
    beside the checkpoint and set as `learned` before anything is encoded.
    """
    raise NotImplementedError

  def labels_of(self, example):
    """Returns (label, its file:line or None) of each gold label, to count."""
    del example
    return []

  def can_predict(self, label):
    """Tells whether the training set teaches a label."""
    return label in self.learned["labels"]

  def expected_labels(self):
    """Returns labels in lower case that need no warning, such as "none"."""
    return ()

  def group(self, example):
    """Returns what an example belongs to, None if it stands alone.

    --dev_fraction keeps examples of one group together.
    """
    del example

  def encode(self, example, is_training):
    """Returns an example as batches.Encoded.

    Args:
      example: as read.
      is_training: whether it is encoded to train on.
    """
    raise NotImplementedError

  def encode_all(self, examples, is_training):
    """Returns [encode(example)] of examples; many at once may be faster."""
    return [self.encode(example, is_training) for example in examples]

  def head(self, sequence, pooled, features, is_training):
    """Returns (scalar loss, dict of predictions) on top of the encoder.

    Args:
      sequence: float [B, S, H].
      pooled: float [B, H].
      features: the batch.
      is_training: whether dropout is on.
    """
    raise NotImplementedError

  def calibrate(self, examples, outputs):
    """Returns a dict to add to `learned`, such as decision thresholds.

    Called once, with the development set and the best checkpoint.

    Args:
      examples: as read.
      outputs: for each example the predictions of its windows.
    """
    del examples, outputs
    return {}

  def score(self, examples, outputs, split):
    """Returns ({metric: value}, {file name: text of predictions}).

    Args:
      examples: as read; without gold labels there are no metrics.
      outputs: for each example the predictions of its windows.
      split: "dev" or "test", whose files have different names.
    """
    raise NotImplementedError

  def rank(self, scores):
    """Returns the value by which checkpoints are compared; higher is better."""
    value = scores[self.metric]
    return UNDEFINED_RANK if value is None else value

  def report(self, scores):
    """Returns the scores as tables for a person to read, or ""."""
    del scores
    return ""

  # ------------------------------------------------ labelling a --predict_file

  def read_unlabelled(self, source, failed=reject):
    """Yields the examples in a streams.Source as unlabelled.Found.

    `failed` is called with the InputError of an example that can be left out;
    it may return.
    """
    raise NotImplementedError

  def parts(self, example):
    """Yields (part, share of the example up to its end); the last share is 1.

    A long text in parts need not be in memory with all its windows.
    """
    yield example, 1

  def encoder(self):
    """Returns a function of a list of parts that returns batches.Packed.

    Workers get it pickled, so its module imports no TensorFlow.
    """
    raise NotImplementedError

  def label(self, part, windows):
    """Returns the label of a part as a list; those of all parts are joined.

    Args:
      part: of an example, from `parts` or from its Encoded.
      windows: the predictions of its windows.
    """
    raise NotImplementedError

  def label_file(self):
    """Returns the label_files.LabelFile to write; logs what all labels share.

    Its name is that of the texts, `label_kind` and `predict_format`. None
    stands for a folder with files of each text, a function of a path for
    another kind of shard; see stripes.File.
    """
    raise NotImplementedError

  def format_label(self, example, label):
    """Returns the text to write of an example.

    For a folder: (id of the example, {ending of a file: its text}). For another
    kind of shard: what it writes. For the format label_files.JSON: what
    `score_labels` takes.
    """
    raise NotImplementedError

  def score_labels(self, labels):
    """Returns what `score` does of a test set, from all of its labels.

    Called for the format label_files.JSON, whose files hold them together.
    """
    raise NotImplementedError

  def page(self, examples, labels, title, note):
    """Returns a page of HTML that shows labels.

    `note` says which texts are shown if these are not all.
    """
    raise NotImplementedError


def run(task, command, model):
  """Trains, scores the development set and predicts, as a command asks.

  Args:
    task: a Task.
    command: a Command.
    model: a model_folder.Model.

  Returns:
    The content of results.json: {"dev": scores, "test": scores}.

  Raises:
    InputError: before anything is written.
  """
  command = _decide(command, task.split_names)
  check(command)
  with _locked(command):
    return _run(task, command, model)


def _locked(command):
  """Locks the output folder, or what is one job's of it."""
  if command.data.predict_part:
    name = ".in_use-part-%d-of-%d" % command.part
    return files.locked(command.output_dir, name)
  return training_run.locked(command.output_dir, command.device)


def _run(task, command, model):
  """Does what a command asks, in which no do_* flag is left open."""
  todo, data = command.todo, command.data
  useless = not (todo.do_train or todo.do_predict or data.predict_file)
  found = splits.read(
    task,
    todo,
    data,
    command.seed,
    needs_dev=useless or command.training.early_stopping_patience,
  )
  if "dev" not in found:
    todo = todo._replace(do_eval=False)
    data = data._replace(train_on_dev=False)
    flags = dict(command.flags, do_eval=False, train_on_dev=False)
    command = command._replace(todo=todo, data=data, flags=flags)
  if todo.do_train:
    splits.check_labels(task, *found["train"])
  task.learned = _learn(task, command, found)
  for name, (path, examples) in found.items():
    splits.log_labels(task, name, path, examples)
  if not todo.do_train:
    found.pop("train", None)
  to_label = None
  if data.predict_file:
    texts = labelling.Texts(
      data.predict_file,
      allow_incomplete=data.allow_incomplete,
      num_workers=0 if command.runner.runner else data.num_workers,
    )
    target = labelling.Target(
      command.output_dir, is_gzip=data.predict_gzip, part=command.part
    )
    to_label = labelling.Labelling(task, texts, target)
  encoded = {
    name: splits.encode(task, *pair, is_training=name == "train")
    for name, pair in found.items()
  }
  return _Run(task, command, model, encoded, to_label).go()


def _decide(command, split_names):
  """Returns a Command in which no do_* flag is left open."""
  todo, data = command.todo, command.data
  todo = todo._replace(do_train=trains(command))
  if todo.do_predict is None:
    has_test = splits.has(data, "test", split_names)
    todo = todo._replace(do_predict=has_test and not data.predict_file)
  return command._replace(
    todo=todo, flags=dict(command.flags, **todo._asdict())
  )


def trains(command):
  """Tells whether a command trains; by default it does unless it predicts."""
  if command.todo.do_train is None:
    return not command.data.predict_file
  return command.todo.do_train


def check(command):
  """Rejects inconsistent flags; raises InputError."""
  todo, data, training = command.todo, command.data, command.training
  devices.check(
    command.device, _batch_sizes(command), training.num_accumulation_steps
  )
  if not (any(todo) or data.predict_file):
    raise InputError(
      "nothing to do: give --do_train, --do_eval, --do_predict or "
      "--predict_file"
    )
  if command.device.distribution != "none" and not todo.do_train:
    raise InputError(
      "--distribution=%s is for training, and nothing is trained; expected "
      "--distribution=none" % command.device.distribution
    )
  if command.device.use_xla and command.padding != "fixed":
    raise InputError(
      "--use_xla compiles anew for each batch length; expected "
      "--padding=fixed with it"
    )
  _check_labelling(command)
  if training.num_train_epochs <= 0:
    raise InputError(
      "--num_train_epochs is %s, expected more than 0"
      % training.num_train_epochs
    )
  if data.dev_fraction is not None and data.train_on_dev:
    raise InputError("--dev_fraction and --train_on_dev contradict each other")
  if training.early_stopping_patience and not todo.do_eval:
    raise InputError("--early_stopping_patience needs --do_eval")


def _check_labelling(command):
  """Rejects inconsistent flags about texts to label."""
  todo, data = command.todo, command.data
  devices.check_batch_tokens(
    "predict_batch_tokens",
    command.predict_batch_tokens,
    command.device,
    command.padding,
  )
  given = dict(data._asdict(), runner=command.runner.runner)
  for flag in (
    "allow_incomplete",
    "predict_gzip",
    "num_workers",
    "predict_part",
    "runner",
  ):
    if given[flag] not in (None, False) and not data.predict_file:
      raise InputError(
        "--%s is for texts to label; expected it with --predict_file" % flag
      )
  if data.predict_part and any(todo):
    raise InputError(
      "--predict_part is for jobs that only label; expected no --do_train, "
      "--do_eval or --do_predict with it"
    )
  pipelines.check(command.runner)
  if command.runner.runner:
    _check_runner(command)


def _check_runner(command):
  """Rejects flags that do not go with an Apache Beam pipeline."""
  data, form = command.data, command.flags.get("predict_format")
  for is_wrong, found, expected in (
    (data.predict_part, "--predict_part", "no part"),
    (command.device.use_tpu, "--use_tpu", "CPUs or GPUs"),
    (
      form == label_files.JSON,
      "--predict_format=json, which is made of all answers",
      "--predict_format=jsonl",
    ),
  ):
    if is_wrong:
      raise InputError(
        "--runner: found %s; expected %s with it" % (found, expected)
      )
  pipelines.load("finetuning.beam")


def _batch_sizes(command):
  """Returns {flag: value} of the batch sizes."""
  return {
    "train_batch_size": command.training.train_batch_size,
    "eval_batch_size": command.eval_batch_size,
    "predict_batch_size": command.predict_batch_size,
  }


def _learn(task, command, found):
  """Returns what the training set teaches, or taught an earlier run."""
  if command.todo.do_train:
    return task.learn(found["train"][1])
  starts = (command.eval_checkpoint, command.model.init_checkpoint)
  folders = [command.output_dir, command.model.bioalbert_dir]
  folders += [os.path.dirname(start) for start in starts if start]
  return model_folder.read_learned(folders, task.name)


def _plan(training, split):
  """Returns the Schedule of a training set; its windows are the examples."""
  per_update = training.train_batch_size * training.num_accumulation_steps
  per_epoch = -(-len(splits.windows_of(split)) // per_update)
  steps = training.train_step or max(
    1, int(round(per_epoch * training.num_train_epochs))
  )
  warmup = training.warmup_step
  if warmup is None:
    warmup = int(steps * training.warmup_proportion)
  return training_run.Schedule(
    optimizer=training.optimizer,
    learning_rate=training.learning_rate,
    num_train_steps=steps,
    num_warmup_steps=warmup,
    num_accumulation_steps=training.num_accumulation_steps,
    save_steps=min(training.save_checkpoints_steps or per_epoch, steps),
    keep_checkpoint_max=training.keep_checkpoint_max,
    steps_per_epoch=per_epoch,
    freeze_encoder=training.freeze_encoder,
  )


class _Run(training_run.Run):
  """One command's run. `__init__` validates all input."""

  # In training XLA would not compile batches of many lengths anyway.
  fuses_training = False
  random_weights = logging.WARNING

  def __init__(self, task, command, model, encoded, to_label):
    sizes = _batch_sizes(command)
    super().__init__(
      command.output_dir,
      command.device,
      command.seed,
      {flag.split("_")[0]: size for flag, size in sizes.items()},
      model.config,
      model.checkpoint,
    )
    self.task = task
    self.command = command
    self.model = model
    self.splits = encoded
    self.to_label = to_label
    self.results = run_files.read_results(self.folder)
    self._predictors = {}
    for name, split in encoded.items():
      splits.log(name, split, model.tokenizer.unk_id)
    if to_label:
      to_label.log(model.tokenizer.unk_id)
    if command.todo.do_train:
      self.schedule = _plan(command.training, encoded["train"])
    self._check_checkpoint()
    self.description = self._describe()

  def go(self):
    """Does what the command asks; returns the content of results.json."""
    todo = self.command.todo
    if self.is_chief() and self.command.part.number == 1:
      self._write_description()
    self.start()
    if todo.do_train:
      self.train(looks=todo.do_eval)
    if not self.is_chief():  # One machine scores, predicts and writes.
      return {}
    if todo.do_train:
      # An earlier command of this run may have calibrated the task.
      self.task.learned = model_folder.read_learned(
        [self.folder], self.task.name
      )
    results = dict(self.results, task_name=self.command.task_name)
    if todo.do_eval:
      results["dev"] = self._score("dev")
    if todo.do_predict:
      results["test"] = self._score("test")
    if todo.do_eval or todo.do_predict:
      files.write_json(self.path(run_files.RESULTS), results)
    if self.to_label:
      scores = _label(self)
      if scores is not None:
        results["test"] = scores
        files.write_json(self.path(run_files.RESULTS), results)
    return results

  def _some_windows(self):
    """Returns features of windows; [] if there are none at all."""
    found = filter(None, map(splits.windows_of, self.splits.values()))
    return next(found, None) or (self.to_label and self.to_label.windows())

  # ----------------------------------------------------------- before training

  def _check_checkpoint(self):
    """Rejects a checkpoint that does not fit the model."""
    if self.command.todo.do_train:
      if self.starts_from_initial():
        modeling.match_checkpoint(self.initial, self.variables())
      return
    checkpoint = _choose_checkpoint(self)
    if not self._some_windows():
      return  # Texts without a word need no model.
    missing = modeling.match_checkpoint(checkpoint, self.variables()).new
    if missing:
      raise InputError(
        "%s: was not fine-tuned for this task and these labels: it has no "
        "fitting %s; expected the checkpoint of such a --do_train"
        % (checkpoint, ", ".join(missing))
      )

  def _describe(self):
    """Returns the content of run_config.json."""
    command, model = self.command, self.model
    paths = [split.path for split in self.splits.values()]
    paths += self.to_label.own_paths() if self.to_label else []
    hashes = {path: files.sha256(path) for path in paths}
    hashes.update(model.hashes)
    if self.initial:
      hashes[self.initial] = model_folder.hash_checkpoint(self.initial)
    asked = None
    if command.todo.do_train:
      names = ["train"] + ["dev"] * command.data.train_on_dev
      asked = {
        "training set": [hashes[self.splits[name].path] for name in names],
        "config and vocabulary": list(model.hashes.values()),
        "initial weights": hashes.get(self.initial),
      }
    return self.describe(
      command.flags,
      asked,
      hashes,
      vocabulary={
        os.path.basename(path): digest
        for path, digest in model.vocabulary.items()
      },
      do_lower_case=model.tokenizer.do_lower_case,
      learned=self.task.learned,
    )

  def _write_description(self):
    """Writes run_config.json and, when training, what predicting needs."""
    files.write_json(self.path(run_files.DESCRIPTION), self.description)
    if not self.command.todo.do_train:
      return
    if not self.state.started():  # Later task.json may hold a calibration.
      self._write_learned()
    model_folder.write_model(
      self.folder, self.albert, self.model.tokenizer.files
    )

  def _write_learned(self):
    model_folder.write_learned(self.folder, self.task.name, self.task.learned)

  # ------------------------------------------------------- what the graph holds

  def blank_batch(self):
    example = self._some_windows()[0]
    return {
      name: tf.zeros((1,) + value.shape, value.dtype)
      for name, value in example.items()
    }

  def outputs(self, albert_config, features, is_training):
    albert = self.encode(albert_config, features, is_training)
    return self.task.head(
      albert.get_sequence_output(),
      albert.get_pooled_output(),
      features,
      is_training,
    )

  def inference_spec(self, loss, outputs, features):
    outputs = dict(outputs, window=features["window"])
    return estimators.prediction_spec(outputs, self.device.use_tpu)

  def training_data(self, params, input_context=None):
    features = splits.windows_of(self.splits["train"])
    if self.device.use_tpu:
      return datasets.fixed_dataset(
        features,
        params["batch_size"],
        self.task.padding,
        self.command.max_seq_length,
        self.seed,
        devices.part_of_tpu_input(params),
      )
    return datasets.training_dataset(
      features,
      self.batch_sizes["train"],
      self.seed,
      self.task.padding,
      self.state.step() * self.schedule.num_accumulation_steps,
      self.command.padding == "bucketed",
      self.command.max_seq_length if self.command.padding == "fixed" else None,
      devices.part_of_input(input_context),
    )

  # -------------------------------------------------- looking at a checkpoint

  def evaluate(self, step, checkpoint):
    outputs = self._outputs_of("dev", checkpoint)
    scores, _ = self.task.score(self.splits["dev"].examples, outputs, "dev")
    training_progress.write_scalars(self.path("eval"), step, flatten(scores))
    best = self.state.best()
    logging.info(
      "step %d: %s on the development set %s (best before: %s)",
      step,
      self.task.metric,
      _show(scores, self.task.metric),
      "none" if best is None else "step %d" % best[0],
    )
    return scores, self.task.rank(scores)

  def keep_best(self, checkpoint, scores):
    """Keeps a checkpoint unless its score is undefined or on seen examples.

    Such a score cannot tell which checkpoint is best.
    """
    if scores.get(self.task.metric) is None:
      return
    data = self.command.data
    train_file = os.path.basename(self.splits["train"].path)
    seen = data.train_on_dev or train_file == "train_dev.tsv"
    if data.dev_fraction or not seen:
      super().keep_best(checkpoint, scores)

  def should_stop(self):
    return self.state.stale(self.command.training.early_stopping_patience)

  # ----------------------------------------------------------------- predicting

  def _outputs_of(self, name, checkpoint):
    """Returns for each example of a split the predictions of its windows."""
    windows = splits.windows_of(self.splits[name])
    shown = functools.partial(
      progress.shown, total=len(windows), name=name, unit="window"
    )
    stream = iter(list(self.predict(name, checkpoint, windows, shown)))
    return [[next(stream) for _ in fs] for fs in self.splits[name].features]

  def predict(self, name, checkpoint, windows, shown):
    """Yields the predictions of windows of a split, or "raw" ones, in order."""
    return self._predictor(name, windows)(checkpoint, windows, shown)

  def _predictor(self, name, windows):
    """Returns the predictor of a split; equal features share a graph."""
    is_dev = name == "dev"
    size = self.batch_sizes["eval" if is_dev else "predict"]
    tokens = None if is_dev else self.command.predict_batch_tokens
    kind = size, tokens, frozenset(windows[0] if windows else ())
    if kind not in self._predictors:
      self._predictors[kind] = estimators.predictor(
        self.estimator,
        size,
        self.task.padding,
        self.command.max_seq_length,
        self.device.use_tpu,
        fixed=self.command.padding == "fixed",
        tokens=tokens,
      )
    return self._predictors[kind]

  def _score(self, name):
    """Scores a split, writes its files, returns its part of results.json."""
    examples = self.splits[name].examples
    checkpoint = _choose_checkpoint(self)
    outputs = self._outputs_of(name, checkpoint)
    if name == "dev":
      calibrated = self.task.calibrate(examples, outputs)
      if calibrated:
        self.task.learned = dict(self.task.learned, **calibrated)
        self._write_learned()
    scored = self.task.score(examples, outputs, name)
    return _write_scores(self, name, checkpoint, *scored)


def _write_scores(run, name, checkpoint, scores, texts):
  """Writes what `score` returned; returns its part of results.json."""
  step = state.checkpoint_step(checkpoint)
  found = {"checkpoint": checkpoint, "global_step": step}
  report = run.task.report(scores) if scores else None
  if report:
    texts[name + "_report.txt"] = report
  if scores:
    texts[_SCORE_FILES[name]] = _results_text(scores, found)
  _write_texts(run.folder, texts)
  logging.info("written to %s: %s", run.folder, ", ".join(texts))
  place = "%s (%s, step %s)" % (name, os.path.basename(checkpoint), step)
  _log_scores(place, scores, report)
  return dict(scores, **found)


def _choose_checkpoint(run):
  """Returns the checkpoint to predict with, as --eval_checkpoint says."""
  checkpoint = _find_checkpoint(run)
  folder = os.path.dirname(checkpoint)
  model_folder.check_vocabulary(folder, run.model.vocabulary)
  return checkpoint


def _find_checkpoint(run):
  which = run.command.eval_checkpoint
  if which not in ("best", "last"):
    return modeling.find_checkpoint(which)
  best = run.path(state.BEST)
  if which == "best" and tf.io.gfile.exists(best + ".index"):
    return best
  if run.state.started():
    return run.state.checkpoint(run.state.step())
  if run.initial is None:
    raise InputError(
      "%s: no checkpoint to predict with; give --do_train, --init_checkpoint "
      "or --bioalbert_dir" % run.folder
    )
  return run.initial


def _label(run):
  """Labels the texts of --predict_file and writes the labels.

  Returns:
    The part of results.json about them; None if they are not scored.
  """
  checkpoint = _choose_checkpoint(run)
  predict = functools.partial(run.predict, "raw", checkpoint)
  description = _describe_labels(run, checkpoint)
  # A graph needs a window; texts without a word need no graph.
  if run.command.runner.runner and run.to_label.windows():
    _label_with_beam(run, checkpoint, description)
    return None
  labels = run.to_label.run(predict, description)
  if labels is None:
    return None
  scored = run.task.score_labels(labels)
  return _write_scores(run, "test", checkpoint, *scored)


def _label_with_beam(run, checkpoint, description):
  """Labels the texts with an Apache Beam pipeline."""
  beam = pipelines.load("finetuning.beam")
  command = run.command
  model = beam.Model(
    run.path(_BEAM_MODEL),
    run.device,
    run.task.padding,
    command.predict_batch_size,
    command.max_seq_length if command.padding == "fixed" else None,
    command.predict_batch_tokens,
  )

  def outputs(features):
    return run.outputs(run.albert, features, is_training=False)[1]

  def make_files(job):
    try:
      window = run.to_label.windows()[0]
      saved_models.export(window, outputs, checkpoint, model.folder)
      return beam.run(job, model, description, command.runner)
    finally:
      files.remove_folder(model.folder)

  run.to_label.run_apart(make_files, description)


def _describe_labels(run, checkpoint):
  """Returns what labels depend on, to be kept beside them."""
  flags = run.command.flags
  hashes = dict(run.description["sha256"])
  if checkpoint not in hashes:
    hashes[checkpoint] = model_folder.hash_checkpoint(checkpoint)
  return {
    "task": run.task.name,
    "flags": {name: flags[name] for name in _LABEL_FLAGS if name in flags},
    "learned": run.task.learned,
    "inputs": [given._asdict() for given in run.to_label.inputs],
    "sha256": hashes,
  }


def _write_texts(folder, texts):
  """Writes {file name: text} into a folder."""
  for name, text in texts.items():
    files.write_text(os.path.join(folder, name), text)


def _log_scores(place, scores, report):
  """Logs the scores of a split, and their table if the task has one."""
  if not scores:
    logging.info("%s: no gold labels, so no scores", place)
    return
  if report:
    logging.info("%s:\n%s", place, report)
  reasons = scores.get("undefined", {})
  names = [k for k, v in scores.items() if k in reasons or isinstance(v, float)]
  figures = ["%s %s" % (name, _show(scores, name)) for name in names]
  logging.info("%s: %s", place, ", ".join(figures))
  for reason in dict.fromkeys(reasons.values()):
    names = [name for name in reasons if reasons[name] == reason]
    logging.warning("%s: %s undefined: %s", place, ", ".join(names), reason)


def _show(scores, name):
  """Returns a score as text."""
  return "undefined" if scores[name] is None else "%.4f" % scores[name]


def _results_text(scores, found):
  """Returns eval_results.txt: the scores, then where they are from."""
  figures = dict(
    flatten(scores), **dict.fromkeys(scores.get("undefined", {}), "undefined")
  )
  items = sorted(figures.items()) + list(found.items())
  return "".join("%s = %s\n" % item for item in items)


def flatten(scores, prefix=""):
  """Returns the numbers in nested scores as {"types.Disease.f1": 0.5}."""
  flat = {}
  for name, value in scores.items():
    if isinstance(value, dict):
      flat.update(flatten(value, prefix + name + "."))
    elif isinstance(value, (int, float, np.number)):
      flat[prefix + name] = value
  return flat
