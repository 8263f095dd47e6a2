# SPDX-License-Identifier: Apache-2.0
"""Tests of heads.py; test_modeling.py tests the pretraining heads."""

import numpy as np
import tensorflow.compat.v1 as tf

from training import heads

SEQUENCE = np.random.RandomState(0).randn(2, 3, 4).astype(np.float32)
POOLED = np.random.RandomState(0).randn(3, 4).astype(np.float32)


def softmax(x):
  e = np.exp(x - x.max(-1, keepdims=True))
  return e / e.sum(-1, keepdims=True)


def run_head(head, *values):
  """Returns (loss, predictions, variables) of a head on constants."""
  with tf.Graph().as_default(), tf.Session() as session:
    tf.set_random_seed(1)
    result = head(*[tf.constant(value) for value in values])
    variables = {v.op.name: v for v in tf.trainable_variables()}
    session.run(tf.global_variables_initializer())
    (loss, predictions), variables = session.run([result, variables])
    return loss, predictions, variables


def run_tokens(label_ids):
  return run_head(
    lambda x, ids: heads.tokens(x, ids, 5, False), SEQUENCE, label_ids
  )


def test_the_token_head_is_a_linear_layer_and_a_softmax():
  _, predictions, variables = run_tokens([[0, 1, 2], [3, 4, 0]])
  assert {n: v.shape for n, v in variables.items()} == {
    "output_weights": (5, 4),
    "output_bias": (5,),
  }
  probabilities = softmax(logits_of(SEQUENCE, variables))
  assert np.array_equal(predictions["label"], probabilities.argmax(-1))
  np.testing.assert_allclose(
    predictions["probability"], probabilities.max(-1), rtol=1e-5
  )


def test_the_loss_is_the_mean_over_labelled_pieces():
  loss, _, variables = run_tokens([[0, -1, 2], [-1, -1, 4]])
  log = np.log(softmax(logits_of(SEQUENCE, variables)))
  expected = -(log[0, 0, 0] + log[0, 2, 2] + log[1, 2, 4]) / 3
  np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_without_labelled_pieces_the_loss_is_zero():
  assert run_tokens([[-1] * 3] * 2)[0] == 0.0


def logits_of(x, variables, scope=""):
  return (
    x @ variables[scope + "output_weights"].T + variables[scope + "output_bias"]
  )


def test_inputs_without_a_label_do_not_count_in_the_loss_of_classes():
  loss, predictions, variables = run_head(
    lambda pooled, ids: heads.classes(pooled, ids, 5, False), POOLED, [4, -1, 0]
  )
  probabilities = softmax(logits_of(POOLED, variables))
  np.testing.assert_allclose(
    predictions["probabilities"], probabilities, rtol=1e-5
  )
  expected = -np.log([probabilities[0, 4], probabilities[2, 0]]).mean()
  np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_weights_of_labels_weigh_their_inputs_in_the_loss_of_classes():
  weights = [1.0, 1.0, 1.0, 1.0, 3.0]
  loss, _, variables = run_head(
    lambda pooled, ids: heads.classes(pooled, ids, 5, False, weights),
    POOLED,
    [4, -1, 0],
  )
  p = softmax(logits_of(POOLED, variables))
  expected = -(3 * np.log(p[0, 4]) + np.log(p[2, 0])) / 4
  np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_the_loss_of_scores_is_the_mean_squared_error():
  gold = np.array([1, 2, 3], np.float32)
  loss, predictions, variables = run_head(
    lambda pooled, values: heads.score(pooled, values, False), POOLED, gold
  )
  values = logits_of(POOLED, variables)[:, 0]
  assert predictions["value"].shape == (3,)
  np.testing.assert_allclose(predictions["value"], values, rtol=1e-4)
  np.testing.assert_allclose(loss, ((values - gold) ** 2).mean(), rtol=1e-5)


def test_each_of_several_labels_has_its_own_sigmoid():
  gold = np.array([[1, 0], [0, 0], [1, 1]], np.float32)
  loss, predictions, variables = run_head(
    lambda pooled, labels: heads.labels(pooled, labels, False), POOLED, gold
  )
  p = 1 / (1 + np.exp(-logits_of(POOLED, variables)))
  np.testing.assert_allclose(predictions["probabilities"], p, rtol=1e-5)
  expected = -np.where(gold == 1, np.log(p), np.log(1 - p)).mean()
  np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_weights_of_several_labels_weigh_those_that_are_there():
  gold = np.array([[1, 0], [0, 0], [1, 1]], np.float32)
  loss, _, variables = run_head(
    lambda pooled, labels: heads.labels(pooled, labels, False, [2.0, 5.0]),
    POOLED,
    gold,
  )
  p = 1 / (1 + np.exp(-logits_of(POOLED, variables)))
  expected = -np.where(gold == 1, [2, 5] * np.log(p), np.log(1 - p)).mean()
  np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_a_span_begins_and_ends_only_where_allowed():
  allowed = [[0, 1, 1], [0, 1, 1]]
  loss, predictions, variables = run_head(
    heads.span, SEQUENCE, [1, -1], [2, -1], allowed
  )
  assert set(variables) == {"cls/squad/output_weights", "cls/squad/output_bias"}
  starts, ends = np.moveaxis(logits_of(SEQUENCE, variables, "cls/squad/"), 2, 0)
  np.testing.assert_allclose(
    predictions["start_logits"][:, 1:], starts[:, 1:], rtol=1e-5, atol=1e-7
  )
  assert (predictions["end_logits"][:, 0] < -1e29).all()
  expected = softmax(starts[0, 1:])[0], softmax(ends[0, 1:])[1]
  np.testing.assert_allclose(loss, -np.log(expected).mean(), rtol=1e-5)
