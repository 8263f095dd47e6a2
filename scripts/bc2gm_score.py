# SPDX-License-Identifier: Apache-2.0
"""Scores genes of BC2GM by the official alternatives to its mentions.

  python scripts/bc2gm_score.py test_alternatives.jsonl NER_result_conll.txt

The first file is what prepare_data.py --dataset=bc2gm --alternatives writes
beside test.tsv, the second what run_ner.py writes for it: lines of a word and
labels, of which the last is the predicted one. Printed are precision, recall
and F1 by the alternatives, and without them.
"""

import argparse
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from common import errors
from common import files
from evaluation import metrics
from formats import conll


def read_mentions(data, path):
  """Returns the mentions of each sentence in a file of alternatives."""
  sentences = []
  for number, line in enumerate(data.splitlines(), 1):
    try:
      mentions = json.loads(line.decode("utf-8"))["mentions"]
      sentences.append([[tuple(map(int, s)) for s in m] for m in mentions])
    except (ValueError, KeyError, TypeError) as error:
      raise errors.InputError(
        '%s:%d: found no alternatives (%s), expected {"mentions": [[[first '
        "word, end], ...], ...]}" % (path, number, error)
      ) from None
  return sentences


def read(path):
  """Returns a file's bytes."""
  try:
    return files.read(path)
  except OSError as error:
    raise errors.InputError(
      "%s: cannot be read (%s)" % (path, error.strerror)
    ) from None


def report(mentions_path, predictions_path):
  """Returns the two lines of scores."""
  gold = read_mentions(read(mentions_path), mentions_path)
  found = conll.parse(read(predictions_path), predictions_path)
  if len(gold) != len(found):
    raise errors.InputError(
      "%s: found %d sentences, expected %d as %s has"
      % (predictions_path, len(found), len(gold), mentions_path)
    )
  labels = [sentence.labels for sentence in found]
  lines = []
  for name, entities in (
    ("with alternatives", gold),
    ("without", [[mention[:1] for mention in row] for row in gold]),
  ):
    scores = metrics.alternative_scores(entities, labels)
    lines.append(
      "%s: precision %.4f, recall %.4f, F1 %.4f (%d gold, %d predicted, %d "
      "correct)\n"
      % (
        (name,)
        + tuple(scores[key] for key in ("precision", "recall", "f1"))
        + tuple(scores[key] for key in ("gold", "predicted", "correct"))
      )
    )
  return "".join(lines)


def main():
  """Prints the scores of the predictions in one file by another."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("alternatives", help="test_alternatives.jsonl")
  parser.add_argument("predictions", help="NER_result_conll.txt")
  arguments = parser.parse_args()
  try:
    sys.stdout.write(report(arguments.alternatives, arguments.predictions))
  except errors.InputError as error:
    sys.exit(str(error))


if __name__ == "__main__":
  main()
