# SPDX-License-Identifier: Apache-2.0
"""Encodes examples of one or two texts, here or in worker processes.

Works without TensorFlow: workers do not import it.
"""

import itertools

from training import batches


class Texts:
  """Encodes examples with `texts`; truncates the longest text if needed."""

  def __init__(self, tokenizer, room, no_gold):
    """Makes an encoder, which is pickled for workers.

    Args:
      tokenizer: a FullTokenizer.
      room: largest number of pieces, besides [CLS] and [SEP].
      no_gold: the features of an example without gold.
    """
    self.tokenizer = tokenizer
    self.room = room
    self._no_gold = no_gold

  def __call__(self, examples):
    """Returns the Encoded of examples, packed."""
    return batches.pack(self.encode_all(examples))

  def encode_all(self, examples):
    """Returns the Encoded of examples."""
    texts = [text for example in examples for text in example.texts]
    ids = iter(self.tokenizer.encode_all(texts))
    return [
      self.encoded(list(itertools.islice(ids, len(example.texts))))
      for example in examples
    ]

  def encoded(self, ids):
    """Returns the Encoded of a list of ids per text."""
    truncated = sum(map(len, ids)) > self.room
    if truncated:
      ids = shorten_longest(ids, self.room)
    return batches.Encoded([self.features(*ids)], truncated)

  def features(self, *ids):
    """Returns the features of a window with these pieces."""
    found = batches.sequence_features(self.tokenizer, *ids)
    return dict(found, **self._no_gold)


class LongTexts(Texts):
  """Encodes texts of any length as windows."""

  def encoded(self, ids):
    (ids,) = ids
    windows = batches.windows([1] * len(ids), self.room)
    return batches.Encoded(
      [self.features(ids[w.first : w.last]) for w in windows]
    )


def shorten_longest(ids, room):
  """Truncates rows of ids to `room` in total, always the longest row.

  Of equally long rows it truncates the last, as the ALBERT release does.
  """
  ids = [list(row) for row in ids]
  while sum(map(len, ids)) > room:
    max(reversed(ids), key=len).pop()
  return ids
