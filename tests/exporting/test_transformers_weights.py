# SPDX-License-Identifier: Apache-2.0
"""Tests of transformers_weights.py."""

import importlib
import json

import numpy as np
import pytest
import safetensors.numpy

from common.errors import InputError
from exporting import transformers_weights as tw
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
QUERY = "bert/encoder/transformer/group_1/inner_group_0/attention_1/self/query"
THEIR_QUERY = "albert.encoder.albert_layer_groups.1.albert_layers.0.attention"


def arrays(config=CONFIG, heads=True):
  """An array of its own shape and values for each name of ours."""
  random = np.random.RandomState(0)
  pairs = tw.encoder_pairs(config) + (tw.head_pairs() if heads else [])
  return {
    pair.ours: random.rand(2, 3).astype(np.float32)
    if pair.transposed
    else random.rand(2).astype(np.float32)
    for pair in pairs
  }


def test_there_and_back_gives_the_same_arrays():
  ours = arrays()
  theirs, unused = tw.to_transformers(ours, CONFIG)
  assert not unused and len(theirs) == len(ours)
  back, unused = tw.from_transformers(theirs, CONFIG)
  assert not unused and sorted(back) == sorted(ours)
  assert all(np.array_equal(back[name], ours[name]) for name in ours)


def test_matrices_are_transposed_and_named_as_theirs():
  ours = arrays()
  theirs, _ = tw.to_transformers(ours, CONFIG)
  expected = ours[QUERY + "/kernel"].T
  assert np.array_equal(theirs[THEIR_QUERY + ".query.weight"], expected)
  for name in (
    "albert.embeddings.word_embeddings.weight",
    "albert.encoder.embedding_hidden_mapping_in.bias",
    "albert.encoder.albert_layer_groups.0.albert_layers.1.ffn_output.weight",
    "albert.encoder.albert_layer_groups.0.albert_layers.0"
    ".full_layer_layer_norm.bias",
    "albert.pooler.weight",
    "predictions.bias",
    "sop_classifier.classifier.weight",
    "qa_outputs.weight",
    "classifier.bias",
  ):
    assert name in theirs


def test_what_has_no_place_is_named():
  ours = dict(arrays(), other=np.zeros([1], np.float32))
  theirs, unused = tw.to_transformers(ours, CONFIG)
  assert unused == ["other"]
  theirs["dropout.scale"] = np.zeros([1], np.float32)
  theirs["albert.embeddings.position_ids"] = np.zeros([1, 9], np.int64)
  assert tw.from_transformers(theirs, CONFIG)[1] == ["dropout.scale"]


def test_a_missing_array_is_named():
  ours = arrays()
  del ours[QUERY + "/bias"]
  with pytest.raises(InputError, match="lacks 1 of its .*query/bias"):
    tw.to_transformers(ours, CONFIG)
  with pytest.raises(InputError, match=r"73 of its 73 .*word_embeddings"):
    tw.from_transformers({"albert.x": np.zeros(1)}, CONFIG)


def test_names_of_a_model_without_head_are_known_too():
  theirs, _ = tw.to_transformers(arrays(heads=False), CONFIG)
  bare = {name[len("albert.") :]: array for name, array in theirs.items()}
  assert sorted(tw.from_transformers(bare, CONFIG)[0]) == sorted(
    arrays(heads=False)
  )


def test_embeddings_as_wide_as_the_layers_are_mapped_by_the_identity():
  config = dict(CONFIG, embedding_size=6)
  theirs, _ = tw.to_transformers(arrays(config), config)
  mapping = "albert.encoder.embedding_hidden_mapping_in"
  assert np.array_equal(theirs[mapping + ".weight"], np.eye(6))
  back, unused = tw.from_transformers(theirs, config)
  assert sorted(back) == sorted(arrays(config)) and not unused
  theirs[mapping + ".bias"] = np.ones([6], np.float32)
  with pytest.raises(InputError, match="is not the identity"):
    tw.from_transformers(theirs, config)


def test_groups_that_rounding_tells_apart_are_refused():
  config = dict(CONFIG, num_hidden_layers=18, num_hidden_groups=14)
  with pytest.raises(InputError, match="18 layers in 14 groups"):
    tw.to_transformers(arrays(config), config)


def test_a_word_head_of_its_own_is_refused():
  theirs, _ = tw.to_transformers(arrays(), CONFIG)
  theirs["predictions.decoder.bias"] = theirs["predictions.bias"]
  tw.from_transformers(theirs, CONFIG)
  theirs["predictions.decoder.bias"] = theirs["predictions.bias"] + 1
  with pytest.raises(InputError, match=r"predictions\.decoder\.bias differs"):
    tw.from_transformers(theirs, CONFIG)


# --------------------------------------------------------------- configuration


@pytest.fixture(scope="module")
def tokenizer():
  return tokenization.load(None, SPM)


def test_the_config_names_class_labels_and_activation(tokenizer):
  albert = dict(CONFIG, hidden_act="gelu", net_structure_type=0)
  config = tw.make_config(albert, "labels", ["a", "b"], tokenizer, 0.1)
  assert config["architectures"] == ["AlbertForSequenceClassification"]
  assert config["problem_type"] == "multi_label_classification"
  assert config["id2label"] == {"0": "a", "1": "b"}
  assert config["label2id"] == {"a": 0, "b": 1}
  assert config["hidden_act"] == "gelu_new"
  assert config["layer_norm_eps"] == 1e-12
  assert config["net_structure_type"] == 0
  assert (config["pad_token_id"], config["bos_token_id"]) == (0, 2)


def test_the_config_comes_back_as_ours(tokenizer, tmp_path):
  albert = dict(CONFIG, hidden_act="gelu")
  config = tw.make_config(albert, "encoder", (), tokenizer, 0.1)
  (tmp_path / "config.json").write_text(json.dumps(config))
  assert tw.read_config(str(tmp_path)) == albert


@pytest.mark.parametrize(
  "changed, message",
  [
    ({"model_type": "bert"}, "model_type is 'bert', expected 'albert'"),
    ({"hidden_act": "gelu"}, "hidden_act is 'gelu', another function"),
    ({"layer_norm_eps": 1e-5}, "layer_norm_eps is 1e-05"),
    ({"position_embedding_type": "relative_key"}, "expected 'absolute'"),
  ],
)
def test_a_config_that_computes_something_else_is_refused(
  tmp_path, changed, message
):
  values = dict(CONFIG, model_type="albert")
  values.update(changed)
  (tmp_path / "config.json").write_text(json.dumps(values))
  with pytest.raises(InputError, match=message):
    tw.read_config(str(tmp_path))


@pytest.mark.parametrize(
  "text, message",
  [
    (None, "config.json: cannot be read"),
    ("{", "damaged JSON"),
    ("[]", "found no JSON object"),
    ("{}", "no vocab_size"),
  ],
)
def test_a_config_that_is_none_is_refused(tmp_path, text, message):
  if text is not None:
    (tmp_path / "config.json").write_text(text)
  with pytest.raises(InputError, match=message):
    tw.read_config(str(tmp_path))


def test_the_tokenizers_files_hold_the_model_and_its_pieces(tokenizer):
  files = tw.tokenizer_files(tokenizer, 512)
  with open(SPM, "rb") as f:
    assert files["spiece.model"] == f.read()
  config = json.loads(files["tokenizer_config.json"].decode())
  assert config["tokenizer_class"] == "AlbertTokenizer"
  assert config["do_lower_case"] and not config["keep_accents"]
  fast = json.loads(files["tokenizer.json"].decode())
  vocabulary = [piece for piece, _ in fast["model"]["vocab"]]
  assert vocabulary == tokenizer.convert_ids_to_tokens(range(8000))
  assert [t["content"] for t in fast["added_tokens"]] == vocabulary[:5]


def test_a_wordpiece_vocabulary_is_berts(tmp_path):
  pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Fever", "##s"]
  (tmp_path / "vocab.txt").write_text("\n".join(pieces) + "\n")
  cased = tokenization.load(str(tmp_path / "vocab.txt"))
  files = tw.tokenizer_files(cased, 512)
  assert sorted(files) == ["tokenizer_config.json", "vocab.txt"]
  config = json.loads(files["tokenizer_config.json"].decode())
  assert config["tokenizer_class"] == "BertTokenizer"
  assert config["do_lower_case"] is False and config["strip_accents"] is False
  for name, data in files.items():
    (tmp_path / name).write_bytes(data)
  assert tw.read_case(str(tmp_path)) is False
  assert tw.find_vocabulary(str(tmp_path)).endswith("vocab.txt")


def test_a_folder_without_vocabulary_is_refused(tmp_path):
  with pytest.raises(InputError, match=r"neither spiece\.model nor vocab\.txt"):
    tw.find_vocabulary(str(tmp_path))
  assert tw.read_case(str(tmp_path)) is None


# --------------------------------------------------------------------- weights


def test_weights_are_read_as_they_were_written(tmp_path):
  theirs = {"a": np.arange(6, dtype=np.float32).reshape(2, 3)}
  (tmp_path / "model.safetensors").write_bytes(tw.weights_bytes(theirs))
  found, path = tw.read_weights(str(tmp_path))
  assert path.endswith("model.safetensors")
  assert np.array_equal(found["a"], theirs["a"])


def test_half_precision_is_widened(tmp_path):
  data = safetensors.numpy.save({"a": np.ones([2], np.float16)})
  (tmp_path / "model.safetensors").write_bytes(data)
  assert tw.read_weights(str(tmp_path))[0]["a"].dtype == np.float32


def test_types_that_numpy_lacks_are_refused_by_name(tmp_path):
  data = safetensors.numpy.save({"a": np.ones([2], np.float16)})
  data = data.replace(b'"F16"', b'"BF16"')
  size = int.from_bytes(data[:8], "little") + 1
  data = size.to_bytes(8, "little") + data[8:]
  (tmp_path / "model.safetensors").write_bytes(data)
  with pytest.raises(InputError, match="BF16.*expected F32 or F16"):
    tw.read_weights(str(tmp_path))


def test_damaged_and_missing_weights_are_refused(tmp_path):
  with pytest.raises(InputError, match=r"neither model\.safetensors nor"):
    tw.read_weights(str(tmp_path))
  (tmp_path / "model.safetensors").write_bytes(b"x" * 20)
  with pytest.raises(InputError, match=r"model\.safetensors: damaged"):
    tw.read_weights(str(tmp_path))


def test_weights_of_pytorch_say_what_they_need(tmp_path, monkeypatch):
  def import_module(name):
    raise ImportError(name)

  (tmp_path / "pytorch_model.bin").write_bytes(b"")
  monkeypatch.setattr(importlib, "import_module", import_module)
  with pytest.raises(InputError, match=r"needs PyTorch .*requirements-export"):
    tw.read_weights(str(tmp_path))
  assert tw.missing_packages() == ["torch", "transformers"]
