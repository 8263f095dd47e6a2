# SPDX-License-Identifier: Apache-2.0
"""LINNAEUS: species in 100 full texts of PMC (Gerner et al. 2010)."""

from converters.shared import corpus
from converters.shared import rows
from converters.shared import splits
from converters.shared import tagging
from converters.shared import writers
from formats import annotated
from formats import splitting

PUBLISHED = corpus.Published(
  counts={
    "linnaeus": {
      "documents": {"train": 50, "dev": 17, "test": 33},
      "sentences": {"train": 11322, "dev": 3822, "test": 6705},
      "mentions": {"train": 2119, "dev": 708, "test": 1432},
    }
  },
  certain=("documents", "mentions"),
  source="the split of MTL-Bioinformatics-2016 and BioBERT; sentences and "
  "mentions: the releases 1.0 and 1.1, by the rules below",
)
write = writers.conll
_COLUMNS = "species id, document, start, end, text, code"


def convert(source, options, report):
  """Returns the tagged sentences of each split."""
  texts = {}
  for file in source.files("texts", "txt/*.txt"):
    with report.skipping(annotated.UNFIT_DOCUMENTS):
      texts[file.stem] = annotated.Document(
        file.stem, file.text(), None, [], [], file.path
      )
  _add_mentions(source, texts, report)
  divided = splits.published(
    "linnaeus", list(texts.values()), source, options, report
  )
  types = {"Species": "Species"}
  return tagging.tag_all(divided, report, types, sentences_of=_sentences)


def _sentences(document):
  """Returns the spans of sentences: line ends, as after a heading, end one."""
  found, start = [], 0
  for line in document.text.split("\n"):
    found += [(start + a, start + b) for a, b in splitting.spans(line)]
    start += len(line) + 1
  return found


def _add_mentions(source, texts, report):
  data, path = source.read("tags", "tags.tsv")
  for place, cells in rows.parse(
    data, path, (5, 6), _COLUMNS, skipping=report.skipping
  ):
    if cells[1] == "document":
      continue  # The header.
    with report.skipping(annotated.UNFIT_ANNOTATIONS):
      rows.check_known(cells[1], texts, place)
      span = annotated.offsets(cells[2:4], place)
      annotated.add(texts[cells[1]], "Species", [span], cells[4], place)
