# SPDX-License-Identifier: Apache-2.0
"""Tests of articles.py: processes read what a stream reads.

What articles become is tested in tests/pretraining/test_sources.py.
"""

import collections
import gzip

import pytest

from common.errors import InputError
from formats import articles
from formats import safe_xml
from formats import streams
from tests.helpers import archive_files

RECORD = (
  "<PubmedArticle><MedlineCitation><PMID>%d</PMID><Article><ArticleTitle>T%d"
  "</ArticleTitle></Article></MedlineCitation><PubmedData>%s</PubmedData>"
  "</PubmedArticle>"
)
DOCTYPE = "<!DOCTYPE PubmedArticleSet PUBLIC '-//NLM//DTD' 'a.dtd'>"
DELETED = "<DeleteCitation><PMID>1</PMID><PMID>2</PMID></DeleteCitation>"
ARTICLE = (
  "<article><front><article-meta><title-group><article-title>%s"
  "</article-title></title-group></article-meta></front></article>"
)


def pubmed(middle="", end=DELETED + "</PubmedArticleSet>"):
  """Returns PubMed's XML of several blocks, with something in the middle."""
  found = [RECORD % (i, i, "x" * 1000) for i in range(200)]
  found.insert(100, middle)
  return "<?xml version='1.0'?>%s\n<PubmedArticleSet>%s%s" % (
    *(DOCTYPE, "\n".join(found), end),
  )


def archive(*texts):
  """Returns a tar archive of texts."""
  return archive_files.tarred(
    {"%d.nxml" % i: text for i, text in enumerate(texts)}
  )


def outcome(path, num_workers):
  """Returns all that reading a file gives."""
  source = streams.Source(path, open, num_workers)
  counts, found = collections.Counter(), []
  read = articles.read_jats if source.is_tar() else articles.read_pubmed
  try:
    for article in read(source, counts, found.append):
      found.append(article)
  except InputError as error:
    found.append(error)
  return [x if isinstance(x, tuple) else str(x) for x in found], counts


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_position_is_the_end_of_the_block_that_completes_an_article(
  tmp_path, num_workers
):
  path, data = tmp_path / "a.xml", pubmed()
  path.write_text(data)
  found, counts = outcome(str(path), num_workers)
  assert [article.id for article in found] == [str(i) for i in range(200)]
  assert counts == {"records listed as deleted": 2}
  for article in found:
    begin = data.index("<PMID>%s<" % article.id)
    end = data.index("</PubmedArticle>", begin) + len("</PubmedArticle>")
    blocks = -(-end // streams.BLOCK)
    assert article.position == min(blocks * streams.BLOCK, len(data))


PUBMED = {
  "a comment": pubmed("<!-- </PubmedArticle>%s-->" % ("x" * 70000)),
  "CDATA": pubmed("<![CDATA[</PubmedArticle>%s]]>" % ("x" * 70000)),
  "an entity": pubmed(RECORD.replace("T%d", "&T%d;") % (8, 8, "")),
  "damage": pubmed("<PubmedArticle>"),
  "no end": pubmed(end=""),
  "two sets": pubmed("</PubmedArticleSet><PubmedArticleSet>"),
  "text after the end": pubmed() + " " * 70000 + "x",
  "UTF-16": pubmed().encode("utf-16"),
  "a byte order mark": pubmed().encode("utf-8-sig"),
  "damaged gzip": gzip.compress(pubmed().encode())[:-500],
  "books": pubmed().replace("PubmedArticle>", "PubmedBookArticle>"),
  "a prefix": pubmed()
  .replace("<PubmedArticleSet", "<a:PubmedArticleSet xmlns:a='b'")
  .replace("</PubmedArticleSet", "</a:PubmedArticleSet"),
  "the older format": "<MedlineCitationSet>%s</MedlineCitationSet>"
  % ("<MedlineCitation><PMID>1</PMID></MedlineCitation>" * 2000),
}


@pytest.mark.parametrize("data", PUBMED.values(), ids=list(PUBMED))
def test_processes_read_what_a_stream_reads(tmp_path, monkeypatch, data):
  path = tmp_path / "a.xml"
  path.write_bytes(data if isinstance(data, bytes) else data.encode())
  found = outcome(str(path), 1)
  monkeypatch.setattr(safe_xml, "pieces", lambda *_: iter([None]))
  assert found == outcome(str(path), 0)
  assert found[0]


ARCHIVES = {
  "articles": archive(*[ARTICLE % ("T%d" % i) for i in range(9)]),
  "another file": archive("x", ARTICLE % "a"),
  "an entity": archive(*[ARTICLE % x for x in ("a", "&b;", "c")]),
  "a damaged article": archive(ARTICLE % "a", "<article>", ARTICLE % "c"),
  "a large article": archive(
    ARTICLE % "a", "<!--%s-->" % ("x" * 100000) + ARTICLE % "b", ARTICLE % "c"
  ),
  "a damaged archive": archive(ARTICLE % "a", ARTICLE % "b")[:1300],
  "no article": archive(),
}


@pytest.mark.parametrize("data", ARCHIVES.values(), ids=list(ARCHIVES))
def test_processes_read_what_a_stream_reads_of_an_archive(
  tmp_path, monkeypatch, data
):
  path = tmp_path / "a.tar"
  path.write_bytes(data)
  monkeypatch.setattr(articles, "_MAX_MEMBER", 1 << 16)
  found = outcome(str(path), 1)
  monkeypatch.setattr(articles, "_archive_pieces", lambda *_: iter([None]))
  assert found == outcome(str(path), 0)
  assert found[0]


def test_small_pieces_are_read_by_processes(tmp_path, monkeypatch):
  path = tmp_path / "a.xml"
  path.write_text(pubmed())
  monkeypatch.setattr(articles, "_stream_pubmed", lambda *_: iter([]))
  assert len(outcome(str(path), 1)[0]) == 200
