# SPDX-License-Identifier: Apache-2.0
"""Counts replicas of a training step and sums tensors over them.

For use in a model_fn on one device, in a replica of a tf.distribute strategy or
on the cores of a TPU.
"""

import tensorflow.compat.v1 as tf
from tensorflow.python.tpu import tpu_function  # Has no public name.


def count():
  """Returns the number of replicas; 1 without a strategy or TPU."""
  cores = tpu_function.get_tpu_context().number_of_shards
  return cores or tf.distribute.get_strategy().num_replicas_in_sync


def total(x):
  """Returns the sum of a tensor over the replicas, without gradient."""
  x = tf.stop_gradient(x)
  if tpu_function.get_tpu_context().number_of_shards:
    return tf.tpu.cross_replica_sum(x)
  if count() == 1:
    return x
  return tf.distribute.get_replica_context().merge_call(
    lambda strategy, x: strategy.extended.reduce_to(
      tf.distribute.ReduceOp.SUM, x, destinations=x
    ),
    args=(x,),
  )


def mean(x):
  """Returns the mean of a tensor over the replicas, without gradient."""
  return total(x) / count()


def add_up(strategy, tensors, variables):
  """Returns the sums of tensors over the replicas, one per variable.

  For use in cross-replica context, that is in a function of merge_call. The
  devices of the variables get the sums.
  """
  if tpu_function.get_tpu_context().number_of_shards:
    return [tf.tpu.cross_replica_sum(x) for x in tensors]
  return strategy.extended.batch_reduce_to(
    tf.distribute.ReduceOp.SUM, list(zip(tensors, variables))
  )
