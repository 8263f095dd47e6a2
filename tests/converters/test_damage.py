# SPDX-License-Identifier: Apache-2.0
"""Random damage to corpora: a conversion ends with an error that says where,
with the right result, or with a report that shows the difference.
"""

import glob
import logging
import os
import random

import pytest

from common.errors import InputError
import prepare_data
from tests.helpers import archive_files
from tests.helpers import corpus_files
from tests.helpers import mutants

pytestmark = pytest.mark.once

TRIALS = 24  # per data set
# Corpora with a file for each document; a damaged one is left out.
FILE_EACH = ("ddi", "hoc", "i2b2", "linnaeus", "s800", "shareclefe")
# After these, the remaining words and labels may be right; only their number
# shows the damage.
SHORTER = (mutants.cut_at_a_line, mutants.drop_a_line, mutants.empty)
DAMAGES = SHORTER + (
  mutants.cut,
  mutants.flip_a_bit,
  mutants.insert(b"\xe9"),
  mutants.insert(b"\0"),
  mutants.insert_an_escape,
  mutants.to_utf16,
  mutants.repeat_a_line,
  mutants.shuffle_lines,
  mutants.drop_a_cell,
  mutants.change_a_number,
)


@pytest.fixture(autouse=True)
def quietly():
  """Silences the readers' many warnings."""
  logging.disable(logging.CRITICAL)
  yield
  logging.disable(logging.NOTSET)


def damaged(found, draw):
  """Returns (files with one damaged, how, its name) of a corpus."""
  names = []
  corpus_files.inner(found, lambda name, data: names.append(name) or data)
  if not names or not draw.randrange(8):  # A whole archive or Word document.
    name = draw.choice(sorted(found))
    how = draw.choice(
      (mutants.cut, mutants.flip_a_bit, mutants.empty, mutants.to_utf16)
    )
    return dict(found, **{name: how(found[name], draw)}), how, name
  chosen, how = draw.choice(sorted(names)), draw.choice(DAMAGES)
  changed = corpus_files.inner(
    found, lambda name, data: how(data, draw) if name == chosen else data
  )
  return changed, how, chosen


def outcome(folder, found, dataset, allow_incomplete=True):
  """Returns a conversion, or None after an error that names the folder."""
  folder.mkdir()
  corpus_files.write(folder, found)
  try:
    return corpus_files.convert(
      folder, dataset, allow_incomplete=allow_incomplete
    )
  except InputError as error:
    assert str(folder) in str(error) and "\n" not in str(error), error
    return None


def summary(report):
  return report.counts, report.rules, report.notes


@pytest.mark.parametrize("dataset", sorted(prepare_data.CONVERTERS))
def test_damage_is_reported_or_harmless(tmp_path, dataset):
  found = corpus_files.files(dataset)
  corpus_files.write(tmp_path / "whole", found)
  expected, report = corpus_files.convert(tmp_path / "whole", dataset)
  draw, outcomes = random.Random(dataset), set()
  for trial in range(TRIALS):
    changed, how, name = damaged(found, draw)
    made = outcome(tmp_path / str(trial), changed, dataset)
    outcomes.add("result" if made else "error")
    if not made:
      continue
    files, found_report = made
    for text in files.values():
      text.encode("utf-8")
    is_reported = how in SHORTER or name.endswith((".zip", ".gz", ".docx"))
    if is_reported and files != expected:
      assert summary(found_report) != summary(report), (how, name)
  # A Word document is an archive, which no damage leaves readable.
  assert "error" in outcomes or dataset in FILE_EACH
  assert "result" in outcomes or dataset == "biosses"


# {real corpus: (folder, endings of its files)}
REAL = {
  "bc2gm": ("BC2GM", (".in", "/GENE.eval")),
  "bc5cdr-chem": ("BC5CDR", (".PubTator.txt",)),
  "biosses": ("BIOSSES", (".docx",)),
  "ddi": (".", ("DDICorpus-2013.tar.gz",)),
  "hoc": ("HoC", (".tar.gz",)),
  "ncbi-disease": ("NCBI-disease", ("corpus.txt",)),
}
# Changed letters or numbers in running text cannot be detected.
UNSEEN = (
  mutants.flip_a_bit,
  mutants.change_a_number,
  mutants.shuffle_lines,
  mutants.drop_a_cell,
  mutants.insert_an_escape,
)
REAL_TRIALS = 3


def real_files(shared, dataset):
  """Returns {name: bytes} of the files of a real corpus."""
  folder, endings = REAL[dataset]
  top = os.path.join(shared, "data", "official", folder)
  found = {}
  for path in glob.glob(os.path.join(top, "**"), recursive=True):
    if path.endswith(endings):
      with open(path, "rb") as f:
        found[os.path.relpath(path, top)] = f.read()
  return found


@pytest.mark.parametrize("dataset", sorted(REAL))
def test_damage_to_a_real_corpus_is_reported_or_harmless(
  tmp_path, shared, dataset
):
  found = real_files(shared, dataset)
  corpus_files.write(tmp_path / "whole", found)
  expected, _ = corpus_files.convert(
    tmp_path / "whole", dataset, allow_incomplete=False
  )
  draw = random.Random(dataset)
  for trial in range(REAL_TRIALS):
    changed, how, name = damaged(found, draw)
    made = outcome(tmp_path / str(trial), changed, dataset, False)
    assert not made or how in UNSEEN or made[0] == expected, (name, how)


@pytest.mark.parametrize("dataset", sorted(prepare_data.CONVERTERS))
def test_a_missing_file_is_reported(tmp_path, dataset):
  found = corpus_files.files(dataset)
  corpus_files.write(tmp_path / "whole", found)
  expected, report = corpus_files.convert(tmp_path / "whole", dataset)
  for i, name in enumerate(sorted(found)[:8]):
    kept = {other: data for other, data in found.items() if other != name}
    made = outcome(tmp_path / str(i), kept, dataset)
    if made and made[0] != expected:
      assert summary(made[1]) != summary(report), name


TRAIN = "clinicalSTS2019.train.txt"
SCORES = "clinicalSTS2019.test.gs.sim.txt"
QUESTIONS = "BioASQ-training4b.json"
HALF = (
  b'{"sentence1": "a", "sentence2": "b", "gold_label": "neutral", '
  b'"pairID": "\\ud800"}\n'
)
HALF_QUESTION = (
  b'{"questions": [{"id": "1", "type": "factoid", "body": "\\ud800", '
  b'"snippets": [{"text": "b"}], "exact_answer": ["b"]}]}'
)
SPECIES = b"1\t%s\t" + b"9" * 5000 + b"\t3\tx"


@pytest.mark.parametrize(
  "dataset, name, content, message",
  [
    ("mednli", "mli_dev_v1.jsonl", b'{"a"', ":1: found no JSON"),
    (
      "mednli",
      "mli_dev_v1.jsonl",
      b"[1]\n",
      r": \[0\]: found '1', expected an",
    ),
    ("mednli", "mli_dev_v1.jsonl", HALF, ":1: found half of a surrogate pair"),
    ("bioasq-4b", QUESTIONS, HALF_QUESTION, ": found half of a surrogate pair"),
    ("bioasq-4b", QUESTIONS, b'{"questions": ["x"]}', ":1: found other JSON"),
    ("medsts", TRAIN, b"a\tb\tnan\n", ":1: found the score 'nan'"),
    ("medsts", TRAIN, b"a\t\t1\n", ":1: found an empty cell"),
    ("medsts", TRAIN, b"a\tb\t5.5\n", ":1: found .* from 0 to 5"),
    (
      "medsts",
      SCORES,
      b"1\n2\n",
      ": found 2 rows, expected 3 as .*test.txt has",
    ),
    (
      "linnaeus",
      "manual-corpus-species-1.0/tags.tsv",
      SPECIES % b"pmcA1" + b"\t\n",
      ":1: found the id 'pmcA1', expected the id of a text",
    ),
    ("s800", "S800-1.0/pubmedid.tsv", b"bact000\tx\n", ":1: found 'x', expect"),
    (
      "s800",
      "S800-1.0/S800.tsv",
      SPECIES % b"bact000:1" + b"\n",
      ":1: found '9",
    ),
    ("hoc", "text/903.txt", b"A .\n\nB .\n", ":2: found a blank line"),
    ("hoc", "text/904.txt", b"A .\n", ".* found no labels/904.txt, expected"),
    ("chemprot", "ChemProt_Corpus.zip", b"PK\3\4", ": found a damaged"),
  ],
)
def test_errors_name_the_place(tmp_path, dataset, name, content, message):
  found = dict(corpus_files.files(dataset), **{name: content})
  if dataset == "hoc":
    found["labels/903.txt"] = b"<<<"
  corpus_files.write(tmp_path, found)
  with pytest.raises(InputError, match=name + message):
    corpus_files.convert(tmp_path, dataset, allow_incomplete=False)


@pytest.mark.parametrize(
  "dataset, name",
  [
    ("medsts", "clinicalSTS2019.test.txt"),
    ("bc4chemd", "chemdner_corpus/training.abstracts.txt"),
    ("gad", "GAD_Corpus_IBIgroup/GAD_F.csv"),
  ],
)
def test_a_table_without_a_final_line_feed_gets_a_note(tmp_path, dataset, name):
  found = corpus_files.inner(
    corpus_files.files(dataset),
    lambda file, data: data[:-2] if file == name else data,
  )
  corpus_files.write(tmp_path, found)
  _, report = corpus_files.convert(tmp_path, dataset)
  end = "%s ends without a line feed: is it whole?" % name
  assert any(note.endswith(end) for note in report.notes)


@pytest.mark.parametrize("dataset", ["bc2gm", "jnlpba", "medsts", "i2b2"])
def test_a_zero_byte_is_an_error(tmp_path, dataset):
  def with_nul(name, data):
    end = (".in", ".iob2", "test.txt", ".con")
    return data + b"\nx\0y" if name.endswith(end) else data

  found = corpus_files.inner(corpus_files.files(dataset), with_nul)
  corpus_files.write(tmp_path, found)
  with pytest.raises(InputError, match="found byte 0x00, which no text has"):
    corpus_files.convert(tmp_path, dataset, allow_incomplete=False)


def test_a_document_name_that_is_not_utf8_is_an_error(tmp_path):
  name = "manual-corpus-species-1.0/txt/pmc\udce9.txt"
  found = corpus_files.files("linnaeus")
  whole = archive_files.tar_gz(dict(found, **{name: b"Text.\n"}))
  corpus_files.write(tmp_path, {"corpus.tar.gz": whole})
  with pytest.raises(InputError, match="file name that is not UTF-8"):
    corpus_files.convert(tmp_path, "linnaeus", allow_incomplete=False)
  _, report = corpus_files.convert(tmp_path, "linnaeus")
  assert report.rules["documents that do not fit (skipped)"] == {"all": 1}
