# SPDX-License-Identifier: Apache-2.0
"""Tests of questions.py: the formats of questions, and locating answers."""

import glob
import json
import os

import pytest

from common.errors import InputError
from formats import questions
from formats import streams
from formats.questions import Answer
from formats.questions import Question

QUESTIONS = [
  {
    "id": "a",
    "question": "What is JNK?",
    "is_impossible": False,
    "answers": [
      {"text": "kinase", "answer_start": 9},
      {"text": "a kinase", "answer_start": 7},
    ],
  },
  {
    "id": 7,
    "question": "Who found it?",
    "is_impossible": True,
    "answers": [],
    "plausible_answers": [{"text": "JNK", "answer_start": 0}],
  },
]
PARAGRAPH = {"context": "JNK is a kinase.", "qas": QUESTIONS}
SQUAD = {"version": "v2.0", "data": [{"title": "x", "paragraphs": [PARAGRAPH]}]}


def asked(name, kind, body, exact=None, **snippets):
  """Returns a question of BioASQ; `snippets` is its list of texts, if any."""
  question = {"id": name, "type": kind, "body": body}
  if exact:
    question["exact_answer"] = exact
  for key, texts in snippets.items():
    question[key] = [{"text": text} for text in texts]
  return question


BIOASQ = {
  "questions": [
    asked(
      "56",
      "factoid",
      "Which kinase?",
      [["JNK", "c-Jun kinase"]],
      snippets=["It is JNK.", "So it is."],
    ),
    asked("57", "yesno", "Is it?", "Yes", snippets=["It is JNK."]),
    asked(
      "58",
      "list",
      "Which kinases?",
      [["JNK"], ["JAK", "Janus kinase"]],
      snippets=["JNK and JAK."],
    ),
    asked("59", "summary", "Why?", snippets=[]),
    asked("60", "factoid", "Who?", [["x"]]),
  ]
}


def parse(value, kind="squad", **options):
  if not isinstance(value, str):
    value = json.dumps(value)
  return questions.parse(value.encode("utf-8"), "x.json", kind, **options)


def changed(value, path, new):
  """Returns a copy of JSON with a value at a path set, or deleted (None)."""
  value = json.loads(json.dumps(value))
  place = value
  for key in path[:-1]:
    place = place[key]
  if new is None:
    del place[path[-1]]
  else:
    place[path[-1]] = new
  return value


QAS = ("data", 0, "paragraphs", 0, "qas")


def test_squad_answers_and_unanswerable_questions_are_read():
  assert parse(SQUAD, needs_answers=True) == [
    Question(
      "a",
      "What is JNK?",
      "JNK is a kinase.",
      [Answer(("kinase",), 9), Answer(("a kinase",), 7)],
    ),
    Question("7", "Who found it?", "JNK is a kinase.", []),
  ]


def test_biobert_test_files_have_no_answers():
  squad = changed(SQUAD, QAS + (0, "answers"), None)
  squad = changed(squad, QAS + (1,), {"id": "b", "question": "?"})
  assert [q.answers for q in parse(squad, "factoid")] == [None, None]


def test_one_question_without_answers_drops_the_answers_of_all(caplog):
  found = parse(changed(SQUAD, QAS + (0, "answers"), []))
  assert [q.answers for q in found] == [None, None]
  assert "x.json: 1 of 2 questions have no answer" in caplog.text


@pytest.mark.parametrize(
  "answers", ["yes", "Yes.", [{"text": "yes"}], [{"text": " YES, it is"}]]
)
def test_biobert_yesno_answers_are_words(answers):
  qas = [{"id": "a", "question": "?", "answers": answers}]
  (found,) = parse(changed(SQUAD, QAS, qas), "yesno")
  assert found.answers == "yes"


def test_bioasq_questions_repeat_for_each_snippet(caplog):
  answers = [Answer(("JNK", "c-Jun kinase"), None)]
  assert parse(BIOASQ, "factoid") == [
    Question("56_000", "Which kinase?", "It is JNK.", answers),
    Question("56_001", "Which kinase?", "So it is.", answers),
  ]
  assert "1 questions have no snippet and will get no answer: 60" in caplog.text
  assert parse(BIOASQ, "yesno") == [
    Question("57_000", "Is it?", "It is JNK.", "yes")
  ]
  (found,) = parse(BIOASQ, "list")
  assert [a.synonyms for a in found.answers] == [
    ("JNK",),
    ("JAK", "Janus kinase"),
  ]


def test_bioasq_test_sets_have_no_exact_answers():
  bioasq = changed(BIOASQ, ("questions", 0, "exact_answer"), None)
  assert {q.answers for q in parse(bioasq, "factoid")} == {None}


@pytest.mark.parametrize(
  "kind, path, expected",
  [
    ("factoid", 0, [Answer(("JNK", "JNK1"), None)]),
    ("list", 2, [Answer(("JNK",), None), Answer(("JNK1",), None)]),
  ],
)
def test_an_exact_answer_may_lack_the_inner_lists(kind, path, expected):
  exact = ["JNK", "JNK1"]
  bioasq = changed(BIOASQ, ("questions", path, "exact_answer"), exact)
  assert parse(bioasq, kind)[0].answers == expected


@pytest.mark.parametrize(
  "kind, path, answer, expected, form",
  [
    ("factoid", 0, [["a", "b"], "c"], [("a", "b"), ("c",)], "bare strings"),
    ("factoid", 0, "a", [("a",)], "bare strings"),
    ("factoid", 0, [[], ["p53"]], [("p53",)], "empty lists of synonyms"),
    ("list", 2, ["a", "b", ["c", "d"]], [("a",), ("b",), ("c", "d")], "bare"),
    ("list", 2, [[], ["p53", " "]], [("p53",)], "empty lists of synonyms"),
  ],
)
def test_exact_answers_of_unusual_forms_are_read_and_counted(
  caplog, kind, path, answer, expected, form
):
  bioasq = changed(BIOASQ, ("questions", path, "exact_answer"), answer)
  found = parse(bioasq, kind, needs_answers=True)[0].answers
  assert [a.synonyms for a in found] == expected
  assert "x.json: 1 exact answers with " + form in caplog.text


@pytest.mark.parametrize("answer", [["yes"], "Yes.", "YES", ["Yes, it is"]])
def test_yes_may_be_within_a_list(answer):
  bioasq = changed(BIOASQ, ("questions", 1, "exact_answer"), answer)
  assert parse(bioasq, "yesno", needs_answers=True)[0].answers == "yes"


@pytest.mark.parametrize("answer", ["maybe", [], 5, None])
def test_one_odd_question_never_refuses_a_training_set(caplog, answer):
  bioasq = changed(BIOASQ, ("questions", 1, "exact_answer"), answer)
  bioasq["questions"].append(
    asked("61", "yesno", "Is it?", "no", snippets=["It is not."])
  )
  (kept,) = parse(bioasq, "yesno", needs_answers=True)
  assert kept.id == "61_000"
  assert "x.json: left out 1 of 2 pairs of question and snippet" in caplog.text
  assert [q.answers for q in parse(bioasq, "yesno")] == [None, None]


@pytest.mark.parametrize(
  "text",
  [
    '{"id": "a", "question": "Who?", "context": "He."}\n'
    '{"id": 7, "question": "What?", "context": "{It}."}\n',
    "id\tquestion\tcontext\r\na\tWho?\tHe.\r\n7\tWhat?\t{It}.\r\n",
    "context\tid\tyear\tquestion\nHe.\ta\t1\tWho?\n{It}.\t7\t2\tWhat?\n",
    "\ufeffa\tWho?\tHe.\n\n7\tWhat?\t{It}.\n",
  ],
)
def test_json_lines_and_tables_are_questions_without_answers(text):
  assert parse(text, "factoid") == [
    Question("a", "Who?", "He.", None),
    Question("7", "What?", "{It}.", None),
  ]


def test_a_row_without_an_id_gets_its_line_number():
  found = parse("question\tcontext\n\nWho?\tHe.\n", "factoid")
  assert [q.id for q in found] == ["3"]
  line = '{"question": "Who?", "context": "He."}'
  assert [q.id for q in parse(line, "factoid")] == ["1"]


def test_repeated_ids_in_a_table_are_numbered():
  found = parse("a\tWho?\tHe.\nb\tWho?\tHe.\na\tWho?\tShe.\n", "factoid")
  assert [q.id for q in found] == ["a_000", "b", "a_001"]


def rejection_of(value, kind, **options):
  with pytest.raises(InputError) as error:
    parse(value, kind, **options)
  assert "\n" not in str(error.value)
  return str(error.value)


@pytest.mark.parametrize(
  "value, message",
  [
    ("", "found an empty file, expected SQuAD"),
    (" \n", "found an empty file"),
    ("[]", "found JSON that is not an object, expected SQuAD's"),
    ("{}", "found an object with the keys (none), expected"),
    ({"a": 1, "b": 2}, "found an object with the keys a, b, expected"),
    ({"data": {}}, "data: found '{}', expected a list"),
    ({"data": [1]}, "data[0]: found '1', expected an object"),
    ({"data": []}, "found no question, expected data[].para"),
    (BIOASQ, "found BioASQ's questions (2 factoid, 1 yesno, 1 list, 1 summa"),
  ],
)
def test_files_without_squad_questions_are_rejected(value, message):
  assert rejection_of(value, "squad").startswith("x.json: " + message)


@pytest.mark.parametrize(
  "text, message",
  [
    ('{\n"data":\n!', "3: found no JSON (Expecting value)"),
    ('{"data": [', "1: found no JSON (Expecting value)"),
    ("one\n", "1: found 1 column, expected a header with"),
    ("a\tb\tc\nd\n", "2: found 1 column, expected 3"),
    (
      '{"question": "?", "context": "a"}\n{"question": "?"}\n',
      "2: found no context",
    ),
  ],
)
def test_malformed_text_is_rejected_with_its_line(text, message):
  assert rejection_of(text, "squad").startswith("x.json:" + message)


TOP = ("data", 0, "paragraphs")
ASKED = ("questions",)
EXACT = ASKED + (0, "exact_answer")


@pytest.mark.parametrize(
  "path, new, message",
  [
    (TOP, None, "nothing, expected a list"),
    (TOP + (0, "context"), None, "nothing, expected a string"),
    (QAS + (1, "question"), 5, "'5', expected a string"),
    (QAS + (1, "id"), None, "nothing, expected a string or a whole number"),
    (QAS + (0, "answers"), "yes", "'\"yes\"', expected a list"),
    (QAS + (0, "answers", 1, "text"), None, "nothing, expected a string"),
    (
      QAS + (0, "answers", 1, "answer_start"),
      "7",
      "'\"7\"', expected a number",
    ),
    (ASKED + (0, "body"), None, "nothing, expected a string"),
    (ASKED + (3, "type"), None, "nothing, expected a string"),
    (ASKED + (0, "snippets", 1, "text"), None, "nothing, expected a string"),
    (EXACT, [["a"], 5], "'[[\"a\"], 5]', expected a list of lists of str"),
  ],
)
def test_malformed_json_is_rejected_with_its_place(path, new, message):
  whole = changed(SQUAD if path[0] == "data" else BIOASQ, path, new)
  keys = ["[%d]" % k if isinstance(k, int) else "." + k for k in path]
  place = "".join(keys)[1:]
  expected = "x.json: %s: found %s" % (place, message)
  error = rejection_of(whole, "factoid", needs_answers=True)
  assert error.startswith(expected)


def test_repeated_ids_and_answers_other_than_yes_or_no_are_rejected():
  error = rejection_of(changed(SQUAD, QAS + (1, "id"), "a"), "squad")
  assert "qas[1]: found the id a of data[0].paragraphs[0].qas[0] again" in error
  error = rejection_of(changed(SQUAD, QAS + (0, "answers"), "unknown"), "yesno")
  assert "qas[0].answers: found '\"unknown\"', expected yes or no" in error


def test_an_empty_exact_answer_still_counts_in_a_test_set():
  data = changed(BIOASQ, EXACT, [[""]])
  found = parse(data, "factoid")
  assert [q.answers for q in found] == [[]] * len(found)


@pytest.mark.parametrize(
  "value, kind, place",
  [
    (
      changed(SQUAD, QAS + (0, "answers"), None),
      "squad",
      " data[0].paragraphs[0].qas[0]",
    ),
    (changed(BIOASQ, EXACT, []), "factoid", " questions[0].snippets[0]"),
    ("a\tWho?\tHe.\n", "squad", "1"),
  ],
)
def test_a_training_set_needs_answers(value, kind, place):
  assert rejection_of(value, kind, needs_answers=True) == (
    "x.json:%s: found no answer, expected one for training and scoring" % place
  )


@pytest.mark.parametrize(
  "context, text, start, expected, reason",
  [
    ("JNK or JNK", "JNK", 7, (7, 10), "at its offset"),
    ("JNKs", "NK", 1, (1, 3), "inside a word too"),
    ("JNK or JNK", "JNK", 6, (7, 10), "else the nearest"),
    ("JNK or JNK", "JNK", 99, (7, 10), "even far away"),
    ("JNK or JNK", "JNK", -1, (0, 3), "an invalid offset: the first"),
    ("JNK or JNK", "JNK", None, (0, 3), "no offset: the first"),
    ("network of two", "two", None, (11, 14), "whole words come first"),
    ("JNKs", "jnk", None, (0, 3), "then parts of words, in any case"),
    ("a heat\n shock", "heat shock", 0, (2, 13), "white space may differ"),
    ("a b", "  b ", 0, (2, 3), "surrounding blanks are ignored"),
    ("Caf\u00e9s", "cafe", 0, (0, 4), "without its accent"),
    ("Cafe\u0301 au", "caf\u00e9", 0, (0, 5), "a mark belongs to its letter"),
    ("\ufb01brin", "fibrin", 0, (0, 5), "a ligature is two letters"),
    ("a\ufb01", "af", 0, (0, 2), "which are not split"),
    ("TGF-\u03b2\u2081", "TGF-\u03b21", None, (0, 6), "a subscript"),
    ("a.b", "a+b", None, None, "nowhere"),
    ("aab", "a.b", None, None, "the answer is not a pattern"),
    ("abc", "", 0, None, "an empty answer"),
    ("", "a", 0, None, "an empty context"),
  ],
)
def test_an_answer_is_located(context, text, start, expected, reason):
  assert questions.locate(context, Answer((text,), start)) == expected, reason


@pytest.mark.parametrize(
  "context, expected", [("JNK kinase", (4, 10)), ("JNK kinases", (0, 3))]
)
def test_the_first_synonym_that_occurs_as_a_word_is_located(context, expected):
  answer = Answer(("x", "kinase", "JNK"), None)
  assert questions.locate(context, answer) == expected


def test_answers_from_all_contexts_are_merged():
  assert questions.exact_answer(["yes", "yes"]) == "yes"
  a, b, c = Answer(("a",), 3), Answer(("b",), 0), Answer(("a",), 5)
  assert questions.exact_answer([[a, b], [], [c]]) == [("a",), ("b",)]


def exact(value, **options):
  data = json.dumps(value).encode("utf-8")
  return questions.parse_exact_answers(data, "x.json", **options)


def test_exact_answers_are_read_by_id():
  assert exact(BIOASQ) == {
    "56": ("factoid", [["JNK", "c-Jun kinase"]]),
    "57": ("yesno", "yes"),
    "58": ("list", [["JNK"], ["JAK", "Janus kinase"]]),
    "59": ("summary", None),
    "60": ("factoid", [["x"]]),
  }


def test_submitted_answers_are_not_normalised():
  value = changed(BIOASQ, ("questions", 1, "exact_answer"), "Perhaps")
  value = changed(value, ("questions", 0, "exact_answer"), [])
  found = exact(value, submitted=True)
  assert found["57"] == ("yesno", "Perhaps")
  assert found["56"] == ("factoid", [])


def test_an_unusable_gold_answer_is_left_out_with_a_warning(caplog):
  value = changed(BIOASQ, ("questions", 1, "exact_answer"), "Perhaps")
  found = exact(value)
  assert found["57"] == ("yesno", None) and found["60"] == ("factoid", [["x"]])
  assert (
    "x.json: 1 exact answers are unusable and left out, the first: x.json: "
    "questions[1].exact_answer: found '\"Perhaps\"', expected yes or no"
  ) in caplog.text


def test_the_first_of_two_submitted_answers_counts_with_a_warning(caplog):
  value = changed(BIOASQ, ("questions", 4, "id"), "56")
  assert exact(value)["56"] == ("factoid", [["JNK", "c-Jun kinase"]])
  assert "x.json: 1 ids repeat" in caplog.text and "56" in caplog.text


@pytest.mark.parametrize("value", [SQUAD, {"question": "a", "context": "b"}])
def test_exact_answers_are_read_from_bioasq_json_only(value):
  with pytest.raises(InputError, match="x.json: found other questions than"):
    exact(value)


def test_every_answer_of_the_4b_training_set_is_located(shared):
  name = "BioASQ-train-factoid-4b.partial.json"
  folder = os.path.join(shared, "data", "benchmarks", "QA", "BioASQ")
  with open(os.path.join(folder, name), "rb") as f:
    found = questions.parse(f.read(), name, "factoid", needs_answers=True)
  assert len(found) == 1067
  for question in found:
    (answer,) = question.answers
    start, end = questions.locate(question.context, answer)
    assert (question.context[start:end],) == answer.synonyms


def test_all_files_of_bioasq_are_read(shared):
  folder = os.path.join(shared, "data", "benchmarks", "QA", "BioASQ")
  counts = {}
  for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
    with open(path, "rb") as f:
      counts[os.path.basename(path)] = len(
        questions.parse(f.read(), path, "factoid")
      )
  assert counts["BioASQ-test-factoid-4b-1.json"] == 167
  assert counts["4B1_golden.json"] == 232
  assert len(counts) == 21


def hugging_face(name, texts, starts, **more):
  answers = {"text": texts, "answer_start": starts}
  row = {"id": name, "title": "t", "context": "No kinase.", "question": "What?"}
  return dict(row, answers=answers, **more)


ROWS = [
  hugging_face("a", ["kinase", "No"], [3, 0]),
  hugging_face("b", [], []),
]


@pytest.mark.parametrize(
  "text",
  [
    "\n".join(map(json.dumps, ROWS)),
    json.dumps(ROWS),
    json.dumps(ROWS, indent=1),
    json.dumps({"version": "0.1", "data": ROWS}, indent=1),
  ],
)
def test_the_squad_of_hugging_face_is_read(text):
  found = questions.parse(text.encode(), "x.json", "squad", True)
  assert [(q.id, q.text, q.context) for q in found] == [
    ("a", "What?", "No kinase."),
    ("b", "What?", "No kinase."),
  ]
  assert [q.answers for q in found] == [[(("kinase",), 3), (("No",), 0)], []]


def test_hidden_answers_of_hugging_face_are_none():
  text = json.dumps(ROWS[1:])
  assert questions.parse(text.encode(), "x", "squad")[0].answers is None


@pytest.mark.parametrize(
  "row, message",
  [
    (
      hugging_face("a", ["kinase"], [3, 4]),
      "x:1: answers: found .*, expected as many answer_start as text",
    ),
    (hugging_face("a", "kinase", 3), "x:1: answers.text: found .* a list"),
    (hugging_face("a", ["kinase"], ["3"]), "answer_start: found .* a number"),
  ],
)
def test_damaged_answers_of_hugging_face_are_rejected(row, message):
  with pytest.raises(InputError, match=message):
    questions.parse(json.dumps(row).encode(), "x", "squad")


def test_tables_may_have_answers():
  text = b"question\tcontext\tanswer\nWhat?\tNo kinase.\tkinase\n"
  assert questions.parse(text, "x", "squad")[0].answers == [(("kinase",), None)]
  text = b"question,context,answer\nIs it?,No kinase.,No\n"
  assert questions.parse(text, "x", "yesno")[0].answers == "no"


@pytest.mark.parametrize(
  "pair, question",
  [
    ("56c073fcef6e394741000020_003", "56c073fcef6e394741000020"),
    ("q_1234", "q"),
    ("a_b_000", "a_b"),
    ("q_12", "q_12"),
    ("q_003x", "q_003x"),
    ("123", "123"),
    ("q-003", "q-003"),
    ("56c073fcef6e394741000020", "56c073fcef6e394741000020"),
  ],
)
def test_the_number_of_a_snippet_is_cut_off_an_id(pair, question):
  assert questions.question_id(pair) == question


def test_pairs_are_grouped_by_question_in_order():
  pairs = [("b_000", "B?"), ("a_000", "A?"), ("b_001", "B?"), ("c", "C?")]
  groups = questions.by_question(pairs, [1, 2, 3, 4])
  assert list(groups.items()) == [("b", [1, 3]), ("a", [2]), ("c", [4])]


def test_questions_whose_ids_only_look_numbered_stay_apart():
  pairs = [("q_001", "Who?"), ("q_002", "Where?"), ("q_003", "Where?")]
  assert list(questions.by_question(pairs, "abc")) == [
    "q_001",
    "q_002",
    "q_003",
  ]


# ------------------------------------------------------------------ streaming

ROWS = [
  {"id": "a", "question": "Who?", "context": "He."},
  {"id": "a", "question": "Who?", "context": "She."},
  {"id": "b_000", "question": "What?", "context": "It."},
  {"id": "b_001", "question": "What?", "context": "That."},
  {"id": "a", "question": "Who?", "context": "They."},
]


def read(value, kind="factoid", **options):
  """Returns [(id, [(id, context)])] of a file's questions."""
  text = value
  if isinstance(value, list):
    text = "".join(json.dumps(row) + "\n" for row in value)
  elif isinstance(value, dict):
    text = json.dumps(value)
  source = streams.of_bytes(text.encode("utf-8"), "x.json")
  found = list(questions.read(source, kind, **options))
  positions = [f.position for f in found]
  assert positions == sorted(positions) and positions[-1] <= len(text)
  return [
    (f.document.id, [(q.id, q.context) for q in f.document.questions])
    for f in found
  ]


def test_contexts_that_follow_each_other_belong_to_one_question():
  assert read(ROWS) == [
    ("a", [("a_000", "He."), ("a_001", "She.")]),
    ("b", [("b_000", "It."), ("b_001", "That.")]),
    ("a", [("a_002", "They.")]),
  ]
  assert [len(pairs) for _, pairs in read(ROWS, "squad")] == [1] * 5


def test_a_block_of_lines_ends_with_a_question(monkeypatch):
  monkeypatch.setattr(questions, "BLOCK", 1)
  rows = [
    dict(row, id="c" if i == 4 else row["id"]) for i, row in enumerate(ROWS)
  ]
  assert read(rows) == [
    ("a", [("a_000", "He."), ("a_001", "She.")]),
    ("b", [("b_000", "It."), ("b_001", "That.")]),
    ("c", [("c", "They.")]),
  ]


@pytest.mark.parametrize("form", ["document", "lines"])
def test_a_question_of_bioasq_has_its_snippets(form):
  value = BIOASQ if form == "document" else BIOASQ["questions"][:3]
  found = read(value)
  assert found[0] == ("56", [("56_000", "It is JNK."), ("56_001", "So it is.")])
  assert read(value, "yesno") == [("57", [("57_000", "It is JNK.")])]


def test_documents_and_tables_are_read_whole():
  assert read(SQUAD, "squad") == [
    ("a", [("a", "JNK is a kinase.")]),
    ("7", [("7", "JNK is a kinase.")]),
  ]
  table = "id,question,context\na,Who?,He.\n"
  assert read(table) == [("a", [("a", "He.")])]


def test_lines_that_cannot_be_read_are_left_out_if_wanted():
  lines = "".join(json.dumps(row) + "\n" for row in ROWS[:2])
  damaged = lines + '{"id": "c", "question": "Who?"}\n{"id":\n' + lines
  with pytest.raises(InputError, match="x.json:3: found no context"):
    read(damaged)
  errors = []
  (found,) = read(damaged, failed=errors.append)
  assert len(found[1]) == 4
  assert ["x.json:3" in str(errors[0]), "x.json:4" in str(errors[1])] == [
    True
  ] * 2
