# SPDX-License-Identifier: Apache-2.0
"""Where a model runs: devices, estimators, what a model_fn returns to them.

The only module that tells devices, and versions of TensorFlow, apart. On CPU
and GPU it is an Estimator whose batches have any length; on TPU a TPUEstimator
with fixed shapes.
"""

import contextlib
import functools
import json
import os
import warnings

from absl import logging
import numpy as np
import tensorflow.compat.v1 as tf
import tensorflow.compat.v2 as tf2

from common import quiet
from common.errors import InputError
import modeling
from ops import kernels
from ops import replicas
from training import allocation
from training import batches
from training import progress
from training.progress import Progress

SUMMARY_STEPS = 50
TPU_CORES = 8
TPU_ITERATIONS = 1000
TF_1 = tf.__version__.startswith("1.")
# A GPU from which on TensorFlow has fast bfloat16 products (Ampere).
BF16_CAPABILITY = (8, 0)


def _log_devices(use_tpu):
  """Logs what the run computes on."""
  gpus = len(_devices("GPU"))
  if use_tpu:
    device = "TPU"
  elif gpus:
    device = "%d GPU(s)" % gpus
  else:
    device = "CPU (TensorFlow sees no GPU)"
  logging.info("TensorFlow %s on %s", tf.__version__, device)


# ------------------------------------------------------ which flags go together


def check_devices(config):
  """Refuses device flags that contradict, or mean nothing, where they stand.

  Args:
    config: values of flag_groups.define_device_flags, of
      num_accumulation_steps, and of train_batch_size, eval_batch_size,
      predict_batch_size and batch_size where there are such.

  Raises:
    InputError: names the flag, and what would give it a meaning.
  """
  if config.use_tpu:
    _check_tpu(config)
    return
  for flag in (
    "tpu_name tpu_zone gcp_project master num_tpu_cores iterations_per_loop"
  ).split():
    if getattr(config, flag) is not None:
      raise InputError("--%s has a meaning with --use_tpu only" % flag)
  _check_distribution(config)
  _check_precision(config)
  if config.use_xla and not _devices("GPU"):
    raise InputError(
      "--use_xla needs a GPU and TensorFlow sees none: on a CPU its own "
      "kernels are faster; a TPU, with --use_tpu, always uses XLA"
    )


def _check_tpu(config):
  if not (config.tpu_name or config.master):
    raise InputError("--use_tpu needs --tpu_name or --master")
  if config.distribution != "none":
    raise InputError(
      "--distribution=%s is of GPUs and CPUs, a TPU's cores share batches "
      "anyway; expected --distribution=none with --use_tpu"
      % config.distribution
    )
  if config.precision == "fp16":
    raise InputError("--precision=fp16 is of GPUs; expected bf16 on a TPU")
  if config.use_xla:
    raise InputError("--use_xla: a TPU always uses it; leave the flag out")
  if config.num_accumulation_steps > 1:
    raise InputError(
      "--num_accumulation_steps does not run on TPU; expected a larger "
      "--train_batch_size, or more cores"
    )
  cores = config.num_tpu_cores or TPU_CORES
  for flag in (
    "train_batch_size eval_batch_size predict_batch_size batch_size"
  ).split():
    if getattr(config, flag, cores) % cores:
      raise InputError(
        "--%s=%d is shared by %d cores (--num_tpu_cores); expected a multiple"
        % (flag, getattr(config, flag), cores)
      )


def _check_distribution(config):
  cluster = _tf_config().get("cluster", {})
  machines = sum(len(hosts) for hosts in cluster.values())
  devices = len(_devices("GPU") or _devices("CPU"))
  if config.distribution == "multi_worker_mirrored":
    task = _tf_config().get("task", {})
    wrong = set(cluster) - {"chief", "worker"}
    if not machines or wrong or task.get("type") not in cluster:
      raise InputError(
        "--distribution=multi_worker_mirrored needs TF_CONFIG in the "
        'environment, such as {"cluster": {"worker": ["host1:2222", '
        '"host2:2222"]}, "task": {"type": "worker", "index": 0}}; found %s'
        % (os.environ.get("TF_CONFIG") or "none")
      )
    devices = machines * max(1, len(_devices("GPU")))
  elif machines > 1:
    raise InputError(
      "TF_CONFIG in the environment names %d machines; expected "
      "--distribution=multi_worker_mirrored with it" % machines
    )
  elif config.distribution == "none":
    return
  elif devices < 2:
    raise InputError(
      "--distribution=mirrored shares batches out to several GPUs and "
      "TensorFlow sees %d; expected --distribution=none" % len(_devices("GPU"))
    )
  _refuse_uneven(config.train_batch_size, devices)


def _refuse_uneven(batch_size, devices):
  if batch_size % devices:
    raise InputError(
      "--train_batch_size=%d is shared by %d devices; expected a multiple"
      % (batch_size, devices)
    )


def _check_precision(config):
  gpus = _devices("GPU")
  if config.precision == "fp16" and not gpus:
    raise InputError(
      "--precision=fp16 needs a GPU and TensorFlow sees none; expected fp32%s"
      % ("" if TF_1 else ", or bf16")
    )
  if config.precision != "bf16":
    return
  if TF_1:
    raise InputError(
      "--precision=bf16 needs a TPU or TensorFlow 2, and this is %s; expected "
      "fp32%s" % (tf.__version__, ", or fp16" if gpus else "")
    )
  if gpus:
    gpu = tf.config.experimental.list_physical_devices("GPU")[0]
    details = tf.config.experimental.get_device_details(gpu)
    capability = details.get("compute_capability", BF16_CAPABILITY)
    if capability < BF16_CAPABILITY:
      raise InputError(
        "--precision=bf16 needs a GPU of compute capability %d.%d, this one's "
        "is %d.%d; expected fp16" % (BF16_CAPABILITY + tuple(capability))
      )
  elif not _cpu_has_bf16():
    raise InputError(
      "--precision=bf16 changes nothing on this CPU, which computes with fp32 "
      "only; expected fp32"
    )


def _cpu_has_bf16():
  """Whether the graph rewrite of --precision=bf16 takes place on this CPU."""
  config = tf.ConfigProto()
  _rewrite_to_bf16(config)
  with tf.Graph().as_default():
    x = tf.placeholder(tf.float32, [64, 64])
    y = tf.matmul(tf.matmul(x, x), x)
    nodes = _nodes_run(y, {x: np.ones([64, 64])}, config)
  return any(n.attr["T"].type == tf.bfloat16.as_datatype_enum for n in nodes)


def _nodes_run(fetch, values, config=None):
  """The nodes that TensorFlow makes of a small graph when it runs it."""
  config = config or tf.ConfigProto()
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


def encoder(albert_config, features, config, is_training, fuse=True):
  """Returns the AlbertModel of a batch, as it runs best on the device.

  Args:
    albert_config: an AlbertConfig.
    features: {"input_ids", "input_mask", "segment_ids"}, int [B, S].
    config: values of flag_groups.define_device_flags.
    is_training: whether dropout is on.
    fuse: whether it may fuse; see `fuses`.
  """
  return modeling.AlbertModel(
    albert_config,
    is_training,
    features["input_ids"],
    features["input_mask"],
    features["segment_ids"],
    use_one_hot_embeddings=config.use_tpu,
    compute_type=compute_type(config, is_training),
    recompute=config.recompute,
    fuse=fuse and fuses(config, is_training),
  )


def compute_type(config, is_training):
  """Returns what AlbertModel computes in.

  float32 also where a graph rewrite narrows the products later: float16 on a
  GPU, bfloat16 in training on a CPU, where that is quicker (benchmarks).
  """
  if config.precision != "bf16":
    return tf.float32
  return tf.float32 if is_training and _is_on_cpu(config) else tf.bfloat16


def fuses(config, is_training):
  """Returns whether AlbertModel shall fuse: on a CPU, with TensorFlow 2.

  (A GPU's --use_xla and a TPU compile the whole graph.) XLA, which training
  then uses, has been met.
  """
  if TF_1 or not _is_on_cpu(config):
    return False
  if is_training:
    _meet_xla()
  return is_training or _has_one_dnn()


@functools.lru_cache(maxsize=None)
def _has_one_dnn():
  """Whether oneDNN's layer norm is what TensorFlow takes for ours."""
  with tf.Graph().as_default():
    x = tf.placeholder(tf.float32, [2, 64])
    weights = tf.placeholder(tf.float32, [64]), tf.placeholder(tf.float32, [64])
    y = kernels.one_dnn().normalise(x, *weights)
    values = {t: np.ones(t.shape.as_list()) for t in (x,) + weights}
    return any("LayerNorm" in node.op for node in _nodes_run(y, values))


@functools.lru_cache(maxsize=None)
def _meet_xla():
  """Compiles something, unheard: XLA's first time is announced at any level."""
  with quiet.standard_error(), tf.Graph().as_default(), tf.Session() as session:
    x = tf.placeholder(tf.float32, [1])
    session.run(tf2.function(tf.tanh, jit_compile=True)(x), {x: [0]})


def keep_freed_memory():
  """Does so on TensorFlow 1; version 2 holds a pool of its own."""
  if TF_1:
    allocation.keep_freed_memory()


def _is_on_cpu(config):
  return not config.use_tpu and not _devices("GPU")


# --------------------------------------------------------- who shares the work


def _tf_config():
  """What the environment's TF_CONFIG says of the machines."""
  try:
    return json.loads(os.environ.get("TF_CONFIG") or "{}")
  except ValueError:
    raise InputError(
      "TF_CONFIG in the environment is no JSON: %s" % os.environ["TF_CONFIG"]
    ) from None


def _machine(config):
  """The number of this machine among those that train, the chief's being 0."""
  if config.distribution != "multi_worker_mirrored":
    return 0
  task, cluster = _tf_config()["task"], _tf_config()["cluster"]
  before = len(cluster.get("chief", [])) if task["type"] == "worker" else 0
  return before + int(task["index"])


def is_chief(config):
  """Returns whether this process is the one that writes."""
  return _machine(config) == 0


def part_of_input(input_context):
  """Returns the batches.Part that one input pipeline produces.

  Args:
    input_context: tf.distribute.InputContext, or None for one device.
  """
  if input_context is None:
    return batches.WHOLE
  machines = input_context.num_input_pipelines
  devices = input_context.num_replicas_in_sync // machines
  return batches.Part(input_context.input_pipeline_id, machines, devices)


def part_of_tpu_input(params):
  """Returns the batches.Part that one host of a TPU produces.

  Args:
    params: what TPUEstimator passes to an input_fn.
  """
  if "context" not in params:  # The TPUEstimator runs on the CPU.
    return batches.WHOLE
  return batches.Part(*params["context"].current_input_fn_deployment()[1:])


def _devices(kind):
  """The names of this machine's GPUs, or of its (virtual) CPUs."""
  experimental = tf.config.experimental
  count = 0
  for device in experimental.list_physical_devices(kind):
    parts = experimental.get_virtual_device_configuration(device)
    count += len(parts) if parts else 1
  return ["/%s:%d" % (kind.lower(), i) for i in range(count)]


def _strategy(config):
  """The tf.distribute strategy of --distribution, None for one device.

  Made in a graph, as it is used in one: made outside, it would start a
  server of its own in the place of Estimator's.
  """
  # A note on TensorFlow's own workings, at every start.
  warnings.filterwarnings("ignore", "To make it possible to preserve tf.data")
  with tf.Graph().as_default():
    if config.distribution == "mirrored":
      return tf.distribute.MirroredStrategy(_devices("GPU") or _devices("CPU"))
    if config.distribution == "multi_worker_mirrored":
      return tf.distribute.experimental.MultiWorkerMirroredStrategy()
  return None


# ------------------------------------------------------------------- estimators


def build_estimator(model_fn, config, save_steps):
  """Returns an Estimator, or a TPUEstimator if config.use_tpu; logs where.

  Args:
    model_fn: (features, labels, mode, params) -> training_spec,
      evaluation_spec or prediction_spec.
    config: values of define_device_flags and of output_dir, seed,
      keep_checkpoint_max, train_batch_size, eval_batch_size and, where there
      is one, predict_batch_size. With neither --tpu_name nor --master a
      TPUEstimator runs on the CPU, which is how it is tested.
    save_steps: updates between two checkpoints; None for predicting only.
  """
  tf.logging.set_verbosity(tf.logging.ERROR)
  _log_devices(config.use_tpu)
  if _is_on_cpu(config):
    keep_freed_memory()

  def call(features, labels, mode, params):
    # On several machines TensorFlow deep-copies its estimators: a function is
    # left as it is, while a method would bring its object's data along.
    return model_fn(features, labels, mode, params)

  common = dict(
    model_dir=config.output_dir,
    tf_random_seed=config.seed + _machine(config),  # Dropout differs on each.
    save_checkpoints_steps=save_steps,
    keep_checkpoint_max=config.keep_checkpoint_max or None,
    save_summary_steps=SUMMARY_STEPS,
    log_step_count_steps=None,
  )
  if config.use_tpu:
    return tf.estimator.tpu.TPUEstimator(
      call,
      config=_tpu_config(config, common),
      train_batch_size=config.train_batch_size,
      eval_batch_size=config.eval_batch_size,
      predict_batch_size=getattr(config, "predict_batch_size", None),
      use_tpu=bool(config.tpu_name or config.master),
    )
  return tf.estimator.Estimator(
    call,
    config=tf.estimator.RunConfig(
      session_config=_session_config(config),
      train_distribute=_strategy(config),
      **common,
    ),
  )


def _session_config(config):
  """How a session computes: GPU memory as needed, XLA, mixed precision."""
  session_config = tf.ConfigProto(
    allow_soft_placement=True,
    gpu_options=tf.GPUOptions(allow_growth=True),
    device_count={"CPU": len(_devices("CPU"))},
  )
  options = session_config.graph_options
  if config.precision == "fp16":
    options.rewrite_options.auto_mixed_precision = options.rewrite_options.ON
  elif config.precision == "bf16" and _is_on_cpu(config):
    _rewrite_to_bf16(session_config)
  if config.use_xla:
    options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
  return session_config


def _rewrite_to_bf16(session_config):
  """Has a graph's products computed in bfloat16 on CPU; TensorFlow 2 only."""
  rewrite = session_config.graph_options.rewrite_options
  rewrite.auto_mixed_precision_onednn_bfloat16 = rewrite.ON


def _tpu_config(config, common):
  """RunConfig of a TPU, found by name or by its master's address."""
  tpu_config = tf.estimator.tpu.TPUConfig(
    iterations_per_loop=config.iterations_per_loop or TPU_ITERATIONS,
    num_shards=config.num_tpu_cores or TPU_CORES,
    per_host_input_for_training=tf.estimator.tpu.InputPipelineConfig.PER_HOST_V2,
  )
  cluster = None
  if config.tpu_name:
    cluster = tf.distribute.cluster_resolver.TPUClusterResolver(
      config.tpu_name, zone=config.tpu_zone, project=config.gcp_project
    )
  return tf.estimator.tpu.RunConfig(
    master=config.master, cluster=cluster, tpu_config=tpu_config, **common
  )


def train(estimator, input_fn, config, start, end, save_steps, after_save=None):
  """Trains, and calls after_save at every checkpoint.

  On one machine that is in the midst of training. A TPU has one session at a
  time, and several machines have no moment in common: there training stops
  for it, and goes on from the checkpoint.

  Args:
    estimator: of build_estimator.
    input_fn: Estimator's.
    config: values of define_device_flags.
    start: step of the newest checkpoint, 0 for none.
    end: step to stop at.
    save_steps: updates between two checkpoints, as given to build_estimator.
    after_save: function of a step that says whether to stop; None: there is
      nothing to do. Called on all machines.

  Raises:
    InputError: training failed in a way that a flag can mend.
  """
  alone = not config.use_tpu and config.distribution != "multi_worker_mirrored"
  with explained_failures():
    if alone or not after_save:
      listeners = [_AfterSave(after_save)] if after_save else None
      _train_until(estimator, input_fn, config, end, listeners)
      return
    if start and after_save(start):  # Saved, and killed before that.
      return
    while start < end:
      start = min(start + save_steps, end)
      _train_until(estimator, input_fn, config, start)
      if after_save(start):
        return


def _train_until(estimator, input_fn, config, step, listeners=None):
  if config.distribution != "multi_worker_mirrored":
    estimator.train(input_fn, max_steps=step, saving_listeners=listeners)
    return
  with tf.Graph().as_default():  # See _strategy.
    tf.estimator.train_and_evaluate(
      estimator,
      tf.estimator.TrainSpec(input_fn, step),
      tf.estimator.EvalSpec(input_fn),  # Of an evaluator, and there is none.
    )


class _AfterSave(tf.train.CheckpointSaverListener):
  """Calls a function of the step whenever a checkpoint was saved."""

  def __init__(self, function):
    self._function = function

  def after_save(self, session, global_step_value):
    del session
    return global_step_value > 0 and self._function(global_step_value)


# ---------------------------------------------------- what a model_fn returns


def training_spec(loss, train_op, restore, hooks, config, scalars):
  """Returns what model_fn returns when training.

  Args:
    loss: scalar.
    train_op: of optimization.create_optimizer.
    restore: function that sets the initializers from a checkpoint, or None.
    hooks: Progress and the like, left out on TPU; their `watched` tensor is
      computed on all replicas.
    config: values of define_device_flags and of output_dir.
    scalars: {name: scalar tensor} that become TensorBoard's curves, those of
      create_optimizer among them.
  """
  mode = tf.estimator.ModeKeys.TRAIN
  if config.use_tpu:
    return tf.estimator.tpu.TPUEstimatorSpec(
      mode,
      loss=loss,
      train_op=train_op,
      scaffold_fn=_scaffold_fn(restore),
      host_call=_summaries_on_host(config.output_dir, train_op, scalars),
    )
  if restore:  # Once for all replicas, whose variables' names differ.
    tf.distribute.get_replica_context().merge_call(lambda _: restore())
  # What replicas add up must run on all of them, and so at every step.
  scalars = {name: replicas.mean(x) for name, x in scalars.items()}
  if config.precision != "fp16":  # There overflow is the loss scale's affair.
    hooks = [_StopAtNan(scalars["global_norm"])] + hooks
  together = list(scalars.values()) + [hook.watched for hook in hooks]
  for name, value in scalars.items():
    tf.summary.scalar(name, value)
  return tf.estimator.EstimatorSpec(
    mode,
    loss=loss,
    train_op=tf.group(train_op, *together),
    training_hooks=hooks,
  )


def _scaffold_fn(restore):
  """The scaffold_fn that restores on a TPU's host."""

  def scaffold():
    if restore:
      restore()
    return tf.train.Scaffold()

  return scaffold


def _summaries_on_host(folder, train_op, scalars):
  """The host_call that writes a TPU's scalars: the TPU itself cannot.

  Its tensors come with a first axis, along which the cores' are joined. The
  step is the one that train_op ends.
  """
  names = sorted(scalars)

  def write(step, *values):
    step = step[0]
    with tf2.summary.create_file_writer(folder).as_default():
      with tf2.summary.record_if(tf.equal(step % SUMMARY_STEPS, 0)):
        for name, value in zip(names, values):
          tf2.summary.scalar(name, tf.reduce_mean(value), step=step)
    return tf.summary.all_v2_summary_ops()

  with tf.control_dependencies([train_op]):
    step = tf.train.get_or_create_global_step().read_value()
  tensors = [step] + [scalars[name] for name in names]
  return write, [tf.reshape(tensor, [1]) for tensor in tensors]


def evaluation_spec(loss, metrics, tensors, use_tpu):
  """Returns what model_fn returns when evaluating.

  Args:
    loss: scalar.
    metrics: function of the tensors, by name, that returns {name: tf.metrics'
      pair}.
    tensors: {name: tensor of examples, [B...]}.
    use_tpu: whether the estimator is a TPUEstimator.
  """
  mode = tf.estimator.ModeKeys.EVAL
  if use_tpu:
    return tf.estimator.tpu.TPUEstimatorSpec(
      mode, loss=loss, eval_metrics=(metrics, tensors)
    )
  return tf.estimator.EstimatorSpec(
    mode, loss=loss, eval_metric_ops=metrics(**tensors)
  )


def prediction_spec(predictions, use_tpu, restore=None):
  """Returns what model_fn returns when predicting.

  Args:
    predictions: {name: tensor [B, ...]}.
    use_tpu: whether the estimator is a TPUEstimator.
    restore: function that sets the initializers from a checkpoint; None where
      `predictions` names one.
  """
  mode = tf.estimator.ModeKeys.PREDICT
  if use_tpu:
    return tf.estimator.tpu.TPUEstimatorSpec(
      mode, predictions=predictions, scaffold_fn=_scaffold_fn(restore)
    )
  if restore:
    restore()
  return tf.estimator.EstimatorSpec(mode, predictions=predictions)


@contextlib.contextmanager
def explained_failures():
  """Turns what a flag can mend, when training fails, into InputErrors."""
  try:
    yield
  except tf.train.NanLossDuringTrainingError:
    step = Progress.running.step if Progress.running else None
    raise InputError(
      "the loss or a gradient is not a number any more%s; expected a smaller "
      "--learning_rate, a longer warm-up or, with weights of one's own, other "
      "weights; the last checkpoint is from before and good"
      % ("" if step is None else ", in the update after step %d" % step)
    ) from None
  except tf.errors.ResourceExhaustedError as e:
    raise InputError(
      "out of memory (%s); expected a smaller --train_batch_size, with more "
      "--num_accumulation_steps, --recompute, or a smaller --max_seq_length"
      % e.message.split("\n")[0]
    ) from None


class _StopAtNan(tf.train.SessionRunHook):
  """Stops where gradients are not finite, which makes no update."""

  def __init__(self, norm):
    self.watched = norm

  def before_run(self, run_context):
    del run_context
    return tf.train.SessionRunArgs(self.watched)

  def after_run(self, run_context, run_values):
    del run_context
    if not np.isfinite(run_values.results):
      raise tf.train.NanLossDuringTrainingError


def prediction_input(
  features, batch_size, padding, config, length=None, pool=None
):
  """Returns the input_fn that brings all windows, each with its number.

  Args:
    features: feature dicts.
    batch_size: windows a batch, but on a TPU, whose estimator knows.
    padding: {name: value} where it is not 0.
    config: values of define_device_flags and of max_seq_length.
    length: see inputs.prediction_dataset; a TPU pads to max_seq_length.
    pool: see there; a TPU keeps the order.
  """

  def input_fn(params):
    if config.use_tpu:
      return batches.fixed_dataset(
        features, params["batch_size"], padding, config.max_seq_length
      )
    return batches.prediction_dataset(
      features, batch_size, padding, length, pool
    )

  return input_fn


def predictions(estimator, input_fn, checkpoint, count, name):
  """Yields the predictions of all windows, in the order of their numbers.

  What comes before its turn waits in memory. Whoever stops before the end
  leaves a session open.

  Args:
    estimator: of build_estimator.
    input_fn: of prediction_input.
    checkpoint: its prefix; None where model_fn restores.
    count: windows.
    name: of what is predicted, to be shown.
  """
  if not count:
    return
  stream = estimator.predict(input_fn, checkpoint_path=checkpoint)
  waiting, turn = {}, 0
  for output in progress.shown(stream, count, name, "window"):
    waiting[int(output.pop("window"))] = output  # -1 fills a TPU's batch up.
    while turn in waiting:
      yield waiting.pop(turn)
      turn += 1
  assert turn == count, "a window was not predicted"


def write_scalars(folder, step, scalars):
  """Adds a point to each of these TensorBoard curves."""
  with tf.Graph().as_default():
    # Files are told apart by the second and by this.
    writer = tf.summary.FileWriter(folder, filename_suffix=".%d" % step)
    writer.add_summary(
      tf.Summary(
        value=[
          tf.Summary.Value(tag=name, simple_value=value)
          for name, value in sorted(scalars.items())
        ]
      ),
      step,
    )
    writer.close()
