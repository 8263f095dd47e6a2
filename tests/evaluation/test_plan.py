# SPDX-License-Identifier: Apache-2.0
"""Recipes, and the runs and commands that they lead to."""

import importlib
import os
import re

from absl import flags
import pytest

from common import data_sets
from common import flag_groups
from common.errors import InputError
from evaluation import plan
from tests.helpers import REPO
from tests.helpers import benchmark_folder

FOLDER = os.path.join(REPO, "configs", "recipes")
RECIPES = plan.read_recipes(FOLDER)


@pytest.fixture
def place(tmp_path):
  return benchmark_folder.BenchmarkFolder(tmp_path)


def list_runs(place, *names, seeds=(1,), folds=None, extra=None):
  return plan.list_runs(
    [recipe for name in names for recipe in RECIPES[name]],
    [str(place.folder / "weights" / "tiny")],
    seeds,
    folds,
    str(place.folder / "data"),
    str(place.results),
    extra or {},
  )


def flags_of(step):
  return plan.parse_flags(step.flags, "")


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
  "name, text, message",
  [
    ("a.flags", "--train_step=3\n", "a.flags, line 1: expected '# program: '"),
    ("a.flags", "# program: rm.py\n", "a.flags, line 1: expected '# program"),
    ("a.flags", "", "a.flags, line 1: expected '# program: '"),
    ("a.flags", "# program: run_ner.py\nlr 3\n", "a.flags: found 'lr 3', exp"),
    ("a.flags", "# program: run_qa.py\n", "a.flags: expected the name a.fact"),
  ],
)
def test_a_damaged_recipe_is_rejected(tmp_path, name, text, message):
  (tmp_path / name).write_text(text)
  with pytest.raises(InputError, match=re.escape(message)):
    plan.read_recipes(str(tmp_path))


def test_a_folder_without_recipes_is_rejected(tmp_path):
  with pytest.raises(InputError, match="no recipe .<data set>.flags. there"):
    plan.read_recipes(str(tmp_path))


def test_comments_blank_lines_and_flags_without_a_value_are_read(tmp_path):
  (tmp_path / "mine.flags").write_text(
    "# program: run_dc.py\n\n  # why\n--task_name=generic\n--tune_threshold\n"
  )
  (recipe,) = plan.read_recipes(str(tmp_path))["mine"]
  assert recipe.program == "run_dc.py" and not recipe.kind
  assert recipe.flags == {"task_name": "generic", "tune_threshold": None}


# ------------------------------------------------------------------------ runs


def test_there_is_a_run_for_each_data_set_and_seed(place):
  place.add_data("bc2gm", "mednli")
  runs, missing = list_runs(place, "bc2gm", "mednli", seeds=[1, 2])
  assert missing == []
  assert [(r.dataset, r.model, r.run, r.metric) for r in runs] == [
    ("bc2gm", "tiny", "seed-1", "f1"),
    ("bc2gm", "tiny", "seed-2", "f1"),
    ("mednli", "tiny", "seed-1", "accuracy"),
    ("mednli", "tiny", "seed-2", "accuracy"),
  ]
  (step,) = plan.list_steps(runs[1])
  assert flags_of(step)["seed"] == "2"
  assert flags_of(step)["data_dir"] == str(place.folder / "data" / "bc2gm")
  command = plan.command("python", runs[1], step)
  assert command[:2] == ["python", os.path.join(REPO, "run_ner.py")]
  assert command[-1] == "--output_dir=" + runs[1].folder
  assert runs[1].folder == str(place.results / "bc2gm" / "tiny" / "seed-2")


def test_missing_data_are_listed_once(place):
  place.add_data("bc2gm")
  (place.folder / "data" / "gad").mkdir()
  runs, missing = list_runs(place, "bc2gm", "gad", "hoc", "bioasq-4b")
  assert len(runs) == 1 and len(missing) == 3
  assert all("no such folder, or an empty one" in text for text in missing)


def test_missing_files_of_questions_are_named(place):
  place.add_questions(batches=[1], golden=[1])
  runs, missing = list_runs(place, "bioasq-4b")
  assert [run.run for run in runs] == ["factoid-seed-1"]
  assert [text.partition(": ")[2] for text in missing] == [
    "expected BioASQ-train-%s-4b.json and BioASQ-test-%s-4b-1.json there"
    % (kind, kind)
    for kind in ("list", "yesno")
  ]


def test_flags_for_all_runs_override_the_recipe_and_its_length(place):
  place.add_data("gad")
  extra = {"num_train_epochs": "1", "use_xla": None}
  (run,), _ = list_runs(place, "gad", extra=extra)
  assert run.flags["num_train_epochs"] == "1" and run.flags["use_xla"] is None
  assert run.flags["learning_rate"] == "3e-5"
  assert "train_step" not in run.flags and "warmup_step" not in run.flags
  (step,) = plan.list_steps(run)
  assert "--use_xla" in step.flags and "--num_train_epochs=1" in step.flags


def test_each_fold_is_a_run_that_holds_out_part_of_its_training_set(place):
  place.add_data("gad/1", "gad/2", "gad/10", dev="")
  runs, _ = list_runs(place, "gad", folds=[2, 3, 10])
  assert [run.run for run in runs] == ["fold-2-seed-1", "fold-10-seed-1"]
  assert [os.path.basename(run.data_dir) for run in runs] == ["2", "10"]
  assert all(run.flags["dev_fraction"] == "0.1" for run in runs)
  _, missing = list_runs(place, "gad", folds=[4])
  assert missing[0].endswith("gad: has none of the folds wanted")


def test_nothing_is_held_out_if_there_is_a_development_set(place):
  place.add_data("gad")
  (run,), _ = list_runs(place, "gad")
  assert "dev_fraction" not in run.flags


def test_a_model_trains_once_and_answers_every_batch_of_questions(place):
  place.add_questions(batches=[1, 2, 10], golden=[1, 2])
  (run,), _ = list_runs(place, "bioasq-4b")
  assert run.run == "factoid-seed-1" and run.metric == "mrr"
  first, *others = plan.list_steps(run)
  assert flags_of(first)["do_train"] == "true" and first.only_trains
  assert [os.path.basename(s.folder) for s in others] == [
    "batch-1",
    "batch-2",
    "batch-10",
  ]
  asked = [flags_of(step) for step in others]
  assert all(flags["do_train"] == "false" for flags in asked)
  assert all(flags["bioalbert_dir"] == run.folder for flags in asked)
  assert asked[1]["golden_file"].endswith("4B2_golden.json")
  assert "golden_file" not in asked[2]
