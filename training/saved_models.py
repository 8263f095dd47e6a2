# SPDX-License-Identifier: Apache-2.0
"""Writes and runs SavedModels."""

import tensorflow.compat.v1 as tf

from training import datasets

SIGNATURE = "serving_default"
_TAGS = [tf.saved_model.tag_constants.SERVING]


def build(session, features, outputs, folder):
  """Writes a SavedModel with a single signature, serving_default."""
  if tf.io.gfile.exists(folder):
    tf.io.gfile.rmtree(folder)  # The builder insists on creating it.
  builder = tf.saved_model.Builder(folder)
  builder.add_meta_graph_and_variables(
    session,
    _TAGS,
    signature_def_map={
      SIGNATURE: tf.saved_model.predict_signature_def(features, outputs)
    },
    strip_default_attrs=True,  # Lets an older TensorFlow load it.
  )
  builder.save()


def export(example, outputs_of, checkpoint, folder):
  """Writes the SavedModel of a function of batches.

  Args:
    example: the features of an example, see batches.py.
    outputs_of: function of {name: tensor} that returns {name: tensor}.
    checkpoint: prefix of the variables' values.
    folder: to write.
  """
  shapes = datasets.batch_shapes(example)
  with tf.Graph().as_default(), tf.Session() as session:
    features = {
      name: tf.placeholder(value.dtype, shapes[name])
      for name, value in example.items()
    }
    outputs = outputs_of(features)
    tf.train.Saver().restore(session, checkpoint)
    build(session, features, outputs, folder)


class SavedModel:
  """A SavedModel in a session of its own."""

  def __init__(self, folder, config=None):
    """Loads it; `config` is the session's tf.ConfigProto."""
    self._session = tf.Session(graph=tf.Graph(), config=config)
    with self._session.graph.as_default():
      meta = tf.saved_model.loader.load(self._session, _TAGS, folder)
    signature = meta.signature_def[SIGNATURE]
    self._inputs, self._outputs = (
      {name: info.name for name, info in infos.items()}
      for infos in (signature.inputs, signature.outputs)
    )

  def __call__(self, batch):
    """Returns the outputs for a batch, {name: array}."""
    values = {tensor: batch[name] for name, tensor in self._inputs.items()}
    return self._session.run(self._outputs, values)
