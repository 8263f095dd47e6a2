# SPDX-License-Identifier: Apache-2.0
"""Splits documents into sentences and words.

All spans are half-open and count characters of the document's text, which stays
as it is. Time is linear in the length of ordinary text.
"""

import collections
import sys
import unicodedata

import numpy as np

from common import word_arrays
from formats import splitting

# `title` is None or the beginning of the text.
Document = collections.namedtuple("Document", "id text title")

# These separate words, although Unicode does not class them as white space.
_ZERO_WIDTH_SPACES = "\u200b\ufeff"
# Kinds of characters. Marks join the character before them; other characters
# are visible.
_BLANK, _MARK, _LETTER, _OTHER = 1, 2, 3, 4
_KINDS = np.zeros(sys.maxunicode + 1, np.uint8)  # By code point; 0: not asked.


def split_sentences(document):
  """Returns the (start, end) spans of a document's sentences, in order.

  Sentences do not overlap and neither begin nor end with white space. Together
  they cover every other character. None crosses the end of the title. For the
  rules see splitting.spans.
  """
  border = len(document.title or "")
  if not border:
    return splitting.spans(document.text)
  return splitting.spans(document.text[:border]) + [
    (border + start, border + end)
    for start, end in splitting.spans(document.text[border:])
  ]


def split_words(texts, sentences, inner_punctuation=""):
  """Splits the sentences of texts into words, all at once.

  A word is a run of letters and digits, or one other visible character; a
  character of `inner_punctuation` between two letters or digits does not end
  a run. Combining marks and soft hyphens belong to the character before them.
  BioBERT's corpora are split like this; for other corpora pass what
  conll.inner_punctuation returns.

  "IL-2 (0.5)" -> IL - 2 ( 0 . 5 ), with "-./" -> IL-2 ( 0.5 )

  Args:
    texts: strings.
    sentences: the (start, end) spans of each text's sentences, in order.
    inner_punctuation: characters.

  Returns:
    (WordArray of all texts, their [start, end) as int32 [words, 2], number of
    words up to the end of each sentence of all texts).
  """
  parts = [
    text[start:end] for text, own in zip(texts, sentences) for start, end in own
  ]
  codes = np.frombuffer(
    "\n".join(parts).encode("utf-32-le", "surrogatepass"), np.uint32
  )
  is_inside, is_first = _find_words(codes, inner_punctuation)
  is_last = is_inside.copy()
  is_last[:-1] &= is_first[1:] | ~is_inside[1:]
  first, last = np.flatnonzero(is_first), np.flatnonzero(is_last)
  sizes = np.array(list(map(len, parts)), np.int64)
  begins = np.cumsum(sizes + 1) - (sizes + 1)
  ends = np.searchsorted(first, begins + sizes)
  origins = np.array([start for own in sentences for start, _ in own], np.int64)
  shifts = np.repeat(origins - begins, np.diff(ends, prepend=0))
  spans = np.empty([len(first), 2], np.int32)
  spans[:, 0], spans[:, 1] = first + shifts, last + shifts + 1
  words = word_arrays.WordArray(codes[is_inside], last - first + 1)
  return words, spans, ends


def _find_words(codes, inner_punctuation):
  """Returns which characters are inside of words, and which begin one."""
  kinds = _kinds_of(codes)
  bases = kinds  # The kind of the character that marks belong to.
  is_mark = kinds == _MARK
  if is_mark.any():
    places = np.where(is_mark, 0, np.arange(len(kinds)))
    bases = kinds[np.maximum.accumulate(places)]
  before = np.full_like(kinds, _BLANK)
  before[1:] = bases[:-1]
  is_letter = kinds == _LETTER
  goes_on = is_letter & (before == _LETTER)
  if inner_punctuation:
    is_between = (kinds == _OTHER) & (before == _LETTER)
    is_between[:-1] &= is_letter[1:]
    is_between[-1:] = False
    between = np.flatnonzero(is_between)
    inner = np.isin(codes[between], list(map(ord, inner_punctuation)))
    goes_on[between[inner]] = True
    goes_on[between[inner] + 1] = True
  # A mark on nothing is not visible.
  is_inside = np.where(is_mark, before, kinds) >= _LETTER
  goes_on |= is_mark
  return is_inside, is_inside & ~goes_on


def _kinds_of(codes):
  """Returns the kinds of characters by their code points."""
  kinds = _KINDS[codes]
  if not kinds.all():
    new = np.unique(codes[kinds == 0])
    _KINDS[new] = [_kind(chr(code)) for code in new.tolist()]
    kinds = _KINDS[codes]
  return kinds


def _kind(character):
  category = unicodedata.category(character)
  is_control = category == "Cc" or character in _ZERO_WIDTH_SPACES
  if character.isspace() or is_control:
    return _BLANK
  if category[0] == "M" or category == "Cf":
    return _MARK
  return _LETTER if character.isalnum() else _OTHER
