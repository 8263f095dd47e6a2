# SPDX-License-Identifier: Apache-2.0
"""Tests of devices.py; its strategies are tested in ops/test_replicas.py."""

import json
import os
import platform
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.errors import InputError
from training import datasets
from training import devices

BATCH_SIZES = dict(train_batch_size=8, eval_batch_size=8, predict_batch_size=8)
TPU = dict(use_tpu=True, tpu_name="x")
TF_1 = tf.__version__.startswith("1.")


@pytest.fixture(autouse=True)
def with_estimator(monkeypatch):
  """Checks flags of TPUs and several machines on every TensorFlow."""
  monkeypatch.setattr(devices, "HAS_ESTIMATOR", True)


def check(**changed):
  """Checks the default flags with some of them changed."""
  steps = changed.pop("num_accumulation_steps", 1)
  sizes = {k: changed.pop(k, v) for k, v in BATCH_SIZES.items()}
  devices.check(devices.Device(**changed), sizes, steps)


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
)
def test_valid_device_flags_are_accepted(changed):
  check(**changed)


@pytest.mark.parametrize(
  "changed, message",
  [
    ({"use_tpu": True}, "--use_tpu needs --tpu_name or --master"),
    ({"tpu_name": "x"}, "--tpu_name has an effect with --use_tpu only"),
    ({"iterations_per_loop": 1000}, "--iterations_per_loop has an effect with"),
    ({"num_tpu_cores": 8}, "--num_tpu_cores has an effect with --use_tpu only"),
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
)
def test_flags_that_do_not_fit_the_device_are_rejected(changed, message):
  with pytest.raises(InputError, match=message):
    check(**changed)


def test_pieces_per_batch_need_batches_of_any_length():
  flag, device = "predict_batch_tokens", devices.Device()
  devices.check_batch_tokens(flag, 9, device, "bucketed")
  devices.check_batch_tokens(flag, None, device._replace(**TPU), "fixed")
  with pytest.raises(InputError, match="--predict_batch_size with --padding=f"):
    devices.check_batch_tokens(flag, 9, device, "fixed")


@pytest.mark.parametrize(
  "changed, message",
  [
    ({"use_tpu": True, "tpu_name": "x"}, "--use_tpu needs Estimator"),
    (
      {"distribution": "multi_worker_mirrored"},
      "--distribution=multi_worker_mirrored needs Estimator",
    ),
  ],
  ids=["tpu", "several_machines"],
)
def test_tpus_and_several_machines_need_an_estimator(
  monkeypatch, changed, message
):
  monkeypatch.setattr(devices, "HAS_ESTIMATOR", False)
  with pytest.raises(InputError, match=message):
    devices.check(devices.Device(**changed), {"train_batch_size": 8})


@pytest.mark.skipif(not TF_1, reason="TensorFlow 2 has it")
def test_bf16_on_a_cpu_needs_tensorflow_2():
  with pytest.raises(InputError, match="needs a TPU or TensorFlow 2"):
    check(precision="bf16")


@pytest.mark.parametrize(
  "text, fast",
  [
    ("flags\t\t: avx512f avx512_bf16 avx512_vnni\n", True),
    ("flags\t\t: avx512f amx_bf16 amx_tile\n", True),
    ("flags\t\t: avx512f avx512_vnni\n", False),  # It only emulates bf16.
    ("Features\t: asimd bf16\n", False),  # TensorFlow does not use ARM's.
    (None, False),  # Not Linux.
  ],
)
def test_the_processor_tells_whether_bf16_is_fast(
  monkeypatch, tmp_path, text, fast
):
  path = tmp_path / "cpuinfo"
  if text:
    path.write_text(text)
  found = devices._cpu_features(str(path))
  monkeypatch.setattr(devices, "_cpu_features", lambda: found)
  assert devices._cpu_has_bf16() == fast


@pytest.mark.skipif(TF_1, reason="TensorFlow 1.15 has no bf16 on a CPU")
@pytest.mark.parametrize("fast", [True, False])
def test_bf16_on_a_cpu_that_emulates_it_warns(monkeypatch, caplog, fast):
  monkeypatch.setattr(devices, "_cpu_has_bf16", lambda: fast)
  check(precision="bf16")
  assert ("slower than --precision=fp32" in caplog.text) == (not fast)


@pytest.mark.parametrize(
  "changed, gpu, cpu, precision",
  [
    ({}, None, True, "fp32" if TF_1 else "bf16"),
    ({}, None, False, "fp32"),
    ({}, (8, 0), False, "fp32" if TF_1 else "bf16"),
    ({}, (7, 5), True, "fp32"),
    (TPU, None, False, "bf16"),
  ],
)
def test_auto_is_bf16_where_it_is_fast(
  monkeypatch, changed, gpu, cpu, precision
):
  monkeypatch.setattr(devices, "_devices", lambda kind: ["x"] if gpu else [])
  monkeypatch.setattr(devices, "_gpu_capability", lambda: gpu)
  monkeypatch.setattr(devices, "_cpu_has_bf16", lambda: cpu)
  asked = devices.Device(precision="auto", **changed)
  assert devices.choose_precision(asked).precision == precision


@pytest.mark.skipif(TF_1, reason="TensorFlow 1.15 has no bf16 on a CPU")
@pytest.mark.skipif(
  "avx512f" not in devices._cpu_features(), reason="TensorFlow needs AVX-512"
)
def test_bf16_on_a_cpu_narrows_products():
  on_cpu = devices.Device(precision="bf16")
  assert devices.compute_type(on_cpu, is_training=True) == tf.float32
  assert devices.compute_type(on_cpu, is_training=False) == tf.bfloat16
  x = np.random.RandomState(0).randn(64, 64).astype(np.float32)
  products = {}
  for precision in ("fp32", "bf16"):
    session_config = devices.session_config(devices.Device(precision=precision))
    with tf.Graph().as_default(), tf.Session(config=session_config) as session:
      a = tf.placeholder(tf.float32, [64, 64])
      y = tf.tanh(tf.matmul(tf.matmul(tf.matmul(a, a), a), a) / 1e3)
      products[precision] = session.run(tf.matmul(y, y), {a: x})
  error = np.abs(products["bf16"] - products["fp32"]).max()
  assert 1e-4 < error / np.abs(products["fp32"]).max() < 0.1


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("one_dnn", [True, False])
def test_model_is_fused_on_a_cpu_under_tensorflow_2(
  monkeypatch, one_dnn, is_training
):
  monkeypatch.setattr(devices, "_devices", lambda kind: [])
  monkeypatch.setattr(devices, "_has_one_dnn", lambda: one_dnn)
  fused = not TF_1 and (is_training or one_dnn)
  assert devices.fuses(devices.Device(), is_training) == fused
  assert not devices.fuses(devices.Device(**TPU), is_training)
  monkeypatch.setattr(devices, "_devices", lambda kind: ["a GPU"])
  assert not devices.fuses(devices.Device(), is_training)


@pytest.mark.skipif(
  TF_1 or platform.machine() != "x86_64", reason="TensorFlow has no oneDNN here"
)
def test_one_dnn_is_used_whatever_the_processor():
  assert devices._has_one_dnn()


@pytest.mark.parametrize("is_training", [True, False])
def test_bf16_on_a_tpu_makes_the_model_compute_in_bfloat16(is_training):
  narrow = devices.Device(precision="bf16", **TPU)
  assert devices.compute_type(narrow, is_training) == tf.bfloat16
  assert devices.compute_type(devices.Device(**TPU), is_training) == tf.float32


@pytest.mark.parametrize(
  "text, distribution, message",
  [
    (
      cluster("a:1", "b:1", type="worker", index=0),
      "none",
      "names 2 machines; expected --distr",
    ),
    ("{", "none", "TF_CONFIG in the environment:1:2: damaged JSON"),
    ("[" * 10**5, "none", "nested more than 100 levels deep"),
    ("[]", "none", r"found \[\], expected an object"),
    ('{"cluster": ["a"]}', "none", "under cluster, expected an object"),
    (cluster("a:1", type="worker"), "none", "found no task.index, expected a"),
    (cluster("a:1", type="worker", index=1), "none", "the index 1 of a worker"),
    (cluster("a:1", "a:1", type="worker", index=0), "none", "different host"),
    (cluster("a", type="worker", index=0), "none", "found the machines a, exp"),
    (
      '{"cluster": {"worker": ["a:1"]}}',
      "multi_worker_mirrored",
      "found a cluster without a task",
    ),
    (
      cluster("a:1", "b:1", type="ps", index=0),
      "multi_worker_mirrored",
      "needs TF_CONFIG in the environment",
    ),
    (
      cluster("a:1", "b:1", "c:1", type="worker", index=0),
      "multi_worker_mirrored",
      "--train_batch_size=8 is shared by 3 devices; expected a multiple",
    ),
  ],
)
def test_tf_config_that_does_not_fit_the_flags_is_rejected(
  monkeypatch, text, distribution, message
):
  monkeypatch.setenv("TF_CONFIG", text)
  with pytest.raises(InputError, match=message):
    check(distribution=distribution)


def test_tensorflow_ignores_tf_config_on_a_single_machine(monkeypatch):
  # Estimator's RunConfig would want a chief.
  text = cluster("a:1", type="worker", index=0)
  monkeypatch.setenv("TF_CONFIG", text)
  check()
  with devices.tf_config_hidden(devices.Device()):
    assert "TF_CONFIG" not in os.environ
  assert os.environ["TF_CONFIG"] == text


def test_one_of_several_machines_is_the_chief(monkeypatch):
  several = devices.Device(distribution="multi_worker_mirrored")
  for index, chief in ((0, True), (1, False)):
    task = {"type": "worker", "index": index}
    monkeypatch.setenv("TF_CONFIG", cluster("a:1", "b:1", **task))
    devices.check(several, BATCH_SIZES)
    assert devices.is_chief(several) == chief
  with_chief = {
    "cluster": {"chief": ["a:1"], "worker": ["b:1"]},
    "task": {"type": "worker", "index": 0},
  }
  monkeypatch.setenv("TF_CONFIG", json.dumps(with_chief))
  assert not devices.is_chief(several)
  assert devices.is_chief(devices.Device())


def test_each_machine_knows_its_part_of_the_input():
  context = tf.distribute.InputContext(
    num_input_pipelines=2, input_pipeline_id=1, num_replicas_in_sync=8
  )
  assert devices.part_of_input(context) == datasets.Part(1, 2, 4)
  assert devices.part_of_input(None) == datasets.Part(0, 1, 1)
  tpu = {"context": mock.Mock()}
  tpu["context"].current_input_fn_deployment.return_value = ("cpu", 1, 2, 4)
  assert devices.part_of_tpu_input(tpu) == datasets.Part(1, 2, 4)
  assert devices.part_of_tpu_input({}) == datasets.WHOLE


def test_precision_and_xla_reach_the_session():
  options = devices.session_config(
    devices.Device(precision="fp16", use_xla=True)
  )
  options = options.graph_options
  assert options.rewrite_options.auto_mixed_precision == (
    options.rewrite_options.ON
  )
  assert options.optimizer_options.global_jit_level == tf.OptimizerOptions.ON_1
  plain = devices.session_config(devices.Device()).graph_options
  assert plain.rewrite_options.auto_mixed_precision == 0
  assert plain.optimizer_options.global_jit_level == 0


# Prints the number of page faults of the second of two equal arrays.
PROGRAM = """
import resource, sys
import numpy as np
if sys.argv[1] == "kept":
  from training import devices
  devices.keep_freed_memory()
np.ones(12 << 20, np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(12 << 20, np.float32)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages(repo, kind):
  command = [sys.executable, "-c", PROGRAM, kind]
  return int(subprocess.check_output(command, cwd=repo))


@pytest.mark.once
@pytest.mark.skipif(
  platform.libc_ver()[0] != "glibc", reason="only glibc's heap is set"
)
def test_large_arrays_reuse_freed_memory(repo):
  kept, returned = pages(repo, "kept"), pages(repo, "returned")
  assert kept < 10 < returned


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_c_libraries_without_mallopt_are_left_alone(monkeypatch, error):
  load = mock.Mock(side_effect=error)
  monkeypatch.setattr(devices.ctypes, "CDLL", load)
  devices.keep_freed_memory()  # Raises nothing.
  load.assert_called_once_with(None)
