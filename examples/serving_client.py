# SPDX-License-Identifier: Apache-2.0
"""Labels raw text with a model in TensorFlow Serving, without TensorFlow here.

  python examples/serving_client.py exported/ncbi/1/assets.extra \
    http://localhost:8501/v1/models/ncbi:predict < abstracts.txt

Takes the assets.extra of an exported SavedModel and the address of its REST
API. Reads one text per line, or any other file of texts that run_ner.py labels;
two texts with " ||| " between them are a pair. Prints a line of JSON for each:
its entities, the probabilities of labels, or the similarity of a pair. This
needs NumPy, absl-py and sentencepiece.
"""

import json
import os
import sys
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

import numpy as np

from common import arguments
from common import run_files
from common.errors import InputError
from finetuning import words
from formats import entity_files
from formats import streams
from formats import unlabelled
import tokenization
from training import batches

INPUTS = ("input_ids", "input_mask", "segment_ids")
BATCH_SIZE = 32  # windows per request
TEXTS = {"ner": 1, "re": 1, "dc": 1, "sts": 2, "nli": 2}  # of each task's input


def ask(url, rows):
  """Yields a served model's output for each of these rows of features.

  That is the probabilities, or the value of a model of similarity.
  """
  for part in batches.chunk(rows, BATCH_SIZE):
    batch = batches.pad_batch(part, words.PADDING)
    inputs = {name: batch[name].tolist() for name in INPUTS}
    body = json.dumps({"inputs": inputs}).encode()
    try:
      with urllib.request.urlopen(url, body) as answer:
        outputs = json.load(answer)["outputs"]
    except urllib.error.HTTPError as e:  # Its body is {"error": ...}.
      raise InputError("%s: %s %s" % (url, e, e.read().decode())) from None
    except (OSError, ValueError, KeyError) as e:
      raise InputError("%s: not answered by a model (%s)" % (url, e)) from None
    # A single output comes without its name.
    named = isinstance(outputs, dict)
    yield from map(np.array, outputs["probabilities"] if named else outputs)


def find_entities(document, learned, tokenizer, length, url):
  """Returns a document's line of JSON, as run_ner.py writes it."""
  passage = words.Passage(document, sentences=None, offset=0)
  (example,) = words.split_passages([passage], learned["inner_punctuation"])
  texts = [(example.words, example.sentences)]
  (rows,) = words.encode(texts, tokenizer, length)
  windows = [
    {"word": row["word"], "label": p.argmax(-1), "probability": p.max(-1)}
    for row, p in zip(rows, ask(url, rows))
  ]
  found = words.entities(
    example,
    *words.join_windows(len(example.words), windows, learned["labels"]),
    learned.get("entity_type", entity_files.UNTYPED),
  )
  return entity_files.to_jsonl([document], [found])


def classify(document, learned, tokenizer, length, url):
  """Returns a line of JSON with the probabilities of a text or a pair."""
  texts, expected = document.text.split(" ||| "), TEXTS[learned["task"]]
  rows = [[tokenizer.encode(text) for text in texts]]
  room = length - 1 - expected  # [CLS], and a [SEP] after each text.
  if learned["task"] == "dc":  # Windows, as in run_dc.py.
    ids = tokenizer.encode(document.text)
    spans = batches.windows([1] * len(ids), room)
    rows = [[ids[span.first : span.last]] for span in spans]
  elif len(texts) != expected or sum(map(len, rows[0])) > room:
    raise InputError(
      "text %s: found %d texts with %d pieces, expected %d with at most %d"
      % (document.id, len(texts), sum(map(len, rows[0])), expected, room)
    )
  features = [batches.sequence_features(tokenizer, *row) for row in rows]
  answer = np.max(list(ask(url, features)), 0).tolist()
  if "labels" in learned:
    answer = dict(zip(learned["labels"], answer))
  values = {"id": document.id, "text": document.text, "answer": answer}
  return json.dumps(values, ensure_ascii=False) + "\n"


def load(folder):
  """Returns (task.json, tokenizer, length of inputs) of an assets.extra."""
  learned = run_files.read_learned(folder) or {}
  marks = learned.get("entity_marks", "as_is")
  if learned.get("task") not in TEXTS or marks != "as_is":
    raise InputError(
      "%s: found the task %s with entity marks %s, expected the assets.extra "
      "of a model for %s, with marks as_is"
      % (folder, learned.get("task"), marks, ", ".join(TEXTS))
    )
  training = run_files.read_description(folder)["training"]
  return learned, tokenization.find(folder), training["max_seq_length"]


def main():
  """Labels the texts in standard input."""
  parser = arguments.ArgumentParser(__doc__)
  parser.add_argument("folder", help="assets.extra of the SavedModel")
  parser.add_argument("url", help="http://HOST:8501/v1/models/NAME:predict")
  options = parser.parse_args()
  try:
    model = load(options.folder)
    how = find_entities if model[0]["task"] == "ner" else classify
    source = streams.of_bytes(sys.stdin.buffer.read(), "standard input")
    for found in unlabelled.read(source):
      sys.stdout.write(how(found.document, *model, options.url))
  except InputError as e:
    sys.exit("error: %s" % e)


if __name__ == "__main__":
  main()
