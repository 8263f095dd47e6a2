# SPDX-License-Identifier: Apache-2.0
"""Results in order, errors, and no worker left behind."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from common import processes
from common.errors import InputError
from tests.helpers import REPO


class Slow:
  """Adds a number; small tasks take longer, so that results overtake."""

  def __init__(self, number):
    self.number = number

  def __call__(self, task):
    time.sleep(0.02 * (5 - task % 6))
    return self.number + task


class Waiting:
  """Ends its first task a while after a file is there, others at once."""

  def __init__(self, path):
    self.path = path

  def __call__(self, task):
    while task == 0 and not os.path.exists(self.path):
      time.sleep(0.01)
    time.sleep(0.2 if task == 0 else 0)


class Telling:
  """Tells of the process it runs in."""

  def __call__(self, task):
    if task == "end":
      os.kill(os.getpid(), signal.SIGKILL)
    if task == "sleep":
      time.sleep(600)
    if task == "fail":
      raise InputError("a bad chunk")
    return os.getpid(), "tensorflow" in sys.modules


# Tells of its two workers, who are then busy for long, or ends at once.
PARENT = """
import sys
from common import processes
from tests.common import test_processes
sleep = sys.argv[1:] == ["sleep"]
tasks = [0, 0, "sleep", "sleep"] if sleep else [0, 0]
for pid, _ in processes.ordered_map(test_processes.Telling, (), tasks, 2):
  print(pid, flush=True)
"""


def start_parent(*arguments):
  """Starts a program with two workers, in a process group of its own."""
  return subprocess.Popen(
    [sys.executable, "-c", PARENT] + list(arguments),
    cwd=REPO,
    stdout=subprocess.PIPE,
    encoding="utf-8",
    start_new_session=True,
  )


def has_ended(pid):
  """Whether a process is gone, or is so within five seconds."""
  for _ in range(100):
    try:
      os.kill(pid, 0)
    except ProcessLookupError:
      return True
    time.sleep(0.05)
  return False


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_results_come_in_the_order_of_their_tasks(num_workers):
  results = processes.ordered_map(Slow, (100,), range(20), num_workers)
  assert list(results) == list(range(100, 120))


def test_without_workers_this_process_works():
  assert next(processes.ordered_map(Telling, (), [0], 0))[0] == os.getpid()


def test_workers_are_other_processes_without_tensorflow():
  pid, has_tensorflow = next(processes.ordered_map(Telling, (), [0], 1))
  assert pid != os.getpid()
  assert not has_tensorflow


def test_at_most_two_tasks_per_worker_are_read_ahead(tmp_path):
  mark = tmp_path / "the_fourth_was_read"
  read = []

  def tasks():
    for number in range(100):
      read.append(number)
      if len(read) == 4:
        mark.touch()
      yield number

  with contextlib.closing(
    processes.ordered_map(Waiting, (str(mark),), tasks(), 2)
  ) as results:
    next(results)
  assert len(read) == 4


def test_large_tasks_and_results_pass_each_other_in_the_pipe():
  tasks = [bytes([number]) * (1 << 22) for number in range(4)]
  results = processes.ordered_map(functools.partial, [bytes], iter(tasks), 1)
  assert list(results) == tasks


def test_an_error_in_a_worker_reaches_the_caller():
  with pytest.raises(InputError, match="a bad chunk"):
    list(processes.ordered_map(Telling, (), [0, "fail", 0], 2))


def test_a_killed_worker_is_an_input_error():
  with pytest.raises(InputError, match="fewer --num_workers than 2"):
    list(processes.ordered_map(Telling, (), [0, "end", 0], 2))


def test_a_function_is_called_in_a_process_of_its_own():
  tell = Telling()
  assert processes.call_apart(tell, 0)[0] != os.getpid()
  with pytest.raises(InputError, match="a bad chunk"):
    processes.call_apart(tell, "fail")
  with pytest.raises(InputError, match="expected more memory$"):
    processes.call_apart(tell, "end")


def test_workers_end_when_the_caller_stops_early():
  results = processes.ordered_map(Telling, (), iter(lambda: 0, 1), 2)
  pids = {next(results)[0] for _ in range(5)}
  results.close()
  assert all(has_ended(pid) for pid in pids)


def test_busy_workers_end_with_their_killed_parent():
  with start_parent("sleep") as parent:
    pids = [int(parent.stdout.readline()) for _ in range(2)]
    parent.kill()
  assert all(has_ended(pid) for pid in pids)


def test_a_finished_program_leaves_no_process():
  with start_parent() as parent:
    assert len(parent.communicate()[0].splitlines()) == 2
  with pytest.raises(ProcessLookupError):
    os.killpg(parent.pid, 0)


def test_one_item_is_made_ahead_and_not_more():
  made, second = [], threading.Event()

  def items():
    try:
      for number in range(9):
        made.append(number)
        if number == 1:
          second.set()
        yield number
    finally:
      made.append("closed")

  ahead = processes.one_ahead(items())
  assert next(ahead) == 0 and second.wait(10)
  ahead.close()
  assert made == [0, 1, "closed"]
  assert list(processes.one_ahead(items())) == list(range(9))


def test_errors_of_what_is_made_ahead_come_in_their_turn():
  def items():
    yield 1
    raise InputError("a bad item")

  ahead = processes.one_ahead(items())
  assert next(ahead) == 1
  with pytest.raises(InputError, match="a bad item"):
    next(ahead)
