# SPDX-License-Identifier: Apache-2.0
"""What the benchmark runs: every model on every data set, seed and fold.

A run is one fine-tuned and scored model, in RESULTS/<data set>/<model>/<run>/.
It takes one command; for BioASQ, one that trains and then one for each batch of
questions.
"""

import collections
import glob
import os
import re
import shlex

from common import data_sets
from common import errors
from common import files
from evaluation import bioasq
from evaluation import results

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAMS = {task.program: task for task in data_sets.TASKS.values()}
# One checkpoint is complete while the next is being written; keeping more would
# fill the disk over a thousand runs.
TRAIN = ["--do_train=true", "--keep_checkpoint_max=2"]
PREDICT = ["--do_train=false", "--do_eval=false", "--do_predict=true"]
PREDICT += ["--distribution=none"]  # Only training can be distributed.
LENGTH = {"train_step", "num_train_epochs"}
DEV_FILES = ("devel.tsv", "dev.tsv", "dev.json", "mli_dev_v1.jsonl")

# kind: the type of the questions of a BioASQ recipe, otherwise "".
Recipe = collections.namedtuple("Recipe", "dataset kind program flags")
# What run.json holds. flags: all that affect the result but data, model, seed.
Run = collections.namedtuple(
  "Run",
  "dataset kind program model run seed metric data_dir model_dir flags folder",
)
Step = collections.namedtuple("Step", "flags folder only_trains")


def read_recipes(folder):
  """Returns {data set: its Recipes} from the .flags files of a folder."""
  found = collections.OrderedDict()
  for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.flags"))):
    recipe = read_recipe(path)
    found.setdefault(recipe.dataset, []).append(recipe)
  if not found:
    raise errors.InputError("%s: no recipe (<data set>.flags) there" % folder)
  return found


def read_recipe(path):
  """Returns the Recipe in bc2gm.flags, bioasq-4b.list.flags and the like.

  The first line is "# program: run_ner.py"; every other line holds one flag, a
  comment or nothing.
  """
  first, *rest = files.read(path).decode("utf-8", "replace").split("\n")
  comment, _, program = first.strip().rpartition(" ")
  if comment != "# program:" or program not in PROGRAMS:
    raise errors.InputError(
      "%s, line 1: expected '# program: ' and one of %s"
      % (path, ", ".join(sorted(PROGRAMS)))
    )
  dataset, _, kind = os.path.basename(path)[: -len(".flags")].partition(".")
  if program == "run_qa.py" and kind not in bioasq.TYPES:
    raise errors.InputError(
      "%s: expected the name %s.factoid.flags, .list.flags or .yesno.flags"
      % (path, dataset)
    )
  lines = [line.strip() for line in rest]
  flags = parse_flags([x for x in lines if x and x[0] != "#"], path)
  return Recipe(dataset, kind, program, flags)


def parse_flags(words, place):
  """Returns {name: value} of words --name=value, {name: None} of --name."""
  for word in words:
    if not re.match(r"--\w", word):
      raise errors.InputError(
        "%s: found %s, expected --flag=value" % (place, errors.shorten(word))
      )
  parts = (word[2:].partition("=") for word in words)
  return {name: value if equals else None for name, equals, value in parts}


def list_runs(recipes, models, seeds, folds, data_dir, results_dir, extra):
  """Returns ([Run], [what is missing from `data_dir`]).

  `folds` are numbers, or None for all folds that a data set has; the flags
  `extra` ({name: value}) override every recipe.
  """
  runs, missing = [], []
  for recipe in recipes:
    folder = os.path.join(data_dir, recipe.dataset)
    try:
      parts = _find_parts(folder, folds)
      if recipe.kind:
        bioasq.find_files(folder, recipe.dataset, recipe.kind)
    except errors.InputError as e:
      missing.append(str(e))
      continue
    runs += [
      _make_run(recipe, model, prefix, part, seed, results_dir, extra)
      for model in models
      for prefix, part in parts
      for seed in seeds
    ]
  return runs, list(dict.fromkeys(missing))


def _find_parts(folder, folds):
  """Returns [(prefix of the run's name, folder)] of a data set or its folds."""
  names = os.listdir(folder) if os.path.isdir(folder) else []
  if not names:
    raise errors.InputError("%s: no such folder, or an empty one" % folder)
  there = sorted(int(name) for name in names if name.isdigit())
  if "train.tsv" in names or not there:
    return [("", folder)]
  found = [fold for fold in there if folds is None or fold in folds]
  if not found:
    raise errors.InputError("%s: has none of the folds wanted" % folder)
  return [("fold-%d-" % f, os.path.join(folder, str(f))) for f in found]


def _make_run(recipe, model_dir, prefix, data_dir, seed, results_dir, extra):
  flags = dict(recipe.flags)
  dev = [os.path.join(data_dir, name) for name in DEV_FILES]
  if any(os.path.exists(path) and os.path.getsize(path) for path in dev):
    flags.pop("dev_fraction", None)
  if LENGTH & set(extra):  # The recipe's warm-up is for its own length.
    for name in LENGTH | {"warmup_step"}:
      flags.pop(name, None)
  flags.update(extra)
  model = os.path.basename(os.path.abspath(model_dir))
  kind = recipe.kind and recipe.kind + "-"
  name = "%s%sseed-%d" % (kind, prefix, seed)
  folder = os.path.join(results_dir, recipe.dataset, model, name)
  metrics = data_sets.QUESTION_METRICS.get(recipe.kind)
  metric = next(iter(metrics or PROGRAMS[recipe.program].metrics))
  which = (model, name, seed, metric, data_dir, model_dir)
  return Run(*recipe[:3], *which, flags, folder)


def list_steps(run):
  """Returns the Steps of a run, in order."""
  recipe = [
    "--" + name + ("" if value is None else "=" + value)
    for name, value in run.flags.items()
  ]
  given = ["--bioalbert_dir=" + run.model_dir, "--seed=%d" % run.seed]
  if not run.kind:
    flags = TRAIN + ["--do_eval=true", "--do_predict=true"] + recipe + given
    return [Step(flags + ["--data_dir=" + run.data_dir], run.folder, False)]
  train, tests = bioasq.find_files(run.data_dir, run.dataset, run.kind)
  given += ["--do_predict=false", "--train_file=" + train]
  steps = [Step(TRAIN + recipe + given, run.folder, True)]
  for batch, (test, golden) in sorted(tests.items()):
    flags = recipe + PREDICT + ["--bioalbert_dir=" + run.folder]
    flags += ["--test_file=" + test]
    flags += ["--golden_file=" + golden] if golden else []
    folder = os.path.join(run.folder, "batch-%d" % batch)
    steps.append(Step(flags, folder, False))
  return steps


def remaining_steps(run):
  """Returns the Steps that have not been done yet."""
  return [step for step in list_steps(run) if not _is_done(step)]


def _is_done(step):
  if step.only_trains:
    state = os.path.join(step.folder, "training_state.json")
    return results.read_object(state).get("finished") is True
  return bool(results.test_scores(step.folder))


def command(python, run, step):
  """Returns the words of a step's command."""
  words = [python, os.path.join(REPO, run.program)] + step.flags
  return words + ["--output_dir=" + step.folder]


def quote(words):
  """Returns a command as one types it."""
  return " ".join(map(shlex.quote, words))
