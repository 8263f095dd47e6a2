# SPDX-License-Identifier: Apache-2.0
"""Local files by Python, all others by TensorFlow."""

import os

import pytest
import tensorflow.compat.v1 as tf

from common import files
from common.errors import InputError


@pytest.fixture(params=["local", "remote"])
def folder(request, tmp_path):
  """A folder as a path, and as an address that only TensorFlow reaches."""
  return "file://" * (request.param == "remote") + str(tmp_path)


def test_what_is_written_is_read(folder):
  path = os.path.join(folder, "new", "file")
  files.make_folder(os.path.dirname(path))
  files.write(path, b"one")
  files.write(path, b"three")
  assert files.read(path) == b"three"
  assert files.size(path) == 5
  assert files.exists(path) and not files.is_folder(path)
  assert files.is_folder(os.path.dirname(path))
  assert files.glob(os.path.join(folder, "new", "*")) == [path]


def test_a_removed_file_is_gone_and_may_be_removed_again(folder):
  path = os.path.join(folder, "file")
  files.write(path, b"x")
  files.remove(path)
  files.remove(path)
  assert not files.exists(path)


def test_a_missing_file_is_an_oserror_anywhere(folder):
  with pytest.raises(OSError, match="absent"):
    files.size(os.path.join(folder, "absent"))


def test_a_name_with_brackets_is_itself_before_it_is_a_glob(tmp_path):
  path = tmp_path / "a[1].txt"
  path.write_text("x")
  assert files.glob(str(path)) == [str(path)]


def test_a_folder_is_locked_for_one_run_at_a_time(tmp_path):
  with files.locked(str(tmp_path)):
    with pytest.raises(InputError, match="another run is writing there"):
      with files.locked(str(tmp_path)):
        pass
  with files.locked(str(tmp_path)):
    pass


def test_remote_paths_open_with_tensorflow(tmp_path):
  (tmp_path / "x").write_bytes(b"abc")
  with files.open_file("file://%s/x" % tmp_path) as f:
    assert isinstance(f, tf.io.gfile.GFile)
    assert f.read() == b"abc"
