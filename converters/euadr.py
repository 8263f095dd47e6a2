# SPDX-License-Identifier: Apache-2.0
"""EU-ADR: relations of genes and diseases (van Mulligen et al. 2012)."""

from common.errors import InputError
from common.errors import shorten
from common.text import decode
from converters.shared import corpus
from converters.shared import examples
from converters.shared import folds
from converters.shared import marking
from converters.shared import rows
from converters.shared import writers
from formats import annotated

# Positive, negative and speculative associations count as related, false ones
# do not.
_LABELS = {"PA": "1", "NA": "1", "SA": "1", "FA": "0"}
_COLUMNS = (
  "association, PMID, number of the sentence, text, begin, end and type of "
  "both entities, sentence"
)
_NUMBER_OF_COLUMNS = 12
_HEADER = "ASSOCIATION_TYPE"
# (start of an entity's type, its mark): "Genes & Molecular Sequences" is a
# @GENE$.
_NAMES = (("SNP", "GENE"), ("Genes", "GENE"), ("Diseases", "DISEASE"))
PUBLISHED = corpus.Published(
  counts={"euadr": {"records": {"all": 355}, "positive": {"all": 262}}},
  certain=("records", "positive"),
  source="BioBERT's folds",
)
write = writers.labelled_folds


def convert(source, options, report):
  """Returns the rows of ten folds."""
  del options
  known = folds.read_biobert(source, "euadr", report)
  if known:
    return known
  data, path = source.read("relations", "EUADR_target_disease.csv")
  rows.check_end(data, path, report)
  found, sentences = [], {}
  for place, cells in rows.parse(
    data,
    path,
    (_NUMBER_OF_COLUMNS,),
    _COLUMNS,
    decode=_decode,
    skipping=report.skipping,
  ):
    cells = list(map(rows.unquoted, cells))
    with report.skipping(annotated.UNFIT_LINES):
      if cells[0] != _HEADER:
        _take(cells, place, found, sentences)
  return folds.ten_folds(found, sentences, report)


def _decode(data, path):
  """Decodes the file, which is in Latin-1 unless someone converted it."""
  try:
    return decode(data, path)
  except InputError:
    if b"\0" in data:  # UTF-16, or no text.
      raise
    return data.decode("latin-1")


def _take(cells, place, found, sentences):
  rows.check_one_of(cells[0], _LABELS, "association", place)
  text = cells[11]
  mentions = [_mention(text, cells[i : i + 4], place) for i in (3, 7)]
  marked = marking.mark(text, 0, len(text), *mentions, lambda m: m.type)
  name = "%s-%d" % (cells[1], len(found))
  found.append(examples.Row(name, cells[1], (marked,), _LABELS[cells[0]]))
  sentences[name] = text


def _mention(text, cells, place):
  said, start, end, kind = cells
  name = next((n for start, n in _NAMES if kind.startswith(start)), None)
  if name is None:
    raise InputError(
      "%s: found the type %s, expected a type of target or disease"
      % (place, shorten(kind))
    )
  span = annotated.offsets((start, end), place)
  return annotated.mention(text, name, name, [span], said, place)
