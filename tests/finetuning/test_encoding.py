# SPDX-License-Identifier: Apache-2.0
"""Tests of finetuning/encoding.py, and of what workers get of each task."""

import subprocess
import sys

import numpy as np

from common import processes
from finetuning import encoding
from finetuning import words
from formats import documents
from tests.helpers import REPO
from training import batches

MODULES = "encoding marked_texts question_windows words".split()


def plain(value):
  """Returns Encoded with lists in place of arrays."""
  rows = [{k: v.tolist() for k, v in w.items()} for w in value.features]
  return value._replace(features=rows)


def test_workers_need_no_tensorflow():
  names = ", ".join("finetuning." + name for name in MODULES)
  code = "import sys, %s; sys.exit('tensorflow' in sys.modules)" % names
  subprocess.run([sys.executable, "-c", code], cwd=REPO, check=True)


def test_a_worker_encodes_as_this_process_does(tokenizer):
  encode = words.Encoder(tokenizer, 8, "-")
  texts = ["He had IL-2 fever. It fell.", " ", "No fever of the eye."]
  passages = [
    words.Passage(documents.Document("x", text, None), None, 0)
    for text in texts
  ]
  (found,) = processes.ordered_map(encoding.Packer, [encode], [passages], 1)
  expected = encode(passages)
  assert [len(e.features) for e in expected][1] == 0
  assert list(map(plain, encoding.unpack(found))) == list(map(plain, expected))


def test_packing_keeps_every_kind_of_feature():
  encoded = [
    batches.Encoded(
      [
        {
          "input_ids": np.arange(size, dtype=np.int32),
          "label_id": np.array(size, np.int32),
          "gold": np.array([size, 0.5], np.float32),
        }
        for size in sizes
      ],
      truncated=len(sizes) > 1,
    )
    for sizes in ([3], [], [2, 5])
  ]
  packed = encoding.Packer(lambda parts: parts)(encoded)
  assert list(map(plain, encoding.unpack(packed))) == list(map(plain, encoded))
  assert encoding.unpack(encoding.Packer(lambda parts: [])([])) == []
