# SPDX-License-Identifier: Apache-2.0
"""Natural language inference: fine-tunes ALBERT to classify pairs of sentences
as entailment, contradiction or neutral (MedNLI, or other pairs with a label).

Reads MedNLI as distributed (mli_train_v1.jsonl etc.), or train.tsv, dev.tsv and
test.tsv in --data_dir, with a header that names the columns.
"""

from absl import flags

from common import flag_groups


def define_flags():
  """Defines the flags of BlueBERT and of ALBERT's fine-tuning programs."""
  flag_groups.define_sentence_flags()
  flag_groups.define_class_weights_flag()
  flags.DEFINE_string(
    "task_name", "mednli", "Name of the data in results.json."
  )


if __name__ == "__main__":  # Before the imports that take seconds.
  flag_groups.parse(define_flags)

from absl import logging

from finetuning import harness
from finetuning import sentence_tasks
from finetuning import splits

NO_CONSENSUS = "-"  # SNLI's label where annotators disagree.


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
        "%s: left out %d of %d pairs with the label %s (no consensus)",
        path,
        len(examples) - len(agreed),
        len(examples),
        NO_CONSENSUS,
      )
    return agreed


def main(_):
  values = flag_groups.values()
  sentence_tasks.run(Nli, harness.read_command(values), values.predict_format)


if __name__ == "__main__":
  flag_groups.run(main)
