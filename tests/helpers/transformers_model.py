# SPDX-License-Identifier: Apache-2.0
"""Makes a model with Hugging Face transformers, without TensorFlow."""

import importlib
import os


def save(folder):
  """Saves a model with random weights, in groups of blocks.

  Writes config.json and model.safetensors to the folder, and the same weights
  as PyTorch's to other/pytorch_model.bin.
  """
  torch = importlib.import_module("torch")
  transformers = importlib.import_module("transformers")
  config = transformers.AlbertConfig(
    vocab_size=8000,
    embedding_size=16,
    hidden_size=32,
    num_hidden_layers=4,
    num_hidden_groups=2,
    inner_group_num=2,
    num_attention_heads=2,
    intermediate_size=64,
    initializer_range=0.2,
  )
  model = transformers.AlbertForPreTraining(config)
  model.save_pretrained(folder)
  other = os.path.join(folder, "other")
  os.makedirs(other)
  torch.save(model.state_dict(), os.path.join(other, "pytorch_model.bin"))
