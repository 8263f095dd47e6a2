# SPDX-License-Identifier: Apache-2.0
"""What the import of TensorFlow prints, with an invented TensorFlow."""

import os
import subprocess
import sys

import pytest

from tests.helpers import REPO

TENSORFLOW = r"""
import os
os.write(2, b"WARNING: All log messages before absl::InitializeLog()\n")
os.write(2, b"I0000 00:00:1 port.cc:153] oneDNN custom operations are on.\n")
os.write(2, b"F0000 00:00:1 cpu.cc:2] this CPU has no AVX\n")
"""
PROGRAM = r"""
from common import signals
signals.end_at_once()
from common import quiet
import tensorflow
import os
os.write(2, b"I0000 imported\n")
"""


def imported(folder, code="", level="3", then=""):
  """Returns (exit code, standard error) of importing this TensorFlow."""
  (folder / "tensorflow.py").write_text(TENSORFLOW + code)
  path = os.pathsep.join([str(folder), REPO])
  process = subprocess.run(
    [sys.executable, "-c", PROGRAM + then],
    env=dict(os.environ, PYTHONPATH=path, TF_CPP_MIN_LOG_LEVEL=level),
    cwd=str(folder),
    stderr=subprocess.PIPE,
    encoding="utf-8",
  )
  return process.returncode, process.stderr


FATAL = "F0000 00:00:1 cpu.cc:2] this CPU has no AVX\n"


def test_notes_of_the_import_are_dropped_and_only_they(tmp_path):
  assert imported(tmp_path) == (0, FATAL + "I0000 imported\n")


@pytest.mark.parametrize(
  "code, returned, last",
  [
    ("os.abort()", -6, FATAL),
    ("os.kill(os.getpid(), 15)", 143, "error: terminated\n"),
    ("raise ImportError('no library')", 1, "ImportError: no library\n"),
  ],
  ids=["abort", "signal", "exception"],
)
def test_what_ends_the_import_is_seen(tmp_path, code, returned, last):
  found, error = imported(tmp_path, code)
  assert found == returned and error.startswith(FATAL)
  assert error.endswith(last) and "I0000" not in error


def test_a_lower_level_shows_all_notes(tmp_path):
  assert imported(tmp_path, level="0")[1].count("0000") == 3


def test_keras_is_left_out_of_the_import_of_tensorflow_only(tmp_path):
  (tmp_path / "keras.py").write_text("where = __name__\n")
  code = """
import importlib.util
assert importlib.util.find_spec("keras") is not None
try:
  import keras
except ImportError:
  os.write(2, b"without keras\\n")
"""
  later = "\nimport keras\nos.write(2, keras.where.encode())\n"
  assert imported(tmp_path, code, then=later)[1].endswith(
    "without keras\nI0000 imported\nkeras"
  )
