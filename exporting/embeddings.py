# SPDX-License-Identifier: Apache-2.0
"""Computes embeddings of texts and writes them to a file of arrays.

Texts become windows, the model computes the outputs of each window, and the
windows of a text are joined again. extract_features.py is the program; its
docstring describes the file.
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
from common import progress
from common.errors import InputError
from common.errors import first_five
from common.text import size_text
from formats import feature_files
from formats import inputs
from formats import streams
from formats import unlabelled
import modeling
import tokenization
from training import batches
from training import devices
from training import estimators
from training import model_folder

# The values of --embeddings and the arrays that they become.
ARRAYS = {
  "token": "token_embeddings",
  "sentence": "sentence_embeddings",
  "pooled": "pooled",
}
PAIR = re.compile(r"(.*) \|\|\| (.*)", re.DOTALL)
RANGE = re.compile(r"(-?\d+)(?:\.\.(-?\d+))?")
# Batches are formed from pools of windows whose outputs take up to this many
# bytes, since outputs wait in memory until it is their turn to be written.
POOL_BYTES = 256 << 20

# All texts of a file. windows[i]: features of text i's windows. Its pieces,
# their starts and ends are those from index[i] to index[i + 1].
Texts = collections.namedtuple("Texts", "ids windows index pieces starts ends")
# layers: their numbers. kinds: keys of ARRAYS.
Wanted = collections.namedtuple("Wanted", "layers kinds pooling hidden_size")
# format: one of feature_files.FORMATS.
Output = collections.namedtuple("Output", "path format dtype")
Inference = collections.namedtuple(
  "Inference", "device batch_size max_seq_length"
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


def parse_wanted(layers, embeddings, pooling, albert_config):
  """Returns the Wanted for the values of three flags and an AlbertConfig."""
  count = albert_config.num_hidden_layers * albert_config.inner_group_num
  return Wanted(
    parse_layers(layers, count),
    parse_embeddings(embeddings),
    pooling,
    albert_config.hidden_size,
  )


# ------------------------------------------------------ from texts to windows


def read_texts(patterns, tokenizer, max_seq_length):
  """Reads the Texts of files and logs what is unusual about them.

  `patterns` are paths, globs and folders, separated by commas.
  """
  found = inputs.find(patterns, lambda path: None, "input_file")
  texts = Texts([], [], [0], [], [], [])
  for document, place in _documents(found):
    if "\0" in document.id:
      raise InputError(
        "%s: found the id %r, expected one without NUL" % (place, document.id)
      )
    pieces, windows = encode(document.text, tokenizer, max_seq_length)
    texts.ids.append(document.id)
    texts.windows.append(windows)
    texts.index.append(texts.index[-1] + len(pieces.ids))
    texts.pieces.extend(map(sys.intern, pieces.pieces))
    texts.starts.extend(pieces.starts)
    texts.ends.extend(pieces.ends)
  _log_texts(texts, patterns, tokenizer, max_seq_length)
  return texts


def _documents(found):
  """Yields (Document, place) of all Inputs; shows how many bytes are read."""
  total, before = sum(given.bytes for given in found), 0
  bar = progress.Bar(total, "B", "reading", scale=True, leave=False)
  with contextlib.closing(bar):
    for given in found:
      source = streams.Source(given.path, files.open_file)
      for document, place, position in unlabelled.read(source):
        bar.update(before + position)
        yield document, place
      before += given.bytes


def _log_texts(texts, path, tokenizer, max_seq_length):
  flat = [f["input_ids"] for windows in texts.windows for f in windows]
  long = sum(len(windows) > 1 for windows in texts.windows)
  logging.info(
    "%s: %d texts, %d pieces, %d windows; %d texts are longer than "
    "--max_seq_length=%d and have several windows",
    path,
    len(texts.ids),
    len(texts.pieces),
    len(flat),
    long,
    max_seq_length,
  )
  empty = [i for i, windows in zip(texts.ids, texts.windows) if not windows]
  if empty:
    logging.warning(
      "%s: %d texts have no pieces; their embeddings are NaN: %s",
      path,
      len(empty),
      first_five(empty),
    )
  rate = tokenization.unknown_rate(flat, tokenizer.unk_id)
  tokenization.warn_of_unknown(rate, path)


def encode(text, tokenizer, max_seq_length):
  """Returns the tokenization.Pieces of a text or a pair, and its windows.

  A window is {feature: array}. Its `own`, int32 [S], is 1 for the pieces whose
  embeddings come from this window; each piece has one such window.
  """
  match = PAIR.fullmatch(text)
  spans = [match.span(1), match.span(2)] if match else [(0, len(text))]
  parts = [_tokenize_span(tokenizer, text, *span) for span in spans]
  pieces = tokenization.Pieces(*(sum(x, []) for x in zip(*parts)))
  if not pieces.ids:
    return pieces, []
  border = len(parts[0].ids) if match else None
  room = max_seq_length - 1 - len(parts)  # [CLS], and a [SEP] after each.
  return pieces, [
    _features(tokenizer, pieces.ids, border, window)
    for window in batches.windows([1] * len(pieces.ids), room)
  ]


def _tokenize_span(tokenizer, text, start, end):
  """Returns the Pieces of text[start:end], with their offsets in text."""
  found = tokenizer.tokenize_with_offsets(text[start:end])
  return found._replace(
    pieces=list(found.pieces),
    ids=list(found.ids),
    starts=[start + i for i in found.starts],
    ends=[start + i for i in found.ends],
  )


def _features(tokenizer, ids, border, window):
  """Returns the features of one window of a text or a pair.

  `border` is the index of the second text's first id, None without one.
  """
  own = np.arange(window.own, window.own_last)
  at = own - window.first + 1  # After [CLS].
  first, second = ids[window.first : window.last], None
  if border is not None:
    first = ids[window.first : min(window.last, border)]
    second = ids[max(window.first, border) : window.last]
    at += own >= border  # After [SEP].
  features = batches.sequence_features(tokenizer, first, second)
  features["own"] = np.zeros_like(features["input_ids"])
  features["own"][at] = 1
  return features


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


def predict(model, texts, wanted, inference, name):
  """Yields for each text the outputs of its windows; `name` is for the bar."""
  device, batch_size, max_seq_length = inference

  def model_fn(features, labels, mode, params):
    del labels, mode, params
    albert = devices.encoder(model.config, features, device, is_training=False)
    outputs = outputs_of(albert, features["own"], wanted)
    outputs["window"] = features["window"]
    restore = functools.partial(modeling.restore, model.checkpoint)
    return estimators.prediction_spec(outputs, device.use_tpu, restore)

  flat = [f for windows in texts.windows for f in windows]
  longest = max([len(f["input_ids"]) for f in flat] or [1])
  rows = longest if "token" in wanted.kinds else 1
  output_bytes = 4 * rows * len(wanted.layers) * wanted.hidden_size
  pool = max(batch_size, POOL_BYTES // output_bytes)
  input_fn = estimators.prediction_input(
    flat, batch_size, {}, max_seq_length, device.use_tpu, pool=pool
  )
  sizes = dict.fromkeys(("train", "eval", "predict"), batch_size)
  with tempfile.TemporaryDirectory() as folder:  # Stays empty.
    estimator = estimators.build(model_fn, device, folder, 0, sizes)
    shown = functools.partial(
      progress.shown, total=len(flat), name=name, unit="window"
    )
    stream = estimators.predictions(estimator, input_fn, None, len(flat), shown)
    for windows in texts.windows:
      yield [next(stream) for _ in windows]
    assert next(stream, None) is None, "a window too many"


# ----------------------------------------------------------------- output file


def arrays_of(texts, wanted, dtype):
  """Returns {name: (shape, dtype)} of all numeric arrays."""
  inner = (len(wanted.layers), wanted.hidden_size)
  count, pieces = len(texts.ids), len(texts.pieces)
  arrays = {
    "token_index": ((count + 1,), "int64"),
    "layers": ((len(wanted.layers),), "int32"),
  }
  if "token" in wanted.kinds:
    arrays["token_start"] = arrays["token_end"] = ((pieces,), "int32")
    arrays[ARRAYS["token"]] = ((pieces,) + inner, dtype)
  if "sentence" in wanted.kinds:
    arrays[ARRAYS["sentence"]] = ((count,) + inner, dtype)
  if "pooled" in wanted.kinds:
    arrays[ARRAYS["pooled"]] = ((count, wanted.hidden_size), dtype)
  return arrays


def size_of(arrays, texts):
  """Returns the approximate size of the file in bytes."""
  size = sum(
    int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    for shape, dtype in arrays.values()
  )
  rows = [texts.ids] + ([texts.pieces] if "token_start" in arrays else [])
  return size + sum(4 * len(r) * max(map(len, r), default=0) for r in rows)


def fill(file, arrays, texts, wanted, outputs):
  """Writes the arrays of arrays_of and the outputs of `predict` to a file."""
  arrays = {name: file.create(name, *arrays[name]) for name in arrays}
  arrays["token_index"][:] = texts.index
  arrays["layers"][:] = wanted.layers
  file.strings("ids", texts.ids)
  if "token" in wanted.kinds:
    file.strings("tokens", texts.pieces)
    arrays["token_start"][:] = texts.starts
    arrays["token_end"][:] = texts.ends
  for i, windows in enumerate(outputs):
    first, last = texts.index[i : i + 2]
    if not windows:
      for kind in set(wanted.kinds) - {"token"}:
        arrays[ARRAYS[kind]][i] = np.nan
      continue
    for kind, rows in join(windows, last - first, wanted.pooling).items():
      place = slice(first, last) if kind == "token" else i
      arrays[ARRAYS[kind]][place] = rows


def describe(model, wanted, inference, name):
  """Returns a dict that describes how the texts of the file `name` became
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


def log_size(output, size, wanted):
  """Logs what will be written, and its approximate size in bytes."""
  logging.info(
    "writing about %s to %s: %s embeddings of layers %s, size %d, %s%s",
    size_text(size),
    output.path,
    ", ".join(wanted.kinds),
    ", ".join(map(str, wanted.layers)),
    wanted.hidden_size,
    output.dtype,
    "; npz is held in memory until the end" if output.format == "npz" else "",
  )


def extract(name, model, wanted, inference, output):
  """Writes the embeddings of the texts in the file `name` to an Output."""
  texts = read_texts(name, model.tokenizer, inference.max_seq_length)
  arrays = arrays_of(texts, wanted, output.dtype)
  size = size_of(arrays, texts)
  log_size(output, size, wanted)
  with feature_files.writing(output.path, output.format, size) as file:
    file.describe(describe(model, wanted, inference, name))
    outputs = predict(model, texts, wanted, inference, name)
    fill(file, arrays, texts, wanted, outputs)
  logging.info("written: %s", output.path)
