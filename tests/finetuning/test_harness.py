# SPDX-License-Identifier: Apache-2.0
"""Tests of finetuning/harness.py, with run_ner.Ner as the task."""

import functools
import os
import shutil
import types

import pytest
import tensorflow.compat.v1 as tf

from common import files
from common.errors import InputError
from finetuning import harness
from finetuning import label_inputs
from finetuning import labelling
from finetuning import words
import modeling
import run_ner
from tests.helpers import multi_worker_training
from tests.helpers import programs
from tests.helpers import tiny
import tokenization
from training import devices
from training import run as training_run
from training import state


@pytest.fixture(scope="session")
def defaults():
  """Returns the default flags of run_ner.py."""
  return tiny.flags_of(run_ner)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
  root = tmp_path_factory.mktemp("finetuning")
  programs.write_model(root / "model")
  programs.write_corpus(
    root / "data", {"train.tsv": 20, "devel.tsv": 6, "test.tsv": 6}
  )
  return root


def run(defaults, folders, **changed):
  """Runs the harness in this process; returns the results."""
  config = types.SimpleNamespace(**defaults)
  config.bioalbert_dir = str(folders / "model")
  config.data_dir = str(folders / "data")
  config.max_seq_length = 32
  config.train_batch_size = 4
  config.num_train_epochs = 1.0
  for name, value in changed.items():
    assert hasattr(config, name)
    setattr(config, name, value)
  command = harness.read_command(config)
  model = harness.load_model(command)
  task = run_ner.Ner(
    model.tokenizer, config.max_seq_length, config.predict_format
  )
  return harness.run(task, command, model)


@pytest.fixture
def go(defaults, folders, tmp_path):
  """Returns a function that runs the harness with flags changed."""
  output = str(tmp_path / "output")
  return functools.partial(run, defaults, folders, output_dir=output)


@pytest.fixture(scope="module")
def trained(defaults, folders):
  """Returns the output of one epoch; tests must not change it."""
  output = str(folders / "output")
  run(defaults, folders, output_dir=output, do_predict=False)
  return output


@pytest.fixture
def copy(trained, tmp_path):
  """Returns a copy of that output, where `go` continues."""
  shutil.copytree(trained, str(tmp_path / "output"))
  return tmp_path / "output"


def test_missing_model_files_are_listed(go, tmp_path):
  with pytest.raises(InputError, match="no checkpoint in this folder"):
    go(bioalbert_dir=str(tmp_path))
  with pytest.raises(InputError, match="albert_config.json, bert_config.json"):
    go(bioalbert_dir=None, output_dir=str(tmp_path))


@pytest.mark.parametrize(
  "changed, message",
  [
    ({"data_dir": None}, "--do_train needs --data_dir"),
    (
      {"data_dir": "{model}"},
      "needs one of train.tsv, train_dev.tsv there, or --train_file",
    ),
    ({"do_train": False, "do_predict": False}, "nothing to do"),
    ({"distribution": "mirrored"}, "several GPUs and TensorFlow sees 0"),
    ({"num_train_epochs": 0.0}, "num_train_epochs is 0.0"),
    ({"allow_incomplete": True}, "--allow_incomplete is for texts to label"),
    ({"predict_gzip": True}, "--predict_gzip is for texts to label"),
    ({"predict_part": "1/2"}, "--predict_part is for texts to label"),
    (
      {"predict_part": "0/2", "predict_file": "x", "do_train": False},
      "--predict_part: found '0/2', expected 1/64 to 64/64",
    ),
    (
      {"predict_part": "1/2", "predict_file": "x", "do_train": True},
      "--predict_part is for jobs that only label",
    ),
    ({"runner": "DirectRunner"}, "--runner is for texts to label"),
    ({"beam_options": "--x=1"}, "has a meaning with --runner only"),
    (
      {"runner": "DirectRunner", "predict_file": "x", "num_workers": 0},
      "--num_workers has no effect with --runner",
    ),
    (
      {"runner": "DirectRunner", "predict_file": "x", "predict_part": "1/2"},
      "--runner: found --predict_part; expected no part with it",
    ),
    ({"early_stopping_patience": 1}, "needs --do_eval"),
    ({"max_seq_length": 33}, "at most max_position_embeddings .* 32"),
    ({"init_checkpoint": "nowhere"}, "nowhere: no checkpoint there"),
    ({"do_train": False, "predict_file": "nowhere"}, "no task.json in"),
    ({"predict_file": "nowhere", "do_train": True}, "nowhere: no such file"),
  ],
)
def test_bad_flags_are_rejected_before_anything_is_written(
  go, folders, tmp_path, changed, message
):
  changed = {
    k: v.format(model=folders / "model") if isinstance(v, str) else v
    for k, v in changed.items()
  }
  with pytest.raises(InputError, match=message):
    go(**changed)
  assert not os.listdir(str(tmp_path))


def test_output_folder_in_use_is_refused(go, tmp_path):
  with files.locked(str(tmp_path / "output")):
    with pytest.raises(InputError, match="output: another run is writing"):
      go()


def test_of_several_machines_only_the_chief_locks(tmp_path, monkeypatch):
  monkeypatch.setattr(devices, "is_chief", lambda _: False)
  with files.locked(str(tmp_path)):
    with training_run.locked(str(tmp_path), devices.Device()):
      pass


def test_checkpoint_without_task_weights_cannot_predict(go, folders, tmp_path):
  (tmp_path / "task.json").write_text(
    '{"labels": ["O", "B"], "inner_punctuation": ""}'
  )
  (tmp_path / "x.txt").write_text("fever\n")
  with pytest.raises(InputError, match="no fitting output_bias, output_w"):
    go(output_dir=str(tmp_path), predict_file=str(tmp_path / "x.txt"))


@pytest.mark.once
def test_padding_does_not_change_predictions(go, copy):
  predictions = set()
  for padding in ("bucketed", "longest", "fixed"):
    go(do_train=False, do_predict=True, padding=padding)
    predictions.add((copy / "NER_result_conll.txt").read_text())
  assert len(predictions) == 1


@pytest.mark.once("tf2.15")
@pytest.mark.usefixtures("tf_estimator")
def test_tpu_estimator_trains_scores_and_predicts(go, tmp_path, monkeypatch):
  """Runs the TPU program on the CPU, as neither master nor name is given."""
  monkeypatch.setattr(devices, "check", lambda *_: None)
  results = go(use_tpu=True, do_eval=True, num_train_epochs=2.0)
  kept = state.TrainingState(str(tmp_path / "output"))
  assert kept.scored(5) and kept.scored(10) and kept.step() == 10
  assert results["test"]["global_step"] == kept.best()[0]


@pytest.mark.once
def test_early_stopping_ends_training_for_reruns_too(go, tmp_path):
  for _ in range(2):
    go(
      do_eval=True,
      num_train_epochs=9.0,
      early_stopping_patience=1,
      learning_rate=0.0,
      do_predict=False,
    )
    kept = state.TrainingState(str(tmp_path / "output"))
    assert kept.step() == 10  # With rate 0 the second is no better.


@pytest.mark.once
def test_nan_loss_suggests_a_smaller_learning_rate(go):
  with pytest.raises(InputError, match="smaller --learning_rate"):
    go(learning_rate=1e30, warmup_step=0)


@pytest.mark.once
def test_rerun_scores_the_last_unscored_checkpoint(go, copy):
  go(do_eval=True, do_predict=False)
  assert state.TrainingState(str(copy)).scored(5)
  assert (copy / "model.ckpt-best.index").exists()


@pytest.mark.once
def test_prediction_tokenizes_as_in_training(go, tmp_path, monkeypatch):
  go(do_lower_case=True, spm_digit_comma_fix=True)
  asked = []
  load = tokenization.load

  def watched(vocab_file, model, do_lower_case, open_file, digit_comma_fix):
    asked.append((do_lower_case, digit_comma_fix))
    return load(vocab_file, model, do_lower_case, open_file, digit_comma_fix)

  monkeypatch.setattr(tokenization, "load", watched)
  (tmp_path / "x.txt").write_text("fever\n")
  go(
    bioalbert_dir=str(tmp_path / "output"),
    output_dir=str(tmp_path / "found"),
    predict_file=str(tmp_path / "x.txt"),
  )
  assert asked == [(True, True)]
  (tmp_path / "blank.jsonl").write_text('{"text": " "}\n')
  go(
    bioalbert_dir=str(tmp_path / "output"),
    output_dir=str(tmp_path / "blank"),
    predict_file=str(tmp_path / "blank.jsonl"),
    predict_part="2/2",
  )
  found = (tmp_path / "blank" / "blank.entities.jsonl").read_text()
  assert found == '{"id": "1", "text": " ", "entities": []}\n'
  assert "run_config.json" not in os.listdir(str(tmp_path / "blank"))
  assert sorted(os.listdir(str(tmp_path / "found"))) == [
    "run_config.json",
    "x.entities.html",
    "x.entities.jsonl",
  ]


@pytest.mark.once
def test_train_on_dev_adds_the_development_set_and_keeps_no_best(go, tmp_path):
  go(train_on_dev=True, do_eval=True, do_predict=False)
  kept = state.TrainingState(str(tmp_path / "output"))
  assert kept.step() == 7  # 26 sentences in batches of 4.
  assert not (tmp_path / "output" / "model.ckpt-best.index").exists()


@pytest.mark.once
def test_train_step_counts_updates_rather_than_micro_batches(go, tmp_path):
  go(train_step=3, num_accumulation_steps=2, warmup_step=1, do_predict=False)
  assert state.TrainingState(str(tmp_path / "output")).step() == 3


def test_training_refuses_a_folder_with_a_foreign_checkpoint(go, folders):
  with pytest.raises(InputError, match="no run_config.json that describes"):
    go(output_dir=str(folders / "model"))


def test_flatten_joins_nested_names_and_drops_text():
  scores = {"f1": 0.5, "checkpoint": "x", "types": {"A b": {"f1": 1}}}
  assert harness.flatten(scores) == {"f1": 0.5, "types.A b.f1": 1}


@pytest.mark.once
def test_empty_development_set_triggers_a_warning(go, tmp_path, caplog):
  (tmp_path / "dev.tsv").write_bytes(b"")
  results = go(
    dev_file=str(tmp_path / "dev.tsv"), do_eval=True, train_on_dev=True
  )
  assert sorted(results) == ["task_name", "test"]
  assert "dev.tsv is empty (0 bytes)" in caplog.text
  assert "--dev_fraction" in caplog.text


@pytest.mark.parametrize(
  "changed",
  [{"early_stopping_patience": 1}, {"do_train": False}],
  ids=["early_stopping", "only_scoring"],
)
def test_empty_development_set_stops_runs_that_need_it(go, tmp_path, changed):
  (tmp_path / "dev.tsv").write_bytes(b"")
  changed["do_predict"] = False
  with pytest.raises(InputError, match="is empty .0 bytes"):
    go(dev_file=str(tmp_path / "dev.tsv"), do_eval=True, **changed)


@pytest.mark.once
def test_dev_fraction_holds_out_a_development_set(go, folders, tmp_path):
  shutil.copytree(str(folders / "data"), str(tmp_path / "data"))
  os.remove(str(tmp_path / "data" / "devel.tsv"))
  results = go(data_dir=str(tmp_path / "data"), do_eval=True, dev_fraction=0.25)
  assert results["dev"]["global_step"] == 4  # 15 sentences in batches of 4.
  assert (tmp_path / "output" / "model.ckpt-best.index").exists()


def test_dev_fraction_and_train_on_dev_contradict_each_other(go, tmp_path):
  with pytest.raises(InputError, match="contradict each other"):
    go(dev_fraction=0.5, train_on_dev=True)
  assert not (tmp_path / "output").exists()


def test_checkpoint_without_a_global_step_is_rejected(go, folders, tmp_path):
  output = tmp_path / "output"
  output.mkdir()
  with tf.Graph().as_default(), tf.Session() as session:
    tf.get_variable("x", [1])
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, str(output / "model.ckpt"))
  with pytest.raises(InputError, match="model.ckpt: has no global_step"):
    go()


@pytest.mark.once("tf2.15")
@pytest.mark.usefixtures("tf_estimator")
def test_only_the_chief_of_several_machines_writes(folders, tmp_path):
  for name in ("data", "model"):
    shutil.copytree(str(folders / name), str(tmp_path / name))
  multi_worker_training.start_two("multi_worker_finetuning.py", str(tmp_path))
  output = str(tmp_path / "output")
  kept = state.TrainingState(output)
  assert kept.scored(1) and kept.scored(2) and kept.finished(2)
  results = files.read_json(os.path.join(output, "results.json"), None)
  assert results["test"]["global_step"] == kept.best()[0]


@pytest.mark.parametrize(
  "changed, message",
  [
    ({"use_xla": True}, "expected --padding=fixed with it"),
    (
      {"distribution": "mirrored", "do_train": False, "do_predict": True},
      "nothing is trained; expected --distribution=none",
    ),
  ],
  ids=["xla", "mirrored_prediction"],
)
def test_flags_that_fine_tuning_does_not_support_are_rejected(
  go, monkeypatch, changed, message
):
  monkeypatch.setattr(devices, "check", lambda *_: None)
  with pytest.raises(InputError, match=message):
    go(**changed)


def test_the_log_shows_numbers_and_undefined_scores_only(caplog):
  caplog.set_level("INFO")
  scores = {"f1": None, "accuracy": 0.5, "negative": None, "count": 3}
  scores["undefined"] = {"f1": "no entity in gold"}
  harness._log_scores("dev", scores, None)
  assert caplog.messages == [
    "dev: f1 undefined, accuracy 0.5000",
    "dev: f1 undefined: no entity in gold",
  ]


@pytest.mark.once
def test_undefined_scores_are_null_and_choose_no_checkpoint(
  go, folders, tmp_path, caplog
):
  data = tmp_path / "data"
  shutil.copytree(str(folders / "data"), str(data))
  for name in ("devel.tsv", "test.tsv"):
    (data / name).write_text("No\tO\nfever\tO\n.\tO\n")
  results = go(data_dir=str(data), do_eval=True)
  for split in ("dev", "test"):
    assert results[split]["f1"] is None
    assert results[split]["undefined"]["f1"] == "no entity in gold"
    place = "%s (model.ckpt-5, step 5)" % split
    text = "%s: precision, recall, f1 undefined: no entity in gold" % place
    assert text in caplog.text
  saved = files.read_json(str(tmp_path / "output" / "results.json"))
  assert saved["test"]["f1"] is None
  lines = (tmp_path / "output" / "test_results.txt").read_text().split("\n")
  assert "f1 = undefined" in lines
  assert not (tmp_path / "output" / "model.ckpt-best.index").exists()


def test_a_frozen_encoder_keeps_its_weights_while_the_head_learns(
  go, trained, tmp_path
):
  go(
    init_checkpoint=trained,
    freeze_encoder=True,
    do_predict=False,
    train_step=2,
  )
  before, after = (
    dict(modeling.read_checkpoint(modeling.find_checkpoint(str(folder))))
    for folder in (trained, tmp_path / "output")
  )
  weights = [n for n in before if not modeling.TRAINING_STATE.search(n)]
  changed = {n for n in weights if (before[n] != after[n]).any()}
  assert changed == {"output_weights", "output_bias"}
  assert "bert/pooler/dense/kernel/adam_m" not in after


# A model's labels of a few texts: a long one in parts, one without a word, and
# damage.
ROWS = [
  '{"id": "a", "text": "Of BRCA1 and cancer. %s"}' % ("No fever was. " * 9),
  '{"id": "b", "text": " "}',
  '{"tex',
] + ['{"id": "%d", "text": "A cancer of %d mice."}' % (i, i) for i in range(30)]


@pytest.mark.once
def test_beam_labels_texts_as_one_machine_does(
  defaults, folders, trained, tmp_path, monkeypatch
):
  pytest.importorskip(
    "apache_beam", reason="Apache Beam (requirements-beam.txt) is not installed"
  )
  monkeypatch.setattr(labelling, "SHARD_BYTES", 600)
  monkeypatch.setattr(label_inputs, "BLOCK_PARTS", 4)
  monkeypatch.setattr(words, "PART_CHARACTERS", 40)
  for name in ("x.jsonl", "y.jsonl"):
    (tmp_path / name).write_text("\n".join(ROWS) + "\n")
  found = []
  for runner in (None, "DirectRunner"):
    output = tmp_path / str(runner)
    run(
      defaults,
      folders,
      bioalbert_dir=trained,
      output_dir=str(output),
      predict_file=str(tmp_path / "*.jsonl"),
      allow_incomplete=True,
      runner=runner,
    )
    found.append({p.name: p.read_text() for p in output.iterdir()})
  for files_written in found:
    files_written.pop("run_config.json")
    files_written.pop(".in_use", None)
  assert found[0].keys() == found[1].keys()
  for name in found[0]:
    if "manifest" not in name:
      assert found[0][name] == found[1][name], name
  assert len(found[0]) > 5
