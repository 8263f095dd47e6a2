# SPDX-License-Identifier: Apache-2.0
"""Measures the speed and the memory of a pretraining step.

python benchmarks/pretraining_speed.py [--torch_python env/bin/python]
python benchmarks/pretraining_speed.py --memory [base:32x128 xlarge:8x512]

The speed is the floating-point rate of the model's matrix products (those of a
forward pass; a training step counts three times as much) as a share of the
machine's rate. That is the rate of a 2048x768 by 768x3072 product in float32,
timed before and after every step. All cases take turns in one run; figures are
medians (minimum to maximum). A measurement is repeated if the hypervisor gave
more than --most_stolen of the processor time to others (see /proc/stat).

For PyTorch, "all" is AlbertForPreTraining's own step, which predicts a word at
every position; "masked" predicts at the masked positions only.

--memory measures the peak memory of a process that takes two steps, with and
without --recompute, for each model, batch and length; with --torch_python also
PyTorch's, "masked". transformers 5.24 refuses gradient_checkpointing_enable for
ALBERT, so its checkpoints are torch.utils.checkpoint around the shared layer. A
process that takes longer than --memory_minutes is stopped.
"""

import argparse
import collections
import functools
import itertools
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import time

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, REPO)
# isort: off
from common import quiet  # noqa: F401  Before TensorFlow.
# isort: on

import numpy as np
import tensorflow.compat.v1 as tf

import modeling
import optimization
from training import devices
from training import heads

BASE = os.path.join(REPO, "configs", "albert_base_v2.json")
XLARGE = os.path.join(REPO, "configs", "albert_xlarge_v2.json")
TORCH_STEP = os.path.join(REPO, "benchmarks", "pretraining_torch.py")
# The number of predictions per sequence in create_pretraining_data.py.
PREDICTIONS = {128: 20, 512: 76}
PRODUCT = (2048, 768, 3072)

Shape = collections.namedtuple("Shape", "batch length predictions")


def parse_arguments():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--albert_config_file", default=BASE)
  parser.add_argument(
    "--tokens", type=int, default=4096, help="number of pieces in a batch"
  )
  parser.add_argument("--runs", type=int, default=9)
  parser.add_argument("--most_stolen", type=float, default=0.1)
  parser.add_argument(
    "--patience", type=float, default=30, help="maximum minutes per length"
  )
  parser.add_argument(
    "--torch_python",
    help="a Python with PyTorch and transformers, to compare with them",
  )
  parser.add_argument(
    "--memory",
    nargs="*",
    help="MODEL:BATCHxLENGTH (default: base:8x512 xlarge:2x512)",
  )
  parser.add_argument("--memory_minutes", type=float, default=5)
  return parser.parse_args()


def operations(config, shape):
  """Counts the floating-point operations of a forward pass's products.

  Returns:
    (those of the encoder and the pooler, those of the masked-word head).
  """
  size, embedding = config.hidden_size, config.embedding_size
  per_piece = 2 * embedding * size + config.num_hidden_layers * (
    8 * size**2 + 4 * size * config.intermediate_size + 4 * size * shape.length
  )
  per_word = 2 * embedding * (size + config.vocab_size)
  return (
    shape.batch * (shape.length * per_piece + 2 * size**2),
    shape.batch * shape.predictions * per_word,
  )


def batch(config, shape):
  """Returns a batch of random pieces for pretraining, without padding."""
  random = np.random.RandomState(1)

  def draw(low, high, *size):
    return random.randint(low, high, (shape.batch,) + size, np.int32)

  return {
    "input_ids": draw(5, config.vocab_size, shape.length),
    "input_mask": draw(1, 2, shape.length),
    "segment_ids": draw(0, 2, shape.length),
    "masked_lm_positions": draw(1, shape.length - 1, shape.predictions),
    "masked_lm_ids": draw(5, config.vocab_size, shape.predictions),
    "masked_lm_weights": np.ones((shape.batch, shape.predictions), np.float32),
    "next_sentence_labels": draw(0, 2),
  }


def training(config, x, recompute=False):
  """Builds a training step; returns its loss and its update."""
  albert = modeling.AlbertModel(
    config,
    True,
    x["input_ids"],
    x["input_mask"],
    x["segment_ids"],
    recompute=recompute,
    fuse=not devices.TF_1,
  )
  loss, _ = heads.pretraining(config, albert, x)
  return loss, optimization.create_optimizer(
    loss, 1e-5, 1000, 0, use_tpu=False, optimizer="adamw"
  )


def inference(config, x, compute_type=tf.float32):
  """Builds the encoder for inference; returns the operations to run."""
  albert = modeling.AlbertModel(
    config,
    False,
    x["input_ids"],
    x["input_mask"],
    x["segment_ids"],
    compute_type=compute_type,
    fuse=not devices.TF_1,
  )
  return albert.get_sequence_output().op, albert.get_pooled_output().op


def runner(make, config, shape, bf16=False):
  """Returns a function that runs on a batch what `make` builds."""
  session_config = tf.ConfigProto()
  if bf16:
    rewrite = session_config.graph_options.rewrite_options
    rewrite.auto_mixed_precision_onednn_bfloat16 = rewrite.ON
  with tf.Graph().as_default():
    values = batch(config, shape)
    x = {n: tf.placeholder(v.dtype, v.shape) for n, v in values.items()}
    fetches = make(config, x)
    session = tf.Session(config=session_config)
    session.run(tf.global_variables_initializer())
  feeds = {x[n]: values[n] for n in x}
  return lambda: session.run(fetches, feeds)


def product():
  """Returns a function that runs the reference product."""
  rows, inner, columns = PRODUCT
  with tf.Graph().as_default():
    a = tf.Variable(tf.random_normal([rows, inner]))
    b = tf.Variable(tf.random_normal([inner, columns]))
    fetch = tf.matmul(a, b).op
    session = tf.Session()
    session.run(tf.global_variables_initializer())
  return lambda: session.run(fetch)


def seconds(function, times=1):
  begin = time.perf_counter()
  for _ in range(times):
    function()
  return (time.perf_counter() - begin) / times


class TorchStep:
  """Runs PyTorch's step in another process, under another Python."""

  def __init__(self, python, config_file, shape, precision, words):
    """Starts the process and waits until it is ready."""
    self._process = subprocess.Popen(
      [python, TORCH_STEP, config_file, json.dumps(shape), precision, words],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      universal_newlines=True,
    )
    self._answer()

  def __call__(self):
    self._process.stdin.write("\n")
    self._process.stdin.flush()
    self._answer()

  def _answer(self):
    if not self._process.stdout.readline():
      raise RuntimeError("%s stopped; see above" % TORCH_STEP)

  def close(self):
    self._process.communicate()


def speed(args, config, shape):
  """Measures all cases at one length and prints the figures."""
  bf16 = tf.__version__[0] != "1"  # The rewrite for CPUs came with 2.
  encoder, head = operations(config, shape)
  step = 3 * (encoder + head)
  cases = collections.OrderedDict()
  cases["training"] = (runner(training, config, shape), step)
  cases["inference"] = (runner(inference, config, shape), encoder)
  if bf16:
    cases["training, bf16"] = (runner(training, config, shape, True), step)
    narrow = functools.partial(inference, compute_type=tf.bfloat16)
    cases["inference, bf16"] = (runner(narrow, config, shape, True), encoder)
  if args.torch_python:
    for precision in ("fp32", "bf16")[: 1 + bf16]:
      for words in ("all", "masked"):
        name = "training, torch, " + words
        name += ", bf16" if precision == "bf16" else ""
        worker = TorchStep(
          args.torch_python, args.albert_config_file, shape, precision, words
        )
        cases[name] = (worker, step)
  else:
    print("not compared with PyTorch: no --torch_python")
  times, shares = measure(cases, args)
  for function, _ in cases.values():
    if isinstance(function, TorchStep):
      function.close()
  report(shape, times, shares)


def measure(cases, args):
  """Warms up, then times the cases in turn, each between reference products.

  Returns:
    ({case: [seconds]}, {case: [share of the machine's rate]}).
  """
  reference = product()
  each = 2 * np.prod([float(n) for n in PRODUCT])
  times, shares = {n: [] for n in cases}, {n: [] for n in cases}
  for function, _ in cases.values():
    function()
  end = time.monotonic() + 60 * args.patience
  for turn in range(args.runs):
    for name, (function, amount) in cases.items():
      print("turn %d: %s" % (turn, name), file=sys.stderr)
      own, base = undisturbed(function, reference, args.most_stolen, end)
      times[name].append(own)
      shares[name].append(amount / own / (each / base))
  return times, shares


def undisturbed(function, reference, most_stolen, end):
  """Returns (seconds of the function, seconds of the reference product)."""
  while True:
    steal = Steal()
    before = seconds(reference, 10)
    own = seconds(function)
    base = (before + seconds(reference, 10)) / 2
    stolen = steal.share()
    if stolen <= most_stolen:
      return own, base
    print("%.0f %% stolen: measuring again" % (100 * stolen), file=sys.stderr)
    if time.monotonic() > end:
      sys.exit("the machine is too busy: raise --patience or --most_stolen")


class Steal:
  """Measures the processor time that the hypervisor gave to others."""

  def __init__(self):
    self._begin = self._read()

  def share(self):
    """Returns the stolen share of busy time so far; 0 if it is unknown."""
    stolen, busy = [b - a for a, b in zip(self._begin, self._read())]
    return stolen / max(1, busy)

  def _read(self):
    try:
      with open("/proc/stat") as f:
        user, nice, system, _, _, irq, softirq, steal = map(
          int, f.readline().split()[1:9]
        )
    except OSError:
      return 0, 0
    return steal, user + nice + system + irq + softirq + steal


def report(shape, times, shares):
  print("length %d, batches of %d" % (shape.length, shape.batch))
  for name in times:
    print(
      "  %-29s %s s, %s of the machine's rate"
      % (name, spread(times[name]), spread(shares[name]))
    )
  for name in times:
    kind = name.split(",")[0]
    if name == kind:
      continue
    # PyTorch in bf16 is compared with TensorFlow in bf16.
    other = kind + ", bf16" if "torch" in name and "bf16" in name else kind
    ratios = [a / b for a, b in zip(times[other], times[name])]
    print("  %-29s %s times as fast as %s" % (name, spread(ratios), other))


def spread(values):
  return "%.3f (%.3f to %.3f)" % (
    statistics.median(values),
    min(values),
    max(values),
  )


def memory_of(config_file, shape, recompute):
  """Takes two steps; returns (peak MiB, seconds and loss of the second)."""
  if devices.TF_1:
    devices.keep_freed_memory()
  config = modeling.AlbertConfig.from_json_file(config_file)

  def make(config, x):
    tf.set_random_seed(1)
    return training(config, x, recompute)

  step = runner(make, config, shape)
  step()
  begin = time.perf_counter()
  loss, _ = step()
  own = time.perf_counter() - begin
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
  return peak, own, float(loss)


def our_peak(config_file, shape, recompute, minutes):
  """Returns what `memory_of` returns, from a process of its own."""
  with multiprocessing.get_context("spawn").Pool(1) as pool:
    waiting = pool.apply_async(memory_of, (config_file, shape, recompute))
    return waiting.get(60 * minutes)


def torch_peak(python, config_file, shape, recompute, minutes):
  """Returns what `memory_of` returns, of PyTorch's step."""
  words = "masked,checkpoint" if recompute else "masked"
  case = [config_file, json.dumps(shape), "fp32", words, "memory"]
  printed = subprocess.check_output(
    [python, TORCH_STEP] + case, timeout=60 * minutes
  )
  return json.loads(printed)


def memory(args):
  """Prints the peak memory of each case, measured in its own process."""
  sides = [("ours", our_peak)]
  if args.torch_python:
    torch = functools.partial(torch_peak, args.torch_python)
    sides.append(("transformers", torch))
  cases = args.memory or ["base:8x512", "xlarge:2x512"]
  for case, (side, peak_of), recompute in itertools.product(
    cases, sides, (False, True)
  ):
    name, size = case.split(":")
    batch_size, length = map(int, size.split("x"))
    shape = Shape(batch_size, length, PREDICTIONS[length])
    config_file = {"base": BASE, "xlarge": XLARGE}[name]
    try:
      found = "peak %6.0f MiB, step %6.2f s, loss %.5f" % tuple(
        peak_of(config_file, shape, recompute, args.memory_minutes)
      )
    except (multiprocessing.TimeoutError, subprocess.TimeoutExpired):
      found = "not done in %g minutes" % args.memory_minutes
    except subprocess.CalledProcessError as e:
      found = "stopped with %d: not enough memory?" % e.returncode
    kept = "recomputed" if recompute else "kept"
    print("%-13s %-12s %-10s: %s" % (case, side, kept, found), flush=True)


def main():
  args = parse_arguments()
  print("TensorFlow %s, Python %s" % (tf.__version__, sys.version.split()[0]))
  if args.memory is not None:
    memory(args)
    return
  if devices.TF_1:
    devices.keep_freed_memory()
  config = modeling.AlbertConfig.from_json_file(args.albert_config_file)
  for length, predictions in PREDICTIONS.items():
    speed(args, config, Shape(args.tokens // length, length, predictions))


if __name__ == "__main__":
  main()
