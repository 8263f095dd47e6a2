# SPDX-License-Identifier: Apache-2.0
"""Tests of replicas.py, and of training on two replicas."""

import json
import os
import pickle
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf
from tensorflow.python.tpu import tpu_function

from ops import replicas
from tests.helpers import mirrored_training
from tests.helpers import multi_worker_training


def test_one_device_is_one_replica():
  with tf.Graph().as_default(), tf.Session() as session:
    assert replicas.count() == 1
    assert session.run(replicas.total(tf.constant(3.0))) == 3.0
    assert session.run(replicas.mean(tf.constant(3.0))) == 3.0


def test_a_tpu_has_one_replica_per_core():
  with tf.Graph().as_default(), tpu_function.tpu_shard_context(8):
    assert replicas.count() == 8
    assert replicas.total(tf.constant(3.0)).op.type == "CrossReplicaSum"


def test_a_total_has_no_gradient():
  with tf.Graph().as_default():
    x = tf.constant(3.0)
    assert tf.gradients(replicas.total(x), x) == [None]


# The scripts cover losses that are means over different numbers of items,
# clipped gradients, rows looked up twice, both optimizers, accumulation, and a
# program's run from files to checkpoints.


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
  """Returns (folder in which one device has pretrained, {name: value})."""
  folder = mirrored_training.prepared(tmp_path_factory.mktemp("alone"))
  return folder, mirrored_training.pretrain(folder)


@pytest.mark.once("tf1")
def test_two_devices_train_like_one(alone, repo):
  script = os.path.join(repo, "tests", "helpers", "mirrored_training.py")
  output = subprocess.run(
    [sys.executable, script, str(alone[0])],
    env=dict(os.environ, PYTHONPATH=repo),
    stdout=subprocess.PIPE,
    encoding="utf-8",
    check=True,
  ).stdout
  differences = json.loads(output.splitlines()[-1])
  assert len(differences) == 2
  for case, difference in differences.items():
    assert difference < 1e-5, case


@pytest.mark.usefixtures("tf_estimator")
def test_two_machines_train_like_one_device(alone):
  folder, one = alone
  multi_worker_training.start_two("multi_worker_training.py", str(folder))
  for index in range(2):
    with open(str(folder / ("values-%d" % index)), "rb") as f:
      assert mirrored_training.difference(one, pickle.load(f)) < 1e-5, index
