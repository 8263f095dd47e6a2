# SPDX-License-Identifier: Apache-2.0
"""Memory that was freed stays in the process."""

import platform
import subprocess
import sys

import pytest

# Prints how many pages the system had to provide for the second block.
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
def test_a_large_array_s_memory_is_used_again(repo):
  kept, returned = pages(repo, "kept"), pages(repo, "returned")
  assert kept < 10 < returned


def test_another_c_library_is_left_alone(monkeypatch):
  from training import allocation

  monkeypatch.setattr(allocation.ctypes, "CDLL", lambda name: object())
  allocation.keep_freed_memory()
