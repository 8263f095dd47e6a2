# SPDX-License-Identifier: Apache-2.0
"""Tests of run_dc.py."""

import json
import os

import numpy as np
import pytest

from common.errors import InputError
from formats import label_sets
import run_dc
from tests.helpers import tiny
from tests.helpers.unlabelled_texts import parts_of
from tests.helpers.unlabelled_texts import written

ASPECTS = ",".join("%d_%d" % (i, i in (2, 8)) for i in range(10))
NONE = ",".join("%d_0" % i for i in range(10))
ENERGETICS, SIGNALING = label_sets.HALLMARKS[2], label_sets.HALLMARKS[8]
# BLUE's create_hoc.py names one column more than it writes.
BLUE = (
  "index\tsentence1\tsentence2\tlabel\n"
  "5_s0\tCells grow.\t%s,%s\n5_s1\tNone.\t\n" % (ENERGETICS, SIGNALING)
)


def read(text, split="train", task_name="generic"):
  task = run_dc.Dc(None, 32, task_name=task_name)
  return task.read(text.encode("utf-8"), "x.tsv", split)


def rows_of(text, **options):
  return [
    (e.id, e.texts[0], sorted(run_dc.labels_of(e)))
    for e in read(text, **options)
  ]


@pytest.mark.parametrize(
  "text",
  [
    "labels\tsentence\tindex\n%s\tCells grow.\t5_s0\n%s\tNone.\t5_s1\n"
    % (ASPECTS, NONE),
    "%s\tCells grow.\t5_s0\n%s\tNone.\t5_s1\n" % (ASPECTS, NONE),
    "5_s0\tCells grow.\t%s\n5_s1\tNone.\t%s\n" % (ASPECTS, NONE),
    BLUE,
    BLUE.replace("sentence2\t", ""),
    BLUE.replace("\n", "\r\n"),
    BLUE[BLUE.index("\n") + 1 :],
    "%s , %s\tCells grow.\t5_s0\n\tNone.\t5_s1\n" % (SIGNALING, ENERGETICS),
    "index\tyear\t%s\ttext\t%s\n5_s0\t1999\t1\tCells grow.\t1\n"
    "5_s1\t2001\t0\tNone.\t0\n" % (SIGNALING, ENERGETICS),
    '{"id": "5_s0", "text": "Cells grow.", "labels": "%s"}\n'
    '{"id": "5_s1", "text": "None.", "labels": ""}\n' % ASPECTS,
  ],
  ids=[
    "aspects_first",
    "aspects_without_header",
    "aspects_last",
    "blue",
    "blue_with_fitting_header",
    "blue_with_windows_line_ends",
    "blue_without_header",
    "names_first",
    "a_column_per_label",
    "json_lines",
  ],
)
def test_every_notation_of_labels_is_read_alike(text):
  assert rows_of(text, task_name="hoc") == [
    ("5_s0", "Cells grow.", [ENERGETICS, SIGNALING]),
    ("5_s1", "None.", []),
  ]


def test_rows_without_an_id_use_their_line_number():
  assert rows_of("Cells grow.\tb, a\nNone.\t\n") == [
    ("1", "Cells grow.", ["a", "b"]),
    ("2", "None.", []),
  ]
  assert rows_of("0_1,1_0\tCells grow.\n") == [("1", "Cells grow.", ["0"])]


def test_aspects_are_numbered_unless_they_are_the_ten_hallmarks():
  assert rows_of("x\t%s\n" % ASPECTS) == [("1", "x", ["2", "8"])]
  assert rows_of("x\t0_0,1_1\n", task_name="hoc") == [("1", "x", ["1"])]


def test_test_set_may_lack_labels():
  for text in ("Cells grow.\n", "index\tsentence\n1\tCells grow.\n"):
    assert [e.gold for e in read(text, "test")] == [None]


@pytest.mark.parametrize(
  "text, message",
  [
    ("index\tsentence\n1\tx\n", "x.tsv:2: found no labels, expected a column"),
    ("index\tlabels\n1\ta\n", "x.tsv:1: .* expected also sentence/text"),
    ("x\t0_1,1_2\n", "x.tsv:1: found the labels '0_1,1_2', expected aspects"),
    ("x\t0_1,a\n", "x.tsv:1: found the labels '0_1,a', expected aspects"),
    ("text\ta\nx\t1\ny\t2\n", "x.tsv:3: found '2' under a, expected 0 or 1"),
    ("text\ta\nx\t1\ny\t\n", "x.tsv:3: found no a, expected one in every row"),
    ('{"text": "x", "labels": "a"}\n{"text": "y"}\n', "x.tsv:2: found no lab"),
  ],
)
def test_bad_training_files_are_rejected_with_the_line(text, message):
  with pytest.raises(InputError, match=message):
    read(text)


def test_partly_labelled_test_set_is_rejected():
  text = '{"text": "x", "labels": "a"}\n{"text": "y"}\n'
  with pytest.raises(InputError, match="x.tsv:2: found no labels"):
    read(text, "test")


def task_of(labels, tokenizer=None, **options):
  task = run_dc.Dc(tokenizer, 32, **options)
  task.learned = {"labels": labels}
  return task


def test_labels_sort_by_name_and_aspects_by_number():
  task = run_dc.Dc(None, 32)
  assert task.learn(read("x\tb,c\ny\ta\n")) == {"labels": ["a", "b", "c"]}
  aspects = ",".join("%d_1" % i for i in range(12))
  learned = task.learn(read("x\t%s\n" % aspects))
  assert learned["labels"] == [str(i) for i in range(12)]


def test_balanced_weights_are_texts_without_a_label_per_text_with_it():
  task = run_dc.Dc(None, 32)
  task.asked_weights = "balanced"
  learned = task.learn(read("w\ta,b\nx\tb\ny\tb\nz\tb\n"))
  assert learned["class_weights"] == {"a": 3, "b": 1}  # All texts have b.


def test_training_set_without_any_label_is_rejected():
  with pytest.raises(InputError, match="x.tsv:2: found no label in this row"):
    run_dc.Dc(None, 32).learn(read("text\tlabels\nx\t\ny\t\n"))


@pytest.mark.parametrize(
  "text, message",
  [
    ("x\ta\ny\ta,c\n", "x.tsv:2: .* 'c', expected .* training set's: a, b"),
    ("text\ta\nx\t1\ny\t0\n", "x.tsv:3: found no 0 or 1 for the label 'b'"),
  ],
  ids=["unknown_label", "missing_column"],
)
def test_labels_unlike_the_training_set_are_rejected(tokenizer, text, message):
  task = task_of(["a", "b"], tokenizer)
  first, second = read(text, "dev")
  assert task.encode(first, True).features[0]["gold"].tolist() == [1, 0]
  with pytest.raises(InputError, match=message):
    task.encode(second, True)


def test_windows_of_a_long_text_cover_every_piece(tokenizer):
  task = task_of(["a", "b"], tokenizer)
  text = " ".join("p%d grows" % i for i in range(60))
  (example,) = read(text + "\tb\n")
  windows, truncated, *_ = task.encode(example, False)
  assert len(windows) > 3 and not truncated
  ids, covered = tokenizer.encode(text), []
  for window in windows:
    assert len(window["input_ids"]) == 32
    assert window["gold"].tolist() == [0, 1]
    assert window["gold"].dtype == np.float32
    piece_ids = window["input_ids"].tolist()[1:-1]
    shared = next(
      n for n in range(30, -1, -1) if covered[-n or 30 :] == piece_ids[:n]
    )
    assert shared >= 10 or not covered
    covered += piece_ids[shared:]
  assert covered == ids


def test_text_without_pieces_is_one_empty_input(tokenizer):
  task = task_of(["a"], tokenizer)
  (example,) = parts_of(task, b'{"text": "\\u200b"}\n', "x.jsonl")
  (window,) = task.encode(example, False).features
  assert window["input_ids"].tolist() == [tokenizer.cls_id, tokenizer.sep_id]
  assert window["gold"].tolist() == [0]


@pytest.mark.parametrize(
  "data",
  [
    "7|t|Cells.\n7|a|They grow.\n",
    "pmid\ttitle\tabstract\n7\tCells.\tThey grow.\n",
    '[{"pmid": 7, "title": "Cells.", "abstract": "They grow."}]',
    "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>7</PMID><Article>"
    "<ArticleTitle>Cells.</ArticleTitle><Abstract><AbstractText>They grow."
    "</AbstractText></Abstract></Article></MedlineCitation></PubmedArticle>"
    "</PubmedArticleSet>",
    "id,text\n7,Cells. They grow.\n",
    "7\tCells. They grow.\n",
  ],
)
def test_abstracts_to_classify_are_read_from_what_people_have(data, tokenizer):
  task = task_of(["a"], tokenizer)
  (example,) = parts_of(task, data.encode(), "x")
  assert (example.id, example.texts) == ("7", ("Cells. They grow.",))


@pytest.mark.parametrize(
  "text",
  [
    "7_s0\tA long cell grows.\ta,b\n7_s1\tNone.\t\n",
    "0_1,1_0\tA long cell grows.\t7_s0\n0_0,1_0\tNone.\t7_s1\n",
    "7_s0\tA long cell grows.\t['a']\n7_s1\tNone.\t[]\n",
  ],
)
def test_labels_of_texts_to_label_are_left_aside(text):
  examples = parts_of(task_of(["a", "b"]), text.encode(), "x.tsv")
  assert [(e.id, e.texts, e.gold) for e in examples] == [
    ("7_s0", ("A long cell grows.",), None),
    ("7_s1", ("None.",), None),
  ]


def test_sentences_of_a_document_are_held_out_together():
  examples = read("1_s0\tx\ta\n1_s1\ty\ta\n2_s0\tz\ta\n")
  assert list(map(run_dc.Dc(None, 32).group, examples)) == ["1", "1", "2"]


def outputs_of(*rows):
  """Returns outputs for rows of probabilities; a list has several windows."""
  return [
    [
      {"probabilities": np.array(p, np.float32)}
      for p in (row if isinstance(row, list) else [row])
    ]
    for row in rows
  ]


FOUR = "1_s0\tx\ta\n1_s1\ty\t\n2_s0\tz\tb\n3_s0\tw\t\n"


def test_document_labels_join_those_of_its_sentences_and_windows():
  task = task_of(["a", "b"])
  outputs = outputs_of((0.1, 0.2), [(0.0, 0.9), (0.6, 0.1)], (0.2, 0.5), (0, 0))
  scores, files = task.score(read(FOUR, "test"), outputs, "test")
  assert files["test_documents.tsv"].split("\n")[:4] == [
    "index\tgold\tpredicted\tp(a)\tp(b)",
    "1\ta\ta,b\t0.600000\t0.900000",
    "2\tb\tb\t0.200000\t0.500000",
    "3\t\t\t0.000000\t0.000000",
  ]
  assert files["test_predictions.tsv"].split("\n")[:3] == [
    "index\tsentence\tgold\tpredicted\tp(a)\tp(b)",
    "1_s0\tx\ta\t\t0.100000\t0.200000",
    "1_s1\ty\t\ta,b\t0.600000\t0.900000",
  ]
  assert files["test_results.tsv"].split("\n")[1] == "0.60000002\t0.89999998"
  assert scores["precision"] == pytest.approx(2 / 3) and scores["recall"] == 1
  assert scores["example_precision"] == pytest.approx((0.5 + 1 + 1) / 3)
  assert scores["documents_without_label"] == 1 and scores["documents"] == 3
  assert scores["threshold"] == "0.5" and "untuned_f1" not in scores
  assert "Threshold: 0.5" in task.report(scores)


def test_test_set_without_labels_is_predicted_and_not_scored():
  task = task_of(["a"])
  scores, files = task.score(read("x\n", "test"), outputs_of((0.7,)), "test")
  assert not scores
  assert files["test_documents.tsv"].endswith("1\t\ta\t0.700000\n")


# 0.3 separates the documents with and without a; 0.5 does so for b.
TUNING = [(0.4, 0.1), (0.1, 0.1), (0.2, 0.9), (0.1, 0.2)]


def test_thresholds_are_tuned_on_the_development_set_and_kept():
  task = task_of(["a", "b"], tune_threshold=True)
  outputs = outputs_of(*TUNING)
  task.learned.update(task.calibrate(read(FOUR, "dev"), outputs))
  scores, _ = task.score(read(FOUR, "dev"), outputs, "dev")
  assert scores["thresholds"]["b"] == 0.5
  assert scores["thresholds"]["a"] == pytest.approx(0.3)
  assert scores["threshold"] == "tuned on the development set"
  assert scores["f1"] == 1 and scores["untuned_f1"] == pytest.approx(2 / 3)
  assert "0.3000 a" in task.report(scores)

  later = run_dc.Dc(None, 32)
  later.learned = json.loads(json.dumps(task.learned))
  assert later.calibrate(read(FOUR, "dev"), outputs) == {}
  scores, _ = later.score(read(FOUR, "test"), outputs, "test")
  assert scores["f1"] == 1
  examples = parts_of(later, b"x\n", "x")
  assert "x\ta\t0.4" in written(later, examples, outputs[:1])
  later.tune_threshold = False
  scores, _ = later.score(read(FOUR, "test"), outputs, "test")
  assert scores["f1"] == pytest.approx(2 / 3) and scores["threshold"] == "0.5"


def test_scores_name_the_threshold_if_nothing_was_tuned():
  task = task_of(["a", "b"], tune_threshold=True)
  scores, _ = task.score(read(FOUR, "test"), outputs_of(*TUNING), "test")
  assert scores["threshold"] == "0.5 (no development set was tuned on)"
  assert set(scores["thresholds"].values()) == {0.5}


def test_model_that_predicts_no_label_is_collapsed(caplog):
  caplog.set_level("WARNING")  # Whatever level a test before this one set.
  task = task_of(["a", "b"])
  low = outputs_of(*[(0.1, 0.1)] * 4)
  scores, _ = task.score(read(FOUR, "test"), low, "test")
  assert scores["collapsed"] and "test: collapse" in caplog.text
  caplog.clear()
  scores, _ = task.score(read("x\t\n", "test"), low[:1], "test")
  assert not scores["collapsed"] and not caplog.text


# Texts of one word and their labels.
SAYS = {"no": "", "fever": "Sign", "cancer": "Disease", "lung": "Disease,Sign"}


def write_corpus(folder, sizes):
  """Writes documents of three sentences in BLURB's layout."""
  os.makedirs(str(folder))
  random = np.random.RandomState(0)
  for name, size in sizes.items():
    lines = ["labels\tsentence\tindex"]
    for i in range(size):
      word = sorted(SAYS)[random.randint(4)]
      lines.append("%s\t%s\t%d_s%d" % (SAYS[word], word, i // 3, i))
    (folder / name).write_text("\n".join(lines) + "\n")


@pytest.mark.once
def test_trivial_corpus_is_learned_and_text_is_labelled(tmp_path):
  data = tmp_path / "data"
  write_corpus(data, {"train.tsv": 64, "dev.tsv": 12, "test.tsv": 12})
  results = tiny.run(
    run_dc,
    tmp_path,
    task_name="generic",
    data_dir=str(data),
    do_eval=True,
    tune_threshold=True,
    save_checkpoints_steps=80,
    num_train_epochs=10.0,
  )
  assert results["dev"]["f1"] == results["test"]["f1"] == 1.0
  assert results["test"]["example_f1"] == results["test"]["untuned_f1"] == 1.0
  (tmp_path / "x.jsonl").write_text(
    '{"id": "n", "text": "fever"}\n{"text": "lung"}\n'
  )
  tiny.run(  # Training is finished; the thresholds stay.
    run_dc,
    tmp_path,
    task_name="generic",
    data_dir=str(data),
    num_train_epochs=10.0,
    do_predict=False,
    predict_file=str(tmp_path / "x.jsonl"),
    predict_format="jsonl",
  )
  kept = json.loads((tmp_path / "output" / "task.json").read_text())
  assert kept["thresholds"] == results["dev"]["thresholds"]
  lines = (tmp_path / "output" / "x.predictions.jsonl").read_text().split("\n")
  first, second = [json.loads(line) for line in lines[:-1]]
  assert (first["id"], first["labels"]) == ("n", "Sign")
  assert (second["id"], second["labels"]) == ("2", "Disease,Sign")
  assert 0 <= first["p(Disease)"] < 0.5 < first["p(Sign)"] <= 1


def test_tuning_needs_a_development_set(tmp_path):
  with pytest.raises(InputError, match="--tune_threshold needs --do_eval"):
    tiny.run(run_dc, tmp_path, task_name="hoc", tune_threshold=True)
