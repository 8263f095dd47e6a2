# SPDX-License-Identifier: Apache-2.0
"""Tests of kernels.py: all implementations of a kernel compute the same."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from ops import kernels
from tests.helpers.reference import random
from tests.helpers.reference import waves

TF_1 = tf.__version__.startswith("1.")
with_tf_2 = pytest.mark.skipif(TF_1, reason="these are for TensorFlow 2")


def values_and_gradients(function, dtype, *arrays):
  """Returns the value of a function of tensors and its gradients."""
  with tf.Graph().as_default(), tf.Session() as session:
    inputs = [tf.constant(a, dtype) for a in arrays]
    y = function(*inputs)
    return session.run([y] + tf.gradients(y, inputs, waves(y)))


def plain_gelu(x):
  cubed = x + 0.044715 * tf.pow(x, 3)
  return 0.5 * x * (1 + tf.tanh(np.sqrt(2 / np.pi) * cubed))


def plain_norm(x, gamma, beta):
  mean, variance = tf.nn.moments(x, [-1], keep_dims=True)
  return (x - mean) / tf.sqrt(variance + 1e-12) * gamma + beta


def compiled_gelu(x):
  return kernels.compiled().activation(x)


def compiled_norm(x, gamma, beta):
  return kernels.compiled().normalise(x, gamma, beta)


NUMBERS = [np.linspace(-9, 9, 400)]
NORM = [3 + random(2, 5, 7), random(7), random(7)]
GELUS = [kernels.gelu, kernels.trained_gelu]
NORMS = [kernels.normalise]
if not TF_1:
  GELUS, NORMS = GELUS + [compiled_gelu], NORMS + [compiled_norm]


@pytest.mark.parametrize("function", GELUS + NORMS)
def test_written_gradients_equal_derived_ones(function):
  plain, arrays = plain_gelu, NUMBERS
  if function in NORMS:
    plain, arrays = plain_norm, NORM
  actual = values_and_gradients(function, tf.float32, *arrays)
  exact = values_and_gradients(plain, tf.float64, *arrays)
  for a, e in zip(actual, exact):
    # The error of the plain formula in float32.
    np.testing.assert_allclose(a, e, rtol=1e-5, atol=5e-6)


@pytest.mark.parametrize("gelu", GELUS)
def test_gelu_far_from_0_is_exact(gelu):
  y, slope = values_and_gradients(gelu, tf.float32, [-1e4, -40, 0, 40, 1e4])
  np.testing.assert_allclose(y, [0, 0, 0, 40, 1e4], atol=1e-6)
  expected = np.cos(np.arange(5)) * [0, 0, 0.5, 1, 1]
  np.testing.assert_allclose(slope, expected, atol=1e-6)


@with_tf_2
@pytest.mark.parametrize("size, compiled", [(4, True), (None, False)])
def test_xla_compiles_static_shapes_only(size, compiled):
  for function, weights in ((compiled_gelu, []), (compiled_norm, NORM[1:])):
    with tf.Graph().as_default() as graph:
      x = tf.placeholder(tf.float32, [size, 7])
      function(x, *[tf.constant(w, tf.float32) for w in weights])
    calls = [op for op in graph.get_operations() if "Call" in op.type]
    assert bool(calls) == compiled, function


@with_tf_2
@pytest.mark.parametrize(
  "dtype, error", [("float32", 1e-6), ("bfloat16", 0.02)]
)
def test_one_dnn_kernels_compute_the_same(dtype, error):
  plain, at_once = kernels.choose(False), kernels.choose(False, fuse=True)
  query, key, scale = random(2, 3, 5, 4), random(2, 3, 5, 4), 0.5
  adder = np.zeros([2, 1, 1, 5], np.float32)
  adder[1, ..., 3:] = -10000.0

  def run(chosen):
    x, q, k = [tf.cast(a, dtype) for a in (NORM[0] - 3, query, key)]
    norm = chosen.normalise(x, *[tf.constant(a, tf.float32) for a in NORM[1:]])
    assert norm.dtype == dtype
    weights = chosen.attention(q, k, tf.constant(adder), scale)
    return [tf.cast(y, tf.float32) for y in (norm, weights)]

  with tf.Graph().as_default(), tf.Session() as session:
    for expected, actual in zip(*session.run([run(plain), run(at_once)])):
      np.testing.assert_allclose(actual, expected, rtol=error, atol=error)


@with_tf_2
def test_the_one_dnn_norm_takes_any_number_of_rows():
  with tf.Graph().as_default(), tf.Session() as session:
    x = tf.placeholder(tf.float32, [None, None, 7])
    y = kernels.choose(False, fuse=True).normalise(x, *NORM[1:])
    expected = plain_norm(x, *NORM[1:])
    for rows in (1, 3):
      actual = session.run([y, expected], {x: NORM[0][:, :rows]})
      np.testing.assert_allclose(*actual, rtol=1e-5, atol=5e-6)
