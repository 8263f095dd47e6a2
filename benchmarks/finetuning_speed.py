# SPDX-License-Identifier: Apache-2.0
r"""Measures training and prediction on real batches, on several TensorFlows.

  python benchmarks/finetuning_speed.py --data train.tsv \
    --python .venv-tf1/bin/python .venv-tf2.15/bin/python .venv-tf2/bin/python

Every case (a Python and a precision) is a process of its own that trains, or
predicts, as run_ner.py does: its batches, its graph, its loop and its hooks.
The processes take turns of --batches batches, so that a machine whose speed
drifts slows all of them alike. Figures are useful tokens per second (without
padding), medians over the turns (minimum to maximum); the ratio is the median
of the ratios to the first case within each round. The first turn warms up.

A model has random weights: ALBERT base, or the bundled small one's shapes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import peers

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, REPO)
CONFIGS = {
  "base": os.path.join(REPO, "configs", "albert_base_v2.json"),
  "small": os.path.join(
    REPO, "models", "bioalbert-small", "albert_config.json"
  ),
}
SPM = os.path.join(REPO, "examples", "vocab", "pubmed-8k.model")
DATA = os.path.join(REPO, "examples", "ncbi-disease", "train.tsv")
FOREVER = 10**6  # updates


def parse_arguments():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--data", default=DATA, help="a train.tsv")
  parser.add_argument("--spm_model_file", default=SPM)
  parser.add_argument("--python", nargs="+", default=[sys.executable])
  parser.add_argument("--precision", nargs="+", default=["fp32", "bf16"])
  parser.add_argument("--model", nargs="+", default=list(CONFIGS))
  parser.add_argument("--mode", nargs="+", default=["train", "predict"])
  parser.add_argument("--batch_size", type=int, default=32)
  parser.add_argument("--max_seq_length", type=int, default=128)
  parser.add_argument("--batches", type=int, default=4, help="in a turn")
  parser.add_argument("--rounds", type=int, default=7)
  parser.add_argument("--worker", help=argparse.SUPPRESS)
  return parser.parse_args()


# ------------------------------------------------------------------ one process


class Turns:
  """Takes turns: waits for a line on stdin, and answers after some batches.

  It stands in for the run's progress.Meter.
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
      answer = {"tokens": self._tokens, "seconds": time.time() - self._begin}
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
  config = modeling.AlbertConfig.from_json_file(CONFIGS[case["model"]])
  config.vocab_size = task.tokenizer.vocab_size
  device = devices.Device(precision=case["precision"])
  devices.check(device, {"train_batch_size": args.batch_size})

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
        features, args.batch_size, self.seed, task.padding
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
      features, args.batch_size, task.padding, args.max_seq_length, False
    )
    sizes = [len(f["input_ids"]) for f in features]
    turns.start(0)
    while True:
      waiting = []
      for output in run.estimator.predict(data):
        waiting.append(sizes[output["window"]])
        if len(waiting) == args.batch_size:
          turns.count(sum(waiting))
          waiting = []


# ------------------------------------------------------------------ all of them


def start(case):
  """Starts the process of a case."""
  command = [case["python"]] + sys.argv + ["--worker=" + json.dumps(case)]
  return subprocess.Popen(
    command,
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.DEVNULL,
    universal_newlines=True,
  )


def take_turn(process):
  """Returns useful tokens per second of a process's turn, None if it cannot."""
  try:
    process.stdin.write("go\n")
    process.stdin.flush()
  except BrokenPipeError:
    return None
  answer = process.stdout.readline()
  found = json.loads(answer) if answer else {}
  return found["tokens"] / found["seconds"] if "tokens" in found else None


def measure(args, cases):
  """Returns for each case its useful tokens per second in every round."""
  processes = [start(case) for case in cases]
  try:
    for process in processes:
      take_turn(process)
    rates = [
      [take_turn(process) for process in processes] for _ in range(args.rounds)
    ]
  finally:
    for process in processes:
      process.kill()
      process.wait()
  return list(zip(*rates))


def version(python):
  """Returns the TensorFlow of a Python."""
  code = "import tensorflow; print(tensorflow.__version__)"
  return subprocess.check_output(
    [python, "-c", code], stderr=subprocess.DEVNULL, universal_newlines=True
  ).strip()


def show(case, rates, first):
  """Prints a row of the table."""
  cells = [case["model"], case["mode"], case["precision"], case["tensorflow"]]
  if None in rates:
    cells += ["not possible", ""]
  else:
    ratio = statistics.median(b / a for a, b in zip(first, rates))
    cells += [peers.spread(rates), "%.2f" % ratio]
  peers.show_row(*cells)


def main():
  args = parse_arguments()
  if args.worker:
    # What is printed beside the answers must not come between them.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return work(args, json.loads(args.worker), answers)
  versions = {python: version(python) for python in args.python}
  print("| model | mode | precision | TensorFlow | useful tokens/s | ratio |")
  print("| --- | --- | --- | --- | --- | --- |", flush=True)
  for model in args.model:
    for mode in args.mode:
      cases = [
        dict(
          model=model,
          mode=mode,
          precision=precision,
          python=python,
          tensorflow=versions[python],
        )
        for precision in args.precision
        for python in args.python
      ]
      found = measure(args, cases)
      for case, rates in zip(cases, found):
        show(case, rates, found[0])


if __name__ == "__main__":
  main()
