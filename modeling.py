# SPDX-License-Identifier: Apache-2.0
"""ALBERT: its configuration, its encoder, and restoring checkpoints.

Names and shapes of all variables follow google-research/albert (arXiv
1909.11942), so that checkpoints can be exchanged in both directions.

Shapes: B batch, S sequence, H hidden, E embedding, V vocabulary, N heads,
D = H / N head size, F feed-forward. Functions map tensors to tensors and create
their variables in the current variable scope.
"""

import collections
import contextlib
import copy
import functools
import glob
import json
import math
import operator
import os
import re
import zlib

from absl import logging
import tensorflow.compat.v1 as tf

from common import files
from common.errors import InputError
from common.errors import reason_of
from ops import kernels

# The optimizers' slots and the step counter, which belong to a training run
# rather than to a model.
TRAINING_STATE = re.compile(r"/adam_[mv]$|^global_step$")
ENCODER_SCOPE = "bert/"
# Added to the attention scores of padding, as in the release. It fits into
# float16, and a softmax in float32 turns it into an exact 0.
MASKED = -10000.0


class AlbertConfig:
  """The architecture; the released JSON files have these keys and more."""

  def __init__(
    self,
    vocab_size,
    embedding_size=128,
    hidden_size=4096,
    num_hidden_layers=12,
    num_hidden_groups=1,
    num_attention_heads=64,
    intermediate_size=16384,
    inner_group_num=1,
    down_scale_factor=1,
    hidden_act="gelu",
    hidden_dropout_prob=0,
    attention_probs_dropout_prob=0,
    max_position_embeddings=512,
    type_vocab_size=2,
    initializer_range=0.02,
  ):
    """Stores and checks the values; the defaults are ALBERT-xxlarge's.

    Args:
      vocab_size, embedding_size, hidden_size: V, E, H.
      num_hidden_layers: number of layers.
      num_hidden_groups: number of groups; the layers of a group share weights.
      num_attention_heads: N, a divisor of hidden_size.
      intermediate_size: F, width of the feed-forward layer.
      inner_group_num: blocks of attention and feed-forward per layer.
      down_scale_factor: has no effect; the released JSON files have it.
      hidden_act: "gelu" (tanh approximation), "relu", "tanh" or "linear".
      hidden_dropout_prob: dropout of embeddings and layer outputs.
      attention_probs_dropout_prob: dropout of attention weights.
      max_position_embeddings: maximum sequence length, in pieces.
      type_vocab_size: number of segments.
      initializer_range: standard deviation of new weights.

    Raises:
      InputError: a value is out of range.
    """
    self.vocab_size = vocab_size
    self.embedding_size = embedding_size
    self.hidden_size = hidden_size
    self.num_hidden_layers = num_hidden_layers
    self.num_hidden_groups = num_hidden_groups
    self.num_attention_heads = num_attention_heads
    self.intermediate_size = intermediate_size
    self.inner_group_num = inner_group_num
    self.down_scale_factor = down_scale_factor
    self.hidden_act = hidden_act
    self.hidden_dropout_prob = hidden_dropout_prob
    self.attention_probs_dropout_prob = attention_probs_dropout_prob
    self.max_position_embeddings = max_position_embeddings
    self.type_vocab_size = type_vocab_size
    self.initializer_range = initializer_range
    _check_config(self.__dict__)

  @classmethod
  def from_dict(cls, json_object):
    """Returns the config of a dict, including its unknown keys."""
    if not isinstance(json_object, dict) or "vocab_size" not in json_object:
      raise InputError(
        "not an ALBERT config: expected a JSON object with vocab_size"
      )
    known = AlbertConfig(1).__dict__
    for key in json_object:
      if key not in known and hasattr(cls, key):
        raise InputError("config: found the key %s, expected no such key" % key)
    config = cls(**{k: v for k, v in json_object.items() if k in known})
    config.__dict__.update(json_object)
    return config

  @classmethod
  def from_json_file(cls, json_file):
    """Returns the config of a JSON file; InputError if it is not one."""
    values = files.read_json(json_file)
    try:
      return cls.from_dict(values)
    except InputError as e:
      raise InputError("%s: %s" % (json_file, e)) from None

  @classmethod
  def from_checkpoint(cls, checkpoint, version):
    """Returns the config that the shapes of a checkpoint's variables show.

    The number of layers and heads leaves no trace in them, nor does dropout:
    these are the released ALBERT's of the same hidden size, in configs/.

    Args:
      checkpoint: its prefix.
      version: of ALBERT, 1 or 2. They differ in dropout.

    Raises:
      InputError: the checkpoint is damaged, or not of an ALBERT of a released
        size.
    """
    saved = checkpoint_shapes(checkpoint)
    sizes = _sizes_of(saved)
    missing = sorted(set(_SIZES) - set(sizes))
    if missing:
      raise InputError(
        "%s: is no checkpoint of an ALBERT; found %s, expected the shape that "
        "shows %s" % (checkpoint, _abbreviate(sorted(saved)), missing[0])
      )
    released = [
      files.read_json(path)
      for path in files.glob(
        os.path.join(_CONFIGS, "albert_*_v%d.json" % version)
      )
    ]
    for values in released:
      if values["hidden_size"] == sizes["hidden_size"]:
        return cls.from_dict(dict(values, **sizes))
    raise InputError(
      "%s: has a hidden size of %d, expected that of a released ALBERT (%s) or "
      "a config (--albert_config_file) with the number of layers and heads"
      % (
        checkpoint,
        sizes["hidden_size"],
        ", ".join(str(n) for n in sorted(v["hidden_size"] for v in released)),
      )
    )

  def to_dict(self):
    """Returns all keys and values as a new dict."""
    return copy.deepcopy(self.__dict__)

  def to_json_string(self):
    """Returns the dict as sorted, indented JSON with a final line feed."""
    return json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n"

  def to_json_file(self, json_file):
    """Writes the config to a JSON file."""
    with tf.io.gfile.GFile(json_file, "w") as f:
      f.write(self.to_json_string())


_CONFIGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "configs")
# Config keys that a variable's shape shows: its name and the axis.
_BLOCK = "bert/encoder/transformer/group_%d/inner_group_%d/"
_SIZES = {
  "vocab_size": ("bert/embeddings/word_embeddings", 0),
  "max_position_embeddings": ("bert/embeddings/position_embeddings", 0),
  "type_vocab_size": ("bert/embeddings/token_type_embeddings", 0),
  "embedding_size": ("bert/encoder/embedding_hidden_mapping_in/kernel", 0),
  "hidden_size": ("bert/encoder/embedding_hidden_mapping_in/kernel", 1),
  "intermediate_size": (
    _BLOCK % (0, 0) + "ffn_1/intermediate/dense/kernel",
    1,
  ),
}


def _sizes_of(shapes):
  """Returns the {key: value} of a config that {variable: shape} shows."""
  sizes = {
    key: shapes[name][axis]
    for key, (name, axis) in _SIZES.items()
    if len(shapes.get(name, ())) > axis
  }
  pattern = re.compile(re.escape(_BLOCK).replace("%d", r"(\d+)"))
  blocks = [m.groups() for m in map(pattern.match, shapes) if m]
  for key, numbers in zip(
    ("num_hidden_groups", "inner_group_num"), zip(*blocks)
  ):
    sizes[key] = max(map(int, numbers)) + 1
  return sizes


# The largest values and the largest number of weights that a config may have:
# far above those of any ALBERT, and low enough to build the graph.
_LARGEST = {
  "vocab_size": 10**7,
  "embedding_size": 10**5,
  "hidden_size": 10**5,
  "num_hidden_layers": 200,
  "num_hidden_groups": 200,
  "num_attention_heads": 1000,
  "intermediate_size": 10**6,
  "inner_group_num": 10,
  "max_position_embeddings": 10**6,
  "type_vocab_size": 1000,
}
_MOST_WEIGHTS = 10**10


def _check_config(values):
  """Raises InputError at the first value that is out of range."""
  for key, most in _LARGEST.items():
    value = values[key]
    if not _is_number(value, int) or not 1 <= value <= most:
      _reject(key, value, "a whole number from 1 to %d" % most)
  for key in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
    if not _is_number(values[key]) or not 0 <= values[key] < 1:
      _reject(key, values[key], "a number from 0 to below 1")
  deviation = values["initializer_range"]
  if not _is_number(deviation) or not 0 < deviation <= 100:
    _reject("initializer_range", deviation, "a number above 0, at most 100")
  size, heads = values["hidden_size"], values["num_attention_heads"]
  if size % heads:
    expected = "a divisor of hidden_size (%d)" % size
    _reject("num_attention_heads", heads, expected)
  layers, groups = values["num_hidden_layers"], values["num_hidden_groups"]
  if groups > layers:
    expected = "at most num_hidden_layers (%d)" % layers
    _reject("num_hidden_groups", groups, expected)
  get_activation(values["hidden_act"])
  _check_weights(values)


def _check_weights(values):
  """Raises InputError if the model would be too large for any machine."""
  hidden, embedding = values["hidden_size"], values["embedding_size"]
  rows = sum(
    values[key]
    for key in ("vocab_size", "max_position_embeddings", "type_vocab_size")
  )
  block = 4 * hidden**2 + 2 * hidden * values["intermediate_size"]
  blocks = values["num_hidden_groups"] * values["inner_group_num"]
  weights = (rows + hidden) * embedding + blocks * block
  if weights > _MOST_WEIGHTS:
    raise InputError(
      "config: describes %.1e weights, expected at most %.0e; check "
      "hidden_size (%d), intermediate_size (%d) and vocab_size (%d)"
      % (
        weights,
        _MOST_WEIGHTS,
        hidden,
        values["intermediate_size"],
        values["vocab_size"],
      )
    )


def _is_number(value, kind=(int, float)):
  return isinstance(value, kind) and not isinstance(value, bool)


def _reject(key, value, expected):
  found = repr(value)
  if len(found) > 60:
    found = found[:60] + "..."
  raise InputError("config: %s is %s, expected %s" % (key, found, expected))


class AlbertModel:
  """The encoder, built for one batch.

  Example:
    ids = tf.constant([[2, 31, 51, 3], [2, 15, 3, 0]])
    mask = tf.constant([[1, 1, 1, 1], [1, 1, 1, 0]])
    model = AlbertModel(AlbertConfig.from_json_file(path), False, ids, mask)
    logits = tf.layers.dense(model.get_pooled_output(), 3)
  """

  def __init__(
    self,
    config,
    is_training,
    input_ids,
    input_mask=None,
    token_type_ids=None,
    use_one_hot_embeddings=False,
    use_einsum=True,
    scope=None,
    compute_type=tf.float32,
    recompute=False,
    fuse=False,
  ):
    """Builds the encoder in the variable scope "bert", or `scope`.

    Args:
      config: an AlbertConfig.
      is_training: whether dropout is on.
      input_ids: int [B, S].
      input_mask: int [B, S], 1 for pieces, 0 for padding; default: all 1.
      token_type_ids: int [B, S], the segments; default: all 0.
      use_one_hot_embeddings: look up words by a matrix product (for TPU).
      use_einsum: has no effect; kept for the release's signature.
      scope: variable scope instead of "bert".
      compute_type: type of the layers, float32 or bfloat16. Variables,
        statistics, sums and all outputs are always float32.
      recompute: whether the backward pass recomputes each block from its input
        instead of storing the activations of the forward pass.
      fuse: whether to fuse the operations between matrix products, which is
        for a CPU with TensorFlow 2.
    """
    del use_einsum
    if input_mask is None:
      input_mask = tf.ones_like(input_ids)
    if token_type_ids is None:
      token_type_ids = tf.zeros_like(input_ids)
    with tf.variable_scope(scope, default_name="bert"):
      with tf.variable_scope("embeddings"):
        self._table = embedding_table(config)
        self._words = look_up(self._table, input_ids, use_one_hot_embeddings)
        embedded = embed(
          config, self._words, token_type_ids, use_one_hot_embeddings
        )
        rate = config.hidden_dropout_prob if is_training else 0.0
        self._embeddings = dropout(embedded, rate, fresh_seed(input_ids))
      with tf.variable_scope("encoder"):
        hidden = to_hidden(config, tf.cast(self._embeddings, compute_type))
        adder, seed = attention_adder(input_mask), fresh_seed(input_ids)
        layers = encode(
          config, hidden, adder, seed, is_training, recompute, fuse
        )
        self._hidden = tf.cast(hidden, tf.float32)
        self._layers = [tf.cast(x, tf.float32) for x in layers]
      with tf.variable_scope("pooler"):
        self._pooled = pool(config, self._layers[-1])

  def get_pooled_output(self):
    """Returns float [B, H]: a dense tanh layer of the first piece, [CLS]."""
    return self._pooled

  def get_sequence_output(self):
    """Returns float [B, S, H]: the last layer."""
    return self._layers[-1]

  def get_all_encoder_layers(self):
    """Returns a list of float [B, S, H], one per block."""
    return self._layers

  def get_word_embedding_output(self):
    """Returns float [B, S, E]: the word embeddings only."""
    return self._words

  def get_embedding_output(self):
    """Returns float [B, S, E]: words + segments + positions, normalised."""
    return self._embeddings

  def get_hidden_embedding_output(self):
    """Returns float [B, S, H]: the input of the first layer."""
    return self._hidden

  def get_embedding_table(self):
    """Returns the variable [V, E] of word embeddings."""
    return self._table


# -------------------------------------------------------------- the encoder


def embedding_table(config):
  """Returns the variable word_embeddings [V, E]."""
  return tf.get_variable(
    "word_embeddings",
    [config.vocab_size, config.embedding_size],
    initializer=create_initializer(config.initializer_range),
  )


def look_up(table, ids, one_hot):
  """Looks up rows of a table: table [V, E], ids [B, S] -> [B, S, E]."""
  if not one_hot:
    return tf.nn.embedding_lookup(table, ids)
  rows, width = table.shape.as_list()
  flat = tf.one_hot(tf.reshape(ids, [-1]), rows, dtype=table.dtype.base_dtype)
  return tf.reshape(tf.matmul(flat, table), shape_of(ids) + [width])


def embed(config, words, token_type_ids, one_hot):
  """Adds segments and positions to words, and normalises.

  words [B, S, E], token_type_ids [B, S] -> [B, S, E].
  """
  return layer_norm(
    add_types_and_positions(config, words, token_type_ids, one_hot)
  )


def add_types_and_positions(config, words, token_type_ids, one_hot):
  """Adds their embeddings: words [B, S, E], types [B, S] -> [B, S, E]."""
  initializer = create_initializer(config.initializer_range)
  types = tf.get_variable(
    "token_type_embeddings",
    [config.type_vocab_size, config.embedding_size],
    initializer=initializer,
  )
  positions = tf.get_variable(
    "position_embeddings",
    [config.max_position_embeddings, config.embedding_size],
    initializer=initializer,
  )
  length = shape_of(words)[1]
  return words + look_up(types, token_type_ids, one_hot) + positions[:length]


def to_hidden(config, embeddings):
  """Projects embeddings [B, S, E] -> [B, S, H]; no projection if E == H."""
  if config.embedding_size == config.hidden_size:
    return embeddings
  return dense(
    embeddings,
    config.hidden_size,
    config.initializer_range,
    "embedding_hidden_mapping_in",
  )


def pool(config, x):
  """Applies a dense tanh layer to the first piece: [B, S, H] -> [B, H]."""
  size, init = config.hidden_size, config.initializer_range
  return dense(x[:, 0], size, init, "dense", tf.tanh)


def encode(config, x, adder, seed, is_training, recompute=False, fuse=False):
  """Runs all layers: x [B, S, H] -> a list of [B, S, H], one per block."""
  chosen = kernels.choose(is_training, fuse)
  activation = get_activation(config.hidden_act, chosen.activation)
  chosen = chosen._replace(activation=activation or tf.identity)
  run = functools.partial(block, config, is_training, chosen)
  # For the three dropouts of each block.
  blocks = config.num_hidden_layers * config.inner_group_num
  # TensorFlow 1.15 could not load an exported graph with 2.x's random numbers.
  seeds = tf.zeros([blocks, 3, 2], tf.int32)
  if is_training:
    seeds = tf.random.stateless_uniform(
      [blocks, 3, 2], seed, minval=0, maxval=2**31 - 1, dtype=tf.int32
    )
  with tf.variable_scope("transformer"):
    groups = [
      group_variables(config, g) for g in range(config.num_hidden_groups)
    ]
  carried = [list(blocks) for blocks in groups]
  outputs = []
  for layer in range(config.num_hidden_layers):
    group = int(layer / config.num_hidden_layers * config.num_hidden_groups)
    with tf.name_scope("layer_%d" % layer):
      for inner, weights in enumerate(groups[group]):
        rest = adder, seeds[len(outputs)]
        if is_training:
          x, carried[group][inner] = run_trained(
            run, recompute, x, rest, weights, carried[group][inner]
          )
        else:
          x = run(x, *rest, *weights)
        outputs.append(x)
  return outputs


def group_variables(config, group):
  """Returns the block_variables of each block of a group, as tensors.

  Tensors, because layers that share a tensor also share its bfloat16 cast.
  """
  weights = []
  with tf.variable_scope("group_%d" % group):
    for inner in range(config.inner_group_num):
      with tf.variable_scope("inner_group_%d" % inner):
        weights.append(
          [tf.convert_to_tensor(v) for v in block_variables(config)]
        )
  return weights


def block_variables(config):
  """Returns [kernel, bias, ..., gamma, beta, ...] in the order of `block`."""
  size, wide = config.hidden_size, config.intermediate_size
  init = config.initializer_range
  return (
    dense_variables(size, size, init, "attention_1/self/query")
    + dense_variables(size, size, init, "attention_1/self/key")
    + dense_variables(size, size, init, "attention_1/self/value")
    + dense_variables(size, size, init, "attention_1/output/dense")
    + norm_variables(size, "LayerNorm")
    + dense_variables(size, wide, init, "ffn_1/intermediate/dense")
    + dense_variables(wide, size, init, "ffn_1/intermediate/output/dense")
    + norm_variables(size, "LayerNorm_1")
  )


def block(config, is_training, chosen, x, adder, seeds, *weights):
  """Applies attention and feed-forward, with residuals: [B, S, H] -> same.

  Args:
    config: the AlbertConfig.
    is_training: whether dropout is on.
    chosen: the Kernels, with the activation of the feed-forward layer.
    x: float [B, S, H].
    adder: float32 [B, 1, 1, S], from attention_adder.
    seeds: int32 [3, 2], one seed for each of the three dropouts.
    *weights: tensors, from block_variables.
  """
  # Each is (kernel, bias) or (gamma, beta).
  query, key, value, output, norm, wide, narrow, last_norm = zip(
    weights[::2], weights[1::2]
  )
  hidden_dropout = config.hidden_dropout_prob if is_training else 0.0
  context = attend(
    linear(x, *query),
    linear(x, *key),
    linear(x, *value),
    adder,
    chosen.attention,
    config.num_attention_heads,
    config.attention_probs_dropout_prob if is_training else 0.0,
    seeds[0],
  )
  context = dropout(linear(context, *output), hidden_dropout, seeds[1])
  x = chosen.normalise(context + x, *norm)
  # On rows, because a reshape between product and activation would prevent
  # TensorFlow 2 from fusing the two in inference.
  rows = tf.reshape(x, [-1, config.hidden_size])  # [B * S, H]
  y = linear(chosen.activation(linear(rows, *wide)), *narrow)  # via [B * S, F]
  y = tf.reshape(y, shape_of(x))  # [B, S, H]
  return chosen.normalise(dropout(y, hidden_dropout, seeds[2]) + x, *last_norm)


def run_trained(function, recompute, x, rest, weights, carried):
  """Runs a `block` and sums the gradients of shared weights layer by layer.

  TensorFlow would keep the gradients of all layers that share weights and sum
  them at the end. Here each block passes on `carried`, the weights by another
  name. The gradient of that name is the sum of the blocks above, to which this
  block adds its own. Example: of three layers with the same weights, the top
  one returns g3 to the middle one, which returns g2 + g3 to the lowest one.

  Args:
    function: (x, *rest, *weights) -> y.
    recompute: whether the backward pass recomputes y (arXiv 1604.06174), with
      the same seeds and so with the same dropout masks. Only x is stored then,
      at the cost of a second forward pass.
    x: float [B, S, H].
    rest: adder and seeds of `block`, which get no gradient.
    weights: tensors.
    carried: the weights, or what the previous block with the same weights
      returned.

  Returns:
    (y, carried).
  """
  y = function(x, *rest, *weights)

  @tf.custom_gradient
  def run(_, output, *carried):
    def gradient(dy, *above):
      start, end = x, y
      if recompute:
        start, end = _recompute(function, x, rest, weights, dy)
      dx, *own = tf.gradients(
        end, [start] + weights, dy, stop_gradients=[start]
      )
      # Without this dependency TensorFlow would merge the sums of all layers
      # into one, and keep all gradients for it.
      with tf.control_dependencies([dx]):
        return [dx, None] + [a + b for a, b in zip(own, above)]

    return [output] + list(carried), gradient

  output, *carried = run(x, y, *carried)
  return output, carried


def _recompute(function, x, rest, weights, dy):
  """Returns (x, function(x, *rest, *weights)), computed after dy."""
  # This zero depends on dy, and no compiler knows that it is zero. Adding it
  # keeps TensorFlow and XLA from reusing the first computation and from
  # starting the second one early. (XLA ignores control dependencies.)
  zero = tf.minimum(tf.square(tf.reshape(dy, [-1])[0]), 0)
  x = tf.stop_gradient(x + tf.cast(zero, x.dtype))
  adder, seeds = rest
  return x, function(x, adder, seeds + tf.cast(zero, seeds.dtype), *weights)


def attend(query, key, value, adder, attention, heads, dropout_rate, seed):
  """Computes multi-head attention: three of [B, S, H] -> [B, S, H].

  `adder` comes from attention_adder, `attention` from Kernels; the seed, int32
  [2], is that of the dropout of the attention weights.
  """
  # [B, N, S, D] each
  query, key, value = [split_heads(x, heads) for x in (query, key, value)]
  scale = 1.0 / math.sqrt(query.shape.as_list()[-1])
  weights = attention(query, key, adder, scale)  # [B, N, S, S]
  weights = dropout(weights, dropout_rate, seed)
  return merge_heads(tf.matmul(tf.cast(weights, value.dtype), value))


def attention_adder(input_mask):
  """Returns [B, 1, 1, S]: 0 for pieces, -10000 for padding."""
  mask = tf.cast(input_mask, tf.float32)
  return (1.0 - mask[:, tf.newaxis, tf.newaxis, :]) * MASKED


def split_heads(x, heads):
  """Splits [B, S, H] -> [B, N, S, D]."""
  batch, length, width = shape_of(x)
  x = tf.reshape(x, [batch, length, heads, width // heads])
  return tf.transpose(x, [0, 2, 1, 3])


def merge_heads(x):
  """Merges [B, N, S, D] -> [B, S, H]."""
  batch, heads, length, size = shape_of(x)
  x = tf.transpose(x, [0, 2, 1, 3])
  return tf.reshape(x, [batch, length, heads * size])


def dense(x, units, initializer_range, name, activation=None):
  """Applies a dense layer: [..., I] -> [..., units]."""
  width = x.shape.as_list()[-1]
  y = linear(x, *dense_variables(width, units, initializer_range, name))
  return activation(y) if activation else y


def dense_variables(width, units, initializer_range, name):
  """Returns the variables `name`/kernel [width, units], `name`/bias [units].

  The kernel is always a matrix, as in the checkpoints.
  """
  with tf.variable_scope(name):
    kernel = tf.get_variable(
      "kernel",
      [width, units],
      initializer=create_initializer(initializer_range),
    )
    bias = tf.get_variable("bias", [units], initializer=tf.zeros_initializer())
    return [kernel, bias]


def linear(x, kernel, bias):
  """Computes x kernel + bias in the type of x: [..., I] -> [..., O]."""
  if x.shape.ndims > 2:
    shape = shape_of(x)
    y = linear(tf.reshape(x, [-1, shape[-1]]), kernel, bias)
    return tf.reshape(y, shape[:-1] + kernel.shape.as_list()[1:])
  y = tf.matmul(x, tf.cast(kernel, x.dtype))
  return tf.nn.bias_add(y, tf.cast(bias, x.dtype))


def layer_norm(x, name="LayerNorm"):
  """Normalises the last axis, with variables `name`/gamma and `name`/beta."""
  return kernels.normalise(x, *norm_variables(x.shape.as_list()[-1], name))


def norm_variables(width, name):
  """Returns the variables `name`/gamma [width], `name`/beta [width]."""
  with tf.variable_scope(name):
    beta = tf.get_variable("beta", [width], initializer=tf.zeros_initializer())
    gamma = tf.get_variable("gamma", [width], initializer=tf.ones_initializer())
    return [gamma, beta]


def dropout(x, rate, seed=None):
  """Zeroes a share `rate` of x and scales up the rest.

  The seed, int32 [2], decides the mask; None: a new mask in every step.
  """
  if not rate:
    return x
  if seed is None:
    seed = fresh_seed()
  kept = tf.random.stateless_uniform(shape_of(x), seed) >= rate
  return x * tf.cast(tf.cast(kept, tf.float32) / (1.0 - rate), x.dtype)


def fresh_seed(ids=None):
  """Returns an int32 [2] seed for dropout, another one in every step.

  In a graph with a seed and a step, it depends on these, on the name scope and
  on the ids (which tell the batches of a step apart) alone. A resumed run then
  has the dropout of one without a break.
  """
  graph, step = tf.get_default_graph(), tf.train.get_global_step()
  if graph.seed is None or step is None:
    return tf.random.uniform([2], maxval=2**31 - 1, dtype=tf.int32)
  place = "%d/%s" % (graph.seed, graph.get_name_scope())
  number = tf.constant(zlib.crc32(place.encode()) >> 1, tf.int32)
  if ids is not None:
    number += tf.reduce_sum(tf.square(tf.cast(ids, tf.int32)))
  return tf.stack([number, tf.cast(step, tf.int32)])


def get_activation(name, gelu=kernels.gelu):
  """Returns the activation function of a name; None for "linear" or no name."""
  known = {
    "gelu": gelu,
    "gelu_new": gelu,
    "relu": tf.nn.relu,
    "tanh": tf.tanh,
    "linear": None,
    "": None,
    None: None,
  }
  if not isinstance(name, str) and name is not None or name not in known:
    _reject("hidden_act", name, '"gelu", "relu", "tanh" or "linear"')
  return known[name]


def create_initializer(initializer_range=0.02):
  """Returns a truncated normal initializer with this standard deviation."""
  return tf.truncated_normal_initializer(stddev=initializer_range)


def shape_of(x):
  """Returns the shape as a list of numbers, or scalar tensors if unknown."""
  dynamic = tf.shape(x)
  return [
    dynamic[i] if size is None else size
    for i, size in enumerate(x.shape.as_list())
  ]


# ------------------------------------------------------------- checkpoints

Restoring = collections.namedtuple("Restoring", "restored new unused")


def find_checkpoint(path):
  """Returns the checkpoint prefix for a prefix, one of its files or a folder.

  In a folder, `model.ckpt-best` takes precedence over the newest checkpoint. A
  folder without a checkpoint may have one subfolder with some, as an unpacked
  archive does.

  Raises:
    InputError: there is no checkpoint, or several subfolders have one.
  """
  prefix = re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", path)
  if tf.io.gfile.exists(prefix + ".index"):
    return prefix
  if not tf.io.gfile.isdir(path):
    folder = os.path.dirname(path) or "."
    there = _indexes(folder) if tf.io.gfile.isdir(folder) else []
    raise InputError(
      "%s: no checkpoint there (no %s.index)%s"
      % (path, prefix, "; found %s" % _abbreviate(there) if there else "")
    )
  folders = (
    [path] if _indexes(path) else list(filter(_indexes, _subfolders(path)))
  )
  if len(folders) != 1:
    raise InputError(
      "%s: no checkpoint in this folder (no *.index)%s"
      % (path, "; expected one of %s" % ", ".join(folders) if folders else "")
    )
  names = [name[: -len(".index")] for name in _indexes(folders[0])]
  return folders[0].rstrip("/") + "/" + max(names, key=_checkpoint_rank)


def _indexes(folder):
  """Returns the names of a folder's index files, without macOS's ._ files."""
  names = tf.io.gfile.listdir(folder)
  return [n for n in names if n.endswith(".index") and not n.startswith(".")]


def _subfolders(folder):
  """Returns the folders in a folder, but for those that macOS adds."""
  names = [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]
  paths = [os.path.join(folder, n) for n in names if n[0] not in "._"]
  return list(filter(tf.io.gfile.isdir, paths))


def _checkpoint_rank(name):
  """Returns a sort key: bert_model.ckpt < -3 < -20 < model.ckpt-best."""
  step = re.search(r"-(\d+)$", name)
  return (name.endswith("-best"), int(step.group(1)) if step else -1, name)


def checkpoint_shapes(checkpoint):
  """Returns {name: shape} of a checkpoint; InputError if it has no index."""
  with _explained_damage(checkpoint):
    return tf.train.load_checkpoint(checkpoint).get_variable_to_shape_map()


def read_checkpoint(checkpoint, names=None):
  """Yields (name, value) of a checkpoint, of all its variables by default.

  Reading a value compares its checksum.

  Raises:
    InputError: the checkpoint is damaged, or a part of it is missing.
  """
  with _explained_damage(checkpoint):
    reader = tf.train.load_checkpoint(checkpoint)
    shapes = reader.get_variable_to_shape_map()
    types = reader.get_variable_to_dtype_map()
    parts = tf.io.gfile.glob(glob.escape(checkpoint) + ".data-*")
    # A damaged shape could ask for more memory than there is.
    needed = sum(
      functools.reduce(operator.mul, shape, types[name].size)
      for name, shape in shapes.items()
    )
    if needed > sum(tf.io.gfile.stat(path).length for path in parts):
      raise ValueError("its .data files are missing or too short")
  for name in sorted(shapes if names is None else names):
    with _explained_damage(checkpoint):
      value = reader.get_tensor(name)
    yield name, value


def check_checkpoint(checkpoint):
  """Raises InputError unless all of a checkpoint can be read."""
  collections.deque(read_checkpoint(checkpoint), maxlen=0)


@contextlib.contextmanager
def _explained_damage(checkpoint):
  """Turns any error from reading a checkpoint into an InputError."""
  try:
    yield
  except Exception as e:  # noqa: BLE001  Damage raises errors of many kinds.
    raise InputError(
      "%s: not a readable TensorFlow checkpoint (%s)"
      % (checkpoint, reason_of(e))
    ) from None


def match_checkpoint(checkpoint, variables):
  """Compares a checkpoint with the variables {name: shape} of a model.

  Returns:
    A Restoring of three sorted lists of names: `restored` are in the checkpoint
    with the same shape, `new` are not, `unused` are in the checkpoint only.

  Raises:
    InputError: the checkpoint is damaged, or encoder variables are missing or
      have another shape.
  """
  check_checkpoint(checkpoint)
  return _match(checkpoint, variables)


def _match(checkpoint, variables):
  """Does the same without reading the values of the checkpoint."""
  saved = checkpoint_shapes(checkpoint)
  fits = {n for n, shape in variables.items() if saved.get(n) == list(shape)}
  encoder = {n for n in variables if n.startswith(ENCODER_SCOPE)}
  if not encoder & set(saved):
    raise InputError(
      "%s: holds nothing of the encoder; found %s, expected %s"
      % (checkpoint, _abbreviate(sorted(saved)), _abbreviate(sorted(encoder)))
    )
  if encoder - fits:
    wrong = [
      "%s is %s in the checkpoint, %s by the config"
      % (n, saved.get(n, "missing"), list(variables[n]))
      for n in sorted(encoder - fits)
    ]
    raise InputError(
      "%s: does not fit the config: %s" % (checkpoint, _abbreviate(wrong, "; "))
    )
  return Restoring(
    sorted(fits), sorted(set(variables) - fits), sorted(set(saved) - fits)
  )


def _abbreviate(names, separator=", "):
  """Returns the first three names and the number of the others."""
  more = len(names) - 3
  return separator.join(names[:3]) + (" and %d more" % more if more > 0 else "")


def restore(checkpoint, variables=None, source_of=None):
  """Initializes variables (default: all trainable ones) from a checkpoint.

  Optimizer slots and the step counter are not restored. `source_of` maps the
  name of a variable to its name in the checkpoint; default: the same name.
  Returns the Restoring, which is also logged. A damaged value shows in the
  session only, unless match_checkpoint or check_checkpoint has found it before.
  """
  if variables is None:
    variables = tf.trainable_variables()
  by_name = {v.op.name: v for v in variables}
  sources = {n: source_of(n) if source_of else n for n in by_name}
  result = _match(
    checkpoint, {sources[n]: v.shape.as_list() for n, v in by_name.items()}
  )
  # One by one, since several variables may have the same source.
  for name, source in sources.items():
    if source in result.restored:
      tf.train.init_from_checkpoint(checkpoint, {source: name})
  log_restoring(checkpoint, result)
  return result


def restore_training_state(checkpoint):
  """Initializes the graph's optimizer slots and step counter.

  Raises:
    InputError: the checkpoint lacks some of them.
  """
  saved = checkpoint_shapes(checkpoint)
  state = {
    v.op.name: v
    for v in tf.global_variables()
    if TRAINING_STATE.search(v.op.name)
  }
  lacking = [n for n in state if n not in saved]
  if lacking:
    raise InputError(
      "%s: has no optimizer state (%s)" % (checkpoint, _abbreviate(lacking))
    )
  # By variable, because TensorFlow does not accept the name `kernel/adam_m` if
  # there is a variable `kernel`.
  tf.train.init_from_checkpoint(checkpoint, state)
  logging.info("restored the optimizer's state (%d variables)", len(state))


def log_restoring(checkpoint, result):
  """Logs which variables are restored, new or unused."""
  state = [n for n in result.unused if TRAINING_STATE.search(n)]
  rest = [n for n in result.unused if not TRAINING_STATE.search(n)]
  logging.info(
    "restored %d variables from %s", len(result.restored), checkpoint
  )
  logging.info("new, with random weights: %s", ", ".join(result.new) or "none")
  logging.info(
    "in the checkpoint, but not used: %s%s",
    ", ".join(rest) or "none",
    " (and %d of its optimizer)" % len(state) if state else "",
  )
