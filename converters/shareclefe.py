# SPDX-License-Identifier: Apache-2.0
"""ShARe/CLEF 2013, task 1: disorders in notes (Suominen et al. 2013)."""

import re

from common.errors import InputError
from common.errors import shorten
from common.text import decode
from converters.shared import corpus
from converters.shared import rows
from converters.shared import splits
from converters.shared import tagging
from converters.shared import writers
from formats import annotated
from formats import safe_xml

_TYPE = "Disease_Disorder"
_XML_ENDING = ".knowtator.xml"
_EXPECTED = "note||Disease_Disorder||concept||start||end, the last two repeated"
# {part: (pattern of its notes, of its annotations)}
_PATTERNS = {
  "training": (
    "task1trainsetcorpus199/allreports/*.txt",
    "task1trainsetgold199knowtatorehost/*/*",
  ),
  "test": ("task1testsetcorpus100/allreports/*.txt", "gold_sn2012/*.txt"),
}
# One training note in so many, by name, is for development.
_ONE_IN = 5
# De-identification marks and field separators, which BLUE replaces too.
_MARK = re.compile(r"\[\*\*.*?\*\*\]", re.DOTALL)
_SEPARATORS = re.compile(r"\|\|\|\||_{3,}|~~+")
PUBLISHED = corpus.Published(
  counts={
    "shareclefe": {
      "documents": {"train": 160, "dev": 39},  # 199, see _ONE_IN.
      "mentions": {"train": 4628, "dev": 1075, "test": 5195},
    }
  },
  certain=("documents",),
  because={
    "mentions": "BLUE's development notes were not published as a list; ours "
    "are every fifth training note, by name. We keep one of overlapping "
    "mentions"
  },
  source="BLUE's README; of its 199 training notes we develop on every fifth",
)
write = writers.conll


def convert(source, options, report):
  """Returns the tagged sentences of each split."""
  del options
  training = report.part("train", _read, source, report, "training")
  test = report.part("test", _read, source, report, "test")
  divided = dict(splits.every_nth(training, _ONE_IN), test=test)
  return tagging.tag_all(divided, report, {_TYPE: "Disorder"})


def _read(source, report, what):
  """Returns the notes of a part, in order of name, with their mentions."""
  notes_pattern, gold_pattern = _PATTERNS[what]
  texts, skipping = {}, report.skipping_in(what)
  for file in source.files("%s notes" % what, notes_pattern):
    with skipping(annotated.UNFIT_DOCUMENTS):
      texts[_name(file)] = annotated.Document(
        _name(file), _blanked(file.text()), None, [], [], file.path
      )
  mentions, bare = 0, set(texts)
  for file in source.files("%s annotations" % what, gold_pattern):
    name = _name(file)
    with skipping("annotation files that do not fit (skipped)"):
      rows.check_known(name, texts, file.path)
      bare.discard(name)
      read = _from_xml if file.name.endswith(_XML_ENDING) else _from_lines
      for place, spans in read(file.read(), file.path, name, skipping):
        with skipping(annotated.UNFIT_ANNOTATIONS):
          annotated.add(texts[name], _TYPE, spans, None, place)
          mentions += 1
  if not mentions:
    raise InputError(
      "%s: found no mentions in the %s annotations, expected some"
      % (source.folder, what)
    )
  report.rule("notes without an annotation file", what, len(bare))
  return [texts[name] for name in sorted(texts)]


def _name(file):
  """Returns the name of a note, from its file or its annotation file."""
  name = file.base
  for ending in (_XML_ENDING, ".txt"):
    if name.endswith(ending):
      name = name[: -len(ending)]
  return name


def _blanked(text):
  """Returns a text of the same length without marks and separators."""

  def word(match):
    return (
      "PATTERN".rjust(len(match.group()))
      if len(match.group()) > 6
      else (" " * len(match.group()))
    )

  text = _MARK.sub(word, text)
  return _SEPARATORS.sub(lambda match: " " * len(match.group()), text)


def _from_lines(data, path, name, skipping):
  """Returns (place, spans) of each mention in a file of lines."""
  found = []
  text = decode(data, path)
  if not text.strip():
    return found  # A note without a disorder.
  for place, cells in rows.parse(
    data, path, range(5, 100, 2), _EXPECTED, "||", skipping=skipping
  ):
    with skipping(annotated.UNFIT_LINES):
      if not cells[0].startswith(name) or cells[1] != _TYPE:
        raise InputError(
          "%s: found %s of %s, expected %s of %s"
          % (place, shorten(cells[1]), shorten(cells[0]), _TYPE, name)
        )
      numbers = annotated.offsets(cells[3:], place)
      found.append((place, list(zip(numbers[::2], numbers[1::2]))))
  return found


def _from_xml(data, path, name, skipping):
  """Returns (place, spans) of each mention in Knowtator's XML, from eHOST."""
  del skipping
  root = safe_xml.parse(data, path, "Knowtator's annotations")
  source = root.get("textSource", "")
  if root.tag != "annotations" or not source.startswith(name):
    raise InputError(
      '%s:%d: found <%s textSource="%s">, expected <annotations> of %s'
      % (path, root.sourceline, root.tag, source, name)
    )
  kinds = {
    mention.get("id"): kind.get("id")
    for mention in root.iter("classMention")
    for kind in mention.iter("mentionClass")
  }
  found, named = [], set()
  for annotation in root.iter("annotation"):
    place = safe_xml.place(annotation, path)
    mention = annotation.find("mention")
    name = None if mention is None else mention.get("id")
    if name not in kinds:
      raise InputError(
        "%s: found no <classMention> of %s, expected one per <annotation>"
        % (place, name)
      )
    named.add(name)
    if kinds[name] == _TYPE:
      found.append((place, _spans(annotation, place)))
  lost = sorted(map(str, set(kinds) - named))
  if lost:
    raise InputError(
      "%s:%d: found no <annotation> of %s, expected one per <classMention>"
      % (path, root.sourceline, lost[0])
    )
  return found


def _spans(annotation, place):
  """Returns the spans of an <annotation>."""
  spans = [
    annotated.offsets((span.get("start", ""), span.get("end", "")), place)
    for span in annotation.iter("span")
  ]
  if not spans:
    raise InputError("%s: found no <span>, expected one" % place)
  return spans
