# SPDX-License-Identifier: Apache-2.0
r"""Measures whole runs, from the command to the results, beside Hugging Face.

  python benchmarks/whole_runs.py --torch_python .venv-torch/bin/python \
    --ncbi $NER/NCBI-disease --biosses $DATA/BIOSSES

Each run is a command: start-up, reading, training, checkpoints, evaluation and
predictions count. Ours is run_ner.py or run_sts.py; theirs does the same work
by peers_torch_run.py, with the settings of peers_torch.py. They take turns.

- quickstart: what scripts/quickstart.sh trains, without its six abstracts
- ncbi-base: an epoch of NCBI-disease with ALBERT base, from random weights
- biosses: BIOSSES by its recipe, with the bundled small model

Seconds are medians over the rounds (minimum to maximum); the ratio is the
median within the rounds of their time to ours. --epochs and --sentences make
runs shorter. The score of the test set shows that both sides learn; random
weights learn nothing in an epoch.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time

import peers

from evaluation import sweep

RECIPES = os.path.join(peers.REPO, "configs", "recipes")
TORCH_RUN = os.path.join(peers.REPO, "benchmarks", "peers_torch_run.py")
FILES = {
  "ner": {"train": "train.tsv", "dev": "devel.tsv", "test": "test.tsv"},
  "sts": {"train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv"},
}
METRICS = {"ner": "f1", "sts": "pearson"}
RUNS = ("quickstart", "ncbi-base", "biosses")


def parse_arguments():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--torch_python", default=sys.executable)
  parser.add_argument("--run", nargs="+", default=RUNS, choices=RUNS)
  parser.add_argument("--ncbi", default=peers.TRAINING)
  parser.add_argument("--biosses", help="folder with train, dev and test.tsv")
  parser.add_argument("--epochs", type=float, help="instead of the run's own")
  parser.add_argument("--sentences", type=int, help="of each file, at most")
  parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
  parser.add_argument("--rounds", type=int, default=3)
  return parser.parse_args()


def plan(args, name):
  """Returns what a run does: what both sides are given."""
  if name == "biosses":
    recipe = sweep.read_recipes(RECIPES)["biosses"][0].flags
    found = {
      "task": "sts",
      "data": args.biosses,
      "epochs": float(recipe["num_train_epochs"]),
      "learning_rate": float(recipe["learning_rate"]),
      "batch_size": int(recipe["train_batch_size"]),
      "save_steps": int(recipe["save_checkpoints_steps"]),
    }
  else:
    small = name == "quickstart"
    found = {
      "task": "ner",
      "data": peers.TRAINING if small else args.ncbi,
      "epochs": 2 if small else 1,
      "learning_rate": 3e-4 if small else 5e-5,
      "batch_size": 16 if small else 32,
      "save_steps": 0,
    }
  found["epochs"] = args.epochs or found["epochs"]
  return dict(found, length=128, precision=args.precision)


def shorten(given, sentences, folder):
  """Copies the data of a plan, at most so many sentences of each file."""
  target = os.path.join(folder, "data")
  os.makedirs(target)
  separator = "\n\n" if given["task"] == "ner" else "\n"
  header = given["task"] == "sts"
  for name in FILES[given["task"]].values():
    with open(os.path.join(given["data"], name), encoding="utf-8") as f:
      rows = f.read().strip().split(separator)
    kept = itertools.islice(rows, sentences and sentences + header)
    with open(os.path.join(target, name), "w", encoding="utf-8") as f:
      f.write(separator.join(kept) + "\n")
  return dict(given, data=target)


def our_command(given, config, output):
  """Returns the command of run_ner.py or run_sts.py."""
  program = "run_%s.py" % given["task"]
  command = [
    sys.executable,
    os.path.join(peers.REPO, program),
    "--do_train=true",
    "--do_eval=true",
    "--do_predict=true",
    "--data_dir=" + given["data"],
    "--max_seq_length=%d" % given["length"],
    "--num_train_epochs=%g" % given["epochs"],
    "--train_batch_size=%d" % given["batch_size"],
    "--learning_rate=%g" % given["learning_rate"],
    "--save_checkpoints_steps=%d" % given["save_steps"],
    "--precision=" + given["precision"],
    "--output_dir=" + output,
  ]
  if given["task"] == "sts":
    command.append("--task_name=biosses")
  return command + (peers.random_base(config) if config else peers.PRETRAINED)


def their_command(python, given, config, model, output):
  """Returns the command of peers_torch_run.py."""
  files = {
    part: os.path.join(given["data"], name)
    for part, name in FILES[given["task"]].items()
  }
  case = dict(given, files=files, model=model, output=output, config=config)
  return [python, TORCH_RUN, json.dumps(case)]


def timed(command):
  """Runs a command; returns its seconds and what it printed."""
  begin = time.time()
  done = subprocess.run(command, capture_output=True, text=True)
  if done.returncode:
    sys.exit("%s failed:\n%s" % (command[1], done.stderr[-2000:]))
  return time.time() - begin, done.stdout


def compare(args, name, model, folder):
  """Measures both sides of a run in turn and prints their rows."""
  given = shorten(plan(args, name), args.sentences, folder)
  config = None
  if name == "ncbi-base":
    config = peers.write_base(folder)
  metric, found, scores = METRICS[given["task"]], [[], []], [None, None]
  for turn in range(args.rounds):
    outputs = [os.path.join(folder, "%s%d" % (s, turn)) for s in ("us", "hf")]
    os.makedirs(outputs[1])
    seconds, _ = timed(our_command(given, config, outputs[0]))
    found[0].append(seconds)
    with open(os.path.join(outputs[0], "results.json")) as f:
      scores[0] = json.load(f)["test"][metric]
    command = their_command(args.torch_python, given, config, model, outputs[1])
    seconds, printed = timed(command)
    found[1].append(seconds)
    scores[1] = json.loads(printed.splitlines()[-1])["test"]
  for side, times, score in zip(("ours", "transformers"), found, scores):
    cells = [peers.spread(times), peers.ratio(found[1], times)]
    peers.show_row(name, side, *cells, "%s %.3f" % (metric, score))


def main():
  args = parse_arguments()
  if "biosses" in args.run and not args.biosses:
    sys.exit("--run biosses needs --biosses, a folder with BIOSSES")
  peers.show_row("run", "side", "seconds", "ratio", "test set")
  peers.show_row(*["---"] * 5)
  with tempfile.TemporaryDirectory() as model:
    peers.run("scripts/export.py", "--bioalbert_dir=" + peers.SMALL,
        "--format=transformers", "--output_dir=" + model)  # fmt: skip
    for name in args.run:
      with tempfile.TemporaryDirectory() as folder:
        compare(args, name, model, folder)


if __name__ == "__main__":
  main()
