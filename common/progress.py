# SPDX-License-Identifier: Apache-2.0
"""Shows how far a run is: a bar on a terminal, elsewhere a log line."""

import contextlib
import sys
import time

from absl import logging
import tqdm

LOG_SECONDS = 10


class Bar:
  """A progress bar on a terminal, elsewhere a log line every LOG_SECONDS.

  Log lines of the program appear above the bar.
  """

  def __init__(self, total, unit, name="", initial=0, scale=False, leave=True):
    """Starts the clock at the `initial` count, which an earlier run reached.

    `unit` is what is counted, in the singular; `name` is shown before the
    count. `scale` shows thousands, millions and so on; with `leave`, the bar
    stays on the screen at the end.
    """
    self._total = total
    self._unit = unit
    self._units = "" if scale else " %ss" % unit
    self._name = name
    self._scale = scale
    self._bar = tqdm.tqdm(
      total=total,
      desc=name or None,
      unit=unit,
      unit_scale=scale,
      dynamic_ncols=True,
      leave=leave,
      disable=not sys.stderr.isatty(),
    )
    self.skip(initial)
    if not self._bar.disable:
      logging.get_absl_handler().python_handler.setStream(_AboveBars())

  def skip(self, at):
    """Moves to a count that an earlier run reached; no rate includes it."""
    self._is_new = True
    self._initial = self._at = at
    self._began = self._reported = time.time()
    self._bar.initial = self._bar.n = at

  def leave_out(self, seconds):
    """Takes the time of other work out of the rates."""
    self._began += seconds
    self._reported += seconds
    if not self._bar.disable:
      self._bar.start_t += seconds
      self._bar.last_print_t += seconds

  def update(self, at, note=None):
    """Moves to a count, and reports if LOG_SECONDS have passed.

    The time to go is reckoned from the first update on, because a graph may be
    compiled before it.

    `note` maps the seconds since the last report to the text that replaces the
    rate; with a note there is also a report at the end.
    """
    self._bar.update(at - self._at)
    self._at = at
    now = time.time()
    was_new, self._is_new = self._is_new, False
    if was_new:
      self._initial, self._began = at, now
      if not note:  # Notes have rates of their own, of all updates.
        self._reported = now
    seconds = now - self._reported
    is_due = seconds >= LOG_SECONDS and not was_new
    if is_due or (note and at >= self._total):
      self._reported = now
      self._report(note(max(seconds, 1e-3)) if note else "", now)

  def _report(self, note, now):
    """Shows a note behind the bar, or logs how far the run is."""
    if not self._bar.disable:
      self._bar.set_postfix_str(note)
      return
    rate = max(self._at - self._initial, 1) / max(now - self._began, 1e-3)
    logging.info(
      "%s%s of %s%s, %s, %s to go",
      self._name + ": " if self._name else "",
      self._amount(self._at),
      self._amount(self._total),
      self._units,
      note or self._amount(rate, "%.3g") + self._units + "/s",
      clock((self._total - self._at) / rate),
    )

  def _amount(self, count, form="%d"):
    """Returns a count as "1500", or as "1.50kB" where counts are scaled."""
    if self._scale:
      return tqdm.tqdm.format_sizeof(count, self._unit)
    return form % count

  def close(self):
    """Closes the bar, which frees its line of the terminal."""
    self._bar.close()


def shown(items, total, name, unit):
  """Yields the items of an iterable and shows how many of them are done."""
  with contextlib.closing(Bar(total, unit, name, leave=False)) as bar:
    for count, item in enumerate(items, 1):
      yield item
      bar.update(count)


def clock(seconds):
  """Returns a duration as "2:03" or "1:02:03"."""
  minutes, seconds = divmod(int(round(seconds)), 60)
  hours, minutes = divmod(minutes, 60)
  if hours:
    return "%d:%02d:%02d" % (hours, minutes, seconds)
  return "%d:%02d" % (minutes, seconds)


class _AboveBars:
  """A stream for log lines that moves the progress bars out of the way."""

  def write(self, text):
    tqdm.tqdm.write(text, file=sys.stderr, end="")

  def flush(self):
    sys.stderr.flush()

  def isatty(self):
    return True  # Otherwise absl closes it at the end.
