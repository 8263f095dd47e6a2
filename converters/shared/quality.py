# SPDX-License-Identifier: Apache-2.0
"""Finds what a data set should not have: repeated texts, contradictory labels,
and leaks, which are texts in two splits.

Texts are compared in lower case and with single blanks. A data set is {split:
list of examples}.
"""

import collections

from converters.shared import examples

Finding = collections.namedtuple("Finding", "kind count where")
_MAX_NAMED = 3


def findings(corpus):
  """Returns the Findings of a data set, including those of count 0."""
  texts = {split: _labels_of(rows) for split, rows in corpus.items()}
  found = [
    _finding("repeated in " + split, _repeated(rows))
    for split, rows in corpus.items()
  ]
  found.append(_finding("labelled differently", _contradictory(texts)))
  for early, late in (("train", "test"), ("dev", "test"), ("train", "dev")):
    if texts.get(early) and texts.get(late):
      shared = [text for text in texts[early] if text in texts[late]]
      found.append(_finding("in %s and %s" % (early, late), shared))
  return found


def without_leaks(corpus):
  """Returns (corpus without texts of test in train, number of those)."""
  tested = set(map(examples.text_of, corpus.get("test", ())))
  train = [e for e in corpus["train"] if examples.text_of(e) not in tested]
  return dict(corpus, train=train), len(corpus["train"]) - len(train)


def without_contradictions(corpus):
  """Returns (corpus without contradictory texts in train, number of those).

  Only the labels in train count: training must not know the other sets.
  """
  labels = _labels_of(corpus["train"])
  train = [e for e in corpus["train"] if len(labels[examples.text_of(e)]) == 1]
  return dict(corpus, train=train), len(corpus["train"]) - len(train)


def _labels_of(rows):
  """Returns {text: set of its labels} of a split."""
  labels = collections.defaultdict(set)
  for example in rows:
    labels[examples.text_of(example)].add(examples.label_of(example))
  return labels


def _repeated(rows):
  """Returns the text of each example that repeats an earlier one."""
  seen, repeated = set(), []
  for example in rows:
    key = examples.text_of(example), examples.label_of(example)
    if key in seen:
      repeated.append(key[0])
    seen.add(key)
  return repeated


def _contradictory(texts):
  """Returns the texts with different labels, within or across splits."""
  labels = collections.defaultdict(set)
  for split in texts.values():
    for text, found in split.items():
      labels[text] |= found
  return [text for text, found in labels.items() if len(found) > 1]


def _finding(kind, texts):
  return Finding(kind, len(texts), texts[:_MAX_NAMED])
