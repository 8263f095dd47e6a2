# SPDX-License-Identifier: Apache-2.0
"""Draws inferences: fine-tunes ALBERT to tell whether a sentence follows from
another, contradicts it, or neither (MedNLI, or any pair with one label).

Reads MedNLI as distributed (mli_train_v1.jsonl and its fellows), or train.tsv,
dev.tsv and test.tsv of --data_dir, whose header says which column is which.
"""

# isort: off
from common import quiet  # noqa: F401  First: silences TensorFlow.
# isort: on

from absl import flags
from absl import logging

from common import flag_groups
from finetuning import harness
from finetuning import sentence_tasks
from finetuning import splits

NO_CONSENSUS = "-"  # SNLI's label where its annotators did not agree.


class Nli(sentence_tasks.OneLabel):
  """One label for a premise and a hypothesis."""

  name = "nli"
  texts = sentence_tasks.TWO
  gold = {"label": ("gold_label", "label")}
  metric = "accuracy"
  split_names = {
    "train": ("mli_train_v1.jsonl",) + splits.NAMES["train"],
    "dev": ("mli_dev_v1.jsonl",) + splits.NAMES["dev"],
    "test": ("mli_test_v1.jsonl",) + splits.NAMES["test"],
  }

  def read(self, data, path, split):
    examples = super().read(data, path, split)
    agreed = [e for e in examples if e.gold != NO_CONSENSUS]
    if len(agreed) < len(examples):
      logging.warning(
        "%s: left out %d of %d pairs whose label is %s, no consensus",
        path,
        len(examples) - len(agreed),
        len(examples),
        NO_CONSENSUS,
      )
    return agreed


def define_flags():
  """BlueBERT's flags and ALBERT's of its fine-tuning programs."""
  flag_groups.define_sentence_flags()
  flags.DEFINE_string(
    "task_name", "mednli", "What results.json calls the data."
  )


def main(_):
  values = flag_groups.values()
  command = harness.read_command(values)
  model = harness.load_model(command)
  task = Nli(model.tokenizer, values.max_seq_length, values.predict_format)
  harness.run(task, command, model)


if __name__ == "__main__":
  define_flags()
  flag_groups.run(main)
