# SPDX-License-Identifier: Apache-2.0
"""Writes and reads the config and tokenizer files of a folder for Hugging Face
transformers.
"""

import base64
import os

from sentencepiece import sentencepiece_model_pb2

from common import files
from common.errors import InputError

CONFIG = "config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
FAST_TOKENIZER = "tokenizer.json"
SPM_MODEL = "spiece.model"
VOCABULARY = "vocab.txt"

# transformers' class for each head of model_folders.
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
# Keys with the same name and meaning in both configs.
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
WORD_START = "\u2581"  # Begins a word in SentencePiece's pieces.


# ----------------------------------------------------------------- config.json


def make_config(albert, head, labels, tokenizer, head_dropout):
  """Returns the content of config.json.

  Args:
    albert: our config, {key: value}. The result keeps keys that transformers
      does not know.
    head: a key of CLASSES.
    labels: label names in the order of their ids; () if there are none.
    tokenizer: a tokenization.FullTokenizer.
    head_dropout: dropout rate of the classifier in training.
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
  """Returns our config, {key: value}, from a folder's config.json.

  Raises:
    InputError: it is not an ALBERT, or our model computes something else.
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
      "%s: has no %s, expected the config.json of an ALBERT"
      % (path, missing[0])
    )
  activation = theirs.get("hidden_act", "gelu_new")
  if activation in ("gelu", "gelu_fast", "quick_gelu"):
    raise InputError(
      "%s: hidden_act is %r, which differs from the release's function; "
      'expected "gelu_new"' % (path, activation)
    )
  ours = {key: theirs[key] for key in SHARED_KEYS if key in theirs}
  return dict(
    ours, hidden_act="gelu" if activation in TANH_GELUS else activation
  )


# ------------------------------------------------------------------- tokenizer


def tokenizer_files(tokenizer, max_length):
  """Returns {file name: bytes} of a folder's tokenizer."""
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
    # As BERT does, strip accents when lower-casing.
    config.update(tokenizer_class="BertTokenizer", strip_accents=lower)
  written[name] = data
  written[TOKENIZER_CONFIG] = files.json_text(config).encode()
  return written


def _fast_tokenizer(model, tokenizer):
  """Returns the content of tokenizer.json for a SentencePiece model.

  transformers can convert spiece.model itself, but then wrongly begins a new
  word after each user-defined symbol ("COX-1" becomes "cox", "-", "▁1").
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
  """Returns the entries of the special pieces in tokenizer.json."""
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
  """Returns where tokenizer.json adds [CLS] and [SEP] to one text or two."""
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
  """Returns do_lower_case of a folder's tokenizer; None if it is not given."""
  path = os.path.join(folder, TOKENIZER_CONFIG)
  shape = {"do_lower_case?": (bool, None)}
  return files.read_json(path, {}, shape).get("do_lower_case")


def find_vocabulary(folder):
  """Returns the path of a folder's SentencePiece model or WordPiece file."""
  for name in (SPM_MODEL, VOCABULARY):
    path = os.path.join(folder, name)
    if files.exists(path):
      return path
  raise InputError(
    "%s: has no vocabulary, expected %s or %s (tokenizer.json is not enough)"
    % (folder, SPM_MODEL, VOCABULARY)
  )
