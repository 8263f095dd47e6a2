# SPDX-License-Identifier: Apache-2.0
"""Turns raw biomedical text into TFRecord files of pretraining instances:
masked words in two segments, in their order or swapped.

Reads text with a sentence a line and blank lines between documents, PubMed XML,
PMC articles (.nxml, .tar.gz) and MIMIC-III's NOTEEVENTS.csv; files, globs or a
comma-separated list of them. The output depends on inputs and flags alone, not
on --num_workers; the same command goes on with what a killed run has left.
"""

import collections
import contextlib
import functools
import os

from absl import flags
from absl import logging

from common import files
from common import flag_groups
from common import processes
from common import progress
from common.errors import InputError
from pretraining import instances
from pretraining import manifests
from pretraining import shards
from pretraining import sources
import tokenization

RUNNERS = (
  "DirectRunner",
  "FlinkRunner",
  "SparkRunner",
  "DataflowRunner",
  "PortableRunner",
)


def run_here(plan, encoding, description, earlier, num_workers):
  """Writes the shards on this machine; returns their shards.Outcome.

  Args:
    plan: a shards.Plan.
    encoding: a shards.Encoding.
    description: of manifests.describe.
    earlier: list of the stripes that a killed run has finished.
    num_workers: processes.
  """
  files.make_folder(plan.folder)
  dropped = collections.Counter()
  bar = progress.Bar(plan.bytes, "B", scale=True)
  with files.locked(plan.folder), contextlib.closing(bar):
    output = shards.Output(plan, description, earlier)
    tasks = unfinished_chunks(plan, len(earlier), dropped, bar)
    try:
      with contextlib.closing(
        processes.ordered_map(shards.Encoder, encoding, tasks, num_workers)
      ) as results:
        for i, encoded in enumerate(results):
          if i == 0:
            warn_of_unknown(encoded.counts, plan.inputs[encoded.file].path)
          output.add(encoded)
          bar.update(encoded.end)
      output.finish()
    finally:
      output.discard()
  return output.outcome(dropped)


def unfinished_chunks(plan, stripes, dropped, bar):
  """Yields the shards.Chunks after so many finished stripes."""
  if stripes:
    logging.info("Keeping %d of %d finished stripes", stripes, plan.stripes)
  for chunk in shards.all_chunks(plan, dropped):
    if chunk.stripe >= stripes:
      yield chunk
    else:
      bar.skip(chunk.end)


def warn_of_unknown(counts, name):
  """Logs a warning where the vocabulary does not fit the text."""
  rate = counts["unknown"] / max(counts["pieces"], 1)
  tokenization.warn_of_unknown(rate, name)


def load_tokenizer(config):
  """Returns the FullTokenizer that the flags name."""
  return tokenization.find(
    config.bioalbert_dir,
    config.vocab_file,
    config.spm_model_file,
    config.do_lower_case,
    config.spm_digit_comma_fix,
  )


def available_cores():
  """Returns how many cores this process may use."""
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def default_workers(plan):
  """Returns a worker a core, or fewer where there is little to do."""
  return min(available_cores(), 1 + plan.bytes // shards.CHUNK_CHARACTERS)


def define_flags():
  """The ALBERT release's flags of this name, BERT's among them, and more."""
  flags.DEFINE_string(
    "input_file", None, "Raw text: files, globs, comma-separated."
  )
  flags.DEFINE_string(
    "output_file",
    None,
    "TFRecord file; with several shards x becomes x-00000-of-00064, and a "
    "comma-separated list names them one by one.",
  )
  flags.DEFINE_enum(
    "input_format",
    "auto",
    ("auto",) + tuple(sources.FORMATS),
    "What the input files are; auto tells each by its content.",
  )
  flags.DEFINE_bool(
    "split_sentences",
    None,
    "Cut paragraphs into sentences. Not given: in all but text files, which "
    "have a sentence a line already.",
  )
  _define_vocabulary_flags()
  _define_instance_flags()
  flags.DEFINE_integer(
    "num_workers", None, "Processes. Not given: a core each.", lower_bound=1
  )
  flags.DEFINE_integer(
    "num_shards",
    None,
    "Output files. Not given: some 100 MB each.",
    lower_bound=1,
    upper_bound=99999,
  )
  flags.DEFINE_enum(
    "runner",
    None,
    RUNNERS,
    "Run as a pipeline of Apache Beam, by this runner of it, on one machine or "
    "many (requirements-beam.txt). Not given: here, without Beam.",
  )
  flags.DEFINE_string(
    "beam_options",
    None,
    "Options of that runner, as on a command line: '--region=r --project=p'.",
  )
  flags.mark_flags_as_required(["input_file", "output_file"])


def _define_vocabulary_flags():
  """How text is cut into pieces."""
  flags.DEFINE_string(
    "bioalbert_dir", None, "Folder of a model whose vocabulary to take."
  )
  flags.DEFINE_string(
    "vocab_file", None, "Vocabulary: BERT's vocab.txt, or SentencePiece's."
  )
  flags.DEFINE_string(
    "spm_model_file", None, "SentencePiece model; needs no --vocab_file."
  )
  flag_groups.define_case_flags()


def _define_instance_flags():
  """What an instance is; the names and defaults of instances.Settings."""
  default = instances.Settings()

  def define(kind, name, help, **bounds):
    kind(name, getattr(default, name), help, **bounds)

  whole, share, switch = (
    flags.DEFINE_integer,
    functools.partial(flags.DEFINE_float, lower_bound=0.0, upper_bound=1.0),
    flags.DEFINE_bool,
  )
  define(whole, "max_seq_length", "Pieces of an instance.", lower_bound=8)
  define(
    whole, "max_predictions_per_seq", "Most that are masked.", lower_bound=1
  )
  define(share, "masked_lm_prob", "Share of the pieces to mask.")
  define(share, "short_seq_prob", "Share of shorter instances.")
  define(whole, "ngram", "Most words that are masked together.", lower_bound=1)
  define(
    switch, "favor_shorter_ngram", "Mask n words with a probability of ~1/n."
  )
  define(switch, "do_whole_word_mask", "Mask all pieces of a word or none.")
  define(switch, "do_permutation", "Exchange chosen pieces, do not mask them.")
  define(
    switch,
    "random_next_sentence",
    "False segment pairs are of two documents, not swapped ones of one.",
  )
  define(whole, "dupe_factor", "Copies, each masked anew.", lower_bound=1)
  define(whole, "random_seed", "Of all that is random.")


def check_runner(config):
  """Raises InputError for flags that go with another way of running."""
  if config.runner and config.num_workers:
    raise InputError(
      "--num_workers is of runs without --runner; expected the runner's own "
      "option in --beam_options, such as --direct_num_workers=2"
    )
  if config.beam_options and not config.runner:
    raise InputError("--beam_options has a meaning with --runner only")


def prepare(config):
  """Returns (Plan, Encoding, description) of what the flags ask for."""
  inputs = shards.find_inputs(config.input_file, config.input_format)
  tokenizer = load_tokenizer(config)
  settings = instances.Settings(
    **{name: getattr(config, name) for name in instances.Settings._fields}
  )
  split = [
    i.format != "text"
    if config.split_sentences is None
    else config.split_sentences
    for i in inputs
  ]
  paths = shards.shard_paths(
    config.output_file, config.num_shards, inputs, settings.dupe_factor
  )
  plan = shards.Plan(inputs, paths, settings.dupe_factor)
  shaping = dict(
    settings._asdict(),
    do_lower_case=tokenizer.do_lower_case,
    spm_digit_comma_fix=tokenizer.spm_digit_comma_fix,
    split_sentences=config.split_sentences,
    num_shards=len(paths),
    output_file=[os.path.basename(path) for path in paths],
  )
  encoding = shards.Encoding(tokenizer, settings, split)
  return plan, encoding, manifests.describe(plan, shaping, tokenizer)


def run(config, plan, encoding, description, earlier):
  """Writes the shards, here or elsewhere; returns their shards.Outcome."""
  if not config.runner:
    workers = config.num_workers or default_workers(plan)
    return run_here(plan, encoding, description, earlier, workers)
  try:
    from pretraining import beam
  except ImportError as e:
    raise InputError(
      "--runner needs Apache Beam (%s); expected it installed: pip install -r "
      "requirements-beam.txt" % e
    ) from e
  return beam.run(
    plan, encoding, description, config.runner, config.beam_options
  )


def main(_):
  config = flag_groups.values()
  check_runner(config)
  plan, encoding, description = prepare(config)
  earlier = manifests.read_earlier(plan, description)
  if earlier.finished:
    logging.info("Nothing to do: this output is finished (%s)", earlier.path)
    return
  try:
    outcome = run(config, plan, encoding, description, earlier.stripes)
  except OSError as e:  # A full disk, say.
    raise InputError("%s; once mended, the same command goes on" % e) from e
  counts, records, dropped, seconds = outcome
  report = manifests.make_report(plan, counts, dropped, seconds)
  manifests.write_manifest(
    plan, description, encoding.tokenizer.files, records, report
  )
  manifests.log_report(plan, report)
  warn_of_unknown(counts, "all inputs")


if __name__ == "__main__":
  define_flags()
  flag_groups.run(main)
