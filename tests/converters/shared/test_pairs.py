# SPDX-License-Identifier: Apache-2.0
"""pairs: scores within a scale, and the columns of BLUE and BLURB."""

import pytest

from common import errors
from converters.shared import examples
from converters.shared import pairs


@pytest.mark.parametrize(
  ("text", "value"), [("0", 0), ("4", 4), (" 3.25\r", 3.25), ("1e0", 1)]
)
def test_scores_within_the_scale_are_read(text, value):
  assert pairs.score(text, 4, "t:1") == value


@pytest.mark.parametrize(
  "text", ["", " ", "x", "-0.5", "4.01", "nan", "inf", "3,5", "1 2"]
)
def test_other_scores_are_an_error(text):
  with pytest.raises(errors.InputError) as caught:
    pairs.score(text, 4, "t.tsv:7")
  assert str(caught.value) == (
    "t.tsv:7: found the score %r, expected a number from 0 to 4" % text.strip()
  )


CORPUS = {
  "train": [examples.Row("5", "d", ("It rose.", "It\tfell."), "2.5")],
  "dev": [],
  "test": [examples.Row("6", "d", ("a", "b"), "4.0")],
}


def test_blue_has_the_columns_of_sts_b():
  files = pairs.blue(CORPUS, "genre", "name", "2017")
  header = "\t".join(pairs.STS_HEADER) + "\n"
  assert files == {
    "train.tsv": header
    + "5\tgenre\tname\t2017\t5\tnone\tnone\tIt rose.\tIt fell.\t2.5\n",
    "dev.tsv": header,
    "test.tsv": header + "6\tgenre\tname\t2017\t6\tnone\tnone\ta\tb\t4.0\n",
  }


def test_blurb_has_its_own_columns():
  assert pairs.blurb(CORPUS) == {
    "train.tsv": "pair_id\tsent1\tsent2\tscore\n5\tIt rose.\tIt fell.\t2.5\n",
    "dev.tsv": "pair_id\tsent1\tsent2\tscore\n",
    "test.tsv": "pair_id\tsent1\tsent2\tscore\n6\ta\tb\t4.0\n",
  }
