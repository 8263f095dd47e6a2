# SPDX-License-Identifier: Apache-2.0
"""The one kind of error that a person at the command line can put right, and
how its messages quote what they found.
"""


class InputError(ValueError):
  """Says in one line what was found, where, and what would have been right.

  Raised for bad files, flags and checkpoints. A program ends with the message
  alone and exit code 1; any other exception is a fault of ours and keeps its
  traceback.
  """


def shorten(text, size=40):
  """Returns the beginning of a text in quotation marks, for messages."""
  return repr(text if len(text) <= size else text[:size] + "...")


def first_five(names):
  """Returns the first of many names, for messages."""
  return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
