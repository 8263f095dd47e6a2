# SPDX-License-Identifier: Apache-2.0
"""What a folder says of its shards, and what it will not be mixed with."""

import collections
import copy
import json
import os

import pytest

from common.errors import InputError
from pretraining import manifests
from pretraining import shards

DESCRIPTION = {
  "program": "create_pretraining_data.py",
  "flags": {"ngram": 3, "output_file": ["x"]},
  "vocab_size": 30000,
  "vocabulary": {"30k-clean.model": "fefb02b667a6"},
  "inputs": [{"path": "a.txt", "bytes": 10, "format": "text"}],
}
COUNTS = collections.Counter(
  pieces=200, unknown=2, maskable=100, masked=15, instances=4
)


@pytest.fixture
def plan(tmp_path):
  inputs = [shards.Input("a.txt", 3000000, "text")]
  return shards.Plan(inputs, [str(tmp_path / "x")], 1)


def changed(section, key, value):
  description = copy.deepcopy(DESCRIPTION)
  description[section][key] = value
  return description


def test_a_new_folder_has_no_earlier_run(plan):
  assert manifests.read_earlier(plan, DESCRIPTION) is None


def test_the_same_command_finds_its_progress(plan):
  manifests.write_progress(plan, DESCRIPTION, [{"shards": []}])
  earlier = manifests.read_earlier(plan, DESCRIPTION)
  assert earlier["stripes"] == [{"shards": []}]


@pytest.mark.parametrize(
  "now, message",
  [
    (changed("flags", "ngram", 2), "with --ngram=3, now it is --ngram=2;"),
    (
      changed("inputs", 0, {"path": "a.txt", "bytes": 9, "format": "text"}),
      r"the input a.txt \(text, 10 bytes\), now it is a.txt \(text, 9 bytes\);",
    ),
    (
      dict(DESCRIPTION, inputs=[]),
      r"the input a.txt \(text, 10 bytes\), now it is nothing;",
    ),
    (
      changed("vocabulary", "30k-clean.model", "0123456789"),
      r"30k-clean.model \(sha256 fefb02b6...\), now .* \(sha256 01234567...\);",
    ),
  ],
)
def test_another_command_is_refused_with_old_and_new_value(plan, now, message):
  manifests.write_progress(plan, DESCRIPTION, [{"shards": []}])
  with pytest.raises(InputError, match=message):
    manifests.read_earlier(plan, now)


def test_a_run_that_ended_before_its_first_shard_binds_nobody(plan):
  manifests.write_progress(plan, DESCRIPTION, [])
  other = changed("flags", "ngram", 2)
  assert manifests.read_earlier(plan, other) is None


def test_a_file_of_unknown_making_is_not_overwritten(plan, tmp_path):
  (tmp_path / "x").write_bytes(b"mine")
  with pytest.raises(InputError, match="x: is there already, and no manifest"):
    manifests.read_earlier(plan, DESCRIPTION)


def test_a_damaged_manifest_is_named(plan, tmp_path):
  (tmp_path / "manifest.json").write_text("{")
  with pytest.raises(InputError, match="manifest.json:1:2: damaged JSON"):
    manifests.read_earlier(plan, DESCRIPTION)


def test_rates_are_shares_of_what_was_counted(plan):
  report = manifests.make_report(plan, COUNTS, {"notes": 1}, 2.0)
  assert report["unknown_rate"] == 0.01
  assert report["masking_rate"] == 0.15
  assert report["megabytes_per_second"] == 1.5
  assert report["counts"] == COUNTS
  assert report["dropped"] == {"notes": 1}


def test_the_manifest_replaces_the_progress(plan, tmp_path):
  manifests.write_progress(plan, DESCRIPTION, [])
  report = manifests.make_report(plan, COUNTS, {}, 1.0)
  records = [{"file": "x", "instances": 4, "bytes": 40}]
  vocabulary = tmp_path / "elsewhere" / "tiny.model"
  vocabulary.parent.mkdir()
  vocabulary.write_bytes(b"pieces")
  manifests.write_manifest(
    plan, DESCRIPTION, [str(vocabulary)], records, report
  )
  assert sorted(os.listdir(str(tmp_path))) == [
    "elsewhere",
    "manifest.json",
    "tiny.model",
  ]
  assert (tmp_path / "tiny.model").read_bytes() == b"pieces"
  manifest = json.loads((tmp_path / "manifest.json").read_text())
  assert manifest == dict(DESCRIPTION, shards=records, report=report)


def test_an_output_without_instances_is_refused_and_removed(plan, tmp_path):
  (tmp_path / "x").write_bytes(b"")
  manifests.write_progress(plan, DESCRIPTION, [])
  dropped = {"notes without text": 7}
  report = manifests.make_report(plan, collections.Counter(), dropped, 1.0)
  records = [{"file": "x", "instances": 0, "bytes": 0}]
  with pytest.raises(InputError, match='no instance .*"notes without text": 7'):
    manifests.write_manifest(plan, DESCRIPTION, [], records, report)
  assert os.listdir(str(tmp_path)) == []
