# SPDX-License-Identifier: Apache-2.0
"""Scores a file of `word ... gold predicted` lines as conlleval.pl does.

  python scripts/conlleval.py < NER_result_conll.txt

The last two of the columns, separated by spaces or tabs, are the gold and the
predicted label. Blank lines, lines that begin with -X- and the bare
-DOCSTART- lines of a corpus end a sentence. One thing differs: entities of one
type side by side in IOBES labels, which conlleval.pl runs together, stay apart.
"""

import argparse
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from common import errors
from evaluation import metrics


def read_labels(lines, name):
  """Returns (gold, predicted) label sequences of `lines`, bytes.

  conlleval.pl counts a -DOCSTART- line that carries labels as a word; so does
  this. Raises InputError, with `name` in it, for a line of one column.
  """
  gold, predicted = [[]], [[]]
  for number, line in enumerate(lines, 1):
    columns = re.findall("[^ \t\r\n]+", line.decode("utf-8", "surrogateescape"))
    bare_mark = columns[:1] == ["-DOCSTART-"] and len(columns) < 3
    if not columns or columns[0] == "-X-" or bare_mark:
      gold.append([])
      predicted.append([])
    elif len(columns) == 1:
      raise errors.InputError(
        "%s:%d: found 1 column, %r, expected a word, its gold label and its "
        "predicted label" % (name, number, columns[0])
      )
    else:
      gold[-1].append(columns[-2])
      predicted[-1].append(columns[-1])
  return gold, predicted


def main():
  """Prints the scores of what stands on standard input."""
  argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  ).parse_args()
  try:
    gold, predicted = read_labels(sys.stdin.buffer, "<stdin>")
  except errors.InputError as error:
    sys.exit(str(error))
  report = metrics.conlleval_report(gold, predicted)
  sys.stdout.buffer.write(report.encode("utf-8", "surrogateescape"))


if __name__ == "__main__":
  main()
