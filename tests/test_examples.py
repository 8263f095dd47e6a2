# SPDX-License-Identifier: Apache-2.0
"""The files that come with the project are what their notes say."""

import glob
import json
import os
import re

import pytest
import sentencepiece

SYMBOLS = ["(", ")", '"', "-", ".", "–", "£", "€"]


def read(*path):
  """Returns the text of a file."""
  with open(os.path.join(*path), encoding="utf-8") as f:
    return f.read()


def test_the_vocabulary_has_the_ids_of_alberts(repo):
  pieces = sentencepiece.SentencePieceProcessor()
  pieces.Load(os.path.join(repo, "examples", "vocab", "pubmed-8k.model"))
  specials = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
  assert [pieces.IdToPiece(i) for i in range(13)] == specials + SYMBOLS
  assert pieces.bos_id() == pieces.eos_id() == -1


def test_the_vocab_file_lists_the_models_pieces_in_order(repo):
  pieces = sentencepiece.SentencePieceProcessor()
  pieces.Load(os.path.join(repo, "examples", "vocab", "pubmed-8k.model"))
  lines = read(repo, "examples", "vocab", "pubmed-8k.vocab").splitlines()
  assert len(lines) == 8000
  assert [line.split("\t")[0] for line in lines] == [
    pieces.IdToPiece(i) for i in range(pieces.GetPieceSize())
  ]


def test_the_tiny_config_fits_the_vocabulary(repo):
  config = json.loads(read(repo, "examples", "albert_config_tiny.json"))
  assert config["vocab_size"] == 8000
  assert config["hidden_size"] % config["num_attention_heads"] == 0


@pytest.mark.parametrize("split", ["train", "devel", "test"])
def test_the_corpus_counts_are_those_of_its_note(repo, split):
  folder = os.path.join(repo, "examples", "ncbi-disease")
  row = re.search(r"\| %s.tsv \|(.*)\|" % split, read(folder, "SOURCE.md"))
  _, sentences, tokens, begins, insides = map(int, row.group(1).split("|"))
  text = read(folder, split + ".tsv")
  lines = [line for line in text.split("\n") if line]
  labels = [line.split("\t")[1] for line in lines]
  assert text.count("\n\n") == sentences
  assert len(lines) == tokens
  assert (labels.count("B"), labels.count("I")) == (begins, insides)
  assert set(labels) == {"B", "I", "O"}


def test_the_abstracts_are_one_a_line(repo):
  lines = read(repo, "examples", "abstracts.txt").split("\n")
  assert lines.pop() == ""
  assert len(lines) == 6
  assert all(line == line.strip() and len(line) > 500 for line in lines)


def test_every_released_size_and_version_has_a_config(repo):
  names = {os.path.basename(p) for p in glob.glob(repo + "/configs/*.json")}
  assert names == {
    "albert_%s_%s.json" % (size, version)
    for size in ("base", "large", "xlarge", "xxlarge")
    for version in ("v1", "v2")
  }


# Lan et al. 2020, table 1.
SIZES = {
  "base": (768, 12, 12, 3072),
  "large": (1024, 24, 16, 4096),
  "xlarge": (2048, 24, 16, 8192),
  "xxlarge": (4096, 12, 64, 16384),
}


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("size", sorted(SIZES))
def test_a_config_has_the_size_of_the_release(repo, size, version):
  config = json.loads(
    read(repo, "configs", "albert_%s_%s.json" % (size, version))
  )
  assert SIZES[size] == (
    config["hidden_size"],
    config["num_hidden_layers"],
    config["num_attention_heads"],
    config["intermediate_size"],
  )
  assert config["vocab_size"] == 30000
  assert config["embedding_size"] == 128


@pytest.mark.parametrize("size", sorted(SIZES))
def test_only_version_1_below_xxlarge_has_dropout(repo, size):
  dropout = {}
  for version in ("v1", "v2"):
    config = json.loads(
      read(repo, "configs", "albert_%s_%s.json" % (size, version))
    )
    assert (
      config["hidden_dropout_prob"] == config["attention_probs_dropout_prob"]
    )
    dropout[version] = config["hidden_dropout_prob"]
  assert dropout == {"v1": 0 if size == "xxlarge" else 0.1, "v2": 0}
