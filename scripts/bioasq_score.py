# SPDX-License-Identifier: Apache-2.0
"""Scores answers to BioASQ questions as BioASQ's EvaluatorTask1b does.

  python scripts/bioasq_score.py 4B1_golden.json BioASQform_BioASQ-answer.json

The first line of output equals that of EvaluatorTask1b -phaseB -e 5: accuracy
of yes/no questions; strict accuracy, lenient accuracy and MRR of factoid
questions; precision, recall and F1 of list questions; macro F1, F1 of yes and
F1 of no for yes/no questions. One line per question type follows. Questions
without an answer are skipped, as in EvaluatorTask1b, and listed on standard
error.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from common import arguments
from common import signals


def parse_arguments():
  """Returns the options of the command line."""
  parser = arguments.ArgumentParser(__doc__)
  parser.add_argument("golden", help="BioASQ's JSON with the golden answers")
  parser.add_argument(
    "answers", help="the answers to score, in the same format"
  )
  return parser.parse_args()


if __name__ == "__main__":  # Before the imports that take a while.
  signals.end_at_once()
  options = parse_arguments()

from common import errors
from common import files
from evaluation import bioasq
from formats import questions


def read(path, submitted):
  """Reads {question id: (type, exact answer)} from a file."""
  return questions.parse_exact_answers(files.read(path), path, submitted)


def main(options):
  """Prints the scores of submitted answers against the golden ones."""
  try:
    gold = read(options.golden, submitted=False)
    found = read(options.answers, submitted=True)
  except errors.InputError as error:
    sys.exit("error: %s" % error)
  answers = {name: answer for name, (_, answer) in found.items()}
  for sentence in bioasq.mismatches(gold, answers):
    sys.stderr.write(sentence + "\n")
  results = bioasq.scores(gold, answers)
  if not any(values["answered"] for values in results.values()):
    sys.stderr.write(
      "no question has a gold answer and was answered, so no score is defined; "
      "the official measure prints 0\n"
    )
  print(bioasq.official_line(results))
  sys.stdout.write(bioasq.report(results))


if __name__ == "__main__":
  main(options)
