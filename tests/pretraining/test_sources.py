# SPDX-License-Identifier: Apache-2.0

import collections
import gzip
import os
import re
import subprocess
import sys
import tarfile

import pytest

from common.errors import InputError
from formats import streams
from pretraining import sources
from tests.helpers import archive_files

HEADER = '"ROW_ID","SUBJECT_ID","ISERROR","TEXT"\n'
RECORD = """<PubmedArticle><MedlineCitation><PMID>%d</PMID><Article>
<ArticleTitle>%s</ArticleTitle><Abstract>%s</Abstract></Article>
</MedlineCitation><PubmedData><ReferenceList>x</ReferenceList></PubmedData>
</PubmedArticle>"""
PART = "<AbstractText>%s</AbstractText>"


@pytest.fixture()
def write(tmp_path):
  """Writes bytes, or text as UTF-8, to a file; returns its path."""

  def write_file(data, name="file"):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)

  return write_file


def paragraphs(path, format, dropped=None):
  found = sources.documents(path, format, dropped=dropped)
  return [text.paragraphs for text in found]


def records(*pairs):
  """PubMed XML of titles and abstracts."""
  return "<?xml version='1.0'?>\n<PubmedArticleSet>%s</PubmedArticleSet>" % (
    "\n".join(RECORD % ((i,) + pair) for i, pair in enumerate(pairs))
  )


def article(body, front="", attributes=""):
  """JATS of a body and what article-meta holds."""
  return (
    '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS" "JATS-archivearticle1.dtd">\n'
    '<article xmlns:mml="http://www.w3.org/1998/Math/MathML"%s><front>'
    "<journal-meta><p>no</p></journal-meta><article-meta>%s</article-meta>"
    "</front><body>%s</body><back><ref-list><p>no</p></ref-list></back>"
    "</article>" % (attributes, front, body)
  )


def refused(path, format=None):
  with pytest.raises(InputError) as raised:
    list(sources.documents(path, format or sources.sniff(path)))
  message = str(raised.value)
  assert message.startswith(path) and "\n" not in message
  return message[len(path) :]


@pytest.mark.parametrize(
  "format, data",
  [
    ("text", "One sentence.\nAnother.\n"),
    ("text", "\ufeffOne sentence.\n"),
    ("text", "<5 % of cells died.\n"),
    ("pubmed", records(("A.", PART % "B."))),
    ("pubmed", "\ufeff<!-- x --><MedlineCitationSet></MedlineCitationSet>"),
    ("pmc", article("<p>x</p>")),
    ("pmc", "<!DOCTYPE article [<!ENTITY a '>'> ]><article></article>"),
    ("mimic", HEADER),
    ("mimic", HEADER.lower()),
  ],
)
def test_formats_are_detected_by_content_also_inside_gzip(write, format, data):
  assert sources.sniff(write(data)) == format
  assert sources.sniff(write(gzip.compress(data.encode()))) == format


@pytest.mark.parametrize(
  "data, said",
  [
    ("\nPMID- 1\nOWN - NLM\n", "MEDLINE's text form"),
    ('1,2,3,2101-01-05,,,"Report"\n', "without their header"),
    ("1\tA title.\tAn abstract.\n", "separated by tabs without a header"),
    ("<html><p>x</p></html>", "an HTML page"),
    ("x".encode("utf-16"), "UTF-16"),
    ("", "empty"),
  ],
)
def test_formats_unsuitable_for_training_are_rejected(write, data, said):
  assert said in refused(write(data))


def test_empty_and_truncated_gzip_are_rejected(write):
  assert "no text" in refused(write(gzip.compress(b" \n"), "blank"))
  data = gzip.compress(b"text")[:-9]
  assert "cut short at byte %d" % len(data) in refused(write(data, "cut"))


def test_a_missing_file_ends_in_one_line(tmp_path):
  assert "cannot be read" in refused(str(tmp_path / "none.txt"))


@pytest.mark.parametrize(
  "data",
  [
    "One.\nTwo.\n\nThree.\n",
    "One.\r\nTwo.\r\n\r\nThree.",
    "\ufeff\n\nOne.\n Two. \n \t \n\n\nThree.\n\n",
  ],
)
def test_blank_lines_separate_documents_of_plain_text(write, data):
  assert paragraphs(write(data), "text") == [["One.", "Two."], ["Three."]]


def test_only_line_feeds_end_lines(write):
  path = write("a\u2028b\x0bc\x85d\re\n")
  assert paragraphs(path, "text") == [["a\u2028b\x0bc\x85d\re"]]


def test_an_endless_document_is_cut_and_counted(write):
  path, dropped = write(("y" * 999 + "\n") * 2501), collections.Counter()
  found = paragraphs(path, "text", dropped)
  assert [len(lines) for lines in found] == [1050, 1050, 401]
  assert dropped == {"documents cut at 1 MiB": 2}


def test_a_byte_that_is_not_text_is_reported_with_its_line(write):
  text = b"fine\n" * 30000 + b"na\xefve\n"
  assert ":30001: found byte 0xef" in refused(write(text), "text")
  assert ":2: found byte 0x00" in refused(write(b"a\nb\0c\n"), "text")


def test_an_endless_line_is_rejected(write, monkeypatch):
  monkeypatch.setattr(streams, "MAX_LINE", 100000)
  assert ":1: found a line" in refused(write("x" * 200000), "text")


def many_documents():
  lines = ["Sentence number %d of many." % (i * 7919) for i in range(30000)]
  return "\n\n".join(lines).encode()


def test_positions_are_ends_of_blocks_of_the_stored_file(write):
  data = many_documents()
  path = write(data)
  end = 0
  for position, (line,) in sources.documents(path, "text"):
    end = data.index(line.encode(), end) + len(line)
    assert position == min(len(data), -(-(end + 2) // 65536) * 65536)


@pytest.mark.parametrize("pack", [gzip.compress, lambda d: d])
def test_positions_never_decrease_and_end_with_the_file(write, pack):
  path = write(pack(many_documents()))
  positions = [text.position for text in sources.documents(path, "text")]
  assert len(positions) == 30000 and positions == sorted(positions)
  assert set(positions) > {65536, os.path.getsize(path)}


def test_a_position_in_an_archive_is_where_its_member_ended(write):
  text = article("<p>%s</p>" % ("word " * 4000))
  path = write(archive_files.tarred({"%d.nxml" % i: text for i in range(20)}))
  found = [text.position for text in sources.documents(path, "pmc")]
  with tarfile.open(path) as tar:
    ends = [m.offset_data + m.size for m in tar.getmembers()]
  size = os.path.getsize(path)
  assert found == [min(size, -(-end // 65536) * 65536) for end in ends]


def test_consecutive_gzip_members_are_one_file(write):
  data = gzip.compress(b"One.\nTw") + gzip.compress(b"o.\n") + b"\0" * 70000
  assert paragraphs(write(data), "text") == [["One.", "Two."]]


def test_a_megabyte_compressed_to_few_bytes_is_complete(write):
  data = gzip.compress(b"word \n" * 1000000)
  found = paragraphs(write(data), "text")
  assert sum(map(len, found)) == 1000000


def test_damaged_gzip_is_rejected_after_its_whole_documents(write):
  data = bytearray(gzip.compress(many_documents()))
  data[150000:150010] = b"\xff" * 10
  found = sources.documents(write(bytes(data)), "text")
  assert next(found).paragraphs == ["Sentence number 0 of many."]
  with pytest.raises(InputError, match="found damaged gzip data"):
    list(found)


def test_a_record_is_its_title_and_the_parts_of_its_abstract(write):
  parts = (
    '<AbstractText Label="AIMS" NlmCategory="X">To\n see.</AbstractText>'
    '<AbstractText Label="UNLABELLED">We <i>saw</i> it.</AbstractText>'
    "<AbstractText/>"
  )
  path = write(records(("The <i>TERT</i> gene.", parts)))
  expected = ["The TERT gene.", "AIMS: To see.", "We saw it."]
  assert paragraphs(path, "pubmed") == [expected]


@pytest.mark.parametrize(
  "markup, text",
  [
    ("10<sup>-6</sup> M", "10(-6) M"),
    ("10<sup>\u22126</sup> M", "10(\u22126) M"),
    ("Ca<sup>2+</sup> and CO<sub>2</sub>", "Ca2+ and CO2"),
    ("5 m<sup>2</sup>", "5 m2"),
    ("p&lt;0.05 &amp; q", "p<0.05 & q"),
    ("&lt;i&gt;E. coli&lt;/i&gt;", "E. coli"),
    ("6&#xa0;weeks\u2009on", "6 weeks on"),
    ("a <!-- no -->b<?no?>", "a b"),
    (
      'if <mml:math xmlns:mml="http://www.w3.org/1998/Math/MathML">'
      "<mml:mi>x</mml:mi></mml:math> holds",
      "if holds",
    ),
    ("It fell. (ABSTRACT TRUNCATED AT 250 WORDS)", "It fell."),
  ],
)
def test_markup_becomes_text(write, markup, text):
  path = write(records(("T.", PART % markup)))
  assert paragraphs(path, "pubmed") == [["T.", text]]


@pytest.mark.parametrize(
  "title, text",
  [
    ("[On receptors].", ["On receptors."]),
    ("[On [3H]thymidine uptake].", ["On [3H]thymidine uptake."]),
    ("[3H]thymidine and [14C]uracil.", ["[3H]thymidine and [14C]uracil."]),
    ("[Not Available].", []),
    ("", []),
  ],
)
def test_brackets_around_a_translated_title_are_removed(write, title, text):
  path = write(records((title, PART % "B.")))
  assert paragraphs(path, "pubmed") == [text + ["B."]]


def test_omissions_in_pubmed_are_counted(write):
  other = (
    "</Abstract><OtherAbstract Language='%s'><AbstractText>%s</AbstractText>"
    "</OtherAbstract><Abstract>"
  )
  text = records(
    ("No abstract.", ""),
    ("A.", PART % "B." + other % ("spa", "Hola.") + other % ("eng", "Hello.")),
  ).replace(
    "</PubmedArticleSet>",
    "<DeleteCitation><PMID>1</PMID><PMID>2</PMID></DeleteCitation>"
    "</PubmedArticleSet>",
  )
  dropped = collections.Counter()
  found = paragraphs(write(text), "pubmed", dropped)
  assert found == [["A.", "B.", "Hello."]]
  assert dropped == {
    "records without an abstract": 1,
    "abstracts in other languages": 1,
    "records listed as deleted": 2,
  }


def test_the_older_format_and_books_are_read(write):
  citation = "<MedlineCitation><Article><ArticleTitle>A.</ArticleTitle>%s"
  citation += "</Article></MedlineCitation>"
  abstract = "<Abstract>" + PART % "B." + "</Abstract>"
  old = "<MedlineCitationSet>%s</MedlineCitationSet>" % (citation % abstract)
  assert paragraphs(write(old), "pubmed") == [["A.", "B."]]
  book = (
    "<PubmedArticleSet><PubmedBookArticle><BookDocument><Book><BookTitle>Drugs"
    "</BookTitle></Book>%s</BookDocument></PubmedBookArticle>"
    "</PubmedArticleSet>" % abstract
  )
  assert paragraphs(write(book), "pubmed") == [["Drugs", "B."]]


@pytest.mark.parametrize(
  "text, expected",
  [
    ("CONCLUSIONS: It works.", "CONCLUSIONS: It works."),
    ("Conclusion: It works.", "Conclusion: It works."),
    ("CONCLUSIONS \u2013 It works.", "CONCLUSIONS \u2013 It works."),
    ("Conclusions are hard.", "CONCLUSIONS: Conclusions are hard."),
  ],
)
def test_a_label_that_the_text_repeats_appears_once(write, text, expected):
  part = '<AbstractText Label="CONCLUSIONS">%s</AbstractText>' % text
  assert paragraphs(write(records(("", part))), "pubmed") == [[expected]]
  part = "<abstract><sec><title>CONCLUSIONS:</title><p>%s</p></sec></abstract>"
  path = write(article("", part % text))
  assert paragraphs(path, "pmc") == [[expected]]


@pytest.mark.parametrize("name", ["PubmedArticle", "MedlineCitation"])
def test_a_record_without_a_set_is_read(write, name):
  record = RECORD % (1, "A.", PART % "B.")
  start = record.index("<" + name)
  end = record.index("</%s>" % name) + len("</%s>" % name)
  path = write(record[start:end])
  assert sources.sniff(path) == "pubmed"
  assert paragraphs(path, "pubmed") == [["A.", "B."]]


def test_articles_are_read_in_any_namespace_and_wrapper(write):
  front = "<title-group><article-title>T</article-title></title-group>"
  plain = article("<p>One <mml:math>x</mml:math>two.</p>", front)
  plain = plain[plain.index("<article") :]
  default = plain.replace(
    "<article ", '<article xmlns="https://jats.nlm.nih.gov/ns/archiving/1.3/" '
  )
  prefixed = re.sub(r"<(/?)(?=[a-z])(?!mml)", r"<\1j:", plain).replace(
    "<j:article ", '<j:article xmlns:j="https://jats.nlm.nih.gov/" '
  )
  record = "<record><metadata>%s</metadata></record>"
  wrapped = (
    '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><ListRecords>%s%s'
    "</ListRecords></OAI-PMH>" % (record % default, record % prefixed)
  )
  own = "<response><articles>%s</articles></response>" % plain
  for data, number in (default, 1), (prefixed, 1), (wrapped, 2), (own, 1):
    path = write(data)
    assert sources.sniff(path) == "pmc"
    assert paragraphs(path, "pmc") == [["T", "One two."]] * number


def test_an_article_is_title_abstract_and_body(write):
  front = (
    "<title-group><article-title>On <italic>E. coli</italic>"
    '<xref ref-type="fn">*</xref></article-title><subtitle>A trial</subtitle>'
    "<trans-title-group><trans-title>Sobre</trans-title></trans-title-group>"
    "</title-group><contrib-group><p>no</p></contrib-group>"
    "<abstract><title>Abstract</title><sec><title>Aims:</title><p>To see.</p>"
    "<p>More.</p></sec><sec><title>Results</title><p>It fell.</p></sec>"
    '</abstract><trans-abstract xml:lang="es"><p>no</p></trans-abstract>'
  )
  body = (
    "<sec><label>1</label><title>Methods</title><p>We <b>did</b>\n it.</p>"
    "<list><list-item><label>a</label><p>One</p></list-item>"
    "<list-item><p>Two</p></list-item></list></sec><p>End.</p>"
  )
  path = write(article(body, front))
  assert paragraphs(path, "pmc") == [
    ["On E. coli", "A trial", "Aims: To see.", "More.", "Results: It fell."]
    + ["Methods", "We did it.", "One", "Two", "End."]
  ]


def test_captions_in_a_paragraph_follow_it(write):
  body = (
    "<p>It fell <fig><label>Figure 1</label><caption><title>Cells</title>"
    "<p>Red: dead.</p></caption></fig>further.</p><table-wrap><caption><p>Doses"
    "</p></caption><table><tr><td>no</td></tr></table><table-wrap-foot><p>no"
    "</p></table-wrap-foot></table-wrap>"
  )
  expected = ["It fell further.", "Cells", "Red: dead.", "Doses"]
  assert paragraphs(write(article(body)), "pmc") == [expected]


def test_formulas_notes_and_supplements_are_left_out(write):
  body = (
    "<p>If <inline-formula><alternatives><tex-math>x^2</tex-math><mml:math>"
    "<mml:mi>x</mml:mi></mml:math></alternatives></inline-formula> holds"
    "<fn><p>no</p></fn>, <disp-formula>E=m</disp-formula>it ends"
    "<break/>here.</p><supplementary-material><p>no</p></supplementary-material>"
  )
  expected = ["If holds, it ends here."]
  assert paragraphs(write(article(body)), "pmc") == [expected]


def cite(text):
  return '<xref ref-type="bibr" rid="B1">%s</xref>' % text


@pytest.mark.parametrize(
  "markup, text",
  [
    ("cells [%s,%s]." % (cite(1), cite(2)), "cells."),
    ("cells [%s\u2013%s] fell" % (cite(1), cite(9)), "cells fell"),
    ("cells %s\u2013%s." % (cite("[1]"), cite("[9]")), "cells."),
    ("cells [%s, %s but" % (cite("1"), cite("12]")), "cells but"),
    ("cells (%s; %s), but" % (cite("1"), cite("2")), "cells, but"),
    ("cells [%s], [%s] and" % (cite("1"), cite("2")), "cells and"),
    ("cells[%s]fell" % cite(1), "cells fell"),
    ("cells<sup>%s</sup> fell" % cite(1), "cells fell"),
    ("cells <sup>%s,%s</sup>." % (cite(1), cite(2)), "cells."),
    ("cells.%s, %s They fell" % (cite(1), cite(2)), "cells. They fell"),
    ("cells%s." % cite("<sup>12</sup>"), "cells."),
    ("Ho et al.[%s]." % cite(8), "Ho et al."),
    ("Ho et al. [%s] found" % cite(8), "Ho et al. found"),
    ("cells %s fell" % cite("3a"), "cells fell"),
    ("as in ref. %s, it" % cite(12), "as in ref. 12, it"),
    ("[%s, unpublished]" % cite(12), "[12, unpublished]"),
    ("(%s)" % cite("Ho et al. 2005"), "(Ho et al. 2005)"),
    ("(Ho et al. %s)" % cite("2005"), "(Ho et al. 2005)"),
    ('(<xref ref-type="fig">Fig. 1</xref>)', "(Fig. 1)"),
    ('cells<sup><xref ref-type="fn">a</xref></sup> fell', "cells fell"),
    ("cells [10] fell", "cells [10] fell"),
  ],
)
def test_cited_numbers_are_removed_from_sentences(write, markup, text):
  path = write(article("<p>%s</p>" % markup))
  assert paragraphs(path, "pmc") == [[text]]


def test_articles_in_archives_are_documents(write):
  members = {
    "a/PMC1.nxml": article("<p>One.</p>"),
    "../b.xml": article("<p>Two.</p>"),
    "a/licence.txt": "no",
    "a/other.xml": "<svg><p>no</p></svg>",
  }
  for pack in (archive_files.tarred, archive_files.tar_gz):
    dropped = collections.Counter()
    path = write(pack(members))
    assert sources.sniff(path) == "pmc"
    assert paragraphs(path, "pmc", dropped) == [["One."], ["Two."]]
    assert dropped == {"files in archives that are no articles": 2}


def test_articles_in_a_set_are_documents(write):
  one = article("<p>One.</p>").split("\n", 1)[1]
  text = "<pmc-articleset>%s%s</pmc-articleset>" % (one, one)
  assert paragraphs(write(text), "pmc") == [["One."], ["One."]]


def test_omissions_in_pmc_are_counted(write):
  members = {
    "1.nxml": article("<p>Hola.</p>", attributes=' xml:lang="es"'),
    "2.nxml": article("<p>One.</p>", attributes=' xml:lang="EN"').replace(
      "</article>", "<response><body><p>no</p></body></response></article>"
    ),
    "3.nxml": article(""),
  }
  path, dropped = write(archive_files.tarred(members)), collections.Counter()
  assert paragraphs(path, "pmc", dropped) == [["One."]]
  assert dropped == {
    "articles in other languages": 1,
    "replies to articles": 1,
    "articles without text": 1,
  }


@pytest.mark.parametrize("size, rest", [(1200, 0), (1024, 0), (1024, 2048)])
def test_a_damaged_archive_is_rejected_rather_than_cut_short(write, size, rest):
  body = "<article><body><p>%s</p></body></article>" % ("x" * 400)
  data = archive_files.tarred({"1.nxml": body, "2.nxml": body})
  path = write(data[:size] + b"x" * rest)
  assert "damaged archive" in refused(path, "pmc")


def test_an_archive_without_articles_is_rejected(write):
  path = write(archive_files.tarred({"a.txt": "x"}))
  assert "without an article" in refused(path, "pmc")


@pytest.mark.parametrize(
  "data, said",
  [
    ("<PubmedArticleSet>\n<PubmedArticle></PubmedArt>", ":2: found damaged"),
    (records(("A.", PART % "B."))[:-4], ":5: found damaged XML"),
    (records(("A.", PART % "B.")).encode()[:-40] + b"\xef", "found damaged"),
    (records(("A.", PART % "na\xefve")).encode("latin-1"), "found damaged"),
    (article("<p>x</p>"), "<article> as the outermost"),
    ("no XML", "found damaged XML"),
  ],
)
def test_damaged_xml_is_reported_with_its_line(write, data, said):
  assert said in refused(write(data), "pubmed")


def test_damage_inside_an_archive_names_its_member(write):
  path = write(archive_files.tarred({"a/1.nxml": "<article>\n<p>x</article>"}))
  assert refused(path, "pmc").startswith(":a/1.nxml:2: found damaged XML")


def doctype(entities, text):
  return (
    "<!DOCTYPE PubmedArticleSet [%s]>" % entities
    + records(("T.", PART % text)).split("\n", 1)[1]
  )


@pytest.mark.parametrize("value", ["'secret'", "SYSTEM 'file://%s'"])
def test_entities_are_not_expanded(write, value):
  secret = write("secret", "secret.txt")
  value = value.replace("%s", secret)
  text = doctype("<!ENTITY a %s>" % value, "It is &a;.")
  assert ":2: found the entity '&a;'" in refused(write(text), "pubmed")


def test_no_dtd_is_read(write):
  dtd = write("<!ENTITY a 'damaged", "x.dtd")  # an error, if it is read
  text = "<!DOCTYPE PubmedArticleSet SYSTEM '%s'>" % dtd
  text += records(("T.", PART % "It is &a;.")).split("\n", 1)[1]
  assert "found the entity '&a;'" in refused(write(text), "pubmed")


@pytest.mark.parametrize("place", ["%s", "<i x='%s'>y</i>"])
def test_a_billion_laughs_end_in_one_line(write, place):
  entities = "<!ENTITY a0 'ha'>" + "".join(
    "<!ENTITY a%d '%s'>" % (i, "&a%d;" % (i - 1) * 10) for i in range(1, 10)
  )
  message = refused(write(doctype(entities, place % "&a9;")), "pubmed")
  assert "entity" in message and len(message) < 300


def notes(*texts):
  rows = [
    '%d,7,,"%s"\n' % (i, t.replace('"', '""')) for i, t in enumerate(texts)
  ]
  return HEADER + "".join(rows)


def test_a_note_is_a_document_and_errors_are_dropped(write):
  text = notes('He has "chest pain".', "Fine,\r\ntoday.") + '9,7,1,"Wrong."\n'
  text += '10,7,,""\n'
  for data in (text, text.replace(HEADER, HEADER.lower()), "\ufeff" + text):
    dropped = collections.Counter()
    assert paragraphs(write(data), "mimic", dropped) == [
      ['He has "chest pain".'],
      ["Fine,", "today."],
    ]
    assert dropped == {"notes marked ISERROR": 1, "notes without text": 1}


@pytest.mark.parametrize(
  "mark, text",
  [
    ("[**2101-1-5**]", "2101-1-5"),
    ("[**12/2101**]", "12/2101"),
    ("[**Month/Day (4) 12**]", "date"),
    ("[**First Name8 (NamePattern2) **] [**Known lastname 12**]", "name"),
    ("[**Last Name\n(STitle) 3**]", "name"),
    ("[**Hospital Ward Name 3**]", "hospital"),
    ("[**Telephone/Fax (1) 5**]", "number"),
    ("[**Location (un) 86**], [**State 9**]", "place"),
    ("[**University/College **]", "institution"),
    ("[**Age over 90 **]", "90"),
    ("[**CC Contact Info 4**]", "unknown"),
  ],
)
def test_a_deidentified_mark_becomes_a_word_of_its_kind(write, mark, text):
  path = write(notes("Seen by %s today." % mark))
  assert paragraphs(path, "mimic") == [["Seen by %s today." % text]]


def test_wrapped_lines_are_joined_into_paragraphs(write):
  note = """Admission Date:  [**2101-1-1**]
Allergies:
None

History of Present Illness:
The patient is a 50 year old man who was
brought in by his wife with chest pain. He
had been well.
He smokes.
=========
Labs: WBC-5.0, and a second line that is long
enough to be wrapped.
1. Aspirin 81 mg by mouth every day, with food
and water
2. Lisinopril
- Tea
"""
  assert paragraphs(write(notes(note)), "mimic") == [
    [
      "Admission Date: 2101-1-1",
      "Allergies: None",
      "History of Present Illness: The patient is a 50 year old man who was "
      "brought in by his wife with chest pain. He had been well.",
      "He smokes.",
      "Labs: WBC-5.0, and a second line that is long enough to be wrapped.",
      "1. Aspirin 81 mg by mouth every day, with food and water",
      "2. Lisinopril",
      "- Tea",
    ]
  ]


def test_notes_of_mimic_iv_are_read(write):
  text = (
    "Name:  ___                Unit No:   ___\n \n___\nFollow up with Dr. ___ "
    "___ in ___ after the visit on\nthe ward, ___-year-old.\n_______________\n"
  )
  header = "note_id,subject_id,hadm_id,note_type,note_seq,charttime,text\n"
  path = write(header + '1-DS-1,1,2,DS,1,2180-01-01 00:00:00,"%s"\n' % text)
  assert sources.sniff(path) == "mimic"
  assert paragraphs(path, "mimic") == [
    [
      "Name: unknown Unit No: unknown",
      "Follow up with Dr. unknown in unknown after the visit on the ward, "
      "unknown-year-old.",
    ]
  ]


@pytest.mark.parametrize(
  "data, kind, expected",
  [
    ("cord_uid,title,abstract\nx,A.,B. C.\ny,D.,\n", "table", ["A.", "B. C."]),
    ("pmid\ttitle\tabstract\n1\tA.\tB. C.\n", "table", ["A.", "B. C."]),
    ('{"text": "A.\\nB.\\n\\nC."}\n{"text": ""}\n', "json", ["A.\nB.", "C."]),
    ("1|t|A.\n1|a|B.\n", "pubtator", ["A.", "B."]),
  ],
)
def test_titles_and_texts_of_other_formats_are_paragraphs(
  write, data, kind, expected
):
  path = write(data)
  assert sources.sniff(path) == kind
  assert paragraphs(path, kind)[0] == expected


def test_a_long_note_is_read(write):
  words = "word " * 200000
  assert paragraphs(write(notes(words)), "mimic") == [[words.strip()]]


@pytest.mark.parametrize(
  "data, said",
  [
    ("1,7,,Words\n", ":1: found no header that names a text, expected"),
    (HEADER + '1,7,,"a\nb"\n2,7,"x"\n', ":4: found 3 columns, expected 4"),
    (HEADER + '1,7,,"a"\n2,7,,"cut\nshort', ":3: found a damaged row"),
    (HEADER + '1,7,,"a"b\n', ":2: found a damaged row"),
    ((HEADER + '1,7,,"na\xefve"\n').encode("latin-1"), ":2: found byte 0xef"),
  ],
)
def test_damaged_csv_is_reported_with_its_line(write, data, said):
  assert refused(write(data), "mimic").startswith(said)


def test_sentences_have_single_blanks_and_are_never_empty():
  found = sources.sentences(["One\n here.  Two\tthere.", " ", "", "Three"])
  assert found == ["One here.", "Two there.", "Three"]


PEAK = """
import re, sys
from formats import streams
from pretraining import sources
count = sum(1 for _ in sources.documents(sys.argv[1], sys.argv[2]))
with open("/proc/self/status") as f:
  print(count, re.search(r"VmHWM:\\s*(\\d+) kB", f.read()).group(1))
"""


def peak(repo, path, format):
  """Returns the number of a file's documents and the KiB to read them."""
  command = [sys.executable, "-c", PEAK, path, format]
  out = subprocess.check_output(command, cwd=repo, universal_newlines=True)
  return tuple(map(int, out.split()))


@pytest.mark.once
@pytest.mark.skipif(
  not os.path.exists("/proc/self/status"), reason="no /proc to read memory from"
)
def test_memory_does_not_grow_with_the_file(repo, write):
  # Both have more than a block of a file, inflated to 1 MiB, and its articles.
  pairs = [("Title.", PART % ("Some words of an abstract. " * 40))] * 4000
  small = records(*pairs)
  body = small[small.index("<PubmedArticle>") : small.rindex("</Pub")]
  large = small.replace(body, body * 4)
  assert len(large) > 18e6
  count, size = peak(repo, write(gzip.compress(small.encode())), "pubmed")
  more, grown = peak(repo, write(gzip.compress(large.encode())), "pubmed")
  assert (count, more) == (4000, 16000)
  assert grown - size < 4 * 1024


@pytest.mark.parametrize(
  "name, format, count",
  [
    ("medline_xml/pubmed4.xml", "pubmed", 1),
    ("medline_xml/test_current_medline.xml.gz", "pubmed", 3),
    ("pmc_nxml/6605965a.nxml", "pmc", 1),
    ("pmc_nxml/evidence_inference_ccby_60.tar.gz", "pmc", 60),
  ],
)
def test_real_files_give_clean_text(shared, name, format, count):
  path = os.path.join(shared, "data", "pretraining", name)
  assert sources.sniff(path) == format
  found = paragraphs(path, format)
  assert len(found) == count
  for text in (p for document in found for p in document):
    assert text == " ".join(text.split()) and text
    assert not re.search(r"[\x00-\x1f]|\(\s*\)|\[\s*\]|</?[a-z]+>", text)
