# SPDX-License-Identifier: Apache-2.0
"""scripts/report.py from a shell, and what is on its pages."""

import collections
import csv
import html
import html.parser
import os
import re
import subprocess
import sys

import pytest

from evaluation import charts
from evaluation import report_tables
from evaluation import report_text
from evaluation import results
from evaluation import scoreboard
from tests.helpers import REPO
from tests.helpers import invented_results as invented

pytestmark = pytest.mark.once

PROGRAM = os.path.join(REPO, "scripts", "report.py")
FILES = ["report.csv", "report.html", "report.md"]
GOLD = ["1", "0", "1", "1", "0", "1", "0", "0"] * 5
WRONG = {"0": "1", "1": "0"}


def run(*arguments, code=0):
  """Runs the program; returns its (standard output, standard error)."""
  process = subprocess.run(
    [sys.executable, PROGRAM] + [str(a) for a in arguments],
    capture_output=True,
    encoding="utf-8",
  )
  assert process.returncode == code, process.stderr
  return process.stdout, process.stderr


def write_results(root):
  """Two models: of a three seeds, one of them damaged, of <b> one."""
  for seed, value in ((1, 0.80), (2, 0.83), (3, 0.5)):
    folder = invented.write_run(
      root, "ncbi-disease/a/seed-%d" % seed, invented.f1(value)
    )
  (folder / "results.json").write_text('{"test": {"f1": 0.')
  for model, every in (("a", 7), ("<b>|", 3)):
    labels = [WRONG[x] if i % every == 0 else x for i, x in enumerate(GOLD)]
    invented.write_classes(
      root, "gad/%s/fold-1-seed-1" % model, GOLD, labels, ["0", "1"], "0"
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  """The output folder of a report with a comparison, and what was said."""
  root = tmp_path_factory.mktemp("results")
  write_results(root)
  output = run(root, "--compare=a,<b>|", "--bootstrap_samples=200")
  return root / "report", output


def text_of(made, name):
  return (made[0] / name).read_text(encoding="utf-8")


def records(made):
  return list(csv.DictReader(text_of(made, "report.csv").splitlines()))


class Page(html.parser.HTMLParser):
  """The cells, the ids and the links of a page, and whether tags are closed."""

  EMPTY = {"meta", "br", "path", "use", "rect"}

  def __init__(self, text):
    super().__init__()
    self.open, self.cells, self.ids, self.links = [], [], [], []
    self.tags = collections.Counter()
    self.feed(text)
    assert not self.open

  def handle_starttag(self, tag, attributes):
    self.note(tag, attributes)
    if tag not in ("meta",):
      self.open.append(tag)
    if tag in ("td", "th"):
      self.cells.append("")

  def handle_startendtag(self, tag, attributes):
    self.note(tag, attributes)

  def note(self, tag, attributes):
    self.tags[tag] += 1
    values = dict(attributes)
    self.ids += [values["id"]] if "id" in values else []
    for name in ("href", "xlink:href", "src"):
      self.links += [values[name]] if name in values else []

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    if set(self.open) & {"td", "th"}:
      self.cells[-1] += data


def test_the_report_has_three_files(made):
  folder, (output, errors) = made
  assert sorted(os.listdir(str(folder))) == FILES
  assert sorted(map(os.path.basename, output.split())) == FILES
  lines = errors.splitlines()
  assert len(lines) == 2
  assert lines[0].startswith("not counted: ") and ":1:18: dam" in lines[0]
  assert lines[1].startswith("not counted: NCBI-disease: not compared (no run")


def test_the_table_has_mean_deviation_and_number(made):
  text = text_of(made, "report.md")
  (row,) = [x for x in text.split("\n") if x.startswith("| NCBI-disease | ent")]
  cells = row.strip("| ").split(" | ")
  # By name <b>| is the first model; of 0.80 and 0.83 the deviation is 0.0212.
  assert cells == [
    "NCBI-disease",
    "entity F1",
    "\u2013",
    "81.50 \u00b1 2.12 (n = 2 of 3)",
    "**89.71 BioBERT (paper)**",
  ]


def test_published_scores_are_listed_by_model(made):
  text = text_of(made, "report.md").partition("## Published scores")[2]
  assert "\nNamed entities, entity F1:\n" in text
  assert "\n| published model | NCBI-disease |\n" in text
  assert "\n| PubMedBERT | 87.82 |\n" in text
  assert "\n| BioBERT (paper) | **89.71** |\n" in text
  assert "\n- PubMedBERT: BioT5X README" in text


def test_rows_and_columns_without_a_score_are_left_out(made):
  text = text_of(made, "report.md")
  table = text.partition("\n- ")[0]
  rows = [x.split(" | ")[0].strip("| ") for x in table.split("\n") if "|" in x]
  names = ["**Named entities**", "NCBI-disease", "**Relations**", "GAD"]
  assert rows == ["data set", "---"] + names
  assert "BioALBERT (paper)" not in text and "BlueBERT" not in text


def test_a_line_below_the_table_says_what_is_missing(made):
  text = text_of(made, "report.md")
  (line,) = [x for x in text.split("\n") if x.startswith("- Not run: BC5CDR-d")]
  assert "MedNLI" in line and "BioASQ 7b." in line and "GAD" not in line
  assert "- <b>| has no score on NCBI-disease." in text
  assert "- Missing for a: BC5CDR-chem, BC5CDR-disease, BC2GM" in text
  assert "(2 of 11 sets)" in text and "EBM PICO and PubMedQA are not" in text


def test_the_csv_has_each_run_and_their_mean(made):
  found = [r for r in records(made) if r["data_set"] == "NCBI-disease"]
  runs = [r for r in found if r["kind"] == "run"]
  assert [(r["run"], r["value"]) for r in runs] == [
    ("seed-1", "80.00"),
    ("seed-2", "83.00"),
    ("seed-3", ""),
  ]
  assert "damaged JSON" in runs[2]["note"]
  total = {r["model"]: r for r in found if r["kind"] == "aggregate"}
  assert total["a"]["value"] == "81.50"
  assert total["a"]["standard_deviation"] == "2.12"
  assert (total["a"]["n"], total["a"]["expected"]) == ("2", "3")
  assert (total["<b>|"]["value"], total["<b>|"]["n"]) == ("", "0")


def test_the_csv_has_the_difference_of_two_models(made):
  found = [r for r in records(made) if r["kind"] == "difference"]
  assert [r["data_set"] for r in found] == ["NCBI-disease", "GAD"]
  assert found[0]["note"].startswith("no run that both models have")
  gad = found[1]
  assert gad["model"] == "a - <b>|" and gad["n"] == "40"
  assert float(gad["low"]) <= float(gad["value"]) <= float(gad["high"])
  assert 0 < float(gad["p"]) == float(gad["p_holm"]) <= 1


def test_the_page_has_every_cell_of_the_table(made):
  cells = set(Page(text_of(made, "report.html")).cells)
  lines = text_of(made, "report.md").replace("\\|", "\x00").split("\n")
  rows = [x.strip("| ").split(" | ") for x in lines if x.startswith("| ")]
  plain = {
    re.sub(r" \[(\d+)\]$", r"\1", c.strip().replace("**", ""))
    for row in rows
    for c in row
  }
  wanted = {c.replace("\x00", "|") for c in plain} - {"", "---"}
  heads = {"data set", "metric"}
  assert len(wanted) > 50 and wanted - heads <= cells


def test_the_page_needs_no_network(made):
  text = text_of(made, "report.html")
  page = Page(text)
  assert page.tags["svg"] == 2 and page.tags["script"] == 0
  assert len(page.ids) == len(set(page.ids))
  assert page.links and all(link.startswith("#") for link in page.links)
  assert {link[1:] for link in page.links} <= set(page.ids)
  for name in re.findall(r"url\(([^)]*)\)", text):
    assert name[1:] in page.ids
  assert "default-src 'none'" in text and "<b>|" not in text
  assert "prefers-color-scheme: dark" in text and "width=device-width" in text


def test_the_page_has_classes_and_confusions(made):
  text = text_of(made, "report.html")
  assert "<summary>GAD, &lt;b&gt;| (1 run)</summary>" in text
  assert text.count("Confusion matrix, counts over 1 run</caption>") == 2
  assert text.count("total counts over 1 run</caption>") == 2


def test_the_same_seed_gives_the_same_files(made, tmp_path):
  root = made[0].parent
  arguments = [root, "--compare=a,<b>|", "--bootstrap_samples=200"]
  run(*arguments, "--output_dir", tmp_path / "same")
  run(*arguments, "--seed=2", "--output_dir", tmp_path / "other")
  for name in FILES:
    same, other = (tmp_path / x / name for x in ("same", "other"))
    assert same.read_text(encoding="utf-8") == text_of(made, name)
    assert other.read_text(encoding="utf-8") != text_of(made, name)


def test_the_csv_has_no_formulas(tmp_path):
  invented.write_run(tmp_path, "GAD/=1+1/seed-1", invented.f1(-0.5))
  board = scoreboard.Board(results.find(str(tmp_path)), ["=1+1"], {})
  table = csv.DictReader(report_text.to_csv(board, [], None).splitlines())
  for row in table:
    assert row["model"] == "'=1+1" and row["value"] in ("-50.00", "")


def test_models_are_shown_in_the_order_asked_for(tmp_path):
  write_results(tmp_path)
  run(tmp_path, "--models=a")
  text = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
  (head,) = [x for x in text.split("\n") if x.startswith("| data set |")]
  assert head == "| data set | metric | a | best published |"


def test_a_report_in_the_results_is_not_read_as_results(tmp_path):
  write_results(tmp_path)
  run(tmp_path)
  before = (tmp_path / "report" / "report.csv").read_bytes()
  run(tmp_path)
  assert (tmp_path / "report" / "report.csv").read_bytes() == before


@pytest.mark.parametrize(
  "arguments, message",
  [
    (["{root}/nowhere"], "nowhere: no such folder"),
    (["{root}/empty"], "empty: found no run, expected folders <data set>/"),
    (["{root}", "--models=x"], "x: no such model in the results, expected"),
    (["{root}", "--compare=a,x"], "x: no such model in the results, expected"),
    (["{root}", "--output_dir={root}/file"], "report.md: cannot be written"),
    (["{root}", "--compare=a"], "--compare: found 'a', expected two models"),
    (["{root}", "--compare=a,b,c"], "found 'a,b,c', expected two models"),
    (["{root}", "--bootstrap_samples=0"], "found '0', expected a whole number"),
    (["{root}", "--seeds=1"], "unrecognized arguments: --seeds=1; --help"),
    ([], "the following arguments are required: results; --help"),
  ],
)
def test_an_error_is_one_line_and_leaves_no_report(
  tmp_path, arguments, message
):
  write_results(tmp_path)
  (tmp_path / "empty").mkdir()
  (tmp_path / "file").write_text("")
  _, errors = run(*(a.format(root=tmp_path) for a in arguments), code=1)
  assert errors.startswith("error: ") and errors.count("\n") == 1
  assert message in errors
  assert not (tmp_path / "report").exists()


# --------------------------------------------------------------- parts of pages


@pytest.mark.parametrize(
  "cell, text",
  [
    ((None, None, 0, 0, {}), "\u2013"),
    ((None, None, 0, 2, {}), "\u2013"),
    ((0.8, None, 1, 1, {}), "80.00 (n = 1)"),
    ((0.8, None, 1, 5, {}), "80.00 (n = 1 of 5)"),
    ((0.8, 0.0, 2, 2, {}), "80.00 \u00b1 0.00 (n = 2)"),
    ((-0.123456, 0.01, 3, 3, {}), "-12.35 \u00b1 1.00 (n = 3)"),
  ],
)
def test_a_cell_has_its_number_of_runs(cell, text):
  assert report_tables.cell_text(scoreboard.Cell(*cell)) == text


def test_collapses_and_unanswered_questions_are_reported(tmp_path):
  invented.write_run(
    tmp_path, "gad/a/seed-1", dict(invented.f1(0.6), collapsed=True)
  )
  test = {"accuracy": 1.0, "questions": 9, "answered": 7}
  invented.write_run(tmp_path, "bioasq-4b/a/yesno-seed-1", test)
  run(tmp_path)
  text = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
  assert "- GAD, a: 1 of 1 run predict the same label for every" in text
  assert "- BioASQ 4b yes/no, a: 7 of 9 questions are answered" in text


def test_a_model_without_a_score_has_a_page_too(tmp_path):
  write_results(tmp_path)
  folder = invented.write_run(tmp_path, "gad/$x_1$/seed-1", {})
  (folder / "results.json").write_text("{")
  run(tmp_path, "--models=$x_1$")
  text = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
  assert "No run has a score." in text and Page(text).tags["svg"] == 0


def test_names_in_charts_are_not_read_as_formulas():
  chart = charts.scores([("$a", {"$x_1$": (1, 2)}, [])], ["$x_1$"], "p", "x")
  assert ">$x_1$<" in chart and ">$a<" in chart


def test_more_models_than_colours_are_drawn():
  models = ["m%d" % i for i in range(10)]
  rows = [("row", {m: (80.0, None) for m in models}, [])]
  chart = charts.scores(rows, models, "published", "x")
  assert all(">%s<" % m in chart for m in models)
