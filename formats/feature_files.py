# SPDX-License-Identifier: Apache-2.0
"""Writes arrays to a file that opens without this code: NumPy's .npz or HDF5.

`writing` gives a file of either format; its arrays are made with their full
shape and filled a slice at a time. An .npz is held in memory until it is
written; HDF5 goes to the disk as it comes. The file has its name when it is
whole, and an earlier one of that name stays until then.
"""

import contextlib
import json
import os
import shutil

import h5py
import numpy as np

from common import files
from common.errors import InputError

FORMATS = {"npz": (".npz",), "hdf5": (".h5", ".hdf5")}  # And their endings.
CHUNK_BYTES = 1 << 19  # Half of what HDF5 keeps of an array in memory.


def format_of(path):
  """Returns the format that a file's ending tells; InputError for another."""
  for name, endings in FORMATS.items():
    if path.endswith(endings):
      return name
  raise InputError(
    "%s: expected a name that ends in %s, or --output_format"
    % (path, ", ".join(e for endings in FORMATS.values() for e in endings))
  )


class _Npz:
  """The arrays of an .npz."""

  def __init__(self, path):
    self._path = path
    self._arrays = {}

  def __enter__(self):
    return self

  def __exit__(self, *error):
    pass

  def create(self, name, shape, dtype):
    """Returns an array of zeros to be filled by slices."""
    self._arrays[name] = np.zeros(shape, dtype)
    return self._arrays[name]

  def strings(self, name, values):
    """Adds an array of strings, none of which may end in a NUL."""
    self._arrays[name] = np.array(values, str)

  def describe(self, meta):
    """Adds a dict as JSON, a single string."""
    self._arrays["meta"] = np.array(json.dumps(meta))

  def save(self):
    """Puts on the disk what is not there."""
    with open(self._path, "wb") as f:
      np.savez(f, **self._arrays)


class _Hdf5:
  """The same as an HDF5 file, whose arrays can grow later."""

  def __init__(self, path):
    self._path = path
    self._file = h5py.File(path, "w")

  def __enter__(self):
    return self

  def __exit__(self, kind, error, traceback):
    if kind is None or not issubclass(kind, OSError):
      self._file.close()
      return
    # HDF5 insists on writing the rest, and crashes where the disk is full.
    os.truncate(self._path, 0)
    with contextlib.suppress(RuntimeError):
      self._file.close()

  def create(self, name, shape, dtype):
    row = int(np.prod(shape[1:])) * np.dtype(dtype).itemsize
    rows = max(1, min(shape[0], CHUNK_BYTES // row))
    return self._file.create_dataset(
      name,
      shape,
      dtype,
      chunks=(rows,) + shape[1:],
      maxshape=(None,) + shape[1:],
    )

  def strings(self, name, values):
    self._file.create_dataset(
      name, data=np.array(values, object), dtype=h5py.string_dtype()
    )

  def describe(self, meta):
    self._file.attrs["meta"] = json.dumps(meta)

  def save(self):
    try:
      self._file.flush()
    except RuntimeError as e:
      raise OSError(e) from e


@contextlib.contextmanager
def writing(path, format, size):
  """Yields a file to fill, which is whole when this ends, or not there.

  It has create(name, shape, dtype), strings(name, values), describe(meta).

  Args:
    path: of this machine; its folder is made.
    format: a key of FORMATS.
    size: bytes that it will have, or a few less.

  Raises:
    InputError: it cannot be written there, or memory does not hold it.
  """
  if files.is_remote(path) or files.is_folder(path):
    raise InputError("%s: expected the name of a file on this machine" % path)
  partial = path + ".partial"
  try:
    _make_room(path, size)
    with {"npz": _Npz, "hdf5": _Hdf5}[format](partial) as file:
      yield file
      file.save()
    with open(partial, "rb+") as f:
      files.close_safely(f)
    files.rename(partial, path)
  except OSError as e:
    raise InputError("%s: cannot be written (%s)" % (path, e)) from e
  except MemoryError as e:
    raise InputError(
      "%s: memory does not hold its %.1f GB; expected --output_format=hdf5, "
      "which is written as it comes" % (path, size / 1e9)
    ) from e
  finally:
    files.remove(partial)


def _make_room(path, size):
  """Makes the folder of a file; InputError if its disk is too full."""
  folder = os.path.dirname(path) or "."
  files.make_folder(folder)
  free = shutil.disk_usage(folder).free
  if size > free:
    raise InputError(
      "%s: gets %.1f GB, and %.1f GB are free there"
      % (path, size / 1e9, free / 1e9)
    )
