# SPDX-License-Identifier: Apache-2.0
"""Measures how much faster bucketed batches train, with shapes of ALBERT base.

Makes the batches of one epoch of real sentences in three ways: bucketed by
length, random and padded to the longest, random and padded to --max_seq_length.
Trains on a sample of each, one batch of each in turn, so that a machine whose
speed drifts slows all three down alike. A sample is spread evenly over the
batches ordered by length. The time of an epoch is the sample's mean times the
number of batches.

  python benchmarks/batching.py --data train.tsv
"""

import argparse
import os
import sys
import time

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, REPO)
# isort: off
from common import quiet  # noqa: F401  Before TensorFlow.
# isort: on

import numpy as np
import tensorflow.compat.v1 as tf

import modeling
import optimization
import run_ner
import tokenization
from training import batches

SPM = os.path.join(REPO, "examples", "vocab", "pubmed-8k.model")
CONFIG = os.path.join(REPO, "configs", "albert_base_v2.json")


def parse_arguments():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--data", required=True, help="a train.tsv")
  parser.add_argument("--spm_model_file", default=SPM)
  parser.add_argument("--batch_size", type=int, default=32)
  parser.add_argument("--max_seq_length", type=int, default=128)
  parser.add_argument(
    "--sample", type=int, default=10, help="number of batches of each kind"
  )
  return parser.parse_args()


def read_features(args):
  """Returns (task, features) of the training set."""
  tokenizer = tokenization.load(spm_model_file=args.spm_model_file)
  task = run_ner.Ner(tokenizer, args.max_seq_length, "jsonl")
  with open(args.data, "rb") as f:
    sentences = task.read(f.read(), args.data, "train")
  task.learned = task.learn(sentences)
  return task, [f for e in task.encode_all(sentences, True) for f in e.features]


def sample(drawn, lengths, count):
  """Returns `count` batches, evenly spread over all ordered by length."""
  ordered = sorted(drawn, key=lambda b: max(lengths[b]))
  places = (np.arange(count) + 0.5) * len(ordered) / count
  return [ordered[int(p)] for p in places]


def build(task, vocab_size, example):
  """Returns (placeholders, training operation) of ALBERT base for NER."""
  config = modeling.AlbertConfig.from_json_file(CONFIG)
  config.vocab_size = vocab_size
  feeds = {
    name: tf.placeholder(tf.int32, [None] * (value.ndim + 1))
    for name, value in example.items()
  }
  albert = modeling.AlbertModel(
    config, True, feeds["input_ids"], feeds["input_mask"], feeds["segment_ids"]
  )
  loss, _ = task.head(albert.get_sequence_output(), None, feeds, True)
  return feeds, optimization.create_optimizer(loss, 1e-5, 1000, 100, False)


def main():
  args = parse_arguments()
  task, features = read_features(args)
  lengths = np.array([len(f["input_ids"]) for f in features])
  plans = {}
  for name, bucketed, length in (
    ("bucketed", True, None),
    ("longest", False, None),
    ("fixed", False, args.max_seq_length),
  ):
    drawn = batches.epoch_batches(lengths, args.batch_size, 1, 0, bucketed)
    padded = [length or max(lengths[b]) for b in drawn]
    positions = sum(len(b) * n for b, n in zip(drawn, padded))
    plans[name] = {
      "batches": len(drawn),
      "efficiency": lengths.sum() / positions,
      "length": length,
      "sample": sample(drawn, lengths, args.sample),
      "seconds": [],
    }
  with tf.Session() as session:
    feeds, train_op = build(task, task.tokenizer.vocab_size, features[0])
    session.run(tf.global_variables_initializer())
    for turn in range(-1, args.sample):  # The first turn warms up.
      for plan in plans.values():
        batch = batches.pad_batch(
          [features[i] for i in plan["sample"][max(turn, 0)]],
          task.padding,
          plan["length"],
        )
        begin = time.time()
        session.run(train_op, {feeds[n]: batch[n] for n in feeds})
        if turn >= 0:
          plan["seconds"].append(time.time() - begin)
  report(plans)


def report(plans):
  print("TensorFlow", tf.__version__)
  epoch = {n: np.mean(p["seconds"]) * p["batches"] for n, p in plans.items()}
  for name, plan in plans.items():
    print(
      "%-9s padding efficiency %.3f, %3d batches, epoch %6.0f s (%4.2f times)"
      % (
        name,
        plan["efficiency"],
        plan["batches"],
        epoch[name],
        epoch[name] / epoch["bucketed"],
      )
    )


if __name__ == "__main__":
  main()
