# SPDX-License-Identifier: Apache-2.0
"""Reads and writes corpora of labelled words, one word a line.

File contents are bytes on the way in and text on the way out; a path serves
only to name the file in messages. Labels are passed on as they stand in the
file, whatever their scheme (IOB1, IOB2, IOBES) and types.
"""

import collections
import re

from common.errors import InputError
from common.errors import shorten
from common.text import decode

Sentence = collections.namedtuple("Sentence", ["words", "labels"])

_LABEL = re.compile(r"O|[BIES](-\S+)?")
_EXPECTED_LABEL = "O, B, I, E or S, the last four also with -type"
_EXPECTED_COLUMNS = "2 to 4 columns, the word first and its label last"
# The mark of a document and its id; MTL's and CoNLL-2003's has columns as of a
# word in its place.
_DOCUMENT = re.compile(
  r" *(?:-DOCSTART-(?=\s|$)|###MEDLINE:)(?:(?:\s+(?:-X-|O))+\s*$)?(.*)"
)
_LABEL_HEADERS = "label labels tag tags ner ner_tag ner_tags".split()
# So many times must a character be seen inside words before it counts as part
# of them. JNLPBA's test set has "*" 8 times, all in the names of three alleles.
_MIN_INSIDE = 10


def parse(data, path):
  """Returns the sentences of a file's bytes as a list of Sentence.

  A line holds 2 to 4 columns, the word first and its label last, cut by tabs
  if it has any (then a word may contain other white space), else by spaces.
  A blank line ends a sentence, and so does the mark of a document:
  -DOCSTART- with or without more columns (MTL, BLURB), ###MEDLINE:id (JNLPBA).
  Anything else, and a file without a word, raises InputError.
  """
  return [
    sentence
    for _, sentences in parse_documents(data, path)
    for sentence in sentences
  ]


def parse_documents(data, path):
  """Returns [(id, list of Sentence)] of the documents of a file's bytes.

  The id is what their mark says, "" if it says none or if there is no mark.
  For the rest see `parse`.
  """
  documents = [("", [])]
  words, labels = [], []
  seen = {}  # nine lines in ten have occurred before

  def end_sentence():
    if words:
      documents[-1][1].append(Sentence(words[:], labels[:]))
      del words[:], labels[:]

  for number, line in enumerate(decode(data, path).split("\n"), 1):
    if line not in seen:
      is_first = not words and not any(found for _, found in documents)
      seen[line] = _word_and_label(line, is_first, "%s:%d" % (path, number))
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
  """Returns the distinct labels: O, there or not, then by type B, I, E, S."""
  labels = {label for sentence in sentences for label in sentence.labels}
  return ["O"] + sorted(labels - {"O"}, key=_label_order)


def format_predictions(sentences, predicted):
  """Returns lines `word gold predicted`, the file that conlleval.pl reads.

  `predicted` has one label sequence a sentence; one of another length is a
  ValueError. White space inside a word becomes "_", so that every line has
  three columns, and a blank line follows each sentence.
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
  """Returns the punctuation that this corpus leaves inside words, sorted.

  It tells how raw text must be cut to look like the corpus: "" for BioBERT's
  files, whose words are cut at all punctuation ("IL", "-", "2"), "-./" for
  JNLPBA ("IL-2", "0.5"). A character counts if it stands between two
  alphanumerics inside a word more often than as a word between two words that
  touch it with alphanumerics; the full stop that ends a sentence thus has no
  say about "0.5".
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


def _word_and_label(line, is_first, place):
  """Returns (word, label), or None if the line ends a sentence."""
  columns = _columns(line.rstrip("\r"))
  if not columns or _DOCUMENT.match(line):
    return None
  fault = _fault(columns, is_first)
  if fault:
    raise InputError("%s: found %s, expected %s" % ((place,) + fault))
  return columns[0], columns[-1]


def _columns(line):
  """Returns the columns of a line; none if it is blank."""
  if "\t" not in line:
    return [column for column in line.split(" ") if column]
  if not line.strip(" \t"):
    return []
  columns = line.split("\t")
  columns[-1] = columns[-1].strip(" ")
  return columns


def _fault(columns, is_first):
  """Returns (what was found, what was expected), None for a labelled word."""
  word, label = columns[0], columns[-1]
  if not 2 <= len(columns) <= 4:
    count = "1 column" if len(columns) == 1 else "%d columns" % len(columns)
    return "%s (%s)" % (count, shorten(" ".join(columns))), _EXPECTED_COLUMNS
  if not word:
    return "an empty word", _EXPECTED_COLUMNS
  if is_first and label.lower() in _LABEL_HEADERS:
    found = "what looks like a header (%s)" % shorten(" ".join(columns))
    return found, "a word and its label in the first line already"
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
