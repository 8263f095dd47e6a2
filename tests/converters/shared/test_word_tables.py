# SPDX-License-Identifier: Apache-2.0
"""word_tables: the tables of Word documents; damaged documents."""

import docx
import pytest

from common import errors
from converters.shared import word_tables
from formats import safe_xml
from tests.helpers import corpus_files


def test_parse_returns_tables_of_rows_of_cells():
  tables = [[["a", "\u03b2 <&"], ["1", ""]], [["x"]]]
  assert (
    word_tables.parse(corpus_files.word_document(*tables), "a.docx") == tables
  )


def test_a_document_may_have_no_tables():
  assert word_tables.parse(corpus_files.word_document(), "a.docx") == []


def test_a_cell_has_all_its_paragraphs():
  document = docx.Document()
  cell = document.add_table(1, 1).cell(0, 0)
  cell.text = "a"
  cell.add_paragraph("b")
  assert word_tables.parse(corpus_files.saved(document), "a.docx") == [
    [["a\nb"]]
  ]


WHOLE = corpus_files.word_document([["a"]])


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


def test_a_document_that_unpacks_to_too_much_is_an_error(monkeypatch):
  monkeypatch.setattr(safe_xml, "MAX_SIZE", 9999)
  with pytest.raises(errors.InputError, match="found more than 9999 bytes, "):
    word_tables.parse(WHOLE, "a.docx")


def test_a_cell_of_endless_columns_is_an_error():
  document = docx.Document()
  cell = document.add_table(1, 1).cell(0, 0)
  cell._tc.grid_span = 10**9
  with pytest.raises(errors.InputError, match="or 999 columns inside, expect"):
    word_tables.parse(corpus_files.saved(document), "a.docx")
