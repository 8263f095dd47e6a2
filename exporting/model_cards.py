# SPDX-License-Identifier: Apache-2.0
"""Writes the README.md of an exported model: what it is and how to use it.

Each function takes a model_folders.Source and returns Markdown.
"""

import os

from exporting import transformers_files

# The program of each task.
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
Inputs are int32 [batch, length], with at most %(longest)d pieces per text:
`input_ids` ([CLS] text [SEP], or [CLS] first [SEP] second [SEP]), `input_mask`
(1 for a piece, 0 for padding) and `segment_ids` (1 for the second text and its
[SEP], else 0). [CLS] is %(cls)d, [SEP] is %(sep)d, padding is 0.
"""
OUTPUTS = {
  "tokens": "`logits` and `probabilities`, [batch, length, labels]; the label "
  "of a word is that of its first piece",
  "classes": "`logits` and `probabilities`, [batch, labels]; the probabilities "
  "add up to 1",
  "labels": "`logits` and `probabilities`, [batch, labels]; each label is "
  "independent of the others",
  "score": "`value`, [batch]",
  "span": "`start_logits` and `end_logits`, [batch, length], for all pieces; "
  "answers must lie in the second text",
}
ENCODING = (
  "`sequence_output`, [batch, length, hidden], and `pooled_output`, [batch, "
  "hidden]"
)
SAME_MARKS = (
  "This model has learned relations between entities that are marked as in its "
  "training set (@GENE$)."
)
# Steps that transformers' tokenizer does not do, by --entity_marks.
OTHER_MARKS = {
  "words": SAME_MARKS
  + " In training each mark was replaced by its word (`gene` for `@GENE$`, a "
  "blank for `_`): do the same before you tokenize a text.",
  "tokens": SAME_MARKS
  + " In training each mark was a single piece, whose id is in `task.json` "
  "(`mark_ids`). The tokenizer does not know these pieces: split the text at "
  "the marks, tokenize the parts and insert the ids between them.",
}


def folder(source):
  """Returns the README.md of an exported model folder."""
  if source.task:
    how = "To label text with BioALBERT:\n\n" + _code(_command(source))
  else:
    how = "To fine-tune it with BioALBERT, for example:\n\n" + _code(
      "python run_ner.py --bioalbert_dir=. --data_dir=DATA --output_dir=NEW"
    )
  return _sections(
    source,
    how,
    "`sha256sum -c SHA256SUMS` checks that no file has changed. "
    "`run_config.json` describes how the model was trained.",
  )


def serving(source):
  """Returns the README.md in the extra assets of a SavedModel."""
  tokenizer = source.tokenizer
  text = INPUTS % {
    "longest": source.config.max_position_embeddings,
    "cls": tokenizer.cls_id,
    "sep": tokenizer.sep_id,
  }
  text += "\nOutputs are " + OUTPUTS.get(source.head, ENCODING) + "."
  if source.labels:
    text += " Label 0 is the first line of `labels.txt`."
  return _sections(
    source,
    "A SavedModel for TensorFlow Serving, signature `serving_default`.",
    text,
    "The vocabulary is next to this file; text is %slower-cased. BioALBERT's "
    "`examples/serving_client.py` labels raw text."
    % ("" if tokenizer.do_lower_case else "not "),
    _marks(source),
  )


def transformers(source):
  """Returns the README.md of a folder for Hugging Face transformers."""
  # AutoModelForX for AlbertForX, and AutoModel for AlbertModel.
  head = transformers_files.CLASSES[source.head][len("Albert") :]
  name = "AutoModel" + ("" if head == "Model" else head)
  code = (
    "from transformers import AutoTokenizer, %s\n\n"
    'tokenizer = AutoTokenizer.from_pretrained(".")\n'
    'model = %s.from_pretrained(".")' % (name, name)
  )
  return _sections(
    source,
    _code(code, "python"),
    "The tokenizer makes the same pieces as in training, except for numbers "
    "before a comma and for words that have several best segmentations.",
    _marks(source),
    "BioALBERT's `scripts/export.py --format=checkpoint` needs `task.json` and "
    "`run_config.json` to convert this folder back.",
  )


def _sections(source, *sections):
  """Returns a title, a description of the model, and the sections."""
  config = source.config
  title = os.path.basename(os.path.abspath(source.folder))
  what = "ALBERT, %d layer(s), hidden size %d, %s." % (
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
  """Returns the command that labels a file with a fine-tuned model."""
  described = source.described
  words = ["python", PROGRAMS[source.task]]
  name = described.get("flags", described).get("task_name")
  if name:
    words.append("--task_name=" + name)
  length = (described.get("training") or {}).get("max_seq_length")
  if length:
    words.append("--max_seq_length=%d" % length)
  words += ["--bioalbert_dir=.", "--predict_file=FILE", "--output_dir=OUTPUT"]
  return " ".join(words)
