# SPDX-License-Identifier: Apache-2.0
"""Cells, BLURB scores and comparisons, against scores computed by hand."""

import os

import pytest

from common.errors import InputError
from evaluation import results
from evaluation import scoreboard
from tests.helpers import invented_results as invented

LABELS = ["0", "1"]
HEAD = "data_set,metric,model,value,batch,source,note\n"


def board_of(root, published=(), models=None):
  runs = results.find(str(root))
  models = scoreboard.choose_models(runs, models)
  return scoreboard.Board(runs, models, dict(published))


def published(**values):
  """{key: Published} of NCBI-disease's F1."""
  return {
    ("NCBI-disease", "f1", model): scoreboard.Published(value, "s", "")
    for model, value in values.items()
  }


def test_a_cell_is_the_mean_and_deviation_of_its_runs(tmp_path):
  for seed, value in ((1, 0.80), (2, 0.82), (3, 0.87)):
    invented.write_run(tmp_path, "gad/small/seed-%d" % seed, invented.f1(value))
  cell = board_of(tmp_path).cells["GAD", "f1", "small"]
  assert cell.mean == pytest.approx(0.83)
  assert cell.deviation == pytest.approx(0.0013**0.5)  # (9 + 1 + 16) / 2
  assert (cell.n, cell.expected) == (3, 3)


def test_a_damaged_run_counts_as_missing(tmp_path):
  invented.write_run(tmp_path, "gad/small/seed-1", invented.f1(0.8))
  folder = invented.write_run(tmp_path, "gad/small/seed-2", invented.f1(0.4))
  (folder / "results.json").write_text('{"test": {"f1"')
  board = board_of(tmp_path)
  assert board.cells["GAD", "f1", "small"][:4] == (0.8, None, 1, 2)
  (problem,) = board.problems
  assert "seed-2/results.json:1:15: damaged JSON" in problem


def test_only_rows_with_a_score_are_there(tmp_path):
  invented.write_run(tmp_path, "gad/small/seed-1", invented.f1(0.8))
  invented.write_run(tmp_path, "ddi/small/seed-1", invented.f1(0.7))
  (invented.write_run(tmp_path, "hoc/small/seed-1", {})).joinpath(
    "results.json"
  ).write_text("{")
  board = board_of(tmp_path)
  rows = [(row.data_set.name, row.metric) for row in board.rows]
  assert rows == [("DDI", "f1"), ("GAD", "f1")]
  assert [d.name for d in board.data_sets] == ["DDI", "GAD", "HoC"]
  not_run = board.not_run()
  assert {"HoC", "MedNLI", "BioASQ 4b"} < set(not_run) and "GAD" not in not_run


def test_rows_are_in_the_order_of_the_benchmark(tmp_path):
  for name in ("hoc", "gad", "bc2gm", "ncbi-disease"):
    invented.write_run(tmp_path, name + "/small/seed-1", {"f1": 0.8})
  names = [row.data_set.name for row in board_of(tmp_path).rows]
  assert names == ["NCBI-disease", "BC2GM", "GAD", "HoC"]


def test_only_published_models_with_a_score_in_a_row_are_there(tmp_path):
  invented.write_run(tmp_path, "ncbi-disease/small/seed-1", invented.f1(0.8))
  other = {("GAD", "f1", "z"): scoreboard.Published(0.9, "s", "")}
  board = board_of(tmp_path, {**published(x=0.9), **other})
  assert board.comparators == ["x"]


def test_a_type_of_questions_without_runs_is_named(tmp_path):
  place = "bioasq-5b/small/list-seed-1"
  invented.write_run(tmp_path, place, {"f1": 0.3}, "run_qa.py")
  not_run = board_of(tmp_path).not_run()
  assert [n for n in not_run if "5b" in n] == [
    "BioASQ 5b factoid",
    "BioASQ 5b yes/no",
  ]


def test_a_folder_may_have_another_usual_name(tmp_path):
  invented.write_run(tmp_path, "NCBI_disease/small/seed-1", invented.f1(0.8))
  board = board_of(tmp_path)
  assert board.cells["NCBI-disease", "f1", "small"].mean == 0.8
  assert len(board.data_sets) == 1


def test_one_folder_holds_questions_of_several_types(tmp_path):
  for name, test in (
    ("factoid-seed-1", {"strict": 0.25, "lenient": 0.75, "mrr": 0.5}),
    ("yesno-seed-1", {"accuracy": 0.9}),
    ("list-seed-1", {"f1": 0.3}),
  ):
    invented.write_run(tmp_path, "bioasq-5b/small/" + name, test, "run_qa.py")
  cells = board_of(tmp_path).cells
  assert cells["BioASQ 5b factoid", "lenient", "small"].mean == 0.75
  assert cells["BioASQ 5b yes/no", "accuracy", "small"].mean == 0.9
  assert cells["BioASQ 5b list", "f1", "small"].mean == 0.3


@pytest.mark.parametrize(
  "program, name, family, metric",
  [
    ("run_ner.py", "seed-1", "NER", "f1"),
    ("run_sts.py", "seed-1", "STS", "pearson"),
    ("run_qa.py", "seed-1", "QA", "exact"),
    ("run_qa.py", "yesno-seed-1", "QA", "accuracy"),
  ],
)
def test_another_data_set_gets_the_row_of_its_program(
  tmp_path, program, name, family, metric
):
  invented.write_run(tmp_path, "mine/small/" + name, {metric: 0.6}, program)
  board = board_of(tmp_path)
  (row,) = board.rows
  assert row.data_set.family == family
  key = (row.data_set.name, metric, "small")
  assert board.cells[key].mean == 0.6


def test_another_data_set_of_an_unknown_program_is_reported(tmp_path):
  invented.write_run(tmp_path, "gad/small/seed-1", invented.f1(0.8))
  invented.write_run(tmp_path, "mine/small/seed-1", invented.f1(0.8), "x.py")
  (problem,) = board_of(tmp_path).problems
  assert problem.startswith("mine: found a data set outside the benchmark")


def test_two_folders_of_one_data_set_are_rejected(tmp_path):
  for name in ("GAD", "gad"):
    invented.write_run(tmp_path, name + "/small/seed-1", invented.f1(0.8))
  with pytest.raises(InputError, match="GAD: found the folders GAD and gad"):
    board_of(tmp_path)


def test_models_are_chosen_by_name_and_in_order(tmp_path):
  for model in ("a", "b", "c"):
    invented.write_run(tmp_path, "gad/%s/seed-1" % model, invented.f1(0.8))
  assert board_of(tmp_path).models == ["a", "b", "c"]
  assert board_of(tmp_path, models=["c", "a"]).models == ["c", "a"]
  with pytest.raises(InputError, match="d: no such model .* some of a, b, c"):
    board_of(tmp_path, models=["d"])


def test_scores_that_are_shown_as_equal_tie(tmp_path):
  for model, value in (("a", 0.8), ("b", 0.90001)):
    invented.write_run(
      tmp_path, "ncbi-disease/%s/seed-1" % model, invented.f1(value)
    )
  board = board_of(tmp_path, published(x=0.9, y=0.85))
  row = board.rows[0]
  assert row.data_set.name == "NCBI-disease"
  assert board.best(row, ["a", "b", "x", "y"]) == ["b", "x"]
  assert board.best(row, ["x", "y"]) == ["x"] and board.best(row, ["x"]) == []


def test_the_blurb_score_is_the_mean_of_families(tmp_path):
  scores = {
    "bc5cdr-chem": {"f1": 0.90},
    "bc5cdr-disease": {"f1": 0.80},
    "ncbi-disease": {"f1": 0.85},
    "bc2gm": {"f1": 0.80},
    "jnlpba": {"f1": 0.75},  # Entities: 0.82
    "chemprot": {"f1": 0.70},
    "ddi": {"f1": 0.80, "macro_f1": 0.1},
    "gad": {"f1": 0.90},  # Relations: 0.80
    "biosses": {"pearson": 0.90},  # Similarity: 0.90
    "hoc": {"f1": 0.76, "example_f1": 0.1},  # Documents: 0.76
    "linnaeus": {"f1": 0.1},  # Not of BLURB, nor are the next two.
    "mednli": {"accuracy": 0.1},
  }
  for name, test in scores.items():
    invented.write_run(tmp_path, name + "/small/seed-1", test)
  invented.write_run(
    tmp_path, "bioasq-4b/small/yesno-seed-1", {"accuracy": 0.1}
  )
  score = board_of(tmp_path).blurb("small")
  assert score.value == pytest.approx((0.82 + 0.80 + 0.90 + 0.76) / 4)
  assert score.missing == ["BioASQ 7b yes/no"] and len(score.used) == 10
  families = board_of(tmp_path).blurb_families("small")
  values = {name: family.value for name, family in families.items()}
  assert values.pop("QA") is None
  assert values == pytest.approx(dict(NER=0.82, RE=0.80, STS=0.90, DC=0.76))
  invented.write_run(
    tmp_path, "bioasq-7b/small/yesno-seed-1", {"accuracy": 1.0}
  )
  score = board_of(tmp_path).blurb("small")
  assert score.value == pytest.approx((0.82 + 0.80 + 0.90 + 0.76 + 1.0) / 5)
  assert score.missing == []
  assert scoreboard.blurb_elsewhere() == ["EBM PICO", "PubMedQA"]


def test_a_blurb_score_without_a_data_set_is_none(tmp_path):
  invented.write_run(tmp_path, "linnaeus/small/seed-1", invented.f1(0.8))
  score = board_of(tmp_path).blurb("small")
  assert score.value is None and score.used == []


def test_published_scores_become_fractions_and_batches_a_mean():
  text = HEAD + (
    "GAD,f1,x,82.36,,here,\n"
    "BioASQ 7b factoid,mrr,x,50,1,there,of two\n"
    "BioASQ 7b factoid,mrr,x,60,2,there,of two\n"
  )
  assert scoreboard.read_published(text.encode(), "p.csv") == {
    ("GAD", "f1", "x"): (pytest.approx(0.8236), "here", ""),
    ("BioASQ 7b factoid", "mrr", "x"): (pytest.approx(0.55), "there", "of two"),
  }


def test_published_scores_may_have_line_ends_of_every_kind():
  text = HEAD + "GAD,f1,x,82,,here,\rDDI,f1,x,50,,there,\r\n"
  found = scoreboard.read_published(text.encode(), "p.csv")
  assert [data_set for data_set, _, _ in found] == ["GAD", "DDI"]


def test_a_published_cell_without_end_is_an_error():
  text = HEAD + "GAD,f1,x,82,,%s,\n" % ("h" * (1 << 25 | 1))
  with pytest.raises(InputError, match=r"p.csv: found a damaged table \(field"):
    scoreboard.read_published(text.encode(), "p.csv")


@pytest.mark.parametrize(
  "row", ["GAD,f1,x,high,,here,", "GAD,f1,x,,,here,", "GAD,f1"]
)
def test_an_error_names_a_published_score_that_is_no_number(row):
  with pytest.raises(InputError, match="p.csv:2: expected data_set"):
    scoreboard.read_published((HEAD + row + "\n").encode(), "p.csv")


def test_every_published_score_has_a_source_and_a_row(repo):
  path = os.path.join(repo, "configs", "published_scores.csv")
  with open(path, "rb") as f:
    found = scoreboard.read_published(f.read(), path)
  rows = {(d.name, m) for d in scoreboard.DATA_SETS for m in d.metrics}
  others = {("EBM PICO", "macro_f1"), ("PubMedQA", "accuracy")}
  others.add(("BLURB", "blurb"))
  assert {key[:2] for key in found} <= rows | others
  assert all(p.source for p in found.values())
  assert all(0.3 < p.value < 1 for p in found.values())


# ------------------------------------------------------------------ comparisons

GOLD = ["1", "0", "1", "1", "0", "1", "0", "0"] * 5


def flipped(labels, every):
  """Returns the labels with every n-th one wrong."""
  return [
    {"0": "1", "1": "0"}[label] if i % every == 0 else label
    for i, label in enumerate(labels)
  ]


def compare(root, samples=500):
  board = board_of(root)
  return scoreboard.compare(board, "a", "b", samples, 1)


def write_pair(root, place, first=3, second=5, gold=GOLD):
  """Writes runs of a and b that are wrong in every n-th row."""
  for model, every in (("a", first), ("b", second)):
    invented.write_classes(
      root, place % model, gold, flipped(gold, every), LABELS, "0"
    )


def test_the_difference_is_the_one_between_the_means_in_the_table(tmp_path):
  for seed, every in ((1, 3), (2, 4), (3, 7)):
    write_pair(tmp_path, "gad/%%s/seed-%d" % seed, every, every + 2)
  (found,) = compare(tmp_path)
  cells = board_of(tmp_path).cells
  means = [cells["GAD", "f1", model].mean for model in "ab"]
  assert [found.first, found.second] == pytest.approx(means)
  assert found.difference.difference == pytest.approx(means[0] - means[1])
  assert found.runs == 3 and found.difference.n == len(GOLD)


def test_folds_have_examples_of_their_own(tmp_path):
  write_pair(tmp_path, "gad/%s/fold-1-seed-1")
  write_pair(tmp_path, "gad/%s/fold-2-seed-1", gold=GOLD[::-1] + ["1"])
  (found,) = compare(tmp_path)
  assert found.runs == 2 and found.difference.n == 2 * len(GOLD) + 1


def test_runs_that_one_model_has_alone_are_left_out(tmp_path):
  write_pair(tmp_path, "gad/%s/seed-1")
  invented.write_classes(
    tmp_path, "gad/a/seed-2", GOLD, flipped(GOLD, 2), LABELS, "0"
  )
  (found,) = compare(tmp_path)
  cells = board_of(tmp_path).cells
  assert found.runs == 1
  assert found.first == cells["GAD", "f1", "a"].values["seed-1"]


def test_different_test_sets_are_reported_in_a_line(tmp_path):
  for model, gold in (("a", GOLD), ("b", GOLD[1:])):
    invented.write_classes(
      tmp_path, "gad/%s/seed-1" % model, gold, flipped(gold, 3), LABELS, "0"
    )
  (found,) = compare(tmp_path)
  assert found.difference is None and found.p_holm is None
  assert "a/seed-1 and " in found.problem and "\n" not in found.problem
  assert "found different test sets" in found.problem


def test_a_data_set_that_one_model_has_alone_is_reported(tmp_path):
  write_pair(tmp_path, "gad/%s/seed-1")
  invented.write_run(tmp_path, "euadr/a/seed-1", invented.f1(0.5))
  found = {c.data_set.name: c.problem for c in compare(tmp_path)}
  assert found == {"GAD": None, "EU-ADR": "no run that both models have"}


def test_missing_predictions_are_reported_and_the_rest_is_compared(tmp_path):
  write_pair(tmp_path, "gad/%s/seed-1")
  write_pair(tmp_path, "euadr/%s/seed-1")
  (tmp_path / "gad" / "b" / "seed-1" / "test_predictions.tsv").unlink()
  found = {c.data_set.name: c for c in compare(tmp_path)}
  assert "test_predictions.tsv: cannot be read" in found["GAD"].problem
  assert found["EU-ADR"].p_holm == found["EU-ADR"].difference.p


def test_p_values_of_many_data_sets_are_adjusted(tmp_path):
  for name in ("gad", "euadr"):
    write_pair(tmp_path, name + "/%s/seed-1")
  for c in compare(tmp_path):
    assert c.p_holm == pytest.approx(min(1, 2 * c.difference.p))


def test_every_family_is_compared(tmp_path):
  sentences = [["B-X", "O"], ["O", "O"], ["B-X", "B-X"]]
  texts = [{"x"}, {"x", "y"}, set()]
  gold = {"q1": "yes", "q2": "no"}
  for model, shift in (("a", 0), ("b", 1)):
    turned = sentences[shift:] + sentences[:shift]
    invented.write_ner(tmp_path, "jnlpba/%s/seed-1" % model, sentences, turned)
    invented.write_similarities(
      tmp_path,
      "biosses/%s/seed-1" % model,
      [0.0, 1.5, 4.0, 2.0],
      [0.1, 1.0, 3.5 - shift, 2.5],
    )
    invented.write_documents(
      tmp_path,
      "hoc/%s/seed-1" % model,
      texts,
      texts[shift:] + texts[:shift],
      ["x", "y"],
    )
    invented.write_classes(
      tmp_path,
      "mednli/%s/seed-1" % model,
      ["n", "e", "c"],
      ["n", "e", "n" if shift else "c"],
      ["c", "e", "n"],
    )
    invented.write_questions(
      tmp_path,
      "bioasq-4b/%s/yesno-seed-1" % model,
      "yesno",
      [(gold, {"q1": "yes", "q2": "yes" if shift else "no"})],
    )
  found = compare(tmp_path)
  assert [c.problem for c in found] == [None] * 5
  assert [c.data_set.family for c in found] == ["NER", "STS", "NLI", "DC", "QA"]
  assert all(c.difference.difference > 0 for c in found)
  assert [c.difference.n for c in found] == [3, 4, 3, 3, 2]
