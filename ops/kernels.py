# SPDX-License-Identifier: Apache-2.0
"""ALBERT's operations between matrix products: gelu, layer norm, attention.

There are several implementations of each function of a Kernels; `choose` picks
the fastest. The fused ones are for a CPU with TensorFlow 2, where passes over
memory dominate the cost of these functions.

Shapes: B batch, S sequence, N heads, D head size; "rows" are [anything, width].
"""

import collections
import functools
import math

import tensorflow.compat.v1 as tf
import tensorflow.compat.v2 as tf2

# The release's. float16 cannot represent it, so layer norm is in float32.
EPSILON = 1e-12
# Factors of x and x^3 in the argument of gelu's tanh.
LINEAR_PART, CUBIC_PART = math.sqrt(2 / math.pi), 0.044715

# activation: [...] -> same; `gelu` or an equivalent.
# normalise: (x [..., width], gamma [width], beta [width]) -> same as x.
# attention: (query and key [B, N, S, D], adder [B, 1, 1, S], scale) -> weights
#   [B, N, S, S], the softmax of scale * query * key + adder.
Kernels = collections.namedtuple("Kernels", "activation normalise attention")


def choose(is_training, fuse=False):
  """Returns the Kernels for training, which needs gradients, or inference.

  With `fuse`, they are fused for a CPU with TensorFlow 2, by XLA in training
  and oneDNN in inference.
  """
  if fuse:
    return compiled() if is_training else one_dnn()
  return Kernels(trained_gelu if is_training else gelu, normalise, attention)


def gelu(x):
  """Computes the tanh approximation of x * Phi(x) (arXiv 1606.08415).

  The form of this expression lets TensorFlow 2 fuse it with the matrix product
  and bias before it, on a CPU in inference.
  """
  inner = x + CUBIC_PART * (tf.square(x) * x)
  return 0.5 * x * (1.0 + tf.tanh(LINEAR_PART * inner))


@tf.custom_gradient
def trained_gelu(x):
  """Computes gelu with a faster gradient.

  The derivative is computed together with the value and is all that is kept
  for the backward pass. This needs half as many passes over the widest tensor
  of a block as the derived gradient.
  """
  y, slope = _gelu_and_slope(x)
  return y, lambda dy: dy * slope


def _gelu_and_slope(x):
  """Returns gelu(x) and its derivative; in float16 for |x| up to 255."""
  square = tf.square(x)
  t = tf.tanh(x * (LINEAR_PART + LINEAR_PART * CUBIC_PART * square))
  phi = 0.5 * t + 0.5
  # TanhGrad is x * (1 - t^2).
  slope = tf.raw_ops.TanhGrad(y=t, dy=x) * (
    0.5 * LINEAR_PART + 1.5 * LINEAR_PART * CUBIC_PART * square
  )
  return x * phi, phi + slope


@tf.custom_gradient
def normalise(x, gamma, beta):
  """Applies layer normalisation (arXiv 1607.06450): [..., width] -> same.

  Computes in float32 and returns the type of x. The gradient is written out
  because it needs half as many passes over memory as the derived one.
  """
  rows = _rows(x)
  centred = rows - tf.reduce_mean(rows, -1, keepdims=True)
  variance = tf.reduce_mean(tf.square(centred), -1, keepdims=True)
  inverse = tf.rsqrt(variance + EPSILON)
  unit = centred * inverse

  def gradient(dy):
    dy = _rows(dy)
    d_unit = dy * gamma
    along = tf.reduce_mean(d_unit * unit, -1, keepdims=True)
    dx = inverse * (
      d_unit - tf.reduce_mean(d_unit, -1, keepdims=True) - unit * along
    )
    return _like(dx, x), _sum_of_rows(dy * unit), _sum_of_rows(dy)

  return _like(unit * gamma + beta, x), gradient


def _rows(x):
  return tf.reshape(tf.cast(x, tf.float32), [-1, x.shape.as_list()[-1]])


def _like(rows, x):
  return tf.reshape(tf.cast(rows, x.dtype), tf.shape(x))


def _sum_of_rows(x):
  """Sums [rows, width] -> [width], on a CPU in a third of reduce_sum's time."""
  return tf.raw_ops.BiasAddGrad(out_backprop=x)


def attention(query, key, adder, scale, widen=True):
  """Computes the attention weights, with the softmax in float32.

  With widen=False, the softmax is in the type of query and key. That is for
  implementations that compute in float32 internally.
  """
  scores = tf.matmul(query * scale, key, transpose_b=True)
  if widen:
    scores = tf.cast(scores, tf.float32)
  return tf.nn.softmax(scores + tf.cast(adder, scores.dtype))


# ------------------------------------------------- for a CPU with TensorFlow 2


def compiled():
  """Returns Kernels for training that XLA fuses into single passes.

  They compute in float32 and keep only their argument for the backward pass.
  XLA compiles once per shape, so where the shape is not static, as in bucketed
  batches, the implementations that are not compiled run instead.
  """

  def one_pass(function):
    return tf2.function(function, jit_compile=True, autograph=False)

  plain = choose(is_training=True)
  return plain._replace(
    activation=_where_static(_compiled_gelu(one_pass), plain.activation),
    normalise=_where_static(_compiled_norm(one_pass), plain.normalise),
  )


def _where_static(function, otherwise):
  def run(x, *weights):
    static = x.shape.is_fully_defined()
    return (function if static else otherwise)(x, *weights)

  return run


def _compiled_gelu(one_pass):
  # Separate functions, since XLA would compute a function of two results twice.
  value = one_pass(lambda x: _gelu_and_slope(x)[0])
  gradient = one_pass(lambda dy, x: dy * _gelu_and_slope(x)[1])

  @tf.custom_gradient
  def run(x):
    return value(x), lambda dy: gradient(dy, x)

  return run


def _compiled_norm(one_pass):
  """Returns `normalise`, compiled but for its sums.

  TensorFlow computes the sums, because XLA's are not vectorized on a CPU.
  """

  def unit(rows, mean, variance):
    return (rows - mean) * tf.rsqrt(variance + EPSILON)

  value = one_pass(lambda gamma, beta, *rows: unit(*rows) * gamma + beta)
  times_unit = one_pass(lambda dy, *rows: dy * unit(*rows))

  @one_pass
  def d_rows(dy, gamma, mean_d, along, rows, mean, variance):
    d_centred = dy * gamma - mean_d - unit(rows, mean, variance) * along
    return d_centred * tf.rsqrt(variance + EPSILON)

  @tf.custom_gradient
  def run(x, gamma, beta):
    rows = _rows(x)
    mean = tf.reduce_mean(rows, -1, keepdims=True)
    variance = tf.reduce_mean(
      tf.math.squared_difference(rows, mean), -1, keepdims=True
    )

    def gradient(dy):
      dy = _rows(dy)
      d_gamma = times_unit(dy, rows, mean, variance)
      # A product with this gives the means over rows of x * gamma.
      share = gamma[:, tf.newaxis] / rows.shape.as_list()[-1]
      mean_d, along = tf.matmul(dy, share), tf.matmul(d_gamma, share)
      dx = d_rows(dy, gamma, mean_d, along, rows, mean, variance)
      return _like(dx, x), _sum_of_rows(d_gamma), _sum_of_rows(dy)

    return _like(value(gamma, beta, rows, mean, variance), x), gradient

  return run


def one_dnn():
  """Returns Kernels for inference that map to single oneDNN operations.

  They compute in the type of their arguments, with sums in float32. Without
  oneDNN they are correct but slow.
  """
  return Kernels(
    gelu, _normalise_in_one_dnn, functools.partial(attention, widen=False)
  )


def _normalise_in_one_dnn(x, gamma, beta):
  """Computes `normalise` by the operations that oneDNN fuses, as Keras does."""
  width = x.shape.as_list()[-1]
  # A placeholder, because constant folding of the number of rows would change
  # the operations so that they are not recognized and fused.
  count = tf.placeholder_with_default(tf.size(x) // width, [])
  unit = tf.raw_ops.FusedBatchNormV3(
    x=tf.reshape(x, tf.stack([1, count, width, 1])),
    scale=tf.fill([count], 1.0),
    offset=tf.fill([count], 0.0),
    mean=tf.constant([], tf.float32),
    variance=tf.constant([], tf.float32),
    epsilon=EPSILON,
    exponential_avg_factor=1.0,
    data_format="NCHW",
    is_training=True,
  )[0]
  unit = tf.reshape(unit, tf.shape(x))
  return unit * tf.cast(gamma, x.dtype) + tf.cast(beta, x.dtype)
