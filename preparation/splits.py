# SPDX-License-Identifier: Apache-2.0
"""The splits of the literature, lists of ids in converters/splits.

Where a list comes from is said in converters/splits/README.md.
"""

import collections
import os

from errors import InputError

FOLDER = os.path.join(
  os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
  "converters",
  "splits",
)

# What is not to be split: a document's sentences, say; `place` is file:line.
Group = collections.namedtuple("Group", ["id", "members", "place"])


def ids(name):
  """Returns the set of ids in a list, such as "hoc.blurb.dev"."""
  with open(os.path.join(FOLDER, name + ".txt"), encoding="utf-8") as f:
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


def check_all_found(documents, wanted, what, place, allow_incomplete):
  """Raises InputError if documents of a split are not there."""
  missing = sorted(wanted - {document.id for document in documents})
  if missing and not allow_incomplete:
    raise InputError(
      "%s: found %d of the %d %s, %s for one is missing; --allow_incomplete "
      "converts what there is"
      % (place, len(wanted) - len(missing), len(wanted), what, missing[0])
    )
