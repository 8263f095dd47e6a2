# SPDX-License-Identifier: Apache-2.0
"""Tests of unlabelled.py: texts of every kind as documents."""

import gzip
import json
import logging
import os
import re

import pytest

from common import errors
from formats import documents
from formats import streams
from formats import unlabelled
from tests.helpers.unlabelled_texts import documents_of

PUBTATOR = b"""12|t|Naloxone | and clonidine.
12|a|In rats, x fell.
12\t0\t8\tNaloxone\tChemical\tD009270
12\tCID\tD008750\tD007022

13|t|A title alone.
"""


def test_a_line_of_plain_text_is_a_document_with_its_number_as_id():
  found = documents_of(b"\nOne  is here. \n \n\tTwo.\n\n", "notes.txt")
  assert found == [
    documents.Document("2", "One  is here. ", None),
    documents.Document("4", "\tTwo.", None),
  ]


@pytest.mark.parametrize(
  "data",
  [
    b"One.\nTwo.\n",
    b"One.\nTwo.",
    b"One.\r\nTwo.\r\n",
    b"\xef\xbb\xbfOne.\nTwo.\n",
    b"One.\nTwo.\n\n\n",
  ],
)
def test_line_ends_and_byte_order_marks_are_removed(data):
  found = documents_of(data, "notes.txt")
  assert [document.text for document in found] == ["One.", "Two."]


def test_only_line_feeds_end_lines():
  found = documents_of("a\u2028b\x0bc\x85d\n".encode(), "notes.txt")
  assert [document.text for document in found] == ["a\u2028b\x0bc\x85d"]


def test_json_lines_have_a_text_and_an_optional_id():
  data = b'{"text": "a\\nb", "id": "x"}\n\n{"text": "", "id": 7}\n{"text": "c"}'
  assert documents_of(data, "notes.jsonl") == [
    documents.Document("x", "a\nb", None),
    documents.Document("7", "", None),
    documents.Document("4", "c", None),
  ]


def test_json_lines_are_recognized_by_their_beginning_too():
  found = documents_of(b' { "text": "a"}\n', "notes.txt")
  assert found == [documents.Document("1", "a", None)]


def test_text_in_braces_is_not_json():
  found = documents_of(b"{beta}-catenin\n", "notes.txt")
  assert found[0].text == "{beta}-catenin"


def test_pubtator_offsets_fit_the_text():
  first, second = documents_of(PUBTATOR, "corpus.txt")
  title = "Naloxone | and clonidine."
  assert first == documents.Document("12", title + " In rats, x fell.", title)
  assert second == documents.Document("13", "A title alone.", "A title alone.")


def test_pubtator_annotations_are_ignored_and_counted(caplog):
  with caplog.at_level(logging.INFO):
    documents_of(PUBTATOR, "corpus.txt")
  assert "corpus.txt: ignored 2 annotations" in caplog.text


def test_pubtator_needs_no_blank_line_between_documents():
  found = documents_of(PUBTATOR.replace(b"\n\n", b"\r\n"), "corpus.txt")
  assert [document.id for document in found] == ["12", "13"]


def test_with_an_empty_abstract_the_text_is_the_title():
  found = documents_of(b"1|t|Title.\n1|a|\n", "corpus.txt")
  assert found == [documents.Document("1", "Title.", "Title.")]


FAULTS = [
  # file, message
  (b"", "a.txt: found no text, the file is empty, expected text"),
  (b" \n\r\n\t\n", "a.txt: found no text, the file is empty"),
  (b"a\n\xff\n", "a.txt:2: found byte 0xff, which is not UTF-8"),
  ("a".encode("utf-16"), "a.txt: found UTF-16 text, expected plain"),
  (b'{"text": "a"}\n{"text"}\n', "a.jsonl:2: found no JSON (Expec"),
  (b"plain\n", "a.jsonl:1:1: damaged JSON (Expecting value"),
  (
    b'{"txt": "a"}',
    "a.jsonl:1: found the names 'txt', expected a text under one of text, sen",
  ),
  (b'{"text": 1}', "a.jsonl:1: found 1 under text, expected a string"),
  (b'{"text": "a", "id": ""}', "a.jsonl:1: found the id '', expected"),
  (b'{"text": "a", "id": 1.5}', "a.jsonl:1: found the id 1.5, expec"),
  (b'{"text": "a", "id": true}', "a.jsonl:1: found the id True, exp"),
  (b'{"text": "\\ud800"}', "a.jsonl:1: found half of a surrogate"),
  (
    b'{"text": "a", "id": "x"}\n\n{"text": "b", "id": "x"}\n',
    "a.jsonl:3: found the id 'x' of a.jsonl:1 with another text, expected",
  ),
  (b'{"text": "a", "id": 2}\n{"text": "b"}', "a.jsonl:2: found the id"),
  (
    b"1|t|a\n\n1|t|b\n",
    "a.txt:3: found the id '1' of a.txt:1 with another text, expected a",
  ),
  (b"1|a|b\n", "a.txt:1: found '1|a|b', expected id|t|title, then"),
  (b"1|t|a\n2|a|b\n", "a.txt:2: found '2|a|b', expected id|t|title"),
  (b"1|t|a\n1|a|b\n1|a|c\n", "a.txt:3: found '1|a|c', expected"),
  (b"1|t|a\n2\t0\t1\ta\tX\n", "a.txt:2: found '2\\t0\\t1\\ta\\tX', exp"),
  (b"1|t|a\n1|x|b\n", "a.txt:2: found '1|x|b', expected id|t|title"),
  (b"1|t|a\n12\t0\t1\ta\tX\n", "a.txt:2: found '12\\t0\\t1\\ta\\tX'"),
  (b"1|t|a\nmore\n", "a.txt:2: found 'more', expected id|t|title"),
]


@pytest.mark.parametrize(("data", "message"), FAULTS)
def test_malformed_files_are_rejected_with_their_line(data, message):
  path = message.partition(":")[0]
  with pytest.raises(errors.InputError) as caught:
    documents_of(data, path)
  assert str(caught.value).startswith(message)
  assert "\n" not in str(caught.value)


def test_real_pubtator_offsets_match_the_annotated_texts(shared):
  path = os.path.join(
    shared, "data", "official", "BC5CDR", "CDR_TestSet.PubTator.txt"
  )
  with open(path, "rb") as f:
    data = f.read()
  texts = {d.id: d.text for d in documents_of(data, path)}
  assert len(texts) == 500
  rows = [line.split("\t") for line in data.decode().split("\n")]
  rows = [row for row in rows if len(row) > 4]
  assert len(rows) > 9000
  for row in rows:
    assert texts[row[0]][int(row[1]) : int(row[2])] == row[3]


def test_the_output_of_json_dumps_can_be_parsed():
  text = 'a "b"\t\u2028\U0001f600\n'
  line = json.dumps({"id": "\u00e4", "text": text}).encode()
  assert documents_of(line, "a.jsonl")[0].text == text


PUBMED = """<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>7</PMID>
<Article><ArticleTitle>A title.</ArticleTitle><Abstract><AbstractText
Label="AIMS">To see.</AbstractText><AbstractText>It fell.</AbstractText>
</Abstract></Article></MedlineCitation></PubmedArticle><PubmedArticle>
<MedlineCitation><PMID>8</PMID><Article><ArticleTitle>Alone.</ArticleTitle>
</Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"""
JATS = """<article><front><article-meta><article-id pub-id-type="doi">10.1/x
</article-id><article-id pub-id-type="pmid">9</article-id><title-group>
<article-title>A title</article-title></title-group></article-meta></front>
<body><sec><title>Methods</title><p>We did it.</p></sec></body></article>"""
BIOC = """<collection><document><id>7</id><passage><infon key="type">title
</infon><offset>0</offset><text>A title.</text></passage><passage>
<offset>9</offset><text>It fell.</text><annotation id="1"/></passage></document>
<document><id>8</id><passage><offset>0</offset><sentence><offset>0</offset>
<text>One.</text></sentence></passage></document></collection>"""
PASSAGES = [
  {"infons": {"type": "title"}, "offset": 0, "text": "A title."},
  {"infons": {}, "offset": 9, "sentences": [{"offset": 9, "text": "It fell."}]},
]
BIOC_JSON = {"documents": [{"id": "7", "passages": PASSAGES}]}
TITLED = ("7", "A title. It fell.", "A title.")

UNLABELLED = [
  # content, documents
  ('[{"id": "a", "text": "One."}, {"text": "Two."}]', ["a|One.", "2|Two."]),
  ('[\n {\n  "text": "One."\n }\n]', ["1|One."]),
  ('{\n "text": "One."\n}', ["1|One."]),
  ('["One.", "Two."]', ["1|One.", "2|Two."]),
  ('{"pmid": 7, "title": "A.", "abstract": "B."}\n', ["7|A. B.|A."]),
  ('{"pmid": 7, "title": "A.", "abstract": null}\n', ["7|A.|A."]),
  ("id,text\n1,One.\n,Two.\n3,\n", ["1|One.", "3|Two.", "3#2|"]),
  ('text\n"One, ""two"".\nThree."\n', ['2|One, "two".\nThree.']),
  ("PMID;Title;Abstract\r\n7;A.;B.\r\n", ["7|A. B.|A."]),
  ('id\ttext\n1\t"So" he said.\n', ['1|"So" he said.']),
  ("pmid\tsentence\n7\tOne.\n7\tTwo.\n7\tOne.\n", ["7|One.", "7#2|Two."]),
  (PUBMED, ["7|A title. AIMS: To see. It fell.|A title.", "8|Alone.|Alone."]),
  (JATS, ["9|A title Methods\n\nWe did it.|A title"]),
  (BIOC, ["|".join(TITLED), "8|One."]),
  (json.dumps(BIOC_JSON), ["|".join(TITLED)]),
  (json.dumps([BIOC_JSON], indent=1), ["|".join(TITLED)]),
  (json.dumps({"PubTator3": BIOC_JSON["documents"]}), ["|".join(TITLED)]),
  (json.dumps(BIOC_JSON["documents"][0]) + "\n", ["|".join(TITLED)]),
  ("1|t|A.\n1|a|B.\n\n1|t|A.\n1|a|B.\n1\t0\t1\tA\tX\n", ["1|A. B.|A."]),
]


@pytest.mark.parametrize(("data", "expected"), UNLABELLED)
def test_texts_are_read_from_what_people_have(data, expected):
  name = "a.csv" if data.startswith("text\n") else "a.txt"
  for content in (data.encode(), b"\xef\xbb\xbf" + data.encode()):
    for found in (
      documents_of(content, name),
      documents_of(gzip.compress(content), name + ".gz"),
    ):
      assert ["|".join(filter(None, d)) for d in found] == [
        text.rstrip("|") for text in expected
      ]


SHAPES = [
  # content, message
  (
    '{"data": [{"paragraphs": []}]}',
    "a:1: found SQuAD's questions, expected a text under one of text, sentence",
  ),
  ('{"questions": []}', "a:1: found BioASQ's questions, expected a text"),
  (
    '[{"words": ["One"]}]',
    "a:1, record 1: found the names 'words', expected a",
  ),
  ("[1, 2]", "a:1, record 1: found '1', expected an object"),
  ("[[1], [2]]", "a:1, record 1: found '[1]', expected an object"),
  ('{"documents": [{"passages": [{"text": "x"}]}]}', "a:1, document 1: found"),
  ('[{"text": "x"}, ', "a:1:17: damaged JSON (Expecting value"),
  ("# x\n1|t|A.\n1|a|B.\n", "a:1: found '# x', expected id|t|title, then"),
  ("id,text\n", "a: found a header and no rows below it"),
  ("id\ttext\n1\n", "a:2: found 1 column, expected 2 as in the first row"),
  ('id,text\n1,"One.\n', "a:2: found a damaged row"),
  ("<PubmedArticleSet></PubmedArticleSet>", "a: found no text in PubMed's XML"),
  ("<collection><document><id>1</id></collection>", "a:1: found damaged XML"),
]


@pytest.mark.parametrize(("data", "message"), SHAPES)
def test_other_shapes_are_rejected_with_what_they_hold(data, message):
  with pytest.raises(errors.InputError) as raised:
    documents_of(data.encode(), "a")
  assert str(raised.value).startswith(message)


DAMAGED = [
  # content with a text One, damage and a text Two; messages about the damage
  ("One\n\udcff\nTwo\n", ["a:2: found byte 0xff"]),
  ('{"text": "One"}\n\udcff\n"x\n{"text": "Two"}\n', ["a:2: f", "a:3: f"]),
  ("id\ttext\n1\tOne\n2\n3\t\udcff\n4\tTwo\n", ["a:3: f", "a:4: f"]),
  ('id,text\n1,One\n2,"x"y\n3,Two\n', ["a:3: found a damaged row"]),
]


@pytest.mark.parametrize(("data", "messages"), DAMAGED)
def test_local_damage_leaves_out_a_text_and_not_the_rest(data, messages):
  failed = []
  source = streams.of_bytes(data.encode("utf-8", "surrogateescape"), "a")
  found = [f.document.text for f in unlabelled.read(source, failed.append)]
  assert found == ["One", "Two"]
  assert len(failed) == len(messages)
  assert all(map(str.startswith, map(str, failed), messages)), failed


def test_a_damaged_document_of_a_collection_is_left_out():
  json_bioc = {"documents": BIOC_JSON["documents"] + [{"passages": 5}]}
  json_bioc["documents"] += [dict(BIOC_JSON["documents"][0], id="9")]
  entity = "<!DOCTYPE PubmedArticleSet SYSTEM 'x'>" + PUBMED.replace(
    "A title", "&unknown;"
  )
  for data, number in (
    (BIOC.replace("<id>7<", "<id> <"), 1),
    (json.dumps(json_bioc), 2),
    (entity, 1),
  ):
    failed = []
    source = streams.of_bytes(data.encode(), "a")
    assert len(list(unlabelled.read(source, failed.append))) == number, data
    assert len(failed) == 1 and re.match(
      "a:(1|2|1, document 2): found", str(failed[0])
    )


def test_copies_and_repeated_ids_are_logged(caplog):
  documents_of(b"1|t|A.\n\n1|t|A.\n", "a.txt")
  assert "a.txt: left out exact copies of other texts: 1" in caplog.text
  documents_of(b"pmid,text\n1,A.\n1,B.\n", "a.csv")
  assert "renamed 1 text with the id of another: 1#2" in caplog.text


def test_long_lines_of_bioc_are_documents():
  document = dict(BIOC_JSON["documents"][0], x="x" * 70000)
  line = json.dumps(dict({"x": document.pop("x")}, **document)) + "\n"
  data = (line + line.replace('"7"', '"8"')).encode()
  assert [d.id for d in documents_of(data, "a")] == ["7", "8"]
  whole = json.dumps({"documents": [{"x": "x" * 70000, **document}]})
  assert [d.id for d in documents_of(whole.encode(), "a")] == ["7"]


def test_large_arrays_are_rejected_and_lines_are_not(monkeypatch):
  monkeypatch.setattr(unlabelled, "_MAX_JSON", 100)
  items = ['{"text": "%s"}' % ("x" * 50)] * 3
  assert len(documents_of("\n".join(items).encode(), "a")) == 3
  with pytest.raises(errors.InputError, match="a: found more than 100 bytes"):
    documents_of(("[\n%s]" % ",\n".join(items)).encode(), "a")
