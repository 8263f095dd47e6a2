# SPDX-License-Identifier: Apache-2.0
"""Finds the best answers in the logits of a text's windows, as BERT does.

An answer is a dict of text, probability, start_logit and end_logit, as in
nbest_predictions.json; an empty text means "no answer". A window is a dict of
arrays [S]: start_logits, end_logits and the features PER_PIECE.
"""

import numpy as np

# A piece's place in the text, whether an answer may begin at it, and whether an
# answer may contain it.
PER_PIECE = ("char_start", "char_end", "own", "allowed")


def n_best(context, windows, size, max_answer_length, unanswerable):
  """Returns the `size` best answers, best first, or a single empty one.

  Args:
    context: the text.
    windows: windows of the text.
    size: number of answers.
    max_answer_length: in pieces.
    unanswerable: whether [CLS], at position 0, stands for "no answer"; if so,
      this answer is added to the others.
  """
  entries = best_answers(context, windows, size, max_answer_length)
  if unanswerable:
    # The lowest score of all windows, since any of them may hold the answer.
    logits = [(w["start_logits"][0], w["end_logits"][0]) for w in windows]
    entries.append(_entry("", *min(logits, key=sum)))
  entries = sorted(entries, key=_score, reverse=True) or [_entry("", 0, 0)]
  scores = np.array([_score(entry) for entry in entries])
  shares = np.exp(scores - scores.max())
  for entry, share in zip(entries, shares / shares.sum()):
    entry["probability"] = float(share)
  return entries


def best_answers(context, windows, size, max_answer_length):
  """Returns the `size` best answers with different texts, best first.

  An answer begins at one of the window's own pieces, which have more context
  there than in any other window, and ends there or later in the window. Its
  score is the sum of both logits; ties go to the earlier answer in the text.
  """
  found = []
  for window in windows:
    # Example: own pieces 3 and 4, max_answer_length 2 -> starts [3, 4] and, one
    # row per start, ends [[3, 4], [4, 5]].
    starts = np.flatnonzero(window["own"])
    ends = starts[:, np.newaxis] + np.arange(max_answer_length)
    last = len(window["allowed"]) - 1
    legal = (ends <= last) & (window["allowed"][np.minimum(ends, last)] > 0)
    rows, columns = np.nonzero(legal)
    start, end = starts[rows], ends[rows, columns]
    found.append(
      (
        window["start_logits"][start],
        window["end_logits"][end],
        window["char_start"][start],
        window["char_end"][end],
      )
    )
  start_logits, end_logits, firsts, lasts = map(np.concatenate, zip(*found))
  entries = {}
  for i in np.argsort(-(start_logits + end_logits), kind="stable"):
    if len(entries) == size:
      break
    text = context[firsts[i] : lasts[i]]
    entries.setdefault(text, _entry(text, start_logits[i], end_logits[i]))
  return list(entries.values())


def null_odds(n_best):
  """Returns the score of "no answer" minus that of the best answer."""
  scores = {bool(entry["text"]): _score(entry) for entry in reversed(n_best)}
  return scores[False] - scores.get(True, float(np.finfo(np.float32).min))


def choose(n_best, odds, threshold):
  """Returns the best text, or "" if the odds exceed the threshold."""
  if odds is None:
    return n_best[0]["text"]
  texts = [entry["text"] for entry in n_best if entry["text"]]
  return texts[0] if texts and odds <= threshold else ""


def _entry(text, start_logit, end_logit):
  """Returns an answer in BERT's form, its probability still unknown."""
  return {
    "text": text,
    "probability": None,
    "start_logit": float(start_logit),
    "end_logit": float(end_logit),
  }


def _score(entry):
  return entry["start_logit"] + entry["end_logit"]
