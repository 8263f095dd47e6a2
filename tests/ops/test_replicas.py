# SPDX-License-Identifier: Apache-2.0
"""Tests of replicas.py, and that replicas train as one device does."""

import json
import os
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf
from tensorflow.python.tpu import tpu_function

from ops import replicas


def test_one_device_is_one_replica_whose_total_is_its_own():
  with tf.Graph().as_default(), tf.Session() as session:
    assert replicas.count() == 1
    assert session.run(replicas.total(tf.constant(3.0))) == 3.0
    assert session.run(replicas.mean(tf.constant(3.0))) == 3.0


def test_a_tpu_has_as_many_replicas_as_cores_and_adds_up_over_them():
  with tf.Graph().as_default(), tpu_function.tpu_shard_context(8):
    assert replicas.count() == 8
    assert replicas.total(tf.constant(3.0)).op.type == "CrossReplicaSum"


def test_a_total_is_a_constant_to_gradients():
  with tf.Graph().as_default():
    x = tf.constant(3.0)
    assert tf.gradients(replicas.total(x), x) == [None]


# Losses that are means over unequally many things, gradients that are clipped
# and rows looked up twice, both optimizers, accumulation, and the programs'
# own way from files to checkpoints.
@pytest.mark.parametrize(
  "script", ["mirrored_training.py", "multi_worker_training.py"]
)
def test_two_replicas_train_as_one_device_does(script, repo):
  output = subprocess.run(
    [sys.executable, os.path.join(repo, "tests", "helpers", script)],
    env=dict(os.environ, PYTHONPATH=repo),
    stdout=subprocess.PIPE,
    encoding="utf-8",
    check=True,
  ).stdout
  differences = json.loads(output.splitlines()[-1])
  assert len(differences) == 2
  for case, difference in differences.items():
    assert difference < 1e-5, case
