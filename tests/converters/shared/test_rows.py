# SPDX-License-Identifier: Apache-2.0
"""Tests of rows.py: tables are read line by line, errors name the line."""

import contextlib

import pytest

from common import errors
from converters.shared import rows


def parse(data, sizes=(2,), **options):
  return rows.parse(data, "t.tsv", sizes, "id, text", **options)


def message(call, *args, **options):
  with pytest.raises(errors.InputError) as caught:
    call(*args, **options)
  assert "\n" not in str(caught.value)
  return str(caught.value)


def test_lines_become_cells_with_their_place():
  assert parse(b"1\ta b\n2\tc\n") == [
    ("t.tsv:1", ["1", "a b"]),
    ("t.tsv:2", ["2", "c"]),
  ]


TABLES = [
  # file, cells, why
  (b"\n1\ta\n \t\n2\tb", [["1", "a"], ["2", "b"]], "blank lines"),
  (b"1\ta\r\n2\tb\r\n", [["1", "a"], ["2", "b"]], "Windows line ends"),
  (b"\xef\xbb\xbf1\ta\n", [["1", "a"]], "a byte order mark"),
  (b'1\t"a" b"\n', [["1", '"a" b"']], "quotation marks"),
  (b" 1 \t a \n", [[" 1 ", " a "]], "blanks stay"),
  (b"1\t\n", [["1", ""]], "an empty cell"),
  (b"1\ta\xe2\x80\xa8b\n", [["1", "a\u2028b"]], "no other line ends"),
]


@pytest.mark.parametrize(("data", "cells", "why"), TABLES)
def test_cells_are_read_unchanged(data, cells, why):
  assert [found for _, found in parse(data)] == cells, why


def test_places_count_blank_lines():
  assert [place for place, _ in parse(b"\n\n1\ta\n\n2\tb\n")] == [
    "t.tsv:3",
    "t.tsv:5",
  ]


def test_cells_may_have_another_separator():
  assert parse(b"1||a\tb\n", cut_by="||") == [("t.tsv:1", ["1", "a\tb"])]


def test_lines_may_have_several_sizes():
  assert len(parse(b"1\ta\n1\n1\ta\tb\n", range(1, 4))) == 3


def fitting(data, rejected):
  """Returns (rows.fitting of lines without 5, places of those rejected)."""

  def read(data, path):
    for number, line in enumerate(data.split(b"\n"), 1):
      if b"5" in line:
        raise errors.InputError("%s:%d" % (path, number))

  @contextlib.contextmanager
  def skipping(what):
    del what
    try:
      yield
    except errors.InputError as error:
      rejected.append(str(error))

  return rows.fitting(data, "t.tsv", read, b"\n", skipping)


@pytest.mark.parametrize(
  ("data", "kept", "places"),
  [
    (b"1\r\n2\n", b"1\n2\n", []),
    (b"1\n\n5\n2\n55\n", b"1\n\n\n2\n\n", ["t.tsv:3", "t.tsv:5"]),
    (b"5\n", b"5\n", ["t.tsv:1"]),
  ],
)
def test_pieces_that_cannot_be_read_are_left_out_with_their_line(
  data, kept, places
):
  rejected = []
  assert fitting(data, rejected) == kept
  assert rejected == places


def test_another_encoding_can_be_chosen():
  found = parse(
    b"1\tcaf\xe9\n", decode=lambda data, path: data.decode("latin-1")
  )
  assert found[0][1] == ["1", "caf\xe9"]


def test_a_line_with_another_number_of_cells_is_rejected():
  assert message(parse, b"1\ta\n\n1\ta\tb\n") == (
    "t.tsv:3: found 3 columns ('1\\ta\\tb'), expected id, text"
  )


def test_only_part_of_a_long_line_is_quoted():
  assert len(message(parse, b"x" * 9999)) < 150


@pytest.mark.parametrize("data", [b"", b"\n \r\n"])
def test_a_table_without_rows_is_rejected(data):
  assert message(parse, data) == "t.tsv: found no rows, expected id, text"


def test_invalid_utf8_is_rejected():
  assert message(parse, b"1\ta\n2\t\xe9\n").startswith(
    "t.tsv:2: found byte 0xe9, which is not UTF-8"
  )


REJECTED = [
  # check, what passes, what fails, message
  (rows.check_size, (["1", "a"], 2), (["1"], 2), "found 1 columns, expected x"),
  (
    rows.check_one_of,
    ("a", {"a": 1, "b": 2}),
    ("c", {"a": 1, "b": 2}),
    "found the x 'c', expected one of a, b",
  ),
]


@pytest.mark.parametrize(("check", "sound", "faulty", "error"), REJECTED)
def test_cells_of_another_number_or_value_are_rejected(
  check, sound, faulty, error
):
  check(*sound, "x", "t.tsv:2")
  assert message(check, *faulty, "x", "t.tsv:2") == "t.tsv:2: " + error


def test_parallel_tables_of_different_lengths_are_rejected():
  rows.check_same_number([1], "a.tsv", [2], "b.tsv")
  assert message(rows.check_same_number, [1], "a.tsv", [], "b.tsv") == (
    "b.tsv: found 0 rows, expected 1 as a.tsv has"
  )


def test_an_unknown_id_is_rejected():
  rows.check_known("1", {"1"}, "t.tsv:2")
  assert message(rows.check_known, "2", {"1"}, "t.tsv:2") == (
    "t.tsv:2: found the id '2', expected the id of a text"
  )


@pytest.mark.parametrize(
  ("cell", "text"),
  [
    ('"a ""b"" c"', 'a "b" c'),
    ('""', ""),
    ("a", "a"),
    ('"', '"'),
    ('"a" b', '"a" b'),
  ],
)
def test_quotation_marks_around_a_cell_are_removed(cell, text):
  assert rows.unquoted(cell) == text
