# SPDX-License-Identifier: Apache-2.0
"""Ends a program in one line at Ctrl-C (SIGINT) or SIGTERM.

Schedulers send SIGTERM a while before they kill a job. The exit code is 130 or
143, as shells have it. Each program imports this module first and calls
`end_at_once`; it imports nothing slow.
"""

import contextlib
import os
import signal
import sys
import threading

NAMES = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Stopped(KeyboardInterrupt):
  """Reports one of these signals; may say what was saved."""


class _State:
  """The signal that has arrived, and whether SIGTERM is held back."""

  arrived = None
  held = False


def end_at_once():
  """Makes the signals end this process at once: no file is open yet."""
  _install(lambda number, _: end(number, NAMES[number]))


def raise_stopped():
  """Makes the signals raise Stopped, so that files are closed and removed."""
  _install(_raise)


def _install(handler):
  for number in NAMES:
    if signal.getsignal(number) != signal.SIG_IGN:  # As nohup sets it.
      signal.signal(number, handler)


def _raise(number, _):
  _State.arrived = number
  if not (_State.held and number == signal.SIGTERM):
    raise Stopped


def arrived():
  """Returns the number of the signal that has arrived, or None."""
  return _State.arrived


@contextlib.contextmanager
def hold(held):
  """Holds SIGTERM back meanwhile, or within such a time does not.

  While it is held back only `arrived` tells of it.
  """
  before, _State.held = _State.held, held
  try:
    yield
  finally:
    _State.held = before


def end(number, message):
  """Prints a line and ends this process, without waiting for its threads."""
  # The reader of our output may be gone, or the signal have come in a print.
  with contextlib.suppress(OSError, RuntimeError):
    sys.stdout.flush()
    os.write(2, b"error: %s\n" % message.encode("utf-8", "replace"))
  os._exit(128 + number)


def end_later(seconds):
  """Ends this process after a while, even if a call never returns."""
  number = arrived()
  timer = threading.Timer(seconds, end, [number, NAMES[number]])
  timer.daemon = True
  timer.start()
