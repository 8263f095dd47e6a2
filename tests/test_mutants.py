# SPDX-License-Identifier: Apache-2.0
"""No damage to any file ends in a traceback, whoever reads it.

For thousands of mutants: python -m tests.helpers.mutants 1000
"""

import logging

import pytest

from tests.helpers import mutants

TRIALS = 16  # per reader
# tests/converters/test_damage.py damages corpora, and asserts more.
NAMES = [n for n in sorted(mutants.READERS) if not n.startswith("prepare-")]


@pytest.fixture(autouse=True)
def quietly():
  """Silences the readers' many warnings."""
  logging.disable(logging.CRITICAL)
  yield
  logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", NAMES)
def test_damage_gives_a_result_or_an_error_in_one_line(tmp_path, name):
  reader = mutants.READERS[name]
  assert mutants.outcome(reader, reader.files, tmp_path / "whole") is None
  fine, refused, bugs = mutants.try_mutants(name, TRIALS, 0, tmp_path)
  for _, error in bugs:
    raise error
  assert fine + refused == TRIALS and refused


def test_a_reader_with_a_bug_is_found(tmp_path, monkeypatch):
  buggy = mutants.Reader({"a": b"x" * 99}, lambda folder: {}["x"])
  monkeypatch.setitem(mutants.READERS, "buggy", buggy)
  assert len(mutants.try_mutants("buggy", 3, 0, tmp_path)[-1]) == 3
