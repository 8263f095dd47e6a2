# SPDX-License-Identifier: Apache-2.0
"""Assigns inputs to output files, and writes these so that they survive a kill.

A stripe is a range of the inputs' bytes and owns one shard, an output file, in
every lane. What goes to which shard depends on the inputs only. A progress file
beside the shards holds a description of the command and a record of each
finished stripe; a run that was killed continues after these.
"""

import collections
import itertools
import os
import re
import time
import zlib

from common import files
from common.errors import InputError
from common.errors import shorten

MANIFEST = ".manifest.json"
PROGRESS = ".progress.json"

# One of several jobs that share a plan: number 1 to `count`.
Part = collections.namedtuple("Part", "number count")
WHOLE = Part(1, 1)

# What a run reports about its output.
Outcome = collections.namedtuple("Outcome", "counts shards dropped seconds")


def parse_part(text, flag):
  """Returns the Part that a flag such as "3/64" names; of None it is WHOLE."""
  if text is None:
    return WHOLE
  match = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text)
  part = Part(*map(int, match.groups())) if match else Part(0, 0)
  if not 1 <= part.number <= part.count:
    raise InputError(
      "--%s: found %s, expected 1/64 to 64/64 for one of 64 jobs"
      % (flag, shorten(text))
    )
  return part


class Plan:
  """Assigns ranges of the inputs to shards, and ranges of stripes to parts.

  Attributes: `inputs` (Inputs in their order), `shards` (paths), `folder` (of
  the shards), `name` (of the output: its first shard's, without the number),
  `bytes` (of all inputs), `lanes`, `stripes`, `part`, and the stripes of this
  part, from `first` to before `last`.
  """

  def __init__(self, inputs, shards, copies, part=WHOLE):
    self.inputs = inputs
    self.part = part
    self.shards = shards
    self.folder, first = os.path.split(shards[0])
    self.name = re.sub(r"-0{5}-of-\d{5}(?=(\.\w+)*$)", "", first)
    count = len(shards)
    self.lanes = max(
      n for n in range(1, min(count, copies) + 1) if count % n == 0
    )
    self.stripes = count // self.lanes
    self.first, self.last = self.range(part)
    ends = list(itertools.accumulate(i.bytes for i in inputs))
    self.bytes = ends[-1]
    self._begins = [0] + ends

  def beside(self, ending):
    """Returns the path of a file that comes with the shards."""
    return os.path.join(self.folder, self.name + ending)

  def range(self, part):
    """Returns the first stripe of a part, and that after its last."""
    number, count = part
    return self.stripes * (number - 1) // count, self.stripes * number // count

  def own(self, ending, part=None):
    """Returns the path of a file of a part that comes with the shards."""
    number, count = part or self.part
    if count > 1:
      ending = ".part-%d-of-%d%s" % (number, count, ending)
    return self.beside(ending)

  def place(self, file, position):
    """Returns the number of bytes of all inputs before a place in a file."""
    return self._begins[file] + position

  def reads(self, file, first):
    """Returns whether a file has texts of the part's stripes from `first`."""
    begin, end = self.place(file, 0), self._begins[file + 1]
    return first <= self.stripe(end) and (
      max(self.stripe(begin), first) < self.last
    )

  def stripe(self, place):
    """Returns the stripe of a chunk that begins at a place."""
    return min(self.stripes * place // max(self.bytes, 1), self.stripes - 1)

  def shard(self, stripe, lane):
    return stripe + lane * self.stripes


def write_progress(plan, description, stripes):
  """Writes the progress file; the shards then belong to this command.

  `stripes` are the records of the finished stripes, see Output.
  """
  files.write_json(plan.own(PROGRESS), dict(description, stripes=stripes))


class File:
  """Writes a shard that is a file."""

  def __init__(self, path, header=b"", footer=b"", is_gzip=False):
    """Opens the file, which begins with a header and is to end with a footer.

    gzip is without a time and a name, so equal content has equal bytes.
    """
    self._path = path
    self._footer = footer
    self._packer = zlib.compressobj(wbits=31) if is_gzip else None
    self._file = files.open_file(path, "wb")
    self.write(header)

  def write(self, data):
    self._file.write(self._packer.compress(data) if self._packer else data)

  def finish(self):
    """Closes the file, which then survives a power cut."""
    self.write(self._footer)
    if self._packer:
      self._file.write(self._packer.flush())
    files.close_safely(self._file)

  def discard(self):
    """Removes the file."""
    self._file.close()
    files.remove(self._path)


class Output:
  """Writes the shards of a plan's part, one stripe after another.

  A stripe's shards are first complete under temporary names, then the progress
  file says so, then they get their names. A shard with its name is therefore
  final, and a kill costs at most the stripe in progress.

  Attributes: `stripes`, a record of each finished stripe: {"counts": {...},
  "seconds": float, "shards": [{"file", UNIT, "bytes"}]}.
  """

  def __init__(self, plan, description, stripes, unit, open_shard=File):
    """Continues after the stripes that an earlier run finished.

    Args:
      plan, description, stripes: see write_progress.
      unit: what the shards hold, such as "instances".
      open_shard: function of a path that returns a File, or what writes a shard
        in the same way.
    """
    self._plan = plan
    self._description = description
    self._unit = unit
    self._open_shard = open_shard
    self.stripes = list(stripes)
    self._files = {}  # lane -> open shard, of the stripe at work
    self._begin()
    for stripe in self.stripes:
      for shard in stripe["shards"]:
        self._recover(shard)
    if not self.stripes:
      files.make_folder(plan.folder)
      write_progress(plan, description, self.stripes)

  def _begin(self):
    """Starts counting for the next stripe."""
    self._since = time.time()
    self._counts = collections.Counter()
    self._units = [0] * self._plan.lanes

  def _recover(self, shard):
    """Makes sure that a finished shard has its final name."""
    path = os.path.join(self._plan.folder, shard["file"])
    for candidate in (path, _partial(path)):
      if files.exists(candidate):
        if files.total_size(candidate) == shard["bytes"]:
          if candidate != path:
            files.rename(candidate, path)
          return
    raise InputError(
      "%s: was finished with %d bytes, but is missing or changed; expected it "
      "unchanged, or an empty folder" % (path, shard["bytes"])
    )

  def add(self, stripe, counts, parts):
    """Adds to a stripe; calls must follow the order of the input.

    Args:
      stripe: its number.
      counts: {what: number} to add to the record of the stripe.
      parts: (lane, number of units, what to write, such as bytes).
    """
    while self._at() < stripe:
      self._finish_stripe()
    self._open()
    self._counts.update(counts)
    for lane, units, data in parts:
      self._files[lane].write(data)
      self._units[lane] += units

  def finish(self):
    while self._at() < self._plan.last:
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
    for file in self._files.values():
      file.discard()
    self._files = {}

  def _at(self):
    """Returns the number of the stripe at work."""
    return self._plan.first + len(self.stripes)

  def _path(self, lane):
    return self._plan.shards[self._plan.shard(self._at(), lane)]

  def _open(self):
    for lane in range(self._plan.lanes):
      if lane not in self._files:
        self._files[lane] = self._open_shard(_partial(self._path(lane)))

  def _finish_stripe(self):
    self._open()
    paths = [self._path(lane) for lane in range(self._plan.lanes)]
    for lane in range(self._plan.lanes):
      self._files[lane].finish()
    record = {
      "counts": dict(sorted(self._counts.items())),
      "seconds": time.time() - self._since,
      "shards": [
        {
          "file": os.path.basename(path),
          self._unit: units,
          "bytes": files.total_size(_partial(path)),
        }
        for path, units in zip(paths, self._units)
      ],
    }
    self.stripes.append(record)
    write_progress(self._plan, self._description, self.stripes)
    self._files = {}
    for path in paths:
      files.rename(_partial(path), path)
    self._begin()


def _partial(path):
  return path + ".partial"
