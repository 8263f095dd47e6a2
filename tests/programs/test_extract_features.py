# SPDX-License-Identifier: Apache-2.0
"""Tests of extract_features.py."""

import json
import os
import shutil
import types

import h5py
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import flag_groups
from common.errors import InputError
from exporting import embeddings
import extract_features
from formats import feature_files
import modeling
import run_ner
from tests.helpers import REPO
from tests.helpers import programs
from tests.helpers import reference
from tests.helpers import tiny
import tokenization
from training import batches
from training import devices
from training import model_folder

MODEL = os.path.join(REPO, "models", "bioalbert-small")
SENTENCES = (
  "Patients had fever and lung cancer.",
  "The patients suffered from pyrexia and pulmonary carcinoma.",
  "Mice were housed in cages with free access to food.",
)
LONG = " ".join(SENTENCES) + " Café (ﬁt) TNF-α."


@pytest.fixture(scope="session")
def defaults():
  """extract_features.py's flags at their defaults."""
  return tiny.flags_of(extract_features)


@pytest.fixture(scope="session")
def tokenizer():
  return tokenization.load(os.path.join(MODEL, "pubmed-8k.model"))


@pytest.fixture
def go(defaults, tmp_path, monkeypatch):
  """Runs main on lines with changed flags; returns the arrays."""

  def run(lines, name="out.npz", ending=".txt", **changed):
    source, target = tmp_path / ("in" + ending), tmp_path / name
    source.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    values = dict(
      defaults,
      bioalbert_dir=MODEL,
      input_file=str(source),
      output_file=str(target),
    )
    assert set(changed) <= set(values)
    config = types.SimpleNamespace(**dict(values, **changed))
    monkeypatch.setattr(flag_groups, "values", lambda: config)
    extract_features.main(None)
    assert not [n for n in os.listdir(str(tmp_path)) if n.endswith(".partial")]
    return read_npz(target) if name.endswith(".npz") else read_hdf5(target)

  return run


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


def all_layers(features):
  """Returns AlbertModel's (layers [N + 1, S, H], pooled [H]) of a window."""
  config = modeling.AlbertConfig.from_json_file(
    os.path.join(MODEL, "albert_config.json")
  )
  with tf.Graph().as_default(), tf.Session() as session:
    model = modeling.AlbertModel(
      config,
      False,
      tf.constant(features["input_ids"][np.newaxis]),
      token_type_ids=tf.constant(features["segment_ids"][np.newaxis]),
    )
    modeling.restore(os.path.join(MODEL, "model.ckpt-best"))
    session.run(tf.global_variables_initializer())
    layers = [model.get_hidden_embedding_output()]
    layers += model.get_all_encoder_layers()
    layers, pooled = session.run([layers, model.get_pooled_output()])
  return np.concatenate(layers), pooled[0]


def close(actual, expected):
  np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


# ------------------------------------------------------------------ the numbers


@pytest.mark.parametrize("model", ["base", "groups"])
def test_layers_and_pooler_equal_the_reference(model):
  expected = reference.reference("expected", model)
  folder = os.path.join(reference.REFERENCE, model)
  config = modeling.AlbertConfig.from_json_file(
    os.path.join(folder, "albert_config.json")
  )
  blocks = {"base": 4, "groups": 8}[model]
  wanted = embeddings.parse_wanted("0,-1", "token,pooled", "mean", config)
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


def test_all_layers_of_a_text_equal_the_models(go, tokenizer):
  found = go(SENTENCES, layers="all", batch_size=2)
  assert found["ids"].tolist() == ["1", "2", "3"]
  assert found["layers"].tolist() == [0, 1, 2, 3, 4]
  for i, text in enumerate(SENTENCES):
    layers, pooled = all_layers(
      batches.sequence_features(tokenizer, tokenizer.encode(text))
    )
    pieces = slice(*found["token_index"][i : i + 2])
    inner = layers[:, 1:-1]
    close(found["token_embeddings"][pieces], inner.transpose(1, 0, 2))
    close(found["sentence_embeddings"][i], inner.mean(1))
    close(found["pooled"][i], pooled)


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_pooling_excludes_cls_and_sep_or_is_cls(go, tokenizer, pooling):
  found = go(
    SENTENCES, layers="-1,2", embeddings="sentence", sentence_pooling=pooling
  )
  assert "token_embeddings" not in found and "pooled" not in found
  layers, _ = all_layers(
    batches.sequence_features(tokenizer, tokenizer.encode(SENTENCES[0]))
  )
  layers = layers[[4, 2]]
  expected = {
    "mean": layers[:, 1:-1].mean(1),
    "max": layers[:, 1:-1].max(1),
    "cls": layers[:, 0],
  }
  close(found["sentence_embeddings"][0], expected[pooling])
  assert found["meta"]["sentence_pooling"] == pooling


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_embeddings_do_not_depend_on_the_batch(go, pooling, monkeypatch):
  texts = [LONG, "Fever.", SENTENCES[1], LONG[50:], "a", SENTENCES[2]]
  settings = dict(layers="0,-1", max_seq_length=16, sentence_pooling=pooling)
  together = go(texts, batch_size=5, **settings)
  monkeypatch.setattr(embeddings, "POOL_BYTES", 1)  # Other batches.
  by_twos = go(texts, batch_size=2, **settings)
  for i, text in enumerate(texts[:2]):  # Several windows, and one.
    alone = go([text], **settings)
    pieces = slice(*together["token_index"][i : i + 2])
    for other in (together, by_twos):
      close(other["token_embeddings"][pieces], alone["token_embeddings"])
      close(other["sentence_embeddings"][i], alone["sentence_embeddings"][0])
      close(other["pooled"][i], alone["pooled"][0])


def test_both_tensorflows_give_the_same_similarities(go):
  rows = go(SENTENCES)["sentence_embeddings"][:, 0]
  rows /= np.linalg.norm(rows, axis=1, keepdims=True)
  cosines = (rows @ rows.T)[[0, 0, 1], [1, 2, 2]]
  # Both TensorFlows computed these.
  np.testing.assert_allclose(cosines, [0.77922, 0.69107, 0.75061], atol=1e-4)


# ---------------------------------------------------------- windows and offsets


def test_each_piece_comes_from_the_window_with_most_context(tokenizer):
  pieces, windows = embeddings.encode(LONG, tokenizer, 16)
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


def test_a_long_text_has_all_pieces_and_their_mean(go, tokenizer):
  found = go([LONG], max_seq_length=16)
  pieces, windows = embeddings.encode(LONG, tokenizer, 16)
  outputs = [all_layers(w) for w in windows]
  rows = np.concatenate(
    [layers[-1][w["own"] == 1] for (layers, _), w in zip(outputs, windows)]
  )
  close(found["token_embeddings"][:, 0], rows)
  close(found["sentence_embeddings"][0, 0], rows.mean(0))
  close(found["pooled"][0], outputs[0][1])  # Of the first window.
  assert found["tokens"].tolist() == pieces.pieces


def test_offsets_are_characters_of_the_text(go):
  found = go([LONG, SENTENCES[0]], embeddings="token")
  cut = [LONG[a:b] for a, b in zip(found["token_start"], found["token_end"])]
  first = found["token_index"][1]
  for token, text in zip(found["tokens"][:first], cut):
    plain = tokenization.preprocess_text(text, lower=True).strip()
    assert plain == token.replace("\u2581", "") or "ﬁ" in text
  covered = {
    i
    for a, b in zip(found["token_start"][:first], found["token_end"][:first])
    for i in range(a, b)
  }
  assert covered == {i for i, c in enumerate(LONG) if c != " "}
  assert found["token_start"][first] == 0  # Offsets restart with each text.


def test_three_bars_separate_a_pair_as_in_berts_script(go, tokenizer):
  line = "%s ||| %s" % SENTENCES[:2]
  found = go([line, "a|||b"], layers="all")
  first, second = map(tokenizer.encode, SENTENCES[:2])
  layers, pooled = all_layers(
    batches.sequence_features(tokenizer, first, second)
  )
  kept = np.r_[1 : len(first) + 1, len(first) + 2 : layers.shape[1] - 1]
  size = found["token_index"][1]
  close(found["token_embeddings"][:size], layers[:, kept].transpose(1, 0, 2))
  close(found["pooled"][0], pooled)
  assert found["token_start"][len(first)] == line.index("The patients")
  assert size == len(first) + len(second)
  assert "|||" in found["tokens"][size:]  # Without blanks it is no pair.


def test_a_long_pair_keeps_all_pieces_and_segments(tokenizer):
  text = LONG + " ||| " + LONG
  pieces, windows = embeddings.encode(text, tokenizer, 24)
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


def test_a_text_without_pieces_is_kept_and_logged(go, caplog):
  lines = [
    json.dumps({"id": "x", "text": ""}),
    json.dumps({"id": "y", "text": SENTENCES[0]}),
    json.dumps({"text": " \u200b"}),
  ]
  with caplog.at_level("INFO", logger="absl"):
    found = go(lines, ending=".jsonl")
  assert "2 texts have no pieces; their embeddings are NaN: x, 3" in caplog.text
  assert found["ids"].tolist() == ["x", "y", "3"]
  size = len(found["tokens"])
  assert found["token_index"].tolist() == [0, 0, size, size] and size > 5
  for name in ("sentence_embeddings", "pooled"):
    missing = np.isnan(found[name]).reshape(3, -1)
    assert missing.all(1).tolist() == [True, False, True]
    assert not missing[1].any()
  assert not np.isnan(found["token_embeddings"]).any()


def test_a_file_without_any_piece_is_written(go):
  found = go(['{"text": ""}'], ending=".jsonl")
  assert found["token_embeddings"].shape == (0, 1, 256)
  assert np.isnan(found["pooled"]).all() and found["pooled"].shape == (1, 256)


def test_pubtator_joins_title_and_abstract(go):
  lines = ["12|t|Lung cancer.", "12|a|Fever.", "12\t0\t4\tLung\tX\tD1"]
  found = go(lines)
  assert found["ids"].tolist() == ["12"]
  assert found["token_end"][-1] == len("Lung cancer. Fever.")


# ------------------------------------------------------------- files and models


def test_hdf5_and_npz_have_the_same_arrays(go):
  one, two = go(SENTENCES, layers="all"), go(SENTENCES, "out.h5", layers="all")
  two["meta"]["command"] = one["meta"]["command"]
  assert set(one) == set(two)
  for name, value in one.items():
    if name == "meta":
      assert value["layers"] == two[name]["layers"] == [0, 1, 2, 3, 4]
    else:
      assert value.dtype == two[name].dtype
      np.testing.assert_array_equal(value, two[name])


def test_the_format_flag_overrides_the_extension(go, tmp_path):
  with pytest.raises(ValueError):  # NumPy does not unpickle other files.
    go(SENTENCES, output_format="hdf5")
  assert set(read_hdf5(tmp_path / "out.npz")["ids"]) == {"1", "2", "3"}


def test_half_precision_rounds_the_same_values(go):
  whole, half = go(SENTENCES), go(SENTENCES, dtype="float16")
  for name in ("token_embeddings", "sentence_embeddings", "pooled"):
    assert half[name].dtype == np.float16
    np.testing.assert_allclose(half[name], whole[name], atol=5e-3)


def test_the_file_describes_its_model_and_the_log_its_size(go, caplog):
  with caplog.at_level("INFO", logger="absl"):
    arrays = go(SENTENCES * 20, layers="all")
  meta = arrays.pop("meta")
  checkpoint = os.path.join(MODEL, "model.ckpt-best")
  assert meta["checkpoint"] == checkpoint
  assert meta["checkpoint_sha256"] == model_folder.hash_checkpoint(checkpoint)
  assert meta["layers"] == [0, 1, 2, 3, 4] and meta["do_lower_case"] is True
  (line,) = [m for m in caplog.messages if "writing about" in m]
  size = sum(array.nbytes for array in arrays.values()) / 1e6
  assert size > 3  # So that a tenth of a megabyte is a fine measure.
  assert "about %.1f MB" % size in line and "in memory until the end" in line
  assert "new, with random weights: none" in caplog.messages


def test_a_fine_tuned_model_uses_its_own_weights(go, tmp_path):
  programs.write_corpus(tmp_path / "data", {"train.tsv": 20})
  tiny.run(run_ner, tmp_path, data_dir=str(tmp_path / "data"), train_step=5)
  folders = [str(tmp_path / name) for name in ("model", "output")]
  before, after = [
    go(SENTENCES, bioalbert_dir=f, max_seq_length=32) for f in folders
  ]
  assert after["meta"]["checkpoint"].endswith("model.ckpt-5")
  difference = after["token_embeddings"] - before["token_embeddings"]
  assert np.abs(difference).max() > 1e-3
  np.testing.assert_array_equal(before["tokens"], after["tokens"])


@pytest.mark.usefixtures("tf_estimator")
def test_the_tpu_estimator_gives_the_same_embeddings(go, monkeypatch):
  """Without a TPU's name its program runs on the CPU."""
  texts = [LONG] + list(SENTENCES)
  expected = go(texts, layers="all", max_seq_length=32)
  monkeypatch.setattr(devices, "check", lambda *_: None)
  found = go(texts, layers="all", max_seq_length=32, batch_size=4, use_tpu=True)
  for name in ("token_embeddings", "sentence_embeddings", "pooled"):
    close(found[name], expected[name])


# ----------------------------------------------------------------------- errors


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


@pytest.mark.parametrize(
  "lines, changed, message",
  [
    ([], {}, "found no text, the file is empty"),
    (SENTENCES, {"input_file": "absent.txt"}, "absent.txt: no such file"),
    (SENTENCES, {"output_file": "x.json"}, "x.json: expected a name that ends"),
    (SENTENCES, {"layers": "7"}, "--layers=7: found '7'"),
    (SENTENCES, {"embeddings": "words"}, "expected some of token, sentence"),
    (SENTENCES, {"max_seq_length": 1000}, "at most max_position_embeddings"),
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


def test_berts_command_works_except_for_its_json(tmp_path):
  programs.write_model(tmp_path / "model")
  (tmp_path / "input.txt").write_text(SENTENCES[0] + "\n")
  shutil.copy(os.path.join(MODEL, "pubmed-8k.model"), str(tmp_path / "model"))
  command = (
    "--input_file={0}/input.txt --output_file={0}/made/{1} "
    "--vocab_file={0}/model/vocab.txt "
    "--bert_config_file={0}/model/bert_config.json "
    "--init_checkpoint={0}/model/model.ckpt-1000000 --do_lower_case=True "
    "--layers=-1,-2 --max_seq_length=32 --batch_size=8"
  )
  _, log = programs.run(
    "extract_features.py", command.format(tmp_path, "x.json"), code=1
  )
  assert len(log.splitlines()) == 1 and "ends in .npz, .h5, .hdf5" in log
  _, log = programs.run(
    "extract_features.py", command.format(tmp_path, "x.npz")
  )
  assert "Traceback" not in log and "restored 25 variables" in log
  found = read_npz(tmp_path / "made" / "x.npz")
  assert found["layers"].tolist() == [1, 0]
  assert found["token_embeddings"].shape == (len(found["tokens"]), 2, 32)
  assert "--layers=-1,-2" in found["meta"]["command"]
