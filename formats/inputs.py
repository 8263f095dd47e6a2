# SPDX-License-Identifier: Apache-2.0
"""Finds the files that a flag names: paths, globs and folders."""

import collections
import os

from common import files
from common.errors import InputError

# `bytes` is its stored size.
Input = collections.namedtuple("Input", "path bytes format")

# A process that parses takes a moment to start: there is one for so many bytes.
_PARSER_BYTES = 4 << 20

# Files of a folder that are about others: checksums as PubMed has them.
_ASIDE = (".md5", ".sha256")


def find(patterns, sniff, flag):
  """Returns the Inputs of comma-separated paths, globs and folders.

  They are sorted by path. Of a folder these are its own files without the
  hidden ones and those of checksums.

  Args:
    patterns: value of the flag.
    sniff: function of a path that returns the format of the file.
    flag: its name, for messages.

  Raises:
    InputError: a pattern matches no file, or a file cannot be read or has no
      known format.
  """
  paths = set()
  for pattern in filter(None, (p.strip() for p in patterns.split(","))):
    found = [p for p in files.glob(pattern) if not files.is_folder(p)]
    if not found and files.is_folder(pattern):
      found = _files_in(pattern)
    elif not found:
      raise InputError("%s: no such file, nor a glob that fits any" % pattern)
    paths.update(found)
  if not paths:
    raise InputError("--%s names no file" % flag)
  return [_input(path, sniff) for path in sorted(paths)]


def parsers(given, num_workers):
  """Returns how many of the processes it is worth to start for an Input."""
  return min(num_workers, given.bytes // _PARSER_BYTES)


def _files_in(folder):
  """Returns the paths of the files in a folder; InputError if it has none."""
  paths = [
    os.path.join(folder, name)
    for name in files.list_names(folder)
    if not name.startswith(".") and not name.endswith(_ASIDE)
  ]
  found = [path for path in paths if not files.is_folder(path)]
  if not found:
    raise InputError("%s: is a folder without files, expected some" % folder)
  return found


def _input(path, sniff):
  try:
    return Input(path, files.size(path), sniff(path))
  except OSError as e:
    raise InputError("%s: cannot be read (%s)" % (path, e)) from e
