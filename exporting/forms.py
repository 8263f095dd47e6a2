# SPDX-License-Identifier: Apache-2.0
"""Exports models and checks that the exports compute the same outputs.

`export_model` writes a SavedModel for TensorFlow Serving, a folder for Hugging
Face transformers, or the model's folder without its training state;
`import_transformers` reads a folder for transformers. If the outputs differ,
nothing is written.
"""

import collections
import os

from absl import logging
import numpy as np
import tensorflow.compat.v1 as tf

from common import files
from common import run_files
from common.errors import InputError
from common.errors import first_five
from exporting import model_cards
from exporting import model_folders
from exporting import transformers_check
from exporting import transformers_files
from exporting import transformers_weights
import modeling
import tokenization
from training import heads
from training import saved_models

# The largest differences due to rounding, within TensorFlow and to PyTorch.
SAME_TOLERANCE = 1e-5
TORCH_TOLERANCE = 1e-4

# folder: new or empty. version: number of a SavedModel. check: whether to
# compare what the export and the model compute.
Target = collections.namedtuple("Target", "folder version check")


def export_model(form, source, target):
  """Exports a Source as a "saved_model", for "transformers" or as a "folder".

  Raises:
    InputError: the target is not empty, or the export computes something else;
      nothing is written then.
  """
  kind = "fine-tuned (%s)" % source.task if source.task else "pretrained"
  logging.info("exporting %s, %s, as %s", source.checkpoint, kind, form)
  write = {
    "saved_model": _write_saved_model,
    "transformers": _write_transformers,
    "folder": _write_folder,
  }[form]
  write(source, target)


def compare(expected, found, what, tolerance):
  """Logs the differences of the outputs `found`, {name: array}, from expected.

  `what` names both sides in messages.

  Raises:
    InputError: the absolute difference of an output exceeds the tolerance.
  """
  differences = {n: float(np.abs(expected[n] - found[n]).max()) for n in found}
  worst = max(differences, key=differences.get)
  logging.info(
    "check: %s: %s",
    what,
    ", ".join("%s %.1e" % pair for pair in sorted(differences.items())),
  )
  logging.info("check: max absolute difference %.1e", differences[worst])
  if not differences[worst] <= tolerance:  # Also catches NaN.
    raise InputError(
      "%s: %s differs by %g, expected at most %g; nothing was written"
      % (what, worst, differences[worst], tolerance)
    )


# ---------------------------------------------------------------- a SavedModel


def _served_outputs(outputs):
  """Returns the outputs that a SavedModel has, {name: tensor}.

  They are a fine-tuned model's predictions, or a pretrained model's encoding.
  """
  encoding = ("sequence_output", "pooled_output")
  learned = ("masked_lm_logits", "sentence_order_logits")
  predictions = [n for n in outputs if n not in encoding + learned]
  return {name: outputs[name] for name in predictions or encoding}


def _write_saved_model(source, target):
  """Writes folder/version, the layout of TensorFlow Serving."""
  place, version = target.folder, str(target.version)
  if _holds_versions(place):  # Add one next to them.
    place, version = os.path.join(place, version), ""
  contents = model_folders.model_files(source)
  contents["README.md"] = model_cards.serving(source).encode("utf-8")
  with model_folders.writing(place) as folder:
    folder = os.path.join(folder, version).rstrip("/")
    with model_folders.restored(source) as (session, features, outputs):
      saved_models.build(session, features, _served_outputs(outputs), folder)
    model_folders.write_all(os.path.join(folder, "assets.extra"), contents)
    if target.check:
      batch = model_folders.sample_batch(source)
      compare(
        model_folders.compute(source, batch),
        saved_models.SavedModel(folder)(batch),
        "the SavedModel and %s" % source.checkpoint,
        SAME_TOLERANCE,
      )


def _holds_versions(folder):
  """Returns whether a folder contains versions of a SavedModel only."""
  names = tf.io.gfile.isdir(folder) and tf.io.gfile.listdir(folder)
  names = [n for n in names or [] if not model_folders.is_partial(n, r"\d+")]
  return bool(names) and all(name.rstrip("/").isdigit() for name in names)


# ----------------------------------------------------------------- transformers


def _write_transformers(source, target):
  """Writes a folder that transformers can load."""
  ours = model_folders.read_weights(source)
  theirs, unused = transformers_weights.to_transformers(
    ours, source.config.to_dict()
  )
  _warn_of_unused(unused, source.checkpoint)
  contents = _make_transformers_files(source, theirs)
  with model_folders.writing(target.folder) as folder:
    model_folders.write_all(folder, contents)
    if target.check:
      _check_read_back(folder, {n: ours[n] for n in ours if n not in unused})
      batch = model_folders.sample_batch(source)
      expected = model_folders.compute(source, batch)
      if _check_torch(folder, expected, batch, source.checkpoint):
        _check_pieces(source, folder)


def _warn_of_unused(names, path):
  if names:
    logging.warning(
      "%s: left out weights without a counterpart: %s", path, first_five(names)
    )


def _make_transformers_files(source, theirs):
  """Returns {name: bytes} of a folder for transformers."""
  labels = ("value",) if source.head == "score" else source.labels
  config = transformers_files.make_config(
    source.config.to_dict(),
    source.head,
    labels,
    source.tokenizer,
    heads.HEAD_DROPOUT,
  )
  contents = transformers_files.tokenizer_files(
    source.tokenizer, source.config.max_position_embeddings
  )
  contents.update(model_folders.description_files(source))
  contents[transformers_files.CONFIG] = files.json_text(config).encode()
  contents[transformers_weights.WEIGHTS] = transformers_weights.weights_bytes(
    theirs
  )
  contents["README.md"] = model_cards.transformers(source).encode("utf-8")
  return contents


def _check_torch(folder, expected, batch, place):
  """Compares outputs with those of transformers.

  Returns whether transformers is installed; warns if it is not.
  """
  missing = transformers_check.missing_packages()
  if missing:
    logging.warning(
      "check: not compared with transformers, for want of %s; pip install -r "
      "requirements-export.txt",
      " and ".join(missing),
    )
    return False
  found = transformers_check.forward(folder, batch)
  if "value" in expected:
    found["value"] = found.pop("logits")[:, 0]
  compare(expected, found, "transformers and %s" % place, TORCH_TOLERANCE)
  return True


def _check_read_back(folder, ours):
  """Reads the weights back and compares them with the checkpoint's."""
  theirs, _ = transformers_weights.read_weights(folder)
  back, _ = transformers_weights.from_transformers(
    theirs, transformers_files.read_config(folder)
  )
  _check_equal(ours, back, "weights read back")


def _check_equal(expected, found, what):
  """Checks that arrays are identical; InputError for one that is not."""
  for name in sorted(set(expected) | set(found)):
    if not np.array_equal(expected.get(name), found.get(name)):
      raise InputError("%s: %s differs from what was written" % (what, name))
  logging.info("check: %s: all %d arrays are identical", what, len(expected))


def _check_pieces(source, folder):
  """Logs for how many texts transformers' tokenizer gives the same ids."""
  texts = model_folders.TEXTS
  theirs = transformers_check.piece_ids(folder, texts)
  same = sum(t == source.tokenizer.encode(x) for t, x in zip(theirs, texts))
  logging.info(
    "check: transformers' tokenizer gives the same ids for %d of %d texts",
    *(same, len(texts)),
  )


# ----------------------------------------------------------- from transformers


def import_transformers(origin, target):
  """Makes a model folder (--bioalbert_dir) from a folder for transformers.

  Raises:
    InputError: the origin is not an ALBERT that our model computes, or the
      target is not empty; nothing is written then.
  """
  values = transformers_files.read_config(origin)
  albert = modeling.AlbertConfig.from_dict(values)
  theirs, path = transformers_weights.read_weights(origin)
  try:
    ours, unused = transformers_weights.from_transformers(theirs, values)
  except InputError as e:
    raise InputError("%s: %s" % (path, e)) from None
  _check_shapes(albert, ours, path)
  _warn_of_unused(unused, path)
  contents = _make_imported_files(origin, albert)
  with model_folders.writing(target.folder) as folder:
    model_folders.write_checkpoint(
      os.path.join(folder, model_folders.CHECKPOINT), ours
    )
    model_folders.write_all(folder, contents)
    if target.check:
      _check_imported(origin, folder, ours)


def _check_shapes(albert, ours, path):
  """Rejects weights whose shapes do not fit the config."""
  with tf.Graph().as_default():
    modeling.AlbertModel(albert, False, tf.zeros([1, 2], tf.int32))
    shapes = {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}
  for name, shape in sorted(shapes.items()):
    if list(ours[name].shape) != shape:
      raise InputError(
        "%s: %s has shape %s, expected %s as in the config"
        % (path, name, list(ours[name].shape), shape)
      )


def _make_imported_files(origin, albert):
  """Returns {name: bytes} of a model folder, without the weights."""
  tokenizer = tokenization.load(transformers_files.find_vocabulary(origin))
  tokenization.check_vocab_size(tokenizer, albert.vocab_size, origin)
  contents = {"albert_config.json": albert.to_json_string().encode()}
  for path in tokenizer.files:
    contents[os.path.basename(path)] = files.read(path)
  for name in (run_files.LEARNED, "labels.txt", run_files.DESCRIPTION):
    path = os.path.join(origin, name)
    if files.exists(path):
      contents[name] = files.read(path)
  lower = transformers_files.read_case(origin)
  if run_files.DESCRIPTION not in contents and lower is not None:
    contents[run_files.DESCRIPTION] = files.json_text(
      {"training": {"do_lower_case": lower}}
    ).encode()
  if run_files.LEARNED not in contents:
    logging.info("%s has no task.json: importing a model to fine-tune", origin)
  return contents


def _check_imported(origin, folder, ours):
  """Compares the restored weights and the outputs with the origin's."""
  source = model_folders.load(folder)
  with tf.Graph().as_default(), tf.Session() as session:
    model_folders.outputs_of(source, model_folders.placeholders())
    modeling.restore(source.checkpoint)
    session.run(tf.global_variables_initializer())
    variables = {v.op.name: v for v in tf.trainable_variables()}
    restored = session.run(variables)
  _check_equal({name: ours[name] for name in restored}, restored, "restored")
  batch = model_folders.sample_batch(source)
  _check_torch(origin, model_folders.compute(source, batch), batch, folder)


# ---------------------------------------------------------- a folder to share


def _write_folder(source, target):
  """Writes the model's folder without its training state."""
  contents = model_folders.model_files(source)
  contents["README.md"] = model_cards.folder(source).encode("utf-8")
  weights = model_folders.read_weights(source, step=True)
  with model_folders.writing(target.folder) as folder:
    model_folders.write_checkpoint(
      os.path.join(folder, model_folders.CHECKPOINT), weights
    )
    model_folders.write_all(folder, contents)
    sums = model_folders.checksums(folder).encode("utf-8")
    model_folders.write_all(folder, {"SHA256SUMS": sums})
    if target.check:
      batch = model_folders.sample_batch(source)
      compare(
        model_folders.compute(source, batch),
        model_folders.compute(model_folders.load(folder), batch),
        "the new folder and %s" % source.checkpoint,
        SAME_TOLERANCE,
      )
    logging.info(
      "%s: %.2f MB; exported: %.2f MB",
      source.folder,
      model_folders.megabytes(source.folder),
      model_folders.megabytes(folder),
    )
