# SPDX-License-Identifier: Apache-2.0
"""Tests whether the difference of two models' scores may be due to the choice
of test examples: paired bootstrap (Koehn 2004; Berg-Kirkpatrick et al. 2012).

An example is represented by K numbers that, summed over examples, give the
score, such as the counts of its gold, predicted and correct entities. The score
functions turn sums [..., K] into fractions [...]. They repeat three formulas of
metrics.py, which scores one list of examples at a time, for arrays: here ten
thousand samples are scored at once. The tests compare the two.

scipy.stats.bootstrap, which the tests compare with, does not fit: it resamples
single numbers, does not know of runs that share a test set, and would be a
requirement for this alone.
"""

import collections

import numpy as np

_CELLS = 1 << 22  # Drawn counts held at a time: 32 MB.
_ROUNDING = 1e-12

# difference: the first model's score minus the second's, as a fraction.
# low, high: its 95 % interval. p: two-sided. n: number of distinct examples.
Difference = collections.namedtuple("Difference", "difference low high p n")


def f1(sums):
  """Computes F1 from sums of (gold, predicted, correct)."""
  return _divide(2 * sums[..., 2], sums[..., 0] + sums[..., 1])


def mean(sums):
  """Computes the mean from (sum of values, number of values)."""
  return _divide(sums[..., 0], sums[..., 1])


def pearson(sums):
  """Computes Pearson's correlation from the sums of moments(x, y)."""
  n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
  spread = (n * xx - x * x) * (n * yy - y * y)
  # If all values are equal, rounding leaves a spread a little off 0.
  flat = spread <= _ROUNDING * np.square(n * n) * _scale(sums)
  r = (n * xy - x * y) / np.sqrt(np.where(flat, 1, spread))
  return np.where(flat, 0.0, np.clip(r, -1, 1))


def moments(x, y):
  """Returns what `pearson` needs of each pair of numbers, float64 [N, 6].

  The means are subtracted first: that changes no correlation and keeps the sums
  of squares exact.
  """
  x, y = (np.asarray(v, np.float64) - np.mean(v) for v in (x, y))
  return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)


def paired_bootstrap(test_sets, weights, score, samples, seed):
  """Computes the Difference of two models' mean scores over their runs.

  Examples are drawn with replacement from each test set, the same for both
  models and for all runs on that set: five seeds look five times at the same
  examples, they do not make more examples. Each fold has its own test set.

  p is the share of samples whose difference is at least as far from the
  observed difference as that is from 0, in either direction (Berg-Kirkpatrick
  et al., two-sided). The observed sample counts as one, so p is never 0. The
  interval ends at the percentiles 2.5 and 97.5.

  Args:
    test_sets: for each test set the sums, float [N, runs, 2 models, K].
    weights: for each test set the weights of its runs, float [runs]; they add
      up to 1 over all test sets.
    score: one of the functions above.
    samples: number of samples to draw.
    seed: of the samples.
  """
  random = np.random.RandomState(seed)
  found, drawn = 0.0, np.zeros(samples)
  for sums, weight in zip(test_sets, weights):
    found += _difference(sums.sum(0), weight, score)
    drawn += np.concatenate(
      [_difference(s, weight, score) for s in _resample(sums, samples, random)]
    )
  low, high = np.percentile(drawn, [2.5, 97.5])
  far = np.abs(drawn - found) >= abs(found) - _ROUNDING
  return Difference(
    float(found),
    float(low),
    float(high),
    float((far.sum() + 1) / (samples + 1)),
    sum(map(len, test_sets)),
  )


def holm(p_values):
  """Returns p-values adjusted for multiple tests (Holm 1979)."""
  adjusted, highest = [0.0] * len(p_values), 0.0
  for rank, i in enumerate(np.argsort(p_values, kind="stable")):
    highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
    adjusted[i] = float(highest)
  return adjusted


def _difference(sums, weights, score):
  """Computes the weighted difference of scores, [..., runs, 2, K] -> [...]."""
  scores = score(sums)
  return (scores[..., 0] - scores[..., 1]) @ np.asarray(weights)


def _resample(sums, samples, random):
  """Yields the sums over samples of N examples, [some samples, runs, 2, K].

  Draws how often each *distinct* row occurs in a sample, which is multinomial.
  That is equivalent to drawing examples, and faster: most sentences have the
  same few counts.
  """
  rows = sums.reshape(len(sums), -1)
  rows, counts = np.unique(rows, axis=0, return_counts=True)
  chunk = max(1, _CELLS // len(rows))
  for first in range(0, samples, chunk):
    size = min(chunk, samples - first)
    times = random.multinomial(len(sums), counts / len(sums), size)
    yield (times @ rows).reshape((size,) + sums.shape[1:])


def _divide(numerator, denominator):
  """Returns the quotient, 0 where the denominator is 0.

  There metrics.py has None, but each sample needs a number.
  """
  zero = denominator == 0
  return np.where(zero, 0.0, numerator / np.where(zero, 1, denominator))


def _scale(sums):
  """Returns the product of both mean squares, the scale of a spread."""
  n = sums[..., 0]
  return _divide(sums[..., 3], n) * _divide(sums[..., 4], n)
