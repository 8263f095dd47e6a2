# SPDX-License-Identifier: Apache-2.0
"""The examples that converters return.

A corpus is {"train": [...], "dev": [...], "test": [...]} of either type, or
{"1": {...}, ...} of such dicts where there are folds.
"""

import collections

# A sentence of labelled words: `starts` are their offsets in the document,
# `labels` are IOB2.
Tagged = collections.namedtuple("Tagged", "document words starts labels")
# One text or more and their label, a string.
Row = collections.namedtuple("Row", "id document texts label")

SPLITS = ("train", "dev", "test")


def text_of(example):
  """Returns the text by which to compare examples."""
  if isinstance(example, Tagged):
    return " ".join(example.words).casefold()
  return "\t".join(" ".join(text.split()) for text in example.texts).casefold()


def label_of(example):
  """Returns the label or labels as a string."""
  if isinstance(example, Tagged):
    return " ".join(example.labels)
  return example.label
