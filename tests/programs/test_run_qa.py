# SPDX-License-Identifier: Apache-2.0
"""Tests of run_qa.py."""

import json
import os
import types

import numpy as np
import pytest

from common import flag_groups
from common.errors import InputError
from finetuning import labelling
from finetuning import question_windows
from finetuning import spans
from formats import questions
from formats.questions import Answer
from formats.questions import Question
import run_qa
from tests.helpers import tiny

WORDS = ["the", "patients", "had", "no", "with"]


@pytest.fixture(scope="module")
def defaults():
  return tiny.flags_of(run_qa)


@pytest.fixture
def new_task(tokenizer, defaults):
  """Returns a function that makes a task, with flags changed."""

  def make(examples=None, golden=None, **changed):
    values = dict(defaults, **changed)
    assert set(values) == set(defaults)
    config = types.SimpleNamespace(**values)
    kind = run_qa.YesNo if "yesno" in config.task_name else run_qa.Span
    options = flag_groups.pick(config, run_qa.Options)
    task = kind(tokenizer, options, golden)
    task.learned = {"unanswerable": config.version_2_with_negative}
    if examples:
      task.learned = task.learn(examples)
    return task

  return make


SMALL = {"max_seq_length": 24, "max_query_length": 6, "doc_stride": 5}


def oracle(features):
  """Returns the outputs of a model that is sure of every training target.

  Two pieces of padding follow, as in a batch.
  """
  outputs = []
  for f in features:
    output = {n: np.append(f[n], [0, 0]) for n in spans.PER_PIECE}
    size = len(output["allowed"])
    floor = np.where(output["allowed"], np.float32(0), np.float32(-1e30))
    for name in ("start", "end"):
      logits = np.array(floor)
      if f[name] >= 0:
        logits[f[name]] = 20
      output[name + "_logits"] = logits
      assert len(logits) == size
    outputs.append(output)
  return outputs


# ---------------------------------------------------------------- end to end


def write_questions(path, kind, size, seed, impossible=0):
  """Writes SQuAD's JSON of questions whose answer is the word fever.

  `impossible` of 3 texts lack it. Texts of yesno questions either consist of
  it (yes) or lack it (no).
  """
  random = np.random.RandomState(seed)
  paragraphs = []
  for i in range(size):
    words = [WORDS[j] for j in random.randint(len(WORDS), size=8)]
    without = i % 3 < impossible
    if not without:
      words[random.randint(8)] = "fever"
    if kind == "yesno" and not without:
      words = ["fever"] * 8
    context = " ".join(words)
    qa = {"id": "q%d_%03d" % (i // 2, i % 2), "question": "what is it?"}
    if kind == "yesno":
      qa["id"] = "q%d" % i
      qa["answers"] = "no" if without else "yes"
    elif without:
      qa.update(answers=[], is_impossible=True)
    else:
      start = context.index("fever")
      qa["answers"] = [{"text": "fever", "answer_start": start}]
    paragraphs.append({"context": context, "qas": [qa]})
  path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
  return str(path)


def read_json(path):
  return json.loads(path.read_text())


@pytest.fixture
def go(tmp_path):
  def run(**changed):
    changed = dict(SMALL, max_seq_length=32, **changed)
    return tiny.run(run_qa, tmp_path, **changed)

  return run


@pytest.mark.once
def test_yesno_questions_are_learned(go, tmp_path):
  results = go(
    task_name="bioasq-yesno",
    train_file=write_questions(tmp_path / "a.json", "yesno", 64, 0, 2),
    test_file=write_questions(tmp_path / "c.json", "yesno", 9, 2, 2),
    learning_rate=5e-3,
    num_train_epochs=6.0,
  )
  assert results["test"]["accuracy"] == results["test"]["macro_f1"] == 1.0
  assert results["test"]["questions"] == 9
  output = tmp_path / "output"
  answers = read_json(output / "BioASQform_BioASQ-answer.json")["questions"]
  assert {a["exact_answer"] for a in answers} == {"yes", "no"}
  assert (output / "labels.txt").read_text() == "no\nyes\n"


@pytest.mark.once
def test_squad_2_is_learned_and_then_bioasq(go, tmp_path, caplog):
  """The usual recipe, with BioBERT's --predict_file and --golden_file."""
  caplog.set_level("INFO")
  results = go(
    task_name="squad",
    train_file=write_questions(tmp_path / "a.json", "squad", 48, 0, 1),
    predict_file=write_questions(tmp_path / "c.json", "squad", 9, 2, 1),
    learning_rate=1e-2,
    num_train_epochs=10.0,
  )
  assert results["test"]["exact"] == results["test"]["f1"] == 1.0
  output = tmp_path / "output"
  assert set(read_json(output / "predictions.json").values()) == {"fever", ""}
  odds = read_json(output / "null_odds.json")
  assert odds["q0_000"] > 0 > odds["q0_001"]
  assert not (output / "BioASQform_BioASQ-answer.json").exists()
  golden = [
    {"id": "q%d" % i, "type": "factoid", "exact_answer": [["x", "FEVER"]]}
    for i in range(4)
  ]
  (tmp_path / "golden.json").write_text(json.dumps({"questions": golden}))
  caplog.clear()
  go(
    train_file=write_questions(tmp_path / "d.json", "factoid", 16, 0),
    predict_file=write_questions(tmp_path / "e.json", "factoid", 8, 2),
    golden_file=str(tmp_path / "golden.json"),
    bioalbert_dir=str(output),
    output_dir=str(tmp_path / "bioasq"),
    do_train=None,
    num_train_epochs=1.0,
  )
  assert "restored 27 variables" in caplog.text
  assert "new, with random weights: none" in caplog.text
  output = tmp_path / "bioasq"
  scores = read_json(output / "results.json")["test"]
  assert scores["strict"] == scores["mrr"] == 1.0 and scores["answered"] == 4
  assert "mrr = 1.0" in (output / "test_results.txt").read_text()
  assert set(read_json(output / "predictions.json").values()) == {"fever"}
  n_best = read_json(output / "nbest_predictions.json")["q0_000"]
  assert sum(e["probability"] for e in n_best) == pytest.approx(1)
  submission = read_json(output / "BioASQform_BioASQ-answer.json")
  assert [q["id"] for q in submission["questions"]] == ["q0", "q1", "q2", "q3"]
  assert submission["questions"][0]["exact_answer"][0] == ["fever"]


@pytest.mark.parametrize(
  "changed, message",
  [
    (
      {"doc_stride": 24},
      "--doc_stride=24: expected at most 23, .* --max_seq_length=32 .* "
      "--max_query_length=6",
    ),
    (
      {"max_query_length": 29},
      "--max_seq_length=32: expected over 32, .* --max_query_length=29",
    ),
    (
      {"test_file": "a", "predict_file": "b"},
      "--test_file and --predict_file both name",
    ),
    (
      {"task_name": "squad", "golden_file": "g"},
      "--golden_file=g: is for BioASQ's questions",
    ),
    ({"golden_file": "nowhere"}, "nowhere: cannot be read"),
    (
      {"golden_file": "g", "predict_file": "b", "predict_format": "jsonl"},
      "--golden_file=g: answers are scored all together; expected",
    ),
    (
      {"predict_gzip": True, "predict_file": "b"},
      "--predict_gzip is for answers in lines",
    ),
    ({"train_file": "nowhere"}, "nowhere: cannot be read"),
    ({"do_train": True}, "--do_train needs --data_dir, or --train_file"),
  ],
)
def test_bad_flags_are_rejected_before_anything_is_written(
  go, tmp_path, changed, message
):
  with pytest.raises(InputError, match=message):
    go(**changed)
  assert not (tmp_path / "output").exists()


# -------------------------------------------------------------------- encoding

CONTEXT = (
  "We found that JNKs, and \ufb01brin, bind (CAGE) in (CTG)n repeats; "
  "the patients had retinoblastoma with fever and lung cancer. "
) * 3


def question_of(context, answers, name="a_000", text="Which protein binds?"):
  """Returns a Question from (answer, number of earlier occurrences) pairs."""
  found = []
  for answer, before in answers:
    start = -1
    for _ in range(before + 1):
      start = context.index(answer, start + 1)
    found.append(Answer((answer,), start))
  return Question(name, text, context, found)


def trained_on(task, question):
  """Returns the windows of a question of the training set."""
  return task.encode(question, is_training=True).features


def scored_on(task, question):
  """Returns the windows of a question to be scored."""
  return task.encode(question, is_training=False).features


def text_between(question, features):
  """Returns the text of the span that the features mark."""
  begin = features["char_start"][features["start"]]
  return question.context[begin : features["char_end"][features["end"]]]


@pytest.mark.parametrize("stride", [1, 3, 9, 15])
def test_windows_hold_every_piece_and_own_it_once(new_task, stride):
  task = new_task(**dict(SMALL, doc_stride=stride))
  question = question_of(CONTEXT, [])
  found = scored_on(task, question)
  pieces = task.tokenizer.tokenize_with_offsets(CONTEXT)
  spans = [s for s in zip(pieces.starts, pieces.ends) if s[0] < s[1]]
  own = [
    (f["char_start"][i], f["char_end"][i])
    for f in found
    for i in np.flatnonzero(f["own"])
  ]
  assert len(found) > 3 and own == spans
  for f in found:
    assert len(f["input_ids"]) <= 24
    assert set(np.flatnonzero(f["allowed"])) == set(
      np.flatnonzero(f["segment_ids"] * (f["char_end"] > f["char_start"]))
    )
    assert f["start"] == f["end"] == question_windows.UNKNOWN


def test_windows_begin_doc_stride_pieces_apart(new_task):
  task = new_task(**SMALL)
  found = scored_on(task, question_of("fever " * 40, []))
  begins = [f["char_start"][f["char_end"] > 0][0] // 6 for f in found]
  assert begins[:-1] == list(range(0, 5 * (len(found) - 1), 5))


@pytest.mark.parametrize(
  "answer, before",
  [
    ("JNK", 0),  # A part of a word.
    ("JNKs", 1),
    ("\ufb01brin", 2),  # A ligature.
    ("CAGE", 1),  # In brackets.
    ("(CTG)n", 0),
    ("blast", 2),  # The end of a word.
    ("retinoblastoma with fever", 0),
    ("We", 0),  # At the start of the text.
    ("cancer.", 2),  # At the end.
  ],
)
def test_training_span_matches_the_answer_character_for_character(
  new_task, answer, before
):
  question = question_of(CONTEXT, [(answer, before)])
  task = new_task([question], **SMALL)
  found = trained_on(task, question)
  assert found
  for f in found:
    assert text_between(question, f) == answer
    assert f["allowed"][f["start"]] == f["allowed"][f["end"]] == 1
  (place,) = {f["char_start"][f["start"]] for f in found}
  assert place == question.answers[0].start


def test_each_distinct_answer_is_trained_on_once(new_task):
  question = question_of(CONTEXT, [("JNK", 0), ("CAGE", 0), ("JNK", 0)])
  task = new_task([question], **dict(SMALL, doc_stride=15))
  found = [text_between(question, f) for f in trained_on(task, question)]
  assert sorted(set(found)) == ["CAGE", "JNK"]
  assert len(found) == 2


def test_training_questions_are_scored_as_if_without_answers(new_task):
  question = question_of(CONTEXT, [("blast", 0)])
  task = new_task([question], **SMALL)
  begin = question.answers[0].start
  trained, scored = trained_on(task, question), scored_on(task, question)
  assert len(trained) < len(scored)
  assert any(begin in f["char_start"] for f in trained)
  assert not any(begin in f["char_start"] for f in scored)
  assert all(f["start"] > 0 for f in trained)
  assert all(f["start"] == -1 for f in scored)


def test_every_answer_of_the_4b_training_set_is_trained_on(shared, new_task):
  name = "BioASQ-train-factoid-4b.partial.json"
  folder = os.path.join(shared, "data", "benchmarks", "QA", "BioASQ")
  with open(os.path.join(folder, name), "rb") as f:
    examples = questions.parse(f.read(), name, "factoid", needs_answers=True)
  task = new_task(examples)
  for question in examples:
    found = trained_on(task, question)
    assert found
    for f in found:
      assert text_between(question, f) == question.answers[0].synonyms[0]


def test_missing_answers_are_counted_and_named(new_task, caplog):
  missing = [
    Question("q%d" % i, "Who?", "It is so.", [Answer(("IL-%d" % i,), 0)])
    for i in range(7)
  ]
  moved = Question("q8", "Who?", "It is JAK.", [Answer(("JAK",), 3)])
  task = new_task(missing + [moved])
  assert "1 of 8 answers are not at their answer_start" in caplog.text
  assert "7 of 8 answers do not occur in their text" in caplog.text
  assert "q0 'IL-0'; q1 'IL-1'" in caplog.text and "IL-5" not in caplog.text
  assert [trained_on(task, q) for q in missing] == [[]] * 7
  (features,) = trained_on(task, moved)
  assert text_between(moved, features) == "JAK"
  caplog.clear()
  new_task(missing + [moved], verbose_logging=True)
  assert "q6 'IL-6'" in caplog.text


def test_training_set_without_a_findable_answer_is_rejected(new_task):
  question = Question("q", "Who?", "It is so.", [Answer(("JAK",), 0)])
  with pytest.raises(InputError, match="none of the 1 training answers occurs"):
    new_task([question])


def test_answer_longer_than_a_window_warns_and_is_skipped(new_task, caplog):
  answer = CONTEXT.strip()
  question = question_of(CONTEXT, [(answer, 0)])
  task = new_task([question], **SMALL)
  assert trained_on(task, question) == []
  assert "question a_000: no window holds the answer 'We found" in caplog.text


def test_long_question_is_truncated_counted_and_named(new_task, caplog):
  question = question_of(CONTEXT, [], text="Which protein is it? " * 9)
  task = new_task(**SMALL)
  found, truncated, *_ = task.encode(question, is_training=False)
  assert truncated
  assert "question a_000: truncated from" in caplog.text
  assert {int((f["segment_ids"] == 0).sum()) for f in found} == {8}


def test_text_without_pieces_is_one_window(new_task):
  task = new_task(**SMALL)
  (features,) = scored_on(task, question_of(" ", []))
  assert not features["own"].any() and not features["allowed"].any()
  scores, files = task.score(
    [question_of(" ", [])], [oracle([features])], "test"
  )
  assert json.loads(files["predictions.json"]) == {"a_000": ""}
  (entry,) = json.loads(files["nbest_predictions.json"])["a_000"]
  assert (entry["text"], entry["probability"]) == ("", 1.0)
  assert "answered" in scores


def test_squad_2_trains_windows_without_the_answer_as_unanswerable(new_task):
  answerable = question_of(CONTEXT, [("(CTG)n repeats", 1)])
  impossible = question_of(CONTEXT, [], "b")
  task = new_task([answerable, impossible], task_name="squad", **SMALL)
  assert task.learned["unanswerable"] is True
  assert {f["start"] + f["end"] for f in trained_on(task, impossible)} == {0}
  whole = question_of(CONTEXT, [("(CTG)n repeats", 1)], "c")
  windows, found = scored_on(task, whole), trained_on(task, answerable)
  begin = answerable.answers[0].start
  end = begin + len("(CTG)n repeats")
  expected = []
  for f in windows:
    text = f["char_end"] > f["char_start"]
    first, last = f["char_start"][text].min(), f["char_end"][text].max()
    if first <= begin and end <= last:
      expected.append("(CTG)n repeats")
    elif end <= first or last <= begin:
      expected.append(None)
  assert [
    text_between(answerable, f) if f["start"] else None for f in found
  ] == expected
  assert None in expected and "(CTG)n repeats" in expected
  assert len(expected) < len(windows)
  assert all(f["allowed"][0] == 1 for f in found + windows)


def test_version_2_flag_makes_answered_questions_unanswerable_too(new_task):
  question = question_of(CONTEXT, [("JNK", 0)])
  assert not new_task([question]).learned["unanswerable"]
  task = new_task([question], version_2_with_negative=True)
  assert task.learned["unanswerable"]


def test_questions_and_paragraphs_are_held_out_whole(new_task):
  a, b = question_of("x", [], "q_000"), question_of("y", [], "q_001")
  assert new_task().group(a) == new_task().group(b) == "q"
  squad = new_task(task_name="squad")
  assert squad.group(a) == "x" and squad.group(b) == "y"


# --------------------------------------------------- answering a --predict_file


@pytest.fixture
def questions_to_answer(tmp_path):
  """A folder with JSON lines, BioASQ's document and a table of questions."""
  folder = tmp_path / "asked"
  folder.mkdir()
  rows = [
    {"id": "q%d" % (i // 3), "question": "What?", "context": "no fever %d" % i}
    for i in range(30)
  ]
  (folder / "a.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
  snippets = [{"text": "fever"}, {"text": "the fever had"}]
  asked = {"id": "b", "type": "factoid", "body": "What?", "snippets": snippets}
  (folder / "b.json").write_text(json.dumps({"questions": [asked]}))
  (folder / "c.csv").write_text("id,question,context\nq1,What?,with fever\n")
  return folder


def answer(task, folder, output, **options):
  """Answers as a model that is sure of all words; returns what is kept."""
  texts = labelling.Texts(str(folder), **options)
  found = labelling.Labelling(task, texts, labelling.Target(str(output)))
  return found.run(lambda windows, shown: shown(iter(oracle(windows))), {})


def lines_of(folder):
  """Returns the lines of the files of answers in a folder."""
  paths = sorted(folder.glob("*.jsonl"))
  return [json.loads(x) for p in paths for x in p.read_text().splitlines()]


def test_lines_of_answers_have_what_the_documents_have(
  new_task, questions_to_answer, tmp_path
):
  task = new_task(predict_format="jsonl", **SMALL)
  assert answer(task, questions_to_answer, tmp_path / "lines") is None
  lines = lines_of(tmp_path / "lines")
  names = ["q%d" % i for i in range(10)] + ["b", "q1"]
  assert [line["id"] for line in lines] == names
  assert [len(x["predictions"]) for x in lines] == [3] * 10 + [2, 1]
  whole = new_task(**SMALL)
  scores, files = whole.score_labels(
    answer(whole, questions_to_answer, tmp_path / "whole")
  )
  (page,) = tmp_path.glob("whole/*")
  assert not scores and page.name == "asked.answers.html"
  assert page.read_text().count("<article>") == len(lines)
  submission = json.loads(files["BioASQform_BioASQ-answer.json"])["questions"]
  answers = {q["id"]: q["exact_answer"] for q in submission}
  for line in lines:
    assert line["type"] == "factoid" and line["question"] == "What?"
    if line["id"] != "q1":  # Of two files: one question in the documents.
      assert line["exact_answer"] == answers[line["id"]]
  for name in ("predictions", "nbest_predictions"):
    document = json.loads(files[name + ".json"])
    for line in lines[:1] + lines[2:-1]:
      assert line[name].items() <= document.items()
    assert len(document) == sum(len(line[name]) for line in lines)


@pytest.mark.once
def test_many_questions_become_several_files(
  new_task, questions_to_answer, tmp_path, monkeypatch
):
  task = new_task(predict_format="jsonl", **SMALL)
  answer(task, questions_to_answer, tmp_path / "one")
  monkeypatch.setattr(labelling, "SHARD_BYTES", 500)
  answer(task, questions_to_answer, tmp_path / "several", num_workers=1)
  assert len(list((tmp_path / "several").glob("*-of-*.jsonl"))) > 3
  assert lines_of(tmp_path / "several") == lines_of(tmp_path / "one")
  monkeypatch.setattr(labelling, "WHOLE_BYTES", 500)
  with pytest.raises(InputError, match="of all answers, for at most 0.0 MB of"):
    answer(new_task(**SMALL), questions_to_answer, tmp_path / "whole")


def test_damaged_questions_are_left_out_if_wanted(
  new_task, questions_to_answer, tmp_path
):
  with open(str(questions_to_answer / "a.jsonl"), "a") as f:
    f.write('{"id": "x", "question": "What?"}\n')
  (questions_to_answer / "d.json").write_text('{"data": [1]}')
  task = new_task(predict_format="jsonl", **SMALL)
  with pytest.raises(InputError, match="a.jsonl:31: found no context"):
    answer(task, questions_to_answer, tmp_path / "out")
  answer(task, questions_to_answer, tmp_path / "out", allow_incomplete=True)
  assert len(lines_of(tmp_path / "out")) == 12
  (path,) = (tmp_path / "out").glob("*.left_out.txt")
  found = path.read_text().splitlines()
  assert len(found) == 2
  assert "a.jsonl:31: found no context" in found[0]
  assert "d.json: data[0]: found '1', expected an object" in found[1]


# --------------------------------------------------------------------- scoring


def outputs_for(task, question, *answers):
  """Returns the outputs of a model with these logits for (answer, logit)."""
  outputs = oracle(scored_on(task, question))
  for text, weight in answers:
    start = question.context.index(text)
    for output in outputs:
      first = np.flatnonzero(output["own"] * (output["char_start"] == start))
      last = np.flatnonzero(output["char_end"] == start + len(text))
      if first.size and last.size:
        output["start_logits"][first] = output["end_logits"][last] = weight
  return outputs


def scored(task, examples, answers, split="test"):
  """Returns (scores, {file: content}) for the answers to each example."""
  outputs = [outputs_for(task, e, *a) for e, a in zip(examples, answers)]
  scores, files = task.score(examples, outputs, split)
  return scores, {name: json.loads(text) for name, text in files.items()}


def test_squad_predictions_have_bert_file_names_and_scores(new_task):
  examples = [
    question_of(CONTEXT, [("CAGE", 0), ("(CAGE)", 0)], "a"),
    question_of(CONTEXT, [("lung cancer", 0)], "b"),
  ]
  task = new_task(task_name="squad", **SMALL)
  answers = [[("CAGE", 9)], [("cancer", 9)]]
  scores, files = scored(task, examples, answers)
  assert scores == {"exact": 0.5, "f1": pytest.approx((1 + 2 / 3) / 2)}
  assert sorted(files) == ["nbest_predictions.json", "predictions.json"]
  assert files["predictions.json"] == {"a": "CAGE", "b": "cancer"}
  n_best = files["nbest_predictions.json"]["a"]
  assert list(n_best[0]) == ["text", "probability", "start_logit", "end_logit"]
  texts = {e["text"] for e in n_best}
  assert len(texts) == len(n_best) == 20
  assert all(text and text in CONTEXT for text in texts)


def test_development_files_have_names_of_their_own(new_task):
  task = new_task(**SMALL)
  example = question_of(CONTEXT, [("CAGE", 0)])
  _, files = scored(task, [example], [[("CAGE", 9)]], "dev")
  assert sorted(files) == [
    "dev_BioASQform_BioASQ-answer.json",
    "dev_nbest_predictions.json",
    "dev_predictions.json",
  ]


PAIR = [
  question_of("lung cancer and fever", [("lung cancer", 0)], "q_000", "What?"),
  question_of("the eye and fever", [("eye", 0)], "q_001", "What?"),
]


def test_question_has_one_answer_from_all_its_texts(new_task):
  task = new_task(**SMALL)
  answers = [[("lung cancer", 5), ("fever", 4)], [("fever", 5)]]
  scores, files = scored(task, PAIR, answers)
  assert files["predictions.json"] == {"q_000": "lung cancer", "q_001": "fever"}
  (entry,) = files["BioASQform_BioASQ-answer.json"]["questions"]
  assert (entry["id"], entry["type"]) == ("q", "factoid")
  assert entry["exact_answer"][:2] == [["fever"], ["lung cancer"]]
  assert scores["lenient"] == 1 and scores["mrr"] == 0.5
  assert scores["questions"] == scores["answered"] == 1


@pytest.mark.parametrize(
  "threshold, expected",
  [
    (2.0, [["lung cancer"]]),
    (0.9, [["lung cancer"]]),
    (0.3, [["lung cancer"], ["eye"]]),
  ],
  ids=["above_all", "above_one", "below_all"],
)
def test_list_holds_answers_above_the_threshold(new_task, threshold, expected):
  task = new_task(task_name="bioasq-list", list_threshold=threshold, **SMALL)
  answers = [[("lung cancer", 9)], [("eye", 2.5)]]
  _, files = scored(task, PAIR, answers)
  (entry,) = files["BioASQform_BioASQ-answer.json"]["questions"]
  assert entry["exact_answer"] == expected


def test_list_gold_joins_answers_of_all_texts(new_task):
  task = new_task(task_name="bioasq-list", **SMALL)
  answers = [[("lung cancer", 9)], [("fever", 9)]]
  scores, _ = scored(task, PAIR, answers)
  assert (scores["precision"], scores["recall"]) == (0.5, 0.5)


def test_questions_without_gold_are_predicted_and_not_scored(new_task):
  examples = [q._replace(answers=None) for q in PAIR]
  for task_name in ("squad", "bioasq-factoid", "bioasq-list"):
    task = new_task(task_name=task_name, **SMALL)
    scores, files = scored(task, examples, [[("fever", 9)]] * 2)
    assert scores == {}
    assert set(files["predictions.json"].values()) == {"fever"}


def test_golden_file_scores_only_the_test_set(new_task, caplog):
  caplog.set_level("WARNING")
  golden = {
    "q": ("factoid", [["FEVER"]]),
    "r": ("factoid", [["x"]]),
    "s": ("yesno", "yes"),
  }
  task = new_task(golden=golden, **SMALL)
  answers = [[("fever", 9)]] * 2
  scores, _ = scored(task, PAIR, answers)
  assert scores["strict"] == scores["answered"] == 1
  assert scores["questions"] == 2
  assert "1 of 2 factoid questions have no answer" in caplog.text
  caplog.clear()
  scores, _ = scored(task, PAIR, answers, "dev")
  assert scores["strict"] == 0 and not caplog.text


@pytest.mark.parametrize(
  "threshold, answer", [(0.0, ""), (3.0, "fever")], ids=["above", "below"]
)
def test_null_odds_above_the_threshold_give_no_answer(
  new_task, threshold, answer
):
  task = new_task(
    task_name="squad",
    version_2_with_negative=True,
    null_score_diff_threshold=threshold,
    **SMALL,
  )
  question = question_of("the eye and fever " * 8, [], "a")
  outputs = outputs_for(task, question, ("fever", 2))
  for i, output in enumerate(outputs):
    output["start_logits"][0] = output["end_logits"][0] = 3 + i
  scores, files = task.score([question], [outputs], "test")
  files = {name: json.loads(text) for name, text in files.items()}
  assert files["null_odds.json"] == {"a": 2.0}  # 3 + 3 - 2 - 2
  assert files["predictions.json"] == {"a": answer}
  assert scores["exact"] == (answer == "")
  n_best = files["nbest_predictions.json"]["a"]
  assert [e["text"] for e in n_best[:2]] == ["", "fever"]
  assert sum(e["probability"] for e in n_best) == pytest.approx(1)


def test_yes_or_no_averages_over_windows_and_then_over_texts(new_task):
  examples = [
    Question("q_000", "Is it?", "fever " * 40, "yes"),
    Question("q_001", "Is it?", "fever", "yes"),
    Question("r_000", "Is it?", "fever", "no"),
  ]
  task = new_task(examples, task_name="bioasq-yesno", **SMALL)
  windows = [len(scored_on(task, e)) for e in examples]
  assert windows[0] > 2 and windows[1:] == [1, 1]
  assert {int(f["label_ids"]) for f in scored_on(task, examples[0])} == {1}
  unlabelled = examples[0]._replace(answers=None)
  assert scored_on(task, unlabelled)[0]["label_ids"] == -1

  def output(yes):
    return {"probabilities": np.array([1 - yes, yes], np.float32)}

  first = [output(0.25)] + [output(0.5)] * (windows[0] - 1)
  outputs = [first, [output(0.75)], [output(0.125)]]
  scores, files = task.score(examples, outputs, "test")
  predictions = json.loads(files["predictions.json"])
  assert predictions == {"q_000": "no", "q_001": "yes", "r_000": "no"}
  n_best = json.loads(files["nbest_predictions.json"])["q_001"]
  assert n_best[0] == {"text": "yes", "probability": 0.75}
  answers = json.loads(files["BioASQform_BioASQ-answer.json"])["questions"]
  assert [(a["id"], a["exact_answer"]) for a in answers] == [
    ("q", "yes"),
    ("r", "no"),
  ]
  assert scores["accuracy"] == scores["macro_f1"] == 1


def test_bioasq_json_trains_on_snippets_that_hold_an_answer(new_task):
  text = b"""{"questions": [{"id": "5", "type": "list", "body": "Which?",
  "exact_answer": [["lung", "lungs"], ["eye"], ["liver"]],
  "snippets": [{"text": "Eyes and LUNGS."}, {"text": "Nothing."}]}]}"""
  task = new_task(task_name="bioasq-list", **SMALL)
  examples = task.read(text, "x.json", "train")
  task.learned = task.learn(examples)
  found = [
    text_between(example, f)
    for example in examples
    for f in trained_on(task, example)
  ]
  assert sorted(found) == ["Eye", "LUNGS"]
  assert task.learned == {"unanswerable": False}
