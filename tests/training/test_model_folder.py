# SPDX-License-Identifier: Apache-2.0
"""Tests of model_folder.py."""

import json
import os
import shutil

import pytest
import tensorflow.compat.v1 as tf

from common.errors import InputError
import modeling
from tests.helpers import REPO
from training import model_folder


def test_task_json_says_which_task_it_is_and_is_read_without_it(tmp_path):
  learned = {"labels": ["a", "b"]}
  model_folder.write_learned(str(tmp_path), "nli", learned)
  written = json.loads((tmp_path / "task.json").read_text())
  assert written == dict(learned, task="nli")
  assert (tmp_path / "labels.txt").read_text() == "a\nb\n"
  assert model_folder.read_learned([None, str(tmp_path)], "nli") == learned


@pytest.mark.parametrize("recorded_by", ["vocabulary", "training"])
def test_another_vocabulary_than_in_training_is_rejected(tmp_path, recorded_by):
  folder, path = str(tmp_path), tmp_path / "a.model"
  path.write_bytes(b"pieces")
  model_folder.check_vocabulary(folder, {str(path): "a1"})  # Nothing is known.
  hashes = model_folder.vocabulary_hashes([str(path)])
  described = {"vocabulary": hashes}
  if recorded_by == "training":  # By an earlier version.
    both = ["hash of the config"] + list(hashes.values())
    described = {"training": {"config and vocabulary": both}}
  (tmp_path / "run_config.json").write_text(json.dumps(described))
  model_folder.check_vocabulary(folder, {str(path): hashes["a.model"]})
  with pytest.raises(
    InputError, match="a.model: has the SHA-256 a1.*run_config"
  ):
    model_folder.check_vocabulary(folder, {str(path): "a1"})


def test_folder_of_another_task_is_rejected_by_its_name(tmp_path):
  model_folder.write_learned(str(tmp_path), "re", {"labels": ["a"]})
  with pytest.raises(InputError, match="for the task re, expected ner"):
    model_folder.read_learned([str(tmp_path)], "ner")


def test_a_task_json_without_what_its_task_needs_is_rejected(tmp_path):
  (tmp_path / "task.json").write_text('{"labels": ["a"]}')
  with pytest.raises(InputError, match="task.json: found no inner_punctuation"):
    model_folder.read_learned([str(tmp_path)], "ner")


def test_task_json_of_earlier_versions_does_not_name_its_task(tmp_path):
  (tmp_path / "task.json").write_text('{"labels": ["a"]}')
  found = model_folder.read_learned([str(tmp_path)], "nli")
  assert found == {"labels": ["a"]}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
  """Returns an unpacked archive of weights that has nothing but them."""
  folder = tmp_path_factory.mktemp("BioALBERT-base")
  config = modeling.AlbertConfig.from_json_file(
    os.path.join(REPO, "configs", "albert_base_v1.json")
  )
  with tf.Graph().as_default(), tf.Session() as session:
    modeling.AlbertModel(config, False, tf.zeros([1, 2], tf.int32))
    session.run(tf.global_variables_initializer())
    prefix = str(folder / "unpacked" / "model.ckpt-best")
    (folder / "unpacked").mkdir()
    tf.train.Saver().save(session, prefix, write_state=False)
  return folder


@pytest.mark.parametrize("flag", ["bioalbert_dir", "init_checkpoint"])
def test_a_checkpoint_alone_is_a_model(archive, flag):
  paths = model_folder.ModelPaths(**{flag: str(archive)})
  model = model_folder.load(paths, max_seq_length=512, output_dir="none")
  assert model.checkpoint == str(archive / "unpacked" / "model.ckpt-best")
  assert model.config.num_hidden_layers == 12
  assert model.config.hidden_dropout_prob == 0.1
  assert model.tokenizer.files == (model_folder.ENGLISH,)
  assert list(model.hashes) == [model.checkpoint, model_folder.ENGLISH]


def test_albert_version_sets_the_dropout_of_a_checkpoint_alone(archive):
  paths = model_folder.ModelPaths(str(archive), albert_version="2")
  assert model_folder.load(paths).config.hidden_dropout_prob == 0
  named = archive / "v2.0"
  (archive / "unpacked").rename(named)
  try:
    paths = model_folder.ModelPaths(str(named))
    assert model_folder.load(paths).config.hidden_dropout_prob == 0
  finally:
    named.rename(archive / "unpacked")


def test_a_config_and_a_vocabulary_of_the_folder_come_first(archive, tmp_path):
  shutil.copytree(str(archive), str(tmp_path / "weights"))
  config = modeling.AlbertConfig.from_json_file(
    os.path.join(REPO, "configs", "albert_base_v2.json")
  ).to_dict()
  config["num_attention_heads"] = 6
  (tmp_path / "weights" / "albert_config.json").write_text(json.dumps(config))
  spm = tmp_path / "weights" / "unpacked" / "spiece.model"
  shutil.copy(model_folder.ENGLISH, str(spm))
  model = model_folder.load(model_folder.ModelPaths(str(tmp_path / "weights")))
  assert model.config.num_attention_heads == 6
  assert model.tokenizer.files == (str(spm),)


def test_published_commands_on_an_archive_name_the_shorter_one(archive):
  folder = str(archive / "unpacked")
  paths = model_folder.ModelPaths(
    None,
    folder + "/albert_config.json",
    folder + "/vocab.txt",
    init_checkpoint=folder + "/model.ckpt-1000000",
  )
  expected = (
    "vocab.txt: no such file; the folder has the checkpoint model.ckpt-best; "
    "expected --bioalbert_dir=.*unpacked in place of the flags with vocab.txt, "
    "albert_config.json, model.ckpt-1000000$"
  )
  with pytest.raises(InputError, match=expected):
    model_folder.load(paths)
