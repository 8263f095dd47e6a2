# SPDX-License-Identifier: Apache-2.0
"""Converts a corpus, as its owners distribute it, to the files of run_*.py.

--list shows the data sets, where to get them and their licences; --dataset=own
converts your own corpus. Archives need not be unpacked. conversion_report.txt
and conversion.json, beside the files, compare the counts with those published
and list the rules applied, repeated and contradictory texts, and texts of the
test set in the training set.
"""

from absl import flags

from common import data_sets
from common import flag_groups

LAYOUTS = ("biobert", "blue", "blurb")
# For one's own corpus.
FORMATS = ("auto", "brat", "bioc", "pubtator", "conll")
TASKS = ("ner", "re")


def define_flags():
  """Defines the flags of this program."""
  flags.DEFINE_bool(
    "list", False, "Show all data sets, where to get them and their licences."
  )
  names = sorted(data_set.name for data_set in data_sets.converted())
  flags.DEFINE_enum(
    "dataset",
    None,
    names + ["own"],
    "The data set; own stands for your own corpus.",
  )
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
  _define_own_flags()


def _define_own_flags():
  """Defines the flags of --dataset=own; None stands for their defaults."""
  flags.DEFINE_enum(
    "input_format",
    None,
    FORMATS,
    "own: format of the files in --input_dir. Default: auto, by their content.",
  )
  flags.DEFINE_enum(
    "task",
    None,
    TASKS,
    "own: ner makes files for run_ner.py, re for run_re.py. Default: ner.",
  )
  flags.DEFINE_list(
    "types",
    None,
    "own: types of entities, separated by commas; relations connect two of "
    "them. Default: all.",
  )
  for split in ("test", "dev"):
    flags.DEFINE_float(
      split + "_fraction",
      None,
      "own: share of the documents to draw as the %s set; 0: none. Default: "
      "0.1, or 0 if folders or files are named train, dev or test." % split,
      lower_bound=0.0,
      upper_bound=1.0,
    )
  flags.DEFINE_integer(
    "seed",
    None,
    "own: seed of that draw. Default: 12345.",
    lower_bound=0,
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
from converters import own
from converters import s800
from converters import shareclefe
from converters.shared import archives
from converters.shared import corpus
from converters.shared import quality
from converters.shared import writers

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
# Flags of the data sets above, and of one's own corpus.
OF_DATA_SETS = ("layout", "alternatives")
OF_OWN = own.Choices._fields
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
  lines += textwrap.wrap(
    "own (named entities or relations): your own corpus in brat, BioC, "
    "PubTator or typed CoNLL; see docs/corpora.md",
    80,
  )
  return "\n".join(lines)


def find_data_set(dataset, choices):
  """Returns a data_sets.DataSet by its name; `choices` are own.Choices."""
  if dataset == own.NAME:
    return own.data_set(choices.task)
  return data_sets.find(dataset)


def make_options(dataset, layout, alternatives, allow_incomplete, choices=None):
  """Returns corpus.Options; no layout stands for the data set's first.

  Raises:
    InputError: the data set does not have this layout.
  """
  layouts = find_data_set(dataset, choices).layouts
  if layout and layout not in layouts:
    raise InputError(
      "--layout=%s: %s has no such layout, expected one of %s"
      % (layout, dataset, ", ".join(layouts))
    )
  return corpus.Options(
    dataset, layout or layouts[0], alternatives, allow_incomplete, choices
  )


def read_options(config):
  """Returns the corpus.Options that flags give; InputError if they lack any."""
  for name in ("dataset", "input_dir", "output_dir"):
    if not getattr(config, name):
      raise InputError("--%s is missing; --list shows all data sets" % name)
  return make_options(
    config.dataset,
    config.layout,
    config.alternatives,
    config.allow_incomplete,
    read_choices(config),
  )


def read_choices(config):
  """Returns the own.Choices that flags give; None for another data set.

  Raises:
    InputError: there are flags of the other kind of data set.
  """
  is_own = config.dataset == own.NAME
  for name in OF_DATA_SETS if is_own else OF_OWN:
    value = getattr(config, name)
    if value is not None and value is not False:  # 0 is a value too.
      raise InputError(
        "--%s: found it with --dataset=%s, expected it %s --dataset=own only"
        % (name, config.dataset, "without" if is_own else "with")
      )
  if not is_own:
    return None
  given = {
    name: getattr(config, name)
    for name in OF_OWN
    if getattr(config, name) is not None
  }
  return own.DEFAULTS._replace(**given)


def convert(folder, options, drops):
  """Converts the corpus in a folder; `drops` are keys of DROPS.

  Returns ({file name: text}, corpus.Report, SHA-256 of the files read).
  """
  converter = CONVERTERS.get(options.dataset, own)
  source = archives.Source(folder)
  data_set = find_data_set(options.dataset, options.own)
  report = corpus.Report(data_set, converter.PUBLISHED, options)
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


def check_leftovers(folder, texts):
  """Raises InputError if a folder has a split that no text replaces."""
  known = set(writers.NER_NAMES.values()) | set(writers.NAMES.values())
  for name in sorted(known.difference(texts)):
    path = os.path.join(folder, name)
    if files.exists(path):
      raise InputError(
        "%s: found a file of an earlier conversion, but this one makes no such "
        "set; expected a new folder, or none there" % path
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
  options = read_options(config)
  drops = [name for name in DROPS if getattr(config, name)]
  with files.locked(config.output_dir):
    check_folder(config.output_dir, options)
    texts, report, digest = convert(config.input_dir, options, drops)
    check_leftovers(config.output_dir, texts)
    texts = add_record(texts, report, digest, vars(config))
    write(config.output_dir, texts)
  names = ", ".join(sorted(texts))
  print("%s\nWrote to %s: %s" % (texts[REPORT], config.output_dir, names))
  if options.own:
    command = own.next_command(options.own.task, texts, config.output_dir)
    print("Next: " + command)


if __name__ == "__main__":
  flag_groups.run(main)
