# SPDX-License-Identifier: Apache-2.0
"""Local files by Python, all others by TensorFlow."""

import os

import pytest
import tensorflow.compat.v1 as tf

from errors import InputError
import storage


@pytest.fixture(params=["local", "remote"])
def folder(request, tmp_path):
  """A folder as a path, and as an address that only TensorFlow reaches."""
  return "file://" * (request.param == "remote") + str(tmp_path)


def test_what_is_written_is_read(folder):
  path = os.path.join(folder, "new", "file")
  storage.make_folder(os.path.dirname(path))
  storage.write(path, b"one")
  storage.write(path, b"three")
  assert storage.read(path) == b"three"
  assert storage.size(path) == 5
  assert storage.exists(path) and not storage.is_folder(path)
  assert storage.is_folder(os.path.dirname(path))
  assert storage.glob(os.path.join(folder, "new", "*")) == [path]


def test_a_removed_file_is_gone_and_may_be_removed_again(folder):
  path = os.path.join(folder, "file")
  storage.write(path, b"x")
  storage.remove(path)
  storage.remove(path)
  assert not storage.exists(path)


def test_a_missing_file_is_an_oserror_anywhere(folder):
  with pytest.raises(OSError, match="absent"):
    storage.size(os.path.join(folder, "absent"))


def test_a_name_with_brackets_is_itself_before_it_is_a_glob(tmp_path):
  path = tmp_path / "a[1].txt"
  path.write_text("x")
  assert storage.glob(str(path)) == [str(path)]


def test_a_folder_is_locked_for_one_run_at_a_time(tmp_path):
  with storage.locked(str(tmp_path)):
    with pytest.raises(InputError, match="another run is writing there"):
      with storage.locked(str(tmp_path)):
        pass
  with storage.locked(str(tmp_path)):
    pass


def test_remote_paths_open_with_tensorflow(tmp_path):
  (tmp_path / "x").write_bytes(b"abc")
  with storage.open_file("file://%s/x" % tmp_path) as f:
    assert isinstance(f, tf.io.gfile.GFile)
    assert f.read() == b"abc"
