# SPDX-License-Identifier: Apache-2.0
"""Encodes sentences with marked entities such as @GENE$.

Works without TensorFlow: workers do not import it.
"""

import itertools
import re

from finetuning import encoding
from training import batches

# Stands for an entity: @GENE$, @drug_n$, or @CHEM-GENE$ for two that overlap.
# MARK.split returns the marks at the odd indices.
MARK = re.compile(r"(@[A-Za-z][\w-]*\$)")


class MarkedTexts(encoding.Texts):
  """Encodes sentences; keeps the part around the marks of long ones."""

  def __init__(self, tokenizer, room, no_gold, marks, mark_ids=None):
    """Makes an encoder; see encoding.Texts.

    Args:
      tokenizer, room, no_gold: see encoding.Texts.
      marks: how marks are encoded, see --entity_marks of run_re.py.
      mark_ids: {mark in lower case: id} if they are tokens.
    """
    super().__init__(tokenizer, room, no_gold)
    self._marks = marks
    self._mark_ids = mark_ids

  def encode_all(self, examples):
    rows = [MARK.split(example.texts[0]) for example in examples]
    if self._marks == "tokens":
      return [self._cut(*self._own_ids(parts), 0) for parts in rows]
    if self._marks == "words":
      for parts in rows:
        parts[1::2] = [mark[1:-1].replace("_", " ") for mark in parts[1::2]]
    texts = ["".join(parts) for parts in rows]
    return [
      self._cut(ids, self._core(text, ids, parts), self._unknown(parts[1::2]))
      for text, ids, parts in zip(texts, self.tokenizer.encode_all(texts), rows)
    ]

  def _cut(self, ids, core, expected_unknown):
    """Returns the Encoded of pieces with marks in the range `core`."""
    truncated = len(ids) > self.room
    if truncated:
      ids = cut_around(ids, core, self.room)
    return batches.Encoded([self.features(ids)], truncated, expected_unknown)

  def _unknown(self, marks):
    """Returns how many pieces of marks are unknown: ALBERT's @ of @GENE$."""
    return sum(
      self.tokenizer.encode(mark).count(self.tokenizer.unk_id) for mark in marks
    )

  def _own_ids(self, parts):
    """Returns the ids with a piece per mark, and the range of the marks."""
    mark_ids = self._mark_ids
    ids, marks = [], []
    for part in parts:
      if part.lower() in mark_ids:
        marks.append(len(ids))
        ids.append(mark_ids[part.lower()])
      else:
        # Later texts may contain a piece that now stands for a mark.
        ids += [
          self.tokenizer.unk_id if i in mark_ids.values() else i
          for i in self.tokenizer.encode(part)
        ]
    return ids, (marks[0], marks[-1] + 1) if marks else (0, 0)

  def _core(self, text, ids, parts):
    """Returns the range of the marks' pieces if the text is too long."""
    if len(ids) <= self.room or len(parts) == 1:
      return 0, 0
    borders = list(itertools.accumulate(len(part) for part in parts))
    pieces = self.tokenizer.tokenize_with_offsets(text)
    inside = [
      i
      for i, (start, end) in enumerate(zip(pieces.starts, pieces.ends))
      if end > borders[0] and start < borders[-2]
    ]
    return inside[0], inside[-1] + 1


def cut_around(ids, core, room):
  """Returns `room` of the ids, with the range `core` [first, end) centred.

  If the range itself is too long, its middle is dropped.
  """
  first, end = core
  if end - first > room:
    return ids[first : first + room - room // 2] + ids[end - room // 2 : end]
  start = first - (room - (end - first)) // 2
  start = max(0, min(start, len(ids) - room))
  return ids[start : start + room]
