# SPDX-License-Identifier: Apache-2.0
"""Runs are read; damaged ones are rejected.

programs/test_programs.py reads what most programs write.
"""

import json

import pytest

from common.errors import InputError
from evaluation import results
import run_qa
from tests.helpers import invented_results as invented
from tests.helpers import programs
from tests.helpers import tiny

QUESTIONS = {"q1": [["a"]], "q2": [["b"], ["c"]]}


def outcomes(root, family, metric):
  (run,) = results.find(str(root))
  return results.outcomes(run, family, metric)


def test_runs_are_sorted_by_number(tmp_path):
  for name in ("seed-10", "seed-2", "fold-3-seed-1"):
    invented.write_run(tmp_path, "GAD/small/" + name, invented.f1(0.5))
  runs = results.find(str(tmp_path))
  assert [run.name for run in runs] == ["fold-3-seed-1", "seed-2", "seed-10"]
  assert {(run.data_set, run.model) for run in runs} == {("GAD", "small")}
  assert [run.scores["f1"] for run in runs] == [0.5] * 3


@pytest.mark.parametrize(
  "name, task, kind",
  [
    ("yesno-seed-1", "bioasq-yesno", "yesno"),
    ("list-seed-1", "x", "list"),  # Its results.json may be damaged.
    ("seed-1", "bioasq-factoid", "factoid"),
    ("seed-1", "hoc", ""),
  ],
)
def test_the_type_of_questions_is_in_the_name_or_the_task(
  tmp_path, name, task, kind
):
  invented.write_run(
    tmp_path, "bioasq-4b/small/" + name, {"f1": 0.5}, task_name=task
  )
  assert [run.kind for run in results.find(str(tmp_path))] == [kind]


@pytest.mark.parametrize(
  "text, problem",
  [
    ('{"test": {"f1": 0.', "damaged JSON"),
    ("", "damaged JSON"),
    ("[1]", "found [1], expected an object"),
    ('{"dev": {"f1": 0.5}}', "no scores of a test set"),
    ('{"test": null}', "found null under test, expected an object"),
    (b"\xff\xfe\x00", "UTF-16"),
    (None, "no such file"),
  ],
)
def test_a_damaged_run_keeps_its_problem(tmp_path, text, problem):
  invented.write_run(tmp_path, "GAD/small/seed-1", invented.f1(0.5))
  folder = invented.write_run(tmp_path, "GAD/small/seed-2", {})
  path = folder / "results.json"
  if text is None:
    path.unlink()
  else:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
  whole, damaged = results.find(str(tmp_path))
  assert whole.problem is None and damaged.scores == {}
  assert str(path) in damaged.problem and problem in damaged.problem
  assert "\n" not in damaged.problem


def test_a_name_with_a_line_feed_is_rejected(tmp_path):
  invented.write_run(tmp_path, "GAD/a\nb/seed-1", invented.f1(0.5))
  with pytest.raises(InputError, match="found a folder with a line feed"):
    results.find(str(tmp_path))


def test_a_folder_without_scores_is_rejected(tmp_path):
  with pytest.raises(InputError, match="found no run, expected folders"):
    results.find(str(tmp_path))
  with pytest.raises(InputError, match="no such folder"):
    results.find(str(tmp_path / "nowhere"))
  folder = invented.write_run(tmp_path, "GAD/small/seed-1", {})
  (folder / "results.json").write_text("{")
  with pytest.raises(InputError, match="none of its 1 runs has scores; the fi"):
    results.find(str(tmp_path))


@pytest.mark.parametrize("value", ["0.5", None, True, float("nan"), [0.5]])
def test_only_finite_numbers_are_scores(tmp_path, value):
  invented.write_run(tmp_path, "GAD/small/seed-1", {"f1": value, "x": 0.5})
  (run,) = results.find(str(tmp_path))
  assert results.figure(run, "f1") is None
  assert results.figure(run, "x") == 0.5


def test_classes_and_confusions_are_combined_over_runs(tmp_path):
  for i, predicted in enumerate((["1", "0"], ["1", "1"])):
    invented.write_classes(
      tmp_path, "GAD/small/seed-%d" % i, ["1", "0"], predicted, ["0", "1"], "0"
    )
  runs = results.find(str(tmp_path))
  classes = results.classes(runs)
  means = dict(precision=0.75, recall=1, f1=(1 + 2 / 3) / 2)
  totals = dict(gold=2, predicted=3, correct=2)
  assert classes["1"] == pytest.approx(dict(means, **totals))
  confusion = {"0": {"0": 1, "1": 1}, "1": {"0": 0, "1": 2}}
  assert results.confusion(runs) == confusion


def test_the_entities_of_each_sentence_are_counted(tmp_path):
  gold = [["B-X", "I-X", "O"], ["O", "B-X"], ["O"]]
  predicted = [["B-X", "O", "O"], ["O", "B-X"], ["O"]]
  invented.write_ner(tmp_path, "JNLPBA/small/seed-1", gold, predicted)
  found = outcomes(tmp_path, "NER", "f1")
  assert found.sums.tolist() == [[1, 1, 0], [1, 1, 1], [0, 0, 0]]
  assert len(set(found.examples)) == 3


@pytest.mark.parametrize("negative", ["none", "a", "b"])
def test_the_negative_label_is_not_counted(tmp_path, negative):
  gold = ["a", "a", "b", "none", "none", "none", "b"]
  predicted = ["a", "none", "a", "none", "a", "none", "b"]
  labels = ["a", "b", "none"]
  invented.write_classes(
    tmp_path, "ChemProt/small/seed-1", gold, predicted, labels, negative
  )
  sums = outcomes(tmp_path, "RE", "f1").sums
  assert sums[:, 0].tolist() == [label != negative for label in gold]
  assert sums[:, 1].tolist() == [label != negative for label in predicted]


def test_a_run_without_a_negative_label_is_rejected(tmp_path):
  folder = invented.write_classes(
    tmp_path, "GAD/small/seed-1", ["1", "0"], ["1", "1"], ["0", "1"], "0"
  )
  damaged = json.loads((folder / "results.json").read_text())
  del damaged["test"]["negative"]
  (folder / "results.json").write_text(json.dumps(damaged))
  with pytest.raises(InputError, match='without the "negative" label'):
    outcomes(tmp_path, "RE", "f1")


def test_the_labels_of_each_document_are_counted(tmp_path):
  invented.write_documents(
    tmp_path,
    "HoC/small/seed-1",
    [{"a", "b"}, set()],
    [{"b"}, {"a"}],
    ["a", "b"],
  )
  found = outcomes(tmp_path, "DC", "f1")
  assert found.sums.tolist() == [[2, 1, 1], [0, 1, 0]]


def test_the_questions_of_all_batches_are_read(tmp_path):
  answers = {"q1": [["x"], ["A"]], "q2": [["c"]]}
  batches = [
    (QUESTIONS, answers),
    ({"q3": [["d"]], "q4": [["e"]]}, {"q3": [["d"]]}),  # q4 is not answered.
  ]
  invented.write_questions(
    tmp_path, "bioasq-4b/small/factoid-seed-1", "factoid", batches
  )
  found = outcomes(tmp_path, "QA", "mrr")
  assert [name for name, _ in found.examples] == ["q1", "q2", "q3"]
  assert found.sums.tolist() == [[0.5, 1], [1, 1], [1, 1]]


def test_predictions_of_another_run_are_rejected(tmp_path):
  folder = invented.write_classes(
    tmp_path, "GAD/x/seed-1", ["1", "0", "0"], ["1", "1", "0"], ["0", "1"], "0"
  )
  path = folder / "test_predictions.tsv"
  path.write_text(path.read_text().replace("\t1\t0.5", "\t0\t0.5"))
  with pytest.raises(InputError, match="its results.json has"):
    outcomes(tmp_path, "RE", "f1")


def test_an_error_names_the_damaged_line_of_words(tmp_path):
  folder = invented.write_ner(tmp_path, "JNLPBA/small/seed-1", [["B"]], [["B"]])
  (folder / "NER_result_conll.txt").write_text("w B B\n\nw B\n")
  with pytest.raises(InputError, match=r"conll.txt:3: found 'w B', expected"):
    outcomes(tmp_path, "NER", "f1")


def test_predictions_without_an_example_are_rejected(tmp_path):
  folder = invented.write_ner(tmp_path, "JNLPBA/small/seed-1", [["B"]], [["B"]])
  (folder / "NER_result_conll.txt").write_text("")
  with pytest.raises(InputError, match="seed-1: found no test example"):
    outcomes(tmp_path, "NER", "f1")


def test_an_error_names_missing_predictions_and_gold_answers(tmp_path):
  folder = invented.write_questions(
    tmp_path,
    "bioasq-4b/small/factoid-seed-1",
    "factoid",
    [(QUESTIONS, {"q1": [["a"]]})],
  )
  next(tmp_path.glob("golden-*")).unlink()
  with pytest.raises(InputError, match="golden-1-.*cannot be read"):
    outcomes(tmp_path, "QA", "mrr")
  (folder / "batch-1" / "BioASQform_BioASQ-answer.json").unlink()
  with pytest.raises(InputError, match="answer.json: cannot be read"):
    outcomes(tmp_path, "QA", "mrr")


@pytest.mark.once
def test_the_output_of_run_qa_is_read(tmp_path):
  data = tmp_path / "data"
  data.mkdir()
  (data / "train.json").write_text(
    programs.squad(("q_000", "no fever in it", "fever"))
  )
  (data / "test.json").write_text(
    programs.squad(
      ("q_000", "fever of the lung", "lung"),
      ("q_001", "no lung and no fever", "lung"),
    )
  )
  tiny.run(
    run_qa,
    tmp_path,
    data_dir=str(data),
    test_file=str(data / "test.json"),
    output_dir=str(tmp_path / "results" / "set" / "tiny" / "seed-1"),
    do_predict=True,
    train_step=3,
    max_query_length=8,
    doc_stride=4,
  )
  found = outcomes(tmp_path / "results", "QA", "mrr")
  assert len(found.examples) == len(found.sums) == 1
