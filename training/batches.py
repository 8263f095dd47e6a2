# SPDX-License-Identifier: Apache-2.0
"""Makes batches of features.

The features of an example are a dict of NumPy arrays; all examples have the
same names. An int32 array [S] has one value per piece. S may differ between
examples; batches are padded with 0, or with the value in `padding`. An int32
scalar or a float32 array of any shape belongs to the whole example and has the
same shape in all examples. `input_ids` is always present and defines S.
"""

import collections

import numpy as np
import tensorflow.compat.v1 as tf

# Shuffled examples are sorted by length in pools of this many batches. Larger
# pools need less padding, smaller ones keep the batches more random.
POOL_BATCHES = 50
# Share of a window that the next one repeats; each uses half of it as context.
OVERLAP = 1 / 3

# Words [first, last), of which [own, own_last) get their predictions here.
Window = collections.namedtuple("Window", ["first", "last", "own", "own_last"])

# Which share of the batches one input pipeline produces: that of `devices`
# devices on machine number `machine` of `machines`.
Part = collections.namedtuple("Part", ["machine", "machines", "devices"])
WHOLE = Part(machine=0, machines=1, devices=1)


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


def windows(lengths, room, overlap):
  """Covers words that may be too long for one input with overlapping windows.

  Every word is an own word of exactly one window, the one in which it has more
  context. Example: windows([1] * 10, room=6, overlap=4) gives
  (0, 6, 0, 4), (2, 8, 4, 6), (4, 10, 6, 10).

  Args:
    lengths: number of pieces of each word, at most `room`.
    room: number of pieces per window.
    overlap: number of pieces that a window shares with the previous one: as
      many whole words as fit. The last window may share more.

  Returns:
    List of Window.
  """
  spans = [_fill(lengths, 0, room)]
  while spans[-1][1] < len(lengths):
    first, last = spans[-1]
    start, shared = last, 0
    while start - 1 > first and shared + lengths[start - 1] <= overlap:
      start -= 1
      shared += lengths[start]
    spans.append(_fill(lengths, start, room))
  if len(spans) > 1:  # Fill the last window up with context before it.
    first, last = spans[-1]
    used = sum(lengths[first:last])
    while first - 1 > spans[-2][0] and used + lengths[first - 1] <= room:
      first -= 1
      used += lengths[first]
    spans[-1] = (first, last)
  borders = [(b[0] + a[1]) // 2 for a, b in zip(spans, spans[1:])]
  return [
    Window(first, last, own, own_last)
    for (first, last), own, own_last in zip(
      spans, [0] + borders, borders + [len(lengths)]
    )
  ]


def _fill(lengths, first, room):
  """Returns the longest span of words from `first` within `room` pieces."""
  last, used = first, 0
  while last < len(lengths) and used + lengths[last] <= room:
    used += lengths[last]
    last += 1
  return first, last


def pad_batch(features, padding, length=None):
  """Returns {name: [B, S] or [B, ...]}; S is `length`, or the longest S."""
  if length is None:
    length = max(len(f["input_ids"]) for f in features)
  batch = {}
  for name, value in features[0].items():
    if not _is_padded(value):
      batch[name] = np.stack([f[name] for f in features])
      continue
    rows = np.full([len(features), length], padding.get(name, 0), np.int32)
    for row, f in zip(rows, features):
      row[: len(f[name])] = f[name]
    batch[name] = rows
  return batch


def _is_padded(value):
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
    return _chunk(order, batch_size)
  lengths = np.asarray(lengths)
  batches = []
  for pool in _chunk(order, batch_size * POOL_BATCHES):
    pool = pool[np.argsort(lengths[pool], kind="stable")]
    batches += _chunk(pool, batch_size)
  return [batches[i] for i in random.permutation(len(batches))]


def _chunk(order, size):
  return [order[i : i + size] for i in range(0, len(order), size)]


def training_dataset(
  features,
  batch_size,
  seed,
  padding,
  first_step=0,
  bucketed=True,
  length=None,
  part=WHOLE,
):
  """Returns an endless tf.data.Dataset of the batches of one device each.

  Args:
    features: feature dicts.
    batch_size: number of examples per batch, over all devices of all machines.
    seed: of the shuffling.
    padding: {name: value} where it is not 0.
    first_step: number of batches to skip, for a run that resumes.
    bucketed: see epoch_batches.
    length: pads to this length; None pads to the longest of each batch.
    part: the Part of this input pipeline. Each batch is split among the
      devices of all machines; the dataset yields the shares of this machine's
      devices, one after another. A last batch with fewer examples than devices
      is repeated so that every device gets one.
  """
  lengths = [len(f["input_ids"]) for f in features]
  steps = -(-len(features) // batch_size)
  every = part.machines * part.devices
  own = range(part.machine * part.devices, (part.machine + 1) * part.devices)

  def stream():
    epoch, skipped = divmod(first_step, steps)
    while True:
      batches = epoch_batches(lengths, batch_size, seed, epoch, bucketed)
      for batch in batches[skipped:]:
        whole = np.resize(batch, max(len(batch), every))
        for device in own:
          share = whole[device::every]
          yield pad_batch([features[i] for i in share], padding, length)
      epoch, skipped = epoch + 1, 0

  return _from_stream(stream, features, length)


def prediction_dataset(features, batch_size, padding, length=None, pool=None):
  """Returns a tf.data.Dataset in which every example comes once.

  An additional feature "window" has the number of the example.

  Args:
    features: feature dicts.
    batch_size: number of examples per batch.
    padding: {name: value} where it is not 0.
    length: pads to this length; None pads to the longest of each batch.
    pool: number of consecutive examples to sort by length together; None: all.
      Each pool is finished before the next one.
  """
  numbered = [
    dict(f, window=np.array(i, np.int32)) for i, f in enumerate(features)
  ]
  lengths = np.array([len(f["input_ids"]) for f in features])

  def stream():
    for part in _chunk(np.arange(len(features)), pool or len(features)):
      order = part[np.argsort(-lengths[part], kind="stable")]
      for batch in _chunk(order, batch_size):
        yield pad_batch([numbered[i] for i in batch], padding, length)

  return _from_stream(stream, numbered, length)


def _from_stream(stream, features, length):
  """Returns a dataset of the batches of a generator function."""
  shapes = {
    name: [None, length] if _is_padded(value) else (None,) + value.shape
    for name, value in features[0].items()
  }
  types = {name: value.dtype for name, value in features[0].items()}
  return tf.data.Dataset.from_generator(stream, types, shapes).prefetch(2)


def fixed_dataset(features, batch_size, padding, length, seed=None, part=WHOLE):
  """Returns a dataset with static shapes, for TPU.

  The data is part of the graph, since a TPU's host cannot call this process.

  Args:
    features: feature dicts.
    batch_size: number of examples per batch of this input pipeline.
    padding: {name: value} where it is not 0.
    length: S of all batches.
    seed: shuffles and repeats endlessly. None keeps the order, numbers the
      examples in "window" and fills up the last batch with number -1.
    part: the Part of this input pipeline. All hosts shuffle alike, and each
      takes every `machines`-th example.
  """
  arrays = pad_batch(features, padding, length)
  if seed is None:
    missing = -len(features) % batch_size
    arrays = {
      name: np.concatenate([a, np.repeat(a[-1:], missing, 0)])
      for name, a in arrays.items()
    }
    arrays["window"] = np.array(
      list(range(len(features))) + [-1] * missing, np.int32
    )
  dataset = tf.data.Dataset.from_tensor_slices(arrays)
  if seed is not None:
    dataset = dataset.shuffle(len(features), seed=seed).repeat()
    dataset = dataset.shard(part.machines, part.machine)
  return dataset.batch(batch_size, drop_remainder=True).prefetch(2)
