# SPDX-License-Identifier: Apache-2.0
"""Imported before TensorFlow by every program: silences its import.

Both versions flood standard error with notes on their own code (NumPy's type
aliases, absent CUDA libraries, deprecations inside Estimator). None of it is
the user's to mend. What a run uses, a device among it, the programs say
themselves. TF_CPP_MIN_LOG_LEVEL=0 in the environment brings it all back.
"""

import contextlib
import logging
import os
import warnings

if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
  os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
  warnings.simplefilter("ignore", FutureWarning)
  warnings.simplefilter("ignore", DeprecationWarning)
  logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextlib.contextmanager
def standard_error():
  """Nothing reaches standard error meanwhile, not even what C++ writes."""
  kept = os.dup(2)
  try:
    with open(os.devnull, "w") as nowhere:
      os.dup2(nowhere.fileno(), 2)
    yield
  finally:
    os.dup2(kept, 2)
    os.close(kept)
