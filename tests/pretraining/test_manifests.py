# SPDX-License-Identifier: Apache-2.0
"""What manifests say of shards, and which other commands they reject."""

import collections
import copy
import json
import os

import pytest

from common import stripes
from common.errors import InputError
from formats import inputs
from pretraining import manifests

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
  found = [inputs.Input("a.txt", 3000000, "text")]
  return stripes.Plan(found, [str(tmp_path / "x")], 1)


def changed(section, key, value):
  description = copy.deepcopy(DESCRIPTION)
  description[section][key] = value
  return description


def test_a_new_folder_has_no_earlier_run(plan):
  earlier = manifests.read_earlier(plan, DESCRIPTION)
  assert earlier == (None, False, [])


@pytest.mark.parametrize("name", ["x.progress.json", "progress.json"])
def test_progress_is_found_also_under_its_old_name(plan, tmp_path, name):
  stripes.write_progress(plan, DESCRIPTION, [{"shards": []}])
  (tmp_path / "x.progress.json").rename(tmp_path / name)
  earlier = manifests.read_earlier(plan, DESCRIPTION)
  assert not earlier.finished
  assert earlier.stripes == [{"shards": []}]
  assert os.listdir(str(tmp_path)) == ["x.progress.json"]


@pytest.mark.parametrize("name", ["x.manifest.json", "manifest.json"])
def test_a_finished_output_is_found_by_its_manifest(plan, tmp_path, name):
  (tmp_path / name).write_text(json.dumps(DESCRIPTION))
  earlier = manifests.read_earlier(plan, DESCRIPTION)
  assert earlier == (str(tmp_path / name), True, [])


@pytest.mark.parametrize("name", ["y.manifest.json", "manifest.json"])
def test_another_output_in_the_folder_is_no_obstacle(plan, tmp_path, name):
  other = changed("flags", "output_file", ["y"])
  (tmp_path / name).write_text(json.dumps(other))
  assert manifests.read_earlier(plan, DESCRIPTION).path is None


def test_an_output_with_a_file_in_common_is_rejected(plan, tmp_path):
  other = changed("flags", "output_file", ["y", "x"])
  (tmp_path / "y.manifest.json").write_text(json.dumps(other))
  with pytest.raises(InputError, match="y.manifest.json: .*--output_file=.'y'"):
    manifests.read_earlier(plan, DESCRIPTION)


def test_another_vocabulary_of_the_same_name_is_rejected(plan, tmp_path):
  (tmp_path / "30k-clean.model").write_bytes(b"other")
  with pytest.raises(InputError, match="30k-clean.model: found another voc"):
    manifests.read_earlier(plan, DESCRIPTION)


@pytest.mark.parametrize(
  "now, message",
  [
    (
      changed("flags", "ngram", 2),
      "with --ngram=3, this command has --ngram=2;",
    ),
    (
      changed("inputs", 0, {"path": "a.txt", "bytes": 9, "format": "text"}),
      r"the input a.txt \(text, 10 bytes\), .* has a.txt \(text, 9 bytes\);",
    ),
    (
      dict(DESCRIPTION, inputs=[]),
      r"the input a.txt \(text, 10 bytes\), this command has nothing;",
    ),
    (
      changed("vocabulary", "30k-clean.model", "0123456789"),
      r"30k-clean.model \(sha256 fefb02b6...\), .* \(sha256 01234567...\);",
    ),
  ],
)
def test_another_command_is_rejected_with_old_and_new_value(plan, now, message):
  stripes.write_progress(plan, DESCRIPTION, [{"shards": []}])
  with pytest.raises(InputError, match=message):
    manifests.read_earlier(plan, now)


def test_a_run_without_a_finished_shard_does_not_bind_the_next(plan):
  stripes.write_progress(plan, DESCRIPTION, [])
  other = changed("flags", "ngram", 2)
  assert manifests.read_earlier(plan, other).path is None


def test_a_file_without_a_manifest_is_not_overwritten(plan, tmp_path):
  (tmp_path / "x").write_bytes(b"mine")
  with pytest.raises(InputError, match="x: exists already, without a manif"):
    manifests.read_earlier(plan, DESCRIPTION)


def test_a_damaged_manifest_is_named(plan, tmp_path):
  (tmp_path / "x.manifest.json").write_text("{")
  with pytest.raises(InputError, match="x.manifest.json:1:2: damaged JSON"):
    manifests.read_earlier(plan, DESCRIPTION)


def test_the_report_has_counts_and_rates(plan):
  report = manifests.make_report(plan, COUNTS, {"notes": 1}, 2.0)
  assert report["unknown_rate"] == 0.01
  assert report["masking_rate"] == 0.15
  assert report["megabytes_per_second"] == 1.5
  assert report["counts"] == COUNTS
  assert report["dropped"] == {"notes": 1}


def test_the_manifest_replaces_the_progress(plan, tmp_path):
  stripes.write_progress(plan, DESCRIPTION, [])
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
    "tiny.model",
    "x.manifest.json",
  ]
  assert (tmp_path / "tiny.model").read_bytes() == b"pieces"
  manifest = json.loads((tmp_path / "x.manifest.json").read_text())
  assert manifest == dict(DESCRIPTION, shards=records, report=report)


def test_an_output_without_instances_is_rejected_and_removed(plan, tmp_path):
  (tmp_path / "x").write_bytes(b"")
  stripes.write_progress(plan, DESCRIPTION, [])
  dropped = {"notes without text": 7}
  report = manifests.make_report(plan, collections.Counter(), dropped, 1.0)
  records = [{"file": "x", "instances": 0, "bytes": 0}]
  with pytest.raises(InputError, match='no instance .*"notes without text": 7'):
    manifests.write_manifest(plan, DESCRIPTION, [], records, report)
  assert os.listdir(str(tmp_path)) == []


def test_outputs_in_one_folder_have_their_own_manifests(tmp_path):
  for name in ("train", "eval"):
    manifest = dict(
      DESCRIPTION,
      shards=[{"file": name, "instances": 1, "bytes": 0}],
      vocabulary={name + ".model": ""},
    )
    path = tmp_path / (name + ".manifest.json")
    path.write_text(json.dumps(manifest))
    for file in (name, name + ".model"):
      (tmp_path / file).write_bytes(b"")
  paths = sorted(map(str, tmp_path.iterdir()))
  train = str(tmp_path / "train")
  found = manifests.only_shards(paths, str(tmp_path / "*"), in_doubt)
  assert found == [str(tmp_path / "eval"), train]
  assert list(manifests.of_files([train])) == [train + ".manifest.json"]
  assert manifests.vocabulary_beside([train]) == [train + ".model"]
  assert len(manifests.in_folder(str(tmp_path))) == 2


def in_doubt(path):
  """Tells a TFRecord file by its name."""
  return "." not in os.path.basename(path)


def test_without_a_manifest_all_files_but_hidden_ones_hold_examples():
  paths = ["absent/.x", "absent/x", "absent/x.progress.json", "absent/y"]
  found = manifests.only_shards(paths, "absent/*", in_doubt)
  assert found == ["absent/x", "absent/y"]


@pytest.fixture
def shards_of_x(tmp_path):
  """Four shards of 10 bytes and 2 records, with their manifest; the paths."""
  names = ["x-%05d-of-00004" % i for i in range(4)]
  listed = [{"file": name, "instances": 2, "bytes": 10} for name in names]
  manifest = dict(DESCRIPTION, shards=listed)
  (tmp_path / "x.manifest.json").write_text(json.dumps(manifest))
  for name in names:
    (tmp_path / name).write_bytes(b"0123456789")
  return [str(tmp_path / name) for name in names]


def test_a_deleted_shard_that_a_pattern_would_match_is_named(shards_of_x):
  os.remove(shards_of_x[1])
  left = shards_of_x[:1] + shards_of_x[2:]
  pattern = os.path.dirname(left[0]) + "/x-*"
  message = "x-00001-of-00004: no such file; .*x.manifest.json lists it, with 2"
  with pytest.raises(InputError, match=message):
    manifests.only_shards(left, pattern, in_doubt)
  some = [left[0]]
  assert manifests.only_shards(some, some[0], in_doubt) == some
  with pytest.raises(InputError, match=message):
    manifests.only_shards([], shards_of_x[1], in_doubt)


def test_a_part_of_an_output_warns_with_counts(shards_of_x, caplog):
  with caplog.at_level("WARNING", logger="absl"):
    counts = manifests.check_shards(shards_of_x, lambda path: 2)
    assert counts == dict.fromkeys(shards_of_x, 2) and not caplog.text
    manifests.check_shards(shards_of_x[:3], lambda path: 2)
  assert "only 3 of the 4 files" in caplog.text
  assert "with 6 of 8 records" in caplog.text


def test_a_replaced_shard_is_rejected(shards_of_x):
  with pytest.raises(
    InputError, match="00000-of-00004: found 3 records, .* 2;"
  ):
    manifests.check_shards(shards_of_x, lambda path: 3)
  with open(shards_of_x[2], "w") as f:
    f.write("other")
  with pytest.raises(InputError, match="00002-of-00004: found 5 bytes, .* 10;"):
    manifests.check_shards(shards_of_x, lambda path: 2)


def test_a_file_that_no_manifest_lists_is_read_only_by_its_name(shards_of_x):
  folder = os.path.dirname(shards_of_x[0])
  other = os.path.join(folder, "x-00004-of-00005")
  notes = os.path.join(folder, "notes.txt")
  everything = shards_of_x + [other, notes]
  with pytest.raises(InputError, match="x-00004-of-00005: is not among the"):
    manifests.only_shards(everything, folder + "/*", in_doubt)
  everything.remove(other)
  found = manifests.only_shards(everything, folder + "/*", in_doubt)
  assert found == shards_of_x
  assert manifests.only_shards([other], other, in_doubt) == [other]
  assert manifests.check_shards([other], lambda path: 7) == {other: 7}


def test_an_output_that_is_not_finished_is_rejected(plan, tmp_path):
  stripes.write_progress(plan, DESCRIPTION, [])
  paths = [str(tmp_path / "x"), str(tmp_path / "y")]
  with pytest.raises(InputError, match="x.progress.json: this output is not f"):
    manifests.only_shards(paths, str(tmp_path / "*"), in_doubt)
  assert manifests.only_shards(paths[1:], paths[1], in_doubt) == paths[1:]
