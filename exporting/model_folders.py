# SPDX-License-Identifier: Apache-2.0
"""Loads a model's folder, runs the model, and writes another folder like it.

The folder is a --bioalbert_dir. The head of a fine-tuned model is "tokens",
"classes", "score", "labels" or "span", as in training/heads.py. The head of a
pretrained model depends on its checkpoint: "pretraining" (both heads of
pretraining), "words" (masked words only) or "encoder" (none).
"""

import collections
import contextlib
import os
import re
import shutil

from absl import logging
import tensorflow.compat.v1 as tf

from common import files
from common import run_files
from common.errors import InputError
from common.errors import first_five
from common.errors import reason_of
import modeling
from training import batches
from training import heads
from training import model_folder
from training import state

# The head of each task.
HEADS = {
  "ner": "tokens",
  "re": "classes",
  "sts": "score",
  "nli": "classes",
  "dc": "labels",
  "qa": "span",
  "yesno": "classes",
}
TEXTS = (
  "Germline mutations of BRCA1 raise the risk of breast cancer.",
  "No fever was seen in 12 of 42 patients who were given aspirin (100 mg/day), "
  "a COX-1 inhibitor.",
)
CHECKPOINT = "model.ckpt-best"
FEATURES = ("input_ids", "input_mask", "segment_ids")

# config: an AlbertConfig. task: a key of HEADS; None for a pretrained model.
# labels: names by id. learned: content of task.json. described: content of
# run_config.json.
Source = collections.namedtuple(
  "Source",
  "folder config tokenizer checkpoint task head labels learned described",
)


# --------------------------------------------------------------------- loading


def load(folder, which="best", **given):
  """Loads the Source in a folder and checks that its files fit together.

  Args:
    folder: folder of a fine-tuned or pretrained model.
    which: "best" (the newest if no best one was kept), "last", or the path of
      a checkpoint.
    **given: albert_config_file, vocab_file or spm_model_file, to replace the
      folder's own.
  """
  model = model_folder.load(
    model_folder.ModelPaths(
      folder, init_checkpoint=_find_checkpoint(folder, which), **given
    )
  )
  learned = run_files.read_learned(folder)
  described = run_files.read_description(folder)
  if learned is None:
    task, head = None, _pretrained_head(model.checkpoint)
  else:
    task = task_of(folder, learned, described)
    path = os.path.join(folder, run_files.LEARNED)
    run_files.check_learned(learned, task, path)
    head = HEADS[task]
  source = Source(
    folder=folder,
    config=model.config,
    tokenizer=model.tokenizer,
    checkpoint=model.checkpoint,
    task=task,
    head=head,
    labels=(learned or {}).get("labels", ()),
    learned=learned,
    described=described,
  )
  _check_checkpoint(source)
  return source


def _find_checkpoint(folder, which):
  """Returns the checkpoint to export; None for the folder's best."""
  if which != "last":
    return None if which == "best" else which
  checkpoint = state.named_checkpoint(folder)
  if checkpoint is None:
    raise InputError(
      "%s: has no last checkpoint of a training run; expected "
      "--eval_checkpoint=best or the path of a checkpoint" % folder
    )
  return checkpoint


def task_of(folder, learned, described):
  """Returns the task of a model, a key of HEADS.

  `learned` is the content of task.json, `described` that of run_config.json.
  """
  for known in (learned, described):
    if known.get("task") in HEADS:
      return known["task"]
  # Folders written by earlier versions do not name their task.
  for key, task in (
    ("inner_punctuation", "ner"),
    ("entity_marks", "re"),
    ("highest", "sts"),
    ("thresholds", "dc"),
    ("unanswerable", "qa"),
  ):
    if key in learned:
      return task
  flags = described.get("flags")
  if not flags or "labels" not in learned:
    raise InputError(
      "%s: cannot tell the model's task; expected it in task.json, or flags of "
      "the program in run_config.json" % folder
    )
  if "max_query_length" in flags:
    return "yesno"
  return "dc" if "tune_threshold" in flags else "nli"


def _pretrained_head(checkpoint):
  saved = modeling.checkpoint_shapes(checkpoint)
  if "cls/predictions/transform/dense/kernel" not in saved:
    return "encoder"
  has_order = "cls/seq_relationship/output_weights" in saved
  return "pretraining" if has_order else "words"


def _check_checkpoint(source):
  """Rejects a checkpoint that does not fit the config, task and labels."""
  with tf.Graph().as_default():
    outputs_of(source, placeholders())
    variables = {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}
  missing = modeling.match_checkpoint(source.checkpoint, variables).new
  if missing:
    raise InputError(
      "%s: does not fit the task.json and labels of %s: it has no fitting %s"
      % (source.checkpoint, source.folder, first_five(missing))
    )


# ------------------------------------------------------------ what it computes


def placeholders():
  """Returns placeholders for a batch of any size and length, {name: tensor}."""
  return {n: tf.placeholder(tf.int32, [None, None], n) for n in FEATURES}


def outputs_of(source, features):
  """Returns all outputs of a model without dropout, {name: tensor}.

  Shapes: B batch, S sequence, H hidden, L labels, V vocabulary.
    sequence_output [B, S, H], pooled_output [B, H], and by the head
    tokens: logits and probabilities [B, S, L]
    classes, labels: logits and probabilities [B, L]
    score: value [B]
    span: start_logits and end_logits [B, S], for pieces of any segment
    pretraining, words: masked_lm_logits [B, S, V]
    pretraining: sentence_order_logits [B, 2]
  """
  albert = modeling.AlbertModel(
    source.config, False, *(features[n] for n in FEATURES)
  )
  sequence, pooled = albert.get_sequence_output(), albert.get_pooled_output()
  outputs = {"sequence_output": sequence, "pooled_output": pooled}
  if source.head in ("pretraining", "words"):
    outputs.update(_pretraining_outputs(source, albert, features["input_ids"]))
  elif source.head == "span":
    with tf.variable_scope("cls/squad"):
      start, end = tf.unstack(heads.linear(sequence, 2), axis=-1)
    outputs.update(start_logits=start, end_logits=end)
  elif source.head == "score":
    outputs["value"] = tf.squeeze(heads.linear(pooled, 1), -1)
  elif source.head != "encoder":
    x = sequence if source.head == "tokens" else pooled
    logits = heads.linear(x, len(source.labels))
    normal = tf.sigmoid if source.head == "labels" else tf.nn.softmax
    outputs.update(logits=logits, probabilities=normal(logits))
  return outputs


def _pretraining_outputs(source, albert, ids):
  """Returns the logits of the pretraining heads; every piece is "masked"."""
  batch, length = modeling.shape_of(ids)
  _, words = heads.masked_words(
    source.config,
    albert.get_sequence_output(),
    albert.get_embedding_table(),
    tf.tile(tf.range(length)[tf.newaxis], [batch, 1]),
    ids,
    tf.ones_like(ids, tf.float32),
  )
  logits = tf.reshape(
    words["masked_lm_logits"], [batch, length, source.config.vocab_size]
  )
  outputs = {"masked_lm_logits": logits}
  if source.head == "pretraining":
    _, order = heads.sentence_order(
      albert.get_pooled_output(),
      tf.zeros([batch], tf.int32),
      source.config.initializer_range,
    )
    outputs["sentence_order_logits"] = order["sentence_order_logits"]
  return outputs


def sample_batch(source):
  """Returns a padded batch of a text, a pair, and a text, of legal lengths.

  The batch is {"input_ids", "input_mask", "segment_ids"}, int32 [B, S].
  """
  room = source.config.max_position_embeddings - 3
  first, second = (source.tokenizer.encode(text) for text in TEXTS)
  rows = (
    (first[:room],),
    (first[: room // 2], second[: room // 2]),
    (second[: room // 3],),
  )
  features = [batches.sequence_features(source.tokenizer, *row) for row in rows]
  return batches.pad_batch(features, {})


def compute(source, batch):
  """Returns all outputs of a model for a batch, {name: array}."""
  with restored(source) as (session, features, outputs):
    return session.run(outputs, {features[n]: batch[n] for n in FEATURES})


@contextlib.contextmanager
def restored(source):
  """Yields (session, features, outputs) of a model with its weights."""
  with tf.Graph().as_default(), tf.Session() as session:
    # TensorFlow 1.15 cannot load resource variables that 2.15 has written.
    tf.get_variable_scope().set_use_resource(False)
    features = placeholders()
    outputs = outputs_of(source, features)
    tf.train.Saver().restore(session, source.checkpoint)
    yield session, features, outputs


# --------------------------------------------------------- whole or not at all


@contextlib.contextmanager
def writing(folder):
  """Yields a temporary folder; renames it to `folder` if no error occurs.

  Raises:
    InputError: `folder` exists and is not empty.
  """
  folder = folder.rstrip("/")
  if tf.io.gfile.exists(folder):
    if not tf.io.gfile.isdir(folder) or tf.io.gfile.listdir(folder):
      raise InputError(
        "%s: already exists; expected a new or empty folder" % folder
      )
  partial = "%s.partial-%d" % (folder, os.getpid())
  try:
    tf.io.gfile.makedirs(partial)
    yield partial
    if tf.io.gfile.exists(folder):
      tf.io.gfile.rmtree(folder)
    tf.io.gfile.rename(partial, folder)
  except tf.errors.OpError as e:
    raise InputError(
      "%s: cannot be written (%s)" % (folder, reason_of(e))
    ) from None
  finally:
    if tf.io.gfile.exists(partial):
      tf.io.gfile.rmtree(partial)
  logging.info("written: %s", folder)


def is_partial(name, stem=r".*"):
  """Returns whether a folder of this name is one that `writing` yields.

  `stem` is a pattern of the name before its ending.
  """
  return re.fullmatch(stem + r"\.partial-\d+/?", name) is not None


def remove_leftovers(folder):
  """Removes what killed exports to a local folder left beside it and in it.

  Only the holder of the folder's lock may call this (scripts/export.py).
  """
  if files.is_remote(folder):  # There are no locks.
    return
  parent, name = os.path.split(folder.rstrip("/"))
  for place, stem in ((parent, re.escape(name)), (folder, r"\d+")):
    for found in files.list_names(place):
      path = os.path.join(place, found)
      if is_partial(found, stem) and os.path.isdir(path):
        logging.info("removed what a killed export left: %s", path)
        shutil.rmtree(path)


def write_all(folder, contents):
  """Writes {name: bytes} into a folder."""
  for name, data in contents.items():
    files.write(os.path.join(folder, name), data)


def description_files(source):
  """Returns {name: bytes} of a model's run_config.json, task.json, labels.txt.

  run_config.json keeps only what is true on other machines: neither the command
  nor its paths.
  """
  described = source.described
  kept = {
    key: described[key]
    for key in ("do_lower_case", "versions", "commit")
    if key in described
  }
  flags = described.get("flags", described)
  kept.update(
    vocabulary=model_folder.vocabulary_hashes(source.tokenizer.files),
    task=source.task,
    task_name=flags.get("task_name"),
    training={
      key: value
      for key, value in (described.get("training") or {}).items()
      if "/" not in str(value)
    },
    checkpoint={
      "name": os.path.basename(source.checkpoint),
      "global_step": state.checkpoint_step(source.checkpoint),
      "sha256": model_folder.hash_checkpoint(source.checkpoint),
    },
  )
  contents = {run_files.DESCRIPTION: files.json_text(kept).encode()}
  if source.learned is not None:
    learned = dict(source.learned, task=source.task)
    contents[run_files.LEARNED] = files.json_text(learned).encode()
  if source.labels:
    contents["labels.txt"] = "".join(x + "\n" for x in source.labels).encode()
  return contents


def model_files(source):
  """Returns {name: bytes} of a model's folder, without the weights."""
  contents = description_files(source)
  contents["albert_config.json"] = source.config.to_json_string().encode()
  for path in source.tokenizer.files:
    contents[os.path.basename(path)] = files.read(path)
  return contents


# -------------------------------------------------------------------- weights


def read_weights(source, step=False):
  """Returns a checkpoint's {name: array} without the training state."""
  return {
    name: value
    for name, value in modeling.read_checkpoint(source.checkpoint)
    if not modeling.TRAINING_STATE.search(name)
    or (step and name == "global_step")
  }


def write_checkpoint(path, arrays):
  """Writes {name: array} as a TensorFlow checkpoint."""
  names = sorted(arrays)
  with tf.Graph().as_default(), tf.Session() as session:
    tensors = [tf.placeholder(arrays[n].dtype, arrays[n].shape) for n in names]
    save = tf.raw_ops.SaveV2(
      prefix=path,
      tensor_names=names,
      shape_and_slices=[""] * len(names),
      tensors=tensors,
    )
    session.run(save, {t: arrays[n] for t, n in zip(tensors, names)})


def checksums(folder):
  """Returns the SHA256SUMS of a folder, as `sha256sum -c` reads it."""
  lines = []
  for name in sorted(tf.io.gfile.listdir(folder)):
    digest = files.sha256(os.path.join(folder, name))
    lines.append("%s  %s\n" % (digest, name))
  return "".join(lines)


def megabytes(folder):
  """Returns the size of a folder in MB."""
  sizes = [
    tf.io.gfile.stat(os.path.join(where, name)).length
    for where, _, names in tf.io.gfile.walk(folder)
    for name in names
  ]
  return sum(sizes) / 1e6
