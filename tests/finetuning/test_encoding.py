# SPDX-License-Identifier: Apache-2.0
"""Tests of finetuning/encoding.py, and of what workers get of each task."""

import functools
import subprocess
import sys

from common import processes
from finetuning import words
from formats import documents
from tests.helpers import REPO
from training import batches

MODULES = "encoding marked_texts question_windows words".split()


def plain(value):
  """Returns Encoded with lists in place of arrays."""
  rows = [{k: v.tolist() for k, v in w.items()} for w in value.features]
  part = value.part
  part = part._replace(
    spans=part.spans.tolist(), sentences=part.sentences.tolist()
  )
  return value._replace(features=rows, part=part)


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
  (found,) = processes.ordered_map(functools.partial, [encode], [passages], 1)
  found, expected = batches.unpack(found), batches.unpack(encode(passages))
  assert [len(e.features) for e in expected][1] == 0
  assert list(map(plain, found)) == list(map(plain, expected))
