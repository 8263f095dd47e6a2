# SPDX-License-Identifier: Apache-2.0
"""Tests of feature_files.py."""

import json
import os
import shutil
import types

import h5py
import numpy as np
import pytest

from common.errors import InputError
from formats import feature_files

ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)
WORDS = ["a", "▁naïve", "α"]


def write(path, format, size=1):
  with feature_files.writing(str(path), format, size) as file:
    rows = file.create("rows", (3, 4), "float16")
    rows[:2] = ROWS[:2]
    rows[2] = ROWS[2]
    file.strings("words", WORDS)
    file.strings("none", [])
    file.describe({"layers": [1]})


def test_numpy_reads_an_npz_without_pickle(tmp_path):
  write(tmp_path / "x.npz", "npz")
  with np.load(str(tmp_path / "x.npz"), allow_pickle=False) as read:
    np.testing.assert_array_equal(read["rows"], ROWS)
    assert read["rows"].dtype == np.float16
    assert read["words"].tolist() == WORDS
    assert read["none"].shape == (0,) and read["none"].dtype.kind == "U"
    assert json.loads(str(read["meta"])) == {"layers": [1]}


def test_hdf5_has_the_same_arrays_in_chunks_that_can_grow(tmp_path):
  write(tmp_path / "x.h5", "hdf5")
  with h5py.File(str(tmp_path / "x.h5"), "r") as read:
    np.testing.assert_array_equal(read["rows"][:], ROWS)
    assert read["rows"].dtype == np.float16
    assert read["rows"].maxshape == (None, 4) and read["rows"].chunks == (3, 4)
    # h5py 3 reads bytes, h5py 2 strings.
    words = [w.decode() if isinstance(w, bytes) else w for w in read["words"]]
    assert words == WORDS and read["none"].shape == (0,)
    assert json.loads(read.attrs["meta"]) == {"layers": [1]}


def test_chunks_of_wide_rows_are_small(tmp_path):
  with feature_files.writing(str(tmp_path / "x.h5"), "hdf5", 1) as file:
    array = file.create("rows", (10000, 13, 768), "float32")
    rows, layers, width = array.chunks
  assert (layers, width) == (13, 768) and 1 <= rows
  assert rows * layers * width * 4 <= feature_files.CHUNK_BYTES


@pytest.mark.parametrize("format", sorted(feature_files.FORMATS))
def test_a_failure_leaves_an_earlier_file_and_nothing_else(tmp_path, format):
  path = tmp_path / "x"
  path.write_bytes(b"earlier")
  with pytest.raises(KeyError):
    with feature_files.writing(str(path), format, 1) as file:
      # More than HDF5's cache, so that it reads its own file again.
      file.create("rows", (20000, 256), "float32")[:] = 1
      raise KeyError("a fault")
  assert path.read_bytes() == b"earlier" and os.listdir(str(tmp_path)) == ["x"]


@pytest.mark.parametrize("format", sorted(feature_files.FORMATS))
def test_a_missing_folder_is_created(tmp_path, format):
  write(tmp_path / "a" / "b" / "x", format)
  assert os.listdir(str(tmp_path / "a" / "b")) == ["x"]


@pytest.mark.parametrize("format", sorted(feature_files.FORMATS))
def test_an_unwritable_path_is_reported(tmp_path, format):
  (tmp_path / "file").write_text("")
  with pytest.raises(InputError, match="file/x: cannot be written"):
    write(tmp_path / "file" / "x", format)
  with pytest.raises(InputError, match="expected the path of a local file"):
    write(tmp_path, format)
  with pytest.raises(InputError, match="expected the path of a local file"):
    write("gs://bucket/x", format)


def test_too_little_disk_or_memory_is_reported(tmp_path, monkeypatch):
  usage = types.SimpleNamespace(free=10**9)
  monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
  with pytest.raises(
    InputError, match="needs 2.0 GB, but only 1.0 GB are free"
  ):
    write(tmp_path / "x.h5", "hdf5", 2 * 10**9)
  with pytest.raises(InputError, match="expected --output_format=hdf5"):
    with feature_files.writing(str(tmp_path / "x.npz"), "npz", 1) as file:
      file.create("rows", (1 << 50, 1 << 8), "float32")
  assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize(
  "name, format", [("a.npz", "npz"), ("a.h5", "hdf5"), ("a.b/c.hdf5", "hdf5")]
)
def test_the_ending_decides_the_format(name, format):
  assert feature_files.format_of(name) == format


@pytest.mark.parametrize("name", ["a.json", "npz", "a.npz.gz"])
def test_an_unknown_ending_is_rejected_with_the_known_ones(name):
  with pytest.raises(InputError, match="ends in .npz, .h5, .hdf5, or --output"):
    feature_files.format_of(name)
