# SPDX-License-Identifier: Apache-2.0
"""Tests of text.py: JSON and numbers."""

import json
import math

import pytest

from common import text
from common.errors import InputError


@pytest.mark.parametrize(
  "source, message",
  [
    ("[" * 10**5, "nested more than 100 levels deep"),
    ('{"a":' * 10**5, "nested more than 100 levels deep"),
    ("[" * 101 + "]" * 101, "nested more than 100 levels deep"),
    ("[1, " + "9" * 5000 + "]", "found the number '999"),
    ("[1, 0." + "9" * 5000 + "]", "found the number '0.999"),
    ("[1, NaN]", "found the number 'NaN'"),
    ("[1, -Infinity]", "found the number '-Infinity'"),
    ("[1, 1e999]", "found the number '1e999'"),
  ],
  ids=lambda text: repr(text)[:20],
)
def test_json_that_python_would_choke_on_is_rejected(source, message):
  with pytest.raises(json.JSONDecodeError, match=message):
    text.load_json(source)


def test_json_within_the_bounds_is_read():
  deep = "[" * 100 + "]" * 100
  assert json.dumps(text.load_json(deep)) == deep
  assert text.load_json('{"a": [1, -2.5, "NaN"]}') == {"a": [1, -2.5, "NaN"]}
  assert text.load_json("9" * 100) == int("9" * 100)
  assert math.isnan(text.load_json("[NaN]", allow_nan=True)[0])


def test_a_number_that_is_not_allowed_is_named_with_its_place():
  source = '{"a": "NaN",\n "b": NaN}'
  with pytest.raises(InputError, match="^file:2:10: damaged JSON .found the "):
    text.parse_json(source, "file")


@pytest.mark.parametrize(
  "value, shape, message",
  [
    (None, {}, "null, expected an object"),
    ([], {}, r"\[\], expected an object"),
    ({}, {"a": str}, "no a, expected a string"),
    ({"a": 1}, {"a": str}, "1 under a, expected a string"),
    ({"a": True}, {"a?": int}, "true under a, expected a whole number"),
    ({"a": 2**63}, {"a?": int}, "9223372036854775808 under a, expected"),
    ({"a": 1.5}, {"a": int}, "1.5 under a, expected a whole number"),
    ({"a": "1"}, {"a": float}, '"1" under a, expected a number'),
    ({"a": 0}, {"a": bool}, "0 under a, expected true or false"),
    ({"a": 0}, {"a": (str, None)}, "0 under a, expected a string or null"),
    (
      {"a": [[1, 2], [1]]},
      {"a": [[int, int]]},
      r"\[1\] under a\[1\], exp",
    ),
    ({"a": [{"b": ""}]}, {"a": [{"b": int}]}, r'"" under a\[0\]\.b, exp'),
    ({"x": 1, "y": ""}, {str: int}, '"" under y, expected a whole'),
    ({"a": ["x" * 99]}, {"a?": None}, r'\["x{38}\.\.\. under a, expected null'),
  ],
)
def test_a_value_of_another_shape_is_rejected_with_its_key(
  value, shape, message
):
  with pytest.raises(InputError, match="^file: found " + message):
    text.check_shape(value, shape, "file")


def test_values_of_the_shape_are_accepted():
  for value, shape in (
    ({"a": 1, "more": [None]}, {"a": float, "b?": str}),
    ({"a": None}, {"a": (str, None)}),
    ({"a": {"b": []}}, {"a": ({"b": [str]}, None)}),
    ({"a": object}, {"a": object}),
    ([1, "x"], [int, str]),
    ([[1], [1, 2]], [[int]]),
  ):
    text.check_shape(value, shape, "file")


def test_sizes_below_a_gigabyte_are_in_megabytes():
  assert text.size_text(40000) == "0.0 MB"
  assert text.size_text(999e6) == "999.0 MB"
  assert text.size_text(4.25e9) == "4.2 GB"


def test_numbers_are_plain_decimals():
  for cell, value in (("0.5", 0.5), (" -1e3 ", -1000), (".5", 0.5), ("3.", 3)):
    assert text.parse_number(cell) == value
  for cell in ("0_1", "nan", "inf", "", "1,5", "\N{FULLWIDTH DIGIT ONE}"):
    with pytest.raises(ValueError, match="is not a number"):
      text.parse_number(cell)


def test_json_of_too_many_parts_is_an_error(monkeypatch):
  monkeypatch.setattr(text, "_MAX_PARTS", 3)
  assert text.load_json("[[], {}]") == [[], {}]
  with pytest.raises(ValueError, match="more than 3 lists and objects"):
    text.load_json("[[], {}, []]")


def test_a_count_has_its_noun_in_the_plural_unless_it_is_one():
  assert text.count_text(1, "text") == "1 text"
  assert [text.count_text(n, "text") for n in (0, 2)] == ["0 texts", "2 texts"]
