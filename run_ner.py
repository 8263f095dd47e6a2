# SPDX-License-Identifier: Apache-2.0
"""Finds named entities: fine-tunes ALBERT on labelled words, scores entities as
conlleval does, and labels raw text.

Reads train.tsv, devel.tsv (or dev.tsv) and test.tsv in --data_dir: one word per
line with its tag in the last column, and a blank line between sentences.
"""

from absl import flags

from common import flag_groups


def define_flags():
  """Defines the flags of BioBERT's run_ner.py and of ALBERT's fine-tuning."""
  flag_groups.define_finetuning_flags(
    max_seq_length=128, num_train_epochs=10.0, train_batch_size=32
  )
  flags.DEFINE_string("task_name", "NER", "Name of the data in results.json.")
  flag_groups.define_predict_format_flag(["jsonl", "pubtator", "brat"])
  flags.DEFINE_string(
    "entity_type",
    None,
    "What a new model calls the entities of tags without types (B, I, O). "
    "Default: the type of a data set known by the name of --data_dir or "
    "--task_name, else entity. The choice is saved with the model.",
  )


if __name__ == "__main__":  # Before the imports that take seconds.
  flag_groups.parse(define_flags)

import collections
import itertools
import os

import numpy as np

from common import data_sets
from common.errors import InputError
from common.errors import first_five
from evaluation import metrics
from finetuning import harness
from formats import conll
from formats import detect
from formats import documents
from formats import entity_files
from formats import streams
from formats import unlabelled
from training import batches
from training import heads

NO_LABEL = -1

RESULT_FILES = {
  "dev": "NER_result_conll_dev.txt",
  "test": "NER_result_conll.txt",
}

# A document without labels. spans: its words' characters [start, end);
# sentences: their words [first, last).
RawDocument = collections.namedtuple(
  "RawDocument", "document words spans sentences"
)


class Ner(harness.Task):
  """Labels the first piece of each word; splits long sentences into windows."""

  name = "ner"
  padding = {"label_ids": NO_LABEL, "word": NO_LABEL}
  metric = "f1"
  kinds = ("words",)
  unlabelled_kinds = detect.TEXTS + ("words",)

  def __init__(
    self,
    tokenizer,
    max_seq_length,
    predict_format,
    entity_type=None,
    known_type="",
  ):
    """Takes --entity_type, and the type that the data set's name tells."""
    self.tokenizer = tokenizer
    self.room = max_seq_length - 2  # [CLS] and [SEP]
    self.predict_format = predict_format
    self.entity_type = entity_type
    self.known_type = known_type

  def read(self, data, path, split):
    return conll.parse(data, path, needs_labels=split != "test")

  def learn(self, sentences):
    labels = conll.labels_of(sentences)
    learned = {
      "labels": labels,
      "inner_punctuation": conll.inner_punctuation(sentences),
    }
    kinds = sorted(set(map(kind_of, labels)) - {"O"})
    name = self.entity_type or self.known_type or entity_files.UNTYPED
    if "" in kinds and name not in kinds:
      learned["entity_type"] = name
    elif self.entity_type:
      raise InputError(
        "--entity_type=%s: found %s in the training set, expected tags without "
        "types, which it names"
        % (self.entity_type, first_five(kinds) or "no entity")
      )
    return learned

  def _shown_type(self, kind):
    """Returns what to call a type; models from before may have no name."""
    return kind or self.learned.get("entity_type", entity_files.UNTYPED)

  def labels_of(self, example):
    return [(label, None) for label in example.labels or ()]

  def can_predict(self, label):
    known = {kind_of(label) for label in self.learned["labels"]}
    return kind_of(label) in known

  def read_unlabelled(self, data, path):
    source = streams.of_bytes(data, path)
    if detect.detect(source, self.unlabelled_kinds) == "words":
      return raw_documents(conll.parse_documents(data, path, False))
    return [self._cut(document) for document in unlabelled.parse(data, path)]

  def _cut(self, document):
    """Splits a document into words like those of the training set."""
    spans, sentences = [], []
    for start, end in documents.split_sentences(document):
      first = len(spans)
      spans += documents.words_of(
        document.text, start, end, self.learned["inner_punctuation"]
      )
      sentences.append((first, len(spans)))
    words = [document.text[start:end] for start, end in spans]
    return RawDocument(document, words, spans, sentences)

  def encode(self, example, is_training):
    del is_training
    pieces = [self._pieces(word) for word in example.words]
    if isinstance(example, RawDocument):
      label_ids, sentences = [NO_LABEL] * len(pieces), example.sentences
    else:
      ids = {label: i for i, label in enumerate(self.learned["labels"])}
      # A label that only a test set has cannot be learned, but is scored.
      gold = example.labels or [None] * len(pieces)
      label_ids = [ids.get(label, NO_LABEL) for label in gold]
      sentences = [(0, len(pieces))]
    overlap = int(self.room * batches.OVERLAP)
    features = []
    for first, last in sentences:
      lengths = [len(p) for p in pieces[first:last]]
      for window in batches.windows(lengths, self.room, overlap):
        features.append(self._features(pieces, label_ids, first, window))
    return harness.Encoded(features)

  def _pieces(self, word):
    """Returns the ids of a word, at least one so that it gets a label."""
    return self.tokenizer.encode(word)[: self.room] or [self.tokenizer.unk_id]

  def _features(self, pieces, label_ids, sentence, window):
    """Returns the features of a window of the sentence from word `sentence`.

    `word` and `label_ids` are set at the first piece of each of the window's
    own words, and -1 elsewhere.
    """
    ids, word, labels = [], [NO_LABEL], [NO_LABEL]  # Of [CLS].
    for i in range(sentence + window.first, sentence + window.last):
      own = window.own <= i - sentence < window.own_last
      rest = [NO_LABEL] * (len(pieces[i]) - 1)
      ids += pieces[i]
      word += [i if own else NO_LABEL] + rest
      labels += [label_ids[i] if own else NO_LABEL] + rest
    return dict(
      batches.sequence_features(self.tokenizer, ids),
      word=np.array(word + [NO_LABEL], np.int32),  # And of [SEP].
      label_ids=np.array(labels + [NO_LABEL], np.int32),
    )

  def head(self, sequence, pooled, features, is_training):
    del pooled
    loss, predictions = heads.tokens(
      sequence, features["label_ids"], len(self.learned["labels"]), is_training
    )
    return loss, dict(predictions, word=features["word"])

  def _labels(self, example, windows):
    """Returns ([label], [probability]) of all words of an example."""
    labels = [None] * len(example.words)
    probabilities = [None] * len(example.words)
    for window in windows:
      for at in np.flatnonzero(window["word"] != NO_LABEL):
        word = window["word"][at]
        labels[word] = self.learned["labels"][window["label"][at]]
        probabilities[word] = float(window["probability"][at])
    assert None not in labels, "a word lost its label"
    return labels, probabilities

  def score(self, sentences, outputs, split):
    gold = [s.labels for s in sentences]
    predicted = [self._labels(s, o)[0] for s, o in zip(sentences, outputs)]
    text = conll.format_predictions(sentences, predicted)
    files = {RESULT_FILES[split]: text}
    if None in gold:
      return {}, files
    scores = metrics.entity_scores(gold, predicted)
    scores.update(metrics.token_scores(gold, predicted))
    scores["types"] = {
      self._shown_type(type_): values
      for type_, values in scores["types"].items()
    }
    return scores, files

  def write_unlabelled(self, examples, outputs, stem):
    found = [self._entities(e, o) for e, o in zip(examples, outputs)]
    texts = [e.document for e in examples]
    title = "Entities in " + stem
    stem += ".entities"
    files = {
      stem + ".html": entity_files.to_html(
        texts, found, title, "Labelled by BioALBERT"
      )
    }
    if self.predict_format == "jsonl":
      files[stem + ".jsonl"] = entity_files.to_jsonl(texts, found)
    elif self.predict_format == "pubtator":
      files[stem + ".pubtator"] = entity_files.to_pubtator(texts, found)
    else:
      for document, entities in zip(texts, found):
        name = os.path.join(stem + ".brat", entity_files.brat_name(document.id))
        files[name + ".txt"], files[name + ".ann"] = entity_files.to_brat(
          document, entities
        )
    return files

  def _entities(self, example, windows):
    """Returns the entities of a document, found in each sentence by itself.

    An entity's score is the mean probability of its words' labels.
    """
    labels, probabilities = self._labels(example, windows)
    entities = []
    for begin, end in example.sentences:
      for first, last, type_ in metrics.entity_spans(labels[begin:end]):
        first, last = begin + first, begin + last
        start, stop = example.spans[first][0], example.spans[last - 1][1]
        entities.append(
          entity_files.Entity(
            start,
            stop,
            self._shown_type(type_),
            metrics.mean(probabilities[first:last]),
            example.document.text[start:stop],
          )
        )
    return entities


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


def kind_of(label):
  """Returns the type of a label, "O" for one outside: B-Disease -> Disease.

  Types are what counts in scores: a model of IOB2 can predict those of IOBES.
  """
  return label if label == "O" else label.partition("-")[2]


def known_type(task_name, data):
  """Returns the type of entities that names tell, or "".

  Args:
    task_name: --task_name.
    data: splits.Data, whose folders may be called after a data set.
  """
  folders = [data.data_dir or "", os.path.dirname(data.train_file or "")]
  names = [os.path.basename(folder.rstrip("/")) for folder in folders]
  found = filter(None, map(data_sets.find, [task_name] + names))
  return next((data_set.entity for data_set in found), "")


def main(_):
  values = flag_groups.values()
  command = harness.read_command(values)
  if values.entity_type and not harness.trains(command):
    raise InputError(
      "--entity_type=%s: found nothing to train, expected it with --do_train, "
      "which saves it in task.json" % values.entity_type
    )
  model = harness.load_model(command)
  task = Ner(
    model.tokenizer,
    values.max_seq_length,
    values.predict_format,
    values.entity_type,
    known_type(values.task_name, command.data),
  )
  harness.run(task, command, model)


if __name__ == "__main__":
  flag_groups.run(main)
