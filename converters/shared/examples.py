# SPDX-License-Identifier: Apache-2.0
"""The examples that converters make, before they are written.

A corpus is {"train": [...], "dev": [...], "test": [...]} of one of these two,
or {"1": {...}, ...} of such, where there are folds.
"""

import collections

# A sentence of labelled words: `starts` are the words' offsets in the text of
# the document; the labels are IOB2.
Tagged = collections.namedtuple(
  "Tagged", ["document", "words", "starts", "labels"]
)
# Texts and their label, whatever it is: a string.
Row = collections.namedtuple("Row", ["id", "document", "texts", "label"])

SPLITS = ("train", "dev", "test")


def text_of(example):
  """Returns what two examples have in common if they ask the same."""
  if isinstance(example, Tagged):
    return " ".join(example.words).casefold()
  return "\t".join(" ".join(text.split()) for text in example.texts).casefold()


def label_of(example):
  """Returns what was labelled, as a string."""
  if isinstance(example, Tagged):
    return " ".join(example.labels)
  return example.label
