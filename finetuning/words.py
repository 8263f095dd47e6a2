# SPDX-License-Identifier: Apache-2.0
"""Encodes words in windows, and makes entities of the labels of words.

Works without TensorFlow: clients of a served model do as run_ner.py does.
"""

import collections
import itertools

import numpy as np

from common import word_arrays
from evaluation import metrics
from formats import documents
from formats import entity_files
from training import batches

NO_LABEL = -1
PADDING = {"label_ids": NO_LABEL, "word": NO_LABEL}

# A longer document becomes parts of about so many characters.
PART_CHARACTERS = 1 << 16

# A document or a part of it, without labels. words: a WordArray, None once they
# are encoded; spans: the words' characters [start, end) in `document`, int
# [words, 2]; sentences: their words [first, last), int [sentences, 2]; offset:
# number of characters of the whole document before this part.
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


def split_passages(passages, inner_punctuation):
  """Returns the RawDocuments of Passages; see documents.split_words."""
  texts = [document.text for document, _, _ in passages]
  sentences = [
    documents.split_sentences(p.document)
    if p.sentences is None
    else p.sentences
    for p in passages
  ]
  words, spans, ends = documents.split_words(
    texts, sentences, inner_punctuation
  )
  counts = np.array(list(map(len, sentences)), np.int64)
  sentence_ends = np.cumsum(counts)
  borders = np.append(0, ends)
  word_ends = borders[sentence_ends]
  word_begins = borders[sentence_ends - counts]
  ranges = np.stack([borders[:-1], borders[1:]], 1)
  ranges -= np.repeat(word_begins, counts)[:, None]
  found = zip(
    words.rows(word_ends),
    word_arrays.rows(spans, word_ends),
    word_arrays.rows(ranges, sentence_ends),
  )
  return [
    RawDocument(document, *own, offset)
    for (document, _, offset), own in zip(passages, found)
  ]


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
    word_arrays.WordArray.of(words),
    np.array([(e - 1 - len(w), e - 1) for w, e in zip(words, ends)]),
    np.array([borders[:-1], borders[1:]]).T,
  )


class Encoder:
  """Encodes Passages and RawDocuments, in this process or another."""

  def __init__(self, tokenizer, max_seq_length, inner_punctuation):
    self._tokenizer = tokenizer
    self._max_seq_length = max_seq_length
    self._inner_punctuation = inner_punctuation

  def __call__(self, parts):
    """Returns the Encoded of parts, packed; labels need their RawDocuments."""
    passages = [part for part in parts if isinstance(part, Passage)]
    split = iter(split_passages(passages, self._inner_punctuation))
    parts = [next(split) if isinstance(p, Passage) else p for p in parts]
    texts = [(part.words, part.sentences) for part in parts]
    counts, lengths, features = encode_joined(
      texts, self._tokenizer, self._max_seq_length
    )
    encoded = [  # The words themselves would only be sent back.
      batches.Encoded(count, part=part._replace(words=None))
      for part, count in zip(parts, counts)
    ]
    return batches.pack_joined(encoded, lengths, features, {})


def encode(texts, tokenizer, max_seq_length, label_ids=None):
  """Returns for each text the list of features of its windows, in order.

  Besides batches.sequence_features, a window has `word` and `label_ids`, int32
  [S]. They are set at the first piece of each of its own words, and NO_LABEL
  elsewhere: the number of the word, and its label.

  Args:
    texts: of each, a WordArray, and [first word, end) of its sentences, int
      [sentences, 2].
    tokenizer: has encode_each, cls_id, sep_id and unk_id.
    max_seq_length: largest S.
    label_ids: a number per word of all texts; None for none.
  """
  counts, lengths, features = encode_joined(
    texts, tokenizer, max_seq_length, label_ids
  )
  windows = batches.split(features, np.cumsum(lengths))
  return word_arrays.rows(windows, np.cumsum(counts))


def encode_joined(texts, tokenizer, max_seq_length, label_ids=None):
  """Returns the features of all windows of texts, joined; see `encode`.

  Returns:
    (number of windows of each text, S of each window, {feature: values of all
    windows one after another}).
  """
  room = max_seq_length - 2  # [CLS] and [SEP]
  words = word_arrays.WordArray.join(words for words, _ in texts)
  ids, sizes = _fit(*tokenizer.encode_each(words), room, tokenizer.unk_id)
  text_sizes = np.array([len(words) for words, _ in texts], np.int64)
  text_begins = np.cumsum(text_sizes) - text_sizes
  sentence_counts = [len(sentences) for _, sentences in texts]
  sentences = np.concatenate([sentences for _, sentences in texts])
  sentences = sentences + np.repeat(text_begins, sentence_counts)[:, None]
  windows, counts = _windows(sentences, sizes, room)
  values = {
    "word": word_arrays.ranges(np.zeros_like(text_sizes), text_sizes),
    "label_ids": NO_LABEL if label_ids is None else label_ids,
  }
  before = np.append(0, np.cumsum(counts))
  ends = before[np.cumsum(sentence_counts)]
  return (
    np.diff(ends, prepend=0).tolist(),
    *_features(tokenizer, ids, sizes, values, windows),
  )


def _fit(ids, sizes, room, unk_id):
  """Returns ids and sizes of words with at least one piece, at most `room`.

  With at least one piece, each word gets a label.
  """
  if not len(sizes) or 0 < sizes.min() <= sizes.max() <= room:
    return ids, sizes
  fitted = np.clip(sizes, 1, room)
  begins = np.cumsum(sizes) - sizes
  found = np.append(ids, np.int32(unk_id))[word_arrays.ranges(begins, fitted)]
  found[(np.cumsum(fitted) - fitted)[sizes == 0]] = unk_id
  return found, fitted


def _windows(sentences, sizes, room):
  """Returns int [windows, 4] of batches.Windows, and how many a sentence has.

  Args:
    sentences: [first word, end) of each.
    sizes: number of pieces of each word.
    room: number of pieces of a window.
  """
  begins = np.append(0, np.cumsum(sizes))
  first, last = sentences.T
  windows = np.stack([first, last, first, last], 1)
  counts = np.ones(len(sentences), np.int64)
  parts, done = [], 0
  for number in np.flatnonzero(begins[last] - begins[first] > room):
    begin = first[number]
    own = sizes[begin : last[number]].tolist()
    long = begin + np.array(batches.windows(own, room))
    parts += [windows[done:number], long]
    counts[number] = len(long)
    done = number + 1
  return np.concatenate(parts + [windows[done:]]), counts


def _features(tokenizer, ids, sizes, values, windows):
  """Returns (S of each window, features of all windows, joined).

  Args:
    tokenizer: see `encode`.
    ids, sizes: of the words' pieces.
    values: {feature: values of the words}.
    windows: see `_windows`.
  """
  begins = np.append(0, np.cumsum(sizes))  # The first piece of each word.
  first, last, own, own_last = begins[windows].T
  lengths = last - first
  ends = np.cumsum(lengths + 2)
  total = ends[-1] if len(ends) else 0
  # Where the pieces of the windows come from, and where they go.
  origin = word_arrays.ranges(first, lengths)
  place = word_arrays.ranges(ends - lengths - 1, lengths)
  is_own = origin >= np.repeat(own, lengths)
  is_own &= origin < np.repeat(own_last, lengths)
  found = {
    "input_ids": np.full(total, tokenizer.sep_id, np.int32),
    "input_mask": np.ones(total, np.int32),
    "segment_ids": np.zeros(total, np.int32),
  }
  found["input_ids"][ends - lengths - 2] = tokenizer.cls_id
  found["input_ids"][place] = ids[origin]
  for name, value in values.items():
    of_pieces = np.full(begins[-1], NO_LABEL, np.int32)
    of_pieces[begins[:-1]] = value
    found[name] = np.full(total, NO_LABEL, np.int32)
    found[name][place] = np.where(is_own, of_pieces[origin], NO_LABEL)
  return lengths + 2, found


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
  for begin, end in example.sentences.tolist():
    own = labels[begin:end]
    if own.count("O") == len(own):
      continue
    for first, last, kind in metrics.entity_spans(own):
      first, last = begin + first, begin + last
      start = int(example.spans[first][0])
      stop = int(example.spans[last - 1][1])
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
