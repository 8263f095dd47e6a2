# SPDX-License-Identifier: Apache-2.0
"""What several test files share: where the checkout is, and the real data."""

import os
from unittest import mock

import pytest

# Before TensorFlow: 1.15 shows its protobuf to all that is loaded after it, on
# which SentencePiece's trainer crashes.
import sentencepiece  # noqa: F401
from tensorflow.python.training import training_util

from tests.helpers import REPO


@pytest.fixture(scope="session")
def repo():
  """The folder of the checkout."""
  return REPO


@pytest.fixture(scope="session")
def shared():
  """The folder of real corpora beside the checkout; skips where it is not."""
  path = os.path.join(os.path.dirname(REPO), "shared")
  if not os.path.isdir(path):
    pytest.skip("no folder ../shared with the real corpora")
  return path


@pytest.fixture(scope="session", autouse=True)
def without_graph_files():
  """Leaves graph.pbtxt out, a tenth of the time of so small a training."""
  with mock.patch.object(training_util, "write_graph"):
    yield
