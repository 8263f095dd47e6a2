# SPDX-License-Identifier: Apache-2.0
"""Tests of safe_xml.py: hostile XML does no harm."""

import pytest

from common import errors
from formats import safe_xml


def rejection_of(data):
  with pytest.raises(errors.InputError) as caught:
    safe_xml.parse(data, "c.xml", "a BioC collection")
  assert "\n" not in str(caught.value)
  return str(caught.value)


def bomb(use):
  """Returns XML whose entities stand for 10 ** 12 characters, used once."""
  entities = "".join(
    '<!ENTITY e%d "%s">' % (i, "&e%d;" % (i - 1) * 10) for i in range(1, 12)
  )
  dtd = '<!DOCTYPE a [<!ENTITY e0 "xxxxxxxxxx">%s]>' % entities
  return (dtd + use).encode("ascii")


def test_the_root_element_is_returned():
  root = safe_xml.parse(b"<?xml version='1.0'?>\n<a><b/></a>", "c.xml", "a")
  assert (root.tag, root[0].tag) == ("a", "b")


@pytest.mark.parametrize("use", ["<a>&e11;</a>", "<a b='&e11;'/>"])
def test_entities_that_expand_too_far_are_rejected(use):
  assert rejection_of(bomb(use)).startswith("c.xml:1: found ")


def test_an_unused_entity_bomb_does_no_harm():
  assert safe_xml.parse(bomb("<a>b</a>"), "c.xml", "a").text == "b"


@pytest.mark.parametrize(
  ("use", "error"),
  [
    ("<a>1 &x;</a>", "found the entity '&x;', expected its characters"),
    ('<a b="&x;"/>', "found no well-form"),
  ],
)
def test_entities_read_no_files(tmp_path, use, error):
  (tmp_path / "secret").write_bytes(b"42")
  uri = (tmp_path / "secret").as_uri()
  data = '<!DOCTYPE a [<!ENTITY x SYSTEM "%s">]>\n%s' % (uri, use)
  assert rejection_of(data.encode("ascii")).startswith("c.xml:2: " + error)


def test_a_dtd_is_not_loaded(tmp_path):
  (tmp_path / "a.dtd").write_bytes(b'<!ATTLIST a b CDATA "42">')
  uri = (tmp_path / "a.dtd").as_uri()
  data = '<!DOCTYPE a SYSTEM "%s"><a/>' % uri
  assert safe_xml.parse(data.encode("ascii"), "c.xml", "a").get("b") is None


def test_predefined_and_numeric_entities_are_characters():
  root = safe_xml.parse(b"<a>&lt;&amp;&gt;&quot;&apos;&#946;</a>", "c.xml", "a")
  assert root.text == "<&>\"'\u03b2"


def test_comments_and_processing_instructions_are_removed():
  root = safe_xml.parse(b"<a>1<!-- x -->2<?x y?>3</a>", "c.xml", "a")
  assert root.text == "123"
  assert len(root) == 0


FAULTS = [
  # data, message
  (b"", ":1: found no well-formed XML (Document is empty"),
  (b"PMID\t12\n", ":1: found no well-formed XML (Start tag expected"),
  (b"<a>\n<b>\n</a>", ":3: found no well-formed XML (Opening and ending"),
  (b"<a>\n\xff</a>", ":2: found no well-formed XML ("),  # Says it by version.
  (b"<a/>\n<b/>", ":2: found no well-formed XML (Extra content at the"),
  (b"<a>\n&beta;</a>", ":2: found no well-formed XML (Entity 'beta' not"),
  (b"<a>" * 300, ":1: found no well-formed XML (Excessive depth in doc"),
]


@pytest.mark.parametrize(("data", "message"), FAULTS)
def test_malformed_xml_is_rejected_with_its_line(data, message):
  error = rejection_of(data)
  assert error.startswith("c.xml" + message)
  assert error.endswith("), expected a BioC collection")


def test_lines_are_counted_beyond_65535():
  data = b"<a>" + b"\n" * 70000 + b"<b>x</b>\n</a>"
  assert safe_xml.place(safe_xml.parse(data, "c.xml", "a")[0], "c.xml") == (
    "c.xml:70001"
  )


def root():
  return safe_xml.parse(b'<a>\n<b c="" d="1"> x </b><e> </e></a>', "c.xml", "a")


def test_attributes_and_child_texts_are_returned():
  assert safe_xml.attribute(root()[0], "d", "c.xml") == "1"
  assert safe_xml.attribute(root()[0], "c", "c.xml") == ""
  assert safe_xml.child_text(root(), "b", "c.xml") == "x"


@pytest.mark.parametrize(
  ("call", "element", "name", "error"),
  [
    (safe_xml.attribute, root()[0], "id", '2: found <b> without id="..."'),
    (safe_xml.child_text, root(), "e", "1: found <a> without '<e>'"),
    (safe_xml.child_text, root(), "f", "1: found <a> without '<f>'"),
  ],
)
def test_missing_attributes_and_texts_are_rejected(call, element, name, error):
  with pytest.raises(errors.InputError) as caught:
    call(element, name, "c.xml")
  assert str(caught.value) == "c.xml:%s, expected one" % error


def test_markup_that_would_fill_the_memory_is_rejected(monkeypatch):
  monkeypatch.setattr(safe_xml, "MAX_MARKUP", 4)
  assert safe_xml.parse(b'<a b=""><b/></a>', "c.xml", "a") is not None
  assert rejection_of(b'<a b=""><b/><c/></a>') == (
    "c.xml: found 5 tags and attributes, expected a BioC collection with at "
    "most 4 of them"
  )


def elements(*blocks):
  return safe_xml.elements(
    blocks, "c.xml", ("r", "s"), ("a",), "records", ("{*}p",)
  )


def streamed(*blocks):
  return [(element.tag, element.text) for element in elements(*blocks)]


def test_records_are_streamed_with_their_text():
  assert streamed(b"<a><r>1</r><x/>", b"<r>", b"2<s/></r></a>") == [
    ("r", "1"),
    ("r", "2"),
  ]


def test_a_root_may_be_the_only_record():
  assert streamed(b"<r>1</r>") == [("r", "1")]


def test_a_record_in_another_is_skipped():
  assert streamed(b"<a><r><s/>1</r></a>") == [("r", None)]


def test_parts_are_emptied():
  whole = b"<r><q:p xmlns:q='q'><x>1</x></q:p><p><x/></p></r>"
  (record,) = ([len(part) for part in record] for record in elements(whole))
  assert record == [0, 0]


def test_used_records_leave_memory_with_everything_before_them():
  blocks = [b"<a><v><x/><r/></v>", b"<w><x/><r/></w>", b"<y/></a>"]
  trees = [
    [element.tag for element in record.getroottree().iter()]
    for record in elements(*blocks)
  ]
  assert trees == [["a", "v", "x", "r"], ["a", "v", "r", "w", "x", "r"]]


@pytest.mark.parametrize(
  ("limit", "value", "found"),
  [
    ("MAX_SIZE", 25, "found 26 bytes of XML without the end of a record"),
    ("MAX_MARKUP", 6, "found 7 tags and attributes of XML without the end of"),
  ],
)
def test_a_record_has_a_largest_size(monkeypatch, limit, value, found):
  monkeypatch.setattr(safe_xml, limit, value)
  assert len(streamed(b"<a>", *[b"<r><x/></r>"] * 9 + [b"</a>"])) == 9
  with pytest.raises(errors.InputError) as caught:
    streamed(b"<a><r>", *[b"<x/>"] * 9)
  assert str(caught.value).startswith("c.xml: " + found)
