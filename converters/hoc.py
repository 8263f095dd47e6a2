# SPDX-License-Identifier: Apache-2.0
"""HoC: ten hallmarks of cancer in 1,852 abstracts (Baker et al. 2016)."""

from common.errors import InputError
from common.text import decode
from converters.shared import corpus
from converters.shared import examples
from converters.shared import rows
from converters.shared import splits
from converters.shared import writers
from formats import annotated
from formats import label_sets

PUBLISHED = corpus.Published(
  counts={
    "hoc": {
      "documents": {"train": 1295, "dev": 186, "test": 371},
      "rows": {"train": 12119, "dev": 1798, "test": 3547},
    }
  },
  certain=("documents", "rows"),
  source="BLURB; both layouts have its split, as BLUE's (1,108, 157 and 315 "
  "documents) was not published as a list",
)


def convert(source, options, report):
  """Returns a row for each sentence; its label names its hallmarks."""
  abstracts = _read(source, report)
  divided = splits.published("hoc.blurb", abstracts, source, options, report)
  for split, groups in divided.items():
    found = [row for group in groups for row in group.members]
    for name in label_sets.HALLMARKS:
      number = sum(name in row.label.split(",") for row in found)
      report.count("sentences with " + name, split, number)
    divided[split] = found
  return divided


def write(divided, options):
  """Returns the files in BLURB's layout (aspects) or BLUE's (names)."""
  if options.layout == "blue":
    return writers.tables(
      divided,
      ["index", "sentence1", "labels"],
      lambda row: [row.id, row.texts[0], row.label],
    )
  return writers.tables(
    divided,
    ["labels", "sentence", "index"],
    lambda row: [_aspects(row.label), row.texts[0], row.id],
  )


def _aspects(label):
  """Returns 0_0,1_1,...: the number of each hallmark, and 1 if it is there."""
  names = label.split(",")
  return ",".join(
    "%d_%d" % (i, name in names) for i, name in enumerate(label_sets.HALLMARKS)
  )


def _read(source, report):
  """Returns a splits.Group of sentences per abstract."""
  labels = {
    file.stem: file
    for file in source.files("labels of abstracts", "labels/*.txt")
  }
  abstracts = []
  texts = source.files("texts of abstracts", "text/*.txt")
  for file in texts:
    name = file.stem
    with report.skipping(annotated.UNFIT_DOCUMENTS):
      if name not in labels:
        raise InputError(
          "%s: found no labels/%s.txt, expected one for each text"
          % (file.path, name)
        )
      abstracts.append(_abstract(name, file, labels.pop(name)))
  for name in sorted(labels.keys() - {file.stem for file in texts}):
    with report.skipping("labels without a text (skipped)"):
      raise InputError(
        "%s: found no text/%s.txt, expected one for each label file"
        % (labels[name].path, name)
      )
  return abstracts


def _abstract(name, text_file, label_file):
  text = decode(text_file.read(), text_file.path)
  sentences = text.rstrip("\n").split("\n")
  if not text.endswith("\n"):
    raise InputError(
      "%s:%d: found the end of the file within a line, expected a whole file"
      % (text_file.path, len(sentences))
    )
  for number, sentence in enumerate(sentences, 1):
    if not sentence.strip():
      raise InputError(
        "%s:%d: found a blank line, expected a sentence"
        % (text_file.path, number)
      )
  line = decode(label_file.read(), label_file.path).strip()
  cells = line.split("<")
  if cells[0].strip() or len(cells) - 1 != len(sentences):
    raise InputError(
      "%s:1: found %d cells, expected %d, each after a <, as many as %s has "
      "sentences"
      % (label_file.path, len(cells) - 1, len(sentences), text_file.path)
    )
  members = [
    examples.Row(
      "%s_s%d" % (name, i),
      name,
      (sentence,),
      _label(cell, "%s:1" % label_file.path),
    )
    for i, (sentence, cell) in enumerate(zip(sentences, cells[1:]))
  ]
  return splits.Group(name, members, text_file.path)


def _label(cell, place):
  """Returns the hallmarks of a cell in alphabetical order, with commas."""
  names = set()
  for label in cell.split(" AND"):
    name = label.split("--")[0].strip().lower()
    if name not in ("", "null"):
      rows.check_one_of(name, label_sets.HALLMARKS, "label", place)
      names.add(name)
  return ",".join(sorted(names))
