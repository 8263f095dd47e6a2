# SPDX-License-Identifier: Apache-2.0
"""BC5CDR: chemicals and diseases in 1,500 PubMed abstracts (BioCreative V)."""

from converters.shared import corpus
from converters.shared import tagging
from converters.shared import writers
from formats import bioc
from formats import pubtator

_TYPES = {"bc5cdr-disease": "Disease", "bc5cdr-chem": "Chemical"}
_PARTS = {"train": "Training", "dev": "Development", "test": "Test"}
_MENTIONS = {
  "bc5cdr-disease": {"train": 4182, "dev": 4244, "test": 4424},
  "bc5cdr-chem": {"train": 5203, "dev": 5347, "test": 5385},
}
PUBLISHED = corpus.Published(
  counts={
    name: {
      "documents": dict.fromkeys(_PARTS, 500),
      "sentences": {"train": 4560, "dev": 4581, "test": 4797},
      "mentions": mentions,
    }
    for name, mentions in _MENTIONS.items()
  },
  certain=("documents", "mentions"),
  because={
    "sentences": "BioBERT used another sentence splitter than segtok's rules, "
    "which we use throughout"
  },
  source="BLUE's README; sentences: BioBERT's files",
)
write = writers.conll


def convert(source, options, report):
  """Returns the tagged sentences of each split."""
  divided = {
    split: report.part(split, _read, source, part, report, split)
    for split, part in _PARTS.items()
  }
  kind = _TYPES[options.dataset]
  return tagging.tag_all(divided, report, {kind: kind})


def _read(source, part, report, split):
  """Returns the documents of a part; PubTator's file is preferred to BioC's."""
  name, skipping = "CDR_%sSet" % part, report.skipping_in(split)
  file = source.files(
    "%s set" % part.lower(), name + ".PubTator.txt", name + ".BioC.xml"
  )[-1]
  if file.name.endswith(".txt"):
    documents = pubtator.parse(file.read(), file.path, skipping)
  else:
    documents = bioc.parse(
      file.read(), file.path, bioc.is_part_of_composite, skipping
    )
  return report.without_repeats(documents, split)
