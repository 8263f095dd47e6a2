# SPDX-License-Identifier: Apache-2.0
"""Tests of transformers_weights.py."""

import importlib

import numpy as np
import pytest
import safetensors.numpy

from common.errors import InputError
from exporting import transformers_weights as tw

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


def test_converting_there_and_back_restores_the_arrays():
  ours = arrays()
  theirs, unused = tw.to_transformers(ours, CONFIG)
  assert not unused and len(theirs) == len(ours)
  back, unused = tw.from_transformers(theirs, CONFIG)
  assert not unused and sorted(back) == sorted(ours)
  assert all(np.array_equal(back[name], ours[name]) for name in ours)


def test_matrices_are_transposed_and_renamed():
  ours = arrays()
  theirs, _ = tw.to_transformers(ours, CONFIG)
  expected = ours[QUERY + "/kernel"].T
  assert np.array_equal(theirs[THEIR_QUERY + ".query.weight"], expected)
  assert {
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
  } <= set(theirs)


def test_arrays_without_a_counterpart_are_listed():
  ours = dict(arrays(), other=np.zeros([1], np.float32))
  theirs, unused = tw.to_transformers(ours, CONFIG)
  assert unused == ["other"]
  theirs["dropout.scale"] = np.zeros([1], np.float32)
  theirs["albert.embeddings.position_ids"] = np.zeros([1, 9], np.int64)
  assert tw.from_transformers(theirs, CONFIG)[1] == ["dropout.scale"]


def test_a_missing_array_is_an_error_that_names_it():
  ours = arrays()
  del ours[QUERY + "/bias"]
  with pytest.raises(InputError, match="lacks 1 of its .*query/bias"):
    tw.to_transformers(ours, CONFIG)
  with pytest.raises(InputError, match=r"73 of its 73 .*word_embeddings"):
    tw.from_transformers({"albert.x": np.zeros(1)}, CONFIG)


def test_names_of_a_model_without_head_are_recognized():
  theirs, _ = tw.to_transformers(arrays(heads=False), CONFIG)
  bare = {name[len("albert.") :]: array for name, array in theirs.items()}
  assert sorted(tw.from_transformers(bare, CONFIG)[0]) == sorted(
    arrays(heads=False)
  )


def test_embeddings_as_wide_as_the_layers_use_an_identity_mapping():
  config = dict(CONFIG, embedding_size=6)
  theirs, _ = tw.to_transformers(arrays(config), config)
  mapping = "albert.encoder.embedding_hidden_mapping_in"
  assert np.array_equal(theirs[mapping + ".weight"], np.eye(6))
  back, unused = tw.from_transformers(theirs, config)
  assert sorted(back) == sorted(arrays(config)) and not unused
  theirs[mapping + ".bias"] = np.ones([6], np.float32)
  with pytest.raises(InputError, match="is not the identity"):
    tw.from_transformers(theirs, config)


def test_groups_that_the_libraries_round_differently_are_an_error():
  config = dict(CONFIG, num_hidden_layers=18, num_hidden_groups=14)
  with pytest.raises(InputError, match="18 layers in 14 groups"):
    tw.to_transformers(arrays(config), config)


def test_an_untied_masked_word_head_is_an_error():
  theirs, _ = tw.to_transformers(arrays(), CONFIG)
  theirs["predictions.decoder.bias"] = theirs["predictions.bias"]
  tw.from_transformers(theirs, CONFIG)
  theirs["predictions.decoder.bias"] = theirs["predictions.bias"] + 1
  with pytest.raises(InputError, match=r"predictions\.decoder\.bias differs"):
    tw.from_transformers(theirs, CONFIG)


# ----------------------------------------------------------------------- files


def test_written_weights_are_read_back_as_float32(tmp_path):
  for dtype in (np.float32, np.float16):
    theirs = {"a": np.arange(6, dtype=dtype).reshape(2, 3)}
    (tmp_path / "model.safetensors").write_bytes(tw.weights_bytes(theirs))
    found, path = tw.read_weights(str(tmp_path))
    assert path.endswith("model.safetensors")
    assert np.array_equal(found["a"], theirs["a"])
    assert found["a"].dtype == np.float32


def test_a_number_type_that_numpy_lacks_is_an_error(tmp_path):
  data = safetensors.numpy.save({"a": np.ones([2], np.float16)})
  data = data.replace(b'"F16"', b'"BF16"')
  size = int.from_bytes(data[:8], "little") + 1
  data = size.to_bytes(8, "little") + data[8:]
  (tmp_path / "model.safetensors").write_bytes(data)
  with pytest.raises(InputError, match="BF16.*expected F32 or F16"):
    tw.read_weights(str(tmp_path))


def test_damaged_and_missing_weights_are_errors(tmp_path):
  with pytest.raises(
    InputError, match=r"has no weights, expected model\.safetensors or"
  ):
    tw.read_weights(str(tmp_path))
  (tmp_path / "model.safetensors").write_bytes(b"x" * 20)
  with pytest.raises(InputError, match=r"model\.safetensors: damaged"):
    tw.read_weights(str(tmp_path))


def test_pytorch_weights_without_pytorch_are_an_error(tmp_path, monkeypatch):
  def import_module(name):
    raise ImportError(name)

  (tmp_path / "pytorch_model.bin").write_bytes(b"")
  monkeypatch.setattr(importlib, "import_module", import_module)
  with pytest.raises(InputError, match=r"needs PyTorch.*requirements-export"):
    tw.read_weights(str(tmp_path))
