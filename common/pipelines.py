# SPDX-License-Identifier: Apache-2.0
"""Runs a plan of shards as an Apache Beam pipeline.

Workers on other machines need this checkout on their PYTHONPATH, both
requirements files installed, and all files under the same paths. A shard must
fit in a worker's memory. Beam itself is imported by `load` and `run` only.
"""

import collections
import contextlib
import glob
import importlib
import logging
import os
import re
import shlex
import sys
import uuid

from common import files
from common import stripes
from common.errors import InputError

# Beam logs about its own parts from its import on; real problems are raised.
# Its options stay at WARNING because unknown ones only cause a warning.
for part, level in (
  ("apache_beam", logging.ERROR),
  ("apache_beam.options", logging.WARNING),
  ("apache_beam.runners", logging.CRITICAL),
):
  logging.getLogger(part).setLevel(level)

_SUMMARY = ".beam.json"
_INPUT_ERROR = re.compile(r"\bInputError: (.*?)(?: \[while running .*)?$", re.M)
# What Beam's messages have if the error is that of a worker. A runner in Java
# puts words of its own before the traceback.
_IN_A_WORKER = re.compile(r"\[while running |\bTraceback \(most recent call")

# The flags of that name. `runner` is None for a run without Beam.
Runner = collections.namedtuple("Runner", "runner beam_options num_workers")


def check(runner):
  """Raises InputError for flags that a Runner does not use."""
  if runner.runner and runner.num_workers is not None:
    raise InputError(
      "--num_workers has no effect with --runner; expected the runner's own "
      "option in --beam_options, such as --direct_num_workers=2"
    )
  if runner.beam_options and not runner.runner:
    raise InputError("--beam_options has a meaning with --runner only")


def load(name):
  """Returns a module that imports Beam; InputError if Beam is missing."""
  try:
    return importlib.import_module(name)
  except ImportError as e:
    raise InputError(
      "--runner needs Apache Beam (%s); expected it installed: pip install -r "
      "requirements-beam.txt" % e
    ) from e


def run(build, plan, description, runner, shape):
  """Writes the shards of a stripes.Plan; returns the summary.

  Args:
    build: function that adds the steps to a pipeline, `summarize` among them.
    plan: a stripes.Plan.
    description: see stripes.write_progress.
    runner: a Runner.
    shape: of the summary, see files.read_json.
  """
  import apache_beam as beam
  from apache_beam.options import pipeline_options

  _show_checkout()
  files.make_folder(plan.folder)
  for path in plan.shards:  # A killed run may have left some.
    for partial in files.glob(glob.escape(path) + ".*.partial"):
      remove = files.remove_folder if files.is_folder(partial) else files.remove
      remove(partial)
  stripes.write_progress(plan, description, [])
  options = ["--runner=" + runner.runner]
  options += shlex.split(runner.beam_options or "")
  parsed = pipeline_options.PipelineOptions(options)
  with _explained_failures(runner):
    pipeline = beam.Pipeline(options=parsed)
  build(pipeline)
  with _explained_failures(runner):
    pipeline.run().wait_until_finish()
  path = plan.beside(_SUMMARY)
  summary = files.read_json(path, shape=shape)
  files.remove(path)
  return summary


@contextlib.contextmanager
def _explained_failures(runner):
  """Raises an InputError for what a person can mend.

  That is a worker's InputError, which Beam quotes and completes by the step
  that raised it, and whatever keeps a Runner from starting the workers. Any
  other error of a worker is a fault of this program, and raised as it is.
  """
  try:
    yield
  except Exception as e:
    quoted = "InputError: %s" % e if isinstance(e, InputError) else str(e)
    found = _INPUT_ERROR.search(quoted)
    if found:
      raise InputError(found.group(1)) from None
    if _IN_A_WORKER.search(quoted):
      raise
    reason = " ".join([type(e).__name__, *quoted.split()])
    raise InputError(
      "--runner=%s did not start (%s); expected in --beam_options what this "
      "runner needs, such as the address of its server"
      % (runner.runner, reason)
    ) from None


def _show_checkout():
  """Lets workers import these modules, and this program by its name."""
  here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
  before = os.environ.get("PYTHONPATH")
  os.environ["PYTHONPATH"] = here + (os.pathsep + before if before else "")
  program = sys.modules["__main__"]
  name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
  if os.path.exists(os.path.join(here, name + ".py")):
    sys.modules[name] = program
    for value in vars(program).values():
      if getattr(value, "__module__", None) == "__main__":
        value.__module__ = name


def summarize(pipeline, plan, **values):
  """Adds a step that writes {name: value} of side inputs as the summary."""
  import apache_beam as beam

  once = pipeline | "Once" >> beam.Create([plan.beside(_SUMMARY)])
  return once | "Summarize" >> beam.Map(_write_summary, **values)


def _write_summary(path, **values):
  files.write_json(path, values)


@contextlib.contextmanager
def whole(path, open_shard=stripes.File):
  """Yields a shard to write; repeating the work writes the same bytes.

  Args:
    path: of the shard, which it gets when it is complete.
    open_shard: see stripes.Output.
  """
  partial = "%s.%s.partial" % (path, uuid.uuid4().hex)
  shard = open_shard(partial)
  try:
    yield shard
    shard.finish()
  except BaseException:
    shard.discard()
    raise
  if files.is_folder(path):
    files.remove_folder(path)
  files.rename(partial, path)
