# SPDX-License-Identifier: Apache-2.0
"""Reads annotated documents in brat's standoff format (.txt and .ann).

  T1<TAB>Chemical 0 8<TAB>Naloxone
  T2<TAB>Disease 10 14;20 28<TAB>left weakness
  R1<TAB>CID Arg1:T1 Arg2:T2

Offsets count characters of the .txt file; the end is exclusive.
"""

import contextlib
import re

from common.errors import InputError
from common.errors import shorten
from common.text import decode
from common.text import split_lines
from formats import annotated

_SPANS = r"(?:\d+ \d+)(?:;\d+ \d+)*"
_MENTION = re.compile(r"(T\S+)\t(\S+) (%s)\t(.*)" % _SPANS)
_RELATION = re.compile(r"(R\S+)\t(\S+) \S+?:(\S+) \S+?:(\S+)\s*")
# Events, attributes, notes and equivalences, which nothing here uses.
_OTHER = re.compile(r"[EAMN#*]\S*\t.*")


def parse(
  text_data,
  ann_data,
  name,
  text_path,
  ann_path,
  skipping=contextlib.nullcontext,
):
  """Returns the annotated.Document of two files' bytes.

  Line ends of the text stay as they are. Mentions (T) and binary relations (R)
  are read; events, attributes, notes and equivalences are ignored.

  Raises:
    InputError: another kind of line, a repeated id of a mention, or a relation
      to an unknown mention; `skipping` may prevent it (see annotated.py).
  """
  text = decode(text_data, text_path)
  mentions, relations, known = {}, [], []
  for number, line in enumerate(split_lines(ann_data, ann_path), 1):
    line, place = line.rstrip("\r"), "%s:%d" % (ann_path, number)
    if line.strip():
      with skipping(annotated.UNFIT_ANNOTATIONS):
        _read_line(line, place, text, mentions, relations)
  for relation in relations:
    with skipping(annotated.UNFIT_ANNOTATIONS):
      missing = {relation.first, relation.second} - set(mentions)
      if missing:
        raise InputError(
          "%s: found a relation to %s, expected mentions of this document"
          % (relation.place, ", ".join(sorted(missing)))
        )
      known.append(relation)
  return annotated.Document(
    name, text, None, list(mentions.values()), known, "%s:1" % text_path
  )


def _read_line(line, place, text, mentions, relations):
  """Adds the mention or relation of a line to the two collections."""
  match = _MENTION.fullmatch(line)
  if match:
    name, kind, spans, covered = match.groups()
    annotated.check_new(name, mentions, place)
    pairs = [
      annotated.offsets(pair.split(), place) for pair in spans.split(";")
    ]
    mentions[name] = annotated.mention(text, name, kind, pairs, covered, place)
    return
  match = _RELATION.fullmatch(line)
  if match:
    relations.append(annotated.Relation(*match.groups(), place))
  elif not _OTHER.fullmatch(line):
    raise InputError(
      "%s: found %s, expected a line of brat's standoff format, such as "
      "T1<TAB>Type start end<TAB>text" % (place, shorten(line, 60))
    )
