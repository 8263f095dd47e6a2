# SPDX-License-Identifier: Apache-2.0
"""Species-800: species in 800 PubMed abstracts (Pafilis et al. 2013)."""

from common.errors import InputError
from common.errors import shorten
from converters.shared import corpus
from converters.shared import rows
from converters.shared import splits
from converters.shared import tagging
from converters.shared import writers
from formats import annotated

PUBLISHED = corpus.Published(
  counts={"s800": {"documents": {"train": 560, "dev": 80, "test": 160}}},
  certain=("documents",),
  source="BioBERT's split",
)
write = writers.conll
_PMID_COLUMNS = "name, PMID, category, its number, journal"
_TAG_COLUMNS = "taxon, name:PMID, start, end, text"


def convert(source, options, report):
  """Returns the tagged sentences of each split."""
  tags = _read_tags(source, report)
  abstracts = _read(source, tags, report)
  _add_mentions(tags, abstracts, report)
  divided = splits.published(
    "s800", list(abstracts.values()), source, options, report
  )
  return tagging.tag_all(divided, report, {"Species": "Species"})


def _read_tags(source, report):
  data, path = source.read("tags", "S800.tsv")
  return rows.parse(data, path, (5,), _TAG_COLUMNS, skipping=report.skipping)


def _read(source, tags, report):
  """Returns {name of an abstract: its Document}; its id is the PMID."""
  pmids = _read_pmids(source, tags, report)
  abstracts = {}
  for file in source.files("abstracts", "abstracts/*.txt"):
    with report.skipping(
      "abstracts that cannot be read or lack a PMID (skipped)"
    ):
      if file.stem not in pmids:
        raise InputError(
          "%s: found no PMID for this abstract in pubmedid.tsv or S800.tsv, "
          "expected one, by which the splits name it; add pubmedid.tsv, or "
          "pass --allow_incomplete to leave it out" % file.path
        )
      abstracts[file.stem] = annotated.Document(
        pmids[file.stem], file.text(), None, [], [], file.path
      )
  return abstracts


def _read_pmids(source, tags, report):
  """Returns {name of an abstract: its PMID}.

  Without pubmedid.tsv, they come from the tags, which lack abstracts without a
  mention.
  """
  pmids = {}
  if not source.find("pubmedid.tsv"):
    report.note("No pubmedid.tsv: took the PMIDs from S800.tsv.")
    for _, cells in tags:
      name, _, pmid = cells[1].partition(":")
      pmids.setdefault(name, pmid.strip())
    return pmids
  data, path = source.read("PMIDs of the abstracts", "pubmedid.tsv")
  for place, cells in rows.parse(
    data, path, range(2, 6), _PMID_COLUMNS, skipping=report.skipping
  ):
    name, pmid = cells[0], cells[1].strip()
    if pmid.startswith("PMID:"):
      pmid = pmid[len("PMID:") :]
    with report.skipping(annotated.UNFIT_LINES):
      if not pmid.isdecimal():
        raise InputError(
          "%s: found %s, expected a PMID" % (place, shorten(pmid))
        )
      annotated.check_new(name, pmids, place)
      annotated.check_new(pmid, set(pmids.values()), place)
      pmids[name] = pmid
  return pmids


def _add_mentions(tags, documents, report):
  """Adds the mentions in S800.tsv, whose end offsets are inclusive."""
  for place, cells in tags:
    name = cells[1].partition(":")[0]
    with report.skipping(annotated.UNFIT_ANNOTATIONS):
      rows.check_known(name, documents, place)
      start, last = annotated.offsets(cells[2:4], place)
      annotated.add(
        documents[name], "Species", [(start, last + 1)], cells[4], place
      )
