# SPDX-License-Identifier: Apache-2.0
"""From the logits of a text's windows to its best answers, as BERT gives them.

An answer is a dict of text, probability, start_logit and end_logit, the form of
nbest_predictions.json; the empty text says that there is none. A window is a
dict of arrays [S]: start_logits and end_logits, and for each of its pieces
PER_PIECE.
"""

import numpy as np

# Where a piece stands in the text, whether an answer may begin there, and
# whether it may be there at all.
PER_PIECE = ("char_start", "char_end", "own", "allowed")


def n_best(context, windows, size, max_answer_length, unanswerable):
  """Returns the `size` best answers, best first; an empty one if none is found.

  Args:
    context: the text.
    windows: of the text.
    size: how many.
    max_answer_length: of an answer, in pieces.
    unanswerable: whether [CLS], at position 0, stands for "no answer", which
      is then added to them.
  """
  entries = best_answers(context, windows, size, max_answer_length)
  if unanswerable:
    # The window that says so the least: another may hold the answer.
    logits = [(w["start_logits"][0], w["end_logits"][0]) for w in windows]
    entries.append(_entry("", *min(logits, key=sum)))
  entries = sorted(entries, key=_score, reverse=True) or [_entry("", 0, 0)]
  scores = np.array([_score(entry) for entry in entries])
  shares = np.exp(scores - scores.max())
  for entry, share in zip(entries, shares / shares.sum()):
    entry["probability"] = float(share)
  return entries


def best_answers(context, windows, size, max_answer_length):
  """Returns the `size` best different texts that windows find, best first.

  An answer begins among a window's own pieces, where it has more context than
  in any other window, and ends there or later in the window. Its score is the
  sum of both logits; of equal scores the first in the text comes first.
  """
  found = []
  for window in windows:
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
  """Returns by how much "no answer" scores above the best answer."""
  scores = {bool(entry["text"]): _score(entry) for entry in reversed(n_best)}
  return scores[False] - scores.get(True, float(np.finfo(np.float32).min))


def choose(n_best, odds, threshold):
  """Returns the best text; "" if the odds of "no answer" are too high."""
  if odds is None:
    return n_best[0]["text"]
  texts = [entry["text"] for entry in n_best if entry["text"]]
  return texts[0] if texts and odds <= threshold else ""


def _entry(text, start_logit, end_logit):
  """An answer in BERT's form."""
  return {
    "text": text,
    "probability": None,
    "start_logit": float(start_logit),
    "end_logit": float(end_logit),
  }


def _score(entry):
  return entry["start_logit"] + entry["end_logit"]
