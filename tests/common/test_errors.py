# SPDX-License-Identifier: Apache-2.0
"""Tests of errors.py."""

import pickle

from common import errors
from common.errors import InputError


def test_a_full_disk_is_recognized_by_number_or_text():
  assert errors.is_disk_full(OSError(28, "anything"))
  assert errors.is_disk_full(ValueError("/x/y; No space left on device\n[node"))
  assert not errors.is_disk_full(OSError(13, "Permission denied"))
  assert not errors.is_disk_full(MemoryError())


def test_the_reason_is_the_line_about_a_full_disk_or_the_first_one():
  full = "Graph execution error:\n\n/x; No space left on device\nmore"
  assert errors.reason_of(ValueError(full)) == "/x; No space left on device"
  assert errors.reason_of(ValueError("\na\nb")) == "a"
  assert errors.reason_of(KeyError()) == "KeyError"


def test_a_message_is_one_line_and_loses_its_middle_if_it_quotes_too_much():
  assert str(InputError("a\nb")) == "a\\nb"
  text = str(InputError("file: found " + "x" * 3000 + ", expected y"))
  assert len(text) == 1000
  assert text.startswith("file: found xx") and text.endswith("xx, expected y")
  assert str(pickle.loads(pickle.dumps(InputError(text)))) == text
