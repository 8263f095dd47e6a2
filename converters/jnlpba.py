# SPDX-License-Identifier: Apache-2.0
"""JNLPBA: genes and cells in 2,404 PubMed abstracts (Kim et al. 2004)."""

from converters.shared import corpus
from converters.shared import examples
from converters.shared import splits
from converters.shared import writers
from formats import conll

_GENES = ("protein", "DNA", "RNA")
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
  training = _read(source, "training", "Genia4ERtask2.iob2", report)
  divided = {
    "train": training[:-_LAST_ABSTRACTS],
    "dev": training[-_LAST_ABSTRACTS:],
    "test": _read(source, "test", "Genia4EReval2.iob2", report),
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
  data, path = source.read("%s set" % what, name)
  groups, seen = [], {}
  for document, sentences in conll.parse_documents(data, path):
    seen[document] = seen.get(document, 0) + 1
    number = seen[document]
    if number > 1:
      report.rule("abstracts with a repeated id (kept, as id-2)", what)
    name = document if number == 1 else "%s-%d" % (document, number)
    groups.append(splits.Group(name, sentences, path))
  return groups


def _tagged(group, options, report, split):
  rows = []
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
    rows.append(examples.Tagged(group.id, sentence.words, None, plain))
  return rows
