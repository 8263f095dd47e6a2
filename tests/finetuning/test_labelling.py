# SPDX-License-Identifier: Apache-2.0
"""Tests of finetuning/labelling.py, with a model that counts letters."""

import gzip
import json
import os

import pytest

from common import stripes
from common.errors import InputError
from common.errors import reject
from finetuning import harness
from finetuning import label_files
from finetuning import label_inputs
from finetuning import labelling
from formats import detect
from formats import streams
from formats import unlabelled
from tests.helpers import unlabelled_texts


class Letters(harness.Task):
  """Labels a text with the number of letters of each word, a window a word."""

  unlabelled_kinds = detect.TEXTS
  label_kind = "letters"
  has_page = True

  def __init__(self, predict_format="tsv"):
    self.predict_format = predict_format

  def read_unlabelled(self, source, failed=reject):
    return unlabelled.read(source, failed)

  def parts(self, example):
    middle = len(example.text) // 2
    yield example.text[:middle], 0.5
    yield example.text[middle:], 1

  def encoder(self):
    return unlabelled_texts.encode_letters

  def label(self, part, windows):
    return ["%d" % window["letters"] for window in windows]

  def label_file(self):
    if self.predict_format == "brat":
      return None
    return label_files.LabelFile("header\n", "footer\n")

  def format_label(self, example, label):
    if self.predict_format == "brat":
      return example.id, {".ann": "+".join(label)}
    return "%s %s\n" % (example.id, "+".join(label))

  def page(self, examples, labels, title, note):
    return "%s, %s: %s" % (title, note, " ".join(e.id for e in examples))


def predict(windows, shown):
  return shown(iter([{"letters": len(w["input_ids"])} for w in windows]))


@pytest.fixture
def texts(tmp_path):
  """A folder with two files of ten texts each, one of them packed."""
  folder = tmp_path / "texts"
  folder.mkdir()
  rows = [{"id": "t%d" % i, "text": "xx " * i} for i in range(20)]
  lines = [json.dumps(row).encode() + b"\n" for row in rows]
  (folder / "a.jsonl").write_bytes(b"".join(lines[:10]))
  (folder / "b.jsonl.gz").write_bytes(gzip.compress(b"".join(lines[10:])))
  return folder


@pytest.fixture
def small(monkeypatch):
  """Makes pools and output files small."""
  monkeypatch.setattr(label_inputs, "POOL_WINDOWS", 7)
  monkeypatch.setattr(labelling, "SHARD_BYTES", 100)


def label(
  patterns,
  output,
  task=None,
  function=predict,
  name="letters",
  allow=False,
  is_gzip=False,
  num_workers=None,
  part=(1, 1),
):
  found = labelling.Labelling(
    task or Letters(),
    labelling.Texts(str(patterns), "predict_file", allow, num_workers),
    labelling.Target(str(output), None, is_gzip, stripes.Part(*part)),
  )
  found.run(function, {"task": name})


def written(folder):
  """Returns {path in a folder: text} of the files in it."""
  return {
    str(p.relative_to(folder)): streams.unpacked(p.read_bytes(), "").decode()
    for p in sorted(folder.rglob("*"))
    if p.is_file()
  }


# The sum of a text's labels is that of its halves, cut in a word or not.
LABELS = ["t%d " % i for i in range(20)]


def test_files_are_labelled_in_their_order_into_one_file(texts, tmp_path):
  label(texts, tmp_path / "out")
  found = written(tmp_path / "out")
  assert sorted(found) == ["texts.letters.html", "texts.letters.tsv"]
  header, *rows, footer, end = found["texts.letters.tsv"].split("\n")
  assert (header, footer, end) == ("header", "footer", "")
  assert [row[: row.index(" ") + 1] for row in rows] == LABELS
  for number, row in enumerate(rows[1:], 1):
    assert sum(map(int, row.split()[1].split("+"))) == 2 * number


@pytest.mark.parametrize(
  "patterns, stem",
  [
    ("texts/a.jsonl", "a"),
    ("texts/b*", "b"),
    ("texts/a.jsonl,texts/b.jsonl.gz", "texts"),
    ("texts/archive.tar.gz", "archive"),
  ],
)
def test_output_is_named_after_the_file_or_its_folder(
  texts, monkeypatch, patterns, stem
):
  monkeypatch.chdir(texts.parent)
  (texts / "archive.tar.gz").write_text("A text.\n")
  label(patterns, "out")
  assert os.path.exists("out/%s.letters.tsv" % stem)


@pytest.mark.usefixtures("small")
def test_large_inputs_become_several_files_with_the_same_labels(
  texts, tmp_path, monkeypatch
):
  label(texts, tmp_path / "out")
  found = written(tmp_path / "out")
  shards = {k: v for k, v in found.items() if "-of-" in k}
  assert len(shards) > 3 and "texts.letters-00000-of-%05d.tsv" % len(
    shards
  ) in (shards)
  manifest = json.loads(found.pop("texts.letters.tsv.manifest.json"))
  assert manifest["task"] == "letters"
  counts = [s["shards"][0]["texts"] for s in manifest["stripes"]]
  assert sum(counts) == 20 and len(counts) == len(shards)
  assert not [name for name in found if "progress" in name or "part" in name]
  monkeypatch.setattr(labelling, "SHARD_BYTES", 1 << 20)
  label(texts, tmp_path / "whole")
  (whole,) = (tmp_path / "whole").glob("*.tsv")
  assert rows_of(shards) == rows_of({"-of-": whole.read_text()})


def rows_of(files):
  """Returns the rows of all shards among {path: text}."""
  shards = [text for name, text in sorted(files.items()) if "-of-" in name]
  assert all(t.startswith("header\n") for t in shards)
  assert all(t.endswith("footer\n") for t in shards)
  return "".join(t[len("header\n") : -len("footer\n")] for t in shards)


class Killed(Exception):
  pass


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
  "form, is_gzip, pools",
  [
    ("tsv", False, 0),
    ("tsv", False, 5),
    ("tsv", False, 20),
    ("tsv", True, 12),
    ("brat", False, 12),
  ],
)
def test_a_killed_run_continues_to_the_same_bytes(
  texts, tmp_path, form, is_gzip, pools
):
  given = {"task": Letters(form), "is_gzip": is_gzip}
  label(texts, tmp_path / "whole", **given)
  calls = []

  def failing(windows, shown):
    calls.append(len(windows))
    if len(calls) > pools:
      raise Killed
    return predict(windows, shown)

  out = tmp_path / "out"
  with pytest.raises(Killed):
    label(texts, out, function=failing, **given)
  done = [p for p in out.rglob("*-of-*") if p.is_file()]
  before = [p.stat().st_mtime_ns for p in done]
  label(texts, out, **given)
  assert [p.stat().st_mtime_ns for p in done] == before
  first, second = bytes_of(tmp_path / "whole"), bytes_of(out)
  assert first == second and len(first) > 3


def bytes_of(folder):
  """Returns {path: bytes} of the labels in a folder, and of a page."""
  return {
    str(path.relative_to(folder)): path.read_bytes()
    for path in folder.rglob("*")
    if path.is_file() and not path.name.endswith(".manifest.json")
  }


def test_compressed_labels_are_the_same_inside_and_named_gz(texts, tmp_path):
  label(texts, tmp_path / "plain")
  label(texts, tmp_path / "out", is_gzip=True)
  packed = (tmp_path / "out" / "texts.letters.tsv.gz").read_bytes()
  assert (
    packed[:10] == b"\x1f\x8b\x08" + bytes(6) + b"\x03"
  )  # No time, no name.
  assert list(written(tmp_path / "out").values()) == list(
    written(tmp_path / "plain").values()
  )


@pytest.mark.usefixtures("small")
def test_a_finished_output_is_kept_and_that_of_others_rejected(texts, tmp_path):
  label(texts, tmp_path / "out")
  before = written(tmp_path / "out")
  label(texts, tmp_path / "out", function=None)
  with pytest.raises(InputError, match="another value of task; expected the"):
    label(texts, tmp_path / "out", name="words")
  assert written(tmp_path / "out") == before


def without_times(found):
  """Returns what is in {name: text} of files, manifests without seconds."""
  parsed = {}
  for name, text in found.items():
    parsed[name] = text
    if name.endswith(".json"):
      parsed[name] = json.loads(text)
      for stripe in parsed[name]["stripes"]:
        stripe.pop("seconds")
  return parsed


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("count", [2, 3, 30])
def test_parts_together_write_what_one_job_writes(texts, tmp_path, count):
  label(texts, tmp_path / "whole")
  out = tmp_path / "out"
  for number in range(count, 0, -1):
    label(texts, out, part=(number, count))
  whole = without_times(written(tmp_path / "whole"))
  assert without_times(written(out)) == whole
  label(texts, out, function=None, part=(2, count))  # Nothing is left to do.


@pytest.mark.usefixtures("small")
def test_a_killed_part_continues_and_a_finished_one_is_kept(
  texts, tmp_path, caplog
):
  caplog.set_level("INFO")
  label(texts, tmp_path / "whole")
  out, calls = tmp_path / "out", []

  def failing(windows, shown):
    calls.append(len(windows))
    if len(calls) > 4:
      raise Killed
    return predict(windows, shown)

  with pytest.raises(Killed):
    label(texts, out, function=failing, part=(2, 2))
  done = list(out.glob("*-of-*.tsv"))
  before = [p.stat().st_mtime_ns for p in done]
  label(texts, out, part=(2, 2))
  assert done and [p.stat().st_mtime_ns for p in done] == before
  assert "this was part 2 of 2; not finished: 1" in caplog.text
  label(texts, out, function=None, part=(2, 2))
  with pytest.raises(InputError, match="another value of task; expected the"):
    label(texts, out, name="words", part=(2, 2))
  label(texts, out, part=(1, 2))
  whole = without_times(written(tmp_path / "whole"))
  assert without_times(written(out)) == whole


def test_more_parts_than_files_of_labels_have_nothing_to_do(
  texts, tmp_path, caplog
):
  caplog.set_level("INFO")
  label(texts, tmp_path / "out", function=None, part=(1, 2))
  assert "1 file to write, and none for part 1" in caplog.text
  assert not (tmp_path / "out").exists()
  label(texts, tmp_path / "out", part=(2, 2))
  names = ["texts.letters.html", "texts.letters.tsv"]
  assert sorted(written(tmp_path / "out")) == names


@pytest.mark.usefixtures("small")
def test_workers_write_the_same_labels(texts, tmp_path, monkeypatch):
  monkeypatch.setattr(label_inputs, "BLOCK_PARTS", 3)
  with open(str(texts / "a.jsonl"), "a") as f:
    f.write('{"tex\n')
  for num_workers in (0, 2):
    out = tmp_path / str(num_workers)
    with pytest.raises(InputError, match="a.jsonl:11: found no JSON"):
      label(texts, out, num_workers=num_workers)
    label(texts, out, allow=True, num_workers=num_workers)
  first, second = written(tmp_path / "0"), written(tmp_path / "2")
  for found in (first, second):
    found.pop("texts.letters.tsv.manifest.json")  # Has times.
  assert first == second


def test_documents_made_at_the_end_have_no_parts(texts, tmp_path):
  with pytest.raises(InputError, match="--predict_part=1/2: found --predict_f"):
    label(texts, tmp_path, Letters("json"), part=(1, 2))


@pytest.mark.usefixtures("small")
def test_the_bar_moves_within_a_document(tmp_path, monkeypatch):
  path, moves = tmp_path / "one.jsonl", []
  path.write_text(json.dumps({"text": "xx " * 100}) + "\n")

  class Bar(labelling.progress.Bar):
    def update(self, at, note=None):
      moves.append(at)

  monkeypatch.setattr(labelling.progress, "Bar", Bar)
  label(path, tmp_path / "out")
  size = path.stat().st_size
  assert moves == sorted(moves) and moves[-1] == size - 1
  assert any(0.2 * size < at < 0.4 * size for at in moves)
  assert any(0.6 * size < at < 0.8 * size for at in moves)


def test_small_inputs_need_no_worker(monkeypatch):
  monkeypatch.setattr(label_inputs.processes, "cores", lambda: 64)
  sizes = [1 << 20, 9 << 20, 1 << 40]
  assert [label_inputs._default_workers(size) for size in sizes] == [0, 2, 8]
  monkeypatch.setattr(label_inputs.processes, "cores", lambda: 1)
  assert label_inputs._default_workers(1 << 40) == 0


def test_a_damaged_small_input_is_rejected_before_the_run(texts, tmp_path):
  (texts / "c.jsonl").write_text('{"text": "x"}\n{"tex')
  target = labelling.Target(str(tmp_path / "out"))
  with pytest.raises(InputError, match="c.jsonl:2: found no JSON"):
    labelling.Labelling(Letters(), labelling.Texts(str(texts)), target)


@pytest.mark.usefixtures("small")
def test_damage_ends_a_large_run_and_leaves_no_part_of_a_file(texts, tmp_path):
  (texts / "c.jsonl").write_text('{"text": "x"}\n{"tex')
  with pytest.raises(InputError, match="c.jsonl:2: found no JSON"):
    label(texts, tmp_path / "out")
  assert not list((tmp_path / "out").glob("*.partial"))


def test_the_page_shows_the_first_texts_and_says_so(
  texts, tmp_path, monkeypatch
):
  label(texts / "a.jsonl", tmp_path)
  page = tmp_path / "a.letters.html"
  assert page.read_text() == "a, : " + " ".join("t%d" % i for i in range(10))
  monkeypatch.setattr(label_files, "PAGE_TEXTS", 2)
  label(texts / "a.jsonl", tmp_path)
  assert page.read_text() == ("a, This page shows the first 2 texts.: t0 t1")


@pytest.mark.parametrize("form", ["brat", "json"])
def test_some_formats_are_never_compressed(texts, tmp_path, form):
  message = "--predict_gzip: found --predict_format=%s" % form
  with pytest.raises(InputError, match=message):
    label(texts, tmp_path / "out", Letters(form), is_gzip=True)


def test_a_folder_of_labels_is_whole_and_never_replaced(texts, tmp_path):
  (texts / "c.jsonl").write_text('{"text": "x", "id": "t3"}\n')
  out = tmp_path / "out"

  def failing(windows, shown):
    raise Killed

  with pytest.raises(Killed):
    label(texts, out, Letters("brat"), failing)
  assert not list(out.iterdir())
  label(texts, out, Letters("brat"))
  found = {n: t for n, t in written(out).items() if n.endswith(".ann")}
  assert len(found) == 21 and found["texts.letters.brat/t3%232.ann"] == "1"
  (out / "texts.letters.brat" / "t3.ann").write_text("corrected")
  with pytest.raises(InputError, match="letters.brat: is there already"):
    label(texts, out, Letters("brat"))
  assert (out / "texts.letters.brat" / "t3.ann").read_text() == "corrected"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("pools", [3, 100])
def test_incomplete_input_is_labelled_where_it_can_be(
  texts, tmp_path, caplog, pools
):
  label(texts, tmp_path / "whole")
  with open(str(texts / "a.jsonl"), "a") as f:
    f.write('{"tex\n{"text": 1}\n{"id": "t3", "text": "other"}\n')
  (texts / "b.xml").write_text("<PubmedArticleSet><PubmedArticle></Pub")
  (texts / "c.htm").write_text("<html></html>")
  calls = []

  def failing(windows, shown):
    calls.append(windows)
    if len(calls) > pools:
      raise Killed
    return predict(windows, shown)

  out = tmp_path / "out"
  try:
    label(texts, out, function=failing, allow=True)
  except Killed:
    label(texts, out, allow=True)
  found = written(out)
  lines = found["texts.letters.tsv.left_out.txt"].splitlines()
  places = ["a.jsonl:11", "a.jsonl:12", "a.jsonl:13", "b.xml:1", "c.htm"]
  assert len(lines) == 5
  assert all(any(place in line for line in lines) for place in places)
  rests = [line.endswith("the rest of this file is left out") for line in lines]
  assert rests == ["b.xml" in line for line in lines]
  assert "left out texts or rests of files: 5," in caplog.text
  assert rows_of(found) == rows_of(written(tmp_path / "whole"))
