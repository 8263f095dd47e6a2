# SPDX-License-Identifier: Apache-2.0
"""Ten folds of a corpus without a published split."""

import collections
import hashlib

from common.errors import InputError
from common.errors import first_five
from common.errors import shorten
from converters.shared import examples
from formats import tables

NUMBER = 10


def ten_folds(rows, sentence_of, report):
  """Returns {"1": {"train", "dev", "test"}, ...}; the dev sets are empty.

  The fold of a row depends on its sentence only: a sentence is in a single test
  set, the order of the rows does not matter, and the folds have nearly the same
  size. `sentence_of` is {id of a row: its sentence without marks}.
  """
  _count(rows, report)
  report.note(
    "BioBERT's folds were not published as lists; these are ours, by sentence."
  )
  rows = sorted(rows, key=lambda row: (row.texts, row.label))
  ordered = sorted({sentence_of[row.id] for row in rows}, key=_digest)
  folds = {}
  for fold in range(NUMBER):
    tested = set(ordered[fold::NUMBER])
    folds[str(fold + 1)] = {
      "train": [r for r in rows if sentence_of[r.id] not in tested],
      "dev": [],
      "test": [r for r in rows if sentence_of[r.id] in tested],
    }
  return folds


def read_biobert(source, name, report):
  """Returns the folds in BioBERT's files, or None if there are none.

  These are <name>/1/train.tsv, <name>/1/test.tsv, ..., or 1/train.tsv, ...

  Raises:
    InputError: a fold has no training or test file, or other rows than the
      first.
  """
  folds = {}
  for fold in map(str, range(1, NUMBER + 1)):
    splits = {"train": [], "dev": [], "test": []}
    for split in ("train", "test"):
      pattern = "%s/%s.tsv" % (fold, split)
      found = source.find("%s/%s" % (name, pattern)) or source.find(pattern)
      if found:
        splits[split] = _rows(found[0], split, report)
    if splits["train"] or splits["test"]:
      folds[fold] = splits
  folds = _whole(folds, source, report)
  if not folds:
    return None
  report.note(
    "%d of BioBERT's folds, unchanged: %s." % (len(folds), ", ".join(folds))
  )
  first = next(iter(folds.values()))
  _count(first["train"] + first["test"], report)
  return folds


def _whole(folds, source, report):
  """Returns the folds that have both files and the same rows.

  Raises:
    InputError: a fold does not, without --allow_incomplete.
  """
  kept = {}
  for fold, splits in folds.items():
    with report.skipping("folds that lack a file or have other rows (skipped)"):
      for split in ("train", "test"):
        if not splits[split]:
          raise InputError(
            "%s: found fold %s without %s.tsv, expected train.tsv and test.tsv "
            "in each of the folds %s"
            % (source.folder, fold, split, first_five(list(folds)))
          )
      first = next(iter(kept), fold)
      _check_rows(fold, splits, first, kept.get(first, splits), source)
      kept[fold] = splits
  return kept


def _check_rows(fold, splits, first, others, source):
  """Raises InputError if a fold has other rows than the first."""
  content, whole = _content(splits), _content(others)
  if content != whole:
    odd = next(iter((whole - content) or (content - whole)))
    raise InputError(
      "%s: found other rows in %s/train.tsv and %s/test.tsv than in fold %s "
      "(for example %s), expected the same rows in each fold"
      % (source.folder, fold, fold, first, shorten("\t".join(odd), 60))
    )


def _content(splits):
  """Returns how often each sentence with its label is in a fold."""
  return collections.Counter(
    (row.texts[0], row.label) for row in splits["train"] + splits["test"]
  )


def _count(rows, report):
  report.count("records", "all", len(rows))
  report.count("positive", "all", sum(row.label == "1" for row in rows))


def _rows(file, split, report):
  """Returns the examples.Rows of a file."""
  records = tables.parse(
    file.read(),
    file.path,
    {"id": ("index",), "sentence": ("sentence",), "label": ("label",)},
    {2: ("sentence", "label"), 3: ("id", "sentence", "label")},
    optional=("id",),
  )
  rows = []
  for i, record in enumerate(records):
    with report.skipping("rows that do not fit (skipped)"):
      if record.values["label"] not in ("0", "1"):
        raise InputError(
          "%s: found the label %s, expected 0 or 1"
          % (record.place, record.values["label"])
        )
      name = "%s-%d" % (split, i)
      texts = (record.values["sentence"],)
      rows.append(examples.Row(name, name, texts, record.values["label"]))
  return rows


def _digest(sentence):
  return hashlib.sha256(sentence.encode("utf-8")).digest()
