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


def write(path, format):
  with feature_files.explained(str(path)):
    file = feature_files.create(str(path), format)
    file.describe({"layers": [1]})
    file.append("rows", ROWS[:0].astype(np.float16))
    file.append("rows", ROWS[:2].astype(np.float16))
    file.append("rows", ROWS[2:].astype(np.float16))
    file.append_strings("words", WORDS[:1])
    file.append_strings("words", WORDS[1:])
    file.append_strings("none", [])
    file.close()


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


def test_an_npz_has_the_bytes_that_numpy_writes(tmp_path):
  write(tmp_path / "x.npz", "npz")
  with np.load(str(tmp_path / "x.npz")) as read:
    np.savez(str(tmp_path / "y.npz"), **read)
  names = [str(tmp_path / name) for name in ("x.npz", "y.npz")]
  one, two = [open(name, "rb").read() for name in names]
  assert one == two


def test_many_rows_become_chunks_of_half_a_megabyte(tmp_path):
  rows = np.random.RandomState(0).randn(401, 13, 64).astype(np.float32)
  file = feature_files.create(str(tmp_path / "x.h5"), "hdf5")
  for i in range(0, len(rows), 50):
    file.append("rows", rows[i : i + 50])
  file.close()
  with h5py.File(str(tmp_path / "x.h5"), "r") as read:
    np.testing.assert_array_equal(read["rows"][:], rows)
    chunk = read["rows"].chunks
  assert chunk[1:] == (13, 64) and chunk[0] == (1 << 19) // (13 * 64 * 4)


@pytest.mark.parametrize("format", sorted(feature_files.FORMATS))
def test_a_file_that_is_discarded_leaves_no_other(tmp_path, format):
  path = tmp_path / "x"
  file = feature_files.create(str(path), format)
  # More than HDF5's cache, so that it reads its own file again.
  file.append("rows", np.ones((20000, 256), np.float32))
  file.discard()
  assert os.listdir(str(tmp_path)) in (["x"], [])


@pytest.mark.parametrize("format", sorted(feature_files.FORMATS))
def test_an_unwritable_path_is_reported(tmp_path, format):
  (tmp_path / "file").write_text("")
  with pytest.raises(InputError, match="file/x: cannot be written"):
    write(tmp_path / "file" / "x", format)
  with pytest.raises(InputError, match="file/x: cannot be written"):
    feature_files.check_place(str(tmp_path / "file" / "x"), format, 1)
  for path in (str(tmp_path), "gs://bucket/x"):
    with pytest.raises(InputError, match="expected the path of a local file"):
      feature_files.check_place(path, format, 1)


def test_too_little_disk_is_reported_and_a_missing_folder_made(
  tmp_path, monkeypatch
):
  usage = types.SimpleNamespace(free=10**9)
  monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
  path = str(tmp_path / "a" / "b" / "x.h5")
  for format, size in (("hdf5", 2 * 10**9), ("npz", 10**9)):
    with pytest.raises(
      InputError, match="needs at least 2.0 GB, but only 1.0 GB are free"
    ):
      feature_files.check_place(path, format, size)
  feature_files.check_place(path, "hdf5", 10**9)
  assert os.listdir(str(tmp_path / "a" / "b")) == []


@pytest.mark.parametrize(
  "name, format", [("a.npz", "npz"), ("a.h5", "hdf5"), ("a.b/c.hdf5", "hdf5")]
)
def test_the_ending_decides_the_format(name, format):
  assert feature_files.format_of(name) == format


@pytest.mark.parametrize("name", ["a.json", "npz", "a.npz.gz"])
def test_an_unknown_ending_is_rejected_with_the_known_ones(name):
  with pytest.raises(InputError, match="ends in .npz, .h5, .hdf5, or --output"):
    feature_files.format_of(name)
