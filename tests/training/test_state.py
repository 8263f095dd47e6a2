# SPDX-License-Identifier: Apache-2.0
"""Tests of training/state.py."""

import os

import pytest
import tensorflow.compat.v1 as tf

from common.errors import InputError
from training import state


def test_copy_checkpoint_copies_all_shards_and_removes_old_ones(tmp_path):
  for name, text in {
    "model.ckpt-7.index": "i",
    "model.ckpt-7.meta": "m",
    "model.ckpt-7.data-00000-of-00002": "a",
    "model.ckpt-7.data-00001-of-00002": "b",
    "model.ckpt-best.index": "old",
    "model.ckpt-best.data-00000-of-00001": "old",
  }.items():
    (tmp_path / name).write_text(text)
  state.copy_checkpoint(
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


def test_first_of_equal_scores_is_best_and_patience_counts_from_it(tmp_path):
  kept = state.TrainingState(str(tmp_path))
  assert kept.best() is None and not kept.stale(1)
  for step, value in ((10, 0.5), (20, 0.7), (30, 0.7), (40, 0.6)):
    kept.add(step, value)
  again = state.TrainingState(str(tmp_path))
  assert tuple(again.best()) == (20, 0.7)
  assert again.stale(2) and not again.stale(3) and not again.stale(None)


def test_damaged_json_is_rejected_with_its_name(tmp_path):
  (tmp_path / "training_state.json").write_text("{")
  with pytest.raises(InputError, match="training_state.json:1:2: damaged"):
    state.TrainingState(str(tmp_path))


def test_any_value_that_differs_makes_another_run():
  state.refuse_other_run("x", {"a": 1}, {"a": 1})
  with pytest.raises(InputError, match=r"another a \(1, now 2\)"):
    state.refuse_other_run("x", {"a": 1}, {"a": 2})
  with pytest.raises(InputError, match=r"another b \(None, now 2\)"):
    state.refuse_other_run("x", {"a": 1}, {"a": 1, "b": 2})


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
  assert state.TrainingState(folder).step() == 5
  assert "model.ckpt-10 is damaged and ignored" in caplog.text
  # Estimator resumes from this one:
  assert tf.train.latest_checkpoint(folder).endswith("model.ckpt-5")


def test_run_does_not_restart_if_every_checkpoint_is_damaged(tmp_path):
  folder = str(tmp_path)
  write_checkpoints(folder, [5])
  cut_short(os.path.join(folder, "model.ckpt-5.index"))
  with pytest.raises(InputError, match="all its checkpoints are damaged"):
    state.TrainingState(folder)


def test_a_damaged_best_checkpoint_is_rejected(tmp_path):
  folder = str(tmp_path)
  write_checkpoints(folder, [5])
  best = os.path.join(folder, state.BEST)
  state.copy_checkpoint(os.path.join(folder, "model.ckpt-5"), best)
  cut_short(best + ".data-00000-of-00001")
  with pytest.raises(InputError, match="model.ckpt-best: not a readable"):
    state.TrainingState(folder)


def test_leftovers_of_saves_are_removed_and_checkpoints_stay(tmp_path):
  kept = [
    "model.ckpt-5.index",
    "model.ckpt-best.meta",
    "checkpoint",
    "mine.tmp",
  ]
  left = ["graph.pbtxt.tmp1f", "model.ckpt-5.meta.tmp1f", "checkpoint.tmp1f"]
  for name in kept + left:
    (tmp_path / name).write_text("")
  for name in ("model.ckpt-10_temp", "model.ckpt-10_temp_1f"):
    (tmp_path / name).mkdir()
    (tmp_path / name / "part-00000-of-00001.index.tempstate1").write_text("")
  state.remove_leftovers(str(tmp_path))
  assert sorted(os.listdir(str(tmp_path))) == sorted(kept)


def test_a_damaged_list_without_checkpoints_is_no_checkpoint(tmp_path):
  (tmp_path / "checkpoint").write_bytes(b"\xff\x00model")
  assert state.TrainingState(str(tmp_path)).step() == 0


def test_lost_list_of_checkpoints_is_rebuilt(tmp_path):
  folder = str(tmp_path)
  write_checkpoints(folder, [5, 10])
  cut_short(os.path.join(folder, "checkpoint"), 0.0)
  assert state.TrainingState(folder).step() == 10
