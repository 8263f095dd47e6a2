# SPDX-License-Identifier: Apache-2.0
"""Writes predicted entities as JSON lines, PubTator, BioC, brat or a page.

Every function takes documents with id, text and title (None or the beginning
of the text), and for each document the list of its entities, and returns text.
Offsets are half-open and count characters of the document's text:
text[start:end] is the entity's text. The entities of a document are in order
and do not overlap. The empty type of an untyped corpus is written "entity".
"""

import collections
import hashlib
import html
import json
import re
import urllib.parse
from xml.sax import saxutils

from common import html_page

UNTYPED = "entity"  # Written in place of an empty type.

Entity = collections.namedtuple("Entity", "start end type score text")

# BioC's XML around its documents. It has no date: the same texts and the same
# model give the same bytes.
BIOC_HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection>
<source>BioALBERT</source>
<date></date>
<key>score: mean probability of the words of an annotation</key>
"""
BIOC_FOOTER = "</collection>\n"
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# File systems allow names of 255 bytes; this leaves room for an ending.
_MAX_NAME = 200

# Neighbours in the legend differ in hue and in line style, so that readers who
# do not see colours can tell them apart too.
_HUES = (210, 30, 150, 330, 55, 270, 180, 0)
_STROKES = ("solid", "dashed", "dotted", "double")
_STYLE = """
:root { --tint: 85%, 92%; --deep: 90%, 24%; }
@media screen and (prefers-color-scheme: dark) {
  :root { --tint: 45%, 21%; --deep: 85%, 80%; } }
body { max-width: 46rem; line-height: 1.8; }
h2 { font-size: .875rem; margin: 0 0 .25rem; }
h2 span, .note { color: var(--soft); font-weight: normal; }
h2 span { margin-left: .5em; }
p { margin: 0 0 .5rem; }
article { border-top: 1px solid var(--rule); padding: 1rem 0 .5rem;
  content-visibility: auto; contain-intrinsic-size: auto 12rem; }
article p { white-space: pre-wrap; }
.title { font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0;
  margin: 0 0 1.5rem; list-style: none; }
mark { background: hsl(var(--hue), var(--tint)); color: inherit;
  border-bottom: 3px var(--stroke) hsl(var(--hue), var(--deep));
  border-radius: .2em .2em 0 0; padding: .1em .25em;
  -webkit-box-decoration-break: clone; box-decoration-break: clone;
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
mark[data-type]::after { content: attr(data-type);
  color: hsl(var(--hue), var(--deep)); font-size: .7em; font-weight: 600;
  margin-left: .45em; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; }
  article { content-visibility: visible; } h2 { break-after: avoid; } }
"""
_BODY = """<p class="note">{note}</p>
<p class="note">{summary}</p>
<ul class="legend" aria-label="Types of entities">
{legend}
</ul>
<main>
{articles}
</main>"""


def to_jsonl(documents, entities):
  """Returns JSON lines, one document per line: id, text, entities.

  An entity has start, end, type, text and a score rounded to 4 digits.
  """
  lines = []
  for document, found in zip(documents, entities):
    rows = [
      {
        "start": entity.start,
        "end": entity.end,
        "type": _shown_type(entity),
        "score": round(float(entity.score), 4),
        "text": entity.text,
      }
      for entity in found
    ]
    values = {"id": document.id, "text": document.text, "entities": rows}
    lines.append(json.dumps(values, ensure_ascii=False) + "\n")
  return "".join(lines)


def to_pubtator(documents, entities):
  """Returns PubTator: a title, an abstract and annotations per document.

  A blank line ends each document. A document without a title has its whole
  text in the title line. Tabs and line ends become spaces, which keeps the
  offsets; "|", "%" and white space in ids are percent-encoded.
  """
  blocks = []
  for document, found in zip(documents, entities):
    name = re.sub(r"[|%\s]+", _percent_encoded, document.id)
    border = len(document.text if document.title is None else document.title)
    title, abstract = document.text[:border], document.text[border + 1 :]
    lines = [
      "%s|t|%s" % (name, _one_line(title)),
      "%s|a|%s" % (name, _one_line(abstract)),
    ]
    for entity in found:
      text, kind = _one_line(entity.text), _one_line(_shown_type(entity))
      row = (name, entity.start, entity.end, text, kind)
      lines.append("%s\t%d\t%d\t%s\t%s" % row)
    blocks.append("\n".join(lines) + "\n\n")
  return "".join(blocks)


def to_bioc(documents, entities):
  """Returns documents in BioC's XML, to stand between BIOC_HEADER and _FOOTER.

  A document with a title has two passages, "title" and "abstract" as in
  PubTator, any other one, "text". Characters that XML forbids become spaces.
  """
  return "".join(
    "<document>\n<id>%s</id>\n%s</document>\n"
    % (_xml(document.id), "".join(_passages(document, found)))
    for document, found in zip(documents, entities)
  )


def _passages(document, entities):
  """Yields the passages of a document in BioC's XML."""
  numbered = [("T%d" % i, entity) for i, entity in enumerate(entities, 1)]
  parts = _paragraphs(document, "abstract") or [("text", 0, 0)]
  for kind, start, end in parts:
    yield (
      '<passage>\n<infon key="type">%s</infon>\n<offset>%d</offset>\n'
      "<text>%s</text>\n" % (kind, start, _xml(document.text[start:end]))
    )
    for name, entity in numbered:
      if start <= entity.start < end:
        yield (
          '<annotation id="%s">\n<infon key="type">%s</infon>\n'
          '<infon key="score">%s</infon>\n'
          '<location offset="%d" length="%d"/>\n<text>%s</text>\n'
          "</annotation>\n"
        ) % (
          name,
          _xml(_shown_type(entity)),
          round(float(entity.score), 4),
          entity.start,
          entity.end - entity.start,
          _xml(entity.text),
        )
    yield "</passage>\n"


def _xml(text):
  """Returns a text as XML, in which a reader finds it unchanged."""
  return saxutils.escape(_NO_XML.sub(" ", text), {"\r": "&#13;"})


def to_brat(document, entities):
  """Returns (txt, ann), a document's two files in brat's standoff format.

  An entity that contains a line end is written as one fragment per line.
  Characters that brat forbids in the name of a type become "_".
  """
  lines = []
  for i, entity in enumerate(entities, 1):
    kind = re.sub("[^A-Za-z0-9_-]", "_", _shown_type(entity))
    fragments = [
      (entity.start + match.start(), entity.start + match.end())
      for match in re.finditer(r"[^\r\n]+", entity.text)
    ]
    spans = ";".join("%d %d" % fragment for fragment in fragments)
    text = " ".join(document.text[start:end] for start, end in fragments)
    lines.append("T%d\t%s %s\t%s\n" % (i, kind, spans, text))
  return document.text, "".join(lines)


def brat_name(document_id):
  """Returns a file name without ending that is unique to a document's id.

  Letters, digits, "_", "-" and inner dots stay, the rest is percent-encoded. A
  name that is too long ends in a digest instead.
  """
  name = urllib.parse.quote(document_id, safe="")
  if name.startswith("."):
    name = "%2E" + name[1:]
  if len(name) > _MAX_NAME:
    digest = hashlib.sha256(name.encode("ascii")).hexdigest()
    name = name[: _MAX_NAME - len(digest)] + digest
  return name


def to_html(documents, entities, title, note):
  """Returns a self-contained HTML page.

  Entities are marked in colour and labelled with their type, and show their
  score on hover; a legend counts the types. `title` and `note` are plain text.
  """
  counts = collections.Counter(
    _shown_type(entity) for found in entities for entity in found
  )
  kinds = sorted(counts, key=lambda kind: (-counts[kind], kind))
  classes = {kind: "t%d" % i for i, kind in enumerate(kinds)}
  summary = [_count(len(documents), "document", "documents")]
  summary.append(_count(sum(counts.values()), "entity", "entities"))
  body = _BODY.format(
    note=html.escape(note),
    summary=", ".join(summary),
    legend="\n".join(
      '<li><mark class="%s">%s</mark> %s</li>'
      % (classes[kind], html.escape(kind), f"{counts[kind]:,}")
      for kind in kinds
    ),
    articles="\n".join(
      _article(document, found, classes)
      for document, found in zip(documents, entities)
    ),
  )
  return html_page.page(title, _STYLE + _type_styles(len(kinds)), body)


def _paragraphs(document, rest):
  """Returns (name, start, end) of the parts of a text that are not empty.

  They are its title and the rest, which has the name `rest`, or all the text.
  """
  size = len(document.text)
  parts = [("text", 0, size)]
  if document.title is not None:
    border = len(document.title)
    parts = [("title", 0, border), (rest, border + 1, size)]
  return [part for part in parts if part[1] < part[2]]


def _shown_type(entity):
  return entity.type or UNTYPED


def _one_line(text):
  return re.sub(r"[\t\r\n]", " ", text)


def _percent_encoded(match):
  return urllib.parse.quote(match.group(), safe="")


def _count(number, one, many):
  return f"{number:,} {one if number == 1 else many}"


def _type_styles(number):
  """Returns the style sheet for the classes t0, t1, ... of `number` types."""
  return "".join(
    ".t%d { --hue: %d; --stroke: %s; }\n"
    % (i, _HUES[i % 8], _STROKES[(i + i // 8) % 4])  # 32 pairs
    for i in range(number)
  )


def _article(document, entities, classes):
  """Returns the HTML of a document, with its title as a separate paragraph."""
  paragraphs = "".join(
    '<p class="%s">%s</p>\n'
    % (name, _marked(document.text, start, end, entities, classes))
    for name, start, end in _paragraphs(document, "text")
  )
  count = _count(len(entities), "entity", "entities")
  heading = "<h2>%s <span>%s</span></h2>" % (html.escape(document.id), count)
  return "<article>\n%s\n%s</article>" % (heading, paragraphs)


def _marked(text, start, end, entities, classes):
  """Returns text[start:end] as HTML with its entities marked."""
  pieces = []
  for entity in entities:
    if start <= entity.start < end:
      kind = html.escape(_shown_type(entity))
      pieces.append(html.escape(text[start : entity.start]))
      pieces.append(
        '<mark class="%s" data-type="%s" title="%s, score %.4f">%s</mark>'
        % (
          classes[_shown_type(entity)],
          kind,
          kind,
          entity.score,
          html.escape(text[entity.start : entity.end]),
        )
      )
      start = entity.end
  pieces.append(html.escape(text[start:end]))
  return "".join(pieces)
