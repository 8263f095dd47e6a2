# SPDX-License-Identifier: Apache-2.0
"""Annotated documents: texts with entity mentions and relations.

All spans are half-open and count characters of the document's text. A
discontinuous mention has one span per part, in order; most mentions have one.

The readers of annotated documents reject a file with an InputError where
something does not fit. Their argument `skipping`, a function from the name of a
rule to a context manager, may catch it; what is inside is then left out.
converters/shared/corpus.Report.skipping counts it.
"""

import bisect
import collections
import contextlib
import re

from common.errors import InputError
from common.errors import shorten

# `title` is None or the beginning of the text; `place` is "file:line", for
# error messages, here and below.
Document = collections.namedtuple(
  "Document", "id text title mentions relations place"
)
# `concepts` are ids of what it names, such as MeSH's D009270.
Mention = collections.namedtuple(
  "Mention", "id type spans text place concepts", defaults=((),)
)
# `first` and `second` are ids of mentions or, if `by_concept`, of concepts.
Relation = collections.namedtuple(
  "Relation", "id type first second place by_concept", defaults=(False,)
)

# Rules of `skipping`.
UNFIT_LINES = "lines that do not fit (skipped)"
UNFIT_ANNOTATIONS = "annotations that do not fit (skipped)"
UNFIT_DOCUMENTS = "documents that do not fit (skipped)"
_MAX_DIGITS = 18  # Python refuses to read numbers of thousands of digits.
# tmVar's ids of variants have columns of their own: p|SUB|G|12|V.
_VARIANT = re.compile(r"[cgmnpr]\|", re.IGNORECASE)


def mention(text, name, kind, spans, expected, place, concepts=()):
  """Returns a Mention after checking its spans against the document's text.

  Spans lose the white space at their ends; blank parts are dropped. `expected`
  is the text that the annotation gives, compared without white space, or None.

  Raises:
    InputError: a span is empty or outside the text, all spans are blank, or
      they hold other text than `expected`.
  """
  trimmed = []
  for start, end in sorted(spans):
    if not 0 <= start < end <= len(text):
      raise InputError(
        "%s: found the offsets %d to %d, expected offsets within the %d "
        "characters of the text" % (place, start, end, len(text))
      )
    part = text[start:end]
    left = len(part) - len(part.lstrip())
    if left < len(part):
      trimmed.append((start + left, start + left + len(part.strip())))
  found = " ".join(text[start:end] for start, end in trimmed)
  if not found or (
    expected is not None and _remove_space(found) != _remove_space(expected)
  ):
    raise InputError(
      "%s: found %s at the offsets %s, expected %s there as annotated"
      % (
        place,
        shorten(found),
        ", ".join("%d-%d" % span for span in sorted(spans)),
        shorten(expected or "text"),
      )
    )
  return Mention(name, kind, tuple(trimmed), found, place, concepts)


def split_concepts(*cells):
  """Returns the ids of concepts in cells, each whole and by its parts.

  "D001|D002" names three: D001, D002 and D001|D002.
  """
  found = []
  for cell in map(str.strip, cells):
    found.append(cell)
    for part in map(str.strip, re.split("[,;]", cell)):
      found.append(part)
      if not _VARIANT.match(part):
        found += map(str.strip, part.split("|"))
  return tuple(dict.fromkeys(c for c in found if c not in ("", "-", "-1")))


def add(document, kind, spans, expected, place):
  """Adds a mention to a document under the next id: T1, T2, ..."""
  name = "T%d" % (len(document.mentions) + 1)
  document.mentions.append(
    mention(document.text, name, kind, spans, expected, place)
  )


def offsets(cells, place):
  """Returns cells of whole numbers as a tuple; InputError for any other."""
  return tuple(whole_number(cell, "offset", place) for cell in cells)


def whole_number(text, what, place):
  """Returns a cell's whole number; InputError if it holds anything else."""
  if not text.strip().isdecimal() or len(text) > _MAX_DIGITS:
    raise InputError(
      "%s: found %s, expected the %s as a whole number"
      % (place, shorten(text), what)
    )
  return int(text.strip())  # str.strip() removes more kinds of space than int.


def check_new(name, known, place):
  """Raises InputError if an id is already known."""
  if name in known:
    raise InputError(
      "%s: found the id %s again, expected each id once"
      % (place, shorten(name))
    )


def without_repeats(documents, skipping=contextlib.nullcontext):
  """Returns the documents without exact copies, and the number of copies.

  Raises:
    InputError: two documents with the same id differ in text or annotations.
  """
  kept, copies = {}, 0
  for document in documents:
    other = kept.setdefault(document.id, document)
    with skipping(UNFIT_DOCUMENTS):
      if _content(other) != _content(document):
        raise InputError(
          "%s: found the id %s of %s with another text or other annotations, "
          "expected a different id for each document"
          % (document.place, shorten(document.id), other.place)
        )
      copies += other is not document
  return list(kept.values()), copies


def extent(mention):
  """Returns the (start, end) of a mention, including its gaps."""
  return mention.spans[0][0], max(end for _, end in mention.spans)


def joined_sentences(sentences, mentions):
  """Joins the sentences that a mention crosses the boundary of.

  Returns (spans of the joined sentences, number of mentions that cross one).
  """
  ends = [end for _, end in sentences]
  borders, crossing = set(), 0
  for start, end in map(extent, mentions):
    first = bisect.bisect_right(ends, start)
    last = bisect.bisect_left(ends, end)
    crossing += last > first
    borders.update(range(first, last))
  joined = []
  for i, (start, end) in enumerate(sentences):
    if i - 1 in borders:
      start = joined.pop()[0]
    joined.append((start, end))
  return joined, crossing


def _content(document):
  """Returns what two copies of a document share: everything but places."""
  return [document.text, document.title] + [
    part._replace(place=None) for part in document.mentions + document.relations
  ]


def _remove_space(text):
  return "".join(text.split())
