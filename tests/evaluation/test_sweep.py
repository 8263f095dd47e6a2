# SPDX-License-Identifier: Apache-2.0
"""Recipes, the runs that they lead to, and what the sweep does with these, with
a fake program in place of TensorFlow.
"""

import importlib
import os
import re

from absl import flags
import pytest

from common import data_sets
from common import flag_groups
from common.errors import InputError
from evaluation import sweep
from tests.helpers import REPO
from tests.helpers import benchmark_folder

FOLDER = os.path.join(REPO, "configs", "recipes")
RECIPES = sweep.read_recipes(FOLDER)


class Bench(benchmark_folder.BenchmarkFolder):
  """Runs the sweep in this process."""

  def sweep(self, *names, jobs=1, **options):
    """Returns the counts of a sweep over data sets."""
    work = sweep.Sweep(self.python, jobs)
    work.do(self.list_runs(*names, **options)[0])
    return dict(work.counts)


@pytest.fixture
def bench(tmp_path):
  return Bench(tmp_path)


def flags_of(step):
  return sweep.parse_flags(step.words[1:], "")


# --------------------------------------------------------------------- recipes


def test_every_data_set_that_is_converted_has_recipes():
  assert set(RECIPES) == {d.name for d in data_sets.converted()}
  for name, recipes in RECIPES.items():
    questions = data_sets.find(name).task == "QA"
    assert len(recipes) == (3 if questions else 1), name


@pytest.mark.parametrize("task", sorted(data_sets.TASKS))
def test_a_program_knows_the_flags_of_its_recipes(task):
  name = data_sets.TASKS[task].program
  program = importlib.import_module(name[:-3])
  program.define_flags()
  try:
    for recipe in (r for rs in RECIPES.values() for r in rs):
      if recipe.program == name:
        kind = "." + recipe.kind if recipe.kind else ""
        path = os.path.join(FOLDER, "%s%s.flags" % (recipe.dataset, kind))
        flags.FLAGS([name, "--flagfile=" + path, "--output_dir=x"])
        values = vars(flag_groups.values(program.__name__))
        for flag, text in recipe.flags.items():
          same = flags.FLAGS[flag].parser.parse(text)
          assert values[flag] == same, (path, flag)
  finally:
    for flag in flags.FLAGS.get_key_flags_for_module(program.__name__):
      delattr(flags.FLAGS, flag.name)


@pytest.mark.parametrize("name", sorted(os.listdir(FOLDER)))
def test_each_value_has_a_source_that_the_readme_explains(name):
  with open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as f:
    explained = set(re.findall(r"^\| `([\w-]+)` \|", f.read(), re.MULTILINE))
  with open(os.path.join(FOLDER, name), encoding="utf-8") as f:
    blocks = f.read().strip().split("\n\n")
  if name.endswith(".flags"):
    task, *others = [b for b in blocks if "\n--" in b or b.startswith("--")]
    assert task.startswith("--task_name=")
    for block in others:
      assert re.match(r"# source: ([\w-]+)", block)[1] in explained


@pytest.mark.parametrize(
  "text, message",
  [
    ("", "a.flags, line 1: expected '# program: '"),
    ("# program: rm.py\n", "a.flags, line 1: expected '# program: ' and one"),
    ("# program: run_ner.py\nlr 3\n", "a.flags: found 'lr 3', expected --f"),
    ("# program: run_qa.py\n", "a.flags: expected the name a.factoid.flags"),
  ],
)
def test_a_damaged_recipe_is_rejected(tmp_path, text, message):
  (tmp_path / "a.flags").write_text(text)
  with pytest.raises(InputError, match=re.escape(message)):
    sweep.read_recipes(str(tmp_path))


def test_comments_blank_lines_and_flags_without_a_value_are_read(tmp_path):
  (tmp_path / "mine.flags").write_text(
    "# program: run_dc.py\n\n  # why\n--task_name=generic\n--tune_threshold\n"
  )
  (recipe,) = sweep.read_recipes(str(tmp_path))["mine"]
  assert recipe.program == "run_dc.py" and not recipe.kind
  assert recipe.flags == {"task_name": "generic", "tune_threshold": None}


# ------------------------------------------------------------------------ runs


def test_there_is_a_run_for_each_data_set_and_seed(bench):
  bench.add_data("bc2gm", "mednli")
  runs, missing = bench.list_runs("bc2gm", "mednli", seeds="1,2")
  assert missing == []
  assert [(r.dataset, r.model, r.run, r.metric) for r in runs] == [
    ("bc2gm", "tiny", "seed-1", "f1"),
    ("bc2gm", "tiny", "seed-2", "f1"),
    ("mednli", "tiny", "seed-1", "accuracy"),
    ("mednli", "tiny", "seed-2", "accuracy"),
  ]
  (step,) = sweep.list_steps(runs[1])
  assert flags_of(step)["seed"] == "2"
  assert flags_of(step)["data_dir"] == str(bench.folder / "data" / "bc2gm")
  assert step.words[0] == os.path.join(REPO, "run_ner.py")
  assert step.words[-1] == "--output_dir=" + runs[1].folder
  assert runs[1].folder == str(bench.results / "bc2gm" / "tiny" / "seed-2")


def test_missing_data_are_listed_once(bench):
  bench.add_data("bc2gm")
  (bench.folder / "data" / "gad").mkdir()
  runs, missing = bench.list_runs("bc2gm", "gad", "hoc", "bioasq-4b")
  assert len(runs) == 1 and len(missing) == 3
  assert all("no such folder, or an empty one" in text for text in missing)


def test_missing_files_of_questions_are_named(bench):
  bench.add_questions(batches=[1], golden=[1])
  runs, missing = bench.list_runs("bioasq-4b")
  assert [run.run for run in runs] == ["factoid-seed-1"]
  assert [text.partition(": ")[2] for text in missing] == [
    "expected BioASQ-train-%s-4b.json and BioASQ-test-%s-4b-1.json there"
    % (kind, kind)
    for kind in ("list", "yesno")
  ]


def test_flags_for_all_runs_override_the_recipe_and_its_length(bench):
  bench.add_data("gad")
  extra = ["--num_train_epochs=1", "--use_xla"]
  (run,), _ = bench.list_runs("gad", extra=extra)
  assert run.flags["num_train_epochs"] == "1" and run.flags["use_xla"] is None
  assert run.flags["learning_rate"] == "3e-5"
  assert "train_step" not in run.flags and "warmup_step" not in run.flags
  (step,) = sweep.list_steps(run)
  assert {"--use_xla", "--num_train_epochs=1"} < set(step.words)


def test_each_fold_is_a_run_that_holds_out_part_of_its_training_set(bench):
  bench.add_data("gad/1", "gad/2", "gad/10", dev="")
  runs, _ = bench.list_runs("gad", folds="2,3,10")
  assert [run.run for run in runs] == ["fold-2-seed-1", "fold-10-seed-1"]
  assert [os.path.basename(run.data_dir) for run in runs] == ["2", "10"]
  assert all(run.flags["dev_fraction"] == "0.1" for run in runs)
  _, missing = bench.list_runs("gad", folds=4)
  assert missing[0].endswith("gad: has none of the folds wanted")


def test_nothing_is_held_out_if_there_is_a_development_set(bench):
  bench.add_data("gad")
  (run,), _ = bench.list_runs("gad")
  assert "dev_fraction" not in run.flags


def test_a_model_trains_once_and_answers_every_batch_of_questions(bench):
  bench.add_questions(batches=[1, 2, 10], golden=[1, 2])
  (run,), _ = bench.list_runs("bioasq-4b")
  assert run.run == "factoid-seed-1" and run.metric == "mrr"
  first, *others = sweep.list_steps(run)
  assert flags_of(first)["do_train"] == "true"
  asked = [flags_of(step) for step in others]
  folders = [os.path.basename(flags["output_dir"]) for flags in asked]
  assert folders == ["batch-1", "batch-2", "batch-10"]
  assert all(flags["do_train"] == "false" for flags in asked)
  assert all(flags["bioalbert_dir"] == run.folder for flags in asked)
  assert asked[1]["golden_file"].endswith("4B2_golden.json")
  assert "golden_file" not in asked[2]


# ------------------------------------------------------------------- the sweep


def test_each_run_is_reported_with_its_score_and_described(bench, capsys):
  bench.add_data("bc2gm", "biosses")
  assert bench.sweep("biosses", "bc2gm", seeds="1,2") == {"done": 4}
  lines = [x.rpartition(", ")[0] for x in capsys.readouterr().out.splitlines()]
  assert lines[0] == "[1/4] done    biosses tiny seed-1: pearson 0.5000"
  assert lines[3] == "[4/4] done    bc2gm tiny seed-2: f1 0.5000"
  run = bench.read_json("bc2gm/tiny/seed-2/run.json")
  assert (run["dataset"], run["model"], run["seed"]) == ("bc2gm", "tiny", 2)
  assert run["metric"] == "f1" and run["flags"]["num_train_epochs"] == "9"


def test_finished_runs_are_skipped_and_damaged_ones_repeated(bench, capsys):
  bench.add_data("bc2gm")
  bench.sweep("bc2gm", seeds="1,2")
  results = bench.results / "bc2gm" / "tiny" / "seed-2" / "results.json"
  results.write_text(results.read_text()[:10])
  bench.logged()
  assert bench.sweep("bc2gm", seeds="1,2") == {"done": 1, "skipped": 1}
  assert "seed-1: f1 0.5000, finished before" in capsys.readouterr().out
  ((_, flags),) = bench.logged()
  assert flags["seed"] == "2"


def test_a_failed_run_is_reported_and_the_sweep_continues(
  bench, capsys, monkeypatch
):
  bench.add_data("bc2gm", "hoc")
  monkeypatch.setenv("FAIL", "bc2gm")
  assert bench.sweep("bc2gm", "hoc") == {"failed": 1, "done": 1}
  folder = str(bench.results / "bc2gm" / "tiny" / "seed-1")
  assert (
    "failed  bc2gm tiny seed-1: error: %s is not to its taste (exit code 1, "
    "%s/log.txt)\n" % (folder, folder) in capsys.readouterr().out
  )
  with open(os.path.join(folder, "log.txt"), encoding="utf-8") as f:
    assert f.read().splitlines()[0] == "reading"
  monkeypatch.delenv("FAIL")
  assert bench.sweep("bc2gm", "hoc") == {"done": 1, "skipped": 1}


def test_results_of_other_flags_are_neither_used_nor_overwritten(bench, capsys):
  bench.add_data("bc2gm")
  bench.sweep("bc2gm", extra=["--num_train_epochs=1"])
  bench.logged()
  assert bench.sweep("bc2gm") == {"failed": 1}
  assert "was made with num_train_epochs 1, now 9;" in capsys.readouterr().out
  assert bench.logged() == []


def test_the_scores_of_all_batches_are_merged(bench, capsys):
  bench.add_questions(batches=[1, 2, 3], golden=[1, 2])
  assert bench.sweep("bioasq-4b") == {"done": 1}
  results = bench.read_json("bioasq-4b/tiny/factoid-seed-1/results.json")
  # The gold answer is second in the first batch, and first in the other.
  assert results["test"]["mrr"] == 0.75 and results["test"]["strict"] == 0.5
  assert results["batches"]["2"]["mrr"] == 0.5
  assert "factoid-seed-1: mrr 0.7500" in capsys.readouterr().out
  assert len(bench.logged()) == 4
  assert bench.sweep("bioasq-4b") == {"skipped": 1}


def test_a_failed_batch_is_answered_later_without_training(bench, monkeypatch):
  bench.add_questions(batches=[1, 2], golden=[1, 2])
  monkeypatch.setenv("FAIL", "batch-2")
  assert bench.sweep("bioasq-4b") == {"failed": 1}
  bench.logged()
  monkeypatch.delenv("FAIL")
  assert bench.sweep("bioasq-4b", extra=["--learning_rate=1"]) == {"failed": 1}
  assert bench.logged() == []  # A model trained with other flags stays unused.
  assert bench.sweep("bioasq-4b") == {"done": 1}
  ((_, flags),) = bench.logged()
  assert flags["output_dir"].endswith("batch-2")


def test_batches_are_merged_if_the_sweep_was_killed_before(bench):
  bench.add_questions(batches=[1, 2], golden=[1, 2])
  bench.sweep("bioasq-4b")
  path = bench.results / "bioasq-4b" / "tiny" / "factoid-seed-1"
  (path / "results.json").unlink()
  bench.logged()
  assert bench.sweep("bioasq-4b") == {"done": 1}
  assert bench.logged() == [] and (path / "results.json").exists()


def test_jobs_run_at_the_same_time_each_on_its_gpu(bench, monkeypatch):
  bench.add_data("bc2gm")
  monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6,7")
  with monkeypatch.context() as patch:
    patch.setenv("TOGETHER", "3")
    assert bench.sweep("bc2gm", jobs=3, seeds="1-3") == {"done": 3}
  gpus = sorted(flags["gpu"] for _, flags in bench.logged())
  assert gpus == ["4", "6", "7"]
  bench.sweep("bc2gm", seeds=4)  # A single job has all GPUs.
  assert bench.logged()[0][1]["gpu"] == "4,6,7"
