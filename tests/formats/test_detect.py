# SPDX-License-Identifier: Apache-2.0
"""Tests of detect.py: what a file is, and what it is not."""

import io
import json
import tarfile

import pytest

from common.errors import InputError
from formats import detect
from formats import streams
from tests.helpers.archive_files import gzipped
from tests.helpers.archive_files import zipped

BIOC = (
  "<?xml version='1.0'?><!DOCTYPE collection SYSTEM 'BioC.dtd'><collection>"
  "<source>x</source><document><id>1</id></document></collection>"
)
JATS = "<article><front><article-meta/></front></article>"
NER = "Breast\tB\ncancer\tI\nin\tO\ntwo\tO\n\nWe\tO\nsaw\tO\n"
CONLL = "-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n"
SQUAD = json.dumps({"version": "1.1", "data": [{"paragraphs": []}]})
CSV = 'pmid,text\n1,"One, two.\nThree ""four""."\n'

KINDS = [
  # content, kind, why
  ("One sentence.\nAnother.\n", "text", "a sentence a line"),
  ("\ufeffOne.\r\nTwo.\r\n", "text", "byte order mark and carriage returns"),
  ("p53", "text", "a single word"),
  ("BRCA1\nTP53\nIL-2\nTNF\np21\nMDM2\n", "text", "a list of names"),
  ("vitamin B\n", "text", "a word that looks like a tag"),
  ("<5 % of cells died.\n", "text", "less than"),
  ("It fell (p < 0.05) and rose (n > 5).\nIf a <b and c> d.\n", "text", "<>"),
  ("<LOD values were left out (c > d).\n", "text", "looks like a tag"),
  ("<i>In vivo</i> growth of <i>E. coli</i>\n", "text", "literal markup"),
  ("<e1>Aspirin</e1> helps <e2>pain</e2>.\n", "text", "marked entities"),
  ("[1] Smith et al.\n[2] Lee et al.\n", "text", "numbers in brackets"),
  ("[On receptors].\nWe saw it.\n", "text", "a translated title"),
  ("[[3H]thymidine uptake].\n", "text", "an isotope"),
  ("{beta}-catenin fell.\n", "text", "braces"),
  ('{"beta"}-catenin fell.\n', "text", "braces and quotes"),
  ("A\tb.\nOne.\nTwo.\nThree.\n", "text", "few tabs"),
  ("\tOne.\n\tTwo.\n", "text", "indented"),
  (
    "Die Zelle w\u00e4chst.\n\u7ec6\u80de\u3002\n",
    "text",
    "languages",
  ),
  ("Abstract, title and text were read.\nSo, too.\n", "text", "commas"),
  ("Heart, lung\nLiver, kidney\n", "text", "lists"),
  ("Abstract\nWe saw it.\n", "text", "a heading"),
  ("PAR1 is cut by thrombin.\n", "text", "the first bytes of Parquet"),
  ("Hepatitis B\nVitamin E\nInfluenza B\n", "text", "names like tags"),
  ("> It rose.\nIt fell.\n% of cells\n@x: no\n", "text", "first characters"),
  ("# Title\n\n- One\n- Two | three\n", "text", "Markdown"),
  ("2101-01-05 12:30 Pt c/o pain\n2101-01-06 Pt better\n", "text", "a note"),
  ("Error: none. INFO was read.\n", "text", "words of logs"),
  ('{"text": "x"}\n', "json", "lines"),
  ('[{"text": "x"}]', "json", "an array in one line"),
  ('[\n  {\n    "text": "x"\n  }\n]\n', "json", "an array over many lines"),
  ('["One.", "Two."]', "json", "an array of strings"),
  (SQUAD, "json", "of another shape, which the reader names"),
  (CSV, "table", "CSV"),
  (CSV.replace(",", ";", 1), "table", "semicolons"),
  ("ID\tSentence\n1\tOne.\n", "table", "TSV"),
  ("\ttext\n0\tOne.\n", "table", "with the index of pandas"),
  ("pmid\ttitle\tabstract\n1\tA.\tB.\n", "table", "title and abstract"),
  ("sentence1\tsentence2\tscore\nA.\tB.\t1\n", "table", "pairs"),
  ("12|t|A title.\n12|a|An abstract.\n", "pubtator", ""),
  (BIOC, "bioc", ""),
  ("<PubmedArticleSet><PubmedArticle/></PubmedArticleSet>", "pubmed", ""),
  (JATS, "pmc", ""),
  ("<OAI-PMH><metadata>%s</metadata></OAI-PMH>" % JATS, "pmc", "in OAI"),
  (NER, "words", "tabs"),
  (CONLL, "words", "four columns"),
  (CONLL.split("\n", 2)[2] + ". . O O\n", "words", "spaces"),
  ("We\nsaw\novarian\ncancer\n.\n\nIt\nfell\n.\n", "words", "without tags"),
  ("1\tA title.\tAn abstract.\n2\tB.\tC.\n", "rows", "no header"),
  ("-----\t-2.3\nthe\t-3.1\n", "rows", "a vocabulary"),
]


def detected(data, path="file", reads=tuple(detect.KINDS)):
  data = data if isinstance(data, bytes) else data.encode()
  return detect.detect(streams.of_bytes(data, path), reads)


@pytest.mark.parametrize(("data", "kind", "why"), KINDS)
def test_content_tells_the_kind_of_a_file(data, kind, why):
  assert detected(data) == kind, why
  assert detected(gzipped(data.encode()), "f.gz") == kind, why
  assert detected(data.replace("\n", "\r\n")) == kind, why
  assert detected("\ufeff" + data) == kind, why


NAMED = [
  # content, how messages call it
  ("<!DOCTYPE html>\n<html lang=en><body>x</body></html>", "an HTML page"),
  ("\n<HTML>\n<P>One<BR>two</HTML>", "an HTML page"),
  ("<!-- saved --><html lang=en>\n" + "One.\n" * 9, "an HTML page"),
  ('<div class="a">\n<p>One.</p>\n</div>\n', "an HTML page"),
  ("Skip\n<table border=1>\n<tr><td>x</td></tr>\n</table>\n", "an HTML page"),
  ("<?xml version='1.0'?><TEI xmlns='x'><text/></TEI>", "XML with <TEI>"),
  ("<doc id='1'>\nOne.\n</doc>\n<doc id='2'>\nTwo.\n</doc>", "XML with <doc>"),
  ("<collection><record/></collection>", "XML with <collection>"),
  ("<?xml version='1.0'?>", "XML with nothing as the outermost element"),
  ("{\\rtf1\\ansi One.}", "RTF"),
  ("% a comment\n\\documentclass{article}\n\\begin{document}\nx", "LaTeX"),
  ("% a list\n@Article{smith,\n  title = {One},\n}\n", "BibTeX"),
  ("\nPMID- 1\nOWN - NLM\nTI  - One.\n", "MEDLINE's text form"),
  ("TY  - JOUR\nTI  - One.\nER  - \n", "RIS"),
  ("%0 Journal Article\n%T One.\n", "EndNote"),
  ("# newdoc id = 1\n# sent_id = 1\n1\tOne\tone\n", "CoNLL-U"),
  ("# text = One .\n1\tOne\tone\tNUM\t_\t_\t0\troot\t_\t_\n", "CoNLL-U"),
  ("1\tOne\tone\tNUM\t_\t_\t0\troot\t_\t_\n", "CoNLL-U"),
  ("T1\tDisease 0 5\tfever\nR1\tCID Arg1:T1 Arg2:T2\n", "brat's annotations"),
  (">sp|P04637|P53_HUMAN\nMEEPQSDPSV\nEPPLSQETFS\n", "FASTA"),
  (">seq1 x\nacgtacgt\n", "FASTA"),
  ('c="pain" 1:2 1:3||t="problem"\n', "concepts of i2b2"),
  ("sep=;\nid;text\n1;One.\n", "first line is not its header"),
  ("<p>One.</p>\n<p>Two.</p>\n", "an HTML page"),
  ("2024-01-05T12:30:01Z [info] started\n" * 3, "a log"),
  ("@read1\nACGTN\n+\nIIIII\n", "FASTQ"),
  ("2024-01-05 12:30:01,123 - x - started\n" * 3, "a log"),
  ("I0105 12:30:01.123456 1 x.py:3] started\n" * 3, "a log"),
  ("[INFO] started\n[WARNING] slow\n", "a log"),
  ("{'text': 'One.'}\n", "a dict of Python"),
  ("#!/bin/sh\necho\n", "a script"),
  ("MIME-Version: 1.0\nContent-Type: multipart/related\n", "an e-mail"),
  ("pmid,year,journal\n1,2001,x\n", "separated by commas without a header"),
  ('1,2,3,2101-01-05,,,"Report",,,"Pt is\nok."\n', "separated by commas"),
  (b"%PDF-1.4\n", "a PDF"),
  (zipped({"word/document.xml": "x"}), "a Word document"),
  (zipped({"xl/workbook.xml": "x"}), "an Excel sheet"),
  (zipped({"a.txt": "x"}), "a ZIP archive"),
  (b"\xd0\xcf\x11\xe0\xa1\xb1", "Word, Excel or PowerPoint"),
  (gzipped(gzipped(b"x")), "gzip inside gzip"),
  ("x".encode("utf-16"), "UTF-16 text"),
  ("One.".encode("utf-16-le"), "UTF-16 text"),
  (b"\x05" + bytes(7) + b"abcd\n\x03abc", "a TFRecord file"),
  (b"PAR1\x15\x00\x15", "a Parquet file"),
  ('model_checkpoint_path: "model.ckpt-1"\n', "a file of a checkpoint"),
  (b"ab\0c", "a binary file"),
  (b"", "no text"),
  (b"\xef\xbb\xbf \r\n\t\n", "no text"),
  (gzipped(b"\n"), "no text"),
]


@pytest.mark.parametrize(("data", "name"), NAMED)
def test_what_no_program_reads_is_refused_by_name(data, name):
  with pytest.raises(InputError) as raised:
    detected(data, "file.txt")
  message = str(raised.value)
  assert message.startswith("file.txt: found ") and name in message
  assert "\n" not in message and ", expected " in message


def test_a_kind_that_the_caller_does_not_read_is_refused():
  with pytest.raises(InputError, match="found words one per line"):
    detected(NER, reads=detect.TEXTS)
  with pytest.raises(InputError, match="found PubTator, expected plain text"):
    detected("1|t|A title.\n", reads=("text", "json"))


def test_archives_are_taken_for_jats_only_where_it_is_read():
  out = io.BytesIO()
  with tarfile.open(fileobj=out, mode="w:gz") as archive:
    archive.addfile(tarfile.TarInfo("a.nxml"), io.BytesIO())
  assert detected(out.getvalue()) == "pmc"
  with pytest.raises(InputError, match="found a tar archive, expected JSON"):
    detected(out.getvalue(), reads=("json",))


def test_a_checkpoint_is_known_by_its_name():
  with pytest.raises(InputError, match="found a file of a checkpoint"):
    detected(b"\1\0\0\0\2", "model.ckpt-1.data-00000-of-00001")


def test_a_header_in_a_csv_file_may_be_a_single_column():
  assert detected("text\nOne.\n", "a.csv") == "table"
  assert detected("text\nOne.\n", "a.txt") == "text"


@pytest.mark.parametrize(
  "data, quoted",
  [
    ('text\tlabel\n"So" he said.\t1\n', False),
    ('text\tlabel\n"So"\t1\n', True),
    ('text\tlabel\n"He said ""so""."\t1\n', True),
    ('text\tlabel\n"One\ttwo."\t1\n', True),
    ('text\tlabel\n"One\ntwo."\t1\n', True),
    ('"text"\t"label"\n"One."\t"1"\n', True),
  ],
)
def test_quotes_enclose_cells_only_where_the_whole_file_has_it_so(data, quoted):
  layout = detect.layout(streams.of_bytes(data.encode(), "a.tsv"))
  assert layout == ("\t", quoted, ["text", "label"])


def test_long_files_are_known_by_their_first_lines():
  assert detected("One sentence of text.\n" * 10000) == "text"
  assert detected('[{"text": "%s"}]' % ("x" * 100000)) == "json"
  assert detected("id\ttext\n" + "1\tOne.\n" * 20000) == "table"
  assert detected("<article><front>" + "x" * 100000) == "pmc"


def test_only_what_is_surely_another_kind_is_rejected_for_labelled_readers():
  reads = ("table", "rows")
  for data in ("", "One.\n", "A.\t1\n", NER, "sentence\tlabel\nA.\t1\n"):
    detect.reject_others(data.encode(), "train.tsv", reads)
  for data in ("<html></html>", "1|t|A.\n", '{"text": "x"}', "%PDF-1"):
    with pytest.raises(InputError, match="train.tsv: found "):
      detect.reject_others(data.encode(), "train.tsv", reads)
