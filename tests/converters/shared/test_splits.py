# SPDX-License-Identifier: Apache-2.0
"""splits: dividing documents by lists of ids, and the lists themselves."""

import glob
import itertools
import os
from unittest import mock

import pytest

from common import errors
from converters.shared import splits


def groups(names):
  return [splits.Group(name, [], "a:1") for name in names]


def names(divided):
  return {
    split: "".join(group.id for group in found)
    for split, found in divided.items()
  }


@pytest.mark.parametrize(
  ("dev", "test", "expected"),
  [
    ("db", "e", {"train": "ac", "dev": "bd", "test": "e"}),
    ("b", "", {"train": "acde", "dev": "b"}),
    ("x", "y", {"train": "abcde", "dev": "", "test": ""}),
  ],
)
def test_documents_are_divided_by_their_ids_in_order(dev, test, expected):
  divided = splits.divide(groups("abcde"), set(dev), set(test))
  assert names(divided) == expected


def test_every_nth_document_is_for_development():
  divided = splits.every_nth(groups("abcde"), 2)
  assert names(divided) == {"train": "ace", "dev": "bd"}


@pytest.fixture
def published(tmp_path, monkeypatch):
  """Divides by lists {"dev": "ab", ...}; returns the result and a report."""

  def divide(lists, found, allow_incomplete=False):
    for split, names_of_list in lists.items():
      text = "".join(name + "\n" for name in names_of_list)
      (tmp_path / ("x." + split + ".txt")).write_text(text)
    monkeypatch.setattr(splits, "FOLDER", str(tmp_path))
    source = mock.Mock(folder="in")
    options = mock.Mock(allow_incomplete=allow_incomplete)
    report = mock.Mock()
    divided = splits.published("x", groups(found), source, options, report)
    return names(divided), report

  return divide


def test_the_training_set_has_the_remaining_documents(published):
  divided, report = published({"dev": "b", "test": "d"}, "abcd")
  assert divided == {"train": "ac", "dev": "b", "test": "d"}
  assert not report.note.called


def test_documents_in_no_list_are_skipped_and_named(published):
  lists = {"train": "a", "dev": "b", "test": "c"}
  divided, report = published(lists, "ecabd")
  assert divided == {"train": "a", "dev": "b", "test": "c"}
  report.note.assert_called_once_with("Skipped, as in no split: d, e")


def test_a_missing_document_is_an_error(published):
  with pytest.raises(errors.InputError) as caught:
    published({"dev": "abc"}, "ad")
  assert str(caught.value) == (
    "in: found 1 of the 3 documents in the published splits; b is missing "
    "(and maybe others); pass --allow_incomplete to convert them anyway"
  )


def test_allow_incomplete_accepts_missing_documents(published):
  divided, _ = published({"dev": "abc"}, "ad", allow_incomplete=True)
  assert divided == {"train": "d", "dev": "a"}


def lists():
  paths = glob.glob(os.path.join(splits.FOLDER, "*.txt"))
  return sorted(os.path.basename(path)[: -len(".txt")] for path in paths)


@pytest.mark.parametrize("name", lists())
def test_a_list_repeats_no_id(name):
  with open(os.path.join(splits.FOLDER, name + ".txt"), encoding="utf-8") as f:
    lines = f.read().split("\n")
  assert lines.pop() == ""
  assert len(set(lines)) == len(lines) == len(splits.ids(name)) > 0


def test_no_id_is_in_two_lists_of_a_corpus():
  pairs = [
    pair
    for pair in itertools.combinations(lists(), 2)
    if pair[0].rpartition(".")[0] == pair[1].rpartition(".")[0]
  ]
  assert len(pairs) >= 8
  for first, second in pairs:
    assert not splits.ids(first) & splits.ids(second), (first, second)


def test_a_draw_is_the_same_everywhere_and_keeps_the_order():
  shares = {"test": 0.2, "dev": 0.1}
  drawn = splits.draw(groups("abcdefghij"), shares, 1, "folder")
  assert names(drawn) == DRAWN
  assert names(splits.draw(groups("jihgfedcba"), shares, 1, "folder")) == {
    split: found[::-1] for split, found in DRAWN.items()
  }
  assert names(splits.draw(groups("abcdefghij"), shares, 2, "x")) != DRAWN


def test_a_draw_takes_one_document_at_least_and_leaves_some():
  drawn = splits.draw(groups("abc"), {"test": 0.01, "dev": 0}, 1, "folder")
  assert sorted(map(len, drawn.values())) == [1, 2] and "dev" not in drawn
  with pytest.raises(errors.InputError, match="^folder: found 2 documents, ex"):
    splits.draw(groups("ab"), {"test": 0.1, "dev": 0.1}, 1, "folder")


# By the digests of "1 a" to "1 j".
DRAWN = {"train": "bdefhij", "test": "cg", "dev": "a"}
