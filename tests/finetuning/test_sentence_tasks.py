# SPDX-License-Identifier: Apache-2.0
"""Tests of finetuning/sentence_tasks.py."""

import numpy as np
import pytest

from common.errors import InputError
from finetuning import encoding
from finetuning import sentence_tasks
from formats import streams
from formats import tables
from tests.helpers.unlabelled_texts import parts_of
from tests.helpers.unlabelled_texts import written


class Letters:
  """A tokenizer with one piece per letter."""

  cls_id, sep_id, unk_id = 1, 2, 3

  @staticmethod
  def encode(text):
    return [ord(letter) for letter in text]

  @classmethod
  def encode_all(cls, texts):
    return list(map(cls.encode, texts))


class Pairs(sentence_tasks.OneLabel):
  texts = sentence_tasks.TWO


def new_task(max_seq_length=10):
  task = Pairs(Letters, max_seq_length)
  task.learned = {"labels": ["no", "yes"]}
  return task


@pytest.mark.parametrize(
  "sizes, room, left",
  [
    ((3, 3), 6, (3, 3)),
    ((9, 2), 6, (4, 2)),
    ((2, 9), 6, (2, 4)),
    ((9, 9), 6, (3, 3)),
    ((9,), 6, (6,)),
    ((0, 9), 6, (0, 6)),
  ],
)
def test_longest_text_is_truncated_first_and_at_its_end(sizes, room, left):
  ids = [list(range(size)) for size in sizes]
  cut = encoding.shorten_longest(ids, room)
  assert [list(range(size)) for size in left] == cut
  assert tuple(map(len, ids)) == sizes  # The input is unchanged.


def test_truncated_pairs_are_counted_and_fill_the_input():
  task = new_task(max_seq_length=10)
  short, long = task.read(b"ab\tcd\tyes\nabcdef\tghijk\tno\n", "x", "train")
  (features,), truncated, *_ = task.encode(short, False)
  assert not truncated and features["label_id"] == 1
  (features,), truncated, *_ = task.encode(long, False)
  assert truncated and len(features["input_ids"]) == 10
  expected = [1] + Letters.encode("abcd") + [2] + Letters.encode("ghi") + [2]
  assert list(features["input_ids"]) == expected


def test_unlabelled_pairs_without_an_id_use_their_line_number():
  task = new_task()
  examples = parts_of(task, b"a\tb\n\nc\td\n", "x")
  assert [(e.id, e.texts, e.gold) for e in examples] == [
    ("1", ("a", "b"), None),
    ("3", ("c", "d"), None),
  ]
  (example,) = parts_of(task, b"n\ta\tb\n", "x")
  assert (example.id, example.texts) == ("n", ("a", "b"))
  assert task.encode(example, False).features[0]["label_id"] == -1


def test_labels_written_as_floats_are_whole_numbers():
  rows = b"a\tb\t1.0\nc\td\t0\ne\tf\t2.5\n"
  assert [e.gold for e in new_task().read(rows, "x", "train")] == [
    "1",
    "0",
    "2.5",
  ]


def test_a_label_in_another_case_is_rejected_with_the_known_one():
  (example,) = new_task().read(b"a\tb\tYES\n", "x", "dev")
  with pytest.raises(InputError, match="'YES', .*: yes, which differs in case"):
    new_task().encode(example, False)


def test_empty_labels_of_a_test_set_are_none():
  header = b"sentence1\tsentence2\tlabel\n"
  rows = header + b"a b\tc\t\nd\te\t\n"
  assert [e.gold for e in new_task().read(rows, "x", "test")] == [None, None]
  with pytest.raises(
    InputError, match="x:3: found no label, expected one in ev"
  ):
    new_task().read(header + b"a\tb\tyes\nc\td\t\n", "x", "test")


def test_labels_of_pairs_to_label_are_left_aside():
  task = new_task()
  for text in (b"a b.\tc\tyes\nd\te\tno\n", b"1\ta b.\tc\tyes\n2\td\te\tno\n"):
    examples = parts_of(task, text, "x")
    assert [(e.texts, e.gold) for e in examples] == [
      (("a b.", "c"), None),
      (("d", "e"), None),
    ]


def test_predictions_list_the_label_and_all_probabilities():
  task = new_task()
  examples = parts_of(task, b"n\ta\tb\n", "x")
  outputs = [[{"probabilities": np.array([0.25, 0.75], np.float32)}]]
  assert (task.label_kind, task.predict_format) == ("predictions", "tsv")
  assert written(task, examples, outputs) == (
    "id\tsentence1\tsentence2\tlabel\tprobability\tp(no)\tp(yes)\n"
    "n\ta\tb\tyes\t0.750000\t0.250000\t0.750000\n"
  )


ROWS = range(12)
LARGE = [
  "".join("a b%d\tc d\n" % i for i in ROWS),
  "".join("%d\ta b.\tc %d d\tyes\n\n" % (i, i) for i in ROWS),
  "pair_id\tsent2\tsent1\n" + "".join("x%d\tc d\ta b\n" % i for i in ROWS),
  "sent1,sent2,x\n" + "".join('"a, ""b""\nc",d %d,\n' % i for i in ROWS),
  "".join('{"sent1": "a", "sent2": "%d"}\n' % i for i in ROWS),
  "[%s]" % ",".join('{"sent1": "a", "sent2": "%d"}\n' % i for i in ROWS),
]


@pytest.mark.parametrize("text", LARGE)
def test_large_tables_are_read_in_blocks_as_if_at_once(text, monkeypatch):
  whole = parts_of(new_task(), text.encode(), "x")
  assert len(whole) == len(ROWS)
  monkeypatch.setattr(tables, "BLOCK", 30)
  source = streams.of_bytes(text.encode(), "x")
  blocks = list(new_task().blocks_to_label(source))
  assert (len(blocks) > 2) != text.startswith("[")
  assert sum(blocks, []) == whole


def test_damage_of_a_large_table_is_reported_with_its_line(monkeypatch):
  monkeypatch.setattr(tables, "BLOCK", 30)
  text = LARGE[0] + "a\tb\tc\n" + LARGE[0]
  with pytest.raises(InputError, match="x:13: found 3 columns, expected 2"):
    parts_of(new_task(), text.encode(), "x")


DAMAGE = [
  # number of LARGE, damage behind its third line (or row of JSON), its message
  (0, "a\tb\tc\n", "x:4: found 3 columns, expected 2 as in line 1"),
  (0, "a\t\udcff\n", "x:4: found byte 0xff"),
  (1, "a\n", "x:7: found 1 column, expected 4 as in line 1"),
  (2, "x\tc\t\n", "x:4: found no sentence1, expected one in every row"),
  (3, '"a"b,c,\n', "x:6: found a damaged row"),
  (3, "a,b,c,d\n", "x:6: found 4 columns, expected 3 as in the first row"),
  (4, '{"sent1": "a"}\n', "x:4: found no sentence2"),
  (4, '{"sent1": \n', "x:4: found no JSON"),
  (5, "7,", "x: [3]: found '7', expected an object"),
]


@pytest.mark.parametrize("size", [30, 1 << 20])
@pytest.mark.parametrize("number, damage, message", DAMAGE)
def test_a_damaged_row_alone_is_left_out(
  number, damage, message, size, monkeypatch
):
  text = LARGE[number]
  whole = parts_of(new_task(), text.encode(), "x")
  lines = text.splitlines(True)
  at = {1: 6, 3: 5}.get(number, 3)
  if number == 5:
    lines[at] = "," + damage + lines[at][1:]
  else:
    lines[at:at] = [damage]
  monkeypatch.setattr(tables, "BLOCK", size)
  data = "".join(lines).encode("utf-8", "surrogateescape")
  failed = []
  blocks = new_task().blocks_to_label(
    streams.of_bytes(data, "x"), failed.append
  )
  assert [e.texts for e in sum(blocks, [])] == [e.texts for e in whole]
  assert len(failed) == 1 and str(failed[0]).startswith(message), failed


def test_unlabelled_file_with_other_columns_is_rejected():
  with pytest.raises(InputError, match="x:1: found 1 column, expected a head"):
    parts_of(new_task(), b"only one text\n", "x")


def test_collapsed_checkpoint_ranks_below_all_others():
  task = new_task()
  task.metric = "f1"
  collapsed = task.rank({"f1": 0.69, "collapsed": True})
  assert collapsed < task.rank({"f1": 0.0, "collapsed": False})
  assert collapsed > task.rank({"f1": 0.68, "collapsed": True})


def test_collapse_requires_differing_gold_labels():
  assert sentence_tasks.is_collapsed(["a", "b"], ["a", "a"], "test")
  assert not sentence_tasks.is_collapsed(["a", "a"], ["a", "a"], "test")
  assert not sentence_tasks.is_collapsed(["a", "b"], ["b", "a"], "test")


def learned_weights(asked):
  task = new_task()
  task.asked_weights = asked
  rows = b"a\tb\tyes\n" + 3 * b"a\tb\tno\n"
  task.learned = task.learn(task.read(rows, "x", "train"))
  assert task.learned["labels"] == ["no", "yes"]
  return task.weights()


def test_balanced_labels_weigh_alike_in_all():
  weights = learned_weights("balanced")
  assert weights == [4 / 6, 4 / 2]
  assert 3 * weights[0] == 1 * weights[1]


def test_weights_of_labels_may_be_given_one_by_one():
  assert learned_weights("yes:2.5") == [1, 2.5]
  assert learned_weights("yes:2.5,no:0.5") == [0.5, 2.5]
  assert learned_weights(None) is None


@pytest.mark.parametrize(
  "asked", ["balance", "yes", "yes:", "yes:0", "yes:-1", "yes:inf", "maybe:2"]
)
def test_weights_of_another_form_or_label_are_rejected(asked):
  expected = "--class_weights: found '%s', expected balanced or .* no, yes"
  with pytest.raises(InputError, match=expected % asked):
    learned_weights(asked)
