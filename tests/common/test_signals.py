# SPDX-License-Identifier: Apache-2.0
"""How programs end at Ctrl-C and SIGTERM."""

import os
import signal
import subprocess
import sys

import pytest

from tests.helpers import REPO

IMPORTING = """
from common import signals
signals.end_at_once()
print("ready", flush=True)
import time
time.sleep(600)
"""
# A program that cleans up, while a library hides the signal's exception.
RUNNING = """
import sys, time
from common import flag_groups
def main(_):
  try:
    print("ready", flush=True)
    time.sleep(600)
  except KeyboardInterrupt:
    raise ImportError("NumPy failed to import")
  finally:
    print("cleaned up", flush=True)
sys.argv = ["x"]
flag_groups.parse(lambda: None)
flag_groups.run(main, "nothing was written")
"""


def stop(arguments, number, text="ready"):
  """Starts Python, sends a signal at a line with a text.

  Returns (exit code, the rest of its output).
  """
  process = subprocess.Popen(
    [sys.executable] + arguments,
    cwd=REPO,
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    encoding="utf-8",
    # A shell ignores Ctrl-C for what it starts in the background.
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
  )
  for line in process.stdout:
    if text in line:
      break
  process.send_signal(number)
  output = process.communicate(timeout=600)[0]
  return process.returncode, output


BOTH = pytest.mark.parametrize(
  "number, code, name",
  [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)


@BOTH
def test_a_signal_while_importing_ends_in_one_line(number, code, name):
  assert stop(["-c", IMPORTING], number) == (code, "error: %s\n" % name)


@BOTH
def test_a_signal_cleans_up_and_ends_in_one_line(number, code, name):
  line = "error: %s; nothing was written\n" % name
  assert stop(["-c", RUNNING], number) == (code, "cleaned up\n" + line)


def test_a_program_can_be_interrupted_while_it_imports_its_libraries():
  program = [os.path.join(REPO, "run_ner.py"), "--output_dir=unused"]
  command = ["-X", "importtime"] + program
  code, output = stop(command, signal.SIGINT, "numpy.version")
  assert code == 130
  assert "Traceback" not in output
  assert output.splitlines()[-1] == "error: interrupted"


# Run as processes: pytest's workers may run a test in another thread than the
# main one, where no handler can be installed.
HELD = """
import os, signal
from common import signals
def stop():
  os.kill(os.getpid(), signal.SIGTERM)
signals.raise_stopped()
with signals.hold(True):
  stop()
  print("held,", signals.arrived() == signal.SIGTERM)
  try:
    with signals.hold(False):
      stop()
  except signals.Stopped:
    print("stopped")
  stop()
  print("held again")
try:
  stop()
except signals.Stopped:
  print("stopped at the end")
"""
IGNORED = """
import signal
from common import signals
signal.signal(signal.SIGINT, signal.SIG_IGN)
signals.raise_stopped()
print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)
"""


def printed(code):
  """Returns the lines that a process prints."""
  output = subprocess.check_output(
    [sys.executable, "-c", code], cwd=REPO, encoding="utf-8"
  )
  return output.splitlines()


def test_sigterm_can_be_held_back():
  assert printed(HELD) == [
    "held, True",
    "stopped",
    "held again",
    "stopped at the end",
  ]


def test_an_ignored_signal_stays_ignored():
  assert printed(IGNORED) == ["True"]
