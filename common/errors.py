# SPDX-License-Identifier: Apache-2.0
"""The error that users can fix, and how its messages quote what they found."""

import contextlib
import errno
import re

_DISK_FULL = re.compile("No space left on device|Disk quota exceeded", re.I)
_LONGEST = 1000  # In characters.


class InputError(ValueError):
  """Reports bad files, flags and checkpoints.

  The message is one line: what was found, where, and what was expected. A
  program prints it and exits with code 1. Any other exception is a bug of ours
  and keeps its traceback.

  Line feeds in a message are escaped, and one that quotes too much of a file
  loses its middle.
  """

  def __init__(self, message):
    text = str(message).replace("\n", "\\n")
    if len(text) > _LONGEST:
      half = _LONGEST // 2
      text = text[: half - 7] + " [...] " + text[-half:]
    super().__init__(text)


def reject(error):
  """Raises an InputError: what readers do with it unless they may go on."""
  raise error


@contextlib.contextmanager
def caught(failed):
  """Passes an InputError of its block to `failed`."""
  try:
    yield
  except InputError as error:
    failed(error)


def until_failure(items, failed):
  """Yields items; passes an InputError that ends them to `failed`."""
  items = iter(items)
  while True:
    try:
      item = next(items)
    except StopIteration:
      return
    except InputError as error:
      failed(error)
      return
    yield item


def is_disk_full(error):
  """Returns whether an exception of any library, or its text, is about a full
  disk.
  """
  if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
    return True
  return bool(_DISK_FULL.search(str(error)))


def reason_of(error):
  """Returns the line of an exception's text that says why, or its type."""
  lines = [line for line in str(error).split("\n") if line.strip()]
  full = [line for line in lines if is_disk_full(line)]
  return (full + lines + [type(error).__name__])[0]


def shorten(text, size=40):
  """Returns the quoted beginning of a text, for messages."""
  return repr(text if len(text) <= size else text[:size] + "...")


def first_five(names):
  """Returns the first five of many names, for messages."""
  return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
