# SPDX-License-Identifier: Apache-2.0
"""Tests of training/model_folder.py."""

import os
import types

import pytest
import tensorflow.compat.v1 as tf

from common.errors import InputError
from training import model_folder


def test_copy_checkpoint_copies_all_shards_and_removes_old_ones(
  tmp_path,
):
  for name, text in {
    "model.ckpt-7.index": "i",
    "model.ckpt-7.meta": "m",
    "model.ckpt-7.data-00000-of-00002": "a",
    "model.ckpt-7.data-00001-of-00002": "b",
    "model.ckpt-best.index": "old",
    "model.ckpt-best.data-00000-of-00001": "old",
  }.items():
    (tmp_path / name).write_text(text)
  model_folder.copy_checkpoint(
    str(tmp_path / "model.ckpt-7"), str(tmp_path / "model.ckpt-best")
  )
  best = {
    n[len("model.ckpt-best") :]: (tmp_path / n).read_text()
    for n in os.listdir(str(tmp_path))
    if "best" in n
  }
  assert best == {
    ".index": "i",
    ".meta": "m",
    ".data-00000-of-00002": "a",
    ".data-00001-of-00002": "b",
  }


def find_split(folder, split, **given):
  """Returns the file of a split, from a folder or from the flags given."""
  config = types.SimpleNamespace(
    data_dir=str(folder), train_file=None, dev_file=None, test_file=None
  )
  vars(config).update(given)
  return model_folder.find_split(
    config, split, model_folder.SPLIT_NAMES, "do_eval"
  )


def test_named_file_takes_precedence_over_the_folder(tmp_path):
  (tmp_path / "dev.tsv").write_text("")
  assert find_split(tmp_path, "dev", dev_file="mine.tsv") == "mine.tsv"


def test_dev_tsv_is_found_as_the_development_set(tmp_path):
  (tmp_path / "dev.tsv").write_text("")
  found = find_split(tmp_path, "dev")
  assert os.path.basename(found) == "dev.tsv"


def test_train_dev_is_used_only_without_train(tmp_path):
  (tmp_path / "train_dev.tsv").write_text("")
  assert find_split(tmp_path, "train").endswith("_dev.tsv")
  (tmp_path / "train.tsv").write_text("")
  assert find_split(tmp_path, "train").endswith("train.tsv")


def test_first_of_equal_scores_is_best_and_patience_counts_from_it(
  tmp_path,
):
  state = model_folder.TrainingState(str(tmp_path))
  assert state.best() is None and not state.stale(1)
  for step, value in ((10, 0.5), (20, 0.7), (30, 0.7), (40, 0.6)):
    state.add(step, value)
  again = model_folder.TrainingState(str(tmp_path))
  assert tuple(again.best()) == (20, 0.7)
  assert again.stale(2) and not again.stale(3) and not again.stale(None)


def test_damaged_json_is_rejected_with_its_name(tmp_path):
  (tmp_path / "training_state.json").write_text("{")
  with pytest.raises(InputError, match="training_state.json: damaged"):
    model_folder.TrainingState(str(tmp_path))


def test_any_value_that_differs_makes_another_run():
  model_folder.refuse_other_run("x", {"a": 1}, {"a": 1})
  with pytest.raises(InputError, match=r"another a \(1, now 2\)"):
    model_folder.refuse_other_run("x", {"a": 1}, {"a": 2})
  with pytest.raises(InputError, match=r"another b \(None, now 2\)"):
    model_folder.refuse_other_run("x", {"a": 1}, {"a": 1, "b": 2})


def test_files_are_written_whole_and_never_below_a_file(
  tmp_path,
):
  model_folder.write_text(str(tmp_path / "a" / "b.txt"), "\u03b1")
  assert (tmp_path / "a" / "b.txt").read_bytes() == b"\xce\xb1"
  assert os.listdir(str(tmp_path / "a")) == ["b.txt"]
  with pytest.raises(InputError, match="b.txt.*cannot be written"):
    model_folder.write_text(str(tmp_path / "a" / "b.txt" / "c.txt"), "")


def write_checkpoints(folder, steps):
  """Writes checkpoints of a run as Estimator does."""
  with tf.Graph().as_default(), tf.Session() as session:
    step = tf.train.get_or_create_global_step()
    tf.get_variable("x", [1000])
    session.run(tf.global_variables_initializer())
    saver = tf.train.Saver()
    for number in steps:
      session.run(step.assign(number))
      saver.save(session, os.path.join(folder, "model.ckpt"), step)


def cut_short(path, share=0.5):
  with open(path, "r+b") as f:
    f.truncate(int(os.path.getsize(path) * share))


@pytest.mark.parametrize(
  "damaged", [".data-00000-of-00001", ".index"], ids=["data", "index"]
)
@pytest.mark.parametrize("share", [0.0, 0.5], ids=["emptied", "halved"])
def test_truncated_checkpoint_is_skipped_for_the_previous_one(
  tmp_path, caplog, damaged, share
):
  folder = str(tmp_path)
  write_checkpoints(folder, [5, 10])
  cut_short(os.path.join(folder, "model.ckpt-10" + damaged), share)
  assert model_folder.TrainingState(folder).step() == 5
  assert "model.ckpt-10 is damaged and left out" in caplog.text
  # Estimator resumes from this one:
  assert tf.train.latest_checkpoint(folder).endswith("model.ckpt-5")


def test_run_does_not_restart_if_every_checkpoint_is_damaged(tmp_path):
  folder = str(tmp_path)
  write_checkpoints(folder, [5])
  cut_short(os.path.join(folder, "model.ckpt-5.index"))
  with pytest.raises(InputError, match="all its checkpoints are damaged"):
    model_folder.TrainingState(folder)


def test_lost_list_of_checkpoints_is_rebuilt(tmp_path):
  folder = str(tmp_path)
  write_checkpoints(folder, [5, 10])
  cut_short(os.path.join(folder, "checkpoint"), 0.0)
  assert model_folder.TrainingState(folder).step() == 10
