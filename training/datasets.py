# SPDX-License-Identifier: Apache-2.0
"""Feeds the batches of batches.py to TensorFlow, as tf.data.Datasets."""

import collections

import numpy as np
import tensorflow.compat.v1 as tf

from training import batches

# Which share of the batches one input pipeline produces: that of `devices`
# devices on machine number `machine` of `machines`.
Part = collections.namedtuple("Part", ["machine", "machines", "devices"])
WHOLE = Part(machine=0, machines=1, devices=1)


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
    bucketed: see batches.epoch_batches.
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
      drawn = batches.epoch_batches(lengths, batch_size, seed, epoch, bucketed)
      for batch in drawn[skipped:]:
        whole = np.resize(batch, max(len(batch), every))
        for device in own:
          share = whole[device::every]
          yield batches.pad_batch([features[i] for i in share], padding, length)
      epoch, skipped = epoch + 1, 0

  return _from_stream(stream, features, length)


def prediction_dataset(
  features, batch_size, padding, length=None, pool=None, tokens=None
):
  """Returns a tf.data.Dataset in which every example comes once.

  An additional feature "window" has the number of the example.

  Args:
    features: feature dicts, of which there is at least one. The list is read at
      the beginning of an iteration, so that it may hold others in the next.
    batch_size: number of examples per batch.
    padding: {name: value} where it is not 0.
    length: pads to this length; None pads to the longest of each batch.
    pool, tokens: see batches.prediction_batches.
  """

  def numbered(i):
    return dict(features[i], window=np.array(i, np.int32))

  def stream():
    for batch in batches.prediction_batches(features, batch_size, pool, tokens):
      yield batches.pad_batch(list(map(numbered, batch)), padding, length)

  return _from_stream(stream, [numbered(0)], length)


def batch_shapes(example, length=None):
  """Returns {name: shape} of batches of any size, and of this or any length."""
  return {
    name: [None, length] if batches.is_padded(value) else (None,) + value.shape
    for name, value in example.items()
  }


def _from_stream(stream, features, length):
  """Returns a dataset of the batches of a generator function."""
  shapes = batch_shapes(features[0], length)
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
  arrays = batches.pad_batch(features, padding, length)
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
