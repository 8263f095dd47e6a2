# SPDX-License-Identifier: Apache-2.0
"""Pretrains ALBERT on masked words and sentence order.

Reads the TFRecord files of create_pretraining_data.py (or of the ALBERT
release's), starts from random weights or from a checkpoint, and writes
checkpoints that run_ner.py and its fellows take as --bioalbert_dir. The same
command again goes on where a killed run stopped.
"""

# isort: off
from common import quiet  # noqa: F401  First: silences TensorFlow.
# isort: on

from absl import flags

from common import flag_groups
from pretraining import harness


def define_flags():
  """ALBERT's flags of run_pretraining.py, and a few more."""
  flag_groups.define_model_flags()
  _define_data_flags()
  _define_schedule_flags()
  flags.DEFINE_integer(
    "save_checkpoints_steps", 5000, "Updates between two checkpoints."
  )
  flags.DEFINE_integer(
    "keep_checkpoint_max", 5, "Checkpoints kept; 0: all.", lower_bound=0
  )
  flags.DEFINE_bool(
    "init_optimizer_state",
    False,
    "Take the optimizer's moments and the step counter from "
    "--init_checkpoint too, so that its schedule goes on.",
  )
  flags.DEFINE_bool(
    "init_from_group0",
    False,
    "Start all groups of layers from the checkpoint's first one.",
  )
  flag_groups.define_device_flags()


def _define_data_flags():
  flags.DEFINE_string(
    "input_file",
    None,
    "TFRecord files to train on: paths, patterns, or the folder that "
    "create_pretraining_data.py wrote, comma-separated.",
  )
  flags.DEFINE_string("eval_file", None, "TFRecord files held out, likewise.")
  flags.DEFINE_string(
    "output_dir", None, "Folder for checkpoints, results and curves."
  )
  flags.DEFINE_integer(
    "max_seq_length",
    512,
    "Pieces of an example; what the files were made with.",
    lower_bound=8,
  )
  flags.DEFINE_integer(
    "max_predictions_per_seq",
    20,
    "Masked pieces of an example at most; likewise.",
    lower_bound=1,
  )
  flags.DEFINE_bool("do_train", True, "Train.")
  flags.DEFINE_bool(
    "do_eval",
    False,
    "Evaluate on --eval_file; with --do_train at each save, to keep the best "
    "checkpoint.",
  )
  flags.DEFINE_float(
    "masked_lm_budget",
    0.0,
    "Share of the pieces to mask anew each time an example is read; 0: the "
    "masks of the files. Needs the vocabulary.",
    lower_bound=0.0,
    upper_bound=1.0,
  )
  flags.mark_flags_as_required(["input_file", "output_dir"])


def _define_schedule_flags():
  for name, default, text in (
    ("train_batch_size", 4096, "Examples an update, over all devices."),
    ("eval_batch_size", 64, "Examples a batch, evaluating."),
    ("num_train_steps", 125000, "Updates."),
    ("max_eval_steps", 100, "Batches that an evaluation looks at, at most."),
    (
      "num_accumulation_steps",
      1,
      "Batches of --train_batch_size whose mean gradient makes one update.",
    ),
  ):
    flags.DEFINE_integer(name, default, text, lower_bound=1)
  flags.DEFINE_enum("optimizer", "lamb", ["adamw", "lamb"], "Optimizer.")
  flags.DEFINE_float(
    "learning_rate", 0.00176, "Peak learning rate.", lower_bound=0.0
  )
  flags.DEFINE_float("poly_power", 1.0, "Power of the polynomial decay.")
  flags.DEFINE_integer(
    "num_warmup_steps",
    3125,
    "Updates in which the learning rate rises.",
    lower_bound=0,
  )
  flags.DEFINE_integer(
    "start_warmup_step",
    0,
    "Update at which it begins to rise; for --init_optimizer_state.",
    lower_bound=0,
  )
  flags.DEFINE_bool(
    "use_sop", True, "Train on the order of sentences as well as on words."
  )
  flags.DEFINE_integer(
    "seed", 12345, "Of shuffling, new weights and dropout.", lower_bound=0
  )


def main(_):
  harness.run(harness.read_command(flag_groups.values()))


if __name__ == "__main__":
  define_flags()
  flag_groups.run(main)
