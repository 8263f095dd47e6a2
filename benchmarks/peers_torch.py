# SPDX-License-Identifier: Apache-2.0
"""Trains, predicts and pretrains with Hugging Face's ALBERT, at its best.

The benchmarks run this under a Python with PyTorch and transformers; see
finetuning_speed.py, pretraining_speed.py and whole_runs.py. Its settings:

- the same config, with "gelu_pytorch_tanh" for the "gelu" of the ALBERT
  release: the same function, in one kernel;
- sdpa attention and fused AdamW, gradients clipped at a norm of 1;
- training batches grouped by length, as Trainer's group_by_length does, and
  batches sorted by length, longest first, for inference, in inference mode; all
  padded to their longest;
- bf16 by autocast in training, and as the model's type for inference;
- a plain loop, which costs less per batch than Trainer.
"""

import itertools
import json
import sys

import peers
import torch
import transformers
from transformers import trainer_pt_utils

IGNORED = -100  # PyTorch's label of what is not scored.


def make_config(path, **more):
  """Returns an AlbertConfig from a file of the ALBERT release."""
  with open(path, encoding="utf-8") as f:
    values = dict(json.load(f), hidden_act="gelu_pytorch_tanh", **more)
  values["attn_implementation"] = "sdpa"
  return transformers.AlbertConfig(**values)


def pad(rows, value):
  """Returns a matrix of rows of numbers, padded to the longest."""
  tensors = [torch.tensor(row) for row in rows]
  return torch.nn.utils.rnn.pad_sequence(tensors, True, value)


def grouped(lengths, size):
  """Returns one epoch's batches of numbers, shuffled and of similar length."""
  order = trainer_pt_utils.get_length_grouped_indices(lengths, size)
  return chunk(order, size)


def chunk(order, size):
  return [order[i : i + size] for i in range(0, len(order), size)]


def sort(lengths, size):
  """Returns batches of numbers, longest first."""
  order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
  return chunk(order, size)


def make_batch(ids):
  """Returns the inputs of a batch of texts of pieces."""
  padded = pad(ids, 0)
  mask = pad([[1] * len(row) for row in ids], 0)
  return {"input_ids": padded, "attention_mask": mask}


def make_optimizer(model, rate=1e-5):
  return torch.optim.AdamW(
    model.parameters(), rate, weight_decay=0.01, fused=True
  )


def update(model, optimizer, batch, precision):
  """Takes a training step; returns the loss."""
  with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
    loss = model(**batch).loss
  optimizer.zero_grad(set_to_none=True)
  loss.backward()
  torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
  optimizer.step()
  return loss


def tagging(case):
  """Returns a function that trains or predicts some batches."""
  with open(case["features"], encoding="utf-8") as f:
    features = json.load(f)
  config = make_config(
    case["config"], vocab_size=case["vocab_size"], num_labels=3
  )
  model = transformers.AlbertForTokenClassification(config)
  lengths = [len(ids) for ids, _ in features]
  trains = case["mode"] == "train"
  model.train(trains)
  if not trains and case["precision"] == "bf16":
    model.to(torch.bfloat16)
  optimizer = make_optimizer(model)

  def stream():
    while True:
      draw = grouped if trains else sort
      for chosen in draw(lengths, case["batch_size"]):
        yield [features[i] for i in chosen]

  def take(rows):
    batch = make_batch([ids for ids, _ in rows])
    if not trains:
      with torch.inference_mode():
        return model(**batch).logits.argmax(-1).numpy()
    labels = pad([label for _, label in rows], -1)
    batch["labels"] = labels.masked_fill(labels < 0, IGNORED)
    return update(model, optimizer, batch, case["precision"])

  waiting = stream()

  def turn():
    tokens = 0
    for rows in itertools.islice(waiting, case["batches"]):
      take(rows)
      tokens += sum(len(ids) for ids, _ in rows)
    return tokens

  return turn


def main():
  answers = peers.own_answers()
  peers.answer_turns(tagging(json.loads(sys.argv[1])), answers)


if __name__ == "__main__":
  main()
