# SPDX-License-Identifier: Apache-2.0
"""Turns raw biomedical text into TFRecord files of pretraining instances.

An instance has two segments of a document, in their order or swapped, with
masked words.

Reads text with one sentence per line and blank lines between documents, PubMed
XML, JATS (.nxml, .tar.gz), the notes of MIMIC-III and MIMIC-IV, JSON, CSV,
PubTator and BioC, plain or in gzip. The output depends on inputs and flags
only, not on --num_workers. After a kill, the same command continues from the
finished shards.
"""

from absl import flags

from common import flag_groups

FORMATS = "auto text json table pubtator bioc pubmed pmc mimic".split()


def define_flags():
  """Defines the flags of ALBERT's script of this name, and some more."""
  flags.DEFINE_string(
    "input_file",
    None,
    "Raw text: files, globs or folders, separated by commas.",
  )
  flags.DEFINE_string(
    "output_file",
    None,
    "TFRecord file. Several shards of x are x-00000-of-00064 and so on; a "
    "comma-separated list names them one by one.",
  )
  flags.DEFINE_enum(
    "input_format",
    "auto",
    FORMATS,
    "Format of the input files; auto detects it for each file.",
  )
  flags.DEFINE_bool(
    "split_sentences",
    None,
    "Split paragraphs into sentences. Default: true for all formats but text, "
    "which has one sentence per line.",
  )
  _define_vocabulary_flags()
  _define_instance_flags()
  flags.DEFINE_integer(
    "num_workers",
    None,
    "Number of processes that make instances, while as many more parse large "
    "XML. Default: one per core.",
    lower_bound=1,
  )
  flags.DEFINE_integer(
    "num_shards",
    None,
    "Number of output files. Default: as many as make about 100 MB each.",
    lower_bound=1,
    upper_bound=99999,
  )
  flag_groups.define_runner_flags()
  flags.mark_flags_as_required(["input_file", "output_file"])


def _define_vocabulary_flags():
  """Defines how text is split into pieces."""
  flags.DEFINE_string(
    "bioalbert_dir", None, "Folder of a model whose vocabulary to use."
  )
  flags.DEFINE_string(
    "vocab_file",
    None,
    "Vocabulary: BERT's vocab.txt or a SentencePiece .vocab.",
  )
  flags.DEFINE_string(
    "spm_model_file", None, "SentencePiece model; needs no --vocab_file."
  )
  flag_groups.define_case_flags()


def _define_instance_flags():
  """Defines the flags of instances.Settings, with the defaults of ALBERT."""
  flags.DEFINE_integer(
    "max_seq_length",
    512,
    "Maximum length of an instance in pieces.",
    lower_bound=8,
  )
  for name, default, text in (
    (
      "max_predictions_per_seq",
      20,
      "Maximum number of masked pieces per instance.",
    ),
    ("ngram", 3, "Maximum number of words to mask in a row."),
    (
      "dupe_factor",
      40,
      "Number of copies of each document, each masked differently.",
    ),
  ):
    flags.DEFINE_integer(name, default, text, lower_bound=1)
  for name, default, text in (
    ("masked_lm_prob", 0.15, "Share of the pieces to mask."),
    ("short_seq_prob", 0.1, "Share of documents with shorter instances."),
  ):
    flags.DEFINE_float(name, default, text, lower_bound=0.0, upper_bound=1.0)
  for name, default, text in (
    (
      "favor_shorter_ngram",
      True,
      "Mask n words in a row with a probability proportional to 1/n.",
    ),
    ("do_whole_word_mask", True, "Mask all pieces of a word or none."),
    (
      "do_permutation",
      False,
      "Also predict pieces that have swapped places, as many as are masked.",
    ),
    (
      "random_next_sentence",
      False,
      "Take the second segment of false pairs from another document (BERT) "
      "instead of swapping the segments (ALBERT).",
    ),
  ):
    flags.DEFINE_bool(name, default, text)
  flags.DEFINE_integer("random_seed", 12345, "Seed of all random choices.")


if __name__ == "__main__":  # Before the imports that take seconds.
  flag_groups.parse(define_flags)

import collections
import contextlib
import os

from absl import logging

from common import files
from common import pipelines
from common import processes
from common import progress
from common import stripes
from common.errors import InputError
from pretraining import instances
from pretraining import manifests
from pretraining import shards
from pretraining import sources
import tokenization


def run_here(plan, encoding, description, earlier, num_workers):
  """Writes the shards on this machine; returns their stripes.Outcome.

  `earlier` has the records of the stripes that a killed run has finished. A
  single process is this one.
  """
  workers = num_workers if num_workers > 1 else 0
  files.make_folder(plan.folder)
  dropped = collections.Counter()
  bar = progress.Bar(plan.bytes, "B", scale=True)
  with contextlib.closing(bar):
    output = stripes.Output(plan, description, earlier, "instances")
    chunks = shards.all_chunks(plan, dropped, workers)
    tasks = unfinished(chunks, plan, len(earlier), bar)
    try:
      with contextlib.closing(
        processes.ordered_map(shards.Encoder, encoding, tasks, workers)
      ) as results:
        for i, encoded in enumerate(results):
          if i == 0:
            warn_of_unknown(encoded.counts, plan.inputs[encoded.file].path)
          parts = shards.parts(plan, encoded)
          output.add(encoded.stripe, encoded.counts, parts)
          bar.update(encoded.end)
      output.finish()
    finally:
      output.discard()
  return output.outcome(dropped)


def unfinished(chunks, plan, stripes, bar):
  """Yields the shards.Chunks after this number of finished stripes."""
  if stripes:
    logging.info("Keeping %d of %d finished stripes", stripes, plan.stripes)
  for chunk in chunks:
    if chunk.stripe >= stripes:
      yield chunk
    else:
      bar.skip(chunk.end)


def warn_of_unknown(counts, name):
  """Logs a warning if the vocabulary does not fit the text."""
  rate = counts["unknown"] / max(counts["pieces"], 1)
  tokenization.warn_of_unknown(rate, name)


def default_workers(plan):
  """Returns the number of processes: one per core, fewer for little text."""
  return min(processes.cores(), 1 + plan.bytes // shards.CHUNK_CHARACTERS)


def prepare(inputs, tokenizer, settings, split_sentences, output):
  """Returns (stripes.Plan, shards.Encoding, description of both).

  Args:
    inputs: list of inputs.Input.
    tokenizer: a FullTokenizer.
    settings: instances.Settings.
    split_sentences: whether to split paragraphs, or None: all but plain text.
    output: (file name or names, number of shards or None).
  """
  split = [split_sentences] * len(inputs)
  if split_sentences is None:
    split = [i.format != "text" for i in inputs]
  paths = shards.shard_paths(*output, inputs, settings.dupe_factor)
  plan = stripes.Plan(inputs, paths, settings.dupe_factor)
  shaping = dict(
    settings._asdict(),
    do_lower_case=tokenizer.do_lower_case,
    spm_digit_comma_fix=tokenizer.spm_digit_comma_fix,
    split_sentences=split_sentences,
    num_shards=len(paths),
    output_file=[os.path.basename(path) for path in paths],
  )
  encoding = shards.Encoding(tokenizer, settings, split)
  return plan, encoding, manifests.describe(plan, shaping, tokenizer)


def run(plan, encoding, description, earlier, runner):
  """Writes the shards here or with Beam; returns their stripes.Outcome."""
  if runner.runner:
    beam = pipelines.load("pretraining.beam")
    return beam.run(plan, encoding, description, runner)
  workers = runner.num_workers or default_workers(plan)
  return run_here(plan, encoding, description, earlier, workers)


def create(plan, encoding, description, runner):
  """Writes the shards and their manifest, unless an earlier run did."""
  earlier = manifests.read_earlier(plan, description)
  if earlier.finished:
    logging.info("Nothing to do: this output is finished (%s)", earlier.path)
    return
  try:
    outcome = run(plan, encoding, description, earlier.stripes, runner)
  except OSError as e:  # A full disk, say.
    raise InputError(
      "%s: %s; once that is fixed, the same command resumes"
      % (e.filename or plan.folder or ".", e.strerror or e)
    ) from e
  counts, records, dropped, seconds = outcome
  report = manifests.make_report(plan, counts, dropped, seconds)
  manifests.write_manifest(
    plan, description, encoding.tokenizer.files, records, report
  )
  manifests.log_report(plan, report)
  warn_of_unknown(counts, "all inputs")


def _find_tokenizer(config):
  """Returns the FullTokenizer that the flags name."""
  folder = config.bioalbert_dir
  given = config.vocab_file or config.spm_model_file
  if folder and not given and not tokenization.look_for([folder]):
    # It takes TensorFlow to read which vocabulary a checkpoint needs.
    from training import model_folder

    paths = flag_groups.pick(config, model_folder.ModelPaths)
    return model_folder.load(paths).tokenizer
  return tokenization.find(
    folder,
    config.vocab_file,
    config.spm_model_file,
    config.do_lower_case,
    config.spm_digit_comma_fix,
  )


def main(_):
  config = flag_groups.values()
  runner = flag_groups.pick(config, pipelines.Runner)
  pipelines.check(runner)
  prepared = prepare(
    sources.find_inputs(config.input_file, config.input_format, "input_file"),
    _find_tokenizer(config),
    flag_groups.pick(config, instances.Settings),
    config.split_sentences,
    (config.output_file, config.num_shards),
  )
  with files.locked(prepared[0].folder):
    create(*prepared, runner)


if __name__ == "__main__":
  flag_groups.run(main)
