# SPDX-License-Identifier: Apache-2.0
"""Progress as log lines and as a bar, by a clock of the test's own."""

import io
import types

import pytest

from common import progress


class Clock:
  """Stands in for the module `time`."""

  def __init__(self):
    self.now = 1000.0

  def time(self):
    return self.now


@pytest.fixture
def clock(monkeypatch):
  clock = Clock()
  monkeypatch.setattr(progress, "time", clock)
  return clock


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
  monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: False)


@pytest.fixture(autouse=True)
def info(caplog):
  with caplog.at_level("INFO", logger="absl"):
    yield


@pytest.mark.parametrize(
  "seconds, text",
  [(0, "0:00"), (59.6, "1:00"), (125, "2:05"), (3723, "1:02:03")],
  ids=["nothing", "rounded_up", "minutes", "hours"],
)
def test_durations_read_like_a_clock(seconds, text):
  assert progress.clock(seconds) == text


def test_without_a_terminal_a_line_is_logged_every_ten_seconds(clock, caplog):
  bar = progress.Bar(10, "step")
  for at in range(1, 6):
    clock.now += 6
    bar.update(at)
  assert caplog.messages == [
    "3 of 10 steps, 0.167 steps/s, 0:42 to go",
    "5 of 10 steps, 0.167 steps/s, 0:30 to go",
  ]


@pytest.mark.parametrize(
  "note, line",
  [
    (None, "11 of 20 steps, 1 steps/s, 0:09 to go"),
    (lambda seconds: "%d s" % seconds, "2 of 20 steps, 121 s, 0:18 to go"),
  ],
  ids=["rate", "note"],
)
def test_the_first_step_says_nothing_about_the_time_to_go(
  clock, caplog, note, line
):
  """A graph is compiled before it."""
  bar = progress.Bar(20, "step")
  for at, seconds in enumerate([120] + [1] * 10, 1):
    clock.now += seconds
    bar.update(at, note)
  assert caplog.messages == [line]


def test_counts_of_bytes_are_scaled(clock, caplog):
  bar = progress.Bar(5e7, "B", scale=True)
  bar.update(1e7)
  clock.now += 10
  bar.update(2e7)
  assert caplog.messages == ["20.0MB of 50.0MB, 1.00MB/s, 0:30 to go"]


def test_a_note_replaces_the_rate_and_is_reported_at_the_end(clock, caplog):
  bar = progress.Bar(4, "step")
  for at in (2, 4):
    clock.now += 5
    bar.update(at, lambda seconds: "loss 0.5, %g examples/s" % (80 / seconds))
  assert caplog.messages == ["4 of 4 steps, loss 0.5, 8 examples/s, 0:00 to go"]


def test_rates_leave_out_earlier_runs_and_other_work(clock, caplog):
  bar = progress.Bar(10, "step", initial=4)
  clock.now += 5
  bar.skip(6)
  bar.update(7)
  clock.now += 100
  bar.leave_out(90)
  bar.update(8)
  assert caplog.messages == ["8 of 10 steps, 0.1 steps/s, 0:20 to go"]


def test_shown_yields_all_items_and_logs_their_number(clock, caplog):
  found = []
  for item in progress.shown("abcd", 4, "x.txt", "window"):
    found.append(item)
    clock.now += 6
  assert found == list("abcd")
  assert caplog.messages == [
    "x.txt: 3 of 4 windows, 0.167 windows/s, 0:06 to go",
  ]


def test_a_terminal_gets_a_bar_below_the_log_lines(monkeypatch):
  terminal = io.StringIO()
  terminal.isatty = lambda: True
  handler = types.SimpleNamespace(streams=[])
  handler.setStream = handler.streams.append
  monkeypatch.setattr(progress.sys, "stderr", terminal)
  monkeypatch.setattr(
    progress.logging,
    "get_absl_handler",
    lambda: types.SimpleNamespace(python_handler=handler),
  )
  bar = progress.Bar(4, "step")
  handler.streams[0].write("a line\n")
  bar.update(4, lambda seconds: "loss 0.5")
  bar.leave_out(1)
  bar.close()
  screen = terminal.getvalue()
  assert "a line\n" in screen
  assert "4/4" in screen and "loss 0.5" in screen
