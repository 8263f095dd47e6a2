# SPDX-License-Identifier: Apache-2.0
"""BC4CHEMD: chemicals in 10,000 PubMed abstracts (BioCreative IV, CHEMDNER)."""

from common.errors import InputError
from common.errors import shorten
from converters.shared import corpus
from converters.shared import rows
from converters.shared import tagging
from converters.shared import writers
from formats import annotated

_PARTS = {"train": "training", "dev": "development", "test": "evaluation"}
_TYPES = dict.fromkeys(
  "ABBREVIATION FAMILY FORMULA IDENTIFIER MULTIPLE SYSTEMATIC TRIVIAL".split()
  + ["NO CLASS"],
  "Chemical",
)
PUBLISHED = corpus.Published(
  counts={
    "bc4chemd": {
      "documents": {"train": 3500, "dev": 3500, "test": 3000},
      "mentions": {"train": 29478, "dev": 29526, "test": 25351},
    }
  },
  certain=("documents",),
  because={"mentions": "we keep one of overlapping mentions"},
  source="Krallinger et al. 2015",
)
write = writers.conll


def convert(source, options, report):
  """Returns the tagged sentences of each split."""
  del options
  divided = {
    split: _read(source, part, report) for split, part in _PARTS.items()
  }
  return tagging.tag_all(divided, report, _TYPES)


def _read(source, part, report):
  """Returns the abstracts of a part with their mentions."""
  data, path = source.read("%s abstracts" % part, part + ".abstracts.txt")
  abstracts = rows.abstracts(data, path, report)
  data, path = source.read("%s annotations" % part, part + ".annotations.txt")
  expected = "PMID, T or A, start, end, text, type"
  for place, cells in rows.parse(data, path, (6,), expected):
    rows.check_known(cells[0], abstracts, place)
    _add_mention(abstracts[cells[0]], cells, place, report)
  return list(abstracts.values())


def _add_mention(document, cells, place, report):
  _, part, start, end, said, kind = cells
  if part not in ("T", "A") or kind.strip() not in _TYPES:
    raise InputError(
      "%s: found %s of type %s, expected T (title) or A (abstract), and one of "
      "%s" % (place, shorten(part), shorten(kind), ", ".join(_TYPES))
    )
  shift = len(document.title) + 1 if part == "A" else 0
  start, end = annotated.offsets((start, end), place)
  span = (shift + start, shift + end)
  report.add_mention(document, kind.strip(), [span], said, place)
