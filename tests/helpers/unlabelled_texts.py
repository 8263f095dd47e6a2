# SPDX-License-Identifier: Apache-2.0
"""Reads unlabelled texts from bytes; works without TensorFlow."""

import numpy as np

from common.errors import reject
from formats import streams
from formats import unlabelled
from training import batches


def documents_of(data, path):
  """Returns the Documents of a file's bytes."""
  source = streams.of_bytes(data, path)
  return [found.document for found in unlabelled.read(source)]


def parts_of(task, data, path, failed=reject):
  """Returns what a task encodes and labels of a file's bytes."""
  source = streams.of_bytes(data, path)
  return [
    part
    for found in task.read_unlabelled(source, failed)
    for part, _ in task.parts(found.document)
  ]


def written(task, parts, outputs):
  """Returns the text of a file of labels.

  Args:
    task: a harness.Task.
    parts: its texts.
    outputs: for each the predictions of its windows.
  """
  file = task.label_file()
  pairs = zip(parts, outputs)
  texts = [task.format_label(part, task.label(part, o)) for part, o in pairs]
  return file.header + "".join(texts) + file.footer


def encode_letters(parts):
  """Returns the Packed of strings: a window per word, with its letters."""
  return batches.pack(
    [
      batches.Encoded(
        [{"input_ids": np.full([len(w)], 5, np.int32)} for w in part.split()]
      )
      for part in parts
    ]
  )
