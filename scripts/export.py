# SPDX-License-Identifier: Apache-2.0
r"""Exports a fine-tuned or pretrained model to another format, and checks that
the export computes the same as the model.

  python scripts/export.py --bioalbert_dir=output/ncbi --format=saved_model \
    --output_dir=exported/ncbi

Formats: saved_model for TensorFlow Serving; transformers for Hugging Face's
library; folder for the model alone, to pass on. checkpoint is the way back: it
makes a --bioalbert_dir from --from, a folder for transformers.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from absl import flags

from common import flag_groups


def define_flags():
  """Defines the flags of this program."""
  flags.DEFINE_enum(
    "format",
    None,
    ["saved_model", "transformers", "checkpoint", "folder"],
    "Format to export to.",
  )
  flags.DEFINE_string("output_dir", None, "New or empty folder to write to.")
  flags.DEFINE_string("bioalbert_dir", None, "Folder of the model.")
  flags.DEFINE_string(
    "from", None, "Folder for transformers to read, with --format=checkpoint."
  )
  flags.DEFINE_string(
    "eval_checkpoint",
    "best",
    "Which checkpoint of the model to export: best (the newest if no best one "
    "was kept), last, or the path of a checkpoint.",
  )
  for name, what in (
    ("albert_config_file", "config"),
    ("vocab_file", "vocabulary"),
    ("spm_model_file", "SentencePiece model"),
  ):
    flags.DEFINE_string(
      name, None, "The %s, instead of the one in --bioalbert_dir." % what
    )
  flags.DEFINE_integer(
    "version",
    1,
    "Version number of a saved_model: the name of its folder in --output_dir.",
    lower_bound=0,
  )
  flags.DEFINE_bool(
    "check", True, "Compare the outputs of the export and of the model."
  )
  flags.mark_flags_as_required(["format", "output_dir"])


if __name__ == "__main__":  # Before the imports that take seconds.
  flag_groups.parse(define_flags)

from common import files
from common.errors import InputError
from exporting import forms
from exporting import model_folders


def main(_):
  """Exports a model, or imports one with --format=checkpoint."""
  config = flag_groups.values()
  target = forms.Target(config.output_dir, config.version, config.check)
  needed = "from" if config.format == "checkpoint" else "bioalbert_dir"
  folder = vars(config)[needed]
  if not folder:
    raise InputError("--format=%s needs --%s" % (config.format, needed))
  with files.locked_beside(config.output_dir):
    model_folders.remove_leftovers(config.output_dir)
    export(config, folder, target)


def export(config, folder, target):
  """Writes what the flags ask for from a folder to a forms.Target."""
  if config.format == "checkpoint":
    forms.import_transformers(folder, target)
    return
  source = model_folders.load(
    folder,
    config.eval_checkpoint,
    albert_config_file=config.albert_config_file,
    vocab_file=config.vocab_file,
    spm_model_file=config.spm_model_file,
  )
  forms.export_model(config.format, source, target)


if __name__ == "__main__":
  flag_groups.run(main, "nothing was written")
