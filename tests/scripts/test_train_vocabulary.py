# SPDX-License-Identifier: Apache-2.0
"""scripts/train_vocabulary.sh: a vocabulary that is laid out like ALBERT's."""

import os
import subprocess
import sys

import pytest

from tests.helpers import REPO
import tokenization

pytestmark = pytest.mark.once

SCRIPT = os.path.join(REPO, "scripts", "train_vocabulary.sh")
FIRST = '<pad> <unk> [CLS] [SEP] [MASK] ( ) " - . – £ €'.split()


def run(*arguments, code=0):
  """Runs the script on this Python; returns all that it said."""
  process = subprocess.run(
    ["bash", SCRIPT] + list(arguments),
    env=dict(os.environ, PYTHON=sys.executable),
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    encoding="utf-8",
  )
  assert process.returncode == code, process.stdout
  return process.stdout


@pytest.fixture(scope="module")
def text(tmp_path_factory):
  """The examples' abstracts, a line each, and one with letters of its own."""
  path = tmp_path_factory.mktemp("text") / "in.txt"
  with open(os.path.join(REPO, "examples", "abstracts.txt"), "rb") as f:
    data = f.read()
  path.write_bytes(data + "\nNaïve B-Cells\tof Ménière.\n".encode())
  return str(path)


@pytest.fixture(scope="module")
def trained(text, tmp_path_factory):
  """The prefix of a trained vocabulary, and what the script said."""
  prefix = str(tmp_path_factory.mktemp("vocabulary") / "new" / "own")
  said = run("--input", text, "--output_prefix", prefix, "--vocab_size", "300")
  return prefix, said


def test_the_first_ids_are_those_of_albert(trained):
  tokenizer = tokenization.load(trained[0] + ".model")
  assert tokenizer.vocab_size == 300
  assert tokenizer.convert_ids_to_tokens(range(13)) == FIRST
  assert tokenizer.pad_id == 0 and tokenizer.unk_id == 1


def test_model_and_vocabulary_agree(trained):
  tokenization.load(trained[0] + ".vocab", trained[0] + ".model")
  assert trained[0] + ".model: 300 pieces" in trained[1]


def test_text_is_lower_cased_and_without_accents(trained):
  tokenizer = tokenization.load(trained[0] + ".model")
  letters = set("".join(p for p in tokenizer.vocab if p not in FIRST))
  assert not letters & set("ïéèBCM\t ")
  assert tokenizer.do_lower_case


def test_the_same_text_gives_the_same_bytes(text, trained, tmp_path):
  run("--input=" + text, "--output_prefix=%s/b" % tmp_path, "--vocab_size=300")
  for end in (".model", ".vocab"):
    with open(trained[0] + end, "rb") as f:
      assert f.read() == (tmp_path / ("b" + end)).read_bytes()


def test_keep_case_keeps_capitals(text, tmp_path):
  prefix = str(tmp_path / "cased")
  options = ["--input", text, "--output_prefix", prefix, "--vocab_size=300"]
  run("--keep_case", *options)
  assert tokenization.load(prefix + ".model").has_capitals


def test_too_many_pieces_for_the_text_end_in_one_line(text, tmp_path):
  prefix = str(tmp_path / "x")
  said = run("--input", text, "--output_prefix", prefix, code=1)
  assert "Vocabulary size too high (30000)" in said.splitlines()[-1]
  assert not os.listdir(str(tmp_path))


def test_a_vocabulary_is_not_overwritten(text, trained):
  said = run("--input", text, "--output_prefix", trained[0], code=1)
  assert "own.model: exists already" in said


@pytest.mark.parametrize(
  "arguments, message",
  [
    (["--input", "x"], "--output_prefix is not given"),
    (["--output_prefix", "x", "--input"], "--input needs a value"),
  ],
)
def test_error_messages_name_wrong_arguments(arguments, message):
  assert message in run(*arguments, code=1)
