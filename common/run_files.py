# SPDX-License-Identifier: Apache-2.0
"""The JSON files that a run leaves in its output folder: names and content.

A damaged file, or one of another shape, raises an InputError that names it.
"""

import os

from common import files
from common.errors import InputError
from common.text import check_shape

DESCRIPTION = "run_config.json"
LEARNED = "task.json"
RESULTS = "results.json"
STATE = "training_state.json"

_TEXT = (str, None)
_DESCRIPTION_SHAPE = {
  "command?": str,
  "task?": _TEXT,
  "flags?": {
    "task_name?": _TEXT,
    "golden_file?": _TEXT,
    "test_file?": _TEXT,
  },
  "task_name?": _TEXT,
  "do_lower_case?": (bool, None),
  "vocabulary?": {str: str},
  "training?": (
    {
      "do_lower_case?": (bool, None),
      "spm_digit_comma_fix?": (bool, None),
      "max_seq_length?": int,
      "config and vocabulary?": [str],
    },
    None,
  ),
}
_RESULTS_SHAPE = {"task_name?": _TEXT, "test?": {}, "dev?": {}, "batches?": {}}
_STATE_SHAPE = {"finished": bool, "scores": [[int, float]]}
# What each task learns; those of earlier versions have the same.
_LEARNED_SHAPES = {
  "ner": {"labels": [str], "inner_punctuation": str, "entity_type?": str},
  "re": {
    "labels": [str],
    "entity_marks": str,
    "mark_ids?": {str: int},
    "class_weights?": {str: float},
  },
  "sts": {"highest?": float},
  "nli": {"labels": [str], "class_weights?": {str: float}},
  "dc": {
    "labels": [str],
    "thresholds?": {str: float},
    "class_weights?": {str: float},
  },
  "qa": {"unanswerable?": bool},
  "yesno": {"labels": [str]},
}


def read_description(folder):
  """Returns a folder's run_config.json; {} without one."""
  return _read(folder, DESCRIPTION, {}, _DESCRIPTION_SHAPE)


def read_results(folder):
  """Returns a folder's results.json; {} without one."""
  return _read(folder, RESULTS, {}, _RESULTS_SHAPE, allow_nan=True)


def read_state(folder):
  """Returns a folder's training_state.json, that of a new run without one."""
  new = {"finished": False, "scores": []}
  return _read(folder, STATE, new, _STATE_SHAPE, allow_nan=True)


def read_learned(folder):
  """Returns a folder's task.json; None without one."""
  shape = {"task?": str, "labels?": [str]}
  return _read(folder, LEARNED, None, shape)


def check_learned(learned, task, path):
  """Raises InputError unless a task.json has what its task learns."""
  check_shape(learned, _LEARNED_SHAPES.get(task, {}), path)
  labels = learned.get("labels")
  if labels is not None and len(set(labels)) != max(len(labels), 1):
    raise InputError(
      "%s: found no labels or one of them twice, expected different ones" % path
    )
  for key, name in (("thresholds", "thresholds"), ("class_weights", "weights")):
    if key in learned and set(learned[key]) != set(labels):
      raise InputError(
        "%s: found %s for other labels, expected one for each label"
        % (path, name)
      )
  if learned.get("entity_marks") == "tokens" and "mark_ids" not in learned:
    raise InputError("%s: found no mark_ids, expected an object" % path)


def _read(folder, name, *args, **kwargs):
  return files.read_json(os.path.join(folder, name), *args, **kwargs)
