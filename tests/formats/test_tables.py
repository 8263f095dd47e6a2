# SPDX-License-Identifier: Apache-2.0
"""Tests of tables.py; tests/programs test its use."""

import pytest

from common.errors import InputError
from formats import tables

COLUMNS = {"id": ("index", "id"), "text": ("sentence", "text")}
LAYOUTS = {1: ("text",), 2: ("id", "text"), 3: ("id", None, "text")}


def parse(text, optional=("id",)):
  records = tables.parse(
    text.encode("utf-8"), "x.tsv", COLUMNS, LAYOUTS, optional
  )
  return [(r.place, r.line, r.values["id"], r.values["text"]) for r in records]


def test_without_a_header_the_number_of_cells_decides_the_columns():
  assert parse("a b\n") == [("x.tsv:1", 1, None, "a b")]
  assert parse("7\ta\n") == [("x.tsv:1", 1, "7", "a")]
  assert parse("7\tzz\ta\n") == [("x.tsv:1", 1, "7", "a")]


def test_a_header_names_columns_in_any_order_and_spelling():
  text = "\ufeffzz\tText\tINDEX\r\n1\ta\t7\r\n\r\n2\tb\t8"
  assert parse(text) == [("x.tsv:2", 2, "7", "a"), ("x.tsv:4", 4, "8", "b")]


def test_quotation_marks_are_characters_like_any_other():
  assert parse('7\t"a "b"" c\n')[0][3] == '"a "b"" c'


def test_json_lines_use_the_same_names():
  assert parse('{"Text": "a\\tb", "id": 7}\n{"sentence": "c"}\n') == [
    ("x.tsv:1", 1, "7", "a\tb"),
    ("x.tsv:2", 2, None, "c"),
  ]


@pytest.mark.parametrize(
  "text, message",
  [
    ("", "x.tsv: found no rows, the file is empty, expected a header with"),
    ("\n \n", "the file is empty"),
    ("a\tb\tc\td\n", "x.tsv:1: found 4 columns, .* columns text or id, text"),
    ("id\ttext\n1\ta\tb\n", "x.tsv:2: found 3 columns, expected 2 as in the h"),
    ("1\ta\n2\n", "x.tsv:2: found 1 column, expected 2 as in line 1"),
    ("id\tzz\n1\ta\n", "x.tsv:1: found the header id, zz, expected also sent"),
    ("id\ttext\n", "x.tsv: found a header and no rows below it"),
    ("1\t \n", "x.tsv:1: found no text, expected one in every row"),
    ("{]\n", "x.tsv:1: found no JSON"),
    ('{"text": "a"}\n[1]\n', "x.tsv:2: found '.1.', expected an object"),
    ('{"text": {}}\n', "x.tsv:1: found '{}' under sentence/text"),
    ('{"id": 1}\n', "x.tsv:1: found no text"),
    ('{"text": "a \\ud800"}\n', "x.tsv:1: found half of a surrogate pair"),
    ("\0\n", "UTF-16 text or a binary file"),
  ],
)
def test_malformed_tables_are_rejected_in_one_line(text, message):
  with pytest.raises(InputError, match=message) as caught:
    parse(text)
  assert "\n" not in str(caught.value)


def test_written_rows_stay_single_lines_and_floats_get_six_digits():
  assert tables.to_tsv(["a", "b"], [["x\ty\nz", 0.5], [1, 1e-9]]) == (
    "a\tb\nx y z\t0.500000\n1\t0.000000\n"
  )


def test_written_json_keeps_texts_unchanged():
  assert tables.to_jsonl(["a", "b"], [["x\ty\n\u03b1", 0.5]]) == (
    '{"a": "x\\ty\\n\u03b1", "b": 0.5}\n'
  )
