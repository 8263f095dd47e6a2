# SPDX-License-Identifier: Apache-2.0
"""Makes windows of texts to embed, here or in worker processes.

Works without TensorFlow: workers do not import it.
"""

import re

import numpy as np

import tokenization
from training import batches

PAIR = re.compile(r"(.*) \|\|\| (.*)", re.DOTALL)


class Encoder:
  """Encodes Documents; the part of an Encoded is its tokenization.Pieces."""

  def __init__(self, tokenizer, max_seq_length):
    self._tokenizer = tokenizer
    self._max_seq_length = max_seq_length

  def __call__(self, texts):
    """Returns the Encoded of a list of Documents, packed."""
    return batches.pack([self._encoded(text) for text in texts])

  def _encoded(self, text):
    found = encode(text.text, self._tokenizer, self._max_seq_length)
    pieces, windows = found
    return batches.Encoded(windows, part=pieces)


def encode(text, tokenizer, max_seq_length):
  """Returns the tokenization.Pieces of a text or a pair, and its windows.

  A window is {feature: array}. Its `own`, int32 [S], is 1 for the pieces whose
  embeddings come from this window; each piece has one such window.
  """
  match = PAIR.fullmatch(text)
  spans = [match.span(1), match.span(2)] if match else [(0, len(text))]
  parts = [_tokenize_span(tokenizer, text, *span) for span in spans]
  pieces = tokenization.Pieces(*(sum(x, []) for x in zip(*parts)))
  if not pieces.ids:
    return pieces, []
  border = len(parts[0].ids) if match else None
  room = max_seq_length - 1 - len(parts)  # [CLS], and a [SEP] after each.
  return pieces, [
    _features(tokenizer, pieces.ids, border, window)
    for window in batches.windows([1] * len(pieces.ids), room)
  ]


def _tokenize_span(tokenizer, text, start, end):
  """Returns the Pieces of text[start:end], with their offsets in text."""
  found = tokenizer.tokenize_with_offsets(text[start:end])
  return found._replace(
    pieces=list(found.pieces),
    ids=list(found.ids),
    starts=[start + i for i in found.starts],
    ends=[start + i for i in found.ends],
  )


def _features(tokenizer, ids, border, window):
  """Returns the features of one window of a text or a pair.

  `border` is the index of the second text's first id, None without one.
  """
  own = np.arange(window.own, window.own_last)
  at = own - window.first + 1  # After [CLS].
  first, second = ids[window.first : window.last], None
  if border is not None:
    first = ids[window.first : min(window.last, border)]
    second = ids[max(window.first, border) : window.last]
    at += own >= border  # After [SEP].
  features = batches.sequence_features(tokenizer, first, second)
  features["own"] = np.zeros_like(features["input_ids"])
  features["own"][at] = 1
  return features
