# SPDX-License-Identifier: Apache-2.0
"""Tests of prepare_data.py --alternatives and of scripts/bc2gm_score.py."""

import json
import os
import subprocess
import sys

import pytest

from tests.helpers import REPO

pytestmark = pytest.mark.once


def score(*arguments):
  return subprocess.run(
    [sys.executable, os.path.join(REPO, "scripts", "bc2gm_score.py")]
    + [str(argument) for argument in arguments],
    capture_output=True,
    text=True,
  )


def write_alternatives(path, sentences):
  lines = [json.dumps({"id": "s", "mentions": m}) + "\n" for m in sentences]
  path.write_text("".join(lines), encoding="utf-8")
  return path


def test_output_has_scores_with_and_without_alternatives(tmp_path):
  gold = write_alternatives(
    tmp_path / "a.jsonl", [[[[0, 2], [1, 2]]], [], [[[0, 1]]]]
  )
  predictions = tmp_path / "conll.txt"
  predictions.write_text("a B O\nb I B\n\nc O O\n\nd B B\n\n")
  found = score(gold, predictions)
  assert found.returncode == 0, found.stderr
  assert found.stdout.splitlines() == [
    "with alternatives: precision 1.0000, recall 1.0000, F1 1.0000 (2 gold, 2 "
    "predicted, 2 correct)",
    "without: precision 0.5000, recall 0.5000, F1 0.5000 (2 gold, 2 predicted, "
    "1 correct)",
  ]


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("{", "a.jsonl:1: found no alternatives"),
    ('{"mentions": 3}', "a.jsonl:1: found no alternatives"),
    ('{"mentions": []}', "found 1 sentences, expected 2"),
    (None, "a.jsonl: cannot be read"),
  ],
)
def test_an_invalid_file_is_a_one_line_error(tmp_path, text, message):
  predictions = tmp_path / "conll.txt"
  predictions.write_text("a B O\n")
  if text:
    (tmp_path / "a.jsonl").write_text(text + "\n")
  if "expected 2" in message:
    write_alternatives(tmp_path / "a.jsonl", [[], []])
  found = score(tmp_path / "a.jsonl", predictions)
  assert found.returncode == 1 and message in found.stderr
  assert len(found.stderr.splitlines()) == 1


def test_the_official_gold_standard_scores_itself(tmp_path, shared):
  folder = os.path.join(shared, "data", "official", "BC2GM")
  command = [sys.executable, os.path.join(REPO, "prepare_data.py")]
  command += ["--dataset=bc2gm", "--alternatives", "--input_dir=" + folder]
  subprocess.run(
    command + ["--output_dir=%s" % tmp_path],
    check=True,
    stdout=subprocess.DEVNULL,
  )
  lines = (tmp_path / "test.tsv").read_text(encoding="utf-8").splitlines()
  predictions = tmp_path / "conll.txt"
  predictions.write_text(
    "".join(line + "\t" + line[-1] + "\n" if line else "\n" for line in lines),
    encoding="utf-8",
  )
  found = score(tmp_path / "test_alternatives.jsonl", predictions)
  # 6 of the 6,331 mentions overlap longer ones, which IOB2 cannot express.
  assert found.stdout.count("(6331 gold, 6325 predicted, 6325 correct)") == 2
