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

# XLA's compiler for CPUs then does not optimize, which takes longer than the
# tests gain by it. It reads this once in a process.
os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0"

# Files whose tests take longest. They start first, so that no core idles at the
# end.
SLOW = """
  finetuning/test_harness pretraining/test_harness exporting/test_forms
  programs/test_programs scripts/test_benchmark test_optimization ops/test_xla
  programs/test_create_pretraining_data examples/test_serving_client
  programs/test_extract_features programs/test_run_pretraining
  ops/test_replicas benchmarks/test_gpu test_modeling programs/test_run_qa
  scripts/test_report test_worlds converters/test_own programs/test_run_re
""".split()


def pytest_addoption(parser):
  parser.addoption(
    "--again",
    metavar="TENSORFLOW",
    help="leave out tests marked `once`, but for those that name this one",
  )


def pytest_configure(config):
  """Makes pytest-xdist keep the order of files; it would put long ones last."""
  config.option.loadscopereorder = False


def pytest_make_parametrize_id(config, val, argname):
  """Keeps bytes out of the names of tests: those of an archive hold a time."""
  del config
  return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(config, items):
  """Puts the tests of slow files first; leaves out those not to run again."""
  items.sort(key=_turn)
  tensorflow = config.getoption("again")
  if tensorflow:
    kept, left_out = [], []
    for item in items:
      marks = item.iter_markers("once")
      again = all(tensorflow in mark.args for mark in marks)
      (kept if again else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


def _turn(item):
  name = item.nodeid.partition("::")[0]
  name = name.partition("tests/")[2].rpartition(".py")[0]
  return SLOW.index(name) if name in SLOW else len(SLOW)


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
  from training import devices  # Not where tests are only given out.

  if not devices.HAS_ESTIMATOR:
    pytest.skip("this TensorFlow has no tf.estimator")


@pytest.fixture(scope="session")
def tokenizer():
  """Returns the tokenizer of the bundled vocabulary."""
  import tokenization

  return tokenization.load(spm_model_file=SPM)


@pytest.fixture(scope="session", autouse=True)
def small_graphs():
  """Skips work that takes longer than training a small model."""
  from tests.helpers import tiny

  with tiny.small_graphs():
    yield
