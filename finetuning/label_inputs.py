# SPDX-License-Identifier: Apache-2.0
"""Reads and encodes the texts to label, as a stream of pools."""

import collections
import contextlib
import functools

from common import files
from common import processes
from common.errors import reject
from common.errors import until_failure
from formats import inputs
from formats import streams
from training import batches

# A pool is full with so many windows, or texts. Its batches have windows of
# similar lengths; larger pools take more memory and are not faster.
POOL_WINDOWS = 2048
POOL_PARTS = 10000
# What a worker encodes at once ends after so many parts, or bytes of input.
BLOCK_PARTS = 50
BLOCK_BYTES = 1 << 16

# By default there is a worker for so many bytes of input, but not more than can
# keep a fast GPU busy.
WORKER_BYTES = 4 << 20
MAX_WORKERS = 8

# A part of a text (`example`), the stripe that it belongs to, the number of
# bytes of all inputs up to its end, and its Encoded.
Part = collections.namedtuple(
  "Part", "example part is_last stripe end encoded", defaults=(None,)
)


class Reader:
  """Reads and encodes the texts of a plan's part.

  Attributes: `start`, the first stripe to read. It may be raised meanwhile.
  """

  def __init__(self, task, plan, failed, failed_rest, num_workers):
    """Prepares the reading.

    Args:
      task: a harness.Task that has learned.
      plan: a stripes.Plan.
      failed: see Task.read_unlabelled.
      failed_rest: called with the InputError that ends the reading of a file;
        it may return.
      num_workers: number of processes that encode, and of those that parse a
        large file; 0: this one does both; None: by the size of the input.
    """
    self.start = plan.first
    self._task = task
    self._plan = plan
    self._failed = failed
    self._failed_rest = failed_rest
    self._num_workers = num_workers
    if num_workers is None:
      self._num_workers = _default_workers(plan.bytes)

  def pools(self):
    """Yields lists of Parts whose windows are predicted together."""
    pool, windows = [], 0
    for item in self._encoded():
      pool.append(item)
      windows += len(item.encoded.features)
      if windows >= POOL_WINDOWS or len(pool) >= POOL_PARTS:
        yield pool
        pool, windows = [], 0
    if pool:
      yield pool

  def _encoded(self):
    """Yields the Parts of all texts that are not labelled yet, encoded."""
    waiting = collections.deque()  # Blocks that workers have.

    def tasks():
      for block in blocks(self._parts()):
        waiting.append(block)
        yield [item.part for item in block]

    # partial makes the encoder itself the function of each worker.
    results = processes.ordered_map(
      functools.partial, [self._task.encoder()], tasks(), self._num_workers
    )
    with contextlib.closing(results):
      for result in results:
        yield from with_encoded(waiting.popleft(), result)

  def _parts(self):
    """Yields the Parts of all texts that are not labelled yet."""
    for number in range(len(self._plan.inputs)):
      if self._plan.reads(number, self.start):
        yield from self.parts_of(number)

  def parts_of(self, number):
    """Yields the Parts of a file's texts that are not labelled yet."""
    plan = self._plan
    given, begin = plan.inputs[number], plan.place(number, 0)
    stored = source(given.path, inputs.parsers(given, self._num_workers))
    examples = self._task.read_unlabelled(stored, self._failed)
    for found in until_failure(examples, self._failed_rest):
      stripe, end = plan.stripe(begin), plan.place(number, found.position)
      if stripe >= plan.last:
        return
      if stripe >= self.start:
        for part, share in self._task.parts(found.document):
          at = begin + int(share * (end - begin))
          yield Part(found.document, part, share == 1, stripe, at)
      begin = end


def failures(allow_incomplete):
  """Returns (left_out, failed, failed_rest); see Reader.

  `left_out` lists what is said about texts that are left out.
  """
  left_out = []

  def failed_rest(error):
    left_out.append("%s; so the rest of this file is left out" % error)

  if allow_incomplete:
    return left_out, left_out.append, failed_rest
  return left_out, reject, reject


def with_encoded(block, packed):
  """Yields the Parts of a block with their Encoded."""
  for item, encoded in zip(block, batches.unpack(packed)):
    part = item.part if encoded.part is None else encoded.part
    yield item._replace(part=part, encoded=encoded._replace(part=None))


def blocks(parts):
  """Yields lists of Parts for a worker to encode."""
  block = []
  for part in parts:
    block.append(part)
    is_long = part.end - block[0].end >= BLOCK_BYTES
    if is_long or len(block) >= BLOCK_PARTS:
      yield block
      block = []
  if block:
    yield block


def _default_workers(size):
  """Returns the number of workers for so many bytes of input."""
  return min(MAX_WORKERS, processes.cores() - 1, size // WORKER_BYTES)


def source(path, num_workers=0):
  """Returns the streams.Source of a file."""
  return streams.Source(path, files.open_file, num_workers)
