# SPDX-License-Identifier: Apache-2.0
"""Tests of every program from a shell: help, runs from end to end, errors."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf

from evaluation import results
from formats import entity_files
from formats import streams
import run_ner
from tests import test_layering
from tests.helpers import REPO
from tests.helpers import tiny
from tests.helpers.programs import PUBLISHED
from tests.helpers.programs import QUICK
from tests.helpers.programs import kill_at
from tests.helpers.programs import run
from tests.helpers.programs import run_afresh
from tests.helpers.programs import squad
from tests.helpers.programs import stop_at
from tests.helpers.programs import variables
from tests.helpers.programs import write_corpus
from tests.helpers.programs import write_model
from tests.helpers.unlabelled_texts import documents_of

ALL_PROGRAMS = sorted(name + ".py" for name in test_layering.PROGRAMS)
ALL_PROGRAMS += sorted(test_layering.files_of("scripts"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """Runs the published command; returns its folders, command and log."""
  root = tmp_path_factory.mktemp("ner")
  folders = {n: root / n for n in ("model", "data", "output")}
  write_model(folders["model"])
  write_corpus(
    folders["data"], {"train.tsv": 80, "devel.tsv": 20, "test.tsv": 20}
  )
  command = PUBLISHED.format(**folders) + QUICK
  folders["command"] = command
  folders["log"] = run_afresh("run_ner.py", command)[1]
  return folders


def results_of(folder):
  return json.loads((folder / "results.json").read_text())


@pytest.mark.parametrize(
  "program, own",
  [
    ("run_ner.py", "predict_format"),
    ("run_re.py", "entity_marks"),
    ("run_sts.py", "predict_format"),
    ("run_nli.py", "predict_format"),
    ("run_dc.py", "tune_threshold"),
    ("run_qa.py", "golden_file"),
  ],
  ids=["ner", "re", "sts", "nli", "dc", "qa"],
)
def test_help_lists_the_flags_of_each_program(program, own):
  output, _ = run(program, "--help")
  for flag in ("bert_config_file", own, "do_train", "tpu_name"):
    assert "--%s:" % flag in output or "--[no]%s:" % flag in output
  assert "--verbosity" not in output


@pytest.mark.parametrize("flag", ["--help", "--no_such_flag=1"])
@pytest.mark.parametrize("program", ALL_PROGRAMS)
def test_help_and_wrong_flags_wait_for_no_library(program, flag):
  process = subprocess.run(
    [sys.executable, "-X", "importtime", os.path.join(REPO, program), flag],
    stdout=subprocess.DEVNULL,
    stderr=subprocess.PIPE,
    encoding="utf-8",
  )
  assert (process.returncode == 0) == (flag == "--help")
  names = {x.split("|")[-1].strip() for x in process.stderr.splitlines()}
  assert "common" in names and not names & {"numpy", "tensorflow"}


def test_published_command_learns_a_trivial_corpus(trained):
  test = results_of(trained["output"])["test"]
  assert test["f1"] == test["token_f1"] == 1.0
  assert sorted(test["types"]) == ["Disease", "Sign"]


def test_log_names_restored_and_new_variables(trained):
  log = trained["log"]
  assert "restored 25 variables" in log
  assert "new, with random weights: output_bias, output_weights" in log
  assert "not used: cls/predictions/output_bias (and 26 of its opt" in log
  assert "training from step 0 to 100, 10 per epoch" in log
  assert re.search(r"useful tokens/s, padding efficiency 0\.\d\d", log)


def test_log_holds_no_lines_of_tensorflow(trained):
  lines = trained["log"].split("\n")[:-1]
  strange = [x for x in lines if not re.match(r"\d\d:\d\d:\d\d ", x)]
  assert not strange


def test_conlleval_gives_the_written_file_the_same_scores(trained):
  path = trained["output"] / "NER_result_conll.txt"
  report = subprocess.run(
    [sys.executable, os.path.join(REPO, "scripts", "conlleval.py")],
    stdin=open(str(path), "rb"),
    stdout=subprocess.PIPE,
    encoding="utf-8",
  ).stdout
  test = results_of(trained["output"])["test"]
  assert "FB1: %6.2f" % (100 * test["f1"]) in report
  assert "found: %d phrases" % test["predicted"] in report


def test_best_checkpoint_is_kept_and_tested(trained):
  output = trained["output"]
  state = json.loads((output / "training_state.json").read_text())
  scores = dict(map(tuple, state["scores"]))
  assert sorted(scores) == list(range(20, 101, 20)) and state["finished"]
  best = min(s for s, v in scores.items() if v == max(scores.values()))
  assert results_of(output)["test"]["global_step"] == best
  assert (output / "model.ckpt-best.index").exists()


def test_output_folder_records_labels_flags_versions_and_scores(trained):
  output = trained["output"]
  assert (output / "labels.txt").read_text().split() == [
    "O",
    "B-Disease",
    "I-Disease",
    "B-Sign",
  ]
  config = json.loads((output / "run_config.json").read_text())
  assert config["flags"]["learning_rate"] == 3e-3
  assert config["versions"]["tensorflow"] == tf.__version__
  assert all(re.match("[0-9a-f]{64}$", h) for h in config["sha256"].values())
  for name in ("eval_results.txt", "test_results.txt"):
    lines = (output / name).read_text().split("\n")
    assert "f1 = 1.0" in lines and "types.Sign.recall = 1.0" in lines


def test_tensorboard_has_training_and_development_curves(trained):
  def tags(folder):
    found = {}
    for name in os.listdir(str(folder)):
      if "tfevents" in name:
        for event in tf.train.summary_iterator(str(folder / name)):
          for value in event.summary.value:
            found.setdefault(value.tag, []).append(event.step)
    return found

  assert {"loss", "learning_rate", "global_norm"} <= set(
    tags(trained["output"])
  )
  development = tags(trained["output"] / "eval")
  assert sorted(development["f1"]) == list(range(20, 101, 20))


def test_same_command_again_does_not_retrain(trained):
  before = results_of(trained["output"])
  _, log = run("run_ner.py", trained["command"])
  assert "training had already finished, at step 100" in log
  assert results_of(trained["output"]) == before


def test_other_flags_in_the_same_folder_are_rejected_by_name(trained):
  before = os.listdir(str(trained["output"]))
  _, log = run(
    "run_ner.py", trained["command"] + " --learning_rate=1e-5", code=1
  )
  assert "error: " in log and "another learning_rate (0.003, now 1e-05)" in log
  assert os.listdir(str(trained["output"])) == before


@pytest.mark.once
def test_a_run_killed_and_then_terminated_ends_as_one_without_a_break(
  trained, tmp_path
):
  command = trained["command"].replace(str(trained["output"]), str(tmp_path))
  kill_at("run_ner.py", command, "step 20: f1")
  saved = int(tf.train.latest_checkpoint(str(tmp_path)).split("-")[-1])
  log, code = stop_at("run_ner.py", command, " of 100 steps", signal.SIGTERM)
  assert "training from step %d to 100" % saved in log
  assert "restored 25 variables" not in log
  assert code == 143 and "Traceback" not in log
  said = re.search("(?m)^error: terminated; saved (.*); the same .*$", log)
  assert log.endswith(said.group() + "\n")
  step = int(said.group(1).split("-")[-1])
  assert said.group(1) == str(tmp_path / ("model.ckpt-%d" % step))
  assert saved < step < 100
  _, log = run("run_ner.py", command)
  assert "training from step %d to 100" % step in log
  for name in ("training_state.json", "results.json"):
    text = (trained["output"] / name).read_text()
    assert (tmp_path / name).read_text() == text.replace(
      str(trained["output"]), str(tmp_path)
    )
  ends = [folder / "model.ckpt-100" for folder in (trained["output"], tmp_path)]
  assert variables(ends[0]) == variables(ends[1])


TEXT = "no fe\u0301ver  the patients had lung cancer with Fever\nThe\n"


def predict(trained, tmp_path, name, text, form):
  """Labels a text with the trained model; returns the output folder."""
  (tmp_path / name).write_bytes(text.encode("utf-8"))
  tiny.run(
    run_ner,
    tmp_path,
    bioalbert_dir=str(trained["output"]),
    predict_file=str(tmp_path / name),
    output_dir=str(tmp_path / "out"),
    predict_format=form,
    predict_gzip=form == "pubtator",
    do_train=None,
  )
  return tmp_path / "out"


def test_entities_of_raw_text_keep_its_characters(trained, tmp_path):
  output = predict(trained, tmp_path, "notes.txt", TEXT, "jsonl")
  lines = (output / "notes.entities.jsonl").read_text("utf-8").split("\n")
  first, second = [json.loads(line) for line in lines[:-1]]
  assert [(e["text"], e["type"]) for e in first["entities"]] == [
    ("fe\u0301ver", "Sign"),
    ("lung cancer", "Disease"),
    ("Fever", "Sign"),
  ]
  for e in first["entities"]:
    assert first["text"][e["start"] : e["end"]] == e["text"]
    assert 0.5 < e["score"] <= 1
  assert second["entities"] == []
  page = (output / "notes.entities.html").read_text("utf-8")
  assert page.count("lung cancer") >= 1 and "http" not in page.split("<body")[1]


@pytest.mark.once
def test_pubtator_input_gives_compressed_pubtator_output(trained, tmp_path):
  text = "7|t|Lung cancer\n7|a|The patients had fever.\n"
  output = predict(trained, tmp_path, "x.pubtator", text, "pubtator")
  packed = (output / "x.entities.pubtator.gz").read_bytes()
  written = streams.unpacked(packed, "x")
  assert b"7\t0\t11\tLung cancer\tDisease" in written
  assert b"7\t29\t34\tfever\tSign" in written
  parsed = documents_of(packed, "x")
  assert parsed == documents_of(text.encode(), "x")


@pytest.mark.once
def test_json_lines_can_be_written_as_brat(trained, tmp_path):
  text = json.dumps({"id": "a/1", "text": "no fever"}) + "\n"
  output = predict(trained, tmp_path, "x.jsonl", text, "brat")
  stem = output / "x.entities.brat" / entity_files.brat_name("a/1")
  assert (stem.parent / (stem.name + ".txt")).read_text() == "no fever"
  assert (stem.parent / (stem.name + ".ann")).read_text() == (
    "T1\tSign 3 8\tfever\n"
  )


def test_training_folder_alone_is_enough_to_predict(trained, tmp_path):
  (tmp_path / "x.txt").write_text("no fever\n")
  _, log = run(
    "run_ner.py",
    "--predict_file=%s --output_dir=%s --max_seq_length=32"
    % (tmp_path / "x.txt", trained["output"]),
  )
  written = [
    "%s/x.entities.%s" % (trained["output"], e) for e in ("jsonl", "html")
  ]
  assert "x.txt: " + ", ".join(written) in log and "training from" not in log
  config = json.loads((trained["output"] / "run_config.json").read_text())
  # The record of the training stays.
  assert config["training"]["learning_rate"] == 3e-3


@pytest.mark.parametrize(
  "arguments, message",
  [
    ("--output_dir=x --learnin_rate=1", "learnin_rate"),
    ("--output_dir=x --cached_dir=y", "--cached_dir: features are kept in"),
    ("--output_dir=x --do_train true", "'true' is no flag"),
    ("--do_train", "error: --output_dir is not given; --help says"),
  ],
  ids=["unknown_flag", "flag_of_others", "boolean_value", "missing_flag"],
)
def test_wrong_command_lines_end_in_one_error_line(
  tmp_path, arguments, message
):
  output, log = run("run_ner.py", arguments, folder=tmp_path, code=1)
  assert log.startswith("error: ") and log.count("\n") == 1 and message in log
  assert not output and not os.listdir(str(tmp_path))


# Flags, files of the data set, expected scores in results.json (those of the
# report come first) and expected output files; `new.txt` is the --predict_file.
# Each test set has two classes, so that a score of 0 is not certain.
PROGRAMS = {
  "run_re.py": (
    "--task_name=GAD --do_lower_case=false",
    {
      "train.tsv": "@GENE$ in @DISEASE$\t1\nno @GENE$ in @DISEASE$\t0\n",
      "dev.tsv": "",
      "test.tsv": "index\tsentence\tlabel\n0\t@GENE$ of @DISEASE$\t1\n"
      "1\tno @GENE$ of @DISEASE$\t0\n",
      "new.txt": "@GENE$ @DISEASE$\n",
    },
    ["f1", "specificity", "confusion"],
    ["test_results.tsv", "test_predictions.tsv", "test_report.txt"],
  ),
  "run_sts.py": (
    "--task_name=biosses",
    {
      "train.tsv": "pair_id\tsent1\tsent2\tscore\n1\ta\tb\t4\n2\ta\tc\t0.5\n",
      "test.tsv": "pair_id\tsent1\tsent2\tscore\n1\ta\tb\t3\n2\tc\td\t1\n",
      "new.txt": "a\tb\n",
    },
    ["pearson", "spearman", "mse"],
    ["test_results.tsv", "test_predictions.tsv"],
  ),
  "run_nli.py": (
    "",
    {
      "train.tsv": "a\tb\tneutral\na\tc\tentailment\n",
      "test.tsv": "a\tb\tneutral\nb\tc\tentailment\n",
      "new.txt": "a\tb\n",
    },
    ["accuracy", "classes"],
    ["test_results.tsv", "test_predictions.tsv", "test_report.txt"],
  ),
  "run_dc.py": (
    "--task_name=hoc",
    {
      "train.tsv": "0_1,1_0\ta\t7_s0\n0_0,1_1\tb\t8_s0\n",
      "test.tsv": "labels\tsentence\tindex\n0_1,1_0\ta\t9_s0\n"
      "0_1,1_1\tb\t9_s1\n0_0,1_1\tb\t10_s0\n",
      "new.txt": "a\n",
    },
    ["f1", "example_f1", "classes"],
    ["test_predictions.tsv", "test_documents.tsv", "test_report.txt"],
  ),
  "run_qa.py": (
    "--max_query_length=8 --doc_stride=4 --train_file={data}/train.json",
    {
      "train.json": squad(("q_000", "no fever in the lung", "lung")),
      "new.txt": squad(("q_000", "fever of the lung", "lung")),
    },
    ["mrr", "strict", "lenient"],
    [
      "predictions.json",
      "nbest_predictions.json",
      "BioASQform_BioASQ-answer.json",
    ],
  ),
}


def counted(folder, family, metric):
  """Returns the number of examples that the report reads in results."""
  (found,) = results.find(str(folder / "results"))
  outcomes = results.outcomes(found, family, metric)
  assert len(outcomes.examples) == len(outcomes.sums)
  return len(outcomes.sums)


# run_sts.py, run_nli.py and run_dc.py differ from run_re.py in what they read
# and write only.
@pytest.mark.parametrize(
  "program",
  [
    "run_re.py",
    "run_qa.py",
    "run_sts.py",
    "run_nli.py",
    "run_dc.py",
  ],
)
@pytest.mark.once
def test_program_trains_scores_and_predicts_in_one_command(
  trained, tmp_path, program
):
  given, files, scores, written = PROGRAMS[program]
  data = tmp_path / "data"
  data.mkdir()
  for name, text in files.items():
    (data / name).write_text(text)
  output = tmp_path / "results" / "set" / "tiny" / "seed-1"
  command = (
    "--bioalbert_dir={model} --data_dir={data} --output_dir={output} "
    "--do_train=true --do_predict=true --predict_file={data}/new.txt "
    "--train_step=1 --max_seq_length=32 " + given
  ).format(model=trained["model"], data=data, output=output)
  _, log = run(program, command)
  assert "Traceback" not in log and "tensorflow/" not in log
  assert set(scores) <= set(results_of(output)["test"])
  if program != "run_qa.py":  # There --predict_file is the test set.
    written = written + ["new.predictions.tsv"]
    family = program[len("run_") : -len(".py")].upper()
    # Two sentences, or two documents.
    assert counted(tmp_path, family, scores[0]) == 2
  for name in written:
    assert (output / name).stat().st_size


def test_the_report_reads_the_output_of_entity_recognition(trained, tmp_path):
  shutil.copytree(
    str(trained["output"]),
    str(tmp_path / "results" / "set" / "tiny" / "seed-1"),
  )
  assert counted(tmp_path, "NER", "f1") == 20


@pytest.mark.parametrize("flag", ["--list", "--help"])
def test_closed_pipe_causes_no_traceback(flag):
  process = subprocess.Popen(
    [sys.executable, os.path.join(REPO, "prepare_data.py"), flag],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  )
  process.stdout.close()
  assert process.stderr.read() == b""
  assert process.wait() == 1
