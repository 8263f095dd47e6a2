# SPDX-License-Identifier: Apache-2.0
"""Makes the training of small models cheap."""

import contextlib
from unittest import mock

import tensorflow.compat.v1 as tf
from tensorflow.python.training import training_util

from training import devices
from training import run as training_run


@contextlib.contextmanager
def applied():
  """Skips half of the work of training a small model in this process.

  That is writing graph.pbtxt, compiling fused operations, and optimizing
  each graph before its first run (mixed precision is such an optimization and
  stays). Tests that start a program from a shell cover all three.
  """
  original = devices.session_config

  def session_config(device):
    config = original(device)
    if device.precision == "fp32":
      _do_not_optimize(config)
    return config

  start = tf.Session.__init__

  def start_session(self, target="", graph=None, config=None):
    if config is None:
      config = tf.ConfigProto()
      _do_not_optimize(config)
    start(self, target, graph, config)

  with contextlib.ExitStack() as stack:
    for patch in (
      mock.patch.object(devices, "session_config", session_config),
      mock.patch.object(tf.Session, "__init__", start_session),
      mock.patch.object(training_util, "write_graph"),
      mock.patch.object(training_run.Run, "fuses_training", False),
    ):
      stack.enter_context(patch)
    yield


def _do_not_optimize(config):
  config.graph_options.rewrite_options.disable_meta_optimizer = True
