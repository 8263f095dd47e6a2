# SPDX-License-Identifier: Apache-2.0
"""Tests of scripts/conlleval.py against outputs of conlleval.pl."""

import os
import subprocess
import sys

import pytest

from tests.helpers import REPO

PROGRAM = os.path.join(REPO, "scripts", "conlleval.py")
FIXTURES = os.path.join(REPO, "tests", "fixtures", "conlleval")


def read(name):
  with open(os.path.join(FIXTURES, name), "rb") as f:
    return f.read()


def run(data):
  return subprocess.run(
    [sys.executable, PROGRAM], input=data, capture_output=True, cwd=FIXTURES
  )


@pytest.mark.parametrize(
  "name", ["ncbi_untyped", "jnlpba_typed", "edge_cases", "empty"]
)
def test_output_equals_the_perl_scorers(name):
  result = run(read(name + ".conll"))
  assert result.stdout == read(name + ".expected.txt")
  assert result.returncode == 0


def test_tabs_carriage_returns_and_extra_columns_do_not_matter():
  lines = [line.split() for line in read("edge_cases.conll").split(b"\n")]
  for columns in lines:
    columns[1:1] = [b"NN"] if columns else []
  data = b"\r\n".join(b"\t".join(columns) for columns in lines)
  assert run(data).stdout == read("edge_cases.expected.txt")


def test_a_line_may_lack_its_word():
  assert (
    b"with 1 phrases; found: 1 phrases; correct: 1." in run(b"B B\n").stdout
  )


def test_bare_document_marks_end_a_sentence():
  result = run(b"a B B\n-DOCSTART- 91075236\nb I I\n-DOCSTART-\nc I I\n")
  assert result.stdout.startswith(b"processed 3 tokens with 3 phrases")


def test_adjacent_iobes_entities_stay_separate():
  result = run(b"a S-A S-A\nb S-A S-A\nc B-A B-A\nd E-A E-A\ne B-A B-A\n")
  assert b"with 4 phrases; found: 4 phrases; correct: 4." in result.stdout


def test_entity_types_keep_their_bytes():
  line = run(b"a B-\xce\xb2\xff B-\xce\xb2\xff\n").stdout.split(b"\n")[2]
  assert line.strip().startswith(b"\xce\xb2\xff: precision: 100.00%")


def test_a_line_of_one_column_is_an_error_that_names_it():
  result = run(b"a O O\n\nb\n")
  assert result.returncode == 1
  assert result.stdout == b""
  assert result.stderr.decode().splitlines() == [
    "error: <stdin>:3: found 1 column, 'b', expected a word, its gold label "
    "and its predicted label"
  ]
