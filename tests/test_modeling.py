# SPDX-License-Identifier: Apache-2.0
"""Tests of modeling.py."""

import json
import os
import platform

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.errors import InputError
import modeling
from tests.helpers import REPO
from tests.helpers.reference import REFERENCE
from tests.helpers.reference import pretraining_outputs
from tests.helpers.reference import random
from tests.helpers.reference import reference
from tests.helpers.reference import waves
from training import devices

CONFIGS = os.path.join(REPO, "configs")
TINY = dict(
  vocab_size=11,
  embedding_size=4,
  hidden_size=8,
  num_hidden_layers=2,
  num_attention_heads=2,
  intermediate_size=16,
  max_position_embeddings=9,
)
CONFIG = modeling.AlbertConfig(**TINY)


@pytest.mark.parametrize("model", ["base", "groups"])
@pytest.mark.parametrize("fuse", [False, True])
def test_outputs_and_losses_equal_the_reference(model, fuse):
  if fuse and tf.__version__.startswith("1."):
    pytest.skip("fusing is for TensorFlow 2")
  expected = reference("expected", model)
  with tf.Graph().as_default(), tf.Session() as session:
    outputs = pretraining_outputs(model, fuse)
    modeling.restore(os.path.join(REFERENCE, model, "model.ckpt"))
    session.run(tf.global_variables_initializer())
    actual = session.run(outputs)
  for name, value in expected.items():
    np.testing.assert_allclose(
      actual[name], value, rtol=1e-5, atol=1e-6, err_msg=name
    )


def encoder_shapes(config=None, **changes):
  """Returns {name: shape} of the encoder's variables; default: of TINY's."""
  config = config or modeling.AlbertConfig(**dict(TINY, **changes))
  with tf.Graph().as_default():
    modeling.AlbertModel(config, False, tf.zeros([1, 2], tf.int32))
    return {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}


def test_variables_have_the_names_and_shapes_of_a_released_checkpoint():
  block = "bert/encoder/transformer/group_0/inner_group_0/"
  assert encoder_shapes() == {
    "bert/embeddings/word_embeddings": [11, 4],
    "bert/embeddings/token_type_embeddings": [2, 4],
    "bert/embeddings/position_embeddings": [9, 4],
    "bert/embeddings/LayerNorm/beta": [4],
    "bert/embeddings/LayerNorm/gamma": [4],
    "bert/encoder/embedding_hidden_mapping_in/kernel": [4, 8],
    "bert/encoder/embedding_hidden_mapping_in/bias": [8],
    block + "attention_1/self/query/kernel": [8, 8],
    block + "attention_1/self/query/bias": [8],
    block + "attention_1/self/key/kernel": [8, 8],
    block + "attention_1/self/key/bias": [8],
    block + "attention_1/self/value/kernel": [8, 8],
    block + "attention_1/self/value/bias": [8],
    block + "attention_1/output/dense/kernel": [8, 8],
    block + "attention_1/output/dense/bias": [8],
    block + "LayerNorm/beta": [8],
    block + "LayerNorm/gamma": [8],
    block + "ffn_1/intermediate/dense/kernel": [8, 16],
    block + "ffn_1/intermediate/dense/bias": [16],
    block + "ffn_1/intermediate/output/dense/kernel": [16, 8],
    block + "ffn_1/intermediate/output/dense/bias": [8],
    block + "LayerNorm_1/beta": [8],
    block + "LayerNorm_1/gamma": [8],
    "bert/pooler/dense/kernel": [8, 8],
    "bert/pooler/dense/bias": [8],
  }


def test_equal_sizes_need_no_projection():
  names = encoder_shapes(embedding_size=8)
  assert not any("embedding_hidden_mapping_in" in name for name in names)


# Encoder and pooler, as counted for the released models.
@pytest.mark.parametrize(
  "size, parameters",
  [
    ("base", 11683584),
    ("large", 17683968),
    ("xlarge", 58724864),
    ("xxlarge", 222595584),
  ],
)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_shipped_configs_have_the_released_parameters(
  size, parameters, version
):
  config = modeling.AlbertConfig.from_json_file(
    os.path.join(CONFIGS, "albert_%s_%s.json" % (size, version))
  )
  config.num_hidden_layers = 1  # All layers share their parameters.
  shapes = encoder_shapes(config).values()
  assert sum(int(np.prod(s)) for s in shapes) == parameters
  dropout = 0.1 if version == "v1" and size != "xxlarge" else 0
  assert config.hidden_dropout_prob == dropout
  assert config.attention_probs_dropout_prob == dropout


def test_a_config_keeps_unknown_keys_and_fills_in_missing_ones(tmp_path):
  path = tmp_path / "config.json"
  path.write_text(json.dumps({"vocab_size": 7, "net_structure_type": 0}))
  config = modeling.AlbertConfig.from_json_file(str(path))
  assert config.vocab_size == 7 and config.embedding_size == 128
  assert config.to_dict()["net_structure_type"] == 0
  again = str(tmp_path / "again.json")
  config.to_json_file(again)
  assert modeling.AlbertConfig.from_json_file(again).to_dict() == (
    config.to_dict()
  )


@pytest.mark.parametrize(
  "key, value, expected",
  [
    ("hidden_size", "8", "whole number"),
    ("hidden_size", True, "whole number"),
    ("hidden_size", 8.0, "whole number"),
    ("vocab_size", 10**20, "whole number from 1 to 10000000"),
    ("num_hidden_layers", 0, "whole number"),
    ("num_hidden_layers", -2, "whole number"),
    ("num_hidden_layers", 10**9, "whole number from 1 to 200"),
    ("num_attention_heads", 3, r"divisor of hidden_size \(8\)"),
    ("hidden_dropout_prob", 1.0, "below 1"),
    ("hidden_act", "swish", "gelu"),
    ("hidden_act", ["gelu"], "gelu"),
    ("hidden_dropout_prob", float("nan"), "below 1"),
    ("initializer_range", 0, "above 0"),
    ("initializer_range", float("nan"), "above 0"),
    ("initializer_range", float("inf"), "at most 100"),
    ("num_hidden_groups", 3, r"at most num_hidden_layers \(2\)"),
  ],
)
def test_a_wrong_config_is_rejected_with_key_and_value(key, value, expected):
  with pytest.raises(InputError) as error:
    modeling.AlbertConfig(**dict(TINY, **{key: value}))
  assert key in str(error.value) and repr(value) in str(error.value)
  assert error.match(expected)


def test_a_config_of_a_model_for_no_machine_is_rejected():
  large = dict(TINY, hidden_size=10**5, num_attention_heads=1)
  with pytest.raises(InputError, match="describes .* weights, expected"):
    modeling.AlbertConfig(**dict(large, intermediate_size=10**6))


@pytest.mark.parametrize(
  "text",
  [
    "{",
    "[]",
    '{"hidden_size": 8}',
    '{"vocab_size": 8, "to_dict": 1}',
    '{"vocab_size": 8, "unknown": NaN}',
    "\xff\xfe",
  ],
)
def test_a_file_that_is_not_a_config_is_rejected_by_name(tmp_path, text):
  path = tmp_path / "config.json"
  path.write_bytes(text.encode("latin-1"))
  with pytest.raises(InputError, match="config.json"):
    modeling.AlbertConfig.from_json_file(str(path))


def test_padding_does_not_change_real_positions():
  outputs = []
  for ids, mask in (
    ([[2, 5, 6, 3]], [[1, 1, 1, 1]]),
    ([[2, 5, 6, 3, 0, 7, 1]], [[1, 1, 1, 1, 0, 0, 0]]),
  ):
    with tf.Graph().as_default(), tf.Session() as session:
      tf.set_random_seed(3)
      model = modeling.AlbertModel(
        CONFIG, False, tf.constant(ids), tf.constant(mask)
      )
      session.run(tf.global_variables_initializer())
      outputs.append(session.run(model.get_sequence_output())[:, :4])
  np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-5, atol=1e-6)


def test_one_hot_embeddings_give_the_same_output():
  with tf.Graph().as_default(), tf.Session() as session:
    ids = tf.constant([[2, 5, 6, 3]])
    types = tf.constant([[0, 0, 1, 1]])
    outputs = []
    for reuse, one_hot in ((False, False), (True, True)):
      with tf.variable_scope("bert", reuse=reuse) as scope:
        model = modeling.AlbertModel(
          CONFIG, False, ids, None, types, one_hot, scope=scope
        )
        outputs.append(model.get_sequence_output())
    session.run(tf.global_variables_initializer())
    looked_up, multiplied = session.run(outputs)
  np.testing.assert_allclose(looked_up, multiplied, rtol=1e-5, atol=1e-6)


def test_dropout_is_on_in_training_only():
  config = modeling.AlbertConfig(
    **dict(TINY, hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5)
  )
  for is_training in (True, False):
    with tf.Graph().as_default(), tf.Session() as session:
      model = modeling.AlbertModel(config, is_training, tf.constant([[2, 5]]))
      session.run(tf.global_variables_initializer())
      first, second = [
        session.run(model.get_sequence_output()) for _ in range(2)
      ]
    assert np.array_equal(first, second) != is_training


@pytest.mark.skipif(
  tf.__version__.startswith("1.") or platform.machine() != "x86_64",
  reason="only TensorFlow 2 does so, with oneDNN",
)
@pytest.mark.parametrize(
  "compute_type",
  [
    tf.float32,
    pytest.param(
      tf.bfloat16,
      marks=pytest.mark.skipif(
        "avx512bw" not in devices._cpu_features(),
        reason="oneDNN has no bfloat16 on this processor",
      ),
    ),
  ],
)
def test_inference_on_a_cpu_runs_few_operations_besides_products(compute_type):
  ran = tf.RunMetadata()
  optimizing = tf.ConfigProto()
  with tf.Graph().as_default(), tf.Session(config=optimizing) as session:
    ids = tf.placeholder(tf.int32, [None, None])
    albert = modeling.AlbertModel(
      CONFIG, False, ids, compute_type=compute_type, fuse=True
    )
    session.run(tf.global_variables_initializer())
    session.run(
      albert.get_sequence_output(),
      {"Placeholder:0": np.ones([2, 3])},
      options=tf.RunOptions(output_partition_graphs=True),
      run_metadata=ran,
    )
  ops = [node.op for graph in ran.partition_graphs for node in graph.node]
  assert "Tanh" not in ops and "MatMul" not in ops
  layers = TINY["num_hidden_layers"]
  for kind, count in (
    ("FusedMatMul", 6 * layers),
    ("FusedBatchMatMul", layers),
    ("LayerNorm", 2 * layers),
  ):
    assert sum(kind in op for op in ops) >= count, kind


def test_the_seed_decides_the_dropout_mask():
  with tf.Graph().as_default(), tf.Session() as session:
    x = tf.ones([500, 20])
    seeds = map(tf.constant, ([1, 2], [1, 2], [2, 1]))
    masks = session.run([modeling.dropout(x, 0.3, seed) for seed in seeds])
  assert np.array_equal(masks[0], masks[1])
  assert not np.array_equal(masks[0], masks[2])
  assert set(np.unique(masks[0])) == {0, np.float32(1) / np.float32(0.7)}
  assert np.mean(masks[0] == 0) == pytest.approx(0.3, abs=0.02)


DROPPING = dict(
  TINY,
  inner_group_num=2,
  hidden_dropout_prob=0.3,
  attention_probs_dropout_prob=0.3,
)


def training_gradients(values=DROPPING, compiled=False, **options):
  """Returns {name: gradient} of all variables except the pooler's."""
  config = modeling.AlbertConfig(**values)

  def gradients():
    model = modeling.AlbertModel(
      config,
      True,
      tf.constant([[2, 5, 6, 3], [2, 7, 3, 0]]),
      tf.constant([[1, 1, 1, 1], [1, 1, 1, 0]]),
      **options,
    )
    output = model.get_sequence_output()
    loss = tf.reduce_sum(output * waves(output))
    assert output.dtype == model.get_pooled_output().dtype == tf.float32
    return tf.gradients(loss, tf.trainable_variables()[:-2])

  with tf.Graph().as_default(), tf.Session() as session:
    tf.set_random_seed(5)
    with tf.variable_scope("", use_resource=True):
      if compiled:
        outputs = tf.xla.experimental.compile(gradients)
      else:
        outputs = gradients()
    names = [v.op.name for v in tf.trainable_variables()[:-2]]
    for v in tf.trainable_variables():
      v.load(0.3 * random(*v.shape.as_list()), session)
    outputs = [tf.convert_to_tensor(g) for g in outputs]
    return dict(zip(names, session.run(outputs)))


@pytest.mark.once("tf1")
@pytest.mark.parametrize(
  "values, compiled, error", [(DROPPING, False, 1e-6), (TINY, True, 1e-5)]
)
def test_recomputing_changes_no_gradient(values, compiled, error):
  expected = training_gradients(values)
  actual = training_gradients(values, compiled, recompute=True)
  assert sorted(actual) == sorted(expected)
  for name, gradient in expected.items():
    assert np.any(gradient) or "position" in name, name
    np.testing.assert_allclose(
      actual[name], gradient, rtol=10 * error, atol=error, err_msg=name
    )


@pytest.mark.once
def test_recomputing_stores_only_the_inputs_of_blocks():
  config = modeling.AlbertConfig(**DROPPING)
  with tf.Graph().as_default() as graph:
    model = modeling.AlbertModel(
      config, True, tf.zeros([3, 5], tf.int32), recompute=True
    )
    forward = set(graph.get_operations())
    tf.gradients(model.get_sequence_output(), tf.trainable_variables()[:-2])
    backward = set(graph.get_operations()) - forward
  kept = {
    tuple(tensor.shape.as_list())
    for op in backward
    for tensor in op.inputs
    if tensor.op in forward
    and "/layer_" in tensor.name
    and tensor.dtype == tf.float32
    and tensor.shape.as_list()[:1] in ([3], [3 * 5])
  }
  assert kept == {(3, 5, 8)}


@pytest.mark.once
def test_gradients_of_shared_weights_are_summed_layer_by_layer():
  layers = 7
  config = modeling.AlbertConfig(**dict(TINY, num_hidden_layers=layers))
  ran = tf.RunMetadata()
  with tf.Graph().as_default(), tf.Session() as session:
    model = modeling.AlbertModel(config, True, tf.zeros([3, 5], tf.int32))
    output = model.get_sequence_output()
    gradients = tf.gradients(output, tf.trainable_variables()[:-2])
    session.run(tf.global_variables_initializer())
    session.run(
      gradients, None, tf.RunOptions(output_partition_graphs=True), ran
    )
  nodes = [node for graph in ran.partition_graphs for node in graph.node]
  # Four terms: the layer's input is used by query, key, value and the residual.
  assert max(len(n.input) for n in nodes if n.op == "AddN") <= 4 < layers


def test_bfloat16_is_used_inside_layers_only():
  exact = training_gradients(TINY)
  rounded = training_gradients(TINY, compute_type=tf.bfloat16)
  assert {g.dtype for g in rounded.values()} == {np.dtype(np.float32)}
  exact, rounded = [
    np.concatenate([g[name].ravel() for name in sorted(g)])
    for g in (exact, rounded)
  ]
  error = np.linalg.norm(rounded - exact) / np.linalg.norm(exact)
  assert 1e-4 < error < 0.05


def save_checkpoint(folder, shapes, name="model.ckpt"):
  """Writes a checkpoint of zeros."""
  path = str(folder / name)
  with tf.Graph().as_default(), tf.Session() as session:
    for name, shape in shapes.items():
      tf.get_variable(name, shape, initializer=tf.zeros_initializer())
    session.run(tf.global_variables_initializer())
    return tf.train.Saver().save(session, path, write_state=False)


def test_restoring_lists_restored_new_and_unused_variables(tmp_path):
  shapes = encoder_shapes()
  others = {
    "bert/pooler/dense/bias/adam_m": [8],
    "cls/predictions/output_bias": [11],
    "global_step": [],
  }
  path = save_checkpoint(tmp_path, dict(shapes, **others))
  result = modeling.match_checkpoint(path, dict(shapes, output_bias=[3]))
  assert result.restored == sorted(shapes)
  assert result.new == ["output_bias"]
  assert result.unused == sorted(others)


@pytest.mark.parametrize(
  "saved, message",
  [
    (lambda _: {"output_bias": [3]}, "nothing of the encoder.*output_bias"),
    (
      lambda shapes: {n: s for n, s in shapes.items() if "pooler" not in n},
      "pooler/dense/bias is missing in the",
    ),
    (
      lambda _: encoder_shapes(vocab_size=12),
      r"word_embeddings is \[12, 4\].*\[11",
    ),
  ],
  ids=["no encoder", "part of it", "another size"],
)
def test_a_checkpoint_that_does_not_fit_is_rejected(tmp_path, saved, message):
  shapes = encoder_shapes()
  path = save_checkpoint(tmp_path, saved(shapes))
  with pytest.raises(InputError, match=message):
    modeling.match_checkpoint(path, shapes)


def test_a_head_of_another_shape_is_new(tmp_path):
  shapes = encoder_shapes()
  path = save_checkpoint(tmp_path, dict(shapes, output_bias=[3]))
  result = modeling.match_checkpoint(path, dict(shapes, output_bias=[5]))
  assert result.new == result.unused == ["output_bias"]


def test_a_file_that_is_not_a_checkpoint_is_rejected(tmp_path):
  (tmp_path / "model.ckpt.index").write_bytes(b"not a table")
  with pytest.raises(InputError, match="not a readable"):
    modeling.checkpoint_shapes(str(tmp_path / "model.ckpt"))


def flip(path, at):
  """Inverts a byte of a file."""
  data = bytearray(path.read_bytes())
  data[at] ^= 255
  path.write_bytes(data)


@pytest.mark.parametrize(
  "damage",
  [
    lambda index, data: flip(index, 20),
    lambda index, data: flip(data, 7),
    lambda index, data: data.write_bytes(data.read_bytes()[:-1]),
    lambda index, data: index.write_bytes(index.read_bytes()[:-1]),
    lambda index, data: data.unlink(),
  ],
  ids=["index_flipped", "flipped", "cut", "index_cut", "without_data"],
)
def test_a_damaged_checkpoint_is_rejected_by_name(tmp_path, damage):
  path = save_checkpoint(tmp_path, {"bert/x": [50, 2], "y": []})
  modeling.check_checkpoint(path)
  index, data = (
    tmp_path / ("model.ckpt" + end)
    for end in (".index", ".data-00000-of-00001")
  )
  damage(index, data)
  with pytest.raises(InputError, match="model.ckpt: not a readable TensorFlow"):
    modeling.match_checkpoint(path, {"bert/x": [50, 2]})


def test_the_best_checkpoint_precedes_the_newest_and_all_others(tmp_path):
  def found():
    return os.path.basename(modeling.find_checkpoint(str(tmp_path)))

  with pytest.raises(InputError, match="no checkpoint in this folder"):
    found()
  for name in ("bert_model.ckpt", "model.ckpt-20", "model.ckpt-3"):
    (tmp_path / (name + ".index")).write_bytes(b"")
  assert found() == "model.ckpt-20"
  (tmp_path / "model.ckpt-best.index").write_bytes(b"")
  assert found() == "model.ckpt-best"


def test_a_checkpoint_is_found_by_prefix_or_any_of_its_files(tmp_path):
  prefix = save_checkpoint(tmp_path, {"x": [1]}, "model.ckpt-7")
  assert modeling.find_checkpoint(prefix) == prefix
  assert modeling.find_checkpoint(prefix + ".index") == prefix
  assert modeling.find_checkpoint(prefix + ".data-00000-of-00001") == prefix
  with pytest.raises(InputError, match="model.ckpt-8.*; found model.ckpt-7"):
    modeling.find_checkpoint(str(tmp_path / "model.ckpt-8"))


def released_shapes(hidden_size, groups=1, inner_groups=1):
  """Returns {name: shape} of variables that show a released size."""
  shapes = {
    "bert/embeddings/word_embeddings": [30000, 1],
    "bert/embeddings/position_embeddings": [512, 1],
    "bert/embeddings/token_type_embeddings": [2, 1],
    "bert/encoder/embedding_hidden_mapping_in/kernel": [1, hidden_size],
  }
  for group in range(groups):
    for inner in range(inner_groups):
      name = "bert/encoder/transformer/group_%d/inner_group_%d" % (group, inner)
      shapes[name + "/ffn_1/intermediate/dense/kernel"] = [1, 5]
  return shapes


@pytest.mark.parametrize(
  "hidden_size, version, layers, heads, dropout",
  [
    (768, 1, 12, 12, 0.1),
    (768, 2, 12, 12, 0),
    (1024, 1, 24, 16, 0.1),
    (1024, 2, 24, 16, 0),
    (2048, 1, 24, 16, 0.1),
    (4096, 1, 12, 64, 0),
  ],
)
def test_shapes_of_a_checkpoint_show_which_released_albert_it_is(
  tmp_path, hidden_size, version, layers, heads, dropout
):
  prefix = save_checkpoint(tmp_path, released_shapes(hidden_size))
  config = modeling.AlbertConfig.from_checkpoint(prefix, version)
  assert config.hidden_size == hidden_size
  assert config.num_hidden_layers == layers
  assert config.num_attention_heads == heads
  assert config.hidden_dropout_prob == dropout
  assert config.attention_probs_dropout_prob == dropout
  assert (config.vocab_size, config.embedding_size) == (30000, 1)
  assert config.intermediate_size == 5


def test_groups_of_layers_show_in_a_checkpoint(tmp_path):
  prefix = save_checkpoint(tmp_path, released_shapes(768, 3, 2))
  config = modeling.AlbertConfig.from_checkpoint(prefix, 1)
  assert (config.num_hidden_groups, config.inner_group_num) == (3, 2)


def test_a_checkpoint_of_another_size_or_model_needs_a_config(tmp_path):
  prefix = save_checkpoint(tmp_path, released_shapes(312), "thin")
  with pytest.raises(
    InputError, match="thin: has a hidden size of 312, .*4096"
  ):
    modeling.AlbertConfig.from_checkpoint(prefix, 1)
  prefix = save_checkpoint(
    tmp_path, {"bert/encoder/layer_0/kernel": [2, 3]}, "bert"
  )
  with pytest.raises(InputError, match="bert: is no checkpoint of an ALBERT"):
    modeling.AlbertConfig.from_checkpoint(prefix, 1)


def test_checkpoint_is_found_in_an_unpacked_archive(tmp_path):
  inner = tmp_path / "BioALBERT" / "model.ckpt-best"
  for path in (
    inner,
    tmp_path / "__MACOSX" / "BioALBERT" / "._model.ckpt-best",
    tmp_path / "BioALBERT" / "._model.ckpt-best",
    tmp_path / "._BioALBERT" / "a",
  ):
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / (path.name + ".index")).touch()
  assert modeling.find_checkpoint(str(tmp_path)) == str(inner)
  (tmp_path / "other").mkdir()
  (tmp_path / "other" / "model.ckpt-3.index").touch()
  with pytest.raises(InputError, match="expected one of .*BioALBERT, .*other"):
    modeling.find_checkpoint(str(tmp_path))
