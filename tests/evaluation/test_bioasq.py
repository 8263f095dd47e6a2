# SPDX-License-Identifier: Apache-2.0
"""Tests of bioasq.py and scripts/bioasq_score.py."""

import json
import os
import subprocess
import sys

import pytest

from evaluation import bioasq
from formats import questions
from tests.helpers import REPO

PROGRAM = os.path.join(REPO, "scripts", "bioasq_score.py")
FIXTURES = os.path.join(REPO, "tests", "fixtures", "bioasq")
ZEROS = " ".join(["0.0"] * 10)

# Three questions of each type; the figures are worked out below.
GOLD = {
  "f1": ("factoid", [["Spermidine", "SPD"]]),
  "f2": ("factoid", [["FOXO3a"]]),
  "f3": ("factoid", [["20 years"]]),
  "l1": ("list", [["JAK1"], ["JAK2", "Janus kinase 2"], ["JAK3"]]),
  "l2": ("list", [["tibia"]]),
  "l3": ("list", [["a"], ["b"]]),
  "y1": ("yesno", "yes"),
  "y2": ("yesno", "yes"),
  "y3": ("yesno", "no"),
  "s1": ("summary", None),
}
ANSWERS = {
  "f1": [["spd"], ["FOXO3a"]],  # Right at once, whatever the case.
  "f2": [["x"], ["y"], ["foxo3A"]],  # Right at the third.
  "f3": [[" 20 years"], ["20"]],  # White space counts: never right.
  # Two of three found, and two of four right: P 1/2, R 2/3, F 4/7.
  "l1": [["janus kinase 2"], ["JAK1"], ["JAK2"], ["p53"]],
  "l2": [["Tibia"]],  # All 1.
  "l3": [["c"]],  # All 0.
  "y1": "Yes",
  "y2": "no",
  "y3": "No.",
}


def json_of(answers):
  """A file as BioASQ has it."""
  questions_ = [
    {"id": name, "type": kind, "exact_answer": answer}
    for name, (kind, answer) in answers.items()
  ]
  return json.dumps({"questions": questions_})


def load(path, submitted=False):
  with open(path, "rb") as f:
    return questions.parse_exact_answers(f.read(), path, submitted)


def untyped(answers):
  return {name: answer for name, (_, answer) in answers.items()}


@pytest.mark.parametrize("batch", ["4B1", "6B3"])
def test_scores_equal_those_of_the_official_measure(shared, batch):
  folder = os.path.join(shared, "data", "benchmarks", "QA", "BioASQ")
  gold = load(os.path.join(folder, batch + "_golden.json"))
  answers = load(os.path.join(FIXTURES, batch + "_system.json"), True)
  results = bioasq.scores(gold, untyped(answers))
  with open(os.path.join(FIXTURES, batch + "_expected.json")) as f:
    expected = json.load(f)
  assert bioasq.official_line(results) == expected["raw_output"]
  for name, value in expected["measures"].items():
    kind, _, figure = name.partition("_")
    figure = figure.replace("_accuracy", "")
    assert results[kind][figure] == pytest.approx(value, abs=1e-12)


def test_scores_equal_those_computed_by_hand():
  results = bioasq.scores(GOLD, ANSWERS)
  counts = dict(questions=3, answered=3)
  assert results["factoid"] == pytest.approx(
    dict(counts, strict=1 / 3, lenient=2 / 3, mrr=(1 + 1 / 3 + 0) / 3)
  )
  precision, recall, f1 = 1 / 2 + 1 + 0, 2 / 3 + 1 + 0, 4 / 7 + 1 + 0
  assert results["list"] == pytest.approx(
    dict(counts, precision=precision / 3, recall=recall / 3, f1=f1 / 3)
  )
  # Yes: one right of two, nothing else called yes: 2/3. No: one right, one
  # more called no: 2/3.
  figures = ("accuracy", "macro_f1", "f1_yes", "f1_no")
  assert results["yesno"] == pytest.approx(
    dict(counts, **dict.fromkeys(figures, 2 / 3))
  )


@pytest.mark.parametrize(
  "gold, answer, expected, reason",
  [
    ([["a"], ["b"]], [["a"], ["b"]], (1, 1, 1), "all of them"),
    ([["a"], ["b"]], [["b"], ["a"]], (1, 1, 1), "in any order"),
    ([["a"], ["b"]], [], (0, 0, 0), "nothing said"),
    ([["a"], ["b"]], None, (0, 0, 0), "not even nothing"),
    ([["a"], ["b"]], "a b", (0, 0, 0), "a string is no list"),
    ([["a", "b"]], [["a"], ["b"]], (1 / 2, 1, 2 / 3), "a synonym is a repeat"),
    ([["a"]], [["a"], ["A"]], (1 / 2, 1, 2 / 3), "so is the same again"),
    ([["a"]], [["x", "a"]], (0, 0, 0), "a system has no synonyms"),
    ([["a"], ["b"]], [["a"], []], (1 / 2, 1 / 2, 1 / 2), "an empty answer"),
    ([["a"], ["a", "b"]], [["a"]], (1, 1, 1), "a says both"),
    ([["a"], ["a"], ["a"]], [["a"]], (1, 1 / 2, 2 / 3), "but not three"),
    ([["a", "b"], ["a"]], [["a"], ["b"]], (1 / 2, 1, 2 / 3), "first one hit"),
  ],
)
def test_a_list_is_scored_by_the_official_rules(gold, answer, expected, reason):
  results = bioasq.scores({"q": ("list", gold)}, {"q": answer})["list"]
  found = tuple(results[name] for name in ("precision", "recall", "f1"))
  assert found == pytest.approx(expected), reason


@pytest.mark.parametrize(
  "answer, rank",
  [
    ([["a"]], 1),
    ([["A"]], 1),
    ([["x"], ["b"]], 2),
    ([["x"], ["y"], ["z"], ["u"], ["a"]], 5),
    ([["a "]], 0),
    ([["x", "a"]], 0),
    ([[], ["a"]], 2),
    ([], 0),
    (None, 0),
  ],
)
def test_the_first_right_answer_to_a_factoid_question_counts(answer, rank):
  gold = {"q": ("factoid", [["a", "B"]])}
  results = bioasq.scores(gold, {"q": answer})["factoid"]
  assert results["strict"] == (rank == 1)
  assert results["lenient"] == (rank > 0)
  assert results["mrr"] == (1 / rank if rank else 0)


@pytest.mark.parametrize(
  "answer, right",
  [("yes", 1), ("YES!", 1), ("no", 0), ("yes and no", 1), ("", 0), (None, 0)],
)
def test_yes_is_found_anywhere_in_a_string(answer, right):
  results = bioasq.scores({"q": ("yesno", "yes")}, {"q": answer})["yesno"]
  assert results["accuracy"] == results["f1_yes"] == right


def test_an_answer_that_is_neither_yes_nor_no_hurts_both_classes():
  gold = {"a": ("yesno", "yes"), "b": ("yesno", "no"), "c": ("yesno", "no")}
  results = bioasq.scores(gold, {"a": "yes", "b": "no", "c": "perhaps"})
  assert results["yesno"]["f1_yes"] == pytest.approx(2 / 3)
  assert results["yesno"]["f1_no"] == pytest.approx(2 / 3)


def test_a_question_without_an_answer_is_left_out_and_reported():
  answers = {name: a for name, a in ANSWERS.items() if name != "f3"}
  answers["z"] = [["x"]]
  results = bioasq.scores(GOLD, answers)["factoid"]
  assert (results["strict"], results["lenient"]) == (1 / 2, 1)
  assert (results["answered"], results["questions"]) == (2, 3)
  unanswered, unasked = bioasq.mismatches(GOLD, answers)
  assert unanswered.startswith("1 of 3 factoid questions have no answer")
  assert unanswered.endswith(": f3")
  assert unasked.startswith("1 of 9 answers") and unasked.endswith(": z")


def test_a_type_without_answers_scores_0_and_is_not_reported():
  answers = {name: ANSWERS[name] for name in ("f1", "f2", "f3")}
  results = bioasq.scores(GOLD, answers)
  line = bioasq.official_line(results).split()
  assert [float(x) > 0 for x in line] == [i in (1, 2, 3) for i in range(10)]
  assert bioasq.mismatches(GOLD, answers) == []
  assert bioasq.report(results).count("\n") == 1


def test_scores_without_questions_are_undefined_and_officially_0():
  results = bioasq.scores({}, {})
  assert bioasq.official_line(results) == ZEROS
  assert results["factoid"]["mrr"] is None
  assert results["factoid"]["undefined"]["mrr"].startswith("no question has a")


def test_the_f1_of_a_class_that_gold_lacks_is_undefined():
  gold = {"a": ("yesno", "yes"), "b": ("yesno", "yes")}
  results = bioasq.scores(gold, {"a": "yes", "b": "yes"})
  assert results["yesno"]["f1_no"] is None
  assert results["yesno"]["macro_f1"] == 0.5
  assert list(results["yesno"]["undefined"]) == ["f1_no"]
  assert "f1_no undefined" in bioasq.report(results)


def entries(*pairs):
  return [{"text": t, "probability": p} for t, p in pairs]


def test_equal_answers_add_up_whatever_their_case():
  pooled = bioasq.pool(
    [
      entries(("p53", 0.5), ("JAK", 0.25), ("", 0.125)),
      entries(("Jak", 0.375), ("x" * 101, 0.25), ("x" * 100, 0.0625)),
    ]
  )
  assert pooled == [("Jak", 0.625), ("p53", 0.5), ("x" * 100, 0.0625)]


def test_the_highest_probability_breaks_ties():
  pooled = bioasq.pool(
    [entries(("a", 0.25), ("b", 0.5)), entries(("a", 0.25), ("c", 0.5))]
  )
  assert [text for text, _ in pooled] == ["b", "c", "a"]


def test_each_type_of_question_has_its_form_of_answer():
  pooled = [("a", 0.75), ("b", 0.5)] + [(x, 0.125) for x in "cdef"]
  assert bioasq.exact_answer("factoid", pooled, 0.42) == [[x] for x in "abcde"]
  assert bioasq.exact_answer("list", pooled, 0.42) == [["a"], ["b"]]
  assert bioasq.exact_answer("list", pooled, 0.5) == [["a"], ["b"]]
  assert bioasq.exact_answer("list", pooled, 0.9) == [["a"]]
  assert bioasq.exact_answer("yesno", [("no", 1.25), ("yes", 0.75)], 0) == "no"
  assert bioasq.exact_answer("factoid", [], 0) == []
  assert bioasq.exact_answer("list", [], 0) == []


def test_pooling_gives_the_same_submission_as_biobert(shared):
  folder = os.path.join(shared, "data", "benchmarks", "QA", "sample_outputs")
  with open(os.path.join(folder, "4B1_nbest_predictions.json")) as f:
    n_bests = json.load(f)
  with open(os.path.join(folder, "4B1_BioASQform_BioASQ-answer.json")) as f:
    expected = json.load(f)
  pairs = [(name, questions.question_id(name)) for name in n_bests]
  groups = questions.by_question(pairs, n_bests.values())
  answers = {
    name: bioasq.exact_answer("factoid", bioasq.pool(group), 0)
    for name, group in groups.items()
  }
  assert bioasq.submission("factoid", answers) == expected


def run(*arguments):
  return subprocess.run(
    [sys.executable, PROGRAM] + [str(a) for a in arguments],
    capture_output=True,
    encoding="utf-8",
  )


def test_the_program_prints_the_official_line_first(tmp_path):
  (tmp_path / "gold.json").write_text(json_of(GOLD))
  answers = {name: (GOLD[name][0], ANSWERS[name]) for name in ANSWERS}
  del answers["y2"]
  (tmp_path / "answers.json").write_text(json_of(answers))
  result = run(tmp_path / "gold.json", tmp_path / "answers.json")
  lines = result.stdout.split("\n")
  assert lines[0] == bioasq.official_line(bioasq.scores(GOLD, untyped(answers)))
  assert lines[1] == (
    "yesno, 2 of 3 questions answered: accuracy 1.0000, macro_f1 1.0000, "
    "f1_yes 1.0000, f1_no 1.0000"
  )
  assert lines[2].startswith("factoid, 3 of 3") and lines[3].startswith("list")
  assert result.stderr.startswith("1 of 3 yesno questions have no answer")
  assert result.returncode == 0


def test_the_program_reports_an_error_in_one_line(tmp_path):
  gold = tmp_path / "gold.json"
  gold.write_text(json_of(GOLD))
  answers = tmp_path / "answers.json"
  answers.write_text(json_of({"f1": ("factoid", ["a", "b"])}))
  for arguments, message in (
    ((gold, answers), 'questions[0].exact_answer: found \'["a", "b"]\''),
    ((gold, tmp_path / "no.json"), "no.json: cannot be read (No such file"),
  ):
    result = run(*arguments)
    assert result.returncode == 1 and not result.stdout
    assert result.stderr.count("\n") == 1 and message in result.stderr
