# SPDX-License-Identifier: Apache-2.0
"""What a model runs on: device flags, precision, several machines.

This module and estimators.py are the only ones that tell devices, and versions
of TensorFlow, apart.
"""

import collections
import contextlib
import ctypes
import functools
import os
import re
import warnings

from absl import logging
import numpy as np
import tensorflow.compat.v1 as tf
import tensorflow.compat.v2 as tf2

from common import quiet
from common.errors import InputError
from common.errors import first_five
from common.text import parse_json
import modeling
from ops import kernels
from training import datasets

TPU_CORES = 8
TF_1 = tf.__version__.startswith("1.")
HAS_ESTIMATOR = hasattr(tf, "estimator")
# The GPU generation from which on TensorFlow has fast bfloat16 products
# (Ampere), as a compute capability.
BF16_CAPABILITY = (8, 0)
# Linux's names of the instructions with which TensorFlow multiplies bfloat16
# fast. It also accepts bfloat16 on a CPU without them, or of ARM.
_BF16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")
_SEVERAL = "multi_worker_mirrored"
_TF_CONFIG_EXAMPLE = (
  '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
  '"task": {"type": "worker", "index": 0}}'
)
_TF_CONFIG_SHAPE = {
  "cluster?": {str: [str]},
  "task?": {"type": str, "index": (int, str)},
}
# Names and values of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8

# The fields are flags of flag_groups.define_device_flags; the defaults serve
# programs without some of them.
Device = collections.namedtuple(
  "Device",
  "use_tpu tpu_name tpu_zone gcp_project master num_tpu_cores precision "
  "iterations_per_loop distribution use_xla recompute",
  defaults=(False,) + (None,) * 5 + ("fp32", None, "none", False, False),
)


def choose_precision(device):
  """Returns a Device with bf16 or fp32 in place of --precision=auto."""
  if device.precision != "auto":
    return device
  if device.use_tpu or TF_1:
    fast = device.use_tpu
  else:
    fast = _gpu_has_bf16() if _devices("GPU") else _cpu_has_bf16()
  return device._replace(precision="bf16" if fast else "fp32")


def log(device):
  """Logs what a run computes on, and in which precision."""
  gpus = len(_devices("GPU"))
  if device.use_tpu:
    kind = "TPU"
  elif gpus:
    kind = "%d GPU(s)" % gpus
  else:
    kind = "CPU (TensorFlow sees no GPU)"
  logging.info(
    "TensorFlow %s on %s in %s", tf.__version__, kind, device.precision
  )


def check(device, batch_sizes, num_accumulation_steps=1):
  """Rejects device flags that contradict each other or have no effect.

  Args:
    device: a Device.
    batch_sizes: {flag: value} of the batch sizes, --train_batch_size among
      them where something is trained.
    num_accumulation_steps: value of that flag.

  Raises:
    InputError: names the flag, and what would give it an effect.
  """
  _tf_config()
  if not HAS_ESTIMATOR and (device.use_tpu or on_several_machines(device)):
    raise InputError(
      "--%s needs Estimator, which TensorFlow %s does not have; expected "
      "TensorFlow 2.15 or 1.15"
      % (
        "use_tpu" if device.use_tpu else "distribution=" + _SEVERAL,
        tf.__version__,
      )
    )
  if device.use_tpu:
    _check_tpu(device, batch_sizes, num_accumulation_steps)
    return
  for flag in (
    "tpu_name tpu_zone gcp_project master num_tpu_cores iterations_per_loop"
  ).split():
    if getattr(device, flag) is not None:
      raise InputError("--%s has an effect with --use_tpu only" % flag)
  _check_distribution(device, batch_sizes.get("train_batch_size"))
  _check_precision(device.precision)
  if device.use_xla and not _devices("GPU"):
    raise InputError(
      "--use_xla needs a GPU and TensorFlow sees none: on a CPU TensorFlow's "
      "own kernels are faster; a TPU (--use_tpu) always uses XLA"
    )


def _check_tpu(device, batch_sizes, num_accumulation_steps):
  if not (device.tpu_name or device.master):
    raise InputError("--use_tpu needs --tpu_name or --master")
  if device.distribution != "none":
    raise InputError(
      "--distribution=%s is for GPUs and CPUs, while a TPU's cores share "
      "batches anyway; expected --distribution=none with --use_tpu"
      % device.distribution
    )
  if device.precision == "fp16":
    raise InputError("--precision=fp16 is for GPUs; expected bf16 on a TPU")
  if device.use_xla:
    raise InputError("--use_xla: a TPU always uses it; leave the flag out")
  if num_accumulation_steps > 1:
    raise InputError(
      "--num_accumulation_steps does not run on TPU; expected a larger "
      "--train_batch_size, or more cores"
    )
  cores = device.num_tpu_cores or TPU_CORES
  for flag, size in batch_sizes.items():
    if size % cores:
      raise InputError(
        "--%s=%d is shared by %d cores (--num_tpu_cores); expected a multiple"
        % (flag, size, cores)
      )


def check_batch_tokens(flag, tokens, device, padding=None):
  """Rejects the value of a --*batch_tokens where all inputs have one length."""
  fixed = "padding=fixed" if padding == "fixed" else None
  cause = "use_tpu" if device.use_tpu else fixed
  if tokens and cause:
    raise InputError(
      "--%s is for batches of any length; expected --%s with --%s"
      % (flag, flag.replace("tokens", "size"), cause)
    )


def _check_distribution(device, train_batch_size):
  cluster = _tf_config().get("cluster", {})
  machines = sum(len(hosts) for hosts in cluster.values())
  devices = len(_devices("GPU") or _devices("CPU"))
  if on_several_machines(device):
    task = _tf_config().get("task", {})
    wrong = set(cluster) - {"chief", "worker"}
    if not machines or wrong or task.get("type") not in cluster:
      raise InputError(
        "--distribution=multi_worker_mirrored needs TF_CONFIG in the "
        "environment, such as %s; found %s"
        % (_TF_CONFIG_EXAMPLE, os.environ.get("TF_CONFIG") or "none")
      )
    devices = machines * max(1, len(_devices("GPU")))
  elif machines > 1:
    raise InputError(
      "TF_CONFIG in the environment names %d machines; expected "
      "--distribution=multi_worker_mirrored with it" % machines
    )
  elif device.distribution == "none":
    return
  elif devices < 2:
    raise InputError(
      "--distribution=mirrored shares batches out to several GPUs and "
      "TensorFlow sees %d; expected --distribution=none" % len(_devices("GPU"))
    )
  _check_even(train_batch_size, devices)


def _check_even(batch_size, devices):
  if batch_size % devices:
    raise InputError(
      "--train_batch_size=%d is shared by %d devices; expected a multiple"
      % (batch_size, devices)
    )


def _check_precision(precision):
  gpus = _devices("GPU")
  if precision == "fp16" and not gpus:
    raise InputError(
      "--precision=fp16 needs a GPU and TensorFlow sees none; expected fp32%s"
      % ("" if TF_1 else ", or bf16")
    )
  if precision != "bf16":
    return
  if TF_1:
    raise InputError(
      "--precision=bf16 needs a TPU or TensorFlow 2, and this is %s; expected "
      "fp32%s" % (tf.__version__, ", or fp16" if gpus else "")
    )
  if gpus and not _gpu_has_bf16():
    raise InputError(
      "--precision=bf16 needs a GPU of compute capability %d.%d, this one's "
      "is %d.%d; expected fp16" % (BF16_CAPABILITY + _gpu_capability())
    )
  if not gpus and not _cpu_has_bf16():
    logging.warning(
      "--precision=bf16: this CPU has no bf16 instructions (%s) and emulates "
      "them, which is slower than --precision=fp32",
      " or ".join(_BF16_INSTRUCTIONS),
    )


def _gpu_has_bf16():
  return _gpu_capability() >= BF16_CAPABILITY


def _gpu_capability():
  """Returns the compute capability of the first GPU."""
  gpu = tf.config.experimental.list_physical_devices("GPU")[0]
  details = tf.config.experimental.get_device_details(gpu)
  return tuple(details.get("compute_capability", BF16_CAPABILITY))


def _cpu_has_bf16():
  return not _cpu_features().isdisjoint(_BF16_INSTRUCTIONS)


def _cpu_features(path="/proc/cpuinfo"):
  """Returns the words by which Linux describes the CPU; none elsewhere."""
  try:
    with open(path, encoding="utf-8") as f:
      return set(f.read().split())
  except OSError:
    return set()


def _nodes_run(fetch, values):
  """Returns the nodes TensorFlow runs for a graph, after its rewrites."""
  config = tf.ConfigProto()
  config.graph_options.rewrite_options.min_graph_nodes = -1
  metadata = tf.RunMetadata()
  with tf.Session(config=config) as session:
    session.run(
      fetch,
      values,
      tf.RunOptions(output_partition_graphs=True),
      metadata,
    )
  return [node for graph in metadata.partition_graphs for node in graph.node]


def encoder(albert_config, features, device, is_training, fuse=True):
  """Returns the AlbertModel of a batch in its fastest form on the device.

  Args:
    albert_config: an AlbertConfig.
    features: {"input_ids", "input_mask", "segment_ids"}, int [B, S].
    device: a Device.
    is_training: whether dropout is on.
    fuse: False forbids fused operations; see `fuses`.
  """
  return modeling.AlbertModel(
    albert_config,
    is_training,
    features["input_ids"],
    features["input_mask"],
    features["segment_ids"],
    use_one_hot_embeddings=device.use_tpu,
    compute_type=compute_type(device, is_training),
    recompute=device.recompute,
    fuse=fuse and fuses(device, is_training),
  )


def compute_type(device, is_training):
  """Returns the type that AlbertModel computes in.

  It is float32 also where a graph rewrite narrows the products later: to
  float16 on a GPU, and to bfloat16 in training on a CPU, where the rewrite is
  faster than a bfloat16 graph (benchmarks).
  """
  if device.precision != "bf16":
    return tf.float32
  return tf.float32 if is_training and is_on_cpu(device) else tf.bfloat16


def fuses(device, is_training):
  """Tells whether AlbertModel should fuse operations.

  True on a CPU with TensorFlow 2; --use_xla and a TPU compile the whole graph
  anyway. Fused training uses XLA, whose start-up message is triggered here.
  """
  if TF_1 or not is_on_cpu(device):
    return False
  if is_training:
    _start_xla()
  return is_training or _has_one_dnn()


@functools.lru_cache(maxsize=None)
def _has_one_dnn():
  """Tells whether TensorFlow runs our layer norm as oneDNN's."""
  with tf.Graph().as_default():
    x = tf.placeholder(tf.float32, [2, 64])
    weights = tf.placeholder(tf.float32, [64]), tf.placeholder(tf.float32, [64])
    y = kernels.one_dnn().normalise(x, *weights)
    values = {t: np.ones(t.shape.as_list()) for t in (x,) + weights}
    return any("LayerNorm" in node.op for node in _nodes_run(y, values))


@functools.lru_cache(maxsize=None)
def _start_xla():
  """Triggers XLA's start-up message with stderr silenced.

  XLA prints it at every log level.
  """
  with quiet.standard_error(), tf.Graph().as_default(), tf.Session() as session:
    x = tf.placeholder(tf.float32, [1])
    session.run(tf2.function(tf.tanh, jit_compile=True)(x), {x: [0]})


def keep_freed_memory():
  """Makes this process reuse freed memory instead of returning it.

  Every operation of a step allocates its result. By default glibc maps a large
  result afresh and unmaps it when it is freed, and the system clears each of
  its pages every time. From now on the process has one heap that never
  shrinks. Does nothing if the C library is not glibc. TensorFlow 2 has its own
  pool and does not need this.

  Source: mallopt(3) of the Linux manual pages.
  """
  try:
    mallopt = ctypes.CDLL(None).mallopt
  except (AttributeError, OSError, TypeError):  # Not glibc.
    return
  mallopt(_M_ARENA_MAX, 1)
  mallopt(_M_MMAP_MAX, 0)
  mallopt(_M_TRIM_THRESHOLD, -1)


def is_on_cpu(device):
  """Tells whether a model computes on this machine's CPU."""
  return not device.use_tpu and not _devices("GPU")


def _tf_config():
  """Returns the content of TF_CONFIG, {} if it is not set.

  Raises:
    InputError: it is not a cluster's JSON with this machine's place in it.
  """
  place = "TF_CONFIG in the environment"
  text = os.environ.get("TF_CONFIG", "").strip() or "{}"
  found = parse_json(text, place, _TF_CONFIG_SHAPE)
  cluster, task = found.get("cluster", {}), found.get("task", {})
  every = [host for hosts in cluster.values() for host in hosts]
  wrong = [x for x in every if not re.fullmatch(r"\S+:\d+", x)]
  if wrong or len(set(every)) < len(every):
    raise InputError(
      "%s: found the machines %s, expected different host:port, such as %s"
      % (place, first_five(every), _TF_CONFIG_EXAMPLE)
    )
  if cluster and not task:
    raise InputError(
      "%s: found a cluster without a task, expected this machine's type and "
      "index there, such as %s" % (place, _TF_CONFIG_EXAMPLE)
    )
  hosts = cluster.get(task.get("type"), [])
  if hosts and str(task["index"]) not in map(str, range(len(hosts))):
    raise InputError(
      "%s: found the index %s of a %s, of which the cluster has %d; expected 0 "
      "to %d" % (place, task["index"], task["type"], len(hosts), len(hosts) - 1)
    )
  return found


@contextlib.contextmanager
def tf_config_hidden(device):
  """Hides TF_CONFIG from TensorFlow meanwhile, unless several machines train.

  Schedulers set it for one machine too, in forms that TensorFlow rejects.
  """
  hidden = set() if on_several_machines(device) else {"TF_CONFIG"}
  kept = {name: os.environ.pop(name) for name in hidden & set(os.environ)}
  try:
    yield
  finally:
    os.environ.update(kept)


def on_several_machines(device):
  """Tells whether several machines train together."""
  return device.distribution == _SEVERAL


def machine(device):
  """Returns the number of this machine among those that train; 0 is chief."""
  if not on_several_machines(device):
    return 0
  task, cluster = _tf_config()["task"], _tf_config()["cluster"]
  before = len(cluster.get("chief", [])) if task["type"] == "worker" else 0
  return before + int(task["index"])


def is_chief(device):
  """Tells whether this process is the one that evaluates and writes."""
  return machine(device) == 0


def part_of_input(input_context):
  """Returns the datasets.Part that one input pipeline produces.

  Args:
    input_context: tf.distribute.InputContext, or None for one device.
  """
  if input_context is None:
    return datasets.WHOLE
  machines = input_context.num_input_pipelines
  devices = input_context.num_replicas_in_sync // machines
  return datasets.Part(input_context.input_pipeline_id, machines, devices)


def part_of_tpu_input(params):
  """Returns the datasets.Part that one host of a TPU produces.

  Args:
    params: what TPUEstimator passes to an input_fn.
  """
  if "context" not in params:  # The TPUEstimator runs on the CPU.
    return datasets.WHOLE
  return datasets.Part(*params["context"].current_input_fn_deployment()[1:])


def _devices(kind):
  """Returns the names of this machine's GPUs or (virtual) CPUs."""
  experimental = tf.config.experimental
  count = 0
  for device in experimental.list_physical_devices(kind):
    parts = experimental.get_virtual_device_configuration(device)
    count += len(parts) if parts else 1
  return ["/%s:%d" % (kind.lower(), i) for i in range(count)]


def strategy(device):
  """Returns the tf.distribute strategy of --distribution, None for one device.

  It is made inside a graph because it is used in one: made outside, it would
  start its own server in place of Estimator's.
  """
  # TensorFlow warns about its own internals at every start.
  warnings.filterwarnings("ignore", "To make it possible to preserve tf.data")
  with tf.Graph().as_default():
    if device.distribution == "mirrored":
      return tf.distribute.MirroredStrategy(_devices("GPU") or _devices("CPU"))
    if on_several_machines(device):
      return tf.distribute.experimental.MultiWorkerMirroredStrategy()
  return None


def session_config(device):
  """Returns a session's configuration: GPU memory, XLA, mixed precision."""
  config = tf.ConfigProto(
    allow_soft_placement=True,
    gpu_options=tf.GPUOptions(allow_growth=True),
    device_count={"CPU": len(_devices("CPU"))},
  )
  options = config.graph_options
  if device.precision == "fp16":
    options.rewrite_options.auto_mixed_precision = options.rewrite_options.ON
  elif device.precision == "bf16" and is_on_cpu(device):
    _rewrite_to_bf16(config)
  if device.use_xla:
    options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
  return config


def _rewrite_to_bf16(config):
  """Makes a CPU compute a graph's products in bfloat16; TensorFlow 2 only."""
  rewrite = config.graph_options.rewrite_options
  rewrite.auto_mixed_precision_onednn_bfloat16 = rewrite.ON
