# SPDX-License-Identifier: Apache-2.0
"""Runs programs from a shell, on a small corpus and a small model."""

import atexit
import functools
import hashlib
import json
import multiprocessing
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

from common import progress
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


# Imports the libraries once. A program then starts in a fork of that process,
# where importing them again takes no time.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
  [
    "common.quiet",
    "sentencepiece",
    "tensorflow.compat.v1",
    "finetuning.harness",
    "pretraining.harness",
  ]
)


def run(program, arguments, folder=REPO, code=0):
  """Runs a program and returns (stdout, stderr).

  Checks its exit code, and that no library prints to standard error.
  """
  with tempfile.TemporaryDirectory() as logs:
    paths = [os.path.join(logs, name) for name in ("stdout", "stderr")]
    process = _FORKS.Process(
      target=_run_into_files,
      args=(program, arguments.split(), str(folder), paths),
    )
    process.start()
    process.join()
    texts = []
    for path in paths:
      with open(path, encoding="utf-8") as f:
        texts.append(f.read())
  _check(process.exitcode, texts[1], code)
  return tuple(texts)


def run_afresh(program, arguments):
  """Does the same in a process that imports everything itself."""
  process = subprocess.run(
    [sys.executable, os.path.join(REPO, program)] + arguments.split(),
    cwd=REPO,
    capture_output=True,
    encoding="utf-8",
  )
  _check(process.returncode, process.stderr, 0)
  return process.stdout, process.stderr


def _check(found, log, code):
  """Checks an exit code, and that no library printed into a log."""
  assert found == code, log[-3000:]
  assert [x for x in log.splitlines() if _NOT_OURS.match(x)] == []


def stop_at(program, arguments, text, number):
  """Starts a program and sends a signal at a log line with a text.

  It logs every step, so that tests need not wait for a log line. Returns
  (log, exit code).
  """
  reader, writer = _FORKS.Pipe(duplex=False)
  process = _FORKS.Process(
    target=_run_stepwise, args=(program, arguments.split(), writer)
  )
  process.start()
  writer.close()
  log, sent = "", False
  with reader, open(reader.fileno(), encoding="utf-8", closefd=False) as lines:
    for line in lines:
      log += line
      if text in line and not sent:
        os.kill(process.pid, number)
        sent = True
  process.join()
  return log, process.exitcode


def _run_into_files(program, arguments, folder, paths):
  """Runs a program whose standard output and error are files."""
  for path, number in zip(paths, (1, 2)):
    with open(path, "wb") as f:
      os.dup2(f.fileno(), number)
  os.chdir(folder)
  _run_as_main(program, arguments)


def _run_stepwise(program, arguments, pipe):
  """Runs a program that logs every step into a pipe."""
  os.dup2(pipe.fileno(), 1)
  os.dup2(pipe.fileno(), 2)
  pipe.close()
  progress.LOG_SECONDS = 0
  _run_as_main(program, arguments)


def _run_as_main(program, arguments):
  """Runs a program as the shell does, to the end of this process."""
  sys.argv = [os.path.join(REPO, program)] + arguments
  sys.path[0] = os.path.dirname(sys.argv[0])
  multiprocessing.set_start_method(None, force=True)  # As at the start.
  code = 0
  try:
    runpy.run_path(sys.argv[0], run_name="__main__")
  except SystemExit as e:
    code = e.code
  finally:
    atexit._run_exitfuncs()  # Which a fork skips.
  sys.exit(code or 0)


def kill_at(program, arguments, text):
  """Starts a program, kills it at a log line with a text, returns its log."""
  return stop_at(program, arguments, text, signal.SIGKILL)[0]


def variables(prefix):
  """Returns {name: SHA-256 of the value} of a checkpoint."""
  found = modeling.read_checkpoint(str(prefix))
  return {n: hashlib.sha256(v.tobytes()).hexdigest() for n, v in found}


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
