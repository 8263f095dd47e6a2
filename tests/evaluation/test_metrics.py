# SPDX-License-Identifier: Apache-2.0
"""metrics: tables with a reason a row, seqeval, scikit-learn and scipy.

The outputs of the perl scorer are compared in test_conlleval.py.
"""

import fractions
import functools
import itertools
import json
import random

import numpy as np
import pytest
import scipy.stats
import seqeval.metrics
import sklearn.metrics

from evaluation import metrics

SPANS = [
  # labels, spans, why
  ("", [], "no word, no entity"),
  ("O O", [], "outside"),
  ("B I O", [(0, 2, "")], "without types"),
  ("B-DNA I-DNA O", [(0, 2, "DNA")], "with a type"),
  ("B B", [(0, 1, ""), (1, 2, "")], "B closes and opens"),
  ("I O I I", [(0, 1, ""), (2, 4, "")], "a stray I opens, as in IOB1"),
  ("I-A B-A", [(0, 1, "A"), (1, 2, "A")], "IOB1 parts neighbours with B"),
  ("B-A I-B", [(0, 1, "A"), (1, 2, "B")], "a change of type closes and opens"),
  ("B I-A", [(0, 1, ""), (1, 2, "A")], "no type is another type"),
  ("B-A O I-A", [(0, 1, "A"), (2, 3, "A")], "O closes"),
  ("B-A I-A E-A", [(0, 3, "A")], "IOBES: E ends"),
  ("E-A I-A", [(0, 1, "A"), (1, 2, "A")], "an I after E opens"),
  ("E-A E-A", [(0, 1, "A"), (1, 2, "A")], "so does an E"),
  ("B-A E-A B-A E-A", [(0, 2, "A"), (2, 4, "A")], "IOBES neighbours"),
  ("S S-A S-A", [(0, 1, ""), (1, 2, "A"), (2, 3, "A")], "IOBES single words"),
  ("S-A E-A", [(0, 1, "A"), (1, 2, "A")], "nothing continues an S"),
  ("B-A S-A I-A", [(0, 1, "A"), (1, 2, "A"), (2, 3, "A")], "S stands alone"),
  ("B-x-y I-x-y", [(0, 2, "x-y")], "the first hyphen parts tag and type"),
  ("B-x-y I-x-z", [(0, 1, "x-y"), (1, 2, "x-z")], "the rest is the type"),
  ("B-A X I-A", [(0, 1, "A"), (2, 3, "A")], "other tags are outside"),
]


@pytest.mark.parametrize(("labels", "spans", "why"), SPANS)
def test_entities_equal_those_of_conlleval(labels, spans, why):
  assert metrics.entity_spans(labels.split()) == spans, why


ALTERNATIVES = [
  # entities, predicted, (gold, predicted, correct), why
  ([[(0, 1)]], "B O", (1, 1, 1), "its own span"),
  ([[(0, 2), (1, 2)]], "O B", (1, 1, 1), "an alternative"),
  ([[(0, 2), (1, 2)]], "B O", (1, 1, 0), "neither"),
  ([[(0, 3), (0, 1), (2, 3)]], "B O B", (1, 2, 1), "the second hit is wrong"),
  ([[(0, 2), (0, 1)], [(0, 1)]], "B O", (2, 1, 1), "one finds one"),
  ([[(1, 2), (0, 1)], [(0, 1)]], "B B", (2, 2, 2), "its own span first"),
  ([[(0, 1)]], "B-GENE O", (1, 1, 1), "types do not matter"),
  ([], "B O", (0, 1, 0), "nothing to find"),
]


@pytest.mark.parametrize(("entities", "labels", "counts", "why"), ALTERNATIVES)
def test_alternative_spans_of_an_entity_count(entities, labels, counts, why):
  scores = metrics.alternative_scores([entities], [labels.split()])
  names = ("gold", "predicted", "correct")
  assert tuple(scores[name] for name in names) == counts, why


SCORES = [
  # gold, predicted, (gold, predicted, correct), (precision, recall, F1), why
  ("B I O", "B I O", (1, 1, 1), (1, 1, 1), "all right"),
  ("B I O", "B O O", (1, 1, 0), (0, 0, 0), "a wrong end is wrong"),
  ("O B I", "B I I", (1, 1, 0), (0, 0, 0), "a wrong beginning is wrong"),
  ("B-A O", "B-B O", (1, 1, 0), (0, 0, 0), "a wrong type is wrong"),
  ("B I O", "I I O", (1, 1, 1), (1, 1, 1), "spans count, not labels"),
  ("B O B", "B O O", (2, 1, 1), (1, 0.5, 2 / 3), "one missed"),
  ("B O O", "B O B", (1, 2, 1), (0.5, 1, 2 / 3), "one too many"),
  ("O O", "B O", (0, 1, 0), (None,) * 3, "no gold entity"),
  ("B O", "O O", (1, 0, 0), (0, 0, 0), "no predicted entity"),
  ("O O", "O O", (0, 0, 0), (None,) * 3, "no entity at all"),
]


@pytest.mark.parametrize(
  ("gold", "predicted", "counts", "ratios", "why"), SCORES
)
def test_an_entity_needs_the_right_words_and_type(
  gold, predicted, counts, ratios, why
):
  scores = metrics.entity_scores([gold.split()], [predicted.split()])
  assert (scores["gold"], scores["predicted"], scores["correct"]) == counts, why
  found = (scores["precision"], scores["recall"], scores["f1"])
  assert found == pytest.approx(ratios), why


def test_entities_end_with_their_sentence():
  scores = metrics.entity_scores([["B"], ["I"]], [["B"], ["I"]])
  assert scores["gold"] == scores["correct"] == 2


def test_each_type_has_its_own_scores():
  scores = metrics.entity_scores(
    [["B-RNA", "O", "B-DNA", "O"]], [["B-RNA", "O", "B-RNA", "B-protein"]]
  )
  assert list(scores["types"]) == ["DNA", "RNA", "protein"]
  assert scores["types"]["RNA"] == pytest.approx(
    dict(precision=1 / 2, recall=1, f1=2 / 3, gold=1, predicted=2, correct=1)
  )
  assert scores["types"]["DNA"]["recall"] == 0


def test_scores_of_entities_are_undefined_without_any_in_gold():
  assert metrics.entity_scores([], [])["types"] == {}
  scores = metrics.entity_scores([["O", "O"]], [["O", "B"]])
  assert scores["precision"] is scores["recall"] is scores["f1"] is None
  assert (scores["gold"], scores["predicted"]) == (0, 1)
  assert scores["undefined"]["f1"] == "no entity in gold"
  scores = metrics.entity_scores([["O", "B"]], [["O", "O"]])
  assert scores["f1"] == 0 and "undefined" not in scores


def test_token_scores_of_o_alone_are_undefined_except_accuracy():
  scores = metrics.token_scores([["O", "O"]], [["O", "O"]])
  assert scores["token_accuracy"] == 1
  assert scores["token_f1"] is None


@pytest.mark.parametrize(
  "score",
  [metrics.entity_scores, metrics.token_scores, metrics.conlleval_report],
)
def test_sequences_of_different_lengths_are_rejected(score):
  with pytest.raises(ValueError, match="2 gold sentences, 1 predicted"):
    score([["O"], ["O"]], [["O"]])
  with pytest.raises(ValueError, match="sentence 1 has 2 gold labels and 1"):
    score([["O"], ["O", "O"]], [["O"], ["O"]])


def random_labels(generator, tags, kinds):
  """Returns 200 sentences of up to 12 labels, entities or not."""
  labels = ["O"] + ["%s-%s" % (tag, kind) for tag in tags for kind in kinds]
  return [
    [generator.choice(labels) for _ in range(generator.randint(0, 12))]
    for _ in range(200)
  ]


def predictions_for(generator, gold, tags, kinds):
  """Returns gold with three labels in ten replaced by any of the others."""
  noise = sum(random_labels(generator, tags, kinds), [])
  return [
    [
      generator.choice(noise) if generator.random() < 0.3 else label
      for label in sentence
    ]
    for sentence in gold
  ]


@pytest.mark.parametrize("tags", ["BI", "BIES"])
@pytest.mark.parametrize("seed", range(5))
def test_entity_scores_equal_those_of_seqeval(tags, seed):
  generator = random.Random(seed)
  kinds = ["DNA", "RNA", "cell-type"]
  gold = random_labels(generator, tags, kinds)
  predicted = predictions_for(generator, gold, tags, kinds)
  scores = metrics.entity_scores(gold, predicted)
  assert scores["correct"] > 0
  for ours, theirs in (
    ("precision", seqeval.metrics.precision_score),
    ("recall", seqeval.metrics.recall_score),
    ("f1", seqeval.metrics.f1_score),
  ):
    assert scores[ours] == pytest.approx(theirs(gold, predicted))
    by_type = theirs(gold, predicted, average=None)  # in order of the types
    assert [s[ours] for s in scores["types"].values()] == pytest.approx(by_type)


@pytest.mark.parametrize("seed", range(5))
def test_token_scores_equal_those_of_scikit_learn(seed):
  generator = random.Random(seed)
  gold = random_labels(generator, "BI", ["DNA", "RNA"])
  predicted = predictions_for(generator, gold, "BI", ["DNA", "RNA", "protein"])
  scores = metrics.token_scores(gold, predicted)
  gold, predicted = sum(gold, []), sum(predicted, [])
  means = sklearn.metrics.precision_recall_fscore_support(
    gold,
    predicted,
    labels=sorted(set(gold + predicted) - {"O"}),
    average="macro",
    zero_division=0,
  )
  accuracy = sklearn.metrics.accuracy_score(gold, predicted)
  assert scores["token_accuracy"] == pytest.approx(accuracy)
  for name, mean in zip(("precision", "recall", "f1"), means):
    assert scores["token_" + name] == pytest.approx(mean)


CLASSES = [
  # gold, predicted, negative, {key: value}, why
  ("AAB", "AAB", None, {"accuracy": 1, "f1": 1, "macro_f1": 1}, "all right"),
  (
    "AABB",
    "AAAA",
    None,
    dict(f1=0.5, macro_precision=0.25, macro_recall=0.5, macro_f1=1 / 3),
    "constant predictions: A 1/2 and 2/2, B 0/0 and 0/2",
  ),
  (
    "AABN",
    "AABA",
    "N",
    {"accuracy": 0.75, "precision": 0.75, "recall": 1, "macro_recall": 1},
    "the negative label is in no average, a wrong positive is",
  ),
  ("AN", "NN", "N", dict(precision=0, recall=0, f1=0, accuracy=0.5), "0/0"),
  (
    "NN",
    "NA",
    "N",
    dict(accuracy=0.5, precision=None, f1=None, macro_f1=None),
    "no positive in gold",
  ),
  ("", "", "N", {"accuracy": 0, "f1": None, "macro_f1": None}, "no example"),
]


@pytest.mark.parametrize(
  ("gold", "predicted", "negative", "expected", "why"), CLASSES
)
def test_averages_leave_the_negative_class_out(
  gold, predicted, negative, expected, why
):
  scores = metrics.class_scores(gold, predicted, list("ABN"), negative)
  assert {k: scores[k] for k in expected} == pytest.approx(expected), why


def test_scores_of_two_classes_are_those_of_the_positive_one():
  gold, predicted = list("110000"), list("101100")
  scores = metrics.class_scores(gold, predicted, ["0", "1"], "0")
  positive = scores["classes"]["1"]
  assert scores["precision"] == positive["precision"] == pytest.approx(1 / 3)
  assert scores["recall"] == positive["recall"] == 0.5
  assert scores["f1"] == positive["f1"] == pytest.approx(0.4)
  assert scores["specificity"] == 0.5  # two of four; precision is 2/3


def test_undefined_scores_of_classes_have_a_reason():
  scores = metrics.class_scores("NN", "NA", "AN", "N")
  assert scores["undefined"]["f1"] == "no gold label but N"
  assert scores["specificity"] == 0.5
  scores = metrics.class_scores("AA", "NA", "AN", "N")
  assert scores["undefined"] == {"specificity": "no gold label is N"}
  assert scores["specificity"] is None and scores["recall"] == 0.5


def test_specificity_needs_two_classes_and_a_negative_one():
  assert "specificity" not in metrics.class_scores("AB", "AB", "AB")
  assert "specificity" not in metrics.class_scores("AN", "AN", "ABN", "N")


def test_classes_and_confusion_are_complete_and_in_the_order_of_the_labels():
  scores = metrics.class_scores(list("BBA"), list("BAA"), list("CBA"))
  assert list(scores["classes"]) == list(scores["confusion"]) == list("CBA")
  rows = [list(row) for row in scores["confusion"].values()]
  assert rows == [list("CBA")] * 3
  assert scores["confusion"]["B"] == {"C": 0, "B": 1, "A": 1}


def column_ratios(gold, predicted):
  """[precision, recall, F1] of each column of two boolean matrices."""
  ratios = sklearn.metrics.precision_recall_fscore_support(
    gold, predicted, average=None, zero_division=0
  )
  return np.array(ratios[:3])


def check_averages(scores, gold, predicted, scored):
  """Compares the scores of many cases with scikit-learn's.

  gold and predicted are boolean [cases, examples, labels], scored, the labels
  to be averaged over, boolean [cases, labels].
  """
  sides = (gold, predicted)
  cells = [(m & scored[:, None]).reshape(len(m), -1).T for m in sides]
  micro = column_ratios(*cells)
  columns = [m.swapaxes(0, 1).reshape(m.shape[1], -1) for m in sides]
  by_label = column_ratios(*columns).reshape(3, *scored.shape)
  present = scored & (gold | predicted).any(1)
  macro = (by_label * present).sum(2) / np.maximum(present.sum(1), 1)
  # Where nothing is gold, scikit-learn has 0 and we have None, here NaN.
  without = ~(gold & scored[:, None]).any((1, 2))
  micro[:, without] = macro[:, without] = np.nan
  for i, name in enumerate(("precision", "recall", "f1")):
    ours = [[row[name] for row in s["classes"].values()] for s in scores]
    np.testing.assert_allclose(ours, by_label[i])
    for key, theirs in ((name, micro[i]), ("macro_" + name, macro[i])):
      values = np.array([s[key] for s in scores], np.float64)
      np.testing.assert_allclose(values, theirs)


@pytest.mark.parametrize("size", range(1, 11))
def test_class_scores_equal_those_of_scikit_learn(size):
  generator = np.random.RandomState(size)
  count = 2 + size % 4
  gold, noise = generator.randint(0, count, (2, 100, size))
  predicted = np.where(generator.rand(100, size) < 0.5, gold, noise)
  negative = generator.randint(-1, count, 100)  # -1: None
  labels = list("ABCDE"[:count])
  names = np.array(labels + [None])
  scores = [
    metrics.class_scores(g.tolist(), p.tolist(), labels, n)
    for g, p, n in zip(names[gold], names[predicted], names[negative])
  ]
  one_hot = np.eye(count, dtype=bool)
  scored = np.arange(count) != negative[:, None]
  check_averages(scores, one_hot[gold], one_hot[predicted], scored)
  accuracy = (gold == predicted).mean(1)
  np.testing.assert_allclose([s["accuracy"] for s in scores], accuracy)
  # A case's confusion matrix is a block on the diagonal of that of them all.
  offsets = count * np.arange(100)[:, None]
  matrix = sklearn.metrics.confusion_matrix(
    (gold + offsets).ravel(),
    (predicted + offsets).ravel(),
    labels=np.arange(count * 100),
  ).reshape(100, count, 100, count)
  blocks = matrix[np.arange(100), :, np.arange(100)]
  ours = [[list(r.values()) for r in s["confusion"].values()] for s in scores]
  assert ours == blocks.tolist()


DOCUMENTS = [
  # gold, predicted, (precision, recall, F1) by cells and by examples, why
  ("A AB", "A AB", (1, 1, 1), (1, 1, 1), "all right"),
  ("AB A", "A A", (1, 2 / 3, 0.8), (1, 0.75, 6 / 7), "one label missed"),
  ("A A", "AB A", (2 / 3, 1, 0.8), (0.75, 1, 6 / 7), "one label too many"),
  ("A B", "- B", (1, 0.5, 2 / 3), (0.5, 0.5, 0.5), "nothing predicted: 0"),
  ("- B", "- B", (1, 1, 1), (1, 1, 1), "nothing to predict: 1"),
  ("- B", "A B", (0.5, 1, 2 / 3), (0.5, 0.5, 0.5), "but something was: 0"),
  ("- -", "- -", (None,) * 3, (1, 1, 1), "no cell, but two right documents"),
  ("AB A", "- -", (0, 0, 0), (0, 0, 0), "nothing predicted at all"),
  ("", "", (None,) * 3, (0, 0, 0), "no document"),
]


def label_sets(text):
  """ "A - BC" -> [{"A"}, set(), {"B", "C"}]."""
  return [set(word) - {"-"} for word in text.split()]


@pytest.mark.parametrize(
  ("gold", "predicted", "cells", "examples", "why"), DOCUMENTS
)
def test_documents_may_have_no_label_or_several(
  gold, predicted, cells, examples, why
):
  gold, predicted = label_sets(gold), label_sets(predicted)
  scores = metrics.multilabel_scores(gold, predicted, ["A", "B"])
  for prefix, expected in (("", cells), ("example_", examples)):
    found = [scores[prefix + name] for name in ("precision", "recall", "f1")]
    assert found == pytest.approx(expected), why


def test_a_document_needs_all_its_labels_right():
  scores = metrics.multilabel_scores(
    label_sets("A AB - - C"), label_sets("A A - B D"), list("ABCDE")
  )
  assert scores["documents"] == 5
  assert scores["documents_without_label"] == 2
  assert scores["accuracy"] == 0.4
  assert scores["macro_f1"] == 0.25  # A 1, B 0, C 0, D 0, no E
  assert list(scores["classes"]) == list("ABCDE")


@pytest.mark.parametrize("size", range(1, 11))
def test_multilabel_scores_equal_those_of_scikit_learn(size):
  generator = np.random.RandomState(size)
  count = 2 + size % 4
  gold = generator.rand(100, size, count) < generator.rand(100, 1, 1) / 2
  predicted = gold ^ (generator.rand(*gold.shape) < 0.2)
  labels = list("ABCDE"[:count])
  gold_sets, sets = (
    [[set(itertools.compress(labels, row)) for row in case] for case in side]
    for side in (gold, predicted)
  )
  scores = [
    metrics.multilabel_scores(g, p, labels) for g, p in zip(gold_sets, sets)
  ]
  check_averages(scores, gold, predicted, np.ones((100, count), bool))
  accuracy = (gold == predicted).all(2).mean(1)
  np.testing.assert_allclose([s["accuracy"] for s in scores], accuracy)
  # Nothing predicted where nothing is gold is 0 for scikit-learn, 1 for us.
  rows = [m.reshape(-1, count).T for m in (gold, predicted)]
  by_document = column_ratios(*rows).reshape(3, 100, size)
  by_document[:, ~(gold | predicted).any(2)] = 1
  precision, recall, _ = by_document.mean(2)
  f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
  for name, theirs in (
    ("precision", precision),
    ("recall", recall),
    ("f1", f1),
  ):
    np.testing.assert_allclose([s["example_" + name] for s in scores], theirs)


def test_a_report_has_a_line_per_class_and_a_confusion_matrix():
  gold = ["gene"] * 4 + ["none"] * 12
  predicted = ["gene"] * 3 + ["none"] * 12 + ["gene"]
  scores = metrics.class_scores(gold, predicted, ["gene", "none"], "none")
  assert metrics.class_report(scores) == (
    "label  precision  recall     F1  gold  predicted  correct\n"
    "gene       75.00   75.00  75.00     4          4        3\n"
    "none       91.67   91.67  91.67    12         12       11\n"
    "\n"
    "Confusion matrix (rows: gold, columns: predicted)\n"
    "      gene  none\n"
    "gene     3     1\n"
    "none     1    11\n"
  )


def test_a_report_of_documents_has_no_confusion_matrix():
  scores = metrics.multilabel_scores([{"A"}], [{"A", "B"}], ["A", "B"])
  assert metrics.class_report(scores) == (
    "label  precision  recall      F1  gold  predicted  correct\n"
    "A         100.00  100.00  100.00     1          1        1\n"
    "B           0.00    0.00    0.00     0          1        0\n"
  )


def test_a_report_numbers_columns_with_long_labels():
  labels = ["a hallmark of cancer, number %d" % i for i in range(3)]
  scores = metrics.class_scores(labels, labels[:2] + labels[1:2], labels)
  lines = metrics.class_report(scores).splitlines()
  assert lines[1].startswith(labels[0] + "     100.00  100.00")
  assert lines[-4:] == [
    "                                    (1)  (2)  (3)",
    "(1) a hallmark of cancer, number 0    1    0    0",
    "(2) a hallmark of cancer, number 1    0    1    0",
    "(3) a hallmark of cancer, number 2    0    1    0",
  ]


THRESHOLDS = [
  # gold, probabilities, threshold, why
  ("1 0", "0.9 0.1", 0.5, "0.5 is as good as any"),
  ("1 1 0 0", "0.4 0.3 0.1 0.2", 0.25, "between the classes"),
  ("1 0 0", "0.9 0.7 0.1", 0.8, "above 0.5"),
  ("1 0 1 0", "0.9 0.8 0.7 0.1", 0.5, "0.4 and 0.5 give 4/5, 0.85 gives 2/3"),
  ("1 0", "0.2 0.2", 0.1, "constant probabilities: all or nothing"),
  ("1 0", "0.7 0.7", 0.5, "constant, predicted as it is"),
  ("1 0", "0 0", 0.0, "all are predicted from 0 on"),
  ("1 1 0", "0.1 0.3 0.2", 0.05, "all: 4/5, more than 2/3 above 0.25"),
  ("0 0", "0.9 0.1", 0.5, "no positive, nothing to choose by"),
  ("", "", 0.5, "no document"),
]


@pytest.mark.filterwarnings("error")  # numpy's when it divides by 0
@pytest.mark.parametrize(("gold", "probabilities", "best", "why"), THRESHOLDS)
def test_the_best_threshold_has_the_highest_f1(gold, probabilities, best, why):
  gold = [label == "1" for label in gold.split()]
  probabilities = [float(p) for p in probabilities.split()]
  assert metrics.best_threshold(gold, probabilities) == pytest.approx(best), why


def f1_above(threshold, gold, probabilities):
  """The F1, exactly, of predicting what has this probability or more."""
  predicted = [p >= threshold for p in probabilities]
  both = sum(g and p for g, p in zip(gold, predicted))
  return fractions.Fraction(2 * both, sum(gold) + sum(predicted))


def test_no_other_threshold_is_better_or_nearer_to_a_half():
  generator = random.Random(0)
  for _ in range(1000):
    size = generator.randint(1, 8)
    gold = [generator.random() < 0.4 for _ in range(size)] + [True]
    probabilities = [generator.randint(0, 16) / 16 for _ in gold]
    best = metrics.best_threshold(gold, probabilities)
    f1 = f1_above(best, gold, probabilities)
    assert f1 == max(f1_above(p, gold, probabilities) for p in probabilities)
    distinct = sorted(set(probabilities))
    pairs = zip([0] + distinct, distinct)
    for threshold in [0.5] + [(low + high) / 2 for low, high in pairs]:
      if abs(threshold - 0.5) < abs(best - 0.5):
        assert f1_above(threshold, gold, probabilities) < f1


NUMBERS = [
  # gold, predicted, (pearson, spearman, mse), why
  ("1 2 3", "2 4 6", (1, 1, 14 / 3), "a line"),
  ("1 2 3", "3 2 1", (-1, -1, 8 / 3), "a falling line"),
  ("1 2 3", "0 0 9", (0.75**0.5, 0.75**0.5, 41 / 3), "ranks 1.5, 1.5, 3"),
  ("1 2 3", "1 10 100", (99 / 11988**0.5, 1, 9473 / 3), "in order, no line"),
  ("1 2 3", "4 4 4", (None, None, 14 / 3), "constant predictions"),
  ("0.1 0.1 0.1", "0.1 0.1 0.1", (None, None, 0), "a mean that is rounded"),
  ("2 2", "1 3", (None, None, 1), "constant gold"),
  ("2", "3", (None, None, 1), "one pair"),
  ("", "", (None, None, 0), "no pair"),
]


@pytest.mark.parametrize(("gold", "predicted", "expected", "why"), NUMBERS)
def test_numbers_are_scored_by_value_rank_and_error(
  gold, predicted, expected, why
):
  gold, predicted = (list(map(float, s.split())) for s in (gold, predicted))
  scores = metrics.regression_scores(gold, predicted)
  found = (scores["pearson"], scores["spearman"], scores["mse"])
  assert found == pytest.approx(expected), why


def test_undefined_correlations_have_a_reason():
  for gold, predicted, reason in (
    ([1, 2], [3, 3], "all predicted scores are equal"),
    ([2, 2], [3, 3], "all gold scores are equal"),
  ):
    scores = metrics.regression_scores(gold, predicted)
    assert scores["undefined"] == dict.fromkeys(["pearson", "spearman"], reason)


def test_correlations_do_not_exceed_one_by_rounding():
  scores = metrics.regression_scores([0, 0, 0, 1], [0, 0, 0, 2])
  assert scores["pearson"] == scores["spearman"] == 1


@pytest.mark.filterwarnings("ignore:.*constant", "ignore:invalid value")
@pytest.mark.parametrize("size", range(3, 13))
def test_correlations_equal_those_of_scipy(size):
  generator = np.random.RandomState(size)
  gold = generator.randint(0, 5, (100, size)) / 2  # with ties, some constant
  predicted = np.round(gold + generator.normal(size=gold.shape), 1)
  spearman = scipy.stats.spearmanr(gold.T, predicted.T).correlation
  theirs = np.nan_to_num(spearman[:100, 100:].diagonal())
  scores = list(map(metrics.regression_scores, gold, predicted))
  found = [s["spearman"] or 0 for s in scores]
  assert found == pytest.approx(theirs, abs=1e-12)
  theirs = [scipy.stats.pearsonr(*pair)[0] for pair in zip(gold, predicted)]
  theirs = np.nan_to_num(theirs)
  found = [s["pearson"] or 0 for s in scores]
  assert found == pytest.approx(theirs, abs=1e-12)
  mse = ((gold - predicted) ** 2).mean(1)
  np.testing.assert_allclose([s["mse"] for s in scores], mse)


STADIUM = [
  "Santa Clara, California",
  "Levi's Stadium",
  "Levi's Stadium in the San Francisco Bay Area at Santa Clara, California.",
]
ANSWERS = [
  # acceptable, predicted, exact, f1, why
  (["Denver Broncos"], "The Denver Broncos", 1, 1, "articles are dropped"),
  (["Denver Broncos"], "denver broncos!", 1, 1, "so are case and punctuation"),
  (["heart  failure\n"], " heart\u00a0failure", 1, 1, "and white space"),
  (STADIUM, "Levi's Stadium", 1, 1, "any acceptable answer is right"),
  (STADIUM, "Levis stadium in Santa Clara", 0, 0.625, "5/5 and 5/11 are best"),
  (["p53"], "p53 protein", 0, 2 / 3, "one word too many"),
  (["p53"], "p63", 0, 0, "no word in common"),
  (["IL 2 IL 4"], "IL IL IL", 0, 4 / 7, "a word counts as often as in both"),
  (["TNF-alpha"], "TNFalpha", 1, 1, "no space takes the place of a hyphen"),
  (["TNF-alpha"], "TNF alpha", 0, 0, "so this is no part of it"),
  (["theta"], "ta", 0, 0, "the beginning of a word is no article"),
  (["flora"], "flor", 0, 0, "nor is its end"),
  (["vitamin A"], "vitamin", 1, 1, "but a name of one letter is"),
  (["5\u2212a"], "5\u2212", 1, 1, "a minus sign stays and ends a word"),
  ([], "", 1, 1, "no answer is right where there is none"),
  ([], "heart", 0, 0, "and any answer wrong"),
  ([], "the", 1, 1, "but what is nothing when normalised"),
  (["heart"], "", 0, 0, "no answer where there is one"),
  (["the"], "", 1, 1, "answers that are nothing when normalised are dropped"),
  (["the", "heart"], "", 0, 0, "which leaves the others"),
]


@pytest.mark.parametrize(
  ("acceptable", "predicted", "exact", "f1", "why"), ANSWERS
)
def test_answers_are_compared_by_the_rules_of_squad(
  acceptable, predicted, exact, f1, why
):
  scores = metrics.squad_scores([acceptable], [predicted])
  assert scores == {"exact": exact, "f1": pytest.approx(f1)}, why


def test_answer_scores_are_means_over_questions():
  gold, predicted = [["p53"], ["p53"], [], ["A"]], ["p53", "p53 gene", "x", ""]
  scores = metrics.squad_scores(gold, predicted)
  assert scores == {"exact": 0.5, "f1": pytest.approx((1 + 2 / 3 + 0 + 1) / 4)}
  assert metrics.squad_scores([], []) == {"exact": 0, "f1": 0}


@pytest.mark.parametrize(
  ("score", "noun"),
  [
    (functools.partial(metrics.class_scores, labels=[1]), "examples"),
    (functools.partial(metrics.multilabel_scores, labels=[1]), "documents"),
    (metrics.best_threshold, "labels"),
    (metrics.regression_scores, "numbers"),
    (metrics.squad_scores, "questions"),
  ],
)
def test_lists_of_different_lengths_are_rejected(score, noun):
  with pytest.raises(ValueError, match="2 gold %s, 1 predicted" % noun):
    score([1, 1], [1])


@pytest.mark.parametrize(("gold", "predicted"), [("A", "C"), ("C", "A")])
def test_unknown_labels_are_rejected(gold, predicted):
  message = r"\['C'\] are not among the labels \['A', 'B'\]"
  with pytest.raises(ValueError, match=message):
    metrics.class_scores([gold], [predicted], ["A", "B"])
  with pytest.raises(ValueError, match=message):
    metrics.multilabel_scores([{gold}], [{predicted}], ["A", "B"])
  with pytest.raises(ValueError, match=message):
    metrics.class_scores(["A"], ["A"], ["A", "B"], negative="C")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_rejected(number):
  for arguments in (([1, number], [1, 2]), ([1, 2], [1, number])):
    with pytest.raises(ValueError, match="not finite"):
      metrics.regression_scores(*arguments)
  with pytest.raises(ValueError, match="not finite"):
    metrics.best_threshold([True], [number])


def test_all_scores_can_be_written_as_json():
  pairs = np.array([1.0, 2.0], np.float32), np.array([2.0, 1.0], np.float32)
  for scores in (
    metrics.class_scores(["A"], ["B"], ["A", "B"], "A"),
    metrics.multilabel_scores([{"A"}], [set()], ["A"]),
    metrics.regression_scores(*pairs),
    metrics.best_threshold(*pairs),
    metrics.squad_scores([["A"]], ["A"]),
  ):
    assert json.loads(json.dumps(scores)) == scores
