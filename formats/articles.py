# SPDX-License-Identifier: Apache-2.0
"""Streams articles from PubMed's XML and from JATS, as PMC and others have it.

Only a few articles are in memory, however large the file. XML is parsed without
entities, DTDs and network, by other processes if the Source has any. Damaged
files raise InputError with path and line.
"""

import collections
import contextlib
import functools
import itertools
import re
import tarfile

from lxml import etree

from common import processes
from common.errors import InputError
from common.errors import caught
from common.errors import reject
from common.errors import until_failure
from formats import safe_xml
from formats import streams

# `position` is the number of bytes of the stored file that had been read when
# the article was complete; `id` and `title` are "" if there are none.
Article = collections.namedtuple("Article", "position id title paragraphs")

PUBMED = "a PubMed article set"
JATS = "JATS, the XML of PMC's articles"
_RECORDS = ("PubmedArticle", "PubmedBookArticle", "MedlineCitation")
_PUBMED_ROOTS = _RECORDS + (
  "PubmedArticleSet",
  "MedlineCitationSet",
  "PubmedBookArticleSet",
)
# End tags of the records in an outermost element.
_PUBMED_ENDS = {
  "PubmedArticleSet": (b"</PubmedArticle>", b"</PubmedBookArticle>"),
  "MedlineCitationSet": (b"</MedlineCitation>",),
  "PubmedBookArticleSet": (b"</PubmedBookArticle>",),
}
_JATS_ROOTS = ("article", "pmc-articleset", "OAI-PMH")
# Archived files with more bytes are not given to other processes.
_MAX_MEMBER = 1 << 23
_ARTICLE = re.compile(r"<(?:\w+:)?article[\s>]")
_FRONT = re.compile(r"<(?:\w+:)?front[\s>]")
# Ids of an article, the preferred kind first.
_IDS = ("pmid", "pmc", "pmcid", "pmcaid", "doi")

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
_TITLE = "front/article-meta/title-group/article-title"
_TEXT_OF_ARTICLE = (
  "front/article-meta/title-group/subtitle",
  "front/article-meta/abstract",
  "body",
  "floats-group",
)
_TRUNCATED = re.compile(r"\s*\(ABSTRACT TRUNCATED[^()]*\)\s*$")
_NO_LABELS = frozenset(["", "UNLABELLED", "UNLABELED", "UNASSIGNED"])


def _paragraphs(element, place):
  """Returns the cleaned paragraphs of an element, without empty ones."""
  safe_xml.check_entities(element, place)
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


# ------------------------------------------------------------ other processes


def _read_pieces(read, pieces, stream, source, counts):
  """Yields the Articles of a file whose pieces other processes read.

  Once a piece cannot be read, the file is read again as a stream: that tells
  what is wrong where, and has no other limits.

  Args:
    read: function of (blocks, place, counts, failed) that yields Articles.
    pieces: generator of (position, place, bytes); None: cannot be read so.
    stream: generator of the same Articles, not started.
    source: a streams.Source.
    counts: a Counter of what was left out.
  """
  before, number = counts.copy(), 0
  results = processes.ordered_map(
    functools.partial, [_read_piece, read], pieces, source.num_workers
  )
  with contextlib.closing(results):
    for result in results:
      if result is None:
        break
      articles, left_out = result
      yield from articles
      number += len(articles)
      counts.update(left_out)
    else:
      return
  counts.clear()
  counts.update(before)
  yield from itertools.islice(stream, number, None)


def _read_piece(read, piece):
  """Returns (Articles, counts) of a piece; None if it cannot be read."""
  if piece is None:
    return None
  position, place, data = piece
  counts = collections.Counter()
  try:
    found = list(read([data], place, counts, reject))
  except InputError:
    return None
  return [article._replace(position=position) for article in found], counts


# --------------------------------------------------------------------- PubMed


def read_pubmed(source, counts, failed=reject):
  """Yields the Articles of PubMed's XML, also those without an abstract.

  `paragraphs` are the parts of the abstract, each after its label ("METHODS: We
  ..."), as PubMed shows them. Brackets around a translated title are removed.
  English abstracts in OtherAbstract follow. Abstracts in other languages and
  the list of deleted records are left out and counted in `counts`. A record
  issued twice appears twice. `failed` is called with the InputError of a
  record; it may return.
  """
  stream = _stream_pubmed(source, counts, failed)
  pieces = _pubmed_pieces(source)
  yield from _read_pieces(_records, pieces, stream, source, counts)


def _stream_pubmed(source, counts, failed):
  for article in _records(source.blocks(), source.path, counts, failed):
    yield article._replace(position=source.position)


def _pubmed_pieces(source):
  """Yields the pieces of a file; see _read_pieces."""
  try:
    head = source.head()
    for piece in safe_xml.pieces(source.blocks(), head, _PUBMED_ENDS):
      yield piece and (source.position, source.path, piece)
  except InputError:
    yield None


def _records(blocks, place, counts, failed):
  """Yields the Articles of a file, with None as position."""
  tags = _RECORDS + ("DeleteCitation",)
  for element in safe_xml.elements(blocks, place, tags, _PUBMED_ROOTS, PUBMED):
    if element.tag == "DeleteCitation":
      counts["records listed as deleted"] += len(element)
    else:
      with caught(failed):
        yield _record(element, place, counts)


def _record(record, place, counts):
  """Returns the Article of a record, with None as position."""
  abstract = []
  for part in record.iter("AbstractText"):
    language = part.getparent().get("Language", "eng")
    if language != "eng":
      counts["abstracts in other languages"] += 1
      continue
    text = _TRUNCATED.sub("", " ".join(_paragraphs(part, place)))
    label = " ".join(part.get("Label", "").split()).rstrip(":")
    if text and label.upper() not in _NO_LABELS:
      text = _labelled(label, text)
    if text:
      abstract.append(text)
  titles = list(record.iter("ArticleTitle")) or list(record.iter("BookTitle"))
  title = " ".join(_paragraphs(titles[0], place)) if titles else ""
  bracketed = _IN_OWN_BRACKETS.fullmatch(title)
  if bracketed:
    title = "".join(bracketed.groups())
  if title == "Not Available.":
    title = ""
  number = next(record.iter("PMID"), None)
  name = "" if number is None else (number.text or "").strip()
  return Article(None, name, title, abstract)


def _labelled(label, text):
  """Returns a paragraph after its label, unless it begins with it already."""
  own = re.escape(label[:-1] if label[-1:] in "sS" else label)
  if re.match(own + r"s?\s*(?::|[.\u2013\u2014-]\s)", text, re.IGNORECASE):
    return text
  return "%s: %s" % (label, text)


# ----------------------------------------------------------------------- JATS


def read_jats(source, counts, failed=reject):
  """Yields the Articles of JATS files and of tar archives of them.

  JATS may have any namespace and any wrapper, such as OAI's. `paragraphs` are
  those of the abstracts (with section titles as labels) and of the body, with
  its titles, and the captions of figures and tables. A caption inside a
  paragraph follows the paragraph. Formulas, tables, notes, references,
  supplements and everything in `back` are left out; articles in other
  languages, replies and files that are not articles are counted in `counts`.
  `failed` is called with the InputError of an article, or of the rest of a file
  of an archive; it may return.
  """
  if source.is_tar():
    stream = _stream_archive(source, counts, failed)
    pieces = _archive_pieces(source, counts)
    yield from _read_pieces(_articles, pieces, stream, source, counts)
    return
  for article in _articles(source.blocks(), source.path, counts, failed):
    yield article._replace(position=source.position)


def is_jats(head):
  """Returns whether the beginning of a file may be that of JATS."""
  root = safe_xml.root_of(head)
  if root in _JATS_ROOTS or root in _PUBMED_ROOTS:
    return root in _JATS_ROOTS
  article = _ARTICLE.search(head)
  return bool(article and _FRONT.search(head, article.end()))


def is_pubmed(head):
  """Returns whether the beginning of a file is that of PubMed's XML."""
  return safe_xml.root_of(head) in _PUBMED_ROOTS


def _stream_archive(source, counts, failed):
  found = False
  try:
    for name, blocks, end in _archived_articles(source, counts):
      found = True
      place = "%s:%s" % (source.path, name)
      found_in_file = _articles(blocks, place, counts, failed)
      for article in until_failure(found_in_file, failed):
        yield article._replace(position=source.position_of(end))
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


def _archive_pieces(source, counts):
  """Yields the files of an archive as pieces; see _read_pieces."""
  found = False
  try:
    for name, blocks, end in _archived_articles(source, counts):
      found = True
      data = b"".join(itertools.islice(blocks, _MAX_MEMBER // streams.BLOCK))
      if next(blocks, None):
        yield None
        return
      place = "%s:%s" % (source.path, name)
      yield source.position_of(end), place, data
  except (InputError, tarfile.TarError):
    yield None
  if not found:
    yield None


def _archived_articles(source, counts):
  """Yields (name, blocks, offset of its end) of the articles in an archive."""
  for name, blocks, end in streams.members(source):
    first = next(blocks, b"")
    if name.endswith(".nxml") or is_jats(first.decode("utf-8-sig", "ignore")):
      yield name, itertools.chain([first], blocks), end
    else:
      counts["files in archives that are no articles"] += 1


def _articles(blocks, place, counts, failed):
  """Yields the Articles of a file, with None as position."""
  elements = safe_xml.elements(
    blocks,
    place,
    ("{*}article",),
    _JATS_ROOTS,
    JATS,
    # Rows and references may be most of an article.
    ("{*}tr", "{*}ref"),
  )
  for element in elements:
    _remove_namespace(element)
    with caught(failed):
      article = _article(element, place, counts)
      if article:
        yield article


def _remove_namespace(article):
  """Removes the namespace that an article's elements share with it."""
  namespace = etree.QName(article).namespace
  if namespace:
    for element in article.iter("{%s}*" % namespace):
      element.tag = etree.QName(element).localname


def _article(article, place, counts):
  """Returns an Article, None if it has no text or not in English."""
  language = article.get("{http://www.w3.org/XML/1998/namespace}lang", "en")
  if not language.lower().startswith("en"):
    counts["articles in other languages"] += 1
    return None
  for _ in article.iterfind("response"):
    counts["replies to articles"] += 1
  titles = [
    text for e in article.iterfind(_TITLE) for text in _paragraphs(e, place)
  ]
  paragraphs = []
  for path in _TEXT_OF_ARTICLE:
    for element in article.iterfind(path):
      read = _abstract if element.tag == "abstract" else _paragraphs
      paragraphs.extend(read(element, place))
  if not titles and not paragraphs:
    counts["articles without text"] += 1
    return None
  return Article(None, _id(article), " ".join(titles), paragraphs)


def _id(article):
  """Returns the id of an article by which it is known best."""
  ids = {
    element.get("pub-id-type", ""): (element.text or "").strip()
    for element in article.iterfind("front/article-meta/article-id")
  }
  return next((ids[kind] for kind in _IDS if ids.get(kind)), "")


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
      label = text.rstrip(":. ")
    else:
      paragraphs.append(_labelled(label, text) if label else text)
      label = ""
  return paragraphs
