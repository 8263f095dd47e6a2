# SPDX-License-Identifier: Apache-2.0
"""ALBERT as Hugging Face transformers has it: names, shapes, configuration.

A folder for transformers holds config.json, the weights (model.safetensors) and
what its tokenizer needs. Here is what that says of one of ours, in both
directions, without TensorFlow and, but for `forward`, without PyTorch.

`ours` are NumPy arrays by the names of the ALBERT release, `theirs` by those of
transformers' AlbertModel and its heads. A dense layer's matrix is [in, out] in
ours and [out, in] in theirs.
"""

import base64
import collections
import importlib
import os

import numpy as np
import safetensors
import safetensors.numpy
from sentencepiece import sentencepiece_model_pb2

from common import files
from common.errors import InputError
from common.errors import first_five

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
TORCH_WEIGHTS = "pytorch_model.bin"
TOKENIZER_CONFIG = "tokenizer_config.json"
FAST_TOKENIZER = "tokenizer.json"
SPM_MODEL = "spiece.model"
VOCABULARY = "vocab.txt"

# transformers' class for each head; see `exporting` for what heads there are.
CLASSES = {
  "tokens": "AlbertForTokenClassification",
  "classes": "AlbertForSequenceClassification",
  "score": "AlbertForSequenceClassification",
  "labels": "AlbertForSequenceClassification",
  "span": "AlbertForQuestionAnswering",
  "pretraining": "AlbertForPreTraining",
  "words": "AlbertForMaskedLM",
  "encoder": "AlbertModel",
}
PROBLEM_TYPES = {
  "classes": "single_label_classification",
  "score": "regression",
  "labels": "multi_label_classification",
}
# What both call by the same name.
SHARED_KEYS = (
  "vocab_size",
  "embedding_size",
  "hidden_size",
  "num_hidden_layers",
  "num_hidden_groups",
  "num_attention_heads",
  "intermediate_size",
  "inner_group_num",
  "hidden_dropout_prob",
  "attention_probs_dropout_prob",
  "max_position_embeddings",
  "type_vocab_size",
  "initializer_range",
)
# The release's "gelu" is the tanh approximation; transformers' is not.
ACTIVATIONS = {"gelu": "gelu_new", "": "linear", None: "linear"}
TANH_GELUS = ("gelu_new", "gelu_pytorch_tanh")
LAYER_NORM_EPS = 1e-12
WORD_START = "\u2581"  # Of SentencePiece's pieces.

Pair = collections.namedtuple("Pair", ["ours", "theirs", "transposed"])

# Endings of a layer's arrays: (ours, theirs, whether transposed).
DENSE = (("/kernel", ".weight", True), ("/bias", ".bias", False))
NORM = (("/gamma", ".weight", False), ("/beta", ".bias", False))
TABLE = (("", ".weight", False),)
HEAD = (("output_weights", ".weight", False), ("output_bias", ".bias", False))
BIAS = (("", "", False),)

EMBEDDINGS = (
  ("bert/embeddings/word_embeddings", "embeddings.word_embeddings", TABLE),
  (
    "bert/embeddings/token_type_embeddings",
    "embeddings.token_type_embeddings",
    TABLE,
  ),
  (
    "bert/embeddings/position_embeddings",
    "embeddings.position_embeddings",
    TABLE,
  ),
  ("bert/embeddings/LayerNorm", "embeddings.LayerNorm", NORM),
)
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
# Arrays of theirs that are no weights, or others' under a second name.
TIED = {
  "predictions.decoder.weight": "albert.embeddings.word_embeddings.weight",
  "predictions.decoder.bias": "predictions.bias",
}
BUFFERS = ("albert.embeddings.position_ids", "albert.embeddings.token_type_ids")
PREFIX = "albert."


# ------------------------------------------------------------ names and shapes


def encoder_pairs(config):
  """Returns the Pairs of the arrays that every model of a config has.

  Args:
    config: {key: value} with the sizes, under the names that both share.
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
  """Returns the Pairs of the arrays of all heads."""
  return _pairs(HEADS)


def _pairs(layers):
  return [
    Pair(ours + our_end, theirs + their_end, transposed)
    for ours, theirs, endings in layers
    for our_end, their_end, transposed in endings
  ]


def to_transformers(ours, config):
  """Returns (theirs, names of ours that have no place there).

  Args:
    ours: {name: array} of a model.
    config: its sizes; see encoder_pairs.

  Raises:
    InputError: a part of the encoder is missing, or transformers would run
      the layers in another order.
  """
  _check_groups(config)
  encoder, heads = encoder_pairs(config), head_pairs()
  _check_complete([p.ours for p in encoder], ours)
  there = [p for p in encoder + heads if p.ours in ours]
  theirs = {p.theirs: _turned(ours[p.ours], p) for p in there}
  if config["embedding_size"] == config["hidden_size"]:
    # It always maps the embeddings, where the release does not if it need not.
    size = config["hidden_size"]
    theirs.update(_identity(size))
  return theirs, sorted(set(ours) - {p.ours for p in there})


def from_transformers(theirs, config):
  """Returns (ours, names of theirs that have no place here).

  Args:
    theirs: {name: array}, as `read_weights` returns them.
    config: its sizes; see encoder_pairs.

  Raises:
    InputError: a part of the encoder is missing, or theirs compute what ours
      cannot.
  """
  _check_groups(config)
  theirs = _named_in_full(theirs)
  _check_tied(theirs)
  encoder, heads = encoder_pairs(config), head_pairs()
  _check_complete([p.theirs for p in encoder], theirs)
  there = [p for p in encoder + heads if p.theirs in theirs]
  known = {p.theirs for p in there} | set(TIED) | set(BUFFERS)
  if config["embedding_size"] == config["hidden_size"]:
    identity = _identity(config["hidden_size"])
    if not all(np.array_equal(theirs.get(n), a) for n, a in identity.items()):
      raise InputError(
        "embedding_size is hidden_size (%d) and %s is not the identity, which "
        "the release has not; expected the identity"
        % (config["hidden_size"], PREFIX + MAPPING[1])
      )
    known |= set(identity)
  ours = {p.ours: _turned(theirs[p.theirs], p) for p in there}
  return ours, sorted(set(theirs) - known)


def _identity(size):
  """What of theirs maps embeddings of the layers' width to themselves."""
  name = PREFIX + MAPPING[1]
  return {
    name + ".weight": np.eye(size, dtype=np.float32),
    name + ".bias": np.zeros([size], np.float32),
  }


def _turned(array, pair):
  return np.ascontiguousarray(array.T if pair.transposed else array)


def _check_complete(names, arrays):
  lacking = [name for name in names if name not in arrays]
  if lacking:
    raise InputError(
      "the encoder lacks %d of its %d arrays: %s"
      % (len(lacking), len(names), first_five(lacking))
    )


def _check_groups(config):
  """Stops where rounding would send a layer to different groups in both."""
  layers, groups = config["num_hidden_layers"], config["num_hidden_groups"]
  for i in range(layers):
    if int(i / layers * groups) != int(i / (layers / groups)):
      raise InputError(
        "%d layers in %d groups: transformers takes other weights for layer %d "
        "than the ALBERT release; expected a number of groups that divides "
        "the layers evenly" % (layers, groups, i)
      )


def _named_in_full(theirs):
  """Their names as a model with a head has them: AlbertModel's lack a word."""
  if any(name.startswith(PREFIX) for name in theirs):
    return theirs
  return {PREFIX + name: array for name, array in theirs.items()}


def _check_tied(theirs):
  for name, source in TIED.items():
    if name in theirs and not np.array_equal(theirs[name], theirs.get(source)):
      raise InputError(
        "%s differs from %s: the release's masked-word head shares them"
        % (name, source)
      )


# --------------------------------------------------------------- configuration


def make_config(albert, head, labels, tokenizer, head_dropout):
  """Returns the content of config.json.

  Args:
    albert: {key: value} of our config; keys that transformers does not know
      are kept.
    head: a key of CLASSES.
    labels: their names, in the order of their ids; () without any.
    tokenizer: knows the ids of special pieces.
    head_dropout: of the classifier, in training.
  """
  activation = albert.get("hidden_act", "gelu")
  config = dict(
    albert,
    architectures=[CLASSES[head]],
    model_type="albert",
    hidden_act=ACTIVATIONS.get(activation, activation),
    classifier_dropout_prob=head_dropout,
    layer_norm_eps=LAYER_NORM_EPS,
    pad_token_id=tokenizer.pad_id,
    bos_token_id=tokenizer.cls_id,
    eos_token_id=tokenizer.sep_id,
  )
  if labels:
    config["id2label"] = {str(i): label for i, label in enumerate(labels)}
    config["label2id"] = {label: i for i, label in enumerate(labels)}
  if head in PROBLEM_TYPES:
    config["problem_type"] = PROBLEM_TYPES[head]
  return config


def read_config(folder):
  """Returns {key: value} of config.json as our config has them.

  Raises:
    InputError: it is no ALBERT's, or asks for what ours does not compute.
  """
  path = os.path.join(folder, CONFIG)
  theirs = files.read_json(path)
  for key, expected in (
    ("model_type", "albert"),
    ("layer_norm_eps", LAYER_NORM_EPS),
    ("position_embedding_type", "absolute"),
  ):
    if theirs.get(key, expected) != expected:
      raise InputError(
        "%s: %s is %r, expected %r" % (path, key, theirs[key], expected)
      )
  missing = [k for k in ("vocab_size", "hidden_size") if k not in theirs]
  if missing:
    raise InputError(
      "%s: no %s, expected the config.json of an ALBERT" % (path, missing[0])
    )
  activation = theirs.get("hidden_act", "gelu_new")
  if activation in ("gelu", "gelu_fast", "quick_gelu"):
    raise InputError(
      "%s: hidden_act is %r, another function than the release's; expected "
      '"gelu_new"' % (path, activation)
    )
  ours = {key: theirs[key] for key in SHARED_KEYS if key in theirs}
  return dict(
    ours, hidden_act="gelu" if activation in TANH_GELUS else activation
  )


def tokenizer_files(tokenizer, max_length):
  """Returns {file name: bytes} of what transformers cuts text with.

  Args:
    tokenizer: a tokenization.FullTokenizer.
    max_length: longest input in pieces, [CLS] and [SEP] included.
  """
  pieces, lower = tokenizer.inv_vocab, tokenizer.do_lower_case
  config = {
    "do_lower_case": lower,
    "model_max_length": max_length,
    "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
    "unk_token": pieces[tokenizer.unk_id],
    "pad_token": pieces[tokenizer.pad_id],
    "cls_token": pieces[tokenizer.cls_id],
    "sep_token": pieces[tokenizer.sep_id],
    "mask_token": pieces[tokenizer.mask_id],
  }
  written, data = {}, files.read(tokenizer.files[-1])
  if any(piece.startswith(WORD_START) for piece in tokenizer.vocab):
    name = SPM_MODEL
    model = sentencepiece_model_pb2.ModelProto.FromString(data)
    if model.trainer_spec.model_type == model.trainer_spec.UNIGRAM:
      written[FAST_TOKENIZER] = files.json_text(
        _fast_tokenizer(model, tokenizer)
      ).encode()
    config.update(
      tokenizer_class="AlbertTokenizer",
      remove_space=True,
      keep_accents=False,
      bos_token=config["cls_token"],
      eos_token=config["sep_token"],
    )
  else:
    name = VOCABULARY
    # BERT strips accents if it lower-cases.
    config.update(tokenizer_class="BertTokenizer", strip_accents=lower)
  written[name] = data
  written[TOKENIZER_CONFIG] = files.json_text(config).encode()
  return written


def _fast_tokenizer(model, tokenizer):
  """The content of tokenizer.json: SentencePiece's model, for `tokenizers`.

  transformers can make it of spiece.model, but then begins a new word after
  each symbol of its own ("COX-1" becomes "cox", "-", "▁1").

  Args:
    model: the ModelProto, of type unigram.
    tokenizer: the FullTokenizer.
  """
  normalizers = [{"type": "NFKD"}, {"type": "StripAccents"}]
  if tokenizer.do_lower_case:
    normalizers.append({"type": "Lowercase"})
  charsmap = base64.b64encode(model.normalizer_spec.precompiled_charsmap)
  if charsmap:
    normalizers.append(
      {"type": "Precompiled", "precompiled_charsmap": charsmap.decode()}
    )
  words = {
    "type": "Metaspace",
    "replacement": WORD_START,
    "prepend_scheme": "always",
    "split": True,
  }
  vocabulary = [[piece.piece, piece.score] for piece in model.pieces]
  return {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": _added_tokens(tokenizer),
    "normalizer": {"type": "Sequence", "normalizers": normalizers},
    "pre_tokenizer": {
      "type": "Sequence",
      "pretokenizers": [{"type": "WhitespaceSplit"}, words],
    },
    "post_processor": _template(tokenizer),
    "decoder": words,
    "model": {
      "type": "Unigram",
      "unk_id": tokenizer.unk_id,
      "vocab": vocabulary,
      "byte_fallback": False,
    },
  }


def _added_tokens(tokenizer):
  """The special pieces, which stand for no text."""
  ids = {tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id}
  ids |= {tokenizer.sep_id, tokenizer.mask_id}
  return [
    {
      "id": i,
      "content": tokenizer.inv_vocab[i],
      "single_word": False,
      "lstrip": i == tokenizer.mask_id,
      "rstrip": False,
      "normalized": False,
      "special": True,
    }
    for i in sorted(ids)
  ]


def _template(tokenizer):
  """How [CLS] and [SEP] come around one text, and two."""
  cls, sep = (
    tokenizer.inv_vocab[i] for i in (tokenizer.cls_id, tokenizer.sep_id)
  )

  def special(name, segment):
    return {"SpecialToken": {"id": name, "type_id": segment}}

  def text(name, segment):
    return {"Sequence": {"id": name, "type_id": segment}}

  single = [special(cls, 0), text("A", 0), special(sep, 0)]
  return {
    "type": "TemplateProcessing",
    "single": single,
    "pair": single + [text("B", 1), special(sep, 1)],
    "special_tokens": {
      name: {"id": name, "ids": [tokenizer.vocab[name]], "tokens": [name]}
      for name in (cls, sep)
    },
  }


def read_case(folder):
  """Returns what a folder's tokenizer does with capitals; None if untold."""
  path = os.path.join(folder, TOKENIZER_CONFIG)
  return files.read_json(path, {}).get("do_lower_case")


def find_vocabulary(folder):
  """Returns the path of a folder's SentencePiece model, or WordPiece's file."""
  for name in (SPM_MODEL, VOCABULARY):
    path = os.path.join(folder, name)
    if files.exists(path):
      return path
  raise InputError(
    "%s: neither %s nor %s, of which the vocabulary is taken (a tokenizer.json "
    "is not enough)" % (folder, SPM_MODEL, VOCABULARY)
  )


# --------------------------------------------------------------------- weights


def weights_bytes(theirs):
  """Returns the content of model.safetensors."""
  # "pt" is what transformers looks for, whoever wrote the file.
  return safetensors.numpy.save(theirs, metadata={"format": "pt"})


def read_weights(folder):
  """Returns ({name: float32 array}, the file they are from).

  Raises:
    InputError: there is none, it is damaged, or needs PyTorch and there is
      none.
  """
  path = os.path.join(folder, WEIGHTS)
  if files.exists(path):
    arrays = _read_safetensors(path)
  elif files.exists(os.path.join(folder, TORCH_WEIGHTS)):
    path = os.path.join(folder, TORCH_WEIGHTS)
    arrays = _read_torch(path)
  else:
    raise InputError(
      "%s: neither %s nor %s, expected the weights of an ALBERT"
      % (folder, WEIGHTS, TORCH_WEIGHTS)
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
  except (KeyError, TypeError) as e:  # A type that NumPy has not.
    raise InputError(
      "%s: holds numbers of type %s, expected F32 or F16" % (path, e)
    ) from None


def _read_torch(path):
  try:
    torch = importlib.import_module("torch")
  except ImportError:
    raise InputError(
      "%s: needs PyTorch to be read, which is not installed; expected %s, or "
      "pip install -r requirements-export.txt" % (path, WEIGHTS)
    ) from None
  try:
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in tensors.items()}
  except Exception as e:  # Its readers have no error in common.
    raise InputError(
      "%s: not readable as PyTorch's weights (%s)"
      % (path, str(e).split("\n")[0])
    ) from None


# --------------------------------------------------- what transformers computes


def missing_packages():
  """Returns those of torch and transformers that cannot be imported."""
  missing = []
  for name in ("torch", "transformers"):
    try:
      importlib.import_module(name)
    except ImportError:
      missing.append(name)
  return missing


def forward(folder, batch):
  """Returns {name: array} of what transformers computes, by our names.

  Args:
    folder: with config.json and weights.
    batch: {"input_ids", "input_mask", "segment_ids"}, int [B, S].

  Raises:
    InputError: transformers lacks a weight of the class that config.json
      names.
  """
  torch = importlib.import_module("torch")
  name = files.read_json(os.path.join(folder, CONFIG))["architectures"][0]
  inputs = {
    theirs: torch.from_numpy(batch[ours].astype(np.int64))
    for theirs, ours in (
      ("input_ids", "input_ids"),
      ("attention_mask", "input_mask"),
      ("token_type_ids", "segment_ids"),
    )
  }
  found = {}
  with torch.no_grad():
    for each in dict.fromkeys(["AlbertModel", name]):
      found.update(_loaded(each, folder)(**inputs))
  named = {
    "last_hidden_state": "sequence_output",
    "pooler_output": "pooled_output",
    "prediction_logits": "masked_lm_logits",
    "sop_logits": "sentence_order_logits",
  }
  if name == CLASSES["words"]:
    named["logits"] = "masked_lm_logits"
  return {named.get(k, k): tensor.numpy() for k, tensor in found.items()}


def _loaded(name, folder):
  """A model of transformers, all of whose weights were in the folder."""
  transformers = importlib.import_module("transformers")
  transformers.logging.set_verbosity_error()
  transformers.logging.disable_progress_bar()
  model, told = getattr(transformers, name).from_pretrained(
    folder, output_loading_info=True
  )
  if told["missing_keys"]:
    raise InputError(
      "%s: transformers finds no %s for its %s"
      % (folder, first_five(sorted(told["missing_keys"])), name)
    )
  return model.eval()


def pieces(folder, texts):
  """Returns the ids that transformers makes of each text, [CLS] aside."""
  transformers = importlib.import_module("transformers")
  tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
  return [tokenizer(t, add_special_tokens=False)["input_ids"] for t in texts]
