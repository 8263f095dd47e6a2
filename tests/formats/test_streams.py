# SPDX-License-Identifier: Apache-2.0
"""streams: hostile archives and endless lines."""

import gzip
import io
import subprocess
import sys
import tarfile

import pytest

from common import text
from common.errors import InputError
from formats import streams
from tests.helpers import REPO


def header(kind, size):
  """Returns a tar archive that begins with a header of this kind."""
  info = tarfile.TarInfo("a.txt")
  info.type, info.size = kind, size
  return io.BytesIO(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20))


@pytest.mark.parametrize(
  ("kind", "size", "found"),
  [
    (tarfile.GNUTYPE_LONGNAME, 1 << 17, "a name of 131072 bytes"),
    (tarfile.XHDTYPE, 1 << 17, "a name of 131072 bytes"),
    (tarfile.GNUTYPE_SPARSE, 1, "a file with holes"),
  ],
)
def test_headers_of_a_tar_that_fill_the_memory_are_damage(kind, size, found):
  with pytest.raises(tarfile.ReadError, match=found):
    tarfile.open(
      fileobj=header(kind, size), mode="r:", tarinfo=streams.TarHeader
    )


# Reads a file in a process of at most 200 MB and prints what becomes of it.
READ_IN_200_MB = """
import collections, resource
from common.errors import InputError
from formats import articles
from formats import streams
resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
source = streams.Source({path!r}, open)
try:
  print(sum(1 for _ in {read}))
except InputError as e:
  print(e)
"""
PUBMED = "articles.read_pubmed(source, collections.Counter())"


def read_in_200_mb(path, read, blocks):
  with gzip.open(str(path), "wb", compresslevel=1) as f:
    for block in blocks:
      f.write(block)
  return subprocess.run(
    [sys.executable, "-c", READ_IN_200_MB.format(path=str(path), read=read)],
    cwd=REPO,
    stdout=subprocess.PIPE,
    check=True,
    text=True,
  ).stdout


@pytest.mark.once
def test_elements_outside_records_leave_memory(tmp_path):
  record = b"<PubmedArticle><AbstractText>A.</AbstractText></PubmedArticle>"
  blocks = [b"<x/>" * 50000 + record] * 40  # 240 MB as a tree
  blocks = [b"<PubmedArticleSet>"] + blocks + [b"</PubmedArticleSet>"]
  assert read_in_200_mb(tmp_path / "a.gz", PUBMED, blocks) == "40\n"


@pytest.mark.once
def test_text_without_line_ends_does_not_fill_the_memory(tmp_path):
  blocks = [bytes(b"word " * 200000)] * 200
  found = read_in_200_mb(tmp_path / "a.gz", "streams.lines(source)", blocks)
  assert found.endswith(
    "a.gz:1: found a line of more than 33554432 bytes, expected shorter lines\n"
  )


@pytest.mark.parametrize("size", [9, 10])
def test_lines_have_a_largest_size(monkeypatch, size):
  monkeypatch.setattr(text, "MAX_LINE", 10)
  data = b"%s\n" % (b"x" * size) * 3 + b"last"
  assert text.split_lines(data, "a.txt") == ["x" * size] * 3 + ["last"]
  with pytest.raises(InputError, match="a.txt:5: found a line of more than 10"):
    text.split_lines(data + b"\n" + b"x" * 11, "a.txt")
