# SPDX-License-Identifier: Apache-2.0
"""Tests of model_folder.py."""

import json

import pytest

from common.errors import InputError
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
  model_folder.check_vocabulary(folder, [str(path)])  # Nothing is known.
  hashes = model_folder.vocabulary_hashes([str(path)])
  described = {"vocabulary": hashes}
  if recorded_by == "training":  # By an earlier version.
    both = ["hash of the config"] + list(hashes.values())
    described = {"training": {"config and vocabulary": both}}
  (tmp_path / "run_config.json").write_text(json.dumps(described))
  model_folder.check_vocabulary(folder, [str(path)])
  path.write_bytes(b"Pieces")
  with pytest.raises(InputError, match="a.model: has the SHA-256 .*run_config"):
    model_folder.check_vocabulary(folder, [str(path)])


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
