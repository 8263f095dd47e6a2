# SPDX-License-Identifier: Apache-2.0
"""How the C library holds memory for tensors on a CPU."""

import ctypes

# Names and values of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8


def keep_freed_memory():
  """Has freed memory used again instead of returned to the system.

  Every operation of a step allocates its result. glibc by default maps a large
  one afresh and unmaps it when it is freed, and the system clears each page of
  it, every time anew. For the process, from now on, there is one heap, which
  does not shrink. Where the C library is not glibc nothing changes.

  Source: mallopt(3) of the Linux manual pages.
  """
  try:
    mallopt = ctypes.CDLL(None).mallopt
  except (AttributeError, OSError, TypeError):  # Another C library's systems.
    return
  mallopt(_M_ARENA_MAX, 1)
  mallopt(_M_MMAP_MAX, 0)
  mallopt(_M_TRIM_THRESHOLD, -1)
