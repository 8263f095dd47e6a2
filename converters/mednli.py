# SPDX-License-Identifier: Apache-2.0
"""MedNLI: inference in clinical notes (Romanov and Shivade 2018)."""

import functools

from converters.shared import corpus
from converters.shared import examples
from converters.shared import rows
from converters.shared import writers
from formats import annotated
from formats import tables

_LABELS = ("contradiction", "entailment", "neutral")
PUBLISHED = corpus.Published(
  counts={"mednli": {"rows": {"train": 11232, "dev": 1395, "test": 1422}}},
  certain=("rows",),
  source="Romanov and Shivade 2018",
)
_COLUMNS = {
  "id": ("pairid",),
  "sentence1": ("sentence1",),
  "sentence2": ("sentence2",),
  "label": ("gold_label",),
}


def convert(source, options, report):
  """Returns a row for each pair."""
  del options
  return {
    split: report.part(split, _read, source, split, report)
    for split in examples.SPLITS
  }


def write(divided, options):
  """Returns the files in BLUE's layout."""
  del options
  return writers.tables(
    divided,
    ["index", "sentence1", "sentence2", "label"],
    lambda row: [row.id] + list(row.texts) + [row.label],
  )


def _read(source, split, report):
  data, path = source.read(split + " pairs", "mli_%s_v1.jsonl" % split)
  found, skipping = [], report.skipping_in(split)
  parse = functools.partial(
    tables.parse, columns=_COLUMNS, layouts={}, optional=("id",)
  )
  data = rows.fitting(data, path, parse, b"\n", skipping)
  for record in parse(data, path):
    with skipping(annotated.UNFIT_LINES):
      found.append(_row(record))
  return found


def _row(record):
  values = record.values
  rows.check_one_of(values["label"], _LABELS, "label", record.place)
  name = values["id"] or str(record.line)
  texts = values["sentence1"].strip(), values["sentence2"].strip()
  return examples.Row(name, name, texts, values["label"])
