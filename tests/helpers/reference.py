# SPDX-License-Identifier: Apache-2.0
"""The outputs of the reference implementation, and how to reproduce them."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

import modeling
from tests.helpers import FIXTURES
from training import heads

REFERENCE = os.path.join(FIXTURES, "reference_model")


def reference(name, model):
  """Returns {name: array} of a fixture file."""
  return dict(np.load(os.path.join(REFERENCE, model, name + ".npz")))


def pretraining_outputs(model, fuse=False):
  """Returns the tensors of a forward pass that the fixtures hold."""
  config = modeling.AlbertConfig.from_json_file(
    os.path.join(REFERENCE, model, "albert_config.json")
  )
  x = {k: tf.constant(v) for k, v in reference("inputs", model).items()}
  albert = modeling.AlbertModel(
    config, False, x["input_ids"], x["input_mask"], x["segment_ids"], fuse=fuse
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
  """Returns different factors for neighbouring elements of x."""
  slopes = tf.cos(tf.cast(tf.range(tf.size(x)), x.dtype))
  return tf.reshape(slopes, tf.shape(x))


def random(*shape):
  return np.random.RandomState(sum(shape)).normal(size=shape)
