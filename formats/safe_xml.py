# SPDX-License-Identifier: Apache-2.0
"""Parses untrusted XML: loads no DTD, resolves no entity, uses no network."""

import re

from lxml import etree

from common.errors import InputError
from common.errors import shorten

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
    InputError: the XML is not well-formed, its root is not a `tag`, or it
      refers to an entity, whose text would be missing; the message names the
      line.
  """
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
  for entity in root.iter(etree.Entity):
    raise InputError(
      "%s: found the entity %s, expected its characters"
      % (place(entity, path), shorten(entity.text))
    )
  return root


def elements(blocks, place, tags, roots, expected):
  """Yields the elements with these tags as soon as they are complete.

  Args:
    blocks: iterable of the file's bytes.
    place: names the file in error messages.
    tags: of the elements, as in lxml's `iter`.
    roots: names of outermost elements that may hold no such element.
    expected: description of the file, for error messages.

  Raises:
    InputError: the XML is damaged, or has no such element and another root.
  """
  parser = etree.XMLPullParser(events=("end",), tag=tags, **_OPTIONS)
  found = False
  try:
    for block in blocks:
      parser.feed(block)
      for _, element in parser.read_events():
        found = True
        yield element
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


def root_of(text):
  """Returns the name of the outermost element of XML, "" if there is none."""
  root = _ROOT.match(text, _PROLOGUE.match(text).end())
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
