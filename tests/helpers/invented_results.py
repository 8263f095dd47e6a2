# SPDX-License-Identifier: Apache-2.0
"""Writes folders of results as the fine-tuning programs do."""

import json

from evaluation import bioasq
from evaluation import metrics
from formats import tables


def write_run(root, place, test, program="run_ner.py", files=None, **flags):
  """Writes root/place with results.json, run_config.json and files."""
  folder = root.joinpath(*place.split("/"))
  folder.mkdir(parents=True)
  config = {"command": "/here/%s --do_train=true" % program, "flags": flags}
  results = {"task_name": flags.get("task_name", "x"), "test": test}
  (folder / "run_config.json").write_text(json.dumps(config))
  (folder / "results.json").write_text(json.dumps(results))
  for name, text in (files or {}).items():
    (folder / name).write_text(text)
  return folder


def f1(value):
  """Returns scores that all have one value."""
  return {"precision": value, "recall": value, "f1": value}


def write_ner(root, place, gold, predicted):
  """Writes a run on named entities, given the labels of its sentences."""
  lines = []
  for labels in zip(gold, predicted):
    lines += ["word %s %s\n" % pair for pair in zip(*labels)] + ["\n"]
  scores = metrics.entity_scores(gold, predicted)
  files = {"NER_result_conll.txt": "".join(lines)}
  return write_run(root, place, scores, "run_ner.py", files)


def write_classes(root, place, gold, predicted, labels, negative=None):
  """Writes a run on relations or, without a negative label, on inference."""
  scores = metrics.class_scores(gold, predicted, labels, negative)
  scores["negative"] = negative
  rows = [
    [str(i), "text %d" % i, g, p, 0.5]
    for i, (g, p) in enumerate(zip(gold, predicted))
  ]
  header = ["index", "sentence", "gold", "predicted", "probability"]
  files = {"test_predictions.tsv": tables.to_tsv([header] + rows)}
  program = "run_re.py" if negative else "run_nli.py"
  return write_run(root, place, scores, program, files)


def write_similarities(root, place, gold, predicted):
  """Writes a run on similarities."""
  scores = metrics.regression_scores(gold, predicted)
  rows = [
    [str(i), "a", "b", g, p] for i, (g, p) in enumerate(zip(gold, predicted))
  ]
  header = ["index", "sentence1", "sentence2", "gold", "predicted"]
  files = {"test_predictions.tsv": tables.to_tsv([header] + rows)}
  return write_run(root, place, scores, "run_sts.py", files)


def write_documents(root, place, gold, predicted, labels):
  """Writes a run on documents with sets of labels."""
  scores = metrics.multilabel_scores(gold, predicted, labels)
  rows = [
    [str(i), ",".join(sorted(g)), ",".join(sorted(p)), 0.5]
    for i, (g, p) in enumerate(zip(gold, predicted))
  ]
  header = ["index", "gold", "predicted", "p(x)"]
  files = {"test_documents.tsv": tables.to_tsv([header] + rows)}
  return write_run(root, place, scores, "run_dc.py", files)


def golden(kind, answers):
  """Returns BioASQ's JSON with the gold answers."""
  return json.dumps(
    {
      "questions": [
        {"id": name, "type": kind, "exact_answer": answer}
        for name, answer in answers.items()
      ]
    }
  )


def write_questions(root, place, kind, batches):
  """Writes a run on BioASQ with a folder for each batch, as the sweep does.

  Args:
    root: the results folder.
    place: data set/model/run in it.
    kind: of the questions.
    batches: [(gold, answers)], dicts by question.
  """
  gold, answers = {}, {}
  for batch_gold, batch_answers in batches:
    gold.update({n: (kind, answer) for n, answer in batch_gold.items()})
    answers.update(batch_answers)
  scores = bioasq.scores(gold, answers)[kind]
  folder = write_run(
    root, place, scores, "run_qa.py", task_name="bioasq-" + kind
  )
  for i, (batch_gold, batch_answers) in enumerate(batches, 1):
    path = root / ("golden-%d-%s.json" % (i, place.replace("/", "-")))
    path.write_text(golden(kind, batch_gold))
    form = json.dumps(bioasq.submission(kind, batch_answers))
    write_run(
      folder,
      "batch-%d" % i,
      {},
      "run_qa.py",
      {"BioASQform_BioASQ-answer.json": form},
      golden_file=str(path),
    )
  return folder
