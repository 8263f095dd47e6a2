# SPDX-License-Identifier: Apache-2.0
"""Finds and reads the files of a downloaded corpus, also inside archives, and
unpacks weights.

Opens .zip, .tar, .tar.gz and .gz files, and archives within archives, also a
.tar.gz whose name ends in .gz only. A corpus is not unpacked to disk, so paths
in its archives can do no harm: they only appear in messages and are matched
with patterns.
"""

import bz2
import collections
import contextlib
import fnmatch
import functools
import gzip
import hashlib
import io
import os
import re
import tarfile
import zipfile
import zlib

from common import files
from common.errors import InputError
from common.errors import first_five
from common.text import decode
from formats import streams


class Missing(InputError):
  """A file of the corpus is not there."""


# `path` is for messages and includes archives; `name`, relative to `container`
# (a folder or an archive), is matched with patterns.
class File(collections.namedtuple("File", "path name container read")):
  """A file of a corpus."""

  __slots__ = ()

  @property
  def base(self):
    """Returns the name without folders."""
    return self.name.rsplit("/", 1)[-1]

  @property
  def stem(self):
    """Returns the name without folders and extension, often a document's id."""
    return self.base.rpartition(".")[0]

  def text(self):
    """Returns the text with Unix line ends, which annotations count."""
    return decode(self.read(), self.path).replace("\r\n", "\n")


_TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2")
_CLOSED_ENDINGS = (".rar", ".7z", ".tar.xz")
_MAX_DEPTH = 3  # archives within archives
# Limits of what all archives of a folder hold together, as archives within
# archives multiply. The largest corpora have 60 MB and 20,000 files.
_MAX_BYTES = 1 << 29
_MAX_FILES = 1 << 18
_MAX_UNPACKED = 1 << 34  # bytes; the largest weights have some 3 GB
_BLOCK = 1 << 16  # bytes to decompress at once
# {first bytes of a compressed file: what opens it}
_COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open}
_WILDCARD = re.compile(r"[*?[]")


class Source:
  """The files in a folder and in its archives."""

  def __init__(self, folder):
    if not os.path.isdir(folder):
      raise InputError(
        "%s: no such folder; expected the corpus as its owners distribute it"
        % folder
      )
    self.folder = folder
    self._files = []
    self._by_base = {}  # {name without folders, in lower case: its Files}
    self._digests = {}  # {name: SHA-256} of the files read so far
    self._size = self._members = 0  # in archives
    for path, name in _walk(folder):
      self._add(path, name, folder, functools.partial(files.read, path), 0)

  def digest(self):
    """Returns a SHA-256, as hex, of the names and contents read so far."""
    total = hashlib.sha256()
    for name, content in sorted(self._digests.items()):
      # Bytes of a name that are not UTF-8 stay as they are.
      line = "%s %s\n" % (content, name)
      total.update(line.encode("utf-8", "surrogateescape"))
    return total.hexdigest()

  def every_file(self):
    """Returns all Files by path, also copies of the same name."""
    return sorted(self._files, key=lambda file: file.path)

  def find(self, *patterns):
    """Returns the Files whose names end in one of these patterns, by name.

    Patterns have the wildcards of fnmatch and ignore case; "a/*.txt" also
    matches "x/a/1.txt". Of identical copies, as in an archive and unpacked from
    it, one is returned.

    Raises:
      InputError: two files of the same name differ.
    """
    found, matchers = {}, list(map(_matcher, patterns))
    for file in self._candidates(patterns):
      end = _matching_end(file.name.lower(), matchers)
      if end:
        found.setdefault(end, []).append(file)
    chosen = [_one_of(files) for files in found.values()]
    return sorted(chosen, key=lambda file: file.name)

  def _candidates(self, patterns):
    """Returns the Files that these patterns may match."""
    bases = {pattern.lower().rsplit("/", 1)[-1] for pattern in patterns}
    if any(map(_WILDCARD.search, bases)):
      return self._files
    return [file for base in bases for file in self._by_base.get(base, ())]

  def files(self, what, *patterns):
    """Returns the Files of `find`; raises Missing if there are none."""
    found = self.find(*patterns)
    if not found:
      raise Missing(
        "%s: found no %s, expected %s in the folder or in its archives%s"
        % (self.folder, what, " or ".join(patterns), self._advice())
      )
    return found

  def file(self, what, *patterns):
    """Returns the only File of `find`; raises InputError for none or many."""
    found = self.files(what, *patterns)
    if len(found) > 1:
      raise InputError(
        "%s: found %d files that could be the %s (%s), expected one"
        % (
          self.folder,
          len(found),
          what,
          first_five([file.path for file in found]),
        )
      )
    return found[0]

  def read(self, what, *patterns):
    """Returns (bytes, path) of the only file that matches."""
    file = self.file(what, *patterns)
    return file.read(), file.path

  def _advice(self):
    """Returns a hint about archives that cannot be opened here."""
    closed = [
      f.path for f in self._files if f.name.lower().endswith(_CLOSED_ENDINGS)
    ]
    if not closed:
      return ""
    return "; unpack %s, which cannot be read as it is" % closed[0]

  def _add(self, path, name, container, read, depth):
    """Adds a file or, for an archive, the files inside."""
    lower = name.lower()
    if lower.endswith(".zip") and depth < _MAX_DEPTH:
      members = _zip_members(path, read(), self._count)
    elif depth < _MAX_DEPTH and _is_tar(lower, read):
      members = _tar_members(path, read(), self._count)
    elif lower.endswith(".gz"):
      self._take(path, name[:-3], container, lambda: _inflated(path, read()))
      return
    else:
      self._take(path, name, container, read)
      return
    for inner, read_inner in members:
      inner = inner.replace("\\", "/")
      _base(inner, path)
      if not _is_litter(inner):
        self._add("%s/%s" % (path, inner), inner, path, read_inner, depth + 1)

  def _count(self, path, size, number):
    """Counts what an archive holds; InputError if all hold too much."""
    self._size += size
    self._members += number
    for found, limit, unit in (
      (self._size, _MAX_BYTES, "bytes"),
      (self._members, _MAX_FILES, "files"),
    ):
      if found > limit:
        raise InputError(
          "%s: found more than %d %s in this and the archives before it, "
          "expected a corpus of the benchmark" % (path, limit, unit)
        )

  def _take(self, path, name, container, read):
    """Adds a file that is not an archive."""

    def noted():
      base = name.rsplit("/", 1)[-1]  # Documents have it as their id.
      if base.encode("utf-8", "ignore").decode("utf-8") != base:
        raise InputError(
          "%s: found a file name that is not UTF-8, expected one that is"
          % ascii(path)
        )
      data = read()
      self._digests[name] = hashlib.sha256(data).hexdigest()
      return data

    file = File(path, name, container, noted)
    self._files.append(file)
    self._by_base.setdefault(file.base.lower(), []).append(file)


def unpack(path, folder):
  """Extracts the files of an archive of weights side by side into a folder.

  Folders in the archive are dropped, so no file lands elsewhere. A file gets
  its name when it is complete; one that is there already, by its size, stays.

  Raises:
    InputError: the archive is damaged, holds too much, or two files of a name.
  """
  with _report_damage(path):
    if zipfile.is_zipfile(path):
      archive = zipfile.ZipFile(path)
      sizes = {x: x.file_size for x in archive.infolist() if not x.is_dir()}
      names, opened = {x: x.filename for x in sizes}, archive.open
    else:
      archive = tarfile.open(path, tarinfo=streams.TarHeader)
      sizes = {x: x.size for x in archive if x.isreg()}
      names, opened = {x: x.name for x in sizes}, archive.extractfile
  with archive:
    members = _side_by_side(path, names)
    if sum(map(sizes.get, members.values())) > _MAX_UNPACKED:
      raise InputError(
        "%s: found more than %d bytes inside, expected weights"
        % (path, _MAX_UNPACKED)
      )
    for base, member in members.items():
      target = os.path.join(folder, base)
      if files.exists(target) and os.path.getsize(target) == sizes[member]:
        continue
      with open(target + ".part", "wb") as f:
        f.writelines(_blocks(path, functools.partial(opened, member)))
      os.replace(target + ".part", target)


def _side_by_side(path, names):
  """Returns {name without folders: member} of {member: name in an archive}."""
  members, taken = {}, {os.path.basename(path), files.SUMS}
  for member, name in names.items():
    name = name.replace("\\", "/")
    base = _base(name, path)
    if _is_litter(name):
      continue
    if base in taken:
      raise InputError(
        "%s: found %r inside, which would replace another file" % (path, name)
      )
    taken.add(base)
    members[base] = member
  return members


def _base(name, path):
  """Returns a name in an archive without its folders."""
  base = name.rsplit("/", 1)[-1]
  if base in ("", ".", ".."):
    raise InputError(
      "%s: found a file called %r inside, expected names of files"
      % (path, name)
    )
  return base


def _blocks(path, opened):
  """Yields a compressed file in blocks; InputError if it is damaged."""
  with _report_damage(path), opened() as f:
    yield from iter(lambda: f.read(_BLOCK), b"")


def _walk(folder):
  """Yields (path, name) of a folder's files in order, except hidden ones."""
  for top, folders, names in os.walk(folder):
    folders[:] = sorted(f for f in folders if not f.startswith("."))
    for name in sorted(names):
      if not name.startswith("."):
        path = os.path.join(top, name)
        yield path, os.path.relpath(path, folder).replace(os.sep, "/")


def _matcher(pattern):
  """Returns (number of parts, function that matches so many) of a pattern."""
  pattern = pattern.lower()
  matches = pattern.__eq__
  if _WILDCARD.search(pattern):
    matches = re.compile(fnmatch.translate(pattern)).match
  return pattern.count("/") + 1, matches


def _matching_end(name, matchers):
  """Returns the end of a name in lower case that matches a pattern, or ""."""
  for size, matches in matchers:
    end = "/".join(name.rsplit("/", size)[-size:])
    if matches(end):
      return end
  return ""


def _one_of(files):
  """Returns one of several files that must have the same content."""
  if len(files) > 1 and len(set(map(_digest, files))) > 1:
    raise InputError(
      "%s and %s: found two files of the same name that differ, expected one "
      "of them" % (files[0].path, files[1].path)
    )
  return files[0]


def _digest(file):
  return hashlib.sha256(file.read()).digest()


def _zip_members(path, data, count):
  """Yields (name, function that reads it) of each file in a zip archive."""
  count(path, 0, data.count(b"PK\1\2"))  # These begin the zip's entries.
  with _report_damage(path):
    archive = zipfile.ZipFile(io.BytesIO(data))

  def read(info):
    with _report_damage("%s/%s" % (path, info.filename)):
      return archive.read(info)

  for info in archive.infolist():
    if not info.is_dir():
      count(path, info.file_size, 0)
      yield info.filename, functools.partial(read, info)


def _is_tar(name, read):
  """Returns whether a file is a tar archive, by its name or, if .gz, inside."""
  if name.endswith(_TAR_ENDINGS) or not name.endswith(".gz"):
    return name.endswith(_TAR_ENDINGS)
  head = read()[: 1 << 16]
  try:
    head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, 512)
  except zlib.error:  # Not gzip; some mirrors unpack it but keep the name.
    pass
  return head[257:262] == b"ustar"


def _tar_members(path, data, count):
  """Yields (name, function that reads it) of each file in a tar archive."""
  data = _unpacked(path, data)
  count(path, len(data), 0)
  with _report_damage(path):
    archive = tarfile.open(
      fileobj=io.BytesIO(data), mode="r:", tarinfo=streams.TarHeader
    )
  is_empty = True
  while True:
    with _report_damage(path):
      info = archive.next()
    if info is None:
      break
    archive.members.clear()  # Otherwise the list would grow.
    if info.isreg():
      count(path, 0, 1)
      is_empty = False
      place = slice(info.offset_data, info.offset_data + info.size)
      yield info.name, functools.partial(data.__getitem__, place)
  if is_empty:
    raise _damaged(path, "no file inside")


def _unpacked(path, data):
  """Returns a file's content, decompressed if it is compressed."""
  for start, opened in _COMPRESSED.items():
    if data.startswith(start):
      return _inflated(path, data, opened)
  return data


def _inflated(path, data, opened=gzip.open):
  """Returns the content of a compressed file."""
  blocks = _blocks(path, lambda: opened(io.BytesIO(data)))
  return files.gathered(blocks, path, _MAX_BYTES)


@contextlib.contextmanager
def _report_damage(path):
  """Turns any exception from reading an archive into an InputError."""
  try:
    yield
  except InputError:
    raise
  except Exception as error:  # noqa: BLE001  Damage raises errors of many kinds.
    reason = str(error).split("\n")[0].rstrip(":")
    raise _damaged(path, reason or type(error).__name__) from None


def _damaged(path, reason):
  return InputError(
    "%s: found a damaged or encrypted archive (%s), expected a whole one "
    "without a password" % (path, reason)
  )


def _is_litter(name):
  """Returns whether a file is hidden, by its folder too, or added by macOS."""
  return any(
    part == "__MACOSX" or part.startswith(".") and part not in (".", "..")
    for part in name.split("/")
  )
