# SPDX-License-Identifier: Apache-2.0
"""Assigns pretraining instances to shards (see common/stripes.py).

The content of a shard depends on inputs and flags only, not on the workers. A
chunk is a group of consecutive documents of a file, which a worker encodes at
once. The copies of a chunk (--dupe_factor) go to the lanes of its stripe in
turn, so that few copies of a document share a shard. Within a shard, the order
is file, chunk, copy.
"""

import collections
import gc
import os

from common import files
from common.errors import InputError
from formats import inputs
from pretraining import instances
from pretraining import sources
from pretraining import tfrecords

CHUNK_CHARACTERS = 1 << 20
CHUNK_DOCUMENTS = 1000  # Short ones need much memory for padding.
# Input bytes times copies per shard, unless --num_shards is given: about 100 MB
# of records, as TensorFlow's guide recommends.
SHARD_BYTES = 64 << 20

# `documents` are lists of paragraphs; `end` counts bytes of all inputs.
Chunk = collections.namedtuple("Chunk", "file number stripe end documents")
# `copies` are (number of instances, framed records) pairs.
Encoded = collections.namedtuple(
  "Encoded", "file number stripe end copies counts"
)
# The arguments of Encoder.
Encoding = collections.namedtuple("Encoding", "tokenizer settings split")


def shard_paths(output, num_shards, inputs, copies):
  """Returns the paths of all shards.

  Comma-separated names and the name of a single shard are kept; otherwise "x"
  becomes x-00000-of-00064. Without num_shards, the size of the Inputs decides.

  Raises:
    InputError: the names and their number contradict each other.
  """
  names = [name.strip() for name in output.split(",")]
  for name in names:
    if not os.path.basename(name) or files.is_folder(name):
      raise InputError(
        "--output_file names the folder %r, expected a file in it, such as %s"
        % (name, os.path.join(name, "train.tfrecord"))
      )
  if len(names) == 1:
    size = sum(i.bytes for i in inputs)
    count = num_shards or _default_shards(size, copies)
    if count == 1:
      return names
    return ["%s-%05d-of-%05d" % (output, i, count) for i in range(count)]
  if num_shards not in (None, len(names)):
    raise InputError(
      "--output_file names %d files, expected as many as --num_shards=%d, or "
      "one name" % (len(names), num_shards)
    )
  if len(set(names)) < len(names):
    raise InputError("--output_file names the same file twice: %s" % output)
  if len({os.path.dirname(name) for name in names}) > 1:
    raise InputError(
      "--output_file names files of several folders, expected files of one"
    )
  return names


def _default_shards(size, copies):
  """Returns one shard per SHARD_BYTES, rounded up to whole stripes.

  10 MB, 40 copies -> 7; 1 GB, 40 copies -> 15 stripes * 40 lanes = 600.
  """
  count = max(1, -(-size * copies // SHARD_BYTES))
  return count if count <= copies else -(-count // copies) * copies


def parts(plan, encoded):
  """Returns (lane, number of instances, records) of the copies of an Encoded.

  Copies go to different lanes, and chunks take turns.
  """
  first = encoded.file + encoded.number
  return [
    ((first + copy) % plan.lanes, count, records)
    for copy, (count, records) in enumerate(encoded.copies)
  ]


def chunks(plan, file, dropped, num_workers=0):
  """Yields the Chunks of an input; each ends as soon as it is large enough.

  Args:
    plan: a stripes.Plan.
    file: the input's number.
    dropped: a Counter of what is left out, by reason.
    num_workers: number of processes that may help to read.
  """
  given = plan.inputs[file]
  number, begin, position, documents, characters = 0, 0, 0, [], 0

  def chunk():
    stripe = plan.stripe(plan.place(file, begin))
    return Chunk(file, number, stripe, plan.place(file, position), documents)

  for position, paragraphs in sources.documents(
    given.path,
    given.format,
    open_file=files.open_file,
    dropped=dropped,
    num_workers=inputs.parsers(given, num_workers),
  ):
    documents.append(paragraphs)
    characters += sum(map(len, paragraphs))
    if characters >= CHUNK_CHARACTERS or len(documents) >= CHUNK_DOCUMENTS:
      yield chunk()
      number, begin, documents, characters = number + 1, position, [], 0
  if documents:
    yield chunk()


def all_chunks(plan, dropped, num_workers=0):
  """Yields the Chunks of all inputs; see `chunks`."""
  for file in range(len(plan.inputs)):
    yield from chunks(plan, file, dropped, num_workers)


class Encoder:
  """Turns a Chunk into an Encoded, the same on any worker."""

  def __init__(self, tokenizer, settings, split):
    """Keeps the arguments that all chunks share.

    Workers get the tokenizer pickled, so they neither read the vocabulary nor
    need TensorFlow. `split` says for every input whether to split its
    paragraphs into sentences.
    """
    self._maker = instances.InstanceMaker(tokenizer, settings)
    self._split = split
    # The tokenizer remembers many words; searching them for garbage took a
    # fifth of the time and found none.
    gc.set_threshold(1000000)

  def __call__(self, chunk):
    documents = chunk.documents
    if self._split[chunk.file]:
      documents = [sources.sentences(paragraphs) for paragraphs in documents]
    copies, counts = self._maker.chunk(documents, (chunk.file, chunk.number))
    framed = [(len(c), b"".join(map(tfrecords.frame, c))) for c in copies]
    return Encoded(
      chunk.file, chunk.number, chunk.stripe, chunk.end, framed, counts
    )
