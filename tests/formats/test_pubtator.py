# SPDX-License-Identifier: Apache-2.0
"""Tests of pubtator.py: documents, mentions, relations, malformed files."""

import contextlib
import gzip
import os

import pytest

from common import errors
from formats import annotated
from formats import bioc
from formats import pubtator

CORPUS = """12|t|Naloxone | and \u03b2-clonidine.
12|a|In rats, x fell.
12\t0\t8\tNaloxone\tChemical\tD009270
12\t15\t26\t\u03b2-clonidine\tChemical
12\tCID\tD008750\tD007022

13|t|Left and right pain
13|a|
13\t0\t19\tLeft and right pain\tDisease\tD1|D2\tLeft pain|right pain
"""


TITLE_ALONE = """12|t|Naloxone | and clonidine.
12|a|In rats, x fell.
12\t0\t8\tNaloxone\tChemical\tD009270
12\tCID\tD008750\tD007022

13|t|A title alone.
"""


def parse(text):
  return pubtator.parse(text.encode("utf-8"), "c.txt")


def test_documents_have_text_title_mentions_and_relations():
  title = "Naloxone | and \u03b2-clonidine."
  assert parse(CORPUS)[0] == annotated.Document(
    "12",
    title + " In rats, x fell.",
    title,
    [
      annotated.Mention(
        "T1", "Chemical", ((0, 8),), "Naloxone", "c.txt:3", ("D009270",)
      ),
      annotated.Mention(
        "T2", "Chemical", ((15, 26),), "\u03b2-clonidine", "c.txt:4"
      ),
    ],
    [annotated.Relation("R1", "CID", "D008750", "D007022", "c.txt:5", True)],
    "c.txt:1",
  )


def test_an_annotation_of_several_concepts_is_one_mention():
  second = parse(CORPUS)[1]
  assert [m.text for m in second.mentions] == ["Left and right pain"]
  assert second.place == "c.txt:7"


@pytest.mark.parametrize(
  ("old", "new"), [("\n", "\r\n"), ("\n\n", "\n"), ("\n\n", "\n \n\n\n")]
)
def test_line_ends_and_blank_lines_do_not_matter(old, new):
  plain = [d.mentions for d in parse(CORPUS)]
  changed = [d.mentions for d in parse(CORPUS.replace(old, new))]
  assert [[m[:4] for m in found] for found in changed] == [
    [m[:4] for m in found] for found in plain
  ]


def test_an_abstract_may_be_empty():
  (document,) = parse("1|t|Pain.\n1|a|\n")
  assert (document.text, document.title) == ("Pain. ", "Pain.")


def test_a_mention_may_be_in_the_abstract_or_cross_the_title():
  (document,) = parse(
    "1|t|Left\n1|a|pain\n1\t5\t9\tpain\tX\n1\t0\t9\tLeft pain\tX\n"
  )
  assert [m.spans for m in document.mentions] == [((5, 9),), ((0, 9),)]


def test_a_document_may_repeat():
  block = "1|t|Pain.\n1|a|It rose.\n1\t0\t4\tPain\tX\n\n"
  assert annotated.without_repeats(parse(block + block))[1] == 1


def test_blocks_have_lines_and_line_numbers():
  text = TITLE_ALONE.replace("\n\n", "\r\n\n \n")
  assert list(pubtator.blocks(text.split("\n"), "corpus.txt")) == [
    (
      1,
      "12",
      "Naloxone | and clonidine.",
      "In rats, x fell.",
      [
        (3, "12\t0\t8\tNaloxone\tChemical\tD009270"),
        (4, "12\tCID\tD008750\tD007022"),
      ],
    ),
    (7, "13", "A title alone.", None, []),
  ]


def test_an_empty_abstract_is_not_a_missing_one():
  (block,) = pubtator.blocks(["1|t|Title.", "1|a|"], "corpus.txt")
  assert block == (1, "1", "Title.", "", [])


@pytest.mark.parametrize(
  ("row", "relation"),
  [
    ("CID\tD1\tD2", ("CID", "D1", "D2")),
    ("Association\t6331\tD2\tNovel", ("Association", "6331", "D2")),
    ("Bind\t6331\tD2\tNo\t0.9\tx\ty", ("Bind", "6331", "D2")),
    ("Gene:6331\tp.R176W", ("", "Gene:6331", "p.R176W")),
    ("6331\tp.R176W", ("", "6331", "p.R176W")),
  ],
)
def test_relations_have_three_columns_and_more(row, relation):
  (document,) = parse(HEAD + "1\t" + row + "\n")
  assert [r[1:4] for r in document.relations] == [relation]
  assert not document.mentions


def test_skipping_leaves_out_what_does_not_fit_and_keeps_the_rest():
  rules = []

  @contextlib.contextmanager
  def skipping(rule):
    try:
      yield
    except errors.InputError as error:
      rules.append((rule, str(error).split(":")[1]))

  text = (
    "9|t|Café pain, a title alone\n9\t6\t10\tpain\tX\n9\t5\t9\tpain\tX\n\n"
    + "stray\n"
    + HEAD
    + "1\t0\t4\n1\t0\t4\tPain\tX"
  )
  found = pubtator.parse(text.encode("utf-8"), "c.txt", skipping)
  assert [[m.spans for m in d.mentions] for d in found] == [
    [((5, 9),)],
    [((0, 4),)],
  ]
  assert sorted(rules, key=lambda rule: rule[1]) == [
    ("titles without an abstract (taken on their own)", "1"),
    ("annotations that do not fit (skipped)", "2"),
    ("lines that do not fit (skipped)", "5"),
    ("annotations that do not fit (skipped)", "8"),
    ("files that end within a line (took what is there)", "9"),
  ]


HEAD = "1|t|Pain.\n1|a|It rose.\n"
FAULTS = [
  # file, message
  ("", ": found no document, expected id|t|title, then id|a|abstract"),
  ("\n \n", ": found no document"),
  (
    "1|t|Pain.\n\n2|t|Pain.\n2|a|It rose.\n",
    ":1: found the title of '1' without an abstract, expected id|t|",
  ),
  (HEAD + "more\n", ":3: found 'more', expected id|t|title"),
  (
    HEAD + "1\t0\t4\n",
    ":3: found 3 columns, expected 5 to 7 for a mention (id, start, end, "
    "text, type, concept, parts), or 3 and more for a relation (id, type, two "
    "concepts, anything)",
  ),
  (HEAD + "1\t0\t4\tPain\n", ":3: found 4 columns, expected 5 to 7 for a"),
  (HEAD + "1\t0\t4\tPain\tX\ta\tb\tc\n", ":3: found 8 columns, expected"),
  (
    HEAD + "1\t0\tx\tPain\tX\n",
    ":3: found 'x', expected the offset as a whole number",
  ),
  (HEAD + "1\t-1\t4\tPain\tX\n", ":3: found '-1', expected the offset"),
  (HEAD + "1\t0\t4\tPain\t \n", ":3: found a mention without a type"),
  (
    HEAD + "1\t1\t5\tPain\tX\n",
    ":3: found 'ain.' at the offsets 1-5, expected 'Pain' there",
  ),
  (HEAD + "1\t0\t99\tPain\tX\n", ":3: found the offsets 0 to 99, expect"),
  (
    HEAD + "1\t0\t4\tPain\tX\n1\t0\t4\tPain\tDis",
    ":4: found the end of the file within a line, expected a whole file",
  ),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_malformed_files_are_rejected_with_their_line(text, message):
  with pytest.raises(errors.InputError) as caught:
    parse(text)
  assert str(caught.value).startswith("c.txt" + message)
  assert "\n" not in str(caught.value)


def test_invalid_utf8_is_rejected_with_its_line():
  with pytest.raises(errors.InputError, match="c.txt:2: found byte 0xe9"):
    pubtator.parse(b"1|t|Pain.\n1|a|caf\xe9\n", "c.txt")


def test_real_documents_agree_with_bioc(shared):
  path = os.path.join(shared, "data", "official", "BC5CDR", "CDR_TestSet.")
  with open(path + "PubTator.txt", "rb") as f:
    first = pubtator.parse(f.read(), "test.txt")
  with gzip.open(path + "BioC.xml.gz", "rb") as f:
    second = bioc.parse(
      f.read(),
      "test.xml",
      bioc.is_part_of_composite,
    )
  assert len(first) == 500
  assert list(map(content, first)) == list(map(content, second))
  assert sum(len(document.mentions) for document in first) == 4424 + 5385
  assert sum(len(document.relations) for document in first) == 1066


def content(document):
  """Returns everything of a document but ids and places."""
  mentions = sorted((m.spans, m.type, m.text) for m in document.mentions)
  relations = sorted(relation[1:4] for relation in document.relations)
  return document.id, document.text, document.title, mentions, relations
