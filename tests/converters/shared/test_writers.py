# SPDX-License-Identifier: Apache-2.0
"""writers: the files for run_*.py, and that our readers read them."""

import pytest

from converters.shared import corpus
from converters.shared import examples
from converters.shared import writers

TAGGED = {
  "train": [
    examples.Tagged("12", ["It", "rose"], [0, 3], ["O", "B-X"]),
    examples.Tagged("12", ["."], [9], ["O"]),
  ],
  "dev": [],
  "test": [examples.Tagged("13", ["Na\u00efve"], [4], ["B"])],
}


def layout(name):
  return corpus.Options("gad", name, False, False)


def row(name, text, label, *more):
  return examples.Row(name, "d" + name, (text,) + more, label)


ROWS = {
  "train": [row("1", "@X$ a  b\t\nc ", "0"), row("2", '"d"', "CPR:3")],
  "dev": [],
  "test": [row("7", "e", "0"), row("8", "f", "1")],
}


def test_conll_has_a_word_and_its_label_per_line():
  assert writers.conll(TAGGED, layout("biobert")) == {
    "train.tsv": "It\tO\nrose\tB-X\n\n.\tO\n\n",
    "devel.tsv": "",
    "test.tsv": "Na\u00efve\tB\n\n",
  }


def test_blue_adds_documents_and_offsets():
  assert writers.conll(TAGGED, layout("blue")) == {
    "train.tsv": "It\t12\t0\tO\nrose\t-\t3\tB-X\n\n.\t12\t9\tO\n\n",
    "devel.tsv": "",
    "test.tsv": "Na\u00efve\t13\t4\tB\n\n",
  }


def test_white_space_in_a_cell_becomes_a_blank():
  assert writers.table(["a", "b"], [["1", " x \t\ny\u2028 z "]]) == (
    "a\tb\n1\tx y z\n"
  )


def test_a_table_may_have_no_header_and_no_rows():
  assert writers.table(None, [["1"]]) == "1\n"
  assert writers.table(None, []) == ""
  assert writers.table(["a"], []) == "a\n"


def test_tables_writes_the_cells_of_each_row():
  found = writers.tables(ROWS, ["x"], lambda row: [row.document])
  assert found == {
    "train.tsv": "x\nd1\nd2\n",
    "dev.tsv": "x\n",
    "test.tsv": "x\nd7\nd8\n",
  }


HEADER = "index\tsentence\tlabel\n"
LAYOUTS = {
  "blue": {
    "train.tsv": HEADER + '1\t@X$ a b c\t0\n2\t"d"\tCPR:3\n',
    "dev.tsv": HEADER,
    "test.tsv": HEADER + "7\te\t0\n8\tf\t1\n",
  },
  "blurb": {
    "train.tsv": '1\t@X$ a b c\t0\n2\t"d"\tCPR:3\n',
    "dev.tsv": "",
    "test.tsv": "7\te\t0\n8\tf\t1\n",
  },
  "biobert": {
    "train.tsv": '@X$ a b c\t0\n"d"\tCPR:3\n',
    "dev.tsv": "",
    "test.tsv": HEADER + "0\te\t0\n1\tf\t1\n",
  },
}


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_labelled_sentences_have_the_columns_of_the_layout(name):
  assert writers.labelled_sentences(ROWS, layout(name)) == LAYOUTS[name]
