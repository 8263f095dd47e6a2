# SPDX-License-Identifier: Apache-2.0
"""scripts/download.sh, with a server on this machine only."""

import contextlib
import errno
import hashlib
import http.server
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile

import pytest

from common import data_sets
from common import weights
from scripts import download
from tests.helpers import REPO
from tests.helpers import archive_files

SCRIPT = os.path.join(REPO, "scripts", "download.sh")
PAGE = "https://example.org/corpus"


def digest(data):
  return hashlib.sha256(data).hexdigest()


# Stored, so that cutting or changing bytes changes the text in it.
CORPUS = archive_files.zipped(
  {"corpus.txt": "A sentence of the corpus.\n" * 4000}, zipfile.ZIP_STORED
)


class Handler(http.server.BaseHTTPRequestHandler):
  """Serves server.files; the other attributes of server make it fail."""

  def log_message(self, *unused):
    pass

  def do_GET(self):
    server = self.server
    server.log.append((self.path, dict(self.headers)))
    if self.path in server.answers:
      status, headers = server.answers[self.path]
      self.reply(status, headers, b"")
      return
    if self.path not in server.files:
      self.send_error(404)
      return
    data = server.files[self.path]
    asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
    version = self.headers.get("If-Range", server.etag)
    if asked and server.ranges and version == server.etag:
      start = int(asked.group(1))
      if start >= len(data):
        self.reply(416, {"Content-Range": "bytes */%d" % len(data)}, b"")
        return
      span = "bytes %d-%d/%d" % (start, len(data) - 1, len(data))
      self.reply(206, {"Content-Range": span}, data[start:])
    else:
      self.reply(200, {}, data)

  def reply(self, status, headers, data):
    self.send_response(status)
    for key, value in dict({"ETag": self.server.etag}, **headers).items():
      self.send_header(key, value)
    self.send_header("Content-Length", str(len(data)))
    self.end_headers()
    if self.server.breaks:
      data = data[: self.server.breaks.pop()]
      self.close_connection = True
    self.wfile.write(data)
    self.wfile.flush()
    if self.server.stalls:
      self.server.stalls.pop().wait(30)


@contextlib.contextmanager
def serving():
  """Yields a running server; a test may change its attributes at any time."""
  server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
  server.daemon_threads = True
  server.address = "http://127.0.0.1:%d" % server.server_address[1]
  server.files, server.answers, server.log = {}, {}, []
  server.ranges, server.etag = True, '"1"'
  # breaks: numbers of bytes after which the next responses break off; stalls:
  # events to wait for at the end of the next responses.
  server.breaks, server.stalls = [], []
  thread = threading.Thread(target=server.serve_forever, args=(0.01,))
  thread.start()
  yield server
  server.shutdown()
  thread.join()
  server.server_close()


@pytest.fixture
def server():
  with serving() as running:
    running.files["/corpus.zip"] = CORPUS
    yield running


# Stands in for Python: runs download.py with entries of our own.
PROGRAM = """#!{python}
import sys
sys.path.insert(0, {repo!r})
del sys.argv[0]
from scripts.download import Entry, File, main
main({entries!r})
"""


class Place:
  """A folder to download to, with entries of our own."""

  def __init__(self, folder, server):
    self.folder = folder
    self.server = server
    self.entries = {}
    self.add("Toy", "corpus.zip")

  def add(self, name, *files, sha256=None, address=None, **fields):
    """Adds or replaces an entry, by default an open corpus."""
    found = [
      download.File(
        file, address or self.server.address + "/" + file, sha256, PAGE
      )
      for file in files
    ]
    entry = download.Entry(
      name, "corpus", "open", "", PAGE, "", "", files=found
    )
    self.entries[name] = entry._replace(**fields)

  def path(self, *parts):
    return self.folder.joinpath("data", "raw", *parts)

  def start(self, *arguments):
    python = self.folder / "python"
    python.write_text(
      PROGRAM.format(python=sys.executable, repo=REPO, entries=self.entries)
    )
    python.chmod(0o755)
    return subprocess.Popen(
      ["bash", SCRIPT, *arguments],
      cwd=str(self.folder),
      env=dict(os.environ, PYTHON=str(python), no_proxy="*", NO_PROXY="*"),
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      encoding="utf-8",
    )

  def run(self, *arguments, code=0):
    """Returns (standard output, standard error)."""
    process = self.start(*arguments)
    output, error = process.communicate(timeout=60)
    assert process.returncode == code, output + error
    assert "Traceback" not in error
    return output, error

  def fetched(self, name="corpus.zip"):
    """Returns the headers of each request for a file."""
    return [headers for path, headers in self.server.log if path == "/" + name]


@pytest.fixture
def place(tmp_path, server):
  return Place(tmp_path, server)


# -- the tables --------------------------------------------------------------


def test_the_list_has_all_corpora_and_weights_with_their_licences():
  output = subprocess.check_output(
    ["bash", SCRIPT, "--list"],
    env=dict(os.environ, PYTHON=sys.executable),
    encoding="utf-8",
  )
  head, *lines = output.splitlines()
  heads = ["name", "kind", "licence", "how to get it"]
  assert re.split(r"\s{2,}", head) == heads
  rows = [re.split(r"\s{2,}", line) for line in lines]
  assert [row[:3] for row in rows] == [
    [d.name, "corpus", d.licence] for d in data_sets.converted()
  ] + [[w.name, "weights", w.licence] for w in weights.WEIGHTS]


def test_the_list_says_how_to_get_each(place):
  place.add("Secret", agreement="a signed form")
  place.add("Drive")
  lines = place.run("--list")[0].splitlines()
  assert lines[1].endswith("  download.sh")
  assert lines[2].endswith("  ask at " + PAGE)
  assert lines[3].endswith("  by hand at " + PAGE)


def test_weights_on_google_drive_are_explained(place):
  place.entries = download.read_tables()
  output, error = place.run("bioalbert-BASE-pubmed", code=1)
  assert "page: https://drive.google.com/file/d/" in output
  assert "get: BioALBERT-Base v1.0 (PubMed)\n" in output
  assert "unpack into: weights/BioALBERT-base-PubMed " in output
  assert error.endswith("not downloaded: BioALBERT-base-PubMed (see above)\n")


# -- arguments ---------------------------------------------------------------


def test_help_shows_the_usage(place):
  assert "usage: scripts/download.sh --list" in place.run("--help")[0]


@pytest.mark.parametrize(
  "arguments, said",
  [
    (["--devv"], "unknown argument '--devv'"),
    (["Toy", "--output_dir"], "--output_dir needs a value"),
    (["Toy", "--retries=-1"], "found --retries=-1 --timeout=60, expected"),
    ([], "no name given"),
    (["Tooy"], "found the name 'Tooy', expected one of Toy, or corpora, weigh"),
  ],
)
def test_a_wrong_argument_ends_in_one_line(place, arguments, said):
  _, error = place.run(*arguments, code=1)
  assert error.startswith("download.sh: ") and said in error
  assert error.count("\n") == 1
  assert not place.server.log


# -- downloading -------------------------------------------------------------


def test_a_download_ends_with_the_next_command(place):
  output, error = place.run("Toy")
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS
  there = sorted(os.listdir(str(place.path("Toy"))))
  assert there == ["SHA256SUMS", "corpus.zip"] and error == ""
  assert (
    "python prepare_data.py --dataset=Toy --input_dir=data/raw/Toy"
    " --output_dir=data/Toy\n" in output
  )


def test_the_next_command_quotes_a_folder_with_blanks(place):
  output, _ = place.run("Toy", "--output_dir", "my data/raw")
  fetched = place.folder / "my data" / "raw" / "Toy" / "corpus.zip"
  assert fetched.read_bytes() == CORPUS
  assert "--input_dir='my data/raw/Toy'" in output


def test_a_second_call_downloads_nothing(place):
  place.run("Toy")
  output, _ = place.run("Toy")
  assert len(place.fetched()) == 1
  assert "already there" in output


def test_weights_are_unpacked_side_by_side(place):
  files = {
    "albert/model.ckpt.index": b"index",
    "albert/30k-clean.model": b"pieces",
    "../../escaped.txt": b"outside",
    str(place.folder / "absolute.txt"): b"outside",
  }
  place.server.files["/a.tar.gz"] = archive_files.tar_gz(files)
  place.add("W", "a.tar.gz", kind="weights")
  output, _ = place.run("W", "--weights_dir=my weights")
  folder = place.folder / "my weights" / "W"
  names = {os.path.basename(name) for name in files}
  assert set(os.listdir(str(folder))) == names | {"a.tar.gz", "SHA256SUMS"}
  assert (folder / "model.ckpt.index").read_bytes() == b"index"
  assert sorted(os.listdir(str(place.folder))) == ["my weights", "python"]
  assert "--bioalbert_dir='my weights/W'" in output


@pytest.mark.parametrize("name", ["..", "albert/..", "./."])
def test_weights_with_a_name_that_no_file_has_are_not_unpacked(place, name):
  files = {"albert/model.ckpt.index": b"index", name: b"x"}
  place.server.files["/a.tar.gz"] = archive_files.tar_gz(files)
  place.add("W", "a.tar.gz", kind="weights")
  for _ in range(2):
    _, error = place.run("W", code=1)
    assert "found a file called %r inside, expected weights" % name in error
  folder = place.folder / "weights" / "W"
  assert sorted(os.listdir(str(folder))) == ["SHA256SUMS", "a.tar.gz"]


# -- resuming ---------------------------------------------------------------


def leave_part(place, data, version='"1"'):
  place.path("Toy").mkdir(parents=True)
  place.path("Toy", "corpus.zip.part").write_bytes(data)
  if version:
    place.path("Toy", "corpus.zip.part.version").write_text(version)


@pytest.mark.parametrize("version", ['"1"', None])
def test_a_download_continues_a_part(place, version):
  leave_part(place, CORPUS[:1000], version)
  place.run("Toy")
  (request,) = place.fetched()
  assert request["Range"] == "bytes=1000-"
  assert request.get("If-Range") == version
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


@pytest.mark.parametrize(
  "part, requested",
  [
    (CORPUS, ["bytes=%d-" % len(CORPUS)]),  # It is complete.
    (CORPUS + b"x", ["bytes=%d-" % (len(CORPUS) + 1), None]),  # Too long.
  ],
  ids=["complete", "too long"],
)
def test_a_part_may_be_complete_or_too_long(place, part, requested):
  leave_part(place, part)
  place.run("Toy")
  assert [x.get("Range") for x in place.fetched()] == requested
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


@pytest.mark.parametrize("change", [{"ranges": False}, {"etag": '"2"'}])
def test_a_part_is_replaced_if_the_server_sends_the_whole_file(place, change):
  vars(place.server).update(change)
  leave_part(place, b"PK" + b"x" * 998)
  place.run("Toy")
  assert len(place.fetched()) == 1
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


def test_a_broken_connection_is_continued(place):
  place.server.breaks = [5000]
  _, error = place.run("Toy")
  assert "the connection broke after 5000 of %d bytes" % len(CORPUS) in error
  assert [x.get("Range") for x in place.fetched()] == [None, "bytes=5000-"]
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


def test_a_busy_server_is_tried_again(place):
  place.server.answers["/corpus.zip"] = (503, {})
  _, error = place.run("Toy", "--retries=1", code=1)
  assert len(place.fetched()) == 2
  assert "HTTP 503" in error


def test_the_next_call_continues_after_ctrl_c(place):
  place.server.breaks = [70000]
  stalled = threading.Event()
  place.server.stalls = [stalled]
  process = place.start("Toy")
  part = place.path("Toy", "corpus.zip.part")
  until = time.time() + 30
  while not (part.exists() and part.stat().st_size) and time.time() < until:
    time.sleep(0.02)
  process.send_signal(signal.SIGINT)
  _, error = process.communicate(timeout=30)
  stalled.set()
  assert process.returncode == 130
  assert error == ("download.sh: interrupted; repeat the command to continue\n")
  kept = part.read_bytes()
  assert kept and CORPUS.startswith(kept)
  place.run("Toy")
  assert place.fetched()[-1]["Range"] == "bytes=%d-" % len(kept)
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


# -- checksums ---------------------------------------------------------------


def test_a_published_checksum_is_checked(place):
  place.add("Toy", "corpus.zip", sha256=digest(CORPUS))
  output, _ = place.run("Toy")
  assert "SHA-256 %s (matches the project's table)" % digest(CORPUS) in output
  assert os.listdir(str(place.path("Toy"))) == ["corpus.zip"]


def test_a_wrong_checksum_removes_the_file(place):
  place.add("Toy", "corpus.zip", sha256="0" * 64)
  _, error = place.run("Toy", code=1)
  expected = "found the SHA-256 %s, expected %s" % (digest(CORPUS), "0" * 64)
  assert expected in error and "removed" in error
  assert error.count("\n") == 2
  assert os.listdir(str(place.path("Toy"))) == []


def test_an_unpublished_checksum_is_printed_and_recorded(place):
  output, _ = place.run("Toy")
  assert digest(CORPUS) in output and "to compare; recorded in" in output
  sums = place.path("Toy", "SHA256SUMS").read_text()
  assert sums == "%s  corpus.zip\n" % digest(CORPUS)


def test_a_recorded_checksum_is_checked_at_the_next_download(place):
  place.run("Toy")
  place.path("Toy", "corpus.zip").unlink()
  place.server.files["/corpus.zip"] = archive_files.zipped(
    {"corpus.txt": "Something else."}
  )
  _, error = place.run("Toy", code=1)
  expected = "expected %s as in data/raw/Toy/SHA256SUMS" % digest(CORPUS)
  assert expected in error
  assert os.listdir(str(place.path("Toy"))) == ["SHA256SUMS"]


def test_a_damaged_file_stays_until_a_good_one_is_complete(place):
  place.run("Toy")
  path = place.path("Toy", "corpus.zip")
  path.write_bytes(b"damaged")
  place.server.answers["/corpus.zip"] = (404, {})
  output, _ = place.run("Toy", code=1)
  assert "differs from data/raw/Toy/SHA256SUMS, downloading it" in output
  assert path.read_bytes() == b"damaged"
  place.server.answers.clear()
  place.run("Toy")
  assert path.read_bytes() == CORPUS


def test_a_damaged_record_is_named_with_its_line(place):
  place.run("Toy")
  with place.path("Toy", "SHA256SUMS").open("a") as f:
    f.write("nonsense\n")
  _, error = place.run("Toy", code=1)
  assert "data/raw/Toy/SHA256SUMS:2: found 'nonsense', expected" in error


# -- failures ----------------------------------------------------------------

HTML = b"\n<!DOCTYPE html><html>Google Drive can't scan this file</html>"


@pytest.mark.parametrize(
  "name, data, found, expected",
  [
    ("a.zip", HTML, "an HTML page", "a zip archive"),
    ("a.tar.gz", b"<html>", "an HTML page", "a gzip archive"),
    ("a.rar", b"\xef\xbb\xbf<HTML lang=en>", "an HTML page", "a rar archive"),
    ("a.txt", b"<!-- x --><html>", "an HTML page", "a file"),
    ("a.zip", b"Rar!...", "a file that starts with", "a zip archive"),
    ("a.zip", b"", "a file that starts with", "a zip archive"),
    ("a.zip", CORPUS[:-30], "a damaged archive", "a zip archive"),
    ("a.zip", CORPUS[:60] + b"?" + CORPUS[61:], "a damaged archive", "a zip"),
    (
      "a.tar.gz",
      archive_files.tar_gz({"a": b"a"})[:-9],
      "a damaged archive",
      "a gzip archive",
    ),
  ],
  ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_download_with_other_content_is_rejected(
  place, name, data, found, expected
):
  place.server.files["/" + name] = data
  place.add("Toy", name)
  _, error = place.run("Toy", code=1)
  assert "found %s" % found in error and "expected %s" % expected in error
  assert "download %s by hand from %s into data/raw/Toy" % (name, PAGE) in error
  assert os.listdir(str(place.path("Toy"))) == []


def test_a_page_in_place_of_a_file_with_a_checksum_is_named(place):
  place.server.files["/corpus.zip"] = HTML
  place.add("Toy", "corpus.zip", sha256=digest(CORPUS))
  assert "found an HTML page" in place.run("Toy", code=1)[1]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_missing_file_is_reported_with_its_status(place, status):
  place.server.answers["/corpus.zip"] = (status, {})
  _, error = place.run("Toy", code=1)
  assert "/corpus.zip: HTTP %d" % status in error
  assert "(its page: %s)" % PAGE in error
  assert len(place.fetched()) == 1


def free_port():
  with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    return s.getsockname()[1]


@pytest.mark.parametrize(
  "address, said",
  [
    ("http://127.0.0.1:{port}/a.zip", "connection refused"),
    ("http://corpus.invalid/a.zip", "host not found"),
  ],
)
def test_an_unreachable_server_is_named(place, address, said):
  address = address.format(port=free_port())
  place.add("Toy", "a.zip", address=address)
  _, error = place.run("Toy", code=1)
  assert address in error and said in error
  assert error.count("\n") == 2


def test_a_silent_server_times_out(place):
  with socket.socket() as silent:
    silent.bind(("127.0.0.1", 0))
    silent.listen(5)
    port = silent.getsockname()[1]
    place.add("Toy", "a.zip", address="http://127.0.0.1:%d/a" % port)
    _, error = place.run("Toy", "--timeout=0.2", "--retries=0", code=1)
  assert "no answer within 0.2 s" in error


def test_a_redirection_keeps_the_range(place):
  with serving() as other:
    other.files["/moved.zip"] = CORPUS
    location = {"Location": other.address + "/moved.zip"}
    place.server.answers["/corpus.zip"] = (302, location)
    leave_part(place, CORPUS[:1000])
    place.run("Toy")
    assert [x["Range"] for _, x in other.log] == ["bytes=1000-"]
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


@pytest.mark.parametrize("scheme", ["file", "ftp", "data"])
def test_a_redirection_to_another_protocol_is_an_error(place, scheme):
  location = "%s://127.0.0.1/etc/passwd" % scheme
  place.server.answers["/corpus.zip"] = (302, {"Location": location})
  _, error = place.run("Toy", code=1)
  assert "redirects to an address that is not http or https" in error
  assert location in error
  assert os.listdir(str(place.path("Toy"))) == []


def test_a_circle_of_redirections_is_an_error(place):
  location = place.server.address + "/corpus.zip"
  place.server.answers["/corpus.zip"] = (302, {"Location": location})
  _, error = place.run("Toy", code=1)
  assert "too many redirections (the last to %s)" % location in error


@pytest.mark.skipif(
  not os.path.exists("/dev/full"),
  reason="no /dev/full to stand in for a full disk",
)
def test_a_full_disk_ends_in_one_line(place):
  place.path("Toy").mkdir(parents=True)
  place.path("Toy", "corpus.zip.part").symlink_to("/dev/full")
  _, error = place.run("Toy", code=1)
  assert "corpus.zip.part: the disk is full" in error
  assert error.count("\n") == 2


def test_a_folder_that_cannot_be_made_is_named(place):
  place.folder.joinpath("data").write_text("a file")
  _, error = place.run("Toy", code=1)
  assert "data/raw: cannot be written" in error
  assert os.strerror(errno.ENOTDIR) in error


# -- several at once ---------------------------------------------------------


@pytest.fixture
def several(place):
  """Returns a Place with entries of every kind; one file is missing."""
  place.add("Gone", "gone.zip", "corpus.zip")
  place.add("Secret", agreement="a signed form", take="secret.zip")
  place.add("Drive", take="drive.zip")
  return place


def test_the_other_downloads_continue_after_a_failure(several):
  _, error = several.run("Gone", "Toy", code=1)
  assert several.path("Gone", "corpus.zip").exists()
  assert several.path("Toy", "corpus.zip").exists()
  assert error.endswith("not downloaded: Gone (see above)\n")


def test_a_restricted_corpus_is_explained(several):
  output, error = several.run("secret", "Toy", code=1)
  assert "Secret: not downloaded, it needs a signed form" in output
  assert "page: " + PAGE in output
  assert "get: secret.zip" in output
  assert "put into: data/raw/Secret\n" in output
  assert (
    "python prepare_data.py --dataset=Secret --input_dir=data/raw/Secret"
    " --output_dir=data/Secret\n" in output
  )
  assert error == "download.sh: not downloaded: Secret (see above)\n"
  assert several.path("Toy", "corpus.zip").exists()


@pytest.mark.parametrize("name", ["all", "corpora"])
def test_a_group_skips_what_cannot_be_downloaded(several, name):
  several.server.files["/gone.zip"] = CORPUS
  output, error = several.run(name)
  assert "Secret: skipped" in output and "Drive: skipped" in output
  assert several.path("Toy", "corpus.zip").exists()
  assert error == ""


def test_a_group_fails_if_a_download_fails(several):
  assert "not downloaded: Gone" in several.run("all", code=1)[1]


def test_bash_and_python_are_enough(place):
  """A bare machine has neither curl nor wget."""
  tools = place.folder / "bin"
  tools.mkdir()
  for tool in ["awk", "basename", "bash", "dirname"]:
    (tools / tool).symlink_to(shutil.which(tool))
  subprocess.check_call(
    ["bash", SCRIPT, "--list"],
    env=dict(PATH=str(tools), PYTHON=sys.executable, HOME=str(place.folder)),
    stdout=subprocess.DEVNULL,
  )
