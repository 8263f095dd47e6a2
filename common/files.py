# SPDX-License-Identifier: Apache-2.0
"""Files of this machine by Python's own means, all others by TensorFlow's.

A path with "://" in it (gs://...) is reached by tf.io.gfile, and only the
first such path imports TensorFlow: what works on local files starts at once
and stays small. Errors of either kind are OSErrors.
"""

import contextlib
import fcntl
import glob as local_glob
import os

from common.errors import InputError


@contextlib.contextmanager
def _gfile():
  """tf.io.gfile, whose errors leave as OSErrors."""
  # isort: off
  from common import quiet  # noqa: F401  Before TensorFlow.
  import tensorflow.compat.v1 as tf
  # isort: on

  try:
    yield tf.io.gfile
  except tf.errors.OpError as e:
    raise OSError(e.message.split("\n")[0]) from None


def is_remote(path):
  """Returns whether only TensorFlow can reach a path."""
  return "://" in path


def open_file(path, mode="rb"):
  """Opens a file as open() does, wherever it is."""
  if not is_remote(path):
    return open(path, mode)
  with _gfile() as gfile:
    return gfile.GFile(path, mode)


def glob(pattern):
  """Returns the paths that fit a pattern, sorted; a plain path fits itself."""
  if is_remote(pattern):
    with _gfile() as gfile:
      return sorted(gfile.glob(pattern))
  if os.path.exists(pattern):
    return [pattern]
  return sorted(local_glob.glob(pattern, recursive=True))


def exists(path):
  """Returns whether there is such a file or folder."""
  if is_remote(path):
    with _gfile() as gfile:
      return gfile.exists(path)
  return os.path.exists(path)


def is_folder(path):
  """Returns whether there is such a folder."""
  if is_remote(path):
    with _gfile() as gfile:
      return gfile.isdir(path)
  return os.path.isdir(path)


def size(path):
  """Returns how many bytes a file has."""
  if is_remote(path):
    with _gfile() as gfile:
      return gfile.stat(path).length
  return os.path.getsize(path)


def make_folder(path):
  """Makes a folder, and those above it, where there is none."""
  if is_remote(path):
    with _gfile() as gfile:
      gfile.makedirs(path)
  else:
    os.makedirs(path or ".", exist_ok=True)


def close_safely(file):
  """Closes a file so that it survives a power cut."""
  file.flush()
  if hasattr(file, "fileno"):
    os.fsync(file.fileno())
  file.close()


def rename(source, target):
  """Renames a file, also over another, so that it survives a power cut."""
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
  """Removes a file if it is there."""
  if is_remote(path):
    with _gfile() as gfile:
      if gfile.exists(path):
        gfile.remove(path)
  elif os.path.exists(path):
    os.remove(path)


def write(path, data):
  """Writes a file whole or not at all."""
  partial = path + ".partial"
  with open_file(partial, "wb") as f:
    f.write(data)
    close_safely(f)
  rename(partial, path)


def read(path):
  """Returns a file's bytes."""
  with open_file(path, "rb") as f:
    return f.read()


@contextlib.contextmanager
def locked(folder):
  """Keeps a second run out of a local folder; a killed one leaves no lock.

  Raises:
    InputError: another process is at work there.
  """
  if is_remote(folder):
    yield
    return
  handle = os.open(folder or ".", os.O_RDONLY)
  try:
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    yield
  except BlockingIOError:
    raise InputError(
      "%s: another run is writing there; expected another folder, or patience"
      % (folder or ".")
    ) from None
  finally:
    os.close(handle)
