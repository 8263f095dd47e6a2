# SPDX-License-Identifier: Apache-2.0
"""Formats examples as the files that run_*.py read."""

import re

# BioBERT calls the development set of its NER files devel.tsv.
NER_NAMES = {"train": "train.tsv", "dev": "devel.tsv", "test": "test.tsv"}
NAMES = {"train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv"}


def conll(corpus, options):
  """Returns {file name: text} with a word and its label per line.

  BLUE's layout also has the document, at the first word of a sentence ("-" at
  the others), and the offset of the word.
  """
  write = _blue_sentence if options.layout == "blue" else _sentence
  return {
    NER_NAMES[split]: "".join(map(write, rows))
    for split, rows in corpus.items()
  }


def table(header, rows):
  """Returns lines of tab-separated cells; white space in a cell is a blank."""
  lines = ([header] if header else []) + [
    [re.sub(r"\s+", " ", cell).strip() for cell in row] for row in rows
  ]
  return "".join("\t".join(line) + "\n" for line in lines)


def tables(corpus, header, cells):
  """Returns {file name: `table`}; `cells` turns a Row into strings."""
  return {
    NAMES[split]: table(header, map(cells, rows))
    for split, rows in corpus.items()
  }


def labelled_sentences(corpus, options):
  """Returns {file name: text} of sentences with a label.

  Columns: blue has a header, then id, sentence and label; blurb has no header;
  biobert has sentence and label, but in the test set the columns of blue.
  """
  header = ["index", "sentence", "label"]
  if options.layout == "blue":
    return tables(corpus, header, _id_text_label)
  if options.layout == "blurb":
    return tables(corpus, None, _id_text_label)
  files = tables(corpus, None, lambda row: [row.texts[0], row.label])
  numbered = [
    [str(i), row.texts[0], row.label] for i, row in enumerate(corpus["test"])
  ]
  files[NAMES["test"]] = table(header, numbered)
  return files


def labelled_folds(folds, options):
  """Returns {fold/file name: text}; see `labelled_sentences`."""
  return {
    "%s/%s" % (fold, name): text
    for fold, corpus in folds.items()
    for name, text in labelled_sentences(corpus, options).items()
  }


def _id_text_label(row):
  return [row.id, row.texts[0], row.label]


def _sentence(row):
  pairs = zip(row.words, row.labels)
  return "".join("%s\t%s\n" % pair for pair in pairs) + "\n"


def _blue_sentence(row):
  lines = []
  for i, cells in enumerate(zip(row.words, row.starts, row.labels)):
    word, start, label = cells
    name = row.document if i == 0 else "-"
    lines.append("%s\t%s\t%d\t%s\n" % (word, name, start, label))
  return "".join(lines) + "\n"
