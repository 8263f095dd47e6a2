# SPDX-License-Identifier: Apache-2.0
"""BioASQ 4b, 5b and 6b: questions on PubMed (Tsatsaronis et al. 2015)."""

import collections
import json
import re

from common.errors import InputError
from common.errors import shorten
from common.text import check_whole
from common.text import decode
from common.text import load_json
from converters.shared import archives
from converters.shared import corpus
from converters.shared import rows
from formats import questions
from formats import safe_xml

KINDS = ("factoid", "yesno", "list")
_NO_SNIPPET = "%s questions without a snippet (skipped)"
BATCHES = "12345"
# Has the fields of an examples.Row, which quality and tally use, and more.
Asked = collections.namedtuple(
  "Asked", "id document texts label kind batch answers"
)
PUBLISHED = corpus.Published(
  counts={
    "bioasq-4b": {"factoid questions": {"train": 327, "test": 161}},
    "bioasq-5b": {"factoid questions": {"train": 486, "test": 150}},
    "bioasq-6b": {"factoid questions": {"train": 618, "test": 161}},
  },
  because={
    "factoid questions": "BioASQ has released its training sets several times; "
    "some questions may be missing"
  },
  source="Lee et al. 2020 (BioBERT)",
)


def convert(source, options, report):
  """Returns a question and text, as Asked, for each snippet or abstract."""
  year = options.dataset[len("bioasq-") : -1]
  abstracts = _read_abstracts(source, report)
  training = report.part("train", _train, source, year, abstracts, report)
  found = {"train": training, "test": []}
  for batch in BATCHES:
    name = "%sB%s_golden.json" % (year, batch)
    files = source.find(name)
    if files:
      found["test"] += _pairs(files[0], batch, abstracts, report, "test")
      golden = decode(files[0].read(), files[0].path)
      report.attach(name, golden if golden.endswith("\n") else golden + "\n")
    elif not options.allow_incomplete:
      raise InputError(
        "%s: found no %s, expected %sB1 to %sB5; pass --allow_incomplete to "
        "convert it anyway" % (source.folder, name, year, year)
      )
  report.explain(
    "factoid questions",
    report.rules.get(_NO_SNIPPET % "factoid", {}),
    "questions without a snippet, so without a text to answer them from",
  )
  return found


def _train(source, year, abstracts, report):
  """Returns the Asked to train on, whose texts contain the answer."""
  found = []
  for file in _training_files(source, year, report):
    found += _pairs(file, "", abstracts, report, "train")
  _check_ids(found, source)
  answerable = list(filter(_answers, found))
  report.rule(
    "pairs whose text does not contain the answer (skipped)",
    "train",
    len(found) - len(answerable),
  )
  return answerable


def write(found, options):
  """Returns BioBERT's JSON files: training sets by kind, test sets by batch."""
  year = options.dataset[len("bioasq-") :]
  files = {}
  for kind in KINDS:
    asked = [row for row in found["train"] if row.kind == kind]
    if asked:
      name = "BioASQ-train-%s-%s.json" % (kind, year)
      files[name] = _squad(asked, year, True)
    for batch in BATCHES:
      asked = [
        row for row in found["test"] if (row.kind, row.batch) == (kind, batch)
      ]
      if asked:
        name = "BioASQ-test-%s-%s-%s.json" % (kind, year, batch)
        files[name] = _squad(asked, year, False)
  return files


def _check_ids(asked, source):
  """Raises InputError where training files have a question in common."""
  seen = set()
  for row in asked:
    if row.id in seen:
      raise InputError(
        "%s: found the question %s in two training files, expected it once"
        % (source.folder, shorten(row.document))
      )
    seen.add(row.id)


def _training_files(source, year, report):
  """Returns the files of training questions."""
  names = ("*train*ng*%sb*.json" % year, "*train*%sb*.json" % year)
  files = source.find(*names)
  if not files:
    earlier = ["%dB?_golden.json" % y for y in range(1, int(year))]
    files = source.find(*earlier) if earlier else []
    if files:
      report.note(
        "No training set of that year: used the golden files of earlier "
        "years (%s)." % ", ".join(f.base for f in files)
      )
  if not files:
    raise archives.Missing(
      "%s: found no training questions, expected %s, or golden files of "
      "earlier years" % (source.folder, " or ".join(names))
    )
  return files


def _pairs(file, batch, abstracts, report, split):
  """Returns the Asked of all kinds in a file."""
  root = _load(file.read(), file.path)
  counts = collections.Counter([_kind_of(file.name)])
  if "questions" in root:
    _take_abstracts(root, abstracts, report, split)
    counts = _kinds(root, file.path, report, split)
  data = json.dumps(root).encode("utf-8")
  found = []
  for kind in KINDS:
    if not counts[kind]:
      continue
    skipping = report.skipping_in(split)
    asked = questions.parse(data, file.path, kind, skipping=skipping)
    names = {_question_of(q.id) for q in asked}
    report.count("%s questions" % kind, split, len(names))
    for question in asked:
      label = json.dumps(question.answers, ensure_ascii=False)
      found.append(
        Asked(
          question.id,
          _question_of(question.id),
          (question.text, question.context),
          label,
          kind,
          batch,
          question.answers,
        )
      )
  return found


def _question_of(name):
  return re.sub(r"_\d+$", "", name)


def _kind_of(name):
  """Returns the kind of questions that the name of a BioBERT file states."""
  return next((kind for kind in KINDS if kind in name.lower()), "factoid")


def _kinds(root, path, report, split):
  """Counts usable questions of each kind; changes the kind of the others."""
  counts = collections.Counter()
  for i, question in enumerate(root["questions"]):
    kind = question.get("type")
    if kind not in KINDS:
      report.rule("questions of type %s (skipped)" % kind, split)
      question["type"] = str(kind)
      continue
    place = "%s: questions[%d]" % (path, i)
    question["exact_answer"] = _answer(question, kind, place, report, split)
    if not question.get("snippets"):
      report.rule(_NO_SNIPPET % kind, split)
      question["type"] = "without a snippet"
    elif split == "train" and not question["exact_answer"]:
      report.rule("questions without an exact answer (skipped)", split)
      question["type"] = "without an answer"
    else:
      counts[kind] += 1
  return counts


def _answer(question, kind, place, report, split):
  """Returns a question's exact answer; counts unusual and unusable ones."""
  odd, answer = collections.Counter(), None
  try:
    answer = questions.read_exact_answer(question, kind, place, odd)
  except InputError as error:
    report.leave_out("unusable exact answers (left out)", error, split)
  for form, number in odd.items():
    report.rule("exact answers with " + form, split, number)
  return answer


def _load(data, path):
  text = decode(data, path)
  try:
    root = load_json(text)
  except json.JSONDecodeError as error:
    raise InputError(
      "%s:%d: found no JSON (%s), expected BioASQ's or BioBERT's questions"
      % (path, error.lineno, error.msg)
    ) from None
  listed = isinstance(root, dict) and (
    root.get("questions") or root.get("data")
  )
  if not isinstance(listed, list) or not all(
    isinstance(item, dict) for item in listed
  ):
    raise InputError(
      '%s:1: found other JSON, expected {"questions": [...]} or {"data": '
      "[...]} with objects in it" % path
    )
  check_whole(json.dumps(root, ensure_ascii=False), path)
  return root


def _take_abstracts(root, abstracts, report, split):
  """Replaces the snippets of questions by the abstracts of their documents."""
  for question in root["questions"] if abstracts else ():
    listed = question.get("documents")
    pmids = map(_pmid, listed if isinstance(listed, list) else ())
    texts = [abstracts[pmid] for pmid in pmids if pmid in abstracts]
    if texts:
      question["snippets"] = [{"text": text} for text in texts]
    else:
      report.rule("questions without an abstract (took their snippets)", split)


def _pmid(address):
  """Returns the PMID at the end of a PubMed address."""
  return str(address).rstrip("/").rsplit("/", 1)[-1]


def _read_abstracts(source, report):
  """Returns {PMID: title and abstract} of all files of abstracts."""
  abstracts = {}
  for file in source.find("abstracts*.tsv"):
    for _, cells in rows.parse(
      file.read(), file.path, (3,), "PMID, title, abstract"
    ):
      abstracts[cells[0]] = " ".join(cells[1:]).strip()
  for file in source.find("abstracts*.xml"):
    root = safe_xml.parse(file.read(), file.path, "PubMed's XML")
    for record in root.iter("MedlineCitation"):
      pmid = safe_xml.child_text(record, "PMID", file.path)
      parts = record.findall("Article/ArticleTitle")
      parts += record.findall("Article/Abstract/AbstractText")
      abstracts[pmid] = " ".join("".join(part.itertext()) for part in parts)
  if abstracts:
    report.note("Used %d abstracts in place of snippets." % len(abstracts))
  return abstracts


def _squad(asked, year, with_answers):
  """Returns BioBERT's JSON, with a paragraph per question and text."""
  paragraphs = []
  for row in asked:
    qa = {"id": row.id, "question": row.texts[0]}
    if with_answers:
      qa["answers"] = _answers(row)
    paragraphs.append({"context": row.texts[1], "qas": [qa]})
  title = "BioASQ" + year
  root = {
    "version": title,
    "data": [{"title": title, "paragraphs": paragraphs}],
  }
  return json.dumps(root, indent=1, ensure_ascii=False) + "\n"


def _answers(row):
  """Returns the answers found in the text; only one of a factoid question."""
  if not isinstance(row.answers, list):
    return row.answers
  found = []
  for answer in row.answers:
    span = questions.locate(row.texts[1], answer)
    if span:
      text = row.texts[1][slice(*span)]
      found.append({"text": text, "answer_start": span[0]})
  return found[:1] if row.kind == "factoid" else found
