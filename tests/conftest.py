# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several test files use."""

import os

import pytest

# Must come before TensorFlow: 1.15 exposes its protobuf to every library loaded
# later, and SentencePiece's trainer crashes on it.
import sentencepiece  # noqa: F401

# Must come before TensorFlow, too, which then leaves out Keras.
from common import quiet  # noqa: F401
from tests.helpers import REPO
from tests.helpers import SPM
from tests.helpers import tiny
import tokenization
from training import devices


def pytest_make_parametrize_id(config, val, argname):
  """Keeps bytes out of the names of tests: those of an archive hold a time."""
  del config
  return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def repo():
  """Returns the folder of the checkout."""
  return REPO


@pytest.fixture(scope="session")
def shared():
  """Returns the folder of real corpora beside the checkout, or skips."""
  path = os.path.join(os.path.dirname(REPO), "shared")
  if not os.path.isdir(path):
    pytest.skip("no folder ../shared with the real corpora")
  return path


@pytest.fixture(scope="session")
def tf_estimator():
  """Skips what trains on TPUs or several machines where that is impossible."""
  if not devices.HAS_ESTIMATOR:
    pytest.skip("this TensorFlow has no tf.estimator")


@pytest.fixture(scope="session")
def tokenizer():
  """Returns the tokenizer of the bundled vocabulary."""
  return tokenization.load(spm_model_file=SPM)


@pytest.fixture(scope="session", autouse=True)
def small_graphs():
  """Skips work that takes longer than training a small model."""
  with tiny.small_graphs():
    yield
