# SPDX-License-Identifier: Apache-2.0
"""arguments: a wrong command line ends in one line that names it."""

import pytest

from common import arguments


@pytest.mark.parametrize(
  "words, message",
  [
    (["--count=0"], "argument --count: found '0', expected a whole number"),
    (
      ["--list=1,\nx"],
      "argument --list: found '1,\\nx', expected numbers such",
    ),
    (["--other=3"], "unrecognized arguments: --other=3"),
    (["--count"], "argument --count: expected one argument"),
  ],
)
def test_a_wrong_option_ends_in_one_line(capsys, words, message):
  parser = arguments.ArgumentParser("A test.")
  parser.add_argument("--count", type=arguments.positive)
  parser.add_argument("--list", type=arguments.numbers)
  with pytest.raises(SystemExit) as stopped:
    parser.parse_args(words)
  assert stopped.value.code.startswith("error: " + message)
  assert stopped.value.code.endswith("; --help describes the options")
  assert "\n" not in stopped.value.code and capsys.readouterr().err == ""


def test_numbers_may_be_ranges():
  assert arguments.numbers("1-3,7 9") == [1, 2, 3, 7, 9]
  assert arguments.numbers("all") is None


def test_help_keeps_the_lines_of_the_description(capsys):
  with pytest.raises(SystemExit) as stopped:
    arguments.ArgumentParser("A test.\n\n  indented").parse_args(["--help"])
  assert not stopped.value.code
  assert "\nA test.\n\n  indented\n" in capsys.readouterr().out
