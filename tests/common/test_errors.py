# SPDX-License-Identifier: Apache-2.0
"""Tests of errors.py."""

import pickle

from common.errors import InputError


def test_a_message_is_one_line_and_loses_its_middle_if_it_quotes_too_much():
  assert str(InputError("a\nb")) == "a\\nb"
  text = str(InputError("file: found " + "x" * 3000 + ", expected y"))
  assert len(text) == 1000
  assert text.startswith("file: found xx") and text.endswith("xx, expected y")
  assert str(pickle.loads(pickle.dumps(InputError(text)))) == text
