# SPDX-License-Identifier: Apache-2.0
"""Tests of serving_client.py against a server that answers as Serving does."""

import contextlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from exporting import forms
from exporting import model_folders
import run_dc
import run_ner
import run_nli
import run_re
import run_sts
from tests.helpers import REPO
from tests.helpers import tiny

pytestmark = pytest.mark.once

CLIENT = os.path.join(REPO, "examples", "serving_client.py")
LONG = "the lung has no fever and the patient was not seen with asthma "
TASKS = {
  "ner": (
    run_ner,
    "no\tO\nfever\tB-Sign\n-\tO\n\nlung\tB-Site\nthe\tO\n",
    {"train_step": 20, "predict_format": "jsonl"},
    # A sentence of several windows; nothing to label; offsets that move.
    LONG * 5 + ".\nNo fe\u0301ver-2. The lung\u2019s fever,\n \n",
  ),
  "sts": (
    run_sts,
    "index\tsentence1\tsentence2\tscore\n0\tfever\tlung\t1\n1\tno\tno\t4\n",
    {"train_step": 2, "task_name": "biosses", "predict_format": "jsonl"},
    "no fever\tThe lung.\n",
  ),
  "re": (
    run_re,
    "@GENE$ causes @DISEASE$.\t1\nNo @GENE$ in @DISEASE$.\t0\n",
    {"train_step": 2, "task_name": "gad", "predict_format": "jsonl"},
    "The @GENE$ was seen with @DISEASE$.\nNo @CHEM-GENE$ was seen.\n",
  ),
}
PAIRS = (("no fever", "The lung has fever."), ("The @GENE$.", "asthma"))
# Tasks with as many labels as relations, and so with the same weights.
ALIKE = {
  "nli": (
    run_nli,
    {"labels": ["no", "yes"], "task": "nli"},
    {},
    "".join("%s\t%s\n" % pair for pair in PAIRS),
  ),
  "dc": (
    run_dc,
    {"labels": ["a", "b"], "task": "dc"},
    {"task_name": "generic"},
    "No fever.\n" + LONG * 5 + "\n",
  ),
}


class Served:
  """A SavedModel as TensorFlow Serving's REST API answers for it.

  Written after its documentation, api_rest.md: {"inputs": {name: rows}} becomes
  {"outputs": {name: rows}}, without the name if there is one output only.
  """

  def __init__(self, folder):
    self.session = tf.Session(graph=tf.Graph())
    with self.session.graph.as_default():
      meta = tf.saved_model.loader.load(self.session, ["serve"], folder)
    self.signature = meta.signature_def["serving_default"]

  def answer(self, body):
    inputs = json.loads(body.decode())["inputs"]
    assert set(inputs) == set(self.signature.inputs)
    outputs = self.session.run(
      {name: info.name for name, info in self.signature.outputs.items()},
      {
        info.name: np.array(inputs[name], np.int32)
        for name, info in self.signature.inputs.items()
      },
    )
    outputs = {name: array.tolist() for name, array in outputs.items()}
    return {"outputs": outputs if len(outputs) > 1 else outputs.popitem()[1]}


@contextlib.contextmanager
def server(models):
  """Serves {path: Served}; yields the address. Other paths are not found."""

  class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
      body = self.rfile.read(int(self.headers["Content-Length"]))
      model = models.get(self.path)
      answer = model.answer(body) if model else {"error": "Servable not found"}
      self.send_response(200 if model else 404)
      self.end_headers()
      self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
      pass

  with http.server.HTTPServer(("127.0.0.1", 0), Handler) as served:
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield "http://127.0.0.1:%d/v1/models/" % served.server_port
    served.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """A folder for each task: its output, and in x/1 its SavedModel."""
  root = tmp_path_factory.mktemp("served")
  for task, (program, train, flags, texts) in TASKS.items():
    place = root / task
    place.mkdir()
    (place / "train").write_text(train)
    (place / "new.txt").write_text(texts, encoding="utf-8")
    tiny.run(
      program,
      place,
      train_file=str(place / "train"),
      predict_file=str(place / "new.txt"),
      **flags,
    )
    export(place)
  for task, values in ALIKE.items():
    (root / task).mkdir()
    shutil.copytree(str(root / "re" / "output"), str(root / task / "output"))
    label(root / task, *values)
  return root


def export(place):
  source = model_folders.load(str(place / "output"))
  target = forms.Target(str(place / "x"), 1, False)
  forms.export_model("saved_model", source, target)


def label(place, program, learned, flags, texts):
  """Labels texts with what was trained for another task; exports it."""
  (place / "output" / "task.json").write_text(json.dumps(learned))
  export(place)
  (place / "new.txt").write_text(texts)
  tiny.run(
    program,
    place,
    bioalbert_dir=str(place / "output"),
    predict_file=str(place / "new.txt"),
    predict_format="jsonl",
    do_train=False,
    **flags,
  )


@pytest.fixture(scope="module")
def url(folder):
  """The address of a server of all models."""
  models = {
    "/v1/models/%s:predict" % task: Served(str(folder / task / "x" / "1"))
    for task in [*TASKS, *ALIKE]
  }
  with server(models) as address:
    yield address


def client(folder, url, texts, code=0):
  """Runs the client where TensorFlow cannot be imported.

  Returns the values of its lines, or its error.
  """
  block = "import runpy, sys; sys.modules['tensorflow'] = None; del sys.argv[0]"
  run = "; runpy.run_path(sys.argv[0], run_name='__main__')"
  process = subprocess.run(
    [sys.executable, "-c", block + run, CLIENT, str(folder), url],
    input=texts.encode("utf-8"),
    capture_output=True,
  )
  assert process.returncode == code, process.stderr.decode()
  lines = process.stdout.decode("utf-8").splitlines()
  return process.stderr.decode() if code else list(map(json.loads, lines))


def written(folder, name):
  """Returns the values of a file of JSON lines that a program wrote."""
  with open(str(folder / "output" / name), encoding="utf-8") as f:
    return list(map(json.loads, f))


def test_the_client_finds_the_entities_of_run_ner(folder, url):
  place = folder / "ner"
  found = client(
    place / "x" / "1" / "assets.extra", url + "ner:predict", TASKS["ner"][3]
  )
  expected = written(place, "new.entities.jsonl")
  assert len(expected[0]["entities"]) > 5 and expected[1]["entities"]
  for a, b in zip(
    [e for line in found for e in line["entities"]],
    [e for line in expected for e in line["entities"]],
  ):
    assert a.pop("score") == pytest.approx(b.pop("score"), abs=2e-4)
  assert found == expected


@pytest.mark.parametrize(
  "task, texts",
  [
    ("dc", ALIKE["dc"][3]),
    ("re", TASKS["re"][3]),
    ("nli", "".join("%s ||| %s\n" % pair for pair in PAIRS)),
  ],
  ids=["dc", "re", "nli"],
)
def test_the_client_returns_the_probabilities_of_the_program(
  folder, url, task, texts
):
  place = folder / task
  extra = place / "x" / "1" / "assets.extra"
  found = client(extra, url + task + ":predict", texts)
  expected = written(place, "new.predictions.jsonl")
  assert len(found) == len(expected) == 2
  for a, b in zip(found, expected):
    assert a["id"] == b["id"]
    assert a["text"].startswith(b.get("sentence", b.get("sentence1")))
    assert set(a["answer"]) == {key[2:-1] for key in b if key[1:2] == "("}
    for label, p in a["answer"].items():
      assert p == pytest.approx(b["p(%s)" % label], abs=1e-5)


def test_the_client_scores_pairs_as_run_sts(folder, url):
  extra = folder / "sts" / "x" / "1" / "assets.extra"
  (found,) = client(extra, url + "sts:predict", "no fever ||| The lung.\n")
  (expected,) = written(folder / "sts", "new.predictions.jsonl")
  assert found["answer"] == pytest.approx(expected["value"], abs=1e-5)


@pytest.mark.parametrize(
  "task, name, text, message",
  [
    ("ner", "x", "fever", '404: Not Found {"error": "Servable not found"}'),
    ("sts", "sts", "fever", "text 1: found 1 texts with 1 pieces, expected 2"),
    (".", "ner", "fever", "found the task None"),
  ],
)
def test_an_error_of_the_client_is_one_line(
  folder, url, task, name, text, message
):
  extra = folder / task / "x" / "1" / "assets.extra"
  error = client(extra, url + name + ":predict", text, code=1)
  assert message in error and error.startswith("error: ")
  assert error.count("\n") == 1
