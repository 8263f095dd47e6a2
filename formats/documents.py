# SPDX-License-Identifier: Apache-2.0
"""Splits documents into sentences and words.

All spans are half-open and count characters of the document's text, which stays
as it is. Time is linear in the length of ordinary text.
"""

import bisect
import collections
import functools
import re
import unicodedata

from formats import splitting

# `title` is None or the beginning of the text.
Document = collections.namedtuple("Document", "id text title")

_PLAIN = re.compile("[ -~]+")  # Visible ASCII characters and blanks.
# These separate words, although Unicode does not class them as white space.
_ZERO_WIDTH_SPACES = "\u200b\ufeff"


def split_sentences(document):
  """Returns the (start, end) spans of a document's sentences, in order.

  Sentences do not overlap and neither begin nor end with white space. Together
  they cover every other character. None crosses the end of the title. For the
  rules see splitting.spans.
  """
  border = len(document.title or "")
  return splitting.spans(document.text[:border]) + [
    (border + start, border + end)
    for start, end in splitting.spans(document.text[border:])
  ]


def words_of(text, start, end, inner_punctuation=""):
  """Returns the (start, end) spans of the words in text[start:end], in order.

  A word is a run of letters and digits, or one other visible character; a
  character of `inner_punctuation` between two letters or digits does not end
  a run. Combining marks and soft hyphens belong to the character before them.
  BioBERT's corpora are split like this; for other corpora pass what
  conll.inner_punctuation returns.

  "IL-2 (0.5)" -> IL - 2 ( 0 . 5 ), with "-./" -> IL-2 ( 0.5 )
  """
  invisible = _find_invisible(text[start:end])
  pattern = _word_pattern(inner_punctuation, *invisible)
  return [match.span() for match in pattern.finditer(text, start, end)]


def split_words(text, sentences, inner_punctuation=""):
  """Returns the words of sentences as words_of does, but for all at once.

  Returns:
    (spans of the words, (first word, end) of each sentence).
  """
  spans, ends = [], []
  borders = zip(sentences, sentences[1:])
  if any(before[1] == after[0] for before, after in borders):
    for start, end in sentences:  # A word might go on in the next one.
      spans += words_of(text, start, end, inner_punctuation)
      ends.append(len(spans))
  elif sentences:  # With white space between them.
    begin, end = sentences[0][0], sentences[-1][1]
    spans = words_of(text, begin, end, inner_punctuation)
    ends = [bisect.bisect_left(spans, (end,)) for _, end in sentences]
  return spans, list(zip([0] + ends, ends))


def _find_invisible(text):
  """Returns (joined, blank) characters of a text, as sorted strings.

  The joined ones belong to the character before them: combining marks, soft
  hyphens, joiners. The blank ones are control characters and zero-width spaces.
  """
  joined, blank = [], []
  for character in sorted(set(_PLAIN.sub("", text))):
    category = unicodedata.category(character)
    if category == "Cc" or character in _ZERO_WIDTH_SPACES:
      blank.append(character)
    elif category[0] == "M" or category == "Cf":
      joined.append(character)
  return "".join(joined), "".join(blank)


@functools.lru_cache(maxsize=1000)
def _word_pattern(inner_punctuation, joined, blank):
  """Returns the compiled pattern of a word; see _find_invisible."""
  letter = r"[^\W_]"
  run, inner = letter + "+", []
  if inner_punctuation:
    inner.append("[%s](?=%s)" % (re.escape(inner_punctuation), letter))
  if joined:
    inner.append("[%s]" % re.escape(joined))
  if inner:
    run += "(?:(?:%s)%s*)*" % ("|".join(inner), letter)
  other = r"(?:_|[^\w\s%s])" % re.escape(joined + blank)
  if joined:
    other += "[%s]*" % re.escape(joined)
  return re.compile("%s|%s" % (run, other))
