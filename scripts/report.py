# SPDX-License-Identifier: Apache-2.0
"""Turns a folder of benchmark results into tables, beside published scores.

  python scripts/report.py results
  python scripts/report.py results --compare=BioALBERT-large,BioALBERT-base

Reads <data set>/<model>/<run>/results.json, as the fine-tuning programs write
it; a run is a seed (seed-1), a fold (fold-3) or both (fold-3-seed-1), of BioASQ
with the type of questions before it (yesno-seed-1). Writes report.md,
report.csv (all figures in long form) and report.html (one page, with charts,
classes and confusion matrices). What is missing or damaged is shown as missing
and told.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from common import errors
from common import files
from evaluation import report_html
from evaluation import report_text
from evaluation import results
from evaluation import scoreboard

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PUBLISHED = os.path.join(REPO, "configs", "published_scores.csv")


class Parser(argparse.ArgumentParser):
  """Ends in one line, code 1."""

  def error(self, message):
    """Says what is wrong with the command line."""
    sys.exit("error: %s; --help lists all options" % message)


def names(text):
  """Returns the names of a list with commas."""
  return [name for name in text.split(",") if name]


def pair(text):
  """Returns the two names of --compare."""
  found = tuple(names(text))
  if len(found) != 2:
    raise argparse.ArgumentTypeError(
      "found %r, expected two models, MODEL_A,MODEL_B" % text
    )
  return found


def positive(text):
  """Returns a number of samples."""
  if not text.isdigit() or not int(text):
    raise argparse.ArgumentTypeError(
      "found %r, expected a whole number above 0" % text
    )
  return int(text)


def arguments():
  """Returns what the command line asks for."""
  parser = Parser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("results", help="folder of <data set>/<model>/<run>/")
  parser.add_argument("--output_dir", help="default: report in that folder")
  parser.add_argument(
    "--models", type=names, help="these only, in this order: A,B"
  )
  parser.add_argument(
    "--compare",
    type=pair,
    help="tests the difference of two models on each data set: A,B",
  )
  parser.add_argument(
    "--bootstrap_samples", type=positive, default=10000, help="default: 10000"
  )
  parser.add_argument(
    "--seed", type=int, default=1, help="of the samples; default: 1"
  )
  return parser.parse_args()


def report(asked):
  """Returns {file name: text} of a report, and what it does not count."""
  runs = results.find(asked.results)
  models = scoreboard.choose_models(runs, asked.models)
  published = scoreboard.read_published(files.read(PUBLISHED), PUBLISHED)
  board = scoreboard.Board(runs, models, published)
  comparisons = []
  if asked.compare:
    scoreboard.choose_models(runs, asked.compare)
    comparisons = scoreboard.compare(
      scoreboard.Board(runs, list(asked.compare), published),
      *asked.compare,
      asked.bootstrap_samples,
      asked.seed,
    )
  rest = (asked.compare, asked.bootstrap_samples)
  texts = {
    "report.md": report_text.to_markdown(board, comparisons, *rest),
    "report.csv": report_text.to_csv(board, comparisons, asked.compare),
    "report.html": report_html.to_html(board, comparisons, *rest),
  }
  refused = [
    "%s: not compared (%s)" % (c.data_set.name, c.problem)
    for c in comparisons
    if c.problem
  ]
  return texts, board.problems + refused


def write(folder, texts):
  """Writes all files, each whole or not at all."""
  for name, text in texts.items():
    files.write_text(os.path.join(folder, name), text)


def main():
  """Writes the report and tells what is not in it."""
  asked = arguments()
  folder = asked.output_dir or os.path.join(asked.results, "report")
  try:
    texts, problems = report(asked)
    write(folder, texts)
  except errors.InputError as error:
    sys.exit("error: %s" % error)
  for problem in problems:
    sys.stderr.write("not counted: %s\n" % problem)
  for name in texts:
    print(os.path.join(folder, name))


if __name__ == "__main__":
  main()
