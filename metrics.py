# SPDX-License-Identifier: Apache-2.0
"""Scores of predictions against gold labels, as pure functions.

Gold comes first, then the predictions, as parallel lists with one label
sequence a sentence. Sequences that are not parallel are a ValueError. Scores
are fractions from 0 to 1, and 0 where their denominator is 0.
"""

import collections


def entity_spans(labels):
  """Returns the entities of a sentence: (first word, end, type), end excluded.

  Labels are IOB1, IOB2 or IOBES tags with types (`B-Disease`) or without (`B`,
  type ""), split at the first hyphen as in the CoNLL-2000 scorer conlleval.pl,
  whose rules these are: a stray I or E opens an entity, a change of type
  closes one and opens the next, any other tag is outside. conlleval.pl has no
  rule for S, nor for B after E, and so runs neighbours of one type together (it
  finds 955 of the 960 diseases of NCBI-disease's test set in IOBES); here S
  stands alone and E closes, as IOBES means them.

  ["B-DNA", "I-DNA", "I-RNA", "O", "I"] ->
      [(0, 2, "DNA"), (2, 3, "RNA"), (4, 5, "")]
  """
  spans = []
  last_tag, last_type = "O", ""
  for i, label in enumerate(labels):
    tag, _, kind = label.partition("-")
    inside = last_tag in ("B", "I") and tag in ("I", "E") and kind == last_type
    if inside:
      spans[-1] = (spans[-1][0], i + 1, kind)
    elif tag in ("B", "I", "E", "S"):
      spans.append((i, i + 1, kind))
    last_tag, last_type = tag, kind
  return spans


def entity_scores(gold, predicted):
  """Returns the exact-match scores of the entities, over all types and by type.

  An entity is correct if its first word, its last word and its type are. Keys:
  precision, recall and f1 (micro-averaged), the counts gold, predicted and
  correct, and types: {type: the same without types}, sorted.
  """
  counts = _entity_counts(gold, predicted)
  scores = _counted_scores(*_totals(counts))
  scores["types"] = {
    kind: _counted_scores(*counts[kind]) for kind in sorted(counts)
  }
  return scores


def token_scores(gold, predicted):
  """Returns the scores of single labels, without regard to entities.

  Keys: token_accuracy over all words; token_precision, token_recall and
  token_f1, each the unweighted mean of its values for the labels other than O
  that occur in gold or predictions. This is what BioBERT's run_ner.py reports
  as eval_precision, eval_recall and eval_f; entity_scores is stricter.
  """
  counts = collections.defaultdict(lambda: [0, 0, 0])
  for gold_labels, labels in _parallel(gold, predicted):
    for gold_label, label in zip(gold_labels, labels):
      counts[gold_label][0] += 1
      counts[label][1] += 1
      counts[label][2] += gold_label == label
  total = sum(count[0] for count in counts.values())
  right = sum(count[2] for count in counts.values())
  by_label = [_ratios(*counts[label]) for label in counts if label != "O"]
  means = [_divide(sum(column), len(by_label)) for column in zip(*by_label)]
  precision, recall, f1 = means or (0.0, 0.0, 0.0)
  return {
    "token_accuracy": _divide(right, total),
    "token_precision": precision,
    "token_recall": recall,
    "token_f1": f1,
  }


def conlleval_report(gold, predicted):
  """Returns the text that conlleval.pl prints; entity_spans has the exception.

  Its accuracy is that of single labels; the number that ends a type's line is
  that of its predicted entities.
  """
  counts = _entity_counts(gold, predicted)
  totals = _totals(counts)
  pairs = [pair for both in zip(gold, predicted) for pair in zip(*both)]
  right = sum(gold_label == label for gold_label, label in pairs)
  lines = [
    "processed %d tokens with %d phrases; found: %d phrases; correct: %d."
    % ((len(pairs),) + totals)
  ]
  if pairs:
    line = "accuracy: %6.2f%%; precision: %6.2f%%; recall: %6.2f%%; FB1: %6.2f"
    line %= (_divide(100 * right, len(pairs)),) + _ratios(*totals, whole=100)
    lines.append(line)
  for kind in sorted(counts):
    line = "%17s: precision: %6.2f%%; recall: %6.2f%%; FB1: %6.2f  %d"
    line %= (kind,) + _ratios(*counts[kind], whole=100) + (counts[kind][1],)
    # The script sorts the types of gold and of predictions in one list and
    # drops repetitions with `not($lastType) or $lastType ne $i`, so the empty
    # type, false in perl, stays twice if both have it.
    twice = kind == "" and counts[kind][0] and counts[kind][1]
    lines.extend([line, line] if twice else [line])
  return "\n".join(lines) + "\n"


def _entity_counts(gold, predicted):
  """Returns {type: [gold, predicted, correct]} of the entities."""
  counts = collections.defaultdict(lambda: [0, 0, 0])
  for gold_labels, labels in _parallel(gold, predicted):
    gold_spans, spans = entity_spans(gold_labels), entity_spans(labels)
    correct = set(gold_spans).intersection(spans)
    for column, found in enumerate((gold_spans, spans, correct)):
      for _, _, kind in found:
        counts[kind][column] += 1
  return counts


def _totals(counts):
  """Returns (gold, predicted, correct) over all types."""
  return tuple(sum(count[i] for count in counts.values()) for i in range(3))


def _counted_scores(gold, predicted, correct):
  """Returns the scores and the counts that they are made of as a dict."""
  precision, recall, f1 = _ratios(gold, predicted, correct)
  return {
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "gold": gold,
    "predicted": predicted,
    "correct": correct,
  }


def _ratios(gold, predicted, correct, whole=1):
  """Returns (precision, recall, F1) as parts of `whole`."""
  precision = _divide(whole * correct, predicted)
  recall = _divide(whole * correct, gold)
  f1 = _divide(2 * precision * recall, precision + recall)
  return precision, recall, f1


def _divide(numerator, denominator):
  return numerator / denominator if denominator else 0.0


def _parallel(gold, predicted):
  """Returns pairs of sequences after a look at their lengths."""
  if len(gold) != len(predicted):
    raise ValueError(
      "%d gold sentences, %d predicted" % (len(gold), len(predicted))
    )
  for i, (gold_labels, labels) in enumerate(zip(gold, predicted)):
    if len(gold_labels) != len(labels):
      raise ValueError(
        "sentence %d has %d gold labels and %d predicted"
        % (i, len(gold_labels), len(labels))
      )
  return zip(gold, predicted)
