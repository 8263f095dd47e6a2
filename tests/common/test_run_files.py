# SPDX-License-Identifier: Apache-2.0
"""Tests of run_files.py."""

import json

import pytest

from common import run_files
from common.errors import InputError

READERS = {
  run_files.DESCRIPTION: run_files.read_description,
  run_files.RESULTS: run_files.read_results,
  run_files.STATE: run_files.read_state,
  run_files.LEARNED: run_files.read_learned,
}


def test_a_folder_without_files_is_that_of_a_new_run(tmp_path):
  folder = str(tmp_path)
  assert run_files.read_description(folder) == {}
  assert run_files.read_results(folder) == {}
  assert run_files.read_state(folder) == {"finished": False, "scores": []}
  assert run_files.read_learned(folder) is None


@pytest.mark.parametrize("name", sorted(READERS))
@pytest.mark.parametrize("content", ["[]", "null", "1", '{"a": "\\ud800"}'])
def test_a_file_without_an_object_is_rejected(tmp_path, name, content):
  (tmp_path / name).write_text(content)
  with pytest.raises(InputError, match=name + ": found"):
    READERS[name](str(tmp_path))


@pytest.mark.parametrize(
  "name, content, message",
  [
    (run_files.DESCRIPTION, {"training": []}, r"found \[\] under training"),
    (run_files.DESCRIPTION, {"flags": None}, "found null under flags"),
    (run_files.RESULTS, {"test": [0.5]}, r"found \[0.5\] under test"),
    (run_files.STATE, {}, "found no finished, expected true or false"),
    (
      run_files.STATE,
      {"finished": False, "scores": [[10]]},
      r"found \[10\] under scores\[0\], expected a list of 2",
    ),
    (run_files.LEARNED, {"labels": "O"}, 'found "O" under labels, expected a'),
  ],
)
def test_other_content_is_rejected_with_its_key(
  tmp_path, name, content, message
):
  (tmp_path / name).write_text(json.dumps(content))
  with pytest.raises(InputError, match=name + ": " + message):
    READERS[name](str(tmp_path))


def test_scores_may_be_undefined(tmp_path):
  (tmp_path / "results.json").write_text('{"test": {"pearson": NaN}}')
  assert "pearson" in run_files.read_results(str(tmp_path))["test"]


@pytest.mark.parametrize(
  "task, learned, message",
  [
    ("ner", {"labels": ["O"]}, "found no inner_punctuation, expected a string"),
    ("nli", {"labels": []}, "found no labels or one of them twice"),
    ("nli", {"labels": ["a", "a"]}, "found no labels or one of them twice"),
    ("dc", {"labels": ["a"], "thresholds": {"b": 1}}, "for other labels"),
    ("nli", {"labels": ["a"], "class_weights": {}}, "weights for other labels"),
    ("re", {"labels": ["a"], "entity_marks": "tokens"}, "found no mark_ids"),
  ],
)
def test_a_task_needs_what_it_has_learned(task, learned, message):
  with pytest.raises(InputError, match="^x: .*" + message):
    run_files.check_learned(learned, task, "x")


def test_a_task_of_ones_own_may_learn_anything():
  run_files.check_learned({"anything": None}, "own", "x")
