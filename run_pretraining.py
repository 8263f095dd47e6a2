# SPDX-License-Identifier: Apache-2.0
"""Pretrains ALBERT on masked words and sentence order.

Reads TFRecord files of create_pretraining_data.py or the ALBERT release, starts
from random weights or a checkpoint, and writes a folder that the fine-tuning
programs take as --bioalbert_dir. To resume a killed run, repeat the command.
"""

from absl import flags

from common import flag_groups


def define_flags():
  """Defines the flags of ALBERT's run_pretraining.py, and a few more."""
  flag_groups.define_model_flags()
  _define_data_flags()
  _define_schedule_flags()
  flags.DEFINE_integer(
    "save_checkpoints_steps", 5000, "Number of updates per checkpoint."
  )
  flags.DEFINE_integer(
    "keep_checkpoint_max",
    5,
    "Number of checkpoints to keep; 0 keeps all.",
    lower_bound=0,
  )
  flags.DEFINE_bool(
    "init_optimizer_state",
    False,
    "Also restore the optimizer's moments and the step from --init_checkpoint, "
    "to continue its schedule.",
  )
  flags.DEFINE_bool(
    "init_from_group0",
    False,
    "Initialize all groups of layers from the checkpoint's first group.",
  )
  flag_groups.define_device_flags()


def _define_data_flags():
  flags.DEFINE_string(
    "input_file",
    None,
    "TFRecord files to train on: comma-separated paths, patterns, or folders "
    "written by create_pretraining_data.py.",
  )
  flags.DEFINE_string("eval_file", None, "TFRecord files to evaluate on.")
  flags.DEFINE_string(
    "output_dir", None, "Folder for checkpoints, results and curves."
  )
  flags.DEFINE_integer(
    "max_seq_length",
    512,
    "Number of pieces per example in the files.",
    lower_bound=8,
  )
  flags.DEFINE_integer(
    "max_predictions_per_seq",
    20,
    "Maximum number of masked pieces per example in the files.",
    lower_bound=1,
  )
  flags.DEFINE_bool("do_train", True, "Train.")
  flags.DEFINE_bool(
    "do_eval",
    False,
    "Evaluate on --eval_file; with --do_train, evaluate every checkpoint and "
    "keep the best.",
  )
  flags.DEFINE_float(
    "masked_lm_budget",
    0.0,
    "Share of the pieces to mask, drawn again each time an example is read. "
    "Needs the vocabulary. 0 uses the masks in the files.",
    lower_bound=0.0,
    upper_bound=1.0,
  )
  flags.mark_flags_as_required(["input_file", "output_dir"])


def _define_schedule_flags():
  for name, default, text in (
    (
      "train_batch_size",
      4096,
      "Number of examples per update, over all devices.",
    ),
    ("eval_batch_size", 64, "Number of examples per batch in evaluation."),
    ("num_train_steps", 125000, "Number of updates."),
    ("max_eval_steps", 100, "Maximum number of batches per evaluation."),
    (
      "num_accumulation_steps",
      1,
      "Number of batches of --train_batch_size per update.",
    ),
  ):
    flags.DEFINE_integer(name, default, text, lower_bound=1)
  flags.DEFINE_enum("optimizer", "lamb", ["adamw", "lamb"], "Optimizer.")
  flags.DEFINE_float(
    "learning_rate", 0.00176, "Peak learning rate.", lower_bound=0.0
  )
  flags.DEFINE_float("poly_power", 1.0, "Power of the polynomial decay.")
  for name, default, text in (
    ("num_warmup_steps", 3125, "Number of updates in which the rate rises."),
    (
      "start_warmup_step",
      0,
      "Update at which the warmup starts; use with --init_optimizer_state.",
    ),
    ("seed", 12345, "Seed of shuffling, new weights and dropout."),
  ):
    flags.DEFINE_integer(name, default, text, lower_bound=0)
  flags.DEFINE_bool(
    "use_sop", True, "Train on sentence order as well as on masked words."
  )


if __name__ == "__main__":  # Before the imports that take seconds.
  flag_groups.parse(define_flags)

from pretraining import harness


def main(_):
  harness.run(harness.read_command(flag_groups.values()))


if __name__ == "__main__":
  flag_groups.run(main)
