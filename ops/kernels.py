# SPDX-License-Identifier: Apache-2.0
"""What ALBERT computes between its products: activation, layer norm, attention.

Each function of a Kernels has several spellings of one meaning; `choose` says
which suits. Those that fuse are for a CPU with TensorFlow 2, where passes over
memory are what these functions cost.

Shapes: B batch, S sequence, N heads, D head size; "rows" are [anything, width].
"""

import collections
import functools
import math

import tensorflow.compat.v1 as tf
import tensorflow.compat.v2 as tf2

# The release's, which float16 cannot hold.
EPSILON = 1e-12
# Of gelu: x and x^3 in the argument of tanh.
LINEAR_PART, CUBIC_PART = math.sqrt(2 / math.pi), 0.044715

# activation: [...] -> same; `gelu` or a spelling of it.
# normalise: (x [..., width], gamma [width], beta [width]) -> same as x.
# attention: (query and key [B, N, S, D], adder [B, 1, 1, S], scale) -> weights
#   [B, N, S, S], the softmax of scale * query * key + adder.
Kernels = collections.namedtuple(
  "Kernels", ["activation", "normalise", "attention"]
)


def choose(is_training, fuse=False):
  """Returns the Kernels for training or for inference.

  Args:
    is_training: whether gradients will be asked for.
    fuse: whether they shall be made for a CPU with TensorFlow 2: by XLA in
      training, by oneDNN in inference.
  """
  if fuse:
    return compiled() if is_training else one_dnn()
  return Kernels(trained_gelu if is_training else gelu, normalise, attention)


def gelu(x):
  """The tanh approximation of x * Phi(x) (arXiv 1606.08415), as released.

  Spelt so that TensorFlow 2 makes one operation of a product, a bias and this
  on a CPU, where no gradient is asked for.
  """
  inner = x + CUBIC_PART * (tf.square(x) * x)
  return 0.5 * x * (1.0 + tf.tanh(LINEAR_PART * inner))


@tf.custom_gradient
def trained_gelu(x):
  """gelu, quicker where its gradient is asked for.

  Computes the derivative along with the value, which is then all that is kept
  for the gradient, in half the passes over the widest tensor of a block that
  the derived gradient takes.
  """
  y, slope = _gelu_and_slope(x)
  return y, lambda dy: dy * slope


def _gelu_and_slope(x):
  """gelu of x and its derivative there, also in float16 for |x| up to 255."""
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
  """Layer normalisation (arXiv 1607.06450): [..., width] -> same, in float32.

  An input of another type is widened for the computation and narrowed after
  it. The gradient is written out because it takes half the passes over memory
  of the derived one.
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
  """[rows, width] -> [width], on a CPU in a third of reduce_sum's time."""
  return tf.raw_ops.BiasAddGrad(out_backprop=x)


def attention(query, key, adder, scale, widen=True):
  """Attention's weights, the softmax in float32 whatever the rest is in.

  Without `widen` it is in the type of the rest, for one that widens inside.
  """
  scores = tf.matmul(query * scale, key, transpose_b=True)
  if widen:
    scores = tf.cast(scores, tf.float32)
  return tf.nn.softmax(scores + tf.cast(adder, scores.dtype))


# ------------------------------------------------- for a CPU with TensorFlow 2


def compiled():
  """Returns Kernels for training whose passes over memory XLA makes one.

  In float32. They keep their argument for the gradient and nothing else. XLA
  compiles for each shape it meets: where a shape is not static, as in batches
  of many lengths, these are the spellings that are not compiled.
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
  # Two results of one pass would be computed twice: the slope has its own.
  value = one_pass(lambda x: _gelu_and_slope(x)[0])
  gradient = one_pass(lambda dy, x: dy * _gelu_and_slope(x)[1])

  @tf.custom_gradient
  def run(x):
    return value(x), lambda dy: gradient(dy, x)

  return run


def _compiled_norm(one_pass):
  """normalise, whose sums are TensorFlow's: XLA's do not use vectors there."""

  def unit(rows, mean, variance):
    return (rows - mean) * tf.rsqrt(variance + EPSILON)

  value = one_pass(
    lambda gamma, beta, *rows: unit(*rows) * gamma + beta,
  )
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
      # Means over a row of what gamma has scaled.
      share = gamma[:, tf.newaxis] / rows.shape.as_list()[-1]
      dx = d_rows(
        dy,
        gamma,
        tf.matmul(dy, share),
        tf.matmul(d_gamma, share),
        *(rows, mean, variance),
      )
      return _like(dx, x), _sum_of_rows(d_gamma), _sum_of_rows(dy)

    return _like(value(gamma, beta, rows, mean, variance), x), gradient

  return run


def one_dnn():
  """Returns Kernels for inference that oneDNN has single operations for.

  In the type of their arguments; sums inside an operation are float32. Where
  TensorFlow does not use oneDNN they are right, and slow.
  """
  return Kernels(
    gelu, _normalise_at_once, functools.partial(attention, widen=False)
  )


def _normalise_at_once(x, gamma, beta):
  """normalise, as the operations that are made one (Keras' way of it)."""
  width = x.shape.as_list()[-1]
  # A number of rows that is known would be folded into what must be found.
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
