# SPDX-License-Identifier: Apache-2.0
"""Tests of transformers_files.py."""

import json

import pytest

from common.errors import InputError
from exporting import transformers_files
from tests.helpers import SPM
import tokenization

CONFIG = {
  "vocab_size": 9,
  "embedding_size": 4,
  "hidden_size": 6,
  "num_hidden_layers": 4,
  "num_hidden_groups": 2,
  "inner_group_num": 2,
}


@pytest.fixture(scope="module")
def tokenizer():
  return tokenization.load(None, SPM)


def test_the_config_has_class_labels_and_activation(tokenizer):
  albert = dict(CONFIG, hidden_act="gelu", net_structure_type=0)
  config = transformers_files.make_config(
    albert, "labels", ["a", "b"], tokenizer, 0.1
  )
  assert config["architectures"] == ["AlbertForSequenceClassification"]
  assert config["problem_type"] == "multi_label_classification"
  assert config["id2label"] == {"0": "a", "1": "b"}
  assert config["label2id"] == {"a": 0, "b": 1}
  assert config["hidden_act"] == "gelu_new"
  assert config["layer_norm_eps"] == 1e-12
  assert config["net_structure_type"] == 0
  assert (config["pad_token_id"], config["bos_token_id"]) == (0, 2)


def test_reading_the_config_restores_ours(tokenizer, tmp_path):
  albert = dict(CONFIG, hidden_act="gelu")
  config = transformers_files.make_config(albert, "encoder", (), tokenizer, 0.1)
  (tmp_path / "config.json").write_text(json.dumps(config))
  assert transformers_files.read_config(str(tmp_path)) == albert


@pytest.mark.parametrize(
  "changed, message",
  [
    ({"model_type": "bert"}, "model_type is 'bert', expected 'albert'"),
    ({"hidden_act": "gelu"}, "hidden_act is 'gelu', which differs"),
    ({"layer_norm_eps": 1e-5}, "layer_norm_eps is 1e-05"),
    ({"position_embedding_type": "relative_key"}, "expected 'absolute'"),
  ],
)
def test_a_config_of_another_model_is_an_error(tmp_path, changed, message):
  values = dict(CONFIG, model_type="albert")
  values.update(changed)
  (tmp_path / "config.json").write_text(json.dumps(values))
  with pytest.raises(InputError, match=message):
    transformers_files.read_config(str(tmp_path))


@pytest.mark.parametrize(
  "text, message",
  [
    (None, "config.json: cannot be read"),
    ("{", "damaged JSON"),
    ("[]", r"found \[\], expected an object"),
    ("{}", "no vocab_size"),
  ],
)
def test_an_invalid_config_file_is_an_error(tmp_path, text, message):
  if text is not None:
    (tmp_path / "config.json").write_text(text)
  with pytest.raises(InputError, match=message):
    transformers_files.read_config(str(tmp_path))


def test_the_tokenizer_files_contain_the_model_and_its_pieces(tokenizer):
  files = transformers_files.tokenizer_files(tokenizer, 512)
  with open(SPM, "rb") as f:
    assert files["spiece.model"] == f.read()
  config = json.loads(files["tokenizer_config.json"].decode())
  assert config["tokenizer_class"] == "AlbertTokenizer"
  assert config["do_lower_case"] and not config["keep_accents"]
  fast = json.loads(files["tokenizer.json"].decode())
  vocabulary = [piece for piece, _ in fast["model"]["vocab"]]
  assert vocabulary == tokenizer.convert_ids_to_tokens(range(8000))
  assert [t["content"] for t in fast["added_tokens"]] == vocabulary[:5]


def test_a_wordpiece_vocabulary_becomes_a_bert_tokenizer(tmp_path):
  pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Fever", "##s"]
  (tmp_path / "vocab.txt").write_text("\n".join(pieces) + "\n")
  cased = tokenization.load(str(tmp_path / "vocab.txt"))
  files = transformers_files.tokenizer_files(cased, 512)
  assert sorted(files) == ["tokenizer_config.json", "vocab.txt"]
  config = json.loads(files["tokenizer_config.json"].decode())
  assert config["tokenizer_class"] == "BertTokenizer"
  assert config["do_lower_case"] is False and config["strip_accents"] is False
  for name, data in files.items():
    (tmp_path / name).write_bytes(data)
  assert transformers_files.read_case(str(tmp_path)) is False
  assert transformers_files.find_vocabulary(str(tmp_path)).endswith("vocab.txt")


def test_a_folder_without_vocabulary_is_an_error(tmp_path):
  with pytest.raises(InputError, match=r"expected spiece\.model or vocab\.txt"):
    transformers_files.find_vocabulary(str(tmp_path))
  assert transformers_files.read_case(str(tmp_path)) is None
