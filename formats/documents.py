# SPDX-License-Identifier: Apache-2.0
"""Reads unlabelled text and splits it into sentences and words.

Files are read from bytes; a path names the file in error messages and, by its
ending, identifies JSON lines. All spans are half-open and count characters of
the document's text, which stays as it is in the file. Time is linear in the
length of ordinary text.
"""

import collections
import functools
import re
import unicodedata

from common.errors import InputError
from common.errors import shorten
from common.text import check_whole
from common.text import decode
from common.text import parse_json_line
from formats import pubtator
from formats import splitting

Document = collections.namedtuple("Document", "id text title")

_JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
# These separate words, although Unicode does not class them as white space.
_ZERO_WIDTH_SPACES = "\u200b\ufeff"


def parse(data, path):
  """Returns the documents of a file's bytes as a list of Document.

  The content decides the format:
    JSON lines: {"text": ..., "id": ...}, the id being optional.
    PubTator: id|t|title, id|a|abstract; text is title + " " + abstract, as
      PubTator's offsets count. Annotations and exact copies of a document are
      ignored; the log counts them.
    Plain text: a document or a sentence per line.
  A document without an id gets the number of its line. Only PubTator has
  titles; elsewhere the title is None.

  Raises:
    InputError: the file has no text, a line breaks its format, or an id
      repeats.
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
  elif pubtator.TEXT_LINE.fullmatch(first):
    documents = [
      (i, Document(*document[:3]))
      for i, document in enumerate(pubtator.parse_texts(text, path))
    ]
  else:
    documents = [(i, Document(str(i), line, None)) for i, line in numbered]
  _check_ids(documents, path)
  return [document for _, document in documents]


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
  part = text[start:end]
  pattern = _word_pattern(inner_punctuation, *_find_invisible(part))
  return [
    (start + match.start(), start + match.end())
    for match in pattern.finditer(part)
  ]


def _parse_json_lines(numbered, path):
  """Returns (line number, Document) pairs of JSON lines."""
  documents = []
  for number, line in numbered:
    place = "%s:%d" % (path, number)
    values = parse_json_line(line, place)
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


def _check_ids(documents, path):
  """Raises InputError if two documents have the same id."""
  first = {}
  for number, document in documents:
    if document.id in first:
      raise InputError(
        "%s:%d: found the id %s of line %d again, expected unique ids"
        % (path, number, shorten(document.id, 60), first[document.id])
      )
    first[document.id] = number


def _find_invisible(text):
  """Returns (joined, blank) characters of a text, as sorted strings.

  The joined ones belong to the character before them: combining marks, soft
  hyphens, joiners. The blank ones are control characters and zero-width spaces.
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
  """Returns the compiled pattern of a word; see _find_invisible."""
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
