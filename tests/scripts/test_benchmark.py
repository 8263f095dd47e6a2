# SPDX-License-Identifier: Apache-2.0
"""The sweep of the benchmark, mostly with a stub in place of TensorFlow."""

import collections
import importlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

from absl import flags
import pytest

from common import flag_groups

BASH = shutil.which("bash")
SWEEP = "benchmark.sh"
DATA_SETS = (
  "shareclefe bc2gm bc4chemd bc5cdr-disease bc5cdr-chem jnlpba linnaeus "
  "ncbi-disease s800 gad euadr chemprot ddi i2b2 biosses medsts mednli hoc "
  "bioasq-4b bioasq-5b bioasq-6b"
).split()
# Stands for an interpreter: leaves the sweep to a real one and runs, in place
# of any other program, the one below.
STUB = """#!{bash}
case "$1" in
  *benchmark.py) exec "{python}" "$@" ;;
  *) exec "{python}" "{fake}" "$@" ;;
esac
"""
# Logs its command and writes what the programs write. In output folders that
# match $FAIL it fails; in those that match $HANG it never ends.
FAKE = """
import json, os, re, sys, time
here = os.path.dirname(os.path.abspath(__file__))
program = os.path.basename(sys.argv[1])
flags = dict(x[2:].partition("=")[::2] for x in sys.argv[2:])
flags["gpu"] = os.environ.get("CUDA_VISIBLE_DEVICES", "")
with open(os.path.join(here, "log"), "a") as f:
  f.write(json.dumps([program, flags]) + chr(10))
if program == "report.py":
  print("report of", sys.argv[2])
  sys.exit()
output = flags["output_dir"]
os.makedirs(output, exist_ok=True)
def write(name, value):
  with open(os.path.join(output, name), "w") as f:
    json.dump(value, f)
def matches(variable):
  return re.search(os.environ.get(variable) or "$^", output)
if matches("FAIL"):
  print("reading", flush=True)
  sys.exit("error: %s does not please" % output)
if matches("HANG"):
  write("hanging", os.getpid())
  time.sleep(600)
while int(os.environ.get("TOGETHER", 1)) > len(open(here + "/log").readlines()):
  time.sleep(0.01)
metric = {"run_sts.py": "pearson", "run_nli.py": "accuracy"}.get(program, "f1")
if program != "run_qa.py":
  write("results.json", {"test": {metric: 0.5}})
elif flags["do_predict"] == "false":
  write("training_state.json", {"finished": True})
else:
  write("results.json", {"test": {"mrr": 0.25, "questions": 1}})
  write("BioASQform_BioASQ-answer.json", {"questions": [{
    "id": re.search("-([0-9]+).json", flags["test_file"])[1], "type": "factoid",
    "ideal_answer": "Dummy", "exact_answer": [["no"], ["a gene"]]}]})
"""


class Machine:
  """Data sets, models and results in a folder with a blank in its name."""

  def __init__(self, folder, repo):
    self.folder = folder / "a place"
    self.repo = repo
    self.results = self.folder / "results"
    (self.folder / "bin").mkdir(parents=True)
    fake = self.folder / "bin" / "fake.py"
    fake.write_text(FAKE)
    self.python = self.folder / "bin" / "python"
    self.add_program(
      "python", STUB.format(bash=BASH, python=sys.executable, fake=fake)
    )
    self.log = self.folder / "bin" / "log"
    self.add_model("weights/tiny")

  def add_program(self, name, text):
    path = self.folder / "bin" / name
    path.write_text(text)
    path.chmod(0o755)

  def add_model(self, name):
    (self.folder / name).mkdir(parents=True)

  def add_data(self, *names, dev="a\tO\n"):
    for name in names:
      folder = self.folder / "data" / name
      folder.mkdir(parents=True)
      for split in ("train", "test"):
        (folder / (split + ".tsv")).write_text("a\tO\n")
      (folder / "dev.tsv").write_text(dev)

  def add_questions(self, batches, golden):
    folder = self.folder / "data" / "bioasq-4b"
    folder.mkdir(parents=True)
    (folder / "BioASQ-train-factoid-4b.json").write_text("{}")
    for i in batches:
      (folder / ("BioASQ-test-factoid-4b-%d.json" % i)).write_text("{}")
    for i in golden:
      question = {"id": str(i), "type": "factoid", "body": "What?"}
      question["exact_answer"] = [["a gene" if i == 1 else "no"]]
      (folder / ("4B%d_golden.json" % i)).write_text(
        json.dumps({"questions": [question]})
      )

  def start(self, script, *arguments, **variables):
    variables = dict(
      os.environ,
      PYTHON=str(self.python),
      PATH="%s:%s" % (self.folder / "bin", os.environ["PATH"]),
      **variables,
    )
    return subprocess.Popen(
      [BASH, os.path.join(self.repo, "scripts", script)] + list(arguments),
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      env=variables,
      cwd=str(self.folder),
      encoding="utf-8",
    )

  def run(self, *arguments, script=SWEEP, code=0, **variables):
    """Returns what was printed."""
    if not any(x.startswith("--models") for x in arguments):
      arguments = ("--models", "tiny") + arguments
    process = self.start(script, *arguments, **variables)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
    return output

  def logged(self):
    """Returns [(program, flags)] of what was run, and forgets it."""
    if not self.log.exists():
      return []
    lines = self.log.read_text().splitlines()
    self.log.unlink()
    return [tuple(json.loads(line)) for line in lines]

  def json(self, name):
    return json.loads((self.results / name).read_text())


@pytest.fixture
def machine(tmp_path, repo):
  return Machine(tmp_path, repo)


@pytest.fixture(scope="session")
def benchmark(repo):
  """scripts/benchmark.py as a module."""
  path = os.path.join(repo, "scripts", "benchmark.py")
  spec = importlib.util.spec_from_file_location("benchmark_sweep", path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@pytest.fixture(scope="session")
def recipes(benchmark, repo):
  """All recipes of the project."""
  found = benchmark.read_recipes(os.path.join(repo, "configs", "recipes"))
  return [recipe for group in found.values() for recipe in group]


def wait_for(condition):
  """Waits, for a minute at most, until a condition holds."""
  end = time.time() + 60
  while not condition():
    assert time.time() < end
    time.sleep(0.01)


def is_alive(process_id):
  """Whether a process is there and no mere zombie."""
  states = subprocess.run(
    ["ps", "-o", "stat=", "-p", str(process_id)],
    stdout=subprocess.PIPE,
    encoding="utf-8",
  ).stdout
  return bool(states.strip()) and not states.startswith("Z")


# ------------------------------------------------------------ what is asked for


@pytest.mark.parametrize("script", [SWEEP, "benchmark_slurm.sh"])
def test_help_prints_the_usage_line(machine, script):
  output = machine.run("--help", "--models", script=script)
  assert "usage: scripts/" + script in output
  assert not any(x.startswith("#") for x in output.splitlines())


def test_the_help_names_every_option(machine, repo):
  output = machine.run("--help", "--models")
  with open(os.path.join(repo, "scripts", "benchmark.py")) as f:
    options = set(re.findall(r'"(--\w+)"(?:,|\))', f.read()))
  for option in options - {"--count", "--cell", "--"}:
    assert "  %s " % option in output, option


@pytest.mark.parametrize(
  "arguments, said",
  [
    (["--datasets", "bc2gm,nonsense"], "found 'nonsense', expected all or som"),
    (["--models", "nowhere"], "nowhere: no such folder, nor in weights"),
    (["--models", "all"], "weights: found none of BioALBERT-base-PubMed, "),
    (["--modles", "tiny"], "unrecognized arguments: --modles tiny"),
    (["--seeds", "1,x"], "--seeds=1,x: expected numbers such as 1,2,3"),
    (["--jobs", "0"], "--jobs=0: expected at least 1"),
    (["--", "--seed=3"], "--seed after --: is set for each run by the sweep"),
    (["--", "epochs"], "after --: found 'epochs', expected --flag=value"),
    (["--python", "no/python"], "no/python: no such program"),
    (["--python"], "--python: expected an interpreter"),
    (["--recipes", "bin"], "bin: no recipe (<data set>.flags) there"),
    (["--cell", "0/7"], "--cell=0/7: there are 1 cells now"),
  ],
)
def test_what_cannot_be_is_told_in_one_line(machine, arguments, said):
  machine.add_data("bc2gm")
  output = machine.run(*arguments, code=1)
  assert said in output and output.count("\n") == 1
  assert machine.logged() == [] and not machine.results.exists()


def test_a_dry_run_prints_commands_that_can_be_typed(machine):
  machine.add_data("bc2gm", "mednli")
  data = str(machine.folder / "data")
  output = machine.run("--seeds=1,2", "--data_dir", data, "--dry_run")
  lines = output.splitlines()
  commands = [shlex.split(x) for x in lines if x[0] != "#"]
  programs = [os.path.basename(words[1]) for words in commands]
  assert programs == ["run_ner.py"] * 2 + ["run_nli.py"] * 2
  assert "--data_dir=" + os.path.join(data, "bc2gm") in commands[0]
  assert "--output_dir=results/bc2gm/tiny/seed-2" in commands[1]
  assert "# missing data: %s/gad: no such folder" % data in lines
  assert machine.logged() == [] and not machine.results.exists()


def test_all_models_are_the_published_ones_that_are_there(machine, benchmark):
  assert len(set(benchmark.MODELS)) == 8
  machine.add_data("bc2gm")
  machine.add_model("weights/BioALBERT-large-PubMed-PMC-MIMIC")
  machine.run("--models", "all")
  assert os.listdir(str(machine.results / "bc2gm")) == [
    "BioALBERT-large-PubMed-PMC-MIMIC"
  ]


def test_models_that_would_share_their_results_are_refused(machine):
  machine.add_model("other/tiny")
  output = machine.run("--models", "tiny", "other/tiny", code=1)
  assert "weights/tiny and other/tiny have the same name" in output


# ----------------------------------------------------------------- what is run


def test_each_run_is_told_and_a_report_is_made(machine):
  machine.add_data("bc2gm", "biosses", "mednli")
  output = machine.run("--datasets", "biosses bc2gm", "mednli", "--seeds=1-2")
  lines = [re.sub(", [0-9]+ s$", "", x) for x in output.splitlines()]
  assert lines[0] == "[1/6] done    biosses tiny seed-1: pearson 0.5000"
  assert lines[3] == "[4/6] done    bc2gm tiny seed-2: f1 0.5000"
  assert lines[5] == "[6/6] done    mednli tiny seed-2: accuracy 0.5000"
  assert lines[6:] == [
    "6 done, 0 skipped, 0 failed, 0 busy, 0 without data",
    "report of results",
  ]
  run = machine.json("bc2gm/tiny/seed-2/run.json")
  assert (run["dataset"], run["model"], run["seed"]) == ("bc2gm", "tiny", 2)
  assert run["status"] == "done" and run["metric"] == "f1"
  assert run["flags"]["num_train_epochs"] == "9"


def test_finished_runs_are_skipped_and_cut_results_are_not(machine):
  machine.add_data("bc2gm")
  machine.run("--seeds=1,2")
  machine.logged()
  results = machine.results / "bc2gm" / "tiny" / "seed-2" / "results.json"
  results.write_text(results.read_text()[:10])
  output = machine.run("--seeds=1,2")
  assert "skipped bc2gm tiny seed-1: f1 0.5000, finished before" in output
  assert "1 done, 1 skipped, 0 failed" in output
  assert [program for program, _ in machine.logged()] == [
    "run_ner.py",
    "report.py",
  ]


def test_a_failed_run_is_told_by_its_last_line_and_passed_by(machine):
  machine.add_data("bc2gm", "hoc")
  output = machine.run(code=1, FAIL="bc2gm")
  assert (
    "failed  bc2gm tiny seed-1: error: results/bc2gm/tiny/seed-1 does not "
    "please (exit code 1, results/bc2gm/tiny/seed-1/log.txt)\n" in output
  )
  assert "1 done, 0 skipped, 1 failed" in output
  assert machine.json("bc2gm/tiny/seed-1/run.json")["status"] == "failed"
  log = machine.results / "bc2gm" / "tiny" / "seed-1" / "log.txt"
  assert log.read_text().splitlines()[1] == "reading"
  assert "1 done, 1 skipped, 0 failed" in machine.run()


def test_what_is_not_there_is_told_and_an_error_only_if_it_is_all(machine):
  machine.add_data("bc2gm")
  output = machine.run("--datasets=bc2gm,hoc,bioasq-4b")
  assert "missing data: data/hoc: no such folder\n" in output
  assert output.count("data/bioasq-4b") == 1
  assert "1 done, 0 skipped, 0 failed, 0 busy, 2 without data" in output
  output = machine.run("--datasets=hoc", code=1)
  assert "0 done, 0 skipped, 0 failed, 0 busy, 1 without data" in output


def test_results_of_other_flags_are_not_taken_for_these(machine):
  machine.add_data("bc2gm")
  machine.run("--", "--num_train_epochs=1")
  machine.logged()
  output = machine.run(code=1)
  assert "was made with num_train_epochs 1, now 9" in output
  assert [program for program, _ in machine.logged()] == ["report.py"]


def test_flags_after_two_dashes_win_and_change_the_length(machine):
  machine.add_data("gad")
  machine.run("--", "--num_train_epochs=1", "--use_xla")
  ((_, given), _) = machine.logged()
  assert given["num_train_epochs"] == "1" and given["use_xla"] == ""
  assert given["learning_rate"] == "3e-5" and given["seed"] == "1"
  assert "train_step" not in given and "warmup_step" not in given


def test_folds_are_runs_and_hold_out_their_own_development_set(machine):
  machine.add_data("gad/1", "gad/2", "gad/10", dev="")
  machine.run("--folds=2-10")
  runs = [given for program, given in machine.logged() if "gad" in str(given)]
  assert [given["data_dir"] for given in runs] == ["data/gad/2", "data/gad/10"]
  assert all(given["dev_fraction"] == "0.1" for given in runs)
  assert sorted(os.listdir(str(machine.results / "gad" / "tiny"))) == [
    "fold-10-seed-1",
    "fold-2-seed-1",
  ]


def test_a_data_set_with_a_development_set_needs_no_other(machine):
  machine.add_data("gad")
  machine.run()
  assert "dev_fraction" not in machine.logged()[0][1]


def test_a_model_learns_once_and_answers_all_batches(machine):
  machine.add_questions(batches=[1, 2, 3], golden=[1, 2])
  output = machine.run()
  runs = [given for program, given in machine.logged() if "qa" in program]
  assert [given["do_train"] for given in runs] == ["true"] + ["false"] * 3
  folder = "results/bioasq-4b/tiny/factoid-seed-1"
  assert runs[0]["output_dir"] == runs[1]["bioalbert_dir"] == folder
  assert runs[2]["golden_file"] == "data/bioasq-4b/4B2_golden.json"
  assert "golden_file" not in runs[3]
  results = machine.json("bioasq-4b/tiny/factoid-seed-1/results.json")
  # The right answer to the first question is second, to the other first.
  assert results["test"]["mrr"] == 0.75 and results["test"]["strict"] == 0.5
  assert results["batches"]["2"]["mrr"] == 0.25
  assert "factoid-seed-1: mrr 0.7500" in output
  assert "1 skipped" in machine.run()
  assert [program for program, _ in machine.logged()] == ["report.py"]


def test_batches_that_failed_are_answered_later_without_training(machine):
  machine.add_questions(batches=[1, 2], golden=[1, 2])
  machine.run(code=1, FAIL="batch-2")
  machine.logged()
  machine.run()
  runs = [given for program, given in machine.logged() if "qa" in program]
  assert [given["output_dir"][-7:] for given in runs] == ["batch-2"]


def test_batches_are_not_answered_by_a_model_of_other_flags(machine):
  machine.add_questions(batches=[1, 2], golden=[1, 2])
  machine.run(code=1, FAIL="batch-2")
  output = machine.run("--", "--learning_rate=1", code=1)
  assert "was made with learning_rate 5e-6, now 1;" in output


def test_results_that_cannot_be_written_end_in_one_line(machine):
  machine.add_data("bc2gm")
  machine.results.write_text("no folder")
  output = machine.run("--datasets=bc2gm", code=1)
  assert output.startswith("error: ") and output.count("\n") == 1


# ------------------------------------------------------ killed, shared, at once


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_sweep_ends_its_runs_and_goes_on_later(machine, number):
  machine.add_data("bc2gm", "hoc")
  process = machine.start(SWEEP, "--models=tiny", "--jobs=2", HANG="seed-1")
  pids = [machine.results / x / "tiny/seed-1/hanging" for x in ("bc2gm", "hoc")]
  wait_for(lambda: all(p.exists() and p.read_text() for p in pids))
  process.send_signal(number)
  output, _ = process.communicate(timeout=60)
  assert process.returncode == 128 + number
  assert output.endswith("\nstopped; the same command goes on where it was\n")
  assert not any(is_alive(int(p.read_text())) for p in pids)
  assert machine.json("hoc/tiny/seed-1/run.json")["status"] == "stopped"
  commands = machine.logged()
  assert "2 done, 0 skipped, 0 failed" in machine.run()
  assert sorted(map(str, machine.logged()[:2])) == sorted(map(str, commands))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the runs")
def test_a_killed_sweep_goes_on_later(machine):
  machine.add_data("bc2gm")
  process = machine.start(SWEEP, "--models=tiny", HANG="seed-1")
  pid = machine.results / "bc2gm" / "tiny" / "seed-1" / "hanging"
  wait_for(lambda: pid.exists() and pid.read_text())
  process.kill()
  process.communicate(timeout=60)
  wait_for(lambda: not is_alive(int(pid.read_text())))
  assert "1 done, 0 skipped, 0 failed" in machine.run()


def test_two_sweeps_share_the_runs(machine):
  machine.add_data("bc2gm")
  processes = [
    machine.start(SWEEP, "--models=tiny", "--seeds=1-8") for _ in range(2)
  ]
  outputs = [process.communicate(timeout=60)[0] for process in processes]
  assert [process.returncode for process in processes] == [0, 0], outputs
  runs = [given for program, given in machine.logged() if "ner" in program]
  assert len(runs) == len({given["output_dir"] for given in runs}) == 8
  done = [int(re.search(r"(\d+) done", x)[1]) for x in outputs]
  assert sum(done) == 8


def test_a_run_at_work_is_left_to_the_sweep_that_has_it(machine):
  machine.add_data("bc2gm")
  first = machine.start(SWEEP, "--models=tiny", HANG="seed-1")
  pid = machine.results / "bc2gm" / "tiny" / "seed-1" / "hanging"
  wait_for(lambda: pid.exists() and pid.read_text())
  output = machine.run("--seeds=1,2")
  first.terminate()
  first.communicate(timeout=60)
  assert "busy    bc2gm tiny seed-1: another process is at work" in output
  assert "1 done, 0 skipped, 0 failed, 1 busy" in output


def test_jobs_run_at_the_same_time_each_on_a_gpu(machine):
  machine.add_data("bc2gm")
  # Each run waits until three have begun.
  machine.run(
    "--seeds=1-3", "--jobs=3", TOGETHER="3", CUDA_VISIBLE_DEVICES="4,6,7"
  )
  runs = [given for program, given in machine.logged() if "ner" in program]
  assert sorted(given["gpu"] for given in runs) == ["4", "6", "7"]


# ----------------------------------------------------------------------- SLURM

# Prints a job's number and keeps its command, a line a word.
SBATCH = """#!{bash}
printf '%s\\n' "$@" "" >>"{folder}/sbatch"
echo "17;cluster"
"""


def submitted(machine):
  """[[words of a call of sbatch]]."""
  calls = (machine.folder / "sbatch").read_text().split("\n\n")
  return [call.splitlines() for call in calls if call]


def test_slurm_runs_each_cell_as_a_task_and_then_reports(machine):
  machine.add_program("sbatch", SBATCH.format(bash=BASH, folder=machine.folder))
  machine.add_data("bc2gm")
  output = machine.run(
    "--seeds=1-3",
    "--jobs=2",
    "--",
    "--num_train_epochs=1",
    script="benchmark_slurm.sh",
    SBATCH_FLAGS="--gres=gpu:1 --time=9",
  )
  assert output == "job 17: 3 runs, slurm-17_*.out\n"
  array, last = submitted(machine)
  assert {"--array=0-2%2", "--requeue", "--gres=gpu:1", "--time=9"} < set(array)
  assert "--dependency=afterany:17" in last
  script = next(i for i, word in enumerate(array) if word.endswith("slurm.sh"))
  for task in "20":
    machine.run(
      *array[script + 1 :],
      script="benchmark_slurm.sh",
      SLURM_ARRAY_TASK_ID=task,
    )
  assert [(p, given["seed"]) for p, given in machine.logged()] == [
    ("run_ner.py", "3"),
    ("run_ner.py", "1"),
  ]
  machine.run(
    *last[last.index(array[script]) + 1 :], script="benchmark_slurm.sh"
  )
  assert [program for program, _ in machine.logged()] == ["report.py"]


@pytest.mark.parametrize(
  "arguments, said",
  [
    (["--datasets=hoc"], "no data set is there to run on"),
    (["--datasets=nonsense"], "found 'nonsense'"),
    (["--jobs=x"], "--jobs=x: expected a number"),
  ],
)
def test_nothing_is_submitted_where_nothing_can_run(machine, arguments, said):
  machine.add_program("sbatch", SBATCH.format(bash=BASH, folder=machine.folder))
  assert said in machine.run(*arguments, script="benchmark_slurm.sh", code=1)
  assert not (machine.folder / "sbatch").exists()


# --------------------------------------------------------------------- recipes


def test_every_data_set_has_a_recipe(recipes):
  assert {recipe.dataset for recipe in recipes} == set(DATA_SETS)
  kinds = collections.Counter(r.dataset for r in recipes if r.kind)
  assert set(kinds.values()) == {3} and len(kinds) == 3


def test_the_programs_know_the_flags_of_their_recipes(recipes):
  for name in sorted({recipe.program for recipe in recipes}):
    program = importlib.import_module(name[:-3])
    program.define_flags()
    try:
      for recipe in (r for r in recipes if r.program == name):
        flags.FLAGS([name, "--flagfile=" + recipe.path, "--output_dir=x"])
        values = vars(flag_groups.values(program.__name__))
        for flag, text in recipe.flags.items():
          same = flags.FLAGS[flag].parser.parse(text)
          assert values[flag] == same, (recipe.path, flag)
    finally:
      for flag in flags.FLAGS.get_key_flags_for_module(program.__name__):
        delattr(flags.FLAGS, flag.name)


def sources(recipe):
  """{flag: the source that the recipe names for its value}."""
  found, source = {}, None
  with open(recipe.path, encoding="utf-8") as f:
    for line in f:
      named = re.match(r"# source: ([\w-]+)", line)
      source = named[1] if named else source
      if line.startswith("--"):
        found[line[2:].partition("=")[0].strip()] = source
  return found


def test_each_figure_has_a_source_that_the_readme_explains(recipes, repo):
  with open(os.path.join(repo, "configs", "recipes", "README.md")) as f:
    explained = set(re.findall(r"^\| `([\w-]+)` \|", f.read(), re.MULTILINE))
  for recipe in recipes:
    named = sources(recipe)
    del named["task_name"]
    assert {"learning_rate", "train_batch_size", "max_seq_length"} < set(named)
    assert set(named.values()) <= explained, recipe.path


def test_the_table_of_recipes_says_what_they_say(recipes, repo):
  with open(os.path.join(repo, "configs", "recipes", "README.md")) as f:
    lines = [x for x in f if ".py |" in x]
  rows = {}
  for line in lines:
    cells = [cell.strip() for cell in line.strip("|\n").split("|")]
    names = re.sub(r"\{.*\}", "%s", cells[0])
    editions = ("4b", "5b", "6b") if "%s" in names else ("",)
    for edition in editions:
      rows[names % edition if edition else names] = cells[1:]
  assert len(rows) == len(recipes)
  for recipe in recipes:
    name = os.path.basename(recipe.path)[: -len(".flags")]
    assert rows[name] == table_row(recipe), name


def table_row(recipe):
  """The cells that the README's table has on a recipe, but for its name."""
  named, values = sources(recipe), dict(recipe.flags)
  del values["task_name"]

  def cell(flag, unit=""):
    return "%s%s `%s`" % (values.pop(flag), unit, named[flag])

  length = ("train_step", " updates")
  if "train_step" not in values:
    length = ("num_train_epochs", " epochs")
  cells = [recipe.program, cell("learning_rate"), cell(*length)]
  cells += [cell("train_batch_size"), cell("max_seq_length")]
  rest = ["`--%s=%s` `%s`" % (k, v, named[k]) for k, v in values.items()]
  return cells + [", ".join(rest)]


@pytest.mark.parametrize(
  "name, text, said",
  [
    ("a.flags", "--train_step=3\n", "a.flags, line 1: expected '# program: '"),
    (
      "a.flags",
      "# program: rm.py\n",
      "a.flags, line 1: expected '# program: '",
    ),
    ("a.flags", "", "a.flags, line 1: expected '# program: '"),
    (
      "a.flags",
      "# program: run_ner.py\nlr 3\n",
      "a.flags: found 'lr 3', expec",
    ),
    ("a.flags", "# program: run_qa.py\n", "a.flags: expected a.factoid.flags"),
  ],
)
def test_a_recipe_that_is_none_is_told(machine, name, text, said):
  folder = machine.folder / "recipes"
  folder.mkdir()
  (folder / name).write_text(text)
  output = machine.run("--recipes=recipes", code=1)
  assert said in output and output.count("\n") == 1


def test_a_recipe_is_all_that_another_data_set_needs(machine):
  (machine.folder / "recipes").mkdir()
  (machine.folder / "recipes" / "mine.flags").write_text(
    "# program: run_dc.py\n\n  # why\n--task_name=generic\n--tune_threshold\n"
  )
  machine.add_data("mine")
  machine.run("--recipes=recipes")
  program, given = machine.logged()[0]
  assert program == "run_dc.py" and given["task_name"] == "generic"
  assert given["tune_threshold"] == "" and given["do_eval"] == "true"


def test_cells_are_told_by_the_metric_of_their_program(benchmark):
  classes = {
    "run_ner.py": "Ner",
    "run_re.py": "Re",
    "run_sts.py": "Sts",
    "run_nli.py": "Nli",
    "run_dc.py": "Dc",
  }
  for name, metric in benchmark.METRICS.items():
    program = importlib.import_module(name[:-3])
    assert getattr(program, classes[name]).metric == metric
  run_qa = importlib.import_module("run_qa")
  for kind, metric in benchmark.QA_METRICS.items():
    assert run_qa.METRICS["bioasq-" + kind] == metric


def test_a_real_run_is_scored(machine, repo):
  machine.add_data()
  (machine.folder / "data").mkdir()
  shutil.copytree(
    os.path.join(repo, "examples", "ncbi-disease"),
    str(machine.folder / "data" / "ncbi-disease"),
  )
  output = machine.run(
    "--python",
    sys.executable,
    "--models",
    os.path.join(repo, "models", "bioalbert-small"),
    "--",
    "--train_step=2",
    "--max_seq_length=32",
  )
  assert "done    ncbi-disease bioalbert-small seed-1: f1 0." in output
  run = "ncbi-disease/bioalbert-small/seed-1/"
  assert machine.json(run + "run.json")["flags"]["train_step"] == "2"
  assert machine.json(run + "run_config.json")["flags"]["seed"] == 1
