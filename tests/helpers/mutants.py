# SPDX-License-Identifier: Apache-2.0
"""Damages files at random and reads them with every reader of the project.

A reader returns a result or raises an InputError in one line, whatever the file
holds. `python -m tests.helpers.mutants 1000` tries 1,000 mutants a reader and
prints what became of them; a second argument is the seed, more are names of
readers.
"""

import collections
import functools
import gzip
import json
import logging
import os
import pathlib
import random
import re
import shutil
import sys
import tempfile
import traceback

import numpy as np

from common import files
from common import run_files
from common.errors import InputError
from converters import own
from evaluation import results
from evaluation import scoreboard
from evaluation import sweep
from exporting import transformers_files
from exporting import transformers_weights
from formats import bioc
from formats import brat
from formats import conll
from formats import pubtator
from formats import questions
from formats import streams
from formats import unlabelled
import modeling
import prepare_data
from pretraining import manifests
from pretraining import record_inputs
from pretraining import sources
import run_dc
import run_ner
import run_nli
import run_re
import run_sts
from scripts import bc2gm_score
from scripts import conlleval
from tests import helpers
from tests.helpers import archive_files
from tests.helpers import corpus_files
from tests.helpers import pretraining_files
from tests.helpers.unlabelled_texts import documents_of
from tests.helpers.unlabelled_texts import parts_of
import tokenization

# `files` is {name: bytes} of a small valid input; `read` reads it in a folder.
Reader = collections.namedtuple("Reader", "files read")

NUMBER = re.compile(rb"\d+")


def cut(data, draw):
  return data[: draw.randrange(len(data) + 1)]


def cut_at_a_line(data, draw):
  lines = data.splitlines(True)
  return b"".join(lines[: draw.randrange(len(lines) + 1)])


def flip_a_bit(data, draw):
  if not data:
    return data
  i = draw.randrange(len(data))
  return data[:i] + bytes([data[i] ^ 1 << draw.randrange(8)]) + data[i + 1 :]


def insert(piece):
  def insert_piece(data, draw):
    i = draw.randrange(len(data) + 1)
    return data[:i] + piece + data[i:]

  return insert_piece


insert_an_escape = insert(b"\\ud800")


def insert_a_byte(data, draw):
  return insert(bytes([draw.randrange(256)]))(data, draw)


def insert_a_mark(data, draw):
  return insert(draw.choice(MARKS))(data, draw)


def to_utf16(data, draw):
  del draw
  return data.decode("latin-1").encode("utf-16")


def add_a_byte_order_mark(data, draw):
  del draw
  return b"\xef\xbb\xbf" + data


def change_line_ends(data, draw):
  return data.replace(b"\n", draw.choice((b"\r\n", b"\r", b"\n\n", b"\x0b")))


def drop_a_line(data, draw):
  lines = data.splitlines(True)
  return b"".join(lines[:-1] if not draw.randrange(3) else _less(lines, draw))


def repeat_a_line(data, draw):
  lines = data.splitlines(True)
  if draw.randrange(2):
    return b"".join(lines + lines[-1:])
  i = draw.randrange(len(lines) or 1)
  return b"".join(lines[:i] + lines[i : i + 1] * 3 + lines[i + 1 :])


def repeat_a_piece(data, draw):
  start, end = _range(data, draw)
  return data[:end] + data[start:end] * draw.randrange(1, 50) + data[end:]


def drop_a_piece(data, draw):
  start, end = _range(data, draw)
  return data[:start] + data[end:]


def swap_pieces(data, draw):
  a, b, c, d = sorted(draw.randrange(len(data) + 1) for _ in range(4))
  return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def shuffle_lines(data, draw):
  lines = data.splitlines(True)
  draw.shuffle(lines)
  return b"".join(lines)


def drop_a_cell(data, draw):
  lines = data.split(b"\n")
  i = draw.randrange(len(lines))
  for mark in (b"\t", b"|", b",", b" "):
    if mark in lines[i]:
      lines[i] = mark.join(_less(lines[i].split(mark), draw))
      break
  return b"\n".join(lines)


def change_a_number(data, draw):
  numbers = list(NUMBER.finditer(data))
  if not numbers:
    return data
  match = draw.choice(numbers)
  changed = int(match.group()[:18]) + draw.choice((-1, 1, 7, 1000, 10**25))
  number = b"%d" % max(0, changed)
  return data[: match.start()] + number + data[match.end() :]


def change_a_value(data, draw):
  """Replaces a number or a string in quotes by something else."""
  values = list(re.finditer(rb'\b\d+\b|"[^"\n]*"|true|null', data))
  if not values:
    return data
  match = draw.choice(values)
  return data[: match.start()] + draw.choice(VALUES) + data[match.end() :]


def empty(data, draw):
  del data, draw
  return b""


def _less(items, draw):
  """Returns a list without one of its items."""
  i = draw.randrange(len(items) or 1)
  return items[:i] + items[i + 1 :]


def _range(data, draw):
  start = draw.randrange(len(data) + 1)
  return start, min(len(data), start + draw.randrange(40))


# What has a meaning in one of the formats.
MARKS = (
  b"\t \n , ; | \" ' \\ < > & [ ] { } : # - _ = \0 \x0c \x1c \x85 </ <!-- ]]> "
  b"<![CDATA[ &x; &#0; -DOCSTART- B- I- O NaN Infinity 1e999 9e9999 -1 null "
  b"\xc2\x85 \xe2\x80\xa8 \xef\xbb\xbf \xed\xa0\x80 \xf0\x9f\x98\x80 \xff"
).split(b" ") + [b" ", b"9" * 5000, b"[" * 2000, b"<a>" * 300, b"\xcc\x81"]
VALUES = (
  b'0 -1 1.5 NaN Infinity 1e400 true null [] {} [[]] [null] [1] [{}] {"a":1} '
  b'"" "x" "\\ud800" "1" 123456789012345678901234567890 99999999999'
).split(b" ")

DAMAGES = (
  cut,
  cut_at_a_line,
  flip_a_bit,
  insert(b"\xe9"),
  insert(b"\0"),
  insert_a_byte,
  insert_a_mark,
  insert_a_mark,
  insert_an_escape,
  to_utf16,
  add_a_byte_order_mark,
  change_line_ends,
  drop_a_line,
  repeat_a_line,
  repeat_a_piece,
  drop_a_piece,
  swap_pieces,
  shuffle_lines,
  drop_a_cell,
  change_a_number,
  change_a_value,
  change_a_value,
  empty,
)


def mutant(found, draw):
  """Returns {name: bytes} with one file damaged, once to four times."""
  name = draw.choice(sorted(found))
  data = found[name]
  if data[:2] == b"\x1f\x8b" and draw.randrange(3):
    inside = gzip.decompress(data)
    return dict(found, **{name: archive_files.gzipped(_damaged(inside, draw))})
  return dict(found, **{name: _damaged(data, draw)})


def _damaged(data, draw):
  for _ in range(draw.choice((1, 1, 1, 2, 4))):
    data = draw.choice(DAMAGES)(data, draw)
  return data


def outcome(reader, found, folder):
  """Reads files in a folder; returns None or the message of an InputError.

  Any other exception is a bug and is raised.
  """
  corpus_files.write(folder, found)
  try:
    reader.read(str(folder))
  except InputError as error:
    assert str(error) and "\n" not in str(error), error
    return str(error)
  return None


def try_mutants(name, number, seed, folder):
  """Reads mutants; returns (results, errors, [(seed, exception)]) counts."""
  counts, bugs = collections.Counter(), []
  for i in range(number):
    place = folder / ("%s-%d" % (name, i))
    draw = random.Random("%s %s %d" % (name, seed, i))
    found = mutant(READERS[name].files, draw)
    try:
      counts[outcome(READERS[name], found, place) is None] += 1
    except Exception as error:  # noqa: BLE001  That is what is looked for.
      bugs.append((i, error))
    else:
      shutil.rmtree(str(place))
  return counts[True], counts[False], bugs


# ----------------------------------------------------------------- the readers


def _of_bytes(name, text, read):
  """Returns the Reader of a file whose reader takes its bytes and path."""
  data = text if isinstance(text, bytes) else text.encode("utf-8")

  def read_file(folder):
    path = os.path.join(folder, name)
    return read(files.read(path), path)

  return Reader({name: data}, read_file)


def _of_path(name, text, read):
  """Returns the Reader of a file whose reader takes its path."""
  data = text if isinstance(text, bytes) else text.encode("utf-8")
  return Reader({name: data}, lambda folder: read(os.path.join(folder, name)))


def _json_lines(*values):
  return "".join(json.dumps(value) + "\n" for value in values)


WORDS = "-DOCSTART-\tO\n\nCancer\tB-Dis\n,\tO\nlung\tB-Dis\ncancer\tI-Dis\n\n"
BILOU = "Cancer NN U-Dis\nlung NN B-Dis\ncancer NN L-Dis\n. . O\n"
ANN = "T1\tDis 0 4\tPain\nT2\tDis 8 12;13 16\trats too\nR1\tx A:T1 B:T2\n"
PUBTATOR = (
  "1|t|Naloxone in rats.\n1|a|It reverses pain.\n1\t0\t8\tNaloxone\tChemical"
  "\tD9270\n1\tCID\tD9270\tD10146\n\n2|t|Title.\n2|a|Pain.\n"
)
BIOC = """<?xml version='1.0'?><!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source>x</source><document><id>1</id><passage>
<infon key="type">title</infon><offset>0</offset><text>Pain in rats.</text>
<annotation id="1"><infon key="type">Disease</infon>
<location offset="0" length="4"/><text>Pain</text></annotation></passage>
<relation id="R"><infon key="relation">CID</infon><node refid="1" role="a"/>
<node refid="1" role="b"/></relation></document></collection>
"""
BIOC_JSON = json.dumps(
  {
    "documents": [
      {
        "id": "1",
        "passages": [
          {"offset": 0, "infons": {"type": "title"}, "text": "Pain."},
          {
            "offset": 6,
            "infons": {},
            "text": "In rats, pain is common.",
            "annotations": [
              {
                "id": str(i),
                "infons": {"type": "X", "identifier": "D%d" % i},
                "text": text,
                "locations": [{"offset": offset, "length": 4}],
              }
              for i, (offset, text) in enumerate([(9, "rats"), (15, "pain")])
            ],
          },
        ],
        "relations": [
          {
            "id": "R",
            "infons": {"type": "x"},
            "nodes": [{"refid": "0", "role": ""}, {"refid": "1", "role": ""}],
          },
          {"id": "S", "infons": {"entity1": "D0", "entity2": "D1"}},
        ],
      }
    ]
  }
)
PUBMED = """<?xml version="1.0"?><PubmedArticleSet><PubmedArticle>
<MedlineCitation><PMID>1</PMID><Article><ArticleTitle>[Pain.]</ArticleTitle>
<Abstract><AbstractText Label="AIM">We see 10<sup>2</sup> rats &amp; mice.
</AbstractText></Abstract></Article></MedlineCitation></PubmedArticle>
<DeleteCitation><PMID>2</PMID></DeleteCitation></PubmedArticleSet>
"""
JATS = """<article xmlns:xlink="x"><front><article-meta>
<article-id pub-id-type="pmid">1</article-id><title-group>
<article-title>Pain</article-title></title-group><abstract><p>We see.</p>
</abstract></article-meta></front><body><sec><title>Aim</title><p>Cells
<xref ref-type="bibr" rid="b">1</xref> grow.<fig><caption><p>A.</p></caption>
</fig></p></sec></body><back><ref-list><ref id="b"/></ref-list></back></article>
"""
NOTES = (
  'ROW_ID,HADM_ID,ISERROR,TEXT\n1,2,,"Name: [**Name**]\nHe has ""pain""."\n'
  '2,3,1,"x"\n3,4,,"Well."\n'
)
DISCHARGE = (
  'note_id,subject_id,text\n1-DS-1,1,"Name: ___\nUnit No: ___\n\nHe has ""pain"'
  '" now."\n1-DS-2,1,"Well."\n'
)
SQUAD = json.dumps(
  {
    "data": [
      {
        "title": "t",
        "paragraphs": [
          {
            "context": "Pain is in rats.",
            "qas": [
              {
                "id": "q1",
                "question": "Where?",
                "answers": [{"text": "rats", "answer_start": 11}],
                "is_impossible": False,
              }
            ],
          }
        ],
      }
    ]
  },
  indent=1,
)
HF_SQUAD = _json_lines(
  {
    "id": "q1",
    "context": "Pain is in rats.",
    "question": "Where?",
    "answers": {"text": ["rats"], "answer_start": [11]},
  }
)
BIOASQ = json.dumps(
  {
    "questions": [
      {
        "id": "a%d" % i,
        "type": kind,
        "body": "Is it pain?",
        "snippets": [{"text": "It is pain."}],
        "exact_answer": answer,
        "ideal_answer": ["x"],
      }
      for i, (kind, answer) in enumerate(
        [("yesno", "yes"), ("factoid", ["pain"]), ("list", [["pain"], "it"])]
      )
    ]
  },
  indent=1,
)
SUBMITTED = json.dumps(
  {
    "questions": [
      {"id": "a", "type": "yesno", "exact_answer": "yes"},
      {"id": "b", "type": "factoid", "exact_answer": [["pain"], ["it"]]},
      {"id": "c", "type": "summary"},
    ]
  },
  indent=1,
)
HOC = "text\tlabels\tid\nTumours grow.\t0_1,1_0\t1_s0\nNo.\t0_0,1_0\t1_s1\n"
RUN_CONFIG = {
  "task_name": "ner",
  "do_lower_case": True,
  "vocabulary": {"a.model": "0f"},
  "training": {"do_lower_case": True, "max_seq_length": 32},
  "data": {"train_file": "a"},
}
CONFIG = {
  "attention_probs_dropout_prob": 0,
  "hidden_act": "gelu",
  "hidden_dropout_prob": 0.1,
  "embedding_size": 8,
  "hidden_size": 8,
  "initializer_range": 0.02,
  "intermediate_size": 16,
  "max_position_embeddings": 16,
  "num_attention_heads": 2,
  "num_hidden_layers": 2,
  "num_hidden_groups": 1,
  "inner_group_num": 1,
  "type_vocab_size": 2,
  "vocab_size": 99,
}
TASK = {
  "task": "dc",
  "labels": ["a", "b"],
  "thresholds": {"a": 0.5, "b": 0.1},
}
RESULTS = {
  "task_name": "ncbi-disease",
  "test": {"f1": 0.8, "precision": 0.8, "recall": 0.8},
  "dev": {"f1": 0.9},
  "batches": {},
}
MANIFEST = {
  "program": "create_pretraining_data.py",
  "flags": {"max_seq_length": 16, "output_file": ["a.tfrecord"]},
  "vocab_size": 40,
  "vocabulary": {"a.vocab": "0f"},
  "inputs": [{"path": "a.txt", "format": "text", "bytes": 9}],
  "shards": [{"file": "a.tfrecord", "instances": 2, "bytes": 9}],
}
TRANSFORMERS = {
  "model_type": "albert",
  "hidden_act": "gelu_new",
  "hidden_size": 8,
  "vocab_size": 99,
  "layer_norm_eps": 1e-12,
}
WEIGHTS = {
  "albert.a": np.ones([2, 3], np.float32),
  "albert.b": np.zeros([4], np.float16),
}
VOCABULARY = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\npain\n##s\nrat\n"
RECIPE = (
  "# program: run_ner.py\n\n--num_train_epochs=3\n# why\n--do_lower_case\n"
)
PUBLISHED = (
  "data_set,metric,model,value,batch,source,note\n"
  'ncbi-disease,f1,BioBERT,87.7,,"Lee, 2020",x\n'
)


def _with(task, **learned):
  task.learned = learned
  return task


def _task_readers():
  """Returns the Readers of fine-tuning tasks, labelled and unlabelled."""
  tables = {
    "re": (
      lambda: _with(
        run_re.Re(None, 32), labels=["0", "1"], entity_marks="as_is"
      ),
      "index\tsentence\tlabel\n0\t@GENE$ causes @DISEASE$ .\t1\n1\tIt ,\t0\n",
    ),
    "sts": (
      lambda: _with(run_sts.Sts(None, 32, "tsv", 5.0)),
      "a rat\ta mouse\t3.5\nno\tyes , yes\t0\n",
    ),
    "nli": (
      lambda: _with(run_nli.Nli(None, 32), labels=["entailment", "neutral"]),
      _json_lines(
        {"sentence1": "a", "sentence2": "b", "gold_label": "neutral"},
        {"sentence1": "c", "sentence2": "d", "gold_label": "entailment"},
      ),
    ),
    "dc": (lambda: _with(run_dc.Dc(None, 32), labels=["0", "1"]), HOC),
    "dc-csv": (
      lambda: _with(run_dc.Dc(None, 32), labels=["a", "b"]),
      'id,text,a,b\n1,"Rats, ""mice""",1,0\n2,Cells,0,1\n',
    ),
    "dc-lists": (
      lambda: _with(run_dc.Dc(None, 32), labels=["a", "b"]),
      "text\tlabels\nRats here\t['a', 'b']\nMice there\t['a']\n",
    ),
  }
  found = {}
  for name, (make, text) in tables.items():
    for split in ("train", "test"):
      found["%s-%s" % (name, split)] = _of_bytes(
        name, text, lambda data, path, m=make, s=split: m().read(data, path, s)
      )
    found[name + "-predict"] = _of_bytes(
      name, text, functools.partial(_read_parts, make)
    )
  return found


def _unlabelled_readers():
  """Returns the Readers of unlabelled text of every kind, plain and gzip."""
  texts = {
    "text": "Rats have pain. So do mice.\nIt is et al. 5.\n",
    "jsonl": _json_lines({"id": 1, "text": "Rats."}, {"id": 2, "text": "Mice"}),
    "json": json.dumps([{"text": "Rats."}, {"text": "Mice."}], indent=1),
    "csv": 'id,title,abstract\n1,"Rats, mice",They have pain.\n2,A,B\n',
    "tsv": "pmid\ttext\n1\tRats have pain.\n2\tMice\n",
    "pubtator": PUBTATOR,
    "bioc": BIOC,
    "bioc-json": BIOC_JSON,
    "pubmed": PUBMED,
    "jats": JATS,
  }
  found = {}
  for name, text in texts.items():
    found["text-" + name] = _of_bytes(name, text, _read_unlabelled)
  packed = archive_files.gzipped(PUBMED.encode("utf-8"))
  found["text-pubmed.gz"] = _of_bytes("a.gz", packed, _read_unlabelled)
  found["ner-predict"] = _of_bytes(
    "a.txt",
    texts["text"],
    functools.partial(
      parts_of,
      _with(
        run_ner.Ner(None, 32, "jsonl"), labels=["O"], inner_punctuation="-"
      ),
    ),
  )
  return found


def _read_parts(make, data, path):
  """Reads what a task labels as with --allow_incomplete, then as without."""
  parts_of(make(), data, path, lambda error: None)
  parts_of(make(), data, path)


def _read_unlabelled(data, path):
  """Reads texts as with --allow_incomplete, then as without."""
  source = streams.of_bytes(data, path)
  for found in unlabelled.read(source, lambda error: None):
    sources.sentences([found.document.text])
  documents_of(data, path)


def _source_readers():
  """Returns the Readers of text for pretraining."""
  tar = archive_files.tarred(
    {"a.nxml": JATS.encode("utf-8"), "b.txt": b"x", "c.nxml": JATS.encode()}
  )
  texts = {
    "text": "Rats have pain.\nMice too.\n\nNew one.\n",
    "pubmed": PUBMED,
    "jats": JATS,
    "jats.tar": tar,
    "jats.tar.gz": archive_files.gzipped(tar),
    "mimic3": NOTES,
    "mimic4": DISCHARGE,
    "pubmed.gz": archive_files.gzipped(PUBMED.encode("utf-8")),
  }
  return {
    "pretraining-" + name: _of_path("a", text, _read_source)
    for name, text in texts.items()
  }


def _read_source(path):
  for text in sources.documents(path, sources.sniff(path)):
    sources.sentences(text.paragraphs)


def _annotated_readers():
  """Returns the Readers of annotated text, questions and labels."""

  def read_brat(folder):
    paths = [os.path.join(folder, name) for name in ("a.txt", "a.ann")]
    return brat.parse(*map(files.read, paths), "a", *paths)

  found = {
    "conll": _of_bytes("a", WORDS, conll.parse),
    "conll-bilou": _of_bytes("a", BILOU, conll.parse),
    "conll-test": _of_bytes(
      "a", BILOU, functools.partial(conll.parse, needs_labels=False)
    ),
    "pubtator": _of_bytes("a", PUBTATOR, pubtator.parse),
    "bioc": _of_bytes("a.xml", BIOC, bioc.parse),
    "brat": Reader(
      {"a.txt": b"Pain in rats too.\n", "a.ann": ANN.encode()}, read_brat
    ),
    "exact-answers": _of_bytes("a", BIOASQ, questions.parse_exact_answers),
    "submitted-answers": _of_bytes(
      "a",
      SUBMITTED,
      functools.partial(questions.parse_exact_answers, submitted=True),
    ),
  }
  for kind in ("yesno", "factoid", "list"):
    found["questions-bioasq-" + kind] = _of_bytes(
      "a", BIOASQ, functools.partial(_read_questions, kind)
    )
  for name, text in (("squad", SQUAD), ("hf", HF_SQUAD)):
    found["questions-" + name] = _of_bytes(
      "a", text, functools.partial(_read_questions, "squad")
    )
  return found


def _read_questions(kind, data, path):
  for question in questions.parse(data, path, kind):
    for answer in question.answers or ():
      if isinstance(answer, questions.Answer):
        questions.locate(question.context, answer)


def _run_file_readers():
  """Returns the Readers of the JSON files that runs and data creation leave."""

  def read_results(folder):
    run_files.read_results(folder)
    run_files.read_description(folder)
    results.test_scores(folder)

  def read_task(folder):
    learned = run_files.read_learned(folder) or {}
    path = os.path.join(folder, run_files.LEARNED)
    run_files.check_learned(learned, learned.get("task"), path)

  return {
    "task.json": Reader({run_files.LEARNED: _json(TASK)}, read_task),
    "run_config.json": Reader(
      {run_files.DESCRIPTION: _json(RUN_CONFIG)}, read_results
    ),
    "results.json": Reader({run_files.RESULTS: _json(RESULTS)}, read_results),
    "training_state.json": Reader(
      {run_files.STATE: b'{"finished": false, "scores": [[2, 0.5]]}'},
      run_files.read_state,
    ),
    "manifest.json": Reader(
      {"a.tfrecord.manifest.json": _json(MANIFEST)},
      lambda folder: manifests.of_files([os.path.join(folder, "a.tfrecord")]),
    ),
    "tfrecord": Reader(_records(), _read_records),
  }


def _model_readers():
  """Returns the Readers of configs, vocabularies and weights."""

  def read_vocabulary(name):
    def read(folder):
      tokenizer = tokenization.load(os.path.join(folder, name))
      tokenizer.tokenize_with_offsets("Rats have pain in 1,000 (IL-2).")

    return read

  def read_model(path):
    tokenization.load(spm_model_file=path).encode("Rats have 12, pain.")

  def read_checkpoint(folder):
    modeling.check_checkpoint(modeling.find_checkpoint(folder))

  model = files.read(helpers.SPM)
  pieces = files.read(helpers.SPM[: -len("model")] + "vocab")
  return {
    "albert_config.json": _of_path(
      "a.json", _json(CONFIG), modeling.AlbertConfig.from_json_file
    ),
    "vocab.txt": Reader(
      {"vocab.txt": VOCABULARY.encode()}, read_vocabulary("vocab.txt")
    ),
    "spiece.vocab": Reader(
      {"spiece.vocab": pieces, "spiece.model": model},
      read_vocabulary("spiece.vocab"),
    ),
    "spiece.model": _of_path("spiece.model", model, read_model),
    "checkpoint": Reader(_checkpoint(), read_checkpoint),
    "safetensors": Reader(
      {"model.safetensors": transformers_weights.weights_bytes(WEIGHTS)},
      transformers_weights.read_weights,
    ),
    "config.json": Reader(
      {"config.json": _json(TRANSFORMERS)}, transformers_files.read_config
    ),
  }


def _score_readers():
  """Returns the Readers of recipes, published scores and scorers' input."""
  return {
    "recipe": Reader({"ncbi.flags": RECIPE.encode()}, sweep.read_recipes),
    "published": _of_bytes("a.csv", PUBLISHED, scoreboard.read_published),
    "conlleval": _of_bytes(
      "a",
      "Cancer B-Dis O\nof O O\n\nlung B-Dis B-Dis\n",
      lambda data, path: conlleval.read_labels(data.splitlines(True), path),
    ),
    "bc2gm": _of_bytes(
      "a", '{"id": "1", "mentions": [[[0, 3]]]}\n', bc2gm_score.read_mentions
    ),
  }


def _json(value):
  return json.dumps(value, indent=1).encode()


def _records():
  with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "a.tfrecord")
    pretraining_files.write(path, 3)
    return {"a.tfrecord": files.read(path)}


def _read_records(folder):
  path = os.path.join(folder, "a.tfrecord")
  record_inputs.refuse_damage([path])
  shape = record_inputs.Shape(
    pretraining_files.SEQUENCE,
    pretraining_files.MASKED,
    pretraining_files.VOCABULARY,
  )
  record_inputs.check([path], shape)


def _checkpoint():
  folder = os.path.join(helpers.FIXTURES, "reference_model", "base")
  return {
    name: files.read(os.path.join(folder, name))
    for name in os.listdir(folder)
    if name.startswith("model.ckpt")
  }


def _own_readers():
  """Returns the Readers of corpora of one's own, for both tasks."""
  found = {
    "brat": {"a.txt": "Pain in rats too.\n", "a.ann": ANN},
    "bioc": {"a.xml": BIOC},
    "bioc-json": {"a.json": BIOC_JSON},
    "pubtator": {"a.txt": PUBTATOR},
    "conll": {"a.tsv": WORDS},
  }
  readers = {}
  for name, texts in found.items():
    choices = own.DEFAULTS._replace(
      input_format=name.partition("-")[0],
      task="re" if name in ("brat", "bioc-json") else "ner",
      dev_fraction=0.0,
      test_fraction=0.0,
    )
    data = {path: text.encode("utf-8") for path, text in texts.items()}
    readers["own-" + name] = Reader(
      data,
      lambda folder, choices=choices: corpus_files.convert(
        folder, own.NAME, choices=choices
      ),
    )
  return readers


def _corpus_readers():
  """Returns the Readers of the benchmark's corpora."""
  return {
    "prepare-" + name: Reader(
      corpus_files.files(name),
      lambda folder, name=name: corpus_files.convert(folder, name),
    )
    for name in prepare_data.CONVERTERS
  }


READERS = {
  name: reader
  for readers in (
    _task_readers,
    _unlabelled_readers,
    _source_readers,
    _annotated_readers,
    _run_file_readers,
    _model_readers,
    _score_readers,
    _corpus_readers,
    _own_readers,
  )
  for name, reader in readers().items()
}


def main(number="100", seed="0", *names):
  """Prints what became of the mutants; returns 1 if one met a bug."""
  logging.disable(logging.CRITICAL)
  total = [0, 0, 0]
  with tempfile.TemporaryDirectory() as folder:
    for name in names or READERS:
      fine, refused, bugs = try_mutants(
        name, int(number), seed, pathlib.Path(folder)
      )
      total = [a + b for a, b in zip(total, (fine, refused, len(bugs)))]
      row = (name, fine, refused, len(bugs))
      print("%-28s %6d read %6d refused %4d bugs" % row, flush=True)
      print("".join(map(_line, bugs[:5])), end="")
  print("%d read, %d refused, %d bugs" % tuple(total))
  return int(total[2] > 0)


def _line(bug):
  number, error = bug
  frame = traceback.extract_tb(error.__traceback__)[-1]
  text = "%s: %.200s" % (type(error).__name__, " ".join(str(error).split()))
  return "  mutant %d, %s:%d: %s\n" % (number, frame[0], frame[1], text)


if __name__ == "__main__":
  sys.exit(main(*sys.argv[1:]))
