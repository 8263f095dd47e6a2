# SPDX-License-Identifier: Apache-2.0
"""Tests of estimators.py; the harnesses' tests run them too."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.errors import InputError
import optimization
from training import devices
from training import estimators
from training import progress

CPU = devices.Device()
TPU = CPU._replace(use_tpu=True)


def spec(train_op, norm, folder, device=CPU, hooks=()):
  """Returns the training_spec of an update with this operation and norm."""
  update = optimization.Update(train_op, tf.constant(0.25), norm)
  return estimators.training_spec(
    tf.constant(0.5), update, {}, None, list(hooks), device, str(folder)
  )


def build(model_fn, folder, save_steps, device=CPU):
  """Returns an estimator with batches of 8."""
  sizes = {"train": 8, "eval": 8, "predict": 8}
  return estimators.build(
    model_fn, device, str(folder), 1, sizes, save_steps, 1
  )


def test_nan_gradient_stops_training_and_names_the_step(tmp_path):
  meter = progress.Meter(9)

  def model_fn(features, labels, mode, params):
    del labels, params
    step = tf.train.get_or_create_global_step()
    norm = tf.where(tf.equal(step.read_value(), 2), float("nan"), 1.0)
    with tf.control_dependencies([norm]):
      train_op = step.assign_add(1)
    mask = tf.ones_like(features)
    hook = progress.Progress(meter, tf.constant(0.5), train_op, mask)
    return spec(train_op, norm, tmp_path, hooks=[hook])

  estimator = build(model_fn, tmp_path, 100)

  def data():
    return tf.data.Dataset.from_tensors(tf.ones([1, 2], tf.int32)).repeat()

  with pytest.raises(InputError, match="in the update after step 2"):
    steps = estimators.Steps(0, 0, 9, 100)
    estimators.train(estimator, data, CPU, meter, steps)


def test_after_save_runs_at_each_checkpoint_and_can_stop_training(tmp_path):
  def model_fn(features, labels, mode, params):
    del features, labels, params
    train_op = tf.train.get_or_create_global_step().assign_add(1)
    return spec(train_op, tf.constant(1.0), tmp_path)

  estimator = build(model_fn, tmp_path, 2)
  saved = []

  def after_save(step):
    saved.append(int(step))
    return step == 6

  def data():
    return tf.data.Dataset.from_tensors(0).repeat()

  meter = progress.Meter(20)
  steps = estimators.Steps(0, 0, 20, 2)
  estimators.train(estimator, data, CPU, meter, steps, after_save)
  assert saved == [2, 4, 6]


@pytest.mark.usefixtures("tf_estimator")
def test_tpu_curves_are_written_by_the_host(tmp_path):
  """Runs the TPU program on the CPU, as neither master nor name is given."""

  def model_fn(features, labels, mode, params):
    del features, labels, params
    step = tf.train.get_or_create_global_step()
    norm = tf.cast(step, tf.float32) + 0.5
    with tf.control_dependencies([norm]):
      train_op = step.assign_add(1)
    return spec(train_op, norm, tmp_path, TPU)

  estimator = build(model_fn, tmp_path, 100, TPU)
  estimator.train(
    lambda params: tf.data.Dataset.from_tensors(0).repeat(), max_steps=51
  )
  points = {}
  for path in tmp_path.glob("events.out.tfevents.*.v2"):
    for event in tf.train.summary_iterator(str(path)):
      for value in event.summary.value:
        points[event.step, value.tag] = float(tf.make_ndarray(value.tensor))
  assert points == {
    (50, "global_norm"): 49.5,
    (50, "learning_rate"): 0.25,
    (50, "loss"): 0.5,
  }


def test_evaluation_averages_over_all_batches(tmp_path):
  def metrics(hits):
    return {"accuracy": tf.metrics.mean(hits)}

  def model_fn(features, labels, mode, params):
    del labels, mode, params
    tf.train.get_or_create_global_step()
    return estimators.evaluation_spec(
      tf.reduce_mean(features), metrics, {"hits": features}, use_tpu=False
    )

  with tf.Graph().as_default(), tf.Session() as session:
    tf.train.get_or_create_global_step()
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))
  estimator = build(model_fn, tmp_path, None)
  scores = estimator.evaluate(
    lambda: tf.data.Dataset.from_tensor_slices([1.0, 0.0, 0.0]).batch(2)
  )
  assert scores["accuracy"] == pytest.approx(1 / 3)


def test_out_of_memory_error_suggests_a_smaller_batch():
  with pytest.raises(InputError, match="smaller --train_batch_size"):
    with estimators.explained_failures(progress.Meter(1), "x"):
      raise tf.errors.ResourceExhaustedError(None, None, "OOM\ndetails")


def test_a_full_disk_is_not_taken_for_exhausted_memory():
  full = "/x/model.ckpt-5_temp/part-0; No space left on device"
  with pytest.raises(tf.errors.ResourceExhaustedError, match="No space left"):
    with estimators.explained_failures(progress.Meter(1), "x"):
      raise tf.errors.ResourceExhaustedError(None, None, full)


def test_a_checkpoint_without_a_variable_is_named(tmp_path):
  def model_fn(features, labels, mode, params):
    del labels, mode, params
    tf.train.get_or_create_global_step()
    x = tf.get_variable("x", [])
    return estimators.prediction_spec(
      {"window": features["window"], "x": x + features["x"]}, use_tpu=False
    )

  with tf.Graph().as_default(), tf.Session() as session:
    tf.train.get_or_create_global_step()
    session.run(tf.global_variables_initializer())
    place = tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))
  features = {"window": [0], "x": [1.0]}
  stream = estimators.predictions(
    build(model_fn, tmp_path, None),
    lambda: tf.data.Dataset.from_tensor_slices(features).batch(1),
    place,
    1,
  )
  with pytest.raises(InputError, match="model.ckpt: has a checkpoint of anoth"):
    next(stream)


def test_predictions_are_reordered_and_yielded_as_soon_as_possible():
  taken = []

  class Estimator:
    def predict(self, input_fn, checkpoint_path):
      for window in input_fn():
        taken.append(window)
        yield {"window": np.int32(window), "twice": 2 * window}

  windows = [1, 0, 3, 2, -1]
  stream = estimators.predictions(Estimator(), lambda: windows, None, 4)
  assert next(stream) == {"twice": 0} and taken == [1, 0]
  assert [output["twice"] for output in stream] == [2, 4, 6]
  with pytest.raises(AssertionError, match="a window was not predicted"):
    list(estimators.predictions(Estimator(), lambda: [1, 2], None, 3))
