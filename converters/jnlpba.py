# SPDX-License-Identifier: Apache-2.0
"""JNLPBA: genes and cells in 2,404 PubMed abstracts (Kim et al. 2004)."""

from common.errors import InputError
from common.errors import shorten
from common.text import decode
from converters.shared import archives
from converters.shared import corpus
from converters.shared import examples
from converters.shared import rows
from converters.shared import splits
from converters.shared import writers
from formats import conll

_GENES = ("protein", "DNA", "RNA")
_TYPES = _GENES + ("cell_type", "cell_line")
# MTL-Bioinformatics-2016 and BLURB develop on the last abstracts of the
# training file.
_LAST_ABSTRACTS = 200
_DOCUMENTS = {"train": 1800, "dev": 200, "test": 404}
_SENTENCES = {"train": 16807, "dev": 1739, "test": 3856}
PUBLISHED = corpus.Published(
  counts={
    "jnlpba": {"documents": _DOCUMENTS, "sentences": _SENTENCES},
    "jnlpba/blurb": {
      "documents": _DOCUMENTS,
      "sentences": _SENTENCES,
      "mentions": {"train": 46750, "dev": 4551, "test": 8662},
    },
  },
  certain=("documents", "sentences", "mentions"),
  source="BLURB's card; the split of MTL-Bioinformatics-2016",
)
write = writers.conll


def convert(source, options, report):
  """Returns the tagged sentences of each split.

  BLURB's layout has all five types, BioBERT's only genes (proteins, DNA, RNA);
  both label them with a plain B. Words are those of the corpus.
  """
  training = report.part(
    "train", _read, source, "training", "Genia4ERtask2.iob2", report
  )
  divided = {
    "train": training[:-_LAST_ABSTRACTS],
    "dev": training[-_LAST_ABSTRACTS:],
    "test": report.part(
      "test", _read, source, "test", "Genia4EReval2.iob2", report
    ),
  }
  return {
    split: [
      row for group in groups for row in _tagged(group, options, report, split)
    ]
    for split, groups in divided.items()
  }


def _read(source, what, name, report):
  """Returns a splits.Group per abstract.

  Repeated ids get -2, as in MTL-Bioinformatics-2016.
  """
  _check_task(source, name)
  data, path = source.read("%s set" % what, name)
  skipping = report.skipping_in(what)
  data = rows.fitting(
    data, path, conll.parse_documents, b"\n\n", skipping, b"\n\n.\tO\n"
  )
  groups, seen = [], {}
  for document, sentences in conll.parse_documents(data, path):
    known = []
    for sentence in sentences:
      with skipping("sentences with an unknown type (skipped)"):
        _check_types(sentence, data, path)
        known.append(sentence)
    seen[document] = seen.get(document, 0) + 1
    number = seen[document]
    if number > 1:
      report.rule("abstracts with a repeated id (kept, as id-2)", what)
    name = document if number == 1 else "%s-%d" % (document, number)
    groups.append(splits.Group(name, known, path))
  return groups


def _check_task(source, name):
  """Raises archives.Missing if only the file of the shared task 1 is there."""
  first = name.replace("2.iob2", "1.iob2")
  if source.find(first) and not source.find(name):
    raise archives.Missing(
      "%s: found %s but not %s; the files of task 1 lack the borders of "
      "abstracts, at which the training set is divided; expected those of "
      "task 2, from the same archive" % (source.folder, first, name)
    )


def _check_types(sentence, data, path):
  """Raises InputError, with the line, for a label of another type."""
  for label in sentence.labels:
    if label != "O" and label[2:] not in _TYPES:
      lines = decode(data, path).replace("\r", "").split("\n")
      ends = [line.endswith(("\t" + label, " " + label)) for line in lines]
      raise InputError(
        "%s:%d: found the label %s, expected O, or B- or I- and one of %s"
        % (path, ends.index(True) + 1, shorten(label), ", ".join(_TYPES))
      )


def _tagged(group, options, report, split):
  tagged = []
  for sentence in group.members:
    labels = sentence.labels
    if options.layout == "biobert":
      kept = [x == "O" or x.split("-")[-1] in _GENES for x in labels]
      report.rule(
        "mentions of cell types and cell lines (skipped)",
        split,
        sum(not k and x[0] == "B" for k, x in zip(kept, labels)),
      )
      labels = [x if k else "O" for k, x in zip(kept, labels)]
    plain = [label[0] for label in labels]
    tagged.append(examples.Tagged(group.id, sentence.words, None, plain))
  return tagged
