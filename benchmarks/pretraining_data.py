# SPDX-License-Identifier: Apache-2.0
"""Measures create_pretraining_data.py with one worker and with two.

python benchmarks/pretraining_data.py --text train.txt --spm_model_file M \
  [--raw pubmed.xml.gz]

--text has one sentence per line and blank lines between documents. The script
also measures SentencePiece alone, and reading and sentence splitting of --raw,
a file in any format of the program.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, REPO)

import sentencepiece

from pretraining import sources
import tokenization

MEGABYTE = 1e6
FLAGS = (
  "--max_seq_length=512 --max_predictions_per_seq=76 --dupe_factor=1 "
  "--num_shards=4"
).split()


def parse_arguments():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--text", required=True, help="at least 20 MB")
  parser.add_argument("--spm_model_file", required=True)
  parser.add_argument("--raw", help="PubMed, PMC or MIMIC file")
  parser.add_argument("--runs", type=int, default=3)
  return parser.parse_args()


def run_program(args, num_workers):
  """Returns the program's MB/s from its own report, which excludes start-up."""
  with tempfile.TemporaryDirectory() as folder:
    subprocess.run(
      [
        sys.executable,
        os.path.join(REPO, "create_pretraining_data.py"),
        "--input_file=" + args.text,
        "--output_file=%s/x" % folder,
        "--spm_model_file=" + args.spm_model_file,
        "--num_workers=%d" % num_workers,
      ]
      + FLAGS,
      check=True,
      stderr=subprocess.DEVNULL,
    )
    with open("%s/x.manifest.json" % folder, encoding="utf-8") as f:
      return json.load(f)["report"]["megabytes_per_second"]


def timed(function):
  """Returns (result, seconds) of a call."""
  begin = time.perf_counter()
  result = function()
  return result, time.perf_counter() - begin


def report(what, size, seconds):
  print("%-44s %6.2f MB/s" % (what, size / MEGABYTE / seconds))


def measure_sentencepiece(args):
  """Measures SentencePiece alone, on text that is already normalized."""
  with open(args.text, encoding="utf-8") as f:
    lines = [
      tokenization.preprocess_text(line, lower=True)
      for line in f.read().split("\n")
    ]
  model = sentencepiece.SentencePieceProcessor(model_file=args.spm_model_file)
  _, seconds = timed(lambda: [model.encode(line) for line in lines])
  size = sum(len(line.encode("utf-8")) for line in lines)
  report("SentencePiece alone", size, seconds)


def measure_raw(path):
  """Measures reading a file and splitting its paragraphs into sentences.

  The processor time of this process limits how many workers it can feed: all
  else is done by other processes.
  """
  format = sources.sniff(path)
  for parsers in (0, 2):
    begin = time.process_time()
    texts, seconds = timed(
      lambda n=parsers: list(sources.documents(path, format, num_workers=n))
    )
    own = time.process_time() - begin
    size = sum(len(p.encode("utf-8")) for t in texts for p in t.paragraphs)
    what = "reading %s, %d parsers, " % (format, parsers)
    report(what + "text", size, seconds)
    report(what + "text by own time", size, own)
    report(what + "stored", os.path.getsize(path), seconds)
  _, seconds = timed(lambda: [sources.sentences(t.paragraphs) for t in texts])
  report("splitting it into sentences", size, seconds)


def main():
  args = parse_arguments()
  print("Python", sys.version.split()[0])
  rates = {1: [], 2: []}
  for _ in range(args.runs):  # In turn, so that other load affects both alike.
    for num_workers, measured in rates.items():
      measured.append(run_program(args, num_workers))
  for num_workers, measured in rates.items():
    print(
      "create_pretraining_data.py, %d worker(s): %s MB/s"
      % (num_workers, ", ".join("%.2f" % rate for rate in measured))
    )
  most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
  print("peak memory of the largest process: %.0f MB" % most)
  measure_sentencepiece(args)
  if args.raw:
    measure_raw(args.raw)


if __name__ == "__main__":
  main()
