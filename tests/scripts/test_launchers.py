# SPDX-License-Identifier: Apache-2.0
"""Tests of the scripts for GPUs and clusters, with a stub for Python."""

import json
import os
import shutil
import subprocess
import sys

import pytest

BASH = shutil.which("bash")
SCRIPTS = ["pretrain_gpu.sh", "pretrain_tpu.sh", "pretrain_slurm.sh"]
SCRIPTS += ["label_slurm.sh"]
# Prints its arguments and the cluster configuration.
STUB = '#!{bash}\nprintf "%s\\n" "$@"\necho "TF_CONFIG=${{TF_CONFIG:-}}"\n'
# Stand in for SLURM: one runs the command as process 1, one lists the nodes.
SRUN = '#!{bash}\nshift\nSLURM_PROCID=1 exec "$@"\n'
SCONTROL = "#!{bash}\nprintf '%s\\n' node1 node2\n"


@pytest.fixture
def launch(tmp_path, repo):
  """Runs a script with the stubs; returns the finished process."""
  for name, text in (("python", STUB), ("srun", SRUN), ("scontrol", SCONTROL)):
    (tmp_path / name).write_text(text.format(bash=BASH))
    (tmp_path / name).chmod(0o755)

  def run(name, *arguments, **environment):
    environment.setdefault("CUDA_VISIBLE_DEVICES", "0")
    environment.update(
      PATH="%s:%s" % (tmp_path, os.environ["PATH"]),
      PYTHON=str(tmp_path / "python"),
      HOME=str(tmp_path),
    )
    return subprocess.run(
      [BASH, os.path.join(repo, "scripts", name)] + list(arguments),
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
      env=environment,
      cwd=repo,
    )

  return run


def flags_of(process):
  """Returns {flag: last value} of the command that the stub printed."""
  lines = process.stdout.splitlines()
  return dict(x[2:].split("=", 1) for x in lines if x.startswith("--"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_prints_the_usage_comment(launch, name):
  process = launch(name, "--help")
  assert process.returncode == 0
  assert process.stdout.count("usage: ") == 1
  assert "OUTPUT" in process.stdout or "--output_dir" in process.stdout
  assert not any(x.startswith("#") for x in process.stdout.splitlines())


@pytest.mark.parametrize("name", SCRIPTS)
def test_without_arguments_no_program_starts(launch, name):
  process = launch(name)
  assert process.returncode == 1 and "TF_CONFIG=" not in process.stdout


@pytest.mark.parametrize(
  "gpus, distribution", [("0", "none"), ("0,1", "mirrored")]
)
def test_several_gpus_are_mirrored(launch, gpus, distribution):
  process = launch(
    "pretrain_gpu.sh", "train", "held out", "out", CUDA_VISIBLE_DEVICES=gpus
  )
  flags = flags_of(process)
  assert process.returncode == 0
  assert flags["distribution"] == distribution
  assert flags["precision"] == "fp16"
  assert flags["eval_file"] == "held out" and "init_checkpoint" not in flags


def test_flags_on_the_command_line_override_the_scripts(launch):
  process = launch(
    "pretrain_gpu.sh", "a", "b", "c", "--precision=bf16", INIT="weights dir"
  )
  flags = flags_of(process)
  assert flags["precision"] == "bf16"
  assert flags["init_checkpoint"] == "weights dir"


def test_a_tpu_needs_folders_in_buckets(launch):
  flags = flags_of(
    launch("pretrain_tpu.sh", "pod", "32", "gs://t", "gs://e", "gs://o")
  )
  assert flags["use_tpu"] == "true" and flags["tpu_name"] == "pod"
  assert flags["num_tpu_cores"] == "32" and flags["precision"] == "bf16"
  process = launch("pretrain_tpu.sh", "pod", "32", "t", "gs://e", "gs://o")
  assert process.returncode == 1 and "t: expected a folder" in process.stdout


def test_each_node_of_a_job_gets_its_tf_config(launch):
  process = launch(
    "pretrain_slurm.sh", "t", "e", "o", SLURM_JOB_NODELIST="node[1-2]"
  )
  flags = flags_of(process)
  assert flags["distribution"] == "multi_worker_mirrored"
  (line,) = [x for x in process.stdout.splitlines() if x[:10] == "TF_CONFIG="]
  assert json.loads(line[10:]) == {
    "cluster": {"worker": ["node1:29500", "node2:29500"]},
    "task": {"type": "worker", "index": 1},
  }


def array(first, last, task):
  """Returns what SLURM tells a task of an array."""
  names = dict(MIN=first, MAX=last, ID=task, COUNT=last - first + 1)
  return {"SLURM_ARRAY_TASK_" + name: str(n) for name, n in names.items()}


def test_each_task_of_an_array_labels_its_part(launch, repo):
  process = launch(
    "label_slurm.sh", "run_re.py", "--output_dir=o o", **array(1, 64, 3)
  )
  assert process.returncode == 0
  assert process.stdout.startswith(os.path.join(repo, "run_re.py"))
  assert flags_of(process) == {"output_dir": "o o", "predict_part": "3/64"}


@pytest.mark.parametrize(
  "tasks, found", [(array(0, 63, 0), "0 to 63"), ({}, "none to none")]
)
def test_an_array_that_is_not_counted_from_one_is_rejected(
  launch, tasks, found
):
  process = launch("label_slurm.sh", "run_re.py", **tasks)
  assert process.returncode == 1
  assert "found tasks %s, expected" % found in process.stdout


@pytest.mark.parametrize("name", ["pretrain_gpu.sh", "pretrain_tpu.sh"])
def test_run_pretraining_defines_every_flag_of_the_scripts(launch, name, repo):
  arguments = ["gs://a"] * 3
  if name == "pretrain_tpu.sh":
    arguments = ["pod", "8"] + arguments
  flags = flags_of(launch(name, *arguments))
  known = subprocess.run(
    [sys.executable, "run_pretraining.py", "--help"],
    stdout=subprocess.PIPE,
    text=True,
    cwd=repo,
  ).stdout
  assert all("--%s:" % x in known or "--[no]%s:" % x in known for x in flags)
