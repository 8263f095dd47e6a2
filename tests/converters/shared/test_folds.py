# SPDX-License-Identifier: Apache-2.0
"""folds: ten folds by sentence, or BioBERT's unchanged."""

import random

import pytest

from common import errors
from converters.shared import archives
from converters.shared import examples
from converters.shared import folds
from tests.helpers import corpus_files


def sample(number=203):
  """Returns rows, some of the same sentence, and {id: sentence}."""
  rng = random.Random(3)
  found, sentences = [], {}
  for i in range(number):
    sentence = "Sentence %d." % rng.randrange(number // 2)
    name = "%d" % i
    found.append(
      examples.Row(name, name, ("@X$ %d of %s" % (i, sentence),), "01"[i % 2])
    )
    sentences[name] = sentence
  return found, sentences


def ten(rows, sentences):
  return folds.ten_folds(rows, sentences, corpus_files.empty_report())


def test_ten_folds_have_empty_development_sets_and_each_row_in_one_test_set():
  rows, sentences = sample()
  found = ten(rows, sentences)
  assert list(found) == [str(i) for i in range(1, 11)]
  for splits in found.values():
    assert splits["dev"] == []
    assert sorted(splits["train"] + splits["test"]) == sorted(rows)
  tested = [row for splits in found.values() for row in splits["test"]]
  assert sorted(tested) == sorted(rows)


def test_a_sentence_is_in_one_test_set_and_never_in_training_and_test():
  rows, sentences = sample()
  test_sets = []
  for splits in ten(rows, sentences).values():
    train, test = (
      {sentences[row.id] for row in splits[name]} for name in ("train", "test")
    )
    assert not train & test
    test_sets.append(test)
  sizes = [len(test) for test in test_sets]
  assert sum(sizes) == len(set.union(*test_sets)) < len(rows)
  assert max(sizes) - min(sizes) <= 1


def test_the_order_of_the_rows_does_not_matter():
  rows, sentences = sample()
  shuffled = rows[:]
  random.Random(5).shuffle(shuffled)
  assert shuffled != rows
  assert ten(shuffled, sentences) == ten(rows, sentences)


def test_folds_are_reproducible():
  rows = [examples.Row(x, x, (x,), "0") for x in "abcdefghijkl"]
  found = ten(rows, {x: x for x in "abcdefghijkl"})
  tests = [
    "".join(row.id for row in splits["test"]) for splits in found.values()
  ]
  # The letters, in order of their SHA-256, dealt out to the folds.
  assert tests == "gj di f c b e k h l a".split()


def test_the_report_counts_records_and_positive_ones():
  report = corpus_files.empty_report()
  folds.ten_folds(*sample(), report)
  assert report.counts == {"records": {"all": 203}, "positive": {"all": 101}}
  assert report.notes == [
    "BioBERT's folds were not published as lists; these are ours, by sentence."
  ]


@pytest.fixture
def source(tmp_path):
  """Makes a Source of {name: text}."""

  def make(files):
    encoded = {name: text.encode("utf-8") for name, text in files.items()}
    return archives.Source(corpus_files.write(tmp_path / "in", encoded))

  return make


TRAIN = "@GENE$ and @DISEASE$.\t1\n@GENE$ or @DISEASE$.\t0\n"
TEST = "index\tsentence\tlabel\n0\tNo @GENE$, @DISEASE$.\t0\n"
FILES = {
  "GAD/1/train.tsv": TRAIN,
  "GAD/1/test.tsv": TEST,
  "GAD/2/train.tsv": "No @GENE$, @DISEASE$.\t0\n@GENE$ or @DISEASE$.\t0\n",
  "GAD/2/test.tsv": "index\tsentence\tlabel\n0\t@GENE$ and @DISEASE$.\t1\n",
}


def test_biobert_folds_need_no_folder_of_the_corpus(source):
  files = {name[len("GAD/") :]: text for name, text in FILES.items()}
  assert list(
    folds.read_biobert(source(files), "GAD", corpus_files.empty_report())
  ) == ["1", "2"]


def test_another_corpus_in_the_same_folder_is_ignored(source):
  files = dict(FILES, **{"euadr/1/train.tsv": TRAIN.replace("1", "0")})
  found = folds.read_biobert(source(files), "GAD", corpus_files.empty_report())
  assert found["1"]["train"][0].label == "1"


def test_the_records_of_one_fold_are_counted(source):
  report = corpus_files.empty_report()
  folds.read_biobert(source(FILES), "GAD", report)
  assert report.counts == {"records": {"all": 3}, "positive": {"all": 1}}
  assert report.notes == ["2 of BioBERT's folds, unchanged: 1, 2."]


def test_without_files_there_are_no_folds(source):
  report = corpus_files.empty_report()
  assert folds.read_biobert(source({"a.txt": ""}), "GAD", report) is None
  assert (report.counts, report.notes) == ({}, [])


def message(source):
  with pytest.raises(errors.InputError) as caught:
    folds.read_biobert(source, "GAD", corpus_files.empty_report())
  assert "\n" not in str(caught.value)
  return str(caught.value)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_fold_without_one_of_its_files_is_an_error(source, tmp_path, split):
  files = dict(FILES)
  del files["GAD/2/%s.tsv" % split]
  assert message(source(files)) == (
    "%s: found fold 2 without %s.tsv, expected train.tsv and test.tsv in "
    "each of the folds 1, 2; pass --allow_incomplete to count it and go on"
    % (tmp_path / "in", split)
  )


def test_a_fold_with_other_rows_is_an_error(source, tmp_path):
  files = dict(FILES, **{"GAD/2/test.tsv": TEST})
  error = message(source(files))
  assert error.startswith(
    "%s: found other rows in 2/train.tsv and 2/test.tsv than in fold 1 (for "
    "example " % (tmp_path / "in")
  )


def test_allow_incomplete_skips_a_fold_that_does_not_fit(source):
  report = corpus_files.empty_report()
  report.options = report.options._replace(allow_incomplete=True)
  files = dict(FILES, **{"GAD/2/test.tsv": TEST})
  assert list(folds.read_biobert(source(files), "GAD", report)) == ["1"]
  assert report.notes == ["1 of BioBERT's folds, unchanged: 1."]
  (rule,) = report.rules
  assert rule == "folds that lack a file or have other rows (skipped)"


def test_an_unknown_label_is_an_error(source, tmp_path):
  files = dict(FILES, **{"GAD/1/train.tsv": TRAIN + "x\t2\n"})
  assert message(source(files)) == (
    "%s/GAD/1/train.tsv:3: found the label 2, expected 0 or 1; pass "
    "--allow_incomplete to count it and go on" % (tmp_path / "in")
  )
