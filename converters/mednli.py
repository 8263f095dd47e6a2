# SPDX-License-Identifier: Apache-2.0
"""MedNLI: pairs of clinical sentences, whether one follows from the other
(Romanov and Shivade 2018).
"""

import json

from errors import InputError
from errors import shorten
from preparation import corpus
from preparation import examples
from preparation import writers
from utf8 import check_whole
from utf8 import decode

_LABELS = ("contradiction", "entailment", "neutral")
INFO = corpus.Info(
  data_sets=("mednli",),
  title="Natural language inference in the clinical domain",
  task="inference",
  home="https://physionet.org/content/mednli/",
  licence="PhysioNet credentialed health data use agreement",
  download="mli_train_v1.jsonl, mli_dev_v1.jsonl and mli_test_v1.jsonl, or the "
  "archive with them",
  layouts=("blue",),
  published={"mednli": {"rows": {"train": 11232, "dev": 1395, "test": 1422}}},
  certain=("rows",),
  because={},
  source="Romanov and Shivade 2018",
)
_KEYS = ("sentence1", "sentence2", "gold_label")


def convert(source, options, report):
  """Returns a row for each pair."""
  del options, report
  return {
    split: _read(*source.read(split + " pairs", "mli_%s_v1.jsonl" % split))
    for split in examples.SPLITS
  }


def write(rows, options):
  """Returns the files with the columns of BLUE's converter."""
  del options
  return writers.tables(
    rows,
    ["index", "sentence1", "sentence2", "label"],
    lambda row: [row.id] + list(row.texts) + [row.label],
  )


def _read(data, path):
  rows = []
  for number, line in enumerate(decode(data, path).split("\n"), 1):
    if line.strip():
      rows.append(_row(line, "%s:%d" % (path, number)))
  return rows


def _row(line, place):
  try:
    values = json.loads(line)
  except ValueError as error:
    raise InputError(
      "%s: found no JSON (%s), expected an object a line" % (place, error)
    ) from None
  if not isinstance(values, dict):
    raise InputError(
      "%s: found %s, expected an object" % (place, shorten(line))
    )
  for key in _KEYS:
    if not isinstance(values.get(key), str) or not values[key].strip():
      raise InputError(
        "%s: found no text under %s, expected one" % (place, key)
      )
    check_whole(values[key], place)
  if values["gold_label"] not in _LABELS:
    raise InputError(
      "%s: found the label %s, expected one of %s"
      % (place, shorten(values["gold_label"]), ", ".join(_LABELS))
    )
  name = str(values.get("pairID") or place.rsplit(":", 1)[1])
  check_whole(name, place)
  texts = values["sentence1"].strip(), values["sentence2"].strip()
  return examples.Row(name, name, texts, values["gold_label"])
