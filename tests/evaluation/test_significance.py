# SPDX-License-Identifier: Apache-2.0
"""Paired bootstrap against enumeration, against scipy, and by its own laws."""

import itertools

import numpy as np
import pytest
from scipy import stats

from evaluation import metrics
from evaluation import significance

LABELS = ["x", "y", "false"]


def counts(gold, predicted):
  """The sums of rows with one label each, "false" being the negative."""
  return np.array(
    [
      (g != "false", p != "false", g == p != "false")
      for g, p in zip(gold, predicted)
    ],
    np.float64,
  )


def paired(first, second):
  """The sums of two models' single runs on one test set."""
  return np.stack([first, second], axis=1)[:, np.newaxis]


def random_labels(random, size):
  return [LABELS[i] for i in random.randint(3, size=size)]


def test_f1_equals_that_of_metrics_or_is_0_where_undefined():
  random = np.random.RandomState(0)
  for size in range(30):
    gold, predicted = (random_labels(random, size) for _ in range(2))
    sums = counts(gold, predicted).reshape(-1, 3).sum(0)
    wanted = metrics.class_scores(gold, predicted, LABELS, "false")["f1"]
    assert significance.f1(sums) == pytest.approx(wanted or 0, abs=1e-12)


@pytest.mark.parametrize(
  "x, y",
  [
    ([1, 2, 3, 5], [2, 1, 4, 4]),
    ([1, 2, 3], [3, 2, 1]),
    ([1e6, 1e6 + 1, 1e6 + 3], [0.1, 0.3, 0.2]),  # Far from 0.
    ([0.1, 0.1, 0.1], [1, 2, 3]),  # Equal values correlate with nothing.
    ([4], [4]),
  ],
)
def test_pearson_equals_that_of_metrics_or_is_0_where_undefined(x, y):
  found = significance.pearson(significance.moments(x, y).sum(0))
  wanted = metrics.regression_scores(x, y)["pearson"]
  assert found == pytest.approx(wanted or 0, abs=1e-9)


def test_the_mean_of_no_values_is_0():
  sums = np.array([[3.0, 4.0], [0.0, 0.0]])
  assert significance.mean(sums).tolist() == [0.75, 0.0]


def test_small_cases_agree_with_an_enumeration_of_all_samples():
  gold = ["x", "y", "x", "false", "y"]
  first = ["x", "y", "x", "x", "false"]
  second = ["x", "x", "false", "x", "false"]

  def f1(predicted, chosen):
    sides = ([side[i] for i in chosen] for side in (gold, predicted))
    scores = metrics.class_scores(*sides, labels=LABELS, negative="false")
    return scores["f1"] or 0  # A sample may be of "false" alone.

  every = np.array(
    [
      f1(first, chosen) - f1(second, chosen)
      for chosen in itertools.product(range(5), repeat=5)
    ]
  )
  true = f1(first, range(5)) - f1(second, range(5))
  found = significance.paired_bootstrap(
    [paired(counts(gold, first), counts(gold, second))],
    [[1.0]],
    significance.f1,
    100000,
    seed=3,
  )
  assert found.difference == pytest.approx(true, abs=1e-12) and found.n == 5
  exact = np.mean(np.abs(every - true) >= abs(true) - 1e-12)
  assert found.p == pytest.approx(exact, abs=0.01)
  low, high = np.percentile(every, [2.5, 97.5])
  assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)


def test_intervals_agree_with_scipys_for_a_mean():
  random = np.random.RandomState(1)
  first, second = random.rand(2, 80)
  ours = significance.paired_bootstrap(
    [paired(*(np.stack([v, np.ones(80)], -1) for v in (first, second)))],
    [[1.0]],
    significance.mean,
    20000,
    seed=1,
  )
  theirs = stats.bootstrap(
    (first - second,),
    np.mean,
    n_resamples=20000,
    method="percentile",
    random_state=2,
  ).confidence_interval
  assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.01)


def test_intervals_agree_with_scipys_for_two_correlations():
  random = np.random.RandomState(1)
  gold = random.rand(60)
  first, second = (gold + random.rand(60) * k for k in (1, 1.5))
  ours = significance.paired_bootstrap(
    [paired(*(significance.moments(gold, v) for v in (first, second)))],
    [[1.0]],
    significance.pearson,
    4000,
    seed=1,
  )
  theirs = stats.bootstrap(
    (gold, first, second),
    lambda g, a, b: np.corrcoef(g, a)[0, 1] - np.corrcoef(g, b)[0, 1],
    paired=True,
    vectorized=False,
    n_resamples=4000,
    method="percentile",
    random_state=2,
  ).confidence_interval
  assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.02)


def bootstrap_of(first, second, samples=2000, seed=1):
  return significance.paired_bootstrap(
    [paired(first, second)], [[1.0]], significance.f1, samples, seed
  )


def test_a_model_does_not_differ_from_itself():
  random = np.random.RandomState(0)
  rows = counts(random_labels(random, 50), random_labels(random, 50))
  assert bootstrap_of(rows, rows) == (0.0, 0.0, 0.0, 1.0, 50)


def test_always_right_differs_from_never_right():
  gold = ["x", "y"] * 50
  found = bootstrap_of(counts(gold, gold), counts(gold, gold[::-1]), 999)
  assert found.difference == found.low == found.high == 1.0
  assert found.p == 1 / 1000


def test_swapping_the_models_negates_the_difference():
  random = np.random.RandomState(0)
  gold, a, b = (random_labels(random, 60) for _ in range(3))
  one = bootstrap_of(counts(gold, a), counts(gold, b), 20000)
  other = bootstrap_of(counts(gold, b), counts(gold, a), 20000)
  assert one.difference == -other.difference
  assert one.p == pytest.approx(other.p, abs=0.02)
  assert one.low == pytest.approx(-other.high, abs=0.02)


def test_the_seed_determines_the_result():
  random = np.random.RandomState(0)
  gold, a, b = (random_labels(random, 60) for _ in range(3))
  rows = counts(gold, a), counts(gold, b)
  assert bootstrap_of(*rows, seed=4) == bootstrap_of(*rows, seed=4)
  assert bootstrap_of(*rows, seed=4) != bootstrap_of(*rows, seed=5)


def test_models_of_equal_skill_differ_as_often_as_p_says():
  random, small = np.random.RandomState(0), 0
  for _ in range(300):
    rows = (random.rand(2, 100) < 0.7).astype(np.float64)
    sums = [np.stack([v, np.ones(100)], -1) for v in rows]
    found = significance.paired_bootstrap(
      [paired(*sums)], [[1.0]], significance.mean, 300, seed=1
    )
    small += found.p < 0.1
  assert 0.05 < small / 300 < 0.15


def test_more_runs_on_a_test_set_are_not_more_examples():
  random = np.random.RandomState(0)
  gold, a, b = (random_labels(random, 60) for _ in range(3))
  one = paired(counts(gold, a), counts(gold, b))
  twice = np.concatenate([one, one], axis=1)
  alone = significance.paired_bootstrap(
    [one], [[1.0]], significance.f1, 2000, 1
  )
  same = significance.paired_bootstrap(
    [twice], [[0.5, 0.5]], significance.f1, 2000, 1
  )
  apart = significance.paired_bootstrap(
    [one, one], [[0.5], [0.5]], significance.f1, 2000, 1
  )
  assert same == pytest.approx(alone) and apart.n == 120
  assert apart.high - apart.low < 0.85 * (same.high - same.low)


@pytest.mark.parametrize(
  "found, adjusted",
  [
    ([], []),
    ([0.2], [0.2]),
    ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # 4, 3, 2, 1 times
    ([0.5, 0.9], [1.0, 1.0]),  # Never above 1.
  ],
)
def test_holms_adjustment(found, adjusted):
  assert significance.holm(found) == pytest.approx(adjusted)
