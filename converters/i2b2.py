# SPDX-License-Identifier: Apache-2.0
"""i2b2/VA 2010: relations in clinical notes (Uzuner et al. 2011)."""

import itertools
import re

from common.errors import InputError
from common.errors import shorten
from common.text import decode
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
  training = _read(source, report, "training", ("beth", "partners"))
  test = _read(
    source, report, "test", ("reference_standard_for_test_data", "test_data")
  )
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


def _read(source, report, what, folders):
  """Returns the notes by name as annotated.Documents, a sentence per line."""
  files = {}
  for kind, ending in (("txt", "txt"), ("concept*", "con"), ("rel", "rel")):
    patterns = ["%s/%s/*.%s" % (f, kind, ending) for f in folders]
    patterns += ["%s/*.%s" % (f, ending) for f in folders]
    for file in source.files("%s notes, .%s" % (what, ending), *patterns):
      files.setdefault(file.stem, {})[ending] = file
  for name, found in files.items():
    for ending in ("txt", "con", "rel"):
      if ending not in found:
        raise InputError(
          "%s: found no %s.%s beside %s, expected .txt, .con and .rel for each "
          "note"
          % (source.folder, name, ending, next(iter(found.values())).path)
        )
  return [_note(name, files[name], report) for name in sorted(files)]


def _note(name, files, report):
  text = files["txt"].text()
  lines = text.split("\n")
  mentions, relations = {}, []
  for place, match in _matches(
    files["con"], _CON_LINE, 'c="..." 1:0 1:2||t="..."'
  ):
    said, kind = match.group(1), match.group(6)
    rows.check_one_of(kind, _CONCEPTS, "type", place)
    mention = _mention(lines, match.groups()[1:5], said, kind, place, report)
    if mentions.setdefault(mention.id, mention) is not mention:
      report.rule("repeated concepts (kept the first)", "all")
  expected = 'c="..." 1:0 1:2||r="..."||c="..." 1:4 1:5'
  for place, match in _matches(files["rel"], _REL_LINE, expected):
    kind = match.group(6)
    rows.check_one_of(kind, _RELATIONS, "relation", place)
    ends = [_id(match.groups()[1:5]), _id(match.groups()[7:11])]
    strange = [end for end in ends if end not in mentions]
    if strange:
      report.tolerate(
        "relations of missing concepts (skipped)",
        InputError(
          "%s: found a relation of a concept at %s, expected one in %s"
          % (place, strange[0], files["con"].path)
        ),
      )
    else:
      relations.append(annotated.Relation("", kind, *ends, place))
  return annotated.Document(
    name, text, None, list(mentions.values()), relations, files["txt"].path
  )


def _matches(file, pattern, expected):
  for number, line in enumerate(decode(file.read(), file.path).split("\n"), 1):
    place = "%s:%d" % (file.path, number)
    if line.strip():
      match = pattern.fullmatch(line.rstrip("\r"))
      if not match:
        raise InputError(
          "%s: found %s, expected %s" % (place, shorten(line, 60), expected)
        )
      yield place, match


def _id(numbers):
  return "%s:%s %s:%s" % tuple(numbers)


def _mention(lines, numbers, said, kind, place, report):
  """Returns the Mention of a concept, given by its line and two tokens.

  Lines count from 1, tokens from 0; the last token belongs to the concept. A
  line that starts with a blank has an empty token 0.
  """
  line, first, last_line, last = map(int, numbers)
  if line != last_line or not 1 <= line <= len(lines):
    raise InputError(
      "%s: found a concept from line %d to line %d, expected one of the %d "
      "lines of its note" % (place, line, last_line, len(lines))
    )
  offset = sum(len(text) + 1 for text in lines[: line - 1])
  spans = [
    m.span() for m in re.finditer(r"[^ ]+|^(?= )|(?<= )(?= )", lines[line - 1])
  ]
  if not first <= last < len(spans):
    raise InputError(
      "%s: found tokens %d to %d, expected some of the %d in line %d"
      % (place, first, last, len(spans), line)
    )
  start, end = spans[first][0], spans[last][1]
  text = lines[line - 1][start:end]
  if "".join(text.lower().split()) != "".join(said.lower().split()):
    report.tolerate(
      "concepts whose text differs from their tokens (took the tokens)",
      InputError(
        "%s: found %s at line %d, tokens %d to %d, expected %s there"
        % (place, shorten(text), line, first, last, shorten(said))
      ),
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
