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
  text = document.text
  spans, ranges = documents.split_words(text, sentences, inner_punctuation)
  words = [text[start:end] for start, end in spans]
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
    parts = [
      split_passage(part, self._inner_punctuation)
      if isinstance(part, Passage)
      else part
      for part in parts
    ]
    texts = [(part.words, part.sentences) for part in parts]
    features = encode_all(texts, self._tokenizer, self._max_seq_length)
    return [  # The words themselves would only be sent back.
      batches.Encoded(windows, part=part._replace(words=None))
      for part, windows in zip(parts, features)
    ]


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
  text = words, sentences
  return encode_all([text], tokenizer, max_seq_length, label_ids)[0]


def encode_all(texts, tokenizer, max_seq_length, label_ids=None):
  """Returns the features of all windows of each text; see `encode`.

  Args:
    texts: (words, sentences) of each.
    tokenizer, max_seq_length: see `encode`.
    label_ids: a number per word of all texts; None for none.
  """
  room = max_seq_length - 2  # [CLS] and [SEP]
  words = list(itertools.chain.from_iterable(words for words, _ in texts))
  pieces = tokenizer.encode_each(words)
  lengths = list(map(len, pieces))
  if words and not 0 < min(lengths) <= max(lengths) <= room:
    # At least one piece, so that each word gets a label.
    pieces = [ids[:room] or [tokenizer.unk_id] for ids in pieces]
    lengths = list(map(len, pieces))
  windows, counts, begin = [], [], 0
  for own_words, sentences in texts:
    before = len(windows)
    for first, last in sentences:
      first, last = begin + first, begin + last
      for window in batches.windows(lengths[first:last], room):
        windows.append([first + number for number in window])
    counts.append(len(windows) - before)
    begin += len(own_words)
  numbers = [np.arange(len(own_words)) for own_words, _ in texts]
  found = iter(_features(tokenizer, pieces, numbers, label_ids, windows))
  return [list(itertools.islice(found, count)) for count in counts]


def _features(tokenizer, pieces, numbers, label_ids, windows):
  """Returns the features of windows, all of them computed at once.

  Args:
    tokenizer, label_ids: see `encode_all`.
    pieces: the ids of each word.
    numbers: arrays of the words' numbers in their texts.
    windows: a batches.Window each, as lists of words.
  """
  if not windows:
    return []
  lengths = np.fromiter(map(len, pieces), np.int32, len(pieces))
  begins = np.append(0, np.cumsum(lengths))  # The first piece of each word.
  count = begins[-1]
  ids = np.fromiter(itertools.chain.from_iterable(pieces), np.int32, count)
  values = {"word": np.concatenate(numbers)}
  values["label_ids"] = NO_LABEL if label_ids is None else label_ids
  first, last, own, own_last = begins[np.array(windows)].T
  sizes = last - first
  ends = np.cumsum(sizes + 2)
  # Where the pieces of the windows come from, and where they go.
  origin = batches.ranges(first, sizes)
  place = batches.ranges(ends - sizes - 1, sizes)
  is_own = origin >= np.repeat(own, sizes)
  is_own &= origin < np.repeat(own_last, sizes)
  found = {
    "input_ids": np.full(ends[-1], tokenizer.sep_id, np.int32),
    "input_mask": np.ones(ends[-1], np.int32),
    "segment_ids": np.zeros(ends[-1], np.int32),
  }
  found["input_ids"][ends - sizes - 2] = tokenizer.cls_id
  found["input_ids"][place] = ids[origin]
  for name, value in values.items():
    of_pieces = np.full(count, NO_LABEL, np.int32)
    of_pieces[begins[:-1]] = value
    found[name] = np.full(ends[-1], NO_LABEL, np.int32)
    found[name][place] = np.where(is_own, of_pieces[origin], NO_LABEL)
  return batches.split(found, ends)


def join_windows(count, windows, names):
  """Returns ([label], [probability]) of `count` words.

  Args:
    count: number of words.
    windows: of all their sentences: `word` of `encode`, the most probable
      `label` of each piece, and its `probability`.
    names: the labels by id.
  """
  labels = np.full(count, NO_LABEL)
  probabilities = np.zeros(count, np.float32)
  if windows:
    word, label, probability = (
      np.concatenate([w[name][: len(w["word"])] for w in windows])
      for name in ("word", "label", "probability")
    )
    own = word != NO_LABEL
    labels[word[own]] = label[own]
    probabilities[word[own]] = probability[own]
  labels = labels.tolist()
  assert NO_LABEL not in labels, "a word lost its label"
  return [names[label] for label in labels], probabilities.tolist()


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
    own = labels[begin:end]
    if own.count("O") == len(own):
      continue
    for first, last, kind in metrics.entity_spans(own):
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
