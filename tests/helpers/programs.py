# SPDX-License-Identifier: Apache-2.0
"""Runs programs as a person does, on a small corpus and a small model."""

import json
import os
import subprocess
import sys

import numpy as np
import tensorflow.compat.v1 as tf

import modeling
from tests.helpers import REPO

# The published command, but for its paths.
PUBLISHED = (
  "--do_train=true --do_eval=true --vocab_file={model}/vocab.txt "
  "--bert_config_file={model}/bert_config.json "
  "--init_checkpoint={model}/model.ckpt-1000000 --num_train_epochs=10.0 "
  "--data_dir={data} --output_dir={output}"
)


QUICK = (
  " --max_seq_length=32 --train_batch_size=8 --learning_rate=3e-3 "
  "--save_checkpoints_steps=20"
)


def run(program, arguments, folder=REPO, code=0):
  """Runs a program and returns its (standard output, standard error)."""
  process = subprocess.run(
    [sys.executable, os.path.join(REPO, program)] + arguments.split(),
    cwd=str(folder),
    capture_output=True,
    encoding="utf-8",
  )
  assert process.returncode == code, process.stderr[-3000:]
  return process.stdout, process.stderr


def write_corpus(folder, sizes):
  """Sentences in which 'fever' and the words after 'lung' are entities."""
  os.makedirs(str(folder))
  random = np.random.RandomState(0)
  for name, size in sizes.items():
    lines = []
    for _ in range(size):
      for _ in range(random.randint(3, 12)):
        kind = random.randint(6)
        if kind == 0:
          lines.append("fever\tB-Sign")
        elif kind == 1:
          lines += ["lung\tB-Disease", "cancer\tI-Disease"]
        else:
          word = ["the", "patients", "had", "no", "with"][random.randint(5)]
          lines.append(word + "\tO")
      lines.append("")
    with open(str(folder / name), "w") as f:
      f.write("\n".join(lines))


def write_model(folder, initializer_range=0.02):
  """A pretrained model as published: optimizer slots, cls heads and all."""
  os.makedirs(str(folder))
  config = modeling.AlbertConfig(
    vocab_size=8000,
    embedding_size=16,
    hidden_size=32,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=64,
    max_position_embeddings=32,
    initializer_range=initializer_range,
  )
  config.to_json_file(str(folder / "bert_config.json"))
  for name in ("pubmed-8k.model", "pubmed-8k.vocab"):
    with open(os.path.join(REPO, "examples", "vocab", name), "rb") as f:
      data = f.read()
    target = "vocab.txt" if name.endswith(".vocab") else "30k-clean.model"
    (folder / target).write_bytes(data)
  with tf.Graph().as_default(), tf.Session() as session:
    tf.set_random_seed(0)
    modeling.AlbertModel(config, False, tf.zeros([1, 2], tf.int32))
    for v in tf.trainable_variables():
      tf.get_variable(v.op.name + "/adam_m", v.shape, trainable=False)
    tf.get_variable("cls/predictions/output_bias", [8000])
    step = tf.train.get_or_create_global_step()
    session.run(tf.global_variables_initializer())
    session.run(step.assign(1000000))
    tf.train.Saver().save(session, str(folder / "model.ckpt"), global_step=step)


def squad(*triples):
  """BioBERT's file of (id, context, answer) triples; the question is one."""
  paragraphs = [
    {
      "context": context,
      "qas": [
        {
          "id": name,
          "question": "what fever?",
          "answers": [{"text": answer, "answer_start": context.find(answer)}],
        }
      ],
    }
    for name, context, answer in triples
  ]
  return json.dumps({"data": [{"title": "x", "paragraphs": paragraphs}]})
