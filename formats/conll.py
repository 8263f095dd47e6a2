# SPDX-License-Identifier: Apache-2.0
"""Reads and writes corpora of labelled words, one word per line.

Files are read from bytes and written to text; a path only names the file in
error messages. Labels keep their scheme (IOB1, IOB2, IOBES) and types; the
other notations of IOBES are read as IOBES.
"""

import collections
import re

from absl import logging

from common.errors import InputError
from common.errors import first_five
from common.errors import shorten
from common.text import split_lines

# A sentence; `labels` is None in a file of words alone.
Sentence = collections.namedtuple("Sentence", "words labels")

# BILOU and BMEWO name two tags of IOBES otherwise.
_TAGS = {"L": "E", "U": "S", "M": "I", "W": "S", **{tag: tag for tag in "BIES"}}
_LABEL = re.compile(r"(?P<tag>[BIESLUMW])(-(?P<type>\S+))?")
_SUFFIXED = re.compile(r"(?P<type>\S+)-(?P<tag>[BIESLUMW])")  # Disease-B
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


def parse(data, path, needs_labels=True):
  """Returns the sentences of a file's bytes as a list of Sentence.

  A line has 2 to 4 columns, the word first and its label last, and all lines
  have the same number. Columns are separated by tabs if the line has any (a
  word may then contain other white space), else by spaces. A blank line ends a
  sentence, and so does the marker of a document: -DOCSTART- with or without
  more columns (MTL, BLURB), ###MEDLINE:id (JNLPBA). BILOU and BMEWO become
  IOBES, and tags at the end (Disease-B) move to the front.

  Args:
    data, path: the file's bytes and its name, for error messages.
    needs_labels: if False, the file may have words alone.

  Raises:
    InputError: another kind of line, or a file without words.
  """
  return [
    sentence
    for _, sentences in parse_documents(data, path, needs_labels)
    for sentence in sentences
  ]


def parse_documents(data, path, needs_labels=True):
  """Returns [(id, list of Sentence)] of the documents of a file's bytes.

  The id comes from the document's marker; it is "" without a marker or an id.
  For the format see `parse`.
  """
  lines = split_lines(data, path)
  found = _read_lines(lines, path, needs_labels)
  documents = [("", [])]
  words, labels = [], []

  def end_sentence():
    if words:
      named = None if None in labels else labels[:]
      documents[-1][1].append(Sentence(words[:], named))
      del words[:], labels[:]

  for line in lines:
    if line in found:
      words.append(found[line][0])
      labels.append(found[line][1])
      continue
    end_sentence()
    mark = _DOCUMENT.match(line)
    if mark:
      documents.append((mark.group(1).strip(), []))
  end_sentence()
  return [(name, sentences) for name, sentences in documents if sentences]


def labels_of(sentences):
  """Returns the distinct labels: always O, then B, I, E, S of each type."""
  labels = {label for sentence in sentences for label in sentence.labels}
  return ["O"] + sorted(labels - {"O"}, key=_label_order)


def format_predictions(sentences, predicted):
  """Returns lines of "word gold predicted", the input of conlleval.pl.

  White space inside a word becomes "_", so that every line has three columns,
  or two if the sentence has no gold; a blank line follows each sentence.
  `predicted` has a list of labels for each.
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
    words = [re.sub(r"\s", "_", word) for word in sentence.words]
    gold = [] if sentence.labels is None else [sentence.labels]
    lines += [" ".join(row) + "\n" for row in zip(words, *gold, labels)]
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


def _read_lines(lines, path, needs_labels):
  """Returns {line: (word, label)} of the lines that hold a word.

  The labels are None if no line has any, which `needs_labels` forbids. Nine
  lines in ten repeat an earlier one and are read only once.
  """
  numbers = {}  # Of the first occurrence of a line.
  for number, line in enumerate(lines, 1):
    numbers.setdefault(line, number)
  rows = {line: _split_columns(line.rstrip("\r")) for line in numbers}
  rows = {k: v for k, v in rows.items() if v and not _DOCUMENT.match(k)}
  if not rows:
    raise InputError(
      "%s: found no words, the file is empty, expected lines of %s"
      % (path, _EXPECTED_COLUMNS)
    )
  if not needs_labels and not any(any(row[1:]) for row in rows.values()):
    return {line: (row[0], None) for line, row in rows.items()}
  for i, (line, columns) in enumerate(rows.items()):
    fault = _find_fault(columns, is_first=i == 0)
    if fault:
      place = "%s:%d" % (path, numbers[line])
      raise InputError("%s: found %s, expected %s" % ((place,) + fault))
  _check_widths(rows, numbers, path)
  _check_words(rows, numbers, path)
  labels = {row[-1]: _read_label(row[-1]) for row in rows.values()}
  other = {k: v for k, v in labels.items() if k != v}
  if other:
    logging.info(
      "%s: read the tags %s as %s",
      *(path, first_five(list(other)), first_five(list(other.values()))),
    )
  return {line: (row[0], labels[row[-1]]) for line, row in rows.items()}


def _check_words(rows, numbers, path):
  """Rejects a file whose first of several columns numbers the words."""
  if all(len(row) > 2 and row[0].isdigit() for row in rows.values()):
    line = next(iter(rows))
    raise InputError(
      "%s:%d: found %s in place of a word, and numbers in all lines, expected "
      "%s" % (path, numbers[line], shorten(rows[line][0]), _EXPECTED_COLUMNS)
    )


def _check_widths(rows, numbers, path):
  """Rejects a file whose lines differ in their number of columns.

  The less frequent number is the wrong one: "New York B-LOC" among lines of a
  word and its label.
  """
  widths = collections.Counter(map(len, rows.values()))
  if len(widths) == 1:
    return
  usual = widths.most_common(1)[0][0]
  odd = next(line for line, columns in rows.items() if len(columns) != usual)
  example = next(k for k, columns in rows.items() if len(columns) == usual)
  raise InputError(
    "%s:%d: found %d columns (%s), expected %d as in line %d and most others; "
    "tabs between the columns allow spaces in a word"
    % (
      path,
      numbers[odd],
      len(rows[odd]),
      shorten(" ".join(rows[odd])),
      usual,
      numbers[example],
    )
  )


def _read_label(label):
  """Returns a label in IOBES with its tag first; None if it is none."""
  match = _LABEL.fullmatch(label) or _SUFFIXED.fullmatch(label)
  if not match:
    return "O" if label == "O" else None
  kind = match.group("type")
  return _TAGS[match.group("tag")] + ("-" + kind if kind else "")


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
  if _read_label(label) is None:
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
