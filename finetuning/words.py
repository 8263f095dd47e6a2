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

# A document or a part of it, without labels. spans: the words' characters
# [start, end); sentences: their words [first, last).
RawDocument = collections.namedtuple(
  "RawDocument", "document words spans sentences"
)


def parts_of(document, inner_punctuation):
  """Yields RawDocuments that together hold all sentences of a Document."""
  part = []
  for start, end in documents.split_sentences(document):
    if part and end - part[0][0] > PART_CHARACTERS:
      yield split_document(document, inner_punctuation, part)
      part = []
    part.append((start, end))
  yield split_document(document, inner_punctuation, part)


def split_document(document, inner_punctuation, sentence_spans=None):
  """Returns the RawDocument of a documents.Document; see documents.words_of.

  It holds the sentences with these spans; None: all.
  """
  if sentence_spans is None:
    sentence_spans = documents.split_sentences(document)
  spans, sentences = [], []
  for start, end in sentence_spans:
    first = len(spans)
    spans += documents.words_of(document.text, start, end, inner_punctuation)
    sentences.append((first, len(spans)))
  words = [document.text[start:end] for start, end in spans]
  return RawDocument(document, words, spans, sentences)


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


def encode(words, sentences, tokenizer, max_seq_length, label_ids=None):
  """Returns the features of all windows of sentences, in order.

  Besides batches.sequence_features, a window has `word` and `label_ids`, int32
  [S]. They are set at the first piece of each of its own words, and NO_LABEL
  elsewhere: the number of the word, and its label.

  Args:
    words: strings.
    sentences: (first word, end) of each sentence.
    tokenizer: has encode, cls_id, sep_id and unk_id.
    max_seq_length: largest S.
    label_ids: a number per word; None for none.
  """
  room = max_seq_length - 2  # [CLS] and [SEP]
  # At least one piece, so that each word gets a label.
  pieces = [
    tokenizer.encode(word)[:room] or [tokenizer.unk_id] for word in words
  ]
  labels = label_ids or [NO_LABEL] * len(words)
  features = []
  for first, last in sentences:
    lengths = [len(p) for p in pieces[first:last]]
    for window in batches.windows(lengths, room):
      features.append(_features(tokenizer, pieces, labels, first, window))
  return features


def _features(tokenizer, pieces, label_ids, sentence, window):
  """Returns the features of a window of the sentence from word `sentence`."""
  ids, word, labels = [], [NO_LABEL], [NO_LABEL]  # Of [CLS].
  for i in range(sentence + window.first, sentence + window.last):
    own = window.own <= i - sentence < window.own_last
    rest = [NO_LABEL] * (len(pieces[i]) - 1)
    ids += pieces[i]
    word += [i if own else NO_LABEL] + rest
    labels += [label_ids[i] if own else NO_LABEL] + rest
  return dict(
    batches.sequence_features(tokenizer, ids),
    word=np.array(word + [NO_LABEL], np.int32),  # And of [SEP].
    label_ids=np.array(labels + [NO_LABEL], np.int32),
  )


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
          start,
          stop,
          kind or untyped,
          metrics.mean(probabilities[first:last]),
          example.document.text[start:stop],
        )
      )
  return found
