# SPDX-License-Identifier: Apache-2.0
"""Calls a function in several processes and keeps the order of its results.

Workers are new interpreters that import only what they need. They end with the
process that started them, even if it is killed, and ignore Ctrl-C.
"""

import contextlib
import multiprocessing
from multiprocessing import connection
import signal
import traceback

from absl import logging

from common.errors import InputError


def ordered_map(make, arguments, tasks, num_workers):
  """Yields f(task) for all tasks in their order, where f = make(*arguments).

  `make` is called once in each worker; its arguments, the tasks and results are
  pickled. To bound the memory, at most two tasks per worker are read ahead of
  the last result. One worker is this process.

  Raises:
    InputError: a worker was killed. Errors of f are passed on.
  """
  if num_workers == 1:
    function = make(*arguments)
    for task in tasks:
      yield function(task)
    return
  tasks = enumerate(tasks)
  with _workers(num_workers, make, arguments) as idle:
    busy, done, turn = {}, {}, 0  # Worker -> task, task -> (result, error).
    while True:
      while idle and len(busy) + len(done) < 2 * num_workers:
        number, task = next(tasks, (None, None))
        if number is None:
          break
        worker = idle.pop()
        with _death_explained(num_workers):
          worker.send(task)
        busy[worker] = number
      if turn in done:
        result, error = done.pop(turn)
        if error is not None:
          raise error
        turn += 1
        yield result
      elif busy:
        for worker in connection.wait(list(busy)):
          with _death_explained(num_workers):
            done[busy.pop(worker)] = worker.recv()
          idle.append(worker)
      else:
        return


@contextlib.contextmanager
def _workers(number, make, arguments):
  """Starts workers and gives pipes to them; ends the workers at the end."""
  context = multiprocessing.get_context("spawn")
  pipes, processes = [], []
  try:
    for _ in range(number):
      ours, theirs = context.Pipe()
      process = context.Process(target=_work, args=(theirs,), daemon=True)
      with _ctrl_c_ignored():
        process.start()
        processes.append(process)
      theirs.close()  # Then a worker's death closes our end.
      pipes.append(ours)
    for pipe in pipes:  # Only now, so that the workers start in parallel.
      with _death_explained(number):
        pipe.send((make, arguments))
    yield list(pipes)
  finally:
    for process in processes:
      process.terminate()
    for process in processes:
      process.join()
    for pipe in pipes:
      pipe.close()


@contextlib.contextmanager
def _ctrl_c_ignored():
  """Ignores Ctrl-C for a moment; processes started meanwhile always do."""
  before = signal.signal(signal.SIGINT, signal.SIG_IGN)
  try:
    yield
  finally:
    signal.signal(signal.SIGINT, before)


def _work(pipe):
  """Runs a worker until the other end of its pipe is closed."""
  logging.set_verbosity(logging.ERROR)  # The parent logs.
  with contextlib.suppress(EOFError, ConnectionError):
    make, arguments = pipe.recv()
    function = make(*arguments)
    while True:
      pipe.send(_outcome(function, pipe.recv()))


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
      "fewer --num_workers than %d" % num_workers
    ) from None
