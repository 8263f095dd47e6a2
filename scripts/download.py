# SPDX-License-Identifier: Apache-2.0
"""Downloads weights and corpora; scripts/download.sh starts and explains it."""

import os
import sys

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, REPO)

from common import arguments
from common import signals


def parse_arguments():
  """Returns the options, which download.sh --help explains."""
  parser = arguments.ArgumentParser(__doc__, allow_abbrev=False)
  parser.add_argument("names", nargs="*")
  for name in ("--list", "--raw", "--preprocessed"):
    parser.add_argument(name, action="store_true")
  parser.add_argument("--output_dir", default=os.path.join("data", "raw"))
  parser.add_argument("--data_dir", default="data")
  parser.add_argument("--weights_dir", default="weights")
  parser.add_argument("--timeout", type=float, default=60)
  options = parser.parse_args()
  if not options.names and not options.list:
    parser.error("no name given; --list shows all names")
  return options


if __name__ == "__main__":  # Before the imports that take a while.
  signals.end_at_once()
  given = parse_arguments()

import re
import shlex
import subprocess
import tarfile
import tempfile
import zipfile

import gdown
import pooch
import requests

from common import data_sets
from common import files
from common import weights
from common.errors import InputError
from common.errors import reason_of
from converters.shared import archives

HTML = re.compile(rb"\s*<(!doctype\s+html|html|head)\b", re.IGNORECASE)


def kind_of(row):
  """Returns the kind of a row."""
  return "weights" if isinstance(row, weights.Weights) else "corpora"


def table_lines(rows):
  """Returns the lines that --list prints."""
  lines = [("name", "kind", "licence", "how to get it")]
  for row in rows:
    ways = ["download.sh"] if row.files else ["ask at " + row.home]
    ways += ["download.sh --preprocessed"] if row.preprocessed else []
    lines.append((row.name, kind_of(row), row.licence, " or ".join(ways)))
  widths = [max(len(line[i]) for line in lines) for i in range(3)] + [0]
  return ["  ".join(map(str.ljust, line, widths)) for line in lines]


def select(names, rows):
  """Returns the rows of names, in any case, and groups, without repeats."""
  chosen = {}
  for name in names:
    named = [row for row in rows if row.name.lower() == name.lower()]
    group = [row for row in rows if name in ("all", kind_of(row))]
    if not named + group:
      raise InputError(
        "found the name '%s', expected one of %s, or corpora, weights, all"
        % (name, ", ".join(row.name for row in rows))
      )
    chosen.update((row.name, row) for row in named or group)
  return list(chosen.values())


def explain(error):
  """Returns a library's reason in one line; raises errors of the disk again."""
  is_network = isinstance(error, requests.RequestException)
  if isinstance(error, OSError) and not is_network:
    raise error
  while error.__context__ is not None:
    error = error.__context__
  return " ".join(str(error).split()) or type(error).__name__


def check_content(path, is_archive):
  """Rejects a page, to sign in or about a quota, in place of a file."""
  with open(path, "rb") as f:
    start = f.read(1024)
  if HTML.match(start):
    raise InputError("found an HTML page in place of the file")
  is_whole = start.startswith(b"Rar!")  # Not to be read here.
  is_whole = is_whole or zipfile.is_zipfile(path) or tarfile.is_tarfile(path)
  if is_archive and not is_whole:
    raise InputError(
      "found %d bytes that begin with %r, expected a whole archive"
      % (os.path.getsize(path), start[:8])
    )


def download(address, path, _):
  """Downloads an archive to a path, as pooch wants it."""
  print("downloading %s" % address, flush=True)
  shows = sys.stderr.isatty()
  os.remove(path)  # pooch has made it, for its owner's eyes only.
  if address.startswith(data_sets.DRIVE):
    with open(path, "wb") as f:
      gdown.download(address, f, quiet=not shows, use_cookies=False)
  else:
    pooch.HTTPDownloader(shows, 1 << 16)(address, path, None)
  check_content(path, is_archive=True)


def fetch(file, folder, page):
  """Downloads a file, unless it is there, from the first address that has it.

  Returns its path. The file gets its name when it is complete and fits.
  """
  path, failures = os.path.join(folder, file.name), []
  expected = file.sha256 or files.read_sums(folder).get(file.name)
  for address in file.addresses:
    try:
      pooch.retrieve(address, expected, file.name, folder, None, download)
    except Exception as error:  # noqa: BLE001  Of many kinds for an odd page.
      failures.append("%s: %s" % (address, explain(error)))
      continue
    if not expected:
      files.add_sums(folder, [file.name])
    source = "our table" if file.sha256 else os.path.join(folder, files.SUMS)
    print("%s: complete, its SHA-256 is in %s" % (path, source), flush=True)
    return path
  raise InputError(
    "%s; try again, or download %s in a browser from %s into %s"
    % ("; ".join(failures), file.name, page, folder)
  )


def fetch_folder(address, folder):
  """Downloads a folder of Google Drive, whole or not at all."""
  if files.read_sums(folder):
    return print("%s: already there" % folder)
  if os.path.isdir(folder) and os.listdir(folder):
    raise InputError("%s: found files, expected a new folder" % folder)
  parent, name = os.path.split(folder)
  os.makedirs(parent or ".", exist_ok=True)
  with tempfile.TemporaryDirectory("", "." + name, parent or ".") as partial:
    new = os.path.join(partial, name)
    print("downloading %s" % address, flush=True)
    try:
      paths = gdown.download_folder(
        address, output=new, quiet=not sys.stderr.isatty(), use_cookies=False
      )
      if not paths:
        raise InputError("found no files there")
      for path in paths:
        check_content(path, is_archive=False)
    except Exception as error:  # noqa: BLE001  Of many kinds for an odd page.
      raise InputError(
        "%s: %s; try again, or open it in a browser" % (address, explain(error))
      ) from None
    files.add_sums(new, [os.path.relpath(path, new) for path in paths])
    os.replace(new, folder)
  print("%s: complete, with SHA-256s in %s" % (folder, files.SUMS))


def obtain(row, options):
  """Makes weights or a corpus ready for the programs; raises InputError."""
  is_corpus = kind_of(row) == "corpora"
  root = options.output_dir if is_corpus else options.weights_dir
  folder, target = (os.path.join(x, row.name) for x in (root, options.data_dir))
  if options.preprocessed and row.preprocessed:
    return fetch_folder(row.preprocessed, target)
  command = ["prepare_data.py", "--dataset=" + row.name]
  command += ["--input_dir=" + folder, "--output_dir=" + target]
  then = "run python " + " ".join(map(shlex.quote, command))
  if not row.files:
    raise InputError(
      "needs %s: get %s from %s, put it into %s and %s"
      % (row.agreement, row.input_files, row.home, folder, then)
    )
  paths = [fetch(file, folder, row.home) for file in row.files]
  if not is_corpus:
    for path in paths:
      archives.unpack(path, folder)
    print("%s: ready for --bioalbert_dir" % folder)
  elif options.raw or row.unpacking:
    first = row.unpacking and row.unpacking + ", then "
    print("%s: %s%s" % (folder, first, then))
  else:
    convert(command, target)


def convert(command, target):
  """Runs prepare_data.py; raises its error as an InputError."""
  if files.read_sums(target):
    raise InputError("%s: holds the authors' data, remove it first" % target)
  command = [sys.executable, os.path.join(REPO, command[0])] + command[1:]
  process = subprocess.run(command, stderr=subprocess.PIPE, encoding="utf-8")
  if process.returncode:
    last = process.stderr.strip().split("\n")[-1]
    raise InputError("not converted: " + last.replace("error: ", "", 1))


def run(options, rows):
  """Obtains what the options name; returns the exit code."""
  code, names = 0, {name.lower() for name in options.names}
  for row in select(options.names, rows):
    is_open = row.files or options.preprocessed and row.preprocessed
    if not is_open and row.name.lower() not in names:
      print("%s: skipped, see download.sh %s" % (row.name, row.name))
      continue
    try:
      obtain(row, options)
    except (InputError, OSError) as error:
      sys.stdout.flush()
      sys.stderr.write("error: %s: %s\n" % (row.name, reason_of(error)))
      code = 1
  return code


def main(options, rows):
  """Lists or obtains some of these rows; an error ends in one line."""
  signals.raise_stopped()
  request = requests.Session.request  # gdown has no option for a timeout.
  requests.Session.request = lambda *args, **others: request(
    *args, **dict(others, timeout=options.timeout)
  )
  pooch.get_logger().disabled = True
  try:
    if options.list:
      print("\n".join(table_lines(rows)))
    sys.exit(run(options, rows))
  except InputError as error:
    sys.exit("error: %s" % error)
  except signals.Stopped:
    signals.end(signals.arrived(), "interrupted; the same command goes on")


if __name__ == "__main__":
  main(given, data_sets.converted() + list(weights.WEIGHTS))
