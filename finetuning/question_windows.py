# SPDX-License-Identifier: Apache-2.0
"""Makes windows of questions and contexts, here or in worker processes.

Works without TensorFlow: workers do not import it.
"""

import collections

import numpy as np

from finetuning import spans
from training import batches

UNKNOWN = -1  # A target that does not count in the loss.

# In pieces: the flags of these names.
Lengths = collections.namedtuple(
  "Lengths", "max_seq_length max_query_length doc_stride"
)


class Encoder:
  """Encodes Questions: [CLS] question [SEP] a window of the context [SEP]."""

  def __init__(self, tokenizer, lengths):
    """Makes an encoder, which is pickled for workers."""
    self._tokenizer = tokenizer
    self._lengths = lengths

  def __call__(self, questions):
    """Returns the Encoded of Questions to answer, packed."""
    most = self._lengths.max_query_length
    sizes = [len(self._tokenizer.encode(q.text)) for q in questions]
    return batches.pack(
      [
        batches.Encoded(self.features(question), size > most)
        for question, size in zip(questions, sizes)
      ]
    )

  def features(self, question):
    """Returns the features of all windows of a Question."""
    raise NotImplementedError

  def _windows(self, question, pieces):
    """Yields (features, batches.Window) for the Pieces of a context."""
    lengths, query = self._lengths, self._tokenizer.encode(question.text)
    query = query[: lengths.max_query_length]
    room = lengths.max_seq_length - len(query) - 3
    for window in batches.windows(
      [1] * len(pieces.ids), room, room - lengths.doc_stride
    ):
      ids = pieces.ids[window.first : window.last]
      yield batches.sequence_features(self._tokenizer, query, ids), window


class LabelEncoder(Encoder):
  """Encodes questions whose answer is a label."""

  def features(self, question):
    pieces = self._tokenizer.tokenize_with_offsets(question.context)
    return [
      dict(found, label_ids=np.array(UNKNOWN, np.int32))
      for found, _ in self._windows(question, pieces)
    ]


class SpanEncoder(Encoder):
  """Encodes questions whose answer is a span of the context."""

  def __init__(self, tokenizer, lengths, unanswerable):
    """Makes an encoder; `unanswerable`: [CLS] stands for "no answer"."""
    super().__init__(tokenizer, lengths)
    self._unanswerable = unanswerable

  def features(self, question, span=None):
    """Returns the features of all windows of a Question.

    Args:
      question: a Question.
      span: the answer's [start, end); () if there is none; None in prediction.
    """
    pieces = self._tokenizer.tokenize_with_offsets(question.context, span or ())
    starts, ends = np.array([pieces.starts, pieces.ends], np.int32)
    answer = span
    if span:
      inside = (starts < span[1]) & (ends > span[0]) & (ends > starts)
      answer = np.flatnonzero(inside)[[0, -1]] if inside.any() else None
    result = []
    for features, window in self._windows(question, pieces):
      size = len(features["input_ids"])
      shift = size - 1 - window.last  # From a piece's number to its position.
      features.update((n, np.zeros([size], np.int32)) for n in spans.PER_PIECE)
      text = slice(window.first + shift, window.last + shift)
      features["char_start"][text] = starts[window.first : window.last]
      features["char_end"][text] = ends[window.first : window.last]
      covers = features["char_end"] > features["char_start"]
      features["allowed"][covers] = 1
      features["allowed"][0] = self._unanswerable
      own = slice(window.own + shift, window.own_last + shift)
      features["own"][own] = covers[own]
      target = self._target(answer, window, shift)
      features["start"], features["end"] = np.array(target, np.int32)
      result.append(features)
    return result

  def _target(self, answer, window, shift):
    """Returns the positions of an answer's first and last piece in a window.

    They are UNKNOWN if the window has only a part of it. Without any part of
    it, [CLS] is the answer of an `unanswerable` model.
    """
    if answer is None:
      return UNKNOWN, UNKNOWN
    first, last = answer if len(answer) else (window.last, window.last)
    if window.first <= first and last < window.last:
      return first + shift, last + shift
    apart = last < window.first or window.last <= first
    return (0, 0) if apart and self._unanswerable else (UNKNOWN, UNKNOWN)
