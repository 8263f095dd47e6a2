# SPDX-License-Identifier: Apache-2.0
"""corpus: counts, rules and findings of the report."""

import json

import pytest

from common import data_sets
from common import errors
from converters.shared import archives
from converters.shared import corpus
from converters.shared import examples

DATA_SET = data_sets.find("gad")._replace(title="Corpus X", task="NER")
PUBLISHED = corpus.Published(
  counts={
    "x": {
      "sentences": {"train": 2, "dev": 1},
      "mentions": {"train": 3},
      "tables": {"train": 1200},
    },
    "x/blue": {"sentences": {"train": 7}},
  },
  certain=("mentions",),
  because={"sentences": "others split them"},
  source="Doe 2020",
)


def report(
  layout="biobert",
  allow_incomplete=False,
  dataset="x",
  task="NER",
  published=PUBLISHED,
):
  options = corpus.Options(dataset, layout, False, allow_incomplete)
  return corpus.Report(DATA_SET._replace(task=task), published, options)


def tagged(document, words, labels):
  return examples.Tagged(document, words.split(), None, labels.split())


def row(name, text, label):
  return examples.Row(name, name, (text,), label)


TAGGED = {
  "train": [
    tagged("1", "It rose", "O B"),
    tagged("1", "it Rose", "O B"),
    tagged("2", "We saw it", "B O O"),
  ],
  "dev": [],
  "test": [tagged("3", "We saw it", "B I O"), tagged("4", "So .", "O O")],
}
FOLDS = {
  name: {
    "train": [row("1", "a", "1"), row("2", "b", "0")],
    "dev": [],
    "test": [row("3", text, "1")],
  }
  for name, text in (("1", "A"), ("2", "c"))
}


def test_counts_and_rules_of_a_split_add_up_and_unused_rules_are_left_out():
  made = report()
  for split, number in (("train", 2), ("train", 3), ("dev", 0)):
    made.count("rows", split, number)
    made.rule("left out", split, number)
  made.rule("left out", "train")
  made.rule("joined", "test", False)
  assert made.counts == {"rows": {"train": 5, "dev": 0}}
  assert made.rules == {"left out": {"train": 6}}


def test_tally_counts_sentences_words_and_mentions():
  made = report()
  corpus.tally(TAGGED, made)
  assert made.counts["documents"] == {"train": 2, "dev": 0, "test": 2}
  assert made.counts["sentences"] == {"train": 3, "dev": 0, "test": 2}
  assert made.counts["words"] == {"train": 7, "dev": 0, "test": 5}
  assert made.counts["mentions"] == {"train": 3, "dev": 0, "test": 1}
  assert "rows" not in made.counts


def test_tally_counts_typed_mentions_by_type():
  made = report()
  corpus.tally({"test": [tagged("1", "a b c", "B-X I-X B-Y")]}, made)
  assert made.counts["mentions"] == {"test": 2}
  assert made.counts["mentions of X"] == {"test": 1}
  assert made.counts["mentions of Y"] == {"test": 1}


def test_tally_counts_rows_by_label():
  made = report(task="RE")
  corpus.tally({"dev": [row("1", "a", "1"), row("2", "b", "0")]}, made)
  assert made.counts == {
    "documents": {"dev": 2},
    "rows": {"dev": 2},
    "label 0": {"dev": 1},
    "label 1": {"dev": 1},
  }


def test_tally_does_not_take_scores_for_labels():
  made = report(task="STS")
  corpus.tally({"dev": [row("1", "a", "1.2"), row("2", "b", "3.5")]}, made)
  assert set(made.counts) == {"documents", "rows"}


def test_tally_counts_each_fold():
  made = report()
  corpus.tally(FOLDS, made)
  numbers = {"train": 2, "dev": 0, "test": 1}
  assert made.counts["rows"] == {
    "%s/%s" % (fold, split): n for fold in "12" for split, n in numbers.items()
  }


def test_folds_of_distinguishes_splits_and_folds():
  assert corpus.folds_of(TAGGED) == [(None, TAGGED)]
  assert corpus.folds_of({"test": []}) == [(None, {"test": []})]
  assert corpus.folds_of(FOLDS) == [("1", FOLDS["1"]), ("2", FOLDS["2"])]


@pytest.mark.parametrize(
  ("dataset", "layout", "expected"),
  [
    ("x", "biobert", PUBLISHED.counts["x"]),
    ("x", "blue", PUBLISHED.counts["x/blue"]),
    ("y", "biobert", {}),
  ],
)
def test_published_counts_depend_on_the_layout(dataset, layout, expected):
  assert report(layout, dataset=dataset).expected == expected


def test_whole_files_pass_the_check():
  made = report()
  made.count("mentions", "train", 3)
  made.count("mentions", "test", 99)
  made.count("sentences", "train", 99)
  made.check("in")


@pytest.mark.parametrize(
  "options", [{"allow_incomplete": True}, {"layout": "blue"}]
)
def test_incomplete_files_pass_if_allowed_or_without_certain_counts(options):
  report(**options).check("in")


def test_a_count_that_differs_from_a_certain_one_is_an_error():
  made = report()
  made.count("mentions", "train", 2)
  with pytest.raises(errors.InputError) as caught:
    made.check("in")
  assert str(caught.value) == (
    "in: found 2 mentions for the train set, expected 3 as published (Doe "
    "2020): the files are not the whole corpus; pass --allow_incomplete to "
    "convert them anyway"
  )
  with pytest.raises(errors.InputError, match="in: found 0 mentions for the"):
    report().check("in")


def test_the_text_of_a_whole_report():
  made = report()
  corpus.tally(TAGGED, made)
  made.rule("mentions that overlap", "train", 1200)
  made.rule("mentions that overlap", "test")
  made.note("A note.")
  made.examine(TAGGED)
  assert made.to_text().split("\n") == [
    "x (Corpus X), layout biobert",
    "                                 train      dev     test",
    "documents                            2        0        2",
    "sentences                            3        0        2"
    "  differs, see below",
    "words                                7        0        5",
    "mentions                             3        0        1  as published",
    "documents without a mention          0        0        1",
    "",
    "Published (Doe 2020):",
    "  sentences: train 2, dev 1; others split them",
    "  tables: train 1,200; no known reason for the difference: are the files",
    "    complete?",
    "",
    "Rules, and how often they applied:",
    "  mentions that overlap: train 1,200, test 1",
    "",
    "Texts, compared in lower case:",
    "  1 repeated in train: 'it rose'",
    "  1 labelled differently: 'we saw it'",
    "  1 in train and test: 'we saw it'",
    "",
    "A note.",
    "",
  ]


def test_as_published_means_all_splits():
  made = report(published=PUBLISHED._replace(because={}))
  made.count("sentences", "train", 2)
  assert "as published" not in made.to_text()
  made.count("sentences", "dev", 1)
  assert "as published" in made.to_text()


def test_the_report_confirms_a_corpus_without_findings():
  made = report()
  made.examine({"train": [row("1", "a", "1")], "test": [row("2", "b", "1")]})
  assert made.to_text().endswith(
    "\nNo text is repeated, contradictory or in two sets.\n"
  )


def test_counts_of_folds_share_a_line_and_leaks_name_their_fold():
  made = report(task="RE")
  corpus.tally(FOLDS, made)
  made.examine(FOLDS)
  text = made.to_text()
  assert "\nrows, train, by fold: 2 2\n" in text
  assert "\nlabel 1, test, by fold: 1 1\n" in text
  assert ", dev, by fold" not in text
  assert "\n  fold 1: 1 in train and test: 'a'\n" in text
  assert "fold 2: " not in text


def test_the_report_shortens_long_texts():
  made = report()
  made.examine({"train": [row("1", "x" * 999, "1")] * 2})
  assert max(map(len, made.to_text().split("\n"))) < 120


def test_to_dict_survives_json():
  made = report()
  corpus.tally(TAGGED, made)
  made.rule("left out", "train", True)
  made.note("A note.")
  made.examine(TAGGED)
  values = json.loads(json.dumps(made.to_dict()))
  assert values == made.to_dict()
  assert values["dataset"] == "x"
  assert values["layout"] == "biobert"
  assert values["counts"]["mentions"] == {"train": 3, "dev": 0, "test": 1}
  assert values["published"] == PUBLISHED.counts["x"]
  assert values["published_by"] == "Doe 2020"
  assert values["rules"] == {"left out": {"train": 1}}
  assert values["notes"] == ["A note."]
  assert values["findings"][0] == {
    "kind": "repeated in train",
    "count": 1,
    "where": ["it rose"],
    "fold": None,
  }


def fail(number):
  raise errors.InputError("x:%d: found a mouse, expected mice" % number)


def test_without_the_flag_what_does_not_fit_is_an_error():
  made = report()
  with pytest.raises(errors.InputError) as caught:
    with made.skipping("documents"), made.skipping("mice (skipped)"):
      fail(3)
  assert str(caught.value) == (
    "x:3: found a mouse, expected mice; pass --allow_incomplete to count it "
    "and go on"
  )
  assert not made.rules


def test_allow_incomplete_counts_what_does_not_fit_and_shows_the_first():
  made = report(allow_incomplete=True)
  for number in range(5):
    with made.skipping_in("train")("mice (skipped)"):
      fail(number)
  assert made.rules == {"mice (skipped)": {"train": 5}}
  lines = made.to_text().split("\n")
  start = lines.index("  mice (skipped): train 5")
  assert lines[start + 1 : start + 5] == [
    "    x:0: found a mouse, expected mice",
    "    x:1: found a mouse, expected mice",
    "    x:2: found a mouse, expected mice",
    "",
  ]
  assert len(made.to_dict()["places"]["mice (skipped)"]) == 3


@pytest.mark.parametrize(
  "kept, is_noted", [(1, True), (2, False), (None, False)]
)
def test_a_report_doubts_offsets_that_seldom_fit(kept, is_noted):
  made = report(allow_incomplete=True)
  made.count("documents", "train", 1)
  if kept is not None:
    made.count("mentions", "train", kept)
  made.rule("annotations that do not fit (skipped)", "train", 2)
  made.check("in")
  assert any("offsets count from 1" in note for note in made.notes) == is_noted


def test_file_names_that_are_not_utf8_can_be_written():
  made = report(allow_incomplete=True)
  with made.skipping("mice (skipped)"):
    raise errors.InputError("caf\udce9.txt:1: found a mouse")
  made.note("caf\udce9.txt ends early")
  text = made.to_text()
  assert text.encode("utf-8").count(b"caf\\udce9.txt") == 2


def test_allow_incomplete_hides_no_other_errors():
  with pytest.raises(KeyError):
    with report(allow_incomplete=True).skipping("mice (skipped)"):
      raise KeyError("a bug")


def missing():
  raise archives.Missing("in: found no test set, expected test.txt")


def test_a_missing_part_is_empty_if_allowed():
  made = report(allow_incomplete=True)
  assert made.part("test", missing) == []
  assert made.notes == [
    "The test set is empty: in: found no test set, expected test.txt"
  ]
  with pytest.raises(archives.Missing):
    report().part("test", missing)


def test_a_report_explains_a_lower_count():
  made = report()
  made.count("sentences", "train", 2)
  made.explain("sentences", {"train": 0, "dev": 1}, "we lose some")
  assert "train 2, dev 1; we lose some: dev 1\n" in made.to_text()


def test_what_is_not_explained_keeps_the_published_reason():
  made = report()
  made.explain("sentences", {"dev": 1}, "we lose some")
  end = "; we lose some: dev 1; the rest: others split them"
  assert "sentences: train 2, dev 1" + end in " ".join(made.to_text().split())
  made = report()
  made.explain("sentences", {}, "we lose some")
  assert "sentences: train 2, dev 1; others split them" in made.to_text()


def test_a_corpus_without_any_file_is_an_error_even_if_allowed():
  made = report(allow_incomplete=True)
  made.part("test", missing)
  corpus.tally({"train": [], "test": []}, made)
  with pytest.raises(errors.InputError, match="in: found nothing of "):
    made.check("in")
