# SPDX-License-Identifier: Apache-2.0
"""Reads and writes files, local or remote.

Local files go through Python, paths with "://" in them (gs://...) through
tf.io.gfile. Only the first remote path imports TensorFlow, so programs that
work on local files start fast and stay small.

`read...`, `write...` and `sha256` raise InputErrors, all other functions
OSErrors, whatever the file system.
"""

import contextlib
import fcntl
import glob as local_glob
import hashlib
import io
import json
import os
import re
import shutil
import socket

from absl import logging

from common.errors import InputError
from common.errors import is_disk_full
from common.errors import reason_of
from common.errors import shorten
from common.text import decode
from common.text import parse_json

# Limits of a file that is read whole, generous for text, weights and JSON: they
# keep an endless file (a pipe, a compression bomb) from filling the memory. The
# largest data set of the benchmark has 30 MB, a JSON file of ours some kB.
MAX_BYTES = 1 << 30
MAX_JSON_BYTES = 1 << 24
SUMS = "SHA256SUMS"  # The usual name of a folder's list of checksums.

_BLOCK = 1 << 18  # bytes to read at once
_NO_DEFAULT = object()


@contextlib.contextmanager
def _gfile():
  """Gives tf.io.gfile and turns TensorFlow's errors into OSErrors."""
  # isort: off
  from common import quiet  # noqa: F401  Before TensorFlow.
  import tensorflow.compat.v1 as tf
  # isort: on

  try:
    yield tf.io.gfile
  except tf.errors.OpError as e:
    raise OSError(reason_of(e)) from None


def is_remote(path):
  """Returns whether a path needs TensorFlow."""
  return "://" in path


def open_file(path, mode="rb"):
  """Opens a local or remote file like open()."""
  if not is_remote(path):
    return open(path, mode)
  with _gfile() as gfile:
    return gfile.GFile(path, mode)


def glob(pattern):
  """Returns the sorted paths that match a pattern, or are named by it."""
  if is_remote(pattern):
    with _gfile() as gfile:
      return sorted(gfile.glob(pattern))
  if os.path.exists(pattern):
    return [pattern]
  return sorted(local_glob.glob(pattern, recursive=True))


def find(folder, names, flag):
  """Returns the first of these names (or patterns) in a folder.

  Raises InputError, which names the flag to give instead.
  """
  found = look_for([folder], names) if folder else None
  if not found:
    raise not_found(folder, names, flag)
  return found


def not_found(folder, names, flag):
  """Returns the InputError of a folder without any of these names.

  Args:
    folder: which may not exist, or None if none was given.
    names: what was looked for.
    flag: to give instead.
  """
  if not folder or not is_folder(folder):
    return InputError(
      "%s: no such folder; give %s, or --bioalbert_dir"
      % (folder or "--bioalbert_dir", flag)
    )
  return InputError(
    "%s: looked for %s and found none of them; give %s"
    % (folder, ", ".join(names), flag)
  )


def look_for(folders, names):
  """Returns the first file by these names (or patterns) in folders, or None."""
  for folder in folders:
    for name in names:
      found = glob(os.path.join(folder, name))
      if found:
        return found[0]
  return None


def exists(path):
  """Returns whether a file or folder exists."""
  if is_remote(path):
    with _gfile() as gfile:
      return gfile.exists(path)
  return os.path.exists(path)


def is_folder(path):
  """Returns whether a folder exists."""
  if is_remote(path):
    with _gfile() as gfile:
      return gfile.isdir(path)
  return os.path.isdir(path or ".")


def list_names(folder):
  """Returns the sorted names in a folder; none if there is no such folder."""
  if not is_folder(folder):
    return []
  if is_remote(folder):
    with _gfile() as gfile:
      return sorted(gfile.listdir(folder))
  return sorted(os.listdir(folder or "."))


def size(path):
  """Returns the size of a file in bytes."""
  if is_remote(path):
    with _gfile() as gfile:
      return gfile.stat(path).length
  return os.path.getsize(path)


def total_size(path):
  """Returns the size of a file, or of the files in a folder, in bytes."""
  if not is_folder(path):
    return size(path)
  return sum(size(os.path.join(path, name)) for name in list_names(path))


def make_folder(path):
  """Makes a folder and its parents if they do not exist."""
  if is_remote(path):
    with _gfile() as gfile:
      gfile.makedirs(path)
  else:
    os.makedirs(path or ".", exist_ok=True)


def close_safely(file):
  """Flushes a file to disk and closes it, so that it survives a power cut."""
  file.flush()
  if hasattr(file, "fileno"):
    os.fsync(file.fileno())
  file.close()


def flush_folder(path):
  """Flushes the files of a folder to disk, so that they survive a power cut."""
  if not is_remote(path):
    os.sync()  # One flush for all: a flush of each takes four times as long.


def rename(source, target):
  """Renames a file, replacing another; the new name survives a power cut."""
  if is_remote(target):
    with _gfile() as gfile:
      gfile.rename(source, target, overwrite=True)
    return
  os.replace(source, target)
  folder = os.open(os.path.dirname(target) or ".", os.O_RDONLY)
  try:
    os.fsync(folder)
  finally:
    os.close(folder)


def remove(path):
  """Removes a file if it exists."""
  if is_remote(path):
    with _gfile() as gfile:
      if gfile.exists(path):
        gfile.remove(path)
  elif os.path.exists(path):
    os.remove(path)


def remove_folder(path):
  """Removes a folder and its files if it exists."""
  if not is_folder(path):
    return
  if is_remote(path):
    with _gfile() as gfile:
      gfile.rmtree(path)
  else:
    shutil.rmtree(path)


def read(path, limit=MAX_BYTES):
  """Returns a file's bytes.

  Raises InputError if it cannot be read, or has more bytes than the limit.
  """
  with _explained(path, "read"), open_file(path) as f:
    return read_open(f, path, limit)


def read_open(file, path, limit=MAX_BYTES):
  """Returns the bytes of an open file; InputError if they exceed the limit."""
  return gathered(iter(lambda: file.read(_BLOCK), b""), path, limit)


def gathered(blocks, path, limit=MAX_BYTES):
  """Returns blocks of a file joined; InputError if they exceed the limit."""
  whole = io.BytesIO()
  for block in blocks:
    if whole.tell() + len(block) > limit:
      raise InputError(
        "%s: found more than %d bytes, expected at most as many" % (path, limit)
      )
    whole.write(block)
  return whole.getvalue()


def read_json(path, default=_NO_DEFAULT, shape=None, allow_nan=False):
  """Returns the object in a JSON file, or the default for a missing file.

  Args:
    path: of the file.
    default: what to return if there is no such file.
    shape: {name: shape} of the object; see text.check_shape.
    allow_nan: whether numbers may be NaN or infinite.

  Raises:
    InputError: the file cannot be read, is damaged, holds anything but such an
      object, or is missing and there is no default.
  """
  if default is not _NO_DEFAULT:
    with _explained(path, "read"):
      if not exists(path):
        return default
  text = decode(read(path, MAX_JSON_BYTES), path)
  return parse_json(text, path, shape or {}, allow_nan)


def sha256(*paths):
  """Returns the SHA-256 of files, read one after another, as hex."""
  digest = hashlib.sha256()
  for path in paths:
    with _explained(path, "read"), open_file(path) as f:
      for block in iter(lambda: f.read(1 << 20), b""):
        digest.update(block)
  return digest.hexdigest()


def read_sums(folder):
  """Returns {file name: SHA-256} of a folder's SHA256SUMS; {} without one."""
  path, sums = os.path.join(folder, SUMS), {}
  text = decode(read(path), path) if exists(path) else ""
  for number, line in enumerate(text.splitlines(), 1):
    if not re.match(r"[0-9a-f]{64}  .", line):
      raise InputError(
        "%s:%d: found %s, expected a checksum, two blanks and a file"
        % (path, number, shorten(line))
      )
    sums[line[66:]] = line[:64]
  return sums


def add_sums(folder, names):
  """Adds files of a folder to its SHA256SUMS, for `sha256sum -c`."""
  sums = read_sums(folder)
  sums.update((name, sha256(os.path.join(folder, name))) for name in names)
  lines = ["%s  %s\n" % (sums[name], name) for name in sorted(sums)]
  write_text(os.path.join(folder, SUMS), "".join(lines))


def write(path, data):
  """Writes bytes to a file, whole or not at all; makes its folder if needed.

  Raises InputError if that fails, and leaves an older file as it was.
  """
  partial = path + ".partial"
  try:
    with _explained(path, "written"):
      make_folder(os.path.dirname(path))
      with open_file(partial, "wb") as f:
        f.write(data)
        close_safely(f)
      rename(partial, path)
  except InputError:
    with contextlib.suppress(OSError):
      remove(partial)
    raise


def write_text(path, text):
  """Writes a text as UTF-8, whole or not at all; see `write`."""
  write(path, text.encode("utf-8"))


def write_json(path, value):
  """Writes a value as JSON, whole or not at all; see `write`."""
  write_text(path, json_text(value))


def json_text(value):
  """Returns a value as indented JSON that ends in a line feed."""
  return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


@contextlib.contextmanager
def _explained(path, action):
  """Turns errors of the file system into an InputError that names the file."""
  try:
    if is_remote(path):
      with _gfile():
        yield
    else:
      yield
  except OSError as e:
    reason = "the disk is full" if is_disk_full(e) else e.strerror or e
    raise InputError("%s: cannot be %s (%s)" % (path, action, reason)) from e


@contextlib.contextmanager
def locked(folder, name=".in_use"):
  """Locks a local folder against other runs, and makes it if needed.

  The operating system locks a file of this name for as long as this process
  lives, so that a killed run leaves no lock. The file says who has it.

  Raises:
    InputError: another process has locked the folder; names it.
  """
  if is_remote(folder):
    yield
    return
  made = _missing_folders(folder)
  handle = _lock(folder, name)
  try:
    yield
  finally:
    if handle is not None:
      with contextlib.suppress(OSError):
        os.remove(os.path.join(folder, name))
      os.close(handle)
    with contextlib.suppress(OSError):  # Up to the first that is not empty.
      for path in made:
        os.rmdir(path)


def locked_beside(path):
  """Locks a file or a folder, which may have to be new; see `locked`."""
  folder, name = os.path.split(path.rstrip("/"))
  return locked(folder, ".%s.in_use" % name)


def _missing_folders(path):
  """Returns a folder and its parents, as far as they do not exist."""
  found = []
  while path and not os.path.lexists(path):
    found.append(path)
    path = os.path.dirname(path)
  return found


def _lock(folder, name):
  """Returns the open file that a lock is on; None where there can be none."""
  path = os.path.join(folder, name)
  while True:
    try:
      os.makedirs(folder or ".", exist_ok=True)
      handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except FileNotFoundError:  # Another run has just removed its new folder.
      continue
    except OSError:  # What writes there next says why that fails.
      return None
    try:
      fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
      if _is_at(handle, path):
        break
    except BlockingIOError:
      _reject_locked(folder, handle)
    except OSError as e:
      logging.warning(
        "%s: its file system has no locks (%s), so mind that no other run "
        "writes there",
        *(folder or ".", e.strerror),
      )
      os.close(handle)
      return None
    os.close(handle)  # The run before has just removed this file.
  os.ftruncate(handle, 0)
  holder = "process %d on %s" % (os.getpid(), socket.gethostname())
  with contextlib.suppress(OSError):  # A full disk, say.
    os.write(handle, holder.encode())
  return handle


def _is_at(handle, path):
  """Returns whether an open file still has this name."""
  try:
    return os.path.samestat(os.fstat(handle), os.stat(path))
  except FileNotFoundError:
    return False


def _reject_locked(folder, handle):
  holder = os.read(handle, 200).decode("utf-8", "replace")
  os.close(handle)
  raise InputError(
    "%s: another run is writing there (%s); wait for it, or choose another "
    "folder" % (folder or ".", holder or "process unknown")
  ) from None
