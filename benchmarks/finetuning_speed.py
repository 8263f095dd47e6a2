# SPDX-License-Identifier: Apache-2.0
r"""Measures training and prediction on real batches, in several environments.

  python benchmarks/finetuning_speed.py --data train.tsv \
    --python .venv-tf1/bin/python .venv-tf2.15/bin/python .venv-tf2/bin/python
  python benchmarks/finetuning_speed.py --data train.tsv \
    --torch_python .venv-torch/bin/python

--torch_python, a Python with PyTorch and transformers, adds the same work by
Hugging Face's ALBERT: see peers_torch.py.

Every case (a Python, a precision, XLA or not) is a process of its own that
trains, or predicts, as run_ner.py does: its batches, graph, loop and hooks. The
processes take turns of --batches batches, so that a machine whose speed
drifts slows all of them alike. Figures are useful tokens per second (without
padding), medians over the turns (minimum to maximum); the ratio is the median
of the ratios within each round to the first case of the same precision. The
first turn warms up.

A model has random weights: ALBERT base or large, or the bundled small one's
shapes. With XLA, batches are padded to --max_seq_length, as --padding=fixed
does. What an environment cannot do is "not possible".
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

CONFIGS = {
  "base": peers.BASE,
  "large": os.path.join(peers.REPO, "configs", "albert_large_v2.json"),
  "small": os.path.join(peers.SMALL, "albert_config.json"),
}
DATA = os.path.join(peers.TRAINING, "train.tsv")
TORCH = os.path.join(peers.REPO, "benchmarks", "peers_torch.py")
FOREVER = 10**6  # updates


def config_of(model):
  """Returns the path of a model's config: that of a name, or itself."""
  return CONFIGS.get(model, model)


def parse_arguments():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--data", default=DATA, help="a train.tsv")
  parser.add_argument("--spm_model_file", default=peers.VOCABULARY)
  parser.add_argument("--python", nargs="+", default=[sys.executable])
  parser.add_argument("--torch_python", help="adds Hugging Face's ALBERT")
  parser.add_argument("--precision", nargs="+", default=["fp32", "bf16"])
  parser.add_argument("--model", nargs="+", default=["base", "small"])
  parser.add_argument("--use_xla", nargs="+", default=["false"])
  parser.add_argument("--mode", nargs="+", default=["train", "predict"])
  parser.add_argument("--batch_size", type=int, default=32)
  parser.add_argument("--max_seq_length", type=int, default=128)
  parser.add_argument("--batches", type=int, default=4, help="in a turn")
  parser.add_argument("--rounds", type=int, default=7)
  parser.add_argument("--worker", help=argparse.SUPPRESS)
  return parser.parse_args()


# ------------------------------------------------------------------ one process


class Turns:
  """Answers turns as peers.answer_turns does, from within a run.

  A turn is a number of batches. It stands in for the run's progress.Meter.
  """

  def __init__(self, batches, answers):
    self._batches = batches
    self._answers = answers
    self.step = 0

  def start(self, step):
    """Waits for the first turn."""
    del step
    self._wait()

  def _wait(self):
    if not sys.stdin.readline():
      os._exit(0)  # The measurement is over.
    self._left, self._tokens, self._begin = self._batches, 0, time.time()

  def count(self, tokens):
    """Counts a batch; at the end of a turn answers and waits."""
    self._tokens += int(tokens)
    self._left -= 1
    if not self._left:
      answer = {"units": self._tokens, "seconds": time.time() - self._begin}
      self._answers.write(json.dumps(answer) + "\n")
      self._answers.flush()
      self._wait()

  def update(self, step, names, values):
    """Counts a training step; see progress.Meter."""
    del names
    self.step = step
    self.count(values[-1])

  def close(self):
    """Does nothing; see progress.Meter."""


def work(args, case, answers):
  """Trains or predicts turn by turn until stdin ends."""
  import batching  # First: silences TensorFlow.

  import modeling
  from training import datasets
  from training import devices
  from training import estimators
  from training import run as training_run

  task, features = batching.read_features(args)
  config = modeling.AlbertConfig.from_json_file(config_of(case["model"]))
  config.vocab_size = task.tokenizer.vocab_size
  device = devices.Device(
    precision=case["precision"], use_xla=case["use_xla"] == "true"
  )
  devices.check(device, {"train_batch_size": args.batch_size})
  fixed = args.max_seq_length if device.use_xla else None

  class Speed(training_run.Run):
    """Trains and predicts as the fine-tuning harness does."""

    fuses_training = False

    def outputs(self, albert_config, features, is_training):
      albert = self.encode(albert_config, features, is_training)
      sequence = albert.get_sequence_output()
      return task.head(sequence, None, features, is_training)

    def inference_spec(self, loss, outputs, features):
      outputs = dict(outputs, window=features["window"])
      return estimators.prediction_spec(outputs, use_tpu=False)

    def training_data(self):
      return datasets.training_dataset(
        features, args.batch_size, self.seed, task.padding, length=fixed
      )

  with tempfile.TemporaryDirectory() as folder:
    sizes = {"train": args.batch_size, "eval": None, "predict": None}
    run = Speed(folder, device, 1, sizes, config, None)
    run.schedule = training_run.Schedule(
      "adamw", 1e-5, FOREVER, 0, 1, save_steps=FOREVER, keep_checkpoint_max=1
    )
    run.start()
    run.meter = turns = Turns(args.batches, answers)
    if case["mode"] == "train":
      run.estimator.train(run.training_data, max_steps=FOREVER)
    data = estimators.prediction_input(
      features, args.batch_size, task.padding, args.max_seq_length, False, fixed
    )
    sizes = [len(f["input_ids"]) for f in features]
    turns.start(0)
    while True:
      predict(run.estimator.predict(data), sizes, turns, args.batch_size)


def predict(outputs, sizes, turns, batch_size):
  """Predicts all windows once, whose numbers of pieces are `sizes`."""
  waiting = []
  for output in outputs:
    waiting.append(sizes[output["window"]])
    if len(waiting) == batch_size:
      turns.count(sum(waiting))
      waiting = []


# ------------------------------------------------------------------ all of them


def command(args, case, theirs):
  """Returns the command that answers the turns of a case."""
  if case["python"] == args.torch_python:
    case = dict(theirs, **case, config=config_of(case["model"]))
    return [case["python"], TORCH, json.dumps(case)]
  return [case["python"]] + sys.argv + ["--worker=" + json.dumps(case)]


def write_features(args, path):
  """Writes the features of the training set; returns the vocabulary's size."""
  import batching  # Imports TensorFlow.

  task, features = batching.read_features(args)
  rows = [[f["input_ids"].tolist(), f["label_ids"].tolist()] for f in features]
  with open(path, "w", encoding="utf-8") as f:
    json.dump(rows, f)
  return task.tokenizer.vocab_size


def their_case(args, features):
  """Returns what all cases of peers_torch.py share."""
  return {
    "features": features,
    "vocab_size": write_features(args, features),
    "batch_size": args.batch_size,
    "batches": args.batches,
  }


def version(python, library):
  """Returns the name and the version of a Python's library."""
  code = "import %s as l; print(l.__name__, l.__version__)" % library
  return subprocess.check_output(
    [python, "-c", "from common import quiet; " + code],
    env=dict(os.environ, PYTHONPATH=peers.REPO),
    stderr=subprocess.DEVNULL,
    universal_newlines=True,
  ).strip()


def compare(args, sides, theirs):
  """Measures all cases and prints their rows.

  Args:
    args: the command line's.
    sides: {Python: its name in the table}.
    theirs: what all cases of peers_torch.py share.
  """
  for model, mode in itertools.product(args.model, args.mode):
    cases = [
      dict(model=model, mode=mode, precision=p, use_xla=xla, python=python)
      for p in args.precision
      for xla in args.use_xla
      for python in sides
      if python != args.torch_python or xla == args.use_xla[0]
    ]
    commands = [command(args, case, theirs) for case in cases]
    first = {}
    for case, rates in zip(cases, peers.take_turns(commands, args.rounds)):
      base = first.setdefault(case["precision"], rates)
      name = sides[case["python"]] + ", XLA" * (case["use_xla"] == "true")
      cells = ["not possible", ""]
      if None not in rates:
        cells = [peers.spread(rates), peers.ratio(rates, base)]
      peers.show_row(model, mode, case["precision"], name, *cells)


def main():
  args = parse_arguments()
  if args.worker:
    # What is printed beside the answers must not come between them.
    return work(args, json.loads(args.worker), peers.own_answers())
  sides = {python: version(python, "tensorflow") for python in args.python}
  with tempfile.TemporaryDirectory() as folder:
    theirs = {}
    if args.torch_python:
      sides[args.torch_python] = version(args.torch_python, "transformers")
      theirs = their_case(args, os.path.join(folder, "features.json"))
    peers.show_row(
      "model", "mode", "precision", "side", "useful tokens/s", "ratio"
    )
    peers.show_row(*["---"] * 6)
    compare(args, sides, theirs)


if __name__ == "__main__":
  main()
