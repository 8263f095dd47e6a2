# SPDX-License-Identifier: Apache-2.0
"""Tests of run_sts.py."""

import os

import numpy as np
import pytest

from common.errors import InputError
import run_sts
from tests.helpers import tiny
from tests.helpers.unlabelled_texts import parts_of


def new_task(highest=4.0):
  return run_sts.Sts(None, 32, "tsv", highest)


def read(text, split="train", highest=4.0):
  (example,) = new_task(highest).read(text.encode("utf-8"), "x.tsv", split)
  return (example.id,) + example.texts + (example.gold,)


@pytest.mark.parametrize(
  "text, name",
  [
    ('pair_id\tsent1\tsent2\tscore\n7\ta "b\tc\t3.5\n', "7"),
    (
      "index\tgenre\tyear\told_index\tsentence1\tsentence2\tscore\n"
      '7\tx\t1\t0\ta "b\tc\t3.5\n',
      "7",
    ),
    ('a "b\tc\t3.5\n', "1"),
  ],
  ids=["blurb", "glue", "n2c2"],
)
def test_layouts_of_blurb_glue_and_n2c2_are_read_alike(text, name):
  assert read(text) == (name, 'a "b', "c", 3.5)


def test_test_set_may_lack_scores():
  assert read("a\tb\n", "test") == ("1", "a", "b", None)
  assert read("index\tsentence1\tsentence2\n4\ta\tb\n", "test")[0] == "4"


@pytest.mark.parametrize(
  "score, highest",
  [("4", 4.0), ("0", 4.0), ("4.5", 5.0)],
)
def test_scores_within_the_scale_are_read(score, highest):
  text = "a\tb\t%s\n" % score
  assert read(text, "dev", highest)[-1] == float(score)


@pytest.mark.parametrize(
  "score, highest",
  [("4.5", 4.0), ("5.01", 5.0), ("-0.5", 5.0), ("nan", 5.0), ("high", 5.0)],
)
def test_scores_outside_the_scale_are_rejected_with_the_line(score, highest):
  text = "a\tb\t1\nc\td\t%s\n" % score
  expected = "x.tsv:2: found the score '%s', .* from 0 to %g" % (score, highest)
  with pytest.raises(InputError, match=expected):
    new_task(highest).read(text.encode(), "x.tsv", "dev")


def test_correlation_covers_the_whole_file_and_predictions_keep_texts():
  task = new_task()
  examples = task.read(b"a\tb\t0\nc\td\t4\ne\tf\t1\n", "x", "test")
  outputs = [[{"value": np.float32(v)}] for v in (0.5, 3.0, 1.0)]
  scores, files = task.score(examples, outputs, "test")
  expected = np.corrcoef([0, 4, 1], [0.5, 3.0, 1.0])[0, 1]
  np.testing.assert_allclose(scores["pearson"], expected)
  assert list(scores) == ["pearson", "spearman", "mse"]
  assert files["test_results.tsv"] == "0.5\n3\n1\n"
  assert files["test_predictions.tsv"].split("\n")[:2] == [
    "index\tsentence1\tsentence2\tgold\tpredicted",
    "1\ta\tb\t0.000000\t0.500000",
  ]


def test_pairs_without_gold_are_predicted_and_not_scored():
  task = new_task()
  examples = task.read(b"a\tb\n", "x", "test")
  scores, files = task.score(examples, [[{"value": np.float32(2)}]], "test")
  assert scores == {} and files["test_results.tsv"] == "2\n"


def test_scores_of_pairs_to_label_are_left_aside():
  text = b"Patient denies fever.\tNo fever was seen.\t4.0\nA b.\tC d.\t0.5\n"
  examples = parts_of(new_task(), text, "x.tsv")
  assert [(e.id, e.texts[1]) for e in examples] == [
    ("1", "No fever was seen."),
    ("2", "C d."),
  ]


@pytest.mark.once
def test_trivial_corpus_is_learned_and_pairs_are_scored(tmp_path):
  random = np.random.RandomState(0)
  data = tmp_path / "data"
  os.makedirs(str(data))
  for name, size in (("train", 64), ("dev", 12), ("test", 12)):
    lines = ["pair_id\tsent1\tsent2\tscore"]
    for i in range(size):
      same = random.randint(2)
      second = ("no", "the")[same]
      lines.append("%d\tfever\t%s\t%d" % (i, second, same))
    (data / (name + ".tsv")).write_text("\n".join(lines) + "\n")
  results = tiny.run(
    run_sts,
    tmp_path,
    task_name="biosses",
    data_dir=str(data),
    do_eval=True,
    save_checkpoints_steps=120,
    num_train_epochs=30.0,
  )
  assert results["test"]["pearson"] > 0.99
  # The gold has ties, the predictions none.
  assert results["test"]["spearman"] > 0.8
  (tmp_path / "new.tsv").write_text("fever\tthe\n")
  tiny.run(
    run_sts,
    tmp_path,
    task_name="biosses",
    bioalbert_dir=str(tmp_path / "output"),
    do_train=None,
    predict_file=str(tmp_path / "new.tsv"),
    predict_format="jsonl",
  )
  text = (tmp_path / "output" / "new.predictions.jsonl").read_text()
  value = float(text.split('"value": ')[1].rstrip("}\n"))
  assert text.startswith('{"id": "1", "sentence1": "fever"')
  assert 0.8 < value < 1.2
