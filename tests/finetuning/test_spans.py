# SPDX-License-Identifier: Apache-2.0
"""Tests of spans.py."""

import numpy as np
import pytest

from finetuning import spans

CONTEXT = "a b cc a ddd e f a b"


def windows(seed, pieces=5):
  """Returns windows of CONTEXT's words after [CLS]; half of each is own."""
  random = np.random.RandomState(seed)
  words = CONTEXT.split(" ")
  ends = np.cumsum([len(word) + 1 for word in words]) - 1
  starts = ends - [len(word) for word in words]
  found = []
  for first in range(0, len(words) - 2, 3):
    size = len(starts[first : first + pieces])
    found.append(
      {
        "start_logits": random.randn(size + 1).astype(np.float32),
        "end_logits": random.randn(size + 1).astype(np.float32),
        "char_start": np.append(0, starts[first : first + pieces]),
        "char_end": np.append(0, ends[first : first + pieces]),
        "own": np.array([0] + [1] * 3 + [0] * 9)[: size + 1],
        "allowed": np.array([0] + [1] * size),
      }
    )
  return found


def slow_best(context, found, size, longest):
  """Computes best_answers by trying all pairs of positions."""
  best = {}
  for w in found:
    for i in range(len(w["own"])):
      for j in range(i, min(i + longest, len(w["own"]))):
        if w["own"][i] and w["allowed"][j]:
          score = w["start_logits"][i] + w["end_logits"][j]
          text = context[w["char_start"][i] : w["char_end"][j]]
          best[text] = max(score, best.get(text, -np.inf))
  return sorted(best.items(), key=lambda pair: -pair[1])[:size]


@pytest.mark.parametrize("size, longest", [(1, 30), (20, 4), (5, 1), (999, 9)])
@pytest.mark.parametrize("seed", range(5))
def test_the_best_answers_equal_those_of_an_exhaustive_search(
  seed, size, longest
):
  found = windows(seed)
  best = spans.best_answers(CONTEXT, found, size, longest)
  assert [(e["text"], e["start_logit"] + e["end_logit"]) for e in best] == [
    (text, pytest.approx(score))
    for text, score in slow_best(CONTEXT, found, size, longest)
  ]


def test_probabilities_are_a_softmax_over_the_returned_answers():
  best = spans.n_best(CONTEXT, windows(0), 3, 2, unanswerable=False)
  scores = np.array([e["start_logit"] + e["end_logit"] for e in best])
  expected = np.exp(scores) / np.exp(scores).sum()
  np.testing.assert_allclose([e["probability"] for e in best], expected)
  assert list(scores) == sorted(scores, reverse=True) and len(best) == 3


def test_no_answer_gets_its_lowest_score_over_the_windows():
  found = windows(0)
  best = spans.n_best(CONTEXT, found, 3, 2, unanswerable=True)
  (empty,) = [e for e in best if not e["text"]]
  assert len(best) == 4
  assert empty["start_logit"] + empty["end_logit"] == pytest.approx(
    min(w["start_logits"][0] + w["end_logits"][0] for w in found)
  )


def test_without_pieces_the_answer_is_empty():
  found = windows(0)[:1]
  found[0]["own"][:] = 0
  (best,) = spans.n_best(CONTEXT, found, 3, 2, unanswerable=False)
  assert best["text"] == "" and best["probability"] == 1.0


def entry(text, score):
  return {"text": text, "start_logit": score, "end_logit": 0.0}


@pytest.mark.parametrize(
  "n_best, odds",
  [
    ([entry("a", 3.0), entry("", 1.0), entry("b", 0.0)], -2.0),
    ([entry("", 3.0), entry("b", 0.0)], 3.0),
  ],
)
def test_the_odds_compare_no_answer_with_the_best_answer(n_best, odds):
  assert spans.null_odds(n_best) == odds


@pytest.mark.parametrize(
  "odds, threshold, answer",
  [(None, 0.0, "a"), (-1.0, 0.0, "a"), (1.0, 0.0, ""), (1.0, 2.0, "a")],
)
def test_no_answer_is_chosen_if_its_odds_exceed_the_threshold(
  odds, threshold, answer
):
  assert spans.choose([entry("a", 1.0)], odds, threshold) == answer
