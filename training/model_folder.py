# SPDX-License-Identifier: Apache-2.0
"""The files of a fine-tuning run: finds those of a model and of a data set,
writes results, and remembers which run a folder belongs to.

Every path may be on any file system that TensorFlow knows (gs://...).
"""

import collections
import hashlib
import json
import os
import subprocess
import sys
import time

from absl import logging
import numpy as np
import sentencepiece
import tensorflow.compat.v1 as tf

from common.errors import InputError
import modeling
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
SPLIT_NAMES = {
  "train": ("train.tsv", "train_dev.tsv"),
  "dev": ("devel.tsv", "dev.tsv"),
  "test": ("test.tsv",),
}

# Flags that may differ when a command is repeated to go on with a run. Files
# are told apart by their content, not their paths.
FREE_FLAGS = frozenset(
  "albert_config_file bioalbert_dir data_dir dev_file distribution do_eval "
  "do_predict do_train early_stopping_patience eval_batch_size "
  "eval_checkpoint folds gcp_project golden_file init_checkpoint "
  "iterations_per_loop keep_checkpoint_max list_threshold master "
  "max_answer_length n_best_size negative_label null_score_diff_threshold "
  "num_tpu_cores output_dir precision predict_batch_size predict_file "
  "predict_format recompute save_checkpoints_steps spm_model_file task_name "
  "test_file tpu_name tpu_zone train_file tune_threshold use_tpu use_xla "
  "verbose_logging vocab_file".split()
)

Model = collections.namedtuple(
  "Model", ["config", "tokenizer", "checkpoint", "files"]
)


def load_model(config):
  """Returns the Model that the flags name.

  Without any of them it is the one that an earlier run left in --output_dir.
  A fine-tuned model's folder also says how its text was cut into pieces.

  Raises:
    InputError: says what was looked for, and where.
  """
  folder = config.bioalbert_dir
  if not folder and not config.albert_config_file:
    folder = config.output_dir
  albert, config_file = load_config(config, folder)
  tokenizer = load_tokenizer(config, folder, albert.vocab_size, config_file)
  checkpoint = initial_checkpoint(config)
  return Model(albert, tokenizer, checkpoint, (config_file,) + tokenizer.files)


def initial_checkpoint(config):
  """Returns the checkpoint that the flags name to start from, or None."""
  place = config.init_checkpoint or config.bioalbert_dir
  return modeling.find_checkpoint(place) if place else None


def load_tokenizer(config, folder, vocab_size, config_file):
  """Returns the FullTokenizer that the flags or a folder name.

  Raises:
    InputError: it is not there, or has not the config's number of pieces.
  """
  vocab_file, spm_model_file = config.vocab_file, config.spm_model_file
  if not vocab_file and not spm_model_file:
    vocab_file = _find(folder, VOCABULARY_NAMES, "--spm_model_file")
  kept = _training_flags(folder)
  do_lower_case = config.do_lower_case
  if do_lower_case is None:
    do_lower_case = kept.get("do_lower_case")
  tokenizer = tokenization.load(
    vocab_file,
    spm_model_file,
    do_lower_case,
    spm_digit_comma_fix=(
      config.spm_digit_comma_fix or kept.get("spm_digit_comma_fix", False)
    ),
    open_file=tf.io.gfile.GFile,
  )
  tokenization.check_vocab_size(tokenizer, vocab_size, config_file)
  return tokenizer


def load_config(config, folder):
  """Returns (AlbertConfig, its file), which the flags or a folder name.

  Raises:
    InputError: it is not there, or too small for --max_seq_length.
  """
  path = config.albert_config_file or _find(
    folder, CONFIG_NAMES, "--albert_config_file"
  )
  albert = modeling.AlbertConfig.from_json_file(path)
  if config.max_seq_length > albert.max_position_embeddings:
    raise InputError(
      "--max_seq_length is %d, expected at most max_position_embeddings of "
      "%s, which is %d"
      % (config.max_seq_length, path, albert.max_position_embeddings)
    )
  return albert, path


def _training_flags(folder):
  """The flags that the model in a folder was trained with; {} if untold."""
  if not folder:
    return {}
  path = os.path.join(folder, "run_config.json")
  return read_json(path, {}).get("training") or {}


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


def find_split(config, split, names, flag):
  """Returns the file of a split ("train", "dev", "test") of a data set.

  Args:
    config: the flags; --train_file and the like come first, then --data_dir.
    split: which one.
    names: {split: names that it may have there, the preferred one first}.
    flag: what asks for the split, for the message of an InputError.
  """
  given = getattr(config, split + "_file")
  if given:
    return given
  if not config.data_dir:
    raise InputError("--%s needs --data_dir, or --%s_file" % (flag, split))
  found = _split_files(config.data_dir, names[split])
  if found:
    return found[0]
  raise InputError(
    "%s: --%s needs one of %s there, or --%s_file"
    % (config.data_dir, flag, ", ".join(names[split]), split)
  )


def has_split(config, split, names):
  """Returns whether the flags lead to a file of that split; see find_split."""
  if getattr(config, split + "_file"):
    return True
  return bool(config.data_dir and _split_files(config.data_dir, names[split]))


def _split_files(folder, names):
  """The files of these names that a folder has."""
  paths = [os.path.join(folder, name) for name in names]
  return [path for path in paths if tf.io.gfile.exists(path)]


def read_learned(config):
  """Returns what an earlier run kept of its training set (task.json)."""
  folders = [config.output_dir, config.bioalbert_dir]
  for start in (config.eval_checkpoint, config.init_checkpoint):
    folders.append(os.path.dirname(start) if start else None)
  folders = [folder for folder in folders if folder]
  for folder in folders:
    learned = read_json(os.path.join(folder, "task.json"), None)
    if learned is not None:
      return learned
  raise InputError(
    "no task.json in %s: nothing was fine-tuned there; give --do_train, or as "
    "--bioalbert_dir the folder of a fine-tuned model" % ", ".join(folders)
  )


def describe(config, model, paths, learned, started):
  """Returns the content of run_config.json.

  Args:
    config: the flags' values.
    model: a Model.
    paths: {"train": path, ...} of the data.
    learned: what the training set taught.
    started: whether the output folder holds a training run.

  Raises:
    InputError: that run is another one than this command's.
  """
  hashes = {path: sha256(path) for path in paths.values()}
  hashes.update((path, sha256(path)) for path in model.files)
  if model.checkpoint:
    hashes[model.checkpoint] = sha256(model.checkpoint)
  before = read_json(os.path.join(config.output_dir, "run_config.json"), {})
  training = before.get("training")
  if config.do_train:
    asked = {k: v for k, v in vars(config).items() if k not in FREE_FLAGS}
    asked["training set"] = [hashes[paths["train"]]]
    if config.train_on_dev:
      asked["training set"].append(hashes[paths["dev"]])
    asked["config and vocabulary"] = [hashes[path] for path in model.files]
    asked["initial weights"] = hashes.get(model.checkpoint)
    if started:
      refuse_other_run(config.output_dir, training, asked)
    training = asked
  return {
    "command": " ".join(sys.argv),
    "flags": vars(config),
    "do_lower_case": model.tokenizer.do_lower_case,
    "learned": learned,
    "versions": versions(),
    "commit": commit(),
    "sha256": hashes,
    "training": training,
  }


def write_description(config, model, learned, description):
  """Writes run_config.json and, when training, what predicting needs later.

  That is task.json, labels.txt, the config and the vocabulary: the output
  folder is then a --bioalbert_dir of its own.
  """

  def path(name):
    return os.path.join(config.output_dir, name)

  write_json(path("run_config.json"), description)
  if not config.do_train:
    return
  write_json(path("task.json"), learned)
  labels = learned.get("labels")
  if labels:
    write_text(path("labels.txt"), "".join(x + "\n" for x in labels))
  model.config.to_json_file(path("albert_config.json"))
  for source in model.tokenizer.files:
    write_bytes(path(os.path.basename(source)), read_bytes(source))


def refuse_other_run(folder, before, asked):
  """Stops where a folder holds checkpoints of another training run.

  Args:
    folder: the output folder, in which training has begun.
    before: {what: value} of that run; None where it left no description.
    asked: the same of the run asked for.
  """
  if before is None:
    raise InputError(
      "%s: holds checkpoints and no run_config.json that says of what; "
      "expected a new or empty folder as --output_dir" % folder
    )
  for key in sorted(set(before) | set(asked)):
    if before.get(key) != asked.get(key):
      raise InputError(
        "%s: holds a run with another %s (%s, now %s); expected the same, to "
        "go on, or another --output_dir"
        % (folder, key, before.get(key), asked.get(key))
      )


class TrainingState:
  """What an output folder knows of its training run.

  training_state.json: {"finished": bool, "scores": [[step, value], ...]}.
  """

  def __init__(self, folder):
    self._folder = folder
    self._file = os.path.join(folder, "training_state.json")
    self._values = self._read()
    newest_readable_checkpoint(folder)

  def _read(self):
    return read_json(self._file, {"finished": False, "scores": []})

  def step(self):
    """Step of the newest checkpoint; 0 if there is none."""
    newest = tf.train.latest_checkpoint(self._folder)
    step = checkpoint_step(newest) if newest else 0
    if step is None:
      raise InputError(
        "%s: a checkpoint without a global_step, so not of a run to go on "
        "with; expected a new or empty folder as --output_dir" % newest
      )
    return step

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
    write_json(self._file, self._values)

  def await_score(self, step):
    """Waits until another process has added a step's score."""
    while not self.scored(step):
      time.sleep(1)
      self._values = self._read()

  def finish(self):
    self._values["finished"] = True
    write_json(self._file, self._values)


def newest_readable_checkpoint(folder):
  """Returns the newest checkpoint of a run that can be read, None without any.

  Says which newer ones cannot, and has the folder's file `checkpoint` name
  the right one, because that is what training goes on from.

  Raises:
    InputError: there are checkpoints, and none can be read.
  """
  found = _numbered_checkpoints(folder)
  for count, checkpoint in reversed(list(enumerate(found, 1))):
    problem = _damage(checkpoint)
    if problem is None:
      if _named_checkpoint(folder) != os.path.basename(checkpoint):
        tf.train.update_checkpoint_state(folder, checkpoint, found[:count])
      return checkpoint
    logging.warning("%s is damaged and left out: %s", checkpoint, problem)
  if found:
    raise InputError(
      "%s: all its checkpoints are damaged; expected a new or empty folder as "
      "--output_dir" % folder
    )
  return tf.train.latest_checkpoint(folder)


def _named_checkpoint(folder):
  """The name of what training would go on from, without its folder."""
  try:
    return os.path.basename(tf.train.latest_checkpoint(folder) or "")
  except ValueError:  # The file `checkpoint` was cut short itself.
    return ""


def _numbered_checkpoints(folder):
  """The checkpoints of a training run, oldest first; not model.ckpt-best."""
  steps = {}
  if not tf.io.gfile.isdir(folder):
    return []
  for path in tf.io.gfile.glob(os.path.join(folder, "model.ckpt-*.index")):
    checkpoint = path[: -len(".index")]
    number = checkpoint.rsplit("-", 1)[1]
    if number.isdigit():
      steps[int(number)] = checkpoint
  return [steps[step] for step in sorted(steps)]


def _damage(checkpoint):
  """What keeps a checkpoint from being read, checksums and all; or None."""
  try:
    reader = tf.train.load_checkpoint(checkpoint)
    for name in reader.get_variable_to_shape_map():
      reader.get_tensor(name)
  except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as e:
    return str(e).split("\n")[0]
  return None


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


def read_bytes(path):
  """Returns a file's bytes, however it is reached."""
  try:
    with tf.io.gfile.GFile(path, "rb") as f:
      return f.read()
  except tf.errors.OpError:
    raise InputError("%s: no such file, or not readable" % path) from None


def write_text(path, text):
  """Writes a text file whole or not at all."""
  write_bytes(path, text.encode("utf-8"))


def write_bytes(path, data):
  """Writes a file whole or not at all."""
  partial = path + ".partial"
  try:
    tf.io.gfile.makedirs(os.path.dirname(path) or ".")
    with tf.io.gfile.GFile(partial, "wb") as f:
      f.write(data)
    tf.io.gfile.rename(partial, path, overwrite=True)
  except tf.errors.OpError as e:
    raise InputError(
      "%s: cannot be written (%s)" % (path, e.message.split("\n")[0])
    ) from None


def read_json(path, default):
  """Returns a JSON file's content; `default` if there is no such file."""
  if not tf.io.gfile.exists(path):
    return default
  try:
    return json.loads(read_bytes(path).decode("utf-8"))
  except ValueError as e:
    raise InputError("%s: damaged JSON (%s)" % (path, e)) from None


def write_json(path, value):
  """Writes indented JSON that ends in a line feed."""
  write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def copy_checkpoint(source, target):
  """Copies a checkpoint's files, however many shards it has.

  The index goes last, and an old one first: whoever finds an index finds the
  data that belongs to it.
  """
  if tf.io.gfile.exists(target + ".index"):
    tf.io.gfile.remove(target + ".index")
  for old in tf.io.gfile.glob(target + ".data-*"):
    tf.io.gfile.remove(old)
  files = tf.io.gfile.glob(source + ".data-*") + [
    f for f in (source + ".meta", source + ".index") if tf.io.gfile.exists(f)
  ]
  for path in files:
    tf.io.gfile.copy(path, target + path[len(source) :], overwrite=True)


def versions():
  """Returns {name: version} of what a result depends on."""
  return {
    "python": sys.version.split()[0],
    "tensorflow": tf.__version__,
    "numpy": np.__version__,
    "sentencepiece": sentencepiece.__version__,
  }


def commit():
  """Returns this checkout's commit ("+" added if it was changed), or None."""
  here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

  def git(*args):
    return subprocess.run(
      ["git", "-C", here] + list(args),
      stdout=subprocess.PIPE,
      stderr=subprocess.DEVNULL,
      check=True,
    ).stdout.decode()

  try:
    revision = git("rev-parse", "HEAD").strip()
    changed = git("status", "--porcelain", "--untracked-files=no").strip()
  except (OSError, subprocess.CalledProcessError):
    return None
  return revision + ("+" if changed else "")
