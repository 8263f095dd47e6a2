# SPDX-License-Identifier: Apache-2.0
"""Tests of model_folders.py."""

import json
import os
import shutil

import numpy as np
import pytest

from common.errors import InputError
from exporting import model_folders
from tests.helpers import REPO
from tests.helpers import programs

SMALL = os.path.join(REPO, "models", "bioalbert-small")


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
  """A tiny pretrained model with optimizer slots and a step."""
  folder = tmp_path_factory.mktemp("models") / "tiny"
  programs.write_model(folder)
  return folder


@pytest.mark.parametrize(
  "learned, described, task",
  [
    ({"labels": ["O"], "inner_punctuation": ""}, {}, "ner"),
    ({"labels": ["0"], "entity_marks": "as_is"}, {}, "re"),
    ({"highest": 4.0}, {}, "sts"),
    ({"labels": ["a"], "thresholds": {"a": 0.5}}, {}, "dc"),
    ({"labels": ["a"]}, {"flags": {"tune_threshold": None}}, "dc"),
    ({"labels": ["a"]}, {"flags": {"padding": "fixed"}}, "nli"),
    ({"labels": ["no", "yes"]}, {"flags": {"max_query_length": 64}}, "yesno"),
    ({"unanswerable": False}, {"flags": {"max_query_length": 64}}, "qa"),
    ({"labels": ["a"]}, {"task": "dc"}, "dc"),
  ],
)
def test_the_task_follows_from_the_files_of_the_programs(
  learned, described, task
):
  assert model_folders.task_of("x", learned, described) == task


def test_an_unknown_task_is_an_error():
  with pytest.raises(InputError, match="x: cannot tell the model.s task"):
    model_folders.task_of("x", {"labels": ["a"]}, {})


def test_the_head_of_a_pretrained_model_follows_from_its_checkpoint(pretrained):
  assert model_folders.load(SMALL).head == "pretraining"
  # It has the bias of masked words alone, and not their layers.
  assert model_folders.load(str(pretrained)).head == "encoder"


def test_labels_of_another_model_are_an_error(pretrained, tmp_path):
  folder = tmp_path / "copy"
  shutil.copytree(str(pretrained), str(folder))
  (folder / "task.json").write_text(json.dumps({"highest": 4.0}))
  with pytest.raises(
    InputError, match="no fitting output_bias, output_weights"
  ):
    model_folders.load(str(folder))


@pytest.mark.once
def test_the_checkpoint_can_be_chosen(pretrained, tmp_path):
  folder = tmp_path / "copy"
  shutil.copytree(str(pretrained), str(folder))
  model = model_folders.load(str(folder))
  arrays = model_folders.read_weights(model, step=True)
  model_folders.write_checkpoint(str(folder / "model.ckpt-best"), arrays)
  assert model_folders.load(str(folder)).checkpoint.endswith("ckpt-best")
  last = model_folders.load(str(folder), "last").checkpoint
  assert last.endswith("model.ckpt-1000000")
  assert model_folders.load(str(folder), last + ".index").checkpoint == last
  with pytest.raises(InputError, match="no checkpoint there"):
    model_folders.load(str(folder), str(folder / "model.ckpt-7"))
  with pytest.raises(InputError, match="no last checkpoint of a training run"):
    model_folders.load(SMALL, "last")


def test_weights_exclude_training_state(pretrained):
  source = model_folders.load(str(pretrained))
  names = set(model_folders.read_weights(source))
  assert "bert/pooler/dense/kernel" in names
  assert not [n for n in names if "adam" in n or n == "global_step"]
  with_step = model_folders.read_weights(source, step=True)
  assert set(with_step) - names == {"global_step"}
  assert with_step["global_step"] == 1000000


@pytest.mark.once
def test_padding_does_not_change_outputs(pretrained):
  source = model_folders.load(str(pretrained))
  batch = model_folders.sample_batch(source)
  together = model_folders.compute(source, batch)["pooled_output"]
  for row in range(len(together)):
    size = batch["input_mask"][row].sum()
    assert size < batch["input_mask"].shape[1] or row < 2
    one = {name: x[row : row + 1, :size] for name, x in batch.items()}
    alone = model_folders.compute(source, one)["pooled_output"]
    np.testing.assert_allclose(together[row], alone[0], atol=1e-5)


def test_a_folder_appears_only_when_it_is_complete(tmp_path):
  target = str(tmp_path / "new" / "x")
  with pytest.raises(KeyError):
    with model_folders.writing(target) as folder:
      model_folders.write_all(folder, {"a": b"b"})
      raise KeyError
  assert not os.listdir(str(tmp_path / "new"))
  with model_folders.writing(target) as folder:
    model_folders.write_all(folder, {"a/b": b"c"})
    assert not os.path.exists(target)
  assert os.listdir(target) == ["a"]
  assert os.listdir(str(tmp_path / "new")) == ["x"]


def test_what_a_killed_export_left_is_removed(tmp_path):
  left = ["x.partial-1", "x.partial-22", "x/2.partial-1"]
  kept = ["x", "x.partial-a", "xy.partial-1", "x/1", "x/y.partial-1"]
  for name in left + kept:
    os.makedirs(str(tmp_path / name), exist_ok=True)
  model_folders.remove_leftovers(str(tmp_path / "x") + "/")
  found = [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")]
  assert sorted(found) == sorted(kept)


def test_existing_files_are_not_overwritten(tmp_path):
  (tmp_path / "x").mkdir()
  (tmp_path / "file").write_text("y")
  with model_folders.writing(str(tmp_path / "x")) as folder:  # Empty: fine.
    model_folders.write_all(folder, {"a": b"b"})
  for name in ("x", "file"):
    with pytest.raises(InputError, match="already exists"):
      with model_folders.writing(str(tmp_path / name)):
        raise AssertionError


def test_checksums_have_the_format_of_sha256sum(tmp_path):
  (tmp_path / "a").write_bytes(b"")
  assert model_folders.checksums(str(tmp_path)) == (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n"
  )
