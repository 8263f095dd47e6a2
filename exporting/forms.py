# SPDX-License-Identifier: Apache-2.0
"""A model in other forms, each checked by what it computes.

`run` writes one of four: a SavedModel for TensorFlow Serving, a folder for
Hugging Face transformers, a checkpoint made of such a folder, or the model's
own folder without what only training needs. Nothing is left behind if what was
written does not compute what the model computes.
"""

import os

from absl import logging
import numpy as np
import tensorflow.compat.v1 as tf

from common import files
from common.errors import InputError
from common.errors import first_five
from exporting import model_cards
from exporting import model_folders
from exporting import transformers_weights
import modeling
import tokenization
from training import heads

# The greatest differences that rounding explains: of the same products, and of
# another library's.
SAME_TOLERANCE = 1e-5
TORCH_TOLERANCE = 1e-4
SIGNATURE = "serving_default"


def run(config):
  """Exports a model as the flags of scripts/export.py say.

  Raises:
    InputError: what is wrong with flags, folders or results; nothing is
      written then.
  """
  if config.format == "checkpoint":
    _export_checkpoint(config)
    return
  if not config.bioalbert_dir:
    raise InputError("--format=%s needs --bioalbert_dir" % config.format)
  source = model_folders.load(
    config.bioalbert_dir,
    config.eval_checkpoint,
    albert_config_file=config.albert_config_file,
    vocab_file=config.vocab_file,
    spm_model_file=config.spm_model_file,
  )
  logging.info(
    "%s: %s, exported as %s",
    source.checkpoint,
    "fine-tuned (%s)" % source.task if source.task else "pretrained",
    config.format,
  )
  write = {
    "saved_model": _export_saved_model,
    "transformers": _export_transformers,
    "folder": _export_folder,
  }[config.format]
  write(source, config)


def compare(expected, found, what, tolerance):
  """Logs how far apart outputs of the same names are.

  Args:
    expected: {name: array}.
    found: {name: array}, all of whose names are expected.
    what: is compared with what, for the message.
    tolerance: how far apart they may be.

  Raises:
    InputError: an output differs by more.
  """
  apart = {n: float(np.abs(expected[n] - found[n]).max()) for n in found}
  worst = max(apart, key=apart.get)
  logging.info(
    "check: %s: %s",
    what,
    ", ".join("%s %.1e" % pair for pair in sorted(apart.items())),
  )
  logging.info("check: max absolute difference %.1e", apart[worst])
  if not apart[worst] <= tolerance:  # NaN too.
    raise InputError(
      "%s: %s differs by %g, expected at most %g; nothing was written"
      % (what, worst, apart[worst], tolerance)
    )


# ---------------------------------------------------------------- a SavedModel


def served(outputs):
  """Returns those of a model's outputs that a SavedModel gives.

  A fine-tuned model's predictions, a pretrained one's encoding.
  """
  encoding = ("sequence_output", "pooled_output")
  learned = ("masked_lm_logits", "sentence_order_logits")
  predictions = [n for n in outputs if n not in encoding + learned]
  return {name: outputs[name] for name in predictions or encoding}


def _export_saved_model(source, config):
  """Writes output_dir/version, as TensorFlow Serving has its models."""
  target, place = config.output_dir, str(config.version)
  if _holds_versions(target):
    target, place = os.path.join(target, place), ""
  contents = model_folders.model_files(source)
  contents["README.md"] = model_cards.serving(source).encode("utf-8")
  with model_folders.writing(target) as folder:
    folder = os.path.join(folder, place).rstrip("/")
    with model_folders.restored(source) as (session, features, outputs):
      write_saved_model(session, features, served(outputs), folder)
    model_folders.write_all(os.path.join(folder, "assets.extra"), contents)
    if config.check:
      batch = model_folders.sample_batch(source)
      compare(
        model_folders.compute(source, batch),
        run_saved_model(folder, batch),
        "the SavedModel and %s" % source.checkpoint,
        SAME_TOLERANCE,
      )


def _holds_versions(folder):
  """Whether a folder has versions of a SavedModel in it, and nothing else."""
  names = tf.io.gfile.isdir(folder) and tf.io.gfile.listdir(folder)
  return bool(names) and all(name.rstrip("/").isdigit() for name in names)


def write_saved_model(session, features, outputs, folder):
  """Writes a SavedModel with the one signature serving_default.

  Args:
    session: with the variables' values.
    features: {name: placeholder}.
    outputs: {name: tensor}.
    folder: to be made, or empty.
  """
  if tf.io.gfile.exists(folder):
    tf.io.gfile.rmtree(folder)  # The builder makes it itself.
  builder = tf.saved_model.Builder(folder)
  builder.add_meta_graph_and_variables(
    session,
    [tf.saved_model.tag_constants.SERVING],
    signature_def_map={
      SIGNATURE: tf.saved_model.predict_signature_def(features, outputs)
    },
    strip_default_attrs=True,  # So that an older TensorFlow can load it.
  )
  builder.save()


def run_saved_model(folder, batch):
  """Returns {name: array}: what a SavedModel's signature gives for a batch."""
  with tf.Graph().as_default(), tf.Session() as session:
    meta = tf.saved_model.loader.load(
      session, [tf.saved_model.tag_constants.SERVING], folder
    )
    signature = meta.signature_def[SIGNATURE]
    return session.run(
      {name: info.name for name, info in signature.outputs.items()},
      {info.name: batch[name] for name, info in signature.inputs.items()},
    )


# ----------------------------------------------------------------- transformers


def _export_transformers(source, config):
  """Writes a folder that transformers loads."""
  ours = model_folders.read_weights(source)
  theirs, unused = transformers_weights.to_transformers(
    ours, source.config.to_dict()
  )
  _warn_of_unused(unused, source.checkpoint)
  contents = _transformers_files(source, theirs)
  with model_folders.writing(config.output_dir) as folder:
    model_folders.write_all(folder, contents)
    if config.check:
      _check_read_back(folder, {n: ours[n] for n in ours if n not in unused})
      batch = model_folders.sample_batch(source)
      expected = model_folders.compute(source, batch)
      if _check_torch(folder, expected, batch, source.checkpoint):
        _check_pieces(source, folder)


def _warn_of_unused(names, place):
  if names:
    logging.warning(
      "%s: without a place there, left out: %s", place, first_five(names)
    )


def _transformers_files(source, theirs):
  """{name: bytes} of a folder for transformers."""
  labels = ("value",) if source.head == "score" else source.labels
  config = transformers_weights.make_config(
    source.config.to_dict(),
    source.head,
    labels,
    source.tokenizer,
    heads.HEAD_DROPOUT,
  )
  contents = transformers_weights.tokenizer_files(
    source.tokenizer, source.config.max_position_embeddings
  )
  contents.update(model_folders.description_files(source))
  contents[transformers_weights.CONFIG] = files.json_text(config).encode()
  contents[transformers_weights.WEIGHTS] = transformers_weights.weights_bytes(
    theirs
  )
  contents["README.md"] = model_cards.transformers(source).encode("utf-8")
  return contents


def _check_torch(folder, expected, batch, place):
  """Compares with what transformers computes; says if it is not installed."""
  missing = transformers_weights.missing_packages()
  if missing:
    logging.warning(
      "check: not compared with transformers, for lack of %s; pip install -r "
      "requirements-export.txt",
      " and ".join(missing),
    )
    return False
  found = transformers_weights.forward(folder, batch)
  if "value" in expected:
    found["value"] = found.pop("logits")[:, 0]
  compare(expected, found, "transformers and %s" % place, TORCH_TOLERANCE)
  return True


def _check_read_back(folder, ours):
  """Compares the weights, read back, with those of the checkpoint."""
  theirs, _ = transformers_weights.read_weights(folder)
  back, _ = transformers_weights.from_transformers(
    theirs, transformers_weights.read_config(folder)
  )
  _check_equal(ours, back, "weights read back")


def _check_equal(expected, found, what):
  """Logs that arrays are equal to the bit; stops at one that is not."""
  for name in sorted(set(expected) | set(found)):
    if not np.array_equal(expected.get(name), found.get(name)):
      raise InputError("%s: %s is not what was written" % (what, name))
  logging.info("check: %s, %d arrays equal to the bit", what, len(expected))


def _check_pieces(source, folder):
  """Says whether transformers' tokenizer makes the same ids of text."""
  texts = model_folders.TEXTS
  theirs = transformers_weights.pieces(folder, texts)
  same = sum(t == source.tokenizer.encode(x) for t, x in zip(theirs, texts))
  logging.info(
    "check: transformers' tokenizer gives the same ids for %d of %d texts",
    *(same, len(texts)),
  )


# ----------------------------------------------------------- from transformers


def _export_checkpoint(config):
  """Makes a --bioalbert_dir of a folder of transformers."""
  origin = getattr(config, "from")
  if not origin:
    raise InputError(
      "--format=checkpoint needs --from, a folder of transformers"
    )
  values = transformers_weights.read_config(origin)
  albert = modeling.AlbertConfig.from_dict(values)
  theirs, path = transformers_weights.read_weights(origin)
  try:
    ours, unused = transformers_weights.from_transformers(theirs, values)
  except InputError as e:
    raise InputError("%s: %s" % (path, e)) from None
  _check_shapes(albert, ours, path)
  _warn_of_unused(unused, path)
  contents = _imported_files(origin, albert)
  with model_folders.writing(config.output_dir) as folder:
    model_folders.write_checkpoint(
      os.path.join(folder, model_folders.CHECKPOINT), ours
    )
    model_folders.write_all(folder, contents)
    if config.check:
      _check_imported(origin, folder, ours)


def _check_shapes(albert, ours, path):
  """Refuses weights of another config."""
  with tf.Graph().as_default():
    modeling.AlbertModel(albert, False, tf.zeros([1, 2], tf.int32))
    shapes = {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}
  for name, shape in sorted(shapes.items()):
    if list(ours[name].shape) != shape:
      raise InputError(
        "%s: %s is %s, %s by the config"
        % (path, name, list(ours[name].shape), shape)
      )


def _imported_files(origin, albert):
  """{name: bytes} that make a --bioalbert_dir of weights."""
  tokenizer = tokenization.load(transformers_weights.find_vocabulary(origin))
  tokenization.check_vocab_size(tokenizer, albert.vocab_size, origin)
  contents = {"albert_config.json": albert.to_json_string().encode()}
  for path in tokenizer.files:
    contents[os.path.basename(path)] = files.read(path)
  for name in ("task.json", "labels.txt", "run_config.json"):
    path = os.path.join(origin, name)
    if files.exists(path):
      contents[name] = files.read(path)
  lower = transformers_weights.read_case(origin)
  if "run_config.json" not in contents and lower is not None:
    contents["run_config.json"] = files.json_text(
      {"training": {"do_lower_case": lower}}
    ).encode()
  if "task.json" not in contents:
    logging.info("no task.json there: written is a model to fine-tune from")
  return contents


def _check_imported(origin, folder, ours):
  """Compares restored weights with the source's, and what both compute."""
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


# ---------------------------------------------------------- a folder to hand on


def _export_folder(source, config):
  """Writes the model's own folder without what only training needs."""
  contents = model_folders.model_files(source)
  contents["README.md"] = model_cards.folder(source).encode("utf-8")
  weights = model_folders.read_weights(source, step=True)
  with model_folders.writing(config.output_dir) as folder:
    model_folders.write_checkpoint(
      os.path.join(folder, model_folders.CHECKPOINT), weights
    )
    model_folders.write_all(folder, contents)
    sums = model_folders.checksums(folder).encode("utf-8")
    model_folders.write_all(folder, {"SHA256SUMS": sums})
    if config.check:
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
