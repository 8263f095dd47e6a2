# SPDX-License-Identifier: Apache-2.0
"""quality: repetitions, contradictions and leaks are found and counted."""

from converters.shared import examples
from converters.shared import quality


def row(text, label="0", *more):
  return examples.Row("1", "1", (text,) + more, label)


def tagged(words, labels):
  return examples.Tagged("1", words.split(), None, labels.split())


def findings(train=(), dev=(), test=()):
  """Returns {kind: texts} of what was found."""
  corpus = {"train": list(train), "dev": list(dev), "test": list(test)}
  return {f.kind: f.where for f in quality.findings(corpus) if f.count}


def test_what_was_looked_for_is_told_where_nothing_is_found():
  corpus = {"train": [row("a")], "dev": [row("b")], "test": [row("c")]}
  assert quality.findings(corpus) == [
    quality.Finding(kind, 0, [])
    for kind in (
      "repeated in train",
      "repeated in dev",
      "repeated in test",
      "labelled differently",
      "in train and test",
      "in dev and test",
      "in train and dev",
    )
  ]


def test_splits_that_are_empty_or_missing_share_nothing():
  kinds = [f.kind for f in quality.findings({"train": [row("a")], "dev": []})]
  assert kinds == [
    "repeated in train",
    "repeated in dev",
    "labelled differently",
  ]


def test_a_text_with_the_same_label_again_is_repeated():
  found = findings(dev=[row("a"), row("b"), row("a"), row("a")])
  assert found == {"repeated in dev": ["a", "a"]}


def test_a_text_with_another_label_is_contradicted():
  found = findings(train=[row("a", "0"), row("a", "1"), row("b")])
  assert found == {"labelled differently": ["a"]}


def test_a_text_with_another_label_in_another_split_is_contradicted():
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


def test_leaks_are_found_in_lower_case_and_whatever_the_white_space():
  found = findings(train=[row("In  Rats,\tx")], test=[row(" in rats, X ")])
  assert found == {"in train and test": ["in rats, x"]}


def test_a_pair_leaks_if_both_texts_do():
  found = findings(
    train=[row("a", "0", "b"), row("c", "0", "d")],
    test=[row("A", "0", "B"), row("c", "0", "x")],
  )
  assert found == {"in train and test": ["a\tb"]}


def test_texts_are_not_joined_to_one():
  assert findings([row("a", "0", "b c")], test=[row("a b", "0", "c")]) == {}


def test_tagged_sentences_are_compared_by_their_words_and_labels():
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


def test_all_are_counted_and_three_named():
  found = quality.findings({"train": [row(text) for text in "aabbccddee"]})
  assert found[0] == quality.Finding("repeated in train", 5, ["a", "b", "c"])


def test_without_leaks_no_text_of_the_test_set_is_in_the_training_set():
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


def test_without_contradictions_no_text_of_the_training_set_has_two_labels():
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
