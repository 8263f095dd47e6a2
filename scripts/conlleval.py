# SPDX-License-Identifier: Apache-2.0
"""Scores a file of `word ... gold predicted` lines as conlleval.pl does.

  python scripts/conlleval.py < NER_result_conll.txt

Columns are separated by spaces or tabs; the last two are the gold label and the
predicted label. Blank lines, lines that begin with -X- and bare -DOCSTART-
lines end a sentence. All other lines have the same number of columns. There is
one difference from conlleval.pl: it joins adjacent entities of the same type in
IOBES labels, this script keeps them separate.
"""

import argparse
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from common import arguments
from common import signals

BLANKS = re.compile("[ \t]+")


def parse_arguments():
  """Returns the options of the command line."""
  parser = arguments.ArgumentParser(__doc__)
  add = parser.add_argument
  add("-l", action="store_true", help="print the rows of a LaTeX table")
  add("-r", action="store_true", help="labels are types, of one word each")
  add(
    "-d",
    type=_delimiter,
    default=BLANKS,
    help="regular expression between columns",
  )
  add("-o", default="O", help="with -r, the label outside entities")
  return parser.parse_args()


def _delimiter(text):
  try:
    return re.compile(text)
  except re.error as error:
    raise argparse.ArgumentTypeError(
      "found %r, expected a regular expression (%s)" % (text, error)
    ) from None


if __name__ == "__main__":  # Before the imports that take a while.
  signals.end_at_once()
  options = parse_arguments()

from common import errors
from evaluation import metrics

TAGS = ("O", "B", "I", "E", "S")


def read_labels(lines, name, delimiter=BLANKS):
  """Returns the (gold, predicted) label sequences in `lines` of bytes.

  A -DOCSTART- line with labels counts as a word, as in conlleval.pl.

  Args:
    lines: of bytes.
    name: of the file, for the InputError that a line of one column raises, or
      of another number of columns than the first line.
    delimiter: compiled pattern of what is between two columns.
  """
  gold, predicted, first = [[]], [[]], None
  for number, line in enumerate(lines, 1):
    columns = _split(line.decode("utf-8", "surrogateescape"), delimiter)
    bare_mark = columns[:1] == ["-DOCSTART-"] and len(columns) < 3
    if columns and not bare_mark:
      first = first or (number, len(columns))
      _check_columns(columns, first, "%s:%d" % (name, number))
    if not columns or columns[0] == "-X-" or bare_mark:
      gold.append([])
      predicted.append([])
    else:
      gold[-1].append(columns[-2])
      predicted[-1].append(columns[-1])
  return gold, predicted


def _split(line, delimiter):
  """Returns the columns of a line as perl's split does."""
  columns = delimiter.split(line.rstrip("\r\n"))
  while columns and not columns[-1]:
    columns.pop()
  return columns


def _check_columns(columns, first, place):
  """Rejects a line of one column, or of other columns than the first line."""
  if len(columns) == 1:
    raise errors.InputError(
      "%s: found 1 column, %r, expected a word, its gold label and its "
      "predicted label" % (place, columns[0])
    )
  if len(columns) != first[1]:
    raise errors.InputError(
      "%s: found %d columns, expected %d as in line %d"
      % (place, len(columns), first[1], first[0])
    )


def as_entities(sequences, outside):
  """Returns labels that are bare types as entities of one word each."""
  return [
    ["O" if label in ("O", outside) else "B-" + label for label in labels]
    for labels in sequences
  ]


def _warn(labels):
  """Warns about gold without an entity, and labels that no entity can have."""
  found = {label for side in labels for sentence in side for label in sentence}
  strange = sorted(x for x in found if x.partition("-")[0] not in TAGS)
  if strange:
    text = "warning: found labels that begin with none of %s and count as O: %s"
    print(text % (", ".join(TAGS), errors.first_five(strange)), file=sys.stderr)
  if not any(map(metrics.entity_spans, labels[0])):
    text = "warning: found no entity in gold, so precision, recall and FB1 say "
    print(text + "nothing; conlleval.pl prints 0", file=sys.stderr)


def main(options):
  """Prints the scores of the lines on standard input."""
  try:
    labels = read_labels(sys.stdin.buffer, "<stdin>", options.d)
  except errors.InputError as error:
    sys.exit("error: %s" % error)
  if options.r:
    labels = [as_entities(sequences, options.o) for sequences in labels]
  _warn(labels)
  report = metrics.conlleval_table if options.l else metrics.conlleval_report
  sys.stdout.buffer.write(report(*labels).encode("utf-8", "surrogateescape"))


if __name__ == "__main__":
  main(options)
