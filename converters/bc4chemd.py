# SPDX-License-Identifier: Apache-2.0
"""BC4CHEMD: chemicals in 10,000 PubMed abstracts (BioCreative IV, CHEMDNER)."""

from common.errors import InputError
from common.errors import shorten
from converters.shared import corpus
from converters.shared import rows
from converters.shared import tagging
from converters.shared import writers
from formats import annotated
from formats import bioc

_PARTS = {"train": "training", "dev": "development", "test": "evaluation"}
_TYPES = tuple(
  "ABBREVIATION FAMILY FORMULA IDENTIFIER MULTIPLE SYSTEMATIC TRIVIAL".split()
  + ["NO CLASS"]
)
# The edition of BioCreative VII, of the same abstracts.
_BIOC = "*chemdner*%s*.bioc.xml"
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
    split: report.part(split, _read, source, part, report, split)
    for split, part in _PARTS.items()
  }
  return tagging.tag_all(divided, report)


def _read(source, part, report, split):
  """Returns the abstracts of a part with their mentions."""
  name = part + ".abstracts.txt"
  found = source.files("%s abstracts" % part, name, _BIOC % part)
  if not source.find(name):
    return _from_bioc(found[0], report, split)
  data, path = source.read("%s abstracts" % part, name)
  abstracts = rows.abstracts(data, path, report, split)
  data, path = source.read("%s annotations" % part, part + ".annotations.txt")
  expected = "PMID, T or A, start, end, text, type"
  skipping = report.skipping_in(split)
  for place, cells in rows.parse(data, path, (6,), expected, skipping=skipping):
    with skipping(annotated.UNFIT_ANNOTATIONS):
      rows.check_known(cells[0], abstracts, place)
      _add_mention(abstracts[cells[0]], cells, place)
  return list(abstracts.values())


def _from_bioc(file, report, split):
  """Returns the abstracts of a part in BioC; all mentions are chemicals."""
  skipping = report.skipping_in(split)
  documents = bioc.parse(file.read(), file.path, _is_index_term, skipping)
  return report.without_repeats(documents, split)


def _is_index_term(infons):
  """Returns whether an annotation is MeSH's for the whole document."""
  return infons.get("type") == "MeSH_Indexing_Chemical"


def _add_mention(document, cells, place):
  _, part, start, end, said, kind = cells
  if part not in ("T", "A") or kind.strip() not in _TYPES:
    raise InputError(
      "%s: found %s of type %s, expected T (title) or A (abstract), and one of "
      "%s" % (place, shorten(part), shorten(kind), ", ".join(_TYPES))
    )
  shift = len(document.title) + 1 if part == "A" else 0
  start, end = annotated.offsets((start, end), place)
  span = (shift + start, shift + end)
  annotated.add(document, "Chemical", [span], said, place)
