# SPDX-License-Identifier: Apache-2.0
"""Relation extraction: fine-tunes ALBERT to classify the relation between two
marked entities in a sentence (GAD, EU-ADR, ChemProt, DDI, i2b2, or your own).

Reads train.tsv, dev.tsv and test.tsv in --data_dir in the layouts of BioBERT,
BLUE and BLURB: a sentence and its label, with or without an id and a header.
"""

from absl import flags

from common import flag_groups

# The labels of each corpus for "no relation", in lower case.
NEGATIVES = {
  "gad": {"0", "false"},
  "euadr": {"0", "false"},
  "polysearch": {"0", "false"},
  "mirnadisease": {"0", "false"},
  "chemprot": {"false"},
  "ddi": {"ddi-false", "false", "negative"},
  "ddi13": {"ddi-false", "false", "negative"},
  "i2b2": {"false", "none"},
  "i2b2_2010": {"false", "none"},
  "generic": set(),
}


def define_flags():
  """Defines the flags of BioBERT's run_re.py and of ALBERT's fine-tuning."""
  flag_groups.define_sentence_flags()
  flag_groups.define_class_weights_flag()
  flags.DEFINE_enum(
    "task_name",
    None,
    sorted(NEGATIVES),
    "Corpus; determines which label means 'no relation'. For generic, set "
    "--negative_label.",
    case_sensitive=False,
  )
  flags.mark_flag_as_required("task_name")
  flags.DEFINE_string(
    "negative_label", None, "Label for 'no relation', which is not scored."
  )
  flags.DEFINE_enum(
    "entity_marks",
    "as_is",
    ["as_is", "words", "tokens"],
    "How a new model encodes @GENE$: unchanged, as the word gene, or as one "
    "token. The choice is saved with the model.",
  )


if __name__ == "__main__":  # Before the imports that take seconds.
  flag_groups.parse(define_flags)

import re

from absl import logging

from common.errors import InputError
from common.errors import first_five
from common.errors import reject
from finetuning import harness
from finetuning import marked_texts
from finetuning import sentence_tasks

UNUSED = re.compile(r"\[unused\d+\]")  # BERT's spare pieces


class Re(sentence_tasks.OneLabel):
  """One label per sentence; keeps the part around the entities of long ones."""

  name = "re"
  metric = "f1"

  def __init__(
    self,
    tokenizer,
    max_seq_length,
    predict_format="tsv",
    task_name="generic",
    negative_label=None,
    entity_marks="as_is",
  ):
    super().__init__(tokenizer, max_seq_length, predict_format)
    self.task_name = task_name
    self.negatives = NEGATIVES[task_name]
    if negative_label:
      self.negatives = {negative_label.lower()}
    self.entity_marks = entity_marks

  def read(self, data, path, split):
    examples = super().read(data, path, split)
    self._warn_of_missing_marks(examples, path)
    return examples

  def blocks_to_label(self, source, failed=reject):
    for examples in super().blocks_to_label(source, failed):
      self._warn_of_missing_marks(examples, source.path)
      yield examples

  def _warn_of_missing_marks(self, examples, path):
    """Warns about rows of a known corpus that do not mark two entities."""
    if self.task_name == "generic":
      return
    bare = [e.place for e in examples if not marks_two(e.texts[0])]
    if bare:
      logging.warning(
        "%s: %d of %d rows do not mark two entities such as @GENE$ and "
        "@DISEASE$: %s",
        *(path, len(bare), len(examples), first_five(bare)),
      )

  def learn(self, examples):
    learned = super().learn(examples)
    labels = learned["labels"]
    if self.negatives and not self.negatives & set(map(str.lower, labels)):
      raise InputError(
        "%s and on: found the labels %s, expected %s among them for 'no "
        "relation'; set --negative_label if it has another name"
        % (
          examples[0].place,
          first_five(labels),
          " or ".join(sorted(self.negatives)),
        )
      )
    learned["entity_marks"] = self.entity_marks
    if self.entity_marks == "tokens":
      learned["mark_ids"] = self._spare_ids(examples)
    return learned

  def expected_labels(self):
    return self.negatives

  def negative(self):
    labels = self.learned["labels"]
    return next((x for x in labels if x.lower() in self.negatives), None)

  def label_order(self, label):
    """Sorts by name; a negative label comes last unless it is a number."""
    return not label.isdigit() and label.lower() in self.negatives, label

  def _spare_ids(self, examples):
    """Returns {mark: id} of pieces that are unused in the training set."""
    vocabulary, tokenizer = self.tokenizer.inv_vocab, self.tokenizer
    used = {tokenizer.pad_id, tokenizer.unk_id, tokenizer.mask_id}
    used |= {tokenizer.cls_id, tokenizer.sep_id}
    marks = set()
    for example in examples:
      parts = marked_texts.MARK.split(example.texts[0])
      marks.update(mark.lower() for mark in parts[1::2])
      for part in parts[::2]:
        used.update(tokenizer.encode(part))
    free = sorted(
      set(vocabulary) - used,
      key=lambda i: (not UNUSED.fullmatch(vocabulary[i]), -i),
    )
    if len(free) < len(marks):
      raise InputError(
        "--entity_marks=tokens: found %d kinds of marks and %d pieces that the "
        "training set leaves unused" % (len(marks), len(free))
      )
    return dict(zip(sorted(marks), free))

  def encoder(self):
    return marked_texts.MarkedTexts(
      self.tokenizer,
      self.room,
      self.gold_features(sentence_tasks.NO_GOLD),
      self.learned["entity_marks"],
      self.learned.get("mark_ids"),
    )


def marks_two(text):
  """Returns whether a sentence marks two entities; they may overlap."""
  marks = marked_texts.MARK.findall(text)
  return len(marks) > 1 or any("-" in mark for mark in marks)


def main(_):
  values = flag_groups.values()
  sentence_tasks.run(
    Re,
    harness.read_command(values),
    values.predict_format,
    values.task_name,
    values.negative_label,
    values.entity_marks,
  )


if __name__ == "__main__":
  flag_groups.run(main)
