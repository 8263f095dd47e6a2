# SPDX-License-Identifier: Apache-2.0
"""Document classification: fine-tunes ALBERT to assign any number of labels to
a text (Hallmarks of Cancer, or your own), and scores whole documents.

Reads train.tsv, dev.tsv and test.tsv in --data_dir in the layouts of BLURB and
BLUE. The labels of a row are 0_1,1_0,..., or names separated by commas, or one
column of 0 and 1 per label. Sentences with the ids 123_s0 and 123_s1 belong to
the document 123.
"""

from absl import flags

from common import flag_groups


def define_flags():
  """Defines the flags of BlueBERT and of ALBERT's fine-tuning programs."""
  flag_groups.define_sentence_flags()
  flag_groups.define_class_weights_flag()
  flags.DEFINE_enum(
    "task_name",
    None,
    ["generic", "hoc"],
    "Corpus; with hoc, ten aspects get the names of the hallmarks.",
    case_sensitive=False,
  )
  flags.mark_flag_as_required("task_name")
  flags.DEFINE_bool(
    "tune_threshold",
    None,
    "Tune a threshold for each label on the development set (--do_eval) and "
    "save it with the model. Default: the saved thresholds if any, else 0.5.",
  )


if __name__ == "__main__":  # Before the imports that take seconds.
  flag_groups.parse(define_flags)

import collections
import re

from absl import logging
import numpy as np

from common.errors import InputError
from common.errors import reject
from common.errors import shorten
from common.text import count_text
from evaluation import metrics
from finetuning import encoding
from finetuning import harness
from finetuning import sentence_tasks
from formats import detect
from formats import label_sets
from formats import tables
from formats import unlabelled
from training import heads

TUNED = "tuned on the development set"
UNTUNED = 0.5  # The threshold without tuning.


class Dc(sentence_tasks.SentenceTask):
  """Any number of labels for a text; a long text becomes windows.

  Gold is {label: whether the text has it}; labels given by name are all True.
  A label's probability is the highest over a document's sentences and windows.
  --tune_threshold adds "thresholds" to `learned`.
  """

  name = "dc"
  gold = {"labels": ("labels", "label")}
  metric = "f1"
  unlabelled_kinds = detect.TEXTS + ("rows",)
  encoder_class = encoding.LongTexts

  def __init__(
    self,
    tokenizer,
    max_seq_length,
    predict_format="tsv",
    task_name="generic",
    tune_threshold=None,
  ):
    super().__init__(tokenizer, max_seq_length, predict_format)
    self.task_name = task_name
    self.tune_threshold = tune_threshold

  def read(self, data, path, split):
    names = label_sets.HALLMARKS if self.task_name == "hoc" else ()
    pairs = label_sets.parse(
      data, path, self.columns(), self.gold, split, names
    )
    examples = [
      self.example(record, None)._replace(gold=gold) for record, gold in pairs
    ]
    rows = count_text(len(examples), "row")
    documents = count_text(len(rows_of_documents(examples)), "document")
    logging.info("%s: %s, %s", path, rows, documents)
    return examples

  def read_unlabelled(self, source, failed=reject):
    names = unlabelled.names_of(source)
    if names is None or set(names).intersection(*self.texts.values()):
      return super().read_unlabelled(source, failed)
    return map(_found_example, unlabelled.read(source, failed))

  def mend_rows(self, rows):
    return label_sets.fix_header(rows)

  def is_gold(self, cell):
    aspects = r"\d+_[01](\s*,\s*\d+_[01])*"
    names = label_sets.names_in(cell)
    return bool(
      set(names) <= set(self.learned["labels"])
      or re.fullmatch(aspects, cell.strip())
    )

  def labels_of(self, example):
    return [(label, example.place) for label in labels_of(example)]

  def group(self, example):
    return label_sets.document_of(example.id)

  def learn(self, examples):
    if not any(map(labels_of, examples)):
      raise InputError(
        "%s: found no label in this row and those after it, expected some to "
        "learn" % examples[0].place
      )
    labels = {label for e in examples for label in e.gold}
    counts = collections.Counter(x for e in examples for x in labels_of(e))
    balanced = {x: len(examples) / max(counts[x], 1) - 1 for x in labels}
    return dict(
      self.learned_weights({x: w or 1.0 for x, w in balanced.items()}),
      labels=sorted(labels, key=label_sets.order),
    )

  def gold_features(self, example):
    labels, gold = self.learned["labels"], example.gold or {}
    for label in gold:
      sentence_tasks.check_label(label, labels, example.place)
    missing = [label for label in labels if label not in gold]
    if missing and not all(gold.values()):
      raise InputError(
        "%s: found no 0 or 1 for the label %s, expected one for each label of "
        "the training set" % (example.place, shorten(missing[0]))
      )
    return {
      "gold": np.array([gold.get(label, 0) for label in labels], np.float32)
    }

  def head(self, sequence, pooled, features, is_training):
    del sequence
    return heads.labels(pooled, features["gold"], is_training, self.weights())

  def calibrate(self, examples, outputs):
    """Returns the thresholds with which these documents score best."""
    if not self.tune_threshold:
      return {}
    _, gold, probabilities = join_documents(examples, probabilities_of(outputs))
    return {
      "thresholds": {
        label: metrics.best_threshold([label in g for g in gold], column)
        for label, column in zip(self.learned["labels"], probabilities.T)
      }
    }

  def score(self, examples, outputs, split):
    rows = probabilities_of(outputs)  # [examples, labels]
    names, gold, joined = join_documents(examples, rows)
    files = {
      split + "_predictions.tsv": self._table(
        ["index", "sentence"],
        [(e.id,) + e.texts for e in examples],
        map(labels_of, examples),
        rows,
      ),
      split + "_documents.tsv": self._table(
        ["index"], [(name,) for name in names], gold, joined
      ),
    }
    files.update(sentence_tasks.write_results(rows, split))
    thresholds, which = self._thresholds()
    if examples[0].gold is None:
      return {}, files
    scores = self._scores(gold, joined, thresholds)
    if which == TUNED:
      untuned = dict.fromkeys(thresholds, UNTUNED)
      scores["untuned_f1"] = self._scores(gold, joined, untuned)["f1"]
    scores["threshold"] = which
    scores["thresholds"] = thresholds
    scores["collapsed"] = is_collapsed(scores["classes"], split)
    return scores, files

  def _scores(self, gold, probabilities, thresholds):
    predicted = [set(chosen(row, thresholds)) for row in probabilities]
    return metrics.multilabel_scores(gold, predicted, self.learned["labels"])

  def _thresholds(self):
    """Returns ({label: threshold}, description)."""
    tuned = self.learned.get("thresholds")
    if tuned and self.tune_threshold is not False:
      return tuned, TUNED
    which = (
      "%s (no development set was tuned on)" if self.tune_threshold else "%s"
    )
    return dict.fromkeys(self.learned["labels"], UNTUNED), which % UNTUNED

  def report(self, scores):
    lines = ["", "Threshold: " + scores["threshold"]]
    if scores["threshold"] == TUNED:
      lines += ["%.4f %s" % (t, x) for x, t in scores["thresholds"].items()]
    return metrics.class_report(scores) + "\n".join(lines) + "\n"

  def answer_columns(self):
    return ["labels"] + ["p(%s)" % label for label in self.learned["labels"]]

  def answers(self, outputs):
    return [self._answer(row) for row in probabilities_of(outputs)]

  def _answer(self, probabilities):
    labels = chosen(probabilities, self._thresholds()[0])
    return [",".join(labels)] + probabilities.tolist()

  def _table(self, columns, cells, gold, probabilities):
    """Returns the table of gold and predictions of sentences or documents."""
    header = columns + ["gold", "predicted"] + self.answer_columns()[1:]
    return tables.to_tsv(
      [header]
      + [
        list(row)
        + [",".join(sorted(labels, key=label_sets.order))]
        + self._answer(p)
        for row, labels, p in zip(cells, gold, probabilities)
      ],
    )

  def label_file(self):
    logging.info("threshold: %s", self._thresholds()[1])
    return super().label_file()


def _found_example(found):
  """Returns a Found whose Document becomes an Example."""
  name, text, _ = found.document
  example = sentence_tasks.Example(name, (text,), None, found.place)
  return found._replace(document=example)


def rows_of_documents(examples):
  """Returns {document: indices of its examples}, in order."""
  rows = collections.OrderedDict()
  for i, example in enumerate(examples):
    rows.setdefault(label_sets.document_of(example.id), []).append(i)
  return rows


def join_documents(examples, rows):
  """Returns (names, gold label sets, probabilities [D, L]) of documents.

  `rows` are the probabilities of their sentences, [examples, L].
  """
  documents = rows_of_documents(examples)
  gold = [
    {label for i in numbers for label in labels_of(examples[i])}
    for numbers in documents.values()
  ]
  joined = np.array([rows[i].max(0) for i in documents.values()])
  return list(documents), gold, joined


def labels_of(example):
  """Returns the labels of a text; [] without gold."""
  return [label for label, has in (example.gold or {}).items() if has]


def probabilities_of(outputs):
  """Returns the maximum over each example's windows, float64 [N, L]."""
  return np.array(
    [np.max([o["probabilities"] for o in windows], 0) for windows in outputs],
    np.float64,
  )


def chosen(probabilities, thresholds):
  """Returns the labels whose probability reaches their threshold."""
  pairs = zip(thresholds.items(), probabilities)
  return [label for (label, threshold), p in pairs if p >= threshold]


def is_collapsed(classes, split):
  """Returns whether no label is predicted although gold has some; warns then.

  `classes` are the counts of metrics.multilabel_scores.
  """
  gold, predicted = (
    sum(counts[side] for counts in classes.values())
    for side in ("gold", "predicted")
  )
  if gold and not predicted:
    logging.warning(
      "%s: collapse: no label is predicted; more updates, another "
      "--learning_rate or another --seed may help, or --tune_threshold",
      split,
    )
  return bool(gold and not predicted)


def main(_):
  values = flag_groups.values()
  command = harness.read_command(values)
  if values.tune_threshold and harness.trains(command) and not values.do_eval:
    raise InputError("--tune_threshold needs --do_eval")
  sentence_tasks.run(
    Dc, command, values.predict_format, values.task_name, values.tune_threshold
  )


if __name__ == "__main__":
  flag_groups.run(main)
