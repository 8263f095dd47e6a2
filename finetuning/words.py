# SPDX-License-Identifier: Apache-2.0
"""Encodes words in windows, and makes entities of the labels of words.

Works without TensorFlow: clients of a served model do as run_ner.py does.
"""

import collections
import itertools

import numpy as np

from evaluation import metrics
from formats import documents
from formats import entity_files
from training import batches

NO_LABEL = -1
PADDING = {"label_ids": NO_LABEL, "word": NO_LABEL}

# A longer document becomes parts of about so many characters.
PART_CHARACTERS = 1 << 16

# A document or a part of it, without labels. words: strings, None once they
# are encoded; spans: the words' characters [start, end) in `document`;
# sentences: their words [first, last); offset: number of characters of the
# whole document before this part.
RawDocument = collections.namedtuple(
  "RawDocument", "document words spans sentences offset", defaults=(0,)
)

# A document or a part of it that is not split into words. sentences: their
# characters [start, end); None: it is not split into sentences either.
Passage = collections.namedtuple("Passage", "document sentences offset")


def passages(document):
  """Yields (Passage, share of the document up to its end) of a Document."""
  text, name = document.text, document.id
  if len(text) <= PART_CHARACTERS:
    yield Passage(document, None, 0), 1
    return
  begin, sentences = 0, []
  for start, end in documents.split_sentences(document):
    if sentences and end - begin > PART_CHARACTERS:
      part = documents.Document(name, text[begin:start], None)
      yield Passage(part, sentences, begin), start / len(text)
      begin, sentences = start, []
    sentences.append((start - begin, end - begin))
  part = documents.Document(name, text[begin:], None)
  yield Passage(part, sentences, begin), 1


def split_passage(passage, inner_punctuation):
  """Returns the RawDocument of a Passage; see documents.words_of."""
  document, sentences, offset = passage
  if sentences is None:
    sentences = documents.split_sentences(document)
  text, spans, ends = document.text, [], []
  for start, end in sentences:
    spans += documents.words_of(text, start, end, inner_punctuation)
    ends.append(len(spans))
  words = [text[start:end] for start, end in spans]
  ranges = list(zip([0] + ends, ends))
  return RawDocument(document, words, spans, ranges, offset)


def raw_documents(parsed):
  """Returns the RawDocuments of a file of words; their tags are left out.

  A document without a marker in the file is a sentence, and its id the number
  of that sentence.

  Args:
    parsed: of conll.parse_documents.
  """
  if len(parsed) == 1 and not parsed[0][0]:
    parsed = [("", [sentence]) for sentence in parsed[0][1]]
  return [
    _join_words(name or str(i), [sentence.words for sentence in sentences])
    for i, (name, sentences) in enumerate(parsed, 1)
  ]


def _join_words(name, sentences):
  """Returns the RawDocument of lists of words: a sentence per line."""
  words = [word for sentence in sentences for word in sentence]
  ends = list(itertools.accumulate(len(word) + 1 for word in words))
  borders = [0] + list(itertools.accumulate(map(len, sentences)))
  return RawDocument(
    documents.Document(name, "\n".join(map(" ".join, sentences)), None),
    words,
    [(end - 1 - len(word), end - 1) for word, end in zip(words, ends)],
    list(zip(borders, borders[1:])),
  )


class Encoder:
  """Encodes Passages and RawDocuments, in this process or another."""

  def __init__(self, tokenizer, max_seq_length, inner_punctuation):
    self._tokenizer = tokenizer
    self._max_seq_length = max_seq_length
    self._inner_punctuation = inner_punctuation

  def __call__(self, parts):
    """Returns the Encoded of parts; labels need their RawDocuments."""
    return list(map(self._encode, parts))

  def _encode(self, part):
    if isinstance(part, Passage):
      part = split_passage(part, self._inner_punctuation)
    features = encode(
      part.words, part.sentences, self._tokenizer, self._max_seq_length
    )
    # The words themselves would only be sent back.
    return batches.Encoded(features, part=part._replace(words=None))


def encode(words, sentences, tokenizer, max_seq_length, label_ids=None):
  """Returns the features of all windows of sentences, in order.

  Besides batches.sequence_features, a window has `word` and `label_ids`, int32
  [S]. They are set at the first piece of each of its own words, and NO_LABEL
  elsewhere: the number of the word, and its label.

  Args:
    words: strings.
    sentences: (first word, end) of each sentence.
    tokenizer: has encode_each, cls_id, sep_id and unk_id.
    max_seq_length: largest S.
    label_ids: a number per word; None for none.
  """
  room = max_seq_length - 2  # [CLS] and [SEP]
  # At least one piece, so that each word gets a label.
  unknown = [tokenizer.unk_id]
  pieces = [ids[:room] or unknown for ids in tokenizer.encode_each(words)]
  lengths = list(map(len, pieces))
  windows = [
    [first + number for number in window]
    for first, last in sentences
    for window in batches.windows(lengths[first:last], room)
  ]
  if not windows:
    return []
  labels = np.full(len(words) + 1, NO_LABEL, np.int32)
  if label_ids is not None:
    labels[:-1] = label_ids
  return _features(tokenizer, pieces, lengths, labels, np.array(windows))


def _features(tokenizer, pieces, lengths, labels, windows):
  """Returns the features of windows, which are computed together.

  Args:
    tokenizer: see `encode`.
    pieces: the ids of each word.
    lengths: their numbers.
    labels: int32 per word, and NO_LABEL as that of word number -1.
    windows: batches.Window of words, int [windows, 4].
  """
  begins = np.append(0, np.cumsum(lengths))  # Of the pieces of each word.
  ids = np.fromiter(itertools.chain.from_iterable(pieces), np.int32, begins[-1])
  word = np.full(len(ids), NO_LABEL, np.int32)  # Of each piece.
  word[begins[:-1]] = np.arange(len(lengths))
  first, last, own, own_last = begins[windows].T
  sizes = last - first
  ends = np.cumsum(sizes + 2)
  # Where the pieces of all windows come from, and where they go.
  origin = batches.ranges(first, sizes)
  place = batches.ranges(ends - sizes - 1, sizes)
  is_own = (origin >= np.repeat(own, sizes)) & (
    origin < np.repeat(own_last, sizes)
  )
  values = {
    "input_ids": np.full(ends[-1], tokenizer.sep_id, np.int32),
    "input_mask": np.ones(ends[-1], np.int32),
    "segment_ids": np.zeros(ends[-1], np.int32),
    "word": np.full(ends[-1], NO_LABEL, np.int32),
  }
  values["input_ids"][ends - sizes - 2] = tokenizer.cls_id
  values["input_ids"][place] = ids[origin]
  values["word"][place] = np.where(is_own, word[origin], NO_LABEL)
  values["label_ids"] = labels[values["word"]]
  return batches.split(values, ends)


def join_windows(count, windows, names):
  """Returns ([label], [probability]) of `count` words.

  Args:
    count: number of words.
    windows: of all their sentences: `word` of `encode`, the most probable
      `label` of each piece, and its `probability`.
    names: the labels by id.
  """
  labels, probabilities = [None] * count, [None] * count
  for window in windows:
    for at in np.flatnonzero(window["word"] != NO_LABEL):
      word = window["word"][at]
      labels[word] = names[window["label"][at]]
      probabilities[word] = float(window["probability"][at])
  assert None not in labels, "a word lost its label"
  return labels, probabilities


def entities(example, labels, probabilities, untyped):
  """Returns the entities of a RawDocument, found in each sentence by itself.

  An entity's score is the mean probability of its words' labels.

  Args:
    example: a RawDocument.
    labels, probabilities: of its words.
    untyped: what to call the type of labels without one.
  """
  found = []
  for begin, end in example.sentences:
    for first, last, kind in metrics.entity_spans(labels[begin:end]):
      first, last = begin + first, begin + last
      start, stop = example.spans[first][0], example.spans[last - 1][1]
      found.append(
        entity_files.Entity(
          example.offset + start,
          example.offset + stop,
          kind or untyped,
          metrics.mean(probabilities[first:last]),
          example.document.text[start:stop],
        )
      )
  return found
