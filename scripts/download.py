# SPDX-License-Identifier: Apache-2.0
"""Downloads weights and corpora; scripts/download.sh starts it and has its
help.

Addresses, checksums and licences are in common/data_sets.py and
common/weights.py. A file grows as <file>.part and gets its name once it is
complete and matches its checksum. This needs no package, so it runs before an
environment is set up.
"""

import argparse
import collections
import errno
import gzip
import http.client
import os
import re
import shlex
import shutil
import socket
import ssl
import sys
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from common import data_sets
from common import errors
from common import files
from common import weights
from formats import streams

KINDS = {"corpus": "corpora", "weights": "weights"}
SUMS = "SHA256SUMS"
CHUNK = 1 << 16
MAX_UNPACKED = 1 << 34  # bytes; the largest weights have some 3 GB
# The first bytes of a file of each kind, and its name.
MAGIC = {
  ".zip": (b"PK", "a zip archive"),
  ".gz": (b"\x1f\x8b", "a gzip archive"),
  ".rar": (b"Rar!", "a rar archive"),
}
DAMAGES = (EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError)
HTML = re.compile(
  rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head)\b",
  re.IGNORECASE | re.DOTALL,
)
# Status codes after which the same request may succeed.
BUSY = {408, 429, 500, 502, 503, 504}

# take: what a person downloads; unpacking: what is left to do by hand.
Entry = collections.namedtuple(
  "Entry", "name kind licence agreement page take unpacking files"
)
File = collections.namedtuple("File", "name address sha256 page")


class Failure(Exception):
  """Why a file could not be downloaded, in one line; the rest goes on."""


class Broken(Failure):
  """A transfer that ended early; another attempt continues it."""


# -- the table ---------------------------------------------------------------


def read_tables():
  """Returns {name: Entry} of all corpora and weights."""
  entries = [
    Entry(
      row.name,
      "corpus",
      row.licence,
      row.agreement,
      row.home,
      row.input_files,
      row.unpacking,
      _files(row),
    )
    for row in data_sets.converted()
  ]
  entries += [
    Entry(
      row.name,
      "weights",
      row.licence,
      "",
      row.home,
      row.archive,
      "",
      _files(row),
    )
    for row in weights.WEIGHTS
  ]
  return {entry.name: entry for entry in entries}


def _files(row):
  """Returns the Files of a row of either table."""
  return [File(*file, page=row.home) for file in row.files]


def table_lines(entries):
  """Returns the lines that --list prints."""
  rows = [("name", "kind", "licence", "how to get it")]
  for entry in entries.values():
    way = "ask at " if entry.agreement else "by hand at "
    how = "download.sh" if entry.files else way + entry.page
    rows.append((entry.name, entry.kind, entry.licence, how))
  widths = [max(len(row[i]) for row in rows) for i in range(3)]
  return [
    "  ".join([cell.ljust(w) for cell, w in zip(row, widths)] + [row[3]])
    for row in rows
  ]


def select(names, entries):
  """Returns ([Entry], the names that were given one by one).

  Case does not matter; `corpora`, `weights` and `all` stand for many.
  """
  chosen, single = {}, set()
  for name in names:
    group = [x for x in entries.values() if x.name.lower() == name.lower()]
    single.update(x.name for x in group)
    if not group:
      group = [x for x in entries.values() if name in ("all", KINDS[x.kind])]
    if not group:
      raise errors.InputError(
        "found the name '%s', expected one of %s, or corpora, weights, all"
        % (name, ", ".join(entries))
      )
    chosen.update((x.name, x) for x in group)
  return list(chosen.values()), single


# -- checksums ---------------------------------------------------------------


def recorded(folder):
  """Returns {file name: SHA-256} of a folder's SHA256SUMS."""
  path = os.path.join(folder, SUMS)
  if not os.path.exists(path):
    return {}
  with open(path, encoding="utf-8", errors="replace") as f:
    lines = [line.rstrip("\r\n") for line in f]
  sums = {}
  for number, line in enumerate(lines, 1):
    match = re.match(r"([0-9a-f]{64})[ ][ *](.+)$", line)
    if not match:
      raise Failure(
        "%s:%d: found %s, expected a checksum, two blanks and a file"
        % (path, number, errors.shorten(line))
      )
    sums[match.group(2)] = match.group(1)
  return sums


def record(folder, name, checksum):
  """Adds a file to SHA256SUMS, which `sha256sum -c` reads."""
  sums = dict(recorded(folder), **{name: checksum})
  path = os.path.join(folder, SUMS)
  with open(path + ".part", "w", encoding="utf-8") as f:
    f.writelines("%s  %s\n" % (sums[x], x) for x in sorted(sums))
  os.replace(path + ".part", path)


def known_checksum(file, folder):
  """Returns (the SHA-256 a file must have or None, where it is recorded)."""
  if file.sha256:
    return file.sha256, "the project's table"
  return recorded(folder).get(file.name), os.path.join(folder, SUMS)


def confirm(path, actual, file, folder):
  """Prints a checksum, and records it if it was not known."""
  expected, source = known_checksum(file, folder)
  if expected is None:
    record(folder, file.name, actual)
    source = "no published one to compare; recorded in " + source
  else:
    source = "matches " + source
  print("%s: SHA-256 %s (%s)" % (path, actual, source))


# -- one transfer ------------------------------------------------------------


def is_http(address):
  """Returns whether an address is http or https."""
  return bool(re.match("https?://", address, re.IGNORECASE))


class HttpOnly(urllib.request.HTTPRedirectHandler):
  """Follows redirections to http and https only."""

  def redirect_request(self, req, fp, code, msg, headers, newurl):
    if not is_http(newurl):
      raise urllib.error.HTTPError(newurl, code, msg, headers, fp)
    return super().redirect_request(req, fp, code, msg, headers, newurl)


def make_opener():
  """Returns an opener without urllib's handlers for file:, ftp: and data:."""
  opener = urllib.request.OpenerDirector()
  for handler in [
    urllib.request.ProxyHandler(),
    urllib.request.HTTPHandler(),
    urllib.request.HTTPSHandler(),
    HttpOnly(),
    urllib.request.HTTPDefaultErrorHandler(),
    urllib.request.HTTPErrorProcessor(),
    urllib.request.UnknownHandler(),
  ]:
    opener.add_handler(handler)
  return opener


def explain(error, timeout):
  """Returns in a few words why a request failed."""
  if isinstance(error, urllib.error.HTTPError):
    if 300 <= error.code < 400:
      target = error.headers.get("Location", "none named")
      if is_http(target):
        return "too many redirections (the last to %s)" % target
      return "redirects to an address that is not http or https (%s)" % target
    return "HTTP %d %s" % (error.code, error.reason)
  cause = getattr(error, "reason", error)
  if isinstance(cause, socket.gaierror):
    return "host not found"
  if isinstance(cause, ConnectionRefusedError):
    return "connection refused"
  if isinstance(cause, socket.timeout):
    return "no answer within %g s" % timeout
  if isinstance(cause, ssl.SSLError) and "CERTIFICATE" in str(cause):
    return (
      "its certificate cannot be verified; SSL_CERT_FILE names the file of"
      " authorities to trust"
    )
  return " ".join(str(cause).split()) or type(cause).__name__


def is_passing(error):
  """Returns whether the same request may succeed a little later."""
  if isinstance(error, urllib.error.HTTPError):
    return error.code in BUSY
  cause = getattr(error, "reason", error)
  return isinstance(
    cause, (socket.timeout, ConnectionResetError, http.client.HTTPException)
  )


def size_of(path):
  """Returns the size of a file in bytes; 0 if there is no file."""
  return os.path.getsize(path) if os.path.exists(path) else 0


def version_path(part):
  """Returns the path of the file that names the version of a part."""
  return part + ".version"


def discard(part):
  """Removes a part and its version."""
  for path in [part, version_path(part)]:
    if os.path.lexists(path):
      os.remove(path)


def make_request(address, part):
  """Returns the request for the rest of a file.

  If-Range makes the server send the whole file if it has changed since.
  """
  request = urllib.request.Request(address)
  if size_of(part):
    request.add_header("Range", "bytes=%d-" % size_of(part))
    if os.path.exists(version_path(part)):
      with open(version_path(part), encoding="utf-8") as f:
        request.add_header("If-Range", f.read())
  return request


def keep_version(headers, part):
  """Records the version of the file that a part belongs to."""
  etag = headers.get("ETag", "")
  # Files that differ in bytes may share a weak tag (W/"...").
  version = etag if etag.startswith('"') else headers.get("Last-Modified")
  if version:
    with open(version_path(part), "w", encoding="utf-8") as f:
      f.write(version)
  elif os.path.exists(version_path(part)):
    os.remove(version_path(part))


def ask(file, part, timeout):
  """Returns the response with the rest of a file; None if nothing is left."""
  done = size_of(part)
  request = make_request(file.address, part)
  try:
    return make_opener().open(request, timeout=timeout)
  except (OSError, http.client.HTTPException, ValueError) as error:
    # 416: the part has all bytes of the file, or more.
    if getattr(error, "code", None) == 416 and done:
      if error.headers.get("Content-Range") == "bytes */%d" % done:
        return None
      discard(part)
      return ask(file, part, timeout)
    raise (Broken if is_passing(error) else Failure)(
      "%s: %s (its page: %s)"
      % (file.address, explain(error, timeout), file.page)
    ) from error


def transfer(file, part, timeout):
  """Completes a part with one request."""
  done = size_of(part)
  response = ask(file, part, timeout)
  if response is None:
    return
  with response:
    if response.status != 206:
      # The whole file: the server supports no ranges, or its file has changed.
      # Empty the part before recording the new version, so that a crash in
      # between cannot mix the two.
      open(part, "wb").close()
      keep_version(response.headers, part)
      done = 0
    elif not response.headers.get("Content-Range", "").startswith(
      "bytes %d-" % done
    ):
      discard(part)
      raise Broken("%s: the server sent the wrong range" % file.address)
    receive(response, file, part, done, timeout)


def receive(response, file, part, done, timeout):
  """Writes a response's bytes after the first `done` ones of a part."""
  length = response.headers.get("Content-Length", "")
  total = done + int(length) if length.isdigit() else None
  try:
    # Not in append mode: a second download of the same file at the same time
    # then writes the same bytes to the same places.
    with open(part, "r+b", buffering=0) as f:
      f.seek(done)
      for chunk in chunks(response, file, timeout):
        write_all(f, chunk)
        done += len(chunk)
        show_progress(file.name, done, total)
  except OSError as error:
    raise Failure(cannot_write(part, error)) from error
  finally:
    end_progress()
  if total is not None and done < total:
    raise Broken(
      "%s: the connection broke after %d of %d bytes"
      % (file.address, done, total)
    )


def chunks(response, file, timeout):
  """Yields the bytes of a response; raises Broken if it ends early."""
  while True:
    try:
      chunk = response.read(CHUNK)
    except (OSError, http.client.HTTPException) as error:
      raise Broken(
        "%s: %s" % (file.address, explain(error, timeout))
      ) from error
    if not chunk:
      return
    yield chunk


def write_all(f, data):
  """Writes bytes to an unbuffered file, whose write() may take only some."""
  view = memoryview(data)
  while view:
    view = view[f.write(view) :]


def cannot_write(path, error):
  """Returns the message about a file that could not be written."""
  if error.errno in (errno.ENOSPC, errno.EDQUOT):
    return (
      "%s: the disk is full; free some space and repeat the command to "
      "continue" % path
    )
  return "%s: cannot be written (%s)" % (path, error.strerror or error)


def show_progress(name, done, total):
  """Shows the progress of a transfer on a terminal."""
  if sys.stderr.isatty():
    of = " of %.1f" % (total / 1e6) if total else ""
    sys.stderr.write("\r%s: %.1f%s MB " % (name, done / 1e6, of))


def end_progress():
  """Ends the line of show_progress."""
  if sys.stderr.isatty():
    sys.stderr.write("\n")


# -- one file ----------------------------------------------------------------


def check_kind(path, file, folder):
  """Raises Failure if a file has another format than its name, or is damaged.

  The checksum shows damage too where one is published.
  """
  with open(path, "rb") as f:
    start = f.read(1024)
  suffix = os.path.splitext(file.name)[1]
  magic, expected = MAGIC.get(suffix, (b"", "a file"))
  found = ""
  if HTML.match(start):
    found = "an HTML page"
  elif not start.startswith(magic):
    found = "a file that starts with %r" % start[:8]
  elif not file.sha256 and not is_whole(path, suffix):
    found = "a damaged archive"
  if found:
    raise Failure(
      "%s: found %s, expected %s; download %s by hand from %s into %s"
      % (file.address, found, expected, file.name, file.page, folder)
    )


def is_whole(path, suffix):
  """Returns whether an archive matches the checksums inside it."""
  try:
    if suffix == ".zip":
      with zipfile.ZipFile(path) as archive:
        return archive.testzip() is None
    if suffix == ".gz":
      with gzip.open(path) as f:
        for _ in iter(lambda: f.read(CHUNK), b""):
          pass
  # Before Python 3.8, gzip raises an OSError without errno for a wrong sum.
  except DAMAGES + (OSError,) as error:
    if getattr(error, "errno", None):
      raise
    return False
  return True


def check_sum(path, file, folder):
  """Returns a file's SHA-256; raises Failure if it is not the known one."""
  actual = files.sha256(path)
  expected, source = known_checksum(file, folder)
  if expected not in (None, actual):
    raise Failure(
      "%s: found the SHA-256 %s, expected %s as in %s; removed the file. If its"
      " owners have released a new version, correct %s"
      % (file.address, actual, expected, source, source)
    )
  return actual


def is_there(path, file, folder):
  """Returns whether a file is in place and intact, and prints which."""
  if not os.path.exists(path):
    return False
  actual = files.sha256(path)
  expected, source = known_checksum(file, folder)
  if expected not in (None, actual):
    print("%s: differs from %s, downloading it again" % (path, source))
    return False
  print("%s: already there" % path)
  confirm(path, actual, file, folder)
  return True


def fetch(file, folder, retries, timeout):
  """Downloads a file into a folder, unless it is there; raises Failure."""
  path = os.path.join(folder, file.name)
  part = path + ".part"
  os.makedirs(folder, exist_ok=True)
  if is_there(path, file, folder):
    return
  print("%s: downloading %s" % (path, file.address), flush=True)
  persist(file, part, retries, timeout)
  try:
    check_kind(part, file, folder)
    actual = check_sum(part, file, folder)
  except Failure:
    discard(part)
    raise
  confirm(path, actual, file, folder)
  os.replace(part, path)
  discard(part)


def persist(file, part, retries, timeout):
  """Completes a part, with further requests if the connection breaks."""
  for attempt in range(retries + 1):
    try:
      return transfer(file, part, timeout)
    except Broken as error:
      if attempt == retries:
        raise
      complain("%s; trying again" % error)
      time.sleep(1 + attempt)


def unpack(path, folder):
  """Extracts the files of a tar archive side by side into a folder.

  Folders in the archive are dropped, so no file lands elsewhere. A file gets
  its name when it is complete.

  Raises:
    Failure: the archive is damaged, or a name in it is that of no file.
  """
  try:
    check_members(path)
    with open_tar(path) as archive:
      for member in archive:
        target = os.path.join(folder, os.path.basename(member.name))
        if member.isfile() and size_of(target) != member.size:
          with open(target + ".part", "wb") as f:
            shutil.copyfileobj(archive.extractfile(member), f)
          os.replace(target + ".part", target)
  except DAMAGES as error:
    raise Failure(
      "%s: cannot be unpacked (%s); remove it and try again" % (path, error)
    ) from error


def open_tar(path):
  """Opens a tar archive whose headers cannot fill the memory."""
  return tarfile.open(path, tarinfo=streams.TarHeader)


def check_members(path):
  """Raises Failure if a tar archive has a file called "..", or too much."""
  size = 0
  with open_tar(path) as archive:
    for member in archive:
      size += member.size
      if size > MAX_UNPACKED:
        raise Failure(
          "%s: found more than %d bytes inside, expected weights; it was not "
          "unpacked, remove it" % (path, MAX_UNPACKED)
        )
      base = os.path.basename(member.name)
      if member.isfile() and base in ("", ".", ".."):
        raise Failure(
          "%s: found a file called %r inside, expected weights; it was not "
          "unpacked, remove it" % (path, member.name)
        )


# -- names -------------------------------------------------------------------


def folder_of(entry, arguments):
  """Returns the folder for the files of an entry."""
  root = (
    arguments.output_dir if entry.kind == "corpus" else arguments.weights_dir
  )
  return os.path.join(root, entry.name)


def next_command(entry, folder):
  """Returns the command to use the files of an entry."""
  if entry.kind == "weights":
    return "--bioalbert_dir=%s of any program" % shlex.quote(folder)
  return (
    "python prepare_data.py --dataset=%s --input_dir=%s --output_dir=%s"
    % (entry.name, shlex.quote(folder), "data/" + entry.name)
  )


def explain_by_hand(entry, folder):
  """Prints how a person gets an entry."""
  if entry.agreement:
    print("%s: not downloaded, it needs %s" % (entry.name, entry.agreement))
  else:
    print("%s: not downloaded, its page needs a browser" % entry.name)
  print("  page: %s" % entry.page)
  print("  get: %s" % entry.take)
  if entry.kind == "weights":
    print("  unpack into: %s (checkpoint, vocabulary, configuration)" % folder)
  else:
    print("  put into: %s" % folder)
  print("  then: %s" % next_command(entry, folder))


def obtain(entry, arguments):
  """Downloads all files of an entry; returns whether all are there."""
  folder = folder_of(entry, arguments)
  missing = 0
  for file in entry.files:
    try:
      fetch(file, folder, arguments.retries, arguments.timeout)
      if entry.kind == "weights":
        unpack(os.path.join(folder, file.name), folder)
    except Failure as error:
      complain("%s: %s" % (entry.name, error))
      missing += 1
    except OSError as error:
      complain(
        "%s: %s" % (entry.name, cannot_write(error.filename or folder, error))
      )
      missing += 1
  if not missing:
    if entry.unpacking:
      print("  first: %s" % entry.unpacking)
    print("  then: %s" % next_command(entry, folder))
  return not missing


def complain(text):
  """Prints a line on standard error."""
  sys.stdout.flush()
  print("download.sh: %s" % text, file=sys.stderr)


def run(arguments, entries):
  """Lists or downloads entries; returns the exit code."""
  if arguments.list:
    print("\n".join(table_lines(entries)))
    return 0
  chosen, single = select(arguments.names, entries)
  failed = []
  for entry in chosen:
    if entry.files:
      if not obtain(entry, arguments):
        failed.append(entry.name)
    elif entry.name in single:
      explain_by_hand(entry, folder_of(entry, arguments))
      failed.append(entry.name)
    else:
      print(
        "%s: skipped; download.sh %s explains how to get it"
        % (entry.name, entry.name)
      )
  if failed:
    complain("not downloaded: %s (see above)" % ", ".join(failed))
  return 1 if failed else 0


def parse_arguments():
  """Returns the options, which download.sh --help explains."""
  parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
  parser.add_argument("names", nargs="*")
  parser.add_argument("--list", action="store_true")
  parser.add_argument("--output_dir", default=os.path.join("data", "raw"))
  parser.add_argument("--weights_dir", default="weights")
  parser.add_argument("--retries", type=int, default=3)
  parser.add_argument("--timeout", type=float, default=60)
  arguments = parser.parse_args()
  if not arguments.names and not arguments.list:
    raise errors.InputError("no name given; --list shows all names")
  if arguments.retries < 0 or arguments.timeout <= 0:
    raise errors.InputError(
      "found --retries=%d --timeout=%g, expected --retries of 0 or more and "
      "--timeout of more than 0" % (arguments.retries, arguments.timeout)
    )
  return arguments


def main(entries):
  """Runs with these entries; an error of the user ends in one line."""
  try:
    sys.exit(run(parse_arguments(), entries))
  except errors.InputError as error:
    complain(error)
    sys.exit(1)
  except KeyboardInterrupt:
    complain("interrupted; repeat the command to continue")
    sys.exit(130)


if __name__ == "__main__":
  main(read_tables())
