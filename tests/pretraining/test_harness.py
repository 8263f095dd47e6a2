# SPDX-License-Identifier: Apache-2.0
"""Tests of pretraining/harness.py, through run_pretraining.py's flags."""

import json
import os
import shutil
import struct

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import files
from common.errors import InputError
import modeling
from pretraining import curves
from pretraining import harness
from pretraining import tfrecords
from tests.helpers import FIXTURES
from tests.helpers import SPM
from tests.helpers import pretraining_files
from tests.helpers.pretraining_runs import CONFIG
from tests.helpers.pretraining_runs import prepared
from tests.helpers.pretraining_runs import run
from tests.helpers.pretraining_runs import variables
from training import devices
from training import run as training_run

REFERENCE = os.path.join(FIXTURES, "reference_model")


# Flags of the run that the fixture `trained` makes.
OF_TRAINED = {"num_train_steps": 4, "num_accumulation_steps": 3}


def results(folder):
  """Returns eval_results.txt as {name: text}."""
  text = (folder / "output" / "eval_results.txt").read_text()
  return dict(line.split(" = ") for line in text.splitlines())


def steps_of(folder):
  """Returns the steps of the checkpoints in folder/output."""
  names = [p.name for p in (folder / "output").glob("model.ckpt-*.index")]
  return {name.split("-")[1].split(".")[0] for name in names}


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
  """Skips the plots, which take longer than the training here.

  The run of `trained` starts earlier and draws its plot.
  """
  monkeypatch.setattr(curves, "draw", lambda *_: False)


@pytest.fixture
def folder(tmp_path):
  return prepared(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """Returns the folder of a run of four steps; tests must not change it."""
  folder = prepared(tmp_path_factory.mktemp("trained"))
  run(folder, do_eval=True, eval_file=str(folder / "held-out"), **OF_TRAINED)
  return folder


@pytest.fixture
def copy(trained, tmp_path):
  """Returns a copy of that folder, which tests may change."""
  shutil.copytree(str(trained), str(tmp_path / "copy"))
  return tmp_path / "copy"


@pytest.fixture
def reference(tmp_path, request):
  """Returns a folder with the reference batch as a TFRecord file."""
  source = os.path.join(REFERENCE, getattr(request, "param", "base"))
  shutil.copy(os.path.join(source, "albert_config.json"), str(tmp_path))
  batch = np.load(os.path.join(source, "inputs.npz"))
  with tf.io.TFRecordWriter(str(tmp_path / "train")) as writer:
    for i in range(4):
      values = {
        name: x[i].astype(float if x.dtype == np.float32 else int)
        for name, x in batch.items()
      }
      writer.write(pretraining_files.serialized(values))
  (tmp_path / "source").symlink_to(source)
  return tmp_path


OF_REFERENCE = dict(max_seq_length=32, max_predictions_per_seq=6)


@pytest.mark.parametrize(
  "reference",
  ["base", pytest.param("groups", marks=pytest.mark.once)],
  indirect=True,
)
def test_losses_and_accuracies_equal_the_reference(reference):
  run(
    reference,
    init_checkpoint=str(reference / "source" / "model.ckpt"),
    do_train=False,
    do_eval=True,
    **OF_REFERENCE,
  )
  expected = np.load(str(reference / "source" / "expected.npz"))
  batch = np.load(str(reference / "source" / "inputs.npz"))
  found = {k: float(results(reference)[k]) for k in harness.METRICS}
  for name in ("masked_lm_loss", "sentence_order_loss"):
    assert found[name] == pytest.approx(float(expected[name]), rel=1e-5)
  for name, ids, weights in (
    ("masked_lm", "masked_lm_ids", batch["masked_lm_weights"].ravel()),
    ("sentence_order", "next_sentence_labels", np.ones([4])),
  ):
    right = expected[name + "_log_probs"].argmax(-1) == batch[ids].ravel()
    assert found[name + "_accuracy"] == pytest.approx(
      np.average(right, weights=weights), abs=1e-6
    )


# test_optimization.py compares LAMB.
def test_six_updates_equal_the_reference(reference, monkeypatch):
  monkeypatch.setattr(training_run.Run, "fuses_training", True)
  expected = np.load(str(reference / "source" / "train_adamw.npz"))
  run(
    reference,
    init_checkpoint=str(reference / "source" / "model.ckpt"),
    optimizer="adamw",
    learning_rate=float(expected["learning_rate"]),
    num_train_steps=10,
    num_warmup_steps=3,
    save_checkpoints_steps=6,
    **OF_REFERENCE,
  )
  found = variables(reference / "output" / "model.ckpt-6")
  expected = {
    name[len("after/") :]: value
    for name, value in expected.items()
    if name.startswith("after/")
  }
  assert set(found) == set(expected)
  for name, value in expected.items():
    if "/key/bias" not in name:  # Its gradient is 0 but for rounding.
      np.testing.assert_allclose(
        found[name], value, rtol=1e-4, atol=1e-6, err_msg=name
      )


def test_run_leaves_checkpoints_curves_and_results(trained):
  output = trained / "output"
  assert steps_of(trained) == {"0", "2", "4", "best"}
  for name in ("albert_config.json", "run_config.json", "training_state.json"):
    json.loads((output / name).read_text())
  assert (output / "pretraining_curves.png").stat().st_size > 10000
  assert set(results(trained)) == set(harness.METRICS) | {
    "loss",
    "checkpoint",
    "global_step",
  }
  held_out = curves.read(str(output / "eval"))
  assert set(held_out["masked_lm_accuracy"]) == {2, 4}
  state = json.loads((output / "training_state.json").read_text())
  best = max(state["scores"], key=lambda pair: pair[1])
  assert results(trained)["global_step"] == str(best[0])


@pytest.mark.once
def test_same_command_resumes_without_a_break_and_leaves_a_finished_run_alone(
  trained, copy, caplog
):
  output = copy / "output"
  for path in output.glob("model.ckpt-4*"):
    path.unlink()
  (output / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-2"\n')
  (output / "training_state.json").unlink()
  with caplog.at_level("INFO", logger="absl"):
    run(copy, **OF_TRAINED)
  lines = [r.getMessage() for r in caplog.records]
  assert "training from step 2 to 4" in lines
  whole = variables(trained / "output" / "model.ckpt-4")
  for name, value in variables(output / "model.ckpt-4").items():
    np.testing.assert_array_equal(value, whole[name], err_msg=name)
  last = (output / "model.ckpt-4.index").stat().st_mtime_ns
  run(copy, **OF_TRAINED)
  assert (output / "model.ckpt-4.index").stat().st_mtime_ns == last


def test_output_folder_in_use_is_refused(folder):
  with files.locked(str(folder / "output")):
    with pytest.raises(InputError, match="output: another run is writing"):
      run(folder)


def test_output_folder_of_another_run_is_rejected(copy):
  with pytest.raises(InputError, match="another learning_rate"):
    run(copy, learning_rate=1e-5, **OF_TRAINED)
  pretraining_files.write(copy / "train", 17)
  with pytest.raises(InputError, match="another training files"):
    run(copy, **OF_TRAINED)


@pytest.mark.once
def test_init_checkpoint_restores_weights_without_optimizer_state(
  trained, folder
):
  first = trained / "output" / "model.ckpt-2"
  run(folder, init_checkpoint=str(first), learning_rate=0.0)
  before = variables(first)
  after = variables(folder / "output" / "model.ckpt-2")
  assert after["global_step"] == 2
  for name, value in before.items():
    if not modeling.TRAINING_STATE.search(name):
      np.testing.assert_array_equal(after[name], value)
  start = variables(folder / "output" / "model.ckpt-0")
  assert not any(v.any() for n, v in start.items() if n.endswith("adam_m"))


@pytest.mark.once
def test_optimizer_state_continues_the_schedule(trained, folder):
  first = trained / "output" / "model.ckpt-2"
  run(
    folder,
    init_checkpoint=str(first),
    init_optimizer_state=True,
    **OF_TRAINED,
  )
  before = variables(first)
  start = variables(folder / "output" / "model.ckpt-2")
  assert set(before) == set(start)
  for name, value in before.items():
    np.testing.assert_array_equal(start[name], value, err_msg=name)
  assert variables(folder / "output" / "model.ckpt-4")["global_step"] == 4


@pytest.mark.once
def test_all_groups_can_start_from_the_first(trained, folder):
  config = dict(CONFIG, num_hidden_layers=2, num_hidden_groups=2)
  (folder / "albert_config.json").write_text(json.dumps(config))
  first = trained / "output" / "model.ckpt-2"
  with pytest.raises(InputError, match="does not fit the config"):
    run(folder, init_checkpoint=str(first))
  run(folder, init_checkpoint=str(first), init_from_group0=True)
  before = variables(first)
  start = variables(folder / "output" / "model.ckpt-0")
  groups = [n for n in start if "/group_1/" in n and "adam" not in n]
  assert groups
  for name in groups:
    source = before[name.replace("group_1", "group_0")]
    np.testing.assert_array_equal(start[name], source)


@pytest.mark.once
def test_without_sentence_order_its_weights_do_not_change(folder):
  run(folder, use_sop=False)
  start = variables(folder / "output" / "model.ckpt-0")
  end = variables(folder / "output" / "model.ckpt-2")
  name = "cls/seq_relationship/output_weights"
  np.testing.assert_array_equal(start[name], end[name])
  name = "bert/embeddings/word_embeddings"
  assert not np.array_equal(start[name], end[name])


def manifest(folder, **flags):
  """Returns the manifest of folder/train, made with these flags."""
  values = {
    "max_seq_length": pretraining_files.SEQUENCE,
    "max_predictions_per_seq": pretraining_files.MASKED,
  }
  values.update(flags)
  return {
    "flags": values,
    "vocab_size": pretraining_files.VOCABULARY,
    "vocabulary": {"tiny.model": "0"},
    "inputs": [],
    "shards": [
      {
        "file": "train",
        "instances": 16,
        "bytes": (folder / "train").stat().st_size,
      }
    ],
  }


@pytest.mark.once
def test_folder_provides_its_shards_and_its_vocabulary(folder):
  data = folder / "data"
  data.mkdir()
  shutil.copy(str(folder / "train"), str(data))
  (data / "manifest.json").write_text(json.dumps(manifest(folder)))
  (data / "tiny.model").write_bytes(b"vocabulary")
  assert harness.find_files(str(data)) == [str(data / "train")]
  assert harness.find_files(str(data / "*")) == [str(data / "train")]
  run(folder, input_file=str(data))
  assert (folder / "output" / "tiny.model").read_bytes() == b"vocabulary"


def test_a_folder_with_two_outputs_is_rejected(folder):
  for name in ("train", "held-out"):
    (folder / (name + ".manifest.json")).write_text(
      json.dumps(manifest(folder))
    )
  with pytest.raises(InputError, match="several outputs .held-out.manifest"):
    harness.find_files(str(folder))
  assert harness.find_files(str(folder / "t*")) == [str(folder / "train")]


def test_files_in_the_current_folder_are_found_by_their_names(
  folder, monkeypatch
):
  (folder / "manifest.json").write_text(json.dumps(manifest(folder)))
  monkeypatch.chdir(folder)
  for pattern in ("train", "./train", "tr*"):
    (path,) = harness.find_files(pattern)
    assert os.path.samefile(path, "train")


@pytest.mark.parametrize("cut", ["record", "middle"])
def test_shard_cut_short_is_rejected_with_the_manifest(folder, cut):
  (folder / "manifest.json").write_text(json.dumps(manifest(folder)))
  data = (folder / "train").read_bytes()
  size = len(data) * 5 // 16 if cut == "record" else 1000
  (folder / "train").write_bytes(data[:size])
  message = "train: found %d bytes, .*manifest.json lists %d;"
  with pytest.raises(InputError, match=message % (size, len(data))):
    run(folder)
  assert not (folder / "output").exists()


@pytest.mark.once
def test_huge_record_length_is_rejected_instead_of_believed(folder):
  (folder / "manifest.json").write_text(json.dumps(manifest(folder)))
  data = (folder / "train").read_bytes()
  head = struct.pack("<Q", 1 << 60)
  data = data[:-400] + head + tfrecords._checksum(head) + data[-388:]
  (folder / "train").write_bytes(data)
  with pytest.raises(InputError, match="train: .* record at byte"):
    run(folder)


@pytest.mark.once
def test_dynamic_masking_uses_the_vocabulary_beside_the_files(folder):
  config = dict(CONFIG, vocab_size=8000)
  (folder / "albert_config.json").write_text(json.dumps(config))
  shutil.copy(SPM, str(folder))
  values = dict(
    manifest(folder), vocab_size=8000, vocabulary={os.path.basename(SPM): "0"}
  )
  (folder / "manifest.json").write_text(json.dumps(values))
  run(folder, masked_lm_budget=0.15)  # Stops without a vocabulary.
  assert "2" in steps_of(folder)


@pytest.mark.parametrize(
  "changed, message",
  [
    ({"max_seq_length": 32}, "need --max_seq_length=32, found 16"),
    ({"do_permutation": True}, "need --max_predictions_per_seq=6, found 3"),
    (
      {"max_predictions_per_seq": 2},
      "need --max_predictions_per_seq=2, found 3",
    ),
  ],
  ids=["length", "permutation", "predictions"],
)
def test_manifest_of_other_flags_is_rejected(folder, changed, message):
  text = json.dumps(manifest(folder, **changed))
  (folder / "manifest.json").write_text(text)
  with pytest.raises(InputError, match=message):
    run(folder)
  assert not (folder / "output").exists()


def test_manifest_of_another_vocabulary_is_rejected(folder):
  text = json.dumps(dict(manifest(folder), vocab_size=30000))
  (folder / "manifest.json").write_text(text)
  with pytest.raises(InputError, match="vocabulary of 30000 pieces"):
    run(folder)


@pytest.mark.parametrize(
  "changed, message",
  [
    ({"do_train": False}, "nothing to do"),
    ({"input_file": "absent-*"}, "absent-\\*: no such file"),
    ({"input_file": "no/such/*"}, "no/such/\\*: no such file"),
    ({"init_optimizer_state": True}, "needs --init_checkpoint"),
    ({"num_warmup_steps": 5}, "at most --num_train_steps"),
    ({"start_warmup_step": 5}, "--start_warmup_step is 5"),
    ({"max_seq_length": 65}, "max_position_embeddings"),
    ({"init_checkpoint": "absent"}, "no checkpoint there"),
    ({"tpu_name": "pod"}, "--tpu_name has an effect with --use_tpu only"),
    ({"masked_lm_budget": 0.1}, "spm_model_file"),
  ],
  ids=[
    "nothing_to_do",
    "no_input",
    "no_input_folder",
    "state_without_checkpoint",
    "warmup_too_long",
    "warmup_starts_too_late",
    "input_too_long",
    "no_checkpoint",
    "name_without_tpu",
    "masking_without_vocabulary",
  ],
)
def test_bad_flags_are_rejected_before_anything_is_written(
  folder, changed, message
):
  with pytest.raises(InputError, match=message):
    run(folder, **changed)
  assert not (folder / "output").exists()


def test_evaluating_needs_a_checkpoint(folder):
  with pytest.raises(InputError, match="no checkpoint to evaluate"):
    run(folder, do_train=False, do_eval=True)


@pytest.mark.once
def test_damaged_file_is_named_with_its_offset(folder):
  data = (folder / "train").read_bytes()
  (folder / "train").write_bytes(data[:1000] + b"x" + data[1001:])
  with pytest.raises(InputError, match="train.* byte [1-9]"):
    run(folder)


@pytest.mark.once
def test_nan_loss_names_the_step(folder):
  with pytest.raises(InputError, match="step .*smaller --learning_rate"):
    run(folder, learning_rate=1e30, optimizer="adamw", num_train_steps=8)


@pytest.mark.parametrize(
  "changed, warning",
  [
    ({"learning_rate": 0.00176}, "root rule gives 5.5e-05"),
    ({"do_eval": True}, "no --eval_file"),
  ],
  ids=["learning_rate", "eval_file"],
)
def test_unusual_flags_warn(folder, caplog, changed, warning):
  with pytest.raises(InputError, match="no such file"):
    run(folder, input_file="absent", **changed)
  assert warning in caplog.text


@pytest.mark.once
def test_evaluation_ends_at_max_eval_steps(copy, caplog):
  with caplog.at_level("INFO", logger="absl"):
    run(copy, do_train=False, do_eval=True, max_eval_steps=1)
  lines = [r.getMessage() for r in caplog.records]
  # Without --eval_file it evaluates on the training files.
  assert any("on 4 held-out examples" in line for line in lines)
  assert any(
    "--max_eval_steps=1 ended the evaluation there" in line for line in lines
  )


@pytest.mark.once("tf1")
@pytest.mark.usefixtures("tf_estimator")
def test_tpu_estimator_pretrains_and_evaluates(folder, monkeypatch):
  """Runs the TPU program on the CPU, as neither master nor name is given."""
  monkeypatch.setattr(devices, "check", lambda *_: None)
  run(
    folder,
    use_tpu=True,
    num_tpu_cores=1,
    iterations_per_loop=2,
    num_train_steps=4,
    do_eval=True,
    eval_file=str(folder / "held-out"),
  )
  assert {"2", "4"} <= steps_of(folder)
  held_out = curves.read(str(folder / "output" / "eval"))
  assert set(held_out["masked_lm_accuracy"]) == {2, 4}
