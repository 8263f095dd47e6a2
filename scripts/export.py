# SPDX-License-Identifier: Apache-2.0
r"""Exports a fine-tuned or pretrained model in another form, and checks that
the export computes what the model computes.

  python scripts/export.py --bioalbert_dir=output/ncbi --format=saved_model \
    --output_dir=exported/ncbi

saved_model is for TensorFlow Serving, transformers for Hugging Face's library,
folder the model alone, to hand on. checkpoint goes the other way: it makes a
--bioalbert_dir of --from, a folder of transformers.
"""

# isort: off
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from common import quiet  # noqa: F401  First: silences TensorFlow.
# isort: on

from absl import flags

from common import flag_groups
from exporting import forms


def define_flags():
  """What to export, from where, and to where."""
  flags.DEFINE_enum(
    "format",
    None,
    ["saved_model", "transformers", "checkpoint", "folder"],
    "The form to export in.",
  )
  flags.DEFINE_string("output_dir", None, "New or empty folder to write.")
  flags.DEFINE_string("bioalbert_dir", None, "Folder of the model.")
  flags.DEFINE_string(
    "from", None, "Folder of transformers, for --format=checkpoint."
  )
  flags.DEFINE_string(
    "eval_checkpoint",
    "best",
    "Which of the model's checkpoints: best (newest where no best was kept), "
    "last, or a checkpoint.",
  )
  for name, what in (
    ("albert_config_file", "config"),
    ("vocab_file", "vocabulary"),
    ("spm_model_file", "SentencePiece model"),
  ):
    flags.DEFINE_string(name, None, "The %s, if not --bioalbert_dir's." % what)
  flags.DEFINE_integer(
    "version",
    1,
    "Number of a saved_model, whose folder in --output_dir bears it.",
    lower_bound=0,
  )
  flags.DEFINE_bool(
    "check", True, "Compare what the export computes with what the model does."
  )
  flags.mark_flags_as_required(["format", "output_dir"])


def main(_):
  """Exports as the flags say."""
  forms.run(flag_groups.values())


if __name__ == "__main__":
  define_flags()
  flag_groups.run(main, "nothing was written")
