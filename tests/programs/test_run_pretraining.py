# SPDX-License-Identifier: Apache-2.0
"""Pretraining from a shell: raw text to a model that fine-tunes."""

import json
import os
import re
from unittest import mock

import pytest

from tests.helpers import REPO
from tests.helpers import SPM
from tests.helpers import programs

pytestmark = pytest.mark.once

SIZES = " --max_seq_length=32 --max_predictions_per_seq=5"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
  """Returns a folder with a small model and shards of the bundled text."""
  folder = tmp_path_factory.mktemp("pretraining")
  programs.write_model(folder / "model")
  text = os.path.join(REPO, "examples", "abstracts.txt")
  with open(text, encoding="utf-8") as f:
    paragraphs = [line.strip() for line in f if line.strip()]
  raw = folder / "raw.txt"
  raw.write_text("\n\n".join(paragraphs), encoding="utf-8")
  programs.run(
    "create_pretraining_data.py",
    "--input_file=%s --split_sentences=true --output_file=%s --num_shards=2 "
    "--dupe_factor=4 --spm_model_file=%s"
    % (raw, folder / "shards" / "x", SPM)
    + SIZES,
  )
  return folder


def command(data, output, steps, **flags):
  """Returns the arguments of run_pretraining.py."""
  flags = dict(
    {
      "input_file": data / "shards",
      "eval_file": data / "shards",
      "output_dir": output,
      "albert_config_file": data / "model" / "bert_config.json",
      "do_eval": "true",
      "train_batch_size": 8,
      "eval_batch_size": 8,
      "max_eval_steps": 4,
      "learning_rate": 1e-4,
      "num_train_steps": steps,
      "num_warmup_steps": 2,
      "save_checkpoints_steps": 10,
    },
    **flags,
  )
  return " ".join("--%s=%s" % item for item in flags.items()) + SIZES


@pytest.fixture(scope="module")
def pretrained(data):
  """Kills a run, damages its last checkpoint, and ends the run.

  Its temporary folder is data/temporary. Returns (output folder, damaged
  checkpoint, the two logs).
  """
  (data / "temporary").mkdir()
  with mock.patch.dict(os.environ, TMPDIR=str(data / "temporary")):
    return interrupt(data)


def interrupt(data):
  """Returns what `pretrained` does."""
  output = data / "output"
  arguments = command(data, output, 30)
  killed = programs.kill_at("run_pretraining.py", arguments, "step 20: on")
  newest = max(
    output.glob("model.ckpt-*.data-*"), key=lambda p: p.stat().st_mtime_ns
  )
  newest.write_bytes(newest.read_bytes()[:1000])  # As if the disk were full.
  _, log = programs.run("run_pretraining.py", arguments)
  return output, newest.name.split(".data")[0], (killed, log)


def test_help_lists_albert_flags_with_their_defaults():
  text, _ = programs.run("run_pretraining.py", "--help")
  text = " ".join(text.split())
  for flag, default in (
    ("optimizer", "'lamb'"),
    ("learning_rate", "'0.00176'"),
    ("train_batch_size", "'4096'"),
    ("num_train_steps", "'125000'"),
    ("num_warmup_steps", "'3125'"),
    ("max_predictions_per_seq", "'20'"),
    ("[no]do_train", "'true'"),
    ("max_eval_steps", "'100'"),
    ("masked_lm_budget", "'0.0'"),
  ):
    entry = text[text.index("--%s:" % flag) :]
    assert "(default: %s)" % default in entry[:300], flag
  for flag in ("tpu_name", "distribution", "precision", "[no]recompute"):
    assert "--%s:" % flag in text


def test_killed_run_resumes_from_the_last_intact_checkpoint(pretrained):
  _, damaged, (killed, log) = pretrained
  assert "training from step 0 to 30" in killed
  assert re.search(damaged + " is damaged and ignored: ", log)
  start = int(re.search(r"training from step (\d+) to 30", log).group(1))
  assert start == int(damaged.split("-")[1]) - 10


def test_a_killed_run_leaves_no_temporary_files(data, pretrained):
  assert os.listdir(str(data / "temporary")) == []


def test_progress_shows_losses_accuracies_rates_and_time_left(pretrained):
  log = pretrained[2][-1]
  (line,) = [x for x in log.splitlines() if "30 of 30 steps" in x]
  for shown in (
    "masked lm loss ",
    "masked lm accuracy ",
    "sentence order loss ",
    "sentence order accuracy ",
    "learning rate ",
    " examples/s",
    " tokens/s",
    "0:00 to go",
  ):
    assert shown in line, shown


def test_run_leaves_results_and_curves(pretrained):
  output = pretrained[0]
  text = (output / "eval_results.txt").read_text()
  assert re.search(r"^masked_lm_accuracy = 0\.\d+$", text, re.MULTILINE)
  assert (output / "pretraining_curves.png").read_bytes()[:4] == b"\x89PNG"
  state = json.loads((output / "training_state.json").read_text())
  assert state["finished"] and [s for s, _ in state["scores"]][-1] == 30


def test_output_folder_alone_is_a_model_to_fine_tune(pretrained, tmp_path):
  output = pretrained[0]
  assert (output / "pubmed-8k.model").exists()
  programs.write_corpus(tmp_path / "data", {"train.tsv": 8})
  _, log = programs.run(
    "run_ner.py",
    "--bioalbert_dir=%s --data_dir=%s --output_dir=%s --do_train=true "
    "--train_step=1 --max_seq_length=32"
    % (output, tmp_path / "data", tmp_path / "ner"),
  )
  assert "restored 25 variables from %s/model.ckpt-best" % output in log
  assert "cls/seq_relationship/output_weights" in log  # Named as not used.


@pytest.mark.parametrize(
  "flags, message",
  [
    ({"input_file": "absent"}, "absent: no such file"),
    ({"horovod": "true"}, "--horovod: see --distribution"),
  ],
  ids=["no_input", "horovod"],
)
def test_wrong_command_lines_end_in_one_error_line(
  data, tmp_path, flags, message
):
  arguments = command(data, tmp_path / "out", 2)
  arguments += "".join(" --%s=%s" % item for item in flags.items())
  _, log = programs.run("run_pretraining.py", arguments, code=1)
  assert re.search("^error: .*(%s)" % message, log.splitlines()[-1])
  assert not (tmp_path / "out").exists()
