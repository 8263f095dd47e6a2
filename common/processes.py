# SPDX-License-Identifier: Apache-2.0
"""Calls a function in many processes and keeps the order of its results.

Workers are fresh interpreters that import only what they need. They end with
the process that started them, however that ends, and leave Ctrl-C to it.
"""

import contextlib
import multiprocessing
from multiprocessing import connection
import signal
import traceback

from absl import logging

from common.errors import InputError


def ordered_map(make, arguments, tasks, num_workers):
  """Yields f(task) of every task in their order, where f = make(*arguments).

  Args:
    make: what makes f; called once in each worker.
    arguments: of `make`; like tasks and results they travel by pickle.
    tasks: an iterable, read no further ahead of the result that is yielded
      than two tasks a worker, which bounds the memory.
    num_workers: processes; with 1 everything happens in this one.

  Raises:
    InputError: a worker was ended from outside. What f raises is passed on.
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
        _send(worker, task, num_workers)
        busy[worker] = number
      if turn in done:
        result, error = done.pop(turn)
        if error is not None:
          raise error
        turn += 1
        yield result
      elif busy:
        for worker in connection.wait(list(busy)):
          done[busy.pop(worker)] = _receive(worker, num_workers)
          idle.append(worker)
      else:
        return


@contextlib.contextmanager
def _workers(number, make, arguments):
  """Pipes to so many new workers, which are gone at the end."""
  context = multiprocessing.get_context("spawn")
  pipes, processes = [], []
  try:
    for _ in range(number):
      ours, theirs = context.Pipe()
      process = context.Process(target=_work, args=(theirs,), daemon=True)
      with _ctrl_c_ignored():
        process.start()
        processes.append(process)
      theirs.close()  # So that a worker's end is seen at our end.
      pipes.append(ours)
    for pipe in pipes:  # By now they start up side by side.
      _send(pipe, (make, arguments), number)
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
  """Ignores Ctrl-C for a moment, and for good in what starts meanwhile."""
  before = signal.signal(signal.SIGINT, signal.SIG_IGN)
  try:
    yield
  finally:
    signal.signal(signal.SIGINT, before)


def _work(pipe):
  """What a worker does until nobody is at the other end of its pipe."""
  logging.set_verbosity(logging.ERROR)  # The parent has said it all.
  with contextlib.suppress(EOFError, ConnectionError):
    make, arguments = pipe.recv()
    function = make(*arguments)
    while True:
      pipe.send(_outcome(function, pipe.recv()))


def _outcome(function, task):
  """(result, None) or (None, error)."""
  try:
    return function(task), None
  except InputError as e:
    return None, e
  except Exception as e:
    traceback.print_exc()  # It does not travel.
    return None, e


def _send(worker, task, num_workers):
  try:
    worker.send(task)
  except ConnectionError:
    raise _ended(num_workers) from None


def _receive(worker, num_workers):
  try:
    return worker.recv()
  except (EOFError, ConnectionError):
    raise _ended(num_workers) from None


def _ended(num_workers):
  return InputError(
    "a worker process was ended from outside, as happens when memory runs out; "
    "expected fewer --num_workers than %d" % num_workers
  )
