# SPDX-License-Identifier: Apache-2.0
"""scripts/benchmark.sh and benchmark_slurm.sh from a shell, mostly with a fake
program in place of TensorFlow.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest

from tests.helpers import REPO
from tests.helpers import benchmark_folder
from tests.helpers import programs

pytestmark = pytest.mark.once

BASH = benchmark_folder.BASH
SWEEP = "benchmark.sh"
SLURM = "benchmark_slurm.sh"


class Machine(benchmark_folder.BenchmarkFolder):
  """Runs the scripts in the folder."""

  def start(self, script, *arguments, **variables):
    path = "%s:%s" % (self.bin, os.environ["PATH"])
    return subprocess.Popen(
      [BASH, os.path.join(REPO, "scripts", script)] + list(arguments),
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      env=dict(os.environ, PYTHON=self.python, PATH=path, **variables),
      cwd=str(self.folder),
      encoding="utf-8",
      preexec_fn=heed_ctrl_c,
    )

  def run(self, *arguments, script=SWEEP, code=0, **variables):
    """Returns what was printed."""
    if not any(x.startswith("--models") for x in arguments):
      arguments = ("--models", "tiny") + arguments
    process = self.start(script, *arguments, **variables)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == code, output
    return output

  def start_hanging(self, *data):
    """Returns (a sweep whose runs never end, the ids of their processes)."""
    self.add_data(*data)
    process = self.start(SWEEP, "--models=tiny", "--jobs=2", HANG="seed-1")
    files = [self.results / name / "tiny" / "seed-1" / "pid" for name in data]
    wait_for(lambda: all(f.exists() and f.read_text() for f in files))
    return process, [int(f.read_text()) for f in files]


@pytest.fixture
def machine(tmp_path):
  return Machine(tmp_path)


def heed_ctrl_c():
  """Undoes that a shell ignores Ctrl-C for pytest in the background."""
  signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition):
  """Waits, for a minute at most, until a condition holds."""
  end = time.time() + 60
  while not condition():
    assert time.time() < end
    time.sleep(0.01)


def is_alive(process_id):
  """Returns whether a process is there and no mere zombie."""
  states = subprocess.run(
    ["ps", "-o", "stat=", "-p", str(process_id)],
    stdout=subprocess.PIPE,
    encoding="utf-8",
  ).stdout
  return bool(states.strip()) and not states.startswith("Z")


# ------------------------------------------------------------- the command line


@pytest.mark.parametrize("script", [SWEEP, SLURM])
def test_help_prints_the_usage_line(machine, script):
  output = machine.run("--help", "--models", script=script)
  assert "usage: scripts/" + script in output
  assert not any(x.startswith("#") for x in output.splitlines())


def test_the_help_names_every_option(machine):
  output = machine.run("--help", "--models")
  with open(os.path.join(REPO, "scripts", "benchmark.py")) as f:
    options = set(re.findall(r'add_argument\(\s*"(--\w+)"', f.read()))
  assert len(options) > 10
  for option in options - {"--count", "--cell", "--python"}:
    assert "  %s " % option in output, option


@pytest.mark.parametrize(
  "arguments, message",
  [
    (["--datasets", "bc2gm,nonsense"], "found 'nonsense', expected all or som"),
    (["--models", "nowhere"], "nowhere: no such folder, nor weights/nowhere"),
    (["--models", "all"], "BioALBERT-base-PubMed: no such folder, nor weigh"),
    (["--models", "tiny", "x/tiny"], "expected different names, found weights"),
    (["--jobs", "0"], "--jobs: found '0', expected a whole number above 0"),
    (["--modles=tiny"], "unrecognized arguments: --modles=tiny; --help"),
    (["--seeds=1,x"], "--seeds: found '1,x', expected numbers such as 1,2,3"),
    (["--", "--seed=3"], "after --: --seed is set by the sweep itself"),
    (["--", "epochs"], "after --: found 'epochs', expected --flag=value"),
    (["--recipes", "bin"], "bin: no recipe (<data set>.flags) there"),
    (["--cell", "0/7"], "--cell=0/7: found 1 runs; expected as many"),
  ],
)
def test_a_wrong_option_is_reported_in_one_line(machine, arguments, message):
  machine.add_data("bc2gm")
  machine.add_model("x/tiny")
  output = machine.run(*arguments, code=1)
  assert output.startswith("error: ") and output.count("\n") == 1
  assert message in output
  assert machine.logged() == [] and not machine.results.exists()


def test_an_interpreter_that_is_not_there_is_named(machine):
  machine.python = "no/python"
  output = machine.run(code=1)
  assert output.startswith("benchmark.sh: PYTHON=no/python: no such program")


def test_a_dry_run_prints_commands_ready_to_type(machine):
  machine.add_data("bc2gm", "mednli")
  data = str(machine.folder / "data")
  output = machine.run("--seeds=1,2", "--data_dir", data, "--dry_run")
  lines = output.splitlines()
  commands = [shlex.split(x) for x in lines if x[0] != "#"]
  programs = [os.path.basename(words[1]) for words in commands]
  assert programs == ["run_ner.py"] * 2 + ["run_nli.py"] * 2
  assert "--data_dir=" + os.path.join(data, "bc2gm") in commands[0]
  assert "--output_dir=results/bc2gm/tiny/seed-2" in commands[1]
  assert (
    "# missing data: %s/gad: no such folder, or an empty one" % data in lines
  )
  assert machine.logged() == [] and not machine.results.exists()


def test_all_models_are_the_published_ones_that_are_there(machine):
  machine.add_data("bc2gm")
  machine.add_model("weights/BioALBERT-large-PubMed-PMC-MIMIC")
  machine.run("--models", "all")
  assert os.listdir(str(machine.results / "bc2gm")) == [
    "BioALBERT-large-PubMed-PMC-MIMIC"
  ]


# -------------------------------------------------------------------- the sweep


def test_a_sweep_ends_with_counts_and_a_report(machine):
  machine.add_data("bc2gm", "mednli")
  output = machine.run("--datasets", "mednli bc2gm", "hoc", "--seeds=1-2")
  lines = output.splitlines()
  assert lines[0] == "missing data: data/hoc: no such folder, or an empty one"
  assert lines[1].startswith("[1/4] done    mednli tiny seed-1: accuracy 0.5")
  assert lines[5:] == [
    "4 done, 0 skipped, 0 failed, 0 busy, 1 without data",
    "report of results",
  ]


def test_the_exit_code_is_1_if_a_run_fails_or_nothing_runs(machine):
  machine.add_data("bc2gm")
  output = machine.run(code=1, FAIL="bc2gm")
  assert "0 done, 0 skipped, 1 failed" in output
  output = machine.run("--datasets=hoc", code=1)
  assert "0 done, 0 skipped, 0 failed, 0 busy, 1 without data" in output


def test_a_recipe_is_all_that_another_data_set_needs(machine):
  (machine.folder / "recipes").mkdir()
  (machine.folder / "recipes" / "mine.flags").write_text(
    "# program: run_dc.py\n--task_name=generic\n"
  )
  machine.add_data("mine")
  machine.run("--recipes=recipes", "--", "--use_xla")
  program, flags = machine.logged()[0]
  assert program == "run_dc.py" and flags["task_name"] == "generic"
  assert flags["use_xla"] == ""


def test_results_that_cannot_be_written_are_reported_in_one_line(machine):
  machine.add_data("bc2gm")
  machine.results.write_text("no folder")
  output = machine.run("--datasets=bc2gm", code=1)
  assert output.startswith("error: ") and output.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_sweep_ends_its_runs_and_continues_later(machine, number):
  process, pids = machine.start_hanging("bc2gm", "hoc")
  process.send_signal(number)
  output, _ = process.communicate(timeout=600)
  assert process.returncode == 128 + number
  assert output.splitlines()[-1].startswith("stopped; the same command cont")
  assert not any(map(is_alive, pids))
  machine.logged()
  assert "2 done, 0 skipped, 0 failed" in machine.run()
  assert len(machine.logged()) == 3


def test_a_run_that_outlives_its_killed_sweep_is_not_started_twice(machine):
  process, (pid,) = machine.start_hanging("bc2gm")
  process.kill()
  process.communicate(timeout=600)
  output = machine.run("--seeds=1,2")
  assert "busy    bc2gm tiny seed-1: another process is at work" in output
  assert "1 done, 0 skipped, 0 failed, 1 busy" in output
  os.kill(pid, signal.SIGTERM)
  wait_for(lambda: not is_alive(pid))
  assert "1 done, 1 skipped, 0 failed, 0 busy" in machine.run("--seeds=1,2")


def test_a_real_run_is_scored(machine):
  data = machine.folder / "data" / "ncbi-disease"
  (machine.folder / "data").mkdir()
  programs.write_corpus(data, {"train.tsv": 16, "devel.tsv": 4, "test.tsv": 4})
  programs.write_model(machine.folder / "small")
  machine.python = sys.executable
  output = machine.run(
    "--models",
    "small",
    "--",
    "--train_step=2",
    "--max_seq_length=32",
  )
  assert "done    ncbi-disease small seed-1: f1 0." in output
  run = "ncbi-disease/small/seed-1/"
  assert machine.read_json(run + "run.json")["flags"]["train_step"] == "2"
  assert machine.read_json(run + "run_config.json")["flags"]["seed"] == 1


# ------------------------------------------------------------------------ SLURM

# Prints a job's number and keeps its command, a line a word.
SBATCH = """#!{bash}
printf '%s\\n' "$@" "" >>"{folder}/sbatch"
echo "17;cluster"
"""


@pytest.fixture
def cluster(machine):
  machine.add_program("sbatch", SBATCH.format(bash=BASH, folder=machine.folder))
  return machine


def submitted(machine):
  """Returns [[words of a call of sbatch]]."""
  calls = (machine.folder / "sbatch").read_text().split("\n\n")
  return [call.splitlines() for call in calls if call]


def test_slurm_does_each_run_as_a_task_and_then_makes_the_report(cluster):
  cluster.add_data("bc2gm")
  output = cluster.run(
    "--seeds=1-3",
    "--jobs=2",
    "--",
    "--num_train_epochs=1",
    script=SLURM,
    SBATCH_FLAGS="--gres=gpu:1 --time=9",
  )
  assert output == "job 17: 3 runs, slurm-17_*.out\n"
  array, last = submitted(cluster)
  assert {"--array=0-2%2", "--requeue", "--gres=gpu:1", "--time=9"} < set(array)
  assert "--dependency=afterany:17" in last
  script = next(i for i, word in enumerate(array) if word.endswith("slurm.sh"))
  for task in "20":
    cluster.run(*array[script + 1 :], script=SLURM, SLURM_ARRAY_TASK_ID=task)
  assert [(p, flags["seed"]) for p, flags in cluster.logged()] == [
    ("run_ner.py", "3"),
    ("run_ner.py", "1"),
  ]
  cluster.run(*last[last.index(array[script]) + 1 :], script=SLURM)
  assert [program for program, _ in cluster.logged()] == ["report.py"]


@pytest.mark.parametrize(
  "arguments, message",
  [
    (["--datasets=hoc"], "found no data to run on"),
    (["--datasets=nonsense"], "found 'nonsense'"),
    (["--jobs=x"], "--jobs=x: expected a number"),
  ],
)
def test_nothing_is_submitted_if_nothing_can_run(cluster, arguments, message):
  assert message in cluster.run(*arguments, script=SLURM, code=1)
  assert not (cluster.folder / "sbatch").exists()
