# SPDX-License-Identifier: Apache-2.0
"""Tests of extract_features.py."""

import json
import os
import shutil
import types
from unittest import mock

from absl import logging
import h5py
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import flag_groups
from common.errors import InputError
from exporting import embeddings
from exporting import text_windows
import extract_features
from formats import feature_files
import modeling
from tests.helpers import REPO
from tests.helpers import programs
from tests.helpers import tiny
import tokenization
from training import batches
from training import devices
from training import model_folder

MODEL = os.path.join(REPO, "models", "bioalbert-small")
CHECKPOINT = os.path.join(MODEL, "model.ckpt-best")
SENTENCES = (
  "Patients had fever and lung cancer.",
  "The patients suffered from pyrexia and pulmonary carcinoma.",
  "Mice were housed in cages with free access to food.",
)
LONG = " ".join(SENTENCES) + " Café (ﬁt) TNF-α."
PAIR = "%s ||| %s" % SENTENCES[:2]
TEXTS = SENTENCES + (LONG, PAIR, "a|||b", "", " \u200b")
LENGTH = 26  # LONG has three windows, PAIR one.


@pytest.fixture(scope="session")
def defaults():
  """extract_features.py's flags at their defaults."""
  return tiny.flags_of(extract_features)


@pytest.fixture(scope="module")
def tokenizer():
  return tokenization.load(os.path.join(MODEL, "pubmed-8k.model"))


def run(defaults, folder, lines, name="out.npz", ending=".txt", **changed):
  """Runs main on lines with changed flags; returns the arrays."""
  source, target = folder / ("in" + ending), folder / name
  source.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
  values = dict(
    defaults,
    bioalbert_dir=MODEL,
    input_file=str(source),
    output_file=str(target),
  )
  assert set(changed) <= set(values)
  config = types.SimpleNamespace(**dict(values, **changed))
  with mock.patch.object(flag_groups, "values", lambda: config):
    extract_features.main(None)
  names = os.listdir(str(folder))
  assert not [n for n in names if n.endswith((".partial", ".json"))]
  with open(str(target), "rb") as f:
    is_npz = f.read(2) == b"PK"
  return read_npz(target) if is_npz else read_hdf5(target)


@pytest.fixture
def go(defaults, tmp_path):
  return lambda *args, **changed: run(defaults, tmp_path, *args, **changed)


def embed_all(defaults, folder, **changed):
  """Runs main on TEXTS and all layers."""
  lines = [
    json.dumps({"id": "t%d" % i, "text": t}) for i, t in enumerate(TEXTS)
  ]
  settings = dict(layers="all", max_seq_length=LENGTH, ending=".jsonl")
  return run(defaults, folder, lines, **dict(settings, **changed))


@pytest.fixture(scope="module")
def embedded(defaults, tmp_path_factory):
  """Returns (arrays of TEXTS, lines of the log)."""
  lines = []
  with mock.patch.object(
    logging.get_absl_logger(), "handle", lambda r: lines.append(r.getMessage())
  ):
    logging.set_verbosity(logging.INFO)
    arrays = embed_all(defaults, tmp_path_factory.mktemp("all"), batch_size=5)
  return arrays, lines


def text_of(arrays, number):
  """Returns the token, sentence and pooled embeddings of a text."""
  pieces = slice(*arrays["token_index"][number : number + 2])
  return [
    arrays["token_embeddings"][pieces],
    arrays["sentence_embeddings"][number],
    arrays["pooled"][number],
  ]


def read_npz(path):
  with np.load(str(path), allow_pickle=False) as file:
    arrays = dict(file)
  return dict(arrays, meta=json.loads(str(arrays["meta"])))


def read_hdf5(path):
  with h5py.File(str(path), "r") as file:
    arrays = {name: file[name][:] for name in file}
    meta = json.loads(file.attrs["meta"])
  for name in {"ids", "tokens"} & set(arrays):
    # h5py 3 reads bytes, h5py 2 strings.
    arrays[name] = np.array(
      [s.decode() if isinstance(s, bytes) else s for s in arrays[name]], str
    )
  return dict(arrays, meta=meta)


@pytest.fixture(scope="module")
def all_layers():
  """Gives AlbertModel's (layers [N + 1, S, H], pooled [H]) of a window."""
  config = modeling.AlbertConfig.from_json_file(
    os.path.join(MODEL, "albert_config.json")
  )
  with tf.Graph().as_default(), tf.Session() as session:
    ids, segments = [tf.placeholder(tf.int32, [1, None]) for _ in range(2)]
    model = modeling.AlbertModel(config, False, ids, token_type_ids=segments)
    modeling.restore(CHECKPOINT)
    session.run(tf.global_variables_initializer())
    layers = [model.get_hidden_embedding_output()]
    layers += model.get_all_encoder_layers()
    outputs = layers, model.get_pooled_output()

    def compute(features):
      feed = {ids: [features["input_ids"]], segments: [features["segment_ids"]]}
      layers, pooled = session.run(outputs, feed)
      return np.concatenate(layers), pooled[0]

    yield compute


def close(actual, expected):
  np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


# ------------------------------------------------------------------ the numbers


def test_all_layers_of_a_text_equal_the_models(embedded, tokenizer, all_layers):
  found, _ = embedded
  assert found["layers"].tolist() == [0, 1, 2, 3, 4]
  for i, text in enumerate(SENTENCES):
    layers, pooled = all_layers(
      batches.sequence_features(tokenizer, tokenizer.encode(text))
    )
    inner = layers[:, 1:-1]
    expected = [inner.transpose(1, 0, 2), inner.mean(1), pooled]
    for actual, own in zip(text_of(found, i), expected):
      close(actual, own)


def test_a_long_text_has_all_pieces_and_their_mean(
  embedded, tokenizer, all_layers
):
  found, _ = embedded
  pieces, windows = text_windows.encode(LONG, tokenizer, LENGTH)
  outputs = [all_layers(w) for w in windows]
  rows = np.concatenate(
    [layers[:, w["own"] == 1] for (layers, _), w in zip(outputs, windows)], 1
  )
  tokens, sentence, pooled = text_of(found, 3)
  assert len(windows) == 3
  close(tokens, rows.transpose(1, 0, 2))
  close(sentence, rows.mean(1))
  close(pooled, outputs[0][1])  # Of the first window.
  own = slice(*found["token_index"][3:5])
  assert found["tokens"][own].tolist() == pieces.pieces


def test_three_bars_separate_a_pair_as_in_berts_script(
  embedded, tokenizer, all_layers
):
  found, _ = embedded
  first, second = map(tokenizer.encode, SENTENCES[:2])
  layers, pooled = all_layers(
    batches.sequence_features(tokenizer, first, second)
  )
  kept = np.r_[1 : len(first) + 1, len(first) + 2 : layers.shape[1] - 1]
  tokens, _, own_pooled = text_of(found, 4)
  close(tokens, layers[:, kept].transpose(1, 0, 2))
  close(own_pooled, pooled)
  begin, end = found["token_index"][4:6]
  assert found["token_start"][begin + len(first)] == PAIR.index("The patients")
  assert "|||" in found["tokens"][end:]  # Without blanks it is no pair.


@pytest.mark.once
def test_embeddings_do_not_depend_on_the_batch(embedded, defaults, tmp_path):
  together, _ = embedded
  alone = embed_all(defaults, tmp_path, batch_tokens=1)
  for name in ("token_embeddings", "sentence_embeddings", "pooled"):
    close(together[name], alone[name])


def test_both_tensorflows_give_the_same_similarities(embedded):
  rows = embedded[0]["sentence_embeddings"][:3, -1]
  rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
  cosines = (rows @ rows.T)[[0, 0, 1], [1, 2, 2]]
  # Both TensorFlows computed these.
  np.testing.assert_allclose(cosines, [0.77922, 0.69107, 0.75061], atol=1e-4)


def test_offsets_are_characters_of_the_text(embedded):
  found, _ = embedded
  own = slice(*found["token_index"][3:5])
  places = list(zip(found["token_start"][own], found["token_end"][own]))
  for token, (start, end) in zip(found["tokens"][own], places):
    text = LONG[start:end]
    plain = tokenization.preprocess_text(text, lower=True).strip()
    assert plain == token.replace("\u2581", "") or "ﬁ" in text
  covered = {i for start, end in places for i in range(start, end)}
  assert covered == {i for i, c in enumerate(LONG) if c != " "}


def test_texts_without_pieces_are_kept_and_logged(embedded):
  found, log = embedded
  assert "2 texts have no pieces; their embeddings are NaN: t6, t7" in log
  assert found["ids"].tolist() == ["t%d" % i for i in range(8)]
  assert len(set(found["token_index"][6:])) == 1
  for name in ("sentence_embeddings", "pooled"):
    missing = np.isnan(found[name]).reshape(8, -1)
    assert missing[6:].all() and not missing[:6].any()
  assert not np.isnan(found["token_embeddings"]).any()


def test_a_file_without_any_piece_is_written(go):
  found = go(['{"text": ""}'], ending=".jsonl")
  assert found["token_embeddings"].shape == (0, 1, 256)
  assert np.isnan(found["pooled"]).all() and found["pooled"].shape == (1, 256)


# ------------------------------------------------------------- files and models


@pytest.mark.once
def test_hdf5_has_the_same_arrays_in_half_precision(
  embedded, defaults, tmp_path
):
  """The flag counts, not the name of the file."""
  one, _ = embedded
  two = embed_all(defaults, tmp_path, output_format="hdf5", dtype="float16")
  with h5py.File(str(tmp_path / "out.npz"), "r"):
    pass
  assert set(one) == set(two)
  for name in set(one) - {"meta"}:
    if one[name].dtype == np.float32:
      assert two[name].dtype == np.float16
      np.testing.assert_allclose(two[name], one[name], rtol=2e-3, atol=1e-3)
    else:
      assert two[name].dtype == one[name].dtype
      np.testing.assert_array_equal(two[name], one[name])
  assert one["meta"]["layers"] == two["meta"]["layers"]


@pytest.mark.once
def test_only_the_wanted_embeddings_are_written(go, embedded):
  found = go(
    SENTENCES, layers="-1,2", embeddings="sentence", sentence_pooling="max"
  )
  names = {"ids", "layers", "meta", "sentence_embeddings", "token_index"}
  assert set(found) == names
  assert found["meta"]["sentence_pooling"] == "max"
  tokens = text_of(embedded[0], 0)[0]
  close(found["sentence_embeddings"][0], tokens[:, [4, 2]].max(0))


def test_the_file_describes_its_model_and_the_log_its_size(embedded):
  arrays, log = embedded
  meta = arrays["meta"]
  assert meta["checkpoint"] == CHECKPOINT
  assert meta["checkpoint_sha256"] == model_folder.hash_checkpoint(CHECKPOINT)
  assert meta["layers"] == [0, 1, 2, 3, 4] and meta["do_lower_case"] is True
  (line,) = [m for m in log if "writing about" in m]
  names = [*embeddings.ARRAYS.values()]
  size = sum(arrays[n][~np.isnan(arrays[n])].nbytes for n in names) / 1e6
  assert size > 0.5 and "about %.1f MB" % size in line
  assert "new, with random weights: none" in log


@pytest.mark.once
def test_a_fine_tuned_model_uses_its_own_weights(go, embedded, tmp_path):
  folder = tmp_path / "model"
  folder.mkdir()
  for name in ("albert_config.json", "pubmed-8k.model"):
    shutil.copy(os.path.join(MODEL, name), str(folder))
  with tf.Graph().as_default(), tf.Session() as session:
    for name, _ in tf.train.list_variables(CHECKPOINT):
      if name.startswith("bert/"):
        value = tf.train.load_variable(CHECKPOINT, name)
        tf.get_variable(
          name, initializer=value + name.endswith("pooler/dense/bias")
        )
    tf.get_variable("output_weights", [2, 256])
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, str(folder / "model.ckpt-5"))
  found = go(SENTENCES, bioalbert_dir=str(folder), embeddings="pooled")
  assert found["meta"]["checkpoint"].endswith("model.ckpt-5")
  before, after = np.arctanh([embedded[0]["pooled"][0], found["pooled"][0]])
  np.testing.assert_allclose(after - before, 1, atol=1e-2)


@pytest.mark.usefixtures("tf_estimator")
def test_the_tpu_estimator_gives_the_same_embeddings(
  embedded, defaults, tmp_path, monkeypatch
):
  """Without a TPU's name its program runs on the CPU."""
  monkeypatch.setattr(devices, "check", lambda *_: None)
  found = embed_all(defaults, tmp_path, batch_size=4, use_tpu=True)
  for name in ("token_embeddings", "sentence_embeddings", "pooled"):
    close(found[name], embedded[0][name])


# ----------------------------------------------------------------------- errors


@pytest.mark.parametrize(
  "lines, changed, message",
  [
    ([], {}, "found no text, the file is empty"),
    (SENTENCES, {"input_file": "absent.txt"}, "absent.txt: no such file"),
    (SENTENCES, {"output_file": "x.json"}, "x.json: expected a name that ends"),
    (SENTENCES, {"layers": "7"}, "--layers=7: found '7'"),
    (SENTENCES, {"embeddings": "words"}, "expected some of token, sentence"),
    (SENTENCES, {"max_seq_length": 1000}, "at most max_position_embeddings"),
    (
      SENTENCES,
      {"use_tpu": True, "tpu_name": "x", "batch_tokens": 9},
      "--batch_tokens is for batches of any length",
    ),
    (SENTENCES, {"tpu_name": "x"}, "--tpu_name has an effect with --use_tpu"),
    (SENTENCES, {"bioalbert_dir": None}, "give --albert_config_file, or --bio"),
    (['{"id": "a\\u0000", "text": "b"}'], {}, "expected one without NUL"),
    (
      SENTENCES,
      dict(
        bioalbert_dir=None,
        albert_config_file=os.path.join(MODEL, "albert_config.json"),
        spm_model_file=os.path.join(MODEL, "pubmed-8k.model"),
      ),
      "no weights: give --init_checkpoint",
    ),
  ],
)
def test_invalid_input_is_an_error_and_writes_nothing(
  go, tmp_path, lines, changed, message
):
  with pytest.raises(InputError, match=message):
    go(lines, **changed)
  assert os.listdir(str(tmp_path)) == ["in.txt"]


@pytest.mark.once
def test_a_checkpoint_without_the_encoder_leaves_no_file(go, tmp_path):
  checkpoint = str(tmp_path / "other.ckpt")
  with tf.Graph().as_default(), tf.Session() as session:
    tf.get_variable("x", [1])
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, checkpoint)
  with pytest.raises(InputError, match="holds nothing of the encoder"):
    go(SENTENCES, init_checkpoint=checkpoint)
  assert not [n for n in os.listdir(str(tmp_path)) if n.startswith("out")]


# ------------------------------------------------------------------- in a shell


def test_help_lists_the_flags_and_the_arrays():
  output, _ = programs.run("extract_features.py", "--help")
  for flag in ("bert_config_file", "layers", "batch_size", "dtype", "tpu_name"):
    assert "--%s:" % flag in output
  for other in ("train_batch_size", "distribution", "output_dir", "verbosity"):
    assert other not in output
  for array in embeddings.ARRAYS.values():
    assert array in output
  assert "(default: '%s')" % ",".join(embeddings.ARRAYS) in output
  assert "<%s>: Format" % "|".join(feature_files.FORMATS) in output


@pytest.mark.once
def test_berts_command_works_except_for_its_json(tmp_path):
  programs.write_model(tmp_path / "model")
  (tmp_path / "input.txt").write_text(SENTENCES[0] + "\n")
  shutil.copy(os.path.join(MODEL, "pubmed-8k.model"), str(tmp_path / "model"))
  command = (
    "--input_file={0}/input.txt --output_file={0}/made/x.npz "
    "--vocab_file={0}/model/vocab.txt "
    "--bert_config_file={0}/model/bert_config.json "
    "--init_checkpoint={0}/model/model.ckpt-1000000 --do_lower_case=True "
    "--layers=-1,-2 --max_seq_length=32 --batch_size=8"
  )
  _, log = programs.run("extract_features.py", command.format(tmp_path))
  assert "Traceback" not in log and "restored 25 variables" in log
  found = read_npz(tmp_path / "made" / "x.npz")
  assert found["layers"].tolist() == [1, 0]
  assert found["token_embeddings"].shape == (len(found["tokens"]), 2, 32)
  assert "--layers=-1,-2" in found["meta"]["command"]
