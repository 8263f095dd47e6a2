# SPDX-License-Identifier: Apache-2.0
"""Tests of model_cards.py."""

import types

import pytest

from exporting import model_cards


def source(**changed):
  """What a model_cards function reads of a model_folders.Source."""
  values = {
    "folder": "output/gad/",
    "config": types.SimpleNamespace(
      num_hidden_layers=12, hidden_size=768, max_position_embeddings=512
    ),
    "tokenizer": types.SimpleNamespace(cls_id=2, sep_id=3, do_lower_case=True),
    "task": "re",
    "head": "classes",
    "labels": ["0", "1"],
    "learned": {"labels": ["0", "1"], "entity_marks": "as_is"},
    "described": {
      "flags": {"task_name": "gad"},
      "training": {"max_seq_length": 128},
    },
  }
  return types.SimpleNamespace(**dict(values, **changed))


PRETRAINED = {
  "task": None,
  "head": "encoder",
  "labels": (),
  "learned": None,
  "described": {},
}


def test_a_folder_says_what_it_is_and_how_to_use_it():
  text = model_cards.folder(source())
  assert text.startswith("# gad\n\nAn ALBERT of 12 layer(s) of 768, fine-tuned")
  assert (
    "python run_re.py --task_name=gad --max_seq_length=128 --bioalbert_dir=. "
    "--predict_file=FILE --output_dir=FOUND\n" in text
  )
  assert "Labels: 0, 1." in text and text.endswith("trained.\n")


def test_a_pretrained_one_is_to_start_from():
  text = model_cards.folder(source(**PRETRAINED))
  assert "pretrained." in text and "--data_dir=DATA" in text


@pytest.mark.parametrize(
  "head, output",
  [
    ("tokens", "[batch, length, labels]"),
    ("classes", "`probabilities`"),
    ("labels", "each of its own"),
    ("score", "`value`"),
    ("span", "`start_logits`"),
    ("encoder", "`sequence_output`"),
  ],
)
def test_a_saved_model_names_inputs_and_outputs(head, output):
  text = model_cards.serving(source(head=head))
  assert "up to 512 pieces" in text and "[CLS] is 2" in text and output in text


@pytest.mark.parametrize(
  "marks, said", [("as_is", False), ("words", True), ("tokens", True)]
)
def test_marks_that_were_replaced_are_told(marks, said):
  changed = source(learned={"entity_marks": marks})
  for text in (model_cards.transformers(changed), model_cards.serving(changed)):
    assert ("@GENE$" in text) == said


def test_transformers_class_is_named():
  text = model_cards.transformers(source(head="span", task="qa"))
  assert 'AutoModelForQuestionAnswering.from_pretrained(".")' in text
