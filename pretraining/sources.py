# SPDX-License-Identifier: Apache-2.0
"""Streams documents from files of biomedical text and splits their sentences.

Only one document at a time is in memory, however large the file. Compression
and archives are detected by content, not by name. Parts unsuitable for training
are left out and counted; damaged files raise InputError with path and line.

XML is parsed without entities, DTDs and network.
"""

import collections
import csv
import re

from common.errors import InputError
from formats import articles
from formats import safe_xml
from formats import splitting
from formats import streams

FORMATS = ("text", "pubmed", "pmc", "mimic")
Text = collections.namedtuple("Text", "position paragraphs")

_MAX_TEXT = 1 << 20  # characters of a document of plain text

_REFUSED = (
  (
    re.compile(r"PMID- *\d+\s"),
    "MEDLINE's text form",
    "PubMed's XML (the same records saved in that format)",
  ),
  (
    re.compile(r"\d+\|[ta]\|"),
    "PubTator",
    "the titles and abstracts alone, a sentence a line",
  ),
  (re.compile(r'\{\s*"|\[\s*\{'), "JSON", "the texts alone, a sentence a line"),
  (
    re.compile(r'\d+,\d+,[\d.]*,"?\d{4}-\d\d-\d\d'),
    "rows like those of NOTEEVENTS.csv without their header",
    "a first line with the names of the columns",
  ),
)

_NOTE_COLUMNS = ("ISERROR", "TEXT")
_DEIDENTIFIED = re.compile(r"\[\*\*(.{0,200}?)\*\*\]", re.DOTALL)
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

  Raises InputError for a file that cannot be read, is empty or binary, and for
  formats that look like text but are unsuitable for training: MEDLINE's text
  form, PubTator, JSON, other XML, NOTEEVENTS.csv without its header.
  """
  source = streams.Source(path, open_file)
  if source.is_tar():
    return "pmc"
  head = source.head()
  if b"\0" in head:
    raise InputError(
      "%s: found UTF-16 text or a binary file, expected text in UTF-8, XML or "
      "NOTEEVENTS.csv, as they are or in .gz, or articles in .tar" % path
    )
  text = head.decode("utf-8-sig", "ignore").lstrip()
  if not text:
    raise InputError("%s: found no text, the file is blank" % path)
  if articles.is_pubmed(text):
    return "pubmed"
  if articles.is_jats(text):
    return "pmc"
  root = safe_xml.root_of(text)
  if root or text.startswith(("<?xml", "<!")):
    raise InputError(
      "%s: found %s as the outermost element, expected %s or %s"
      % (
        path,
        "<%s>" % root if root else "nothing",
        articles.PUBMED,
        articles.JATS,
      )
    )
  if set(_NOTE_COLUMNS) <= set(_in_capitals(text.split("\n", 1)[0].split(","))):
    return "mimic"
  for pattern, found, expected in _REFUSED:
    if pattern.match(text):
      raise InputError("%s:1: found %s, expected %s" % (path, found, expected))
  return "text"


def documents(path, format, open_file=open, dropped=None):
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
  - mimic: the paragraphs of a note. Notes marked ISERROR are left out and
    counted. A de-identification mark [**...**] without letters is a date or a
    number and keeps its content. Any other becomes a word for its kind (name,
    hospital, place, number, date, institution; 90 for "Age over 90"; otherwise
    unknown), once for several of a kind in a row. Wrapped lines are joined; a
    new paragraph starts after a blank line or a line under 40 characters, and
    at a heading ("Allergies:") or a list item ("2.", "-").

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
  """
  counts = collections.Counter() if dropped is None else dropped
  source = streams.Source(path, open_file)
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


# -------------------------------------------------------------------- articles


def _read_pubmed(source, counts):
  for article in articles.read_pubmed(source, counts):
    if article.paragraphs:
      yield _text_of(article)
    else:
      counts["records without an abstract"] += 1


def _read_pmc(source, counts):
  return map(_text_of, articles.read_jats(source, counts))


def _text_of(article):
  """Returns the Text of an Article, beginning with its title."""
  title = [article.title] * bool(article.title)
  return Text(article.position, title + article.paragraphs)


# ---------------------------------------------------------------------- MIMIC


def _read_mimic(source, counts):
  for row in _rows(source):
    if row["ISERROR"].strip() == "1":
      counts["notes marked ISERROR"] += 1
      continue
    paragraphs = _note(row["TEXT"])
    if paragraphs:
      yield Text(source.position, paragraphs)
    else:
      counts["notes without text"] += 1


def _rows(source):
  """Yields the rows of a CSV file as dicts with upper-case column names."""
  csv.field_size_limit(streams.MAX_LINE)
  reader = csv.reader((line for _, line in streams.lines(source)), strict=True)
  columns, line = None, 1
  try:
    for row in filter(None, reader):
      if columns is None:
        columns = _in_capitals(row)
        if not set(_NOTE_COLUMNS) <= set(columns):
          raise InputError(
            "%s:1: found no columns ISERROR and TEXT, expected the header of "
            "NOTEEVENTS.csv" % source.path
          )
      elif len(row) != len(columns):
        raise InputError(
          "%s:%d: found %d columns, expected %d as in the header"
          % (source.path, line, len(row), len(columns))
        )
      else:
        yield dict(zip(columns, row))
      line = reader.line_num + 1
  except csv.Error as error:
    raise InputError(
      "%s:%d: found a damaged row (%s), expected quotes around a text and "
      "doubled inside it" % (source.path, line, error)
    ) from error


def _in_capitals(names):
  return [name.strip('\ufeff" \r\n').upper() for name in names]


def _note(text):
  """Returns the paragraphs of a note; see `documents`."""
  text = _REPEATED.sub(r"\1", _DEIDENTIFIED.sub(_stand_in, text))
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
  "text": _read_text,
  "pubmed": _read_pubmed,
  "pmc": _read_pmc,
  "mimic": _read_mimic,
}
