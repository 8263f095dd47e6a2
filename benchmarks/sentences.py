# SPDX-License-Identifier: Apache-2.0
r"""Measures sentence splitting, its quality and speed, and reading of files.

python benchmarks/sentences.py --text abstracts.tsv.gz --gold NER/*/*.tsv
python benchmarks/sentences.py --documents pubmed24n0001.xml.gz articles.tar.gz

The gold sentences are those of corpora in CoNLL format. Their abstracts are
matched to the raw text (its last column) by their characters. Other splitters
are compared if they are installed:

pip install syntok==1.4.4 pysbd==0.3.4 blingfire==0.1.8 numpy \
  sentence-splitter==1.4 nltk==3.8.1
"""

import argparse
import bisect
import collections
import gzip
import importlib
import os
import re
import sys
import time

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, REPO)

from formats import conll
from pretraining import sources

# "|" marks the end of a sentence.
CASES = (
  "As shown by Smith et al. in 1998, it fell.|We agree.",
  "Allen et al. (1992) said so.|Others did not.",
  "It was shown [Smith et al. 1998].|Then it fell.",
  "See Fig. 1 for details.|It is clear.",
  "It rose (Fig. 2A).|Then it fell.",
  "Rats got 5 mg/kg i.v. daily.|They recovered.",
  "They were given i.v. Dexamethasone and i.p. LPS.|No rat died.",
  "Drug was given i.p. 30 min before.|Rats slept.",
  "We grew E. coli at 37 degrees C.|Then S. aureus was added.",
  "Mutants of E. coli K12 and C. elegans were used.|All grew.",
  "The pH was 7.4.|It rose to 8.1 in 0.5 h.",
  "Values were P < .05 and p = 0. 03.",
  "IC50 was 3 x 10(-6) M.|Binding was weak.",
  "Ca2+ rose vs. controls.|No effect was seen.",
  "Dr. Smith and Prof. Jones agreed.|Mrs. Doe did not.",
  "Approx. 5 mg (ca. 3 ml) were used, i.e. all of it.|It was no. 5.",
  "Cells (e.g. HeLa) grew.|p53 was found.",
  "Was it so?|Yes!|We think so.",
  "Growth of Staph. aureus was seen.|It stopped.",
  "Type II (vol. 3, pp. 12-15) was used.|It is new.",
  "The U.S. Food and Drug Administration approved it.|It sells.",
  "They bind c-Jun.|We tested it.",
)


def parse_arguments():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--text", help="abstracts, one record per line, .gz")
  parser.add_argument("--gold", nargs="*", default=[], help="CoNLL files")
  parser.add_argument("--documents", nargs="*", default=[], help="raw files")
  parser.add_argument(
    "--sample", type=int, default=2000, help="abstracts per file"
  )
  return parser.parse_args()


def solid(text):
  """Returns the text without white space and with plain quotes."""
  return re.sub(r"\s+", "", text.replace("``", '"').replace("''", '"'))


def match_texts(sentences, texts):
  """Returns [(text, ends of its gold sentences in solid characters)]."""
  parts = [solid("".join(sentence.words)) for sentence in sentences]
  whole, ends = "".join(parts), [0]
  for part in parts:
    ends.append(ends[-1] + len(part))
  borders, pairs = set(ends), []
  for text in texts:
    begin = whole.find(solid(text))
    end = begin + len(solid(text))
    if begin in borders and end in borders and begin < end:
      inner = ends[bisect.bisect(ends, begin) : bisect.bisect_left(ends, end)]
      pairs.append((text, {place - begin for place in inner}))
  return pairs


def ends_of(sentences):
  """Returns the ends of all sentences but the last, in solid characters."""
  ends, position = set(), 0
  for sentence in sentences:
    position += len(solid(sentence))
    ends.add(position)
  return ends - {position}


def trained_punkt(texts):
  """Returns Punkt, which learns abbreviations from half of the abstracts."""
  punkt = importlib.import_module("nltk.tokenize.punkt")
  trainer = punkt.PunktTrainer()
  trainer.INCLUDE_ALL_COLLOCS = True
  trainer.train("\n".join(texts[::2]), finalize=True)
  return punkt.PunktSentenceTokenizer(trainer.get_params()).tokenize


def syntok(text):
  segmenter = importlib.import_module("syntok.segmenter")
  return [
    "".join(token.spacing + token.value for token in sentence)
    for paragraph in segmenter.analyze(text)
    for sentence in paragraph
  ]


def blingfire(text):
  return (
    importlib.import_module("blingfire").text_to_sentences(text).split("\n")
  )


def splitters(texts):
  """Returns {name: function from a text to its sentences}, if installed."""
  load = importlib.import_module
  makers = {
    "BioALBERT": lambda: lambda text: sources.sentences([text]),
    "segtok": lambda: load("segtok.segmenter").split_multi,
    "a regular expression": lambda: (
      re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9(\[])").split
    ),
    "punkt, trained here": lambda: trained_punkt(texts),
    "syntok": lambda: load("syntok.segmenter") and syntok,
    "pysbd": lambda: load("pysbd").Segmenter("en", clean=False).segment,
    "sentence-splitter": lambda: (
      load("sentence_splitter").SentenceSplitter("en").split
    ),
    "blingfire": lambda: load("blingfire") and blingfire,
  }
  found = {}
  for name, make in makers.items():
    try:
      found[name] = make()
    except ImportError as error:
      print("skipped %s: %s" % (name, error))
  return found


def score(split, pairs):
  """Returns (precision, recall, F1, MB/s) of the sentence ends in texts."""
  counts, seconds = collections.Counter(), 0.0
  for text, gold in pairs:
    begin = time.process_time()
    sentences = list(split(text))
    seconds += time.process_time() - begin
    ends = ends_of(sentences)
    counts["both"] += len(ends & gold)
    counts["found"] += len(ends)
    counts["gold"] += len(gold)
  precision = 100 * counts["both"] / max(1, counts["found"])
  recall = 100 * counts["both"] / max(1, counts["gold"])
  f1 = 200 * counts["both"] / max(1, counts["found"] + counts["gold"])
  size = sum(len(text.encode("utf-8")) for text, _ in pairs) / 1e6
  return precision, recall, f1, size / max(seconds, 1e-9)


def compare(args):
  with gzip.open(args.text, "rt", encoding="utf-8") as f:
    texts = [line.rstrip("\n").split("\t")[-1] for line in f]
  texts = sorted({text for text in texts if text})
  corpora = {}
  for path in args.gold:
    with open(path, "rb") as f:
      sentences = conll.parse(f.read(), path)
    pairs = match_texts(sentences, texts)[: args.sample]
    corpora["/".join(path.split("/")[-2:])] = pairs
  for name, split in splitters(texts).items():
    right = sum(
      [s.strip() for s in split(case.replace("|", " "))] == case.split("|")
      for case in CASES
    )
    print("%s: %d of %d cases" % (name, right, len(CASES)))
    for corpus, pairs in corpora.items():
      print(
        "  %-28s %4d texts, %5d ends"
        % (corpus, len(pairs), sum(len(gold) for _, gold in pairs)),
        "P %.2f R %.2f F1 %.2f, %.2f MB/s" % score(split, pairs),
      )


def read(path):
  """Prints how fast a file is read and split."""
  format, dropped = sources.sniff(path), collections.Counter()
  begin, seconds, documents, size = time.process_time(), 0.0, 0, 0
  for text in sources.documents(path, format, dropped=dropped):
    documents += 1
    size += sum(len(p.encode("utf-8")) for p in text.paragraphs)
    if format != "text":
      before = time.process_time()
      sources.sentences(text.paragraphs)
      seconds += time.process_time() - before
  reading = time.process_time() - begin - seconds
  print(
    "%s: %s, %d documents, %.1f MB stored, %.1f MB of text"
    % (path, format, documents, os.path.getsize(path) / 1e6, size / 1e6),
    "reading %.2f s (%.1f MB/s of the file, %.1f of text)"
    % (reading, os.path.getsize(path) / 1e6 / reading, size / 1e6 / reading),
    "splitting %.2f s (%.1f MB/s)" % (seconds, size / 1e6 / seconds)
    if seconds
    else "not split: one sentence per line",
    "skipped: %s" % dict(dropped),
    sep="\n  ",
  )


def main():
  args = parse_arguments()
  print("Python", sys.version.split()[0])
  if args.text:
    compare(args)
  for path in args.documents:
    read(path)


if __name__ == "__main__":
  main()
