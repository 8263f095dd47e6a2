# SPDX-License-Identifier: Apache-2.0
"""i2b2/VA 2010: relations in clinical notes (Uzuner et al. 2011)."""

import itertools
import re

from common.errors import InputError
from common.errors import shorten
from common.text import split_lines
from converters.shared import corpus
from converters.shared import examples
from converters.shared import marking
from converters.shared import rows
from converters.shared import splits
from converters.shared import writers
from formats import annotated

_RELATIONS = ("PIP", "TeCP", "TeRP", "TrAP", "TrCP", "TrIP", "TrNAP", "TrWP")
_CONCEPTS = ("problem", "test", "treatment")
_NONE = "false"
_NUMBER = r"(\d{1,9})"
_CONCEPT = r'c="(.+?)" %s:%s %s:%s' % ((_NUMBER,) * 4)
_CON_LINE = re.compile(_CONCEPT + r'\|\|t="(\w+)"\s*')
_REL_LINE = re.compile(_CONCEPT + r'\|\|r="(\w+)"\|\|' + _CONCEPT + r"\s*")
_FOLDERS = {
  "training": ("beth", "partners"),
  "test": ("reference_standard_for_test_data", "test_data"),
}
_TOKEN = re.compile(r"\S+|^(?=\s)")
# One training note in so many, by name, is for development.
_ONE_IN = 10
_TOGETHER = "relations of train and dev"
PUBLISHED = corpus.Published(
  counts={
    "i2b2": {
      "relations": {"train": 3110, "dev": 11, "test": 6293},
      _TOGETHER: {"train": 3121},
    }
  },
  because={
    "relations": "a slip in BLUE's program left its development set with one "
    "note; ours is every tenth training note, by name"
  },
  source="BLUE's README",
)
write = writers.labelled_sentences


def convert(source, options, report):
  """Returns a row for each pair of concepts in the same line of a note."""
  del options
  training = report.part("train", _read, source, report, "training")
  test = report.part("test", _read, source, report, "test")
  parts = dict(splits.every_nth(training, _ONE_IN), test=test)
  divided = {
    split: [row for note in notes for row in _rows(note, split, report)]
    for split, notes in parts.items()
  }
  for split, found in divided.items():
    number = sum(row.label != _NONE for row in found)
    report.count("relations", split, number)
    if split != "test":
      report.count(_TOGETHER, "train", number)
  return divided


def _read(source, report, what):
  """Returns the notes by name as annotated.Documents, a sentence per line."""
  files, folders = {}, _FOLDERS[what]
  for kind, ending in (("txt", "txt"), ("concept*", "con"), ("rel", "rel")):
    patterns = ["%s/%s/*.%s" % (f, kind, ending) for f in folders]
    patterns += ["%s/*.%s" % (f, ending) for f in folders]
    for file in source.files("%s notes, .%s" % (what, ending), *patterns):
      files.setdefault(file.stem, {})[ending] = file
  notes = []
  for name in sorted(files):
    with report.skipping(annotated.UNFIT_DOCUMENTS, what):
      for ending in sorted({"txt", "con", "rel"}.difference(files[name])):
        raise InputError(
          "%s: found no %s.%s beside %s, expected .txt, .con and .rel for each "
          "note" % (source.folder, name, ending, min(files[name].values()).path)
        )
      notes.append(_note(name, files[name], report))
  return notes


def _note(name, files, report):
  text = files["txt"].text()
  lines = text.split("\n")
  mentions, relations = {}, []
  expected = 'c="..." 1:0 1:2||t="..."'
  for place, match in _matches(files["con"], _CON_LINE, expected, report):
    if match.group(2) != match.group(4):
      report.rule("concepts over several lines (left out)", "all")
      continue
    with report.skipping(annotated.UNFIT_ANNOTATIONS):
      mention = _mention(lines, match, place)
      if mentions.setdefault(mention.id, mention) is not mention:
        report.rule("repeated concepts (kept the first)", "all")
  expected = 'c="..." 1:0 1:2||r="..."||c="..." 1:4 1:5'
  for place, match in _matches(files["rel"], _REL_LINE, expected, report):
    ends = [_id(match.groups()[1:5]), _id(match.groups()[7:11])]
    if match.group(2, 8) != match.group(4, 10):
      report.rule("relations of concepts over several lines (left out)", "all")
      continue
    with report.skipping("relations that do not fit (skipped)"):
      rows.check_one_of(match.group(6), _RELATIONS, "relation", place)
      for end in ends:
        if end not in mentions:
          raise InputError(
            "%s: found a relation of a concept at %s, expected one in %s"
            % (place, end, files["con"].path)
          )
      relations.append(annotated.Relation("", match.group(6), *ends, place))
  return annotated.Document(
    name, text, None, list(mentions.values()), relations, files["txt"].path
  )


def _matches(file, pattern, expected, report):
  for number, line in enumerate(split_lines(file.read(), file.path), 1):
    place = "%s:%d" % (file.path, number)
    if not line.strip():
      continue
    match = pattern.fullmatch(line.rstrip("\r"))
    with report.skipping(annotated.UNFIT_LINES):
      if not match:
        raise InputError(
          "%s: found %s, expected %s" % (place, shorten(line, 60), expected)
        )
    if match:
      yield place, match


def _id(numbers):
  return "%s:%s %s:%s" % tuple(numbers)


def _mention(lines, match, place):
  """Returns the Mention of a concept, given by its line and two tokens.

  Lines count from 1, tokens from 0; the last token belongs to the concept.
  White space of any length separates tokens; a line that starts with it has an
  empty token 0, as in BLUE.
  """
  said, kind, numbers = match.group(1), match.group(6), match.groups()[1:5]
  rows.check_one_of(kind, _CONCEPTS, "type", place)
  line, first, _, last = map(int, numbers)
  if not 1 <= line <= len(lines):
    raise InputError(
      "%s: found a concept in line %d, expected one of the %d lines of its note"
      % (place, line, len(lines))
    )
  offset = sum(len(text) + 1 for text in lines[: line - 1])
  spans = [m.span() for m in _TOKEN.finditer(lines[line - 1])]
  if not first <= last < len(spans):
    raise InputError(
      "%s: found tokens %d to %d, expected some of the %d in line %d"
      % (place, first, last, len(spans), line)
    )
  start, end = spans[first][0], spans[last][1]
  text = lines[line - 1][start:end]
  if "".join(text.lower().split()) != "".join(said.lower().split()):
    raise InputError(
      "%s: found %s at line %d, tokens %d to %d, expected %s there"
      % (place, shorten(text), line, first, last, shorten(said))
    )
  span = (offset + start, offset + end)
  return annotated.Mention(_id(numbers), kind, (span,), text, place)


def _rows(note, split, report):
  labels = {}
  for relation in note.relations:
    key = frozenset((relation.first, relation.second))
    labels.setdefault(key, []).append(relation.type)
  found, offset = [], 0
  by_line = _by_line(note)
  for number, line in enumerate(note.text.split("\n"), 1):
    mentions = by_line.get(number, [])
    for first, second in itertools.combinations(mentions, 2):
      if first.type == second.type != "problem":
        continue  # The task defines no relation for them.
      kinds = sorted(set(labels.pop(frozenset((first.id, second.id)), [])))
      report.rule(
        "pairs with several relations (a row each)", split, len(kinds) > 1
      )
      text = marking.mark(
        note.text, offset, offset + len(line), first, second, lambda m: m.type
      )
      for kind in kinds or [_NONE]:
        name = "%s.%d.%s.%s" % (note.id, number, _token(first), _token(second))
        found.append(examples.Row(name, note.id, (text,), kind))
    offset += len(line) + 1
  report.rule(
    "relations of concepts that form no pair, by type or by line (skipped)",
    split,
    sum(map(len, labels.values())),
  )
  return found


def _by_line(note):
  """Returns {line number: its concepts in order}."""
  groups = {}
  for mention in sorted(note.mentions, key=annotated.extent):
    groups.setdefault(int(mention.id.split(":")[0]), []).append(mention)
  return groups


def _token(mention):
  return mention.id.split(" ")[0].split(":")[1]
