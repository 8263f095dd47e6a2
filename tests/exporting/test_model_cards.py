# SPDX-License-Identifier: Apache-2.0
"""Tests of model_cards.py."""

import types

import pytest

from exporting import model_cards


def source(**changed):
  """Returns the part of a model_folders.Source that model_cards reads."""
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


def test_the_card_of_a_folder_describes_the_model_and_its_command():
  text = model_cards.folder(source())
  assert text.startswith("# gad\n\nALBERT, 12 layer(s), hidden size 768, fine-")
  assert (
    "python run_re.py --task_name=gad --max_seq_length=128 --bioalbert_dir=. "
    "--predict_file=FILE --output_dir=OUTPUT\n" in text
  )
  assert "Labels: 0, 1." in text and text.endswith("trained.\n")


def test_the_card_of_a_pretrained_folder_shows_how_to_fine_tune():
  text = model_cards.folder(source(**PRETRAINED))
  assert "pretrained." in text and "--data_dir=DATA" in text


@pytest.mark.parametrize(
  "head, output",
  [
    ("tokens", "[batch, length, labels]"),
    ("classes", "`probabilities`"),
    ("labels", "independent of the others"),
    ("score", "`value`"),
    ("span", "`start_logits`"),
    ("encoder", "`sequence_output`"),
  ],
)
def test_the_card_of_a_saved_model_names_inputs_and_outputs(head, output):
  text = model_cards.serving(source(head=head))
  assert (
    "at most 512 pieces" in text and "[CLS] is 2" in text and output in text
  )


@pytest.mark.parametrize(
  "marks, explained", [("as_is", False), ("words", True), ("tokens", True)]
)
def test_the_card_explains_entity_marks_that_were_replaced(marks, explained):
  changed = source(learned={"entity_marks": marks})
  for text in (model_cards.transformers(changed), model_cards.serving(changed)):
    assert ("@GENE$" in text) == explained


def test_the_card_for_transformers_names_the_class():
  text = model_cards.transformers(source(head="span", task="qa"))
  assert 'AutoModelForQuestionAnswering.from_pretrained(".")' in text
