# SPDX-License-Identifier: Apache-2.0
"""Reads TFRecord files of pretraining examples into batches.

The files come from create_pretraining_data.py, ours or that of ALBERT or BERT.
The datasets run inside TensorFlow only, as a TPU requires.

Shapes: B batch, S sequence, P masked positions.
"""

import collections
import contextlib

import tensorflow.compat.v1 as tf

from common import files
from common.errors import InputError
from pretraining import tfrecords
from training.datasets import WHOLE

# Records in the shuffle buffer (54 MB at length 512), and files they come from.
SHUFFLED = 1 << 14
MIXED_FILES = 16

# Marks a function whose code AutoGraph would otherwise translate, through files
# that a killed program leaves in the temporary folder.
_as_is = tf.autograph.experimental.do_not_convert

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


def training_dataset(
  paths, shape, batch_size, seed, part=WHOLE, remask=None, first=0, counts=None
):
  """Returns an endless dataset of {name: [B, ...]}, B the share of one device.

  A batch depends on files, seed and its number only, so that a resumed run
  sees what it would have seen without a break. Each pass over the files takes
  them in another order, in groups of MIXED_FILES, and shuffles the records of
  each group.

  Args:
    paths, shape: the TFRecord files, and the Shape of their examples.
    batch_size: number of examples per batch, over all devices of all machines.
    seed: of the shuffling, the same on all machines.
    part: the datasets.Part of this input pipeline. All machines read the same
      stream; the dataset yields the shares of this machine's devices, one
      after another.
    remask: function of a batch with token_boundary and an int64 [2] seed that
      masks it anew; None takes the masks of the files.
    first: number of the first batch.
    counts: {path: number of its records}; needed unless `first` is 0.

  Raises:
    InputError: batch_size does not divide among the devices.
  """
  every = part.machines * part.devices
  if batch_size % every:
    raise InputError(
      "a batch of %d examples does not divide among %d devices; expected a "
      "multiple" % (batch_size, every)
    )
  paths, group, skipped = sorted(paths), 0, 0
  if first:
    group, skipped = _find(paths, seed, counts, first * batch_size)
  with _graph_seed(seed):
    records = (
      tf.data.Dataset.range(group, tf.int64.max)
      .flat_map(_as_is(lambda number: _read_group(paths, seed, number)))
      .skip(skipped)
      .batch(batch_size // every, drop_remainder=True)
      .enumerate(first * every)
    )
  if part.machines > 1:  # In turn: machine 0's shares, machine 1's.
    records = records.filter(
      _as_is(
        lambda i, _: tf.equal(i // part.devices % part.machines, part.machine)
      )
    )
  spec = features(shape)
  if remask:
    spec["token_boundary"] = spec["input_ids"]

  def parse(number, batch):
    batch = narrow(tf.io.parse_example(batch, spec))
    return remask(batch, tf.stack([seed, number])) if remask else batch

  return records.map(_as_is(parse)).prefetch(2)


def _group(paths, seed, number):
  """Returns the paths of a group; the groups of all passes are numbered."""
  groups = -(-len(paths) // MIXED_FILES)
  key = tf.stack([tf.constant(seed, tf.int64), number // groups])
  order = tf.argsort(tf.random.stateless_uniform([len(paths)], key))
  first = number % groups * MIXED_FILES
  return tf.gather(paths, order[first : first + MIXED_FILES])


def _read_group(paths, seed, number):
  """Returns the dataset of the records of a group."""
  names = tf.data.Dataset.from_tensor_slices(_group(paths, seed, number))
  records = names.interleave(
    tf.data.TFRecordDataset,
    cycle_length=min(len(paths), MIXED_FILES),
    block_length=1,
  )
  return records.shuffle(SHUFFLED, number, reshuffle_each_iteration=False)


def _find(paths, seed, counts, position):
  """Returns (the group of a record of the stream, how many come before it).

  Only files of that group need to be read to go on there.
  """
  passes, left = divmod(position, sum(counts[path] for path in paths))
  number = passes * -(-len(paths) // MIXED_FILES)
  config = tf.ConfigProto(device_count={"GPU": 0})
  with tf.Graph().as_default(), tf.Session(config=config) as session:
    asked = tf.placeholder(tf.int64, [])
    group = _group(paths, seed, asked)
    while True:
      found = session.run(group, {asked: number})
      size = sum(counts[path.decode()] for path in found)
      if left < size:
        return number, left
      number, left = number + 1, left - size


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
  flagged = records.map(_as_is(lambda r: (r, 1.0)))
  if fill:
    blank = tf.data.Dataset.from_tensors((_blank(shape), 0.0))
    flagged = flagged.concatenate(blank.repeat(batch_size - 1))
  batches = flagged.batch(batch_size, drop_remainder=fill)
  spec = features(shape)

  def parse(serialized, real):
    return dict(narrow(tf.io.parse_example(serialized, spec)), real=real)

  return batches.map(_as_is(parse)).prefetch(2)


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


def count(path):
  """Counts the records in a file."""
  if files.is_remote(path):  # Where a small read costs as much as a large one.
    return sum(1 for _ in _read(path))
  return tfrecords.count(path)


def looks_like_records(path):
  """Returns whether a file begins as a TFRecord file does."""
  with files.open_file(path) as f:
    return tfrecords.looks_like(f.read(16))


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
  for path in paths:
    for _ in _read(path):
      pass


def _read(path):
  """Yields (offset, record) pairs of a local or remote file."""
  with tf.io.gfile.GFile(path, "rb") as f:
    yield from tfrecords.read(f, path, f.size())
