# SPDX-License-Identifier: Apache-2.0
"""Measures an exported SavedModel beside ONNX Runtime, with the same weights.

python benchmarks/serving.py --torch_python .venv-torch/bin/python

scripts/export.py writes both: the SavedModel, which TensorFlow's own runtime
runs, and the folder for transformers, which torch.onnx.export turns into ONNX.
ONNX Runtime gets the graph that its own transformers.optimizer fuses, with all
of its optimizations. Both have --threads threads, and take turns at each shape
(batch x length, without padding). Figures are milliseconds per batch, medians
over the rounds (minimum to maximum); the ratio is the median of the ratios of
speeds within each round. The first turn warms up.

The models are those of peers.py. --torch_python has PyTorch, transformers,
onnx and onnxruntime.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import peers

INPUTS = ("input_ids", "input_mask", "segment_ids")
THEIR_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def parse_arguments():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--torch_python", default=sys.executable)
  parser.add_argument("--model", nargs="+", default=["small", "base"])
  parser.add_argument(
    "--shape", nargs="+", default=["1x16", "1x128", "8x512", "32x40"]
  )
  parser.add_argument("--threads", type=int, default=2)
  parser.add_argument("--seconds", type=float, default=1, help="of a turn")
  parser.add_argument("--rounds", type=int, default=5)
  parser.add_argument("--worker", help=argparse.SUPPRESS)
  return parser.parse_args()


def tensorflow_runner(case):
  """Returns a function that runs the SavedModel on arrays, in INPUTS' order."""
  import tensorflow.compat.v1 as tf

  config = tf.ConfigProto(
    intra_op_parallelism_threads=case["threads"],
    inter_op_parallelism_threads=case["threads"],
  )
  session = tf.Session(graph=tf.Graph(), config=config)
  with session.graph.as_default():
    loaded = tf.saved_model.loader.load(session, ["serve"], case["folder"])
  signature = loaded.signature_def["serving_default"]
  names = [signature.inputs[name].name for name in INPUTS]
  fetch = signature.outputs["logits"].name
  return lambda arrays: session.run(fetch, dict(zip(names, arrays)))


def write_onnx(folder):
  """Writes a folder's model in ONNX Runtime's fused form; returns its path."""
  from onnxruntime.transformers import optimizer
  import torch
  import transformers

  model = transformers.AutoModelForTokenClassification.from_pretrained(
    folder, attn_implementation="eager"
  ).eval()
  path = os.path.join(folder, "model.onnx")
  ids = torch.ones(2, 8, dtype=torch.int64)
  torch.onnx.export(
    model,
    (ids, ids, ids),
    path,
    input_names=list(THEIR_INPUTS),
    output_names=["logits"],
    dynamic_axes={n: {0: "batch", 1: "length"} for n in THEIR_INPUTS},
    dynamo=False,
  )
  config = model.config
  fused = optimizer.optimize_model(
    path, "bert", config.num_attention_heads, config.hidden_size
  )
  fused.save_model_to_file(path)
  return path


def onnx_runner(case):
  """Returns a function that runs the ONNX model on arrays."""
  import onnxruntime

  options = onnxruntime.SessionOptions()
  options.intra_op_num_threads = case["threads"]
  session = onnxruntime.InferenceSession(
    case["onnx"], options, providers=["CPUExecutionProvider"]
  )

  def run(arrays):
    feeds = {n: a.astype(np.int64) for n, a in zip(THEIR_INPUTS, arrays)}
    return session.run(["logits"], feeds)[0]

  return run


def work(case, answers):
  """Answers turns: each runs batches of random pieces for some seconds."""
  make = onnx_runner if "onnx" in case else tensorflow_runner
  run, size = make(case), case["shape"]
  ids = np.random.RandomState(1).randint(5, 8000, size)
  arrays = [ids, np.ones_like(ids), np.zeros_like(ids)]
  np.save(case["logits"], run(arrays))

  def turn():
    end, count = time.time() + case["seconds"], 0
    while time.time() < end:
      run(arrays)
      count += 1
    return count

  peers.answer_turns(turn, answers)


def prepare(args, model, folder):
  """Returns what the cases of both sides need of a model."""
  ours, theirs = peers.prepare(model, folder)
  served = os.path.join(folder, model + ".served")
  peers.run("scripts/export.py", "--bioalbert_dir=" + ours,
      "--format=saved_model", "--output_dir=" + served)  # fmt: skip
  onnx = subprocess.run(
    [args.torch_python, __file__, "--worker=" + json.dumps({"write": theirs})],
    check=True,
    stdout=subprocess.PIPE,
    text=True,
  ).stdout.split()[-1]
  return {"folder": os.path.join(served, "1")}, {"onnx": onnx}


def compare(args, model, sides, folder):
  """Measures both sides at all shapes and prints their rows."""
  for shape in args.shape:
    size = [int(n) for n in shape.split("x")]
    commands, logits = [], []
    for python, side in zip([sys.executable, args.torch_python], sides):
      logits.append(os.path.join(folder, "%d.npy" % len(logits)))
      case = dict(vars(args), shape=size, logits=logits[-1], **side)
      commands.append([python, __file__, "--worker=" + json.dumps(case)])
    found = peers.take_turns(commands, args.rounds)
    difference = np.abs(np.load(logits[0]) - np.load(logits[1])).max()
    assert difference < 1e-3, "the two sides differ by %g" % difference
    for name, rates in zip(("SavedModel", "ONNX Runtime"), found):
      times = peers.spread([1000 / rate for rate in rates], "%.1f")
      peers.show_row(model, shape, name, times, peers.ratio(rates, found[1]))


def main():
  args = parse_arguments()
  if args.worker:
    case, answers = json.loads(args.worker), peers.own_answers()
    if "write" in case:
      print(write_onnx(case["write"]), file=answers)
    else:
      work(case, answers)
    return
  peers.show_row("model", "batch x length", "side", "ms per batch", "ratio")
  peers.show_row(*["---"] * 5)
  for model in args.model:
    with tempfile.TemporaryDirectory() as folder:
      compare(args, model, prepare(args, model, folder), folder)


if __name__ == "__main__":
  main()
