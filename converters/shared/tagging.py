# SPDX-License-Identifier: Apache-2.0
"""Turns documents with mentions into sentences of words with IOB2 labels.

The rules, each of which is counted:

- Words are split as in BioBERT's files (documents.split_words). A mention that
  begins or ends within a word covers the whole word.
- Of mentions that share a word, the longest is kept, then the first.
- A sentence that ends within a mention is joined with the next one.
- A discontinuous mention has B at its first word, I at the others and O in its
  gaps, as in BLUE's ShARe/CLEF. (conlleval counts it as several.)
"""

import bisect
import collections

from common import word_arrays
from converters.shared import examples
from formats import annotated
from formats import documents

# {count of `tag`: what it means, for the report}.
RULES = {
  "repeated": "repeat one in the same place (skipped)",
  "overlapping": "share a word with a longer mention (skipped)",
  "within a word": "begin or end within a word (extended to the whole word)",
  "discontinuous": "have several parts (B, then I, with O in the gaps)",
  "across sentences": "cross the end of a sentence (joined the sentences)",
  "without a word": "have no visible character (skipped)",
}


def tag(document, types=None, typed=False, sentences=None, dropped=None):
  """Returns (list of examples.Tagged, Counter of the RULES applied).

  The Counter also has "mentions", the number of labelled mentions.

  Args:
    document: an annotated.Document.
    types: {type in the annotation: label}, other types are skipped; None: all
      types, with their names as labels.
    typed: whether to write B-label or a plain B.
    sentences: [(start, end)] of its sentences; None: split the text here.
    dropped: None, or a list to extend by the mentions that are skipped.
  """
  counts = collections.Counter()
  mentions = _wanted(document, types, counts)
  if sentences is None:
    sentences = documents.split_sentences(document)
  sentences, crossing = annotated.joined_sentences(sentences, mentions)
  counts["across sentences"] += crossing
  words, spans, ends = documents.split_words([document.text], [sentences])
  places = spans.T.tolist()
  labels = ["O"] * len(words)
  for mention, covered in _chosen(mentions, *places, counts, dropped):
    kind = mention.type if types is None else types[mention.type]
    ending = "-" + kind if typed else ""
    labels[covered[0]] = "B" + ending
    for i in covered[1:]:
      labels[i] = "I" + ending
    counts["mentions"] += 1
  columns = words.strings(), places[0], labels
  rows = zip(*(word_arrays.rows(column, ends) for column in columns))
  found = [examples.Tagged(document.id, *row) for row in rows if row[0]]
  return found, counts


def words_in(spans, starts, ends):
  """Returns the indices of the words, given by offsets, that spans touch."""
  return sorted(
    {
      i
      for start, end in spans
      for i in range(
        bisect.bisect_right(ends, start), bisect.bisect_left(starts, end)
      )
    }
  )


def tag_all(divided, report, types=None, typed=False, sentences_of=None):
  """Returns `tag` of the documents of each split; counts rules in a Report.

  `sentences_of` returns the spans of a document's sentences; None: split it.
  """
  tagged = {}
  for split, split_documents in divided.items():
    tagged[split] = []
    for document in sorted(split_documents, key=lambda d: d.id):
      spans = sentences_of(document) if sentences_of else None
      rows, counts = tag(document, types, typed, spans)
      tagged[split] += rows
      for rule, meaning in RULES.items():
        report.rule("mentions that " + meaning, split, counts[rule])
  return tagged


def _wanted(document, types, counts):
  """Returns the mentions of the wanted types without repetitions."""
  seen, wanted = set(), []
  for mention in document.mentions:
    if types is not None and mention.type not in types:
      continue
    kind = mention.type if types is None else types[mention.type]
    if (mention.spans, kind) in seen:
      counts["repeated"] += 1
    else:
      seen.add((mention.spans, kind))
      wanted.append(mention)
  return wanted


def _chosen(mentions, starts, ends, counts, dropped):
  """Returns (mention, indices of its words) of the mentions to label.

  `starts` and `ends` are the offsets of all words.
  """
  taken, chosen = set(), []
  for mention in sorted(mentions, key=_longest_first):
    covered = words_in(mention.spans, starts, ends)
    if not covered or taken.intersection(covered):
      counts["overlapping" if covered else "without a word"] += 1
      if dropped is not None:
        dropped.append(mention)
      continue
    taken.update(covered)
    chosen.append((mention, covered))
    counts["discontinuous"] += len(mention.spans) > 1
    counts["within a word"] += any(
      starts[i] < border < ends[i]
      for i in covered
      for span in mention.spans
      for border in span
    )
  return chosen


def _longest_first(mention):
  start, end = annotated.extent(mention)
  return start - end, start
