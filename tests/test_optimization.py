# SPDX-License-Identifier: Apache-2.0
"""Tests of optimization.py."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
import optimization
from tests import test_modeling


@pytest.mark.parametrize("optimizer", ["adamw", "lamb"])
@pytest.mark.parametrize("model", ["base", "groups"])
def test_six_updates_equal_the_reference(model, optimizer):
  expected = test_modeling.reference("train_" + optimizer, model)
  with tf.Graph().as_default(), tf.Session() as session:
    loss = test_modeling.pretraining_outputs(model)["total_loss"]
    modeling.restore(
      os.path.join(test_modeling.REFERENCE, model, "model.ckpt")
    )
    train_op = optimization.create_optimizer(
      loss,
      float(expected["learning_rate"]),
      int(expected["num_train_steps"]),
      int(expected["num_warmup_steps"]),
      use_tpu=False,
      optimizer=optimizer,
    )
    session.run(tf.global_variables_initializer())
    losses = [session.run([loss, train_op])[0] for _ in range(6)]
    after = session.run({v.op.name: v for v in tf.global_variables()})
  np.testing.assert_allclose(losses, expected["losses"], rtol=1e-5)
  names = [n[6:] for n in expected if n.startswith("after/")]
  assert sorted(after) == sorted(names)
  for name in names:
    if "self/key/bias" in name:
      # Adding one number to all scores of a softmax changes nothing, so the
      # true gradient is 0 and both sides divide rounding noise by epsilon.
      continue
    np.testing.assert_allclose(
      after[name],
      expected["after/" + name],
      rtol=1e-5,
      atol=1e-6,
      err_msg=name,
    )
