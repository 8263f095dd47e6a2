# SPDX-License-Identifier: Apache-2.0
"""Reads unlabelled text of any kind that detect.py knows, as Documents.

A path names the file in error messages; the content says what it is.
"""

import collections
import json
import re

from absl import logging

from common import files
from common.errors import InputError
from common.errors import caught
from common.errors import first_five
from common.errors import reject
from common.errors import shorten
from common.errors import until_failure
from common.text import check_whole
from common.text import count_text
from common.text import decode
from common.text import load_json
from common.text import parse_json
from common.text import parse_json_line
from formats import articles
from formats import bioc
from formats import detect
from formats import documents
from formats import pubtator
from formats import streams
from formats import tables

# A Document (or what else is read), where it is from ("file:line"), and the
# number of bytes of the stored file that had been read when it was complete.
Found = collections.namedtuple("Found", "document place position")

# Columns of a document's id, the preferred one first.
_IDS = (
  "id _id guid uid pmid pubmed_id pmcid cord_uid doi doc_id document_id "
  "note_id row_id sentence_id pair_id pairid index idx"
).split()
_COLLECTION = re.compile('"(?:documents|PubTator3)"')
_MAX_JSON = 1 << 28  # bytes of JSON that is not in lines
_MAX_KNOWN = 200000  # ids to compare with: about 60 MB


def read(source, failed=reject):
  """Yields the documents of a file as Found, one at a time; ids are unique.

  See `stream` for the formats. An exact copy of a document is left out and
  counted. A different text under the same id is an error, except where ids
  belong to more than a text (tables, PubMed's XML and JATS): there it becomes
  id#2. Documents are compared with the last 200,000 before them.

  Args:
    source: a streams.Source.
    failed: called with the InputError of a text that can be left out: a line, a
      row of a table, lines of PubTator, a document of BioC, a record of PubMed,
      an article, and a text under the id of another. It may return.

  Raises:
    InputError: the file has no text, is none of these formats, or is damaged.
  """
  kind = detect.detect(source)
  dropped, is_empty = collections.Counter(), True
  may_repeat = kind in ("table", "pubmed", "pmc")
  stored = stream(source, kind, dropped, failed)
  for found in _unique(stored, source.path, may_repeat, failed):
    is_empty = False
    yield found
  for reason, number in dropped.items():
    logging.warning("%s: left out %s: %d", source.path, reason, number)
  if is_empty:
    raise InputError(
      "%s: found no text in %s, expected some"
      % (source.path, detect.KINDS[kind])
    )


def spread(examples, source, begin=0):
  """Yields examples that were read at once as Found.

  Their positions are spread evenly between `begin` and that of the source.
  """
  size = source.position - begin
  for number, example in enumerate(examples, 1):
    position = begin + size * number // len(examples)
    yield Found(example, source.path, position)


def names_of(source):
  """Returns the names of a table's columns or of a first object of JSON.

  They are in lower case. None stands for lines of text and for a table without
  a header, [] for formats whose text has no name.
  """
  kind = detect.detect(source, detect.TEXTS + ("rows",))
  if kind == "table":
    return detect.layout(source).names
  if kind == "json":
    value = next(json_values(source), (0, "", {}))[-1]
    return list(map(str.lower, value)) if isinstance(value, dict) else []
  return None if kind in ("text", "rows") else []


def stream(source, kind, dropped, failed=reject):
  """Yields the documents of a file as Found, one at a time.

  - text: a document or a sentence per line.
  - json: {"text": ..., "id": ...} in lines or in an array, the id being
    optional; other names as in tables. BioC's JSON.
  - table: CSV or TSV whose header names a text (detect.TEXT_COLUMNS), and maybe
    an id.
  - pubtator: id|t|title, id|a|abstract; annotations are ignored.
  - bioc, pubmed, pmc: see bioc.py and articles.py.

  A document without an id gets the number of its line, or of its record in an
  array. The text of a title and an abstract is title + " " + abstract, as
  PubTator's offsets count.

  Args:
    source: a streams.Source.
    kind: what detect.detect returned.
    dropped: a Counter of what was left out, by reason.
    failed: see `read`.
  """
  return _READERS[kind](source, dropped, failed)


def _read_lines(source, dropped, failed):
  del dropped
  for number, line in streams.lines(source, failed):
    if line.strip():
      document = documents.Document(str(number), line.rstrip("\r\n"), None)
      yield Found(document, _place(source, number), source.position)


def _read_table(source, dropped, failed):
  del dropped
  layout = detect.layout(source)
  logging.info(
    "%s: reads the text from %s, the id from %s, other columns are ignored",
    source.path,
    " and ".join(_text_columns(layout.names)) or "none",
    next((name for name in _IDS if name in layout.names), "the line"),
  )
  for number, cells in tables.stream(source, layout, failed):
    place = _place(source, number)
    values = {name: cell or None for name, cell in cells.items()}
    document = _document_of(values, number, place)
    yield Found(document, place, source.position)


def _read_json(source, dropped, failed):
  del dropped
  for number, place, value in json_values(source, failed):
    for document in _json_documents(value, number, place, failed):
      yield Found(document, place, source.position)


def _read_pubtator(source, dropped, failed):
  del dropped
  annotations = 0
  lines = (line for _, line in streams.lines(source))
  blocks = pubtator.blocks(lines, source.path, lambda _: caught(failed))
  for number, name, title, abstract, rows in blocks:
    text = title + " " + abstract if abstract else title
    document = documents.Document(name, text, title)
    yield Found(document, _place(source, number), source.position)
    annotations += len(rows)
  ignored = count_text(annotations, "annotation")
  logging.info("%s: ignored %s", source.path, ignored)


def _read_bioc(source, dropped, failed):
  del dropped
  for place, name, text, title in bioc.read_texts(source, failed):
    yield Found(documents.Document(name, text, title), place, source.position)


def _read_pubmed(source, dropped, failed):
  found = articles.read_pubmed(source, dropped, failed)
  for number, article in enumerate(found, 1):
    yield _found_article(article, number, " ", source.path)


def _read_jats(source, dropped, failed):
  found = articles.read_jats(source, dropped, failed)
  for number, article in enumerate(found, 1):
    yield _found_article(article, number, "\n\n", source.path)


def _found_article(article, number, separator, path):
  """Returns an Article as Found; `separator` stands between paragraphs."""
  text = separator.join(article.paragraphs)
  document = _titled(article.id or str(number), article.title, text)
  return Found(document, "%s, record %d" % (path, number), article.position)


def _titled(name, title, text):
  """Returns the Document of a title and an abstract, which may be empty."""
  return documents.Document(
    name, " ".join(filter(None, [title, text])), title or None
  )


def json_values(source, failed=reject):
  """Yields (number, place, value) of JSON lines, or of the items of an array.

  JSON lines are read one by one, anything else at once.

  Raises:
    InputError: it is no JSON, or too large to be read at once.
  """
  if is_json_lines(source.head()):
    for number, line in streams.lines(source, failed):
      if line.strip():
        place = _place(source, number)
        yield from until_failure(_line_items(line, number, place), failed)
    return
  data = files.gathered(source.blocks(), source.path, _MAX_JSON)
  value = parse_json(decode(data, source.path), source.path)
  yield from _items(value, 1, source.path)


def _line_items(line, number, place):
  yield from _items(parse_json_line(line, place), number, place)


def is_array(source):
  """Returns whether a file is JSON that is not in lines."""
  head = source.head()
  return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[" and (
    detect.detect(source, tuple(detect.KINDS)) == "json"
  )


def is_json_lines(head):
  """Returns whether JSON has a value per line, by its first bytes."""
  text = head.decode("utf-8-sig", "replace").lstrip()
  first, feed, _ = text.partition("\n")
  if not feed and len(head) >= streams.BLOCK:
    # A collection of BioC may be one long line.
    return first.startswith("{") and not _COLLECTION.search(first)
  try:
    load_json(first)
  except ValueError:
    return False
  return True


def _items(value, number, place):
  """Yields (number, place, value) of an array's items, or of another value."""
  if not isinstance(value, list):
    yield number, place, value
    return
  for number, item in enumerate(value, 1):
    yield number, "%s, record %d" % (place, number), item


def _json_documents(value, number, place, failed):
  """Yields the Documents of a value: a string, an object or a collection."""
  parts = bioc.json_documents(value)
  for index, part in enumerate(parts or [value], 1):
    with caught(failed):
      if parts:
        part_place = "%s, document %d" % (place, index)
        document = _bioc_document(part, number, part_place)
      else:
        document = _value_document(value, number, place)
      check_whole(document.id + document.text, place)
      yield document


def _value_document(value, number, place):
  """Returns the Document of a string or an object."""
  if isinstance(value, str):
    return documents.Document(str(number), value, None)
  if not isinstance(value, dict):
    raise InputError(
      '%s: found %s, expected an object with a string under "text"'
      % (place, shorten(json.dumps(value), 60))
    )
  values = {name.lower(): item for name, item in value.items()}
  return _document_of(values, number, place)


def _bioc_document(value, number, place):
  text, title = bioc.json_text(value, place)
  return documents.Document(_id_of(value, number, place), text, title)


def _document_of(values, number, place):
  """Returns the Document of a row or an object, {name in lower case: value}."""
  columns = _text_columns(values)
  if not columns:
    raise InputError(
      "%s: found %s, expected a text under one of %s"
      % (place, _describe(values), ", ".join(detect.TEXT_COLUMNS))
    )
  texts = [values[name] or "" for name in columns]
  for name, text in zip(columns, texts):
    if not isinstance(text, str):
      raise InputError(
        "%s: found %s under %s, expected a string"
        % (place, json.dumps(text)[:40], name)
      )
  name = _id_of(values, number, place)
  if columns[0] == "title":
    return _titled(name, texts[0], "".join(texts[1:]))
  return documents.Document(name, texts[0], None)


def _text_columns(names):
  """Returns the names of the columns that a text is made of, in order."""
  name = next((name for name in detect.TEXT_COLUMNS if name in names), None)
  if name == "abstract" and "title" in names:
    return ["title", "abstract"]
  return [name] if name else []


def _id_of(values, number, place):
  """Returns the id of a row or an object; without one it is its number."""
  found = (values[name] for name in _IDS if values.get(name) is not None)
  name = next(found, number)
  if name == "" or type(name) not in (str, int):
    raise InputError(
      "%s: found the id %r, expected a string or a whole number" % (place, name)
    )
  return str(name)


def _describe(values):
  """Returns a description of an object without a text, for messages."""
  if "paragraphs" in str(values.get("data"))[:10000]:
    return "SQuAD's questions"
  if "questions" in values:
    return "BioASQ's questions"
  return "the names %s" % (first_five(list(map(shorten, values))) or "(none)")


def _place(source, number):
  return "%s:%d" % (source.path, number)


def _unique(stored, path, may_repeat, failed):
  """Yields Found with unique ids; see `read`."""
  known = collections.OrderedDict()  # {id: (hash of the text, place)}
  copies, renamed, names = 0, 0, []
  for found in stored:
    document, place, _ = found
    name, number, content = document.id, 1, hash(document[1:])
    if not may_repeat and known.get(name, (content,))[0] != content:
      error = InputError(
        "%s: found the id %s of %s with another text, expected a different id "
        "for each text" % (place, shorten(name, 60), known[name][1])
      )
      failed(error)
      continue
    while name in known and known[name][0] != content:
      number += 1
      name = "%s#%d" % (document.id, number)
    if number > 1:
      renamed += 1
      names = (names + [name])[:6]
    if name in known:
      copies += 1
      continue
    known[name] = content, place
    if len(known) > _MAX_KNOWN:
      known.popitem(last=False)
    yield found._replace(document=document._replace(id=name))
  if copies:
    logging.warning(
      "%s: left out exact copies of other texts: %d", path, copies
    )
  if renamed:
    logging.warning(
      "%s: renamed %s with the id of another: %s",
      *(path, count_text(renamed, "text"), first_five(names)),
    )


_READERS = {
  "text": _read_lines,
  "json": _read_json,
  "table": _read_table,
  "pubtator": _read_pubtator,
  "bioc": _read_bioc,
  "pubmed": _read_pubmed,
  "pmc": _read_jats,
}
