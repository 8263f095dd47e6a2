# SPDX-License-Identifier: Apache-2.0
"""Writes arrays to a NumPy .npz or an HDF5 file.

`writing` opens a file of either format; its arrays are created with their full
shape and filled slice by slice. An .npz stays in memory until the end; HDF5 is
written as it is filled. The file gets its name once it is complete; an earlier
file of that name stays until then.
"""

import contextlib
import json
import os
import shutil

import h5py
import numpy as np

from common import files
from common.errors import InputError
from common.text import size_text

# {format: its file endings}
FORMATS = {"npz": (".npz",), "hdf5": (".h5", ".hdf5")}
CHUNK_BYTES = 1 << 19  # Half of HDF5's default cache per array.


def format_of(path):
  """Returns the format of a file by its ending; InputError if unknown."""
  for name, endings in FORMATS.items():
    if path.endswith(endings):
      return name
  raise InputError(
    "%s: expected a name that ends in %s, or --output_format"
    % (path, ", ".join(e for endings in FORMATS.values() for e in endings))
  )


class _Npz:
  """An .npz file to fill."""

  def __init__(self, path):
    self._path = path
    self._arrays = {}

  def __enter__(self):
    return self

  def __exit__(self, *error):
    pass

  def create(self, name, shape, dtype):
    """Returns an array of zeros to fill by slices."""
    self._arrays[name] = np.zeros(shape, dtype)
    return self._arrays[name]

  def strings(self, name, values):
    """Adds an array of strings, none of which may end in a NUL."""
    self._arrays[name] = np.array(values, str)

  def describe(self, meta):
    """Adds a dict of metadata as a JSON string."""
    self._arrays["meta"] = np.array(json.dumps(meta))

  def save(self):
    """Writes everything that is not on disk yet."""
    with open(self._path, "wb") as f:
      np.savez(f, **self._arrays)


class _Hdf5:
  """An HDF5 file to fill, like _Npz; its arrays can be extended later."""

  def __init__(self, path):
    self._path = path
    self._file = h5py.File(path, "w")

  def __enter__(self):
    return self

  def __exit__(self, kind, error, traceback):
    if kind is None or not issubclass(kind, OSError):
      self._file.close()
      return
    # On closing, HDF5 writes the rest and crashes if the disk is full: make
    # room first.
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
  """Opens a file to fill; at the end it exists complete or not at all.

  The file has create(name, shape, dtype), strings(name, values) and
  describe(meta). Missing folders are created.

  Args:
    path: a local path.
    format: a key of FORMATS.
    size: approximate size in bytes, from below.
  """
  if files.is_remote(path) or files.is_folder(path):
    raise InputError("%s: expected the path of a local file" % path)
  partial = path + ".partial"
  try:
    _prepare_folder(path, size)
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
      "%s: %s do not fit into memory; expected --output_format=hdf5, which is "
      "written in parts" % (path, size_text(size))
    ) from e
  finally:
    files.remove(partial)


def _prepare_folder(path, size):
  """Makes the folder of a file; InputError if the disk lacks space."""
  folder = os.path.dirname(path) or "."
  files.make_folder(folder)
  free = shutil.disk_usage(folder).free
  if size > free:
    raise InputError(
      "%s: needs %s, but only %s are free"
      % (path, size_text(size), size_text(free))
    )
