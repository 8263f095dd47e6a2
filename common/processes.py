# SPDX-License-Identifier: Apache-2.0
"""Calls functions in other processes, or ahead in a thread.

Workers are new interpreters that import only what they need. They end with the
process that started them, even if it is killed, and ignore Ctrl-C and SIGTERM,
which are that process' affair.
"""

from concurrent import futures
import contextlib
import functools
import gc
import itertools
from multiprocessing import connection
import os
import signal
import subprocess
import sys
import threading
import traceback

from absl import logging

from common.errors import InputError

# What a worker runs; its arguments are what `_work` gets, and our sys.path.
_PROGRAM = """
import sys
pipe, life, *sys.path = sys.argv[1:]
from common import processes
processes._work(int(pipe), int(life))
"""


def ordered_map(make, arguments, tasks, num_workers):
  """Yields f(task) for all tasks in their order, where f = make(*arguments).

  `make` is called once in each worker; its arguments, the tasks and results are
  pickled. To bound the memory, at most two tasks per worker are read ahead of
  the last result. Without workers, this process calls f.

  Raises:
    InputError: a worker was killed. Errors of f are passed on.
  """
  if not num_workers:
    function = make(*arguments)
    for task in tasks:
      yield function(task)
    return
  tasks = enumerate(tasks)
  with _workers(num_workers, make, arguments) as workers:
    # {worker: its tasks}: one at work, and one to go on with at once.
    busy = {worker: [] for worker in workers}
    done, turn = {}, 0  # {task: (result, error)}.
    while True:
      ahead = len(done) + sum(map(len, busy.values()))
      for number, task in itertools.islice(tasks, 2 * num_workers - ahead):
        worker = min(workers, key=lambda w: len(busy[w]))
        with _death_explained(num_workers):
          worker.send(task)
        busy[worker].append(number)
      if not done and not any(busy.values()):
        return
      while turn not in done:
        for worker in connection.wait([w for w in workers if busy[w]]):
          with _death_explained(num_workers):
            done[busy[worker].pop(0)] = worker.recv()
      result, error = done.pop(turn)
      if error is not None:
        raise error
      turn += 1
      yield result


def call_apart(function, argument):
  """Returns function(argument), called in a process of its own.

  For libraries that do not work in the same process as TensorFlow. Raises what
  `ordered_map` raises.
  """
  (result,) = ordered_map(functools.partial, [function], [argument], 1)
  return result


def one_ahead(items):
  """Yields the items of a generator; a thread makes the next one meanwhile."""
  end = object()
  with contextlib.closing(items), futures.ThreadPoolExecutor(1) as thread:
    made = thread.submit(next, items, end)
    while True:
      item = made.result()
      if item is end:
        return
      made = thread.submit(next, items, end)
      yield item


def cores():
  """Returns the number of cores that this process may use."""
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


@contextlib.contextmanager
def _workers(number, make, arguments):
  """Starts workers and gives pipes to them; ends the workers at the end.

  All of them end when `ours` is closed, as it is when this process dies.
  """
  life, ours = os.pipe()
  pipes, processes = [], []
  try:
    for _ in range(number):
      pipe, process = _start(life)
      pipes.append(pipe)
      processes.append(process)
    for pipe in pipes:  # Only now, so that the workers start in parallel.
      with _death_explained(number):
        pipe.send((make, arguments))
    yield list(pipes)
  finally:
    os.close(ours)
    os.close(life)
    for pipe in pipes:
      pipe.close()
    for process in processes:
      process.wait()


def _start(life):
  """Starts a worker; returns our end of its pipe, and its process."""
  ours, theirs = connection.Pipe()
  descriptors = [theirs.fileno(), life]
  words = [sys.executable, "-c", _PROGRAM, *map(str, descriptors), *sys.path]
  with theirs, _signals_blocked():  # Then a worker's death closes our end.
    return ours, subprocess.Popen(words, pass_fds=descriptors)


@contextlib.contextmanager
def _signals_blocked():
  """Holds signals back for a moment; processes started meanwhile get none."""
  numbers = [signal.SIGINT, signal.SIGTERM]
  before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
  try:
    yield
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe, life):
  """Runs a worker until the process that started it closes `life` or ends."""
  threading.Thread(target=_end_with, args=[life], daemon=True).start()
  logging.set_verbosity(logging.ERROR)  # The parent logs.
  # What workers remember is large; searching it for garbage takes a fifth of
  # their time and finds none.
  gc.set_threshold(1000000)
  pipe = connection.Connection(pipe)
  with contextlib.suppress(EOFError, ConnectionError):
    make, arguments = pipe.recv()
    function = make(*arguments)
    for task in one_ahead(_received(pipe)):
      pipe.send(_outcome(function, task))


def _received(pipe):
  """Yields the tasks from a pipe until it raises EOFError."""
  while True:
    yield pipe.recv()


def _end_with(life):
  """Ends this process when the other end of a pipe is closed."""
  os.read(life, 1)
  os._exit(0)


def _outcome(function, task):
  """Returns (result, None) or (None, error)."""
  try:
    return function(task), None
  except InputError as e:
    return None, e
  except Exception as e:
    traceback.print_exc()  # Pickle would lose the traceback.
    return None, e


@contextlib.contextmanager
def _death_explained(num_workers):
  try:
    yield
  except (EOFError, ConnectionError):
    raise InputError(
      "a worker process was killed, as happens when memory runs out; expected "
      "more memory"
      + (", or fewer --num_workers than %d" % num_workers)
      * (num_workers > 1)
    ) from None
