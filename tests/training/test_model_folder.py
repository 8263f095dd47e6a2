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
