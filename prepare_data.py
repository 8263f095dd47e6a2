# SPDX-License-Identifier: Apache-2.0
"""Turns a corpus as its owners distribute it into the files that run_* read.

--list shows the data sets, where they are and under what terms. Archives are
read where they lie. What was made is counted against what was published, and
rules, repetitions, contradictions and leaks are reported, in
conversion_report.txt and conversion.json beside the files.
"""

import hashlib
import json
import os
import textwrap

from absl import flags

from common import files
from common import flag_groups
from common.errors import InputError
from converters import bc2gm
from converters import bc4chemd
from converters import bc5cdr
from converters import bioasq
from converters import biosses
from converters import chemprot
from converters import ddi
from converters import euadr
from converters import gad
from converters import hoc
from converters import i2b2
from converters import jnlpba
from converters import linnaeus
from converters import mednli
from converters import medsts
from converters import ncbi_disease
from converters import s800
from converters import shareclefe
from converters.shared import archives
from converters.shared import corpus
from converters.shared import quality

CONVERTERS = (
  shareclefe,
  bc2gm,
  bc4chemd,
  bc5cdr,
  jnlpba,
  linnaeus,
  ncbi_disease,
  s800,
  gad,
  euadr,
  chemprot,
  ddi,
  i2b2,
  biosses,
  medsts,
  mednli,
  hoc,
  bioasq,
)
# The converter of each data set.
DATA_SETS = {
  name: converter
  for converter in CONVERTERS
  for name in converter.INFO.data_sets
}
LAYOUTS = ("biobert", "blue", "blurb")
# What the training set can do without: {flag: (function, what it drops)}.
DROPS = {
  "drop_leaks": (
    quality.without_leaks,
    "texts of the test set left out",
  ),
  "drop_contradictions": (
    quality.without_contradictions,
    "texts with several labels left out",
  ),
}
# What is written beside the data.
REPORT, RECORD = "conversion_report.txt", "conversion.json"


def listing():
  """Returns what --list prints."""
  lines = []
  for converter in CONVERTERS:
    info = converter.INFO
    lines.append("%s (%s)" % (", ".join(info.data_sets), info.task))
    for label, text in (
      ("what", info.title),
      ("home", info.home),
      ("terms", info.licence),
      ("download", info.download),
      ("layouts", ", ".join(info.layouts)),
    ):
      lines += textwrap.wrap(
        text,
        80,
        initial_indent="  %-10s" % (label + ":"),
        subsequent_indent=" " * 12,
        break_long_words=False,
        break_on_hyphens=False,
      )
    lines.append("")
  return "\n".join(lines)


def convert(config):
  """Returns ({file name: text}, corpus.Report, SHA-256 of what was read)."""
  converter, options = DATA_SETS[config.dataset], options_of(config)
  source = archives.Source(config.input_dir)
  report = corpus.Report(converter.INFO, options)
  found = converter.convert(source, options, report)
  corpus.tally(found, report)
  report.check(source.folder)
  report.examine(found)
  for flag, (drop, rule) in DROPS.items():
    if getattr(config, flag):
      found = reduced(found, drop, "--%s: %s" % (flag, rule), report)
  texts = dict(converter.write(found, options), **report.attachments)
  return texts, report, source.digest()


def options_of(config):
  """Returns the corpus.Options that the flags ask for, or raises InputError."""
  layouts = DATA_SETS[config.dataset].INFO.layouts
  if config.layout and config.layout not in layouts:
    raise InputError(
      "--layout=%s: %s comes in the layouts %s"
      % (config.layout, config.dataset, ", ".join(layouts))
    )
  return corpus.Options(
    config.dataset,
    config.layout or layouts[0],
    config.alternatives,
    config.allow_incomplete,
  )


def reduced(found, drop, rule, report):
  """Returns a corpus of whose training sets a function drops something.

  Args:
    found: the corpus, folds or not.
    drop: from quality; gives what is kept of one fold, and how many are not.
    rule: what is dropped, for the report.
    report: a corpus.Report.
  """
  kept = {}
  for fold, splits in corpus.folds_of(found):
    name = "train" if fold is None else "%s/train" % fold
    kept[fold], count = drop(splits)
    report.rule(rule, name, count)
  return kept.get(None, kept)


def check_folder(folder, options):
  """Raises InputError if a folder holds another data set."""
  path = os.path.join(folder, RECORD)
  try:
    before = json.loads(files.read(path).decode("utf-8"))
  except (OSError, ValueError):
    return
  if not isinstance(before, dict):
    return
  held = "%s in the layout %s" % (before.get("dataset"), before.get("layout"))
  asked = "%s in the layout %s" % (options.dataset, options.layout)
  if held != asked:
    raise InputError(
      "%s: holds %s; expected a new folder for %s" % (folder, held, asked)
    )


def with_record(texts, report, digest, flags_given):
  """Returns {file name: text} with the report and the record added."""
  texts = dict(texts)
  texts[REPORT] = report.to_text()
  record = dict(
    report.to_dict(),
    flags=flags_given,
    input_sha256=digest,
    sha256={
      name: hashlib.sha256(text.encode("utf-8")).hexdigest()
      for name, text in sorted(texts.items())
    },
  )
  texts[RECORD] = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
  return texts


def write(folder, texts):
  """Writes all files; they take their names when the last is whole."""
  paths = {os.path.join(folder, name): text for name, text in texts.items()}
  for path in filter(files.is_folder, paths):
    raise InputError("%s: found a folder, expected none there" % path)
  try:
    for path, text in paths.items():
      files.make_folder(os.path.dirname(path))
      with files.open_file(path + ".partial", "wb") as f:
        f.write(text.encode("utf-8"))
        files.close_safely(f)
    for path in paths:
      files.rename(path + ".partial", path)
  except OSError as error:
    for path in paths:
      files.remove(path + ".partial")
    raise InputError(
      "%s: cannot be written (%s)" % (folder, error.strerror or error)
    ) from None


def define_flags():
  """The flags of this program."""
  flags.DEFINE_bool("list", False, "Show all data sets and where they are.")
  flags.DEFINE_enum("dataset", None, sorted(DATA_SETS), "Which one.")
  flags.DEFINE_string(
    "input_dir", None, "Folder of what was downloaded, archives or unpacked."
  )
  flags.DEFINE_string("output_dir", None, "Folder for the files made.")
  flags.DEFINE_enum(
    "layout",
    None,
    LAYOUTS,
    "Whose splits and columns. Not given: the first that --list names.",
  )
  flags.DEFINE_bool(
    "drop_leaks",
    False,
    "Leave out of the training set what stands in the test set.",
  )
  flags.DEFINE_bool(
    "drop_contradictions",
    False,
    "Leave out of the training set what it labels in two ways.",
  )
  flags.DEFINE_bool(
    "alternatives",
    False,
    "BC2GM: keep the official alternative spans, for scoring.",
  )
  flags.DEFINE_bool(
    "allow_incomplete",
    False,
    "Convert files that are not the whole corpus, too, or do not fit together; "
    "the report counts what does not.",
  )


def main(_):
  config = flag_groups.values()
  if config.list:
    print(listing())
    return
  for name in ("dataset", "input_dir", "output_dir"):
    if not getattr(config, name):
      raise InputError("--%s is missing; --list shows all data sets" % name)
  check_folder(config.output_dir, options_of(config))
  texts, report, digest = convert(config)
  texts = with_record(texts, report, digest, vars(config))
  write(config.output_dir, texts)
  names = ", ".join(sorted(texts))
  print(texts[REPORT] + "\nWritten to %s: %s" % (config.output_dir, names))


if __name__ == "__main__":
  define_flags()
  flag_groups.run(main)
