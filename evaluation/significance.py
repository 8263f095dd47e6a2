# SPDX-License-Identifier: Apache-2.0
"""Tells whether two models' scores differ by more than the chance that chose
the test examples: paired bootstrap (Koehn 2004; Berg-Kirkpatrick et al. 2012).

A test example is known by sums: the numbers which, added up over examples, make
the score, such as the counts of its gold, predicted and correct entities.
Arrays of sums end in an axis of K of them; the score functions turn [..., K]
into [...], fractions as in metrics.py. That scores one list of examples at a
time; here ten thousand samples are scored at once, which is why three of its
formulas stand here again, for arrays (the tests hold the two together).

scipy.stats.bootstrap, the oracle of the tests, does not fit: it resamples
numbers one at a time where an example has several, knows nothing of runs that
share their test set, and would be a requirement for this alone.
"""

import collections

import numpy as np

_CELLS = 1 << 22  # Drawn counts held at a time: 32 MB.
_ROUNDING = 1e-12

# Scores are fractions: the difference of the first model's and the second's,
# the ends of its 95 % interval; p is two-sided; n counts distinct examples.
Difference = collections.namedtuple(
  "Difference", ["difference", "low", "high", "p", "n"]
)


def f1(sums):
  """Returns F1 of (gold, predicted, correct)."""
  return _divide(2 * sums[..., 2], sums[..., 0] + sums[..., 1])


def mean(sums):
  """Returns the mean of values, of (sum of values, number of values)."""
  return _divide(sums[..., 0], sums[..., 1])


def pearson(sums):
  """Returns Pearson's correlation, of the sums of moments(x, y)."""
  n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
  spread = (n * xx - x * x) * (n * yy - y * y)
  # Of equal values the spread is rounding, above 0 or below.
  flat = spread <= _ROUNDING * np.square(n * n) * _scale(sums)
  r = (n * xy - x * y) / np.sqrt(np.where(flat, 1, spread))
  return np.where(flat, 0.0, np.clip(r, -1, 1))


def moments(x, y):
  """Returns what `pearson` takes of each pair of numbers, float64 [N, 6].

  Numbers are taken from their mean, which changes no correlation and keeps
  the sums of squares exact.
  """
  x, y = (np.asarray(v, np.float64) - np.mean(v) for v in (x, y))
  return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)


def paired_bootstrap(test_sets, weights, score, samples, seed):
  """Returns the Difference of two models' mean scores over their runs.

  Examples are drawn with replacement from each test set, the same for both
  models and for all runs on that set: five seeds are five looks at the same
  examples, not five times as many. Folds have test sets of their own.

  p is the share of samples whose difference is as far from the difference
  found as that is from 0, to either side (Berg-Kirkpatrick et al., two-sided);
  the sample at hand is counted in, so it is never 0. The interval is of the
  percentiles 2.5 and 97.5.

  Args:
    test_sets: the sums of each, float [N, runs, 2, K], the 2 being the models.
    weights: the weights of each test set's runs, float [runs]; 1 in total.
    score: one of the functions above.
    samples: how many to draw.
    seed: the same one gives the same figures.
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
  """Returns p-values adjusted for testing them all at once (Holm 1979)."""
  adjusted, highest = [0.0] * len(p_values), 0.0
  for rank, i in enumerate(np.argsort(p_values, kind="stable")):
    highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
    adjusted[i] = float(highest)
  return adjusted


def _difference(sums, weights, score):
  """The weighted difference of scores; [..., runs, 2, K] -> [...]."""
  scores = score(sums)
  return (scores[..., 0] - scores[..., 1]) @ np.asarray(weights)


def _resample(sums, samples, random):
  """Yields the totals of samples of as many examples, [some, runs, 2, K].

  How often each of the *distinct* rows comes in a sample of N is multinomial.
  That is the same as drawing examples, and quicker: most sentences are alike
  in their few counts.
  """
  rows = sums.reshape(len(sums), -1)
  rows, counts = np.unique(rows, axis=0, return_counts=True)
  chunk = max(1, _CELLS // len(rows))
  for first in range(0, samples, chunk):
    size = min(chunk, samples - first)
    times = random.multinomial(len(sums), counts / len(sums), size)
    yield (times @ rows).reshape((size,) + sums.shape[1:])


def _divide(numerator, denominator):
  """The quotient, 0 where the denominator is, as in metrics.py."""
  zero = denominator == 0
  return np.where(zero, 0.0, numerator / np.where(zero, 1, denominator))


def _scale(sums):
  """The product of both mean squares, what a spread is small against."""
  n = sums[..., 0]
  return _divide(sums[..., 3], n) * _divide(sums[..., 4], n)
