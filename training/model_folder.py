# SPDX-License-Identifier: Apache-2.0
"""The folder of a model: finds what is in it, describes and writes it.

Every path may be on any file system that TensorFlow knows (gs://...).
"""

import collections
import hashlib
import os
import re
import subprocess
import sys

from absl import logging
import numpy as np
import sentencepiece
import tensorflow.compat.v1 as tf

from common import files
from common import run_files
from common.errors import InputError
import modeling
import tokenization
from training import state

CONFIG_NAMES = ("albert_config.json", "bert_config.json", "config.json")
ENGLISH = os.path.join(
  os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
  "models/albert-english/30k-clean.model",
)
ENGLISH_PIECES = 30000

# Flags that may change when a command is repeated to go on with a run. Files
# are compared by content, not by path.
FREE_FLAGS = frozenset(
  "albert_config_file albert_version allow_incomplete beam_options "
  "bioalbert_dir data_dir dev_file distribution do_eval do_predict do_train "
  "early_stopping_patience eval_batch_size eval_checkpoint eval_file folds "
  "gcp_project golden_file init_checkpoint input_file iterations_per_loop "
  "keep_checkpoint_max list_threshold master max_answer_length max_eval_steps "
  "n_best_size negative_label null_score_diff_threshold num_tpu_cores "
  "num_workers output_dir precision predict_batch_size predict_batch_tokens "
  "predict_file predict_format predict_gzip predict_part recompute runner "
  "save_checkpoints_steps spm_model_file task_name test_file tpu_name "
  "tpu_zone train_file tune_threshold use_tpu use_xla verbose_logging "
  "vocab_file".split()
)

# The fields are the flags of flag_groups.define_model_flags.
ModelPaths = collections.namedtuple(
  "ModelPaths",
  "bioalbert_dir albert_config_file vocab_file spm_model_file "
  "init_checkpoint do_lower_case spm_digit_comma_fix albert_version",
  defaults=(None,) * 6 + (False, None),
)

# hashes: {source: SHA-256} of the config and the vocabulary, in this order.
# vocabulary: {path: SHA-256} of the vocabulary alone.
Model = collections.namedtuple(
  "Model", "config tokenizer checkpoint hashes vocabulary"
)


def load(paths, max_seq_length=0, output_dir=None):
  """Returns the Model that flags name.

  A fine-tuned model's folder also says how its text was split into pieces. A
  folder that has only a checkpoint is taken for a released ALBERT's.

  Args:
    paths: ModelPaths.
    max_seq_length: pieces that the model must take.
    output_dir: folder to look in if no flag names a model: an earlier run may
      have left one there.

  Raises:
    InputError: says what was looked for, and where.
  """
  folder = paths.bioalbert_dir
  if not folder and not paths.albert_config_file:
    folder = output_dir
  checkpoint = initial_checkpoint(paths)
  albert, source = load_config(paths, checkpoint, folder, max_seq_length)
  tokenizer = load_tokenizer(
    paths, checkpoint, folder, albert.vocab_size, source
  )
  vocabulary = {path: files.sha256(path) for path in tokenizer.files}
  for place in _places(folder, checkpoint):
    check_vocabulary(place, vocabulary)
  hashes = dict({source: hash_config(albert, source)}, **vocabulary)
  return Model(albert, tokenizer, checkpoint, hashes, vocabulary)


def _places(folder, checkpoint):
  """Returns the folders to look in: a model's, and that of its checkpoint."""
  places = [folder, checkpoint and os.path.dirname(checkpoint)]
  return list(dict.fromkeys(place for place in places if place is not None))


def vocabulary_hashes(paths):
  """Returns {file name: SHA-256} of a vocabulary's files."""
  return {os.path.basename(path): files.sha256(path) for path in paths}


def check_vocabulary(folder, hashes):
  """Rejects a vocabulary that a folder's model was not trained with.

  Args:
    folder: of a model; where run_config.json has no SHA-256, nothing is
      compared.
    hashes: {path: SHA-256} of the vocabulary's files.

  Raises:
    InputError: names the file.
  """
  described = run_files.read_description(folder or ".")
  known = set(described.get("vocabulary", {}).values())
  if not known:  # Written by an earlier version; the config comes first.
    training = described.get("training") or {}
    known = set(training.get("config and vocabulary", [])[1:])
  for path, found in hashes.items():
    if known and found not in known:
      raise InputError(
        "%s: has the SHA-256 %.8s..., but the model was trained with the "
        "vocabulary %.8s... (%s); expected the same"
        % (path, found, min(known), os.path.join(folder, run_files.DESCRIPTION))
      )


def initial_checkpoint(paths):
  """Returns the checkpoint that the flags name to start from, or None.

  Raises:
    InputError: it is missing, or another flag names a file that is missing.
  """
  folder = paths.bioalbert_dir
  if folder and not files.is_folder(folder):
    raise InputError(
      "%s: no such folder; expected a model's as --bioalbert_dir" % folder
    )
  _check_given(paths)
  place = paths.init_checkpoint or paths.bioalbert_dir
  return modeling.find_checkpoint(place) if place else None


def _check_given(paths):
  """Rejects flags for files that an archive of weights does not have.

  The published commands name a config and a vocabulary in it.
  """
  flags = ("vocab_file", "spm_model_file", "albert_config_file")
  given = {flag: getattr(paths, flag) for flag in flags}
  lacking = [f for f, path in given.items() if path and not files.exists(path)]
  if not lacking:
    return
  if paths.init_checkpoint and not _is_checkpoint(paths.init_checkpoint):
    lacking.append("init_checkpoint")
  path = getattr(paths, lacking[0])
  folder = os.path.dirname(path)
  try:
    found = modeling.find_checkpoint(folder or ".")
  except InputError:
    return  # Whoever opens the file says that it is missing.
  names = [os.path.basename(getattr(paths, flag)) for flag in lacking]
  raise InputError(
    "%s: no such file; the folder has the checkpoint %s; expected "
    "--bioalbert_dir=%s in place of the flags with %s"
    % (
      path,
      os.path.relpath(found, folder or "."),
      folder or ".",
      ", ".join(names),
    )
  )


def _is_checkpoint(path):
  return files.exists(path) or files.exists(path + ".index")


def load_tokenizer(paths, checkpoint, folder, vocab_size, source):
  """Returns the FullTokenizer of the flags or a folder.

  A model with 30,000 pieces and no vocabulary gets that of the English ALBERT.

  Args:
    paths: ModelPaths.
    checkpoint: whose folder is looked in too; or None.
    folder: to look in for a vocabulary; or None.
    vocab_size: number of pieces of the model.
    source: of vocab_size, for messages.

  Raises:
    InputError: it is missing, or has another number of pieces.
  """
  vocab_file = paths.vocab_file
  if not vocab_file and not paths.spm_model_file:
    vocab_file = tokenization.look_for(_places(folder, checkpoint))
    if not vocab_file and vocab_size == ENGLISH_PIECES:
      logging.info(
        "%s: no vocabulary beside it; using ALBERT's English one, %s",
        source,
        ENGLISH,
      )
      vocab_file = ENGLISH
  tokenizer = tokenization.find(
    next(iter(_places(folder, checkpoint)), None),
    vocab_file,
    paths.spm_model_file,
    paths.do_lower_case,
    paths.spm_digit_comma_fix,
  )
  tokenization.check_vocab_size(tokenizer, vocab_size, source)
  return tokenizer


def load_config(paths, checkpoint, folder, max_seq_length):
  """Returns (AlbertConfig, its source) of the flags or a folder.

  Args:
    paths: ModelPaths.
    checkpoint: to read the architecture from where there is no config; the
      source is then its prefix. None: a config is needed.
    folder: to look in for a config, besides the checkpoint's.
    max_seq_length: pieces that the model must take.

  Raises:
    InputError: it is missing, or too small for max_seq_length.
  """
  source = paths.albert_config_file or files.look_for(
    _places(folder, checkpoint), CONFIG_NAMES
  )
  if source:
    albert = modeling.AlbertConfig.from_json_file(source)
  elif checkpoint:
    source = checkpoint
    albert = _read_config_off(checkpoint, paths.albert_version)
  else:
    raise files.not_found(folder, CONFIG_NAMES, "--albert_config_file")
  if max_seq_length > albert.max_position_embeddings:
    raise InputError(
      "--max_seq_length is %d, expected at most max_position_embeddings of "
      "%s, which is %d"
      % (max_seq_length, source, albert.max_position_embeddings)
    )
  return albert, source


def _read_config_off(checkpoint, version):
  """Returns the AlbertConfig of a checkpoint without one, and logs it."""
  if not version:
    # Without a version in the path it is BioALBERT, of which v1.0 and v1.1 are
    # published. ALBERT's own archives have a config.
    named = re.findall(r"(?<![a-z])v([12])(?!\d)", checkpoint.lower())
    version = named[-1] if named else "1"
  albert = modeling.AlbertConfig.from_checkpoint(checkpoint, int(version))
  logging.info(
    "%s: no config beside it; its shapes are those of an ALBERT with %d layers "
    "of %d and %d heads; dropout %g, as in version %s (--albert_version)",
    checkpoint,
    albert.num_hidden_layers,
    albert.hidden_size,
    albert.num_attention_heads,
    albert.hidden_dropout_prob,
    version,
  )
  return albert


def hash_config(albert, source):
  """Returns the SHA-256 of a config's file, or of its JSON without a file."""
  if files.exists(source):
    return files.sha256(source)
  return hashlib.sha256(albert.to_json_string().encode()).hexdigest()


def read_learned(folders, task):
  """Returns what an earlier run learned from its training set (task.json).

  Args:
    folders: where to look, the first one first; None is skipped.
    task: name of the task that needs it.

  Raises:
    InputError: there is none, or it is another task's.
  """
  folders = [folder for folder in folders if folder]
  for folder in folders:
    path = os.path.join(folder, run_files.LEARNED)
    learned = run_files.read_learned(folder)
    if learned is not None:
      # Folders written by earlier versions do not name their task.
      found = learned.pop("task", task)
      if found != task:
        raise InputError(
          "%s: the model was fine-tuned for the task %s, expected %s"
          % (path, found, task)
        )
      run_files.check_learned(learned, task, path)
      return learned
  raise InputError(
    "no task.json in %s: nothing was fine-tuned there; give --do_train, or the "
    "folder of a fine-tuned model as --bioalbert_dir" % ", ".join(folders)
  )


def write_learned(folder, task, learned):
  """Writes task.json and labels.txt, which predicting needs later."""
  path = os.path.join(folder, run_files.LEARNED)
  files.write_json(path, dict(learned, task=task))
  labels = learned.get("labels")
  if labels:
    files.write_text(
      os.path.join(folder, "labels.txt"), "".join(x + "\n" for x in labels)
    )


def write_model(folder, config, vocabulary):
  """Writes config and vocabulary, which make a folder a --bioalbert_dir.

  Args:
    folder: of the checkpoints.
    config: an AlbertConfig.
    vocabulary: paths of the vocabulary's files.
  """
  files.write_text(
    os.path.join(folder, "albert_config.json"), config.to_json_string()
  )
  for source in vocabulary:
    target = os.path.join(folder, os.path.basename(source))
    files.write(target, files.read(source))


def hash_checkpoint(checkpoint):
  """Returns the SHA-256 of a checkpoint's files, data before index, as hex."""
  return files.sha256(*state.checkpoint_files(checkpoint))


def versions():
  """Returns {name: version} of the software that results depend on."""
  return {
    "python": sys.version.split()[0],
    "tensorflow": tf.__version__,
    "numpy": np.__version__,
    "sentencepiece": sentencepiece.__version__,
  }


def commit():
  """Returns this checkout's commit, "+" appended if files changed, or None."""
  here = os.path.dirname(os.path.abspath(__file__))

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
