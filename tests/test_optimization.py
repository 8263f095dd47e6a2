# SPDX-License-Identifier: Apache-2.0
"""Tests of optimization.py."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from tensorflow.python.tpu import tpu_function

import modeling
import optimization
from tests.helpers import reference


@pytest.mark.parametrize("optimizer", ["adamw", "lamb"])
@pytest.mark.parametrize(
  "model", ["base", pytest.param("groups", marks=pytest.mark.once)]
)
def test_six_updates_equal_the_reference(model, optimizer):
  expected = reference.reference("train_" + optimizer, model)
  optimizing = tf.ConfigProto()  # As users run it.
  with tf.Graph().as_default(), tf.Session(config=optimizing) as session:
    loss = reference.pretraining_outputs(model)["total_loss"]
    modeling.restore(os.path.join(reference.REFERENCE, model, "model.ckpt"))
    train_op = optimization.create_optimizer(
      loss,
      float(expected["learning_rate"]),
      int(expected["num_train_steps"]),
      int(expected["num_warmup_steps"]),
      use_tpu=False,
      optimizer=optimizer,
    )
    session.run(tf.global_variables_initializer())
    losses = [session.run([loss, train_op])[0] for _ in range(6)]
    after = session.run({v.op.name: v for v in tf.global_variables()})
  np.testing.assert_allclose(losses, expected["losses"], rtol=1e-5)
  names = [n[6:] for n in expected if n.startswith("after/")]
  assert sorted(after) == sorted(names)
  for name in names:
    if "self/key/bias" in name:
      # Adding one number to all scores of a softmax changes nothing, so the
      # true gradient is 0 and both sides divide rounding noise by epsilon.
      continue
    np.testing.assert_allclose(
      after[name], expected["after/" + name], rtol=1e-5, atol=1e-6, err_msg=name
    )


@pytest.mark.parametrize(
  "step, power, start, rate",
  [
    pytest.param(0, 1.0, 0, 0.0, id="warmup_starts_at_zero"),
    pytest.param(2, 1.0, 0, 0.04, id="warmup"),
    pytest.param(4, 1.0, 0, 0.08, id="warmup_ends"),
    # Decay counts from step 0, hence the drop, as in the release.
    pytest.param(5, 1.0, 0, 0.05, id="decay_starts"),
    pytest.param(9, 1.0, 0, 0.01, id="decay"),
    pytest.param(10, 1.0, 0, 0.0, id="decay_ends"),
    pytest.param(12, 1.0, 0, 0.0, id="after_the_end"),
    pytest.param(8, 2.0, 0, 0.004, id="quadratic_decay"),
    pytest.param(7, 1.0, 5, 0.04, id="warmup_from_a_later_step"),
  ],
)
def test_learning_rate_follows_the_reference(step, power, start, rate):
  with tf.Graph().as_default(), tf.Session() as session:
    tensor = optimization.learning_rate(
      tf.constant(step, tf.int64), 0.1, 10, 5, power, start
    )
    assert session.run(tensor) == pytest.approx(rate, abs=1e-8)


def test_first_update_without_warmup_uses_the_peak_rate():
  with tf.Graph().as_default(), tf.Session() as session:
    rate = optimization.learning_rate(tf.constant(0, tf.int64), 0.1, 10, 0)
    assert session.run(rate) == pytest.approx(0.1)


def assert_close(actual, expected, rtol=0.0, atol=0.0):
  """Compares {name: value}; by default, values must be equal."""
  assert sorted(actual) == sorted(expected)
  for name, value in expected.items():
    np.testing.assert_allclose(actual[name], value, rtol, atol, err_msg=name)


def embedding_loss(ids, scale):
  """Returns a loss over an embedding lookup, a matrix and a bias."""
  table = tf.get_variable(
    "table", [5, 3], initializer=tf.random_uniform_initializer(seed=1)
  )
  kernel = tf.get_variable(
    "kernel", [3, 2], initializer=tf.random_uniform_initializer(seed=2)
  )
  bias = tf.get_variable("bias", [2], initializer=tf.ones_initializer())
  x = tf.matmul(tf.nn.embedding_lookup(table, ids), kernel) + bias
  return scale * tf.reduce_mean(tf.square(x))


class Training:
  """A small model under training; `factor` multiplies its loss."""

  def __init__(
    self, session, optimizer="adamw", warmup=4, accumulate=1, loss_scaling=False
  ):
    self._session = session
    self._ids = tf.placeholder(tf.int32, [None])
    self._factor = tf.placeholder(tf.float32, [])
    self._train_op = optimization.create_update(
      embedding_loss(self._ids, self._factor),
      0.1,
      10,
      warmup,
      use_tpu=False,
      optimizer=optimizer,
      num_accumulation_steps=accumulate,
      loss_scaling=loss_scaling,
    ).operation
    session.run(
      [tf.global_variables_initializer(), tf.local_variables_initializer()]
    )

  def run(self, ids, factor=1.0):
    self._session.run(self._train_op, {self._ids: ids, self._factor: factor})

  def values(self):
    return self._session.run({v.op.name: v for v in tf.global_variables()})

  def scale(self):
    (scale,) = [v for v in tf.local_variables() if v.op.name == "loss_scale"]
    return self._session.run(scale)


def train(batches, scale, optimizer, accumulate=1):
  """Returns {name: value} after an update per `accumulate` batches."""
  with tf.Graph().as_default(), tf.Session() as session:
    training = Training(session, optimizer, 0, accumulate)
    for batch in batches:
      training.run(batch, scale)
    return training.values()


@pytest.mark.parametrize("optimizer", ["adamw", "lamb"])
@pytest.mark.parametrize("scale", [0.01, 100.0], ids=["unclipped", "clipped"])
def test_accumulated_micro_batches_equal_one_large_batch(scale, optimizer):
  small = [[0, 1], [1, 1], [4, 0], [2, 2]]
  large = [[0, 1, 1, 1], [4, 0, 2, 2]]
  expected = train(large, scale, optimizer)
  actual = train(small, scale, optimizer, accumulate=2)
  assert actual["global_step"] == expected["global_step"] == 2
  # The names are equal, too: checkpoints hold no sums.
  assert_close(actual, expected, rtol=1e-5, atol=1e-7)


def test_incomplete_accumulation_changes_no_variable():
  before = train([], 1.0, "adamw")
  assert_close(train([[0, 1]], 1.0, "adamw", accumulate=2), before)


def test_slot_names_match_the_albert_release():
  slots = [
    variable + slot
    for variable in ("table", "kernel", "bias")
    for slot in ("", "/adam_m", "/adam_v")
  ]
  names = train([], 1.0, "lamb")
  assert sorted(names) == sorted(slots + ["global_step"])


@pytest.mark.parametrize(
  "optimizer",
  [optimization.AdamWeightDecayOptimizer, optimization.LAMBOptimizer],
  ids=["adamw", "lamb"],
)
@pytest.mark.parametrize("use_resource", [False, True])
def test_sparse_gradient_updates_like_its_dense_sum(optimizer, use_resource):
  results = []
  for sparse in (True, False):
    with tf.Graph().as_default(), tf.Session() as session:
      table = tf.get_variable(
        "table",
        [4, 2],
        initializer=tf.ones_initializer(),
        use_resource=use_resource,
      )
      grad = tf.IndexedSlices(
        tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        tf.constant([2, 0, 2]),
        tf.constant([4, 2]),
      )
      if not sparse:
        grad = tf.convert_to_tensor(grad)
      opt = optimizer(0.1, weight_decay_rate=0.01)
      train_op = opt.apply_gradients([(grad, table)])
      session.run(tf.global_variables_initializer())
      session.run([train_op])
      session.run([train_op])
      results.append(session.run(tf.global_variables()))
  for a, b in zip(*results):
    np.testing.assert_allclose(a, b, rtol=1e-6)


def one_update(optimizer, name, gradient, **arguments):
  """Returns an element of a variable of ones after one update."""
  with tf.Graph().as_default(), tf.Session() as session:
    v = tf.get_variable(name, [4], initializer=tf.ones_initializer())
    opt = optimizer(0.1, **arguments)
    train_op = opt.apply_gradients([(tf.constant([gradient] * 4), v)])
    session.run(tf.global_variables_initializer())
    session.run(train_op)
    return session.run(v)[0]


@pytest.mark.parametrize(
  "name, decays",
  [("dense/kernel", True), ("dense/bias", False), ("LayerNorm/gamma", False)],
  ids=["kernel", "bias", "layer_norm"],
)
def test_excluded_names_get_no_weight_decay(name, decays):
  value = one_update(
    optimization.AdamWeightDecayOptimizer,
    name,
    0.0,
    weight_decay_rate=0.5,
    exclude_from_weight_decay=optimization.EXCLUDED,
  )
  assert value == pytest.approx(1 - 0.1 * 0.5 if decays else 1.0)


@pytest.mark.parametrize(
  "arguments, ratio",
  [
    ({}, None),  # The update is scaled to the norm of the weights.
    ({"exclude_from_layer_adaptation": ["kern.l"]}, 1.0),
    ({"exclude_from_weight_decay": ["kernel"]}, 1.0),  # One list for both.
  ],
  ids=["adapted", "excluded_by_its_own_list", "excluded_from_decay"],
)
def test_trust_ratio_is_one_for_excluded_names(arguments, ratio):
  value = one_update(optimization.LAMBOptimizer, "kernel", 1.0, **arguments)
  step = 0.1 / (np.sqrt(0.001) + 1e-6)  # m / (sqrt(v) + epsilon)
  assert value == pytest.approx(
    1 - 0.1 * (step * ratio if ratio else 1.0), rel=1e-5
  )


def test_excluded_variables_do_not_change():
  with tf.Graph().as_default(), tf.Session() as session:
    loss = embedding_loss(tf.constant([0, 1, 2, 3, 4]), 1.0)
    train_op = optimization.create_optimizer(
      loss, 0.1, 10, 0, False, excluded_tvars=["kernel:0", "table"]
    )
    session.run(tf.global_variables_initializer())
    variables = {v.op.name: v for v in tf.trainable_variables()}
    before = session.run(variables)
    session.run(train_op)
    after = session.run(variables)
  assert np.array_equal(before["kernel"], after["kernel"])
  assert np.array_equal(before["table"], after["table"])
  assert not np.array_equal(before["bias"], after["bias"])


def test_summary_holds_loss_learning_rate_and_global_norm():
  with tf.Graph().as_default(), tf.Session() as session:
    loss = embedding_loss(tf.constant([0, 0]), 1.0)
    grads = tf.gradients(loss, tf.trainable_variables())
    norm = tf.global_norm(grads, name="expected")
    optimization.create_optimizer(loss, 0.1, 10, 0, False)
    session.run(tf.global_variables_initializer())
    loss, norm = session.run([loss, norm])  # The summary's norm updates both.
    text = session.run(tf.summary.merge_all())
  values = {v.tag: v.simple_value for v in tf.Summary.FromString(text).value}
  assert values == pytest.approx(
    {"loss": loss, "learning_rate": 0.1, "global_norm": norm}
  )


def test_tpu_sums_gradients_over_cores_before_clipping():
  with tf.Graph().as_default() as graph, tpu_function.tpu_shard_context(4):
    loss = embedding_loss(tf.constant([0, 1]), 1.0)
    optimization.create_optimizer(loss, 0.1, 10, 0, use_tpu=True)
    sums = [op for op in graph.get_operations() if op.type == "CrossReplicaSum"]
    # One per variable, and one for the squared norm of looked-up rows.
    assert len(sums) == len(tf.trainable_variables()) + 1
    inputs = {op.inputs[0].op.type for op in sums}
    assert "Mul" not in inputs  # A Mul would be a clipped gradient.
    assert not tf.get_collection(tf.GraphKeys.SUMMARIES)


def test_unknown_optimizer_is_rejected():
  with tf.Graph().as_default(), pytest.raises(ValueError, match="'sgd'"):
    optimization.create_optimizer(
      embedding_loss(tf.constant([0]), 1.0), 0.1, 10, 0, False, optimizer="sgd"
    )


def after(runs, accumulate=1, loss_scaling=True):
  """Returns (variables, loss scale) after calls of Training.run."""
  with tf.Graph().as_default(), tf.Session() as session:
    training = Training(
      session, accumulate=accumulate, loss_scaling=loss_scaling
    )
    for run in runs:
      training.run(*run)
    return training.values(), training.scale() if loss_scaling else None


OVERFLOW = 1e38
BATCHES = [([0, 1, 1],), ([4, 0, 2],), ([3, 3, 1],), ([2, 1, 0],)]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_loss_scaling_does_not_change_an_update(accumulate):
  expected, _ = after(BATCHES, accumulate=accumulate, loss_scaling=False)
  actual, scale = after(BATCHES, accumulate=accumulate)
  assert scale == optimization.FIRST_LOSS_SCALE
  # The names are equal, too: the loss scale is not in checkpoints.
  assert_close(actual, expected, rtol=1e-6)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_overflow_skips_the_update_and_halves_the_loss_scale(accumulate):
  first, rest = BATCHES[:2], BATCHES[2:]
  overflow = [([0, 1], OVERFLOW)] * accumulate
  # Neither the step nor the learning rate, still warming up, counts it.
  expected, _ = after(first + rest, accumulate=accumulate)
  actual, scale = after(first + overflow + rest, accumulate=accumulate)
  assert scale == optimization.FIRST_LOSS_SCALE / 2
  assert actual["global_step"] == 4 / accumulate
  assert_close(actual, expected, rtol=1e-6)


def test_loss_scale_doubles_after_enough_updates_without_overflow(monkeypatch):
  monkeypatch.setattr(optimization, "LOSS_SCALE_PATIENCE", 2)
  one = optimization.FIRST_LOSS_SCALE
  overflow = ([0], OVERFLOW)
  assert after(BATCHES[:1])[1] == one
  assert after(BATCHES[:2])[1] == 2 * one
  assert after(BATCHES)[1] == 4 * one
  assert after([BATCHES[0], overflow, BATCHES[0]])[1] == one / 2
  assert after([overflow] * 20)[1] == 1.0


def test_non_finite_gradients_change_no_variable():
  before, _ = after([], loss_scaling=False)
  assert all(np.isfinite(value).all() for value in before.values())
  values, _ = after([([0, 1], float("nan"))], loss_scaling=False)
  assert_close(values, before)
