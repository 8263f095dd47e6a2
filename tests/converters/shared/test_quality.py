# SPDX-License-Identifier: Apache-2.0
"""quality: finding repetitions, contradictions and leaks."""

from converters.shared import examples
from converters.shared import quality


def row(text, label="0", *more):
  return examples.Row("1", "1", (text,) + more, label)


def tagged(words, labels):
  return examples.Tagged("1", words.split(), None, labels.split())


def findings(train=(), dev=(), test=()):
  """Returns {kind: texts} of the findings."""
  corpus = {"train": list(train), "dev": list(dev), "test": list(test)}
  return {f.kind: f.where for f in quality.findings(corpus) if f.count}


KINDS = (
  "repeated in train|repeated in dev|repeated in test|labelled differently|"
  "in train and test|in dev and test|in train and dev"
).split("|")


def test_findings_include_those_of_count_0():
  corpus = {"train": [row("a")], "dev": [row("b")], "test": [row("c")]}
  assert quality.findings(corpus) == [
    quality.Finding(kind, 0, []) for kind in KINDS
  ]


def test_empty_and_missing_splits_are_not_compared():
  kinds = [f.kind for f in quality.findings({"train": [row("a")], "dev": []})]
  assert kinds == KINDS[:2] + KINDS[3:4]


def test_a_text_repeated_with_the_same_label_is_found():
  found = findings(dev=[row("a"), row("b"), row("a"), row("a")])
  assert found == {"repeated in dev": ["a", "a"]}


def test_a_text_with_two_labels_is_contradictory():
  found = findings(train=[row("a", "0"), row("a", "1"), row("b")])
  assert found == {"labelled differently": ["a"]}


def test_labels_in_two_splits_may_be_contradictory():
  found = findings(train=[row("a", "0")], dev=[row("a", "1")])
  assert found == {"labelled differently": ["a"], "in train and dev": ["a"]}


def test_a_text_in_two_splits_leaks():
  found = findings(
    train=[row("a"), row("b")],
    dev=[row("b"), row("c")],
    test=[row("c"), row("a")],
  )
  assert found == {
    "in train and test": ["a"],
    "in dev and test": ["c"],
    "in train and dev": ["b"],
  }


def test_leaks_are_found_despite_case_and_white_space():
  found = findings(train=[row("In  Rats,\tx")], test=[row(" in rats, X ")])
  assert found == {"in train and test": ["in rats, x"]}


def test_a_pair_leaks_if_both_texts_do():
  found = findings(
    train=[row("a", "0", "b"), row("c", "0", "d")],
    test=[row("A", "0", "B"), row("c", "0", "x")],
  )
  assert found == {"in train and test": ["a\tb"]}


def test_the_border_between_two_texts_matters():
  assert findings([row("a", "0", "b c")], test=[row("a b", "0", "c")]) == {}


def test_tagged_sentences_are_compared_by_words_and_labels():
  found = findings(
    train=[tagged("It rose", "O B"), tagged("It fell", "O O")],
    dev=[tagged("it ROSE", "O B")],
    test=[tagged("it fell", "O B")],
  )
  assert found == {
    "labelled differently": ["it fell"],
    "in train and test": ["it fell"],
    "in train and dev": ["it rose"],
  }


def test_a_finding_counts_all_texts_and_names_three():
  found = quality.findings({"train": [row(text) for text in "aabbccddee"]})
  assert found[0] == quality.Finding("repeated in train", 5, ["a", "b", "c"])


def test_without_leaks_removes_texts_of_the_test_set():
  corpus = {
    "train": [row("a"), row("b", "1"), row("B "), row("c")],
    "dev": [row("b")],
    "test": [row("b"), row("d")],
  }
  assert quality.without_leaks(corpus) == (
    dict(corpus, train=[row("a"), row("c")]),
    2,
  )
  assert len(corpus["train"]) == 4


def test_without_contradictions_removes_texts_with_two_labels():
  corpus = {
    "train": [row("a", "1"), row("A ", "0"), row("b", "1"), row("b", "1")],
    "dev": [row("b", "0")],
  }
  assert quality.without_contradictions(corpus) == (
    dict(corpus, train=corpus["train"][2:]),
    2,
  )


def test_without_a_test_set_there_are_no_leaks():
  corpus = {"train": [row("a")], "dev": [row("a")]}
  assert quality.without_leaks(corpus) == (corpus, 0)
