# SPDX-License-Identifier: Apache-2.0
"""Runs the pretraining harness on small files, through its program's flags."""

import json
import types

import modeling
from pretraining import harness
import run_pretraining
from tests.helpers import pretraining_files
from tests.helpers import tiny

CONFIG = dict(
  vocab_size=pretraining_files.VOCABULARY,
  embedding_size=8,
  hidden_size=16,
  num_hidden_layers=1,
  num_attention_heads=2,
  intermediate_size=32,
  max_position_embeddings=64,
)


def run(folder, **changed):
  """Runs the harness with flags changed; writes to folder/output."""
  values = tiny.flags_of(run_pretraining)
  values.update(
    albert_config_file=str(folder / "albert_config.json"),
    input_file=str(folder / "train"),
    output_dir=str(folder / "output"),
    max_seq_length=pretraining_files.SEQUENCE,
    max_predictions_per_seq=pretraining_files.MASKED,
    train_batch_size=4,
    eval_batch_size=4,
    learning_rate=1e-4,
    num_train_steps=2,
    num_warmup_steps=0,
    save_checkpoints_steps=2,
  )
  for name, value in changed.items():
    assert name in values, name
    values[name] = value
  harness.run(harness.read_command(types.SimpleNamespace(**values)))


def variables(prefix):
  """Returns {name: value} of a checkpoint."""
  return dict(modeling.read_checkpoint(str(prefix)))


def prepared(folder):
  """Writes a config and examples into a folder; returns the folder."""
  (folder / "albert_config.json").write_text(json.dumps(CONFIG))
  pretraining_files.write(folder / "train", 16)
  pretraining_files.write(folder / "held-out", 6, seed=1)
  return folder
