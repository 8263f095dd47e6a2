# SPDX-License-Identifier: Apache-2.0
"""Tests that the training step of every task compiles under XLA.

A TPU needs this: all shapes are static, and XLA knows all operations. Where
TensorFlow has no tf.estimator, there is no training on TPUs.
"""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
import optimization
from training import heads

pytestmark = pytest.mark.usefixtures("tf_estimator")

B, S, L = 2, 8, 3


def tokens(albert, _):
  label_ids = tf.constant(np.arange(B * S).reshape(B, S) % 4 - 1, tf.int32)
  return heads.tokens(albert.get_sequence_output(), label_ids, L, True)


def classes(albert, _):
  return heads.classes(albert.get_pooled_output(), tf.constant([0, 2]), L, True)


def score(albert, _):
  return heads.score(albert.get_pooled_output(), tf.constant([0.5, 4.0]), True)


def labels(albert, _):
  gold = tf.constant([[1, 0, 1], [0, 0, 0]], tf.float32)
  return heads.labels(albert.get_pooled_output(), gold, True)


def span(albert, _):
  allowed = tf.constant([[0] + [1] * (S - 1)] * B)
  return heads.span(
    albert.get_sequence_output(),
    tf.constant([1, -1]),
    tf.constant([3, -1]),
    allowed,
  )


def pretraining(albert, config):
  batch = {
    "masked_lm_positions": tf.constant([[1, 4], [2, 0]]),
    "masked_lm_ids": tf.constant([[3, 5], [7, 0]]),
    "masked_lm_weights": tf.constant([[1.0, 1.0], [1.0, 0.0]]),
    "next_sentence_labels": tf.constant([[0], [1]]),
  }
  return heads.pretraining(config, albert, batch)


HEADS = [tokens, classes, score, labels, span, pretraining]


def compiled_step(**arguments):
  """Returns (losses of three steps, variables before and after them).

  Losses has a column for each head; trained is their sum.
  """
  # TensorFlow 1.15 takes more than a minute to compile dropout for a CPU, so
  # there only the heads have it.
  dropout = 0.0 if tf.__version__.startswith("1.") else 0.1
  config = modeling.AlbertConfig(
    vocab_size=11,
    embedding_size=4,
    hidden_size=8,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=16,
    max_position_embeddings=S,
    hidden_dropout_prob=dropout,
    attention_probs_dropout_prob=dropout,
  )

  def step():
    ids = tf.constant(np.arange(B * S).reshape(B, S) % 11, tf.int32)
    albert = modeling.AlbertModel(
      config, True, ids, use_one_hot_embeddings=True, **arguments
    )
    losses = []
    for head in HEADS:
      with tf.variable_scope(head.__name__):
        losses.append(head(albert, config)[0])
    train_op = optimization.create_optimizer(
      tf.add_n(losses), 0.01, 10, 0, use_tpu=True, optimizer="lamb"
    )
    with tf.control_dependencies([train_op]):
      return tf.stack(losses)

  with tf.Graph().as_default(), tf.Session() as session:
    tf.set_random_seed(1)
    with tf.variable_scope(tf.get_variable_scope(), use_resource=True):
      tf.train.get_or_create_global_step()
      (fetched,) = tf.xla.experimental.compile(step)
    session.run(tf.global_variables_initializer())
    variables = {v.op.name: v for v in tf.global_variables()}
    before = session.run(variables)
    losses = [session.run(fetched) for _ in range(3)]
    return losses, before, session.run(variables)


# All heads share one encoder, since compiling it takes most of the time.
@pytest.mark.parametrize(
  "arguments",
  [
    {"compute_type": tf.bfloat16, "recompute": True},
    pytest.param({}, marks=pytest.mark.once("tf2.15")),
  ],
  ids=["bf16", "fp32"],
)
def test_the_training_step_of_every_task_compiles_and_trains(arguments):
  losses, before, after = compiled_step(**arguments)
  assert np.shape(losses) == (3, len(HEADS)) and np.isfinite(losses).all()
  assert after["global_step"] == 3
  moved = [n for n in before if not np.array_equal(before[n], after[n])]
  assert "bert/embeddings/word_embeddings" in moved
  for head in HEADS:
    own = [name for name in moved if name.startswith(head.__name__ + "/")]
    assert own and any(name.endswith("adam_m") for name in own), head
