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


def convert(source, options, report):
  """Returns the tagged sentences of each split."""
  abstracts = _read(source)
  _add_mentions(source, abstracts, report)
  divided = splits.published(
    "s800", list(abstracts.values()), source, options, report
  )
  return tagging.tag_all(divided, report, {"Species": "Species"})


def _read(source):
  """Returns {name of an abstract: its Document}; its id is the PMID."""
  data, path = source.read("PMIDs of the abstracts", "pubmedid.tsv")
  pmids = _read_pmids(data, path)
  abstracts = {}
  for file in source.files("abstracts", "abstracts/*.txt"):
    if file.stem not in pmids:
      raise InputError(
        "%s: found no PMID for this abstract in %s, expected one"
        % (file.path, path)
      )
    abstracts[file.stem] = annotated.Document(
      pmids[file.stem], file.text(), None, [], [], file.path
    )
  return abstracts


def _read_pmids(data, path):
  """Returns {name of an abstract: its PMID}."""
  pmids = {}
  for place, cells in rows.parse(data, path, range(2, 6), _PMID_COLUMNS):
    name, pmid = cells[0], cells[1].strip()
    if pmid.startswith("PMID:"):
      pmid = pmid[len("PMID:") :]
    if not pmid.isdecimal():
      raise InputError("%s: found %s, expected a PMID" % (place, shorten(pmid)))
    annotated.check_new(name, pmids, place)
    annotated.check_new(pmid, set(pmids.values()), place)
    pmids[name] = pmid
  return pmids


def _add_mentions(source, documents, report):
  """Adds the mentions in S800.tsv, whose end offsets are inclusive."""
  data, path = source.read("tags", "S800.tsv")
  for place, cells in rows.parse(
    data, path, (5,), "taxon, text, start, end, text"
  ):
    name = cells[1].partition(":")[0]
    rows.check_known(name, documents, place)
    start, last = annotated.offsets(cells[2:4], place)
    report.add_mention(
      documents[name], "Species", [(start, last + 1)], cells[4], place
    )
