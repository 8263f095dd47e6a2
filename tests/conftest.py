# SPDX-License-Identifier: Apache-2.0
"""What several test files share: where the checkout is, and the real data."""

import os

import pytest

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


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
