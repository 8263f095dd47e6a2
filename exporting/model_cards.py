# SPDX-License-Identifier: Apache-2.0
"""The README.md of an exported model: what it is, and how it is used.

Each function takes a model_folders.Source and returns Markdown.
"""

import os

# What stands before --predict_file in the command of a task's program.
PROGRAMS = {
  "ner": "run_ner.py",
  "re": "run_re.py",
  "sts": "run_sts.py",
  "nli": "run_nli.py",
  "dc": "run_dc.py",
  "qa": "run_qa.py",
  "yesno": "run_qa.py",
}
INPUTS = """\
Inputs are int32 [batch, length], of any size up to %(longest)d pieces a text:
`input_ids` ([CLS] text [SEP], or [CLS] first [SEP] second [SEP]), `input_mask`
(1 for a piece, 0 for padding) and `segment_ids` (1 for the second text and its
[SEP], else 0). [CLS] is %(cls)d, [SEP] %(sep)d, padding 0.
"""
OUTPUTS = {
  "tokens": "`logits` and `probabilities`, [batch, length, labels]: a word's "
  "label is that of its first piece",
  "classes": "`logits` and `probabilities`, [batch, labels], which add up to 1",
  "labels": "`logits` and `probabilities`, [batch, labels], each of its own",
  "score": "`value`, [batch]",
  "span": "`start_logits` and `end_logits`, [batch, length], of all pieces: an "
  "answer is looked for among those of the second text",
}
ENCODING = (
  "`sequence_output`, [batch, length, hidden], and `pooled_output`, [batch, "
  "hidden]"
)
AUTO_CLASSES = {
  "tokens": "AutoModelForTokenClassification",
  "classes": "AutoModelForSequenceClassification",
  "score": "AutoModelForSequenceClassification",
  "labels": "AutoModelForSequenceClassification",
  "span": "AutoModelForQuestionAnswering",
  "pretraining": "AutoModelForPreTraining",
  "words": "AutoModelForMaskedLM",
  "encoder": "AutoModel",
}
SAME_MARKS = (
  "This model has learned relations between entities that are marked as in its "
  "training set (@GENE$)."
)
# What transformers' tokenizer does not do, by --entity_marks.
OTHER_MARKS = {
  "words": SAME_MARKS
  + " It saw the word of a mark alone (`gene` for `@GENE$`, a blank for `_`): "
  "replace them so before the tokenizer sees the text.",
  "tokens": SAME_MARKS
  + " It saw one piece for each mark, by the ids in `task.json` (`mark_ids`): "
  "the tokenizer does not know of it, so cut the text at the marks and put "
  "these ids in between.",
}


def folder(source):
  """Returns what a model's own folder says."""
  if source.task:
    how = "Labels text with BioALBERT's programs:\n\n" + _code(_command(source))
  else:
    how = (
      "Start fine-tuning from it with BioALBERT's programs, such as\n\n"
      + _code(
        "python run_ner.py --bioalbert_dir=. --data_dir=DATA --output_dir=NEW"
      )
    )
  return _sections(
    source,
    how,
    "`sha256sum -c SHA256SUMS` says whether all files are as they were made. "
    "`run_config.json` says how the model was trained.",
  )


def serving(source):
  """Returns what the extra assets of a SavedModel say."""
  tokenizer = source.tokenizer
  text = INPUTS % {
    "longest": source.config.max_position_embeddings,
    "cls": tokenizer.cls_id,
    "sep": tokenizer.sep_id,
  }
  text += "\nOutputs are " + OUTPUTS.get(source.head, ENCODING) + "."
  if source.labels:
    text += " Labels are numbered as the lines of `labels.txt`, from 0."
  return _sections(
    source,
    "A SavedModel for TensorFlow Serving, signature `serving_default`.",
    text,
    "The vocabulary is beside this file; text is %slower-cased."
    % ("" if tokenizer.do_lower_case else "not "),
    _marks(source),
  )


def transformers(source):
  """Returns what a folder for Hugging Face transformers says."""
  name = AUTO_CLASSES[source.head]
  code = (
    "from transformers import AutoTokenizer, %s\n\n"
    'tokenizer = AutoTokenizer.from_pretrained(".")\n'
    'model = %s.from_pretrained(".")' % (name, name)
  )
  return _sections(
    source,
    _code(code, "python"),
    "The tokenizer makes the pieces that the model was trained with, but for "
    "numbers before a comma and for words with several cuts of the same score.",
    _marks(source),
    "`task.json` and `run_config.json` are for the way back, by BioALBERT's "
    "`scripts/export.py --format=checkpoint`.",
  )


def _sections(source, *sections):
  """A title, what the model is, and what else there is to say."""
  config = source.config
  title = os.path.basename(os.path.abspath(source.folder))
  what = "An ALBERT of %d layer(s) of %d, %s." % (
    config.num_hidden_layers,
    config.hidden_size,
    "fine-tuned by %s" % PROGRAMS[source.task] if source.task else "pretrained",
  )
  if source.labels:
    what += " Labels: %s." % ", ".join(source.labels)
  parts = ["# " + title, what] + [s.strip("\n") for s in sections if s]
  return "\n\n".join(parts) + "\n"


def _code(text, language="bash"):
  return "```%s\n%s\n```" % (language, text)


def _marks(source):
  return OTHER_MARKS.get((source.learned or {}).get("entity_marks"), "")


def _command(source):
  """The command that labels a file with a fine-tuned model."""
  described = source.described
  words = ["python", PROGRAMS[source.task]]
  name = described.get("flags", described).get("task_name")
  if name:
    words.append("--task_name=" + name)
  length = (described.get("training") or {}).get("max_seq_length")
  if length:
    words.append("--max_seq_length=%d" % length)
  words += ["--bioalbert_dir=.", "--predict_file=FILE", "--output_dir=FOUND"]
  return " ".join(words)
