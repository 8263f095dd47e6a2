# SPDX-License-Identifier: Apache-2.0
"""Splits text into sentences as segtok does, five times as fast.

All spans are half-open and count characters of the text.
"""

import itertools
import re

from segtok import segmenter

_SPACE = r"[^\S\x1c-\x1f]"  # segtok's \s
_TERMINALS = segmenter.SENTENCE_TERMINALS
# Brackets, and possible ends of a sentence: a terminal, a quote, brackets and
# white space, or a blank line. As all begin with a character of one set, `re`
# skips the text between them quickly, unlike with segtok's own pattern of ends.
_AFTER_TERMINAL = rf"(?<!\n)['\u2019\"\u201D]?[\])]*{_SPACE}+|(?<=\n)\n+"
_MARKS = re.compile(
  rf"[()\[\]\n{_TERMINALS}](?:(?<=[()\[\]])|{_AFTER_TERMINAL})"
)
_ENDS = re.compile(rf"([\n{_TERMINALS}](?:{_AFTER_TERMINAL}))")
_BRACKET_PAIRS = ("()", "[]")
_LAST_WORD = re.compile(r"\w*\Z")
_LONGEST = 30  # Characters of a word before a full stop that are looked at.
_ABBREVIATIONS = frozenset(
  "abr al apr approx aug capt cf col dec dez dic dr ene fe feb fig figs gen eg "
  "ie iv jan jun jul j\xe4n mag mar may med mr mrs mt m\xe4r nat no nov nr oct "
  "okt pe phil prof rer sci sep sept sgt sr sra srta st univ vol vs".split()
)
_MAX_DOUBT = 10000  # Characters of a part; a longer one is not prose.
_TAIL = 64  # Characters at the end of a sentence that decide how it goes on.
_ABBREVIATED = 24  # Characters at the end of an abbreviation that matter.
_CITING = "([0123456789"  # A citation's year or number begins with these.


def spans(text):
  """Returns the (start, end) of a text's sentences, without surrounding space.

  The sentences are those of segtok, which was made for biomedical text, except
  that none ends between "et al." and a year or number. segtok only runs on the
  parts of a text where the end of a sentence is doubtful, one sentence in
  sixteen. A doubtful part of more than 10,000 characters is not prose and is
  split at a blank.
  """
  spans, start = [], 0
  for end, in_doubt in _parts(text):
    if in_doubt:
      spans.extend(_spans_in_doubt(text, start, end))
    else:
      part = text[start:end].rstrip()
      if part:
        if part[0].isspace():
          start += len(part) - len(part.lstrip())
          part = part.lstrip()
        spans.append((start, start + len(part)))
    start = end
  return spans


def _parts(text):
  """Yields (end, whether segtok must decide) of the parts of a text.

  A part ends where segtok ends a sentence regardless of the context, so that
  segtok splits the parts as it would split the whole text.
  """
  previous, in_doubt, opened = 0, False, [0, 0]
  for match in _MARKS.finditer(text):
    mark = match.group()
    if mark in "()[]":
      _count(mark, opened)
      continue
    if len(mark) > 2:
      _count(mark, opened)
    start, end = match.span()
    if opened == [0, 0] and _is_certain(text, previous, start, end):
      yield end, in_doubt
      in_doubt = False
    else:
      in_doubt = True
    previous = end
  yield len(text), in_doubt


def _count(mark, opened):
  """Adds the brackets in a mark to the numbers of open () and []."""
  for char in mark:
    if char in "([":
      opened[char == "["] += 1
    elif char in ")]":
      opened[char == "]"] = max(0, opened[char == "]"] - 1)


def _is_certain(text, previous, start, end):
  """Returns whether segtok surely ends a sentence here, outside brackets.

  It does before a capital, a digit or a bracket, unless a full stop follows an
  abbreviation, a single letter, the day of a date or a number on its own.

  Args:
    text: the text.
    previous: where the terminal before this one ends.
    start, end: span of the terminal.
  """
  following = text[end : end + 1]
  if not ("A" <= following <= "Z" or "0" <= following <= "9"):
    if not following or following not in '(["':
      return False
  if start - previous < 2 or text[start - 1].isspace():
    return False
  if text[start] != ".":
    return True
  begin = max(previous, text.rfind(" ", previous, start) + 1, start - _LONGEST)
  word = _last_word(text[begin:start])
  if word.isdecimal():
    is_whole = start - len(word) > previous
    return is_whole and not segmenter.MONTH.match(text, end)
  return _is_plain(word)


def _last_word(text):
  """Returns the word at the end of a text, "" for none."""
  return text if text.isalpha() else _LAST_WORD.search(text).group()


def _is_plain(word):
  """Returns whether a full stop after a word surely belongs to the sentence.

  It may belong to the word if that is an abbreviation, a letter or a number.
  """
  return not word or (
    len(word) > 1
    and word[-1] < "\x80"
    and not word.isdecimal()
    and word.lower() not in _ABBREVIATIONS
  )


def _spans_in_doubt(text, start, end):
  """Returns the spans of segtok's sentences in text[start:end]."""
  spans = []
  while start < end:
    stop = end
    if end - start > _MAX_DOUBT:
      stop = start + _MAX_DOUBT
      stop = text.rfind(" ", start + 1, stop) + 1 or stop
    for sentence in filter(None, _split(text[start:stop])):
      start = text.index(sentence, start)
      is_cited = (
        spans and text.endswith("et al.", *spans[-1]) and text[start] in _CITING
      )
      begin = spans.pop()[0] if is_cited else start
      start += len(sentence)
      spans.append((begin, start))
    start = stop
  return spans


def _split(text):
  """Yields what segtok's split_multi does, in linear time.

  For every part of a sentence, segtok's own loop looks at the whole sentence
  before it. Only its length, its end and its open brackets matter.
  """
  parts, size, tail, depths = [], 0, "", [None, None]
  for part in _joined(_ENDS.split(text)):
    if parts and not _continues(min(size, len(part)), tail, depths, part):
      yield "".join(parts).strip()
      parts, size, tail, depths = [], 0, "", [None, None]
    parts.append(part)
    size += len(part)
    tail = (tail + part)[-_TAIL:]
    depths = [_depth(d, part, b) for d, b in zip(depths, _BRACKET_PAIRS)]
  if parts:
    yield "".join(parts).strip()


def _joined(segments):
  """Yields what segtok's _abbreviation_joiner does: parts of sentences.

  Segments and terminals take turns. The next segment belongs to the part if a
  rule joins it across the terminal, such as the one about abbreviations.
  """
  part = []
  for segment, terminal, following in itertools.zip_longest(
    segments[::2], segments[1::2], segments[2::2]
  ):
    part.append(segment)
    if terminal is not None:
      part.append(terminal)
      if not _is_joined(segment, terminal, following):
        yield "".join(part)
        part = []
  if part:
    yield "".join(part)


def _is_joined(segment, terminal, following):
  """Returns whether segtok joins what stands around a terminal."""
  if segment[-1:].isspace():
    return True
  if terminal[0] != ".":
    return False
  if len(segment) > 1 and _is_plain(_last_word(segment[-_ABBREVIATED:])):
    return bool(following and segmenter.LONE_WORD.match(following))
  # The last characters decide, unless all of them are digits.
  tail = 0 if segment.isdecimal() else max(0, len(segment) - _ABBREVIATED)
  if segmenter.ABBREVIATIONS.search(segment, tail):
    return True
  return bool(
    following
    and (
      segmenter.LONE_WORD.match(following)
      or segmenter.ENDS_IN_DATE_DIGITS.search(segment, tail)
      and segmenter.MONTH.match(following)
      or segmenter.UPPER_WORD_START.match(following)
      and segmenter.MIDDLE_INITIAL_END.search(segment)
    )
  )


def _continues(size, tail, depths, part):
  """Returns whether a part goes on with the sentence before it.

  Args:
    size: the smaller one of their lengths.
    tail: the end of the sentence.
    depths: number of its open brackets of each kind.
    part: the part.
  """
  if segmenter.LOWER_WORD.match(part) and segmenter.BEFORE_LOWER.match(tail):
    return True
  if size < segmenter.SHORT_SENTENCE_LENGTH:
    for depth, pair in zip(depths, _BRACKET_PAIRS):
      if (depth or 0) > 0 and (
        segmenter._is_not_opened(part, pair)
        or tail.endswith(" et al. ")
        or segmenter.UPPER_CASE_END.search(tail)
        and segmenter.UPPER_CASE_START.match(part)
      ):
        return True
  return bool(segmenter.CONTINUATIONS.match(part))


def _depth(depth, part, pair):
  """Returns the number of open brackets after a part, None before the first.

  Closing brackets before the first opening one do not count.
  """
  if depth is None:
    first = part.find(pair[0])
    if first < 0:
      return None
    depth, part = 0, part[first:]
  return depth + part.count(pair[0]) - part.count(pair[1])
