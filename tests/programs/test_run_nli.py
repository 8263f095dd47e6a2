# SPDX-License-Identifier: Apache-2.0
"""Tests of run_nli.py."""

import json
import os

import numpy as np
import pytest

from common.errors import InputError
import run_nli
from tests.helpers import tiny

LABELS = ("contradiction", "entailment", "neutral")


@pytest.fixture
def task():
  return run_nli.Nli(None, 32)


def read(task, text, split="train"):
  (example,) = task.read(text.encode("utf-8"), "x", split)
  return (example.id,) + example.texts + (example.gold,)


def mednli(sentence1, sentence2, label, pair_id="p-1"):
  """Returns a line of MedNLI's files."""
  return json.dumps(
    {
      "sentence1": sentence1,
      "pairID": pair_id,
      "sentence1_parse": "(ROOT)",
      "sentence2": sentence2,
      "gold_label": label,
    }
  )


@pytest.mark.parametrize(
  "text",
  [
    mednli("Lactate 3.0.", " High lactate", "entailment"),
    "index\tsentence1\tsentence2\tlabel\n"
    "p-1\tLactate 3.0.\t High lactate\tentailment\n",
    "gold_label\tpairID\tsentence1\tsentence2\n"
    "entailment\tp-1\tLactate 3.0.\t High lactate\n",
    "p-1\tLactate 3.0.\t High lactate\tentailment\n",
  ],
  ids=["mednli", "label_last", "label_first", "no_header"],
)
def test_mednli_and_both_orders_of_columns_are_read_alike(task, text):
  expected = ("p-1", "Lactate 3.0.", " High lactate", "entailment")
  assert read(task, text) == expected


def test_test_set_may_lack_labels(task):
  text = '{"sentence1": "a", "sentence2": "b", "pairID": "7"}'
  assert read(task, text, "test") == ("7", "a", "b", None)


@pytest.mark.parametrize(
  "text, message",
  [
    ('{"sentence1": "a", "gold_label": "neutral"}', "x:1: found no sentence2"),
    ('{"sentence1": "a", "sentence2": "b"}', "x:1: found no label, expected"),
    ("index\tsentence1\tlabel\n1\ta\tb\n", "expected also sentence2/"),
  ],
)
def test_bad_pairs_are_rejected_with_the_line(task, text, message):
  with pytest.raises(InputError, match=message):
    read(task, text)


def test_partly_labelled_test_set_is_rejected(task):
  lines = '{"sentence1": "a", "sentence2": "b", "label": "neutral"}\n'
  lines += '{"sentence1": "a", "sentence2": "b"}\n'
  with pytest.raises(InputError, match="x:2: found no label, .* or in none"):
    task.read(lines.encode(), "x", "test")


def test_pairs_without_consensus_are_skipped_and_counted(task, caplog):
  lines = [mednli("a", "b", "-"), mednli("a", "b", "neutral")]
  assert len(task.read("\n".join(lines).encode(), "x", "train")) == 1
  assert "left out 1 of 2 pairs" in caplog.text


@pytest.mark.once
def test_trivial_mednli_corpus_is_learned(tmp_path):
  random = np.random.RandomState(0)
  words = dict(zip(LABELS, ("no", "with", "the")))
  data = tmp_path / "data"
  os.makedirs(str(data))
  for split, size in (("train", 64), ("dev", 12), ("test", 12)):
    lines = []
    for i in range(size):
      label = LABELS[random.randint(3)]
      lines.append(mednli("fever", words[label], label, str(i)))
    path = data / ("mli_%s_v1.jsonl" % split)
    path.write_text("\n".join(lines) + "\n")
  results = tiny.run(
    run_nli,
    tmp_path,
    data_dir=str(data),
    do_eval=True,
    save_checkpoints_steps=60,
    num_train_epochs=15.0,
  )
  assert results["dev"]["accuracy"] == results["test"]["accuracy"] == 1.0
  assert sorted(results["test"]["confusion"]) == list(LABELS)
  report = (tmp_path / "output" / "test_report.txt").read_text()
  assert "entailment" in report and "Confusion" in report
