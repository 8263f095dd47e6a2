# SPDX-License-Identifier: Apache-2.0
"""The step of pretraining_speed.py in PyTorch, with Hugging Face's ALBERT.

Started by pretraining_speed.py: answers with a line when it is ready, then
takes a step and answers for every line that it reads. Its masked words' head
is given the masked positions only, which is faster than
AlbertForPreTraining.forward: that scores every position.
"""

import json
import sys

import torch
from transformers import AlbertConfig
from transformers import AlbertForPreTraining


def make(config_file, shape):
  """Returns a function that takes a step, the update included."""
  batch, length, predictions = shape
  with open(config_file) as f:
    config = AlbertConfig.from_dict(json.load(f))
  model = AlbertForPreTraining(config).train()
  optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
  ids = torch.randint(5, config.vocab_size, (batch, length))
  types = torch.randint(0, 2, (batch, length))
  mask = torch.ones_like(ids)
  positions = torch.randint(1, length - 1, (batch, predictions))
  words = torch.randint(5, config.vocab_size, (batch * predictions,))
  swapped = torch.randint(0, 2, (batch,))
  rows = torch.arange(batch)[:, None]
  entropy = torch.nn.functional.cross_entropy

  def step(bf16):
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
      encoded = model.albert(ids, attention_mask=mask, token_type_ids=types)
      picked = encoded.last_hidden_state[rows, positions]
      scores = model.predictions(picked).flatten(0, 1)
      order = model.sop_classifier(encoded.pooler_output)
    loss = entropy(scores.float(), words) + entropy(order.float(), swapped)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()

  return step


def main():
  config_file, shape, bf16 = sys.argv[1:]
  step = make(config_file, json.loads(shape))
  print("ready", flush=True)
  for _ in sys.stdin:
    step(bf16 == "1")
    print("done", flush=True)


if __name__ == "__main__":
  main()
