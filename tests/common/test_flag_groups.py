# SPDX-License-Identifier: Apache-2.0
"""Tests of flag_groups.py; the programs' tests cover most of it."""

import pytest

from common import flag_groups


def test_a_full_disk_ends_in_one_line_with_the_file(capsys):
  def main(arguments):
    raise ValueError("Graph error:\n/x/part-0; No space left on device\n[node")

  with pytest.raises(SystemExit):
    flag_groups._without_traceback(main, "repeat the command")(["x"])
  assert capsys.readouterr().err == (
    "error: the disk is full (/x/part-0; No space left on device); free some "
    "space; repeat the command\n"
  )


def test_other_errors_keep_their_traceback():
  def main(arguments):
    raise ValueError("a bug")

  with pytest.raises(ValueError, match="a bug"):
    flag_groups._without_traceback(main, "")(["x"])
