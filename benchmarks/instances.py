# SPDX-License-Identifier: Apache-2.0
"""Measures how fast one process turns sentences into pretraining instances.

python benchmarks/instances.py --text fulltext.txt.gz abstracts.tsv.gz

Splits the text into documents and sentences before the clock starts. Skips
lines that begin with ##### and all columns of a table but the last.
"""

import argparse
import collections
import gzip
import os
import resource
import sys
import time

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, REPO)

import sentencepiece

from formats import documents
from pretraining import instances
from pretraining import tfrecords
import tokenization

SPM = os.path.join(REPO, "examples", "vocab", "pubmed-8k.model")
MEGABYTE = 1000000
CHUNK = 1 << 20


def parse_arguments():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--text", required=True, nargs="+", help="may be .gz")
  parser.add_argument("--split", help="file to keep the split sentences in")
  parser.add_argument("--spm_model_file", default=SPM)
  parser.add_argument("--megabytes", type=float, default=20)
  parser.add_argument("--dupe_factor", type=int, default=1)
  return parser.parse_args()


def records(path):
  """Yields the texts of a file: articles, or the last column of each line."""
  opened = gzip.open if path.endswith(".gz") else open
  article = []
  with opened(path, "rt", encoding="utf-8") as f:
    for line in f:
      if line.startswith("#####"):
        yield "\n".join(article)
        article = []
      elif "\t" in line:
        yield line.rstrip("\n").split("\t")[-1]
      else:
        article.append(line)
  yield "\n".join(article)


def sentences_of(text):
  document = documents.Document("", text, None)
  spans = documents.split_sentences(document)
  return [" ".join(text[begin:end].split()) for begin, end in spans]


def read(args):
  """Returns documents with about --megabytes of text, as lists of sentences."""
  if args.split and os.path.exists(args.split):
    with open(args.split, encoding="utf-8") as f:
      return [d.split("\n") for d in f.read().split("\n\n")]
  size, found = args.megabytes * MEGABYTE / len(args.text), []
  for path in args.text:
    left = size
    for text in filter(str.strip, records(path)):
      found.append(sentences_of(text))
      left -= size_of(found[-1:])
      if left <= 0:
        break
  if args.split:
    with open(args.split, "w", encoding="utf-8") as f:
      f.write("\n\n".join("\n".join(sentences) for sentences in found))
  return found


def size_of(some):
  return sum(len(s.encode("utf-8")) for sentences in some for s in sentences)


def chunks(some):
  """Yields lists of consecutive documents with about CHUNK characters."""
  some = iter(some)
  while True:
    chunk, size = [], 0
    for sentences in some:
      chunk.append(sentences)
      size += sum(map(len, sentences))
      if size >= CHUNK:
        break
    if not chunk:
      return
    yield chunk


class Clock(collections.Counter):
  """Adds up the processor time and wall time of measured calls."""

  def measure(self, name, function, *arguments):
    begin, wall = time.process_time(), time.time()
    result = function(*arguments)
    self[name] += time.process_time() - begin
    self[name + " (wall)"] += time.time() - wall
    return result


def main():
  args = parse_arguments()
  texts = list(chunks(read(args)))
  model = sentencepiece.SentencePieceProcessor(model_file=args.spm_model_file)
  tokenizer = tokenization.load(spm_model_file=args.spm_model_file)
  settings = instances.Settings(
    max_predictions_per_seq=76, dupe_factor=args.dupe_factor
  )
  maker = instances.InstanceMaker(tokenizer, settings)
  megabytes = sum(map(size_of, texts)) / MEGABYTE
  clock, counts, written = Clock(), collections.Counter(), 0
  encode_words = tokenizer.encode_words
  tokenizer.encode_words = lambda t: clock.measure("words", encode_words, t)
  for number, chunk in enumerate(texts):
    copies, found = clock.measure("reading", maker.chunk, chunk, (0, number))
    for copy in clock.measure("instances", list, copies):
      written += len(clock.measure("frames", framed, copy))
    counts.update(found)
    clean = [
      tokenization.preprocess_text(s, lower=True) for t in chunk for s in t
    ]
    clock.measure("SentencePiece alone", encode_alone, model, clean)
  report(megabytes, clock, counts, written)


def framed(examples):
  return b"".join(map(tfrecords.frame, examples))


def encode_alone(model, texts):
  return model.encode(texts, out_type=int, num_threads=1)


def report(megabytes, clock, counts, written):
  print(
    "%.1f MB of sentences, %d instances, %.1f MB of records"
    % (megabytes, counts["instances"], written / MEGABYTE)
  )
  whole = ["reading", "instances", "frames"]
  clock["all"] = sum(clock[name] for name in whole)
  clock["all (wall)"] = sum(clock[name + " (wall)"] for name in whole)
  for name in ["words"] + whole + ["all", "SentencePiece alone"]:
    print(
      "%-20s %6.2f MB/s %7.1f ms/MB (wall time: %6.2f MB/s)"
      % (
        name,
        megabytes / clock[name],
        1000 * clock[name] / megabytes,
        megabytes / clock[name + " (wall)"],
      )
    )
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
  print("peak memory %.0f MB, including the text" % peak)
  for name, count in sorted(counts.items()):
    print("%-32s %d" % (name, count))


if __name__ == "__main__":
  main()
