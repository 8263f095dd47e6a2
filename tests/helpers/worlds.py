# SPDX-License-Identifier: Apache-2.0
"""Writes what one TensorFlow makes, for test_worlds.py to go on with elsewhere.

usage: python -m tests.helpers.worlds tests/fixtures/worlds/NAME.zip

The archive holds half of a pretraining run, and how it went on: TFRecords, a
checkpoint with optimizer moments, and at the end the weights, the scores, a
SavedModel and its outputs.
"""

import json
import pathlib
import shutil
import sys
import tempfile
import types

import numpy as np
import tensorflow.compat.v1 as tf

from exporting import model_folders
import modeling
from tests.helpers import pretraining_files
from tests.helpers import pretraining_runs
from training import saved_models

CONFIG = dict(
  vocab_size=pretraining_files.VOCABULARY,
  embedding_size=4,
  hidden_size=8,
  num_hidden_layers=2,
  num_attention_heads=2,
  intermediate_size=8,
  max_position_embeddings=pretraining_files.SEQUENCE,
  initializer_range=0.5,
  hidden_dropout_prob=0.0,
  attention_probs_dropout_prob=0.0,
)
HALF, STEPS = 2, 4


def train(folder):
  """Pretrains to the end, from the newest checkpoint; returns its scores."""
  pretraining_runs.run(
    folder,
    num_train_steps=STEPS,
    save_checkpoints_steps=HALF,
    learning_rate=0.01,
    do_eval=True,
    eval_file=str(folder / "train"),
  )
  text = (folder / "output" / "eval_results.txt").read_text()
  scores = dict(line.split(" = ") for line in text.splitlines())
  scores["checkpoint"] = scores["checkpoint"].rpartition("-")[2]
  return {name: float(value) for name, value in scores.items()}


def trained(folder):
  """Returns {name: value} of the last checkpoint."""
  return pretraining_runs.variables(
    folder / "output" / ("model.ckpt-%d" % STEPS)
  )


def source(folder):
  """Returns the trained model as a Source of exports."""
  return types.SimpleNamespace(
    config=modeling.AlbertConfig.from_json_file(
      str(folder / "albert_config.json")
    ),
    checkpoint=str(folder / "output" / ("model.ckpt-%d" % STEPS)),
    head="pretraining",
  )


def batch():
  """Returns features of two texts, the second one with padding."""
  mask = np.ones([2, 8], np.int32)
  mask[1, 5:] = 0
  ids = np.arange(16, dtype=np.int32).reshape([2, 8]) + 5
  return {"input_ids": ids, "input_mask": mask, "segment_ids": mask}


def write(folder):
  """Writes all files of a world into a folder."""
  (folder / "albert_config.json").write_text(json.dumps(CONFIG))
  pretraining_files.write(folder / "train", 16)
  scores = train(folder)
  (folder / "scores.json").write_text(json.dumps(scores, indent=2))
  np.savez(str(folder / "trained.npz"), **trained(folder))
  with model_folders.restored(source(folder)) as (session, features, outputs):
    saved_models.build(session, features, outputs, str(folder / "saved_model"))
    values = {features[name]: value for name, value in batch().items()}
    np.savez(str(folder / "outputs.npz"), **session.run(outputs, values))
  forget_second_half(folder / "output")


def forget_second_half(output):
  """Removes from a run what it wrote after its first half, and its events."""
  kept = "model.ckpt-%d" % HALF
  for path in list(output.iterdir()):
    if path.name.startswith("model.ckpt-") and not path.name.startswith(kept):
      path.unlink()
    elif path.is_dir():
      shutil.rmtree(str(path))
    elif path.suffix in (".meta", ".pbtxt", ".png", ".txt"):
      path.unlink()
    elif "tfevents" in path.name:
      path.unlink()
  (output / "training_state.json").unlink()
  tf.train.update_checkpoint_state(str(output), kept, [kept])


def main():
  target = sys.argv[1]
  with tempfile.TemporaryDirectory() as folder:
    write(pathlib.Path(folder))
    shutil.make_archive(target[: -len(".zip")], "zip", folder)


if __name__ == "__main__":
  main()
