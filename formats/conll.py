# SPDX-License-Identifier: Apache-2.0
"""Reads and writes corpora of labelled words, one word per line.

Files are read from bytes and written to text; a path only names the file in
error messages. Labels stay as they are in the file, whatever their scheme
(IOB1, IOB2, IOBES) and types.
"""

import collections
import re

from common.errors import InputError
from common.errors import shorten
from common.text import decode

Sentence = collections.namedtuple("Sentence", "words labels")

_LABEL = re.compile(r"O|[BIES](-\S+)?")
_EXPECTED_LABEL = "O, B, I, E or S, the last four also with -type"
_EXPECTED_COLUMNS = "2 to 4 columns, the word first and its label last"
# The marker of a document and its id. In MTL's files and CoNLL-2003 the marker
# has the columns of a word in place of an id.
_DOCUMENT = re.compile(
  r" *(?:-DOCSTART-(?=\s|$)|###MEDLINE:)(?:(?:\s+(?:-X-|O))+\s*$)?(.*)"
)
_LABEL_HEADERS = "label labels tag tags ner ner_tag ner_tags".split()
# A character counts as part of words if it occurs this often inside them.
# JNLPBA's test set has "*" 8 times, all in the names of three alleles.
_MIN_INSIDE = 10


def parse(data, path):
  """Returns the sentences of a file's bytes as a list of Sentence.

  A line has 2 to 4 columns, the word first and its label last. Columns are
  separated by tabs if the line has any (a word may then contain other white
  space), else by spaces. A blank line ends a sentence, and so does the marker
  of a document: -DOCSTART- with or without more columns (MTL, BLURB),
  ###MEDLINE:id (JNLPBA).

  Raises:
    InputError: another kind of line, or a file without words.
  """
  return [
    sentence
    for _, sentences in parse_documents(data, path)
    for sentence in sentences
  ]


def parse_documents(data, path):
  """Returns [(id, list of Sentence)] of the documents of a file's bytes.

  The id comes from the document's marker; it is "" without a marker or an id.
  For the format see `parse`.
  """
  documents = [("", [])]
  words, labels = [], []
  seen = {}  # A cache: nine lines in ten repeat an earlier one.

  def end_sentence():
    if words:
      documents[-1][1].append(Sentence(words[:], labels[:]))
      del words[:], labels[:]

  for number, line in enumerate(decode(data, path).split("\n"), 1):
    if line not in seen:
      is_first = not words and not any(found for _, found in documents)
      seen[line] = _parse_line(line, is_first, "%s:%d" % (path, number))
    if seen[line]:
      words.append(seen[line][0])
      labels.append(seen[line][1])
      continue
    end_sentence()
    mark = _DOCUMENT.match(line)
    if mark:
      documents.append((mark.group(1).strip(), []))
  end_sentence()
  documents = [(name, found) for name, found in documents if found]
  if not documents:
    raise InputError(
      "%s: found no words, the file is empty, expected lines of %s"
      % (path, _EXPECTED_COLUMNS)
    )
  return documents


def labels_of(sentences):
  """Returns the distinct labels: always O, then B, I, E, S of each type."""
  labels = {label for sentence in sentences for label in sentence.labels}
  return ["O"] + sorted(labels - {"O"}, key=_label_order)


def format_predictions(sentences, predicted):
  """Returns lines of "word gold predicted", the input of conlleval.pl.

  White space inside a word becomes "_", so that every line has three columns;
  a blank line follows each sentence. `predicted` has a list of labels for each.
  """
  if len(sentences) != len(predicted):
    raise ValueError(
      "%d sentences, %d predicted" % (len(sentences), len(predicted))
    )
  lines = []
  for i, (sentence, labels) in enumerate(zip(sentences, predicted)):
    if len(sentence.words) != len(labels):
      raise ValueError(
        "sentence %d has %d words and %d predicted labels"
        % (i, len(sentence.words), len(labels))
      )
    for word, gold, label in zip(sentence.words, sentence.labels, labels):
      lines.append("%s %s %s\n" % (re.sub(r"\s", "_", word), gold, label))
    lines.append("\n")
  return "".join(lines)


def inner_punctuation(sentences):
  """Returns the punctuation that this corpus keeps inside words, sorted.

  Raw text split accordingly looks like the corpus: "" for BioBERT's files,
  whose words are split at all punctuation ("IL", "-", "2"), "-./" for JNLPBA
  ("IL-2", "0.5"). A character counts if it stands between two alphanumerics
  within a word more often than as a separate word between two alphanumerics.
  The full stop at the end of a sentence thus does not count against "0.5".
  """
  inside, apart = collections.Counter(), collections.Counter()
  for words, _ in sentences:
    for i, word in enumerate(words):
      if len(word) > 2 and not word.isalnum():
        inside.update(_inner_characters(word))
      elif len(word) == 1 and 0 < i < len(words) - 1:
        apart.update(
          _inner_characters(words[i - 1][-1] + word + words[i + 1][0])
        )
  return "".join(
    sorted(
      character
      for character, count in inside.items()
      if count >= _MIN_INSIDE and count > apart[character]
    )
  )


def _parse_line(line, is_first, place):
  """Returns (word, label), or None if the line ends a sentence."""
  columns = _split_columns(line.rstrip("\r"))
  if not columns or _DOCUMENT.match(line):
    return None
  fault = _find_fault(columns, is_first)
  if fault:
    raise InputError("%s: found %s, expected %s" % ((place,) + fault))
  return columns[0], columns[-1]


def _split_columns(line):
  """Returns the columns of a line; none if it is blank."""
  if "\t" not in line:
    return [column for column in line.split(" ") if column]
  if not line.strip(" \t"):
    return []
  columns = line.split("\t")
  columns[-1] = columns[-1].strip(" ")
  return columns


def _find_fault(columns, is_first):
  """Returns (found, expected) for an error message; None if all is well."""
  word, label = columns[0], columns[-1]
  if not 2 <= len(columns) <= 4:
    count = "1 column" if len(columns) == 1 else "%d columns" % len(columns)
    return "%s (%s)" % (count, shorten(" ".join(columns))), _EXPECTED_COLUMNS
  if not word:
    return "an empty word", _EXPECTED_COLUMNS
  if is_first and label.lower() in _LABEL_HEADERS:
    found = "what looks like a header (%s)" % shorten(" ".join(columns))
    return found, "a word and its label on the first line"
  if not _LABEL.fullmatch(label):
    found = "label %s of word %s" % (shorten(label), shorten(word))
    return found, _EXPECTED_LABEL
  return None


def _label_order(label):
  tag, _, kind = label.partition("-")
  return kind, "BIES".index(tag)


def _inner_characters(word):
  """Returns the characters of a word that stand between two alphanumerics."""
  return [
    middle
    for left, middle, right in zip(word, word[1:], word[2:])
    if left.isalnum() and right.isalnum() and not middle.isalnum()
  ]
