# SPDX-License-Identifier: Apache-2.0
"""The splits of a data set: finds their files, reads and encodes examples."""

import collections
import os
import re

from absl import logging
import numpy as np
import tensorflow.compat.v1 as tf

from common import files
from common.errors import InputError
from common.errors import first_five
from common.errors import shorten
from common.text import count_text
from formats import detect
from formats import streams
import tokenization
from training import batches

NAMES = {
  "train": ("train.tsv", "train_dev.tsv"),
  "dev": ("devel.tsv", "dev.tsv"),
  "test": ("test.tsv",),
}

_BLOCK_EXAMPLES = 1000  # are encoded at once.

# Labels that are seldom meant, and why.
_SENTENCE = re.compile(r"(\S+\s+){3,}\S+[.!?]$|(\S+\s+){8,}")
_ODD_LABELS = (
  (
    re.compile(r"^(nan|none|null|n/?a|<na>|nat|)$", re.IGNORECASE),
    "is it a missing value? A text without a label has an empty cell where "
    "any number of labels is allowed",
  ),
  (
    re.compile(r"^[\[({'\"]|^[^\[(]*[\])}]$|['\"]$"),
    "a list of labels is written a,b or ['a', 'b'], with all its brackets",
  ),
  (re.compile(r"[;|]"), "several labels are separated by commas"),
  (_SENTENCE, "it reads as a sentence"),
)

# The fields are the flags of that name.
Data = collections.namedtuple(
  "Data",
  "data_dir train_file dev_file test_file predict_file train_on_dev "
  "dev_fraction allow_incomplete predict_gzip num_workers "
  "predict_part",
)

# What a command does, from the flags of that name. None: it is still open.
Todo = collections.namedtuple("Todo", ["do_train", "do_eval", "do_predict"])

# `features` holds a list of windows per example, `truncated` counts examples
# that were cut short, and `expected_unknown` counts unknown pieces that do not
# point to a wrong vocabulary.
Split = collections.namedtuple(
  "Split", ["path", "examples", "features", "truncated", "expected_unknown"]
)


def find(data, split, names, flag):
  """Returns the file of a split ("train", "dev", "test") of a data set.

  Args:
    data: Data; --train_file and the like come first, then --data_dir.
    split: which one.
    names: {split: its possible file names, the preferred one first}.
    flag: what asks for the split, for the message of an InputError.
  """
  given = getattr(data, split + "_file")
  if given:
    return given
  if not data.data_dir:
    raise InputError("--%s needs --data_dir, or --%s_file" % (flag, split))
  found = _existing(data.data_dir, names[split])
  if found:
    return found[0]
  raise InputError(
    "%s: --%s needs one of %s there, or --%s_file"
    % (data.data_dir, flag, ", ".join(names[split]), split)
  )


def has(data, split, names):
  """Tells whether the flags lead to a file of that split; see `find`."""
  if getattr(data, split + "_file"):
    return True
  return bool(data.data_dir and _existing(data.data_dir, names[split]))


def _existing(folder, names):
  """Returns the files of these names in a folder."""
  paths = [os.path.join(folder, name) for name in names]
  return [path for path in paths if tf.io.gfile.exists(path)]


def read(task, todo, data, seed, needs_dev):
  """Returns {split: (path, examples)} of what a command needs.

  Reads the training set if anything is trained or held out, and the dev and
  test sets if they are scored. GAD and EU-ADR come with a dev set of 0 bytes,
  which is left out with a warning.

  Args:
    task: a harness.Task.
    todo: Todo.
    data: Data.
    seed: draws the examples that --dev_fraction holds out.
    needs_dev: whether the command is of no use without a dev set.

  Raises:
    InputError: a file is missing, damaged, of another kind than the task's, or
      empty where it is needed.
  """
  held_out = data.dev_fraction and todo.do_eval
  found = {}
  for split, wanted, flag in (
    ("train", todo.do_train or held_out, "do_train"),
    ("dev", (todo.do_eval or data.train_on_dev) and not held_out, "do_eval"),
    ("test", todo.do_predict, "do_predict"),
  ):
    if wanted:
      path = find(data, split, task.split_names, flag)
      content = _read_bytes(path)
      if split == "dev" and not content:
        _skip_empty_dev(path, needs_dev)
      else:
        detect.reject_others(content, path, task.kinds)
        found[split] = (path, task.read(content, path, split))
  if held_out:
    path, examples = found["train"]
    train, dev = hold_out(examples, data.dev_fraction, seed, task.group, path)
    found.update(train=(path, train), dev=(path, dev))
  elif data.train_on_dev and "dev" in found and todo.do_train:
    path, examples = found["train"]
    found["train"] = (path, examples + found["dev"][1])
  return found


def _read_bytes(path):
  """Returns the bytes of a file without gzip."""
  return streams.unpacked(files.read(path), path)


def _skip_empty_dev(path, needs_dev):
  """Warns about a development set of 0 bytes, or rejects it if needed."""
  message = (
    "%s is empty (0 bytes): there is nothing to score and no best checkpoint "
    "to choose; --dev_fraction=0.1 holds out a development set from the "
    "training set" % path
  )
  if needs_dev:
    raise InputError(message)
  logging.warning("%s", message)


def hold_out(examples, fraction, seed, group, path):
  """Returns (training examples, development examples), each in their order.

  Args:
    examples: a list.
    fraction: smallest share of the examples to hold out.
    seed: the same seed gives the same split.
    group: function of an example that names what must not be split; None for
      an example that stands alone.
    path: of the examples, for the message of an InputError.
  """
  groups = collections.OrderedDict()
  for i, example in enumerate(examples):
    name = group(example)
    groups.setdefault(("alone", i) if name is None else name, []).append(i)
  members = list(groups.values())
  held = set()
  for i in np.random.RandomState(seed).permutation(len(members)):
    if len(held) >= fraction * len(examples):
      break
    held.update(members[i])
  if len(held) == len(examples):
    raise InputError(
      "%s: --dev_fraction=%s of %d examples leaves none to train on"
      % (path, fraction, len(examples))
    )
  train = [e for i, e in enumerate(examples) if i not in held]
  return train, [e for i, e in enumerate(examples) if i in held]


def encode(task, path, examples, is_training):
  """Returns the Split of these examples."""
  encoded = []
  for block in batches.chunk(examples, _BLOCK_EXAMPLES):
    encoded += task.encode_all(block, is_training)
  return collect(path, examples, encoded)


def collect(path, examples, encoded):
  """Returns the Split of examples that are encoded."""
  return Split(
    path,
    examples,
    [e.features for e in encoded],
    sum(e.truncated for e in encoded),
    sum(e.expected_unknown for e in encoded),
  )


def log_labels(task, name, path, examples):
  """Logs how often a split has each label; names what cannot be predicted."""
  counts, _ = _count_labels(task, path, examples)
  if not counts:
    return
  order = task.learned["labels"] + sorted(
    set(counts) - set(task.learned["labels"])
  )
  text = ", ".join(
    "%s (%d)" % (shorten(x)[1:-1], counts[x]) for x in order[:50]
  )
  more = ", ..." if len(order) > 50 else ""
  logging.info("%s: %d labels: %s%s", name, len(order), text, more)
  unknown = [label for label in order if not task.can_predict(label)]
  if unknown:
    logging.warning(
      "%s: %d of %d labels are not in the training set, so the model cannot "
      "predict them: %s",
      *(path, len(unknown), len(counts), first_five(unknown)),
    )


def _count_labels(task, path, examples):
  """Returns the counts of labels, and {label: where it stands first}."""
  counts, places = collections.Counter(), {}
  for example in examples:
    for label, place in task.labels_of(example):
      counts[label] += 1
      places.setdefault(label, place or path)
  return counts, places


def check_labels(task, path, examples):
  """Warns about labels of a training set that look wrong.

  Raises:
    InputError: there are about as many labels as examples, or they read as
      sentences: another column holds the labels.
  """
  counts, places = _count_labels(task, path, examples)
  texts = [label for label in counts if _SENTENCE.match(label)]
  unique = len(counts) >= 0.9 * sum(counts.values())
  if unique and (len(counts) > 20 or 2 * len(texts) > len(counts)):
    label = (texts or list(counts))[0]
    raise InputError(
      "%s: found %d labels that occur %d times in all, such as %s; expected a "
      "few that repeat: is another column the labels?"
      % (places[label], len(counts), sum(counts.values()), shorten(label))
    )
  if len(counts) == 1:
    logging.warning(
      "%s: found the label %s only, so there is nothing to learn",
      *(path, next(iter(counts))),
    )
  for label in counts:
    reasons = [why for pattern, why in _ODD_LABELS if pattern.search(label)]
    if reasons and label.lower() not in task.expected_labels():
      logging.warning(
        "%s: found the label %s (%s); %s",
        *(places[label], shorten(label), _times(counts[label]), reasons[0]),
      )


def _times(number):
  return "once" if number == 1 else "%d times" % number


def windows_of(split):
  """Returns the features of all windows of a Split, in order."""
  return [window for features in split.features for window in features]


def log(name, split, unk_id):
  """Logs what a Split holds; warns if the vocabulary does not fit it."""
  windows = [window["input_ids"] for window in windows_of(split)]
  logging.info(
    "%s: %s, %s, from %s",
    name,
    count_text(len(split.examples), "example"),
    count_text(len(windows), "window"),
    split.path,
  )
  rate = tokenization.unknown_rate(windows, unk_id, split.expected_unknown)
  tokenization.warn_of_unknown(rate, split.path)
  if split.truncated:
    logging.warning(
      "%s: %d of %d examples have too many pieces and were truncated",
      *(name, split.truncated, len(split.examples)),
    )
