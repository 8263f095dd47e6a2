# SPDX-License-Identifier: Apache-2.0
"""Imported before TensorFlow by every program: silences its import.

Both versions flood standard error with notes on their own code (NumPy's type
aliases, absent CUDA libraries, deprecations inside Estimator). None of it is
the user's to mend. What a run uses, a device among it, the programs say
themselves. TF_CPP_MIN_LOG_LEVEL=0 in the environment brings it all back.
"""

import logging
import os
import warnings

if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
  os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
  warnings.simplefilter("ignore", FutureWarning)
  warnings.simplefilter("ignore", DeprecationWarning)
  logging.getLogger("tensorflow").setLevel(logging.ERROR)
