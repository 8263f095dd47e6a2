# SPDX-License-Identifier: Apache-2.0
"""The one kind of error that a person at the command line can put right."""


class InputError(ValueError):
  """Says in one line what was found, where, and what would have been right.

  Raised for bad files, flags and checkpoints. A program ends with the message
  alone and exit code 1; any other exception is a fault of ours and keeps its
  traceback.
  """
