# SPDX-License-Identifier: Apache-2.0
"""Makes TensorFlow silent, and quick to import; to be imported before it.

All versions flood standard error with notes about their own code (NumPy's type
aliases, missing CUDA libraries, deprecations inside Estimator), which users
cannot fix. The programs log the devices they use themselves. Set
TF_CPP_MIN_LOG_LEVEL=0 in the environment to see everything.

Also turns on oneDNN's kernels, which TensorFlow 2 by itself uses only on x86
processors that have AVX-512 VNNI, though they are faster on others, too. Set
TF_ENABLE_ONEDNN_OPTS=0 in the environment to do without them.
"""

import contextlib
import functools
import importlib.abc
import importlib.machinery
import logging
import os
import platform
import subprocess
import sys
import warnings

# Removes what TensorFlow 2.16 and later print before they read the level.
_DROP_NOTES = ["grep", "-av", "-e", "^I0000 ", "-e", "^WARNING: All log messag"]


@contextlib.contextmanager
def standard_error():
  """Silences standard error meanwhile, including output from C++."""
  with open(os.devnull, "w") as nowhere, _replaced(nowhere.fileno()):
    yield


@contextlib.contextmanager
def _replaced(file):
  """Makes an open file standard error meanwhile."""
  kept = os.dup(2)
  try:
    os.dup2(file, 2)
    yield
  finally:
    os.dup2(kept, 2)
    os.close(kept)


@contextlib.contextmanager
def _notes_dropped():
  """Drops TensorFlow's notes from standard error meanwhile.

  Another process does it, so that what is printed last is seen even if this
  one aborts, or ends at a signal.
  """
  with contextlib.ExitStack() as stack:
    with contextlib.suppress(OSError):  # Without grep the notes are seen.
      grep = stack.enter_context(
        subprocess.Popen(
          _DROP_NOTES,
          stdin=subprocess.PIPE,
          stdout=2,
          start_new_session=True,  # Ctrl-C does not reach it.
        )
      )
      stack.enter_context(_replaced(grep.stdin.fileno()))
    yield


class _Finder(importlib.abc.MetaPathFinder):
  """Finds TensorFlow for `import`, which then drops its notes.

  It also leaves out Keras meanwhile, which TensorFlow 2 imports for a registry
  and does without. Keras 3 takes 2 s: it imports scikit-learn and matplotlib.
  Who imports Keras later gets it.
  """

  def __init__(self):
    self._is_importing = False

  def find_spec(self, name, path, target=None):
    load = {"tensorflow": self._load, "keras": self._leave_out}.get(name)
    if load is None or (name == "keras" and not self._is_importing):
      return None
    spec = importlib.machinery.PathFinder.find_spec(name, path, target)
    if spec is not None and spec.loader is not None:
      spec.loader.exec_module = functools.partial(load, spec.loader.exec_module)
    return spec

  def _load(self, execute, module):
    self._is_importing = True
    try:
      with _notes_dropped():
        execute(module)
    finally:
      self._is_importing = False

  def _leave_out(self, execute, module):
    raise ImportError("%s is left out" % module.__name__)


if platform.machine() in ("x86_64", "AMD64"):
  os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3":
  warnings.simplefilter("ignore", FutureWarning)
  warnings.simplefilter("ignore", DeprecationWarning)
  logging.getLogger("tensorflow").setLevel(logging.ERROR)
  sys.meta_path.insert(0, _Finder())
