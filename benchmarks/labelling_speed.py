# SPDX-License-Identifier: Apache-2.0
r"""Measures whether the model waits for its input when run_ner.py labels.

  python benchmarks/labelling_speed.py --data abstracts.tsv.gz
  python benchmarks/labelling_speed.py --data abstracts.tsv.gz --one_of 100

In turn, in one process: the model alone, on windows that were prepared before;
labelling end to end with --num_workers; and the input side alone, from the file
to windows, with the model left out. Figures are medians over the rounds
(minimum to maximum); the share is the median of the shares within each round.
The first round warms up and does not count. End to end includes the start of
the workers, which --documents should make small.

With --one_of 100, it measures the peak memory of a run over all texts in which
the model predicts one of 100 windows, and zeros stand for the others: it then
takes minutes, while its batches are as large as ever.

The models are those of peers.py: ALBERT base with random weights and the
bundled small one, each trained for a few steps.
"""

import argparse
import functools
import os
import resource
import statistics
import sys
import tempfile
import time
from unittest import mock

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, REPO)
# isort: off
from common import quiet  # noqa: F401  Before TensorFlow.
# isort: on

from absl import flags
import numpy as np
import peers

from common import flag_groups
from common import stripes
from common.errors import reject
from finetuning import harness
from finetuning import label_inputs
from finetuning import labelling
from formats import inputs
import run_ner
from training import model_folder


def parse_arguments():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--data", required=True, help="documents to label")
  parser.add_argument("--model", nargs="*", default=["base", "small"])
  parser.add_argument("--precision", default="fp32")
  parser.add_argument(
    "--documents", nargs="+", type=int, help="how many for each model"
  )
  parser.add_argument("--num_workers", type=int, default=1)
  parser.add_argument("--input_workers", nargs="*", type=int, default=[1, 2])
  parser.add_argument("--predict_batch_tokens", type=int, default=8192)
  parser.add_argument("--rounds", type=int, default=3)
  parser.add_argument("--one_of", type=int, help="measure memory, not speed")
  return parser.parse_args()


def measure_both(args, labels, predict, description):
  """Returns pairs of rates: of the model alone, and end to end.

  `labels` is the run's Labelling, whose `run` got the other arguments.
  """
  pools = [labels._first, *labels._pools]
  rates = []
  for turn in range(-1, args.rounds):
    alone = rate(lambda: predict_all(pools, predict), pools)
    whole = rate(lambda: label(args, labels, predict, description), pools)
    rates += [(alone, whole)] * (turn >= 0)
  return rates


def predict_all(pools, predict):
  for pool in pools:
    for _ in predict(windows_of(pool), iter):
      pass


def windows_of(pool):
  return [window for item in pool for window in item.encoded.features]


def label(args, labels, predict, description):
  """Labels everything again, from the file to the file of labels."""
  (given,) = labels.inputs
  with tempfile.TemporaryDirectory() as folder:
    texts = labelling.Texts(given.path, num_workers=args.num_workers)
    target = labelling.Target(folder)
    labelling.Labelling(labels._task, texts, target).run(predict, description)


def rate(work, pools):
  """Returns useful tokens per second of a function that predicts pools."""
  tokens = sum(len(w["input_ids"]) for p in pools for w in windows_of(p))
  begin = time.time()
  work()
  return tokens / (time.time() - begin)


def new_task(args, folder, **changed):
  """Returns (Task, Command, Model) of run_ner.py with a folder's model."""
  values = flag_groups.values("run_ner")
  vars(values).update(
    bioalbert_dir=folder,
    precision=args.precision,
    predict_batch_tokens=args.predict_batch_tokens,
    **changed,
  )
  command = harness.read_command(values)
  model = harness.load_model(command)
  task = run_ner.Ner(model.tokenizer, values.max_seq_length, "jsonl")
  return task, command, model


def model_rates(args, folder, texts):
  """Returns what `measure_both` returns for the model in a folder."""
  rates = []

  class Timed(labelling.Labelling):
    """Measures where Labelling would run."""

    def run(self, predict, description):
      with mock.patch.object(labelling, "Labelling", labelling_class):
        rates.extend(measure_both(args, self, predict, description))

  labelling_class = labelling.Labelling
  label_with(Timed, args, folder, texts)
  return rates


def label_with(labelling_class, args, folder, texts):
  """Labels texts as run_ner.py does, but with a class for Labelling."""
  output = os.path.join(folder, "labels")
  task, command, model = new_task(
    args, folder, predict_file=texts, output_dir=output
  )
  with mock.patch.object(labelling, "Labelling", labelling_class):
    harness.run(task, command, model)


def input_rate(task, path, num_workers):
  """Returns megabytes of text per second of the input side alone.

  The time begins with the first pool, when the workers have started.
  """
  given = inputs.Input(path, os.path.getsize(path), "json")
  plan = stripes.Plan([given], ["x"], 1)
  reader = label_inputs.Reader(task, plan, reject, reject, num_workers)
  size, begin = 0, None
  for pool in reader.pools():
    if begin is None:
      begin = time.time()
      continue
    texts = [item.example.text for item in pool if item.is_last]
    size += sum(len(text.encode("utf-8")) for text in texts)
  return size / 1e6 / (time.time() - begin)


def label_sampled(args, folder, texts):
  """Labels all texts with predictions for one of --one_of windows."""

  class Sampled(labelling.Labelling):
    def run(self, predict, description):
      return super().run(
        functools.partial(predict_some, predict, args.one_of), description
      )

  label_with(Sampled, args, folder, texts)


def predict_some(predict, one_of, windows, shown):
  """Yields the predictions of every one_of-th window, and zeros of others."""
  chosen = predict(windows[::one_of], iter)

  def outputs():
    for number, window in enumerate(windows):
      if number % one_of == 0:
        yield next(chosen)
      else:
        zeros = np.zeros(len(window["word"]), np.int32)
        yield {"word": window["word"], "label": zeros, "probability": zeros}

  return shown(outputs())


def show_model(args, name, rates):
  """Prints the rows of a model."""
  alone, whole = zip(*rates)
  share = "%.2f" % statistics.median(b / a for a, b in rates)
  unit = " useful tokens/s"
  peers.show_row(name + ", the model alone", peers.spread(alone) + unit, "1")
  text = "%s, end to end, --num_workers=%d" % (name, args.num_workers)
  peers.show_row(text, peers.spread(whole) + unit, share)


def show_memory(args):
  """Prints the peak memory of labelling all texts with the first model."""
  with tempfile.TemporaryDirectory() as folder:
    trained = peers.train(args.model[0], folder)
    label_sampled(args, trained, args.data)
  most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  print("peak of the model's process: %.0f MiB" % (most / 1024))


def main():
  args = parse_arguments()
  run_ner.define_flags()
  flags.FLAGS.mark_as_parsed()
  if args.one_of:
    show_memory(args)
    return
  counts = args.documents or [100 if m == "base" else 2000 for m in args.model]
  peers.show_row("what", "rate", "share")
  peers.show_row("---", "---", "---")
  with tempfile.TemporaryDirectory() as folder:
    for model, count in zip(args.model, counts):
      trained = peers.train(model, folder)
      texts, _ = peers.write_texts(args.data, count, folder)
      show_model(args, model, model_rates(args, trained, texts))
    texts, _ = peers.write_texts(args.data, None, folder)
    task, _, _ = new_task(args, trained, output_dir=folder)
    task.learned = model_folder.read_learned([trained], task.name)
    for number in args.input_workers:
      rates = [input_rate(task, texts, number) for _ in range(args.rounds)]
      each = [rate / max(number, 1) for rate in rates]
      text = "input side alone, per worker, --num_workers=%d" % number
      peers.show_row(text, peers.spread(each, "%.2f") + " MB of text/s", "")


if __name__ == "__main__":
  main()
