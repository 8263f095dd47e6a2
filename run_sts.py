# SPDX-License-Identifier: Apache-2.0
"""Measures similarity: fine-tunes ALBERT to tell how much two sentences mean
the same (BIOSSES, MedSTS), as a number on the corpus's scale.

Reads train.tsv, dev.tsv and test.tsv of --data_dir as BLURB and GLUE write
them, with a header, or n2c2's text of two sentences and their score.
"""

# isort: off
from common import quiet  # noqa: F401  First: silences TensorFlow.
# isort: on

from absl import flags
import numpy as np

from common import flag_groups
from common.errors import InputError
from common.errors import shorten
from evaluation import metrics
from finetuning import harness
from finetuning import sentence_tasks
from finetuning import splits
from training import heads

# The end of each corpus's scale; all begin at 0. BlueBERT calls MedSTS sts.
HIGHEST = {"biosses": 4.0, "medsts": 5.0, "sts": 5.0}


class Sts(sentence_tasks.SentenceTask):
  """A number for two sentences."""

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
      score = float(text)
    except ValueError:
      score = None
    if score is None or not 0 <= score <= self.highest:
      raise InputError(
        "%s: found the score %s, expected a number from 0 to %g"
        % (place, shorten(text), self.highest)
      )
    return score

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


def define_flags():
  """BlueBERT's flags of run_bluebert_sts.py and ALBERT's."""
  flag_groups.define_sentence_flags()
  flags.DEFINE_enum(
    "task_name",
    None,
    sorted(HIGHEST),
    "The corpus; it says up to which number scores go.",
    case_sensitive=False,
  )
  flags.mark_flag_as_required("task_name")


def main(_):
  values = flag_groups.values()
  command = harness.read_command(values)
  model = harness.load_model(command)
  task = Sts(
    model.tokenizer,
    values.max_seq_length,
    values.predict_format,
    HIGHEST[values.task_name],
  )
  harness.run(task, command, model)


if __name__ == "__main__":
  define_flags()
  flag_groups.run(main)
