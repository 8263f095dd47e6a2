# SPDX-License-Identifier: Apache-2.0
"""Runs Hugging Face transformers on an export, to compare the outputs.

This needs PyTorch and transformers (requirements-export.txt), which run in a
process of their own: the compiler in builds of PyTorch for GPUs crashes in one
where TensorFlow 2.21 is loaded.
"""

import importlib
import importlib.util
import os

import numpy as np

from common import files
from common import processes
from common.errors import InputError
from common.errors import first_five
from exporting import transformers_files


def missing_packages():
  """Returns which of torch and transformers are not installed."""
  names = ("torch", "transformers")
  return [name for name in names if not importlib.util.find_spec(name)]


def forward(folder, batch):
  """Returns the outputs of transformers under our names, {name: array}.

  Raises:
    InputError: the folder lacks a weight of the class that config.json names.
  """
  return processes.call_apart(_forward, (folder, batch))


def _forward(task):
  folder, batch = task
  torch = importlib.import_module("torch")
  path = os.path.join(folder, transformers_files.CONFIG)
  shape = {"architectures": [str]}
  name = (files.read_json(path, shape=shape)["architectures"] + [""])[0]
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
      found.update(_load(each, folder)(**inputs))
  named = {
    "last_hidden_state": "sequence_output",
    "pooler_output": "pooled_output",
    "prediction_logits": "masked_lm_logits",
    "sop_logits": "sentence_order_logits",
  }
  if name == transformers_files.CLASSES["words"]:
    named["logits"] = "masked_lm_logits"
  return {named.get(k, k): tensor.numpy() for k, tensor in found.items()}


def _load(name, folder):
  """Loads a class of transformers; InputError if the folder lacks a weight."""
  transformers = importlib.import_module("transformers")
  transformers.logging.set_verbosity_error()
  transformers.logging.disable_progress_bar()
  model, loading = getattr(transformers, name).from_pretrained(
    folder, output_loading_info=True
  )
  if loading["missing_keys"]:
    raise InputError(
      "%s: lacks %s, expected all weights of transformers' %s"
      % (folder, first_five(sorted(loading["missing_keys"])), name)
    )
  return model.eval()


def piece_ids(folder, texts):
  """Returns transformers' ids of each text, without [CLS] and [SEP]."""
  return processes.call_apart(_piece_ids, (folder, texts))


def _piece_ids(task):
  folder, texts = task
  transformers = importlib.import_module("transformers")
  tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
  return [tokenizer(t, add_special_tokens=False)["input_ids"] for t in texts]
