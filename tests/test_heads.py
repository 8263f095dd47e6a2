# SPDX-License-Identifier: Apache-2.0
"""Tests of heads.py; of the pretraining heads in test_modeling.py."""

import numpy as np
import tensorflow.compat.v1 as tf

import heads


def run_tokens(label_ids, is_training=False):
  """(loss, predictions, variables) of the token head on fixed input."""
  sequence = np.random.RandomState(0).randn(2, 3, 4).astype(np.float32)
  with tf.Graph().as_default(), tf.Session() as session:
    tf.set_random_seed(1)
    result = heads.tokens(
      tf.constant(sequence), tf.constant(label_ids), 5, is_training
    )
    variables = {v.op.name: v for v in tf.trainable_variables()}
    session.run(tf.global_variables_initializer())
    return (
      (sequence,)
      + session.run([result, variables], {})[0]
      + (session.run(variables),)
    )


def softmax(x):
  e = np.exp(x - x.max(-1, keepdims=True))
  return e / e.sum(-1, keepdims=True)


def test_the_token_head_is_a_linear_layer_and_a_softmax():
  sequence, _, predictions, variables = run_tokens([[0, 1, 2], [3, 4, 0]])
  assert {n: v.shape for n, v in variables.items()} == {
    "output_weights": (5, 4),
    "output_bias": (5,),
  }
  probabilities = softmax(
    sequence @ variables["output_weights"].T + variables["output_bias"]
  )
  assert np.array_equal(predictions["label"], probabilities.argmax(-1))
  np.testing.assert_allclose(
    predictions["probability"], probabilities.max(-1), rtol=1e-5
  )


def test_the_loss_is_the_mean_over_labelled_pieces():
  sequence, loss, _, variables = run_tokens([[0, -1, 2], [-1, -1, 4]])
  log = np.log(softmax(sequence @ variables["output_weights"].T))
  expected = -(log[0, 0, 0] + log[0, 2, 2] + log[1, 2, 4]) / 3
  np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_without_any_labelled_piece_the_loss_is_zero():
  assert run_tokens([[-1] * 3] * 2)[1] == 0.0
