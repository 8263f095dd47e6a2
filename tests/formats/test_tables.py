# SPDX-License-Identifier: Apache-2.0
"""Tests of tables.py; tests/programs test its use."""

import pytest

from common.errors import InputError
from formats import detect
from formats import streams
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


@pytest.mark.parametrize(
  "text",
  [
    'id\ttext\n1\t"a ""b"" c"\n2\t"d"\n',
    '"id"\t"text"\n"1"\t"a ""b"" c"\n"2"\t"d"\n',
    'id,text\n1,"a ""b"" c"\n2,d\n',
    'id;text\r\n1;"a ""b"" c"\r\n2;d\r\n',
  ],
)
def test_files_in_the_quoting_of_csv_are_read_without_it(text):
  assert [row[2:] for row in parse(text)] == [("1", 'a "b" c'), ("2", "d")]


def test_quoted_cells_may_hold_line_ends():
  assert parse('id\ttext\n1\t"a\n""b"" c"\n2\td\n') == [
    ("x.tsv:2", 2, "1", 'a\n"b" c'),
    ("x.tsv:4", 4, "2", "d"),
  ]


def test_two_unrelated_quotation_marks_enclose_no_rows():
  assert len(parse('1\t"a\n2\tb\n3\tc"\n')) == 3


def test_quotes_of_a_part_of_the_cells_stay_with_a_warning(caplog):
  rows = parse('1\t"a ""b"""\n2\tc "d"\n')
  assert [row[3] for row in rows] == ['"a ""b"""', 'c "d"']
  assert "x.tsv:1: found a cell quoted as in CSV" in caplog.text


@pytest.mark.parametrize(
  "text",
  [
    "\ttext\n7\ta b\n8\tc\n",  # pandas, with the index
    "Unnamed: 0\ttext\n7\ta b\n8\tc\n",
    "text\n7\ta b\n8\tc\n",  # R, with row names
    "id\ttext\t\n7\ta b\t\n8\tc\n",  # tabs at line ends
    "id\ttext\n7\ta b\t\t\n8\tc\n",
    '[{"id": 7, "text": "a b"}, {"id": 8, "sentence": "c"}]',
  ],
)
def test_what_pandas_r_and_editors_add_does_not_matter(text):
  assert [row[2:] for row in parse(text)] == [("7", "a b"), ("8", "c")]


def labelled(text, is_gold=None):
  """Returns (id, text, label) of the rows of a table with labels."""
  columns = dict(COLUMNS, label=("label", "relation"))
  orders = {2: ("text", "label"), 3: ("id", "text", "label")}
  if is_gold:
    orders = {
      1: ("text",),
      2: [("id", "text"), ("text", "label")],
      3: ("id", "text", "label"),
    }
  records = tables.parse(
    text.encode(),
    "x.tsv",
    columns,
    orders,
    ["id"] + ["label"] * bool(is_gold),
    gold="label",
    is_gold=is_gold,
  )
  return [tuple(r.values[n] for n in ("id", "text", "label")) for r in records]


def test_a_label_that_is_a_columns_name_makes_no_header():
  text = "The first one.\trelation\nNo.\tnone\nThe last one.\trelation\n"
  assert [row[2] for row in labelled(text)] == ["relation", "none", "relation"]


@pytest.mark.parametrize(
  "text, message",
  [
    (
      "1\tThe gene causes it.\n0\tNo link was seen.\n",
      r"x.tsv:1: found the texts in column 2 of 2 \('The gene causes it.'\), "
      "expected the columns text, label, or a header with these names",
    ),
    ("The gene causes it.\tpos\t1\n", "found the texts in column 1 of 3"),
    (
      "phrase\tclass\nThe gene causes it.\t1\nNo link was seen.\t0\n",
      r"x.tsv:1: found what looks like a header \(phrase, class\), expected",
    ),
  ],
)
def test_texts_in_another_column_are_rejected(text, message):
  with pytest.raises(InputError, match=message):
    labelled(text)


def is_known(cell):
  return cell.strip() in ("pos", "neg")


@pytest.mark.parametrize(
  "text, ids",
  [
    ("A fever.\tpos\nNo fever.\tneg\n", (None, None)),
    ("fever\tpos\ncough\tpos\n", (None, None)),
    ("A fever.\tother\nNo fever.\tother\n", (None, None)),
    ("A fever.\t1\nNo fever.\t\n", (None, None)),
    ("pos\tA fever.\npos\tNo fever.\n", (None, None)),
    ("17\tA fever.\n18\tNo fever.\n", ("17", "18")),
    ("a1\tA fever.\tpos\na2\tNo fever.\tneg\n", ("a1", "a2")),
    ("id\ttext\tlabel\na1\tA fever.\tpos\na2\tNo fever.\t\n", ("a1", "a2")),
  ],
)
def test_labels_in_a_file_to_label_are_left_aside(text, ids):
  rows = labelled(text, is_known)
  assert tuple(row[0] for row in rows) == ids
  assert all("fever" in row[1] or "cough" in row[1] for row in rows)


@pytest.mark.parametrize(
  "text, message",
  [
    (
      "fever\tx\ncough\tx\n",
      "x.tsv:1: found 2 columns that cannot be told apa",
    ),
    ("A long fever again.\tA long day is it.\n", "x.tsv:1: found the texts in"),
    ("A fever.\tpos\t7\n", "x.tsv:1: found the texts in column 1 of 3"),
    ("1\t2\n", "x.tsv:1: found the texts in column 1 of 2"),
  ],
)
def test_unclear_columns_of_a_file_to_label_are_rejected(text, message):
  with pytest.raises(InputError, match=message):
    labelled(text, is_known)


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
    (
      "id\ttext\n1\ta\tb\n",
      "x.tsv:2: found 3 columns, expected 2 as in line 1",
    ),
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
  assert tables.to_tsv([["a", "b"], ["x\ty\nz", 0.5], [1, 1e-9]]) == (
    "a\tb\nx y z\t0.500000\n1\t0.000000\n"
  )


def test_written_json_keeps_texts_unchanged():
  assert tables.to_jsonl(["a", "b"], [["x\ty\n\u03b1", 0.5]]) == (
    '{"a": "x\\ty\\n\u03b1", "b": 0.5}\n'
  )


def test_a_row_of_csv_has_a_largest_size(monkeypatch):
  monkeypatch.setattr(streams, "MAX_LINE", 30)

  def rows(data):
    source = streams.of_bytes(data, "a.csv")
    return list(tables.stream(source, detect.layout(source)))

  whole = b"id,text\n" + b'2,"c\nd"\n' * 9
  assert len(rows(whole)) == 9
  with pytest.raises(InputError, match="a.csv:20: found a row of more than 30"):
    rows(whole + b'3,"' + b"e\n" * 40)
