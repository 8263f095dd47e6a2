# SPDX-License-Identifier: Apache-2.0
"""Base classes of the tasks on one or two sentences.

They read tables (see formats/tables.py), encode their texts and write
predictions; subclasses name the columns and choose the head.
"""

import collections
import re

from absl import logging
import numpy as np

from common.errors import InputError
from common.errors import reject
from common.errors import shorten
from evaluation import metrics
from finetuning import encoding
from finetuning import harness
from finetuning import label_files
from formats import tables
from formats import unlabelled
from training import heads

# texts: one or two strings. gold: None without a label. place: file:line.
Example = collections.namedtuple("Example", "id texts gold place")
NO_GOLD = Example("", (), None, "")

ID = ("index", "id", "guid", "pair_id", "pairid", "uid", "idx", "pmid")
ONE = {"sentence": ("sentence", "text", "sentence1")}
TWO = {
  "sentence1": ("sentence1", "sent1", "text_a", "premise"),
  "sentence2": ("sentence2", "sent2", "text_b", "hypothesis"),
}
BALANCED = "balanced"  # A value of --class_weights.


def run(task_class, command, *options):
  """Runs a task; `options` follow max_seq_length in the class's arguments."""
  model = harness.load_model(command)
  task = task_class(model.tokenizer, command.max_seq_length, *options)
  task.asked_weights = command.training.class_weights
  harness.run(task, command, model)


def _parse_weights(text, labels):
  """Returns {label: weight} of --class_weights=label:weight,..."""
  found = {}
  for part in text.split(","):
    label, _, weight = part.rpartition(":")
    if label not in labels or not _is_weight(weight):
      raise InputError(
        "--class_weights: found '%s', expected %s or label:weight, with a "
        "weight above 0 and one of the labels %s"
        % (part, BALANCED, ", ".join(labels))
      )
    found[label] = float(weight)
  return found


def _is_weight(text):
  try:
    return 0 < float(text) < float("inf")
  except ValueError:
    return False


class SentenceTask(harness.Task):
  """A task on Examples of one or two texts."""

  texts = ONE  # {column of a text: its spellings}
  gold = {"label": ("label", "labels")}  # The gold column.
  asked_weights = None  # The value of --class_weights.
  encoder_class = encoding.Texts

  def __init__(self, tokenizer, max_seq_length, predict_format="tsv"):
    self.tokenizer = tokenizer
    # [CLS] and a [SEP] after each text.
    self.room = max_seq_length - 1 - len(self.texts)
    self.predict_format = predict_format

  def columns(self):
    """Returns {name: spellings} of the columns of an id and of the texts."""
    return dict({"id": ID}, **self.texts)

  def learned_weights(self, balanced):
    """Returns the weights of labels as `learn` does, {} for none.

    Args:
      balanced: {label: weight} that --class_weights=balanced stands for.

    Raises:
      InputError: --class_weights has another form, or names another label.
    """
    if not self.asked_weights:
      return {}
    weights = balanced
    if self.asked_weights != BALANCED:
      weights = dict.fromkeys(balanced, 1.0)
      weights.update(_parse_weights(self.asked_weights, sorted(balanced)))
    logging.info(
      "weights of labels in the loss: %s",
      ", ".join("%s %.4g" % pair for pair in sorted(weights.items())),
    )
    return {"class_weights": weights}

  def weights(self):
    """Returns the weights of the labels by their ids; None if all are alike."""
    weights = self.learned.get("class_weights")
    return weights and [weights[label] for label in self.learned["labels"]]

  def is_gold(self, cell):
    """Returns whether a cell of a file to label holds a label after all."""
    try:
      return self.parse_gold(cell, "") in self.learned["labels"]
    except InputError:
      return False

  def parse_gold(self, text, place):
    """Returns the gold value in a cell; InputError if it is invalid."""
    del place
    return text.strip()

  def gold_features(self, example):
    """Returns the features of an example's gold, which may be None."""
    raise NotImplementedError

  def answer_columns(self):
    """Returns the names of the columns that `answers` fills."""
    raise NotImplementedError

  def answers(self, outputs):
    """Returns a row of predictions for each example."""
    raise NotImplementedError

  def read(self, data, path, split):
    (gold,), texts = self.gold, tuple(self.texts)
    orders = [texts + (gold,), ("id",) + texts + (gold,)]
    optional = ["id"]
    if split == "test":
      orders.append(texts)
      optional.append(gold)
    records = tables.records(
      tables.read_rows(data, path, dict(self.columns(), **self.gold)),
      path,
      dict(self.columns(), **self.gold),
      {len(order): order for order in orders},
      optional,
      gold=gold,
    )
    examples = [self.example(record, record.values[gold]) for record in records]
    _check_all_or_none(examples, gold)
    return examples

  def example(self, record, gold):
    """Returns the Example of a tables.Record and its gold cell."""
    blank = not (gold or "").strip()
    gold = None if blank else self.parse_gold(gold, record.place)
    values = record.values
    return Example(
      values["id"] or str(record.line),
      tuple(values[name] for name in self.texts),
      gold,
      record.place,
    )

  def read_unlabelled(self, source, failed=reject):
    """Yields the Examples of a file as Found; labels in it are left aside."""
    begin = 0
    for examples in self.blocks_to_label(source, failed):
      yield from unlabelled.spread(examples, source, begin)
      begin = source.position

  def blocks_to_label(self, source, failed=reject):
    """Yields lists of the Examples of a file; a small one is a single list."""
    columns, (gold,) = self.columns(), self.gold
    known = dict(columns, **self.gold)
    how = (columns, self._layouts_to_label(), ["id"])
    is_array = unlabelled.is_array(source)
    header, first = [], None
    for rows in tables.row_blocks(source, known, is_array, failed):
      if first and not header:
        header = tables.header_of(first, *how, gold, self.is_gold)
      rows = self.mend_rows(tables.align(header + rows, known))
      records = tables.records(
        rows, source.path, *how, (), gold, self.is_gold, failed
      )
      yield [self.example(record, None) for record in records]
      first = first or rows

  def mend_rows(self, rows):
    """Returns the tables.Rows of a block, from its header on, mended."""
    return rows

  def _layouts_to_label(self):
    """Returns the possible columns of tables without a header."""
    (gold,), texts = self.gold, tuple(self.texts)
    layouts = {}
    for order in (
      texts,
      ("id",) + texts,
      texts + (gold,),
      ("id",) + texts + (gold,),
      (gold,) + texts + ("id",),
    ):
      layouts.setdefault(len(order), []).append(order)
    return layouts

  def encode(self, example, is_training):
    return self.encode_all([example], is_training)[0]

  def encode_all(self, examples, is_training):
    del is_training
    found = []
    for example, encoded in zip(examples, self.encoder().encode_all(examples)):
      gold = self.gold_features(example)
      windows = [dict(window, **gold) for window in encoded.features]
      found.append(encoded._replace(features=windows))
    return found

  def encoder(self):
    return self.encoder_class(
      self.tokenizer, self.room, self.gold_features(NO_GOLD)
    )

  def write_predictions(self, examples, answers, split):
    """Returns the table of gold and the first two columns of `answers`."""
    header = ["index"] + list(self.texts) + ["gold", "predicted"]
    header += self.answer_columns()[1:2]
    rows = [
      [e.id] + list(e.texts) + ["" if e.gold is None else e.gold] + answer[:2]
      for e, answer in zip(examples, answers)
    ]
    return {split + "_predictions.tsv": tables.to_tsv([header] + rows)}

  def label(self, example, windows):
    return self.answers([windows])[0]

  def _label_columns(self):
    return ["id"] + list(self.texts) + self.answer_columns()

  def label_file(self):
    header = ""
    if self.predict_format == "tsv":
      header = tables.to_tsv([self._label_columns()])
    return label_files.LabelFile(header, "")

  def format_label(self, example, answer):
    row = [example.id] + list(example.texts) + answer
    if self.predict_format == "tsv":
      return tables.to_tsv([row])
    return tables.to_jsonl(self._label_columns(), [row])


class OneLabel(SentenceTask):
  """Predicts one label for each example."""

  def parse_gold(self, text, place):
    # pandas writes the labels 0 and 1 as 0.0 and 1.0 if one was missing.
    return re.sub(r"^(\d+)\.0$", r"\1", text.strip())

  def learn(self, examples):
    counts = collections.Counter(e.gold for e in examples)
    # As in scikit-learn: the mean over the training set is 1.
    balanced = {x: len(examples) / (len(counts) * n) for x, n in counts.items()}
    return dict(
      self.learned_weights(balanced),
      labels=sorted(counts, key=self.label_order),
    )

  def labels_of(self, example):
    return [] if example.gold is None else [(example.gold, example.place)]

  def negative(self):
    """Returns the label for "no relation", or None."""

  def label_order(self, label):
    """Returns the sort key of a label."""
    return label

  def gold_features(self, example):
    label_id = -1
    if example.gold is not None:
      check_label(example.gold, self.learned["labels"], example.place)
      label_id = self.learned["labels"].index(example.gold)
    return {"label_id": np.array(label_id, np.int32)}

  def head(self, sequence, pooled, features, is_training):
    del sequence
    return heads.classes(
      pooled,
      features["label_id"],
      len(self.learned["labels"]),
      is_training,
      self.weights(),
    )

  def answer_columns(self):
    return ["label", "probability"] + [
      "p(%s)" % label for label in self.learned["labels"]
    ]

  def answers(self, outputs):
    rows = []
    for (output,) in outputs:
      probabilities = [float(p) for p in output["probabilities"]]
      best = int(np.argmax(probabilities))
      rows.append(
        [self.learned["labels"][best], probabilities[best]] + probabilities
      )
    return rows

  def score(self, examples, outputs, split):
    answers = self.answers(outputs)
    files = self.write_predictions(examples, answers, split)
    files.update(write_results([answer[2:] for answer in answers], split))
    if examples[0].gold is None:
      return {}, files
    gold = [e.gold for e in examples]
    predicted = [answer[0] for answer in answers]
    scores = metrics.class_scores(
      gold, predicted, self.learned["labels"], self.negative()
    )
    scores["negative"] = self.negative()
    scores["collapsed"] = is_collapsed(gold, predicted, split)
    return scores, files

  def rank(self, scores):
    # Collapsed checkpoints rank last: always predicting 1 has an F1 of 69 on
    # GAD, more than many useful checkpoints.
    return super().rank(scores) - scores["collapsed"]

  def report(self, scores):
    return metrics.class_report(scores)


def check_label(label, labels, place):
  """Rejects a label that the training set lacks."""
  if label not in labels:
    alike = [known for known in labels if known.lower() == label.lower()]
    raise InputError(
      "%s: found the label %s, expected one of the training set's: %s"
      % (
        place,
        shorten(label),
        "%s, which differs in case" % alike[0] if alike else ", ".join(labels),
      )
    )


def write_results(rows, split):
  """Returns the ALBERT release's file of numbers only, a row per example."""
  text = "".join("\t".join("%.8g" % x for x in row) + "\n" for row in rows)
  return {split + "_results.tsv": text}


def is_collapsed(gold, predicted, split):
  """Returns whether all predictions are equal but the gold is not; warns then.

  Such a model has learned the labels' frequencies at most.
  """
  collapsed = len(set(predicted)) == 1 and len(set(gold)) > 1
  if collapsed:
    logging.warning(
      "%s: collapse: each of the %d predictions is %s; a lower "
      "--learning_rate, more updates or another --seed may help",
      split,
      len(predicted),
      shorten(str(predicted[0])),
    )
  return collapsed


def _check_all_or_none(examples, gold):
  """Rejects a file in which only some rows have gold."""
  without = [e for e in examples if e.gold is None]
  if without and len(without) < len(examples):
    raise InputError(
      "%s: found no %s, expected one in every row or in none"
      % (without[0].place, gold)
    )
