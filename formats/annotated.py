# SPDX-License-Identifier: Apache-2.0
"""Documents with what people have annotated in them.

All spans are half-open and count characters of the document's text. A mention
has a span for each of its parts, in order; most have one.
"""

import bisect
import collections

from common.errors import InputError
from common.errors import shorten

# `title` is None, or the beginning of the text; `place` is file:line, here and
# below.
Document = collections.namedtuple(
  "Document", ["id", "text", "title", "mentions", "relations", "place"]
)
Mention = collections.namedtuple(
  "Mention", ["id", "type", "spans", "text", "place"]
)
# `first` and `second` are ids of mentions or, in PubTator, of concepts.
Relation = collections.namedtuple(
  "Relation", ["id", "type", "first", "second", "place"]
)

_MAX_DIGITS = 18  # Python refuses to read numbers of thousands of digits.


class Mismatch(InputError):
  """The text of an annotation is not at its offsets."""


def mention(text, name, kind, spans, said, place):
  """Returns a Mention whose spans are what the annotation says they are.

  White space at the ends of a span is left out, and so is a span of nothing
  else where there are others.

  Args:
    text: of the document.
    name: id of the mention.
    kind: its type.
    spans: list of (start, end).
    said: its text according to the annotation, compared without white space;
      None where it does not say.
    place: file:line of the annotation.

  Raises:
    InputError: a span is outside of the text or empty; all together are blank.
    Mismatch: they hold other text.
  """
  trimmed = []
  for start, end in sorted(spans):
    if not 0 <= start < end <= len(text):
      raise InputError(
        "%s: found the offsets %d to %d, expected some within the %d "
        "characters of its text" % (place, start, end, len(text))
      )
    part = text[start:end]
    left = len(part) - len(part.lstrip())
    if left < len(part):
      trimmed.append((start + left, start + left + len(part.strip())))
  found = " ".join(text[start:end] for start, end in trimmed)
  if not found or (said is not None and _squeezed(found) != _squeezed(said)):
    raise (Mismatch if found else InputError)(
      "%s: found %s at the offsets %s, expected %s there as the annotation says"
      % (
        place,
        shorten(found),
        ", ".join("%d-%d" % span for span in sorted(spans)),
        shorten(said or "text"),
      )
    )
  return Mention(name, kind, tuple(trimmed), found, place)


def add(document, kind, spans, said, place, make=mention):
  """Adds a mention to a document that gives it no id: T1, T2, ... in order.

  Args:
    document: a Document.
    kind, spans, said, place: as in `mention`.
    make: what to call for `mention`.
  """
  name = "T%d" % (len(document.mentions) + 1)
  document.mentions.append(make(document.text, name, kind, spans, said, place))


def offsets(cells, place):
  """Returns the numbers that cells hold as a tuple, or raises InputError."""
  return tuple(whole_number(cell, "offset", place) for cell in cells)


def whole_number(text, what, place):
  """Returns the number that a cell holds, or raises InputError."""
  if not text.strip().isdecimal() or len(text) > _MAX_DIGITS:
    raise InputError(
      "%s: found %s, expected the %s as a whole number"
      % (place, shorten(text), what)
    )
  return int(text.strip())  # Which strips more than int itself does.


def check_new(name, known, place):
  """Raises InputError if an id has occurred before."""
  if name in known:
    raise InputError(
      "%s: found the id %s again, expected each once" % (place, shorten(name))
    )


def without_repeats(documents):
  """Returns documents without exact copies, and how many these were.

  Raises:
    InputError: two documents of one id differ in text or annotations.
  """
  kept = {}
  for document in documents:
    other = kept.setdefault(document.id, document)
    if _content(other) != _content(document):
      raise InputError(
        "%s: found another text or other annotations under the id %s than at "
        "%s, expected an id a document"
        % (document.place, shorten(document.id), other.place)
      )
  return list(kept.values()), len(documents) - len(kept)


def extent(mention):
  """Returns the (start, end) of a mention, its gaps included."""
  return mention.spans[0][0], max(end for _, end in mention.spans)


def joined_sentences(sentences, mentions):
  """Returns the spans of sentences, joined where a mention goes over an end.

  Args:
    sentences: [(start, end)] in order.
    mentions: of the document.

  Returns:
    The spans, and how many mentions go over an end.
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
  """What copies of a document have in common: all but places."""
  return [document.text, document.title] + [
    part[:-1] for part in document.mentions + document.relations
  ]


def _squeezed(text):
  return "".join(text.split())
