# SPDX-License-Identifier: Apache-2.0
"""Parses untrusted XML: loads no DTD, resolves no entity, uses no network."""

from lxml import etree

from common.errors import InputError
from common.errors import shorten


def parse(data, path, expected, tag=None):
  """Returns the root element of a file's bytes.

  Raises:
    InputError: the XML is not well-formed, its root is not a `tag`, or it
      refers to an entity, whose text would be missing; the message names the
      line.
  """
  parser = etree.XMLParser(
    resolve_entities=False,
    load_dtd=False,
    no_network=True,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
  )
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
