# SPDX-License-Identifier: Apache-2.0
"""Scores a file of `word ... gold predicted` lines as conlleval.pl does.

  python scripts/conlleval.py < NER_result_conll.txt

Columns are separated by spaces or tabs; the last two are the gold label and the
predicted label. Blank lines, lines that begin with -X- and bare -DOCSTART-
lines end a sentence. There is one difference from conlleval.pl: it joins
adjacent entities of the same type in IOBES labels, this script keeps them
separate.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from common import arguments
from common import errors
from evaluation import metrics


def read_labels(lines, name):
  """Returns the (gold, predicted) label sequences in `lines` of bytes.

  A -DOCSTART- line with labels counts as a word, as in conlleval.pl. `name` is
  the file in the InputError that a line of one column raises.
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
  """Prints the scores of the lines on standard input."""
  arguments.ArgumentParser(__doc__).parse_args()
  try:
    gold, predicted = read_labels(sys.stdin.buffer, "<stdin>")
  except errors.InputError as error:
    sys.exit("error: %s" % error)
  report = metrics.conlleval_report(gold, predicted)
  sys.stdout.buffer.write(report.encode("utf-8", "surrogateescape"))


if __name__ == "__main__":
  main()
