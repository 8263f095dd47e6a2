# SPDX-License-Identifier: Apache-2.0
"""From documents with related mentions to sentences with two marked ones.

A mark stands in place of a mention: @CHEMICAL$; of two that overlap, one mark
stands in place of both: @CHEMICAL-GENE$. A discontinuous mention is marked from
the beginning of its first part to the end of its last.
"""

import bisect

from formats import annotated


def mark(text, start, end, first, second, name_of, both=None):
  """Returns text[start:end] with two mentions replaced by their marks.

  Args:
    text: of the document.
    start: of the sentence.
    end: of the sentence.
    first: a mention.
    second: another one; the order of the two does not matter.
    name_of: gives the name of a mention's mark: CHEMICAL for @CHEMICAL$.
    both: the name of the mark of two that overlap; None: both names, joined.
  """
  first, second = sorted(
    (first, second), key=lambda m: (annotated.extent(m), name_of(m))
  )
  (a, b), (c, d) = map(annotated.extent, (first, second))
  if c < b:
    name = both or "%s-%s" % (name_of(first), name_of(second))
    return text[start:a] + "@%s$" % name + text[max(b, d) : end]
  return "".join(
    (
      text[start:a],
      "@%s$" % name_of(first),
      text[b:c],
      "@%s$" % name_of(second),
      text[d:end],
    )
  )


def grouped(sentences, mentions):
  """Returns [((start, end), its mentions in order)], and how many were joined.

  A sentence that ends within a mention is joined with the next one, as BLURB
  and BLUE do.

  Args:
    sentences: the spans of a document's sentences.
    mentions: of the document.

  Returns:
    The sentences with their mentions, and how many mentions went over an end.
  """
  joined, crossing = annotated.joined_sentences(sentences, mentions)
  starts = [start for start, _ in joined]
  groups = [[] for _ in joined]
  for mention in sorted(mentions, key=lambda m: (annotated.extent(m), m.id)):
    start = annotated.extent(mention)[0]
    groups[bisect.bisect_right(starts, start) - 1].append(mention)
  return list(zip(joined, groups)), crossing
