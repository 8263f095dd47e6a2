# SPDX-License-Identifier: Apache-2.0
"""Tests of entity_files.py: offsets fit the text in every format."""

import html.parser
import json
import os
import re

import pytest

from formats import bioc
from formats import documents
from formats import entity_files
from formats import pubtator
from tests.helpers.unlabelled_texts import documents_of


def entity(text, start, end, kind="Disease", score=0.5):
  return entity_files.Entity(start, end, kind, score, text[start:end])


def sample():
  """Returns (documents, entities): title, none, awkward text, no entity."""
  title, awkward = (
    "\u03b2-APC & FAP.",
    'a\tb <i>"FAP"</i>\n\U0001f600 FAP\r\nx|t|',
  )
  texts = [title + " In FAP, CRC rose.", awkward, "Nothing."]
  found = [
    documents.Document("12", texts[0], title),
    documents.Document("a|b c%", texts[1], None),
    documents.Document("3", texts[2], None),
  ]
  entities = [
    [
      entity(texts[0], 0, 5, "Gene", 0.99996),
      entity(texts[0], 8, 11),
      entity(texts[0], 16, 19),
      entity(texts[0], 21, 24),
    ],
    [
      entity(texts[1], 0, 3, ""),
      entity(texts[1], 8, 11),
      entity(texts[1], 20, 25),
    ],
    [],
  ]
  return found, entities


def test_json_lines_have_all_fields_of_documents_and_entities():
  found, entities = sample()
  text = entity_files.to_jsonl(found, entities)
  assert "\u03b2-APC" in text  # Letters are not escaped.
  lines = text.split("\n")
  assert lines.pop() == ""
  assert json.loads(lines[0])["entities"][0] == {
    "start": 0,
    "end": 5,
    "type": "Gene",
    "score": 1.0,
    "text": "\u03b2-APC",
  }
  for line, document, items in zip(lines, found, entities):
    values = json.loads(line)
    assert list(values) == ["id", "text", "entities"]
    assert (values["id"], values["text"]) == (document.id, document.text)
    assert len(values["entities"]) == len(items)
    for row in values["entities"]:
      assert document.text[row["start"] : row["end"]] == row["text"]


def test_json_lines_can_be_parsed_as_documents():
  found, entities = sample()
  data = entity_files.to_jsonl(found, entities).encode()
  again = documents_of(data, "out.jsonl")
  assert [d.text for d in again] == [d.text for d in found]


def test_pubtator_keeps_offsets_titles_and_types():
  found, entities = sample()
  again = pubtator.parse(
    entity_files.to_pubtator(found, entities).encode(), "out.txt"
  )
  assert [d.id for d in again] == ["12", "a%7Cb%20c%25", "3"]
  assert again[0].title == found[0].title
  for document, items, read in zip(found, entities, again):
    assert read.text.rstrip() == re.sub(r"[\t\r\n]", " ", document.text)
    assert [(m.spans, m.type) for m in read.mentions] == [
      (((e.start, e.end),), e.type or "entity") for e in items
    ]


def test_pubtator_has_title_abstract_and_a_blank_line_between_documents():
  found, entities = sample()
  assert entity_files.to_pubtator(found[::2], entities[::2]) == (
    "12|t|\u03b2-APC & FAP.\n"
    "12|a|In FAP, CRC rose.\n"
    "12\t0\t5\t\u03b2-APC\tGene\n"
    "12\t8\t11\tFAP\tDisease\n"
    "12\t16\t19\tFAP\tDisease\n"
    "12\t21\t24\tCRC\tDisease\n"
    "\n"
    "3|t|Nothing.\n"
    "3|a|\n"
    "\n"
  )


def bioc_of(found, entities):
  text = entity_files.to_bioc(found, entities)
  text = entity_files.BIOC_HEADER + text + entity_files.BIOC_FOOTER
  return text.encode("utf-8")


def test_bioc_keeps_ids_texts_titles_and_entities():
  found, entities = sample()
  again = bioc.parse(bioc_of(found, entities), "out.xml")
  assert [d[:3] for d in again] == [tuple(d) for d in found]
  for items, read in zip(entities, again):
    assert [(m.spans, m.type, m.concepts) for m in read.mentions] == [
      (((e.start, e.end),), e.type or "entity", ()) for e in items
    ]
    names = [m.id for m in read.mentions]
    assert names == ["T%d" % i for i in range(1, len(names) + 1)]


def test_bioc_has_passages_with_their_annotations():
  found, entities = sample()
  text = bioc_of(found[:1], [entities[0][1:3]]).decode()
  assert (
    "<collection>\n<source>BioALBERT</source>\n<date></date>\n<key>" in text
  )
  assert text.endswith(
    "<document>\n<id>12</id>\n<passage>\n"
    '<infon key="type">title</infon>\n<offset>0</offset>\n'
    "<text>\u03b2-APC &amp; FAP.</text>\n"
    '<annotation id="T1">\n<infon key="type">Disease</infon>\n'
    '<infon key="score">0.5</infon>\n<location offset="8" length="3"/>\n'
    "<text>FAP</text>\n</annotation>\n</passage>\n<passage>\n"
    '<infon key="type">abstract</infon>\n<offset>13</offset>\n'
    "<text>In FAP, CRC rose.</text>\n"
    '<annotation id="T2">\n<infon key="type">Disease</infon>\n'
    '<infon key="score">0.5</infon>\n<location offset="16" length="3"/>\n'
    "<text>FAP</text>\n</annotation>\n</passage>\n</document>\n</collection>\n"
  )


def test_bioc_has_spaces_for_what_xml_forbids_and_a_passage_always():
  text = "a\x0cb\x00<\ufffe]]>\x85"
  found = [documents.Document(name, text, None) for name in ("1", "2")]
  found[1] = found[1]._replace(text="")
  data = bioc_of(found, [[entity(text, 0, 3)], []])
  first, second = bioc.parse(data, "out.xml")
  assert (first.text, second.text) == ("a b < ]]>\x85", "")
  assert first.mentions[0].text == "a b"
  assert data.count(b"<passage>") == 2


def test_brat_entities_across_line_ends_are_fragments():
  text = "ab c\r\n\nd e"
  found = [entity(text, 3, 8, "cell type/\u03b2")]
  ann = entity_files.to_brat(documents.Document("1", text, None), found)[1]
  assert ann == "T1\tcell_type__ 3 4;7 8\tc d\n"


def test_brat_names_are_safe_and_unique():
  ids = "12|a/b|a_b|a%2Fb|..|.a|\u03b2|a b|A:*?".split("|")
  ids += ["A|", "x" * 300, "x" * 301]
  names = [entity_files.brat_name(name) for name in ids]
  assert names[0] == "12"
  assert len(set(names)) == len(ids)
  for name in names:
    assert re.fullmatch(r"[A-Za-z0-9_%~-][A-Za-z0-9_.%~-]{0,199}", name)


def test_the_empty_type_is_written_as_entity_in_every_format():
  text = "FAP"
  document = documents.Document("1", text, None)
  found = [entity(text, 0, 3, "")]
  assert '"type": "entity"' in entity_files.to_jsonl([document], [found])
  assert "\tFAP\tentity\n" in entity_files.to_pubtator([document], [found])
  assert "T1\tentity 0 3" in entity_files.to_brat(document, found)[1]
  page = entity_files.to_html([document], [found], "t", "n")
  assert 'data-type="entity"' in page


class Page(html.parser.HTMLParser):
  """Parses a page: nesting, links, and the texts of elements."""

  def __init__(self, page):
    super().__init__()
    self.open, self.tags, self.marks, self.texts = [], [], [], {}
    self.feed(page)
    self.close()

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))
    if tag == "article":
      self.texts["p"] = self.texts.get("p", "") + "\n\n"
    if tag == "mark":
      self.marks.append([dict(attrs), ""])
    if tag != "meta":
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag
    if tag == "p":
      self.texts["p"] += "\f"

  def handle_data(self, data):
    for tag in set(self.open):
      self.texts[tag] = self.texts.get(tag, "") + data
    if "mark" in self.open:
      self.marks[-1][1] += data


def page_of(title="Title", note="Note"):
  found, entities = sample()
  return entity_files.to_html(found, entities, title, note)


def test_the_page_marks_each_entity_with_its_type_and_score():
  page = Page(page_of())
  assert page.open == []
  assert "3 documents, 7 entities" in page.texts["p"]
  legend, marks = page.marks[:3], page.marks[3:]
  assert [text for _, text in legend] == ["Disease", "Gene", "entity"]
  entities = sum(sample()[1], [])
  assert [text for _, text in marks] == [e.text for e in entities]
  assert marks[0][0] == {
    "class": legend[1][0]["class"],
    "data-type": "Gene",
    "title": "Gene, score 1.0000",
  }


def test_the_page_shows_titles_and_texts_unchanged():
  shown = Page(page_of()).texts["p"].split("\n\n")[1:]
  paragraphs = [text.split("\f") for text in shown]
  for document, found in zip(sample()[0], paragraphs):
    if document.title is None:
      assert found[0].strip("\n") == document.text.strip("\n")
    else:
      assert found[0] == document.title
      assert found[1].strip() == document.text[len(document.title) + 1 :]


def test_the_legend_counts_types_most_frequent_first():
  legend = Page(page_of()).texts["ul"].split("\n")
  assert [row for row in legend if row] == ["Disease 5", "Gene 1", "entity 1"]


def test_the_page_escapes_all_input():
  kind = "<b>&\"'"
  document = documents.Document("<id>", "<script>x</script>", None)
  found = [[entity(document.text, 0, 8, kind)]]
  text = entity_files.to_html([document], found, "<t>&", "<n>{}%s")
  page = Page(text)
  assert page.texts["title"] == page.texts["h1"] == "<t>&"
  assert "<n>{}%s" in page.texts["p"]
  assert page.texts["h2"].startswith("<id>")
  assert page.marks[1][0]["data-type"] == kind
  assert page.marks[1][1] == "<script>"
  assert "script" not in [tag for tag, _ in page.tags]


def test_the_page_loads_nothing_external():
  text = page_of()
  page = Page(text)
  assert text.startswith("<!DOCTYPE html>\n")
  assert ("meta", {"charset": "utf-8"}) in page.tags
  names = {name for _, attributes in page.tags for name in attributes}
  assert names.isdisjoint({"src", "href", "srcset", "action", "data", "style"})
  assert "url(" not in text
  assert "@import" not in text


def test_a_page_without_documents_is_valid():
  page = Page(entity_files.to_html([], [], "t", "n"))
  assert "0 documents, 0 entities" in page.texts["p"]
  assert page.open == page.marks == []


def test_real_annotations_survive_a_round_trip(shared):
  path = os.path.join(
    shared, "data", "official", "NCBI-disease", "test", "NCBItestset_corpus.txt"
  )
  with open(path, "rb") as f:
    data = f.read()
  found = documents_of(data, path)
  rows = [line.split("\t") for line in data.decode().split("\n")]
  entities = [
    [
      entity_files.Entity(int(row[1]), int(row[2]), row[4], 1.0, row[3])
      for row in rows
      if row[0] == document.id and len(row) > 4
    ]
    for document in found
  ]
  assert sum(len(items) for items in entities) == 960
  text = entity_files.to_pubtator(found, entities)
  assert documents_of(text.encode(), path) == found
  written = [line for line in text.split("\n") if "\t" in line]
  assert written == ["\t".join(row[:5]) for row in rows if len(row) > 4]


@pytest.mark.parametrize("write", ["to_jsonl", "to_pubtator", "to_bioc"])
def test_no_documents_give_no_lines(write):
  assert getattr(entity_files, write)([], []) == ""
