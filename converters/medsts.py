# SPDX-License-Identifier: Apache-2.0
"""MedSTS: the similarity, from 0 to 5, of two clinical sentences (Wang et al.
2018; n2c2 2019 has more pairs).
"""

from common.errors import InputError
from converters.shared import corpus
from converters.shared import examples
from converters.shared import pairs
from converters.shared import rows
from converters.shared import splits
from formats import annotated

_TRAIN = ("clinicalSTS2019.train.txt", "clinicalSTS.train.txt", "train.txt")
_TEST = ("clinicalSTS2019.test.txt", "clinicalSTS.test.txt", "test.txt")
_SCORES = (
  "clinicalSTS2019.test.gs.sim.txt",
  "clinicalSTS.test.gs.sim.txt",
  "test.gs.sim.txt",
)
PUBLISHED = corpus.Published(
  counts={"medsts": {"rows": {"train": 675, "dev": 75, "test": 318}}},
  because={
    "rows": "BLUE used the edition of 2018, 750 and 318 pairs; that of 2019 "
    "has 1,642 and 412. BLUE's development set was not published as a list; "
    "ours is every tenth training pair"
  },
  source="BLUE's README",
)
_EXPECTED = "sentence, sentence, score"
_ONE_IN = 10
_EDITIONS = (750, 318), (1642, 412)  # training and test pairs


def convert(source, options, report):
  """Returns a row for each pair."""
  data, path = source.read("training pairs", *_TRAIN)
  rows.check_end(data, path, report)
  skipping = report.skipping_in("train")
  lines = rows.parse(data, path, (3,), _EXPECTED, skipping=skipping)
  training = _rows("train", lines, skipping)
  divided = splits.every_nth(training, _ONE_IN)
  divided["test"] = report.part("test", _test, source, report)
  sizes = len(training), len(divided["test"])
  if sizes not in _EDITIONS and not options.allow_incomplete:
    raise InputError(
      "%s: found %d training and %d test pairs, expected %s; "
      "pass --allow_incomplete to convert them anyway"
      % ((path,) + sizes + (" or ".join("%d and %d" % e for e in _EDITIONS),))
    )
  return divided


def write(divided, options):
  """Returns the files in BLUE's layout."""
  del options
  return pairs.blue(divided, "clinical", "MedSTS", "2018")


def _test(source, report):
  """Returns the test pairs; their scores may be in a separate file."""
  data, path = source.read("test pairs", *_TEST)
  rows.check_end(data, path, report)
  lines = rows.parse(data, path, (2, 3), _EXPECTED + ", the last optional")
  if all(len(cells) == 2 for _, cells in lines):
    data, scores_path = source.read("test scores", *_SCORES)
    scores = rows.parse(data, scores_path, (1,), "one score per line")
    rows.check_same_number(lines, path, scores, scores_path)
    lines = [
      (score_place, cells + score)
      for (_, cells), (score_place, score) in zip(lines, scores)
    ]
  return _rows("test", lines, report.skipping_in("test"))


def _rows(split, lines, skipping):
  found = []
  for i, (place, cells) in enumerate(lines):
    with skipping(annotated.UNFIT_LINES):
      found.append(_row(split, i, cells, place))
  return found


def _row(split, number, cells, place):
  rows.check_size(cells, 3, _EXPECTED, place)
  first, second, score = cells
  if not first.strip() or not second.strip():
    raise InputError("%s: found an empty cell, expected a sentence" % place)
  name = "%s-%d" % (split, number)
  pairs.score(score, 5, place)
  return examples.Row(
    name, name, (first.strip(), second.strip()), score.strip()
  )
