# SPDX-License-Identifier: Apache-2.0
"""Tests of embeddings.py, without the program."""

import json
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import stripes
from common.errors import InputError
from exporting import embeddings
from exporting import text_windows
from finetuning import label_inputs
from finetuning import labelling
import modeling
from tests.helpers import reference
from training import model_folder

LONG = (
  "Patients had fever and lung cancer. The patients suffered from pyrexia and "
  "pulmonary carcinoma. Mice were housed in cages with free access to food. "
  "Café (ﬁt) TNF-α."
)


def close(actual, expected):
  np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("model", ["base", "groups"])
def test_layers_and_pooler_equal_the_reference(model):
  expected = reference.reference("expected", model)
  folder = os.path.join(reference.REFERENCE, model)
  config = modeling.AlbertConfig.from_json_file(
    os.path.join(folder, "albert_config.json")
  )
  blocks = {"base": 4, "groups": 8}[model]
  wanted = embeddings.parse_wanted(
    "0,-1", "token,pooled", "mean", "float32", config
  )
  assert wanted.layers == [0, blocks] and wanted.hidden_size == 32
  checkpoint = os.path.join(folder, "model.ckpt")
  with tf.Graph().as_default(), tf.Session() as session:
    x = reference.reference("inputs", model)
    x = {name: tf.constant(value) for name, value in x.items()}
    albert = modeling.AlbertModel(
      config, False, x["input_ids"], x["input_mask"], x["segment_ids"]
    )
    outputs = embeddings.outputs_of(albert, x["input_mask"], wanted)
    modeling.restore(checkpoint)
    session.run(tf.global_variables_initializer())
    actual = session.run(outputs)
  mapping = "bert/encoder/embedding_hidden_mapping_in/"
  kernel, bias = [
    tf.train.load_variable(checkpoint, mapping + name)
    for name in ("kernel", "bias")
  ]
  close(actual["token"][:, :, 0], expected["embedding_output"] @ kernel + bias)
  close(actual["token"][:, :, 1], expected["sequence_output"])
  close(actual["pooled"], expected["pooled_output"])


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_pooling_excludes_cls_and_sep_or_is_cls(pooling):
  x = np.random.RandomState(0).randn(2, 6, 3).astype(np.float32)
  own = np.array([[0, 1, 1, 1, 1, 0], [0, 0, 1, 1, 0, 0]], np.int32)
  with tf.Graph().as_default(), tf.Session() as session:
    pooled = session.run(embeddings.pool(tf.constant(x), own, pooling))
  windows = [{"sentence": row[np.newaxis]} for row in pooled]
  found = embeddings.join(windows, 6, pooling)["sentence"][0]
  kept = x[own == 1]
  expected = {"mean": kept.mean(0), "max": kept.max(0), "cls": x[0, 0]}
  close(found, expected[pooling])


@pytest.mark.parametrize(
  "text, layers",
  [
    ("-1", [4]),
    ("-1,-2", [4, 3]),  # In the order given.
    ("0", [0]),
    ("-5", [0]),
    ("all", [0, 1, 2, 3, 4]),
    ("1..3", [1, 2, 3]),
    ("-2..-1, 0", [3, 4, 0]),
  ],
)
def test_layers_count_from_either_end_and_form_ranges(text, layers):
  assert embeddings.parse_layers(text, 4) == layers


@pytest.mark.parametrize(
  "text, message",
  [
    ("5", r"found '5', expected numbers from 0 .* to 4 .* to -5, ranges"),
    ("-6", "found '-6'"),
    ("0..9", "found '0..9'"),
    ("last", "found 'last'"),
    ("", "found ''"),
    ("1,", "found ''"),
    ("-1,4", "found 4, 4, expected each layer once"),
    ("3..1", "found none"),
  ],
)
def test_an_invalid_layer_is_an_error(text, message):
  with pytest.raises(InputError, match=message):
    embeddings.parse_layers(text, 4)


def test_each_piece_comes_from_the_window_with_most_context(tokenizer):
  pieces, windows = text_windows.encode(LONG, tokenizer, 16)
  assert len(windows) > 3 and max(len(w["own"]) for w in windows) == 16
  size, first, places = len(pieces.ids), 0, []
  for window in windows:
    ids = window["input_ids"][1:-1].tolist()
    while pieces.ids[first : first + len(ids)] != ids:
      first += 1
    places.append((first, first + len(ids), window["own"][1:-1]))
    assert not window["own"][[0, -1]].any()  # [CLS] and [SEP]
  for i in range(size):
    context = [
      # An end of the text counts as full context.
      min(i - a if a else size, b - 1 - i if b < size else size)
      for a, b, _ in places
    ]
    own = [a <= i < b and own[i - a] for a, b, own in places]
    assert sum(own) == 1 and context[own.index(1)] == max(context)


def test_a_long_pair_keeps_all_pieces_and_segments(tokenizer):
  text = LONG + " ||| " + LONG
  pieces, windows = text_windows.encode(text, tokenizer, 24)
  border = len(pieces.ids) // 2
  own, segments = [], []
  for window in windows:
    assert len(window["input_ids"]) <= 24
    assert (window["input_ids"] == tokenizer.sep_id).sum() == 2
    own += window["input_ids"][window["own"] == 1].tolist()
    segments += window["segment_ids"][window["own"] == 1].tolist()
  assert own == pieces.ids
  assert segments == [0] * border + [1] * border
  assert pieces.starts[border] == len(LONG) + 5


# ---------------------------------------------------------------- several files

WANTED = embeddings.Wanted(
  [2], ["token", "sentence", "pooled"], "mean", 3, np.dtype("float32")
)


@pytest.fixture
def texts(tmp_path):
  """A folder with two files of texts, some long and one empty."""
  folder = tmp_path / "texts"
  folder.mkdir()
  for name, numbers in (("a.jsonl", range(12)), ("b.jsonl", range(12, 20))):
    rows = [{"id": "t%d" % i, "text": LONG[: 15 * (i % 9)]} for i in numbers]
    (folder / name).write_text("".join(json.dumps(r) + "\n" for r in rows))
  return folder


def predict(windows, shown):
  """A model whose embedding of a piece is its id."""
  for window in shown(iter(windows)):
    rows = np.repeat(window["input_ids"], 3).reshape([-1, 1, 3])
    rows = rows.astype(np.float32)
    yield {
      "token": rows,
      "own": window["own"],
      "sentence": (rows * window["own"][:, np.newaxis, np.newaxis]).sum(0),
      "pooled": rows[0, 0],
    }


def extract(
  tokenizer, texts, path, function=predict, part=stripes.WHOLE, **options
):
  model = model_of(tokenizer)
  task = embeddings.Embedder(model, WANTED, 16, "npz", {"a": 1})
  found = labelling.Labelling(
    task,
    labelling.Texts(str(texts), "input_file", **options),
    labelling.Target(None, str(path), part=part),
  )
  found.run(function, {"task": "embeddings"})


def model_of(tokenizer):
  return model_folder.Model(None, tokenizer, None, {}, {})


def read(*paths):
  """Returns the joined arrays of files."""
  arrays = []
  for path in paths:
    with np.load(str(path), allow_pickle=False) as file:
      arrays.append(dict(file))
  joined = {}
  for name in set(arrays[0]) - {"meta", "layers", "token_index"}:
    joined[name] = np.concatenate([found[name] for found in arrays])
  sizes = [np.diff(found["token_index"]) for found in arrays]
  return dict(joined, sizes=np.concatenate(sizes))


def test_many_texts_become_several_files_with_the_same_embeddings(
  tokenizer, texts, tmp_path, monkeypatch
):
  extract(tokenizer, texts, tmp_path / "x" / "whole.npz")
  monkeypatch.setattr(labelling, "SHARD_BYTES", 300)
  monkeypatch.setattr(label_inputs, "POOL_WINDOWS", 5)
  out = tmp_path / "out"
  calls = []

  def failing(windows, shown):
    calls.append(windows)
    if len(calls) > 4:
      raise KeyError("killed")
    return predict(windows, shown)

  with pytest.raises(KeyError):
    extract(tokenizer, texts, out / "f.npz", failing)
  done = sorted(out.glob("f-*.npz"))
  before = [path.stat().st_mtime_ns for path in done]
  extract(tokenizer, texts, out / "f.npz", num_workers=2)
  shards = sorted(out.glob("f-*-of-*.npz"))
  assert 0 < len(done) < len(shards) and len(shards) > 3
  assert [path.stat().st_mtime_ns for path in done] == before
  names = sorted(path.name for path in out.iterdir())
  assert names == [path.name for path in shards] + ["f.npz.manifest.json"]
  whole, parts = read(tmp_path / "x" / "whole.npz"), read(*shards)
  assert len(whole["ids"]) == 20 and whole["sizes"].min() == 0
  assert whole["sizes"].max() > 16  # Pieces, so several windows.
  for name, rows in whole.items():
    np.testing.assert_array_equal(parts[name], rows)


def test_jobs_embed_parts_of_the_texts(tokenizer, texts, tmp_path, monkeypatch):
  monkeypatch.setattr(labelling, "SHARD_BYTES", 300)
  for number in (2, 1):
    part = stripes.Part(number, 2)
    extract(tokenizer, texts, tmp_path / "f.npz", part=part)
  shards = sorted(tmp_path.glob("f-*-of-*.npz"))
  names = read(*shards)["ids"].tolist()
  assert names == ["t%d" % i for i in range(20)]
  assert (tmp_path / "f.npz.manifest.json").exists()


def test_the_embedding_of_a_piece_is_that_of_its_own_window(
  tokenizer, texts, tmp_path
):
  extract(tokenizer, texts, tmp_path / "x.npz")
  found = read(tmp_path / "x.npz")
  ids = [tokenizer.encode(LONG[: 15 * (i % 9)]) for i in range(20)]
  np.testing.assert_array_equal(
    found["token_embeddings"][:, 0, 0], np.concatenate(ids)
  )
  means = [np.mean(row) if row else np.nan for row in ids]
  close(found["sentence_embeddings"][:, 0, 0], np.array(means, np.float32))


def test_damaged_texts_are_left_out_if_wanted(tokenizer, tmp_path):
  (tmp_path / "a.jsonl").write_text('{"id": "a\\u0000", "text": "b"}\n{"te\n')
  (tmp_path / "b.jsonl").write_text('{"text": "Fever."}\n')
  with pytest.raises(InputError, match="a.jsonl:1: found the id 'a.x00'"):
    extract(tokenizer, tmp_path / "a.jsonl", tmp_path / "x.npz")
  path = tmp_path / "x.npz"
  extract(tokenizer, tmp_path / "*.jsonl", path, allow_incomplete=True)
  assert len(read(tmp_path / "x.npz")["ids"]) == 1
  left_out = (tmp_path / "x.npz.left_out.txt").read_text().splitlines()
  assert len(left_out) == 2 and "a.jsonl:2: found no JSON" in left_out[1]
