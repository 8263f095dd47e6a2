# SPDX-License-Identifier: Apache-2.0
"""GAD: whether a sentence of PubMed states that a gene and a disease are
associated (Bravo et al. 2015).
"""

from common.errors import InputError
from converters.shared import corpus
from converters.shared import examples
from converters.shared import folds
from converters.shared import marking
from converters.shared import rows
from converters.shared import writers
from formats import annotated

# Positive and negative associations count as related, false ones do not. One
# row has P, which the corpus's README does not explain.
_LABELS = {"Y": "1", "N": "1", "P": "1", "F": "0"}
_COLUMNS = (
  "GAD_ID GAD_ASSOC GAD_GENE_SYMBOL GAD_GENE_NAME GAD_ENTREZ_ID "
  "NER_GENE_ENTITY NER_GENE_OFFSET GAD_DISEASE_NAME NER_DISEASE_ENTITY "
  "NER_DISEASE_OFFSET GAD_CONCLUSION"
).split()
# BLURB trains on the first rows of a training set and develops on the others.
_BLURB_TRAIN = 4261
# Gene names that a spreadsheet turned into dates.
_AS_DATE = {"09/15/14": "Sep15"}
PUBLISHED = corpus.Published(
  counts={
    "gad": {"records": {"all": 5330}, "positive": {"all": 2801}},
    "gad/blurb": {"rows": {"train": 4261, "dev": 535, "test": 534}},
  },
  certain=("records", "positive", "rows"),
  source="Bravo et al. 2015; BioBERT's folds have as many rows",
)


def convert(source, options, report):
  """Returns the rows of ten folds, or BLURB's split of them."""
  known = folds.read_biobert(source, "GAD", report)
  if options.layout == "blurb":
    return _blurb(known, source)
  if known:
    return known
  found, sentences = [], {}
  for name in ("GAD_Y_N.csv", "GAD_F.csv"):
    data, path = source.read("GAD records", name)
    rows.check_end(data, path, report)
    for place, cells in rows.parse(
      data,
      path,
      (len(_COLUMNS),),
      ", ".join(_COLUMNS),
      skipping=report.skipping,
    ):
      cells = list(map(rows.unquoted, cells))
      with report.skipping(annotated.UNFIT_LINES):
        if cells[1] != _COLUMNS[1]:  # The header.
          _take(cells, place, found, sentences)
  return folds.ten_folds(found, sentences, report)


def write(divided, options):
  """Returns the files of BioBERT's folds, or of BLURB's split."""
  if options.layout == "blurb":
    # BLURB's GAD has a header, as in BLUE's layout.
    return writers.labelled_sentences(divided, options._replace(layout="blue"))
  return writers.labelled_folds(divided, options)


def _blurb(known, source):
  """Returns BLURB's split, which is made from BioBERT's first fold."""
  if not known or "1" not in known:
    raise InputError(
      "%s: found no 1/train.tsv and 1/test.tsv, expected BioBERT's folds, from "
      "which BLURB's split is made" % source.folder
    )
  train = known["1"]["train"]
  return {
    "train": train[:_BLURB_TRAIN],
    "dev": train[_BLURB_TRAIN:],
    "test": known["1"]["test"],
  }


def _take(cells, place, found, sentences):
  record = dict(zip(_COLUMNS, cells))
  rows.check_one_of(record["GAD_ASSOC"], _LABELS, "association", place)
  text = record["GAD_CONCLUSION"]
  mentions = [
    _mention(
      text,
      record["NER_%s_ENTITY" % kind],
      record["NER_%s_OFFSET" % kind],
      kind,
      place,
    )
    for kind in ("GENE", "DISEASE")
  ]
  name = "%d" % len(found)
  marked = marking.mark(text, 0, len(text), *mentions, lambda m: m.type)
  found.append(
    examples.Row(name, name, (marked,), _LABELS[record["GAD_ASSOC"]])
  )
  sentences[name] = text


def _mention(text, said, offsets, kind, place):
  start, _, end = offsets.partition("#")
  span = annotated.offsets((start, end), place)
  said = _AS_DATE.get(said, said)
  return annotated.mention(text, kind, kind, [span], said, place)
