# SPDX-License-Identifier: Apache-2.0
"""Tests of training/allocation.py."""

import platform
import subprocess
import sys
from unittest import mock

import pytest

from training import allocation

# Prints the number of page faults of the second of two equal arrays.
PROGRAM = """
import resource, sys
import numpy as np
if sys.argv[1] == "kept":
  from training import allocation
  allocation.keep_freed_memory()
np.ones(12 << 20, np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(12 << 20, np.float32)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages(repo, kind):
  command = [sys.executable, "-c", PROGRAM, kind]
  return int(subprocess.check_output(command, cwd=repo))


@pytest.mark.skipif(
  platform.libc_ver()[0] != "glibc", reason="only glibc's heap is set"
)
def test_large_arrays_reuse_freed_memory(repo):
  kept, returned = pages(repo, "kept"), pages(repo, "returned")
  assert kept < 10 < returned


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_c_libraries_without_mallopt_are_left_alone(monkeypatch, error):
  load = mock.Mock(side_effect=error)
  monkeypatch.setattr(allocation.ctypes, "CDLL", load)
  allocation.keep_freed_memory()  # Raises nothing.
  load.assert_called_once_with(None)
