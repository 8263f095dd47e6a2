# SPDX-License-Identifier: Apache-2.0
"""scripts/download.sh, with a server on this machine only."""

import contextlib
import errno
import hashlib
import http.server
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests

from common import data_sets
from common import signals
from common import weights
from tests.helpers import REPO
from tests.helpers import archive_files
from tests.helpers import corpus_files

pytestmark = pytest.mark.once

SCRIPT = os.path.join(REPO, "scripts", "download.sh")
PAGE = "https://example.org/corpus"
DRIVE_ID = "drive-file-of-twenty-five-characters"
FOLDER_ID = "drive-folder-of-twenty-five-characters"
FOLDER = data_sets.DRIVE + "drive/folders/" + FOLDER_ID
QUOTA = (
  b'<!DOCTYPE html><p class="uc-error-subcaption">Too many users have viewed'
  b" or downloaded this file recently.</p>"
)
CORPUS = archive_files.zipped({"corpus.txt": "A sentence.\n" * 9000})


def digest(data):
  return hashlib.sha256(data).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
  """Serves server.files; the other attributes of server make it fail."""

  def log_message(self, *unused):
    pass

  def do_GET(self):
    server = self.server
    server.log.append(self.path)
    status, headers = server.answers.get(self.path, (200, {}))
    data = server.files.get(self.path)
    if data is None and status == 200:
      self.send_error(404)
      return
    data = data or b""
    self.send_response(status)
    if self.path.startswith("/uc?") and data[:1] != b"<":
      name = "attachment; filename=\"a\"; filename*=UTF-8''a"
      self.send_header("Content-Disposition", name)
    for key, value in headers.items():
      self.send_header(key, value)
    kind = "text/html" if data[:1] == b"<" else "application/octet-stream"
    self.send_header("Content-Type", kind)
    self.send_header("Content-Length", str(len(data)))
    self.end_headers()
    if server.breaks:
      data = data[: server.breaks.pop()]
      self.close_connection = True
    self.wfile.write(data)
    self.wfile.flush()
    if server.stalls:
      server.stalls.pop().wait(30)


@contextlib.contextmanager
def serving():
  """Yields a running server; a test may change its attributes at any time."""
  server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
  server.daemon_threads = True
  server.address = "http://127.0.0.1:%d" % server.server_address[1]
  server.files, server.answers, server.log = {}, {}, []
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


# Stands in for Python: runs download.py with rows of our own, and leads what it
# asks Google Drive for to the server.
PROGRAM = """#!{python}
import sys

del sys.argv[0]
sys.path.insert(0, {repo!r})
from common.data_sets import DataSet, File
from common.weights import Weights
from scripts import download
from tests.scripts import test_download

test_download.lead_drive_to({address!r})
download.main(download.parse_arguments(), {rows!r})
"""
DRIVE = re.compile("https://drive[.](usercontent[.])?google[.]com")
REQUEST = requests.Session.request


def lead_drive_to(address):
  """Sends requests for Google Drive to a server."""

  def request(session, method, url, **others):
    return REQUEST(session, method, DRIVE.sub(address, url), **others)

  requests.Session.request = request


class Place:
  """A folder to download to, with rows of our own."""

  def __init__(self, folder, server, monkeypatch, capsys):
    self.folder = folder
    self.server = server
    self.patch = monkeypatch
    self.capsys = capsys
    self.rows = {}
    self.add("Toy", "corpus.zip")

  def file(self, name, *addresses, sha256=None):
    addresses = addresses or (self.server.address + "/" + name,)
    return data_sets.File(name, addresses, sha256)

  def add(self, name, *names, **fields):
    """Adds or replaces a corpus; returns its row."""
    row = data_sets.find("s800")._replace(
      name=name, licence="open", home=PAGE, input_files="a.zip", preprocessed=""
    )
    row = row._replace(files=tuple(map(self.file, names)))._replace(**fields)
    self.rows[name] = row
    return row

  def add_weights(self, name, *files):
    self.rows[name] = weights.Weights(name, "open", PAGE, files)

  def add_folder(self, files):
    """Adds a corpus with the authors' folder of {name: bytes}."""
    self.add("Pre", agreement="registration", preprocessed=FOLDER)
    ids = {name: DRIVE_ID + name.replace(".", "_") for name in files}
    for name, data in files.items():
      self.server.files["/uc?id=" + ids[name]] = data
    # As gdown 6 asks for the folder, and as earlier ones do.
    links = "".join(
      '<a href="https://drive.google.com/file/d/%s/view">%s</a>' % (x, name)
      for name, x in ids.items()
    )
    listed = ",".join(
      '["%s", [""], "%s", "text/plain"]' % (x, name) for name, x in ids.items()
    )
    page = "<title>%s</title>%s" % ("Pre", links)
    self.server.files["/embeddedfolderview?id=" + FOLDER_ID] = page.encode()
    page = (
      "<title>Pre - Google Drive</title><script>window['_DRIVE_ivd'] = "
      "'[[%s]]';</script>" % listed
    )
    address = "/drive/folders/%s?hl=en" % FOLDER_ID
    self.server.files[address] = page.encode()

  def path(self, *parts):
    return self.folder.joinpath("data", "raw", *parts)

  def start(self, *arguments):
    python = self.folder / "python"
    python.write_text(
      PROGRAM.format(
        python=sys.executable,
        repo=REPO,
        address=self.server.address,
        rows=list(self.rows.values()),
      )
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

  def run_shell(self, *arguments, code=0):
    """Returns (standard output, standard error) of download.sh."""
    process = self.start(*arguments)
    output, error = process.communicate(timeout=100)
    assert process.returncode == code, output + error
    return output, error

  def run(self, *arguments, code=0):
    """Returns the same of download.py, in this process."""
    from scripts import download

    self.patch.setattr(sys, "argv", ["download.py"] + list(arguments))
    with pytest.raises(SystemExit) as stop:
      download.main(download.parse_arguments(), list(self.rows.values()))
    output, error = self.capsys.readouterr()
    if isinstance(stop.value.code, str):  # What Python prints of an error.
      error, stop.value.code = error + stop.value.code + "\n", 1
    assert stop.value.code == code, output + error
    return output, error

  def fail(self, *arguments):
    """Returns the only line on standard error."""
    _, error = self.run(*arguments, code=1)
    assert error.startswith("error: ") and error.count("\n") == 1, error
    return error


@pytest.fixture
def place(tmp_path, server, monkeypatch, capsys):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setenv("no_proxy", "*")
  monkeypatch.setattr(signals, "raise_stopped", lambda: None)
  monkeypatch.setattr(requests.Session, "request", REQUEST)
  lead_drive_to(server.address)
  return Place(tmp_path, server, monkeypatch, capsys)


# -- names -------------------------------------------------------------------


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
    [d.name, "corpora", d.licence] for d in data_sets.converted()
  ] + [[w.name, "weights", w.licence] for w in weights.WEIGHTS]
  ways = {row[0]: row[3] for row in rows}
  assert ways["BioALBERT-large-PubMed"] == "download.sh"
  assert ways["gad"] == "download.sh or download.sh --preprocessed"
  assert ways["chemprot"].endswith("or download.sh --preprocessed")
  assert ways["mednli"] == "ask at https://physionet.org/content/mednli/"


def test_help_shows_the_usage(place):
  assert "usage: scripts/download.sh --list" in place.run_shell("--help")[0]


@pytest.mark.parametrize(
  "arguments, said",
  [
    (["--devv"], "unrecognized arguments: --devv"),
    (["Toy", "--output_dir"], "--output_dir: expected one argument"),
    ([], "no name given"),
    (["Tooy"], "found the name 'Tooy', expected one of Toy, or corpora, weigh"),
  ],
)
def test_a_wrong_argument_ends_in_one_line(place, arguments, said):
  assert said in place.fail(*arguments)
  assert not place.server.log


# -- corpora -----------------------------------------------------------------


def test_weights_and_a_corpus_are_ready_after_one_command(place):
  """The weights as the authors pack them: nothing but a checkpoint."""
  parts = {".index": b"index", ".data-00000-of-00001": b"data", ".meta": b"m"}
  inside = {"albert/model.ckpt-best" + x: data for x, data in parts.items()}
  inside["__MACOSX/albert/._model.ckpt-best.index"] = b"junk"
  place.server.files["/uc?id=" + DRIVE_ID] = archive_files.zipped(inside)
  place.add_weights("Bio", data_sets.drive_file("Bio.archive", DRIVE_ID))
  questions = corpus_files.files("bioasq-4b")
  place.server.files["/4b.zip"] = archive_files.zipped(questions)
  place.rows["bioasq-4b"] = data_sets.find("bioasq-4b")._replace(
    files=(place.file("4b.zip"),)
  )
  output, error = place.run_shell("bio", "BioASQ-4b")
  assert error == ""
  assert "weights/Bio: ready for --bioalbert_dir" in output
  there = set(os.listdir(str(place.folder / "weights" / "Bio")))
  assert there == {"model.ckpt-best" + x for x in parts} | {
    "Bio.archive",
    "SHA256SUMS",
  }
  data = place.folder / "data" / "bioasq-4b"
  assert (data / "BioASQ-train-factoid-4b.json").exists()
  assert "Wrote to data/bioasq-4b: " in output


def test_what_does_not_convert_ends_in_the_line_of_prepare_data(place):
  place.add("s800", "corpus.zip")
  error = place.fail("s800")
  assert "error: s800: not converted: data/raw/s800: found no tags" in error
  assert not (place.folder / "data" / "s800").exists()


def test_raw_files_come_with_the_command_to_convert_them(place):
  output, error = place.run("Toy", "--raw", "--output_dir", "my data/raw")
  folder = place.folder / "my data" / "raw" / "Toy"
  assert (folder / "corpus.zip").read_bytes() == CORPUS
  assert sorted(os.listdir(str(folder))) == ["SHA256SUMS", "corpus.zip"]
  assert error == ""
  assert (
    "python prepare_data.py --dataset=Toy '--input_dir=my data/raw/Toy'"
    " --output_dir=data/Toy\n" in output
  )


def test_an_archive_to_unpack_by_hand_is_not_converted(place):
  place.server.files["/a.rar"] = b"Rar!..."
  place.add("Toy", "a.rar", unpacking="unpack it in place")
  output, _ = place.run("Toy")
  assert "data/raw/Toy: unpack it in place, then run python prep" in output


def test_a_second_call_downloads_nothing(place):
  place.run("Toy", "--raw")
  output, _ = place.run("Toy", "--raw")
  assert len(place.server.log) == 1
  assert "corpus.zip: complete" in output


def test_a_corpus_under_an_agreement_is_explained(place):
  place.add("Secret", agreement="a signed form", input_files="secret.zip")
  for arguments in (["secret"], ["Secret", "--preprocessed"]):
    assert place.fail(*arguments) == (
      "error: Secret: needs a signed form: get secret.zip from %s, put it into "
      "data/raw/Secret and run python prepare_data.py --dataset=Secret "
      "--input_dir=data/raw/Secret --output_dir=data/Secret\n" % PAGE
    )
  assert not place.server.log


def test_the_other_downloads_continue_after_a_failure(place):
  place.add("Gone", "gone.zip")
  error = place.fail("Gone", "Toy", "--raw")
  assert "error: Gone: " in error and "404" in error
  assert place.path("Toy", "corpus.zip").exists()


@pytest.mark.parametrize("name", ["all", "corpora"])
def test_a_group_skips_what_needs_an_agreement(place, name):
  place.add("Secret", agreement="a signed form")
  output, error = place.run(name, "--raw")
  assert "Secret: skipped" in output and error == ""
  assert place.path("Toy", "corpus.zip").exists()


# -- the authors' folders ----------------------------------------------------

TSV = {"train.tsv": b"a\tO\n", "test.tsv": b"b\tO\n"}


def test_a_preprocessed_folder_is_ready_as_it_is(place):
  place.add_folder(TSV)
  output, error = place.run("Pre", "--preprocessed")
  data = place.folder / "data" / "Pre"
  assert {x: (data / x).read_bytes() for x in TSV} == TSV
  assert sorted(os.listdir(str(place.folder / "data"))) == ["Pre"]
  sums = ["%s  %s\n" % (digest(TSV[x]), x) for x in sorted(TSV)]
  assert (data / "SHA256SUMS").read_text() == "".join(sums)
  del place.server.log[:]
  assert "already there" in place.run("Pre", "--preprocessed")[0]
  assert not place.server.log and "404" not in error


def test_a_page_among_the_files_of_a_folder_keeps_it_from_its_name(place):
  place.add_folder(dict(TSV, **{"test.tsv": QUOTA}))
  error = place.fail("Pre", "--preprocessed")
  assert "Pre: %s: " % FOLDER in error
  assert "Too many users" in error or "Failed to download" in error
  assert os.listdir(str(place.folder / "data")) == []


def test_a_folder_that_is_not_public_is_an_error(place):
  place.add("Pre", preprocessed=FOLDER)
  page = b"<!DOCTYPE html><title>Sign in</title>"
  place.server.files["/embeddedfolderview?id=" + FOLDER_ID] = page
  place.server.files["/drive/folders/%s?hl=en" % FOLDER_ID] = page
  assert "open it in a browser" in place.fail("Pre", "--preprocessed")
  assert os.listdir(str(place.folder / "data")) == []


def test_preprocessed_and_converted_data_never_mix(place):
  place.add_folder(TSV)
  data = place.folder / "data"
  data.joinpath("Pre").mkdir(parents=True)
  data.joinpath("Pre", "train.tsv").write_text("mine")
  error = place.fail("Pre", "--preprocessed")
  assert "data/Pre: found files, expected a new folder" in error
  place.run("Pre", "--preprocessed", "--data_dir=other")
  place.add("Pre", "corpus.zip")
  assert "other/Pre: holds the authors' data, remove it first" in place.fail(
    "Pre", "--data_dir=other"
  )


# -- weights -----------------------------------------------------------------


@pytest.mark.parametrize("large", [True, False])
def test_a_second_address_is_tried(place, large):
  """The first has a quota, or is a page that gdown cannot read."""
  page = b"<!DOCTYPE html><title>Virus scan</title>" if large else QUOTA
  place.server.files["/uc?id=" + DRIVE_ID] = page
  file = data_sets.drive_file("Bio.archive", DRIVE_ID)
  direct = file.addresses[1].replace("https://drive.usercontent.google.com", "")
  place.server.files[direct] = archive_files.tar_gz({"model.ckpt.meta": b"m"})
  place.add_weights("Bio", file)
  place.run("Bio")
  assert (place.folder / "weights" / "Bio" / "model.ckpt.meta").exists()


def test_a_quota_ends_in_one_line_with_the_page_to_open(place):
  file = data_sets.drive_file("Bio.archive", DRIVE_ID)
  for address in file.addresses:
    path = re.sub(r"https://[\w.]+", "", address)
    place.server.files[path] = QUOTA
  place.add_weights("Bio", file)
  error = place.fail("Bio")
  assert "Too many users have viewed or downloaded" in error
  assert "found an HTML page in place of the file" in error
  assert (
    "download Bio.archive in a browser from %s into weights/Bio" % (PAGE)
    in error
  )
  assert os.listdir(str(place.folder / "weights" / "Bio")) == []


def test_weights_that_cannot_be_unpacked_end_in_one_line(place):
  files = {"a/model.ckpt.meta": b"x", "b/model.ckpt.meta": b"y"}
  place.server.files["/w.tar.gz"] = archive_files.tar_gz(files)
  place.add_weights("W", place.file("w.tar.gz"))
  assert "W: weights/W/w.tar.gz: found 'b/model.ckpt.meta'" in place.fail("W")
  folder = place.folder / "weights" / "W"
  assert sorted(os.listdir(str(folder))) == ["SHA256SUMS", "w.tar.gz"]


# -- checksums ---------------------------------------------------------------


def test_a_published_checksum_is_checked(place):
  files = (place.file("corpus.zip", sha256=digest(CORPUS)),)
  place.add("Toy", files=files)
  assert "its SHA-256 is in our table" in place.run("Toy", "--raw")[0]
  assert os.listdir(str(place.path("Toy"))) == ["corpus.zip"]


def test_a_wrong_checksum_removes_the_file(place):
  place.add("Toy", files=(place.file("corpus.zip", sha256="0" * 64),))
  error = place.fail("Toy", "--raw")
  assert "expected %s but got %s" % ("0" * 64, digest(CORPUS)) in error
  assert os.listdir(str(place.path("Toy"))) == []


def test_an_unpublished_checksum_is_recorded(place):
  output, _ = place.run("Toy", "--raw")
  assert "its SHA-256 is in data/raw/Toy/SHA256SUMS" in output
  sums = place.path("Toy", "SHA256SUMS").read_text()
  assert sums == "%s  corpus.zip\n" % digest(CORPUS)


def test_a_recorded_checksum_is_checked_at_the_next_download(place):
  place.run("Toy", "--raw")
  place.path("Toy", "corpus.zip").unlink()
  place.server.files["/corpus.zip"] = archive_files.zipped({"a": "b"})
  assert "expected %s but got" % digest(CORPUS) in place.fail("Toy", "--raw")
  assert os.listdir(str(place.path("Toy"))) == ["SHA256SUMS"]


def test_a_damaged_file_stays_until_a_good_one_is_complete(place):
  place.run("Toy", "--raw")
  path = place.path("Toy", "corpus.zip")
  path.write_bytes(b"damaged")
  place.server.answers["/corpus.zip"] = (404, {})
  place.fail("Toy", "--raw")
  assert path.read_bytes() == b"damaged"
  place.server.answers.clear()
  place.run("Toy", "--raw")
  assert path.read_bytes() == CORPUS


# -- failures ----------------------------------------------------------------


@pytest.mark.parametrize(
  "name, data, found",
  [
    ("a.zip", b"\n<!DOCTYPE html><html>Sign in</html>", "an HTML page"),
    ("a.tar.gz", b"<html>", "an HTML page"),
    ("a.zip", b"", "0 bytes that begin with b''"),
    ("a.zip", CORPUS[:-30], "%d bytes" % (len(CORPUS) - 30)),
    ("a.tar.gz", b"plain text", "10 bytes that begin with b'plain te'"),
  ],
  ids=["page", "page of gz", "empty", "cut", "text"],
)
def test_a_download_with_other_content_is_rejected(place, name, data, found):
  place.server.files["/" + name] = data
  place.add("Toy", name)
  error = place.fail("Toy")
  assert "found %s" % found in error
  assert "download %s in a browser from %s into data" % (name, PAGE) in error
  assert os.listdir(str(place.path("Toy"))) == []


def test_a_broken_connection_leaves_no_file(place):
  place.server.breaks = [50]
  error = place.fail("Toy", "--raw")
  assert "50 bytes read" in error and "try again" in error
  assert os.listdir(str(place.path("Toy"))) == []
  place.run("Toy", "--raw")
  assert place.path("Toy", "corpus.zip").read_bytes() == CORPUS


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_missing_file_is_reported_with_its_status(place, status):
  place.server.answers["/corpus.zip"] = (status, {})
  error = place.fail("Toy")
  assert "/corpus.zip: %d " % status in error and PAGE in error


def free_port():
  with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    return s.getsockname()[1]


@pytest.mark.parametrize(
  "address, said",
  [
    ("http://127.0.0.1:{port}/a.zip", "Connection refused"),
    ("http://corpus.invalid/a.zip", "[Errno"),
  ],
)
def test_an_unreachable_server_is_named(place, address, said):
  address = address.format(port=free_port())
  place.add("Toy", files=(place.file("a.zip", address),))
  error = place.fail("Toy")
  assert "%s: [Errno" % address in error and said in error


def test_a_silent_server_times_out(place):
  with socket.socket() as silent:
    silent.bind(("127.0.0.1", 0))
    silent.listen(5)
    port = silent.getsockname()[1]
    address = "http://127.0.0.1:%d/a" % port
    place.add("Toy", files=(place.file("a.zip", address),))
    assert "timed out" in place.fail("Toy", "--timeout=0.2")


def test_a_silent_google_drive_times_out(place):
  place.add_weights("Bio", data_sets.drive_file("Bio.archive", DRIVE_ID))
  with socket.socket() as silent:
    silent.bind(("127.0.0.1", 0))
    silent.listen(5)
    lead_drive_to("http://127.0.0.1:%d" % silent.getsockname()[1])
    assert "timed out" in place.fail("Bio", "--timeout=0.2")


@pytest.mark.parametrize("scheme", ["file", "ftp", "data"])
def test_a_redirection_to_another_protocol_is_an_error(place, scheme):
  location = "%s://127.0.0.1/etc/passwd" % scheme
  place.server.answers["/corpus.zip"] = (302, {"Location": location})
  assert "No connection adapters were found" in place.fail("Toy")
  assert os.listdir(str(place.path("Toy"))) == []


def test_ctrl_c_leaves_no_file(place):
  place.server.files["/corpus.zip"] = bytes(200000)
  place.server.breaks = [100000]
  stalled = threading.Event()
  place.server.stalls = [stalled]
  process = place.start("Toy")
  until = time.time() + 60
  while not place.server.log and time.time() < until:
    time.sleep(0.02)
  process.send_signal(signal.SIGINT)
  _, error = process.communicate(timeout=30)
  stalled.set()
  assert process.returncode == 130
  assert error == "error: interrupted; the same command goes on\n"
  assert os.listdir(str(place.path("Toy"))) == []


def test_a_full_disk_ends_in_one_line(place):
  def write(downloader, address, path, _):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

  place.patch.setattr("pooch.HTTPDownloader.__call__", write)
  error = place.fail("Toy")
  assert "Toy: [Errno %d] No space left on device" % errno.ENOSPC in error
  assert os.listdir(str(place.path("Toy"))) == []


def test_a_folder_that_cannot_be_made_is_named(place):
  place.folder.joinpath("data").write_text("a file")
  assert "Not a directory" in place.fail("Toy")
