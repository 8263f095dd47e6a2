# SPDX-License-Identifier: Apache-2.0
"""Reads TFRecord files of pretraining examples into batches.

The files come from create_pretraining_data.py, ours or that of ALBERT or BERT.
The datasets run inside TensorFlow only, as a TPU requires.

Shapes: B batch, S sequence, P masked positions.
"""

import collections
import contextlib

import tensorflow.compat.v1 as tf

from common.errors import InputError
from pretraining import tfrecords
from training.batches import WHOLE

# Records in the shuffle buffer (54 MB at length 512), and files they come from.
SHUFFLED = 1 << 14
MIXED_FILES = 16

Shape = collections.namedtuple(
  "Shape", "max_seq_length max_predictions_per_seq vocab_size"
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
  """Returns an endless dataset of {name: [B, ...]}, B the share of one device.

  Args:
    paths, shape: the TFRecord files, and the Shape of their examples.
    batch_size: number of examples per batch, over all devices of all machines.
    seed: of the shuffling, the same on all machines.
    part: the batches.Part of this input pipeline. All machines read the same
      stream; the dataset yields the shares of this machine's devices, one
      after another.
    remask: function of a batch with token_boundary that masks it anew; None
      takes the masks of the files.

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
      .repeat()  # In another order each time.
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
  """Sets the graph's seed, which shuffling combines with its own.

  Otherwise each machine's graph has its own seed, so that dropout differs.
  """
  graph = tf.get_default_graph()
  before = graph.seed
  graph.seed = seed
  try:
    yield
  finally:
    graph.seed = before


def evaluation_dataset(paths, shape, batch_size, fill=False):
  """Returns a dataset with every example exactly once.

  The last batch may be smaller, or with `fill`, as a TPU needs, is filled with
  examples of weight 0. The feature "real" [B] is 0.0 for these, else 1.0.
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
  """Casts int64 features to int32, since TPUs have no int64."""
  return {
    name: tf.cast(x, tf.int32) if x.dtype == tf.int64 else x
    for name, x in batch.items()
  }


def _blank(shape):
  """Returns a serialized example of padding without masks."""
  example = tf.train.Example()
  for name, spec in features(shape).items():
    _values(example.features.feature[name], spec).extend([0] * spec.shape[0])
  return example.SerializeToString()


def _values(feature, spec):
  """Returns the list of a tf.train.Feature that holds its values."""
  is_float = spec.dtype == tf.float32
  return (feature.float_list if is_float else feature.int64_list).value


def count(paths):
  """Counts the records in files by reading all of them."""
  return sum(1 for path in paths for _ in _read(path))


def check(paths, shape):
  """Raises InputError unless the first example of every file has this shape."""
  empty = [path for path in paths if not _has_example_like(path, shape)]
  if len(empty) == len(paths):
    raise InputError("%s: no record in it" % ", ".join(empty[:3]))


def _has_example_like(path, shape):
  """Returns whether a file has an example; checks the first one's shape."""
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
    size = len(_values(found[name], spec))
    if size != spec.shape[0]:
      masked = name.startswith("masked_lm_")
      flag = "--max_predictions_per_seq" if masked else "--max_seq_length"
      raise InputError(
        "%s: %s has %d values, expected %d; give %s=%d, or other files"
        % (place, name, size, spec.shape[0], flag, size)
      )
  for name in ("input_ids", "masked_lm_ids"):
    largest = max(found[name].int64_list.value)
    if largest >= shape.vocab_size:
      raise InputError(
        "%s: %s holds piece %d, expected ids below the config's vocab_size, "
        "which is %d" % (place, name, largest, shape.vocab_size)
      )


def refuse_damage(paths):
  """Raises InputError with path and offset if a file is damaged."""
  count(paths)


def _read(path):
  """Yields (offset, record) pairs of a local or remote file."""
  with tf.io.gfile.GFile(path, "rb") as f:
    yield from tfrecords.read(f, path)
