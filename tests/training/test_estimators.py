# SPDX-License-Identifier: Apache-2.0
"""Tests of training/estimators.py.

Its strategies are tested in tests/ops/test_replicas.py.
"""

import json
import platform
import types
from unittest import mock

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.errors import InputError
from training import batches
from training import estimators

DEFAULTS = dict(
  use_tpu=False,
  tpu_name=None,
  tpu_zone=None,
  gcp_project=None,
  master=None,
  num_tpu_cores=None,
  iterations_per_loop=None,
  distribution="none",
  precision="fp32",
  use_xla=False,
  recompute=False,
  train_batch_size=8,
  eval_batch_size=8,
  predict_batch_size=8,
  num_accumulation_steps=1,
)
TPU = dict(use_tpu=True, tpu_name="x")
TF_1 = tf.__version__.startswith("1.")


def config(**changed):
  return types.SimpleNamespace(**dict(DEFAULTS, **changed))


def cluster(*hosts, **task):
  """Returns the JSON of TF_CONFIG for a cluster of workers."""
  return json.dumps({"cluster": {"worker": hosts}, "task": task})


@pytest.mark.parametrize(
  "changed",
  [
    {},
    {"recompute": True},
    {"num_accumulation_steps": 2},
    TPU,
    dict(TPU, precision="bf16", recompute=True, iterations_per_loop=9),
    dict(TPU, num_tpu_cores=4, train_batch_size=12),
  ],
  ids=["defaults", "recompute", "accumulation", "tpu", "tpu_bf16", "tpu_cores"],
)
def test_valid_device_flags_are_accepted(changed):
  estimators.check_devices(config(**changed))


@pytest.mark.parametrize(
  "changed, message",
  [
    ({"use_tpu": True}, "--use_tpu needs --tpu_name or --master"),
    ({"tpu_name": "x"}, "--tpu_name has a meaning with --use_tpu only"),
    ({"iterations_per_loop": 1000}, "--iterations_per_loop has a meaning with"),
    ({"num_tpu_cores": 8}, "--num_tpu_cores has a meaning with --use_tpu only"),
    (dict(TPU, distribution="mirrored"), "expected --distribution=none"),
    (dict(TPU, precision="fp16"), "expected bf16 on a TPU"),
    (dict(TPU, use_xla=True), "a TPU always uses it"),
    (dict(TPU, num_accumulation_steps=2), "_steps does not run on TPU"),
    (dict(TPU, train_batch_size=12), "--train_batch_size=12 is shared by 8"),
    (dict(TPU, eval_batch_size=4), "--eval_batch_size=4 is shared by 8 cores"),
    ({"distribution": "mirrored"}, "several GPUs and TensorFlow sees 0"),
    ({"distribution": "multi_worker_mirrored"}, "TF_CONFIG .*; found none"),
    ({"precision": "fp16"}, "--precision=fp16 needs a GPU"),
    ({"use_xla": True}, "--use_xla needs a GPU"),
  ],
  ids=[
    "tpu_without_name",
    "tpu_name_without_tpu",
    "iterations_without_tpu",
    "cores_without_tpu",
    "tpu_mirrored",
    "tpu_fp16",
    "tpu_xla",
    "tpu_accumulation",
    "tpu_train_batch",
    "tpu_eval_batch",
    "mirrored_without_gpus",
    "workers_without_tf_config",
    "fp16_without_gpu",
    "xla_without_gpu",
  ],
)
def test_flags_that_do_not_fit_the_device_are_rejected(changed, message):
  with pytest.raises(InputError, match=message):
    estimators.check_devices(config(**changed))


@pytest.mark.skipif(not TF_1, reason="TensorFlow 2 has it")
def test_bf16_on_a_cpu_needs_tensorflow_2():
  with pytest.raises(InputError, match="needs a TPU or TensorFlow 2"):
    estimators.check_devices(config(precision="bf16"))


@pytest.mark.skipif(TF_1, reason="TensorFlow 1.15 has no bf16 on a CPU")
def test_bf16_on_a_cpu_narrows_products_or_is_rejected(monkeypatch):
  monkeypatch.setattr(estimators, "_cpu_has_bf16", lambda: False)
  with pytest.raises(InputError, match="changes nothing on this CPU"):
    estimators.check_devices(config(precision="bf16"))
  monkeypatch.undo()
  if not estimators._cpu_has_bf16():
    pytest.skip("this CPU has no bf16")
  estimators.check_devices(config(precision="bf16"))
  on_cpu = config(precision="bf16")
  assert estimators.compute_type(on_cpu, is_training=True) == tf.float32
  assert estimators.compute_type(on_cpu, is_training=False) == tf.bfloat16
  x = np.random.RandomState(0).randn(64, 64).astype(np.float32)
  products = {}
  for precision in ("fp32", "bf16"):
    session_config = estimators._session_config(config(precision=precision))
    with tf.Graph().as_default(), tf.Session(config=session_config) as session:
      a = tf.placeholder(tf.float32, [64, 64])
      y = tf.tanh(tf.matmul(tf.matmul(tf.matmul(a, a), a), a) / 1e3)
      products[precision] = session.run(tf.matmul(y, y), {a: x})
  error = np.abs(products["bf16"] - products["fp32"]).max()
  assert 1e-4 < error / np.abs(products["fp32"]).max() < 0.1


@pytest.mark.parametrize(
  "is_training", [True, False], ids=["training", "predicting"]
)
def test_model_is_fused_on_a_cpu_under_tensorflow_2(monkeypatch, is_training):
  monkeypatch.setattr(estimators, "_devices", lambda kind: [])
  one_dnn = platform.machine() == "x86_64"
  fused = not TF_1 and (is_training or one_dnn)
  assert estimators.fuses(config(), is_training) == fused
  assert not estimators.fuses(config(**TPU), is_training)
  monkeypatch.setattr(estimators, "_devices", lambda kind: ["a GPU"])
  assert not estimators.fuses(config(), is_training)


@pytest.mark.parametrize(
  "is_training", [True, False], ids=["training", "predicting"]
)
def test_bf16_on_a_tpu_makes_the_model_compute_in_bfloat16(is_training):
  narrow = config(precision="bf16", **TPU)
  assert estimators.compute_type(narrow, is_training) == tf.bfloat16
  assert estimators.compute_type(config(**TPU), is_training) == tf.float32


@pytest.mark.parametrize(
  "text, distribution, message",
  [
    (cluster("a:1", "b:1"), "none", "names 2 machines; expected --distr"),
    ("{", "none", "is no JSON"),
    (cluster("a:1", "b:1"), "multi_worker_mirrored", "needs TF_CONFIG"),
    (
      cluster("a:1", "b:1", "c:1", type="worker", index=0),
      "multi_worker_mirrored",
      "--train_batch_size=8 is shared by 3 devices; expected a multiple",
    ),
  ],
  ids=["unused_cluster", "not_json", "no_task", "uneven_batch"],
)
def test_tf_config_that_does_not_fit_the_flags_is_rejected(
  monkeypatch, text, distribution, message
):
  monkeypatch.setenv("TF_CONFIG", text)
  with pytest.raises(InputError, match=message):
    estimators.check_devices(config(distribution=distribution))


def test_one_of_several_machines_is_the_chief(monkeypatch):
  several = config(distribution="multi_worker_mirrored")
  for index, chief in ((0, True), (1, False)):
    task = {"type": "worker", "index": index}
    monkeypatch.setenv("TF_CONFIG", cluster("a:1", "b:1", **task))
    estimators.check_devices(several)
    assert estimators.is_chief(several) == chief
  with_chief = {
    "cluster": {"chief": ["a:1"], "worker": ["b:1"]},
    "task": {"type": "worker", "index": 0},
  }
  monkeypatch.setenv("TF_CONFIG", json.dumps(with_chief))
  assert not estimators.is_chief(several)
  assert estimators.is_chief(config())


def test_each_machine_knows_its_part_of_the_input():
  context = tf.distribute.InputContext(
    num_input_pipelines=2, input_pipeline_id=1, num_replicas_in_sync=8
  )
  assert estimators.part_of_input(context) == batches.Part(1, 2, 4)
  assert estimators.part_of_input(None) == batches.Part(0, 1, 1)
  tpu = {"context": mock.Mock()}
  tpu["context"].current_input_fn_deployment.return_value = ("cpu", 1, 2, 4)
  assert estimators.part_of_tpu_input(tpu) == batches.Part(1, 2, 4)
  assert estimators.part_of_tpu_input({}) == batches.WHOLE


def test_precision_and_xla_reach_the_session():
  options = estimators._session_config(config(precision="fp16", use_xla=True))
  options = options.graph_options
  assert options.rewrite_options.auto_mixed_precision == (
    options.rewrite_options.ON
  )
  assert options.optimizer_options.global_jit_level == tf.OptimizerOptions.ON_1
  plain = estimators._session_config(config()).graph_options
  assert plain.rewrite_options.auto_mixed_precision == 0
  assert plain.optimizer_options.global_jit_level == 0


def test_nan_gradient_stops_training_and_names_the_step(tmp_path):
  def model_fn(features, labels, mode, params):
    del labels, params
    step = tf.train.get_or_create_global_step()
    norm = tf.where(tf.equal(step.read_value(), 2), float("nan"), 1.0)
    with tf.control_dependencies([norm]):
      train_op = step.assign_add(1)
    mask = tf.ones_like(features)
    progress = estimators.Progress(tf.constant(0.5), train_op, mask, 9)
    return estimators.training_spec(
      tf.constant(0.5), train_op, None, [progress], run, {"global_norm": norm}
    )

  run = config(output_dir=str(tmp_path), seed=1, keep_checkpoint_max=1)
  estimator = estimators.build_estimator(model_fn, run, 100)

  def data():
    return tf.data.Dataset.from_tensors(tf.ones([1, 2], tf.int32)).repeat()

  with pytest.raises(InputError, match="in the update after step 2"):
    estimators.train(estimator, data, run, 0, 9, 100)


def test_after_save_runs_at_each_checkpoint_and_can_stop_training(tmp_path):
  def model_fn(features, labels, mode, params):
    del features, labels, params
    train_op = tf.train.get_or_create_global_step().assign_add(1)
    scalars = {"global_norm": tf.constant(1.0)}
    return estimators.training_spec(
      tf.constant(0.5), train_op, None, [], run, scalars
    )

  run = config(output_dir=str(tmp_path), seed=1, keep_checkpoint_max=1)
  estimator = estimators.build_estimator(model_fn, run, 2)
  saved = []

  def after_save(step):
    saved.append(int(step))
    return step == 6

  def data():
    return tf.data.Dataset.from_tensors(0).repeat()

  estimators.train(estimator, data, run, 0, 20, 2, after_save)
  assert saved == [2, 4, 6]


def test_tpu_curves_are_written_by_the_host(tmp_path):
  """Runs the TPU program on the CPU, as neither master nor name is given."""

  def model_fn(features, labels, mode, params):
    del features, labels, params
    step = tf.train.get_or_create_global_step()
    scalars = {"global_norm": tf.cast(step, tf.float32) + 0.5}
    with tf.control_dependencies(list(scalars.values())):
      train_op = step.assign_add(1)
    return estimators.training_spec(
      tf.constant(0.5), train_op, None, [], run, scalars
    )

  run = config(
    use_tpu=True, output_dir=str(tmp_path), seed=1, keep_checkpoint_max=1
  )
  estimator = estimators.build_estimator(model_fn, run, 100)
  estimator.train(
    lambda params: tf.data.Dataset.from_tensors(0).repeat(), max_steps=51
  )
  points = {}
  for path in tmp_path.glob("events.out.tfevents.*.v2"):
    for event in tf.train.summary_iterator(str(path)):
      for value in event.summary.value:
        points[event.step] = (value.tag, float(tf.make_ndarray(value.tensor)))
  assert points == {50: ("global_norm", 49.5)}


def test_evaluation_averages_over_all_batches(tmp_path):
  def metrics(hits):
    return {"accuracy": tf.metrics.mean(hits)}

  def model_fn(features, labels, mode, params):
    del labels, mode, params
    tf.train.get_or_create_global_step()
    return estimators.evaluation_spec(
      tf.reduce_mean(features), metrics, {"hits": features}, run.use_tpu
    )

  run = config(output_dir=str(tmp_path), seed=1, keep_checkpoint_max=1)
  with tf.Graph().as_default(), tf.Session() as session:
    tf.train.get_or_create_global_step()
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))
  estimator = estimators.build_estimator(model_fn, run, None)
  scores = estimator.evaluate(
    lambda: tf.data.Dataset.from_tensor_slices([1.0, 0.0, 0.0]).batch(2)
  )
  assert scores["accuracy"] == pytest.approx(1 / 3)


def test_out_of_memory_error_suggests_a_smaller_batch():
  with pytest.raises(InputError, match="smaller --train_batch_size"):
    with estimators.explained_failures():
      raise tf.errors.ResourceExhaustedError(None, None, "OOM\ndetails")


def test_predictions_are_reordered_and_yielded_as_soon_as_possible():
  taken = []

  class Estimator:
    def predict(self, input_fn, checkpoint_path):
      for window in input_fn():
        taken.append(window)
        yield {"window": np.int32(window), "twice": 2 * window}

  windows = [1, 0, 3, 2, -1]
  stream = estimators.predictions(Estimator(), lambda: windows, None, 4, "x")
  assert next(stream) == {"twice": 0} and taken == [1, 0]
  assert [output["twice"] for output in stream] == [2, 4, 6]
  with pytest.raises(AssertionError, match="a window was not predicted"):
    list(estimators.predictions(Estimator(), lambda: [1, 2], None, 3, "x"))


def test_curves_are_written_with_their_step(tmp_path):
  estimators.write_scalars(str(tmp_path), 7, {"f1": 0.5})
  (path,) = tmp_path.iterdir()
  values = [
    (event.step, value.tag, value.simple_value)
    for event in tf.train.summary_iterator(str(path))
    for value in event.summary.value
  ]
  assert values == [(7, "f1", 0.5)]
