# SPDX-License-Identifier: Apache-2.0
"""NCBI-disease: diseases in 793 PubMed abstracts (Dogan et al. 2014)."""

from converters.shared import corpus
from converters.shared import tagging
from converters.shared import writers
from formats import pubtator

_PARTS = {"train": "train", "dev": "develop", "test": "test"}
_TYPES = dict.fromkeys(
  ("SpecificDisease", "DiseaseClass", "Modifier", "CompositeMention"), "Disease"
)
PUBLISHED = corpus.Published(
  counts={
    "ncbi-disease": {
      "documents": {"train": 592, "dev": 100, "test": 100},
      "sentences": {"train": 5424, "dev": 923, "test": 940},
      "mentions": {"train": 5134, "dev": 787, "test": 960},
    }
  },
  certain=("documents", "mentions"),
  because={
    "sentences": "BioBERT used another sentence splitter than segtok's rules, "
    "which we use throughout"
  },
  source="BLURB's card and BioBERT's files; the paper's 793 abstracts and "
  "6,892 mentions include a duplicate document",
)
write = writers.conll


def convert(source, options, report):
  """Returns the tagged sentences of each split."""
  del options
  divided = {
    split: report.part(split, _read, source, part, report, split)
    for split, part in _PARTS.items()
  }
  return tagging.tag_all(divided, report, _TYPES)


def _read(source, part, report, split):
  data, path = source.read(split + " set", "NCBI%sset_corpus.txt" % part)
  documents = pubtator.parse(data, path, report.skipping_in(split))
  return report.without_repeats(documents, split)
