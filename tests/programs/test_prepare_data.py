# SPDX-License-Identifier: Apache-2.0
"""Tests of prepare_data.py; tests/converters has those of its output."""

import hashlib
import json
import os
import subprocess
import sys
import types
from unittest import mock

import pytest

from common import data_sets
from common import files
from common import flag_groups
from common.errors import InputError
from converters.shared import folders
import prepare_data
from tests.helpers import REPO
from tests.helpers import corpus_files

OUTPUT = set(
  "train.tsv dev.tsv test.tsv conversion_report.txt conversion.json".split()
)


def run(*arguments, fails=False):
  """Runs the program; returns its output, or its error, which is one line."""
  done = subprocess.run(
    [sys.executable, os.path.join(REPO, "prepare_data.py")] + list(arguments),
    capture_output=True,
    text=True,
    env=dict(os.environ, PYTHONIOENCODING="utf-8"),
  )
  assert done.returncode == fails, done.stderr
  if not fails:
    return done.stdout
  assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
  return done.stderr


@pytest.fixture
def mednli(tmp_path):
  """Writes an invented corpus with a pair in train and test; its folder."""
  found = corpus_files.files("mednli")
  lines = found["mli_test_v1.jsonl"].splitlines(True)
  found["mli_train_v1.jsonl"] += lines[0] + lines[0].replace(b"day", b"DAY")
  return corpus_files.write(tmp_path / "in", found)


def call(folder, output, dataset="mednli", **changed):
  """Runs `main` in this process."""
  config = types.SimpleNamespace(
    list=False,
    dataset=dataset,
    input_dir=folder,
    output_dir=str(output),
    layout=None,
    allow_incomplete=True,
    alternatives=False,
    drop_leaks=False,
    drop_contradictions=False,
    **dict.fromkeys(prepare_data.OF_OWN),
  )
  vars(config).update(changed)
  with mock.patch.object(flag_groups, "values", lambda: config):
    prepare_data.main(None)


def contents(folder):
  return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_help_and_list_show_flags_and_data_sets():
  text = run("--help")
  assert "  --dataset: <" in text and "  --[no]drop_leaks: " in text
  text = run("--list")
  for name in prepare_data.CONVERTERS:
    assert "\n%s (" % name in "\n" + text
    assert data_sets.find(name).home in text
  for label in ("page", "licence", "input", "layouts"):
    assert text.count("  %s:" % label) == len(prepare_data.CONVERTERS)
  assert all(len(line) <= 80 for line in text.split("\n") if " " in line[12:])


def test_every_data_set_with_layouts_has_a_converter():
  names = {data_set.name for data_set in data_sets.converted()}
  assert names == set(prepare_data.CONVERTERS)


BRAT = {
  "%s/a.%s" % (split, ending): data
  for split in ("train", "dev", "test")
  for ending, data in (
    ("txt", b"Aspirin for pain."),
    ("ann", b"T1\tDrug 0 7\tAspirin\nT2\tSign 12 16\tpain\nR1\tX A:T1 B:T2\n"),
  )
}


def test_your_own_corpus_is_converted_with_the_same_report(tmp_path):
  folder = corpus_files.write(tmp_path / "in", BRAT)
  output = tmp_path / "out"
  given = ("--dataset=own", "--input_dir", folder, "--output_dir", str(output))
  printed = run(*given, "--task=re", "--types=Drug,Sign")
  written = contents(output)
  assert set(written) == OUTPUT
  assert written["dev.tsv"] == (
    b"index\tsentence\tlabel\ndev/a.T1.T2\t@Drug$ for @Sign$.\tX\n"
  )
  report = written["conversion_report.txt"].decode("utf-8")
  assert printed.startswith(report)
  assert "label X" in report and "1 in train and test: " in report
  record = json.loads(written["conversion.json"].decode("utf-8"))
  assert record["flags"]["types"] == ["Drug", "Sign"]
  assert printed.endswith(
    "Next: python run_re.py --task_name=generic --negative_label=false "
    "--do_eval --data_dir=%s --output_dir=output/own "
    "--bioalbert_dir=models/bioalbert-small\n" % output
  )
  message = run(*given, fails=True)
  assert "holds own in the layout blue; expected a new folder for" in message


def test_a_split_of_an_earlier_conversion_is_an_error(tmp_path):
  folder = corpus_files.write(tmp_path / "in", BRAT)
  call(folder, tmp_path / "out", "own")
  before = contents(tmp_path / "out")
  rest = {n: text for n, text in BRAT.items() if not n.startswith("dev")}
  smaller = corpus_files.write(tmp_path / "less", rest)
  with pytest.raises(InputError, match="devel.tsv: found a file of an earlier"):
    call(smaller, tmp_path / "out", "own")
  assert contents(tmp_path / "out") == before


@pytest.mark.parametrize(
  "dataset, flag, value",
  [
    ("own", "layout", "blue"),
    ("own", "alternatives", True),
    ("hoc", "input_format", "auto"),
    ("hoc", "task", "ner"),
    ("hoc", "types", ["Drug"]),
    ("hoc", "dev_fraction", 0.0),
    ("hoc", "test_fraction", 0.1),
    ("hoc", "seed", 0),
  ],
)
def test_flags_of_other_data_sets_are_errors(tmp_path, dataset, flag, value):
  expected = "without" if dataset == "own" else "with"
  message = "--%s: found it with --dataset=%s, expected it %s --dataset=own" % (
    flag,
    dataset,
    expected,
  )
  with pytest.raises(InputError, match=message):
    call(str(tmp_path), tmp_path / "out", dataset, **{flag: value})


def test_flags_name_the_formats_that_are_read():
  assert prepare_data.FORMATS == ("auto",) + folders.FORMATS


def test_a_conversion_writes_files_a_report_and_a_record(mednli, tmp_path):
  given = ("--dataset=mednli", "--input_dir", mednli)
  output = tmp_path / "new" / "out"
  printed = run(*given, "--output_dir", str(output), "--allow_incomplete")
  written = contents(output)
  assert set(written) == OUTPUT
  report = written["conversion_report.txt"].decode("utf-8")
  assert printed.startswith(report)
  assert "rows: train 11,232, dev 1,395, test 1,422; no known" in report
  assert "  1 in train and test: 'seen by [** name **] on day 0 test." in report
  record = json.loads(written["conversion.json"].decode("utf-8"))
  for name, digest in record["sha256"].items():
    assert hashlib.sha256(written[name]).hexdigest() == digest
  assert record["counts"]["rows"] == {"train": 8, "dev": 3, "test": 3}
  assert record["flags"]["allow_incomplete"] is True
  assert len(record["input_sha256"]) == 64


@pytest.mark.parametrize(
  "arguments, message",
  [
    (["--dataset=bc5"], "mednli"),  # One of those to choose from.
    ([], "--dataset is missing; --list shows all data sets"),
    (["--dataset=hoc"], "--input_dir is missing"),
    (["--dataset=hoc", "--input_dir=x"], "--output_dir is missing"),
    (
      ["--dataset=hoc", "--input_dir=no such", "--output_dir=x"],
      "no such: no such folder; expected the corpus as its owners distribute",
    ),
    (
      ["--dataset=mednli", "--layout=blurb", "--input_dir=x", "--output_dir=x"],
      "--layout=blurb: mednli has no such layout, expected one of blue",
    ),
    (["--layout=glue"], "biobert|blue|blurb"),
  ],
)
def test_wrong_flags_end_in_one_line(arguments, message):
  assert message in run(*arguments, fails=True)


@pytest.mark.once
def test_damaged_input_ends_in_one_line_and_writes_nothing(mednli, tmp_path):
  with open(os.path.join(mednli, "mli_test_v1.jsonl"), "ab") as f:
    f.write(b"{\n")
  output = tmp_path / "out"
  given = ("--dataset=mednli", "--input_dir", mednli)
  given += ("--output_dir", str(output))
  assert "mli_test_v1.jsonl:4: found no JSON" in run(*given, fails=True)
  assert not output.exists()
  printed = run(*given, "--allow_incomplete")
  assert "lines that do not fit (skipped): test 1\n" in printed
  assert "mli_test_v1.jsonl:4: found no JSON" in printed


def test_an_incomplete_corpus_is_not_converted(mednli, tmp_path):
  with pytest.raises(InputError, match="found 8 rows for the train set, expec"):
    call(mednli, tmp_path / "out", allow_incomplete=False)
  assert not (tmp_path / "out").exists()


def test_drop_leaks_removes_texts_of_the_test_set(mednli, tmp_path):
  call(mednli, tmp_path / "with")
  call(mednli, tmp_path / "without", drop_leaks=True)
  before, after = (contents(tmp_path / n) for n in ("with", "without"))
  lines = before["train.tsv"].splitlines(True)
  assert after["train.tsv"] == b"".join(lines[:-2])
  assert after["dev.tsv"] == before["dev.tsv"]
  assert after["test.tsv"] == before["test.tsv"]
  rule = b"texts of the test set (removed by --drop_leaks): train 2\n"
  assert rule in after["conversion_report.txt"]


def test_drop_contradictions_removes_texts_with_several_labels(tmp_path):
  found = corpus_files.files("mednli")
  first = found["mli_train_v1.jsonl"].splitlines(True)[0]
  found["mli_train_v1.jsonl"] += first.replace(b"entailment", b"neutral")
  folder = corpus_files.write(tmp_path / "in", found)
  call(folder, tmp_path / "with")
  call(folder, tmp_path / "without", drop_contradictions=True)
  before, after = (contents(tmp_path / n) for n in ("with", "without"))
  lines = before["train.tsv"].splitlines(True)
  assert after["train.tsv"] == b"".join(lines[:1] + lines[2:-1])
  assert after["test.tsv"] == before["test.tsv"]
  rule = (
    b"texts with several labels (removed by --drop_contradictions): train 2\n"
  )
  assert rule in after["conversion_report.txt"]


@pytest.mark.parametrize("dataset", sorted(prepare_data.CONVERTERS))
def test_drop_leaks_changes_training_sets_with_leaks_only(tmp_path, dataset):
  corpus_files.write(tmp_path, corpus_files.files(dataset))
  whole, report = corpus_files.convert(tmp_path, dataset)
  kept, dropped = corpus_files.convert(tmp_path, dataset, drops=["drop_leaks"])
  leaks = [f for _, f in report.findings if f.kind == "in train and test"]
  rule = "texts of the test set (removed by --drop_leaks)"
  assert (rule in dropped.rules) == any(leak.count for leak in leaks)
  for name in set(whole) | set(kept):
    if "train" not in name:
      assert kept[name] == whole[name]
    elif rule not in dropped.rules:
      assert kept[name] == whole[name]


def test_a_folder_with_another_data_set_stays_as_it_is(mednli, tmp_path):
  output = tmp_path / "out"
  call(mednli, output)
  before = contents(output)
  call(mednli, output)  # The same data set may go there again,
  assert contents(output) == before
  hoc = corpus_files.write(tmp_path / "hoc", corpus_files.files("hoc"))
  with pytest.raises(InputError, match="out: holds mednli in the layout blue"):
    call(hoc, output, "hoc")
  assert contents(output) == before
  (output / "conversion.json").write_text("[]")  # and so may any after this.
  call(hoc, output, "hoc")


def test_a_folder_that_cannot_be_written_is_an_error(mednli, tmp_path):
  (tmp_path / "file").write_text("x")
  with pytest.raises(InputError, match="file/out: cannot be written"):
    call(mednli, tmp_path / "file" / "out")


def test_a_full_disk_leaves_old_files_intact(mednli, tmp_path):
  output = tmp_path / "out"
  call(mednli, output)
  before = contents(output)
  sound = files.close_safely

  def fail(file):
    sound(file)
    if "test.tsv" in file.name:
      raise OSError(28, "No space left on device")

  with mock.patch.object(files, "close_safely", fail):
    with pytest.raises(InputError, match="cannot be written .No space left"):
      call(mednli, output, drop_leaks=True)
  assert contents(output) == before


def test_a_folder_named_like_an_output_file_is_an_error(mednli, tmp_path):
  output = tmp_path / "out"
  (output / "test.tsv").mkdir(parents=True)
  with pytest.raises(InputError, match="test.tsv: found a folder"):
    call(mednli, output)
  assert [path.name for path in output.iterdir()] == ["test.tsv"]


def test_each_fold_gets_its_own_folder(tmp_path):
  folder = corpus_files.write(tmp_path / "in", corpus_files.files("gad"))
  call(folder, tmp_path / "out", "gad")
  for fold in range(1, 11):
    names = {p.name for p in (tmp_path / "out" / str(fold)).iterdir()}
    assert names == {"train.tsv", "dev.tsv", "test.tsv"}
