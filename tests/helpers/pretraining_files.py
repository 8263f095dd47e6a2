# SPDX-License-Identifier: Apache-2.0
"""Writes small pretraining files with TensorFlow's own writer."""

import numpy as np
import tensorflow.compat.v1 as tf

from pretraining import instances

SEQUENCE = 16
MASKED = 3
VOCABULARY = 40
# The defaults of create_pretraining_data.py, but for length and copies.
SETTINGS = instances.Settings(
  max_seq_length=64,
  max_predictions_per_seq=20,
  masked_lm_prob=0.15,
  short_seq_prob=0.1,
  ngram=3,
  favor_shorter_ngram=True,
  do_whole_word_mask=True,
  do_permutation=False,
  random_next_sentence=False,
  dupe_factor=1,
  random_seed=12345,
)


def example(random, length=SEQUENCE, masked=MASKED, vocabulary=VOCABULARY):
  """Returns {feature: values} of a random example that ends in padding."""
  pieces = random.randint(length // 2, length)
  places = np.sort(random.choice(np.arange(1, pieces), masked - 1, False))
  ids = np.zeros([length], int)
  ids[:pieces] = random.randint(5, vocabulary, pieces)
  real = (np.arange(length) < pieces).astype(int)
  return {
    "input_ids": ids,
    "input_mask": real,
    "segment_ids": real * (np.arange(length) > pieces // 2),
    "token_boundary": real,
    "masked_lm_positions": np.append(places, 0),
    "masked_lm_ids": np.append(ids[places], 0),
    "masked_lm_weights": np.append(np.ones([masked - 1]), 0.0),
    "next_sentence_labels": random.randint(0, 2, 1),
  }


def serialized(values):
  """Returns an example as bytes."""
  features = {
    name: tf.train.Feature(float_list=tf.train.FloatList(value=x))
    if x.dtype == float
    else tf.train.Feature(int64_list=tf.train.Int64List(value=x))
    for name, x in values.items()
  }
  return tf.train.Example(
    features=tf.train.Features(feature=features)
  ).SerializeToString()


def write(path, count, seed=0, **sizes):
  """Writes a TFRecord file of random examples; returns their values."""
  random = np.random.RandomState(seed)
  examples = [example(random, **sizes) for _ in range(count)]
  with tf.io.TFRecordWriter(str(path)) as writer:
    for values in examples:
      writer.write(serialized(values))
  return examples
