# SPDX-License-Identifier: Apache-2.0
"""Reads unlabelled text and cuts it into sentences and words.

File contents are bytes; a path serves to name the file in messages and, by its
ending, to tell JSON lines. All spans are half-open and count characters of the
document's text, which is kept as it stands in the file. Time is linear in the
length of ordinary text.
"""

import collections
import functools
import json
import re
import unicodedata

from absl import logging

from common.errors import InputError
from common.errors import shorten
from common.text import check_whole
from common.text import decode
from formats import splitting

Document = collections.namedtuple("Document", ["id", "text", "title"])

_JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
_PUBTATOR_LINE = re.compile(r"([^|\t]+)\|([ta])\|(.*)")
_ZERO_WIDTH_SPACES = "\u200b\ufeff"  # they part words, whatever their category


def parse(data, path):
  """Returns the documents of a file's bytes as a list of Document.

  Read are JSON lines ({"text": ..., "id": ...}, the id optional), PubTator
  (id|t|title, id|a|abstract, then annotations, which are left out and counted
  in the log), else plain text with a document or a sentence a line. Ids are
  strings; where there is none it is the number of the line. The title is None
  but in PubTator, where text == title + " " + abstract, as its offsets count.
  Raises InputError for a file without text and for what its format forbids.
  """
  text = decode(data, path)
  lines = [line.rstrip("\r") for line in text.split("\n")]
  numbered = [(i, line) for i, line in enumerate(lines, 1) if line.strip()]
  if not numbered:
    raise InputError(
      "%s: found no text, the file is empty, expected plain text, JSON lines "
      "or PubTator" % path
    )
  first = numbered[0][1]
  if path.endswith(_JSON_ENDINGS) or re.match(r'\s*\{\s*"', first):
    documents = _parse_json_lines(numbered, path)
  elif _PUBTATOR_LINE.fullmatch(first):
    documents = _parse_pubtator(text, path)
  else:
    documents = [(i, Document(str(i), line, None)) for i, line in numbered]
  _check_ids(documents, path)
  return [document for _, document in documents]


def split_sentences(document):
  """Returns the (start, end) spans of a document's sentences, in order.

  They do not overlap, begin and end with no white space, together hold every
  other character, and none reaches over the end of the title. The rules are
  those of splitting.spans.
  """
  border = len(document.title or "")
  return splitting.spans(document.text[:border]) + [
    (border + start, border + end)
    for start, end in splitting.spans(document.text[border:])
  ]


def words_of(text, start, end, inner_punctuation=""):
  """Returns the (start, end) spans of the words in text[start:end], in order.

  A word is a run of letters and digits or one other visible character; a
  character of `inner_punctuation` between two letters or digits does not end
  a run. Combining marks and soft hyphens belong to the character before them.
  This is how the corpora of BioBERT are cut; what conll.inner_punctuation
  returns serves other corpora.

  "IL-2 (0.5)" -> IL - 2 ( 0 . 5 ), with "-./" -> IL-2 ( 0.5 )
  """
  part = text[start:end]
  pattern = _word_pattern(inner_punctuation, *_unseen(part))
  return [
    (start + match.start(), start + match.end())
    for match in pattern.finditer(part)
  ]


def pubtator_blocks(text, path):
  """Yields (line number, id, title, abstract, rows) of PubTator's documents.

  The abstract is None where there is no line of it; a row is (line number,
  line) of an annotation.

  Raises:
    InputError: a line of another form, or of another document.
  """
  block = None
  for number, line in enumerate(text.split("\n"), 1):
    line = line.rstrip("\r")
    match = _PUBTATOR_LINE.fullmatch(line)
    if match and match.group(2) == "t":
      if block:
        yield tuple(block)
      block = [number, match.group(1), match.group(3), None, []]
    elif block and match and match.group(1) == block[1] and block[3] is None:
      block[3] = match.group(3)
    elif block and "\t" in line and line.split("\t")[0] == block[1]:
      block[4].append((number, line))
    elif line.strip():
      raise InputError(
        "%s:%d: found %s, expected id|t|title, then id|a|abstract and "
        "annotations of the same id in columns cut by tabs"
        % (path, number, shorten(line, 60))
      )
  if block:
    yield tuple(block)


def _parse_json_lines(numbered, path):
  """Returns (line number, Document) pairs of JSON lines."""
  documents = []
  for number, line in numbered:
    place = "%s:%d" % (path, number)
    try:
      values = json.loads(line)
    except ValueError as error:
      raise InputError(
        "%s: found no JSON (%s), expected an object a line" % (place, error)
      ) from error
    if not isinstance(values, dict) or not isinstance(values.get("text"), str):
      raise InputError(
        '%s: found %s, expected an object with a string under "text"'
        % (place, shorten(line, 60))
      )
    name = values.get("id", number)
    if name == "" or type(name) not in (str, int):
      raise InputError(
        '%s: found the id %r, expected a string or a whole number under "id"'
        % (place, name)
      )
    document = Document(str(name), values["text"], None)
    check_whole(document.id + document.text, place)
    documents.append((number, document))
  return documents


def _parse_pubtator(text, path):
  """Returns (line number, Document) pairs of PubTator's title lines."""
  documents, annotations = [], 0
  for number, name, title, abstract, rows in pubtator_blocks(text, path):
    text = title + " " + abstract if abstract else title
    documents.append((number, Document(name, text, title)))
    annotations += len(rows)
  logging.info("%s: left out %d annotations", path, annotations)
  return documents


def _check_ids(documents, path):
  """Raises InputError if two documents bear the same id."""
  first = {}
  for number, document in documents:
    if document.id in first:
      raise InputError(
        "%s:%d: found the id %s of line %d again, expected an id of its own"
        % (path, number, shorten(document.id, 60), first[document.id])
      )
    first[document.id] = number


def _unseen(text):
  """Returns the characters of a text that belong to others, and the blank ones.

  The first are combining marks, soft hyphens, joiners; the second controls and
  spaces without width. Both are sorted strings.
  """
  joined, blank = [], []
  for character in sorted(set(text)):
    category = unicodedata.category(character)
    if category == "Cc" or character in _ZERO_WIDTH_SPACES:
      blank.append(character)
    elif category[0] == "M" or category == "Cf":
      joined.append(character)
  return "".join(joined), "".join(blank)


@functools.lru_cache(maxsize=1000)
def _word_pattern(inner_punctuation, joined, blank):
  """Returns the compiled pattern of a word; for the strings see _unseen."""
  letter = r"[^\W_]"
  more = letter
  if inner_punctuation:
    more += "|[%s](?=%s)" % (re.escape(inner_punctuation), letter)
  if joined:
    more += "|[%s]" % re.escape(joined)
  run = "%s(?:%s)*" % (letter, more)
  other = r"(?:_|[^\w\s%s])" % re.escape(joined + blank)
  if joined:
    other += "[%s]*" % re.escape(joined)
  return re.compile("%s|%s" % (run, other))
