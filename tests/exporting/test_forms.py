# SPDX-License-Identifier: Apache-2.0
"""Tests of forms.py and scripts/export.py with a model of every task."""

import hashlib
import json
import os
import shutil
from unittest import mock

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import saved_model_pb2

from common import processes
from common.errors import InputError
from exporting import forms
from exporting import model_folders
from exporting import transformers_check
from exporting import transformers_files
import run_dc
import run_ner
import run_qa
import run_re
import run_sts
from tests.helpers import REPO
from tests.helpers import programs
from tests.helpers import tiny
from tests.helpers import transformers_model
from training import saved_models

SMALL = os.path.join(REPO, "models", "bioalbert-small")
TASKS = {
  "ner": (run_ner, "no\tO\nfever\tB-Sign\n\nlung\tB-Disease\n", {}),
  "re": (
    run_re,
    "@GENE$ causes @DISEASE$.\t1\nNo @GENE$ in @DISEASE$.\t0\n",
    {"task_name": "gad", "entity_marks": "words"},
  ),
  "sts": (
    run_sts,
    "index\tsentence1\tsentence2\tscore\n0\tfever\tlung\t1\n1\tno\tno\t4\n",
    {"task_name": "biosses"},
  ),
  "dc": (run_dc, "no fever\ta,b\nlung\tb\n", {"task_name": "generic"}),
  "qa": (
    run_qa,
    programs.squad(("q_000", "no fever in the lung", "lung")),
    {"max_query_length": 8, "doc_stride": 4},
  ),
}


def export(form, folder, target, version=1, check=True):
  """Exports the model in a folder, or imports it from transformers."""
  target = forms.Target(str(target), version, check)
  if form == "checkpoint":
    forms.import_transformers(str(folder), target)
  else:
    forms.export_model(form, model_folders.load(str(folder)), target)


class Models(dict):
  """{task: folder of a model}, fine-tuned for two steps when first needed."""

  def __init__(self, root):
    super().__init__(pretrained=SMALL)
    self._root = root

  def __missing__(self, task):
    program, text, flags = TASKS[task]
    folder = self._root / task
    folder.mkdir()
    (folder / "train").write_text(text)
    test = {"test_file": str(folder / "train")} if task == "re" else {}
    tiny.run(
      program,
      folder,
      train_file=str(folder / "train"),
      train_step=2,
      **dict(flags, **test),
    )
    self[task] = str(folder / "output")
    return self[task]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
  return Models(tmp_path_factory.mktemp("models"))


EVERY = pytest.mark.parametrize(
  "task",
  ["ner", "pretrained"]
  + [
    pytest.param(t, marks=pytest.mark.once) for t in sorted(TASKS) if t != "ner"
  ],
)
NEEDS_TRANSFORMERS = pytest.mark.skipif(
  bool(transformers_check.missing_packages()),
  reason="needs requirements-export.txt",
)


# ---------------------------------------------------------------- a SavedModel


@EVERY
def test_a_saved_model_takes_any_batch_and_uses_portable_operations(
  models, tmp_path, task
):
  # The check computes everything twice more; test_serving_client.py compares
  # the values of the other tasks with those of the programs.
  check = task in ("ner", "pretrained", "qa")
  export("saved_model", models[task], tmp_path / "x", check=check)
  folder = str(tmp_path / "x" / "1")
  assert os.listdir(str(tmp_path)) == ["x"]
  source = model_folders.load(models[task])
  outputs = saved_models.SavedModel(folder)(
    {name: np.ones([3, 5], np.int32) for name in model_folders.FEATURES}
  )
  assert {len(x) for x in outputs.values()} == {3}
  with open(os.path.join(folder, "saved_model.pb"), "rb") as f:
    (graph,) = saved_model_pb2.SavedModel.FromString(f.read()).meta_graphs
  operations = {node.op for node in graph.graph_def.node}
  assert "MatMul" in operations
  assert not [op for op in operations if op.startswith(("_Mkl", "Xla", "_Fus"))]
  assert not operations & {"PartitionedCall", "StatefulPartitionedCall"}
  extra = os.listdir(os.path.join(folder, "assets.extra"))
  assert {"README.md", "albert_config.json"} <= set(extra)
  assert ("labels.txt" in extra) == bool(source.labels)


@pytest.mark.once("tf1")
def test_a_saved_model_predicts_as_the_program_does(models, tmp_path):
  export("saved_model", models["re"], tmp_path / "x", check=False)
  tokenizer = model_folders.load(models["re"]).tokenizer
  task = run_re.Re(tokenizer, 32, task_name="gad")
  task.learned = json.loads(read(models["re"], "task.json"))
  text = TASKS["re"][1].encode()
  examples = task.read(text, "x", "test")
  expected = np.loadtxt(os.path.join(models["re"], "test_results.tsv"))
  for example, row in zip(examples, expected):
    (features,) = task.encode(example, False).features
    batch = {n: features[n][np.newaxis] for n in model_folders.FEATURES}
    found = saved_models.SavedModel(str(tmp_path / "x" / "1"))(batch)
    np.testing.assert_allclose(found["probabilities"][0], row, atol=1e-5)


def read(folder, name):
  with open(os.path.join(str(folder), name), encoding="utf-8") as f:
    return f.read()


@pytest.mark.once
def test_versions_share_a_folder_with_nothing_else(models, tmp_path):
  for version in (1, 2):
    export("saved_model", models["sts"], tmp_path, version, check=False)
    if version == 1:
      (tmp_path / "2.partial-1").mkdir()  # A killed export left it.
  model_folders.remove_leftovers(str(tmp_path))
  assert sorted(os.listdir(str(tmp_path))) == ["1", "2"]
  with pytest.raises(InputError, match="already exists"):
    export("saved_model", models["sts"], tmp_path, version=2)
  (tmp_path / "notes.txt").write_text("x")
  with pytest.raises(InputError, match="already exists"):
    export("saved_model", models["sts"], tmp_path, version=3)
  assert sorted(os.listdir(str(tmp_path))) == ["1", "2", "notes.txt"]


@pytest.mark.once
@pytest.mark.parametrize("form", ["saved_model", "folder"])
def test_an_export_that_computes_something_else_is_not_written(
  models, tmp_path, form
):
  with mock.patch.object(forms, "SAME_TOLERANCE", -1.0):
    with pytest.raises(InputError, match="expected at most -1; nothing was"):
      export(form, models["sts"], tmp_path / "x")
  assert not os.listdir(str(tmp_path))


def test_nan_never_equals_nan():
  nan = {"x": np.array([np.nan])}
  with pytest.raises(InputError, match="x differs by nan"):
    forms.compare(nan, nan, "a and b", 1.0)


# ---------------------------------------------------------------- transformers


@pytest.mark.once
@EVERY
def test_converting_there_and_back_restores_the_model(models, tmp_path, task):
  # What both checks compare takes longer than the conversion.
  check = task == "ner"
  export("transformers", models[task], tmp_path / "theirs", check=check)
  config = json.loads(read(tmp_path / "theirs", "config.json"))
  source = model_folders.load(models[task])
  (name,) = config["architectures"]
  assert name == transformers_files.CLASSES[source.head]
  assert len(config.get("id2label", ())) == (
    1 if task == "sts" else len(source.labels)
  )
  export("checkpoint", tmp_path / "theirs", tmp_path / "ours", check=check)
  back = model_folders.load(str(tmp_path / "ours"))
  assert (back.task, back.learned) == (source.task, source.learned)
  expected = model_folders.read_weights(source)
  found = model_folders.read_weights(back, step=True)
  assert sorted(found) == sorted(expected)
  assert all(np.array_equal(found[n], expected[n]) for n in expected)
  ids = [model_folders.sample_batch(s)["input_ids"] for s in (source, back)]
  np.testing.assert_array_equal(*ids)


@pytest.mark.once
def test_the_card_explains_marks_unknown_to_their_tokenizer(models, tmp_path):
  export("transformers", models["re"], tmp_path / "x", check=False)
  assert "`gene` for `@GENE$`" in read(tmp_path / "x", "README.md")


@NEEDS_TRANSFORMERS
@EVERY
def test_transformers_computes_the_same_outputs(models, tmp_path, task):
  compared = []
  compare = forms.compare

  def remember(expected, found, what, tolerance):
    compared.append((sorted(found), tolerance))
    compare(expected, found, what, tolerance)

  with mock.patch.object(forms, "compare", remember):
    export("transformers", models[task], tmp_path / "x")
  names = ["pooled_output", "sequence_output"] + {
    "sts": ["value"],
    "qa": ["end_logits", "start_logits"],
    "pretrained": ["masked_lm_logits", "sentence_order_logits"],
  }.get(task, ["logits"])
  assert compared == [(sorted(names), 1e-4)]
  source = model_folders.load(models[task])
  theirs = transformers_check.piece_ids(
    str(tmp_path / "x"), model_folders.TEXTS
  )
  assert theirs == [source.tokenizer.encode(t) for t in model_folders.TEXTS]


@NEEDS_TRANSFORMERS
def test_a_model_saved_by_transformers_is_imported(tmp_path):
  """In groups of blocks, and also as pytorch_model.bin."""
  folder = tmp_path / "theirs"
  processes.call_apart(transformers_model.save, str(folder))
  shutil.copy(
    os.path.join(SMALL, "pubmed-8k.model"), str(folder / "spiece.model")
  )
  export("checkpoint", folder, tmp_path / "a")
  os.remove(str(folder / "model.safetensors"))
  (folder / "other" / "pytorch_model.bin").rename(folder / "pytorch_model.bin")
  export("checkpoint", folder, tmp_path / "b")
  a, b = (model_folders.load(str(tmp_path / n)) for n in "ab")
  assert a.head == "pretraining"
  batch = model_folders.sample_batch(a)
  first, second = (model_folders.compute(source, batch) for source in (a, b))
  assert all(np.array_equal(first[n], second[n]) for n in first)


def test_weights_of_another_config_are_an_error(models, tmp_path):
  folder = tmp_path / "theirs"
  export("transformers", models["ner"], folder, check=False)
  config = json.loads(read(folder, "config.json"))
  config["intermediate_size"] = 128
  (folder / "config.json").write_text(json.dumps(config))
  with pytest.raises(
    InputError, match=r"has shape \[64\], expected \[128\] as in the config"
  ):
    export("checkpoint", folder, tmp_path / "x")
  assert os.listdir(str(tmp_path)) == ["theirs"]


# ---------------------------------------------------------- a folder to share


def test_a_folder_has_no_training_state(models, tmp_path):
  export("folder", models["ner"], tmp_path / "x", check=False)
  folder = tmp_path / "x"
  assert sorted(os.listdir(str(folder))) == [
    "30k-clean.model",
    "README.md",
    "SHA256SUMS",
    "albert_config.json",
    "labels.txt",
    "model.ckpt-best.data-00000-of-00001",
    "model.ckpt-best.index",
    "run_config.json",
    "task.json",
  ]
  names = set(model_folders.load(str(folder)).labels)
  assert names == {"O", "B-Sign", "B-Disease"}
  shapes = tf.train.load_checkpoint(
    str(folder / "model.ckpt-best")
  ).get_variable_to_shape_map()
  assert "global_step" in shapes and not [n for n in shapes if "adam" in n]
  config = read(folder, "run_config.json")
  assert os.path.dirname(models["ner"]) not in config
  assert json.loads(config)["training"]["train_step"] == 2
  assert "run_ner.py --task_name=NER --max_seq_length=32" in read(
    folder, "README.md"
  )


@pytest.mark.once
def test_an_exported_folder_predicts_as_the_original(models, tmp_path):
  export("folder", models["dc"], tmp_path / "x", check=False)
  (tmp_path / "new.txt").write_text("no fever in the lung\n")
  tables = []
  for folder in (models["dc"], str(tmp_path / "x")):
    output = tmp_path / ("from_" + os.path.basename(folder))
    tiny.run(
      run_dc,
      tmp_path,
      task_name="generic",
      bioalbert_dir=folder,
      output_dir=str(output),
      predict_file=str(tmp_path / "new.txt"),
      do_train=None,
    )
    tables.append(read(output, "new.predictions.tsv"))
  assert tables[0] == tables[1] and tables[0].count("\n") == 2


@pytest.mark.once
def test_an_exported_folder_can_be_exported_again(models, tmp_path):
  export("folder", models["dc"], tmp_path / "x", check=False)
  export("folder", tmp_path / "x", tmp_path / "y", check=False)
  assert model_folders.load(str(tmp_path / "y")).task == "dc"
  first, second = (read(tmp_path / n, "README.md").split("\n") for n in "xy")
  assert first[1:] == second[1:]  # The title is the folder's name.


# ----------------------------------------------------------------- the program


def program(arguments, folder, code=0):
  return programs.run("scripts/export.py", arguments, folder, code)


def test_the_program_exports_and_logs_its_check(models, tmp_path):
  command = "--bioalbert_dir=%s --format=folder --output_dir=x" % models["ner"]
  _, log = program(command, tmp_path)
  assert "check: max absolute difference 0.0e+00" in log
  assert "MB; exported: 0.9" in log and "written: x" in log
  assert "tensorflow/" not in log
  sums = read(tmp_path / "x", "SHA256SUMS").splitlines()
  assert len(sums) == 8
  for line in sums:
    digest, name = line.split("  ")
    data = (tmp_path / "x" / name).read_bytes()
    assert hashlib.sha256(data).hexdigest() == digest, name


def test_help_explains_formats_and_flags(tmp_path):
  output, _ = program("--help", tmp_path)
  assert "TensorFlow Serving" in output and "--eval_checkpoint:" in output


@pytest.mark.parametrize(
  "arguments, message",
  [
    ("--format=checkpoint", "--format=checkpoint needs --from"),
    ("--format=saved_model", "--format=saved_model needs --bioalbert_dir"),
    ("--format=folder --bioalbert_dir=nowhere", "nowhere: no such folder"),
  ],
)
def test_an_error_is_one_line_and_writes_nothing(tmp_path, arguments, message):
  output, log = program(arguments + " --output_dir=x", tmp_path, code=1)
  assert log.startswith("error: ") and log.count("\n") == 1 and message in log
  assert not output and not os.listdir(str(tmp_path))
