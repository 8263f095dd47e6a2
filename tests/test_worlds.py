# SPDX-License-Identifier: Apache-2.0
"""What one TensorFlow has made is the same to all others.

fixtures/worlds holds what each of them made with tests/helpers/worlds.py.
"""

import functools
import json
import os
import shutil
from unittest import mock

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pretraining import curves
from tests.helpers import FIXTURES
from tests.helpers import worlds
from training import saved_models

close = functools.partial(np.testing.assert_allclose, atol=1e-5, rtol=1e-5)


HERE = {"1.15": "tf1", "2.15": "tf2.15"}.get(tf.__version__[:4], "tf2")
# Each goes on with what one of the others began.
BEFORE = {"tf1": "tf2.15", "tf2.15": "tf2", "tf2": "tf1"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  """Returns a function that unpacks what a TensorFlow made into a folder."""

  def unpack(tensorflow):
    folder = tmp_path_factory.mktemp("made")
    archive = os.path.join(FIXTURES, "worlds", tensorflow + ".zip")
    shutil.unpack_archive(archive, str(folder))
    return folder

  return unpack


@pytest.fixture(scope="module")
def resumed(made):
  """Returns (folder, scores) of a run that goes on here to its end."""
  folder = made(BEFORE[HERE])
  with mock.patch.object(curves, "draw"):
    return folder, worlds.train(folder)


def test_a_run_resumed_here_ends_with_the_same_weights(resumed):
  folder, _ = resumed
  expected = np.load(str(folder / "trained.npz"))
  found = worlds.trained(folder)
  assert set(found) == set(expected.files)
  for name in found:
    close(found[name], expected[name], err_msg=name)


def test_a_run_resumed_here_has_the_same_scores(resumed):
  folder, scores = resumed
  expected = json.loads((folder / "scores.json").read_text())
  assert scores == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("other", [name for name in BEFORE if name != HERE])
def test_a_saved_model_computes_the_same_here(made, other):
  folder = made(other)
  found = saved_models.SavedModel(str(folder / "saved_model"))(worlds.batch())
  expected = np.load(str(folder / "outputs.npz"))
  assert set(found) == set(expected.files)
  for name in found:
    close(found[name], expected[name], err_msg=name)
