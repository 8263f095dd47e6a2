# SPDX-License-Identifier: Apache-2.0
"""Tests of the bundled examples, configs and small model."""

import filecmp
import glob
import json
import os
import re

import numpy as np
import pytest
import sentencepiece
import tensorflow.compat.v1 as tf

import modeling
import tokenization
from training import heads

SYMBOLS = ["(", ")", '"', "-", ".", "–", "£", "€"]


def read(*path):
  """Returns the text of a file."""
  with open(os.path.join(*path), encoding="utf-8") as f:
    return f.read()


def test_the_vocabulary_begins_with_alberts_ids_and_is_listed(repo):
  pieces = sentencepiece.SentencePieceProcessor()
  pieces.Load(os.path.join(repo, "examples", "vocab", "pubmed-8k.model"))
  specials = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
  assert [pieces.IdToPiece(i) for i in range(13)] == specials + SYMBOLS
  assert pieces.bos_id() == pieces.eos_id() == -1
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
def test_the_corpus_has_the_counts_in_its_note(repo, split):
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


def test_each_line_is_an_abstract(repo):
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
def test_a_config_has_the_sizes_and_dropout_of_the_release(repo, size, version):
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
  # Only version 1 below xxlarge has dropout.
  dropout = 0.1 if version == "v1" and size != "xxlarge" else 0
  assert config["hidden_dropout_prob"] == dropout
  assert config["attention_probs_dropout_prob"] == dropout


def test_the_small_model_predicts_words_better_than_frequencies(repo):
  """Masks words of the bundled abstracts and compares with frequencies."""
  folder = os.path.join(repo, "models", "bioalbert-small")
  vocabulary = os.path.join(repo, "examples", "vocab", "pubmed-8k.model")
  model = os.path.join(folder, "pubmed-8k.model")
  assert filecmp.cmp(model, vocabulary, shallow=False)
  assert os.path.exists(os.path.join(folder, "pretraining_curves.png"))
  config = modeling.AlbertConfig.from_json_file(
    os.path.join(folder, "albert_config.json")
  )
  tokenizer = tokenization.load(os.path.join(folder, "pubmed-8k.model"))
  texts = read(repo, "examples", "abstracts.txt").splitlines()
  pieces = np.array([tokenizer.encode(text)[:62] for text in texts])
  ids = np.pad(pieces, [(0, 0), (1, 1)], constant_values=tokenizer.sep_id)
  ids[:, 0] = tokenizer.cls_id
  positions = np.arange(5, 62, 7)
  hidden = ids[:, positions]
  masked = ids.copy()
  masked[:, positions] = tokenizer.mask_id
  with tf.Graph().as_default(), tf.Session() as session:
    albert = modeling.AlbertModel(config, False, tf.constant(masked))
    loss, _ = heads.masked_words(
      config,
      albert.get_sequence_output(),
      albert.get_embedding_table(),
      tf.constant(np.tile(positions, (len(texts), 1))),
      tf.constant(hidden),
      tf.ones(hidden.shape),
    )
    heads.sentence_order(albert.get_pooled_output(), [0] * len(texts), 0.02)
    restoring = modeling.restore(modeling.find_checkpoint(folder))
    assert (restoring.new, restoring.unused) == ([], [])
    session.run(tf.global_variables_initializer())
    loss = session.run(loss)
  counts = np.bincount(pieces.ravel(), minlength=config.vocab_size)
  # Word frequencies in these texts, the best guess without context, are worse.
  frequencies = -np.log(counts[hidden.ravel()] / counts.sum()).mean()
  assert loss < frequencies - 0.5, (loss, frequencies)
