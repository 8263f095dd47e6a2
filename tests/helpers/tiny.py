# SPDX-License-Identifier: Apache-2.0
"""Runs a fine-tuning program in this process, on a model of one thin layer."""

import json
import types
from unittest import mock

from absl import flags

from common import flag_groups
from tests.helpers import programs


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
