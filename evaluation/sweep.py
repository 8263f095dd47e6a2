# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmark: every model on every data set, seed and fold.

A run is one fine-tuned and scored model, in RESULTS/<data set>/<model>/<run>/.
It takes one step, that is one command; for BioASQ, one that trains and then one
for each batch of questions.
"""

import collections
from concurrent import futures
import fcntl
import glob
import os
import queue
import re
import subprocess
import threading
import time

from common import data_sets
from common import files
from common import run_files
from common.errors import InputError
from common.errors import shorten
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
# words: of the command, without the interpreter. is_done: by an earlier sweep.
Step = collections.namedtuple("Step", "words is_done")


def read_recipes(folder):
  """Returns {data set: its Recipes} from the .flags files of a folder."""
  found = {}
  for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.flags"))):
    recipe = _read_recipe(path)
    found.setdefault(recipe.dataset, []).append(recipe)
  if not found:
    raise InputError("%s: no recipe (<data set>.flags) there" % folder)
  return found


def _read_recipe(path):
  """Returns the Recipe in a file; its first line is "# program: run_ner.py"."""
  first, *rest = files.read(path).decode("utf-8", "replace").split("\n")
  comment, _, program = first.strip().rpartition(" ")
  if comment != "# program:" or program not in PROGRAMS:
    known = ", ".join(sorted(PROGRAMS))
    raise InputError(
      "%s, line 1: expected '# program: ' and one of %s" % (path, known)
    )
  dataset, _, kind = os.path.basename(path)[: -len(".flags")].partition(".")
  if program == "run_qa.py" and kind not in bioasq.TYPES:
    name = "%s.factoid.flags, .list.flags or .yesno.flags" % dataset
    raise InputError("%s: expected the name %s" % (path, name))
  lines = [line.strip() for line in rest]
  flags = parse_flags([x for x in lines if x and x[0] != "#"], path)
  return Recipe(dataset, kind, program, flags)


def parse_flags(words, place):
  """Returns {name: value} of words --name=value, {name: None} of --name."""
  for word in words:
    if not re.match(r"--\w", word):
      raise InputError(
        "%s: found %s, expected --flag=value" % (place, shorten(word))
      )
  parts = (word[2:].partition("=") for word in words)
  return {name: value if equals else None for name, equals, value in parts}


def find_parts(recipe, data_dir, folds):
  """Returns [(prefix of a run's name, folder)]; `folds` is None for all."""
  folder = os.path.join(data_dir, recipe.dataset)
  names = os.listdir(folder) if os.path.isdir(folder) else []
  if not names:
    raise InputError("%s: no such folder, or an empty one" % folder)
  if recipe.kind:
    bioasq.find_files(folder, recipe.dataset, recipe.kind)
    return [(recipe.kind + "-", folder)]
  there = sorted(int(name) for name in names if name.isdigit())
  if "train.tsv" in names or not there:
    return [("", folder)]
  found = [fold for fold in there if folds is None or fold in folds]
  if not found:
    raise InputError("%s: has none of the folds wanted" % folder)
  return [("fold-%d-" % f, os.path.join(folder, str(f))) for f in found]


def make_run(recipe, model_dir, part, seed, results_dir, extra):
  """Returns the Run of a model; `extra` flags override the recipe."""
  prefix, data_dir = part
  flags = dict(recipe.flags)
  dev = [os.path.join(data_dir, name) for name in DEV_FILES]
  if any(os.path.exists(path) and os.path.getsize(path) for path in dev):
    flags.pop("dev_fraction", None)
  if LENGTH & set(extra):  # The recipe's warm-up is for its own length.
    for name in LENGTH | {"warmup_step"}:
      flags.pop(name, None)
  flags.update(extra)
  model = os.path.basename(os.path.abspath(model_dir))
  name = "%sseed-%d" % (prefix, seed)
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
    flags.append("--data_dir=" + run.data_dir)
    return [_make_step(run, flags, run.folder)]
  train, tests = bioasq.find_files(run.data_dir, run.dataset, run.kind)
  given += ["--do_predict=false", "--train_file=" + train]
  steps = [_make_step(run, TRAIN + recipe + given, run.folder, True)]
  for batch, (test, golden) in sorted(tests.items()):
    flags = recipe + PREDICT + ["--bioalbert_dir=" + run.folder]
    flags += ["--test_file=" + test]
    flags += ["--golden_file=" + golden] if golden else []
    folder = os.path.join(run.folder, "batch-%d" % batch)
    steps.append(_make_step(run, flags, folder))
  return steps


def _make_step(run, flags, folder, only_trains=False):
  is_done = bool(results.test_scores(folder))
  if only_trains:
    state = os.path.join(folder, run_files.STATE)
    is_done = results.read_object(state).get("finished") is True
  words = [os.path.join(REPO, run.program)] + flags
  return Step(words + ["--output_dir=" + folder], is_done)


class Sweep:
  """Does runs, several at a time; prints and counts what becomes of them."""

  def __init__(self, python, jobs):
    self.counts = collections.Counter()
    self._python = python
    self._pool = futures.ThreadPoolExecutor(jobs)
    self._mutex = threading.Lock()
    self._processes = set()
    self._stopped = False
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    self._gpus = queue.Queue()  # Of environment variables.
    for i in range(jobs):
      gpu = {"CUDA_VISIBLE_DEVICES": gpus[i % len(gpus)]}
      self._gpus.put(gpu if jobs > 1 < len(gpus) else {})

  def do(self, runs):
    """Does all runs; ends the processes at work if it is interrupted."""
    try:
      list(self._pool.map(lambda run: self._do(run, len(runs)), runs))
    finally:
      with self._mutex:
        self._stopped = True
        for process in self._processes:
          process.terminate()
      self._pool.shutdown()

  def _do(self, run, total):
    """Does a run, unless another process holds its lock."""
    os.makedirs(run.folder, exist_ok=True)
    with open(os.path.join(run.folder, ".lock"), "w") as lock:
      try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        outcome, text = self._do_locked(run, lock.fileno())
      except BlockingIOError:
        outcome, text = "busy", "another process is at work on it"
      except InputError as e:
        outcome, text = "failed", str(e)
    with self._mutex:
      if not self._stopped:
        self.counts[outcome] += 1
        place = "[%d/%d]" % (sum(self.counts.values()), total)
        line = (place, outcome, run.dataset, run.model, run.run, text)
        print("%s %-7s %s %s %s: %s" % line, flush=True)

  def _do_locked(self, run, lock):
    """Returns ("done" or "skipped", what to print about it)."""
    steps = list_steps(run)
    if any(step.is_done for step in steps):
      _check_flags(run)
    if results.test_scores(run.folder) and all(step.is_done for step in steps):
      return "skipped", _show_score(run) + ", finished before"
    begin = time.time()
    files.write_json(os.path.join(run.folder, "run.json"), run._asdict())
    for step in steps:
      if not step.is_done:
        self._call(run, [self._python] + step.words, lock)
    if run.kind:
      _, tests = bioasq.find_files(run.data_dir, run.dataset, run.kind)
      results.merge_batches(run.folder, run.kind, tests)
    if not results.test_scores(run.folder):
      raise InputError("%s: no test scores in results.json" % run.folder)
    return "done", "%s, %.0f s" % (_show_score(run), time.time() - begin)

  def _call(self, run, words, lock):
    """Runs a command; rejects an exit code other than 0.

    The command inherits the lock: if the sweep is killed, no other sweep starts
    the same run while the command is still at work.
    """
    gpu = self._gpus.get()
    env, path = dict(os.environ, **gpu), os.path.join(run.folder, "log.txt")
    with open(path, "ab") as log, self._mutex:
      if self._stopped:
        raise InputError("stopped")
      process = subprocess.Popen(
        words, stdout=log, stderr=subprocess.STDOUT, env=env, pass_fds=[lock]
      )
      self._processes.add(process)
    code = process.wait()
    with self._mutex:
      self._processes.remove(process)
    self._gpus.put(gpu)
    if code:
      text = files.read(path).decode("utf-8", "replace").strip()
      last = re.split(r"[\r\n]+", text)[-1].strip()
      raise InputError("%s (exit code %d, %s)" % (last, code, path))


def _check_flags(run):
  """Rejects flags unlike those in run.json."""
  path = os.path.join(run.folder, "run.json")
  before = results.read_object(path, {"flags": {}}).get("flags", run.flags)
  for name in sorted({**before, **run.flags}):
    old, new = (flags.get(name, "none") for flags in (before, run.flags))
    if old != new:
      raise InputError(
        "%s was made with %s %s, now %s; expected the same, or another "
        "--results_dir" % (run.folder, name, old, new)
      )


def _show_score(run):
  score = results.test_scores(run.folder).get(run.metric)
  if score is None:
    return "no score; log.txt says why"
  return "%s %.4f" % (run.metric, score)
