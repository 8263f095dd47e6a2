# SPDX-License-Identifier: Apache-2.0
r"""Measures labelling beside Hugging Face's token-classification pipeline.

  python benchmarks/peers.py --data abstracts.tsv.gz \
    --torch_python .venv-torch/bin/python

Both sides label the same documents with the same weights, in turn: run_ner.py
with --predict_file, and the pipeline on what scripts/export.py
--format=transformers makes of the model. The pipeline gets its best settings: a
sentence per text, split beforehand and sorted by length, each --batch_size
tried, and bf16 as its dtype. Figures are of the texts alone, without start-up:
medians over the rounds (minimum to maximum); the ratio is the median of the
ratios of documents/s within each round, to the best batch size. Useful tokens/s
favour us: as run_ner.py splits words first, a text has more pieces for it.

The models are ALBERT base with random weights and the bundled small one, each
trained for a few steps, so that it finds few entities. --torch_python has
PyTorch and transformers (requirements-export.txt).
"""

import argparse
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, REPO)
SMALL = os.path.join(REPO, "models", "bioalbert-small")
PRETRAINED = ["--bioalbert_dir=" + SMALL]
BASE = os.path.join(REPO, "configs", "albert_base_v2.json")
VOCABULARY = os.path.join(REPO, "examples", "vocab", "pubmed-8k.model")
TRAINING = os.path.join(REPO, "examples", "ncbi-disease")
# What run_ner.py logs at the end.
RATES = re.compile(r"(\d+) pieces? in .* (\d+) useful tokens/s")


def parse_arguments():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--data", help="documents of any kind to label")
  parser.add_argument("--torch_python", default=sys.executable)
  parser.add_argument("--model", nargs="+", default=["base", "small"])
  parser.add_argument("--precision", nargs="+", default=["fp32", "bf16"])
  parser.add_argument(
    "--documents", nargs="+", type=int, help="how many for each model"
  )
  parser.add_argument("--batch_size", nargs="+", type=int, default=[16, 64])
  parser.add_argument("--predict_batch_tokens", type=int, default=4096)
  parser.add_argument("--rounds", type=int, default=3)
  parser.add_argument("--worker", help=argparse.SUPPRESS)
  return parser.parse_args()


# -------------------------------------------------------------- transformers


def label_with_transformers(case):
  """Labels a file of sentences; returns its tokens and seconds."""
  import torch
  import transformers

  transformers.logging.set_verbosity_error()
  tagger = transformers.pipeline(
    "token-classification",
    model=case["model"],
    dtype={"fp32": torch.float32, "bf16": torch.bfloat16}[case["precision"]],
    aggregation_strategy="simple",
    batch_size=case["batch_size"],
  )
  with open(case["sentences"], encoding="utf-8") as f:
    sentences = f.read().splitlines()
  tokens = sum(map(len, tagger.tokenizer(sentences)["input_ids"]))
  tagger(sentences[: case["batch_size"]])  # Warms up.
  begin = time.time()
  with torch.inference_mode():
    tagger(sorted(sentences, key=len, reverse=True))
  return {"tokens": tokens, "seconds": time.time() - begin}


# ----------------------------------------------------------------- both sides


def write_base(folder):
  """Writes the config of base for the bundled vocabulary; returns its path."""
  with open(BASE, encoding="utf-8") as f:
    config = dict(json.load(f), vocab_size=8000)
  path = os.path.join(folder, "base.json")
  with open(path, "w", encoding="utf-8") as f:
    json.dump(config, f)
  return path


def random_base(config):
  """Returns the flags that start from random weights."""
  return ["--albert_config_file=" + config, "--spm_model_file=" + VOCABULARY]


def train(model, folder):
  """Trains a model for a few steps; returns its folder."""
  ours = os.path.join(folder, model)
  start = random_base(write_base(folder)) if model == "base" else PRETRAINED
  run("run_ner.py", "--do_train", "--train_step=20", "--learning_rate=1e-4",
      "--do_predict=false", "--data_dir=" + TRAINING, "--output_dir=" + ours,
      *start)  # fmt: skip
  return ours


def prepare(model, folder):
  """Trains a model and converts it; returns its folder and transformers'."""
  ours, theirs = train(model, folder), os.path.join(folder, model + ".hf")
  run("scripts/export.py", "--bioalbert_dir=" + ours, "--format=transformers",
      "--output_dir=" + theirs)  # fmt: skip
  return ours, theirs


def run(program, *arguments):
  """Runs one of our programs; returns its log."""
  command = [sys.executable, os.path.join(REPO, program), *arguments]
  return subprocess.run(
    command, check=True, stderr=subprocess.PIPE, text=True
  ).stderr


def write_texts(path, number, folder):
  """Writes documents for us and their sentences for transformers."""
  from common import files
  from formats import documents
  from formats import streams
  from formats import unlabelled

  found = unlabelled.read(streams.Source(path, files.open_file))
  texts = os.path.join(folder, "texts.jsonl")
  sentences = os.path.join(folder, "sentences.txt")
  with open(texts, "w") as f, open(sentences, "w", encoding="utf-8") as g:
    for item in itertools.islice(found, number):
      text = item.document.text
      f.write(json.dumps({"id": item.document.id, "text": text}) + "\n")
      for start, end in documents.split_sentences(item.document):
        g.write(" ".join(text[start:end].split()) + "\n")
  return texts, sentences


def our_rates(args, model, precision, texts, folder, documents):
  """Returns documents and useful tokens per second of run_ner.py."""
  log = run(
    "run_ner.py",
    "--bioalbert_dir=" + model,
    "--predict_file=" + texts,
    "--predict_batch_tokens=%d" % args.predict_batch_tokens,
    "--precision=" + precision,
    "--output_dir=" + os.path.join(folder, "labels"),
  )
  pieces, tokens = map(int, RATES.findall(log)[-1])
  return documents * tokens / pieces, tokens


def their_rates(args, case, documents):
  """Returns documents and useful tokens per second of transformers."""
  found = subprocess.run(
    [args.torch_python, __file__, "--worker=" + json.dumps(case)],
    check=True,
    stdout=subprocess.PIPE,
    text=True,
  )
  answer = json.loads(found.stdout.splitlines()[-1])
  return tuple(n / answer["seconds"] for n in (documents, answer["tokens"]))


def measure(args, models, precision, texts, sentences, folder):
  """Returns {side: (its documents/s, its useful tokens/s) in all rounds}.

  Sides are 0, ours, and batch sizes of theirs.
  """
  rates = {side: [] for side in [0] + args.batch_size}
  with open(texts) as f:
    documents = len(f.readlines())
  for _ in range(args.rounds):
    rates[0].append(
      our_rates(args, models[0], precision, texts, folder, documents)
    )
    for size in args.batch_size:
      case = {
        "model": models[1],
        "precision": precision,
        "batch_size": size,
        "sentences": sentences,
      }
      rates[size].append(their_rates(args, case, documents))
  return {side: list(zip(*found)) for side, found in rates.items()}


def answer_turns(work, answers):
  """Calls `work` for each line on stdin; writes its units and their seconds."""
  for _ in sys.stdin:
    begin = time.time()
    units = int(work())
    answer = {"units": units, "seconds": time.time() - begin}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def own_answers():
  """Returns a file for answers, apart from what is printed beside them."""
  answers = os.fdopen(os.dup(1), "w")
  os.dup2(2, 1)
  return answers


def _take_turn(process):
  """Returns units per second of a process's turn, None if it cannot."""
  try:
    process.stdin.write("go\n")
    process.stdin.flush()
  except BrokenPipeError:
    return None
  answer = json.loads(process.stdout.readline() or "null")
  return answer and answer["units"] / answer["seconds"]


def take_turns(commands, rounds):
  """Runs commands that answer turns; the first turn of each warms up.

  Returns:
    for each command its units per second in every round.
  """
  processes = [
    subprocess.Popen(
      command,
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=subprocess.DEVNULL,
      universal_newlines=True,
    )
    for command in commands
  ]
  try:
    for process in processes:
      _take_turn(process)
    found = [
      [_take_turn(process) for process in processes] for _ in range(rounds)
    ]
  finally:
    for process in processes:
      process.kill()
      process.wait()
  return list(zip(*found))


def ratio(rates, first):
  """Returns the median of the ratios within each round."""
  return "%.2f" % statistics.median(a / b for a, b in zip(rates, first))


def spread(rates, form="%d"):
  """Returns "median (minimum to maximum)"."""
  numbers = statistics.median(rates), min(rates), max(rates)
  return "%s (%s to %s)" % tuple(form % number for number in numbers)


def show_row(*cells):
  """Prints a row of a Markdown table."""
  print("| %s |" % " | ".join(cells), flush=True)


def show(model, precision, rates):
  """Prints the rows of a model and precision."""
  theirs = list(rates)[1:]
  best = max(theirs, key=lambda size: statistics.median(rates[size][0]))
  for side, name, cell in (
    (0, "run_ner.py", ratio(rates[0][0], rates[best][0])),
    (best, "pipeline, batches of %d" % best, "1"),
  ):
    documents, tokens = rates[side]
    cells = [spread(documents, "%.2f"), spread(tokens), cell]
    show_row(model, precision, name, *cells)


def main():
  args = parse_arguments()
  if args.worker:
    print(json.dumps(label_with_transformers(json.loads(args.worker))))
    return
  counts = args.documents or [100 if m == "base" else 2000 for m in args.model]
  columns = "documents/s", "useful tokens/s", "ratio"
  show_row("model", "precision", "side", *columns)
  show_row(*["---"] * 6)
  for model, count in zip(args.model, counts):
    with tempfile.TemporaryDirectory() as folder:
      models = prepare(model, folder)
      texts, sentences = write_texts(args.data, count, folder)
      for precision in args.precision:
        rates = measure(args, models, precision, texts, sentences, folder)
        show(model, precision, rates)


if __name__ == "__main__":
  main()
