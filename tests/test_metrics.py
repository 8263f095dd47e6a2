# SPDX-License-Identifier: Apache-2.0
"""metrics: tables with a reason a row, the perl scorer, seqeval, scikit-learn.

The outputs of the perl scorer are compared in test_conlleval.py.
"""

import random

import pytest
import seqeval.metrics
import sklearn.metrics

import metrics

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
def test_entities_are_found_as_conlleval_finds_them(labels, spans, why):
  assert metrics.entity_spans(labels.split()) == spans, why


SCORES = [
  # gold, predicted, (gold, predicted, correct), (precision, recall, F1), why
  ("B I O", "B I O", (1, 1, 1), (1, 1, 1), "all right"),
  ("B I O", "B O O", (1, 1, 0), (0, 0, 0), "a wrong end is wrong"),
  ("O B I", "B I I", (1, 1, 0), (0, 0, 0), "a wrong beginning is wrong"),
  ("B-A O", "B-B O", (1, 1, 0), (0, 0, 0), "a wrong type is wrong"),
  ("B I O", "I I O", (1, 1, 1), (1, 1, 1), "spans count, not labels"),
  ("B O B", "B O O", (2, 1, 1), (1, 0.5, 2 / 3), "one missed"),
  ("B O O", "B O B", (1, 2, 1), (0.5, 1, 2 / 3), "one too many"),
  ("O O", "B O", (0, 1, 0), (0, 0, 0), "no gold entity"),
  ("B O", "O O", (1, 0, 0), (0, 0, 0), "no predicted entity"),
  ("O O", "O O", (0, 0, 0), (0, 0, 0), "no entity at all"),
]


@pytest.mark.parametrize(
  ("gold", "predicted", "counts", "ratios", "why"), SCORES
)
def test_an_entity_is_right_if_its_words_and_type_are(
  gold, predicted, counts, ratios, why
):
  scores = metrics.entity_scores([gold.split()], [predicted.split()])
  assert (scores["gold"], scores["predicted"], scores["correct"]) == counts, why
  found = (scores["precision"], scores["recall"], scores["f1"])
  assert found == pytest.approx(ratios), why


def test_entities_do_not_reach_over_the_end_of_a_sentence():
  scores = metrics.entity_scores([["B"], ["I"]], [["B"], ["I"]])
  assert scores["gold"] == scores["correct"] == 2


def test_each_type_has_scores_of_its_own():
  scores = metrics.entity_scores(
    [["B-RNA", "O", "B-DNA", "O"]], [["B-RNA", "O", "B-RNA", "B-protein"]]
  )
  assert list(scores["types"]) == ["DNA", "RNA", "protein"]
  assert scores["types"]["RNA"] == {
    "precision": 0.5,
    "recall": 1.0,
    "f1": pytest.approx(2 / 3),
    "gold": 1,
    "predicted": 2,
    "correct": 1,
  }
  assert scores["types"]["DNA"]["recall"] == 0


def test_no_sentence_scores_zero():
  assert metrics.entity_scores([], [])["f1"] == 0
  assert metrics.entity_scores([], [])["types"] == {}
  assert set(metrics.token_scores([], []).values()) == {0}


def test_token_scores_are_the_mean_over_the_labels_other_than_o():
  scores = metrics.token_scores([["B", "I", "O", "O"]], [["B", "O", "B", "O"]])
  assert scores == {
    "token_accuracy": 0.5,
    "token_precision": 0.25,  # B 1/2, I 0/0
    "token_recall": 0.5,  # B 1/1, I 0/1
    "token_f1": pytest.approx(1 / 3),  # B 2/3, I 0
  }


def test_only_o_gives_token_scores_of_zero_but_for_accuracy():
  scores = metrics.token_scores([["O", "O"]], [["O", "O"]])
  assert scores["token_accuracy"] == 1
  assert scores["token_f1"] == 0


@pytest.mark.parametrize(
  "score",
  [metrics.entity_scores, metrics.token_scores, metrics.conlleval_report],
)
def test_sequences_that_are_not_parallel_are_refused(score):
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
