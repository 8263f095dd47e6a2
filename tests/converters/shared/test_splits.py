# SPDX-License-Identifier: Apache-2.0
"""splits: lists of the literature, and documents divided by them."""

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


def test_documents_are_divided_by_their_ids_in_order():
  divided = splits.divide(groups("abcde"), {"d", "b"}, {"e"})
  assert names(divided) == {"train": "ac", "dev": "bd", "test": "e"}


def test_without_a_list_of_the_test_set_there_is_none():
  divided = splits.divide(groups("abc"), {"b"})
  assert names(divided) == {"train": "ac", "dev": "b"}


def test_a_split_may_be_empty():
  divided = splits.divide(groups("a"), {"x"}, {"y"})
  assert names(divided) == {"train": "a", "dev": "", "test": ""}


@pytest.fixture
def published(tmp_path, monkeypatch):
  """Gives (divided, report) by the lists {"dev": "ab", ...} of a corpus."""

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


def test_without_a_list_of_the_training_set_it_has_the_rest(published):
  divided, report = published({"dev": "b", "test": "d"}, "abcd")
  assert divided == {"train": "ac", "dev": "b", "test": "d"}
  assert not report.note.called


def test_without_a_list_of_the_test_set_training_and_development_are_left(
  published,
):
  assert published({"dev": "b"}, "abc")[0] == {"train": "ac", "dev": "b"}


def test_what_is_in_no_list_is_left_out_and_told(published):
  lists = {"train": "a", "dev": "b", "test": "c"}
  divided, report = published(lists, "ecabd")
  assert divided == {"train": "a", "dev": "b", "test": "c"}
  report.note.assert_called_once_with("Skipped, as in no split: d, e")


def test_a_missing_document_is_told(published):
  with pytest.raises(errors.InputError) as caught:
    published({"dev": "abc"}, "ad")
  assert str(caught.value) == (
    "in: found 1 of the 3 documents in the published splits, b for one is "
    "missing; pass --allow_incomplete to convert them anyway"
  )


def test_missing_documents_pass_if_that_is_allowed(published):
  divided, _ = published({"dev": "abc"}, "ad", allow_incomplete=True)
  assert divided == {"train": "d", "dev": "a"}


SIZES = [
  # list, number of ids (converters/splits/README.md)
  ("bc2gm.dev", 2500),
  ("hoc.blurb.dev", 186),
  ("hoc.blurb.test", 371),
  ("biosses.dev", 16),
  ("biosses.test", 20),
  ("linnaeus.train", 50),
  ("linnaeus.dev", 17),
  ("linnaeus.test", 33),
  ("s800.train", 560),
  ("s800.dev", 80),
  ("s800.test", 160),
]


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_lists_have_the_sizes_of_the_literature(name, size):
  assert len(splits.ids(name)) == size


def lists():
  paths = glob.glob(os.path.join(splits.FOLDER, "*.txt"))
  return sorted(os.path.basename(path)[: -len(".txt")] for path in paths)


@pytest.mark.parametrize("name", lists())
def test_no_id_is_twice_in_a_list(name):
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
