# SPDX-License-Identifier: Apache-2.0
"""Real corpora, where available: our counts against published ones, our files
against those of others.
"""

import collections
import gzip
import os
import shutil

import pytest

from common.errors import InputError
from formats import conll
from tests.helpers import corpus_files

pytestmark = pytest.mark.once

# {data set: its words in train, dev and test}
WORDS = {
  "bc5cdr-disease": (118170, 117453, 124750),
  "ncbi-disease": (135701, 23969, 24497),
}
FOLDERS = {
  "bc5cdr-disease": "official/BC5CDR",
  "bc5cdr-chem": "official/BC5CDR",
  "ncbi-disease": "official/NCBI-disease",
  "bc2gm": "official/BC2GM",
  "ddi": "official",
  "hoc": "official/HoC",
  "biosses": "official/BIOSSES",
}


@pytest.fixture(scope="module")
def data(shared):
  return os.path.join(shared, "data")


@pytest.fixture(scope="module")
def made(data):
  """Returns (files, report) of a data set, converted once."""
  cache = {}

  def make(dataset):
    if dataset not in cache:
      folder = os.path.join(data, FOLDERS[dataset])
      cache[dataset] = corpus_files.convert(
        folder, dataset, allow_incomplete=False
      )
    return cache[dataset]

  return make


def read(*path):
  with open(os.path.join(*path), "rb") as f:
    return f.read()


def rows_of(text):
  """Returns lines as lists of cells with single blanks."""
  return [
    [" ".join(cell.split()) for cell in line.split("\t")]
    for line in text.split("\n")
    if line.strip()
  ]


@pytest.mark.parametrize("dataset", sorted(FOLDERS))
def test_counts_are_as_published(made, dataset):
  _, report = made(dataset)
  for what, numbers in report.expected.items():
    if what not in report.published.because:
      assert report.counts[what] == numbers, what


@pytest.mark.parametrize("dataset", sorted(WORDS))
def test_biobert_has_as_many_words(made, dataset):
  words = made(dataset)[1].counts["words"]
  assert (words["train"], words["dev"], words["test"]) == WORDS[dataset]


@pytest.mark.parametrize(
  "dataset, folder",
  [
    ("bc5cdr-disease", "BC5CDR-disease"),
    ("bc5cdr-chem", "BC5CDR-chem"),
    ("ncbi-disease", "NCBI-disease"),
  ],
)
def test_words_are_the_same_as_in_bioberts_files(data, made, dataset, folder):
  files, _ = made(dataset)
  for name in ("train.tsv", "devel.tsv", "test.tsv"):
    theirs = read(data, "benchmarks", "NER", folder, name)
    first, second = (
      conll.parse(content, name)
      for content in (theirs, files[name].encode("utf-8"))
    )
    # Their documents have the same order, but their sentences other borders.
    assert [w for s in first for w in s.words] == [
      w for s in second for w in s.words
    ]


def test_bc5cdr_in_bioc_gives_the_same_files(data, made, tmp_path):
  folder = os.path.join(data, FOLDERS["bc5cdr-disease"])
  for name in os.listdir(folder):
    if name.endswith(".BioC.xml.gz"):
      shutil.copy(os.path.join(folder, name), str(tmp_path))
  for dataset in ("bc5cdr-disease", "bc5cdr-chem"):
    files, _ = corpus_files.convert(tmp_path, dataset, allow_incomplete=False)
    assert files == made(dataset)[0]


def test_ddi_has_the_label_counts_of_blurb(made):
  _, report = made("ddi")
  rule = report.rules["interactions without a type (DDI-int, as in BLURB)"]
  assert rule == {"train": 1}
  test = {k: row["test"] for k, row in report.counts.items() if "label" in k}
  assert test == {
    "label DDI-advise": 221,
    "label DDI-effect": 360,
    "label DDI-false": 4737,
    "label DDI-int": 96,
    "label DDI-mechanism": 302,
  }


def test_hoc_has_the_rows_of_blurb(data, made):
  files, _ = made("hoc")
  for name in ("train.tsv", "dev.tsv", "test.tsv"):
    theirs = read(data, "benchmarks", "DC", "HoC", name).decode("utf-8")
    assert sorted(rows_of(files[name])) == sorted(rows_of(theirs))


def test_biosses_has_the_rows_of_blurb(data, made):
  files, _ = made("biosses")
  for name in ("train.tsv", "dev.tsv", "test.tsv"):
    theirs = read(data, "benchmarks", "STS", "BIOSSES", name).decode("utf-8")
    ours, theirs = sorted(rows_of(files[name])), sorted(rows_of(theirs))
    assert [row[:3] for row in ours] == [row[:3] for row in theirs]
    assert [float(row[3]) for row in ours[:-1]] == [
      float(row[3])
      for row in theirs[:-1]  # The last one is the header.
    ]


def test_blurbs_gad_has_the_size_of_bioberts_first_fold(data):
  folder = os.path.join(data, "benchmarks", "RE")
  _, report = corpus_files.convert(folder, "gad", "blurb", False)
  assert report.counts["rows"] == {"train": 4261, "dev": 535, "test": 534}


@pytest.mark.parametrize("dataset", ["gad", "euadr"])
def test_bioberts_folds_stay_unchanged(data, dataset):
  folder = os.path.join(data, "benchmarks", "RE")
  files, report = corpus_files.convert(folder, dataset, None, False)
  assert report.notes == ["2 of BioBERT's folds, unchanged: 1, 2."]
  name = {"gad": "GAD"}.get(dataset, dataset)
  for path, text in files.items():
    theirs = read(folder, name, path).decode("utf-8")
    assert rows_of(text) == rows_of(theirs)


def test_chemprot_has_the_labels_and_most_sentences_of_blurb(data):
  folder = os.path.join(data, "official", "ChemProt_partial")
  files, _ = corpus_files.convert(folder, "chemprot")
  theirs = read(data, "benchmarks", "RE", "chemprot", "blurb_dev.tsv")
  theirs = {row[0]: row[1:] for row in rows_of(theirs.decode("utf-8"))}
  ours = {row[0]: row[1:] for row in rows_of(files["dev.tsv"])}
  common = set(ours) & set(theirs)
  assert len(common) == len(ours) > 1000
  assert all(ours[name][1] == theirs[name][1] for name in common)
  same = sum(
    "".join(ours[name][0].split()) == "".join(theirs[name][0].split())
    for name in common
  )
  assert same > 0.95 * len(common)


def test_bioasq_4b_has_161_factoid_test_questions(data):
  folder = os.path.join(data, "benchmarks", "QA", "BioASQ")
  files, report = corpus_files.convert(folder, "bioasq-4b", None, False)
  assert report.counts["factoid questions"] == {"train": 143, "test": 161}
  assert len([name for name in files if "test-factoid" in name]) == 5
  theirs = read(folder, "4B1_golden.json").decode("utf-8")
  assert files["4B1_golden.json"].strip() == theirs.strip()


@pytest.mark.parametrize(
  "dataset, name, message",
  [
    ("bc5cdr-disease", "CDR_TestSet.PubTator.txt", "for the test set, expec"),
    ("ncbi-disease", "test/NCBItestset_corpus.txt", "for the test set, expec"),
    ("bc2gm", "train/GENE.eval", "for the train set, expected 15197"),
    ("bc2gm", "test/test.in", "test/GENE.eval:[0-9]+: found a mention in"),
  ],
)
def test_a_file_cut_at_a_line_is_an_error(
  data, tmp_path, dataset, name, message
):
  folder = os.path.join(data, FOLDERS[dataset])
  parts = {
    os.path.relpath(os.path.join(top, n), folder): read(top, n)
    for top, _, names in os.walk(folder)
    for n in names
    if n.endswith((".PubTator.txt", "_corpus.txt", ".in", "GENE.eval"))
  }
  lines = parts[name].splitlines(True)
  parts[name] = b"".join(lines[: len(lines) // 2])
  corpus_files.write(tmp_path, parts)
  with pytest.raises(InputError, match=message):
    corpus_files.convert(tmp_path, dataset, allow_incomplete=False)


def test_the_order_of_documents_does_not_matter(data, made, tmp_path):
  for name in os.listdir(os.path.join(data, FOLDERS["bc5cdr-chem"])):
    if name.endswith(".PubTator.txt"):
      whole = read(data, FOLDERS["bc5cdr-chem"], name).strip(b"\n")
      blocks = whole.split(b"\n\n")[::-1]
      content = b"\n\n".join(blocks).replace(b"\n", b"\r\n") + b"\r\n"
      (tmp_path / (name + ".gz")).write_bytes(gzip.compress(content, 1))
  files, _ = corpus_files.convert(tmp_path, "bc5cdr-chem", None, False)
  assert files == made("bc5cdr-chem")[0]


def test_drop_leaks_removes_leaks_only(data, made):
  folder = os.path.join(data, FOLDERS["ddi"])
  before, report = made("ddi")
  after, dropped = corpus_files.convert(folder, "ddi", drops=["drop_leaks"])
  assert {n: t for n, t in after.items() if n != "train.tsv"} == {
    n: t for n, t in before.items() if n != "train.tsv"
  }
  tested = {row[1].lower() for row in rows_of(before["test.tsv"])}
  rows = rows_of(before["train.tsv"])
  kept = [row for row in rows if row[1].lower() not in tested]
  assert rows_of(after["train.tsv"]) == kept
  rule = dropped.rules["texts of the test set (removed by --drop_leaks)"]
  assert rule == {"train": len(rows) - len(kept)}
  (leak,) = [
    finding
    for _, finding in report.findings
    if finding.kind == "in train and test"
  ]
  left = collections.Counter(row[1].lower() for row in rows) - (
    collections.Counter(row[1].lower() for row in kept)
  )
  assert len(left) == leak.count > 50
