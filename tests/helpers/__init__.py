# SPDX-License-Identifier: Apache-2.0
"""Helpers that several test files use, and paths in the checkout."""

import os
import sys

REPO = os.path.dirname(
  os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)
FIXTURES = os.path.join(REPO, "tests", "fixtures")
# The bundled SentencePiece model of 8,000 pieces.
SPM = os.path.join(REPO, "examples", "vocab", "pubmed-8k.model")


def count_operations(call, *args):
  """Returns the number of Python's operations in a call, not counting C's."""
  count = 0

  def trace(frame, event, arg):
    nonlocal count
    frame.f_trace_opcodes = True
    count += event == "opcode"
    return trace

  before = sys.gettrace()
  sys.settrace(trace)
  try:
    call(*args)
  finally:
    sys.settrace(before)
  return count
