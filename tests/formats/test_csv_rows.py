# SPDX-License-Identifier: Apache-2.0
"""Tests of csv_rows.py: which row follows a damaged one."""

import csv
import io
import random

import pytest

from common.errors import InputError
from formats import csv_rows
from formats import streams

HEAD = "id,text,x\n"


def read(text, width=3):
  """Returns (ids of the rows, messages) of a table, its header left out."""
  data = text.encode("utf-8", "surrogateescape")
  failed = []
  source = streams.of_bytes(data, "a.csv")
  rows = list(csv_rows.stream(source, ",", width, failed.append))
  return " ".join(cells[0] for _, cells in rows[1:]), list(map(str, failed))


CASES = [
  # rows below the header, ids of those that are read, lines of message and of
  # the next row, reason
  ('1,a,b\n2,"c"d,e\n3,f,g\n', "1 3", (3, 4), "a mark behind a cell"),
  ('1,"a\n2,c,d\n3,"e",f\n4,g,h\n', "4", (2, 5), "found in row 3"),
  ('1,"a\n2,c,d\n3,e,f\n', "2 3", (2, 3), "the rest would be one cell"),
  ('1,"a,b\n\ufeff2,"c",d\n3,"e,f",g\n', "3", (2, 4), "a row that may be one"),
  ('1,a "b\n2,"c\nd"e,f\n3,g,h\n', "3", (2, 5), "d does not begin a row"),
  (
    '1,"a "b", c\n2,d,e\nf",g\n3,"h",i\n',
    "3",
    (2, 5),
    "the line that looks like a row may be in a cell",
  ),
  ('1,"a\n",b"c\n2,d"e,f\n3,g,h\n', "1 2 3", None, "marks inside bare cells"),
  ('1,"a",b,c\n2,d,e\n', "2", (2, 3), "a cell too many"),
  ("1,a,b,c\n2,d,e\n", "2", (2, None), "a cell too many without marks"),
  ("1,a,\udcff\n2,d,e\n", "2", (2, 3), "a line that is not UTF-8"),
  ('1,"a\n\udcff\n2,b,c",d\n3,"e",f\n', "3", (3, 5), "inside a cell"),
]


@pytest.mark.parametrize("rows, ids, lines, why", CASES)
def test_only_what_is_damaged_is_left_out(rows, ids, lines, why):
  found, failed = read(HEAD + rows)
  assert found == ids, why
  if lines is None:
    assert not failed
    return
  (message,) = failed
  assert message.startswith("a.csv:%d: found" % lines[0]), why
  end = "; the next row is in line %s" % lines[1]
  assert message.endswith(end) == (lines[1] is not None), message


def test_the_next_row_may_be_long(monkeypatch):
  monkeypatch.setattr(csv_rows, "_LOOK_AHEAD", 10)
  text = HEAD + '1,"c"d,e\n2,"%s",x\n' % ("long\n" * 50)
  assert read(text)[0] == "2"


@pytest.mark.parametrize(
  "text, why",
  [
    (HEAD + '1,a,"b\nc,d"e\nf\n', "no row follows"),
    ('id,"te"xt,x\n1,a,b\n', "without a header"),
  ],
)
def test_damage_without_a_certain_row_behind_it_is_an_error(text, why):
  with pytest.raises(InputError, match="a.csv:.: found a damaged row"):
    read(text, None)


def test_a_damaged_mark_costs_its_row_and_seldom_another():
  random_ = random.Random(1)
  texts = ["fever", "a, b", 'the "new"', "two\nlines", "", 'said "yes,\nno"']
  lost = 0
  for _ in range(200):
    rows = [[str(i), random_.choice(texts), "x"] for i in range(20)]
    lines = []
    for row in rows:
      cells = io.StringIO()
      csv.writer(cells, quoting=csv.QUOTE_ALL).writerow(row)
      lines.append(cells.getvalue())
    damaged = random_.randrange(15)
    line = lines[damaged]
    at = random_.choice([i for i, c in enumerate(line) if c == '"'])
    lines[damaged] = line[:at] + random_.choice(["", '""']) + line[at + 1 :]
    found, _ = read(HEAD + "".join(lines))
    own = {str(damaged), '%d"' % damaged, '"%d' % damaged}
    assert set(found.split(" ")) - own <= {r[0] for r in rows}
    lost += 20 - len(set(found.split(" ")) | {str(damaged)})
  assert lost <= 20  # Of 4,000 rows.
