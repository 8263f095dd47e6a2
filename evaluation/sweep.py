# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmark: does several runs at a time, and what is left of each."""

import collections
from concurrent import futures
import fcntl
import os
import queue
import re
import subprocess
import threading
import time

from common import errors
from common import files
from evaluation import bioasq
from evaluation import plan
from evaluation import results


class Sweep:
  """Does runs, several at a time, and prints what becomes of each.

  Attributes:
    counts: {"done", "skipped", "failed" or "busy": number of runs}.
  """

  def __init__(self, python, jobs):
    self.counts = collections.Counter()
    self._python = python
    self._pool = futures.ThreadPoolExecutor(jobs)
    self._mutex = threading.Lock()
    self._processes = set()
    self._stopped = False
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    self._gpus = queue.Queue()
    for i in range(jobs):  # A single job may use all GPUs.
      self._gpus.put(gpus[i % len(gpus)] if jobs > 1 < len(gpus) else None)

  def do(self, runs):
    """Does all runs; ends the processes at work if it is interrupted."""
    try:
      for _ in self._pool.map(lambda run: self._do(run, len(runs)), runs):
        pass
    finally:
      with self._mutex:
        self._stopped = True
        for process in self._processes:
          process.terminate()
      self._pool.shutdown()

  def _do(self, run, total):
    """Does a run, unless another process holds its lock."""
    os.makedirs(run.folder, exist_ok=True)
    with open(os.path.join(run.folder, ".lock"), "w") as lock:
      try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        outcome, text = self._do_locked(run, lock.fileno())
      except BlockingIOError:
        outcome, text = "busy", "another process is at work on it"
    with self._mutex:
      if not self._stopped:
        self.counts[outcome] += 1
        place = "[%d/%d]" % (sum(self.counts.values()), total)
        line = (place, outcome, run.dataset, run.model, run.run, text)
        print("%s %-7s %s %s %s: %s" % line, flush=True)

  def _do_locked(self, run, lock):
    """Returns (outcome, what to print about it)."""
    left = plan.remaining_steps(run)
    changed = (
      changed_flags(run) if len(left) < len(plan.list_steps(run)) else ""
    )
    if changed:
      text = "%s was made with %s; expected the same, or another --results_dir"
      return "failed", text % (run.folder, changed)
    if not left and results.test_scores(run.folder):
      return "skipped", show_score(run) + ", finished before"
    begin = time.time() - _read_status(run).get("seconds", 0)
    _write_status(run, "running", begin)
    problem = self._do_steps(run, left, lock)
    outcome = "failed" if problem else "done"
    _write_status(run, "stopped" if self._stopped else outcome, begin)
    done = "%s, %.0f s" % (show_score(run), time.time() - begin)
    return outcome, problem or done

  def _do_steps(self, run, steps, lock):
    """Returns what went wrong, or ""."""
    log = os.path.join(run.folder, "log.txt")
    for step in steps:
      code = self._call(plan.command(self._python, run, step), log, lock)
      if code:
        return "%s (exit code %d, %s)" % (_last_line(log), code, log)
    try:
      if run.kind:
        _, tests = bioasq.find_files(run.data_dir, run.dataset, run.kind)
        results.merge_batches(run.folder, run.kind, tests)
    except errors.InputError as e:
      return str(e)
    if not results.test_scores(run.folder):
      return "%s: no test scores in results.json" % run.folder
    return ""

  def _call(self, words, log, lock):
    """Runs a command and returns its exit code.

    The command inherits the lock: if the sweep is killed, no other sweep starts
    the same run while the command is still at work.
    """
    gpu = self._gpus.get()
    given = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
    with open(log, "ab") as f, self._mutex:
      f.write(("$ %s\n" % plan.quote(words)).encode("utf-8"))
      f.flush()
      if self._stopped:
        return 1
      process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=f,
        stderr=subprocess.STDOUT,
        env=dict(os.environ, **given),
        pass_fds=[lock],
      )
      self._processes.add(process)
    code = process.wait()
    with self._mutex:
      self._processes.remove(process)
    self._gpus.put(gpu)
    return code


def changed_flags(run):
  """Returns "train_step 5, now 10" for flags unlike those in run.json."""
  now, before = run.flags, _read_status(run).get("flags", run.flags)
  return ", ".join(
    "%s %s, now %s" % (name, before.get(name, "none"), now.get(name, "none"))
    for name in sorted({**before, **now})
    if before.get(name) != now.get(name)
  )


def show_score(run):
  """Returns "f1 0.8452"."""
  score = results.test_scores(run.folder).get(run.metric)
  if score is None:
    return "no score, as the test set has no labels"
  return "%s %.4f" % (run.metric, score)


def _read_status(run):
  return results.read_object(os.path.join(run.folder, "run.json"))


def _write_status(run, status, begin):
  value = dict(
    run._asdict(), status=status, seconds=round(time.time() - begin, 1)
  )
  files.write_json(os.path.join(run.folder, "run.json"), value)


def _last_line(path):
  """Returns the last line of a log."""
  text = files.read(path).decode("utf-8", "replace").strip()
  return re.split(r"[\r\n]+", text)[-1].strip()
