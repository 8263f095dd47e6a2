# SPDX-License-Identifier: Apache-2.0
"""Starts the programs and defines the flags they share, a function per group.

A program defines its flags and parses them before it imports anything slow, so
that --help and a wrong flag take no time; see run_nli.py. It does so under its
`__main__` guard, so importing a program defines no flag. Only `main` reads
FLAGS: `values()` turns them into plain values for the library.
"""

import functools
import os
import re
import sys
import types

from absl import app
from absl import flags
from absl import logging

from common import quiet  # noqa: F401  Before a program imports TensorFlow.
from common import signals
from common.errors import InputError
from common.errors import is_disk_full
from common.errors import reason_of

flags.disclaim_key_flags()  # A flag belongs to the program that defines it.

# Flags of related programs that mean nothing here, and why.
REFUSED = {
  "cached_dir": "features are kept in memory, not in a cache",
  "albert_hub_module_handle": "give --init_checkpoint or --bioalbert_dir",
  "export_dir": "scripts/export.py exports a SavedModel",
  "threshold_to_export": "scripts/export.py exports any score",
  "use_einsum": "matrix products have one implementation",
  "do_prepare": "data need no preparation",
  "benchmark": "there is no such mode",
  "num_classes": "labels are read from the data",
  "num_aspects": "labels are read from the data",
  "aspect_value_list": "labels are read from the data",
  "train_feature_file": "features are kept in memory, not in a cache",
  "predict_feature_file": "features are kept in memory, not in a cache",
  "predict_feature_left_file": "features are kept in memory, not in a cache",
  "start_n_top": "answers are searched as in SQuAD 1.1; see --n_best_size",
  "end_n_top": "answers are searched as in SQuAD 1.1; see --n_best_size",
  "dropout_prob": "the model's JSON file sets the dropout",
  "horovod": "see --distribution for several GPUs or machines",
  "input_file_mode": "text is read as UTF-8",
  "use_one_hot_embeddings": "it is used where it is faster, on TPUs",
  "dllog_path": "results.json holds the scores",
}

RUNNERS = (
  "DirectRunner FlinkRunner SparkRunner DataflowRunner PortableRunner".split()
)

_MISSING = re.compile(r"flag (--\w+)=None: .* other than None\.")


def parse(define_flags):
  """Defines a program's flags and parses the command line.

  Bad flags end the program with one line and exit code 1; a signal ends it at
  once, until `run` handles it.
  """
  signals.end_at_once()
  define_flags()
  app.define_help_flags()
  _without_traceback(_parse, "nothing was written")(sys.argv)


def run(main, if_interrupted="the same command resumes at the last save"):
  """Runs `main(arguments)` after `parse`; bad input and a full disk end it with
  one line.

  The exit code is then 1; after Ctrl-C it is 130, after SIGTERM 143.

  Args:
    main: the program's function.
    if_interrupted: what the message after a signal, unless main knows, or on a
      full disk adds.
  """
  signals.raise_stopped()
  logging.use_absl_handler()
  handler = logging.get_absl_handler()
  handler.setFormatter(_OneLine("%(asctime)s %(message)s", "%H:%M:%S"))
  start = functools.partial(
    app.run, _flushed(main), sys.argv[:1], flags_parser=lambda args: args
  )
  try:
    _without_traceback(start, if_interrupted)()
  finally:
    signals.end_at_once()


class _OneLine(logging.PythonFormatter):
  """Formats a record as time and message; warnings and errors say so."""

  def format(self, record):
    text = super(logging.PythonFormatter, self).format(record)
    if record.levelno > 20:  # logging.INFO of the standard library
      return text.replace(" ", " %s: " % record.levelname, 1)
    return text


def _parse(args):
  """Parses the command line; explains the flags in REFUSED."""
  if {"--help", "-help", "-h"} & set(args[1:]):  # absl would exit with 1.
    print(sys.modules["__main__"].__doc__)
    print(flags.FLAGS.main_module_help(), flush=True)
    sys.exit(0)
  try:
    rest = flags.FLAGS(args)[1:]
  except flags.UnrecognizedFlagError as e:
    reason = REFUSED.get(e.flagname, "%s --help lists all flags" % args[0])
    known = e.flagname in REFUSED
    _stop("%s: %s" % ("--" + e.flagname if known else _flat(e), reason))
  except flags.Error as e:
    _stop(_MISSING.sub(r"\1 is not given; --help says what it means", _flat(e)))
  if rest:
    _stop(
      "%r is no flag; expected --flag=value or --flag value, for true and "
      "false --flag=true" % rest[0]
    )


def _flat(error):
  return " ".join(str(error).split())


def _stop(message):
  sys.stderr.write("error: %s\n" % message)
  sys.exit(1)


def _without_traceback(function, if_interrupted):
  """Returns a function that ends this process with a line at its errors."""

  def wrapped(*arguments):
    try:
      return function(*arguments)
    except (Exception, KeyboardInterrupt) as e:
      number = signals.arrived()
      if number:  # Libraries may have turned Stopped into another error.
        signals.end_at_once()  # If it comes once more.
        said = _flat(e) if isinstance(e, signals.Stopped) else ""
        text = "%s; %s" % (signals.NAMES[number], said or if_interrupted)
        signals.end(number, text)
      if isinstance(e, BrokenPipeError):  # Say, `head` has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
      if isinstance(e, InputError):
        _stop(_flat(e))
      if not is_disk_full(e):
        raise
      message = "the disk is full (%s); free some space; %s"
      return _stop(message % (reason_of(e), if_interrupted))

  return wrapped


def _flushed(main):
  def wrapped(arguments):
    code = main(arguments)
    sys.stdout.flush()
    return code

  return wrapped


def values(module=None):
  """Returns the values of a program's own flags as a namespace.

  Args:
    module: name of the module that defined them; by default the running
      program.
  """
  own = flags.FLAGS.get_key_flags_for_module(module or sys.argv[0])
  return types.SimpleNamespace(
    **{f.name: f.value for f in own if not f.help.startswith("Alias for")}
  )


def pick(values, kind, **others):
  """Returns a namedtuple whose fields have the values of the flags so named.

  Args:
    values: of `values`.
    kind: the type of the namedtuple. Its defaults serve fields that are no
      flags of the program.
    **others: fields to take from here instead.
  """
  known = vars(values)
  picked = {name: known[name] for name in kind._fields if name in known}
  return kind(**dict(picked, **others))


def define_model_flags():
  """Defines where the pretrained ALBERT is."""
  flags.DEFINE_string(
    "bioalbert_dir",
    None,
    "Folder of a model. Config, vocabulary, SentencePiece model and the best "
    "or newest checkpoint are found there by their usual names, unless the "
    "flags below name others. A checkpoint alone will do for a BioALBERT or "
    "ALBERT of a released size.",
  )
  flags.DEFINE_string(
    "albert_config_file", None, "JSON file with the model's architecture."
  )
  flags.DEFINE_alias("bert_config_file", "albert_config_file")
  flags.DEFINE_string(
    "vocab_file",
    None,
    "Vocabulary: BERT's vocab.txt or a SentencePiece .vocab.",
  )
  flags.DEFINE_string("spm_model_file", None, "SentencePiece model.")
  flags.DEFINE_string(
    "init_checkpoint",
    None,
    "Checkpoint, or folder of checkpoints, to start from. Default: random "
    "weights.",
  )
  flags.DEFINE_enum(
    "albert_version",
    None,
    ["1", "2"],
    "Version of ALBERT, which sets the dropout of a checkpoint without a "
    "config. Default: by the name of its folder, else 1.",
  )
  define_case_flags()


def define_runner_flags(action="Run"):
  """Defines the runner of Apache Beam that does an action, and its options."""
  flags.DEFINE_enum(
    "runner",
    None,
    RUNNERS,
    action + " as an Apache Beam pipeline with this runner, on one machine or "
    "many (needs requirements-beam.txt). Default: run here without Beam.",
  )
  flags.DEFINE_string(
    "beam_options",
    None,
    "Command-line options for the runner, such as '--region=r --project=p'.",
  )


def define_case_flags():
  """Defines how text is prepared for the vocabulary."""
  flags.DEFINE_bool(
    "do_lower_case",
    None,
    "Lower-case the text. Default: true if the vocabulary has no capitals.",
  )
  flags.DEFINE_bool(
    "spm_digit_comma_fix",
    False,
    "Split pieces such as '12,' as Hugging Face does; the ALBERT release on "
    "Python 3 does not.",
  )


def define_finetuning_flags(
  max_seq_length,
  num_train_epochs,
  train_batch_size,
  predict_file="Unlabelled texts to label: files, globs or folders, separated "
  "by commas; the content of a file tells its format.",
):
  """Defines the flags of every fine-tuning program."""
  define_model_flags()
  _define_data_flags(predict_file)
  flags.DEFINE_string(
    "output_dir", None, "Folder for checkpoints, results and predictions."
  )
  flags.DEFINE_bool(
    "do_train", None, "Fine-tune. Default: true unless --predict_file is given."
  )
  flags.DEFINE_bool(
    "do_eval",
    False,
    "Score the development set. With --do_train it is scored at each save, and "
    "the best checkpoint is kept.",
  )
  flags.DEFINE_bool(
    "do_predict",
    None,
    "Label and score the test set. Default: true if there is one and "
    "--predict_file is not given.",
  )
  flags.DEFINE_alias("do_test", "do_predict")
  flags.DEFINE_integer(
    "max_seq_length",
    max_seq_length,
    "Maximum length of an input in pieces, including [CLS] and [SEP].",
    lower_bound=8,
  )
  _define_training_flags(num_train_epochs, train_batch_size)
  _define_saving_flags()
  define_device_flags()
  flags.mark_flag_as_required("output_dir")


def define_sentence_flags():
  """Defines the flags of the tasks on one or two texts."""
  define_finetuning_flags(
    max_seq_length=128, num_train_epochs=3.0, train_batch_size=32
  )
  define_predict_format_flag(["tsv", "jsonl"])


def define_class_weights_flag():
  """Defines the weights of labels; for tasks whose labels may be unbalanced."""
  flags.DEFINE_string(
    "class_weights",
    None,
    "Weights of the labels in the loss: 'balanced', rare ones counting more, "
    "or label:weight pairs with commas, others counting 1. Default: all alike.",
  )


def _define_data_flags(predict_file):
  """Defines the data to train on, to evaluate and to label."""
  flags.DEFINE_string("data_dir", None, "Folder with the data set.")
  for split, name in (
    ("train", "training set"),
    ("dev", "development set"),
    ("test", "test set"),
  ):
    flags.DEFINE_string(
      split + "_file",
      None,
      "File of the %s. Default: found in --data_dir." % name,
    )
  flags.DEFINE_string("predict_file", None, predict_file)
  flags.DEFINE_bool(
    "allow_incomplete",
    False,
    "Leave out damaged texts of --predict_file; they are counted and listed.",
  )
  flags.DEFINE_integer(
    "num_workers",
    None,
    "Processes that split and tokenize the texts of --predict_file beside the "
    "model, while as many more parse large XML; 0: the model's process does "
    "both. Default: by the amount of text, at most one per further core.",
    lower_bound=0,
  )
  flags.DEFINE_bool(
    "predict_gzip",
    False,
    "Compress the predictions for --predict_file as .gz; not with the "
    "formats brat and json.",
  )
  flags.DEFINE_string(
    "predict_part",
    None,
    "Label a part of --predict_file: 3/64 is the third of 64 jobs, counted "
    "from 1 as in sbatch --array=1-64. They share --output_dir and may run on "
    "many machines; the last one writes the manifest.",
  )
  define_runner_flags("Label --predict_file")
  flags.DEFINE_bool(
    "train_on_dev", False, "Add the development set to the training set."
  )
  flags.DEFINE_float(
    "dev_fraction",
    None,
    "Share of the training set to hold out as the development set, chosen at "
    "random by --seed.",
    lower_bound=0.0,
    upper_bound=1.0,
  )


def define_predict_format_flag(formats):
  """Defines the formats of predictions; the first one is the default."""
  flags.DEFINE_enum(
    "predict_format",
    formats[0],
    formats,
    "Format of the predictions for --predict_file.",
  )


def _define_training_flags(num_train_epochs, train_batch_size):
  """Defines batches, schedule and optimizer."""
  flags.DEFINE_integer(
    "train_batch_size",
    train_batch_size,
    "Number of examples per update.",
    lower_bound=1,
  )
  flags.DEFINE_integer(
    "eval_batch_size",
    8,
    "Number of examples per batch in evaluation.",
    lower_bound=1,
  )
  flags.DEFINE_integer(
    "predict_batch_size",
    8,
    "Number of examples per batch in prediction.",
    lower_bound=1,
  )
  flags.DEFINE_alias("test_batch_size", "predict_batch_size")
  flags.DEFINE_integer(
    "predict_batch_tokens",
    None,
    "Number of pieces per batch when predicting, padding included, in place of "
    "--predict_batch_size: short inputs make larger batches.",
    lower_bound=1,
  )
  _define_schedule_flags(num_train_epochs)
  flags.DEFINE_enum("optimizer", "adamw", ["adamw", "lamb"], "Optimizer.")
  flags.DEFINE_bool(
    "freeze_encoder",
    False,
    "Train the head only; the encoder keeps its weights.",
  )
  flags.DEFINE_integer(
    "num_accumulation_steps",
    1,
    "Number of batches of --train_batch_size whose gradients are averaged for "
    "one update.",
    lower_bound=1,
  )
  flags.DEFINE_enum(
    "padding",
    "bucketed",
    ["bucketed", "longest", "fixed"],
    "bucketed: batches of examples of similar length. longest: random batches "
    "padded to their longest example. fixed: random batches padded to "
    "--max_seq_length (the only choice on TPU).",
  )
  flags.DEFINE_integer(
    "seed",
    12345,
    "Seed of shuffling, new weights and dropout.",
    lower_bound=0,
  )


def _define_schedule_flags(num_train_epochs):
  """Defines the number of updates and the learning rate."""
  flags.DEFINE_float(
    "num_train_epochs",
    num_train_epochs,
    "Number of passes over the training set.",
  )
  flags.DEFINE_integer(
    "train_step",
    None,
    "Number of updates; replaces --num_train_epochs.",
    lower_bound=1,
  )
  flags.DEFINE_float(
    "learning_rate", 5e-5, "Peak learning rate.", lower_bound=0.0
  )
  flags.DEFINE_float(
    "warmup_proportion",
    0.1,
    "Share of the updates during which the learning rate rises.",
    lower_bound=0.0,
    upper_bound=1.0,
  )
  flags.DEFINE_integer(
    "warmup_step",
    None,
    "Number of updates during which the learning rate rises; replaces "
    "--warmup_proportion.",
    lower_bound=0,
  )


def _define_saving_flags():
  """Defines when to save, when to stop and which checkpoint to use."""
  flags.DEFINE_integer(
    "save_checkpoints_steps",
    0,
    "Number of updates between checkpoints; 0: one epoch. With --do_eval each "
    "checkpoint is scored.",
    lower_bound=0,
  )
  flags.DEFINE_integer(
    "keep_checkpoint_max",
    5,
    "Number of checkpoints to keep; 0: all.",
    lower_bound=0,
  )
  flags.DEFINE_integer(
    "early_stopping_patience",
    None,
    "Stop after this many scores without an improvement.",
    lower_bound=1,
  )
  flags.DEFINE_string(
    "eval_checkpoint",
    "best",
    "Checkpoint for --do_predict, for --predict_file and for --do_eval without "
    "--do_train: best (the newest if none was kept as best), last, or a path.",
  )


def define_device_flags():
  """Defines the devices and the precision of training."""
  define_inference_flags()
  flags.DEFINE_integer(
    "iterations_per_loop",
    None,
    "Number of updates per call of the TPU. Default: 1000.",
    lower_bound=1,
  )
  flags.DEFINE_enum(
    "distribution",
    "none",
    ["none", "mirrored", "multi_worker_mirrored"],
    "mirrored: split each batch among all GPUs of this machine. "
    "multi_worker_mirrored: among all machines in the environment's TF_CONFIG. "
    "--train_batch_size counts the examples of all of them together.",
  )
  flags.DEFINE_bool("use_xla", False, "Compile the graph with XLA.")
  flags.DEFINE_bool(
    "recompute",
    False,
    "Recompute activations in the backward pass instead of keeping them: less "
    "memory, about a third more time.",
  )


def define_inference_flags():
  """Defines the devices and the precision of inference."""
  flags.DEFINE_bool("use_tpu", False, "Run on a TPU.")
  flags.DEFINE_string("tpu_name", None, "Name or grpc:// address of the TPU.")
  flags.DEFINE_string(
    "tpu_zone", None, "Zone of the TPU. Default: this machine's."
  )
  flags.DEFINE_string(
    "gcp_project", None, "Project of the TPU. Default: this machine's."
  )
  flags.DEFINE_string("master", None, "Address of a TensorFlow master.")
  flags.DEFINE_integer(
    "num_tpu_cores", None, "Number of TPU cores. Default: 8.", lower_bound=1
  )
  flags.DEFINE_enum(
    "precision",
    "fp32",
    ["fp32", "fp16", "bf16", "auto"],
    "Precision of the large matrix products: fp16 (GPU, with loss scaling) or "
    "bf16 (TPU, newer GPUs and, with TensorFlow 2, newer CPUs). auto: bf16 "
    "where it is fast, else fp32. Weights and moments stay fp32.",
  )
