# SPDX-License-Identifier: Apache-2.0
"""Turns a folder of benchmark results into tables, beside published scores.

  python scripts/report.py results
  python scripts/report.py results --compare=BioALBERT-large,BioALBERT-base

Reads <data set>/<model>/<run>/results.json, as the fine-tuning programs write
it. A run is a seed (seed-1), a fold (fold-3) or both (fold-3-seed-1); for
BioASQ its name begins with the type of the questions (yesno-seed-1).

Writes report.md, report.csv (all scores in long form) and report.html (one page
with charts, classes and confusion matrices). Missing or damaged runs are
reported and left out.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from common import arguments
from common import signals


def names(text):
  """Returns the names in a list such as A,B."""
  return [name for name in text.split(",") if name]


def two_names(text):
  """Returns the two names in A,B."""
  found = tuple(names(text))
  if len(found) != 2:
    raise argparse.ArgumentTypeError(
      "found %r, expected two models, MODEL_A,MODEL_B" % text
    )
  return found


def parse_arguments():
  """Returns the options of the command line."""
  parser = arguments.ArgumentParser(__doc__)
  parser.add_argument("results", help="folder of <data set>/<model>/<run>/")
  parser.add_argument(
    "--output_dir", help="default: the folder report in the results"
  )
  parser.add_argument(
    "--models", type=names, help="show only these, in this order: A,B"
  )
  parser.add_argument(
    "--compare",
    type=two_names,
    help="test the difference of two models on each data set: A,B",
  )
  parser.add_argument(
    "--bootstrap_samples",
    type=arguments.positive,
    default=10000,
    help="number of samples for --compare; default: 10000",
  )
  parser.add_argument(
    "--seed", type=int, default=1, help="of the samples; default: 1"
  )
  return parser.parse_args()


if __name__ == "__main__":  # Before the imports that take a while.
  signals.end_at_once()
  options = parse_arguments()

from common import errors
from common import files
from evaluation import report_html
from evaluation import report_text
from evaluation import results
from evaluation import scoreboard

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PUBLISHED = os.path.join(REPO, "configs", "published_scores.csv")


def make_texts(options):
  """Returns ({file name: text}, [what is not counted])."""
  runs = results.find(options.results)
  models = scoreboard.choose_models(runs, options.models)
  published = scoreboard.read_published(files.read(PUBLISHED), PUBLISHED)
  board = scoreboard.Board(runs, models, published)
  pair, samples = options.compare, options.bootstrap_samples
  comparisons = []
  if pair:
    scoreboard.choose_models(runs, pair)
    both = scoreboard.Board(runs, list(pair), published)
    comparisons = scoreboard.compare(both, *pair, samples, options.seed)
  texts = {
    "report.md": report_text.to_markdown(board, comparisons, pair, samples),
    "report.csv": report_text.to_csv(board, comparisons, pair),
    "report.html": report_html.to_html(board, comparisons, pair, samples),
  }
  problems = [
    "%s: not compared (%s)" % (c.data_set.name, c.problem)
    for c in comparisons
    if c.problem
  ]
  return texts, board.problems + problems


def main(options):
  """Writes the report and prints what is not in it."""
  folder = options.output_dir or os.path.join(options.results, "report")
  try:
    texts, problems = make_texts(options)
    for name, text in texts.items():
      files.write_text(os.path.join(folder, name), text)
  except errors.InputError as error:
    sys.exit("error: %s" % error)
  for problem in problems:
    sys.stderr.write("not counted: %s\n" % problem)
  for name in texts:
    print(os.path.join(folder, name))


if __name__ == "__main__":
  main(options)
