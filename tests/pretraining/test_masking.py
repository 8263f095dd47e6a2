# SPDX-License-Identifier: Apache-2.0
"""Tests of masking.py."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pretraining import masking
from tests.helpers import pretraining_files

MASK, CLS, SEP = 4, 2, 3
VOCABULARY = masking.Vocabulary(
  MASK, [0, 1, CLS, SEP, MASK], list(range(5, 99))
)
LENGTH, MOST = 64, 12


@pytest.fixture(scope="module")
def masked():
  """(batch as in a file, text below its masks, the batch masked anew)."""
  random = np.random.RandomState(1)
  rows, texts = [], []
  for _ in range(400):
    values = pretraining_files.example(random, LENGTH, MOST, 99)
    pieces, middle = int(values["input_mask"].sum()), LENGTH // 4
    ids = values["input_ids"]
    ids[0], ids[middle], ids[pieces - 1] = CLS, SEP, SEP
    values["segment_ids"] = (np.arange(LENGTH) > middle) * (ids > 0) * 1
    values["token_boundary"] = (ids > 0) * (random.rand(LENGTH) < 0.6)
    values["token_boundary"][[0, 1, middle, middle + 1, pieces - 1]] = 1
    texts.append(ids.copy())
    places = values["masked_lm_positions"][:-1]
    values["masked_lm_ids"][:-1] = ids[places]
    ids[places] = np.where(np.isin(ids[places], [CLS, SEP]), ids[places], MASK)
    rows.append(values)
  batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
  with tf.Graph().as_default(), tf.Session() as session:
    tensors = {
      name: tf.constant(x, tf.float32 if x.dtype == float else tf.int32)
      for name, x in batch.items()
    }
    found = session.run(masking.mask_anew(tensors, [1, 0], 0.15, VOCABULARY))
  return batch, np.stack(texts), found


@pytest.fixture(scope="module")
def chosen(masked):
  """bool [B, S] of the positions that are listed."""
  found = masked[2]
  chosen = np.zeros(found["input_ids"].shape, bool)
  for row, places, weights in zip(
    chosen, found["masked_lm_positions"], found["masked_lm_weights"]
  ):
    row[places[weights > 0]] = True
  return chosen


def test_pieces_that_are_not_chosen_stay_unchanged(masked, chosen):
  _, texts, found = masked
  assert (found["input_ids"] == texts)[~chosen].all()


def test_labels_are_the_original_pieces(masked):
  _, texts, found = masked
  for text, places, ids, weights in zip(
    texts,
    found["masked_lm_positions"],
    found["masked_lm_ids"],
    found["masked_lm_weights"],
  ):
    real = weights > 0
    assert (text[places[real]] == ids[real]).all() and not ids[~real].any()
    assert (np.diff(places[real]) > 0).all()


def test_special_pieces_and_padding_are_never_chosen(masked, chosen):
  batch, texts, _ = masked
  assert not np.isin(texts, [CLS, SEP])[chosen].any()
  assert batch["input_mask"][chosen].all()


def test_whole_words_are_chosen(masked, chosen):
  batch = masked[0]
  inside = (batch["token_boundary"] == 0) & (batch["input_mask"] == 1)
  inside = inside[:, 1:]
  special = np.isin(batch["input_ids"], [CLS, SEP])
  inside &= ~special[:, 1:] & ~special[:, :-1]
  assert (chosen[:, 1:] == chosen[:, :-1])[inside].all()


def test_the_budget_is_used_and_not_exceeded(masked, chosen):
  batch, texts, _ = masked
  pieces = ((texts > 4) & (batch["input_mask"] == 1)).sum(1)
  counts = chosen.sum(1)
  most = np.maximum(1, np.round(pieces * 0.15))
  assert (counts <= np.minimum(most, MOST)).all()
  assert counts.sum() > 0.95 * most.sum()


def test_eighty_percent_become_masks_and_ten_percent_stay(masked, chosen):
  _, texts, found = masked
  new, old = found["input_ids"][chosen], texts[chosen]
  assert abs((new == MASK).mean() - 0.8) < 0.03
  assert abs((new == old).mean() - 0.1) < 0.03
  assert set(new) - {MASK} <= set(VOCABULARY.ordinary_ids)


def test_the_seed_decides_the_masks():
  with tf.Graph().as_default(), tf.Session() as session:
    batch = {
      "input_ids": tf.range(5, 37)[tf.newaxis],
      "input_mask": tf.ones([1, 32], tf.int32),
      "segment_ids": tf.zeros([1, 32], tf.int32),
      "token_boundary": tf.ones([1, 32], tf.int32),
      "masked_lm_positions": tf.zeros([1, 5], tf.int32),
      "masked_lm_ids": tf.zeros([1, 5], tf.int32),
      "masked_lm_weights": tf.zeros([1, 5]),
    }
    seed = tf.placeholder(tf.int64, [2])
    found = masking.mask_anew(batch, seed, 0.15, VOCABULARY)
    places = [
      tuple(session.run(found["masked_lm_positions"], {seed: [7, i]})[0])
      for i in list(range(20)) * 2
    ]
  assert places[:20] == places[20:]
  assert len(set(places)) > 10
