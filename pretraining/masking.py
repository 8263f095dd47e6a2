# SPDX-License-Identifier: Apache-2.0
"""Masks other words each time an example is read (--masked_lm_budget).

The masks in a file are fixed. Masks drawn here differ in every pass, which is
worth as much as many copies in the file.

Shapes: B batch, S sequence, P masked positions.
"""

import collections

import tensorflow.compat.v1 as tf

NGRAM = 3
DRAWS = 4  # Random tensors of a batch.
ROUNDS = 3  # After three, less than 5 % of the budget is unused.
MASKED, KEPT = 0.8, 0.1  # Shares of [MASK] and of unchanged pieces.

# Ids of [MASK], of pieces never masked, and of possible replacements.
Vocabulary = collections.namedtuple(
  "Vocabulary", "mask_id special_ids ordinary_ids"
)


def vocabulary_of(tokenizer):
  """Returns the Vocabulary of a tokenization.FullTokenizer."""
  special = tokenizer.special_ids
  ordinary = [i for i in range(tokenizer.vocab_size) if i not in special]
  return Vocabulary(tokenizer.mask_id, sorted(special), ordinary)


def mask_anew(batch, seed, budget, vocabulary):
  """Returns a batch with other words masked.

  Masks runs of n = 1 to 3 words, with probabilities proportional to 1/n. Runs
  are drawn uniformly until the budget is used, and never cross the border
  between the two segments.

  The batch has the features of record_inputs and token_boundary. The seed,
  integers [2], decides everything random. `budget` is the share of the pieces
  to mask, not counting special ones.
  """
  lengths, scores, draw, other = (
    tf.stack([seed[0], DRAWS * seed[1] + i]) for i in range(DRAWS)
  )
  ids = _unmasked(batch)
  size = tf.shape(batch["masked_lm_ids"])[1]
  ordinary = tf.cast(batch["input_mask"], tf.bool)
  for special in vocabulary.special_ids:
    ordinary &= tf.not_equal(ids, special)
  of_runs = _scores_of_runs(batch, lengths, scores)
  chosen = _choose(of_runs, ordinary, budget, size)
  positions, weights = _listed(chosen, size)
  labels = tf.gather(ids, positions, batch_dims=1)
  return dict(
    batch,
    input_ids=tf.where(
      chosen, _replacements(ids, vocabulary, draw, other), ids
    ),
    masked_lm_positions=positions,
    masked_lm_ids=labels * tf.cast(weights, labels.dtype),
    masked_lm_weights=weights,
  )


def _unmasked(batch):
  """Returns the text before masking, [B, S]."""
  ids, positions = batch["input_ids"], batch["masked_lm_positions"]
  true = tf.where(
    batch["masked_lm_weights"] > 0,
    batch["masked_lm_ids"],
    tf.gather(ids, positions, batch_dims=1),
  )
  rows = tf.range(tf.shape(ids)[0], dtype=positions.dtype)
  rows = tf.broadcast_to(rows[:, tf.newaxis], tf.shape(positions))
  return tf.tensor_scatter_nd_update(ids, tf.stack([rows, positions], -1), true)


def _choose(scores, ordinary, budget, size):
  """Returns the pieces to mask, whole runs of words, as bool [B, S]."""
  most = tf.round(tf.cast(_count(ordinary), tf.float32) * budget)
  most = tf.minimum(size, tf.maximum(1, tf.cast(most, tf.int32)))
  first, last = _ranks(scores, ordinary)
  chosen = tf.zeros_like(ordinary)
  for _ in range(ROUNDS):  # Skip runs too long for the rest of the budget.
    left = most - _count(chosen)
    fitting = ordinary & ~chosen & (last - first <= left)
    chosen |= fitting & (_ranks(scores, fitting)[1] <= left)
  return chosen


def _ranks(scores, among):
  """Returns for each piece the numbers of pieces with scores < and <= its own.

  All pieces of a run have the same score. The second number is therefore how
  many pieces are masked if this run is the last one taken, and the difference
  is the run's length.
  """
  scores = tf.where(among, scores, tf.fill(tf.shape(among), 2.0))
  ordered = tf.sort(scores)
  return [tf.searchsorted(ordered, scores, side=s) for s in ("left", "right")]


def _count(chosen):
  """Counts the true values of each row: bool [B, S] -> int [B, 1]."""
  return tf.reduce_sum(tf.cast(chosen, tf.int32), 1, keepdims=True)


def _scores_of_runs(batch, of_lengths, of_scores):
  """Draws a uniform score in [0, 1) for each run; float [B, S].

  The other arguments are seeds.
  """
  shape = tf.shape(batch["input_ids"])
  weights = [1.0 / n for n in range(1, NGRAM + 1)]
  lengths = 1 + tf.random.stateless_categorical(
    tf.broadcast_to(tf.math.log(weights), [shape[0], NGRAM]),
    shape[1] + 1,
    of_lengths,
    dtype=tf.int32,
  )
  words = tf.cumsum(tf.cast(batch["token_boundary"], tf.int32), 1)
  runs = tf.searchsorted(tf.cumsum(lengths, 1), words, side="right")
  runs = 2 * runs + tf.cast(batch["segment_ids"], tf.int32)
  scores = tf.random.stateless_uniform([shape[0], 2 * shape[1] + 4], of_scores)
  return tf.gather(scores, runs, batch_dims=1)


def _listed(chosen, size):
  """Returns sorted positions, int [B, P], and weights, float [B, P]."""
  length = tf.shape(chosen)[1]
  places = tf.broadcast_to(tf.range(length), tf.shape(chosen))
  order = tf.sort(tf.where(chosen, places, places + length))[:, :size]
  weights = tf.cast(order < length, tf.float32)
  return order * tf.cast(weights, tf.int32), weights


def _replacements(ids, vocabulary, of_draw, of_other):
  """Draws the replacement of each piece, should it be masked; [B, S].

  The last two arguments are seeds.
  """
  draw = tf.random.stateless_uniform(tf.shape(ids), of_draw)
  other = tf.gather(
    tf.constant(vocabulary.ordinary_ids, ids.dtype),
    tf.random.stateless_uniform(
      tf.shape(ids),
      of_other,
      minval=0,
      maxval=len(vocabulary.ordinary_ids),
      dtype=tf.int32,
    ),
  )
  kept = tf.where(draw < MASKED + KEPT, ids, other)
  return tf.where(
    draw < MASKED, tf.fill(tf.shape(ids), vocabulary.mask_id), kept
  )
