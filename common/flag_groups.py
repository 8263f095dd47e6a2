# SPDX-License-Identifier: Apache-2.0
"""The flags that programs share, one function a group, and how they start.

A program calls the groups it needs under its `__main__` guard, with its own
defaults; nothing is defined on import. FLAGS is read in `main` alone:
`values()` turns it into plain arguments for the library.
"""

import os
import re
import sys
import types

from absl import app
from absl import flags
from absl import logging

from common.errors import InputError

flags.disclaim_key_flags()  # A flag belongs to the program that asked for it.

# Flags of the programs that our users come from which have no meaning here.
REFUSED = {
  "cached_dir": "features live in memory, there is no cache",
  "albert_hub_module_handle": "give --init_checkpoint or --bioalbert_dir",
  "export_dir": "scripts/export.py exports a SavedModel",
  "threshold_to_export": "scripts/export.py exports whatever the score",
  "use_einsum": "there is one form of the products",
  "do_prepare": "data are read as they are",
  "benchmark": "there is no such mode",
  "num_classes": "labels are read from the data",
  "num_aspects": "labels are read from the data",
  "aspect_value_list": "labels are read from the data",
  "train_feature_file": "features live in memory, there is no cache",
  "predict_feature_file": "features live in memory, there is no cache",
  "predict_feature_left_file": "features live in memory, there is no cache",
  "start_n_top": "answers are found as in SQuAD 1.1, see --n_best_size",
  "end_n_top": "answers are found as in SQuAD 1.1, see --n_best_size",
  "dropout_prob": "the model's JSON file says how much is dropped",
  "horovod": "there is no Horovod",
  "input_file_mode": "text is read as UTF-8",
  "use_one_hot_embeddings": "where it is faster, on a TPU, it is done anyway",
  "dllog_path": "results.json holds the figures",
}

_MISSING = re.compile(r"flag (--\w+)=None: .* other than None\.")


def run(main, if_interrupted="the same command goes on from the last save"):
  """Runs `main(arguments)`; bad flags and bad input end in one line, code 1.

  Args:
    main: the program's.
    if_interrupted: what a person is told who stops it.
  """
  logging.set_verbosity(logging.INFO)
  logging.use_absl_handler()
  handler = logging.get_absl_handler()
  handler.setFormatter(_OneLine("%(asctime)s %(message)s", "%H:%M:%S"))
  try:
    app.run(_without_traceback(main, if_interrupted), flags_parser=_parse)
  except BrokenPipeError:  # Whoever reads, such as `head`, has had enough.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


class _OneLine(logging.PythonFormatter):
  """The time and the message; a warning says that it is one."""

  def format(self, record):
    text = super(logging.PythonFormatter, self).format(record)
    if record.levelno > 20:  # logging.INFO of the standard library
      return text.replace(" ", " %s: " % record.levelname, 1)
    return text


def _parse(args):
  """Reads the command line as absl does, and knows the refused flags."""
  if {"--help", "-help", "-h"} & set(args[1:]):  # absl would exit with 1.
    print(sys.modules["__main__"].__doc__)
    print(flags.FLAGS.main_module_help(), flush=True)
    sys.exit(0)
  try:
    return flags.FLAGS(args)
  except flags.UnrecognizedFlagError as e:
    reason = REFUSED.get(e.flagname, "%s --help lists all flags" % args[0])
    known = e.flagname in REFUSED
    _stop("%s: %s" % ("--" + e.flagname if known else _flat(e), reason))
  except flags.Error as e:
    _stop(_MISSING.sub(r"\1 is not given; --help says what it is", _flat(e)))


def _flat(error):
  return " ".join(str(error).split())


def _stop(message):
  sys.stderr.write("error: %s\n" % message)
  sys.exit(1)


def _without_traceback(main, if_interrupted):
  def wrapped(arguments):
    if len(arguments) > 1:
      _stop(
        "%r is no flag; a value is joined to its flag by = or follows it, "
        "and true/false only by =" % arguments[1]
      )
    try:
      code = main(arguments)
      sys.stdout.flush()
      return code
    except InputError as e:
      return _stop(_flat(e))
    except KeyboardInterrupt:
      return _stop("interrupted; " + if_interrupted)

  return wrapped


def values(module=None):
  """Returns a namespace of a program's own flags and their values.

  Args:
    module: name of the module that defined them; None: the running program.
  """
  own = flags.FLAGS.get_key_flags_for_module(module or sys.argv[0])
  return types.SimpleNamespace(
    **{f.name: f.value for f in own if not f.help.startswith("Alias for")}
  )


def define_model_flags():
  """Where the pretrained ALBERT lies."""
  flags.DEFINE_string(
    "bioalbert_dir",
    None,
    "Folder of a model: its config, vocabulary, SentencePiece model and best "
    "or newest checkpoint are found by their usual names. The flags below "
    "come first where they are given.",
  )
  flags.DEFINE_string(
    "albert_config_file", None, "JSON file of the architecture."
  )
  flags.DEFINE_alias("bert_config_file", "albert_config_file")
  flags.DEFINE_string(
    "vocab_file", None, "Vocabulary: BERT's vocab.txt, or SentencePiece's."
  )
  flags.DEFINE_string("spm_model_file", None, "SentencePiece model.")
  flags.DEFINE_string(
    "init_checkpoint",
    None,
    "Weights to start from: a checkpoint, or a folder of them. None: random.",
  )
  define_case_flags()


def define_case_flags():
  """How text is prepared for the vocabulary."""
  flags.DEFINE_bool(
    "do_lower_case",
    None,
    "Lower-case the text. Not given: if the vocabulary has no capitals.",
  )
  flags.DEFINE_bool(
    "spm_digit_comma_fix",
    False,
    "Split pieces such as '12,' as Hugging Face does, not as the ALBERT "
    "release on Python 3.",
  )


def define_finetuning_flags(
  max_seq_length,
  num_train_epochs,
  train_batch_size,
  predict_file="Text that nobody has labelled, to be labelled.",
):
  """What every fine-tuning program understands; its task gives the defaults."""
  define_model_flags()
  _define_data_flags(predict_file)
  flags.DEFINE_string(
    "output_dir", None, "Folder for checkpoints, results and predictions."
  )
  flags.DEFINE_bool(
    "do_train", None, "Fine-tune. Not given: unless --predict_file is."
  )
  flags.DEFINE_bool(
    "do_eval",
    False,
    "Score the development set; with --do_train at each save, to keep the "
    "best checkpoint.",
  )
  flags.DEFINE_bool(
    "do_predict",
    None,
    "Label and score the test set. Not given: if there is one and "
    "--predict_file is not given.",
  )
  flags.DEFINE_alias("do_test", "do_predict")
  flags.DEFINE_integer(
    "max_seq_length",
    max_seq_length,
    "Longest input in pieces, [CLS] and [SEP] included.",
    lower_bound=8,
  )
  _define_training_flags(num_train_epochs, train_batch_size)
  _define_saving_flags()
  define_device_flags()
  flags.mark_flag_as_required("output_dir")


def define_sentence_flags():
  """What the programs on one or two texts understand, with their defaults."""
  define_finetuning_flags(
    max_seq_length=128, num_train_epochs=3.0, train_batch_size=32
  )
  define_predict_format_flag(["tsv", "jsonl"])


def _define_data_flags(predict_file):
  """Which examples to train on, to choose by, to score and to label."""
  flags.DEFINE_string("data_dir", None, "Folder with the data set's files.")
  for split, name in (
    ("train", "training set"),
    ("dev", "development set"),
    ("test", "test set"),
  ):
    flags.DEFINE_string(
      split + "_file", None, "The %s, in place of --data_dir's." % name
    )
  flags.DEFINE_string("predict_file", None, predict_file)
  flags.DEFINE_bool(
    "train_on_dev", False, "Add the development set to the training set."
  )
  flags.DEFINE_float(
    "dev_fraction",
    None,
    "Share of the training set to hold out as the development set, drawn by "
    "--seed.",
    lower_bound=0.0,
    upper_bound=1.0,
  )
  flags.DEFINE_string(
    "folds",
    None,
    "Folds to run one after another, such as 1-10 or 1,3: folders of that "
    "name in --data_dir, and then in --output_dir.",
  )


def define_predict_format_flag(formats):
  """How predictions of a --predict_file are written; by default the first."""
  flags.DEFINE_enum(
    "predict_format",
    formats[0],
    formats,
    "How the predictions of --predict_file are written.",
  )


def _define_training_flags(num_train_epochs, train_batch_size):
  """How long, how fast and in which portions."""
  flags.DEFINE_integer(
    "train_batch_size", train_batch_size, "Examples an update.", lower_bound=1
  )
  flags.DEFINE_integer(
    "eval_batch_size", 8, "Examples a batch, development set.", lower_bound=1
  )
  flags.DEFINE_integer(
    "predict_batch_size", 8, "Examples a batch, predicting.", lower_bound=1
  )
  flags.DEFINE_alias("test_batch_size", "predict_batch_size")
  flags.DEFINE_float(
    "num_train_epochs", num_train_epochs, "Passes over the training set."
  )
  flags.DEFINE_integer(
    "train_step",
    None,
    "Updates; replaces --num_train_epochs.",
    lower_bound=1,
  )
  flags.DEFINE_float(
    "learning_rate", 5e-5, "Peak learning rate.", lower_bound=0.0
  )
  flags.DEFINE_float(
    "warmup_proportion",
    0.1,
    "Share of the updates in which the learning rate rises.",
    lower_bound=0.0,
    upper_bound=1.0,
  )
  flags.DEFINE_integer(
    "warmup_step",
    None,
    "Updates in which the learning rate rises; replaces --warmup_proportion.",
    lower_bound=0,
  )
  flags.DEFINE_enum("optimizer", "adamw", ["adamw", "lamb"], "Optimizer.")
  flags.DEFINE_integer(
    "num_accumulation_steps",
    1,
    "Batches of --train_batch_size whose mean gradient makes one update.",
    lower_bound=1,
  )
  flags.DEFINE_enum(
    "padding",
    "bucketed",
    ["bucketed", "longest", "fixed"],
    "Batches of similar length; or random ones, padded to their longest or "
    "to --max_seq_length (the only choice on TPU).",
  )
  flags.DEFINE_integer(
    "seed", 12345, "Of shuffling, new weights and dropout.", lower_bound=0
  )


def _define_saving_flags():
  """When to save and score, when to stop, what to predict with."""
  flags.DEFINE_integer(
    "save_checkpoints_steps",
    0,
    "Updates between two checkpoints, and two scores; 0: an epoch.",
    lower_bound=0,
  )
  flags.DEFINE_integer(
    "keep_checkpoint_max", 5, "Checkpoints kept; 0: all.", lower_bound=0
  )
  flags.DEFINE_integer(
    "early_stopping_patience",
    None,
    "Stop after so many scores without a better one.",
    lower_bound=1,
  )
  flags.DEFINE_string(
    "eval_checkpoint",
    "best",
    "What --do_predict, --predict_file and a --do_eval without training use: "
    "best (newest where no best was kept), last, or a checkpoint.",
  )


def define_device_flags():
  """Where a model is trained and runs, and with which numbers.

  runtime.check_devices says which of them go together.
  """
  define_inference_flags()
  flags.DEFINE_integer(
    "iterations_per_loop",
    None,
    "Updates a call of the TPU. Not given: 1000.",
    lower_bound=1,
  )
  flags.DEFINE_enum(
    "distribution",
    "none",
    ["none", "mirrored", "multi_worker_mirrored"],
    "Share each batch out to all GPUs of this machine, or of all machines of "
    "the environment's TF_CONFIG. --train_batch_size stays what all of them "
    "take together.",
  )
  flags.DEFINE_bool("use_xla", False, "Compile the graph with XLA.")
  flags.DEFINE_bool(
    "recompute",
    False,
    "Keep no activations of a layer, compute them again in the backward pass: "
    "less memory, a third more time.",
  )


def define_inference_flags():
  """The part of define_device_flags that is not of training alone."""
  flags.DEFINE_bool("use_tpu", False, "Run on a TPU.")
  flags.DEFINE_string("tpu_name", None, "Name or grpc:// address of the TPU.")
  flags.DEFINE_string("tpu_zone", None, "Its zone, if not this machine's.")
  flags.DEFINE_string("gcp_project", None, "Its project, likewise.")
  flags.DEFINE_string("master", None, "Address of a TensorFlow master.")
  flags.DEFINE_integer(
    "num_tpu_cores", None, "Cores of the TPU. Not given: 8.", lower_bound=1
  )
  flags.DEFINE_enum(
    "precision",
    "fp32",
    ["fp32", "fp16", "bf16"],
    "Numbers of the large products: fp16 on GPU, with loss scaling; bf16 on "
    "TPU, on newer GPUs and, with TensorFlow 2, on CPU. Weights and moments "
    "stay fp32.",
  )
