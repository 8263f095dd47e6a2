# SPDX-License-Identifier: Apache-2.0
"""Streams documents from files of biomedical text and splits their sentences.

Only one document at a time is in memory, however large the file. Compression
and archives are detected by content, not by name. Parts unsuitable for training
are left out and counted; damaged files raise InputError with path and line.

XML is parsed without entities, DTDs and network.
"""

import collections
import functools
import re

from common import files
from common.errors import InputError
from formats import articles
from formats import detect
from formats import inputs
from formats import splitting
from formats import streams
from formats import tables
from formats import unlabelled

FORMATS = detect.TEXTS + ("mimic",)
Text = collections.namedtuple("Text", "position paragraphs")

_BLANK_LINES = re.compile(r"\n\s*\n")
_MAX_TEXT = 1 << 20  # characters of a document of plain text

# Columns of NOTEEVENTS.csv and of MIMIC-IV's discharge.csv and radiology.csv.
_NOTE_IDS = {"iserror", "subject_id", "hadm_id"}
_DEIDENTIFIED = re.compile(r"\[\*\*(.{0,200}?)\*\*\]", re.DOTALL)
_TAKEN_OUT = re.compile(r"(?<![^\W_])_{3}(?!_)")  # In MIMIC-IV, for anything.
_RULER = re.compile(r"^[^\w\n\[]*_[\W_]*?$", re.MULTILINE)
_STAND_INS = tuple(
  (re.compile(pattern, re.IGNORECASE), word)
  for pattern, word in (
    (r"\bage over", "90"),
    (r"hospital|ward\b|wardname|clinic", "hospital"),
    (r"phone|fax|pager|number|identifier|\bjob\b|\bclip\b", "number"),
    (r"name|initials|doctor|attending|dictator", "name"),
    (r"date|month|year|\bday|holiday", "date"),
    (r"location|address|country|state\b|city|\bbox\b|apartment", "place"),
    (r"company|university|college", "institution"),
  )
)
_REPEATED = re.compile(r"\b(hospital|number|name|place|unknown)(?:[\s,]+\1\b)+")
_ITEM_OR_HEADING = re.compile(
  r"(?:[-*#+\u2022]|\(?\d{1,2}[.)])\s|[A-Z][\w /&'()-]{0,50}:(?:\s|$)"
)
_FULL_LINE = 40  # characters; a shorter line was ended on purpose


def sniff(path, open_file=open):
  """Detects which of FORMATS a file has, by its content.

  Raises InputError for a file that cannot be read, and for other formats; see
  detect.detect.
  """
  source = streams.Source(path, open_file)
  kind = detect.detect(source)
  if kind == "table" and _holds_notes(detect.layout(source).names):
    return "mimic"
  return kind


def find_inputs(patterns, format, flag):
  """Returns the inputs.Inputs of a flag; detects the format "auto"."""

  def sniff_unless_given(path):
    if format != "auto":
      return format
    return sniff(path, open_file=files.open_file)

  return inputs.find(patterns, sniff_unless_given, flag)


def _holds_notes(names):
  """Returns whether a table with these columns has MIMIC's notes."""
  return "text" in names and bool(_NOTE_IDS.intersection(names))


def documents(path, format, open_file=open, dropped=None, num_workers=0):
  """Yields the documents of a file as Text, in their order.

  `position` is the number of bytes of the stored file that had been read when
  the document was complete. It depends only on the file and never decreases.
  `paragraphs` is a list of stripped strings, none of them empty:

  - text: the lines of a document, one sentence each. A document ends at a blank
    line, or when it reaches 1 MiB (counted).
  - pubmed: the title and the parts of the abstract; see articles.read_pubmed.
    Records without an abstract are left out and counted: sentence order needs
    more than a title.
  - pmc: the title, the abstracts and the body; see articles.read_jats.
  - json, table, pubtator, bioc: the title, and the text cut at blank lines; see
    unlabelled.stream.
  - mimic: the paragraphs of a note. Notes marked ISERROR are left out and
    counted. A de-identification mark [**...**] without letters is a date or a
    number and keeps its content. Any other becomes a word for its kind (name,
    hospital, place, number, date, institution; 90 for "Age over 90"; otherwise
    unknown), once for several of a kind in a row; so does ___, MIMIC-IV's mark
    for anything. Wrapped lines are joined; a new paragraph starts after a blank
    line or a line under 40 characters, and at a heading ("Allergies:") or a
    list item ("2.", "-").

  Cited numbers are removed with their brackets ("cells [1,2]." and "cells" with
  a superscript 1 become "cells."), unless they are part of the sentence ("in
  ref. 12"); authors and years stay. Superscripts that are not marked as
  citations also stay, since they may belong to "m2"; after a digit they get
  brackets, as in MEDLINE: 10(-6).

  Args:
    path: the file, plain or gzip; PMC also as a tar archive, plain or gzip.
    format: one of FORMATS.
    open_file: opens path in mode "rb": open or tf.io.gfile.GFile.
    dropped: a Counter or None; counts what was left out, by reason.
    num_workers: number of processes that parse PubMed's XML and archives of
      JATS; 0: this one does.
  """
  counts = collections.Counter() if dropped is None else dropped
  source = streams.Source(path, open_file, num_workers)
  return _READERS[format](source, counts)


def sentences(paragraphs):
  """Splits paragraphs into sentences, with single blanks as white space.

  The lines of format "text" are sentences already.
  """
  texts = (" ".join(paragraph.split()) for paragraph in paragraphs)
  return [
    text[start:end] for text in texts for start, end in splitting.spans(text)
  ]


# ----------------------------------------------------------------- plain text


def _read_text(source, counts):
  lines, size = [], 0
  for _, line in streams.lines(source):
    line = line.strip("\ufeff \t\r\n").strip()
    if line:
      lines.append(line)
      size += len(line)
    if size >= _MAX_TEXT:
      counts["documents cut at 1 MiB"] += 1
    if lines and (not line or size >= _MAX_TEXT):
      yield Text(source.position, lines)
      lines, size = [], 0
  if lines:
    yield Text(source.position, lines)


# ---------------------------------------------------------- titles and texts


def _read_pubmed(source, counts):
  for article in articles.read_pubmed(source, counts):
    if article.paragraphs:
      yield _text_of_article(article)
    else:
      counts["records without an abstract"] += 1


def _read_pmc(source, counts):
  return map(_text_of_article, articles.read_jats(source, counts))


def _text_of_article(article):
  title = [article.title] * bool(article.title)
  return Text(article.position, title + article.paragraphs)


def _read_documents(kind, source, counts):
  """Yields the Texts of a kind without paragraphs of its own."""
  for document, _, position in unlabelled.stream(source, kind, counts):
    border = len(document.title or "")
    parts = _BLANK_LINES.split(document.text[border:])
    parts = filter(None, map(str.strip, [document.text[:border]] + parts))
    paragraphs = list(parts)
    if paragraphs:
      yield Text(position, paragraphs)
    else:
      counts["documents without text"] += 1


# ---------------------------------------------------------------------- MIMIC


def _read_mimic(source, counts):
  layout = detect.layout(source)
  if "text" not in layout.names:
    raise InputError(
      "%s:1: found no column TEXT, expected the header of NOTEEVENTS.csv, "
      "discharge.csv or radiology.csv" % source.path
    )
  for _, row in tables.stream(source, layout):
    if row.get("iserror", "").strip() == "1":
      counts["notes marked ISERROR"] += 1
      continue
    paragraphs = _note(row["text"])
    if paragraphs:
      yield Text(source.position, paragraphs)
    else:
      counts["notes without text"] += 1


def _note(text):
  """Returns the paragraphs of a note; see `documents`."""
  text = _DEIDENTIFIED.sub(_stand_in, _RULER.sub("", text))
  text = _REPEATED.sub(r"\1", _TAKEN_OUT.sub("unknown", text))
  paragraphs, goes_on = [], False
  for line in text.split("\n"):
    line = " ".join(line.split())
    if not any(map(str.isalnum, line)):  # blank, or a ruler
      goes_on = False
      continue
    if goes_on and not _ITEM_OR_HEADING.match(line):
      paragraphs[-1].append(line)
    else:
      paragraphs.append([line])
    goes_on = len(line) >= _FULL_LINE or line.endswith(":")
  return [" ".join(lines) for lines in paragraphs]


def _stand_in(match):
  """Returns the replacement for a de-identification mark."""
  content = " ".join(match.group(1).split())
  if not any(map(str.isalpha, content)):
    return content
  return next(
    (word for pattern, word in _STAND_INS if pattern.search(content)), "unknown"
  )


_READERS = {
  kind: functools.partial(_read_documents, kind)
  for kind in ("json", "table", "pubtator", "bioc")
}
_READERS.update(
  text=_read_text, pubmed=_read_pubmed, pmc=_read_pmc, mimic=_read_mimic
)
