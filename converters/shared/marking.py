# SPDX-License-Identifier: Apache-2.0
"""Replaces two mentions in a sentence by marks.

A mark such as @CHEMICAL$ replaces a mention; one mark such as @CHEMICAL-GENE$
replaces two that overlap. The mark of a discontinuous mention replaces
everything from its first part to its last.
"""

import bisect

from formats import annotated


def mark(text, start, end, first, second, name_of, both=None):
  """Returns text[start:end] with two mentions replaced by their marks.

  Args:
    text, start, end: the text of the document and the span of the sentence.
    first, second: mentions, in any order.
    name_of: returns the name of a mention's mark: CHEMICAL for @CHEMICAL$.
    both: name of the mark for two that overlap; None: both names, joined.
  """
  first, second = sorted(
    (first, second), key=lambda m: (annotated.extent(m), name_of(m))
  )
  (a, b), (c, d) = map(annotated.extent, (first, second))
  if c < b:
    name = both or "%s-%s" % (name_of(first), name_of(second))
    return text[start:a] + "@%s$" % name + text[max(b, d) : end]
  marks = ["@%s$" % name_of(mention) for mention in (first, second)]
  return text[start:a] + marks[0] + text[b:c] + marks[1] + text[d:end]


def grouped(sentences, mentions):
  """Groups mentions by sentence.

  A sentence that ends within a mention is joined with the next one, as in BLURB
  and BLUE.

  Returns:
    [(span of a sentence, its mentions in order)], and the number of mentions
    that cross the end of a sentence.
  """
  joined, crossing = annotated.joined_sentences(sentences, mentions)
  starts = [start for start, _ in joined]
  groups = [[] for _ in joined]
  for mention in sorted(mentions, key=lambda m: (annotated.extent(m), m.id)):
    start = annotated.extent(mention)[0]
    groups[bisect.bisect_right(starts, start) - 1].append(mention)
  return list(zip(joined, groups)), crossing
