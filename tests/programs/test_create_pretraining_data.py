# SPDX-License-Identifier: Apache-2.0
"""Runs the program from a shell; its output must always have the same bytes."""

import glob
import json
import os
import random
import signal
import subprocess
import sys
import time

from absl import flags
import pytest

from common import files
from common import flag_groups
import create_pretraining_data
from pretraining import sources
from pretraining import tfrecords
from tests.helpers import REPO
from tests.helpers import SPM

# It does not depend on TensorFlow, but on Python.
pytestmark = pytest.mark.once("tf1")

PROGRAM = os.path.join(REPO, "create_pretraining_data.py")
# Runs the program with smaller chunks, so that a small text has many; in the
# end says on standard output whether it needed TensorFlow.
DRIVER = f"""
import runpy, sys
sys.path.insert(0, {REPO!r})
sys.argv = [{PROGRAM!r}] + sys.argv[1:]
from pretraining import shards
shards.CHUNK_CHARACTERS = 20000
try:
  runpy.run_path({PROGRAM!r}, run_name="__main__")
finally:
  print("tensorflow" in sys.modules)
"""
WORDS = (
  "the patients with acute lung injury were given 2.5 mg of p53 IL-2 and "
  "TNF-alpha while fever disease cancer tumour cells protein therapy"
).split()


@pytest.fixture(scope="module")
def text(tmp_path_factory):
  """A file of 400 KB, a sentence a line, in documents."""
  rng = random.Random(1)
  path = tmp_path_factory.mktemp("text") / "in.txt"
  with open(str(path), "w") as f:
    while f.tell() < 400000:
      for _ in range(rng.randint(1, 8)):
        f.write(" ".join(rng.choices(WORDS, k=rng.randint(3, 30))) + ".\n")
      f.write("\n")
  return str(path)


def command(text, folder, *more):
  return [sys.executable, "-c", DRIVER] + [
    "--input_file=" + text,
    "--output_file=%s/x" % folder,
    "--spm_model_file=" + SPM,
    "--max_seq_length=64",
    "--dupe_factor=2",
    "--num_shards=8",
    *more,
  ]


def run(text, folder, *more, code=0):
  """Runs the program; returns what it says, and its standard output."""
  process = subprocess.run(
    command(text, folder, *more), capture_output=True, encoding="utf-8"
  )
  assert process.returncode == code, process.stderr[-3000:]
  return process.stderr, process.stdout


def contents(folder):
  """The bytes of all shards, and the manifest without times."""
  found = {}
  for path in glob.glob("%s/x-*" % folder):
    with open(path, "rb") as f:
      found[os.path.basename(path)] = f.read()
  with open("%s/x.manifest.json" % folder, encoding="utf-8") as f:
    manifest = json.load(f)
  del manifest["report"]["seconds"], manifest["report"]["megabytes_per_second"]
  return found, manifest


@pytest.fixture(scope="module")
def made(text, tmp_path_factory):
  """A folder with the output of one worker, and what the program said."""
  folder = tmp_path_factory.mktemp("made")
  return folder, run(text, folder, "--num_workers=1")


def test_flags_have_the_defaults_of_the_albert_release():
  create_pretraining_data.define_flags()
  flags.FLAGS.mark_as_parsed()
  values = vars(flag_groups.values("create_pretraining_data"))
  for flag in flags.FLAGS.get_key_flags_for_module("create_pretraining_data"):
    delattr(flags.FLAGS, flag.name)
  files = ("input_file", "output_file", "vocab_file", "spm_model_file")
  albert = dict(
    dict.fromkeys(files),
    do_whole_word_mask=True,
    do_permutation=False,
    favor_shorter_ngram=True,
    random_next_sentence=False,
    max_seq_length=512,
    ngram=3,
    max_predictions_per_seq=20,
    random_seed=12345,
    dupe_factor=40,
    masked_lm_prob=0.15,
    short_seq_prob=0.1,
  )
  assert {name: values[name] for name in albert} == albert


def test_help_lists_the_flags():
  said = subprocess.check_output(
    [sys.executable, PROGRAM, "--help"], encoding="utf-8"
  )
  assert "raw biomedical text" in said
  for name in ("--dupe_factor", "--[no]do_whole_word_mask", "--input_format"):
    assert name in said
  assert "<auto|%s>" % "|".join(sources.FORMATS) in said


@pytest.mark.once
def test_the_manifest_counts_what_the_shards_hold(made):
  found, manifest = contents(made[0])
  assert len(found) == 8
  for shard in manifest["shards"]:
    data = found[shard["file"]]
    assert len(data) == shard["bytes"]
    path = str(made[0] / shard["file"])
    assert tfrecords.count(path) == shard["instances"] > 0
  counts = manifest["report"]["counts"]
  assert counts["instances"] == sum(s["instances"] for s in manifest["shards"])
  assert manifest["flags"]["max_seq_length"] == 64
  assert manifest["flags"]["max_predictions_per_seq"] == 20
  assert manifest["vocab_size"] == 8000
  assert list(manifest["vocabulary"]) == ["pubmed-8k.model"]


def test_the_report_is_logged_without_tensorflow(made):
  said, has_tensorflow = made[1]
  for part in ("documents: ", "instances: ", "pieces are unknown", "MB/s: 8 "):
    assert part in said
  assert has_tensorflow == "False\n"


def test_the_output_is_the_same_for_any_number_of_workers(made, text, tmp_path):
  run(text, tmp_path, "--num_workers=2")
  assert contents(tmp_path) == contents(made[0])


def finished(folder):
  """{path: time of writing} of the finished shards."""
  paths = glob.glob("%s/x-*-of-00008" % folder)
  return {path: os.stat(path).st_mtime_ns for path in paths}


def stop_after_a_stripe(arguments, folder, send, number):
  """Sends a signal to the program at work; returns its messages and code.

  All processes of its group must end.
  """
  process = subprocess.Popen(
    arguments,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.PIPE,
    encoding="utf-8",
    start_new_session=True,
  )
  deadline = time.time() + 60
  while not finished(folder) and time.time() < deadline:
    time.sleep(0.001)
  send(process.pid, number)
  said = process.communicate()[1]
  assert has_ended(process.pid)
  return said, process.returncode


def has_ended(group):
  """Whether all processes of a group are gone, or are so in five seconds."""
  for _ in range(100):
    try:
      os.killpg(group, 0)
    except ProcessLookupError:
      return True
    time.sleep(0.05)
  return False


@pytest.mark.parametrize("num_workers", [1, 2])
@pytest.mark.once
def test_a_resumed_run_gives_the_same_bytes(made, text, tmp_path, num_workers):
  arguments = command(text, tmp_path, "--num_workers=%d" % num_workers)
  stop_after_a_stripe(arguments, tmp_path, os.kill, signal.SIGKILL)
  kept = finished(tmp_path)
  assert 0 < len(kept) < 8 and not (tmp_path / "x.manifest.json").exists()
  run(text, tmp_path, "--num_workers=1")
  assert contents(tmp_path) == contents(made[0])
  now = finished(tmp_path)
  assert {path: now[path] for path in kept} == kept


@pytest.mark.parametrize(
  "number, code, name",
  [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
@pytest.mark.once
def test_a_signal_ends_in_one_line_and_leaves_no_worker(
  text, tmp_path, number, code, name
):
  arguments = command(text, tmp_path, "--num_workers=2")
  said, found = stop_after_a_stripe(arguments, tmp_path, os.killpg, number)
  assert found == code
  assert said.splitlines()[-1].startswith("error: %s; the same comm" % name)
  assert "Traceback" not in said


def test_a_finished_command_does_nothing(made, text):
  before = finished(made[0])
  said, _ = run(text, made[0], "--num_workers=2")
  assert "Nothing to do" in said
  assert finished(made[0]) == before


def test_another_flag_for_the_same_output_is_rejected(made, text):
  said, _ = run(text, made[0], "--random_seed=7", code=1)
  assert "with --random_seed=12345, this command has --random_seed=7;" in said


@pytest.mark.once
def test_two_outputs_live_in_one_folder(made, text, tmp_path):
  small = tmp_path / "small.txt"
  small.write_text("Fever was seen.\nIt went.\n\n")
  flags = ["--output_file=%s/y" % tmp_path, "--num_shards=1"]
  run(str(small), tmp_path, *flags)
  run(text, tmp_path)
  assert contents(tmp_path) == contents(made[0])
  said, _ = run(str(small), tmp_path, *flags)
  assert "output is finished (%s/y.manifest.json)" % tmp_path in said


@pytest.mark.parametrize("num_workers", [1, 2])
@pytest.mark.once
def test_a_bad_input_ends_in_one_line_and_leaves_no_partial_file(
  text, tmp_path, num_workers
):
  bad = tmp_path / "bad.txt"
  with open(text, "rb") as f:
    bad.write_bytes(f.read() + b"\n\xff\n")
  folder = tmp_path / "out"
  said, _ = run(
    "%s,%s" % (bad, text), folder, "--num_workers=%d" % num_workers, code=1
  )
  assert said.splitlines()[-1].startswith("error: %s:" % bad)
  assert "Traceback" not in said
  assert not glob.glob("%s/*.partial" % folder)


@pytest.mark.once
def test_an_unwritable_folder_is_named_in_one_line(text, tmp_path):
  (tmp_path / "file").write_text("")
  said, _ = run(text, tmp_path / "file" / "out", code=1)
  assert "%s/file/out: Not a directory;" % tmp_path in said.splitlines()[-1]
  assert "Traceback" not in said


def test_a_folder_in_use_is_refused(text, tmp_path):
  with files.locked(str(tmp_path)):
    said, _ = run(text, tmp_path, code=1)
  assert "another run is writing there (process %d " % os.getpid() in said


def test_a_text_without_instances_is_rejected(tmp_path):
  path = tmp_path / "in.txt"
  path.write_text("Fever\n")
  said, _ = run(str(path), tmp_path / "out", code=1)
  assert "gave no instance" in said
  assert not (tmp_path / "out").exists()


@pytest.mark.once
def test_the_vocabulary_is_found_in_a_model_folder(text, tmp_path):
  said, _ = run(
    text,
    tmp_path,
    "--spm_model_file=",
    "--bioalbert_dir=" + os.path.dirname(SPM),
    "--num_shards=1",
    "--dupe_factor=1",
  )
  assert "1 file(s) and x.manifest.json" in said
  assert os.path.getsize(str(tmp_path / "x")) > 0


@pytest.mark.parametrize(
  "flag, message",
  [
    ("--beam_options=--x=1", "--beam_options has a meaning with --runner only"),
    ("--runner=Foo", "DirectRunner"),
  ],
)
def test_flags_without_effect_are_rejected(text, tmp_path, flag, message):
  said, _ = run(text, tmp_path, flag, code=1)
  assert message in said


@pytest.mark.once
def test_beam_makes_the_same_shards_and_counts(made, text, tmp_path):
  pytest.importorskip(
    "apache_beam", reason="Apache Beam (requirements-beam.txt) is not installed"
  )
  run(text, tmp_path, "--runner=DirectRunner")
  assert contents(tmp_path) == contents(made[0])
