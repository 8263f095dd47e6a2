# SPDX-License-Identifier: Apache-2.0
"""Decides what a file is, from its first bytes and the shape of its lines.

Text is text because it looks like text: most of its lines have no tabs, and it
is no markup, no JSON and none of the formats that are known by name. What no
program can read is refused by its name.
"""

import codecs
import collections
import csv
import re

from common.errors import InputError
from formats import articles
from formats import pubtator
from formats import safe_xml
from formats import streams
from formats import tables

# Kinds of files, and what messages call them.
KINDS = {
  "text": "plain text",
  "json": "JSON",
  "table": "a table with a header",
  "rows": "columns separated by tabs without a header that names a text",
  "words": "words one per line, with or without tags",
  "pubtator": "PubTator",
  "bioc": "BioC's XML",
  "pubmed": "PubMed's XML",
  "pmc": "JATS",
}
# Kinds that hold texts by themselves.
TEXTS = ("text", "json", "table", "pubtator", "bioc", "pubmed", "pmc")
# What programs read, where it differs from KINDS.
_EXPECTED = {
  "table": "CSV or TSV with a header that has text, sentence or abstract",
  "rows": "columns separated by tabs",
  "words": "words and tags",
  "bioc": "BioC",
}
_EMPTY = "no text, the file is empty"
_TAR = "a tar archive"

# A table's form: the delimiter, whether quotes enclose cells as in CSV, and the
# names in the header, in lower case.
Layout = collections.namedtuple("Layout", "delimiter quoted names")

# The columns of a text, the preferred one first. An abstract follows its title.
TEXT_COLUMNS = (
  "text sentence sentence1 passage snippet content body abstract title note "
  "note_text report"
).split()
# The first columns of texts that come in pairs.
_PAIRS = "sent1 text_a premise question".split()

_LINES = 200  # At most so many lines are looked at.
_CSV_NAME = re.compile(r"\.csv(\.gz)?$", re.IGNORECASE)
_JSON_NAME = re.compile(r"\.(json|jsonl|ndjson)(\.gz)?$", re.IGNORECASE)
_CHECKPOINT = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$|ckpt-\d+$")

# First bytes of binary files.
_MAGIC = (
  (b"%PDF-", "a PDF"),
  (b"\xd0\xcf\x11\xe0", "a document of Word, Excel or PowerPoint"),
  (b"\x1f\x8b", "gzip inside gzip"),
  (b"BZh", "a bzip2 file"),
  (b"\xfd7zXZ", "an xz file"),
  (b"7z\xbc\xaf", "a 7z archive"),
  (b"Rar!", "a RAR archive"),
  (b"\x28\xb5\x2f\xfd", "a zstd file"),
  (b"\x89PNG", "a picture"),
  (b"\xff\xd8\xff", "a picture"),
  (b"GIF8", "a picture"),
  (b"\x89HDF", "an HDF5 file"),
  (b"\x93NUMPY", "an array of NumPy"),
  (b"PAR1", "a Parquet file"),
  (b"ARROW1", "an Arrow file"),
  (b"SQLite format", "a database"),
  (b"%!PS", "PostScript"),
  (b"\x80\x02", "a pickle of Python"),
  (b"\x80\x03", "a pickle of Python"),
  (b"\x80\x04", "a pickle of Python"),
  (b"\x80\x05", "a pickle of Python"),
  (b"\x7fELF", "a program"),
)
_ZIPS = (
  (b"word/", "a Word document"),
  (b"xl/", "an Excel sheet"),
  (b"ppt/", "a PowerPoint file"),
  (b"opendocument", "an OpenDocument file"),
  (b".npy", "arrays of NumPy"),
)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

# Text formats that are known by their first lines. ^ is any line's beginning,
# \A the first one's.
_NAMED = tuple(
  (re.compile(pattern, re.MULTILINE), name)
  for pattern, name in (
    (r"\A\s*\{\\rtf", "RTF"),
    (r"^TY {1,2}- \w", "RIS"),
    (r"^PMID- ?\d", "MEDLINE's text form"),
    (r"\A\s*%0 [A-Z]", "EndNote"),
    (r"\A\s*FN (Clarivate|Thomson|ISI)", "records of Web of Science"),
    (
      r"^@(?i:article|book|booklet|conference|inbook|incollection|inproceedings|"
      r"manual|mastersthesis|misc|online|phdthesis|proceedings|string|"
      r"techreport|unpublished)\s*[{(]",
      "BibTeX",
    ),
    (
      r"^\s*\\(documentclass|usepackage|begin\{(document|abstract)\}|"
      r"(sub)?section\*?\{|chapter\*?\{|newcommand|maketitle)",
      "LaTeX",
    ),
    (
      r"^# ?(global\.columns|newdoc id|newpar id|sent_id|text) ?= ?\S",
      "CoNLL-U",
    ),
    (r"\A\s*>\S.*\r?\n([A-Z*-]+|[acgtun]+)\r?$", "FASTA"),
    (r"\Asep=.\s*$", "a CSV file whose first line is not its header (sep=)"),
    (r"\A\s*@\S.*\r?\n[ACGTUN.]+\r?\n\+", "FASTQ"),
    (r"\ALOCUS {3,}\S", "a GenBank record"),
    (r"\A##(fileformat|gff)", "a table of variants or genes"),
    (r"\A@(HD|SQ)\t", "SAM"),
    (r"\Aformat-version: ", "an ontology in OBO"),
    (r"\A#!", "a script"),
    (r"\Amodel_checkpoint_path: ", "a file of a checkpoint"),
    (
      r"\A(MIME-Version: |From: <Saved by|Return-Path: |Received: |"
      r"Delivered-To: |Message-ID: )",
      "an e-mail",
    ),
    (r"\A\s*\[?\s*\{\s*'\w+'\s*:", "a dict of Python"),
    (
      r"\A\"?\d[\w.:-]*\"?(,\"?[\w.: -]{0,40}\"?){2,},\"",
      "rows separated by commas without their header",
    ),
  )
)
_PUBTATOR = re.compile(r"\d+\|[ta]\|")
# Shapes of lines; most lines of the file have one.
_SHAPES = (
  (re.compile(r"\d+(?:[-.]\d+)?(?:\t[^\t]+){9}\s*$"), "CoNLL-U"),
  (
    re.compile(r"(?:T\d+\t\S+ \d+ \d+[^\t]*\t|[REAMN]\d+\t\S+[ :]|[#*]\S*\t)"),
    "brat's annotations (.ann)",
  ),
  (re.compile(r'c="[^"]*" \d+:\d+ \d+:\d+\|\|'), "concepts of i2b2"),
  (
    re.compile(
      r"[IWEFD]\d{4} \d\d:\d\d:\d\d\.\d+ |"
      r"\[?(DEBUG|INFO|WARN(ING)?|ERROR|FATAL|CRITICAL)\b[\]:]|"
      r"\W?\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d[.,]\d{3}|.{0,60}?"
      r"(\b(DEBUG|INFO|NOTICE|WARN(ING)?|ERROR|FATAL|CRITICAL)\b|"
      r"\[(debug|info|notice|warn(ing)?|error|fatal|critical)\]))|"
      r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ \S+(\[\d+\])?: |"
      r"\d+\.\d+\.\d+\.\d+ \S+ \S+ \[\d"
    ),
    "a log",
  ),
)
_HTML_TAGS = (
  "a article aside body button div dl footer form h[1-6] head header html "
  "iframe li main meta link nav ol p script section span style svg table tbody "
  "td th title tr ul"
).replace(" ", "|")
_HTML = re.compile(
  rf"</(?:{_HTML_TAGS})>|<(?:{_HTML_TAGS})(?:\s+[\w:-]+=[^<>]*)/?>|"
  r"<br ?/?>|<!doctype html|<(?:html|head|body)>",
  re.IGNORECASE,
)
_HTML_START = re.compile(
  r"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE
)
_XML_START = re.compile(r"<(?:\?xml|!DOCTYPE)\b", re.IGNORECASE)
_INLINE = "b em i sc strong sub sup u".split()  # Also in plain titles.
_JSON_STRING = r'"(?:[^"\\\n]|\\.)*"'
_JSON = re.compile(
  r"\{\s*(?:{string}\s*:|\}\s*\Z)|"
  r"\[\s*(?:\{\s*[}\"]|\]\s*\Z|{string}\s*[,\]]|"
  r"\[\s*(?:{string}|-?[\d.]+)\s*[,\]]|[-\d.eE,\s]+\]\s*\Z)".replace(
    "{string}", _JSON_STRING
  )
)
_HEADER_CELL = re.compile(r"(?:\w[\w .()/%#+:*-]{0,39}(?<!\.))?")
# The endings .csv and .tsv of tables with a single column, by delimiter.
_ONE = {"\t": "t", ",": "c", ";": ""}
_TAG = re.compile(r"O|[BIESLUMW](?:[-_]\S+)?|\S+-[BIESLUMW]")
_DOCUMENT_MARK = re.compile(r"-DOCSTART-|###MEDLINE:")


def detect(source, reads=TEXTS):
  """Returns which of `reads`, names of KINDS, a file is.

  Args:
    source: a streams.Source; its path counts where its content does not tell.
    reads: the kinds that the caller reads.

  Raises:
    InputError: it is empty, binary, or anything else; the message names it.
  """
  kind = _find_kind(source.head(), source.path)
  if kind == _TAR and "pmc" in reads:
    return "pmc"
  if kind in reads:
    return kind
  raise _refusal(source.path, kind, reads)


def reject_others(data, path, reads):
  """Raises InputError if a file's bytes are surely none of `reads`.

  What may be a damaged file of these kinds is left to its reader, which knows
  the line.
  """
  kind = _find_kind(data, path)
  if kind not in set(reads) | {_EMPTY, "text", "table", "rows", "words"}:
    raise _refusal(path, kind, reads)


def layout(source):
  """Returns the Layout of a table; InputError if its header names no text."""
  head = source.head()
  found = _layout(_first_lines(_decode(head), _is_whole(head)), source.path)
  if found is None:
    raise InputError(
      "%s:1: found no header that names a text, expected one of %s in it"
      % (source.path, ", ".join(TEXT_COLUMNS))
    )
  return found


def _refusal(path, kind, reads):
  """Returns an InputError that names what was found and what is read."""
  *most, last = [_EXPECTED.get(name, KINDS[name]) for name in reads]
  expected = " or ".join(filter(None, [", ".join(most), last]))
  return InputError(
    "%s: found %s, expected %s" % (path, KINDS.get(kind, kind), expected)
  )


def _is_whole(head):
  return len(head) < streams.BLOCK


def _find_kind(head, path):
  """Returns one of KINDS, or the name of something else."""
  whole = _is_whole(head)
  if head[257:262] == b"ustar":
    return _TAR
  found = _find_binary(head, path)
  if found:
    return found
  text = _decode(head)
  lines = _first_lines(text, whole)
  if not lines:
    return _EMPTY
  text = text.strip() if whole else text.lstrip()
  beginning = "\n".join(lines)
  named = (name for shape, name in _NAMED if shape.search(beginning))
  return (
    _find_markup(text, lines)
    or _find_json(text, path)
    or next(named, None)
    or _find_lines(lines, path)
  )


def _decode(head):
  """Decodes the beginning of a file; whoever reads it reports damage."""
  return head.decode("utf-8-sig", "replace")


def _first_lines(text, whole):
  """Returns the first lines that are not blank, without one that is cut."""
  lines = text.split("\n")
  if not whole and len(lines) > 1:
    lines.pop()
  return [line.rstrip("\r") for line in lines if line.strip()][:_LINES]


def _find_binary(head, path):
  """Returns the name of a binary file; None for text."""
  for magic, name in _MAGIC:
    # A text may begin with PAR1, the receptor.
    if head.startswith(magic) and not (magic.isalnum() and _is_utf8(head)):
      return name
  if head.startswith(b"PK\x03\x04"):
    inside = (name for part, name in _ZIPS if part in head)
    return next(inside, "a ZIP archive")
  if head.startswith(_UTF16):
    return "UTF-16 text"
  if b"\0" not in head:
    return None
  if _CHECKPOINT.search(path):
    return "a file of a checkpoint"
  halves = [head[i:64:2] for i in (0, 1)]
  if any(not half.strip(b"\0") for half in halves) and any(
    b"\0" not in half for half in halves
  ):
    return "UTF-16 text"
  # The length of a record, its checksum, and an Example's first field.
  if head[3:8] == bytes(5) and head[12:13] == b"\n":
    return "a TFRecord file"
  return "a binary file"


def _is_utf8(head):
  """Returns whether the first bytes are text, perhaps cut in a character."""
  try:
    return "\0" not in codecs.getincrementaldecoder("utf-8")().decode(head)
  except UnicodeDecodeError:
    return False


def _find_markup(text, lines):
  """Returns the kind or name of XML and HTML; None for anything else."""
  root = safe_xml.root_of(text)
  if articles.is_pubmed(text):
    return "pubmed"
  if root == "collection" and re.search(r"<document>|BioC\.dtd", text):
    return "bioc"
  html = sum(bool(_HTML.search(line)) for line in lines)
  start = safe_xml.skip_prologue(text)
  if _HTML_START.match(text, start) or _HTML_START.search(text, 0, start):
    return "an HTML page"
  is_xml = _is_xml(text, root)
  if is_xml and articles.is_jats(text):
    return "pmc"
  if is_xml and not re.fullmatch(_HTML_TAGS, root, re.IGNORECASE):
    return "XML with %s as the outermost element" % (
      "<%s>" % root if root else "nothing"
    )
  if is_xml or _HTML.match(text) or 4 * html > len(lines):
    return "an HTML page"
  return None


def _is_xml(text, root):
  """Returns whether a text is XML, not a sentence that begins with a tag."""
  if _XML_START.match(text):
    return True
  if not root or root in _INLINE:
    return False
  end = re.search(r"</(?:[\w.-]+:)?%s\s*>" % re.escape(root), text)
  if not end:
    return text[text.index(">") + 1 :].lstrip().startswith("<")
  return not text[end.end() :].strip() or bool(
    re.match(r"\s*\n\s*<", text[end.end() :])
  )


def _find_json(text, path):
  if _JSON.match(text) or _JSON_NAME.search(path):
    return "json"
  return None


def _find_lines(lines, path):
  """Returns the kind or name of a file from the shape of its lines."""
  if pubtator.TEXT_LINE.fullmatch(lines[0]) or any(
    map(_PUBTATOR.match, lines[:20])  # Its reader names the lines before.
  ):
    return "pubtator"
  if _DOCUMENT_MARK.match(lines[0]):
    return "words"
  for shape, name in _SHAPES:
    if 2 * sum(bool(shape.match(line)) for line in lines) > len(lines):
      return name
  if _layout(lines, path):
    return "table"
  with_tabs = [line for line in lines if "\t" in line.strip()]
  if 2 * len(with_tabs) > len(lines):
    rows = [line.split("\t") for line in with_tabs]
    return "words" if _are_words(rows) else "rows"
  if _are_commas(lines, path):
    return "columns separated by commas without a header that names a text"
  rows = [line.split() for line in lines]
  # "Hepatitis B" and "Vitamin E" are no words with tags.
  if {"O"} < {row[-1] for row in rows} and _are_words(rows):
    return "words"
  if _are_single_words(rows):
    return "words"
  return "text"


def _are_words(rows):
  """Returns whether nine in ten rows are a word and its tag."""
  fit = [
    2 <= len(row) <= 4 and " " not in row[0] and _TAG.fullmatch(row[-1].strip())
    for row in rows
  ]
  return 10 * sum(map(bool, fit)) >= 9 * len(rows)


def _are_single_words(rows):
  """Returns whether these are the words of sentences, one a line."""
  words = [row[0] for row in rows if len(row) == 1]
  return 5 <= len(words) == len(rows) and any(word in ".,;:" for word in words)


def _are_commas(lines, path):
  """Returns whether lines are rows of CSV."""
  sizes = [len(_cells(line, ",")) for line in lines[:2]]
  if _CSV_NAME.search(path) and max(sizes) > 1:
    return True
  names = re.fullmatch(r"[A-Za-z_][\w.-]*(,[A-Za-z_][\w.-]*){2,}", lines[0])
  return bool(names) and sizes[:1] * 2 == sizes


def _layout(lines, path):
  """Returns the Layout of these lines; None if the first names no text."""
  ending = re.search(r"\.([ct])sv(\.gz)?$", path.lower())
  for delimiter in "\t,;":
    cells = _cells(lines[0], delimiter) if lines else []
    names = [cell.strip().lower() for cell in cells]
    if not set(names) & set(TEXT_COLUMNS + _PAIRS):
      continue
    if not all(map(_HEADER_CELL.fullmatch, names)):
      continue
    if len(names) == 1 and not (ending and ending.group(1) in _ONE[delimiter]):
      continue
    if delimiter != "\t":
      # A sentence may begin like this too: "Abstract, title and text ...".
      apart = any(cell.startswith(" ") for cell in cells)
      if not (apart and len(_cells("".join(lines[1:2]), delimiter)) < 2):
        return Layout(delimiter, True, names)
    else:
      return Layout(delimiter, _are_quoted(lines), names)
  return None


def _cells(line, delimiter):
  """Returns the cells of a line of CSV; [] if its quotes are damaged."""
  try:
    return next(csv.reader([line], delimiter=delimiter), [])
  except csv.Error:
    return []


def _are_quoted(lines):
  """Returns whether lines of columns separated by tabs have CSV's quotes.

  Otherwise a quotation mark is a character of the text. Without the last lines
  none of them ends inside a cell.
  """
  sizes = range(len(lines), max(len(lines) - 20, 1), -1)
  if len(lines) <= 20:
    sizes = sizes[:1]
  return any(tables.is_quoted("\n".join(lines[:n]), "\t") for n in sizes)
