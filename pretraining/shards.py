# SPDX-License-Identifier: Apache-2.0
"""Assigns pretraining instances to shards and writes files that survive a kill.

The content of a shard depends on inputs and flags only, not on the workers. A
chunk is a group of consecutive documents of a file, which a worker encodes at
once. A stripe is a range of the inputs' bytes and owns one shard in every lane.
The copies of a chunk (--dupe_factor) go to the lanes of its stripe in turn, so
that few copies of a document share a shard. Within a shard, the order is file,
chunk, copy.
"""

import collections
import gc
import itertools
import os
import re
import time

from common import files
from common.errors import InputError
from pretraining import instances
from pretraining import manifests
from pretraining import sources
from pretraining import tfrecords

CHUNK_CHARACTERS = 1 << 20
CHUNK_DOCUMENTS = 1000  # Short ones need much memory for padding.
# Input bytes times copies per shard, unless --num_shards is given: about 100 MB
# of records, as TensorFlow's guide recommends.
SHARD_BYTES = 64 << 20

Input = collections.namedtuple("Input", "path bytes format")
# `documents` are lists of paragraphs; `end` counts bytes of all inputs.
Chunk = collections.namedtuple("Chunk", "file number stripe end documents")
# `copies` are (number of instances, framed records) pairs.
Encoded = collections.namedtuple(
  "Encoded", "file number stripe end copies counts"
)
# The arguments of Encoder, and what a run reports about its output.
Encoding = collections.namedtuple("Encoding", "tokenizer settings split")
Outcome = collections.namedtuple("Outcome", "counts shards dropped seconds")


def find_inputs(patterns, format):
  """Returns the Inputs of comma-separated paths and globs, sorted by path.

  The format "auto" is detected by content. Raises InputError if a pattern
  matches no file, or a file has no known format.
  """
  paths = set()
  for pattern in filter(None, (p.strip() for p in patterns.split(","))):
    found = [p for p in files.glob(pattern) if not files.is_folder(p)]
    if not found and files.is_folder(pattern):
      raise InputError(
        "%s: is a folder, expected files or a glob such as %s"
        % (pattern, os.path.join(pattern, "*.txt"))
      )
    if not found:
      raise InputError("%s: no such file, nor a glob that fits any" % pattern)
    paths.update(found)
  if not paths:
    raise InputError("--input_file names no file")
  return [_input(path, format) for path in sorted(paths)]


def _input(path, format):
  try:
    if format == "auto":
      format = sources.sniff(path, open_file=files.open_file)
    return Input(path, files.size(path), format)
  except OSError as e:
    raise InputError("%s: cannot be read (%s)" % (path, e)) from e


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


class Plan:
  """Assigns the copies of chunks to shards.

  Attributes: `inputs` (Inputs in their order), `shards` (paths), `folder` (of
  the shards), `name` (of the output: its first shard's, without the number),
  `bytes` (of all inputs), `lanes`, `stripes`.
  """

  def __init__(self, inputs, shards, copies):
    self.inputs = inputs
    self.shards = shards
    self.folder, first = os.path.split(shards[0])
    self.name = re.sub(r"-0{5}-of-\d{5}$", "", first)
    count = len(shards)
    self.lanes = max(
      n for n in range(1, min(count, copies) + 1) if count % n == 0
    )
    self.stripes = count // self.lanes
    ends = list(itertools.accumulate(i.bytes for i in inputs))
    self.bytes = ends[-1]
    self._begins = [0] + ends

  def beside(self, ending):
    """Returns the path of a file that comes with the shards."""
    return os.path.join(self.folder, self.name + ending)

  def place(self, file, position):
    """Returns the number of bytes of all inputs before a place in a file."""
    return self._begins[file] + position

  def stripe(self, place):
    """Returns the stripe of a chunk that begins at a place."""
    return min(self.stripes * place // max(self.bytes, 1), self.stripes - 1)

  def lane(self, chunk, copy):
    """Returns the lane that a copy of a Chunk or Encoded goes to."""
    return (copy + chunk.file + chunk.number) % self.lanes

  def shard(self, stripe, lane):
    return stripe + lane * self.stripes


def chunks(plan, file, dropped):
  """Yields the Chunks of an input; each ends as soon as it is large enough.

  `file` is the input's number; `dropped` counts what is left out, by reason.
  """
  path, _, format = plan.inputs[file]
  number, begin, position, documents, characters = 0, 0, 0, [], 0

  def chunk():
    stripe = plan.stripe(plan.place(file, begin))
    return Chunk(file, number, stripe, plan.place(file, position), documents)

  for position, paragraphs in sources.documents(
    path, format, open_file=files.open_file, dropped=dropped
  ):
    documents.append(paragraphs)
    characters += sum(map(len, paragraphs))
    if characters >= CHUNK_CHARACTERS or len(documents) >= CHUNK_DOCUMENTS:
      yield chunk()
      number, begin, documents, characters = number + 1, position, [], 0
  if documents:
    yield chunk()


def all_chunks(plan, dropped):
  """Yields the Chunks of all inputs; see `chunks`."""
  for file in range(len(plan.inputs)):
    yield from chunks(plan, file, dropped)


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


class Output:
  """Writes the shards of a run on one machine, one stripe after another.

  A stripe's shards are first complete under temporary names, then the progress
  file says so, then they get their names. A shard with its name is therefore
  final, and a kill costs at most the stripe in progress.

  Attributes: `stripes`, a record of each finished stripe: {"counts": {...},
  "seconds": float, "shards": [{"file", ...}]}.
  """

  def __init__(self, plan, description, stripes):
    """Continues after the stripes that an earlier run finished."""
    self._plan = plan
    self._description = description
    self.stripes = list(stripes)
    self._files = {}  # lane -> open file, of the stripe at work
    self._begin()
    for stripe in self.stripes:
      for shard in stripe["shards"]:
        self._recover(shard)
    if not self.stripes:
      files.make_folder(plan.folder)
      manifests.write_progress(plan, description, self.stripes)

  def _begin(self):
    """Starts counting for the next stripe."""
    self._since = time.time()
    self._counts = collections.Counter()
    self._instances = [0] * self._plan.lanes
    self._bytes = [0] * self._plan.lanes

  def _recover(self, shard):
    """Makes sure that a finished shard has its final name."""
    path = os.path.join(self._plan.folder, shard["file"])
    for candidate in (path, _partial(path)):
      if files.exists(candidate):
        if files.size(candidate) == shard["bytes"]:
          if candidate != path:
            files.rename(candidate, path)
          return
    raise InputError(
      "%s: was finished with %d bytes, but is missing or changed; expected it "
      "unchanged, or an empty folder" % (path, shard["bytes"])
    )

  def add(self, encoded):
    """Writes an Encoded; calls must follow the order of the chunks."""
    while len(self.stripes) < encoded.stripe:
      self._finish_stripe()
    self._open()
    self._counts.update(encoded.counts)
    for copy, (count, records) in enumerate(encoded.copies):
      lane = self._plan.lane(encoded, copy)
      self._files[lane].write(records)
      self._instances[lane] += count
      self._bytes[lane] += len(records)

  def finish(self):
    while len(self.stripes) < self._plan.stripes:
      self._finish_stripe()

  def outcome(self, dropped):
    """Returns the Outcome of all stripes, including those of earlier runs."""
    counts = collections.Counter()
    for stripe in self.stripes:
      counts.update(stripe["counts"])
    return Outcome(
      counts,
      [shard for stripe in self.stripes for shard in stripe["shards"]],
      dropped,
      sum(stripe["seconds"] for stripe in self.stripes),
    )

  def discard(self):
    """Removes unfinished shards."""
    for lane, file in self._files.items():
      file.close()
      files.remove(_partial(self._path(lane)))
    self._files = {}

  def _path(self, lane):
    return self._plan.shards[self._plan.shard(len(self.stripes), lane)]

  def _open(self):
    for lane in range(self._plan.lanes):
      if lane not in self._files:
        path = _partial(self._path(lane))
        self._files[lane] = files.open_file(path, "wb")

  def _finish_stripe(self):
    self._open()
    paths = [self._path(lane) for lane in range(self._plan.lanes)]
    for lane in range(self._plan.lanes):
      files.close_safely(self._files.pop(lane))
    record = {
      "counts": dict(sorted(self._counts.items())),
      "seconds": time.time() - self._since,
      "shards": [
        {"file": os.path.basename(path), "instances": count, "bytes": size}
        for path, count, size in zip(paths, self._instances, self._bytes)
      ],
    }
    self.stripes.append(record)
    manifests.write_progress(self._plan, self._description, self.stripes)
    for path in paths:
      files.rename(_partial(path), path)
    self._begin()


def _partial(path):
  return path + ".partial"
