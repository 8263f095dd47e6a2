# SPDX-License-Identifier: Apache-2.0
"""Converts weights of ALBERT to and from those of Hugging Face transformers.

`ours` are NumPy arrays under the names of the ALBERT release, `theirs` under
the names of transformers' AlbertModel and its heads. The matrix of a dense
layer is [in, out] in ours and [out, in] in theirs. This needs no TensorFlow,
and PyTorch only to read a pytorch_model.bin.
"""

import collections
import importlib
import os

import numpy as np
import safetensors
import safetensors.numpy

from common import files
from common.errors import InputError
from common.errors import first_five
from common.errors import reason_of

WEIGHTS = "model.safetensors"
TORCH_WEIGHTS = "pytorch_model.bin"

Pair = collections.namedtuple("Pair", "ours theirs transposed")

# Endings of a layer's arrays: (ours, theirs, whether transposed).
DENSE = (("/kernel", ".weight", True), ("/bias", ".bias", False))
NORM = (("/gamma", ".weight", False), ("/beta", ".bias", False))
TABLE = (("", ".weight", False),)
HEAD = (("output_weights", ".weight", False), ("output_bias", ".bias", False))
BIAS = (("", "", False),)

EMBEDDINGS = [
  ("bert/embeddings/" + name, "embeddings." + name, ends)
  for name, ends in (
    ("word_embeddings", TABLE),
    ("token_type_embeddings", TABLE),
    ("position_embeddings", TABLE),
    ("LayerNorm", NORM),
  )
]
MAPPING = (
  "bert/encoder/embedding_hidden_mapping_in",
  "encoder.embedding_hidden_mapping_in",
  DENSE,
)
OUR_BLOCK = "bert/encoder/transformer/group_%d/inner_group_%d/"
THEIR_BLOCK = "encoder.albert_layer_groups.%d.albert_layers.%d."
BLOCK = (
  ("attention_1/self/query", "attention.query", DENSE),
  ("attention_1/self/key", "attention.key", DENSE),
  ("attention_1/self/value", "attention.value", DENSE),
  ("attention_1/output/dense", "attention.dense", DENSE),
  ("LayerNorm", "attention.LayerNorm", NORM),
  ("ffn_1/intermediate/dense", "ffn", DENSE),
  ("ffn_1/intermediate/output/dense", "ffn_output", DENSE),
  ("LayerNorm_1", "full_layer_layer_norm", NORM),
)
POOLER = ("bert/pooler/dense", "pooler", DENSE)
HEADS = (
  ("cls/predictions/transform/dense", "predictions.dense", DENSE),
  ("cls/predictions/transform/LayerNorm", "predictions.LayerNorm", NORM),
  ("cls/predictions/output_bias", "predictions.bias", BIAS),
  ("cls/seq_relationship/", "sop_classifier.classifier", HEAD),
  ("cls/squad/", "qa_outputs", HEAD),
  ("", "classifier", HEAD),
)
# Arrays of theirs that repeat another array, and arrays that are not weights.
TIED = {
  "predictions.decoder.weight": "albert.embeddings.word_embeddings.weight",
  "predictions.decoder.bias": "predictions.bias",
}
BUFFERS = ("albert.embeddings.position_ids", "albert.embeddings.token_type_ids")
PREFIX = "albert."


# ------------------------------------------------------------ names and shapes


def encoder_pairs(config):
  """Returns the Pairs of the arrays in the encoder, embeddings and pooler.

  The keys of `config` that this reads are the same in both libraries.
  """
  layers = list(EMBEDDINGS)
  if config["embedding_size"] != config["hidden_size"]:
    layers.append(MAPPING)
  for group in range(config["num_hidden_groups"]):
    for inner in range(config["inner_group_num"]):
      ours, theirs = (x % (group, inner) for x in (OUR_BLOCK, THEIR_BLOCK))
      layers += [(ours + o, theirs + t, ends) for o, t, ends in BLOCK]
  layers.append(POOLER)
  return _pairs(
    [(ours, PREFIX + theirs, ends) for ours, theirs, ends in layers]
  )


def head_pairs():
  """Returns the Pairs of the arrays in all heads."""
  return _pairs(HEADS)


def _pairs(layers):
  return [
    Pair(ours + our_end, theirs + their_end, transposed)
    for ours, theirs, endings in layers
    for our_end, their_end, transposed in endings
  ]


def to_transformers(ours, config):
  """Returns (theirs, names of ours without a counterpart).

  Raises:
    InputError: a part of the encoder is missing, or transformers would use
      other groups for some layers.
  """
  _check_groups(config)
  encoder, heads = encoder_pairs(config), head_pairs()
  _check_complete([p.ours for p in encoder], ours)
  found = [p for p in encoder + heads if p.ours in ours]
  theirs = {p.theirs: _transpose(ours[p.ours], p) for p in found}
  if config["embedding_size"] == config["hidden_size"]:
    # transformers always maps the embeddings; the release only if the sizes
    # differ.
    theirs.update(_identity(config["hidden_size"]))
  return theirs, sorted(set(ours) - {p.ours for p in found})


def from_transformers(theirs, config):
  """Returns (ours, names of theirs without a counterpart).

  Raises:
    InputError: a part of the encoder is missing, or our model cannot compute
      the same.
  """
  _check_groups(config)
  theirs = _add_prefix(theirs)
  _check_tied(theirs)
  encoder, heads = encoder_pairs(config), head_pairs()
  _check_complete([p.theirs for p in encoder], theirs)
  found = [p for p in encoder + heads if p.theirs in theirs]
  known = {p.theirs for p in found} | set(TIED) | set(BUFFERS)
  if config["embedding_size"] == config["hidden_size"]:
    identity = _identity(config["hidden_size"])
    if not all(np.array_equal(theirs.get(n), a) for n, a in identity.items()):
      raise InputError(
        "embedding_size equals hidden_size (%d), but %s is not the identity; "
        "expected the identity, because the release has no such layer"
        % (config["hidden_size"], PREFIX + MAPPING[1])
      )
    known |= set(identity)
  ours = {p.ours: _transpose(theirs[p.theirs], p) for p in found}
  return ours, sorted(set(theirs) - known)


def _identity(size):
  """Returns their embedding mapping that changes nothing, {name: array}."""
  name = PREFIX + MAPPING[1]
  return {
    name + ".weight": np.eye(size, dtype=np.float32),
    name + ".bias": np.zeros([size], np.float32),
  }


def _transpose(array, pair):
  return np.ascontiguousarray(array.T if pair.transposed else array)


def _check_complete(names, arrays):
  lacking = [name for name in names if name not in arrays]
  if lacking:
    raise InputError(
      "the encoder lacks %d of its %d arrays: %s"
      % (len(lacking), len(names), first_five(lacking))
    )


def _check_groups(config):
  """Rejects sizes for which the two libraries round to different groups."""
  layers, groups = config["num_hidden_layers"], config["num_hidden_groups"]
  for i in range(layers):
    if int(i / layers * groups) != int(i / (layers / groups)):
      raise InputError(
        "%d layers in %d groups: transformers and the ALBERT release use "
        "different weights for layer %d; expected a number of groups that "
        "divides the number of layers" % (layers, groups, i)
      )


def _add_prefix(theirs):
  """Adds the prefix that names of a bare AlbertModel lack."""
  if any(name.startswith(PREFIX) for name in theirs):
    return theirs
  return {PREFIX + name: array for name, array in theirs.items()}


def _check_tied(theirs):
  for name, source in TIED.items():
    if name in theirs and not np.array_equal(theirs[name], theirs.get(source)):
      raise InputError(
        "%s differs from %s, expected them to be equal: the release's "
        "masked-word head shares them" % (name, source)
      )


# ----------------------------------------------------------------------- files


def weights_bytes(theirs):
  """Returns the content of model.safetensors."""
  # transformers insists on "pt", even if PyTorch did not write the file.
  return safetensors.numpy.save(theirs, metadata={"format": "pt"})


def read_weights(folder):
  """Returns ({name: float32 array}, path of the file).

  Raises:
    InputError: there is no file, it is damaged, or it needs PyTorch, which is
      not installed.
  """
  path = os.path.join(folder, WEIGHTS)
  if files.exists(path):
    arrays = _read_safetensors(path)
  elif files.exists(os.path.join(folder, TORCH_WEIGHTS)):
    path = os.path.join(folder, TORCH_WEIGHTS)
    arrays = _read_torch(path)
  else:
    raise InputError(
      "%s: has no weights, expected %s or %s" % (folder, WEIGHTS, TORCH_WEIGHTS)
    )
  return {
    name: array.astype(np.float32) if array.dtype.kind == "f" else array
    for name, array in arrays.items()
  }, path


def _read_safetensors(path):
  try:
    return safetensors.numpy.load(files.read(path))
  except safetensors.SafetensorError as e:
    raise InputError("%s: damaged (%s)" % (path, e)) from None
  except (KeyError, TypeError) as e:  # A type that NumPy lacks.
    raise InputError(
      "%s: contains numbers of type %s, expected F32 or F16" % (path, e)
    ) from None


def _read_torch(path):
  try:
    torch = importlib.import_module("torch")
  except ImportError:
    raise InputError(
      "%s: reading it needs PyTorch, which is not installed; expected %s, or "
      "pip install -r requirements-export.txt" % (path, WEIGHTS)
    ) from None
  try:
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in tensors.items()}
  except Exception as e:  # PyTorch's errors have no common base class.
    raise InputError(
      "%s: cannot be read as PyTorch weights (%s)" % (path, reason_of(e))
    ) from None
