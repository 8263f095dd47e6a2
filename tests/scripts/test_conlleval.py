# SPDX-License-Identifier: Apache-2.0
"""Tests of scripts/conlleval.py against outputs of conlleval.pl."""

import os
import subprocess
import sys

import pytest

from tests.helpers import REPO

pytestmark = pytest.mark.once

PROGRAM = os.path.join(REPO, "scripts", "conlleval.py")
FIXTURES = os.path.join(REPO, "tests", "fixtures", "conlleval")


def read(name):
  with open(os.path.join(FIXTURES, name), "rb") as f:
    return f.read()


def run(data, *options):
  return subprocess.run(
    [sys.executable, PROGRAM] + list(options),
    input=data,
    capture_output=True,
    cwd=FIXTURES,
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


@pytest.mark.parametrize(
  "data, found",
  [
    (
      b"a B-X B-X\n\nb O\n",
      "<stdin>:3: found 2 columns, expected 3 as in line 1",
    ),
    (
      b"\na B B\nb NN O O\n",
      "<stdin>:3: found 4 columns, expected 3 as in line 2",
    ),
  ],
)
def test_rows_of_uneven_length_stop(data, found):
  result = run(data)
  assert (result.returncode, result.stdout) == (1, b"")
  assert result.stderr.decode() == "error: %s\n" % found


# What conlleval.pl of 2004-01-26 prints.
RAW = b"""\
processed 4 tokens with 3 phrases; found: 3 phrases; correct: 2.
accuracy:  75.00%; precision:  66.67%; recall:  66.67%; FB1:  66.67
              ADJ: precision:  66.67%; recall: 100.00%; FB1:  80.00  3
             NOUN: precision:   0.00%; recall:   0.00%; FB1:   0.00  0
"""
LATEX = rb"""        & Precision &  Recall  & F$_{\beta=1} \\\hline
ADJ     &   66.67\% & 100.00\% &  80.00 \\
NOUN    &    0.00\% &   0.00\% &   0.00 \\\hline
Overall &   66.67\% &  66.67\% &  66.67 \\\hline
"""


def test_raw_labels_with_a_delimiter_and_an_outside_label():
  data = b"a b|ADJ|ADJ\nc|ADJ|ADJ\n\nd|NOUN|ADJ\ne|-|-\n"
  options = ["-r", "-o", "-", "-d", "\\|"]
  assert run(data, *options).stdout == RAW
  assert run(data, "-l", *options).stdout == LATEX


def test_labels_without_a_known_tag_are_named():
  result = run(b"a Dis-B Dis-B\nb B-x O\nc ADJ O\n")
  assert b"3 tokens with 1 phrases" in result.stdout
  assert result.stderr.decode() == (
    "warning: found labels that begin with none of O, B, I, E, S and count as "
    "O: ADJ, Dis-B\n"
  )


def test_gold_without_an_entity_triggers_a_warning():
  result = run(b"a O B\nb O O\n")
  assert b"precision:   0.00%" in result.stdout
  assert result.stderr.startswith(b"warning: found no entity in gold")
  assert run(b"a B O\n").stderr == b""


def test_a_wrong_delimiter_is_an_error():
  assert run(b"", "-d", "(").stderr.startswith(b"error: argument -d: found '('")


def test_a_line_of_one_column_is_an_error_that_names_it():
  result = run(b"a O O\n\nb\n")
  assert result.returncode == 1
  assert result.stdout == b""
  assert result.stderr.decode().splitlines() == [
    "error: <stdin>:3: found 1 column, 'b', expected a word, its gold label "
    "and its predicted label"
  ]
