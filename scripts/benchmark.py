# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmark; scripts/benchmark.sh --help describes the options."""

import argparse
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from common import errors
from common import weights
from evaluation import plan
from evaluation import sweep

OWN_FLAGS = {"bioalbert_dir", "data_dir", "flagfile", "output_dir", "seed"}
OWN_FLAGS |= {"train_file", "test_file", "predict_file", "golden_file"}


def numbers(text):
  """Returns the numbers in a list, "1-3,7" -> [1, 2, 3, 7]; None for "all"."""
  if text == "all":
    return None
  if not re.fullmatch(r"\d+(-\d+)?([,\s]+\d+(-\d+)?)*", text):
    raise argparse.ArgumentTypeError(
      "found %r, expected numbers such as 1,2,3 or 1-10" % text
    )
  ends = [part.split("-") for part in re.split(r"[,\s]+", text)]
  return sorted({n for e in ends for n in range(int(e[0]), int(e[-1]) + 1)})


def parse_arguments(argv):
  """Returns the options; `extra` holds the words after --."""
  end = argv.index("--") if "--" in argv else len(argv)
  parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
  parser.add_argument("--datasets", nargs="+", default=["all"])
  parser.add_argument("--models", nargs="+", default=["all"])
  parser.add_argument("--seeds", type=numbers, default=[1])
  parser.add_argument("--folds", type=numbers)
  parser.add_argument("--data_dir", default="data")
  parser.add_argument("--weights_dir", default="weights")
  parser.add_argument("--results_dir", default="results")
  parser.add_argument(
    "--recipes", default=os.path.join(plan.REPO, "configs", "recipes")
  )
  parser.add_argument("--jobs", type=int, default=1)
  parser.add_argument("--python", default=sys.executable)
  parser.add_argument("--dry_run", action="store_true")
  parser.add_argument("--report", action="store_true")
  # For benchmark_slurm.sh: how many runs there are; run INDEX of COUNT only.
  parser.add_argument("--count", action="store_true")
  parser.add_argument("--cell", metavar="INDEX/COUNT")
  options = parser.parse_args(argv[:end])
  options.extra = argv[end + 1 :]
  return options


def list_runs(options):
  """Returns ([plan.Run], [what is missing from the data])."""
  if options.jobs < 1:
    raise errors.InputError("--jobs=%d: expected at least 1" % options.jobs)
  extra = plan.parse_flags(options.extra, "after --")
  for name in OWN_FLAGS & set(extra):
    raise errors.InputError("after --: --%s is set by the sweep itself" % name)
  known = plan.read_recipes(options.recipes)
  runs, missing = plan.list_runs(
    [r for name in choose_data(options.datasets, known) for r in known[name]],
    find_models(options.models, options.weights_dir),
    options.seeds,
    options.folds,
    options.data_dir,
    options.results_dir,
    extra,
  )
  if options.cell:
    index, _, count = options.cell.partition("/")
    if count != str(len(runs)):
      raise errors.InputError(
        "--cell=%s: found %d runs: data or models have changed since the job "
        "was submitted; submit it again" % (options.cell, len(runs))
      )
    runs = [runs[int(index)]]
  return runs, missing


def choose_data(words, known):
  """Returns the names of the data sets that --datasets lists."""
  names = list(dict.fromkeys(re.findall(r"[^,\s]+", " ".join(words))))
  if names == ["all"]:
    return list(known)
  for name in names:
    if name not in known:
      raise errors.InputError(
        "--datasets: found %r, expected all or some of %s"
        % (name, ", ".join(known))
      )
  return names


def find_models(names, weights_dir):
  """Returns the folders of models, given as paths or as names in `weights_dir`.

  "all" stands for those of the published BioALBERTs that are there.
  """
  if names == ["all"]:
    names = [weight.name for weight in weights.BIOALBERT]
    names = [x for x in names if os.path.isdir(os.path.join(weights_dir, x))]
  if not names:
    raise errors.InputError(
      "%s: found no published BioALBERT, such as %s; --models names others"
      % (weights_dir, weights.BIOALBERT[0].name)
    )
  found = {}
  for name in names:
    places = (name, os.path.join(weights_dir, name))
    folder = next((place for place in places if os.path.isdir(place)), None)
    if folder is None:
      raise errors.InputError("--models: %s: no such folder, nor %s" % places)
    model = os.path.basename(os.path.abspath(folder))
    if not os.path.samefile(found.setdefault(model, folder), folder):
      raise errors.InputError(
        "--models: %s and %s would share their results; expected folders with "
        "different names" % (found[model], folder)
      )
  return list(found.values())


def print_commands(runs, missing, python):
  """Prints the commands that would run."""
  for run in runs:
    for step in plan.remaining_steps(run):
      print(plan.quote(plan.command(python, run, step)))
  for text in missing:
    print("# missing data: %s" % text)


def run_all(runs, missing, options):
  """Does all runs and makes the report; returns the exit code."""
  for text in missing:
    print("missing data: %s" % text)
  work = sweep.Sweep(options.python, options.jobs)
  work.do(runs)
  names = ("done", "skipped", "failed", "busy")
  counts = ", ".join("%d %s" % (work.counts[name], name) for name in names)
  print("%s, %d without data" % (counts, len(missing)), flush=True)
  code = make_report(options) if runs and not options.cell else 0
  return 1 if code or not runs or work.counts["failed"] else 0


def make_report(options):
  """Makes the report of all results; returns the exit code."""
  program = os.path.join(plan.REPO, "scripts", "report.py")
  return subprocess.call([options.python, program, options.results_dir])


def stop(number, frame):
  """Ends the sweep, and with it the runs at work."""
  del frame
  signal.signal(number, signal.SIG_IGN)
  print("stopped; the same command continues where it left off", flush=True)
  sys.exit(128 + number)


def main():
  """Does what the command line asks for."""
  options = parse_arguments(sys.argv[1:])
  for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP.
      signal.signal(number, stop)
  try:
    if options.report:
      sys.exit(make_report(options))
    runs, missing = list_runs(options)
    if options.count:
      print(len(runs))
    elif options.dry_run:
      print_commands(runs, missing, options.python)
    else:
      sys.exit(run_all(runs, missing, options))
  except (OSError, errors.InputError) as e:
    sys.exit("error: %s" % " ".join(str(e).split()))


if __name__ == "__main__":
  main()
