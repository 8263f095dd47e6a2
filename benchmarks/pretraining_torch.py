# SPDX-License-Identifier: Apache-2.0
"""Runs the step of pretraining_speed.py in PyTorch, with Hugging Face's ALBERT.

pretraining_speed.py starts this program. It prints a line when it is ready,
then takes a step and prints a line for each line that it reads.

With "all" the step is that of AlbertForPreTraining, which predicts a word at
every position; with "masked" its head gets the masked positions only, and with
"masked,checkpoint" the shared layer is computed again in the backward pass.

With "memory" as the last argument it takes two steps and prints the process's
peak in MiB, and the seconds and the loss of the second step.
"""

import functools
import json
import resource
import sys
import time

import peers_torch
import torch
from torch.utils import checkpoint
from transformers import AlbertForPreTraining


def recompute_layers(model):
  """Keeps only the input of each layer's call for the backward pass."""
  for group in model.albert.encoder.albert_layer_groups:
    for layer in group.albert_layers:
      layer.forward = functools.partial(
        checkpoint.checkpoint, layer.forward, use_reentrant=False
      )


def make(config_file, shape, words):
  """Returns a function that takes a training step."""
  batch, length, predictions = shape
  config = peers_torch.make_config(config_file)
  model = AlbertForPreTraining(config).train()
  if words == "masked,checkpoint":
    recompute_layers(model)
  optimizer = peers_torch.make_optimizer(model)
  ids = torch.randint(5, config.vocab_size, (batch, length))
  types = torch.randint(0, 2, (batch, length))
  mask = torch.ones_like(ids)
  positions = torch.stack(
    [1 + torch.randperm(length - 2)[:predictions] for _ in range(batch)]
  )
  targets = torch.randint(5, config.vocab_size, (batch, predictions))
  labels = torch.full_like(ids, -100).scatter(1, positions, targets)
  swapped = torch.randint(0, 2, (batch,))
  rows = torch.arange(batch)[:, None]
  entropy = torch.nn.functional.cross_entropy

  def loss_of_masked():
    encoded = model.albert(ids, attention_mask=mask, token_type_ids=types)
    scores = model.predictions(encoded.last_hidden_state[rows, positions])
    order = model.sop_classifier(encoded.pooler_output)
    return entropy(scores.float().flatten(0, 1), targets.flatten()) + entropy(
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
      loss = loss_of_all() if words == "all" else loss_of_masked()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())

  return step


def measure_memory(step):
  """Takes two steps and prints the process's peak and the second step."""
  step(False)
  begin = time.perf_counter()
  loss = step(False)
  own = time.perf_counter() - begin
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
  print(json.dumps([peak, own, loss]))


def main():
  config_file, shape, precision, words, *memory = sys.argv[1:]
  step = make(config_file, json.loads(shape), words)
  if memory:
    measure_memory(step)
    return
  print("ready", flush=True)
  for _ in sys.stdin:
    step(precision == "bf16")
    print("done", flush=True)


if __name__ == "__main__":
  main()
