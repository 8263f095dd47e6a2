# SPDX-License-Identifier: Apache-2.0
"""Tests of formats/inputs.py."""

import pytest

from common.errors import InputError
from formats import inputs


def find(patterns):
  return inputs.find(patterns, lambda path: "kind of " + path[-5:], "x_file")


@pytest.fixture
def texts(tmp_path):
  """A folder with two files of three bytes, and a folder."""
  for name in ("b.txt", "a.txt"):
    (tmp_path / name).write_text("Aha")
  (tmp_path / "c.txt").mkdir()
  return tmp_path


def test_inputs_are_the_sorted_files_of_all_patterns(texts):
  expected = [
    inputs.Input(str(texts / name), 3, "kind of " + name)
    for name in ("a.txt", "b.txt")
  ]
  assert find("%s/*.txt, %s/a.txt" % (texts, texts)) == expected
  (texts / ".hidden").write_text("x")
  (texts / "a.txt.md5").write_text("x")
  assert find(str(texts)) == expected


@pytest.mark.parametrize(
  "pattern, message",
  [
    ("{}/d.txt", "d.txt: no such file, nor a glob that fits any"),
    ("{}/*.xml", "no such file, nor a glob"),
    ("{}/c.txt", "c.txt: is a folder without files"),
    (" ,", "--x_file names no file"),
  ],
)
def test_a_missing_input_is_named(texts, pattern, message):
  with pytest.raises(InputError, match=message):
    find(pattern.format(texts))
