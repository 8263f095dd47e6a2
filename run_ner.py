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
  flag_groups.define_predict_format_flag(["jsonl", "pubtator", "bioc", "brat"])
  flags.DEFINE_string(
    "entity_type",
    None,
    "What a new model calls the entities of tags without types (B, I, O). "
    "Default: the type of a data set known by the name of --data_dir or "
    "--task_name, else entity. The choice is saved with the model.",
  )


if __name__ == "__main__":  # Before the imports that take seconds.
  flag_groups.parse(define_flags)

import os

import numpy as np

from common import data_sets
from common import word_arrays
from common.errors import InputError
from common.errors import first_five
from common.errors import reject
from evaluation import metrics
from finetuning import harness
from finetuning import label_files
from finetuning import words
from formats import conll
from formats import detect
from formats import entity_files
from formats import unlabelled
from training import batches
from training import heads

_WRITERS = {
  "jsonl": entity_files.to_jsonl,
  "pubtator": entity_files.to_pubtator,
  "bioc": entity_files.to_bioc,
}

RESULT_FILES = {
  "dev": "NER_result_conll_dev.txt",
  "test": "NER_result_conll.txt",
}


class Ner(harness.Task):
  """Labels the first piece of each word; splits long sentences into windows."""

  name = "ner"
  padding = words.PADDING
  metric = "f1"
  kinds = ("words",)
  unlabelled_kinds = detect.TEXTS + ("words",)
  label_kind = "entities"
  has_page = True

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
    self.max_seq_length = max_seq_length
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

  def read_unlabelled(self, source, failed=reject):
    """Yields Documents, and RawDocuments of files of words."""
    if detect.detect(source, self.unlabelled_kinds) == "words":
      found = conll.parse_documents(source.whole(), source.path, False)
      return unlabelled.spread(words.raw_documents(found), source)
    return unlabelled.read(source, failed)

  def parts(self, example):
    """Returns Passages of a Document, with their shares."""
    if isinstance(example, words.RawDocument):
      return [(example, 1)]
    return words.passages(example)

  def encoder(self):
    inner_punctuation = self.learned["inner_punctuation"]
    return words.Encoder(self.tokenizer, self.max_seq_length, inner_punctuation)

  def encode(self, example, is_training):
    return self.encode_all([example], is_training)[0]

  def encode_all(self, examples, is_training):
    del is_training
    ids = {label: i for i, label in enumerate(self.learned["labels"])}
    texts, label_ids = [], []
    for example in examples:
      count = len(example.words)
      array = word_arrays.WordArray.of(example.words)
      texts.append((array, np.array([[0, count]])))
      # A label that only a test set has cannot be learned, but is scored.
      label_ids += [
        ids.get(label, words.NO_LABEL) for label in example.labels or ()
      ] or [words.NO_LABEL] * count
    rows = words.encode(texts, self.tokenizer, self.max_seq_length, label_ids)
    return list(map(batches.Encoded, rows))

  def head(self, sequence, pooled, features, is_training):
    del pooled
    loss, predictions = heads.tokens(
      sequence, features["label_ids"], len(self.learned["labels"]), is_training
    )
    return loss, dict(predictions, word=features["word"])

  def _labels(self, count, windows):
    """Returns ([label], [probability]) of so many words."""
    return words.join_windows(count, windows, self.learned["labels"])

  def score(self, sentences, outputs, split):
    gold = [s.labels for s in sentences]
    predicted = [
      self._labels(len(sentence.words), windows)[0]
      for sentence, windows in zip(sentences, outputs)
    ]
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

  def label_file(self):
    if self.predict_format == "brat":
      return None
    ends = ("", "")
    if self.predict_format == "bioc":
      ends = (entity_files.BIOC_HEADER, entity_files.BIOC_FOOTER)
    return label_files.LabelFile(*ends)

  def format_label(self, example, label):
    document = _document_of(example)
    if self.predict_format == "brat":
      text, annotations = entity_files.to_brat(document, label)
      return document.id, {".txt": text, ".ann": annotations}
    return _WRITERS[self.predict_format]([document], [label])

  def page(self, examples, labels, title, note):
    shown = "Labelled by BioALBERT. Point at an entity to see its score."
    return entity_files.to_html(
      list(map(_document_of, examples)),
      labels,
      "Entities in " + title,
      " ".join(filter(None, [shown, note])),
    )

  def label(self, example, windows):
    """Returns the entities of a RawDocument."""
    found = self._labels(len(example.spans), windows)
    return words.entities(example, *found, self._shown_type(""))


def _document_of(example):
  """Returns the Document of what read_unlabelled yields."""
  if isinstance(example, words.RawDocument):
    return example.document
  return example


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
