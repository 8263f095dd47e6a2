# SPDX-License-Identifier: Apache-2.0
"""The splits of the literature, lists of ids in converters/splits.

Where a list comes from is said in converters/splits/README.md.
"""

import collections
import os

from common.errors import InputError

FOLDER = os.path.join(
  os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "splits"
)

# What is not to be split: a document's sentences, say; `place` is file:line.
Group = collections.namedtuple("Group", ["id", "members", "place"])


def ids(name):
  """Returns the set of ids in a list, such as "hoc.blurb.dev"."""
  with open(_path(name), encoding="utf-8") as f:
    return frozenset(f.read().split())


def divide(documents, dev, test=frozenset()):
  """Returns {"train", "dev", "test"} of documents with an `id`.

  Args:
    documents: list of them.
    dev: ids of the development set.
    test: ids of the test set; where there is none, it is no key.
  """
  divided = {"train": [], "dev": []}
  if test:
    divided["test"] = []
  for document in documents:
    split = "dev" if document.id in dev else "train"
    divided["test" if document.id in test else split].append(document)
  return divided


def published(name, documents, source, options, report):
  """Returns {split: documents} as the lists of a name have it.

  There is a list of the development set, may be one of the test set and one of
  the training set. Without the last the training set has what is in no other;
  with it what is in no list is left out, and the report told.

  Args:
    name: such as "hoc.blurb", for hoc.blurb.dev and hoc.blurb.test.
    documents: list of what has an `id`.
    source: archives.Source that they are from.
    options: corpus.Options.
    report: a corpus.Report.

  Raises:
    InputError: documents of the lists are not there, but for
      --allow_incomplete.
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
      "%s: found %d of the %d documents in the published splits, %s for one is "
      "missing; pass --allow_incomplete to convert them anyway"
      % (source.folder, len(wanted) - len(missing), len(wanted), missing[0])
    )
  if "train" in lists:
    strange = sorted(d.id for d in documents if d.id not in wanted)
    documents = [d for d in documents if d.id in wanted]
    if strange:
      report.note("Skipped, as in no split: %s" % ", ".join(strange))
  return divide(documents, lists["dev"], lists.get("test", frozenset()))


def _path(name):
  return os.path.join(FOLDER, name + ".txt")
