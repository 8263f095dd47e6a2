# SPDX-License-Identifier: Apache-2.0
"""Runs programs from a shell, on a small corpus and a small model."""

import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

import modeling
from tests.helpers import REPO
from tests.helpers import SPM

# The published command; only its paths differ.
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


# What libraries print to standard error: logs of C++, warnings of Python.
_NOT_OURS = re.compile(r"[IWEF]\d{4} |WARNING: |\d{4}-\d\d-\d\d |.*Warning: ")


def run(program, arguments, folder=REPO, code=0):
  """Runs a program and returns (stdout, stderr).

  Checks its exit code, and that no library prints to standard error.
  """
  process = subprocess.run(
    [sys.executable, os.path.join(REPO, program)] + arguments.split(),
    cwd=str(folder),
    capture_output=True,
    encoding="utf-8",
  )
  assert process.returncode == code, process.stderr[-3000:]
  lines = process.stderr.splitlines()
  assert [line for line in lines if _NOT_OURS.match(line)] == []
  return process.stdout, process.stderr


# Logs every step, so that tests need not wait for a log line.
STEPWISE = f"""
import runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, "{REPO}")
from common import progress
progress.LOG_SECONDS = 0
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def stop_at(program, arguments, text, number):
  """Starts a program and sends a signal at a log line with a text.

  Returns (log, exit code).
  """
  process = subprocess.Popen(
    [sys.executable, "-c", STEPWISE, os.path.join(REPO, program)]
    + arguments.split(),
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    encoding="utf-8",
  )
  log, sent = "", False
  with process.stdout:
    for line in process.stdout:
      log += line
      if text in line and not sent:
        process.send_signal(number)
        sent = True
  return log, process.wait()


def kill_at(program, arguments, text):
  """Starts a program, kills it at a log line with a text, returns its log."""
  return stop_at(program, arguments, text, signal.SIGKILL)[0]


def variables(prefix):
  """Returns {name: bytes} of a checkpoint."""
  found = modeling.read_checkpoint(str(prefix))
  return {name: value.tobytes() for name, value in found}


def write_corpus(folder, sizes):
  """Writes sentences whose entities are "fever" and "lung cancer"."""
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
  """Writes a small pretrained model with the files of a published one.

  Its checkpoint has the optimizer's slots and the heads of pretraining.
  """
  shutil.copytree(_model(initializer_range).name, str(folder))


@functools.lru_cache(maxsize=None)
def _model(initializer_range):
  """Makes the model once a process; returns its TemporaryDirectory."""
  temporary = tempfile.TemporaryDirectory()
  folder = temporary.name
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
  config.to_json_file(os.path.join(folder, "bert_config.json"))
  shutil.copy(SPM, os.path.join(folder, "30k-clean.model"))
  shutil.copy(
    SPM.replace(".model", ".vocab"), os.path.join(folder, "vocab.txt")
  )
  _save_random_weights(config, os.path.join(folder, "model.ckpt"))
  return temporary


def _save_random_weights(config, path):
  with tf.Graph().as_default(), tf.Session() as session:
    tf.set_random_seed(0)
    modeling.AlbertModel(config, False, tf.zeros([1, 2], tf.int32))
    for v in tf.trainable_variables():
      tf.get_variable(v.op.name + "/adam_m", v.shape, trainable=False)
    tf.get_variable("cls/predictions/output_bias", [8000])
    step = tf.train.get_or_create_global_step()
    session.run(tf.global_variables_initializer())
    session.run(step.assign(1000000))
    saver = tf.train.Saver(save_relative_paths=True)
    saver.save(session, path, global_step=step)


def squad(*triples):
  """Returns BioBERT's JSON of (id, context, answer), all with one question."""
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
