# SPDX-License-Identifier: Apache-2.0
"""Writes arrays to a NumPy .npz or an HDF5 file, row by row.

`create` makes a file of either format. Neither holds its rows in memory: those
of an .npz wait in unnamed files of the same folder until the end.
"""

import collections
import contextlib
import json
import os
import shutil
import tempfile
import zipfile

import h5py
import numpy as np

from common import files
from common.errors import InputError
from common.text import size_text

# {format: its file endings}
FORMATS = {"npz": (".npz",), "hdf5": (".h5", ".hdf5")}
CHUNK_BYTES = 1 << 19  # Half of HDF5's default cache per array.
CHUNK_STRINGS = 1 << 16  # To convert at once.


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
  """An .npz file to fill. Arrays are in it in the order of their creation."""

  def __init__(self, path):
    self._path = path
    self._folder = os.path.dirname(path) or "."
    self._arrays = {}  # What is complete, or a _Spool, or a list of strings.
    open(path, "wb").close()  # Says at once whether that is possible.

  def describe(self, meta):
    """Adds a dict of metadata as a JSON string."""
    self._arrays["meta"] = np.array(json.dumps(meta))

  def append(self, name, rows):
    """Adds rows [N, ...] to an array, which is new the first time."""
    if name not in self._arrays:
      self._arrays[name] = _Spool(self._folder, rows.dtype, rows.shape[1:])
    self._arrays[name].write(rows)

  def append_strings(self, name, values):
    """Adds to an array of strings, none of which may end in a NUL."""
    self._arrays.setdefault(name, []).extend(values)

  def close(self):
    """Writes everything that is not on disk yet, as np.savez does."""
    with open(self._path, "wb") as f:
      with zipfile.ZipFile(f, "w") as archive:
        for name, array in self._arrays.items():
          with archive.open(name + ".npy", "w", force_zip64=True) as member:
            self._write(array, member)
      files.close_safely(f)

  def _write(self, array, file):
    if isinstance(array, list):
      width = max(map(len, array), default=1) or 1
      spool = _Spool(self._folder, np.dtype("U%d" % width), ())
      for i in range(0, len(array), CHUNK_STRINGS):
        spool.write(np.array(array[i : i + CHUNK_STRINGS], spool.dtype))
      array = spool
    if isinstance(array, _Spool):
      array.copy_to(file)
    else:
      np.lib.format.write_array(file, array, allow_pickle=False)

  def discard(self):
    """Closes the file as it is."""
    self._arrays = {}


class _Spool:
  """Keeps rows of an array in a file that has no name."""

  def __init__(self, folder, dtype, inner):
    self.dtype = dtype
    self._inner = inner
    self._count = 0
    self._file = tempfile.TemporaryFile(dir=folder)

  def write(self, rows):
    self._count += len(rows)
    self._file.write(rows.tobytes())

  def copy_to(self, file):
    """Writes the array to a file in NumPy's format."""
    header = {
      "descr": np.lib.format.dtype_to_descr(self.dtype),
      "fortran_order": False,
      "shape": (self._count,) + self._inner,
    }
    np.lib.format.write_array_header_1_0(file, header)
    self._file.seek(0)
    shutil.copyfileobj(self._file, file, CHUNK_BYTES)


class _Hdf5:
  """An HDF5 file to fill, like _Npz; its arrays can be extended later."""

  def __init__(self, path):
    self._path = path
    self._file = h5py.File(path, "w")
    self._waiting = {}  # [rows, ...] of each array, less than a chunk.
    self._counts = collections.Counter()  # Of these rows.
    self._strings = {}

  def describe(self, meta):
    self._file.attrs["meta"] = json.dumps(meta)

  def append(self, name, rows):
    self._waiting.setdefault(name, []).append(rows)
    self._counts[name] += len(rows)
    most = _chunk_rows(rows)
    rest = self._counts[name] % most
    if rest < self._counts[name]:
      waiting = np.concatenate(self._waiting[name])
      whole = len(waiting) - rest
      self._write(name, waiting[:whole], most)
      self._waiting[name], self._counts[name] = [waiting[whole:]], rest

  def _write(self, name, rows, chunk_rows):
    """Writes rows at the end of an array, which is new the first time."""
    inner = rows.shape[1:]
    if name not in self._file:
      self._file.create_dataset(
        name,
        (0,) + inner,
        rows.dtype,
        chunks=(chunk_rows,) + inner,
        maxshape=(None,) + inner,
      )
    array = self._file[name]
    array.resize(len(array) + len(rows), 0)
    array[len(array) - len(rows) :] = rows

  def append_strings(self, name, values):
    self._strings.setdefault(name, []).extend(values)

  def close(self):
    for name, rows in self._waiting.items():
      self._write(name, np.concatenate(rows), max(1, self._counts[name]))
    for name, values in self._strings.items():
      self._file.create_dataset(
        name, data=np.array(values, object), dtype=h5py.string_dtype()
      )
    try:
      self._file.flush()
    except RuntimeError as e:
      raise OSError(e) from e
    self._file.close()
    with open(self._path, "rb+") as f:
      files.close_safely(f)

  def discard(self):
    # On closing, HDF5 writes the rest and crashes if the disk is full: make
    # room first.
    os.truncate(self._path, 0)
    with contextlib.suppress(RuntimeError, ValueError):
      self._file.close()


def _chunk_rows(rows):
  """Returns the number of rows of an array in a chunk of HDF5."""
  row = int(np.prod(rows.shape[1:])) * rows.dtype.itemsize
  return max(1, CHUNK_BYTES // row)


def create(path, format):
  """Returns a file to fill, in a folder that exists.

  It has describe(meta), append(name, rows), append_strings(name, values), and
  close() or discard() at the end.

  Args:
    path: a local path.
    format: a key of FORMATS.
  """
  return {"npz": _Npz, "hdf5": _Hdf5}[format](path)


@contextlib.contextmanager
def explained(path):
  """Turns errors of the file system into an InputError that names the file."""
  try:
    yield
  except OSError as e:
    raise InputError("%s: cannot be written (%s)" % (path, e)) from e


def check_place(path, format, size):
  """Rejects a path that is no local file, or whose disk lacks space.

  Missing folders are created.

  Args:
    path: of the output.
    format: a key of FORMATS.
    size: least number of bytes to write.
  """
  if files.is_remote(path) or files.is_folder(path):
    raise InputError("%s: expected the path of a local file" % path)
  folder = os.path.dirname(path) or "."
  with explained(path):
    files.make_folder(folder)
  free = shutil.disk_usage(folder).free
  size *= 2 if format == "npz" else 1  # It is put together at the end.
  if size > free:
    raise InputError(
      "%s: needs at least %s, but only %s are free"
      % (path, size_text(size), size_text(free))
    )
