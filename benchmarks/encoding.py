# SPDX-License-Identifier: Apache-2.0
"""Measures the time to encode a training set and to compute offsets of text.

python benchmarks/encoding.py --data train.tsv --text abstracts.tsv.gz
"""

import argparse
import gzip
import os
import statistics
import sys
import time

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, REPO)
# isort: off
from common import quiet  # noqa: F401  Before TensorFlow.
# isort: on

from finetuning import splits
import run_ner
import tokenization

SPM = os.path.join(REPO, "examples", "vocab", "pubmed-8k.model")
MEGABYTE = 1000000


def parse_arguments():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--data", required=True, help="a train.tsv")
  parser.add_argument("--text", required=True, help="lines of text; may be .gz")
  parser.add_argument("--spm_model_file", default=SPM)
  parser.add_argument("--runs", type=int, default=5)
  return parser.parse_args()


def encode_corpus(args):
  """Reads, tokenizes and windows a training set; returns the windows."""
  tokenizer = tokenization.load(spm_model_file=args.spm_model_file)
  task = run_ner.Ner(tokenizer, 128, "jsonl")
  with open(args.data, "rb") as f:
    sentences = task.read(f.read(), args.data, "train")
  task.learned = task.learn(sentences)
  split = splits.encode(task, args.data, sentences, is_training=True)
  return split.features


def megabyte(path):
  """Returns the first lines of a file, one megabyte of UTF-8."""
  opened = gzip.open if path.endswith(".gz") else open
  lines, size = [], 0
  with opened(path, "rb") as f:
    while size < MEGABYTE:
      line = f.readline()
      if not line:
        break
      lines.append(line.decode("utf-8"))
      size += len(line)
  return lines


def timed(function, runs):
  """Returns the seconds that each of several runs took."""
  seconds = []
  for _ in range(runs):
    begin = time.time()
    function()
    seconds.append(time.time() - begin)
  return seconds


def report(what, seconds):
  print(
    "%-40s median %.2f s (%.2f to %.2f)"
    % (what, statistics.median(seconds), min(seconds), max(seconds))
  )


def main():
  args = parse_arguments()
  print("Python", sys.version.split()[0])
  report(
    "training set to features", timed(lambda: encode_corpus(args), args.runs)
  )
  tokenizer = tokenization.load(spm_model_file=args.spm_model_file)
  lines = megabyte(args.text)

  def offsets():
    for line in lines:
      tokenizer.tokenize_with_offsets(line)

  report("offsets of 1 MB, line by line", timed(offsets, args.runs))
  whole = "".join(lines)
  report(
    "offsets of 1 MB, in one call",
    timed(lambda: tokenizer.tokenize_with_offsets(whole), args.runs),
  )


if __name__ == "__main__":
  main()
