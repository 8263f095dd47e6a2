# SPDX-License-Identifier: Apache-2.0
"""Fine-tunes with Hugging Face's ALBERT, from files to scores and predictions.

whole_runs.py starts this program, which does the same work as run_ner.py and
run_sts.py with the settings of peers_torch.py: it reads and tokenizes (fast
tokenizer), trains with linear warm-up and decay, at each checkpoint saves the
model and scores the development set, and scores the best checkpoint on both
sets. Its one argument is JSON: see whole_runs.py.
"""

import itertools
import json
import os
import sys

import peers_torch
import torch
import transformers

from evaluation import metrics

PREDICTION_BATCH = 32


def read_tagged(path):
  """Returns the sentences of a CoNLL file: (words, labels)."""
  with open(path, encoding="utf-8") as f:
    blocks = f.read().strip().split("\n\n")
  rows = [[line.split() for line in block.splitlines()] for block in blocks]
  return [([r[0] for r in row], [r[-1] for r in row]) for row in rows if row]


def read_pairs(path):
  """Returns the pairs of a table: (two texts, score)."""
  with open(path, encoding="utf-8") as f:
    rows = [line.rstrip("\n").split("\t") for line in f][1:]
  return [((row[1], row[2]), float(row[3])) for row in rows]


def encode_tagged(tokenizer, examples, length, labels):
  """Returns (pieces, segments, labels of pieces) of each sentence."""
  found = tokenizer(
    [words for words, _ in examples],
    is_split_into_words=True,
    truncation=True,
    max_length=length,
  )
  rows = []
  for i, (_, tags) in enumerate(examples):
    places, gold = found.word_ids(i), []
    for before, place in zip([None] + places, places):
      first = place is not None and place != before
      gold.append(labels[tags[place]] if first else peers_torch.IGNORED)
    rows.append((found["input_ids"][i], found["token_type_ids"][i], gold))
  return rows


def encode_pairs(tokenizer, examples, length, labels):
  """Returns (pieces, segments, [score]) of each pair."""
  del labels
  texts = [list(pair) for pair, _ in examples]
  found = tokenizer(texts, truncation=True, max_length=length)
  return [
    (found["input_ids"][i], found["token_type_ids"][i], [score])
    for i, (_, score) in enumerate(examples)
  ]


def f1(gold, predicted, names):
  """Returns the entity F1 of rows of label numbers."""
  scored = [
    [i for i, label in enumerate(row) if label != peers_torch.IGNORED]
    for row in gold
  ]
  sides = [
    [[names[row[i]] for i in places] for row, places in zip(rows, scored)]
    for rows in (gold, predicted)
  ]
  return metrics.entity_scores(*sides)["f1"]


def pearson(gold, predicted, names):
  """Returns the correlation of rows of one score each."""
  del names
  sides = [[row[0] for row in rows] for rows in (gold, predicted)]
  return metrics.regression_scores(*sides)["pearson"]


TASKS = {
  "ner": (read_tagged, encode_tagged, f1),
  "sts": (read_pairs, encode_pairs, pearson),
}


def collate(rows, task):
  """Returns the batch of some rows."""
  batch = peers_torch.make_batch([ids for ids, _, _ in rows])
  batch["token_type_ids"] = peers_torch.pad([s for _, s, _ in rows], 0)
  gold = [gold for _, _, gold in rows]
  if task == "ner":
    batch["labels"] = peers_torch.pad(gold, peers_torch.IGNORED)
  else:
    batch["labels"] = torch.tensor(gold)[:, 0]
  return batch


def predict(model, rows, case):
  """Returns the predictions for rows: label numbers, or a score."""
  model.eval()
  found = [None] * len(rows)
  lengths = [len(ids) for ids, _, _ in rows]
  bf16 = case["precision"] == "bf16"
  narrow = torch.autocast("cpu", torch.bfloat16, enabled=bf16)
  with torch.inference_mode(), narrow:
    for chosen in peers_torch.sort(lengths, PREDICTION_BATCH):
      batch = collate([rows[i] for i in chosen], case["task"])
      logits = model(**batch).logits.float()
      values = logits.argmax(-1) if case["task"] == "ner" else logits
      for i, row in zip(chosen, values.tolist()):
        found[i] = row
  model.train()
  return found


def start(case, names):
  """Returns the model: pretrained, or with random weights."""
  kind = {
    "ner": transformers.AutoModelForTokenClassification,
    "sts": transformers.AutoModelForSequenceClassification,
  }[case["task"]]
  count = len(names) or 1
  if case["config"]:
    config = peers_torch.make_config(case["config"], num_labels=count)
    return kind.from_config(config)
  return kind.from_pretrained(
    case["model"],
    num_labels=count,
    hidden_act="gelu_pytorch_tanh",
    attn_implementation="sdpa",
    ignore_mismatched_sizes=True,
  )


def train(model, rows, case, look):
  """Trains a model; calls `look` at each checkpoint."""
  lengths, size = [len(row[0]) for row in rows], case["batch_size"]
  per_epoch = -(-len(rows) // size)
  steps = round(case["epochs"] * per_epoch)
  optimizer = peers_torch.make_optimizer(model, case["learning_rate"])
  schedule = transformers.get_linear_schedule_with_warmup(
    optimizer, steps // 10, steps
  )
  model.train()
  epochs = iter(lambda: peers_torch.grouped(lengths, size), None)
  batches = itertools.chain.from_iterable(epochs)
  every = case["save_steps"] or per_epoch
  for step, chosen in enumerate(itertools.islice(batches, steps), 1):
    batch = collate([rows[i] for i in chosen], case["task"])
    peers_torch.update(model, optimizer, batch, case["precision"])
    schedule.step()
    if step % every == 0 or step == steps:
      look(step)


def main():
  case = json.loads(sys.argv[1])
  read, encode, metric = TASKS[case["task"]]
  tokenizer = transformers.AutoTokenizer.from_pretrained(case["model"])
  parts = {n: read(p) for n, p in case["files"].items()}
  tags = (
    {t for _, g in parts["train"] for t in g} if read is read_tagged else ()
  )
  names = sorted(tags)
  labels = {name: i for i, name in enumerate(names)}
  rows = {
    name: encode(tokenizer, part, case["length"], labels)
    for name, part in parts.items()
  }
  gold = {name: [row[2] for row in part] for name, part in rows.items()}
  model, best = start(case, names), []

  def score(name):
    found = predict(model, rows[name], case)
    return metric(gold[name], found, names), found

  def look(step):
    value, _ = score("dev")
    folder = os.path.join(case["output"], str(step))
    model.save_pretrained(folder)
    best.append((value or 0, folder))  # None where it is undefined.

  train(model, rows["train"], case, look)
  model = type(model).from_pretrained(max(best)[1])
  results = {}
  for name in ("dev", "test"):
    results[name], found = score(name)
    with open(os.path.join(case["output"], name + ".json"), "w") as f:
      json.dump(found, f)
  print(json.dumps(results))


if __name__ == "__main__":
  main()
