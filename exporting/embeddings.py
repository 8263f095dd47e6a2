# SPDX-License-Identifier: Apache-2.0
"""Computes embeddings of texts and writes them to files of arrays.

Texts become windows, the model computes the outputs of each window, and the
windows of a text are joined again. extract_features.py is the program; its
docstring describes the file. finetuning/labelling.py reads, predicts and writes
for it.
"""

import collections
import contextlib
import functools
import re
import sys
import tempfile

from absl import logging
import numpy as np
import tensorflow.compat.v1 as tf

from common import files
from common.errors import InputError
from common.errors import first_five
from common.errors import reject
from common.text import size_text
from exporting import text_windows
from formats import detect
from formats import feature_files
from formats import unlabelled
import modeling
import tokenization
from training import devices
from training import estimators
from training import model_folder

# The values of --embeddings and the arrays that they become.
ARRAYS = {
  "token": "token_embeddings",
  "sentence": "sentence_embeddings",
  "pooled": "pooled",
}
RANGE = re.compile(r"(-?\d+)(?:\.\.(-?\d+))?")
# Batches are formed from pools of windows whose outputs take up to this many
# bytes, since outputs wait in memory until it is their turn to be written.
POOL_BYTES = 256 << 20

# A text's pieces as strings and its {name: rows} in the file.
Embedded = collections.namedtuple("Embedded", "id pieces arrays")
# layers: their numbers. kinds: keys of ARRAYS.
Wanted = collections.namedtuple(
  "Wanted", "layers kinds pooling hidden_size dtype"
)
# batch_tokens: number of positions of a batch in place of batch_size, or None.
Inference = collections.namedtuple(
  "Inference", "device batch_size batch_tokens max_seq_length"
)


def parse_layers(text, count):
  """Returns the numbers of the layers in a flag, in the order given.

  Args:
    text: value of --layers; "-1,0..2" for a model of 12 gives [12, 0, 1, 2].
    count: number of layers of the model; layer 0 is the embeddings.

  Raises:
    InputError: names a layer that does not exist, or one twice.
  """
  if text == "all":
    text = "0..%d" % count
  found = []
  for part in text.split(","):
    match = RANGE.fullmatch(part.strip())
    ends = [int(end) for end in match.groups() if end] if match else [count + 1]
    if not all(-count - 1 <= end <= count for end in ends):
      raise InputError(
        "--layers=%s: found %r, expected numbers from 0 (the embeddings) to %d "
        "(the last layer), or from -1 (the last) to -%d, ranges such as 1..%d, "
        "or all" % (text, part, count, count + 1, count)
      )
    first, last = ends[0] % (count + 1), ends[-1] % (count + 1)
    found += range(first, last + 1)
  if not found or len(set(found)) < len(found):
    raise InputError(
      "--layers=%s: found %s, expected each layer once"
      % (text, ", ".join(map(str, found)) or "none")
    )
  return found


def parse_embeddings(text):
  """Returns the keys of ARRAYS in a flag."""
  kinds = [kind.strip() for kind in text.split(",")]
  if not set(kinds) <= set(ARRAYS):
    raise InputError(
      "--embeddings=%s: expected some of %s" % (text, ", ".join(ARRAYS))
    )
  return kinds


def parse_wanted(layers, embeddings, pooling, dtype, albert_config):
  """Returns the Wanted for the values of four flags and an AlbertConfig."""
  count = albert_config.num_hidden_layers * albert_config.inner_group_num
  return Wanted(
    parse_layers(layers, count),
    parse_embeddings(embeddings),
    pooling,
    albert_config.hidden_size,
    np.dtype(dtype),
  )


# ------------------------------------------------- from windows to embeddings


def outputs_of(albert, own, wanted):
  """Returns the outputs of a batch of windows, {name: tensor [B, ...]}.

  With pooling "mean" the output "sentence" is a sum over `own` [B, S].
  """
  layers = [albert.get_hidden_embedding_output()]
  layers += albert.get_all_encoder_layers()
  layers = [layers[i] for i in wanted.layers]
  outputs = {}
  if "token" in wanted.kinds:
    outputs["own"] = own
    outputs["token"] = tf.stack(layers, 2)  # [B, S, L, H]
  if "sentence" in wanted.kinds:
    pooled = [pool(x, own, wanted.pooling) for x in layers]
    outputs["sentence"] = tf.stack(pooled, 1)  # [B, L, H]
  if "pooled" in wanted.kinds:
    outputs["pooled"] = albert.get_pooled_output()
  return outputs


def pool(x, own, pooling):
  """Pools a layer's output x [B, S, H] over the window's own pieces [B, S].

  Returns the sum (for "mean"), the maximum, or [CLS]; [B, H].
  """
  if pooling == "cls":
    return x[:, 0]
  own = tf.cast(own, tf.float32)[:, :, tf.newaxis]
  if pooling == "mean":
    return tf.reduce_sum(x * own, 1)
  return tf.reduce_max(x + (own - 1.0) * 1e9, 1)


def join(windows, size, pooling):
  """Joins the outputs of the windows of a text of `size` pieces.

  Returns {kind: array}.
  """
  joined = {}
  if "token" in windows[0]:
    own = [w["token"][np.flatnonzero(w["own"])] for w in windows]
    joined["token"] = np.concatenate(own)
    assert len(joined["token"]) == size, "a piece lost its embedding"
  if "sentence" in windows[0]:
    rows = np.stack([w["sentence"] for w in windows])
    if pooling == "mean":
      joined["sentence"] = rows.sum(0) / size
    else:
      joined["sentence"] = rows[0] if pooling == "cls" else rows.max(0)
  if "pooled" in windows[0]:
    joined["pooled"] = windows[0]["pooled"]
  return joined


def arrays_of(pieces, windows, wanted):
  """Returns {name: rows} of a text: a row for each piece, or one.

  Args:
    pieces: its tokenization.Pieces.
    windows: the outputs of its windows, of which there may be none.
    wanted: Wanted.
  """
  size, layers, width = len(pieces.ids), len(wanted.layers), wanted.hidden_size
  shapes = {
    "token": (size, layers, width),
    "sentence": (1, layers, width),
    "pooled": (1, width),
  }
  joined = join(windows, size, wanted.pooling) if windows else {}
  arrays = {}
  if "token" in wanted.kinds:
    arrays["token_start"] = np.array(pieces.starts, np.int32)
    arrays["token_end"] = np.array(pieces.ends, np.int32)
  for kind, name in ARRAYS.items():
    if kind in wanted.kinds:
      rows = joined.get(kind, np.full(shapes[kind], np.nan))
      arrays[name] = rows.reshape(shapes[kind]).astype(wanted.dtype)
  return arrays


@contextlib.contextmanager
def predicting(model, wanted, inference):
  """Gives the function that predicts windows for Labelling.run.

  Args:
    model: a model_folder.Model.
    wanted: Wanted.
    inference: Inference.
  """
  device = inference.device

  def model_fn(features, labels, mode, params):
    del labels, mode, params
    albert = devices.encoder(model.config, features, device, is_training=False)
    outputs = outputs_of(albert, features["own"], wanted)
    outputs["window"] = features["window"]
    restore = functools.partial(modeling.restore, model.checkpoint)
    return estimators.prediction_spec(outputs, device.use_tpu, restore)

  sizes = dict.fromkeys(("train", "eval", "predict"), inference.batch_size)
  with tempfile.TemporaryDirectory() as folder:  # Stays empty.
    estimator = estimators.build(model_fn, device, folder, 0, sizes)
    predict = estimators.predictor(
      estimator,
      inference.batch_size,
      {},
      inference.max_seq_length,
      device.use_tpu,
      pool=_pool_size(wanted, inference),
      tokens=inference.batch_tokens,
    )
    yield functools.partial(predict, None)


def _pool_size(wanted, inference):
  """Returns the number of windows to form batches from together."""
  rows = inference.max_seq_length if "token" in wanted.kinds else 1
  output_bytes = 4 * rows * len(wanted.layers) * wanted.hidden_size
  return max(inference.batch_size, POOL_BYTES // output_bytes)


# ----------------------------------------------------------------- output file


class Embedder:
  """What finetuning/labelling.py asks of a task, for embeddings.

  A text is its only part, and is labelled with an Embedded.
  """

  unlabelled_kinds = detect.TEXTS
  has_page = False

  def __init__(self, model, wanted, max_seq_length, format, meta):
    """Makes a task.

    Args:
      model: a model_folder.Model.
      wanted: Wanted.
      max_seq_length: of the windows.
      format: one of feature_files.FORMATS.
      meta: dict that describes the embeddings, for the files.
    """
    self._tokenizer = model.tokenizer
    self._wanted = wanted
    self._max_seq_length = max_seq_length
    self._meta = meta
    self.predict_format = format

  def read_unlabelled(self, source, failed=reject):
    """Yields the Documents of a file as Found."""
    for found in unlabelled.read(source, failed):
      if "\0" in found.document.id:
        error = InputError(
          "%s: found the id %r, expected one without NUL"
          % (found.place, found.document.id)
        )
        failed(error)
      else:
        yield found

  def parts(self, example):
    yield example, 1

  def encoder(self):
    return text_windows.Encoder(self._tokenizer, self._max_seq_length)

  def label(self, part, windows):
    """Returns the Embedded of the tokenization.Pieces of a text."""
    arrays = arrays_of(part, windows, self._wanted)
    return [Embedded(None, part.pieces, arrays)]

  def format_label(self, example, label):
    (embedded,) = label
    return embedded._replace(id=example.id)

  def label_file(self):
    return functools.partial(
      Shard, format=self.predict_format, wanted=self._wanted, meta=self._meta
    )


class Shard:
  """Writes Embedded texts to a file of arrays; see stripes.File."""

  def __init__(self, path, format, wanted, meta):
    self._path = path
    self._wanted = wanted
    self._empty = []  # Ids of texts without pieces.
    self._end = 0  # Number of pieces.
    nothing = arrays_of(tokenization.Pieces([], [], [], []), [], wanted)
    with feature_files.explained(path):
      self._file = feature_files.create(path, format)
      self._file.describe(meta)
      self._file.append("token_index", np.zeros([1], np.int64))
      self._file.append("layers", np.array(wanted.layers, np.int32))
      for name, rows in nothing.items():
        self._file.append(name, rows[:0])
    self._add_strings([], [])

  def write(self, text):
    """Adds an Embedded."""
    self._end += len(text.pieces)
    if not text.pieces:
      self._empty.append(text.id)
    with feature_files.explained(self._path):
      self._file.append("token_index", np.array([self._end], np.int64))
      for name, rows in text.arrays.items():
        self._file.append(name, rows)
    self._add_strings([text.id], text.pieces)

  def _add_strings(self, ids, pieces):
    self._file.append_strings("ids", ids)
    if "token" in self._wanted.kinds:
      self._file.append_strings("tokens", map(sys.intern, pieces))

  def finish(self):
    """Closes the file; warns about texts without pieces."""
    with feature_files.explained(self._path):
      self._file.close()
    if self._empty:
      logging.warning(
        "%d texts have no pieces; their embeddings are NaN: %s",
        *(len(self._empty), first_five(self._empty)),
      )

  def discard(self):
    """Removes the file."""
    self._file.discard()
    files.remove(self._path)


def log_size(path, format, texts, wanted):
  """Logs what will be written and its size; rejects a disk that is too small.

  Args:
    path: of the output.
    format: one of feature_files.FORMATS.
    texts: a labelling.Labelling.
    wanted: Wanted.
  """
  count, share = texts.sample()
  pieces = sum(int(window["own"].sum()) for window in texts.windows())
  rows = count * ("pooled" in wanted.kinds)
  rows += count * len(wanted.layers) * ("sentence" in wanted.kinds)
  rows += pieces * len(wanted.layers) * ("token" in wanted.kinds)
  size = int(rows * wanted.hidden_size * wanted.dtype.itemsize / share)
  logging.info(
    "writing about %s to %s: %s embeddings of layers %s, size %d, %s",
    size_text(size),
    path,
    ", ".join(wanted.kinds),
    ", ".join(map(str, wanted.layers)),
    wanted.hidden_size,
    wanted.dtype,
  )
  # The size of more than the first texts is an estimate.
  feature_files.check_place(path, format, size if share == 1 else size // 2)


def describe(model, wanted, inference, name):
  """Returns a dict that describes how the texts of the files `name` became
  embeddings.
  """
  return {
    "command": " ".join(sys.argv),
    "input_file": name,
    "model": model.hashes,
    "checkpoint": model.checkpoint,
    "checkpoint_sha256": model_folder.hash_checkpoint(model.checkpoint),
    "layers": wanted.layers,
    "sentence_pooling": wanted.pooling,
    "max_seq_length": inference.max_seq_length,
    "do_lower_case": model.tokenizer.do_lower_case,
    "precision": inference.device.precision,
    "versions": model_folder.versions(),
    "commit": model_folder.commit(),
  }


def extract(texts, model, wanted, inference, meta):
  """Writes the embeddings of a labelling.Labelling with an Embedder."""
  free = ("command", "versions", "commit")
  description = {k: v for k, v in meta.items() if k not in free}
  description["inputs"] = [given._asdict() for given in texts.inputs]
  description["embeddings"] = wanted.kinds
  description["dtype"] = str(wanted.dtype)
  with predicting(model, wanted, inference) as predict:
    texts.run(predict, description)
