# SPDX-License-Identifier: Apache-2.0
"""Trains the same on one device and on two; run by test_optimization.py.

A process of its own, because TensorFlow takes two devices of one CPU only
before it has begun to work. Prints the largest difference of any variable.
"""

import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

import optimization

IDS = np.array([0, 1, 1, 1, 4, 0, 2, 2], np.int32)


def model_fn(features, labels, mode):
  del labels
  table = tf.get_variable(
    "table", [5, 3], initializer=tf.random_uniform_initializer(seed=1)
  )
  loss = tf.reduce_mean(tf.square(tf.nn.embedding_lookup(table, features)))
  train_op = optimization.create_optimizer(
    0.01 * loss, 0.1, 10, 0, use_tpu=False, optimizer="lamb"
  )
  return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def train(strategy, batch_size):
  """{name: value} after two updates; batch_size is that of one device."""
  estimator = tf.estimator.Estimator(
    model_fn,
    tempfile.mkdtemp(),
    config=tf.estimator.RunConfig(
      train_distribute=strategy,
      session_config=tf.ConfigProto(
        device_count={"CPU": 2}, allow_soft_placement=True
      ),
    ),
  )
  estimator.train(
    lambda: tf.data.Dataset.from_tensor_slices(IDS).batch(batch_size),
    max_steps=2,
  )
  names = estimator.get_variable_names()
  return {name: estimator.get_variable_value(name) for name in names}


def main():
  experimental = tf.config.experimental
  experimental.set_virtual_device_configuration(
    experimental.list_physical_devices("CPU")[0],
    [experimental.VirtualDeviceConfiguration()] * 2,
  )
  one = train(None, 4)
  two = train(tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"]), 2)
  assert sorted(one) == sorted(two) and one["global_step"] == 2
  print(max(np.abs(one[name] - two[name]).max() for name in one))


if __name__ == "__main__":
  main()
