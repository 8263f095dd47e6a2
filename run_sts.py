# SPDX-License-Identifier: Apache-2.0
"""Sentence similarity: fine-tunes ALBERT to score how similar two sentences are
in meaning, on the scale of the corpus (BIOSSES, MedSTS).

Reads train.tsv, dev.tsv and test.tsv in --data_dir in the layout of BLURB or
GLUE, with a header, or the text files of n2c2 (two sentences and a score).
"""

from absl import flags

from common import flag_groups

# Highest score of each corpus; all scales start at 0. BlueBERT's sts is MedSTS.
HIGHEST = {"biosses": 4.0, "medsts": 5.0, "sts": 5.0}


def define_flags():
  """Defines the flags of BlueBERT and of ALBERT's fine-tuning programs."""
  flag_groups.define_sentence_flags()
  flags.DEFINE_enum(
    "task_name",
    None,
    sorted(HIGHEST),
    "Corpus; sets the range of the scores.",
    case_sensitive=False,
  )
  flags.mark_flag_as_required("task_name")


if __name__ == "__main__":  # Before the imports that take seconds.
  flag_groups.parse(define_flags)

import numpy as np

from common.errors import InputError
from common.errors import shorten
from common.text import parse_number
from evaluation import metrics
from finetuning import harness
from finetuning import sentence_tasks
from finetuning import splits
from training import heads


class Sts(sentence_tasks.SentenceTask):
  """A score for two sentences."""

  name = "sts"
  texts = sentence_tasks.TWO
  gold = {"score": ("score", "label", "similarity")}
  metric = "pearson"
  split_names = {
    "train": splits.NAMES["train"] + ("clinicalSTS2019.train.txt",),
    "dev": splits.NAMES["dev"],
    "test": splits.NAMES["test"] + ("clinicalSTS2019.test.txt",),
  }

  def __init__(self, tokenizer, max_seq_length, predict_format, highest):
    super().__init__(tokenizer, max_seq_length, predict_format)
    self.highest = highest

  def parse_gold(self, text, place):
    try:
      score = parse_number(text)
    except ValueError:
      score = None
    if score is None or not 0 <= score <= self.highest:
      raise InputError(
        "%s: found the score %s, expected a number from 0 to %g"
        % (place, shorten(text), self.highest)
      )
    return score

  def is_gold(self, cell):
    try:
      return self.parse_gold(cell, "") is not None
    except InputError:
      return False

  def learn(self, examples):
    return {"highest": self.highest}

  def gold_features(self, example):
    return {"score": np.array(example.gold or 0.0, np.float32)}

  def head(self, sequence, pooled, features, is_training):
    del sequence
    return heads.score(pooled, features["score"], is_training)

  def answer_columns(self):
    return ["value"]

  def answers(self, outputs):
    return [[float(output["value"])] for (output,) in outputs]

  def score(self, examples, outputs, split):
    answers = self.answers(outputs)
    files = self.write_predictions(examples, answers, split)
    files.update(sentence_tasks.write_results(answers, split))
    if examples[0].gold is None:
      return {}, files
    gold, values = [e.gold for e in examples], [value for (value,) in answers]
    return metrics.regression_scores(gold, values), files


def main(_):
  values = flag_groups.values()
  highest = HIGHEST[values.task_name]
  command = harness.read_command(values)
  sentence_tasks.run(Sts, command, values.predict_format, highest)


if __name__ == "__main__":
  flag_groups.run(main)
