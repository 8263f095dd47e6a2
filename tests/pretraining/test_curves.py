# SPDX-License-Identifier: Apache-2.0
"""Tests of curves.py."""

import struct

import tensorflow.compat.v1 as tf

from pretraining import curves
from training import progress


def test_written_curves_are_read_back(tmp_path):
  for step in (10, 20):
    progress.write_scalars(str(tmp_path), step, {"loss": step / 2})
  assert curves.read(str(tmp_path / "absent")) == {}
  assert curves.read(str(tmp_path)) == {"loss": {10: 5.0, 20: 10.0}}


def test_scalar_tensors_are_points_and_strings_are_not(tmp_path):
  with tf.Graph().as_default():
    writer = tf.summary.FileWriter(str(tmp_path))
    for tag, value in (("loss", 0.5), ("path", "model.ckpt-1")):
      value = tf.Summary.Value(tag=tag, tensor=tf.make_tensor_proto(value))
      writer.add_summary(tf.Summary(value=[value]), 3)
    writer.close()
  assert curves.read(str(tmp_path)) == {"loss": {3: 0.5}}


def test_an_event_file_cut_short_gives_its_whole_events(tmp_path):
  progress.write_scalars(str(tmp_path), 10, {"loss": 1.0})
  (path,) = tmp_path.iterdir()
  path.write_bytes(path.read_bytes() + b"\x10\0\0\0\0\0\0\0abc")
  assert curves.read(str(tmp_path)) == {"loss": {10: 1.0}}


def test_a_figure_has_one_panel_per_name(tmp_path):
  path = tmp_path / "curves.png"
  lines = {
    "training": {"loss": {1: 2.0, 2: 1.0}, "rate": {1: 0.1}},
    "held out": {"loss": {2: 1.5}},
  }
  assert curves.draw(str(path), ("loss", "rate", "absent"), lines)
  data = path.read_bytes()
  assert data[:8] == b"\x89PNG\r\n\x1a\n"
  width, height = struct.unpack(">II", data[16:24])
  assert width == 1100 and height == 350


def test_without_points_nothing_is_drawn(tmp_path):
  path = tmp_path / "curves.png"
  assert not curves.draw(str(path), ("loss",), {"training": {}})
  assert not path.exists()
