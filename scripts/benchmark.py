# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmark; scripts/benchmark.sh --help describes the options."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from common import arguments
from common import signals

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECIPES = os.path.join(REPO, "configs", "recipes")


def parse_arguments(argv):
  """Returns the options; `extra` holds the words after --."""
  end = argv.index("--") if "--" in argv else len(argv)
  parser = arguments.ArgumentParser(__doc__, allow_abbrev=False)
  parser.add_argument("--datasets", nargs="+", default=["all"])
  parser.add_argument("--models", nargs="+", default=["all"])
  parser.add_argument("--seeds", type=arguments.numbers, default=[1])
  parser.add_argument("--folds", type=arguments.numbers)
  parser.add_argument("--data_dir", default="data")
  parser.add_argument("--weights_dir", default="weights")
  parser.add_argument("--results_dir", default="results")
  parser.add_argument("--recipes", default=RECIPES)
  parser.add_argument("--jobs", type=arguments.positive, default=1)
  parser.add_argument("--python", default=sys.executable)
  parser.add_argument("--dry_run", action="store_true")
  parser.add_argument("--report", action="store_true")
  # For benchmark_slurm.sh: how many runs there are; run INDEX of COUNT only.
  parser.add_argument("--count", action="store_true")
  parser.add_argument("--cell", metavar="INDEX/COUNT")
  options = parser.parse_args(argv[:end])
  options.extra = argv[end + 1 :]
  return options


if __name__ == "__main__":  # Before the imports that take a while.
  signals.end_at_once()
  options = parse_arguments(sys.argv[1:])

import re
import shlex
import signal
import subprocess

from common import weights
from common.errors import InputError
from evaluation import sweep

OWN_FLAGS = {"bioalbert_dir", "data_dir", "flagfile", "output_dir", "seed"}
OWN_FLAGS |= {"train_file", "test_file", "predict_file", "golden_file"}


def parse_extra(words):
  """Returns the flags after --, which all runs get."""
  extra = sweep.parse_flags(words, "after --")
  for name in OWN_FLAGS & set(extra):
    raise InputError("after --: --%s is set by the sweep itself" % name)
  return extra


def list_runs(options):
  """Returns ([sweep.Run], [what is missing from the data])."""
  recipes = sweep.read_recipes(options.recipes)
  names = re.findall(r"[^,\s]+", " ".join(options.datasets))
  names = list(recipes) if names == ["all"] else list(dict.fromkeys(names))
  for name in names:
    if name not in recipes:
      known = ", ".join(recipes)
      message = "--datasets: found %r, expected all or some of %s"
      raise InputError(message % (name, known))
  models = find_models(options.models, options.weights_dir)
  results, extra = options.results_dir, parse_extra(options.extra)
  runs, missing = [], []
  for recipe in (recipe for name in names for recipe in recipes[name]):
    try:
      parts = sweep.find_parts(recipe, options.data_dir, options.folds)
    except InputError as e:
      missing.append(str(e))
      continue
    runs += [
      sweep.make_run(recipe, model, part, seed, results, extra)
      for model in models
      for part in parts
      for seed in options.seeds
    ]
  if options.cell:
    index, _, count = options.cell.partition("/")
    if count != str(len(runs)):
      message = "--cell=%s: found %d runs; expected as many; submit it again"
      raise InputError(message % (options.cell, len(runs)))
    runs = [runs[int(index)]]
  return runs, list(dict.fromkeys(missing))


def find_models(names, weights_dir):
  """Returns the folders of models; "all" are the published ones there are."""
  if names == ["all"]:
    all_names = [weight.name for weight in weights.BIOALBERT]
    folders = [os.path.join(weights_dir, name) for name in all_names]
    names = list(filter(os.path.isdir, folders)) or all_names[:1]
  found = {}
  for name in names:
    places = (name, os.path.join(weights_dir, name))
    folder = next(filter(os.path.isdir, places), None)
    if folder is None:
      raise InputError("--models: %s: no such folder, nor %s" % places)
    model = os.path.basename(os.path.abspath(folder))
    if not os.path.samefile(found.setdefault(model, folder), folder):
      message = "--models: expected different names, found %s and %s"
      raise InputError(message % (found[model], folder))
  return list(found.values())


def do(options):
  """Does what the options ask for; returns the exit code."""
  report = [os.path.join(REPO, "scripts", "report.py")]
  report = [options.python] + report + [options.results_dir]
  if options.report:
    return subprocess.call(report)
  runs, missing = list_runs(options)
  if options.count:
    print(len(runs))
    return 0
  for text in missing:
    print("%smissing data: %s" % ("# " if options.dry_run else "", text))
  if options.dry_run:
    for step in (step for run in runs for step in sweep.list_steps(run)):
      if not step.is_done:
        print(" ".join(map(shlex.quote, [options.python] + step.words)))
    return 0
  work = sweep.Sweep(options.python, options.jobs)
  work.do(runs)
  names = ("done", "skipped", "failed", "busy")
  counts = ", ".join("%d %s" % (work.counts[name], name) for name in names)
  print("%s, %d without data" % (counts, len(missing)), flush=True)
  code = subprocess.call(report) if runs and not options.cell else 0
  return 1 if code or not runs or work.counts["failed"] else 0


def stop(number, _):
  """Ends the sweep, and with it the runs at work."""
  signal.signal(number, signal.SIG_IGN)
  print("stopped; the same command continues where it left off", flush=True)
  sys.exit(128 + number)


def main(options):
  """Does what the command line asks for."""
  for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP.
      signal.signal(number, stop)
  try:
    sys.exit(do(options))
  except (OSError, InputError) as e:
    sys.exit("error: %s" % " ".join(str(e).split()))


if __name__ == "__main__":
  main(options)
