# SPDX-License-Identifier: Apache-2.0
"""Scores predicted genes of BC2GM against the official alternative mentions.

  python scripts/bc2gm_score.py test_alternatives.jsonl NER_result_conll.txt

`prepare_data.py --dataset=bc2gm --alternatives` writes the first file next to
test.tsv; run_ner.py writes the second one for test.tsv: lines of a word and its
labels, the last of which is the predicted one. The output is precision, recall
and F1 with the alternatives, and without them.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from common import arguments
from common import signals


def parse_arguments():
  """Returns the options of the command line."""
  parser = arguments.ArgumentParser(__doc__)
  parser.add_argument("alternatives", help="test_alternatives.jsonl")
  parser.add_argument("predictions", help="NER_result_conll.txt")
  return parser.parse_args()


if __name__ == "__main__":  # Before the imports that take a while.
  signals.end_at_once()
  options = parse_arguments()

from common import errors
from common import files
from common.text import load_json
from evaluation import metrics
from formats import conll

FIGURES = ("precision", "recall", "f1", "gold", "predicted", "correct")


def read_mentions(data, path):
  """Returns each sentence's mentions from the bytes of an alternatives file."""
  sentences = []
  for number, line in enumerate(data.splitlines(), 1):
    try:
      mentions = load_json(line.decode("utf-8"))["mentions"]
      sentences.append([[tuple(map(int, s)) for s in m] for m in mentions])
    except (ValueError, KeyError, TypeError) as error:
      raise errors.InputError(
        '%s:%d: found no alternatives (%s), expected {"mentions": [[[first '
        "word, end], ...], ...]}" % (path, number, error)
      ) from None
  return sentences


def report(mentions_path, predictions_path):
  """Returns the two lines of scores."""
  gold = read_mentions(files.read(mentions_path), mentions_path)
  found = conll.parse(files.read(predictions_path), predictions_path)
  if len(gold) != len(found):
    raise errors.InputError(
      "%s: found %d sentences, expected %d as in %s"
      % (predictions_path, len(found), len(gold), mentions_path)
    )
  if not any(gold):
    raise errors.InputError(
      "%s: found no mention in its sentences, expected some to score"
      % mentions_path
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
      "correct)\n" % ((name,) + tuple(scores[figure] for figure in FIGURES))
    )
  return "".join(lines)


def main(options):
  """Prints the scores of the predictions."""
  try:
    sys.stdout.write(report(options.alternatives, options.predictions))
  except errors.InputError as error:
    sys.exit("error: %s" % error)


if __name__ == "__main__":
  main(options)
