# SPDX-License-Identifier: Apache-2.0
"""Tests which shard instances go to, and what a killed run leaves."""

import collections
import os

import pytest

from common.errors import InputError
from pretraining import manifests
from pretraining import shards
from tests.helpers import SPM
from tests.helpers.pretraining_files import SETTINGS
import tokenization

DESCRIPTION = {
  "flags": {"ngram": 3, "output_file": ["x-00000-of-00006"]},
  "inputs": [],
  "vocabulary": {},
}


def plan_of(sizes, num_shards, copies, folder=""):
  inputs = [shards.Input("in-%d" % i, n, "text") for i, n in enumerate(sizes)]
  paths = [
    os.path.join(str(folder), "x-%05d-of-%05d" % (i, num_shards))
    for i in range(num_shards)
  ]
  return shards.Plan(inputs, paths, copies)


def encoded(number, stripe, copies):
  """An Encoded whose copies are (instances, records) pairs."""
  counts = collections.Counter(instances=sum(c for c, _ in copies))
  return shards.Encoded(0, number, stripe, 100, copies, counts)


@pytest.mark.parametrize(
  "num_shards, copies, lanes, stripes, why",
  [
    (1, 40, 1, 1, "one shard takes all"),
    (64, 1, 1, 64, "one copy needs one lane"),
    (64, 40, 32, 2, "32 is the largest divisor of 64 up to 40"),
    (80, 40, 40, 2, "a lane a copy"),
    (7, 40, 7, 1, "fewer shards than copies"),
    (7, 5, 1, 7, "a prime has no other divisor"),
  ],
)
def test_shards_are_lanes_times_stripes(
  num_shards, copies, lanes, stripes, why
):
  plan = plan_of([1000], num_shards, copies)
  assert (plan.lanes, plan.stripes) == (lanes, stripes), why
  numbers = [plan.shard(i, j) for i in range(stripes) for j in range(lanes)]
  assert sorted(numbers) == list(range(num_shards))


def test_stripes_divide_the_bytes_of_all_inputs_evenly():
  plan = plan_of([100, 50, 150], 3, 1)
  places = [plan.place(0, 99), plan.place(1, 0), plan.place(2, 49)]
  assert places == [99, 100, 199]
  assert [plan.stripe(p) for p in places] == [0, 1, 1]
  assert plan.stripe(plan.bytes) == 2  # Text that a file's last block held.


def test_copies_of_a_chunk_go_to_different_lanes_and_chunks_take_turns():
  plan = plan_of([1000], 4, 4)
  first, second = encoded(0, 0, []), encoded(1, 0, [])
  assert [plan.lane(first, copy) for copy in range(4)] == [0, 1, 2, 3]
  assert [plan.lane(second, copy) for copy in range(4)] == [1, 2, 3, 0]


def inputs_of(size):
  return [shards.Input("a", size, "text")]


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
  inputs = inputs_of(megabytes << 20)
  assert len(shards.shard_paths("x", None, inputs, copies)) == count


@pytest.fixture
def texts(tmp_path):
  """Two files of three documents each, of 100 characters and one line feed."""
  for name in ("b.txt", "a.txt"):
    text = "".join("%s\n\n" % (name[0] * 100) for _ in range(3))
    (tmp_path / name).write_text(text)
  (tmp_path / "folder.txt").mkdir()
  return tmp_path


def test_inputs_are_the_sorted_files_of_all_patterns(texts):
  patterns = "%s/*.txt, %s/a.txt" % (texts, texts)
  assert shards.find_inputs(patterns, "auto") == [
    shards.Input(str(texts / "a.txt"), 306, "text"),
    shards.Input(str(texts / "b.txt"), 306, "text"),
  ]
  (found,) = shards.find_inputs(str(texts / "a.txt"), "mimic")
  assert found.format == "mimic"


@pytest.mark.parametrize(
  "pattern, message",
  [
    ("{}/c.txt", "c.txt: no such file, nor a glob that fits any"),
    ("{}/*.xml", "no such file, nor a glob"),
    ("{}", "is a folder, expected files or a glob such as .*/\\*.txt"),
    (" ,", "names no file"),
  ],
)
def test_a_missing_input_is_named(texts, pattern, message):
  with pytest.raises(InputError, match=message):
    shards.find_inputs(pattern.format(texts), "auto")


def test_a_chunk_is_closed_when_large_enough_or_at_the_end(texts, monkeypatch):
  monkeypatch.setattr(shards, "CHUNK_CHARACTERS", 150)
  inputs = shards.find_inputs("%s/?.txt" % texts, "text")
  plan = shards.Plan(inputs, ["x%d" % i for i in range(4)], 1)
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


def write_stripes(plan, stripes):
  """Writes so many stripes of two chunks each, and stops in the next."""
  output = shards.Output(plan, DESCRIPTION, [])
  for number in range(2 * stripes + 1):
    copies = [(1, b"%d" % (10 * number + copy)) for copy in range(2)]
    output.add(encoded(number, number // 2, copies))
  return output


def test_a_stripe_gets_its_names_when_the_next_begins(tmp_path):
  plan = plan_of([100], 6, 2, tmp_path)
  output = write_stripes(plan, 1)
  stripes = manifests.read_earlier(plan, DESCRIPTION).stripes
  assert stripes == output.stripes
  found = {p.name for p in tmp_path.iterdir()}
  assert found == {
    "x.progress.json",
    "x-00000-of-00006",
    "x-00001-of-00006.partial",
    "x-00003-of-00006",
    "x-00004-of-00006.partial",
  }
  # Lane 0 gets copy 0 of chunk 0 and copy 1 of chunk 1, lane 1 the others.
  assert (tmp_path / "x-00000-of-00006").read_bytes() == b"011"
  assert (tmp_path / "x-00003-of-00006").read_bytes() == b"110"
  output.discard()
  assert sorted(p.name for p in tmp_path.iterdir()) == [
    "x-00000-of-00006",
    "x-00003-of-00006",
    "x.progress.json",
  ]


def test_the_outcome_includes_earlier_runs(tmp_path):
  plan = plan_of([100], 6, 2, tmp_path)
  before = write_stripes(plan, 2).stripes
  output = shards.Output(plan, DESCRIPTION, before)
  output.add(encoded(4, 2, [(1, b"a"), (1, b"b")]))
  output.finish()
  outcome = output.outcome(collections.Counter())
  assert outcome.counts["instances"] == 10
  assert len(outcome.shards) == 6
  assert sum(shard["instances"] for shard in outcome.shards) == 10


def test_stripes_without_text_become_empty_shards(tmp_path):
  plan = plan_of([100], 3, 1, tmp_path)
  output = shards.Output(plan, DESCRIPTION, [])
  output.add(encoded(0, 1, [(1, b"a")]))
  output.finish()
  sizes = [os.path.getsize(path) for path in plan.shards]
  assert sizes == [0, 1, 0]


def test_a_kill_before_the_new_names_costs_nothing(tmp_path):
  plan = plan_of([100], 6, 2, tmp_path)
  stripes = write_stripes(plan, 1).stripes
  path = tmp_path / "x-00003-of-00006"
  path.rename(str(path) + ".partial")
  shards.Output(plan, DESCRIPTION, stripes)
  assert path.read_bytes() == b"110"


def test_a_changed_finished_shard_is_named(tmp_path):
  plan = plan_of([100], 6, 2, tmp_path)
  stripes = write_stripes(plan, 1).stripes
  (tmp_path / "x-00003-of-00006").write_bytes(b"1")
  with pytest.raises(InputError, match="x-00003-of-00006: was finished with 3"):
    shards.Output(plan, DESCRIPTION, stripes)
