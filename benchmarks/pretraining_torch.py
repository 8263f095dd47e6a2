# SPDX-License-Identifier: Apache-2.0
"""Runs the step of pretraining_speed.py in PyTorch, with Hugging Face's ALBERT.

pretraining_speed.py starts this program. It prints a line when it is ready,
then takes a step and prints a line for each line that it reads.

With "all" the step is that of AlbertForPreTraining, which predicts a word at
every position; with "masked" its head gets the masked positions only.
"""

import json
import sys

import torch
from transformers import AlbertConfig
from transformers import AlbertForPreTraining


def make(config_file, shape, masked_only):
  """Returns a function that takes a training step."""
  batch, length, predictions = shape
  with open(config_file) as f:
    config = AlbertConfig.from_dict(json.load(f))
  # transformers' name for the "gelu" of the ALBERT release.
  config.hidden_act = "gelu_new"
  model = AlbertForPreTraining(config).train()
  optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
  ids = torch.randint(5, config.vocab_size, (batch, length))
  types = torch.randint(0, 2, (batch, length))
  mask = torch.ones_like(ids)
  positions = torch.stack(
    [1 + torch.randperm(length - 2)[:predictions] for _ in range(batch)]
  )
  words = torch.randint(5, config.vocab_size, (batch, predictions))
  labels = torch.full_like(ids, -100).scatter(1, positions, words)
  swapped = torch.randint(0, 2, (batch,))
  rows = torch.arange(batch)[:, None]
  entropy = torch.nn.functional.cross_entropy

  def loss_of_masked():
    encoded = model.albert(ids, attention_mask=mask, token_type_ids=types)
    scores = model.predictions(encoded.last_hidden_state[rows, positions])
    order = model.sop_classifier(encoded.pooler_output)
    return entropy(scores.float().flatten(0, 1), words.flatten()) + entropy(
      order.float(), swapped
    )

  def loss_of_all():
    return model(
      ids,
      attention_mask=mask,
      token_type_ids=types,
      labels=labels,
      sentence_order_label=swapped,
    ).loss

  def step(bf16):
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
      loss = loss_of_masked() if masked_only else loss_of_all()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()

  return step


def main():
  config_file, shape, precision, words = sys.argv[1:]
  step = make(config_file, json.loads(shape), words == "masked")
  print("ready", flush=True)
  for _ in sys.stdin:
    step(precision == "bf16")
    print("done", flush=True)


if __name__ == "__main__":
  main()
