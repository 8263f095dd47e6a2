# SPDX-License-Identifier: Apache-2.0
"""The published splits: lists of ids in converters/splits.

converters/splits/README.md has their sources.
"""

import collections
import hashlib
import os

from common.errors import InputError

FOLDER = os.path.join(
  os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "splits"
)

# Examples that belong into the same split, as the sentences of a document do;
# `place` is file:line.
Group = collections.namedtuple("Group", "id members place")


def ids(name):
  """Returns the set of ids in a list, such as "hoc.blurb.dev"."""
  with open(_path(name), encoding="utf-8") as f:
    return frozenset(f.read().split())


def divide(documents, dev, test=frozenset()):
  """Returns {"train", "dev", "test"} of documents by the ids of dev and test.

  Without test ids the result has no key "test".
  """
  divided = {"train": [], "dev": []}
  if test:
    divided["test"] = []
  for document in documents:
    split = "dev" if document.id in dev else "train"
    divided["test" if document.id in test else split].append(document)
  return divided


def every_nth(documents, n):
  """Returns {"train", "dev"} of documents, every n-th of them in dev."""
  return divide(documents, {document.id for document in documents[n - 1 :: n]})


def draw(documents, shares, seed, place):
  """Returns {"train": ..., ...} of documents, drawn at random, in their order.

  A digest of seed and id decides, so the same seed draws the same documents on
  every Python.

  Args:
    documents: with ids.
    shares: {split: its share of the documents}, at least one document each; 0
      or None leaves the split out. The other documents are for training.
    seed: a whole number.
    place: where they are, for the message.

  Raises:
    InputError: nothing is left to train on.
  """
  ordered = sorted(
    range(len(documents)), key=lambda i: (_digest(seed, documents[i].id), i)
  )
  chosen, start = {}, 0
  for split, share in shares.items():
    if share:
      end = start + max(1, round(share * len(documents)))
      chosen[split] = set(ordered[start:end])
      start = end
  chosen["train"] = set(ordered[start:])
  if not chosen["train"]:
    raise InputError(
      "%s: found %d documents, expected some for training beside the shares %s"
      % (
        place,
        len(documents),
        ", ".join("%s of %s" % (x, split) for split, x in shares.items()),
      )
    )
  return {
    split: [d for i, d in enumerate(documents) if i in members]
    for split, members in chosen.items()
  }


def published(name, documents, source, options, report):
  """Returns {split: documents} according to published lists of ids.

  There is a list for the development set, and maybe for the test and training
  sets. Without a list for training, all other documents are for training; with
  one, documents in no list are skipped and the report names them.

  The name "hoc.blurb" stands for hoc.blurb.dev and hoc.blurb.test. A missing
  document of the lists is an InputError without --allow_incomplete.
  """
  lists = {
    split: ids("%s.%s" % (name, split))
    for split in ("train", "dev", "test")
    if os.path.exists(_path("%s.%s" % (name, split)))
  }
  wanted = frozenset().union(*lists.values())
  missing = sorted(wanted - {document.id for document in documents})
  if missing and not options.allow_incomplete:
    raise InputError(
      "%s: found %d of the %d documents in the published splits; %s is missing "
      "(and maybe others); pass --allow_incomplete to convert them anyway"
      % (source.folder, len(wanted) - len(missing), len(wanted), missing[0])
    )
  if "train" in lists:
    strange = sorted(d.id for d in documents if d.id not in wanted)
    documents = [d for d in documents if d.id in wanted]
    if strange:
      report.note("Skipped, as in no split: %s" % ", ".join(strange))
  return divide(documents, lists["dev"], lists.get("test", frozenset()))


def _digest(seed, name):
  text = "%d %s" % (seed, name)
  return hashlib.sha256(text.encode("utf-8")).digest()


def _path(name):
  return os.path.join(FOLDER, name + ".txt")
