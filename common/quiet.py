# SPDX-License-Identifier: Apache-2.0
"""Silences the import of TensorFlow; every program imports this first.

Both versions flood standard error with notes about their own code (NumPy's type
aliases, missing CUDA libraries, deprecations inside Estimator), which users
cannot fix. The programs log the devices they use themselves. Set
TF_CPP_MIN_LOG_LEVEL=0 in the environment to see everything.
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
  """Silences standard error meanwhile, including output from C++."""
  kept = os.dup(2)
  try:
    with open(os.devnull, "w") as nowhere:
      os.dup2(nowhere.fileno(), 2)
    yield
  finally:
    os.dup2(kept, 2)
    os.close(kept)
