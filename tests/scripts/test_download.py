# SPDX-License-Identifier: Apache-2.0
"""scripts/download.sh against a server of this machine; no other is asked."""

import configparser
import contextlib
import errno
import hashlib
import http.server
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile

import pytest

import prepare_data
from tests.helpers import REPO

SCRIPT = os.path.join(REPO, "scripts", "download.sh")
SHIPPED = os.path.join(REPO, "configs", "downloads.ini")
PAGE = "https://example.org/corpus"


def zipped(text):
  """Returns a zip archive of one file, stored as it is."""
  data = io.BytesIO()
  with zipfile.ZipFile(data, "w") as archive:
    archive.writestr("corpus.txt", text)
  return data.getvalue()


def tarred(files):
  """Returns a .tar.gz of {name: bytes}."""
  data = io.BytesIO()
  with tarfile.open(fileobj=data, mode="w:gz") as archive:
    for name, content in files.items():
      member = tarfile.TarInfo(name)
      member.size = len(content)
      archive.addfile(member, io.BytesIO(content))
  return data.getvalue()


def digest(data):
  return hashlib.sha256(data).hexdigest()


CORPUS = zipped("A sentence of the corpus.\n" * 4000)


class Handler(http.server.BaseHTTPRequestHandler):
  """Serves server.files, as the server's other attributes say."""

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
  """Yields a running server; its attributes may be changed at any time."""
  server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
  server.daemon_threads = True
  server.address = "http://127.0.0.1:%d" % server.server_address[1]
  server.files, server.answers, server.log = {}, {}, []
  server.ranges, server.etag = True, '"1"'
  # Numbers of bytes after which the next answers break off; events that are
  # waited for after the next answers' bytes.
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


class Place:
  """A folder to download to, with a table of one's own."""

  def __init__(self, folder, server):
    self.folder = folder
    self.server = server
    self.table = folder / "table.ini"
    self.write("[Toy]\nfiles =\n  corpus.zip {server}/corpus.zip\n")

  def write(self, text):
    """Writes the table; a section without a kind is an open corpus."""
    common = "kind = corpus\nlicence = open\npage = %s\n" % PAGE
    text = text.format(server=self.server.address)
    if "kind =" not in text:
      text = re.sub(r"(?m)^(\[.*\]\n)", lambda m: m.group(1) + common, text)
    self.table.write_text(text)

  def path(self, *parts):
    return self.folder.joinpath("data", "raw", *parts)

  def start(self, *arguments):
    return subprocess.Popen(
      ["bash", SCRIPT, "--table", str(self.table)] + list(arguments),
      cwd=str(self.folder),
      env=dict(os.environ, PYTHON=sys.executable, no_proxy="*", NO_PROXY="*"),
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
    """Returns what was asked for of a file: the headers of each request."""
    return [headers for path, headers in self.server.log if path == "/" + name]


@pytest.fixture
def place(tmp_path, server):
  return Place(tmp_path, server)


# -- the table that is shipped -----------------------------------------------


def shipped():
  parser = configparser.ConfigParser(interpolation=None, delimiters="=")
  parser.read(SHIPPED, encoding="utf-8")
  return parser


def listed():
  output = subprocess.check_output(
    ["bash", SCRIPT, "--list"],
    env=dict(os.environ, PYTHON=sys.executable),
    encoding="utf-8",
  )
  return [re.split(r"\s{2,}", line, maxsplit=3) for line in output.splitlines()]


def test_the_list_has_all_corpora_and_all_weights():
  rows = listed()
  assert rows[0] == ["name", "kind", "licence", "how it is had"]
  kinds = [row[1] for row in rows[1:]]
  assert kinds.count("corpus") == 21
  bioalbert = [row[0] for row in rows[1:] if row[0].startswith("BioALBERT-")]
  assert sorted(bioalbert) == sorted(
    "BioALBERT-%s-PubMed%s" % (size, more)
    for size in ("base", "large")
    for more in ("", "-PMC", "-MIMIC", "-PMC-MIMIC")
  )
  assert kinds.count("weights") == 8 + 4


def test_a_corpus_has_the_name_that_prepare_data_knows_it_by():
  corpora = {row[0] for row in listed()[1:] if row[1] == "corpus"}
  assert set(prepare_data.DATA_SETS) <= corpora


def test_every_row_says_that_it_is_fetched_or_where_to_ask():
  parser = shipped()
  for name, _, licence, how in listed()[1:]:
    assert licence == parser[name]["licence"]
    if "agreement" in parser[name]:
      assert how == "ask at " + parser[name]["page"]
    elif "files" not in parser[name]:
      assert how == "by hand at " + parser[name]["page"]
    else:
      assert how == "fetched"


def test_what_needs_an_agreement_has_no_address():
  restricted = {
    name for name in shipped().sections() if "agreement" in shipped()[name]
  }
  assert restricted == {
    "shareclefe", "chemprot", "i2b2", "medsts", "mednli",
    "bioasq-4b", "bioasq-5b", "bioasq-6b",
  }  # fmt: skip
  assert not any("files" in shipped()[name] for name in restricted)


def test_weights_of_google_drive_are_told_and_not_fetched(place):
  output, error = place.run("--table", SHIPPED, "bioalbert-BASE-pubmed", code=1)
  assert "page: https://drive.google.com/file/d/" in output
  assert "unpack into: weights/BioALBERT-base-PubMed " in output
  assert error.endswith("not fetched: BioALBERT-base-PubMed (see above)\n")


# -- arguments ---------------------------------------------------------------


def test_help_prints_the_usage_line(place):
  assert "usage: scripts/download.sh --list" in place.run("--help")[0]


@pytest.mark.parametrize(
  "arguments, said",
  [
    (["--devv"], "unknown argument '--devv'"),
    (["Toy", "--output_dir"], "--output_dir needs a value"),
    (["Toy", "--retries=-1"], "--retries is 0 or more"),
    ([], "nothing is asked for"),
    (["Tooy"], "'Tooy' is unknown; known are Toy, and corpora, weights, all"),
  ],
)
def test_a_wrong_argument_ends_in_a_line(place, arguments, said):
  _, error = place.run(*arguments, code=1)
  assert error.startswith("download.sh: ") and said in error
  assert error.count("\n") == 1
  assert not place.server.log


@pytest.mark.parametrize(
  "table, said",
  [
    ("files =\n  a.zip ftp://x/a.zip", "with an http or https address"),
    ("files =\n  a.zip file:///etc/passwd", "with an http or https address"),
    ("files =\n  a.zip http://[x/a.zip", "with an http or https address"),
    ("files =\n  ../a.zip http://x/a.zip", "'../a.zip http://x/a.zip' is not"),
    ("files =\n  a.zip http://x/a sha256=12", "64 hex digits"),
    ("files =\n  a.zip http://x/a\nagreement = x", "yet needs an agreement"),
    ("fils = a", "unknown key 'fils'"),
    ("licence = open", "already exists"),
    ("", "one of 'files' (fetched) and 'take' (by hand) is needed"),
  ],
)
def test_a_wrong_table_ends_in_a_line_that_names_it(place, table, said):
  place.write("[Toy]\n" + table + "\n")
  _, error = place.run("--list", code=1)
  assert str(place.table) in error and said in error
  assert error.count("\n") == 1


# -- fetching ----------------------------------------------------------------


def test_a_corpus_is_fetched_and_the_next_command_told(place):
  output, error = place.run("Toy")
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS
  assert sorted(os.listdir(str(place.path("Toy")))) == [
    "SHA256SUMS",
    "corpus.zip",
  ]
  assert error == ""
  assert (
    "python prepare_data.py --dataset=Toy --input_dir=data/raw/Toy"
    " --output_dir=data/Toy\n" in output
  )


def test_a_folder_with_blanks_is_quoted_in_the_command_told(place):
  output, _ = place.run("Toy", "--output_dir", "my data/raw")
  fetched = place.folder / "my data" / "raw" / "Toy" / "corpus.zip"
  assert fetched.read_bytes() == CORPUS
  assert "--input_dir='my data/raw/Toy'" in output


def test_a_second_call_fetches_nothing(place):
  place.run("Toy")
  output, _ = place.run("Toy")
  assert len(place.fetched()) == 1
  assert "is there already" in output


def test_weights_are_unpacked_side_by_side_and_nowhere_else(place):
  files = {
    "albert/model.ckpt.index": b"index",
    "albert/30k-clean.model": b"pieces",
    "../../escaped.txt": b"outside",
    str(place.folder / "absolute.txt"): b"outside",
  }
  place.server.files["/a.tar.gz"] = tarred(files)
  place.write(
    "[W]\nkind = weights\nlicence = open\npage = x\n"
    "files =\n  a.tar.gz {server}/a.tar.gz\n"
  )
  output, _ = place.run("W", "--weights_dir=my weights")
  folder = place.folder / "my weights" / "W"
  names = {os.path.basename(name) for name in files}
  assert set(os.listdir(str(folder))) == names | {"a.tar.gz", "SHA256SUMS"}
  assert (folder / "model.ckpt.index").read_bytes() == b"index"
  assert sorted(os.listdir(str(place.folder))) == ["my weights", "table.ini"]
  assert "--bioalbert_dir='my weights/W'" in output


# -- going on ----------------------------------------------------------------


def leave_part(place, data, version='"1"'):
  place.path("Toy").mkdir(parents=True)
  place.path("Toy", "corpus.zip.part").write_bytes(data)
  if version:
    place.path("Toy", "corpus.zip.part.version").write_text(version)


@pytest.mark.parametrize("version", ['"1"', None])
def test_a_part_is_gone_on_with(place, version):
  leave_part(place, CORPUS[:1000], version)
  place.run("Toy")
  (request,) = place.fetched()
  assert request["Range"] == "bytes=1000-"
  assert request.get("If-Range") == version
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


def test_a_complete_part_is_taken_as_it_is(place):
  leave_part(place, CORPUS)
  place.run("Toy")
  assert [x.get("Range") for x in place.fetched()] == [
    "bytes=%d-" % len(CORPUS)
  ]
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


def test_a_part_longer_than_the_file_is_begun_anew(place):
  leave_part(place, CORPUS + b"more")
  place.run("Toy")
  assert "Range" not in place.fetched()[-1]
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


def test_a_server_without_ranges_sends_all_of_it_again(place):
  place.server.ranges = False
  leave_part(place, b"PK" + b"x" * 998)
  place.run("Toy")
  assert len(place.fetched()) == 1
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


def test_a_file_that_changed_meanwhile_is_begun_anew(place):
  place.server.etag = '"2"'
  leave_part(place, b"PK" + b"x" * 998, version='"1"')
  place.run("Toy")
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


def test_a_connection_that_breaks_is_taken_up_where_it_broke(place):
  place.server.breaks = [5000]
  _, error = place.run("Toy")
  assert "the connection broke after 5000 of %d bytes" % len(CORPUS) in error
  assert [x.get("Range") for x in place.fetched()] == [None, "bytes=5000-"]
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


def test_what_broke_for_good_is_kept_for_the_next_call(place):
  place.server.breaks = [5000]
  _, error = place.run("Toy", "--retries=0", code=1)
  assert "the connection broke after 5000 of" in error
  part = place.path("Toy", "corpus.zip.part")
  assert part.read_bytes() == CORPUS[:5000]
  place.run("Toy")
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


def test_a_busy_server_is_asked_again(place):
  place.server.answers["/corpus.zip"] = (503, {})
  _, error = place.run("Toy", "--retries=1", code=1)
  assert len(place.fetched()) == 2
  assert "HTTP 503" in error


def test_ctrl_c_leaves_a_part_with_which_the_next_call_goes_on(place):
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
  assert error == (
    "download.sh: interrupted; the same command goes on where this one"
    " stopped\n"
  )
  kept = part.read_bytes()
  assert kept and CORPUS.startswith(kept)
  place.run("Toy")
  assert place.fetched()[-1]["Range"] == "bytes=%d-" % len(kept)
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


# -- checksums ---------------------------------------------------------------


def with_line(place, more):
  place.write("[Toy]\nfiles =\n  corpus.zip {server}/corpus.zip %s\n" % more)


def test_a_published_checksum_is_checked(place):
  with_line(place, "sha256=%s size=%d" % (digest(CORPUS), len(CORPUS)))
  output, _ = place.run("Toy")
  assert "SHA-256 %s (as in the table)" % digest(CORPUS) in output
  assert os.listdir(str(place.path("Toy"))) == ["corpus.zip"]


@pytest.mark.parametrize(
  "more, said",
  [
    ("sha256=" + "0" * 64, "its SHA-256 is %s" % digest(CORPUS)),
    ("size=7", "has %d bytes, expected 7" % len(CORPUS)),
  ],
)
def test_a_wrong_checksum_or_size_removes_the_file(place, more, said):
  with_line(place, more)
  _, error = place.run("Toy", code=1)
  assert said in error and "removed" in error
  assert error.count("\n") == 2
  assert os.listdir(str(place.path("Toy"))) == []


def test_a_checksum_that_is_not_published_is_printed_and_recorded(place):
  output, _ = place.run("Toy")
  assert digest(CORPUS) in output and "none is published: recorded" in output
  sums = place.path("Toy", "SHA256SUMS").read_text()
  assert sums == "%s  corpus.zip\n" % digest(CORPUS)


def test_a_recorded_checksum_holds_for_the_next_download(place):
  place.run("Toy")
  place.path("Toy", "corpus.zip").unlink()
  place.server.files["/corpus.zip"] = zipped("Something else.")
  _, error = place.run("Toy", code=1)
  assert "in data/raw/Toy/SHA256SUMS it is %s" % digest(CORPUS) in error
  assert os.listdir(str(place.path("Toy"))) == ["SHA256SUMS"]


def test_a_damaged_file_is_replaced_once_a_good_one_is_there(place):
  place.run("Toy")
  path = place.path("Toy", "corpus.zip")
  path.write_bytes(b"damaged")
  place.server.answers["/corpus.zip"] = (404, {})
  output, _ = place.run("Toy", code=1)
  assert "is not as in data/raw/Toy/SHA256SUMS: fetching it anew" in output
  assert path.read_bytes() == b"damaged"
  place.server.answers.clear()
  place.run("Toy")
  assert path.read_bytes() == CORPUS


def test_an_unreadable_record_is_named_with_its_line(place):
  place.run("Toy")
  with place.path("Toy", "SHA256SUMS").open("a") as f:
    f.write("nonsense\n")
  _, error = place.run("Toy", code=1)
  assert "data/raw/Toy/SHA256SUMS, line 2: 'nonsense' is not" in error


# -- what may come instead ---------------------------------------------------

HTML = b"\n<!DOCTYPE html><html>Google Drive can't scan this file</html>"


@pytest.mark.parametrize(
  "name, data, found, expected",
  [
    ("a.zip", HTML, "an HTML page", "a zip archive"),
    ("a.tar.gz", b"<html>", "an HTML page", "a gzip archive"),
    ("a.rar", b"\xef\xbb\xbf<HTML lang=en>", "an HTML page", "a rar archive"),
    ("a.txt", b"<!-- x --><html>", "an HTML page", "no web page"),
    ("a.zip", b"Rar!...", "a file that begins", "a zip archive"),
    ("a.zip", b"", "a file that begins", "a zip archive"),
    ("a.zip", CORPUS[:-30], "a damaged one", "a zip archive"),
    ("a.zip", CORPUS[:60] + b"?" + CORPUS[61:], "a damaged one", "a zip"),
    ("a.tar.gz", tarred({"a": b"a"})[:-9], "a damaged one", "a gzip archive"),
  ],
)
def test_something_else_than_the_file_is_recognized(
  place, name, data, found, expected
):
  place.server.files["/" + name] = data
  place.write("[Toy]\nfiles =\n  %s {server}/%s\n" % (name, name))
  _, error = place.run("Toy", code=1)
  assert "found %s" % found in error and "expected %s" % expected in error
  assert "fetch %s by hand from %s into data/raw/Toy" % (name, PAGE) in error
  assert os.listdir(str(place.path("Toy"))) == []


def test_a_page_is_recognized_where_a_checksum_is_published_too(place):
  place.server.files["/corpus.zip"] = HTML
  with_line(place, "sha256=" + digest(CORPUS))
  assert "found an HTML page" in place.run("Toy", code=1)[1]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_answer_that_there_is_no_such_file_is_passed_on(place, status):
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
    ("http://127.0.0.1:{port}/a.zip", "the connection was refused"),
    ("http://corpus.invalid/a.zip", "the host was not found"),
  ],
)
def test_a_server_that_cannot_be_had_is_named(place, address, said):
  address = address.format(port=free_port())
  place.write("[Toy]\nfiles =\n  a.zip %s\n" % address)
  _, error = place.run("Toy", code=1)
  assert address in error and said in error
  assert error.count("\n") == 2


def test_a_silent_server_is_given_up(place):
  with socket.socket() as silent:
    silent.bind(("127.0.0.1", 0))
    silent.listen(5)
    port = silent.getsockname()[1]
    place.write("[Toy]\nfiles =\n  a.zip http://127.0.0.1:%d/a\n" % port)
    _, error = place.run("Toy", "--timeout=0.2", "--retries=0", code=1)
  assert "no answer within 0.2 s" in error


def test_a_redirection_to_another_server_is_followed_with_its_range(place):
  with serving() as other:
    other.files["/moved.zip"] = CORPUS
    location = {"Location": other.address + "/moved.zip"}
    place.server.answers["/corpus.zip"] = (302, location)
    leave_part(place, CORPUS[:1000])
    place.run("Toy")
    assert [x["Range"] for _, x in other.log] == ["bytes=1000-"]
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


@pytest.mark.parametrize("scheme", ["file", "ftp", "data"])
def test_a_redirection_to_anything_but_http_is_refused(place, scheme):
  location = "%s://127.0.0.1%s" % (scheme, place.table)
  place.server.answers["/corpus.zip"] = (302, {"Location": location})
  _, error = place.run("Toy", code=1)
  assert "redirected to an address that is not http or https" in error
  assert location in error
  assert os.listdir(str(place.path("Toy"))) == []


def test_a_redirection_in_circles_is_given_up(place):
  location = place.server.address + "/corpus.zip"
  place.server.answers["/corpus.zip"] = (302, {"Location": location})
  _, error = place.run("Toy", code=1)
  assert "redirected again and again (now to %s)" % location in error


@pytest.mark.skipif(
  not os.path.exists("/dev/full"), reason="no /dev/full to stand for a disk"
)
def test_a_full_disk_ends_in_a_line(place):
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

SEVERAL = """[Gone]
files =
  gone.zip {server}/gone.zip
  corpus.zip {server}/corpus.zip

[Toy]
files =
  corpus.zip {server}/corpus.zip

[Secret]
agreement = a signed form
take = secret.zip

[Drive]
take = drive.zip
"""


def test_one_failure_does_not_keep_the_others_from_being_fetched(place):
  place.write(SEVERAL)
  _, error = place.run("Gone", "Toy", code=1)
  assert place.path("Gone", "corpus.zip").exists()
  assert place.path("Toy", "corpus.zip").exists()
  assert error.endswith("not fetched: Gone (see above)\n")


def test_a_restricted_corpus_is_told_with_its_page_and_not_fetched(place):
  place.write(SEVERAL)
  output, error = place.run("secret", "Toy", code=1)
  assert "Secret: not fetched, since it needs a signed form" in output
  assert "page: " + PAGE in output
  assert "take: secret.zip" in output
  assert "put into: data/raw/Secret\n" in output
  assert (
    "python prepare_data.py --dataset=Secret --input_dir=data/raw/Secret"
    " --output_dir=data/Secret\n" in output
  )
  assert error == "download.sh: not fetched: Secret (see above)\n"
  assert place.path("Toy", "corpus.zip").exists()


@pytest.mark.parametrize("name", ["all", "corpora"])
def test_a_group_passes_over_what_is_not_fetched(place, name):
  place.write(SEVERAL)
  place.server.files["/gone.zip"] = CORPUS
  output, error = place.run(name)
  assert "Secret: passed over" in output and "Drive: passed over" in output
  assert place.path("Toy", "corpus.zip").exists()
  assert error == ""


def test_a_group_fails_where_a_file_could_not_be_had(place):
  place.write(SEVERAL)
  assert "not fetched: Gone" in place.run("all", code=1)[1]


def test_no_tool_but_bash_and_python_is_needed(place):
  """What a bare machine has; curl and wget are not of it."""
  tools = place.folder / "bin"
  tools.mkdir()
  for tool in ["awk", "basename", "bash", "dirname"]:
    (tools / tool).symlink_to(shutil.which(tool))
  subprocess.check_call(
    ["bash", SCRIPT, "--table", str(place.table), "Toy"],
    cwd=str(place.folder),
    env=dict(PATH=str(tools), PYTHON=sys.executable, HOME=str(place.folder)),
    stdout=subprocess.DEVNULL,
  )
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS
