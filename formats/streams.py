# SPDX-License-Identifier: Apache-2.0
"""Streams the content of large files: plain, gzip, and members of tar archives.

Compression and archives are detected by content, not by name. Damaged files
raise InputError with path and line.
"""

import collections
import contextlib
import functools
import io
import itertools
import tarfile
import zlib

from common import files
from common import text
from common.errors import InputError
from common.errors import reject

BLOCK = 1 << 16  # bytes to read from the stored file at once
MAX_LINE = text.MAX_LINE
_GZIP = b"\x1f\x8b"
_MAX_INFLATED = 1 << 20  # bytes to decompress at once
# Headers of tar archives that hold the name and more of the file after them.
_TAR_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK) + (
  tarfile.XHDTYPE,
  tarfile.XGLTYPE,
  tarfile.SOLARIS_XHDTYPE,
)
_MAX_TAR_NAME = 1 << 16  # bytes


def of_bytes(data, path):
  """Returns the Source of a file's bytes."""
  return Source(path, lambda path, mode: io.BytesIO(data))


def unpacked(data, path):
  """Returns a file's bytes without gzip; see Source.blocks."""
  if not data.startswith(_GZIP):
    return data
  return of_bytes(data, path).whole()


def lines(source, failed=reject):
  """Yields (number, line with its line feed) of a file in UTF-8.

  A byte order mark before the first line is left out. `failed` is called with
  the InputError of a line that is not UTF-8; if it returns, that is left out.
  """
  for number, line in lines_or_errors(source):
    if isinstance(line, InputError):
      failed(line)
    else:
      yield number, line


def lines_or_errors(source):
  """Yields what `lines` does, and the InputErrors in place of lines."""
  rest, number = b"", 1
  for block in itertools.chain(source.blocks(), [b""]):
    data = rest + block
    end = data.rfind(b"\n") + 1 if block else len(data)
    rest = data[end:]
    if len(rest) > MAX_LINE:
      raise text.endless_line(source.path, number)
    complete = _decoded(data[:end], source.path, number)
    del data  # A line may be long.
    for line in complete:
      if number == 1 and isinstance(line, str):
        line = line.lstrip("\ufeff")
      yield number, line
      number += 1


def _decoded(data, path, first_line):
  """Returns an iterable of complete lines, or InputErrors in their place."""
  with contextlib.suppress(UnicodeDecodeError):
    if b"\0" not in data:
      return _split(data.decode("utf-8"))
  return [
    _decode_line(line, "%s:%d" % (path, number))
    for number, line in enumerate(io.BytesIO(data), first_line)
  ]


def _split(decoded):
  """Yields the lines of a text; io.StringIO takes 4 bytes per character."""
  begin = 0
  while begin < len(decoded):
    end = decoded.find("\n", begin) + 1 or len(decoded)
    yield decoded[begin:end]
    begin = end


def _decode_line(data, place):
  wrong = data.find(b"\0")
  try:
    decoded = data.decode("utf-8")
  except UnicodeDecodeError as error:
    wrong = error.start
  if wrong < 0:
    return decoded
  why = "no text has" if data[wrong] == 0 else "is not UTF-8"
  return InputError(
    "%s: found byte 0x%02x, which %s, expected text in UTF-8"
    % (place, data[wrong], why)
  )


def members(source):
  """Yields (name, blocks of content, offset of its end) of archived files."""
  source.rewind()
  with tarfile.open(
    fileobj=source, mode="r|", bufsize=BLOCK, tarinfo=TarHeader
  ) as archive:
    for member in iter(archive.next, None):
      archive.members.clear()  # Otherwise the list would grow.
      if member.isfile():
        content = archive.extractfile(member)
        blocks = iter(functools.partial(content.read, BLOCK), b"")
        yield member.name, blocks, member.offset_data + member.size


class Source:
  """Reads the decompressed content of a file.

  Attributes: `path`; `position`, the number of bytes of the stored file read in
  this pass; `num_workers`, of processes that may help to parse the content.
  """

  def __init__(self, path, open_file, num_workers=0):
    self.path = path
    self.num_workers = num_workers
    self.position = 0
    self._open_file = open_file
    self.rewind()

  def rewind(self):
    """Makes read() begin at the beginning."""
    self._unread = None  # blocks that read() has not reached
    self._rest = b""
    # Pairs of bytes returned by read() and the position at that time.
    self._ends = collections.deque()
    self._given = 0

  def blocks(self):
    """Yields the content in blocks, from the beginning."""
    stored = self._stored()
    first = next(stored, b"")
    if not first:
      raise InputError(
        "%s: found no text, the file is empty, expected text" % self.path
      )
    blocks = itertools.chain([first], stored)
    if first.startswith(_GZIP):
      blocks = self._inflated(blocks)
    return blocks

  def whole(self):
    """Returns the content; InputError if it has more than files.MAX_BYTES."""
    return files.gathered(self.blocks(), self.path)

  def head(self):
    """Returns the first 64 KiB or more of the content, if there are as many."""
    head = b""
    for block in self.blocks():
      head += block
      if len(head) >= BLOCK:
        break
    return head

  def is_tar(self):
    """Returns whether the content is a tar archive."""
    return self.head()[257:262] == b"ustar"

  def read(self, size):
    """Returns up to `size` bytes, b"" at the end: a file object for tarfile."""
    if self._unread is None:
      self._unread = self.blocks()
    if not self._rest:
      self._rest = next(self._unread, b"")
      self._given += len(self._rest)
      self._ends.append((self._given, self.position))
    data, self._rest = self._rest[:size], self._rest[size:]
    return data

  def position_of(self, offset):
    """Returns the position when read() reached an offset.

    Calls must have ascending offsets.
    """
    while len(self._ends) > 1 and self._ends[0][0] < offset:
      self._ends.popleft()
    return self._ends[0][1]

  def _stored(self):
    """Yields the stored file in blocks and counts their bytes."""
    self.position = 0
    try:
      with self._open_file(self.path, "rb") as f:
        for block in iter(functools.partial(f.read, BLOCK), b""):
          self.position += len(block)
          yield block
    except OSError as error:
      raise InputError(
        "%s: cannot be read (%s)" % (self.path, error.strerror or error)
      ) from error

  def _inflated(self, blocks):
    """Yields the content of gzip members in blocks of at most 1 MiB."""
    inflater = None
    for data in blocks:
      while data:
        if inflater is None:
          data = data.lstrip(b"\0")  # gzip allows zeros after a member
          if not data:
            break
          inflater = zlib.decompressobj(31)
        try:
          block = inflater.decompress(data, _MAX_INFLATED)
        except zlib.error as error:
          raise InputError(
            "%s: found damaged gzip data (%s) before byte %d, expected it "
            "whole" % (self.path, error, self.position)
          ) from error
        if block:
          yield block
        # The inflater returns all that it holds before it takes in a member's
        # last bytes.
        data = inflater.unconsumed_tail
        if inflater.eof:
          data, inflater = inflater.unused_data, None
    if inflater is not None:
      raise InputError(
        "%s: found gzip data cut short at byte %d, expected it whole"
        % (self.path, self.position)
      )


class TarHeader(tarfile.TarInfo):
  """Reads headers of tar archives, which may be damaged or hostile.

  tarfile takes a damaged header for the end of the archive, and reads a name or
  a map of holes ("sparse" files) of any size into memory.
  """

  @classmethod
  def fromtarfile(cls, archive):
    try:
      return super().fromtarfile(archive)
    except tarfile.EOFHeaderError:
      raise
    except tarfile.HeaderError as error:
      raise tarfile.ReadError(str(error)) from error

  @classmethod
  def frombuf(cls, buf, encoding, errors):
    info = super().frombuf(buf, encoding, errors)
    if info.type in _TAR_NAMES and info.size > _MAX_TAR_NAME:
      raise tarfile.ReadError("a name of %d bytes" % info.size)
    if info.type == tarfile.GNUTYPE_SPARSE:
      raise tarfile.ReadError("a file with holes")
    return info

  def _proc_gnusparse_10(self, *args):
    raise tarfile.ReadError("a file with holes")
