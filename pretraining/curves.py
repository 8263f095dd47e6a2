# SPDX-License-Identifier: Apache-2.0
"""Reads the curves that a run wrote for TensorBoard, and draws them."""

import collections
import contextlib

import tensorflow.compat.v1 as tf

from common.errors import InputError
from pretraining import tfrecords


def read(folder):
  """Returns {name: {step: value}} of the event files in a folder.

  A run that was killed and resumed may have written a step twice; the later
  value counts.
  """
  points = collections.defaultdict(dict)
  if not tf.io.gfile.isdir(folder):
    return {}
  for path in sorted(tf.io.gfile.glob(folder + "/events.out.tfevents.*")):
    for event in _events(path):
      for value in event.summary.value:
        number = _number(value)
        if number is not None:
          points[value.tag][event.step] = number
  return dict(points)


def _events(path):
  """Yields the events of a file, up to one that was cut short."""
  with contextlib.suppress(InputError), tf.io.gfile.GFile(path, "rb") as f:
    for _, record in tfrecords.read(f, path, f.size()):
      yield tf.Event.FromString(record)


def _number(value):
  """Returns the scalar of a TensorFlow 1 or 2 summary, else None."""
  kind = value.WhichOneof("value")
  if kind == "simple_value":
    return value.simple_value
  if kind == "tensor" and value.tensor.dtype == tf.float32.as_datatype_enum:
    array = tf.make_ndarray(value.tensor)
    return float(array) if array.ndim == 0 else None
  return None


def draw(path, names, lines):
  """Draws one panel per name into a PNG file, with one curve per line.

  `lines` is {label: {name: {step: value}}}, for example of training and of
  held-out data. Returns whether there was anything to draw.
  """
  names = [n for n in names if any(n in points for points in lines.values())]
  if not names:
    return False
  # Only the end of a run draws, and importing this takes half a second.
  from matplotlib.figure import Figure

  rows = -(-len(names) // 2)
  figure = Figure(figsize=(11, 3.5 * rows), dpi=100)
  panels = figure.subplots(rows, 2)
  for panel, name in zip(panels.flat, names):
    for what, points in lines.items():
      if name in points:
        steps = sorted(points[name])
        panel.plot(
          steps,
          [points[name][step] for step in steps],
          label=what,
          marker="o" if len(steps) < 20 else None,
        )
    panel.set_title(name.replace("_", " "))
    panel.set_xlabel("update")
    panel.grid(alpha=0.3)
    panel.legend()
  for panel in panels.flat[len(names) :]:
    panel.set_visible(False)
  figure.tight_layout()
  with tf.io.gfile.GFile(path, "wb") as f:
    figure.savefig(f, format="png")
  return True
