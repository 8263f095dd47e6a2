# SPDX-License-Identifier: Apache-2.0
"""Runs a fine-tuning program in this process, on a model of one thin layer."""

import contextlib
import json
import types
from unittest import mock

from absl import flags
import tensorflow.compat.v1 as tf
from tensorflow.python.training import training_util

from common import flag_groups
from tests.helpers import programs
from training import devices
from training import run as training_run


@contextlib.contextmanager
def small_graphs():
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


def flags_of(program):
  """Returns {name: default} of one program's flags."""
  program.define_flags()
  flags.FLAGS.mark_as_parsed()
  values = vars(flag_groups.values(program.__name__))
  for flag in flags.FLAGS.get_key_flags_for_module(program.__name__):
    delattr(flags.FLAGS, flag.name)
  return values


def run(program, folder, **changed):
  """Runs a program's main with flags changed; returns results.json.

  Writes the model to folder/model and the output to folder/output.
  """
  if "bioalbert_dir" not in changed and not (folder / "model").exists():
    # A layer this thin separates words within few steps only if it starts
    # with larger weights than usual.
    programs.write_model(folder / "model", initializer_range=0.2)
  values = flags_of(program)
  values.update(
    bioalbert_dir=str(folder / "model"),
    output_dir=str(folder / "output"),
    max_seq_length=32,
    train_batch_size=8,
    learning_rate=1e-3,
    do_train=True,
  )
  for name, value in changed.items():
    assert name in values, name
    values[name] = value
  config = types.SimpleNamespace(**values)
  with mock.patch.object(flag_groups, "values", lambda: config):
    program.main(None)
  results = folder / "output" / "results.json"
  return json.loads(results.read_text()) if results.exists() else None
