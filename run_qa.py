# SPDX-License-Identifier: Apache-2.0
r"""Answers questions from a text: fine-tunes ALBERT on SQuAD or on BioASQ's
factoid, list and yes/no questions, and computes the official scores.

Reads SQuAD 1.1 and 2.0, BioBERT's files of BioASQ questions, BioASQ's own JSON,
JSON lines and tables. The usual recipe fine-tunes on SQuAD first:

  python run_qa.py --task_name=squad --bioalbert_dir=weights \
    --train_file=train-v1.1.json --output_dir=output/squad
  python run_qa.py --task_name=bioasq-factoid --bioalbert_dir=output/squad \
    --train_file=BioASQ-train-factoid-4b.json \
    --predict_file=BioASQ-test-factoid-4b-1.json \
    --golden_file=4B1_golden.json --output_dir=output/bioasq
"""

from absl import flags

from common import flag_groups

METRICS = {
  "bioasq-factoid": "mrr",
  "bioasq-list": "f1",
  "bioasq-yesno": "macro_f1",
  "squad": "f1",
}


def define_flags():
  """Defines the flags of BioBERT's run_qa.py and of ALBERT's fine-tuning."""
  flag_groups.define_finetuning_flags(
    max_seq_length=384,
    num_train_epochs=3.0,
    train_batch_size=32,
    predict_file="Questions to answer: files, globs or folders, separated by "
    "commas; scored if they have gold answers.",
  )
  flags.DEFINE_enum(
    "predict_format",
    "json",
    ["json", "jsonl"],
    "Format of the answers to --predict_file. json: SQuAD's and BioASQ's "
    "documents, made of all answers at the end. jsonl: a question per line, "
    "written as they come, to several files if there are many; not scored.",
  )
  flags.DEFINE_enum(
    "task_name",
    "bioasq-factoid",
    sorted(METRICS),
    "Type of the questions; other types in a BioASQ file are ignored.",
  )
  flags.DEFINE_string(
    "golden_file",
    None,
    "BioASQ JSON file with the gold answers of the questions to answer.",
  )
  for name, default, text in (
    ("doc_stride", 128, "Number of pieces between the starts of two windows."),
    ("max_query_length", 64, "Maximum number of pieces of a question."),
    ("n_best_size", 20, "Number of answers to keep per text."),
    ("max_answer_length", 30, "Maximum number of pieces of an answer."),
  ):
    flags.DEFINE_integer(name, default, text, lower_bound=1)
  flags.DEFINE_float(
    "list_threshold",
    0.42,
    "Minimum score of an answer to a list question, summed over its texts; the "
    "best answer is always given. The default is that of BioBERT in BioASQ 7b.",
  )
  flags.DEFINE_bool(
    "version_2_with_negative",
    False,
    "Learn that a text may have no answer. Not needed if the training set has "
    "questions with is_impossible.",
  )
  flags.DEFINE_float(
    "null_score_diff_threshold",
    0.0,
    "Predict no answer if it outscores the best answer by more than this.",
  )
  flags.DEFINE_bool(
    "verbose_logging", False, "Log every training answer that is not used."
  )


if __name__ == "__main__":  # Before the imports that take seconds.
  flag_groups.parse(define_flags)

import collections
import json

from absl import logging
import numpy as np

from common import files
from common.errors import InputError
from common.errors import reject
from common.errors import shorten
from evaluation import bioasq
from evaluation import metrics
from finetuning import harness
from finetuning import label_files
from finetuning import question_windows
from finetuning import spans
from formats import answer_page
from formats import questions
from training import batches
from training import heads

YES_NO = ("no", "yes")  # By label id.
SHOWN = 5  # Lost answers that are named without --verbose_logging.

# The flags of the same names.
Options = collections.namedtuple(
  "Options",
  "task_name max_seq_length max_query_length doc_stride n_best_size "
  "max_answer_length list_threshold version_2_with_negative "
  "null_score_diff_threshold verbose_logging predict_format",
)


class QuestionTask(harness.Task):
  """Questions about texts, which are split into windows."""

  kinds = unlabelled_kinds = ("json", "table", "rows")
  label_kind = "answers"
  has_page = True
  split_names = {
    "train": ("train.json",),
    "dev": ("dev.json", "devel.json"),
    "test": ("test.json",),
  }

  def __init__(self, tokenizer, options, golden=None):
    """Makes a task.

    Args:
      tokenizer: a FullTokenizer.
      options: Options; InputError if its lengths contradict each other.
      golden: answers to the test set, from questions.parse_exact_answers.
    """
    self.tokenizer = tokenizer
    self.options = options
    self.golden = golden
    self.predict_format = options.predict_format
    self.kind = options.task_name.split("-")[-1]
    self.metric = METRICS[options.task_name]
    room = options.max_seq_length - options.max_query_length - 3
    if room < 1:
      raise InputError(
        "--max_seq_length=%d: expected over %d, or there is no room for a text "
        "beside a question of --max_query_length=%d"
        % (
          options.max_seq_length,
          options.max_query_length + 3,
          options.max_query_length,
        )
      )
    if options.doc_stride > room:
      raise InputError(
        "--doc_stride=%d: expected at most %d, as many pieces of a text as "
        "--max_seq_length=%d holds beside a question of --max_query_length=%d"
        % (
          options.doc_stride,
          room,
          options.max_seq_length,
          options.max_query_length,
        )
      )

  @property
  def unanswerable(self):
    """Whether the training set had questions without an answer."""
    return self.learned.get("unanswerable", False)

  def n_best(self, question, windows):
    """Returns the best answers, each {"text", "probability", ...}."""
    raise NotImplementedError

  def read(self, data, path, split):
    return questions.parse(data, path, self.kind, split != "test")

  def group(self, example):
    if self.kind == "squad":
      return example.context
    return questions.question_id(example.id)

  def lengths(self):
    """Returns the question_windows.Lengths; workers do not know Options."""
    return question_windows.Lengths(
      self.options.max_seq_length,
      self.options.max_query_length,
      self.options.doc_stride,
    )

  def warn_if_truncated(self, question):
    """Returns whether a question is too long; warns if it is."""
    size = len(self.tokenizer.encode(question.text))
    most = self.options.max_query_length
    if size > most:
      logging.warning(
        "question %s: truncated from %d pieces to --max_query_length=%d",
        *(question.id, size, most),
      )
    return size > most

  def score(self, examples, outputs, split):
    n_bests = [self.n_best(*pair) for pair in zip(examples, outputs)]
    return self._score(examples, n_bests, split)

  def _score(self, examples, n_bests, split):
    """Does what `score` does, with the best answers to each example."""
    found = self._documents(examples, n_bests)
    if self.kind == "squad":
      scores = squad_scores(examples, list(found["predictions"].values()))
    else:
      answers = self._exact_answers(examples, n_bests)
      found["BioASQform_BioASQ-answer"] = bioasq.submission(self.kind, answers)
      scores = self._bioasq_scores(examples, answers, split)
    prefix = "dev_" if split == "dev" else ""
    return scores, {
      "%s%s.json" % (prefix, name): json.dumps(value, indent=4) + "\n"
      for name, value in found.items()
    }

  def _documents(self, examples, n_bests):
    """Returns the content of SQuAD's documents by their names."""
    by_id = {q.id: n_best for q, n_best in zip(examples, n_bests)}
    found, odds = {"nbest_predictions": by_id}, {}
    if self.unanswerable:
      odds = {name: spans.null_odds(n_best) for name, n_best in by_id.items()}
      found["null_odds"] = odds
    threshold = self.options.null_score_diff_threshold
    found["predictions"] = {
      name: spans.choose(n_best, odds.get(name), threshold)
      for name, n_best in by_id.items()
    }
    return found

  def _exact_answers(self, examples, n_bests):
    """Returns {question id: exact answer}, from all texts of a question."""
    pairs = [(q.id, q.text) for q in examples]
    groups = questions.by_question(pairs, n_bests)
    return {name: self._exact_answer(group) for name, group in groups.items()}

  def _exact_answer(self, n_bests):
    """Returns the exact answer to a question, from those of its texts."""
    pooled = bioasq.pool(n_bests)
    return bioasq.exact_answer(self.kind, pooled, self.options.list_threshold)

  def _bioasq_scores(self, examples, answers, split):
    """Returns the official scores, with the gold of --golden_file if given."""
    gold = self.golden if split == "test" else None
    if gold is not None:
      for sentence in bioasq.mismatches(gold, answers):
        logging.warning("--golden_file: %s", sentence)
    elif not _have_answers(examples):
      return {}
    else:
      groups = questions.by_question(
        [(q.id, q.text) for q in examples], [q.answers for q in examples]
      )
      gold = {
        name: (self.kind, questions.exact_answer(group))
        for name, group in groups.items()
      }
    return bioasq.scores(gold, answers)[self.kind]

  def read_unlabelled(self, source, failed=reject):
    return questions.read(source, self.kind, failed)

  def parts(self, example):
    for number, question in enumerate(example.questions, 1):
      yield question, number / len(example.questions)

  def label(self, part, windows):
    return [self.n_best(part, windows)]

  def label_file(self):
    return label_files.LabelFile("", "")

  def format_label(self, example, label):
    """Returns a line of JSON, or (questions.Asked, n-bests) for all together.

    The line has all that the documents say of a question.
    """
    if self.predict_format == label_files.JSON:
      return example, label
    row = {"id": example.id, "question": example.questions[0].text}
    if self.kind != "squad":
      row.update(type=self.kind, exact_answer=self._exact_answer(label))
    row.update(self._documents(example.questions, label))
    return json.dumps(row) + "\n"

  def page(self, examples, labels, title, note):
    shown = "Answers of BioALBERT, marked where their words occur."
    return answer_page.to_html(
      map(self._answered, examples, labels),
      "Answers to " + title,
      " ".join(filter(None, [shown, note])),
    )

  def _answered(self, example, n_bests):
    """Returns the answer_page.Answered of a questions.Asked."""
    found = self._documents(example.questions, n_bests)["predictions"]
    answers = marked = list(found.values())
    if self.kind == "yesno":
      answers, marked = [self._exact_answer(n_bests)], [""] * len(found)
    elif self.kind != "squad":
      answers = [text for (text,) in self._exact_answer(n_bests)]
    return answer_page.Answered(
      example.id,
      example.questions[0].text,
      list(filter(None, answers)),
      [(q.context, text) for q, text in zip(example.questions, marked)],
    )

  def score_labels(self, labels):
    asked = [q for example, _ in labels for q in example.questions]
    examples = questions.numbered(asked)  # Files may share ids.
    n_bests = [n_best for _, label in labels for n_best in label]
    return self._score(examples, n_bests, "test")


class Span(QuestionTask):
  """Questions whose answers are spans: SQuAD, factoid and list questions."""

  name = "qa"

  def learn(self, examples):
    answers, lost, moved = 0, [], 0
    for question in examples:
      for answer in question.answers:
        span = questions.locate(question.context, answer)
        answers += 1
        if span is None:
          lost.append((question.id, answer.synonyms[0]))
        else:
          moved += answer.start not in (None, span[0])
    self._log_answers(answers, lost, moved)
    if len(lost) == answers:
      raise InputError(
        "none of the %d training answers occurs in its text; expected some to "
        "train on" % answers
      )
    return {
      "unanswerable": self.options.version_2_with_negative
      or not all(q.answers for q in examples)
    }

  def _log_answers(self, answers, lost, moved):
    """Warns about answers that were moved or do not occur in their text."""
    if moved:
      logging.warning(
        "%d of %d answers are not at their answer_start; trained on at their "
        "nearest occurrence",
        *(moved, answers),
      )
    if lost:
      shown = lost if self.options.verbose_logging else lost[:SHOWN]
      logging.warning(
        "%d of %d answers do not occur in their text and are not trained on: "
        "%s%s",
        *(len(lost), answers),
        "; ".join("%s %s" % (name, shorten(t)) for name, t in shown),
        "; ... (--verbose_logging names all)" if len(lost) > len(shown) else "",
      )

  def encode(self, question, is_training):
    truncated, encoder = self.warn_if_truncated(question), self.encoder()
    if not is_training:
      return batches.Encoded(encoder.features(question), truncated)
    found = []
    for span in answer_spans(question):
      features = encoder.features(question, span)
      found += [f for f in features if f["start"] != question_windows.UNKNOWN]
      if span and not any(f["start"] > 0 for f in features):
        logging.warning(
          "question %s: no window holds the answer %s, so it is not trained on",
          *(question.id, shorten(question.context[slice(*span)])),
        )
    return batches.Encoded(found, truncated)

  def encoder(self):
    return question_windows.SpanEncoder(
      self.tokenizer, self.lengths(), self.unanswerable
    )

  def head(self, sequence, pooled, features, is_training):
    del pooled, is_training
    loss, predictions = heads.span(
      sequence, features["start"], features["end"], features["allowed"]
    )
    return loss, dict(predictions, **{n: features[n] for n in spans.PER_PIECE})

  def n_best(self, question, windows):
    return spans.n_best(
      question.context,
      windows,
      self.options.n_best_size,
      self.options.max_answer_length,
      self.unanswerable,
    )


class YesNo(QuestionTask):
  """Yes/no questions; averages the probabilities of a text's windows."""

  name = "yesno"

  def learn(self, examples):
    return {"labels": list(YES_NO)}

  def labels_of(self, example):
    return [(example.answers, None)] if example.answers else []

  def encode(self, question, is_training):
    del is_training
    label = (
      YES_NO.index(question.answers)
      if question.answers
      else question_windows.UNKNOWN
    )
    features = self.encoder().features(question)
    for window in features:
      window["label_ids"] = np.array(label, np.int32)
    return batches.Encoded(features, self.warn_if_truncated(question))

  def encoder(self):
    return question_windows.LabelEncoder(self.tokenizer, self.lengths())

  def head(self, sequence, pooled, features, is_training):
    del sequence
    label_ids = features["label_ids"]
    return heads.classes(pooled, label_ids, len(YES_NO), is_training)

  def n_best(self, question, windows):
    mean = np.mean([w["probabilities"] for w in windows], axis=0)
    return [
      {"text": YES_NO[i], "probability": float(mean[i])}
      for i in np.argsort(-mean)
    ]


def answer_spans(question):
  """Returns the distinct spans of a question's answers; [()] without answers.

  Answers that do not occur in the text are left out.
  """
  if not question.answers:
    return [()]
  found = [questions.locate(question.context, a) for a in question.answers]
  return list(dict.fromkeys(span for span in found if span is not None))


def _have_answers(examples):
  """Returns whether examples can be scored, which all gold answers allow."""
  return bool(examples) and all(q.answers is not None for q in examples)


def squad_scores(examples, predicted):
  """Returns the official scores of SQuAD; {} without gold answers."""
  if not _have_answers(examples):
    return {}
  gold = [[t for a in q.answers for t in a.synonyms] for q in examples]
  return metrics.squad_scores(gold, predicted)


def as_in_bert(command):
  """Returns a Command with BERT's meaning of --predict_file.

  This is the test set: it is answered unless --do_predict=false, and beside
  training only where there is a --train_file.
  """
  todo, data = command.todo, command.data
  if not data.predict_file:
    return command
  if data.test_file:
    raise InputError(
      "--test_file and --predict_file both name the questions to answer; "
      "expected one of them"
    )
  if todo.do_train is None:
    todo = todo._replace(do_train=bool(data.train_file))
  if todo.do_predict is False:
    data = data._replace(predict_file=None)
  todo = todo._replace(do_predict=False)
  return command._replace(todo=todo, data=data)


def check_format(values):
  """Rejects flags that go with one format of answers; raises InputError."""
  is_whole = values.predict_format == label_files.JSON
  if values.predict_gzip and is_whole:
    raise InputError(
      "--predict_gzip is for answers in lines; expected --predict_format=jsonl "
      "with it"
    )
  if values.golden_file and values.predict_file and not is_whole:
    raise InputError(
      "--golden_file=%s: answers are scored all together; expected "
      "--predict_format=json with it" % values.golden_file
    )


def read_golden(path, task_name):
  """Returns the content of --golden_file; None without one."""
  if not path:
    return None
  if task_name == "squad":
    raise InputError(
      "--golden_file=%s: is for BioASQ's questions; SQuAD's test file has the "
      "answers" % path
    )
  return questions.parse_exact_answers(files.read(path), path)


def main(_):
  values = flag_groups.values()
  command = as_in_bert(harness.read_command(values))
  check_format(values)
  golden = read_golden(values.golden_file, values.task_name)
  model = harness.load_model(command)
  task = YesNo if values.task_name == "bioasq-yesno" else Span
  options = flag_groups.pick(values, Options)
  harness.run(task(model.tokenizer, options, golden), command, model)


if __name__ == "__main__":
  flag_groups.run(main)
