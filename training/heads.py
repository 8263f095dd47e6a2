# SPDX-License-Identifier: Apache-2.0
"""Heads on the encoder: from its output to a loss and predictions.

Every head returns (scalar loss, dict of predictions). Variables have the names
of the ALBERT release, which converters expect. Where replicas share a batch,
the mean of their losses is the loss of the batch.

Shapes: B batch, S sequence, H hidden, E embedding, V vocabulary, L labels,
P masked positions.
"""

import tensorflow.compat.v1 as tf

import modeling
from ops import replicas

# The release's heads use this dropout regardless of the config.
HEAD_DROPOUT = 0.1


def tokens(sequence, label_ids, num_labels, is_training):
  """Labels every piece with a linear layer (as in BERT's NER).

  Args:
    sequence: float [B, S, H].
    label_ids: int [B, S]; pieces labelled -1 do not count in the loss.
    num_labels: L.
    is_training: whether dropout is on.

  Returns:
    The mean cross-entropy over labelled pieces, and {"label": int [B, S],
    "probability": float [B, S] of that label}.
  """
  sequence = modeling.dropout(sequence, HEAD_DROPOUT if is_training else 0.0)
  logits = linear(sequence, num_labels)  # [B, S, L]
  return _mean_cross_entropy(logits, label_ids), {
    "label": tf.argmax(logits, -1, output_type=tf.int32),
    "probability": tf.reduce_max(tf.nn.softmax(logits), -1),
  }


def classes(pooled, label_ids, num_labels, is_training, weights=None):
  """Assigns one label to every input (as the release's run_classifier.py).

  Args:
    pooled: float [B, H].
    label_ids: int [B]; inputs labelled -1 do not count in the loss.
    num_labels: L.
    is_training: whether dropout is on.
    weights: L numbers; an input counts in the loss as its label's says.

  Returns:
    The (weighted) mean cross-entropy over labelled inputs, and
    {"probabilities": float [B, L]}.
  """
  pooled = modeling.dropout(pooled, HEAD_DROPOUT if is_training else 0.0)
  logits = linear(pooled, num_labels)  # [B, L]
  return _mean_cross_entropy(logits, label_ids, weights), {
    "probabilities": tf.nn.softmax(logits)
  }


def score(pooled, values, is_training):
  """Predicts a number for every input (as the release does for STS-B).

  Args:
    pooled: float [B, H].
    values: float [B], gold numbers.
    is_training: whether dropout is on.

  Returns:
    The mean squared error, and {"value": float [B]}.
  """
  pooled = modeling.dropout(pooled, HEAD_DROPOUT if is_training else 0.0)
  predicted = tf.squeeze(linear(pooled, 1), -1)  # [B]
  loss = _mean(tf.square(predicted - values))
  return loss, {"value": predicted}


def labels(pooled, gold, is_training, weights=None):
  """Assigns any number of labels to every input, with a sigmoid for each.

  Args:
    pooled: float [B, H].
    gold: float [B, L], 1 for labels that the input has, else 0.
    is_training: whether dropout is on.
    weights: L numbers that the losses of labels an input has are multiplied by.

  Returns:
    The mean cross-entropy over inputs and labels, and {"probabilities": float
    [B, L]}.
  """
  pooled = modeling.dropout(pooled, HEAD_DROPOUT if is_training else 0.0)
  logits = linear(pooled, gold.shape.as_list()[-1])  # [B, L]
  losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=gold, logits=logits)
  if weights is not None:
    losses *= 1 + gold * (tf.constant(weights) - 1)
  return _mean(losses), {"probabilities": tf.nn.sigmoid(logits)}


def span(sequence, starts, ends, allowed):
  """Finds the first and last piece of an answer (as run_squad_v1.py).

  Args:
    sequence: float [B, S, H].
    starts: int [B], the answer's first piece; -1 does not count in the loss.
    ends: int [B], its last piece, likewise.
    allowed: int [B, S], 1 where an answer may begin or end.

  Returns:
    The mean of both cross-entropies, and {"start_logits": float [B, S],
    "end_logits": float [B, S]}, about -1e30 where no answer is allowed.
  """
  with tf.variable_scope("cls/squad"):
    logits = linear(sequence, 2)  # [B, S, 2]
  logits -= 1e30 * tf.cast(tf.equal(allowed, 0), tf.float32)[:, :, tf.newaxis]
  start_logits, end_logits = tf.unstack(logits, axis=-1)  # [B, S] each
  loss = _mean_cross_entropy(start_logits, starts)
  loss += _mean_cross_entropy(end_logits, ends)
  return loss / 2, {"start_logits": start_logits, "end_logits": end_logits}


def pretraining(config, albert, batch, use_sop=True):
  """Runs both heads of pretraining: masked words and sentence order.

  Args:
    config: the AlbertConfig.
    albert: the modeling.AlbertModel.
    batch: {name: tensor} with the names of the TFRecord features.
    use_sop: whether sentence order counts in the loss.

  Returns:
    The sum of their losses, and the predictions of both with "masked_lm_loss"
    and "sentence_order_loss".
  """
  word_loss, words = masked_words(
    config,
    albert.get_sequence_output(),
    albert.get_embedding_table(),
    batch["masked_lm_positions"],
    batch["masked_lm_ids"],
    batch["masked_lm_weights"],
  )
  order_loss, order = sentence_order(
    albert.get_pooled_output(),
    batch["next_sentence_labels"],
    config.initializer_range,
  )
  outputs = dict(
    words, **order, masked_lm_loss=word_loss, sentence_order_loss=order_loss
  )
  return (word_loss + order_loss if use_sop else word_loss), outputs


def masked_words(config, sequence, table, positions, label_ids, weights):
  """Predicts the masked words.

  Args:
    config: the AlbertConfig.
    sequence: float [B, S, H].
    table: word embeddings [V, E]; the output layer is their transpose.
    positions: int [B, P], positions of the masked pieces.
    label_ids: int [B, P], the original pieces.
    weights: float [B, P], 0 for padding.

  Returns:
    The weighted mean cross-entropy, and {"masked_lm_logits" and
    "masked_lm_log_probs": [B * P, V]}.
  """
  picked = tf.reshape(
    tf.gather(sequence, positions, axis=1, batch_dims=1),
    [-1, config.hidden_size],
  )  # [B * P, H]
  with tf.variable_scope("cls/predictions"):
    with tf.variable_scope("transform"):
      x = modeling.dense(
        picked,
        config.embedding_size,
        config.initializer_range,
        "dense",
        modeling.get_activation(config.hidden_act),
      )  # [B * P, E]
      x = modeling.layer_norm(x)
    bias = tf.get_variable(
      "output_bias", [config.vocab_size], initializer=tf.zeros_initializer()
    )
  logits = tf.nn.bias_add(tf.matmul(x, table, transpose_b=True), bias)
  losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
    labels=tf.reshape(label_ids, [-1]), logits=logits
  )
  loss = _mean(losses, tf.reshape(weights, [-1]))
  return loss, {
    "masked_lm_logits": logits,
    "masked_lm_log_probs": tf.nn.log_softmax(logits),
  }


def sentence_order(pooled, labels, initializer_range):
  """Predicts whether the two segments are swapped.

  Args:
    pooled: float [B, H].
    labels: int [B] or [B, 1], 1 for swapped.
    initializer_range: standard deviation of new weights.

  Returns:
    The mean cross-entropy, and {"sentence_order_logits" and
    "sentence_order_log_probs": [B, 2]}.
  """
  with tf.variable_scope("cls/seq_relationship"):
    logits = linear(pooled, 2, initializer_range)
  losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
    labels=tf.reshape(labels, [-1]), logits=logits
  )
  return _mean(losses), {
    "sentence_order_logits": logits,
    "sentence_order_log_probs": tf.nn.log_softmax(logits),
  }


def _mean_cross_entropy(logits, label_ids, weights=None):
  """Returns the mean over labelled items (not -1); 0 without any label.

  Args:
    logits: float [..., L].
    label_ids: int [...].
    weights: L numbers, by which the labels count; all alike by default.
  """
  losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
    labels=tf.maximum(label_ids, 0), logits=logits
  )
  counts = tf.cast(label_ids >= 0, tf.float32)
  if weights is not None:
    counts *= tf.gather(tf.constant(weights), tf.maximum(label_ids, 0))
  return _mean(losses, counts)


def _mean(losses, weights=None):
  """Returns a weighted mean that may be averaged over replicas.

  Replicas may have different total weights. Each divides by the average total
  of all replicas, so that the mean of their losses is the mean over all items.
  Example: losses [1, 2, 3] on one replica and [6] on the other are divided by 2
  each, which gives 3 and 3, and on average 12 / 4 = 3.
  """
  if weights is None:
    weights = tf.ones_like(losses)
  counted = replicas.total(tf.reduce_sum(weights)) / replicas.count()
  return tf.reduce_sum(losses * weights) / tf.maximum(counted, 1e-5)


def linear(x, num_labels, initializer_range=0.02):
  """Computes logits, x [..., H] -> float32 [..., L], with the release's names.

  The release stores output_weights as [L, H].
  """
  shape = modeling.shape_of(x)
  weights = tf.get_variable(
    "output_weights",
    [num_labels, shape[-1]],
    initializer=modeling.create_initializer(initializer_range),
  )
  bias = tf.get_variable(
    "output_bias", [num_labels], initializer=tf.zeros_initializer()
  )
  flat = tf.cast(tf.reshape(x, [-1, shape[-1]]), tf.float32)
  logits = tf.nn.bias_add(tf.matmul(flat, weights, transpose_b=True), bias)
  return tf.reshape(logits, shape[:-1] + [num_labels])
