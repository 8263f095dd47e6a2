# SPDX-License-Identifier: Apache-2.0
"""Tests of splits.py."""

import gzip
import os

import pytest

from common.errors import InputError
from finetuning import splits


def find_split(folder, split, **given):
  """Returns the file of a split, from a folder or from the flags given."""
  flags = dict.fromkeys(splits.Data._fields)
  data = splits.Data(**dict(flags, data_dir=str(folder), **given))
  return splits.find(data, split, splits.NAMES, "do_eval")


def test_named_file_takes_precedence_over_the_folder(tmp_path):
  (tmp_path / "dev.tsv").write_text("")
  assert os.path.basename(find_split(tmp_path, "dev")) == "dev.tsv"
  assert find_split(tmp_path, "dev", dev_file="mine.tsv") == "mine.tsv"


def test_train_dev_is_used_only_without_train(tmp_path):
  (tmp_path / "train_dev.tsv").write_text("")
  assert find_split(tmp_path, "train").endswith("_dev.tsv")
  (tmp_path / "train.tsv").write_text("")
  assert find_split(tmp_path, "train").endswith("train.tsv")


def test_hold_out_draws_a_share_by_seed_and_keeps_groups_whole():
  examples = list(range(100))

  def split(seed, group):
    return splits.hold_out(examples, 0.2, seed, group, "x")

  train, dev = split(1, lambda example: None)
  assert len(dev) == 20 and sorted(train + dev) == examples
  assert train == sorted(train) and dev == sorted(dev)
  assert split(1, lambda example: None) == (train, dev)
  assert split(2, lambda example: None) != (train, dev)
  train, dev = split(1, lambda example: example // 7)
  assert 20 <= len(dev) <= 27 and sorted(train + dev) == examples
  assert not {e // 7 for e in train} & {e // 7 for e in dev}


def test_hold_out_leaves_examples_to_train_on():
  with pytest.raises(InputError, match="x: --dev_fraction=0.9 of 1 example"):
    splits.hold_out([1], 0.9, 1, lambda example: None, "x")


class Lines:
  """A task whose examples are lines."""

  split_names = splits.NAMES
  kinds = ("table", "rows", "json")

  def read(self, data, path, split):
    return data.decode("ascii").split("\n")


def read_all(folder):
  data = splits.Data(**dict.fromkeys(splits.Data._fields))
  data = data._replace(data_dir=str(folder), train_file=str(folder / "train"))
  return splits.read(Lines(), splits.Todo(True, None, None), data, 1, False)


def test_files_may_be_packed_with_gzip(tmp_path):
  path = tmp_path / "train"
  path.write_bytes(gzip.compress(b"A.\t1\nB.\t0"))
  assert read_all(tmp_path)["train"][1] == ["A.\t1", "B.\t0"]


@pytest.mark.parametrize("data", ["<html></html>", "1|t|A.\n", "TY  - JOUR\n"])
def test_files_of_another_kind_are_rejected(tmp_path, data):
  (tmp_path / "train").write_text(data)
  with pytest.raises(InputError, match="train: found .*, expected CSV or TSV"):
    read_all(tmp_path)


class Labelled:
  """A task whose examples are lists of labels."""

  learned = {"labels": ["a", "b"]}

  @staticmethod
  def labels_of(example):
    return [(label, "x.tsv:%d" % i) for i, label in enumerate(example, 1)]

  def can_predict(self, label):
    return label in self.learned["labels"]

  @staticmethod
  def expected_labels():
    return {"none"}


def check_labels(*labels):
  splits.check_labels(Labelled(), "x.tsv", [list(labels)])


def log_labels(*labels, name="train"):
  splits.log_labels(Labelled(), name, "x.tsv", [list(labels)])


def test_labels_are_logged_with_their_counts(caplog):
  with caplog.at_level("INFO", "absl"):
    log_labels("b", "b")
  assert caplog.messages == ["train: 2 labels: a (0), b (2)"]


def test_labels_that_the_model_cannot_predict_are_named(caplog):
  log_labels("b", "c", "A", name="test")
  assert caplog.messages[-1] == (
    "x.tsv: 2 of 3 labels are not in the training set, so the model cannot "
    "predict them: A, c"
  )


@pytest.mark.parametrize(
  "label",
  ["nan", "NULL", "N/A", "['a'", "b']", "a;b", "a|b", "It was not so."],
)
def test_labels_that_look_wrong_trigger_a_warning_with_their_line(
  label, caplog
):
  check_labels("a", "b", label, "a", "b", "a", label)
  assert "x.tsv:3: found the label " in caplog.messages[-1]
  assert "(2 times)" in caplog.messages[-1]


@pytest.mark.parametrize(
  "label", ["none", "CPR:3", "DDI-effect", "0", "Gene_or_protein", "Type (2)"]
)
def test_usual_labels_trigger_no_warning(label, caplog):
  check_labels("a", label, "a", label)
  assert "found the label" not in caplog.text


def test_a_single_label_triggers_a_warning(caplog):
  check_labels("a", "a")
  assert "x.tsv: found the label a only" in caplog.text


@pytest.mark.parametrize(
  "labels",
  [
    ["label%d" % i for i in range(21)],
    ["The first gene is here.", "The second gene is there."],
  ],
)
def test_texts_in_place_of_labels_are_rejected(labels):
  with pytest.raises(InputError, match="x.tsv:1: found .* labels that occur"):
    check_labels(*labels)
