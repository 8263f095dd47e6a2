# SPDX-License-Identifier: Apache-2.0
"""word_tables: the tables of Word documents; damaged documents."""

import io

import docx
import pytest

from common import errors
from converters.shared import word_tables


def saved(document):
  buffer = io.BytesIO()
  document.save(buffer)
  return buffer.getvalue()


def with_tables(*tables):
  """Returns a document of tables, which are rows of cells."""
  document = docx.Document()
  document.add_paragraph("Scores")
  for rows in tables:
    table = document.add_table(len(rows), len(rows[0]))
    for row, texts in zip(table.rows, rows):
      for cell, text in zip(row.cells, texts):
        cell.text = text
  return saved(document)


def test_parse_returns_tables_of_rows_of_cells():
  tables = [[["a", "\u03b2 <&"], ["1", ""]], [["x"]]]
  assert word_tables.parse(with_tables(*tables), "a.docx") == tables


def test_a_document_may_have_no_tables():
  assert word_tables.parse(with_tables(), "a.docx") == []


def test_a_cell_has_all_its_paragraphs():
  document = docx.Document()
  cell = document.add_table(1, 1).cell(0, 0)
  cell.text = "a"
  cell.add_paragraph("b")
  assert word_tables.parse(saved(document), "a.docx") == [[["a\nb"]]]


WHOLE = with_tables([["a"]])


@pytest.mark.parametrize(
  "data",
  [b"", b"a\tb\n", WHOLE[:200], WHOLE[:-30], WHOLE[300:]],
  ids=["empty", "text", "cut early", "cut late", "headless"],
)
def test_a_damaged_document_is_an_error(data):
  with pytest.raises(errors.InputError) as caught:
    word_tables.parse(data, "a.docx")
  assert str(caught.value).startswith("a.docx: found no whole Word document (")
  assert str(caught.value).endswith("), expected a .docx with a table")
  assert "\n" not in str(caught.value)
