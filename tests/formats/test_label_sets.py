# SPDX-License-Identifier: Apache-2.0
"""Tests of label_sets.py; tests/programs/test_run_dc.py tests its use."""

import pytest

from common.errors import InputError
from formats import label_sets

COLUMNS = {"id": ("id", "index"), "sentence": ("sentence", "text", "sentence1")}
GOLD = {"labels": ("labels", "label")}


def parse(text, split="train", names=()):
  """Returns (id, text, gold) of each row."""
  pairs = label_sets.parse(
    text.encode("utf-8"), "x.tsv", COLUMNS, GOLD, split, names
  )
  return [
    (record.values["id"], record.values["sentence"], gold)
    for record, gold in pairs
  ]


@pytest.mark.parametrize(
  "text, gold",
  [
    ("index\ttext\tlabels\n7\tx\t0_1,1_0\n", {"0": True, "1": False}),
    ("labels\ttext\tindex\n0_1,1_0\tx\t7\n", {"0": True, "1": False}),
    ("0_1,1_0\tx\t7_s0\n", {"0": True, "1": False}),
    ("7\tx\ta, b\n", {"a": True, "b": True}),
    ("7\tx\t\n", {}),
    ("index\ttext\ta\tb\n7\tx\t1\t0\n", {"a": True, "b": False}),
    ("index\tsentence1\tsentence2\tlabel\n7\tx\ta,b\n", {"a": True, "b": True}),
    (
      '{"id": "7", "text": "x", "labels": ["a", "b"]}\n',
      {"a": True, "b": True},
    ),
  ],
)
def test_all_notations_of_labels_are_recognized(text, gold):
  ((name, sentence, found),) = parse(text)
  assert name in ("7", "7_s0") and sentence == "x" and found == gold


@pytest.mark.parametrize(
  "cell", ["['a', 'b, c']", '["a", "b, c"]', "['a' 'b, c']", "{'a', 'b, c'}"]
)
def test_lists_of_python_numpy_and_json_are_read(cell):
  rows = parse("labels\ttext\n%s\tx\n[]\ty\n" % cell)
  assert [row[2] for row in rows] == [{"a": True, "b, c": True}, {}]


@pytest.mark.parametrize(
  "cells", [("[1, 0]", "[0, 0]"), ("[1. 0.]", "[0. 0.]"), ("1,0", "0,0")]
)
def test_lists_of_0_and_1_are_read(cells):
  text = "labels\ttext\n%s\tx\n%s\ty\n" % cells
  golds = [row[2] for row in parse(text)]
  assert golds == [{"0": True, "1": False}, {"0": False, "1": False}]
  assert parse(text, names=("p", "q"))[0][2] == {"p": True, "q": False}


def test_lists_of_numbers_name_labels_otherwise():
  text = "labels\ttext\n[1, 0]\tx\n[7]\ty\n"
  assert [row[2] for row in parse(text)] == [
    {"1": True, "0": True},
    {"7": True},
  ]


def test_indicator_columns_may_be_floats_or_booleans():
  text = "\ttext\ta\tb\n0\tx\t1.0\tFalse\n1\ty\t0.0\tTrue\n"
  assert parse(text) == [
    ("0", "x", {"a": True, "b": False}),
    ("1", "y", {"a": False, "b": True}),
  ]


def test_quoted_tables_are_read():
  text = 'text\tlabels\n"Cells ""died"" fast."\ta,b\nNothing.\t""\n'
  assert [row[1:] for row in parse(text)] == [
    ('Cells "died" fast.', {"a": True, "b": True}),
    ("Nothing.", {}),
  ]


def test_aspects_get_names_if_there_is_one_for_each():
  assert parse("x\t0_1,1_0\n", names=("p", "q"))[0][2] == {
    "p": True,
    "q": False,
  }
  assert parse("x\t0_1,1_0\n", names=("p",))[0][2] == {"0": True, "1": False}


def test_a_test_set_without_the_column_has_no_gold():
  assert parse("index\ttext\n7\tx\n", "test") == [("7", "x", None)]
  with pytest.raises(InputError, match="x.tsv:2: found no labels"):
    parse("index\ttext\n7\tx\n", "dev")


@pytest.mark.parametrize(
  "name, document",
  [
    ("22239943_s0", "22239943"),
    ("22239943_17", "22239943"),
    ("a_b_s2", "a_b"),
    ("17", "17"),
    ("_s1", "_s1"),
    ("note_1", "note_1"),
  ],
)
def test_a_sentence_id_ends_in_its_number(name, document):
  assert label_sets.document_of(name) == document


def test_aspects_are_sorted_by_number_and_names_by_name():
  labels = ["10", "2", "b", "a"]
  assert sorted(labels, key=label_sets.order) == ["a", "b", "2", "10"]
