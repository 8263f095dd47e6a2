# SPDX-License-Identifier: Apache-2.0
"""Tests of run_files.py."""

import os
import types

import pytest
import tensorflow.compat.v1 as tf

from common.errors import InputError
from training import model_folder


def test_a_checkpoint_is_copied_whatever_its_shards_and_without_old_ones(
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
  """The file that a data set's folder, or a flag, gives to a split."""
  config = types.SimpleNamespace(
    data_dir=str(folder), train_file=None, dev_file=None, test_file=None
  )
  vars(config).update(given)
  return model_folder.find_split(
    config, split, model_folder.SPLIT_NAMES, "do_eval"
  )


def test_a_file_that_is_named_comes_before_the_folders(tmp_path):
  (tmp_path / "dev.tsv").write_text("")
  assert find_split(tmp_path, "dev", dev_file="mine.tsv") == "mine.tsv"


def test_the_development_set_goes_by_both_of_its_names(tmp_path):
  (tmp_path / "dev.tsv").write_text("")
  found = find_split(tmp_path, "dev")
  assert os.path.basename(found) == "dev.tsv"


def test_train_dev_serves_where_there_is_no_train(tmp_path):
  (tmp_path / "train_dev.tsv").write_text("")
  assert find_split(tmp_path, "train").endswith("_dev.tsv")
  (tmp_path / "train.tsv").write_text("")
  assert find_split(tmp_path, "train").endswith("train.tsv")


def test_the_first_of_equal_scores_is_the_best_and_patience_counts_from_it(
  tmp_path,
):
  state = model_folder.TrainingState(str(tmp_path))
  assert state.best() is None and not state.stale(1)
  for step, value in ((10, 0.5), (20, 0.7), (30, 0.7), (40, 0.6)):
    state.add(step, value)
  again = model_folder.TrainingState(str(tmp_path))
  assert tuple(again.best()) == (20, 0.7)
  assert again.stale(2) and not again.stale(3) and not again.stale(None)


def test_damaged_json_is_refused_by_name(tmp_path):
  (tmp_path / "training_state.json").write_text("{")
  with pytest.raises(InputError, match="training_state.json: damaged"):
    model_folder.TrainingState(str(tmp_path))


def test_a_run_is_another_one_by_any_value_that_differs():
  model_folder.refuse_other_run("x", {"a": 1}, {"a": 1})
  with pytest.raises(InputError, match=r"another a \(1, now 2\)"):
    model_folder.refuse_other_run("x", {"a": 1}, {"a": 2})
  with pytest.raises(InputError, match=r"another b \(None, now 2\)"):
    model_folder.refuse_other_run("x", {"a": 1}, {"a": 1, "b": 2})


def test_a_file_is_written_whole_and_a_folder_that_is_a_file_is_refused(
  tmp_path,
):
  model_folder.write_text(str(tmp_path / "a" / "b.txt"), "\u03b1")
  assert (tmp_path / "a" / "b.txt").read_bytes() == b"\xce\xb1"
  assert os.listdir(str(tmp_path / "a")) == ["b.txt"]
  with pytest.raises(InputError, match="b.txt.*cannot be written"):
    model_folder.write_text(str(tmp_path / "a" / "b.txt" / "c.txt"), "")


def write_checkpoints(folder, steps):
  """Checkpoints of a run, as Estimator leaves them."""
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


@pytest.mark.parametrize("damaged", [".data-00000-of-00001", ".index"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_checkpoint_that_was_cut_short_is_left_out_for_the_one_before(
  tmp_path, caplog, damaged, share
):
  folder = str(tmp_path)
  write_checkpoints(folder, [5, 10])
  cut_short(os.path.join(folder, "model.ckpt-10" + damaged), share)
  assert model_folder.TrainingState(folder).step() == 5
  assert "model.ckpt-10 is damaged and left out" in caplog.text
  # What Estimator goes on from:
  assert tf.train.latest_checkpoint(folder).endswith("model.ckpt-5")


def test_without_any_readable_checkpoint_a_run_does_not_begin_anew(tmp_path):
  folder = str(tmp_path)
  write_checkpoints(folder, [5])
  cut_short(os.path.join(folder, "model.ckpt-5.index"))
  with pytest.raises(InputError, match="all its checkpoints are damaged"):
    model_folder.TrainingState(folder)


def test_a_lost_list_of_checkpoints_is_written_again(tmp_path):
  folder = str(tmp_path)
  write_checkpoints(folder, [5, 10])
  cut_short(os.path.join(folder, "checkpoint"), 0.0)
  assert model_folder.TrainingState(folder).step() == 10
