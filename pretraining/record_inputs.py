# SPDX-License-Identifier: Apache-2.0
"""From TFRecord files of pretraining examples to batches.

The files are those of create_pretraining_data.py, of the ALBERT release's or
of BERT's. Everything here runs inside TensorFlow, as a TPU's host asks.

Shapes: B batch, S sequence, P masked positions.
"""

import collections
import contextlib

import tensorflow.compat.v1 as tf

from common.errors import InputError
from pretraining import tfrecords
from training.batches import WHOLE

# Records shuffled at a time (54 MB at length 512), drawn from so many files.
SHUFFLED = 1 << 14
MIXED_FILES = 16

Shape = collections.namedtuple(
  "Shape", ["max_seq_length", "max_predictions_per_seq", "vocab_size"]
)


def features(shape):
  """Returns {name: tf.io.FixedLenFeature} of one example."""
  row = tf.io.FixedLenFeature([shape.max_seq_length], tf.int64)
  masked = [shape.max_predictions_per_seq]
  return {
    "input_ids": row,
    "input_mask": row,
    "segment_ids": row,
    "masked_lm_positions": tf.io.FixedLenFeature(masked, tf.int64),
    "masked_lm_ids": tf.io.FixedLenFeature(masked, tf.int64),
    "masked_lm_weights": tf.io.FixedLenFeature(masked, tf.float32),
    "next_sentence_labels": tf.io.FixedLenFeature([1], tf.int64),
  }


def training_dataset(paths, shape, batch_size, seed, part=WHOLE, remask=None):
  """Returns an endless dataset of the batches of one device each.

  Args:
    paths: the TFRecord files.
    shape: the Shape of their examples.
    batch_size: number of examples per batch, over all devices of all machines.
    seed: of the shuffling, the same on all machines.
    part: the batches.Part of this input pipeline. All machines read the same
      stream; the dataset yields the shares of this machine's devices, one
      after another.
    remask: function of a batch with token_boundary that masks it anew; None
      takes the masks of the files.

  Returns:
    Dataset of {name: [B, ...]}, B being the share of one device.

  Raises:
    InputError: batch_size does not divide among the devices.
  """
  every = part.machines * part.devices
  if batch_size % every:
    raise InputError(
      "a batch of %d examples does not divide among %d devices; expected a "
      "multiple" % (batch_size, every)
    )
  with _graph_seed(seed):
    files = tf.data.Dataset.from_tensor_slices(sorted(paths))
    records = (
      files.shuffle(len(paths), seed)
      .interleave(
        tf.data.TFRecordDataset,
        cycle_length=min(len(paths), MIXED_FILES),
        block_length=1,
      )
      .shuffle(SHUFFLED, seed)
      .repeat()  # Each time in another order.
      .batch(batch_size // every, drop_remainder=True)
    )
  if part.machines > 1:  # In turn: machine 0's shares, machine 1's.
    records = (
      records.enumerate()
      .filter(
        lambda i, _: tf.equal(i // part.devices % part.machines, part.machine)
      )
      .map(lambda _, batch: batch)
    )
  spec = features(shape)
  if remask:
    spec["token_boundary"] = spec["input_ids"]

  def parse(batch):
    batch = narrow(tf.io.parse_example(batch, spec))
    return remask(batch) if remask else batch

  return records.map(parse).prefetch(2)


@contextlib.contextmanager
def _graph_seed(seed):
  """Holds the graph's seed, which shuffling mixes with its own, at a value.

  A machine's graph has a seed of its own, so that dropout differs on each.
  """
  graph = tf.get_default_graph()
  before = graph.seed
  graph.seed = seed
  try:
    yield
  finally:
    graph.seed = before


def evaluation_dataset(paths, shape, batch_size, fill=False):
  """Returns a dataset in which every example comes once.

  Args:
    paths: the TFRecord files.
    shape: the Shape of their examples.
    batch_size: B; the last batch may be smaller.
    fill: bring it to B with examples that weigh nothing, as a TPU needs.

  "real" [B] is 1.0 for examples and 0.0 for what filled a batch up.
  """
  records = tf.data.TFRecordDataset(sorted(paths))
  flagged = records.map(lambda r: (r, 1.0))
  if fill:
    blank = tf.data.Dataset.from_tensors((_blank(shape), 0.0))
    flagged = flagged.concatenate(blank.repeat(batch_size - 1))
  batches = flagged.batch(batch_size, drop_remainder=fill)
  spec = features(shape)

  def parse(serialized, real):
    return dict(narrow(tf.io.parse_example(serialized, spec)), real=real)

  return batches.map(parse).prefetch(2)


def narrow(batch):
  """Returns the batch with int32 for int64, which a TPU has not."""
  return {
    name: tf.cast(x, tf.int32) if x.dtype == tf.int64 else x
    for name, x in batch.items()
  }


def _blank(shape):
  """A serialized example of padding, in which nothing is masked."""
  values = {}
  for name, spec in features(shape).items():
    size = spec.shape[0]
    if spec.dtype == tf.float32:
      feature = tf.train.Feature(
        float_list=tf.train.FloatList(value=[0.0] * size)
      )
    else:
      feature = tf.train.Feature(
        int64_list=tf.train.Int64List(value=[0] * size)
      )
    values[name] = feature
  return tf.train.Example(
    features=tf.train.Features(feature=values)
  ).SerializeToString()


def count(paths):
  """Returns how many records the files hold; reads them whole."""
  return sum(1 for path in paths for _ in _read(path))


def check(paths, shape):
  """Raises InputError unless the first example of every file has this shape."""
  empty = [path for path in paths if not _has_example_like(path, shape)]
  if len(empty) == len(paths):
    raise InputError("%s: no record in it" % ", ".join(empty[:3]))


def _has_example_like(path, shape):
  """Whether a file has an example; InputError if it is of another shape."""
  for offset, record in _read(path):
    place = "%s: record at byte %d" % (path, offset)
    try:
      example = tf.train.Example.FromString(record)
    except Exception as error:  # DecodeError, of one of two protobufs.
      raise InputError(
        "%s: not a tf.train.Example (%s)" % (place, error)
      ) from None
    _check_example(example.features.feature, shape, place)
    return True
  return False


def _check_example(found, shape, place):
  for name, spec in features(shape).items():
    if name not in found:
      raise InputError(
        "%s: has no %s, expected an example of create_pretraining_data.py"
        % (place, name)
      )
    kind = "float_list" if spec.dtype == tf.float32 else "int64_list"
    size = len(getattr(found[name], kind).value)
    if size != spec.shape[0]:
      flag = "--max_seq_length"
      if name.startswith("masked_lm_"):
        flag = "--max_predictions_per_seq"
      raise InputError(
        "%s: %s has %d values, expected %d; give %s=%d, or other files"
        % (place, name, size, spec.shape[0], flag, size)
      )
  for name in ("input_ids", "masked_lm_ids"):
    largest = max(found[name].int64_list.value)
    if largest >= shape.vocab_size:
      raise InputError(
        "%s: %s holds piece %d, expected below vocab_size of the config, which "
        "is %d" % (place, name, largest, shape.vocab_size)
      )


def refuse_damage(paths):
  """Raises InputError if a file is damaged: which one, and at what byte."""
  for path in paths:
    for _ in _read(path):
      pass


def _read(path):
  """(offset, record) pairs of a file, wherever it lies."""
  with tf.io.gfile.GFile(path, "rb") as f:
    yield from tfrecords.read(f, path)
