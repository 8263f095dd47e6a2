# SPDX-License-Identifier: Apache-2.0
"""LINNAEUS: species in 100 full texts of PMC (Gerner et al. 2010)."""

from converters.shared import corpus
from converters.shared import rows
from converters.shared import splits
from converters.shared import tagging
from converters.shared import writers
from formats import annotated

PUBLISHED = corpus.Published(
  counts={"linnaeus": {"documents": {"train": 50, "dev": 17, "test": 33}}},
  certain=("documents",),
  source="the split of MTL-Bioinformatics-2016 and BioBERT",
)
write = writers.conll
_COLUMNS = "species id, document, start, end, text, code"


def convert(source, options, report):
  """Returns the tagged sentences of each split."""
  texts = {}
  for file in source.files("texts", "txt/*.txt"):
    texts[file.stem] = annotated.Document(
      file.stem, file.text(), None, [], [], file.path
    )
  _add_mentions(source, texts, report)
  divided = splits.published(
    "linnaeus", list(texts.values()), source, options, report
  )
  return tagging.tag_all(divided, report, {"Species": "Species"})


def _add_mentions(source, texts, report):
  data, path = source.read("tags", "tags.tsv")
  for place, cells in rows.parse(data, path, (5, 6), _COLUMNS):
    if cells[1] == "document":
      continue  # The header.
    rows.check_known(cells[1], texts, place)
    span = annotated.offsets(cells[2:4], place)
    report.add_mention(texts[cells[1]], "Species", [span], cells[4], place)
