# SPDX-License-Identifier: Apache-2.0
"""Compares training on one device and on two; run by test_replicas.py.

Runs in a process of its own, because TensorFlow splits a CPU into two devices
only before its first operation. The argument is a folder in which one device
has pretrained. Prints the largest difference of any variable (moments included)
and of the losses, for two models.
"""

import json
import os
import pathlib
import sys
import tempfile
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf

import modeling
from ops import replicas
import optimization
from pretraining import curves
from tests.helpers import pretraining_runs
from tests.helpers import tiny
from training import datasets
from training import devices
from training import estimators
from training import heads
from training import progress

UPDATES = 3
LAST = "model.ckpt-%d" % UPDATES
RATE = 0.1
BATCH = 8
# Per update.
MICRO_BATCHES = 2
# The last batch has one example, which both devices get.
SIZE = 2 * BATCH + 1
# Scales the loss so that its gradients are clipped.
SCALE = 100.0
CONFIG = modeling.AlbertConfig(
  7, embedding_size=3, hidden_size=4, num_attention_heads=1
)


def examples(count):
  """Returns features; the devices get unequal numbers of labels."""
  random = np.random.RandomState(0)
  features = []
  for i in range(count):
    label_ids = random.randint(-1, 2, [6]) if i % 3 else np.full([6], -1)
    features.append(
      {
        "input_ids": random.randint(0, 7, [6]).astype(np.int32),
        "label_ids": label_ids.astype(np.int32),
        "score": np.array(random.rand(), np.float32),
        "weights": (label_ids >= 0).astype(np.float32),
      }
    )
  return features


def outputs_of(features):
  """Returns the loss of an embedding lookup under a head of each kind."""
  with tf.variable_scope("bert"):
    table = tf.get_variable(
      "table", [7, 3], initializer=tf.random_uniform_initializer()
    )
    x = modeling.dense(
      tf.nn.embedding_lookup(table, features["input_ids"]), 4, 0.5, "up"
    )
  loss, _ = heads.score(x[:, 0], features["score"], False)
  with tf.variable_scope("tokens"):
    loss += heads.tokens(x, features["label_ids"], 2, False)[0]
  positions = tf.zeros_like(features["label_ids"])
  loss += heads.masked_words(
    CONFIG, x, table, positions, features["input_ids"], features["weights"]
  )[0]
  return loss


def write_weights(path):
  """Saves initial weights, as random ones would depend on the graph."""
  with tf.Graph().as_default(), tf.Session() as session:
    tf.set_random_seed(1)
    outputs_of(
      {k: tf.constant(x[np.newaxis]) for k, x in examples(1)[0].items()}
    )
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, path)


def spec(features, device, folder, weights):
  """Returns a training_spec like those of the programs."""
  loss = outputs_of(features)
  update = optimization.create_update(
    SCALE * loss, RATE, 10, 0, num_accumulation_steps=MICRO_BATCHES
  )
  return estimators.training_spec(
    loss,
    update,
    {},
    lambda: modeling.restore(weights),
    [Watch(SCALE * loss, update.norm)],
    device,
    folder,
  )


class Watch(tf.train.SessionRunHook):
  """Keeps the last loss and norm."""

  last = None

  def __init__(self, loss, norm):
    self.watched = tf.stack([replicas.mean(loss), norm])

  def before_run(self, run_context):
    return tf.train.SessionRunArgs(self.watched)

  def after_run(self, run_context, run_values):
    Watch.last = run_values.results


def train(distribution, weights):
  """Returns {name: value} after a few updates with an estimator."""
  device = devices.Device(distribution=distribution)
  folder = tempfile.mkdtemp()
  estimator = estimators.build(
    lambda features, *_: spec(features, device, folder, weights),
    device,
    folder,
    seed=1,
    batch_sizes={},
    save_steps=100,
    keep_checkpoint_max=1,
  )

  def input_fn(input_context=None):
    return datasets.training_dataset(
      examples(SIZE),
      BATCH,
      seed=1,
      padding={},
      bucketed=False,
      part=devices.part_of_input(input_context),
    )

  meter = progress.Meter(UPDATES)
  steps = estimators.Steps(0, 0, UPDATES, 100)
  estimators.train(estimator, input_fn, device, meter, steps)
  values = pretraining_runs.variables(tf.train.latest_checkpoint(folder))
  return dict(values, watched=np.array(Watch.last))


def difference(one, two):
  """Returns the largest difference, relative to its variable's largest value.

  Weights are compared with at least the size of an update, as a bias may
  return to nearly 0. Key biases do not count: their gradient is rounding noise.
  """
  assert sorted(one) == sorted(two) and one["global_step"] == UPDATES
  return max(
    float(np.abs(one[name] - two[name]).max())
    / max(float(np.abs(one[name]).max()), 0.0 if "/adam_" in name else RATE)
    for name in one
    if "/key/bias" not in name
  )


def pretrain(folder, **config):
  """Returns {name: value} after a few updates with LAMB.

  Args:
    folder: pathlib.Path of prepared.
    **config: flags that say where to train, and from which weights.
  """
  with mock.patch.object(curves, "draw"):
    pretraining_runs.run(
      folder,
      learning_rate=RATE,
      num_train_steps=UPDATES,
      save_checkpoints_steps=UPDATES,
      **config,
    )
  output = pathlib.Path(config.get("output_dir", str(folder / "output")))
  return pretraining_runs.variables(output / LAST)


def prepared(folder):
  """Prepares a folder to pretrain in, whose gradients are not tiny.

  AdamW and LAMB divide a gradient by its size plus epsilon, so rounding noise
  becomes a whole update where a gradient is as small as epsilon.
  """
  pretraining_runs.prepared(folder)
  config = dict(pretraining_runs.CONFIG, initializer_range=0.1)
  (folder / "albert_config.json").write_text(json.dumps(config))
  return folder


def first_weights(folder):
  """Returns the path of the first weights of pretrain on one device."""
  return str(folder / "output" / "model.ckpt-0")


def main():
  experimental = tf.config.experimental
  experimental.set_virtual_device_configuration(
    experimental.list_physical_devices("CPU")[0],
    [experimental.VirtualDeviceConfiguration()] * 2,
  )
  weights = os.path.join(tempfile.mkdtemp(), "weights")
  write_weights(weights)
  one, two = train("none", weights), train("mirrored", weights)
  found = {"every mean, adamw, accumulated": difference(one, two)}
  folder = pathlib.Path(sys.argv[1])
  one = pretraining_runs.variables(folder / "output" / LAST)
  two = pretrain(
    folder,
    distribution="mirrored",
    init_checkpoint=first_weights(folder),
    output_dir=str(folder / "mirrored"),
  )
  found["pretraining, lamb"] = difference(one, two)
  print(json.dumps(found))


if __name__ == "__main__":
  with tiny.small_graphs():
    main()
