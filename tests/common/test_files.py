# SPDX-License-Identifier: Apache-2.0
"""Reading and writing files, local ones and those that TensorFlow reaches."""

import hashlib
import os
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf

from common import files
from common.errors import InputError
from tests.helpers import REPO


@pytest.fixture(params=["local", "remote"])
def folder(request, tmp_path):
  """A folder as a path, and as an address that only TensorFlow reaches."""
  return "file://" * (request.param == "remote") + str(tmp_path)


def test_written_bytes_are_read_back(folder):
  path = os.path.join(folder, "new", "file")
  files.write(path, b"one")
  files.write(path, b"three")
  assert files.read(path) == b"three"
  assert files.size(path) == 5
  assert files.exists(path) and not files.is_folder(path)
  assert files.is_folder(os.path.dirname(path))
  assert files.list_names(os.path.dirname(path)) == ["file"]
  assert files.list_names(path) == []
  assert files.glob(os.path.join(folder, "new", "*")) == [path]


def test_removing_a_file_twice_is_no_error(folder):
  path = os.path.join(folder, "file")
  files.write(path, b"x")
  files.remove(path)
  files.remove(path)
  assert not files.exists(path)


def test_a_folder_of_files_is_measured_renamed_and_removed(folder):
  old, new = os.path.join(folder, "old"), os.path.join(folder, "new")
  for name in ("a", "b"):
    files.write(os.path.join(old, name), b"123")
  files.flush_folder(old)
  files.rename(old, new)
  assert not files.exists(old)
  assert files.total_size(new) == 6
  assert files.total_size(os.path.join(new, "a")) == 3
  files.remove_folder(new)
  files.remove_folder(new)
  assert not files.exists(new)


def test_the_size_of_a_missing_file_is_an_oserror(folder):
  with pytest.raises(OSError, match="absent"):
    files.size(os.path.join(folder, "absent"))


def test_reading_a_missing_file_is_an_input_error(folder):
  path = os.path.join(folder, "absent")
  for read in (files.read, files.read_json, files.sha256):
    with pytest.raises(InputError, match="absent: cannot be read"):
      read(path)


def test_a_failed_write_leaves_the_old_file_and_no_partial_one(
  tmp_path, monkeypatch
):
  path = str(tmp_path / "file")
  files.write(path, b"old")

  def fail(file):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(files, "close_safely", fail)
  with pytest.raises(InputError, match="file: cannot be written .the disk is"):
    files.write(path, b"new")
  assert os.listdir(str(tmp_path)) == ["file"]
  assert files.read(path) == b"old"


def test_writing_below_a_file_is_an_input_error(folder):
  files.write(os.path.join(folder, "file"), b"")
  with pytest.raises(InputError, match="file/x: cannot be written"):
    files.write(os.path.join(folder, "file", "x"), b"")


def test_json_is_indented_unescaped_and_ends_in_a_line_feed(folder):
  path = os.path.join(folder, "file.json")
  files.write_json(path, {"name": "Müller", "scores": [0.5, None]})
  assert files.read(path).decode("utf-8") == (
    '{\n "name": "Müller",\n "scores": [\n  0.5,\n  null\n ]\n}\n'
  )
  assert files.read_json(path) == {"name": "Müller", "scores": [0.5, None]}


def test_the_default_replaces_a_missing_json_file_only(folder):
  path = os.path.join(folder, "file.json")
  assert files.read_json(path, {}) == {}
  assert files.read_json(path, None) is None
  files.write_text(path, "{")
  with pytest.raises(InputError, match="damaged"):
    files.read_json(path, {})


@pytest.mark.parametrize(
  "content, message",
  [
    (b"", "file.json:1:1: damaged JSON .Expecting value"),
    (b'{\n "a": 1,\n "b" 2}', "file.json:3:6: damaged JSON .Expecting ':'"),
    (b"{}\n\xff", "file.json:2: found byte 0xff, which is not UTF-8"),
    (b"[{}]", r"file.json: found \[{}\], expected an object"),
    (b'{"a": "\\ud800"}', "file.json: found half of a surrogate pair"),
    (b'{"name": 1}', "file.json: found 1 under name, expected a string"),
  ],
  ids=["empty", "no_colon", "latin1", "list", "surrogate", "shape"],
)
def test_damaged_json_is_an_input_error_with_its_place(
  tmp_path, content, message
):
  path = tmp_path / "file.json"
  path.write_bytes(content)
  with pytest.raises(InputError, match=message):
    files.read_json(str(path), shape={"name?": str})


def test_sha256_reads_files_one_after_another(folder):
  paths = [os.path.join(folder, name) for name in ("a", "b")]
  for path, data in zip(paths, (b"one", b"two")):
    files.write(path, data)
  assert files.sha256(paths[0]) == hashlib.sha256(b"one").hexdigest()
  assert files.sha256(*paths) == hashlib.sha256(b"onetwo").hexdigest()


def test_a_name_with_brackets_is_itself_before_it_is_a_glob(tmp_path):
  path = tmp_path / "a[1].txt"
  path.write_text("x")
  assert files.glob(str(path)) == [str(path)]


def test_a_folder_is_locked_for_one_run_at_a_time(tmp_path):
  folder = str(tmp_path / "new" / "folder")
  with files.locked(folder):
    message = r"another run is writing there \(process %d on " % os.getpid()
    with pytest.raises(InputError, match=message):
      with files.locked(folder):
        pass
    files.write_text(os.path.join(folder, "result"), "x")
  with files.locked(folder):
    pass
  assert os.listdir(folder) == ["result"]


def test_a_lock_leaves_no_empty_folder_behind(tmp_path):
  with pytest.raises(InputError, match="bad"):
    with files.locked(str(tmp_path / "new" / "folder")):
      raise InputError("bad")
  assert not os.listdir(str(tmp_path))


def test_a_killed_process_leaves_no_lock(tmp_path):
  program = (
    "import sys, time; from common import files\n"
    "with files.locked(sys.argv[1]):\n"
    "  print('locked', flush=True); time.sleep(600)"
  )
  process = subprocess.Popen(
    [sys.executable, "-c", program, str(tmp_path)],
    cwd=REPO,
    stdout=subprocess.PIPE,
  )
  with process:
    process.stdout.readline()
    with pytest.raises(InputError, match=r"\(process %d on " % process.pid):
      with files.locked(str(tmp_path)):
        pass
    process.kill()
  with files.locked(str(tmp_path)):
    pass
  assert not os.listdir(str(tmp_path))


def test_a_folder_that_cannot_be_made_needs_no_lock(tmp_path):
  (tmp_path / "file").write_text("")
  with files.locked(str(tmp_path / "file" / "folder")):
    pass


def test_remote_paths_open_with_tensorflow(tmp_path):
  (tmp_path / "x").write_bytes(b"abc")
  with files.open_file("file://%s/x" % tmp_path) as f:
    assert isinstance(f, tf.io.gfile.GFile)
    assert f.read() == b"abc"


def test_a_file_beyond_the_limit_is_an_error(tmp_path):
  path = tmp_path / "a.txt"
  path.write_bytes(b"12345")
  assert files.read(str(path), 5) == b"12345"
  with pytest.raises(InputError, match="a.txt: found more than 4 bytes, expec"):
    files.read(str(path), 4)


def test_an_endless_file_is_an_error():
  with pytest.raises(InputError, match="/dev/zero: found more than 99 bytes"):
    files.read("/dev/zero", 99)


def test_checksums_are_recorded_as_sha256sum_reads_them(tmp_path):
  for name in ("b", "a c"):
    (tmp_path / name).write_text(name)
    files.add_sums(str(tmp_path), [name])
  text = (tmp_path / "SHA256SUMS").read_text()
  digests = [hashlib.sha256(name).hexdigest() for name in (b"a c", b"b")]
  assert text == "%s  a c\n%s  b\n" % tuple(digests)
  assert files.read_sums(str(tmp_path)) == dict(zip(("a c", "b"), digests))


def test_a_folder_without_checksums_has_none(tmp_path):
  assert files.read_sums(str(tmp_path)) == {}


def test_a_damaged_list_of_checksums_is_named_with_its_line(tmp_path):
  text = "%s  a\nnonsense\n" % ("0" * 64)
  (tmp_path / "SHA256SUMS").write_text(text)
  with pytest.raises(InputError, match="SHA256SUMS:2: found 'nonsense', exp"):
    files.read_sums(str(tmp_path))
