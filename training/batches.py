# SPDX-License-Identifier: Apache-2.0
"""Makes batches of features, without TensorFlow.

The features of an example are a dict of NumPy arrays; all examples have the
same names. An int32 array [S] has one value per piece. S may differ between
examples; batches are padded with 0, or with the value in `padding`. An int32
scalar or a float32 array of any shape belongs to the whole example and has the
same shape in all examples. `input_ids` is always present and defines S.
"""

import bisect
import collections
import itertools

import numpy as np

from common import word_arrays

# Shuffled examples are sorted by length in pools of this many batches. Larger
# pools need less padding, smaller ones keep the batches more random.
POOL_BATCHES = 50
# Share of a window that the next one repeats; each uses half of it as context.
OVERLAP = 1 / 3

# An encoded example: `features` is a list of feature dicts, one per window;
# `truncated` tells whether it was cut short. `expected_unknown` counts unknown
# pieces that do not point to a wrong vocabulary. `part` is what Task.label
# takes in place of the part that was encoded; None: that part.
Encoded = collections.namedtuple(
  "Encoded",
  "features truncated expected_unknown part",
  defaults=(False, 0, None),
)

# The Encoded of a block of examples, see `pack`.
Packed = collections.namedtuple("Packed", "encoded lengths pieces others")

# Words [first, last), of which [own, own_last) get their predictions here.
Window = collections.namedtuple("Window", ["first", "last", "own", "own_last"])


def sequence_features(tokenizer, first, second=None):
  """Returns the features of [CLS] first [SEP] and, if given, second [SEP].

  Args:
    tokenizer: has cls_id and sep_id.
    first: ids of the first text; segment 0, with [CLS] and its [SEP].
    second: ids of the second text; segment 1, with its [SEP]. None for none.

  Returns:
    {"input_ids", "input_mask", "segment_ids"}, int32 [S].
  """
  ids = [tokenizer.cls_id] + list(first) + [tokenizer.sep_id]
  segments = [0] * len(ids)
  if second is not None:
    ids += list(second) + [tokenizer.sep_id]
    segments += [1] * (len(second) + 1)
  return {
    "input_ids": np.array(ids, np.int32),
    "input_mask": np.ones([len(ids)], np.int32),
    "segment_ids": np.array(segments, np.int32),
  }


def split(values, ends):
  """Returns a dict for each row of {name: values of all rows, joined}.

  `ends` are the ends of the rows; a row's values are views.
  """
  return _transposed(
    {name: word_arrays.rows(value, ends) for name, value in values.items()}
  )


def _transposed(columns):
  """Returns a dict for each row of {name: a list with a value per row}."""
  return [dict(zip(columns, row)) for row in zip(*columns.values())]


def pack(encoded):
  """Returns the Encoded of a block as Packed, which `unpack` takes.

  Workers send it, as pickling the many small arrays of windows would take
  longer than encoding does.
  """
  windows = [window for e in encoded for window in e.features]
  pieces, others = {}, {}
  for name, value in windows[0].items() if windows else ():
    values = [window[name] for window in windows]
    if is_padded(value):
      pieces[name] = np.concatenate(values)
    else:
      others[name] = np.stack(values)
  lengths = [len(window["input_ids"]) for window in windows]
  counted = [e._replace(features=len(e.features)) for e in encoded]
  return pack_joined(counted, np.array(lengths, np.int32), pieces, others)


def pack_joined(counted, lengths, pieces, others):
  """Does what `pack` does with arrays that are joined already.

  Args:
    counted: Encoded with the number of windows as features.
    lengths: number of pieces of each window.
    pieces: {name: values of the pieces of all windows}.
    others: {name: values of all windows}.
  """
  small = {name: _shrink(values) for name, values in pieces.items()}
  return Packed(counted, lengths, small, others)


def unpack(packed):
  """Returns the list of Encoded that was packed."""
  windows = _transposed(
    {n: _column(values, packed.lengths) for n, values in packed.pieces.items()}
  )
  for name, values in packed.others.items():
    for window, value in zip(windows, values):
      window[name] = value
  rest = iter(windows)
  return [
    e._replace(features=list(itertools.islice(rest, e.features)))
    for e in packed.encoded
  ]


def _shrink(values):
  """Returns int32 values as a number if all are equal, or int16 if they fit."""
  low, high = (values.min(), values.max()) if len(values) else (0, 0)
  if low == high:
    return int(low)
  fits = -(1 << 15) <= low and high < 1 << 15
  return values.astype(np.int16) if fits else values


def _column(values, lengths):
  """Returns the int32 values of each window that `_shrink` made smaller."""
  if not isinstance(values, int):
    return word_arrays.rows(
      values.astype(np.int32, copy=False), np.cumsum(lengths)
    )
  equal = np.full(max(lengths, default=0), values, np.int32)
  equal.flags.writeable = False  # Windows share it.
  cut = {length: equal[:length] for length in set(lengths.tolist())}
  return [cut[length] for length in lengths.tolist()]


def windows(lengths, room, overlap=None):
  """Covers words that may be too long for one input with overlapping windows.

  Every word is an own word of exactly one window, the one in which it has more
  context. Example: windows([1] * 10, room=6, overlap=4) gives
  (0, 6, 0, 4), (2, 8, 4, 6), (4, 10, 6, 10).

  Args:
    lengths: number of pieces of each word, at most `room`.
    room: number of pieces per window.
    overlap: number of pieces that a window shares with the previous one: as
      many whole words as fit. The last window may share more. None: the share
      OVERLAP of `room`.

  Returns:
    List of Window.
  """
  count = len(lengths)
  ends = [0] + list(itertools.accumulate(lengths))
  if ends[-1] <= room:
    return [Window(0, count, 0, count)]
  if overlap is None:
    overlap = int(room * OVERLAP)
  spans, first, last = [], 0, 0
  while last < count:
    if spans:  # Repeat the end of the last window.
      first = max(first + 1, bisect.bisect_left(ends, ends[last] - overlap))
    last = bisect.bisect_right(ends, ends[first] + room) - 1
    spans.append((first, last))
  # Fill the last window up with context before it.
  first = max(spans[-2][0] + 1, bisect.bisect_left(ends, ends[count] - room))
  spans[-1] = (first, count)
  borders = [(b[0] + a[1]) // 2 for a, b in zip(spans, spans[1:])]
  return [
    Window(first, last, own, own_last)
    for (first, last), own, own_last in zip(
      spans, [0] + borders, borders + [count]
    )
  ]


def pad_batch(features, padding, length=None):
  """Returns {name: [B, S] or [B, ...]}; S is `length`, or the longest S."""
  if length is None:
    length = max(len(f["input_ids"]) for f in features)
  batch = {}
  for name, value in features[0].items():
    if not is_padded(value):
      batch[name] = np.stack([f[name] for f in features])
      continue
    rows = np.full([len(features), length], padding.get(name, 0), np.int32)
    for row, f in zip(rows, features):
      row[: len(f[name])] = f[name]
    batch[name] = rows
  return batch


def is_padded(value):
  """Returns whether a feature has one value per piece."""
  return value.ndim == 1 and value.dtype == np.int32


def epoch_batches(lengths, batch_size, seed, epoch, bucketed):
  """Returns the batches of one epoch as arrays of example numbers.

  Every example is in exactly one batch; the last batch may be smaller. Batches
  depend on seed and epoch only, so that a run can resume where it stopped.

  Args:
    lengths: number of pieces of each example.
    batch_size: number of examples per batch.
    seed: of the run.
    epoch: from 0.
    bucketed: whether to group examples of similar length.
  """
  random = np.random.RandomState([seed, epoch])
  order = random.permutation(len(lengths))
  if not bucketed:
    return chunk(order, batch_size)
  lengths = np.asarray(lengths)
  batches = []
  for pool in chunk(order, batch_size * POOL_BATCHES):
    pool = pool[np.argsort(lengths[pool], kind="stable")]
    batches += chunk(pool, batch_size)
  return [batches[i] for i in random.permutation(len(batches))]


def prediction_batches(features, batch_size, pool=None, tokens=None):
  """Yields arrays of the numbers of examples of similar length.

  Args:
    features: feature dicts.
    batch_size: number of examples per batch.
    pool: number of consecutive examples to sort by length together; None: all.
      Each pool is finished before the next one.
    tokens: largest number of positions of a batch, in place of batch_size.
  """
  lengths = np.array([len(f["input_ids"]) for f in features])
  for part in chunk(np.arange(len(lengths)), pool or max(len(lengths), 1)):
    order = part[np.argsort(-lengths[part], kind="stable")]
    if tokens:
      yield from chunk_by_tokens(order, lengths, tokens)
    else:
      yield from chunk(order, batch_size)


def chunk_by_tokens(order, lengths, tokens):
  """Splits the numbers of examples, longest first, into batches.

  Each has at most `tokens` positions, padding included, or a single example.
  `lengths` are those of the examples by number.
  """
  parts, first = [], 0
  while first < len(order):
    size = max(1, tokens // int(lengths[order[first]]))
    parts.append(order[first : first + size])
    first += size
  return parts


def chunk(order, size):
  """Splits a sequence into parts of `size`; the last may be smaller."""
  return [order[i : i + size] for i in range(0, len(order), size)]
