# SPDX-License-Identifier: Apache-2.0
"""corpus: the report says what was made, by which rules, and what is odd."""

import json

import pytest

from common import errors
from converters.shared import corpus
from converters.shared import examples

INFO = corpus.Info(
  data_sets=("x", "y"),
  title="Corpus X",
  task="named entities",
  home="https://example.org/",
  licence="free",
  download="x.zip",
  layouts=("biobert", "blue"),
  published={
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


def report(layout="biobert", allow_incomplete=False, dataset="x", **changed):
  options = corpus.Options(dataset, layout, False, allow_incomplete)
  return corpus.Report(INFO._replace(**changed), options)


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


def test_counts_of_a_split_add_up():
  told = report()
  told.count("rows", "train", 2)
  told.count("rows", "train", 3)
  told.count("rows", "dev", 0)
  assert told.counts == {"rows": {"train": 5, "dev": 0}}


def test_rules_add_up_and_those_never_applied_are_not_told():
  told = report()
  told.rule("left out", "train")
  told.rule("left out", "train", 2)
  told.rule("left out", "dev", 0)
  told.rule("joined", "test", False)
  assert told.rules == {"left out": {"train": 3}}


def test_sentences_are_counted_with_their_words_and_mentions():
  told = report()
  corpus.tally(TAGGED, told)
  assert told.counts["documents"] == {"train": 2, "dev": 0, "test": 2}
  assert told.counts["sentences"] == {"train": 3, "dev": 0, "test": 2}
  assert told.counts["words"] == {"train": 7, "dev": 0, "test": 5}
  assert told.counts["mentions"] == {"train": 3, "dev": 0, "test": 1}
  assert "rows" not in told.counts


def test_mentions_are_counted_by_type_where_there_are_types():
  told = report()
  corpus.tally({"test": [tagged("1", "a b c", "B-X I-X B-Y")]}, told)
  assert told.counts["mentions"] == {"test": 2}
  assert told.counts["mentions of X"] == {"test": 1}
  assert told.counts["mentions of Y"] == {"test": 1}


def test_rows_are_counted_by_label():
  told = report(task="relations")
  corpus.tally({"dev": [row("1", "a", "1"), row("2", "b", "0")]}, told)
  assert told.counts == {
    "documents": {"dev": 2},
    "rows": {"dev": 2},
    "label 0": {"dev": 1},
    "label 1": {"dev": 1},
  }


def test_scores_are_no_labels():
  told = report(task="similarity")
  corpus.tally({"dev": [row("1", "a", "1.2"), row("2", "b", "3.5")]}, told)
  assert set(told.counts) == {"documents", "rows"}


def test_folds_are_counted_apart():
  told = report()
  corpus.tally(FOLDS, told)
  assert told.counts["rows"] == {
    "1/train": 2,
    "1/dev": 0,
    "1/test": 1,
    "2/train": 2,
    "2/dev": 0,
    "2/test": 1,
  }


def test_splits_are_told_from_folds_by_their_names():
  assert corpus.folds_of(TAGGED) == [(None, TAGGED)]
  assert corpus.folds_of({"test": []}) == [(None, {"test": []})]
  assert corpus.folds_of(FOLDS) == [("1", FOLDS["1"]), ("2", FOLDS["2"])]


@pytest.mark.parametrize(
  ("dataset", "layout", "published"),
  [
    ("x", "biobert", INFO.published["x"]),
    ("x", "blue", INFO.published["x/blue"]),
    ("y", "biobert", {}),
  ],
)
def test_what_was_published_depends_on_the_layout(dataset, layout, published):
  assert report(layout, dataset=dataset).published == published


def test_whole_files_pass_the_check():
  told = report()
  told.count("mentions", "train", 3)
  told.count("mentions", "test", 99)
  told.count("sentences", "train", 99)
  told.check("in")


def test_other_counts_than_those_published_stop_with_what_was_found():
  told = report()
  told.count("mentions", "train", 2)
  with pytest.raises(errors.InputError) as caught:
    told.check("in")
  assert str(caught.value) == (
    "in: found 2 mentions for the train set, expected 3 as published (Doe "
    "2020): the files are not the whole corpus; --allow_incomplete converts "
    "what there is"
  )


def test_what_was_not_counted_at_all_stops_too():
  with pytest.raises(errors.InputError, match="in: found 0 mentions for the"):
    report().check("in")


def test_files_that_are_not_whole_pass_if_that_is_allowed():
  report(allow_incomplete=True).check("in")


def test_a_layout_without_published_counts_has_no_check():
  report("blue").check("in")


def test_the_report_is_to_be_read():
  told = report()
  corpus.tally(TAGGED, told)
  told.rule("mentions that overlap", "train", 1200)
  told.rule("mentions that overlap", "test")
  told.note("A note.")
  told.examine(TAGGED)
  assert told.to_text().split("\n") == [
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
    "  tables: train 1,200; for no known reason: are the files the whole "
    "corpus?",
    "",
    "Rules applied, and how often:",
    "  mentions that overlap: train 1,200, test 1",
    "",
    "Texts compared in lower case:",
    "  1 repeated in train: 'it rose'",
    "  1 labelled differently: 'we saw it'",
    "  1 in train and test: 'we saw it'",
    "",
    "A note.",
    "",
  ]


def test_a_difference_without_a_known_reason_asks_for_one():
  told = report(because={})
  told.count("sentences", "train", 1)
  assert (
    "sentences: train 2, dev 1; for no known reason: are the files the whole "
    "corpus?"
  ) in " ".join(told.to_text().split())


def test_one_split_as_published_is_not_all():
  told = report(because={})
  told.count("sentences", "train", 2)
  assert "as published" not in told.to_text()
  told.count("sentences", "dev", 1)
  assert "as published" in told.to_text()


def test_a_corpus_without_faults_is_said_to_be_so():
  told = report()
  told.examine({"train": [row("1", "a", "1")], "test": [row("2", "b", "1")]})
  assert told.to_text().endswith(
    "\nNo text is repeated, contradicted or in two sets.\n"
  )


def test_folds_are_in_one_line_each_and_their_leaks_named():
  told = report(task="relations")
  corpus.tally(FOLDS, told)
  told.examine(FOLDS)
  text = told.to_text()
  assert "\nrows, train, by fold: 2 2\n" in text
  assert "\nlabel 1, test, by fold: 1 1\n" in text
  assert ", dev, by fold" not in text
  assert "\n  fold 1: 1 in train and test: 'a'\n" in text
  assert "fold 2: " not in text


def test_long_texts_are_cut_in_the_report():
  told = report()
  told.examine({"train": [row("1", "x" * 999, "1")] * 2})
  assert max(map(len, told.to_text().split("\n"))) < 120


def test_the_report_goes_into_json_as_it_is():
  told = report()
  corpus.tally(TAGGED, told)
  told.rule("left out", "train", True)
  told.note("A note.")
  told.examine(TAGGED)
  values = json.loads(json.dumps(told.to_dict()))
  assert values == told.to_dict()
  assert values["dataset"] == "x"
  assert values["layout"] == "biobert"
  assert values["counts"]["mentions"] == {"train": 3, "dev": 0, "test": 1}
  assert values["published"] == INFO.published["x"]
  assert values["published_by"] == "Doe 2020"
  assert values["rules"] == {"left out": {"train": 1}}
  assert values["notes"] == ["A note."]
  assert values["findings"][0] == {
    "kind": "repeated in train",
    "count": 1,
    "where": ["it rose"],
    "fold": None,
  }


def test_files_are_attached_by_name():
  told = report()
  told.attach("golden.json", "{}")
  assert told.attachments == {"golden.json": "{}"}


MENTION = ("a mouse", "T1", "Species", [(2, 7)], "mice", "x:3")


def test_an_annotation_whose_text_is_elsewhere_stops():
  with pytest.raises(errors.InputError, match="x:3: found 'mouse' at the off"):
    report().mention(*MENTION)


def test_its_offsets_count_where_that_is_allowed_and_it_is_told():
  told = report(allow_incomplete=True)
  assert told.mention(*MENTION).text == "mouse"
  (rule,) = told.rules
  assert rule.endswith("the offsets taken") and told.rules[rule] == {"all": 1}


def test_offsets_outside_of_the_text_stop_all_the_same():
  told = report(allow_incomplete=True)
  with pytest.raises(errors.InputError, match="expected some within"):
    told.mention("a", "T1", "Species", [(2, 7)], "mice", "x:3")
