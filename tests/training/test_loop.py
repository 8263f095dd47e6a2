# SPDX-License-Identifier: Apache-2.0
"""The contract of loop.py's Estimator; TensorFlow's own one fulfils it too."""

import os

import pytest
import tensorflow.compat.v1 as tf

import modeling
from pretraining import curves
from training import loop

RATE = 0.25


def model_fn(features, labels, mode, params):
  """Returns the Spec of a weight that moves to the features' value."""
  del labels, params
  step = tf.train.get_or_create_global_step()
  w = tf.get_variable("w", [], initializer=tf.random_uniform_initializer())
  if mode == loop.PREDICT:
    return loop.Spec(mode, predictions={"x": features, "sum": features + w})
  loss = tf.reduce_mean(tf.square(w - features)) / 2
  if mode == loop.EVAL:
    metrics = {"mean": tf.metrics.mean(features)}
    return loop.Spec(mode, loss=loss, eval_metric_ops=metrics)
  tf.summary.scalar("loss", loss)
  update = tf.train.GradientDescentOptimizer(RATE).minimize(loss, step)
  return loop.Spec(mode, loss=loss, train_op=update)


def tensorflows_estimator(folder, keep):
  return tf.estimator.Estimator(
    lambda features, labels, mode, params: tf.estimator.EstimatorSpec(
      **model_fn(features, labels, mode, params)._asdict()
    ),
    config=tf.estimator.RunConfig(
      model_dir=folder,
      tf_random_seed=1,
      save_checkpoints_steps=2,
      keep_checkpoint_max=keep,
      save_summary_steps=2,
      log_step_count_steps=None,
    ),
  )


def our_estimator(folder, keep):
  return loop.Estimator(
    model_fn,
    folder,
    seed=1,
    save_steps=2,
    keep_checkpoint_max=keep,
    summary_steps=2,
  )


THEIRS = pytest.param(tensorflows_estimator, marks=pytest.mark.once("tf2.15"))


@pytest.fixture(params=[our_estimator, THEIRS])
def make(request):
  """Returns the function that makes an estimator of each kind."""
  if request.param is tensorflows_estimator:
    request.getfixturevalue("tf_estimator")
  return request.param


@pytest.fixture
def estimator(make, tmp_path):
  return make(str(tmp_path), keep=9)


def ones():
  return tf.data.Dataset.from_tensors([1.0, 1.0]).repeat()


def weight(estimator, step):
  """Returns w in the checkpoint of a step."""
  path = os.path.join(estimator.model_dir, "model.ckpt-%d" % step)
  return dict(modeling.read_checkpoint(path))["w"]


def listed(estimator):
  """Returns the checkpoints that the file `checkpoint` names."""
  kept = tf.train.get_checkpoint_state(estimator.model_dir)
  assert kept.model_checkpoint_path == kept.all_model_checkpoint_paths[-1]
  return [os.path.basename(x) for x in kept.all_model_checkpoint_paths]


def test_each_update_counts_and_a_checkpoint_is_saved_every_few(estimator):
  estimator.train(ones, max_steps=5)
  assert listed(estimator) == ["model.ckpt-%d" % n for n in (0, 2, 4, 5)]
  first = 1 - weight(estimator, 0)
  for step in (2, 4, 5):
    left = first * (1 - RATE) ** step
    assert weight(estimator, step) == pytest.approx(1 - left, abs=1e-6)


def test_old_checkpoints_are_removed(make, tmp_path):
  estimator = make(str(tmp_path), keep=2)
  estimator.train(ones, max_steps=5)
  assert listed(estimator) == ["model.ckpt-4", "model.ckpt-5"]
  # Relative paths, so that the folder can be moved.
  assert '"model.ckpt-5"' in (tmp_path / "checkpoint").read_text()
  assert sorted(x.name for x in tmp_path.glob("model.ckpt-*")) == [
    "model.ckpt-%d.%s" % (step, end)
    for step in (4, 5)
    for end in ("data-00000-of-00001", "index", "meta")
  ]


def test_without_a_limit_all_checkpoints_are_kept(make, tmp_path):
  make(str(tmp_path), keep=None).train(ones, max_steps=5)
  names = sorted(x.name for x in tmp_path.glob("*.index"))
  assert names == ["model.ckpt-%d.index" % step for step in (0, 2, 4, 5)]


def test_training_goes_on_from_the_newest_checkpoint(estimator):
  estimator.train(ones, max_steps=2)
  estimator.train(ones, max_steps=2)  # Nothing is left to do.
  estimator.train(ones, max_steps=5)
  left = (1 - weight(estimator, 0)) * (1 - RATE) ** 5
  assert listed(estimator) == ["model.ckpt-%d" % n for n in (0, 2, 4, 5)]
  assert weight(estimator, 5) == pytest.approx(1 - left, abs=1e-6)


class FailAt(tf.train.SessionRunHook):
  """Raises an error after a number of updates."""

  def __init__(self, count):
    self.left = count

  def after_run(self, run_context, run_values):
    self.left -= 1
    if not self.left:
      raise ArithmeticError


def test_a_run_that_failed_saves_nothing_and_goes_on_from_its_last(estimator):
  with pytest.raises(ArithmeticError):
    estimator.train(ones, [FailAt(3)], max_steps=5)
  assert listed(estimator) == ["model.ckpt-0", "model.ckpt-2"]
  estimator.train(ones, max_steps=3)
  assert listed(estimator)[-1] == "model.ckpt-3"


def test_a_loss_that_is_not_finite_ends_training(estimator):
  def data():
    return tf.data.Dataset.from_tensor_slices([1.0, 1.0, float("nan")])

  with pytest.raises(tf.train.NanLossDuringTrainingError):
    estimator.train(data, max_steps=5)
  assert listed(estimator)[-1] == "model.ckpt-2"


def test_training_ends_with_its_input(estimator):
  estimator.train(lambda: ones().take(3), max_steps=5)
  assert listed(estimator)[-1] == "model.ckpt-3"


class StopAt(tf.train.CheckpointSaverListener):
  """Asks to stop after the checkpoint of a step."""

  def __init__(self, step):
    self.step = step
    self.calls = []

  def begin(self):
    self.calls.append("begin")

  def after_save(self, session, global_step_value):
    self.calls.append(int(global_step_value))
    return global_step_value == self.step

  def end(self, session, global_step_value):
    self.calls.append("end")


def test_a_listener_sees_each_checkpoint_and_can_end_training(estimator):
  listener = StopAt(4)
  estimator.train(ones, max_steps=9, saving_listeners=[listener])
  assert listener.calls == ["begin", 0, 2, 4, "end"]
  assert listed(estimator)[-1] == "model.ckpt-4"


def events(folder):
  for name in os.listdir(folder):
    if name.startswith("events"):
      yield from tf.train.summary_iterator(os.path.join(folder, name))


def test_events_have_the_graph_and_curves(estimator):
  estimator.train(ones, max_steps=5)
  estimator.train(ones, max_steps=6)
  found = curves.read(estimator.model_dir)
  assert set(found) == {"loss"} and set(found["loss"]) == {1, 3, 5, 6}
  graphs = [e.graph_def for e in events(estimator.model_dir)]
  assert any(b"GradientDescent" in graph for graph in graphs)


def test_evaluation_averages_over_the_batches_it_is_given(estimator):
  estimator.train(ones, max_steps=2)

  def data():
    return tf.data.Dataset.from_tensor_slices([1.0, 2.0, 6.0]).batch(2)

  scores = estimator.evaluate(data)
  w = weight(estimator, 2)
  squares = [((w - 1) ** 2 + (w - 2) ** 2) / 4, (w - 6) ** 2 / 2]
  expected = {"mean": 3.0, "loss": sum(squares) / 2, "global_step": 2}
  assert scores == pytest.approx(expected, rel=1e-5)
  assert estimator.evaluate(data, steps=1)["mean"] == 1.5
  first = os.path.join(estimator.model_dir, "model.ckpt-0")
  assert estimator.evaluate(data, checkpoint_path=first)["global_step"] == 0
  found = curves.read(os.path.join(estimator.model_dir, "eval"))
  assert set(found) == {"mean", "loss"} and set(found["mean"]) == {0, 2}


def test_predictions_come_one_by_one_from_any_checkpoint(estimator):
  estimator.train(ones, max_steps=2)

  def data(params):
    del params
    return tf.data.Dataset.from_tensor_slices([1.0, 2.0, 6.0]).batch(2)

  first = os.path.join(estimator.model_dir, "model.ckpt-0")
  for step, path in ((2, None), (0, first)):
    rows = list(estimator.predict(data, checkpoint_path=path))
    assert [row["x"] for row in rows] == [1, 2, 6]
    sums = [float(x + weight(estimator, step)) for x in (1, 2, 6)]
    assert [row["sum"] for row in rows] == pytest.approx(sums)


@pytest.mark.usefixtures("tf_estimator")
def test_both_draw_the_same_random_numbers(tmp_path):
  weights = []
  for make in (our_estimator, tensorflows_estimator):
    estimator = make(str(tmp_path / make.__name__), keep=9)
    estimator.train(ones, max_steps=1)
    weights.append([weight(estimator, step) for step in (0, 1)])
  assert weights[0] == weights[1]
