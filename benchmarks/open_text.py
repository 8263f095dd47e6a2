# SPDX-License-Identifier: Apache-2.0
"""Makes pretraining text from open abstracts and articles.

python benchmarks/open_text.py --text $TEXT --output output/text

$TEXT contains pubmed_abstracts.tsv.gz (source, pmid, title, abstract; the
source is the part of a corpus that the abstract is from) and
pmc_oa_ccby_fulltext.txt.gz ("##### PMC..." before each article). Writes
train.txt and held-out.txt (one document in a hundred) as raw paragraphs with
blank lines between documents (--split_sentences=true).

Test data is excluded: every abstract that also occurs in a source ending in
/test or /devel, and every article with the title of such an abstract.
"""

import argparse
import gzip
import os
import random
import re

EVALUATED = re.compile(r"/(test|devel|development)$", re.IGNORECASE)
SHORTEST_TITLE = 30  # A shorter one may occur in an article by chance.
# A line that is not text: the name of a section.
SECTION = re.compile(r"[A-Z][A-Z .&/,\-\d]*:")


def parse_arguments():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--text", required=True)
  parser.add_argument("--output", required=True)
  return parser.parse_args()


def plain(text):
  """Normalizes a title for comparison: its words in lower case."""
  return re.sub(r"\W+", " ", text.lower()).strip()


def abstracts(path):
  """Returns ([[title, abstract]], titles of the test data)."""
  found, evaluated = [], set()
  with gzip.open(path, "rt", encoding="utf-8") as f:
    for line in f:
      source, _, *texts = line.rstrip("\n").split("\t")
      if EVALUATED.search(source):
        evaluated.add(plain(texts[0]))
      else:
        found.append([text for text in texts if text.strip()])
  return [a for a in found if a and plain(a[0]) not in evaluated], evaluated


def articles(path, evaluated):
  """Returns [[paragraph]] of the articles that are not test data."""
  found = []
  with gzip.open(path, "rt", encoding="utf-8") as f:
    for line in map(str.strip, f):
      if line.startswith("##### "):
        found.append([])
      elif line and not SECTION.fullmatch(line):
        found[-1].append(line)
  titles = [t for t in evaluated if len(t) > SHORTEST_TITLE]

  def is_evaluated(article):
    head = plain(" ".join(article[:2]))
    return any(title in head for title in titles)

  return [article for article in found if not is_evaluated(article)]


def main():
  args = parse_arguments()
  documents, evaluated = abstracts(
    os.path.join(args.text, "pubmed_abstracts.tsv.gz")
  )
  print("%d abstracts" % len(documents))
  full = articles(
    os.path.join(args.text, "pmc_oa_ccby_fulltext.txt.gz"), evaluated
  )
  print("%d articles" % len(full))
  documents += full
  random.Random(1).shuffle(documents)
  held_out = len(documents) // 100
  os.makedirs(args.output, exist_ok=True)
  for name, part in (
    ("held-out.txt", documents[:held_out]),
    ("train.txt", documents[held_out:]),
  ):
    with open(os.path.join(args.output, name), "w", encoding="utf-8") as f:
      f.writelines("\n".join(document) + "\n\n" for document in part)


if __name__ == "__main__":
  main()
