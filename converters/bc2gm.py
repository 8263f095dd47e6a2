# SPDX-License-Identifier: Apache-2.0
"""BC2GM: genes in 20,000 sentences of PubMed (BioCreative II gene mention)."""

import functools
import json

from common.errors import InputError
from common.errors import shorten
from common.text import split_lines
from converters.shared import corpus
from converters.shared import rows
from converters.shared import splits
from converters.shared import tagging
from converters.shared import writers
from formats import annotated
from formats import documents

PUBLISHED = corpus.Published(
  counts={
    "bc2gm": {
      "sentences": {"train": 12500, "dev": 2500, "test": 5000},
      "mentions": {"train": 15197, "dev": 3061, "test": 6325},
    }
  },
  certain=("sentences", "mentions"),
  source="BLURB's card; the split of MTL-Bioinformatics-2016",
)
write = writers.conll
# Gold mentions with their alternatives, a sentence per line, in the order of
# the data set; scripts/bc2gm_score.py reads these files.
_ALTERNATIVES = {
  "dev": "devel_alternatives.jsonl",
  "test": "test_alternatives.jsonl",
}


def convert(source, options, report):
  """Returns the tagged sentences of each split."""
  training = report.part("train", _read, source, "train", "GENE.eval", report)
  divided = splits.published("bc2gm", training, source, options, report)
  divided["test"] = report.part(
    "test", _read, source, "test", "GENE.eval", report
  )
  if options.alternatives:
    _attach_alternatives(source, divided, report)
  return tagging.tag_all(divided, report, sentences_of=_whole)


def _whole(document):
  """Returns one span: each document is a sentence, full stops or not."""
  return [(0, len(document.text))]


def _attach_alternatives(source, divided, report):
  """Attaches the files of alternatives to a corpus.Report."""
  for split, part in (("dev", "train"), ("test", "test")):
    acceptable = {
      sentence.id: sentence.mentions
      for sentence in report.part(
        part, _read, source, part, "ALTGENE.eval", report
      )
    }
    lines, stray = [], 0
    for sentence in sorted(divided[split], key=lambda s: s.id):
      mentions, unclaimed = _with_alternatives(
        sentence, acceptable.get(sentence.id, ())
      )
      stray += unclaimed
      lines.append(json.dumps({"id": sentence.id, "mentions": mentions}))
    report.attach(_ALTERNATIVES[split], "\n".join(lines) + "\n")
    report.rule("alternatives to no mention (skipped)", split, stray)


def _with_alternatives(sentence, alternatives):
  """Returns (the words of each mention and its alternatives, strays).

  A mention is [[first word, end], ...], starting with its own words. An
  alternative belongs to the mentions that it overlaps; one that overlaps none
  counts as a stray.
  """
  whole = [(0, len(sentence.text))]
  _, spans, _ = documents.split_words([sentence.text], [whole])
  starts, ends = spans.T.tolist()

  def words(mention):
    covered = tagging.words_in(mention.spans, starts, ends)
    return [covered[0], covered[-1] + 1]

  mentions = [[words(mention)] for mention in sentence.mentions]
  stray = 0
  for alternative in alternatives:
    claimed = [
      i
      for i, mention in enumerate(sentence.mentions)
      if _overlap(mention.spans[0], alternative.spans[0])
    ]
    stray += not claimed
    for i in claimed:
      if words(alternative) not in mentions[i]:
        mentions[i].append(words(alternative))
  return mentions, stray


def _overlap(first, second):
  return first[0] < second[1] and second[0] < first[1]


def _read(source, part, eval_name, report):
  """Returns the sentences of a part as documents with mentions."""
  skipping = report.skipping_in(part)
  data, path = source.read(
    part + "ing sentences", "%s/%s.in" % (part, part), part + ".in"
  )
  sentences = {}
  for number, line in enumerate(split_lines(data, path), 1):
    place = "%s:%d" % (path, number)
    name, blank, text = line.rstrip("\r").partition(" ")
    if not line.strip():
      continue
    with skipping(annotated.UNFIT_LINES):
      if not blank or not text.strip() or name in sentences:
        raise InputError(
          "%s: found %s, expected a new id, a blank and a sentence"
          % (place, shorten(line))
        )
      sentences[name] = annotated.Document(name, text, None, [], [], place)
  data, path = source.read(
    "mentions of the %s set" % part, "%s/%s" % (part, eval_name)
  )
  for place, cells in rows.parse(
    data, path, (3,), "sentence|start end|text", "|", skipping=skipping
  ):
    with skipping(annotated.UNFIT_ANNOTATIONS):
      _add_mention(sentences, cells, place, eval_name.startswith("ALT"))
  return list(sentences.values())


def _add_mention(sentences, cells, place, is_alternative):
  name, offsets, said = cells
  if name not in sentences:
    raise InputError(
      "%s: found a mention in %s, expected the id of a sentence"
      % (place, shorten(name))
    )
  text = sentences[name].text
  span = _span(text, offsets, place)
  # One mention, "/translation upstream factor", lacks its slash. Some
  # alternatives quote more text than their offsets cover; README.GM says that
  # the offsets count.
  if is_alternative or _letters(text[slice(*span)]) == _letters(said):
    said = None
  annotated.add(sentences[name], "GENE", [span], said, place)


def _letters(text):
  return [character for character in text if character.isalnum()]


@functools.lru_cache(maxsize=1)  # The mentions of a sentence are neighbours.
def _visible(text):
  """Returns the positions of the characters that are not white space."""
  return [i for i, character in enumerate(text) if not character.isspace()]


def _span(text, offsets, place):
  """Returns the half-open span of offsets that do not count white space.

  The second offset is that of the last character.
  """
  numbers = offsets.split()
  if len(numbers) != 2:
    raise InputError(
      "%s: found the offsets %s, expected two numbers"
      % (place, shorten(offsets))
    )
  first, last = annotated.offsets(numbers, place)
  visible = _visible(text)
  if not first <= last < len(visible):
    raise InputError(
      "%s: found the offsets %s, expected offsets within the %d visible "
      "characters of the sentence" % (place, offsets, len(visible))
    )
  return visible[first], visible[last] + 1
