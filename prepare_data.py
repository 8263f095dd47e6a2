# SPDX-License-Identifier: Apache-2.0
"""Converts a corpus, as its owners distribute it, to the files of run_*.py.

--list shows the data sets, where to get them and their licences. Archives need
not be unpacked. conversion_report.txt and conversion.json, beside the files,
compare the counts with those published and list the rules applied, repeated
and contradictory texts, and texts of the test set in the training set.
"""

from absl import flags

from common import data_sets
from common import flag_groups

LAYOUTS = ("biobert", "blue", "blurb")


def define_flags():
  """Defines the flags of this program."""
  flags.DEFINE_bool(
    "list", False, "Show all data sets, where to get them and their licences."
  )
  names = sorted(data_set.name for data_set in data_sets.converted())
  flags.DEFINE_enum("dataset", None, names, "The data set.")
  flags.DEFINE_string(
    "input_dir",
    None,
    "Folder of the downloaded corpus: archives or unpacked files; --list shows "
    "which.",
  )
  flags.DEFINE_string("output_dir", None, "Folder for the converted files.")
  flags.DEFINE_enum(
    "layout",
    None,
    LAYOUTS,
    "The benchmark whose splits and columns to follow. Default: the first one "
    "that --list shows for the data set.",
  )
  flags.DEFINE_bool(
    "drop_leaks", False, "Remove texts of the test set from the training set."
  )
  flags.DEFINE_bool(
    "drop_contradictions",
    False,
    "Remove texts from the training set that have several labels there.",
  )
  flags.DEFINE_bool(
    "alternatives",
    False,
    "BC2GM: also write the official alternative spans, for "
    "scripts/bc2gm_score.py.",
  )
  flags.DEFINE_bool(
    "allow_incomplete",
    False,
    "Leave out what is missing or does not fit, in every data set; the report "
    "counts it and shows the first places.",
  )


if __name__ == "__main__":  # Before the imports that take seconds.
  flag_groups.parse(define_flags)

import hashlib
import os
import textwrap

from common import files
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

CONVERTERS = {
  "shareclefe": shareclefe,
  "bc2gm": bc2gm,
  "bc4chemd": bc4chemd,
  "bc5cdr-chem": bc5cdr,
  "bc5cdr-disease": bc5cdr,
  "jnlpba": jnlpba,
  "linnaeus": linnaeus,
  "ncbi-disease": ncbi_disease,
  "s800": s800,
  "gad": gad,
  "euadr": euadr,
  "chemprot": chemprot,
  "ddi": ddi,
  "i2b2": i2b2,
  "biosses": biosses,
  "medsts": medsts,
  "mednli": mednli,
  "hoc": hoc,
  "bioasq-4b": bioasq,
  "bioasq-5b": bioasq,
  "bioasq-6b": bioasq,
}
# Examples to remove from the training set: {flag: (function, name of the
# rule)}.
DROPS = {
  "drop_leaks": (
    quality.without_leaks,
    "texts of the test set (removed by --drop_leaks)",
  ),
  "drop_contradictions": (
    quality.without_contradictions,
    "texts with several labels (removed by --drop_contradictions)",
  ),
}
REPORT, RECORD = "conversion_report.txt", "conversion.json"


def describe_data_sets():
  """Returns the text that --list prints."""
  lines = []
  for data_set in data_sets.converted():
    task = data_sets.TASKS[data_set.task].title
    lines.append("%s (%s)" % (data_set.name, task))
    for label, text in (
      ("corpus", data_set.title),
      ("page", data_set.home),
      ("licence", data_set.licence),
      ("input", data_set.input_files),
      ("layouts", ", ".join(data_set.layouts)),
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


def make_options(dataset, layout, alternatives, allow_incomplete):
  """Returns corpus.Options; no layout stands for the data set's first.

  Raises:
    InputError: the data set does not have this layout.
  """
  layouts = data_sets.find(dataset).layouts
  if layout and layout not in layouts:
    raise InputError(
      "--layout=%s: %s has no such layout, expected one of %s"
      % (layout, dataset, ", ".join(layouts))
    )
  return corpus.Options(
    dataset, layout or layouts[0], alternatives, allow_incomplete
  )


def convert(folder, options, drops):
  """Converts the corpus in a folder; `drops` are keys of DROPS.

  Returns ({file name: text}, corpus.Report, SHA-256 of the files read).
  """
  converter = CONVERTERS[options.dataset]
  source = archives.Source(folder)
  report = corpus.Report(
    data_sets.find(options.dataset), converter.PUBLISHED, options
  )
  found = converter.convert(source, options, report)
  corpus.tally(found, report)
  report.check(source.folder)
  report.examine(found)
  for name in drops:
    found = drop(found, *DROPS[name], report=report)
  texts = dict(converter.write(found, options), **report.attachments)
  return texts, report, source.digest()


def drop(found, function, rule, report):
  """Returns a corpus without the training examples that a function drops."""
  kept = {}
  for fold, splits in corpus.folds_of(found):
    name = "train" if fold is None else "%s/train" % fold
    kept[fold], count = function(splits)
    report.rule(rule, name, count)
  return kept.get(None, kept)


def check_folder(folder, options):
  """Raises InputError if an output folder holds another data set."""
  path = os.path.join(folder, RECORD)
  try:
    before = files.read_json(path, shape={"dataset": str, "layout": str})
  except InputError:  # A new folder, or a damaged record.
    return
  old = "%s in the layout %s" % (before.get("dataset"), before.get("layout"))
  new = "%s in the layout %s" % (options.dataset, options.layout)
  if old != new:
    raise InputError(
      "%s: holds %s; expected a new folder for %s" % (folder, old, new)
    )


def add_record(texts, report, digest, flags_given):
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
  texts[RECORD] = files.json_text(record)
  return texts


def write(folder, texts):
  """Writes all files, or none: they get their names after the last is written.

  Raises:
    InputError: a file cannot be written.
  """
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


def main(_):
  config = flag_groups.values()
  if config.list:
    print(describe_data_sets())
    return
  for name in ("dataset", "input_dir", "output_dir"):
    if not getattr(config, name):
      raise InputError("--%s is missing; --list shows all data sets" % name)
  options = make_options(
    config.dataset, config.layout, config.alternatives, config.allow_incomplete
  )
  drops = [name for name in DROPS if getattr(config, name)]
  with files.locked(config.output_dir):
    check_folder(config.output_dir, options)
    texts, report, digest = convert(config.input_dir, options, drops)
    texts = add_record(texts, report, digest, vars(config))
    write(config.output_dir, texts)
  names = ", ".join(sorted(texts))
  print("%s\nWrote to %s: %s" % (texts[REPORT], config.output_dir, names))


if __name__ == "__main__":
  flag_groups.run(main)
