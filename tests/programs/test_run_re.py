# SPDX-License-Identifier: Apache-2.0
"""Tests of run_re.py."""

import csv
import io
import os

import numpy as np
import pytest

from common.errors import InputError
from finetuning import marked_texts
import run_re
from tests.helpers import tiny
from tests.helpers.unlabelled_texts import parts_of
from training import batches

BIOBERT_TRAIN = "@GENE$ causes @DISEASE$.\t1\nNo @GENE$ in @DISEASE$.\t0\n"
BIOBERT_TEST = "index\tsentence\tlabel\n0\t@GENE$ and @DISEASE$.\t1\n"


def new_task(tokenizer, room=32, **options):
  options.setdefault("task_name", "gad")
  return run_re.Re(tokenizer, room, **options)


def read(tokenizer, text, split="train", **options):
  task = new_task(tokenizer, **options)
  return task.read(text.encode("utf-8"), "x.tsv", split)


def taught(tokenizer, sentences, **options):
  """Returns a task that learned sentences labelled 0 and 1 in turn."""
  task = new_task(tokenizer, **options)
  text = "".join("%s\t%d\n" % (s, i % 2) for i, s in enumerate(sentences))
  examples = task.read(text.encode("utf-8"), "x.tsv", "train")
  task.learned = task.learn(examples)
  return task, examples


@pytest.mark.parametrize(
  "text, expected",
  [
    (BIOBERT_TRAIN, ("1", "@GENE$ causes @DISEASE$.", "1")),
    (BIOBERT_TEST, ("0", "@GENE$ and @DISEASE$.", "1")),
    (
      "index\tsentence\tlabel\r\n9.T1.T2\t@CHEMICAL$ x @GENE$\tCPR:3\r\n",
      ("9.T1.T2", "@CHEMICAL$ x @GENE$", "CPR:3"),
    ),
    (
      "9.T1.T2\t@CHEMICAL$ x @GENE$\tfalse\n",
      ("9.T1.T2", "@CHEMICAL$ x @GENE$", "false"),
    ),
    (
      '{"sentence": "@GENE$ \\t @DISEASE$", "label": 1}\n',
      ("1", "@GENE$ \t @DISEASE$", "1"),
    ),
  ],
  ids=["biobert_train", "biobert_test", "blue", "blurb", "json_lines"],
)
def test_layouts_of_biobert_blue_and_blurb_are_recognized(
  tokenizer, text, expected
):
  example = read(tokenizer, text)[0]
  assert (example.id,) + example.texts + (example.gold,) == expected


def test_test_set_may_lack_labels(tokenizer):
  examples = read(tokenizer, "@GENE$ and @DISEASE$\n", "test")
  assert [e.gold for e in examples] == [None]
  header = "index\tsentence\n7\t@GENE$ and @DISEASE$\n"
  assert read(tokenizer, header, "test")[0].id == "7"


@pytest.mark.parametrize(
  "text, message",
  [
    ("index\tsentence\n0\ta\n", "x.tsv:1: .* expected also label"),
    ("a\n", "x.tsv:1: found 1 column, expected a header with"),
    ("a\t\n", "x.tsv:1: found no label"),
  ],
  ids=["no_label_column", "one_column", "no_label"],
)
def test_bad_training_files_are_rejected_with_the_line(
  tokenizer, text, message
):
  with pytest.raises(InputError, match=message):
    read(tokenizer, text)


def test_unseen_label_is_rejected_with_the_line(tokenizer):
  task, _ = taught(tokenizer, ["@GENE$ @DISEASE$"] * 2)
  (example,) = task.read(b"@GENE$ @DISEASE$\t2\n", "dev.tsv", "dev")
  with pytest.raises(InputError, match="dev.tsv:1: .* '2', expected .*: 0, 1"):
    task.encode(example, False)


@pytest.mark.parametrize(
  "options",
  [{"task_name": "chemprot"}, {"negative_label": "none"}],
  ids=["of_the_task", "of_the_flag"],
)
def test_training_set_without_the_negative_label_is_rejected(
  tokenizer, options
):
  with pytest.raises(InputError, match="x.tsv:1 and on: found the labels 0, 1"):
    taught(tokenizer, ["@GENE$ @DISEASE$"] * 2, **options)


@pytest.mark.parametrize(
  "task_name, labels, order",
  [
    ("gad", "1 0", "0 1"),
    ("chemprot", "cpr:9 false cpr:3", "cpr:3 cpr:9 false"),
    (
      "ddi",
      "DDI-false DDI-int DDI-mechanism DDI-advise DDI-effect",
      "DDI-advise DDI-effect DDI-int DDI-mechanism DDI-false",
    ),
    ("i2b2", "TrWP false PIP TeCP TrNAP", "PIP TeCP TrNAP TrWP false"),
  ],
)
def test_label_order_matches_biobert_and_blue(
  tokenizer, task_name, labels, order
):
  task = new_task(tokenizer, task_name=task_name)
  text = "".join("@A$ @B$\t%s\n" % label for label in labels.split())
  learned = task.learn(task.read(text.encode(), "x", "train"))
  assert learned["labels"] == order.split()


def test_rows_without_entity_marks_are_named_by_line(tokenizer, caplog):
  read(tokenizer, BIOBERT_TRAIN + "only @GENE$\t0\n@CHEM-GENE$\t1\n")
  assert "1 of 4 rows" in caplog.text and "x.tsv:3" in caplog.text


def test_generic_corpus_needs_no_marks(tokenizer, caplog):
  read(tokenizer, "plain\ta\n", task_name="generic")
  assert "rows" not in caplog.text


def encoded(task, sentence):
  """Returns the Encoded of an unlabelled sentence."""
  packed = task.encoder()(parts_of(task, sentence.encode("utf-8"), "x"))
  (found,) = batches.unpack(packed)
  return found


def ids_of(task, sentence):
  """Returns the piece ids of a sentence between [CLS] and [SEP]."""
  (features,) = encoded(task, sentence).features
  return list(features["input_ids"][1:-1])


def test_marks_as_is_are_tokenized_like_text(tokenizer):
  task, _ = taught(tokenizer, ["@GENE$ in @DISEASE$"] * 2)
  assert task.learned["entity_marks"] == "as_is"
  sentence = "5-@GENE$(6) in @DISEASE$"
  assert ids_of(task, sentence) == tokenizer.encode(sentence)


def test_marks_as_words_lose_their_signs(tokenizer):
  task, _ = taught(tokenizer, ["@drug_n$ @DRUG$"] * 2, entity_marks="words")
  expected = tokenizer.encode("the drug n and DRUG.")
  assert ids_of(task, "the @drug_n$ and @DRUG$.") == expected


def test_marks_as_tokens_are_single_pieces_that_no_text_has(tokenizer):
  task, _ = taught(
    tokenizer, ["@GENE$ in @DISEASE$", "the @gene$"], entity_marks="tokens"
  )
  mark_ids = task.learned["mark_ids"]
  assert sorted(mark_ids) == ["@disease$", "@gene$"]
  gene, disease = mark_ids["@gene$"], mark_ids["@disease$"]
  assert gene != disease
  used = set(tokenizer.encode("in the"))
  assert not used & {gene, disease}
  assert ids_of(task, "@GENE$ in @DISEASE$") == (
    [gene] + tokenizer.encode("in") + [disease]
  )
  borrowed = tokenizer.inv_vocab[gene].replace("\u2581", "")
  assert gene not in ids_of(task, borrowed + " @DISEASE$")


@pytest.mark.parametrize("entity_marks", ["as_is", "words", "tokens"])
def test_long_sentence_is_truncated_around_its_marks_and_counted(
  tokenizer, entity_marks
):
  far = "no " * 50
  sentence = far + "@GENE$ causes @DISEASE$ " + far
  task, _ = taught(
    tokenizer, [sentence] * 2, room=20, entity_marks=entity_marks
  )
  whole = ids_of(task, "@GENE$ causes @DISEASE$")
  cut = ids_of(task, sentence)
  assert encoded(task, sentence).truncated and len(cut) == 18
  at = [i for i in range(18) if cut[i : i + len(whole)] == whole]
  assert at and abs(at[0] - (18 - at[0] - len(whole))) <= 1


def test_marks_too_far_apart_are_both_kept(tokenizer):
  kept = marked_texts.cut_around(list(range(100)), (10, 90), 6)
  assert kept == [10, 11, 12, 87, 88, 89]


@pytest.mark.parametrize("size", range(2, 30))
def test_cut_around_fills_the_room_in_order(size):
  random = np.random.RandomState(size)
  first, end = sorted(random.randint(0, size + 1, 2))
  for room in range(1, size + 1):
    ids = marked_texts.cut_around(list(range(size)), (first, end), room)
    assert len(ids) == room == len(set(ids)) and ids == sorted(ids)


def probabilities(*rows):
  return [[{"probabilities": np.array(row, np.float32)}] for row in rows]


def test_predictions_are_written_for_biobert_and_for_readers(tokenizer):
  task, examples = taught(tokenizer, ["@GENE$ a @DISEASE$", "@GENE$ @DISEASE$"])
  outputs = probabilities([0.75, 0.25], [0.125, 0.875])
  scores, files = task.score(examples, outputs, "test")
  assert files["test_results.tsv"] == "0.75\t0.25\n0.125\t0.875\n"
  assert files["test_predictions.tsv"] == (
    "index\tsentence\tgold\tpredicted\tprobability\n"
    "1\t@GENE$ a @DISEASE$\t0\t0\t0.750000\n"
    "2\t@GENE$ @DISEASE$\t1\t1\t0.875000\n"
  )
  assert scores["f1"] == scores["specificity"] == 1.0
  assert not scores["collapsed"]
  assert "Confusion" in task.report(scores)


def test_sentences_without_gold_are_predicted_and_not_scored(tokenizer):
  task, _ = taught(tokenizer, ["@GENE$ @DISEASE$"] * 2)
  examples = task.read(b"@GENE$ of @DISEASE$\n", "x", "test")
  scores, files = task.score(examples, probabilities([0.5, 0.5]), "test")
  assert scores == {}
  assert "@DISEASE$\t\t0\t0.5" in files["test_predictions.tsv"]


def test_one_predicted_class_is_a_collapse(tokenizer, caplog):
  task, examples = taught(tokenizer, ["@GENE$ @DISEASE$"] * 4)
  scores, _ = task.score(examples, probabilities(*[[0.4, 0.6]] * 4), "dev")
  assert scores["collapsed"] and scores["specificity"] == 0.0
  assert "dev: collapse: each of the 4 predictions is '1'" in caplog.text


def test_class_absent_from_the_test_set_shifts_no_score(tokenizer):
  task = new_task(tokenizer, task_name="chemprot")
  task.learned = {
    "labels": ["CPR:3", "CPR:4", "false"],
    "entity_marks": "as_is",
  }
  text = b"1\t@CHEMICAL$ @GENE$\tCPR:4\n2\t@CHEMICAL$ @GENE$\tfalse\n"
  examples = task.read(text, "x", "test")
  scores, _ = task.score(examples, probabilities([0, 1, 0], [0, 0, 1]), "test")
  assert scores["f1"] == scores["macro_f1"] == 1.0
  assert "specificity" not in scores


def write_data(folder, sizes):
  """Writes sentences whose relation depends on one word."""
  os.makedirs(str(folder))
  random = np.random.RandomState(0)
  for name, size in sizes.items():
    lines = ["index\tsentence\tlabel"] if name == "test.tsv" else []
    for i in range(size):
      label = random.randint(2)
      word = ("lacks", "causes")[label]
      cells = ["in the %d patients @GENE$ %s @DISEASE$" % (i, word), str(label)]
      lines.append("\t".join([str(i)] * (name == "test.tsv") + cells))
    (folder / name).write_text("".join(line + "\n" for line in lines))


def test_unknown_pieces_of_marks_are_expected(tokenizer):
  task, _ = taught(tokenizer, ["@GENE$ in @DISEASE$"] * 2)
  sentence = "@GENE$ in @DISEASE$"
  unknown = ids_of(task, sentence).count(tokenizer.unk_id)
  assert encoded(task, sentence).expected_unknown == unknown == 2


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """Returns a folder with the output of a trivial corpus, and its results."""
  folder = tmp_path_factory.mktemp("relations")
  data = folder / "data"
  write_data(data, {"train.tsv": 64, "test.tsv": 16})
  return folder, tiny.run(
    run_re, folder, task_name="gad", data_dir=str(data), num_train_epochs=25.0
  )


def label(trained, tmp_path, **flags):
  """Labels new.tsv there; returns the text of the labels."""
  tiny.run(
    run_re,
    tmp_path,
    task_name="gad",
    bioalbert_dir=str(trained[0] / "output"),
    do_train=None,
    predict_file=str(tmp_path / "new.tsv"),
    **flags,
  )
  return (tmp_path / "output" / "new.predictions.tsv").read_text()


@pytest.mark.once
def test_trivial_corpus_is_learned_and_text_is_labelled(trained, tmp_path):
  results = trained[1]
  assert results["test"]["f1"] == results["test"]["specificity"] == 1.0
  text = "a\tin the 7 patients @GENE$ lacks @DISEASE$\n"
  (tmp_path / "new.tsv").write_text(text)
  (row,) = csv.DictReader(io.StringIO(label(trained, tmp_path)), delimiter="\t")
  assert row["id"] == "a" and row["label"] == "0"
  assert float(row["p(0)"]) == float(row["probability"]) > 0.5


@pytest.mark.once
def test_beam_labels_sentences_as_one_machine_does(trained, tmp_path):
  pytest.importorskip(
    "apache_beam", reason="Apache Beam (requirements-beam.txt) is not installed"
  )
  text = "%d\tin the %d patients @GENE$ lacks @DISEASE$\n"
  rows = [text % (i, i) for i in range(70)]
  (tmp_path / "new.tsv").write_text("".join(rows))
  found = label(trained, tmp_path)
  assert label(trained, tmp_path, runner="DirectRunner") == found
  assert len(found.splitlines()) == 71
