# SPDX-License-Identifier: Apache-2.0
"""The command line of the scripts that use argparse."""

import argparse
import re
import sys


class ArgumentParser(argparse.ArgumentParser):
  """Reports a wrong command line as all programs do: in one line, exit code 1.

  The description keeps its lines; other arguments are argparse's.
  """

  def __init__(self, description, **others):
    others["formatter_class"] = argparse.RawDescriptionHelpFormatter
    super().__init__(description=description, **others)

  def error(self, message):
    message = " ".join(message.split())
    sys.exit("error: %s; --help describes the options" % message)


def positive(text):
  """Returns a whole number above 0."""
  if not text.isdigit() or not int(text):
    raise argparse.ArgumentTypeError(
      "found %r, expected a whole number above 0" % text
    )
  return int(text)


def numbers(text):
  """Returns the numbers in a list, "1-3,7" -> [1, 2, 3, 7]; None for "all"."""
  if text == "all":
    return None
  if not re.fullmatch(r"\d+(-\d+)?([,\s]+\d+(-\d+)?)*", text):
    raise argparse.ArgumentTypeError(
      "found %r, expected numbers such as 1,2,3 or 1-10" % text
    )
  ends = [part.split("-") for part in re.split(r"[,\s]+", text)]
  return sorted({n for e in ends for n in range(int(e[0]), int(e[-1]) + 1)})
