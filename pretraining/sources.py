# SPDX-License-Identifier: Apache-2.0
"""Streams documents from files of biomedical text and splits their sentences.

Only one document at a time is in memory, however large the file. Compression
and archives are detected by content, not by name. Parts unsuitable for training
are left out and counted; damaged files raise InputError with path and line.

XML is parsed without entities, DTDs and network.
"""

import collections
import csv
import functools
import io
import itertools
import re
import tarfile
import zlib

from lxml import etree

from common.errors import InputError
from common.errors import shorten
from formats import splitting

FORMATS = ("text", "pubmed", "pmc", "mimic")
Text = collections.namedtuple("Text", "position paragraphs")

_BLOCK = 1 << 16  # bytes to read from the stored file at once
_MAX_INFLATED = 1 << 20  # bytes to decompress at once
_MAX_LINE = 1 << 24  # bytes of a line; also characters of a note
_MAX_TEXT = 1 << 20  # characters of a document of plain text

# Root elements and their formats.
_XML_ROOTS = {
  "PubmedArticleSet": "pubmed",
  "MedlineCitationSet": "pubmed",
  "PubmedBookArticleSet": "pubmed",
  "article": "pmc",
  "pmc-articleset": "pmc",
}
_PROLOGUE = re.compile(
  r"(?:\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>)*", re.DOTALL
)
_ROOT = re.compile(r"<([A-Za-z][\w.:-]*)(?=[\s/>])")
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

_SAFE_XML = {
  "resolve_entities": False,
  "load_dtd": False,
  "no_network": True,
  "huge_tree": False,
  "remove_comments": True,
  "remove_pis": True,
}
_MATH = "{http://www.w3.org/1998/Math/MathML}math"
# Elements that are not running text, or make no sense without other elements.
_SKIPPED = frozenset(
  "attrib chem-struct code disp-formula disp-formula-group DispFormula fn "
  "fn-group glossary label media object-id preformat ref-list sub-article "
  "supplementary-material table table-wrap-foot tex-math".split()
) | {_MATH}
_BLOCKS = frozenset(
  "body boxed-text caption def def-item def-list disp-quote fig fig-group "
  "floats-group list list-item p sec speech statement subtitle table-wrap "
  "table-wrap-group term title verse-group verse-line".split()
)
_FLOATS = frozenset(
  "boxed-text fig fig-group table-wrap table-wrap-group".split()
)
_FOOTNOTES = frozenset("aff author-notes corresp fn table-fn".split())

# XML cannot contain these characters, so they can mark places in its text.
_PARAGRAPH_END, _CITED, _CITED_END = "\x03", "\x01", "\x02"
_CITED_NUMBERS = re.compile(
  r"([\s\[(]*)(\d{1,3}[a-z]?(?:[\s,;\u2010-\u2015-]+\d{1,3}[a-z]?)*)([\s\])]*)"
)
_RUN = r"{mark}(?:{between}{mark})*".format(
  mark="\x01[^\x02]*\x02", between=r"(?:[\s,;&\u2010-\u2015\u2212-]|and\b)*"
)
_IN_BRACKETS = re.compile(
  r"\s*{group}(?:[\s,;\u2010-\u2015-]*{group})*".format(
    group=r"[\[(]\s*%s\s*[\])]" % _RUN
  )
)
_UNBRACKETED = re.compile(r"\s*" + _RUN)
_DOUBLED = re.compile(r"(?<=[\w)])([.,])\1(?=\s|\Z)")  # "et al.[1]."
# Text before a cited number that makes it part of the sentence or of brackets.
_NAMED_REFERENCE = re.compile(r"(?:\b[Rr]ef(?:s?\.?|erences?)|[\[(])\Z")
_POWER = re.compile(r"[+\u2212\u2013-]?\d+")
_LITERAL_TAG = re.compile(r"</?(?:i|b|u|em|strong|su[bp])>", re.IGNORECASE)
_IN_OWN_BRACKETS = re.compile(r"\[([^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\](\.?)")
_TEXT_OF_ARTICLE = (
  "front/article-meta/title-group/article-title",
  "front/article-meta/title-group/subtitle",
  "front/article-meta/abstract",
  "body",
  "floats-group",
)
_TRUNCATED = re.compile(r"\s*\(ABSTRACT TRUNCATED[^()]*\)\s*$")
_NO_LABELS = frozenset(["", "UNLABELLED", "UNLABELED", "UNASSIGNED"])

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
  source = _Source(path, open_file)
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
  if _root_of(text) or text.startswith(("<?xml", "<!")):
    return _format_of_root(_root_of(text), path)
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
  - pubmed: the title and the parts of the abstract, each after its label
    ("METHODS: We ..."), as PubMed shows them. Brackets around a translated
    title are removed. English abstracts in OtherAbstract follow. Abstracts in
    other languages, records without an abstract (sentence order needs more than
    a title) and the list of deleted records are left out and counted. A record
    issued twice appears twice.
  - pmc: the title, the abstracts (with section titles as labels), the titles
    and paragraphs of the body, and the captions of figures and tables. A
    caption inside a paragraph follows the paragraph. Formulas, tables, notes,
    references, supplements and everything in `back` are left out; articles in
    other languages, replies and files that are not articles are counted.
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
  source = _Source(path, open_file)
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
  for _, line in _lines(source):
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


def _lines(source):
  """Yields (number, line with its line feed) of a file in UTF-8."""
  rest, number = b"", 1
  for block in itertools.chain(source.blocks(), [b""]):
    data = rest + block
    end = data.rfind(b"\n") + 1 if block else len(data)
    rest = data[end:]
    if len(rest) > _MAX_LINE:
      raise InputError(
        "%s:%d: found a line of more than 16 MiB, expected a sentence a line"
        % (source.path, number)
      )
    for line in io.StringIO(_decode(data[:end], source.path, number), "\n"):
      yield number, line
      number += 1


def _decode(data, path, first_line):
  """Decodes complete lines; `first_line` is the number of the first."""
  wrong = data.find(b"\0")
  try:
    text = data.decode("utf-8")
  except UnicodeDecodeError as error:
    wrong = error.start
  if wrong < 0:
    return text
  raise InputError(
    "%s:%d: found byte 0x%02x, expected text in UTF-8"
    % (path, first_line + data.count(b"\n", 0, wrong), data[wrong])
  )


# ------------------------------------------------------------------------ XML


def _elements(blocks, place, format, tags):
  """Yields the elements with these tags as soon as they are complete."""
  parser = etree.XMLPullParser(events=("end",), tag=tags, **_SAFE_XML)
  try:
    for block in blocks:
      parser.feed(block)
      for _, element in parser.read_events():
        yield element
    root = parser.close()
  except etree.XMLSyntaxError as error:
    found = (error.msg or "none").split("\n")[0].split(", line ")[0]
    raise InputError(
      "%s:%d: found damaged XML (%s), expected it whole"
      % (place, error.lineno or 1, found)
    ) from error
  if _format_of_root(root.tag, place) != format:
    raise InputError(
      "%s: found <%s> as the outermost element, expected the format %s"
      % (place, root.tag, format)
    )


def _root_of(text):
  """Returns the tag of the root element of XML, "" if there is none."""
  root = _ROOT.match(text, _PROLOGUE.match(text).end())
  return root.group(1) if root else ""


def _format_of_root(tag, place):
  if tag not in _XML_ROOTS:
    found = "<%s>" % tag if tag else "nothing"
    roots = " or ".join("<%s>" % root for root in sorted(_XML_ROOTS))
    raise InputError(
      "%s: found %s as the outermost element, expected %s"
      % (place, found, roots)
    )
  return _XML_ROOTS[tag]


def _paragraphs(element, place):
  """Returns the cleaned paragraphs of an element, without empty ones."""
  for entity in element.iter(etree.Entity):
    raise InputError(
      "%s:%d: found the entity %s, expected the character itself"
      % (place, entity.sourceline, shorten(entity.text))
    )
  pieces = []
  _pour(element, pieces)
  parts = map(_clean, "".join(pieces).split(_PARAGRAPH_END))
  return list(filter(None, parts))


def _clean(text):
  """Removes marks, tags and extra white space from a paragraph."""
  if _CITED in text:
    text = _UNBRACKETED.sub(_without, _IN_BRACKETS.sub(_without, text))
    text = _DOUBLED.sub(r"\1", text)
  if "<" in text:
    text = _LITERAL_TAG.sub("", text)
  return " ".join(text.split())


def _pour(element, pieces):
  """Appends the text of an element, with marks, to pieces."""
  tag = element.tag
  if tag in _SKIPPED:
    return
  if tag == "xref":
    _pour_reference(element, pieces)
  elif tag == "sup":
    _pour_superscript(element, pieces)
  elif tag in _BLOCKS:
    pieces.append(_PARAGRAPH_END)
    _pour_content(element, pieces)
    pieces.append(_PARAGRAPH_END)
  else:
    _pour_content(element, pieces)
    if tag == "break":
      pieces.append(" ")


def _pour_content(element, pieces):
  """Appends the content of an element; floats follow their paragraph."""
  floats = []
  if element.text:
    pieces.append(element.text)
  for child in element:
    in_the_way = child.tag in _FLOATS and element.tag == "p"
    _pour(child, floats if in_the_way else pieces)
    if child.tail:
      pieces.append(child.tail)
  pieces.extend(floats)


def _pour_reference(element, pieces):
  """Appends a cross-reference; marks cited numbers."""
  kind, text = element.get("ref-type"), "".join(element.itertext())
  cited = _CITED_NUMBERS.fullmatch(text)
  if kind in _FOOTNOTES:
    return
  if kind != "bibr" or not cited:
    _pour_content(element, pieces)
  elif element.find(".//sup") is not None:
    pieces.append(_CITED + _CITED_END)
  else:
    before, numbers, after = cited.groups()
    pieces.append(before + _CITED + numbers + _CITED_END + after)


def _pour_superscript(element, pieces):
  """Appends a superscript; replaces citations in it by marks."""
  references = {xref.get("ref-type") for xref in element.iter("xref")}
  if "bibr" in references:
    pieces.append(_CITED + _CITED_END)
  elif not references & _FOOTNOTES:
    raised = []
    _pour_content(element, raised)
    text = "".join(raised)
    after_digit = pieces and pieces[-1][-1:].isdigit()
    is_power = after_digit and _POWER.fullmatch(text.strip())
    pieces.append("(%s)" % text.strip() if is_power else text)


def _without(match):
  """Returns the replacement for cited numbers."""
  text, (start, end) = match.string, match.span()
  if _NAMED_REFERENCE.search(text, max(0, start - 12), start):
    return match.group().replace(_CITED, "").replace(_CITED_END, "")
  before, after = text[start - 1 : start], text[end : end + 1]
  return " " if before.isalnum() and (after.isalnum() or after == "(") else ""


# --------------------------------------------------------------------- PubMed


def _read_pubmed(source, counts):
  tags = (
    "PubmedArticle",
    "PubmedBookArticle",
    "MedlineCitation",
    "DeleteCitation",
  )
  for element in _elements(source.blocks(), source.path, "pubmed", tags):
    parent = element.getparent()
    if parent is None or parent.tag == "PubmedArticle":
      continue  # complete only with its parent
    if element.tag == "DeleteCitation":
      counts["records listed as deleted"] += len(element)
    else:
      paragraphs = _record(element, source.path, counts)
      if paragraphs:
        yield Text(source.position, paragraphs)
    element.clear()
    while element.getprevious() is not None:
      del parent[0]


def _record(record, place, counts):
  """Returns the paragraphs of a record, [] if it has no abstract."""
  abstract = []
  for part in record.iter("AbstractText"):
    language = part.getparent().get("Language", "eng")
    if language != "eng":
      counts["abstracts in other languages"] += 1
      continue
    text = _TRUNCATED.sub("", " ".join(_paragraphs(part, place)))
    label = " ".join(part.get("Label", "").split()).rstrip(":")
    if text and label.upper() not in _NO_LABELS:
      text = "%s: %s" % (label, text)
    if text:
      abstract.append(text)
  if not abstract:
    counts["records without an abstract"] += 1
    return []
  titles = list(record.iter("ArticleTitle")) or list(record.iter("BookTitle"))
  title = " ".join(_paragraphs(titles[0], place)) if titles else ""
  bracketed = _IN_OWN_BRACKETS.fullmatch(title)
  if bracketed:
    title = "".join(bracketed.groups())
  if title == "Not Available.":
    title = ""
  return [title] * bool(title) + abstract


# ------------------------------------------------------------------------ PMC


def _read_pmc(source, counts):
  if source.is_tar():
    yield from _read_archive(source, counts)
    return
  for paragraphs in _articles(source.blocks(), source.path, counts):
    yield Text(source.position, paragraphs)


def _read_archive(source, counts):
  found = False
  try:
    for name, blocks, end in _members(source):
      first = next(blocks, b"")
      root = _root_of(first.decode("utf-8-sig", "ignore"))
      if name.endswith(".nxml") or _XML_ROOTS.get(root) == "pmc":
        found = True
        place = "%s:%s" % (source.path, name)
        blocks = itertools.chain([first], blocks)
        for paragraphs in _articles(blocks, place, counts):
          yield Text(source.position_of(end), paragraphs)
      else:
        counts["files in archives that are no articles"] += 1
  except tarfile.TarError as error:
    raise InputError(
      "%s: found a damaged archive (%s), expected it whole"
      % (source.path, error)
    ) from error
  if not found:
    raise InputError(
      "%s: found an archive without an article, expected JATS files (.nxml)"
      % source.path
    )


def _members(source):
  """Yields (name, blocks of content, offset of its end) of archived files."""
  with tarfile.open(
    fileobj=source, mode="r|", bufsize=_BLOCK, tarinfo=_Member
  ) as archive:
    for member in iter(archive.next, None):
      archive.members.clear()  # Otherwise the list would grow.
      if member.isfile():
        content = archive.extractfile(member)
        blocks = iter(functools.partial(content.read, _BLOCK), b"")
        yield member.name, blocks, member.offset_data + member.size


def _articles(blocks, place, counts):
  for element in _elements(blocks, place, "pmc", ("article", "tr", "ref")):
    if element.tag == "article":
      paragraphs = _article(element, place, counts)
      if paragraphs:
        yield paragraphs
    element.clear()  # Rows and references may be most of an article.


def _article(article, place, counts):
  """Returns the paragraphs of an article, [] if there are none."""
  language = article.get("{http://www.w3.org/XML/1998/namespace}lang", "en")
  if not language.lower().startswith("en"):
    counts["articles in other languages"] += 1
    return []
  for _ in article.iterfind("response"):
    counts["replies to articles"] += 1
  paragraphs = []
  for path in _TEXT_OF_ARTICLE:
    for element in article.iterfind(path):
      read = _abstract if element.tag == "abstract" else _paragraphs
      paragraphs.extend(read(element, place))
  if not paragraphs:
    counts["articles without text"] += 1
  return paragraphs


def _abstract(abstract, place):
  """Returns the paragraphs of an abstract, labelled with section titles."""
  for title in abstract.findall("title"):
    abstract.remove(title)  # "Abstract"
  titles = {
    text for e in abstract.iter("title") for text in _paragraphs(e, place)
  }
  label, paragraphs = "", []
  for text in _paragraphs(abstract, place):
    if text in titles:
      label = text.rstrip(":. ") + ": "
    else:
      paragraphs.append(label + text)
      label = ""
  return paragraphs


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
  csv.field_size_limit(_MAX_LINE)
  reader = csv.reader((line for _, line in _lines(source)), strict=True)
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


# -------------------------------------------------------------------- sources


class _Source:
  """Reads the decompressed content of a file.

  `position` is the number of bytes of the stored file read in this pass.
  """

  def __init__(self, path, open_file):
    self.path = path
    self.position = 0
    self._open_file = open_file
    self._unread = None  # blocks that read() has not reached
    self._rest = b""
    # Pairs of bytes returned by read() and the position at that time.
    self._ends = collections.deque()
    self._given = 0

  def blocks(self):
    """Yields the content in blocks, from the beginning."""
    stored = self._stored()
    first = next(stored, b"")
    if not first:
      raise InputError("%s: found an empty file, expected text" % self.path)
    blocks = itertools.chain([first], stored)
    if first.startswith(b"\x1f\x8b"):
      blocks = self._inflated(blocks)
    return blocks

  def head(self):
    """Returns the first 64 KiB or more of the content, if there are as many."""
    head = b""
    for block in self.blocks():
      head += block
      if len(head) >= _BLOCK:
        break
    return head

  def is_tar(self):
    """Returns whether the content is a tar archive."""
    return self.head()[257:262] == b"ustar"

  def read(self, size):
    """Returns up to `size` bytes, b"" at the end: a file object for tarfile."""
    if self._unread is None:
      self._unread = self.blocks()
    if not self._rest:
      self._rest = next(self._unread, b"")
      self._given += len(self._rest)
      self._ends.append((self._given, self.position))
    data, self._rest = self._rest[:size], self._rest[size:]
    return data

  def position_of(self, offset):
    """Returns the position when read() reached an offset.

    Calls must have ascending offsets.
    """
    while len(self._ends) > 1 and self._ends[0][0] < offset:
      self._ends.popleft()
    return self._ends[0][1]

  def _stored(self):
    """Yields the stored file in blocks and counts their bytes."""
    self.position = 0
    try:
      with self._open_file(self.path, "rb") as f:
        for block in iter(functools.partial(f.read, _BLOCK), b""):
          self.position += len(block)
          yield block
    except OSError as error:
      raise InputError(
        "%s: cannot be read (%s)" % (self.path, error.strerror or error)
      ) from error

  def _inflated(self, blocks):
    """Yields the content of gzip members in blocks of at most 1 MiB."""
    inflater = None
    for data in blocks:
      while data:
        if inflater is None:
          data = data.lstrip(b"\0")  # gzip allows zeros after a member
          if not data:
            break
          inflater = zlib.decompressobj(31)
        try:
          block = inflater.decompress(data, _MAX_INFLATED)
        except zlib.error as error:
          raise InputError(
            "%s: found damaged gzip data (%s) before byte %d, expected it "
            "whole" % (self.path, error, self.position)
          ) from error
        if block:
          yield block
        # The inflater returns all that it holds before it takes in a member's
        # last bytes.
        data = inflater.unconsumed_tail
        if inflater.eof:
          data, inflater = inflater.unused_data, None
    if inflater is not None:
      raise InputError(
        "%s: found gzip data cut short at byte %d, expected it whole"
        % (self.path, self.position)
      )


class _Member(tarfile.TarInfo):
  """Reads archive headers; tarfile takes a damaged one for the end."""

  @classmethod
  def fromtarfile(cls, archive):
    try:
      return super().fromtarfile(archive)
    except tarfile.EOFHeaderError:
      raise
    except tarfile.HeaderError as error:
      raise tarfile.ReadError(str(error)) from error


_READERS = {
  "text": _read_text,
  "pubmed": _read_pubmed,
  "pmc": _read_pmc,
  "mimic": _read_mimic,
}
