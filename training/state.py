# SPDX-License-Identifier: Apache-2.0
"""What an output folder knows of its training run, and its checkpoints."""

import os
import re
import time

from absl import logging
import tensorflow.compat.v1 as tf

from common import files
from common import run_files
from common.errors import InputError
import modeling

BEST = "model.ckpt-best"
# What TensorFlow names its unfinished checkpoints, graphs and lists.
_LEFTOVER = re.compile(
  r"model\.ckpt-\d+(_temp|\.meta\.tmp)|(graph\.pbtxt|checkpoint)\.tmp"
)


class TrainingState:
  """The scores and the newest checkpoint of a training run.

  Kept in training_state.json:
  {"finished": bool, "scores": [[step, value], ...]}.
  """

  def __init__(self, folder):
    self._folder = folder
    self._file = os.path.join(folder, run_files.STATE)
    self._values = run_files.read_state(folder)
    newest_readable_checkpoint(folder)
    best = os.path.join(folder, BEST)
    if tf.io.gfile.exists(best + ".index"):
      modeling.check_checkpoint(best)

  def checkpoint(self, step):
    """Returns the prefix of a step's checkpoint."""
    return os.path.join(self._folder, "model.ckpt-%d" % step)

  def step(self):
    """Returns the step of the newest checkpoint; 0 if there is none."""
    newest = named_checkpoint(self._folder)
    step = checkpoint_step(newest) if newest else 0
    if step is None:
      raise InputError(
        "%s: has no global_step, so training cannot go on from it; expected a "
        "new or empty folder as --output_dir" % newest
      )
    return step

  def started(self):
    return self.step() > 0

  def finished(self, num_train_steps):
    return self._values["finished"] or self.step() >= num_train_steps

  def scored(self, step):
    return any(s == step for s, _ in self._values["scores"])

  def best(self):
    """Returns (step, value) of the first of the best scores, or None."""
    scores = self._values["scores"]
    return max(scores, key=lambda pair: pair[1]) if scores else None

  def stale(self, patience):
    """Tells whether none of the last `patience` scores beat one before them."""
    scores = [s for s, _ in self._values["scores"]]
    if not patience or not scores:
      return False
    return len(scores) - 1 - scores.index(self.best()[0]) >= patience

  def add(self, step, value):
    self._values["scores"].append([int(step), value])
    files.write_json(self._file, self._values)

  def await_score(self, step):
    """Waits until another process has added a step's score."""
    while not self.scored(step):
      time.sleep(1)
      self._values = run_files.read_state(self._folder)

  def finish(self):
    self._values["finished"] = True
    files.write_json(self._file, self._values)


def refuse_other_run(folder, before, asked):
  """Rejects a folder that holds checkpoints of another training run.

  Args:
    folder: the output folder, in which training has begun.
    before: {what: value} of that run; None if it left no description.
    asked: the same for the run that was asked for.

  Raises:
    InputError: names the first difference.
  """
  if before is None:
    raise InputError(
      "%s: holds checkpoints but no run_config.json that describes their "
      "training; expected a new or empty folder as --output_dir" % folder
    )
  for key in sorted(set(before) | set(asked)):
    if before.get(key) != asked.get(key):
      raise InputError(
        "%s: holds a run with another %s (%s, now %s); expected the same, to "
        "go on, or another --output_dir"
        % (folder, key, before.get(key), asked.get(key))
      )


def newest_readable_checkpoint(folder):
  """Returns the newest checkpoint of a run that can be read, None without any.

  Warns about newer ones that cannot, and makes the folder's file `checkpoint`
  name the right one, because training goes on from that.

  Raises:
    InputError: there are checkpoints, but none can be read.
  """
  found = _numbered_checkpoints(folder)
  for count, checkpoint in reversed(list(enumerate(found, 1))):
    try:
      modeling.check_checkpoint(checkpoint)
    except InputError as e:
      logging.warning("%s is damaged and ignored: %s", checkpoint, e)
      continue
    named = named_checkpoint(folder) or ""
    if os.path.basename(named) != os.path.basename(checkpoint):
      tf.train.update_checkpoint_state(folder, checkpoint, found[:count])
    return checkpoint
  if found:
    raise InputError(
      "%s: all its checkpoints are damaged; expected a new or empty folder as "
      "--output_dir" % folder
    )
  return named_checkpoint(folder)


def remove_leftovers(folder):
  """Removes the temporary files of saves that a full disk or a kill ended."""
  if files.is_remote(folder):  # Without locks, they may be another run's.
    return
  for name in files.list_names(folder):
    path = os.path.join(folder, name)
    if not _LEFTOVER.match(name):
      continue
    logging.info("removed what is left of a save that did not end: %s", path)
    if tf.io.gfile.isdir(path):
      tf.io.gfile.rmtree(path)
    else:
      files.remove(path)


def named_checkpoint(folder):
  """Returns what training would go on from, by the folder's `checkpoint` file.

  That is None if there is no such file, or a damaged one.
  """
  try:
    return tf.train.latest_checkpoint(folder)
  except (tf.errors.OpError, ValueError, TypeError):
    return None


def _numbered_checkpoints(folder):
  """Returns a run's checkpoints, oldest first, without model.ckpt-best."""
  steps = {}
  if not tf.io.gfile.isdir(folder):
    return []
  for path in tf.io.gfile.glob(os.path.join(folder, "model.ckpt-*.index")):
    checkpoint = path[: -len(".index")]
    number = checkpoint.rsplit("-", 1)[1]
    if number.isdigit():
      steps[int(number)] = checkpoint
  return [steps[step] for step in sorted(steps)]


def checkpoint_step(checkpoint):
  """Returns the global_step in a checkpoint, None if it has none."""
  if "global_step" not in modeling.checkpoint_shapes(checkpoint):
    return None
  ((_, step),) = modeling.read_checkpoint(checkpoint, ["global_step"])
  return int(step)


def checkpoint_files(checkpoint):
  """Returns the files of a checkpoint, its index last."""
  return sorted(tf.io.gfile.glob(checkpoint + ".data-*")) + tf.io.gfile.glob(
    checkpoint + ".index"
  )


def copy_checkpoint(source, target):
  """Copies a checkpoint's files, however many shards it has.

  Removes an old index first and copies the new one last, so that an index
  always belongs to the data beside it.
  """
  if tf.io.gfile.exists(target + ".index"):
    tf.io.gfile.remove(target + ".index")
  for old in tf.io.gfile.glob(target + ".data-*"):
    tf.io.gfile.remove(old)
  for path in tf.io.gfile.glob(source + ".meta") + checkpoint_files(source):
    tf.io.gfile.copy(path, target + path[len(source) :], overwrite=True)
