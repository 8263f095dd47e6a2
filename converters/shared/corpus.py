# SPDX-License-Identifier: Apache-2.0
"""The contract of a converter, and the report on a conversion.

A module of converters/ has PUBLISHED, a Published, and two functions:
  convert(source, options, report): returns the examples of each split,
    {"train": [...], "dev": [...], "test": [...]} of examples.Tagged or
    examples.Row; or {"1": such a dict, ...} where there are folds. Counts in
    the Report what it found and which rules it applied.
  write(corpus, options): returns {file name: text} of these examples; most
    converters use a function of `writers`.
"""

import collections
import contextlib
import functools
import textwrap

from common.errors import InputError
from common.errors import shorten
from converters.shared import archives
from converters.shared import examples
from converters.shared import quality
from formats import annotated

# What was published about the size of a corpus:
#   counts   {data set: {what: {split: count}}}; "data set/layout" where layouts
#            differ
#   source   who published them
#   certain  the counts that the owners' files must reproduce exactly
#   because  {what: why our count differs}
Published = collections.namedtuple("Published", "counts source certain because")
Published.__new__.__defaults__ = ((), {})
# `own` has the choices for a corpus of one's own, see own.py.
Options = collections.namedtuple(
  "Options",
  "dataset layout alternatives allow_incomplete own",
  defaults=(None,),
)
COPIES = "duplicate documents (skipped)"  # A rule of several readers.
_MAX_SHOWN = 60  # characters of a text in the report
_MAX_PLACES = 3  # messages of a rule in the report


class Report:
  """Collects the counts and findings of a conversion and formats them."""

  def __init__(self, data_set, published, options):
    self.data_set = data_set
    self.options = options
    self.expected = _expected(published, options)  # {what: {split: count}}
    self.published = published
    self.counts = {}  # {what: {split: count}}
    self.rules = {}  # {what happened: {split: count}}
    self.places = {}  # {what did not fit: its first messages}
    self.reasons = dict(published.because)  # {what: why our count differs}
    self.notes = []  # sentences
    self.lacks_files = False
    self.attachments = {}  # {file name: text} to write beside the data
    self.findings = []  # (fold or None, quality.Finding)

  def count(self, what, split, number):
    """Adds to a count of the data set."""
    row = self.counts.setdefault(what, {})
    row[split] = row.get(split, 0) + number

  def rule(self, what, split, number=1):
    """Adds to the count of how often a rule was applied."""
    if number:
      row = self.rules.setdefault(what, {})
      row[split] = row.get(split, 0) + number

  @contextlib.contextmanager
  def skipping(self, what, split="all"):
    """Counts an InputError of its block as a rule; see --allow_incomplete.

    Without that flag, the error goes through and names it. The one way in which
    converters and readers leave out what does not fit.
    """
    try:
      yield
    except InputError as error:
      if self.options.allow_incomplete:
        self.leave_out(what, error, split)
      elif "--allow_incomplete" in str(error):
        raise
      else:
        hint = "; pass --allow_incomplete to count it and go on"
        raise InputError(str(error) + hint) from None

  def leave_out(self, what, error, split="all"):
    """Counts a rule that leaves something out, and keeps the error to show."""
    self.rule(what, split)
    places = self.places.setdefault(what, [])
    if len(places) < _MAX_PLACES:
      places.append(_printable(str(error)))

  def skipping_in(self, split):
    """Returns `skipping` for a split, as the readers in formats/ take it."""
    return functools.partial(self.skipping, split=split)

  def without_repeats(self, documents, split):
    """Returns documents without exact copies, and counts the copies."""
    skipping = self.skipping_in(split)
    kept, copies = annotated.without_repeats(documents, skipping)
    self.rule(COPIES, split, copies)
    return kept

  def part(self, split, read, *args):
    """Returns read(*args); [] with --allow_incomplete if a file is missing."""
    try:
      return read(*args)
    except archives.Missing as error:
      if not self.options.allow_incomplete:
        raise
      self.note("The %s set is empty: %s" % (split, error))
      self.lacks_files = True
      return []

  def explain(self, what, lost, reason):
    """Explains a count that is lower than published by {split: number}.

    What that does not explain keeps its published reason.
    """
    found = self.counts.get(what, {})
    missing = {
      split: number - found.get(split, 0)
      for split, number in self.expected.get(what, {}).items()
    }
    lost = {split: number for split, number in lost.items() if number}
    if lost:
      self.reasons[what] = "%s: %s" % (reason, _splits(lost))
    if lost and lost != {s: n for s, n in missing.items() if n}:
      self.reasons[what] += "; the rest: " + self.published.because[what]

  def note(self, sentence):
    """Adds a sentence."""
    self.notes.append(_printable(sentence))

  def attach(self, name, text):
    """Adds a file to write beside the data."""
    self.attachments[name] = text

  def check(self, place):
    """Raises InputError if a count differs from what was published for sure.

    With --allow_incomplete, only if files are missing and nothing is left.
    """
    if self.options.allow_incomplete:
      if self.lacks_files and not any(self.counts["documents"].values()):
        raise InputError(
          "%s: found nothing of %s, expected %s"
          % (place, self.options.dataset, self.data_set.input_files)
        )
      self._doubt_offsets()
      return
    for what in self.published.certain:
      expected = self.expected.get(what, {})
      found = self.counts.get(what, {})
      for split in expected:
        if found.get(split, 0) != expected[split]:
          raise InputError(
            "%s: found %d %s for the %s set, expected %d as published (%s): "
            "the files are not the whole corpus; pass --allow_incomplete to "
            "convert them anyway"
            % (
              place,
              found.get(split, 0),
              what,
              split,
              expected[split],
              self.published.source,
            )
          )

  def _doubt_offsets(self):
    """Notes if most annotations were left out."""
    left_out = sum(self.rules.get(annotated.UNFIT_ANNOTATIONS, {}).values())
    kept = self.counts.get("mentions", {})  # Not counted for relations.
    if kept and left_out > sum(kept.values()):
      self.note(
        "Most annotations do not fit and were left out: do their offsets count "
        "from 1, or bytes instead of characters?"
      )

  def examine(self, corpus):
    """Finds repetitions, contradictions and leaks, fold by fold."""
    for fold, splits in folds_of(corpus):
      self.findings += [(fold, f) for f in quality.findings(splits)]

  def to_dict(self):
    """Returns the report as a dict for JSON."""
    return {
      "dataset": self.options.dataset,
      "layout": self.options.layout,
      "counts": self.counts,
      "published": self.expected,
      "published_by": self.published.source,
      "rules": self.rules,
      "places": self.places,
      "notes": self.notes,
      "findings": [
        dict(finding._asdict(), fold=fold) for fold, finding in self.findings
      ],
    }

  def to_text(self):
    """Returns the report as text."""
    lines = [
      "%s (%s), layout %s"
      % (self.options.dataset, self.data_set.title, self.options.layout)
    ]
    lines += _table(self.counts, self.expected)
    lines += _differences(self)
    if self.rules:
      lines += ["", "Rules, and how often they applied:"]
    for what, row in self.rules.items():
      lines.append("  %s: %s" % (what, _splits(row)))
      lines += ["    " + message for message in self.places.get(what, ())]
    found = [(fold, f) for fold, f in self.findings if f.count]
    lines += ["", "Texts, compared in lower case:" if found else ""]
    lines += [_sentence(fold, finding) for fold, finding in found]
    if self.findings and not found:
      lines[-1] = "No text is repeated, contradictory or in two sets."
    lines += [""] * bool(self.notes) + self.notes
    return "\n".join(lines).rstrip("\n") + "\n"


def folds_of(corpus):
  """Returns [(fold's name or None, {split: examples})]."""
  if set(corpus) <= set(examples.SPLITS):
    return [(None, corpus)]
  return list(corpus.items())


def tally(corpus, report):
  """Counts documents, sentences or rows, mentions and labels in a Report."""
  found = [
    (split if fold is None else "%s/%s" % (fold, split), rows)
    for fold, splits in folds_of(corpus)
    for split, rows in splits.items()
  ]
  first = next((rows[0] for _, rows in found if rows), None)
  is_tagged = isinstance(first, examples.Tagged)
  for name, rows in found:
    (_tally_tagged if is_tagged else _tally_rows)(rows, name, report)


def _expected(published, options):
  """Returns {what: {split: count}} of a data set in a layout."""
  name = options.dataset
  return published.counts.get(
    "%s/%s" % (name, options.layout), published.counts.get(name, {})
  )


def _tally_tagged(rows, split, report):
  report.count("documents", split, len({row.document for row in rows}))
  report.count("sentences", split, len(rows))
  report.count("words", split, sum(len(row.words) for row in rows))
  kinds = collections.Counter(
    label for row in rows for label in row.labels if label[0] == "B"
  )
  report.count("mentions", split, sum(kinds.values()))
  bare = {row.document for row in rows} - {
    row.document for row in rows if set(row.labels) != {"O"}
  }
  report.count("documents without a mention", split, len(bare))
  if set(kinds) != {"B"}:  # They are typed.
    for kind, number in sorted(kinds.items()):
      report.count("mentions of " + kind[2:], split, number)


def _tally_rows(rows, split, report):
  report.count("documents", split, len({row.document for row in rows}))
  report.count("rows", split, len(rows))
  if report.data_set.task in ("RE", "NLI"):  # The others have no classes.
    labels = collections.Counter(row.label for row in rows)
    for label, number in sorted(labels.items()):
      report.count("label " + label, split, number)


def _table(counts, expected):
  """Returns lines of counts by split, compared with those published."""
  whole = {k: row for k, row in counts.items() if "/" not in "".join(row)}
  splits = list(dict.fromkeys(s for row in whole.values() for s in row))
  width = max(map(len, whole), default=0) + 2
  lines = [" " * width + "".join("%9s" % split for split in splits)]
  for what, row in whole.items():
    line = what.ljust(width)
    line += "".join("%9s" % format(row.get(s, 0), ",") for s in splits)
    if what in expected:
      is_same = _is_same(row, expected[what])
      line += "  as published" if is_same else "  differs, see below"
    lines.append(line)
  return lines + _table_of_folds(counts)


def _table_of_folds(counts):
  """Returns lines of the counts of each fold; their sums mean little."""
  lines = []
  for what, row in counts.items():
    for split in examples.SPLITS:
      numbers = [n for name, n in row.items() if name.endswith("/" + split)]
      if any(numbers):
        lines.append(
          "%s, %s, by fold: %s" % (what, split, " ".join(map(str, numbers)))
        )
  return lines


def _printable(text):
  """Returns a text with bytes of file names that are not UTF-8 escaped."""
  return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _differences(report):
  """Returns lines on the counts that differ from those published, and why."""
  lines = []
  for what, row in report.expected.items():
    if not _is_same(report.counts.get(what, {}), row):
      reason = report.reasons.get(
        what, "no known reason for the difference: are the files complete?"
      )
      lines += _wrapped("%s: %s; %s" % (what, _splits(row), reason), "  ")
  if lines:
    lines = (
      [""] + _wrapped("Published (%s):" % report.published.source, "") + lines
    )
  return lines


def _wrapped(text, indent):
  return textwrap.wrap(
    text,
    80,
    initial_indent=indent,
    subsequent_indent=indent + "  ",
    break_on_hyphens=False,
  )


def _is_same(row, expected):
  return all(row.get(split, 0) == n for split, n in expected.items())


def _splits(row):
  return ", ".join("%s %s" % (s, format(n, ",")) for s, n in row.items())


def _sentence(fold, finding):
  shown = "; ".join(shorten(text, _MAX_SHOWN) for text in finding.where)
  where = "" if fold is None else "fold %s: " % fold
  return "  %s%s %s: %s" % (where, finding.count, finding.kind, shown)
