# SPDX-License-Identifier: Apache-2.0
"""Fetches weights and corpora; scripts/download.sh is its shell and its help.

What there is, where, and under which conditions stands in configs/downloads.ini
and nowhere else. A file grows as <file>.part and gets its name only once it is
complete and agrees with its checksum. No package is needed, so this runs before
an environment is set up.
"""

import argparse
import collections
import configparser
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

from common import errors
from common import files

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE = os.path.join(REPO, "configs", "downloads.ini")
KINDS = {"corpus": "corpora", "weights": "weights"}
KEYS = ["kind", "licence", "agreement", "page", "take", "after", "files"]
SUMS = "SHA256SUMS"
CHUNK = 1 << 16
# How a file begins that is what its name says.
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
# Answers after which the same request may well succeed.
BUSY = {408, 429, 500, 502, 503, 504}

Entry = collections.namedtuple("Entry", ["name"] + KEYS)
File = collections.namedtuple("File", "name address sha256 size page")


class Failure(Exception):
  """Why one file was not had, in one line; the others are still tried."""


class Broken(Failure):
  """A transfer that ended early; trying again goes on where it stopped."""


# -- the table ---------------------------------------------------------------


def read_table(path):
  """Returns {name: Entry} of a table, in its order; raises InputError."""
  parser = configparser.ConfigParser(
    interpolation=None,
    delimiters=("=",),
    comment_prefixes=("#",),
    empty_lines_in_values=False,
  )
  try:
    with open(path, encoding="utf-8") as f:
      parser.read_file(f)
  except OSError as error:
    raise errors.InputError(
      "%s: cannot be read (%s)" % (path, error.strerror)
    ) from error
  except (configparser.Error, UnicodeDecodeError) as error:
    raise errors.InputError(
      "%s: %s" % (path, " ".join(str(error).split()))
    ) from error
  return {
    name: parse_entry(name, parser[name], "%s: [%s]" % (path, name))
    for name in parser.sections()
  }


def parse_entry(name, section, where):
  """Returns the Entry of a section; `where` names it in messages."""
  values = {key: section.get(key, "") for key in KEYS}
  problem = problem_of(name, values, sorted(set(section) - set(KEYS)))
  if problem:
    raise errors.InputError("%s: %s" % (where, problem))
  lines = [line for line in values["files"].splitlines() if line]
  values["files"] = [parse_file(line, values["page"], where) for line in lines]
  return Entry(name, **values)


def problem_of(name, values, unknown):
  """Returns what is wrong with the keys of a section, "" where all is right."""
  if unknown:
    return "unknown key '%s'; known are %s" % (unknown[0], ", ".join(KEYS))
  if not re.match(r"\w[\w.+-]*$", name):
    return "a name is made of letters, digits, . + - and _"
  if values["kind"] not in KINDS:
    return "the kind is '%s', not corpus or weights" % values["kind"]
  for needed in ["licence", "page"]:
    if not values[needed]:
      return "the key '%s' is missing" % needed
  if bool(values["files"]) == bool(values["take"]):
    return "one of 'files' (fetched) and 'take' (by hand) is needed"
  if values["files"] and values["agreement"]:
    return "has files to fetch, yet needs an agreement"
  return ""


def parse_file(line, page, where):
  """Returns the File of a line `name address [sha256=...] [size=...]`."""
  match = re.match(
    r"(?P<name>\w[\w.+-]*)\s+(?P<address>https?://\S+)"
    r"(\s+sha256=(?P<sha256>[0-9a-f]{64}))?(\s+size=(?P<size>\d+))?$",
    line,
  )
  if not match or not is_address(match.group("address")):
    raise errors.InputError(
      "%s: %s is not 'name address [sha256=64 hex digits] [size=bytes]' with"
      " an http or https address" % (where, errors.shorten(line, 200))
    )
  values = match.groupdict()
  values["size"] = int(values["size"]) if values["size"] else None
  return File(page=page, **values)


def is_address(text):
  """Whether urllib can make sense of an address."""
  try:
    return bool(urllib.parse.urlsplit(text).hostname)
  except ValueError:
    return False


def table_lines(entries):
  """Returns the lines of --list."""
  rows = [("name", "kind", "licence", "how it is had")]
  for entry in entries.values():
    way = "ask at " if entry.agreement else "by hand at "
    how = "fetched" if entry.files else way + entry.page
    rows.append((entry.name, entry.kind, entry.licence, how))
  widths = [max(len(row[i]) for row in rows) for i in range(3)]
  return [
    "  ".join([cell.ljust(w) for cell, w in zip(row, widths)] + [row[3]])
    for row in rows
  ]


def select(names, entries):
  """Returns ([Entry], names of those that were asked for one by one).

  Names are matched in any case; `corpora`, `weights` and `all` stand for many.
  """
  chosen, single = {}, set()
  for name in names:
    group = [x for x in entries.values() if x.name.lower() == name.lower()]
    single.update(x.name for x in group)
    if not group:
      group = [x for x in entries.values() if name in ("all", KINDS[x.kind])]
    if not group:
      raise errors.InputError(
        "'%s' is unknown; known are %s, and corpora, weights, all"
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
        "%s, line %d: %s is not a checksum, two spaces and a file"
        % (path, number, errors.shorten(line))
      )
    sums[match.group(2)] = match.group(1)
  return sums


def record(folder, name, checksum):
  """Adds a file to SHA256SUMS, which `sha256sum -c` reads; whole or not."""
  sums = dict(recorded(folder), **{name: checksum})
  path = os.path.join(folder, SUMS)
  with open(path + ".part", "w", encoding="utf-8") as f:
    f.writelines("%s  %s\n" % (sums[x], x) for x in sorted(sums))
  os.replace(path + ".part", path)


def known_checksum(file, folder):
  """Returns (the SHA-256 a file must have or None, where that is written)."""
  if file.sha256:
    return file.sha256, "the table"
  return recorded(folder).get(file.name), os.path.join(folder, SUMS)


def settle(path, actual, file, folder):
  """Records a checksum that was not known, and prints it."""
  expected, source = known_checksum(file, folder)
  if expected is None:
    record(folder, file.name, actual)
    source = "none is published: recorded in " + source
  else:
    source = "as in " + source
  print("%s: SHA-256 %s (%s)" % (path, actual, source))


# -- one transfer ------------------------------------------------------------


def is_http(address):
  """Whether an address is of the web."""
  return bool(re.match("https?://", address, re.IGNORECASE))


class HttpOnly(urllib.request.HTTPRedirectHandler):
  """Follows redirections to http and https, and to nothing else."""

  def redirect_request(self, req, fp, code, msg, headers, newurl):
    if not is_http(newurl):
      raise urllib.error.HTTPError(newurl, code, msg, headers, fp)
    return super().redirect_request(req, fp, code, msg, headers, newurl)


def make_opener():
  """Returns an opener without urllib's handlers of file:, ftp: and data:."""
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
  """Returns in a few words why an address did not give its file."""
  if isinstance(error, urllib.error.HTTPError):
    if 300 <= error.code < 400:
      target = error.headers.get("Location", "none named")
      if is_http(target):
        return "is redirected again and again (now to %s)" % target
      return "is redirected to an address that is not http or https (%s)" % (
        target
      )
    return "HTTP %d %s" % (error.code, error.reason)
  cause = getattr(error, "reason", error)
  if isinstance(cause, socket.gaierror):
    return "the host was not found"
  if isinstance(cause, ConnectionRefusedError):
    return "the connection was refused"
  if isinstance(cause, socket.timeout):
    return "no answer within %g s" % timeout
  if isinstance(cause, ssl.SSLError) and "CERTIFICATE" in str(cause):
    return (
      "its certificate cannot be verified; SSL_CERT_FILE may name the"
      " authorities to trust"
    )
  return " ".join(str(cause).split()) or type(cause).__name__


def is_passing(error):
  """Whether the same request may succeed a little later."""
  if isinstance(error, urllib.error.HTTPError):
    return error.code in BUSY
  cause = getattr(error, "reason", error)
  return isinstance(
    cause, (socket.timeout, ConnectionResetError, http.client.HTTPException)
  )


def size_of(path):
  """Returns the bytes of a file, 0 where there is none."""
  return os.path.getsize(path) if os.path.exists(path) else 0


def version_path(part):
  """Where it is kept of which version of the remote file a part is."""
  return part + ".version"


def discard(part):
  """Removes a part and what is known of it."""
  for path in [part, version_path(part)]:
    if os.path.lexists(path):
      os.remove(path)


def make_request(address, part):
  """Returns the request for what a part lacks.

  If-Range makes a server whose file changed meanwhile send all of it.
  """
  request = urllib.request.Request(address)
  if size_of(part):
    request.add_header("Range", "bytes=%d-" % size_of(part))
    if os.path.exists(version_path(part)):
      with open(version_path(part), encoding="utf-8") as f:
        request.add_header("If-Range", f.read())
  return request


def keep_version(headers, part):
  """Keeps what identifies the version of a file that a part begins."""
  etag = headers.get("ETag", "")
  # A weak tag may be shared by files that differ in their bytes.
  version = etag if etag.startswith('"') else headers.get("Last-Modified")
  if version:
    with open(version_path(part), "w", encoding="utf-8") as f:
      f.write(version)
  elif os.path.exists(version_path(part)):
    os.remove(version_path(part))


def ask(file, part, timeout):
  """Returns the answer with what a part lacks, None if it lacks nothing."""
  done = size_of(part)
  request = make_request(file.address, part)
  try:
    return make_opener().open(request, timeout=timeout)
  except (OSError, http.client.HTTPException, ValueError) as error:
    # The part has all bytes of the file, or more.
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
  """Makes a part complete, going on from what there is of it."""
  done = size_of(part)
  response = ask(file, part, timeout)
  if response is None:
    return
  with response:
    if response.status != 206:
      # All of it: the server knows no ranges, or has another version by now.
      # The old bytes go before the new version comes, so they never mix.
      open(part, "wb").close()
      keep_version(response.headers, part)
      done = 0
    elif not response.headers.get("Content-Range", "").startswith(
      "bytes %d-" % done
    ):
      discard(part)
      raise Broken("%s: sent another range than asked for" % file.address)
    receive(response, file, part, done, timeout)


def receive(response, file, part, done, timeout):
  """Writes an answer's bytes behind the first `done` ones of a part."""
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
  """Yields the bytes of an answer; raises Broken where it breaks off."""
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
  """Writes bytes to an unbuffered file, which may take them piece by piece."""
  view = memoryview(data)
  while view:
    view = view[f.write(view) :]


def cannot_write(path, error):
  """Returns the message on a file that could not be written."""
  if error.errno in (errno.ENOSPC, errno.EDQUOT):
    return (
      "%s: the disk is full; the same command goes on once it is not" % path
    )
  return "%s: cannot be written (%s)" % (path, error.strerror or error)


def show_progress(name, done, total):
  """Shows on a terminal how far a transfer is."""
  if sys.stderr.isatty():
    of = " of %.1f" % (total / 1e6) if total else ""
    sys.stderr.write("\r%s: %.1f%s MB " % (name, done / 1e6, of))


def end_progress():
  """Ends the line of show_progress."""
  if sys.stderr.isatty():
    sys.stderr.write("\n")


# -- one file ----------------------------------------------------------------


def check_kind(path, file, folder):
  """Raises Failure if a file is not what its name says, or not whole.

  The latter is left to the checksum where one is published.
  """
  with open(path, "rb") as f:
    start = f.read(1024)
  suffix = os.path.splitext(file.name)[1]
  magic, expected = MAGIC.get(suffix, (b"", "no web page"))
  found = ""
  if HTML.match(start):
    found = "an HTML page"
  elif not start.startswith(magic):
    found = "a file that begins %r" % start[:8]
  elif not file.sha256 and not is_whole(path, suffix):
    found = "a damaged one"
  if found:
    raise Failure(
      "%s: found %s, expected %s; fetch %s by hand from %s into %s"
      % (file.address, found, expected, file.name, file.page, folder)
    )


def is_whole(path, suffix):
  """Whether an archive agrees with the checksums that it has inside."""
  try:
    if suffix == ".zip":
      with zipfile.ZipFile(path) as archive:
        return archive.testzip() is None
    if suffix == ".gz":
      with gzip.open(path) as f:
        for _ in iter(lambda: f.read(CHUNK), b""):
          pass
  # Until Python 3.8 gzip raises an OSError without a number for a wrong sum.
  except DAMAGES + (OSError,) as error:
    if getattr(error, "errno", None):
      raise
    return False
  return True


def check_bytes(path, file, folder):
  """Returns a file's SHA-256; raises Failure if that or its size is wrong."""
  if file.size is not None and size_of(path) != file.size:
    raise Failure(
      "%s: has %d bytes, expected %d; removed"
      % (file.address, size_of(path), file.size)
    )
  actual = files.sha256(path)
  expected, source = known_checksum(file, folder)
  if expected not in (None, actual):
    raise Failure(
      "%s: its SHA-256 is %s, in %s it is %s; removed. Only if the file was"
      " issued anew, correct %s"
      % (file.address, actual, source, expected, source)
    )
  return actual


def is_there(path, file, folder):
  """Whether a file is in place and need not be fetched; says so."""
  if not os.path.exists(path):
    return False
  actual = files.sha256(path)
  expected, source = known_checksum(file, folder)
  if expected not in (None, actual):
    print("%s: is not as in %s: fetching it anew" % (path, source))
    return False
  print("%s: is there already" % path)
  settle(path, actual, file, folder)
  return True


def fetch(file, folder, retries, timeout):
  """Puts a file into a folder, unless it is there; raises Failure."""
  path = os.path.join(folder, file.name)
  part = path + ".part"
  os.makedirs(folder, exist_ok=True)
  if is_there(path, file, folder):
    return
  print("%s: fetching %s" % (path, file.address), flush=True)
  persist(file, part, retries, timeout)
  try:
    check_kind(part, file, folder)
    actual = check_bytes(part, file, folder)
  except Failure:
    discard(part)
    raise
  settle(path, actual, file, folder)
  os.replace(part, path)
  discard(part)


def persist(file, part, retries, timeout):
  """Makes a part complete in one transfer or, where they break, in several."""
  for attempt in range(retries + 1):
    try:
      return transfer(file, part, timeout)
    except Broken as error:
      if attempt == retries:
        raise
      complain("%s; trying again" % error)
      time.sleep(1 + attempt)


def unpack(path, folder):
  """Puts the files of a tar archive side by side into a folder.

  Whatever folders and paths the archive names are dropped, so nothing lands
  elsewhere. A file gets its name when it is complete.
  """
  try:
    with tarfile.open(path) as archive:
      for member in archive:
        target = os.path.join(folder, os.path.basename(member.name))
        if member.isfile() and size_of(target) != member.size:
          with open(target + ".part", "wb") as f:
            shutil.copyfileobj(archive.extractfile(member), f)
          os.replace(target + ".part", target)
  except DAMAGES as error:
    raise Failure(
      "%s: cannot be unpacked (%s); remove it and call again" % (path, error)
    ) from error


# -- names -------------------------------------------------------------------


def folder_of(entry, arguments):
  """Returns where the files of an entry belong."""
  root = (
    arguments.output_dir if entry.kind == "corpus" else arguments.weights_dir
  )
  return os.path.join(root, entry.name)


def next_command(entry, folder):
  """Returns what to type once the files of an entry are in their folder."""
  if entry.kind == "weights":
    return "--bioalbert_dir=%s of any program" % shlex.quote(folder)
  return (
    "python prepare_data.py --dataset=%s --input_dir=%s --output_dir=%s"
    % (
      entry.name,
      shlex.quote(folder),
      "data/" + entry.name,
    )
  )


def tell(entry, folder):
  """Prints how an entry is had that is not fetched."""
  if entry.agreement:
    print("%s: not fetched, since it needs %s" % (entry.name, entry.agreement))
  else:
    print("%s: not fetched, since its page needs a browser" % entry.name)
  print("  page: %s" % entry.page)
  print("  take: %s" % entry.take)
  if entry.kind == "weights":
    print("  unpack into: %s (checkpoint, vocabulary, configuration)" % folder)
  else:
    print("  put into: %s" % folder)
  print("  then: %s" % next_command(entry, folder))


def obtain(entry, arguments):
  """Fetches all files of an entry; returns whether all are there now."""
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
    if entry.after:
      print("  left to do: %s" % entry.after)
    print("  then: %s" % next_command(entry, folder))
  return not missing


def complain(text):
  """Prints a line on standard error, as the scripts do."""
  sys.stdout.flush()
  print("download.sh: %s" % text, file=sys.stderr)


def run(arguments):
  """Does what is asked for; returns the exit code."""
  entries = read_table(arguments.table)
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
      tell(entry, folder_of(entry, arguments))
      failed.append(entry.name)
    else:
      print(
        "%s: passed over; ask for it by name to see how it is had" % entry.name
      )
  if failed:
    complain("not fetched: %s (see above)" % ", ".join(failed))
  return 1 if failed else 0


def parse_arguments():
  """The options; download.sh --help says what each is for."""
  parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
  parser.add_argument("names", nargs="*")
  parser.add_argument("--list", action="store_true")
  parser.add_argument("--output_dir", default=os.path.join("data", "raw"))
  parser.add_argument("--weights_dir", default="weights")
  parser.add_argument("--table", default=TABLE)
  parser.add_argument("--retries", type=int, default=3)
  parser.add_argument("--timeout", type=float, default=60)
  arguments = parser.parse_args()
  if not arguments.names and not arguments.list:
    raise errors.InputError("nothing is asked for; --list shows all there is")
  if arguments.retries < 0 or arguments.timeout <= 0:
    raise errors.InputError("--retries is 0 or more, --timeout more than 0")
  return arguments


def main():
  """Ends with one line, and no traceback, on whatever a user can put right."""
  try:
    sys.exit(run(parse_arguments()))
  except errors.InputError as error:
    complain(error)
    sys.exit(1)
  except KeyboardInterrupt:
    complain("interrupted; the same command goes on where this one stopped")
    sys.exit(130)


if __name__ == "__main__":
  main()
