# SPDX-License-Identifier: Apache-2.0
"""Tests which shard instances go to."""

import collections

import pytest

from common import stripes
from common.errors import InputError
from formats import inputs
from pretraining import shards
from tests.common.test_stripes import plan_of
from tests.helpers import SPM
from tests.helpers.pretraining_files import SETTINGS
import tokenization


def encoded(number, stripe, copies):
  """An Encoded whose copies are (instances, records) pairs."""
  counts = collections.Counter(instances=sum(c for c, _ in copies))
  return shards.Encoded(0, number, stripe, 100, copies, counts)


def test_copies_of_a_chunk_go_to_different_lanes_and_chunks_take_turns():
  plan = plan_of([1000], 4, 4)
  copies = [(1, b"")] * 4
  first, second = encoded(0, 0, copies), encoded(1, 0, copies)
  lanes = [[p[0] for p in shards.parts(plan, e)] for e in (first, second)]
  assert lanes == [[0, 1, 2, 3], [1, 2, 3, 0]]


def inputs_of(size):
  return [inputs.Input("a", size, "text")]


@pytest.mark.parametrize(
  "output, num_shards, size, copies, expected",
  [
    ("d/x", None, 1000, 40, ["d/x"]),
    ("d/x", 1, 1 << 40, 40, ["d/x"]),
    ("d/x", 2, 1000, 40, ["d/x-00000-of-00002", "d/x-00001-of-00002"]),
    ("d/b,d/a", None, 1000, 40, ["d/b", "d/a"]),
    ("d/b, d/a", 2, 1000, 40, ["d/b", "d/a"]),
  ],
)
def test_names_of_shards(output, num_shards, size, copies, expected):
  paths = shards.shard_paths(output, num_shards, inputs_of(size), copies)
  assert paths == expected


@pytest.mark.parametrize(
  "output, num_shards, message",
  [
    ("d/", None, "names the folder 'd/'"),
    ("d/a,d/b", 3, "names 2 files, expected as many as --num_shards=3"),
    ("d/a,d/a", None, "the same file twice"),
    ("d/a,e/b", None, "several folders"),
  ],
)
def test_contradictory_names_are_rejected(output, num_shards, message):
  with pytest.raises(InputError, match=message):
    shards.shard_paths(output, num_shards, inputs_of(1000), 40)


@pytest.mark.parametrize(
  "megabytes, copies, count",
  [(1, 1, 1), (1, 40, 1), (10, 40, 7), (100, 1, 2), (1000, 40, 640)],
)
def test_the_number_of_shards_grows_with_the_corpus(megabytes, copies, count):
  found = inputs_of(megabytes << 20)
  assert len(shards.shard_paths("x", None, found, copies)) == count


@pytest.fixture
def texts(tmp_path):
  """Two files of three documents each, of 100 characters and one line feed."""
  for name in ("b.txt", "a.txt"):
    text = "".join("%s\n\n" % (name[0] * 100) for _ in range(3))
    (tmp_path / name).write_text(text)
  (tmp_path / "folder.txt").mkdir()
  return tmp_path


def test_a_chunk_is_closed_when_large_enough_or_at_the_end(texts, monkeypatch):
  monkeypatch.setattr(shards, "CHUNK_CHARACTERS", 150)
  found = inputs.find("%s/?.txt" % texts, lambda path: "text", "x")
  plan = stripes.Plan(found, ["x%d" % i for i in range(4)], 1)
  found = list(shards.all_chunks(plan, collections.Counter()))
  assert [(c.file, c.number) for c in found] == [(0, 0), (0, 1), (1, 0), (1, 1)]
  assert [len(c.documents) for c in found] == [2, 1, 2, 1]
  assert found[2].documents == [["b" * 100], ["b" * 100]]
  # Files are read in blocks, and both fit into their first.
  assert [c.end for c in found] == [306, 306, 612, 612]
  assert [c.stripe for c in found] == [0, 2, 2, 3]


SHORT = SETTINGS._replace(
  max_seq_length=32, max_predictions_per_seq=5, dupe_factor=2, random_seed=1
)


def test_the_encoder_splits_paragraphs_of_unsplit_inputs():
  encoder = shards.Encoder(
    tokenization.load(spm_model_file=SPM), SHORT, [False, True]
  )
  documents = [["Fever was seen. It was high.", "Then it went."]]
  whole, cut = (
    encoder(shards.Chunk(file, 0, 3, 99, documents)) for file in (0, 1)
  )
  assert whole.counts["sentences"] == 2
  assert cut.counts["sentences"] == 3
  assert (cut.file, cut.number, cut.stripe, cut.end) == (1, 0, 3, 99)
  assert len(cut.copies) == 2
  assert sum(count for count, _ in cut.copies) == cut.counts["instances"]
