# SPDX-License-Identifier: Apache-2.0
"""Parses untrusted XML: loads no DTD, resolves no entity, uses no network.

Memory is bounded. libxml2 itself limits the depth of elements and the size of a
tag, a name and a piece of text; MAX_SIZE and MAX_MARKUP limit what has to be in
memory at the same time.
"""

import codecs
import re

from lxml import etree

from common.errors import InputError
from common.errors import shorten

# Limits of a record, or of a file that is not read record by record. PubMed's
# records have kilobytes, the largest articles of PMC some 20 MB. Markup costs
# most: an element of 4 bytes takes 120 in memory, so the second limit is about
# 1 GB, and allows a mark every 10 bytes in an article of 40 MB.
MAX_SIZE = 1 << 26  # bytes
MAX_MARKUP = 1 << 22  # tags, attributes and entities, counted by "<", "=", "&"

_OPTIONS = {
  "resolve_entities": False,
  "load_dtd": False,
  "no_network": True,
  "huge_tree": False,
  "remove_comments": True,
  "remove_pis": True,
}
_PROLOGUE = re.compile(
  r"(?:\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>)*", re.DOTALL
)
_ROOT = re.compile(
  r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)"
  r"(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*/?>"
)


def parse(data, path, expected, tag=None):
  """Returns the root element of a file's bytes.

  Raises:
    InputError: the XML is not well-formed, its root is not a `tag`, it refers
      to an entity, whose text would be missing, or it has too much markup; the
      message names the line.
  """
  if markup(data) > MAX_MARKUP:
    raise InputError(
      "%s: found %d tags and attributes, expected %s with at most %d of them"
      % (path, markup(data), expected, MAX_MARKUP)
    )
  parser = etree.XMLParser(**_OPTIONS)
  try:
    root = etree.fromstring(data, parser)
  except etree.XMLSyntaxError as error:
    raise InputError(
      "%s:%d: found no well-formed XML (%s), expected %s"
      % (path, error.lineno or 1, " ".join(error.msg.split()), expected)
    ) from None
  if tag and root.tag != tag:
    raise InputError(
      "%s: found <%s>, expected %s" % (place(root, path), root.tag, expected)
    )
  check_entities(root, path)
  return root


def check_entities(element, path):
  """Raises InputError for an entity, whose text would be missing."""
  for entity in element.iter(etree.Entity):
    raise InputError(
      "%s: found the entity %s, expected its characters"
      % (place(entity, path), shorten(entity.text))
    )


def elements(blocks, place, tags, roots, expected, parts=()):
  """Yields the elements with these tags as soon as they are complete.

  Once an element is used, it leaves memory with everything before it, so only
  one is in memory at a time, however large the file.

  Args:
    blocks: iterable of the file's bytes.
    place: names the file in error messages.
    tags: of the elements, as in lxml's `iter`; one inside another is skipped.
    roots: names of outermost elements that may hold no such element.
    expected: description of the file, for error messages.
    parts: tags of elements to empty as soon as they are complete, since they
      may be most of an element and nobody reads them.

  Raises:
    InputError: the XML is damaged, an element (or what stands between two)
      exceeds MAX_SIZE or MAX_MARKUP, or there is no such element and another
      root.
  """
  parser = etree.XMLPullParser(events=("end",), tag=tags + parts, **_OPTIONS)
  emptied = frozenset(tag.rpartition("}")[2] for tag in parts)
  found, size, held = False, 0, 0
  try:
    for block in blocks:
      marks = markup(block)
      size, held = size + len(block), held + marks
      _check_size(size, held, place)
      parser.feed(block)
      for _, element in parser.read_events():
        if etree.QName(element).localname in emptied:
          element.clear()
        elif next(element.iterancestors(*tags), None) is None:
          found = True
          yield element
          _free(element)
          size, held = len(block), marks
    root = parser.close()
  except etree.XMLSyntaxError as error:
    reason = (error.msg or "none").split("\n")[0].split(", line ")[0]
    raise InputError(
      "%s:%d: found damaged XML (%s), expected it whole"
      % (place, error.lineno or 1, reason)
    ) from error
  name = etree.QName(root).localname
  if not found and name not in roots:
    raise InputError(
      "%s: found <%s> as the outermost element, expected %s"
      % (place, name, expected)
    )


def pieces(blocks, head, ends):
  """Yields a large XML file in pieces, each of which is XML by itself.

  A piece holds the records that a block completes, within the outermost
  element. Only bytes say where to cut, so a piece is not well-formed if the
  file is damaged, or if the cut is in a comment. None follows, as the last, if
  the rest cannot be cut.

  Args:
    blocks: iterable of the file's bytes.
    head: the first 64 KiB of them.
    ends: {name of an outermost element: end tags of its records}.
  """
  text = head.decode("latin-1")  # A character for each byte.
  begin = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
  root = _ROOT.match(text, skip_prologue(text, begin))
  if not root or root.group(1) not in ends or root.group().endswith("/>"):
    yield None
    return
  name = head[root.start() + 1 : root.end(1)]  # With its prefix.
  start, stop = head[: root.end()], b"</%s>" % name
  rest, before = bytearray(), b""
  for block in blocks:
    rest += block
    cut = _last_end(rest, ends[root.group(1)], len(rest) - len(block))
    if cut:
      yield before + rest[:cut] + stop
      before = start
      del rest[:cut]
    elif len(rest) > MAX_SIZE:
      yield None
      return
  yield before + rest


def _last_end(data, tags, begin):
  """Returns the offset after the last of these tags that ends after `begin`.

  It is 0 if there is none.
  """
  found, tag = max(
    (data.rfind(tag, max(0, begin - len(tag) + 1)), tag) for tag in tags
  )
  return found + len(tag) if found >= 0 else 0


def markup(data):
  """Returns an upper bound of the number of nodes in a piece of XML."""
  return data.count(b"<") + data.count(b"=") + data.count(b"&")


def _check_size(size, marks, place):
  """Raises InputError if a record is too large to be one."""
  if size <= MAX_SIZE and marks <= MAX_MARKUP:
    return
  found, limit = (
    ("%d bytes" % size, "%d bytes" % MAX_SIZE)
    if size > MAX_SIZE
    else ("%d tags and attributes" % marks, "%d of them" % MAX_MARKUP)
  )
  raise InputError(
    "%s: found %s of XML without the end of a record, expected records of at "
    "most %s" % (place, found, limit)
  )


def _free(element):
  """Removes an element's content and everything before it from memory."""
  element.clear()
  while element is not None:
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
      del parent[0]
    element = parent


def skip_prologue(text, begin=0):
  """Returns the offset of what follows XML's declarations and comments."""
  return _PROLOGUE.match(text, begin).end()


def root_of(text):
  """Returns the name of the outermost element of XML, "" if there is none."""
  root = _ROOT.match(text, skip_prologue(text))
  return root.group(1) if root else ""


def place(element, path):
  """Returns file:line of an element."""
  return "%s:%d" % (path, element.sourceline)


def attribute(element, name, path):
  """Returns an attribute's value; InputError if there is none."""
  value = element.get(name)
  if value is None:
    raise InputError(
      '%s: found <%s> without %s="...", expected one'
      % (place(element, path), element.tag, name)
    )
  return value


def child_text(element, name, path):
  """Returns the text of a child element; InputError if it is missing."""
  child = element.find(name)
  if child is None or not (child.text or "").strip():
    raise InputError(
      "%s: found <%s> without %s, expected one"
      % (place(element, path), element.tag, shorten("<%s>" % name))
    )
  return child.text.strip()
