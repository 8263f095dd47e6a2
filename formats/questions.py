# SPDX-License-Identifier: Apache-2.0
"""Reads questions, each with a context that may contain the answer.

Files are read from bytes; a path only names the file in error messages, which
also name the line or the place in the JSON (data[0].paragraphs[2].qas[0]). All
spans are half-open and count characters of the context, which stays as it is in
the file.
"""

import collections
import contextlib
import functools
import itertools
import json
import re
import unicodedata

from absl import logging

from common.errors import InputError
from common.errors import caught
from common.errors import reject
from common.errors import shorten
from common.errors import until_failure
from common.text import decode
from common.text import load_json
from common.text import parse_json_line
from formats import tables
from formats import unlabelled

# A question about one context. `answers` is None if the file gives none, "yes"
# or "no" for a yesno question, else a list of Answer; an empty list means that
# the context is known to contain no answer.
Question = collections.namedtuple("Question", "id text context answers")
# All Questions that ask the same of several contexts, and the id of that.
Asked = collections.namedtuple("Asked", "id questions")
# An answer's spellings, all of them correct, and the offset in the context of
# the only one; None if the file does not give it.
Answer = collections.namedtuple("Answer", "synonyms start")

KINDS = ("factoid", "yesno", "list", "squad")
_EXPECTED = (
  'SQuAD\'s JSON, {"data": [...]}, BioASQ\'s, {"questions": [...]}, or JSON '
  "lines, a JSON array or a table of question and context"
)
_TYPES = {dict: "an object", list: "a list", str: "a string", int: "a number"}
_COLUMNS = {
  "id": ("id", "qid", "question_id"),
  "question": ("question", "body"),
  "context": ("context", "snippet", "text"),
  "answers": ("answers", "answer"),
  "is_impossible": ("is_impossible",),
}
_OPTIONAL = ("id", "answers", "is_impossible")
_LAYOUTS = {3: ("id", "question", "context"), 2: ("question", "context")}
_SNIPPET_NUMBER = re.compile(r"_\d{3,}$")
_DOCUMENT = re.compile(rb'^[^\n]*"(?:data|questions)"\s*:\s*\[')
BLOCK = 1 << 22  # Characters of JSON lines to read at once.


def parse(
  data, path, kind, needs_answers=False, skipping=contextlib.nullcontext
):
  """Returns the questions of a file's bytes as a list of Question.

  The content decides the format:
    {"data": ...}: SQuAD 1.1 and 2.0, and BioBERT's files of BioASQ questions.
    {"questions": ...}: BioASQ's own. A question of this kind is repeated for
      each of its snippets, with ids numbered as in BioBERT's files (_000).
    JSON lines or an array of {"id", "question", "context", "answers"}, id and
      answers being optional, also as {"data": [...]}, or tables of these
      columns. The answers are those of SQuAD or of Hugging Face's SQuAD,
      {"text": [...], "answer_start": [...]}. Repeated ids with different
      contexts are numbered too.

  Args:
    data, path: the file's bytes and its name, for error messages.
    kind: one of KINDS.
    needs_answers: whether a question without answers raises InputError.
      Otherwise a single one drops the answers of all, since a score of some
      questions would mislead. Of BioASQ's questions, those without a usable
      answer are left out, with a warning, if others have one.
    skipping: for questions of BioASQ that do not fit; see annotated.py.
  """
  root = _load(data, path)
  if root is None:
    found = _from_rows(tables.read_rows(data, path, _COLUMNS), path, kind)
  elif _is_flat(root):
    rows = tables.rows_of(root["data"], path + ": data")
    found = _from_rows(rows, path, kind)
  elif "questions" in root:
    found = _from_bioasq(root, path, kind, needs_answers, skipping)
  else:
    found = _from_squad(root, path, kind)
  return _checked(found, path, needs_answers)


def _checked(found, path, needs_answers=False):
  """Returns the Questions of (place, Question) pairs; see `parse`."""
  _check_ids(found)
  lacking = [place for place, q in found if q.answers is None]
  if lacking and needs_answers:
    raise InputError(
      "%s: found no answer, expected one for training and scoring" % lacking[0]
    )
  if 0 < len(lacking) < len(found):
    logging.warning(
      "%s: %d of %d questions have no answer, so this file gives no scores",
      *(path, len(lacking), len(found)),
    )
  if lacking:
    return [q._replace(answers=None) for _, q in found]
  return [q for _, q in found]


def read(source, kind, failed=reject):
  """Yields the questions of a file as Found, each with an Asked.

  The contexts of a question belong together if they follow each other. In SQuAD
  each is a question of its own. JSON lines are read in blocks, a line being a
  row as in `parse` or one of BioASQ's questions. Other files are read at once.

  Args:
    source: a streams.Source.
    kind: one of KINDS.
    failed: called with the InputError of a line or a question of BioASQ that
      can be left out. It may return.
  """
  begin = 0
  for block in _blocks(source, kind, failed):
    asked = [Asked(question.id, [question]) for question in block]
    if kind != "squad":
      asked = _with_contexts(block)
    yield from unlabelled.spread(asked, source, begin)
    begin = source.position


def _with_contexts(questions):
  """Returns the Asked of Questions; those of one follow each other."""
  groups = by_question([(q.id, q.text) for q in questions], questions)
  names = {q.id: name for name, group in groups.items() for q in group}
  runs = itertools.groupby(questions, lambda question: names[question.id])
  return [Asked(name, list(run)) for name, run in runs]


def _blocks(source, kind, failed):
  """Yields lists of the Questions of a file; a small file is a single list."""
  head = source.head()
  if _DOCUMENT.match(head) or not unlabelled.is_json_lines(head):
    yield parse(
      source.whole(), source.path, kind, skipping=lambda _: caught(failed)
    )
    return
  found, size = [], 0
  for number, place, value in unlabelled.json_values(source, failed):
    pairs = until_failure(_line_pairs(value, number, place, kind), failed)
    for place, question in pairs:
      if size >= BLOCK and not _are_one(question, found[-1][1]):
        yield _checked(_numbered(found), source.path)
        found, size = [], 0
      found.append((place, question))
      size += len(question.context)
  if found:
    yield _checked(_numbered(found), source.path)


def _are_one(question, other):
  """Returns whether two Questions may be one, about two contexts."""
  return question_id(question.id) == question_id(other.id)


def _line_pairs(value, number, place, kind):
  """Yields (place, Question) of a row, or of one of BioASQ's questions."""
  cells = tables.object_of(value, place)
  if "snippets" not in cells:
    row = tables.Row(place, number, cells)
    yield _pair(*_records([row], place), kind)
  elif cells.get("type") == kind:
    root = {"questions": [value]}
    yield from _from_bioasq(root, place, kind, False, contextlib.nullcontext)


def parse_exact_answers(data, path, submitted=False):
  """Returns {question id: (type, exact answer)} of BioASQ's JSON.

  Questions without an exact answer, such as summary questions, have None. The
  first of repeated ids counts, as in the official measure.

  Args:
    data, path: the file's bytes and its name, for error messages.
    submitted: whether these are a system's answers. They must be lists of lists
      or strings, but the strings need not be yes or no. Gold answers are read
      as by read_exact_answer; those of no usable form become None, with a
      warning.
  """
  root = _load(data, path)
  if root is None or "questions" not in root:
    raise InputError(
      '%s: found other questions than BioASQ\'s, expected {"questions": [...]}'
      % path
    )
  result, repeated, odd, faults = {}, [], collections.Counter(), []
  for question, where in _objects(root, "questions", path + ":"):
    name = _id(question, where)
    if name in result:
      repeated.append(name)
      continue
    kind = _field(question, "type", str, where)
    if submitted:
      answer = _submitted_answer(question, kind, where)
    else:
      answer = _usable_answer(question, kind, where, odd, faults)
    result[name] = (kind, answer)
  _warn_of_odd(path, odd, faults)
  if repeated:
    logging.warning(
      "%s: %d ids repeat; the first of each counts: %s",
      *(path, len(repeated), ", ".join(repeated[:5])),
    )
  return result


def locate(context, answer):
  """Returns the (start, end) of an answer in its context; None if not found.

  The offset in the file counts if the answer stands there. Otherwise the search
  ignores case, compatibility forms, accents and kinds of white space. It
  prefers whole words, then earlier synonyms, then the occurrence nearest to
  the offset in the file (or to the beginning, without one).
  """
  found = []
  for i, text in enumerate(answer.synonyms):
    start = max(answer.start or 0, 0)
    if text and start == answer.start and context.startswith(text, start):
      return start, start + len(text)
    for is_part, span in _occurrences(context, text):
      found.append((is_part, i, abs(span[0] - start), span))
  return min(found)[-1] if found else None


def numbered(questions):
  """Returns Questions with a number behind each id that repeats (_000)."""
  total = collections.Counter(question.id for question in questions)
  seen, found = collections.Counter(), []
  for question in questions:
    name = question.id
    number = "_%03d" % seen[name] if total[name] > 1 else ""
    seen[name] += 1
    found.append(question._replace(id=name + number))
  return found


def question_id(pair_id):
  """Returns a question's id, given the id of the question and a snippet.

  BioBERT's files number the snippets of a question with three digits or more:
  "56c073fcef6e394741000020_003" -> "56c073fcef6e394741000020". An id of any
  other form is the question's own.
  """
  return _SNIPPET_NUMBER.sub("", pair_id)


def by_question(pairs, values):
  """Returns {question id: [the value of each of its pairs]}, in order.

  If question_id would merge different questions, the ids are not in BioBERT's
  form, and each pair is a question of its own.

  Args:
    pairs: (id, text of the question), one for each question and snippet.
    values: one for each pair.
  """
  texts, groups = {}, {}
  for name, text in pairs:
    texts.setdefault(question_id(name), set()).add(text)
  for (name, _), value in zip(pairs, values):
    shared = question_id(name)
    if len(texts[shared]) == 1:
      name = shared
    groups.setdefault(name, []).append(value)
  return groups


def exact_answer(answers):
  """Returns BioASQ's exact answer, from the `answers` of all its Questions."""
  if isinstance(answers[0], str):
    return answers[0]
  return list(dict.fromkeys(a.synonyms for found in answers for a in found))


def _occurrences(context, text):
  """Yields (whether it is part of a word, span) of each occurrence."""
  plain, origins = _simplify(context)
  wanted = _simplify(text)[0].strip()
  for match in re.finditer(re.escape(wanted), plain) if wanted else ():
    first, last = match.start(), match.end()
    before, after = plain[first - 1 : first], plain[last : last + 1]
    is_part = before.isalnum() or after.isalnum()
    # Marks that _simplify dropped belong to the character before them.
    end = origins[last] if last < len(origins) else len(context)
    yield is_part, (origins[first], max(end, origins[last - 1] + 1))


@functools.lru_cache(maxsize=16)  # One context and its answers.
def _simplify(text):
  """Returns the text in plain characters, and each one's offset in `text`.

  Example: "Café  x" -> ("cafe x", [0, 1, 2, 3, 4, 6]).
  """
  forms, origins = [], []
  for i, form in enumerate(map(_simplify_character, text)):
    if form != " " or forms[-1:] != [" "]:
      forms += form
      origins += [i] * len(form)
  return "".join(forms), origins


@functools.lru_cache(maxsize=1 << 16)
def _simplify_character(character):
  if character.isspace():
    return " "
  form = unicodedata.normalize("NFKD", character).casefold()
  return "".join(c for c in form if not unicodedata.combining(c))


def _load(data, path):
  """Returns a file's JSON object; None for JSON lines and tables."""
  text = decode(data, path)
  first_line = text.strip().split("\n")[0]
  if not first_line:
    raise InputError("%s: found an empty file, expected %s" % (path, _EXPECTED))
  if first_line[0] not in "{[":
    return None
  try:
    root = load_json(text)
  except json.JSONDecodeError as error:
    if _is_json(first_line):
      return None
    raise InputError(
      "%s:%d: found no JSON (%s), expected %s"
      % (path, error.lineno, error.msg, _EXPECTED)
    ) from None
  if isinstance(root, dict) and "question" in root or _is_flat({"data": root}):
    return None
  if not isinstance(root, dict) or not {"data", "questions"} & set(root):
    raise InputError(
      "%s: found %s, expected %s" % (path, _describe(root), _EXPECTED)
    )
  return root


def _is_json(text):
  try:
    load_json(text)
  except json.JSONDecodeError:
    return False
  return True


def _describe(root):
  """Returns a description of unexpected JSON, for error messages."""
  if not isinstance(root, dict):
    return "JSON that is not an object"
  return "an object with the keys %s" % (
    ", ".join(sorted(root)[:5]) or "(none)"
  )


def _is_flat(root):
  """Returns whether SQuAD's data are questions, not articles of paragraphs."""
  rows = root.get("data")
  return isinstance(rows, list) and any(
    isinstance(row, dict) and "question" in row for row in rows[:1]
  )


def _from_rows(rows, path, kind):
  """Returns (place, Question) pairs of the Rows of a table."""
  return _numbered([_pair(record, kind) for record in _records(rows, path)])


def _records(rows, path):
  return tables.records(
    rows, path, _COLUMNS, _LAYOUTS, _OPTIONAL, lists=("answers",)
  )


def _pair(record, kind):
  """Returns the (place, Question) of a row, with the id in the file."""
  name = record.values["id"] or str(record.line)
  text, context = record.values["question"], record.values["context"]
  answers = _row_answers(record, kind)
  return record.place, Question(name, text, context, answers)


def _numbered(pairs):
  """Returns the (place, Question) pairs of a table with numbered ids."""
  places, found = zip(*pairs)
  found = numbered(found)
  if all(q.answers == [] for q in found):  # A test set with hidden answers.
    found = [q._replace(answers=None) for q in found]
  return list(zip(places, found))


def _row_answers(record, kind):
  """Returns the `answers` of the Question in a row of a table."""
  text = record.values["answers"] or ""
  qa = {"is_impossible": record.values["is_impossible"] in ("True", "true")}
  if not text.strip() or kind == "yesno" and text[0] not in "[{":
    return _squad_answers(dict(qa, answers=text.strip()), kind, record.place)
  if text[0] not in "[{":
    return [Answer((text,), None)]
  where = record.place + (": " if record.place[-1:].isdigit() else ".")
  where += "answers"
  qa["answers"] = parse_json_line(text, where)
  if isinstance(qa["answers"], dict):
    texts = _field(qa["answers"], "text", list, where)
    starts = _field(qa["answers"], "answer_start", list, where)
    if len(starts) != len(texts):
      raise InputError(
        "%s: found %s, expected as many answer_start as text"
        % (where, _show(qa["answers"]))
      )
    qa["is_impossible"] = qa["is_impossible"] or not texts
    qa["answers"] = [
      {"text": text, "answer_start": start}
      for text, start in zip(texts, starts)
    ]
  return _squad_answers(qa, kind, record.place)


def _from_squad(root, path, kind):
  """Returns (place, Question) pairs of SQuAD's and BioBERT's format."""
  found = [
    (
      where,
      Question(
        _id(qa, where),
        _field(qa, "question", str, where),
        _field(paragraph, "context", str, above),
        _squad_answers(qa, kind, where),
      ),
    )
    for article, top in _objects(root, "data", path + ":")
    for paragraph, above in _objects(article, "paragraphs", top)
    for qa, where in _objects(paragraph, "qas", above)
  ]
  if not found:
    raise InputError(
      "%s: found no question, expected data[].paragraphs[].qas[]" % path
    )
  return found


def _squad_answers(qa, kind, place):
  """Returns the `answers` of a Question; BioBERT's yes/no is a string."""
  answers = qa.get("answers")
  if kind != "yesno" and qa.get("is_impossible") is True:
    return []
  if not answers:  # An empty list means the same as no list.
    return None
  if kind == "yesno" and isinstance(answers, str):
    return _yes_or_no(qa, "answers", place)
  found = _objects(qa, "answers", place)
  if kind == "yesno":
    return _yes_or_no(found[0][0], "text", found[0][1])
  return [
    Answer(
      (_field(answer, "text", str, where),),
      _field(answer, "answer_start", int, where),
    )
    for answer, where in found
  ]


def _from_bioasq(root, path, kind, needs_answers, skipping):
  """Returns (place, Question) pairs of BioASQ's format, one per snippet."""
  found, counts, bare = [], collections.Counter(), []
  odd, faults = collections.Counter(), []
  for question, where in _objects(root, "questions", path + ":"):
    with skipping("questions that do not fit (skipped)"):
      counts[_field(question, "type", str, where)] += 1
      if question["type"] != kind:
        continue
      answers = _usable_answer(question, kind, where, odd, faults)
      pairs = _pairs_with_snippets(question, where, answers)
      found += pairs
      bare += [] if pairs else [_id(question, where)]
  _warn_of_odd(path, odd, faults)
  if not found:
    raise InputError(
      "%s: found BioASQ's questions (%s), expected some of type %s with "
      "snippets"
      % (path, ", ".join("%d %s" % (n, k) for k, n in counts.items()), kind)
    )
  if bare:
    logging.warning(
      "%s: %d questions have no snippet and will get no answer: %s",
      *(path, len(bare), ", ".join(bare[:5])),
    )
  return _with_answers(found, path, faults) if needs_answers else found


def _with_answers(found, path, faults):
  """Returns the pairs that have answers; all of them if none has.

  Raises:
    InputError: none has, and this is why.
  """
  # No answer to a question of BioASQ does not say that its snippet has none.
  found = [(at, q._replace(answers=q.answers or None)) for at, q in found]
  answered = [pair for pair in found if pair[1].answers]
  if not answered and faults:
    raise faults[0]
  if 0 < len(answered) < len(found):
    logging.warning(
      "%s: left out %d of %d pairs of question and snippet, without an answer",
      *(path, len(found) - len(answered), len(found)),
    )
  return answered or found


def _pairs_with_snippets(question, where, answers):
  """Returns (place, Question) pairs of one of BioASQ's questions."""
  name, text = _id(question, where), _field(question, "body", str, where)
  if isinstance(answers, list):
    answers = [Answer(tuple(synonyms), None) for synonyms in answers]
  snippets = question.get("snippets") and _objects(question, "snippets", where)
  return [
    (
      at,
      Question(
        "%s_%03d" % (name, number),
        text,
        _field(snippet, "text", str, at),
        answers,
      ),
    )
    for number, (snippet, at) in enumerate(snippets or ())
  ]


def read_exact_answer(question, kind, place, odd):
  """Returns a question's exact answer in BioASQ's form; None if there is none.

  The unusual forms of some training sets are read, too, and counted in the
  Counter `odd`: a bare string is an answer, a flat list the synonyms of a
  factoid's answer or the answers of a list question, an empty list of synonyms
  no answer, and yes or no may be within a list.

  Raises:
    InputError: the answer has another form.
  """
  value = question.get("exact_answer")
  if value is None or kind not in ("yesno", "factoid", "list"):
    return None
  if kind == "yesno":
    if isinstance(value, list) and len(value) == 1:
      odd["a list around yes or no (taken from it)"] += 1
      value = value[0]
    return _yes_or_no({"exact_answer": value}, "exact_answer", place)
  answers = _with_inner_lists(value, kind, odd)
  if not _is_list_of(list, answers) or not all(
    _is_list_of(str, item) for item in answers
  ):
    raise InputError(
      "%s: found %s, expected a list of lists of strings"
      % (_at(place, "exact_answer"), _show(value))
    )
  answers = [[text for text in item if text.strip()] for item in answers]
  odd["empty lists of synonyms (dropped)"] += [] in answers
  return [synonyms for synonyms in answers if synonyms]


def _with_inner_lists(value, kind, odd):
  """Returns an exact answer with a list around each bare string."""
  value = [value] if isinstance(value, str) else value
  if not isinstance(value, list) or not any(isinstance(v, str) for v in value):
    return value
  odd["bare strings (taken as an answer each)"] += 1
  if kind == "factoid" and _is_list_of(str, value):
    return [value]
  return [[item] if isinstance(item, str) else item for item in value]


def _usable_answer(question, kind, place, odd, faults):
  """Returns read_exact_answer, or None and adds its error to `faults`."""
  try:
    return read_exact_answer(question, kind, place, odd)
  except InputError as error:
    faults.append(error)
    return None


def _warn_of_odd(path, odd, faults):
  """Logs how many exact answers have unusual or unusable forms."""
  for form, number in odd.items():
    if number:
      logging.warning("%s: %d exact answers with %s", path, number, form)
  if faults:
    logging.warning(
      "%s: %d exact answers are unusable and left out, the first: %s",
      *(path, len(faults), faults[0]),
    )


def _submitted_answer(question, kind, place):
  """Returns a system's exact answer as it is; None if there is none."""
  value = question.get("exact_answer")
  if value is None or kind not in ("yesno", "factoid", "list"):
    return None
  if kind == "yesno":
    return _field(question, "exact_answer", str, place)
  if not _is_list_of(list, value) or not all(
    _is_list_of(str, item) for item in value
  ):
    raise InputError(
      "%s: found %s, expected a list of lists of strings"
      % (_at(place, "exact_answer"), _show(value))
    )
  return value


def _is_list_of(kind, values):
  return isinstance(values, list) and all(isinstance(v, kind) for v in values)


def _yes_or_no(parent, key, place):
  value = _field(parent, key, str, place)
  match = re.match(r"\s*(yes|no)\b", value, re.IGNORECASE)
  if not match:
    raise InputError(
      "%s: found %s, expected yes or no" % (_at(place, key), _show(value))
    )
  return match.group(1).lower()


def _check_ids(found):
  """Raises InputError if an id repeats: one of its answers would be lost."""
  first = {}
  for place, question in found:
    if question.id in first:
      raise InputError(
        "%s: found the id %s of %s again, expected unique ids"
        % (place, question.id, first[question.id].split(": ")[-1])
      )
    first[question.id] = place


def _id(parent, place):
  """Returns the id of a question as a string."""
  value = parent.get("id")
  if type(value) not in (str, int) or value == "":
    raise InputError(
      "%s: found %s, expected a string or a whole number"
      % (_at(place, "id"), _show(value))
    )
  return str(value)


def _field(parent, key, kind, place):
  """Returns parent[key]; InputError unless it is of type `kind`."""
  value = parent.get(key)
  if type(value) is not kind:
    raise InputError(
      "%s: found %s, expected %s"
      % (_at(place, key), _show(value), _TYPES[kind])
    )
  return value


def _objects(parent, key, place):
  """Returns (object, its place) pairs of the list parent[key]."""
  pairs = []
  for i, value in enumerate(_field(parent, key, list, place)):
    where = "%s[%d]" % (_at(place, key), i)
    if not isinstance(value, dict):
      raise InputError(
        "%s: found %s, expected an object" % (where, _show(value))
      )
    pairs.append((value, where))
  return pairs


def _at(place, key):
  """Returns the place of a key: "x.json: data", then "x.json: data[0].id"."""
  return place + (" " if place.endswith(":") else ".") + key


def _show(value):
  if value is None:
    return "nothing"
  return shorten(json.dumps(value, ensure_ascii=False))
