# SPDX-License-Identifier: Apache-2.0
"""What the reference implementation computes: the fixtures and how to run."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

import modeling
from tests.helpers import FIXTURES
from training import heads

REFERENCE = os.path.join(FIXTURES, "reference_model")


def reference(name, model):
  """The arrays of one of the fixture files, by name."""
  return dict(np.load(os.path.join(REFERENCE, model, name + ".npz")))


def pretraining_outputs(model, fuse=False):
  """All that the fixtures say of a forward pass, as tensors."""
  config = modeling.AlbertConfig.from_json_file(
    os.path.join(REFERENCE, model, "albert_config.json")
  )
  x = {k: tf.constant(v) for k, v in reference("inputs", model).items()}
  albert = modeling.AlbertModel(
    config,
    False,
    x["input_ids"],
    x["input_mask"],
    x["segment_ids"],
    fuse=fuse,
  )
  loss, outputs = heads.pretraining(config, albert, x)
  return dict(
    outputs,
    sequence_output=albert.get_sequence_output(),
    pooled_output=albert.get_pooled_output(),
    embedding_output=albert.get_embedding_output(),
    total_loss=loss,
  )


def waves(x):
  """A slope for every element of x, none like its neighbour's."""
  slopes = tf.cos(tf.cast(tf.range(tf.size(x)), x.dtype))
  return tf.reshape(slopes, tf.shape(x))


def random(*shape):
  return np.random.RandomState(sum(shape)).normal(size=shape)
