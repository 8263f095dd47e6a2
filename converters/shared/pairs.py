# SPDX-License-Identifier: Apache-2.0
"""Pairs of sentences with a similarity score: values and columns."""

from common.errors import InputError
from common.errors import shorten
from common.text import parse_number
from converters.shared import writers

STS_HEADER = (
  "index genre filename year old_index source1 source2 sentence1 sentence2 "
  "score"
).split()


def score(text, most, place):
  """Returns the number in a cell; InputError unless it is from 0 to `most`."""
  try:
    value = parse_number(text)
  except ValueError:
    value = -1.0
  if not 0 <= value <= most:
    raise InputError(
      "%s: found the score %s, expected a number from 0 to %d"
      % (place, shorten(text.strip()), most)
    )
  return value


def blue(corpus, genre, name, year):
  """Returns {file name: text} in BLUE's columns, those of GLUE's STS-B."""

  def cells(row):
    first, second = row.texts
    head = [row.id, genre, name, year, row.id, "none", "none"]
    return head + [first, second, row.label]

  return writers.tables(corpus, STS_HEADER, cells)


def blurb(corpus):
  """Returns {file name: text} in BLURB's columns."""
  return writers.tables(
    corpus,
    ["pair_id", "sent1", "sent2", "score"],
    lambda row: [row.id] + list(row.texts) + [row.label],
  )
