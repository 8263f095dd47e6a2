# SPDX-License-Identifier: Apache-2.0
"""Tests of modeling.py."""

import json
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from errors import InputError
import heads
import modeling

HERE = os.path.dirname(os.path.abspath(__file__))
REFERENCE = os.path.join(HERE, "fixtures", "reference_model")
CONFIGS = os.path.join(os.path.dirname(HERE), "configs")
TINY = dict(
  vocab_size=11,
  embedding_size=4,
  hidden_size=8,
  num_hidden_layers=2,
  num_attention_heads=2,
  intermediate_size=16,
  max_position_embeddings=9,
)


def reference(name, model):
  """The arrays of one of the fixture files, by name."""
  return dict(np.load(os.path.join(REFERENCE, model, name + ".npz")))


def pretraining_outputs(model):
  """All that the fixtures say of a forward pass, as tensors."""
  config = modeling.AlbertConfig.from_json_file(
    os.path.join(REFERENCE, model, "albert_config.json")
  )
  x = {k: tf.constant(v) for k, v in reference("inputs", model).items()}
  albert = modeling.AlbertModel(
    config, False, x["input_ids"], x["input_mask"], x["segment_ids"]
  )
  masked_lm_loss, words = heads.masked_words(
    config,
    albert.get_sequence_output(),
    albert.get_embedding_table(),
    x["masked_lm_positions"],
    x["masked_lm_ids"],
    x["masked_lm_weights"],
  )
  sentence_order_loss, order = heads.sentence_order(
    albert.get_pooled_output(),
    x["next_sentence_labels"],
    config.initializer_range,
  )
  return dict(
    words,
    sequence_output=albert.get_sequence_output(),
    pooled_output=albert.get_pooled_output(),
    embedding_output=albert.get_embedding_output(),
    masked_lm_loss=masked_lm_loss,
    sentence_order_loss=sentence_order_loss,
    total_loss=masked_lm_loss + sentence_order_loss,
    **order
  )


@pytest.mark.parametrize("model", ["base", "groups"])
def test_outputs_and_losses_equal_the_reference(model):
  expected = reference("expected", model)
  with tf.Graph().as_default(), tf.Session() as session:
    outputs = pretraining_outputs(model)
    modeling.restore(os.path.join(REFERENCE, model, "model.ckpt"))
    session.run(tf.global_variables_initializer())
    actual = session.run(outputs)
  assert sorted(actual) == sorted(expected)
  for name, value in expected.items():
    np.testing.assert_allclose(
      actual[name], value, rtol=1e-5, atol=1e-6, err_msg=name
    )
