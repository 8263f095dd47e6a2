# SPDX-License-Identifier: Apache-2.0
"""What a data set should not have: repetitions, contradictions, and texts that
stand in the training set and in the test set.

Texts are compared in lower case and with white space as single blanks. A data
set is {split: list of examples}; see examples.
"""

import collections

from converters.shared import examples

Finding = collections.namedtuple("Finding", ["kind", "count", "where"])
_MAX_NAMED = 3


def findings(corpus):
  """Returns the Findings of a data set, those of count 0 too."""
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
  """Returns (corpus, examples left out): no text of test stands in train."""
  tested = set(map(examples.text_of, corpus.get("test", ())))
  train = [e for e in corpus["train"] if examples.text_of(e) not in tested]
  return dict(corpus, train=train), len(corpus["train"]) - len(train)


def without_contradictions(corpus):
  """Returns (corpus, examples left out): no text of train has two labels there.

  The other sets have no say, as nothing is known of them in training.
  """
  labels = _labels_of(corpus["train"])
  train = [e for e in corpus["train"] if len(labels[examples.text_of(e)]) == 1]
  return dict(corpus, train=train), len(corpus["train"]) - len(train)


def _labels_of(rows):
  """{text: set of its labels} of a split."""
  labels = collections.defaultdict(set)
  for example in rows:
    labels[examples.text_of(example)].add(examples.label_of(example))
  return labels


def _repeated(rows):
  """The texts that come again with the same label, once for each time."""
  seen, repeated = set(), []
  for example in rows:
    key = examples.text_of(example), examples.label_of(example)
    if key in seen:
      repeated.append(key[0])
    seen.add(key)
  return repeated


def _contradictory(texts):
  """The texts that have different labels, in one split or in several."""
  labels = collections.defaultdict(set)
  for split in texts.values():
    for text, found in split.items():
      labels[text] |= found
  return [text for text, found in labels.items() if len(found) > 1]


def _finding(kind, texts):
  return Finding(kind, len(texts), texts[:_MAX_NAMED])
