# SPDX-License-Identifier: Apache-2.0
"""Tests of common/stripes.py, and of what a killed run leaves."""

import collections
import gzip
import os

import pytest

from common import files
from common import stripes
from common.errors import InputError
from formats import inputs

DESCRIPTION = {"flags": {"ngram": 3}}


def plan_of(sizes, num_shards, copies, folder=""):
  found = [inputs.Input("in-%d" % i, n, "text") for i, n in enumerate(sizes)]
  paths = [
    os.path.join(str(folder), "x-%05d-of-%05d" % (i, num_shards))
    for i in range(num_shards)
  ]
  return stripes.Plan(found, paths, copies)


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


@pytest.mark.parametrize("text", ["3/64", "1/1", "64/64"])
def test_parts_are_counted_from_one(text):
  number, count = stripes.parse_part(text, "part")
  assert "%d/%d" % (number, count) == text


@pytest.mark.parametrize("text", ["0/64", "65/64", "3", "-1/2", "a/b", "1/2/3"])
def test_parts_that_there_are_not_are_rejected(text):
  with pytest.raises(
    InputError, match="--part: found '%s', expected 1/64" % text
  ):
    stripes.parse_part(text, "part")


@pytest.mark.parametrize("count", [1, 2, 3, 7, 12])
def test_parts_have_all_stripes_in_their_order(count):
  plan = plan_of([1000], 7, 1)
  parts = [stripes.Part(number, count) for number in range(1, count + 1)]
  ranges = [range(*plan.range(part)) for part in parts]
  assert [stripe for r in ranges for stripe in r] == list(range(7))
  assert max(map(len, ranges)) - min(map(len, ranges)) <= 1


def write_stripes(plan, count):
  """Writes so many stripes in two steps each, and stops in the next."""
  output = stripes.Output(plan, DESCRIPTION, [], "lines")
  for number in range(2 * count + 1):
    parts = [
      ((number + copy) % 2, 1, b"%d" % (10 * number + copy))
      for copy in range(2)
    ]
    output.add(number // 2, {"lines": 2}, parts)
  return output


def test_a_stripe_gets_its_names_when_the_next_begins(tmp_path):
  plan = plan_of([100], 6, 2, tmp_path)
  output = write_stripes(plan, 1)
  progress = files.read_json(plan.beside(stripes.PROGRESS))
  assert progress == dict(DESCRIPTION, stripes=output.stripes)
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
  output = stripes.Output(plan, DESCRIPTION, before, "lines")
  output.add(2, {"lines": 2}, [(0, 1, b"a"), (1, 1, b"b")])
  output.finish()
  outcome = output.outcome(collections.Counter())
  assert outcome.counts["lines"] == 10
  assert len(outcome.shards) == 6
  assert sum(shard["lines"] for shard in outcome.shards) == 10


def test_stripes_without_text_become_empty_shards(tmp_path):
  plan = plan_of([100], 3, 1, tmp_path)
  output = stripes.Output(plan, DESCRIPTION, [], "lines")
  output.add(1, {}, [(0, 1, b"a")])
  output.finish()
  sizes = [os.path.getsize(path) for path in plan.shards]
  assert sizes == [0, 1, 0]


def test_a_kill_before_the_new_names_costs_nothing(tmp_path):
  plan = plan_of([100], 6, 2, tmp_path)
  before = write_stripes(plan, 1).stripes
  path = tmp_path / "x-00003-of-00006"
  path.rename(str(path) + ".partial")
  stripes.Output(plan, DESCRIPTION, before, "lines")
  assert path.read_bytes() == b"110"


def test_shards_are_compressed_between_header_and_footer(tmp_path):
  path = tmp_path / "x.gz"
  for _ in range(2):
    file = stripes.File(str(path), b"<", b">", is_gzip=True)
    file.write(b"a" * 1000)
    file.finish()
    packed = path.read_bytes()
    assert gzip.decompress(packed) == b"<" + b"a" * 1000 + b">"
  assert len(packed) < 100 and packed[4:8] == bytes(4)  # No time.
  file = stripes.File(str(path))
  file.discard()
  assert not path.exists()


@pytest.mark.parametrize("name", ["x.jsonl", "x.bioc.xml.gz", "x"])
def test_the_name_of_an_output_has_no_number(name):
  stem, *endings = name.split(".")
  first = ".".join([stem + "-00000-of-00012"] + endings)
  plan = stripes.Plan([inputs.Input("in", 1, "text")], ["out/" + first], 1)
  assert plan.beside(".end") == "out/%s.end" % name


def test_a_changed_finished_shard_is_named(tmp_path):
  plan = plan_of([100], 6, 2, tmp_path)
  before = write_stripes(plan, 1).stripes
  (tmp_path / "x-00003-of-00006").write_bytes(b"1")
  with pytest.raises(InputError, match="x-00003-of-00006: was finished with 3"):
    stripes.Output(plan, DESCRIPTION, before, "lines")


class Full(stripes.File):
  """A shard on a disk that is full at its end."""

  def finish(self):
    super().finish()
    raise OSError("the disk is full")


def test_a_shard_that_cannot_be_finished_leaves_no_file(tmp_path):
  plan = plan_of([100], 2, 2, tmp_path)
  output = stripes.Output(plan, DESCRIPTION, [], "texts", Full)
  output.add(0, {}, [(0, 1, b"a"), (1, 1, b"b")])
  with pytest.raises(OSError, match="full"):
    output.finish()
  output.discard()
  assert [p.name for p in tmp_path.iterdir()] == ["x.progress.json"]
