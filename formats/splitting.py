# SPDX-License-Identifier: Apache-2.0
"""Cuts text into sentences as segtok does, five times as fast.

All spans are half-open and count characters of the text as it stands.
"""

import re

from segtok import segmenter

# The end of a sentence is a terminal, a quote, brackets and white space, or a
# blank line: segtok's own pattern, with a fixed set of first characters, for
# speed.
_TERMINAL = re.compile(
  r"[%s\n](?:(?<!\n)['\u2019\"\u201D]?[\])]*\s+|(?<=\n)\n+)"
  % segmenter.SENTENCE_TERMINALS
)
_BRACKETS = re.compile(r"[()\[\]]")
_LAST_WORD = re.compile(r"\w+\Z")
_ABBREVIATIONS = frozenset(
  "abr al apr approx aug capt cf col dec dez dic dr ene fe feb fig figs gen eg "
  "ie iv jan jun jul j\xe4n mag mar may med mr mrs mt m\xe4r nat no nov nr oct "
  "okt pe phil prof rer sci sep sept sgt sr sra srta st univ vol vs".split()
)
_MAX_DOUBT = 10000  # characters; segtok's time grows with their square
_CITING = "([0123456789"  # what a citation's year or number begins with


def spans(text):
  """Returns the (start, end) of a text's sentences, without white space around.

  They are segtok's (made for biomedical text), but that none ends between
  "et al." and a year or number. segtok is asked only about those parts of a
  text where an end of a sentence is in doubt, one sentence in sixteen, which
  makes it five times as fast. Parts in doubt of more than 10,000 characters
  are no prose and are cut at a blank.
  """
  spans, start = [], 0
  for end, in_doubt in _parts(text):
    if in_doubt:
      spans.extend(_spans_in_doubt(text, start, end))
    else:
      part = text[start:end]
      stripped = part.strip()
      if stripped:
        start += part.index(stripped)
        spans.append((start, start + len(stripped)))
    start = end
  return spans


def _parts(text):
  """Yields (end, whether segtok is to be asked) of the parts of a text.

  A part ends where segtok ends a sentence whatever else stands around, so that
  what it says of the parts is what it says of the whole.
  """
  previous, in_doubt, opened = 0, False, [0, 0]
  for match in _TERMINAL.finditer(text):
    for bracket in _BRACKETS.findall(text, previous, match.end()):
      kind = bracket in "[]"
      opened[kind] = max(0, opened[kind] + (1 if bracket in "([" else -1))
    if any(opened) or not _is_certain(text, previous, match):
      in_doubt = True
    else:
      yield match.end(), in_doubt
      in_doubt = False
    previous = match.end()
  yield len(text), in_doubt


def _is_certain(text, previous, terminal):
  """Returns whether segtok ends a sentence here, no bracket being open.

  It does before a capital, a digit or a bracket, unless a full stop comes after
  an abbreviation, a single letter, a date's day or a number alone.
  """
  start, end = terminal.span()
  following = text[end : end + 1]
  if not ("A" <= following <= "Z" or "0" <= following <= "9"):
    if not following or following not in '(["':
      return False
  if start - previous < 2 or text[start - 1].isspace():
    return False
  word = _LAST_WORD.search(text, max(previous, start - 30), start)
  if text[start] != "." or not word:
    return True
  if word.group().isdecimal():
    return word.start() > previous and not segmenter.MONTH.match(text, end)
  return (
    len(word.group()) > 1
    and word.group()[-1] < "\x80"
    and word.group().lower() not in _ABBREVIATIONS
  )


def _spans_in_doubt(text, start, end):
  """Returns the spans of the sentences in text[start:end], as segtok says."""
  spans = []
  while start < end:
    stop = end
    if end - start > _MAX_DOUBT:
      stop = start + _MAX_DOUBT
      stop = text.rfind(" ", start + 1, stop) + 1 or stop
    for sentence in filter(None, segmenter.split_multi(text[start:stop])):
      start = text.index(sentence, start)
      is_cited = (
        spans and text.endswith("et al.", *spans[-1]) and text[start] in _CITING
      )
      begin = spans.pop()[0] if is_cited else start
      start += len(sentence)
      spans.append((begin, start))
    start = stop
  return spans
