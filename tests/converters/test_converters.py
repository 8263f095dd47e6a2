# SPDX-License-Identifier: Apache-2.0
"""Converters: invented corpora in their owners' formats, and that run_*.py read
the converted files.
"""

import collections
import json

import pytest

from common import data_sets
from common.errors import InputError
from converters import bioasq
from converters import chemprot
from finetuning import splits
from formats import annotated
from formats import conll
from formats import questions
import prepare_data
import run_dc
import run_nli
import run_re
import run_sts
from tests.helpers import archive_files
from tests.helpers import corpus_files

SPLITS = ("train", "dev", "test")
# {data set: {what: count in train, dev and test}} of the invented corpora.
COUNTS = {
  "shareclefe": {"documents": (8, 2, 2), "mentions": (9, 2, 2)},
  "bc2gm": {"sentences": (3, 2, 2), "mentions": (2, 1, 2)},
  "bc4chemd": {"documents": (2, 1, 1), "mentions": (4, 1, 1)},
  "bc5cdr-disease": {"documents": (2, 1, 1), "mentions": (2, 1, 0)},
  "bc5cdr-chem": {"documents": (2, 1, 1), "mentions": (2, 0, 1)},
  "jnlpba": {"documents": (2, 200, 2), "sentences": (4, 400, 4)},
  "linnaeus": {"documents": (2, 1, 1), "mentions": (4, 2, 2)},
  "ncbi-disease": {"documents": (3, 1, 1), "mentions": (4, 1, 1)},
  "s800": {"documents": (2, 1, 1), "mentions": (6, 3, 3)},
  "chemprot": {"rows": (8, 8, 8), "relations": (4, 4, 4)},
  "ddi": {"rows": (6, 3, 3), "label DDI-int": (2, 1, 1)},
  "i2b2": {"rows": (36, 4, 4), "relations": (27, 3, 3)},
  "biosses": {"rows": (8, 3, 1)},
  "medsts": {"rows": (18, 2, 3)},
  "mednli": {"rows": (6, 3, 3), "label neutral": (2, 1, 1)},
  "hoc": {"documents": (2, 1, 1), "rows": (6, 3, 3)},
}
LABELS = {
  "gad": ["0", "1"],
  "euadr": ["0", "1"],
  "chemprot": ["CPR:3", "CPR:4", "false"],
  "ddi": ["DDI-effect", "DDI-int", "DDI-false"],
  "i2b2": ["PIP", "TrAP", "TrWP", "false"],
}
OF_TASK = collections.defaultdict(list)
for data_set in data_sets.converted():
  for layout in data_set.layouts:
    # BLURB's GAD needs BioBERT's folds.
    if (data_set.name, layout) != ("gad", "blurb"):
      OF_TASK[data_set.task].append((data_set.name, layout))


@pytest.fixture
def made(tmp_path):
  """Converts an invented corpus with some files changed; returns the output."""

  def make(dataset, layout=None, changed=None, **options):
    found = corpus_files.files(dataset)
    found.update(changed or {})
    found = {name: data for name, data in found.items() if data is not None}
    make.number += 1
    folder = corpus_files.write(tmp_path / str(make.number), found)
    files, make.report = corpus_files.convert(
      folder, dataset, layout, **options
    )
    return files

  make.number = 0
  return make


def by_split(files):
  """Returns {split: (bytes, name)} of the files that run_*.py look for."""
  found = {}
  for split in SPLITS:
    (name,) = [n for n in splits.NAMES[split] if n in files]
    found[split] = files[name].encode("utf-8"), name
  return found


@pytest.mark.parametrize("dataset", COUNTS)
def test_converted_corpora_have_the_expected_size(made, dataset):
  made(dataset)
  for what, numbers in COUNTS[dataset].items():
    counts = made.report.counts[what]
    assert tuple(counts.get(split, 0) for split in SPLITS) == numbers, what


@pytest.mark.parametrize("dataset", prepare_data.CONVERTERS)
def test_an_incomplete_corpus_is_an_error(made, dataset):
  certain = prepare_data.CONVERTERS[dataset].PUBLISHED.certain
  if not certain and data_sets.find(dataset).task != "STS":
    report = made(dataset, allow_incomplete=False) and made.report
    assert "Published (" in report.to_text()
    return
  with pytest.raises(InputError, match="pass --allow_incomplete to convert"):
    made(dataset, allow_incomplete=False)


# -------------------------------------------- run_*.py read the converted files


@pytest.mark.parametrize("dataset, layout", OF_TASK["NER"])
def test_run_ner_reads_the_words_and_all_mentions(made, dataset, layout):
  files = made(dataset, layout)
  counts = made.report.counts
  for split, (data, name) in by_split(files).items():
    sentences = conll.parse(data, name)
    assert len(sentences) == counts["sentences"][split]
    labels = [label for _, labels in sentences for label in labels]
    assert set(labels) <= {"B", "I", "O"}
    assert labels.count("B") == counts["mentions"][split]
    assert len(labels) == counts["words"][split]


@pytest.mark.parametrize("dataset, layout", OF_TASK["RE"])
def test_run_re_reads_marked_pairs_and_their_labels(made, dataset, layout):
  files = made(dataset, layout)
  if dataset in ("gad", "euadr"):
    assert sorted(files) == sorted(
      "%d/%s.tsv" % (fold, split) for fold in range(1, 11) for split in SPLITS
    )
    assert not any(files["%d/dev.tsv" % fold] for fold in range(1, 11))
    files = {split + ".tsv": files["1/%s.tsv" % split] for split in SPLITS}
  for split, (data, name) in by_split(files).items():
    task = run_re.Re(None, 128, task_name=dataset)
    if data:
      examples = task.read(data, name, split)
      assert all(run_re.marks_two(e.texts[0]) for e in examples)
      if split == "train":
        assert task.learn(examples)["labels"] == LABELS[dataset]
      found = collections.Counter(e.gold for e in examples)
      for label, number in found.items():
        counts = made.report.counts["label " + label]
        assert number == counts.get(split, counts.get("1/" + split))


@pytest.mark.parametrize("dataset, layout", OF_TASK["STS"])
def test_run_sts_reads_pairs_and_their_scores(made, dataset, layout):
  files = made(dataset, layout)
  task = run_sts.Sts(None, 128, "tsv", run_sts.HIGHEST[dataset])
  for split, (data, name) in by_split(files).items():
    examples = task.read(data, name, split)
    assert len(examples) == made.report.counts["rows"][split]
    assert all(e.gold is not None and len(e.texts) == 2 for e in examples)


def test_run_nli_reads_pairs_and_their_labels(made):
  task = run_nli.Nli(None, 128)
  for split, (data, name) in by_split(made("mednli")).items():
    examples = task.read(data, name, split)
    assert task.learn(examples)["labels"] == [
      "contradiction",
      "entailment",
      "neutral",
    ]
    first = examples[0]
    assert first.id == split + "-0000"
    assert first.texts == (
      "Seen by [** Name **] on day 0 %s." % split,
      "Patient 0 is β-thalassemic",  # It began with a blank.
    )


@pytest.mark.parametrize("layout", ["blurb", "blue"])
def test_run_dc_reads_sentences_and_their_hallmarks(made, layout):
  task = run_dc.Dc(None, 128, task_name="hoc")
  for split, (data, name) in by_split(made("hoc", layout)).items():
    examples = task.read(data, name, split)
    assert {task.group(e) for e in examples} == {
      e.id.rsplit("_", 1)[0] for e in examples
    }
    # A repeated hallmark, `AND` without a blank after it; NULL; nothing.
    expected = ["resisting cell death", "sustaining proliferative signaling"]
    for first, second, third in zip(*[iter(examples)] * 3):
      assert sorted(run_dc.labels_of(first)) == expected
      assert not run_dc.labels_of(second) and not run_dc.labels_of(third)


@pytest.mark.parametrize("dataset", ["bioasq-4b", "bioasq-5b", "bioasq-6b"])
def test_run_qa_reads_questions_and_answers(made, dataset):
  files, year = made(dataset), dataset[-2:]
  name = "BioASQ-train-factoid-%s.json" % year
  asked = questions.parse(files[name].encode("utf-8"), name, "factoid", True)
  assert [q.id for q in asked] == ["t0_000", "t1_000"]
  assert asked[0].answers == [questions.Answer(("Β-CATENIN",), 5)]
  for kind in ("factoid", "yesno", "list"):
    for batch in "12345":
      name = "BioASQ-test-%s-%s-%s.json" % (kind, year, batch)
      asked = questions.parse(files[name].encode("utf-8"), name, kind)
      assert len(asked) == 2 and asked[0].answers is None
  name = year[0] + "B3_golden.json"
  gold = questions.parse_exact_answers(files[name].encode("utf-8"), name)
  assert gold["31"] == ("yesno", "yes") and gold["33"] == ("summary", None)
  assert made.report.rules == {
    "pairs whose text does not contain the answer (skipped)": {"train": 2},
    "questions of type summary (skipped)": {"test": 5},
  }


# ----------------------------------------------------------- the formats' traps


def test_shareclefe_replaces_marks_and_labels_parts_b_then_i(made):
  rows = made("shareclefe")["test.tsv"].split("\n")[:30]
  assert rows[0] == "00001\t00010-000010-RADIOLOGY_REPORT\t0\tO"
  assert rows[1] == "1\t-\t9\tO"  # The |||| before it became blanks.
  words = [row.split("\t") for row in rows if row]
  assert [w[0] for w in words].count("PATTERN") == 2
  (first,) = [i for i, w in enumerate(words) if w[0] == "left"]
  assert [w[3] for w in words[first : first + 4]] == ["B", "O", "O", "I"]


def test_shareclefe_gold_in_lines_and_in_xml_agree(made):
  expected = made("shareclefe")
  changed = dict.fromkeys(corpus_files.files("shareclefe"))
  lines = corpus_files.shareclefe(with_xml=False)
  changed.update((name, text.encode("utf-8")) for name, text in lines.items())
  assert sum(data is None for data in changed.values()) == 5
  assert made("shareclefe", changed=changed) == expected


def test_shareclefe_counts_notes_without_annotations(made):
  name = "00003-000003-RADIOLOGY_REPORT.txt"
  folder = "Task1TrainSetGOLD199knowtatorehost/Task1Gold/"
  made("shareclefe", changed={folder + name: None})
  rule = made.report.rules["notes without an annotation file"]
  assert rule == {"training": 1}


@pytest.mark.parametrize(
  "old, new, message",
  [
    (
      b'<mention id="E_0"/>',
      b'<mention id="E_9"/>',
      "no <classMention> of E_9",
    ),
    (b'"Disease_Disorder"', b'"Procedure"', None),
    (b'<span start="', b'<sp start="', "no <span>"),
    (b'textSource="00000', b'textSource="00001', "<annotations> of 00000"),
  ],
)
def test_shareclefe_xml_with_inconsistent_ids_is_an_error(
  made, old, new, message
):
  name = (
    "Task1TrainSetGOLD199knowtatorehost/Task1Gold/"
    "00000-000000-RADIOLOGY_REPORT.txt.knowtator.xml"
  )
  data = corpus_files.files("shareclefe")[name].replace(old, new)
  if message is None:  # The task ignores other classes of mentions.
    made("shareclefe", changed={name: data})
    assert made.report.counts["mentions"]["train"] == 7
    return
  with pytest.raises(InputError, match=message):
    made("shareclefe", changed={name: data}, allow_incomplete=False)
  made("shareclefe", changed={name: data})
  assert any("do not fit (skipped)" in rule for rule in made.report.rules)


def test_bc2gm_offsets_skip_blanks_and_sentences_stay_whole(made):
  assert made("bc2gm")["train.tsv"] == (
    "The\tO\nalpha\tO\nbeta\tO\nkinase\tO\nbinds\tO\nRaf\tB\n-\tI\n1\tI\n.\tO\n"
    "It\tO\nis\tO\nbound\tO\n.\tO\n\n"
    "Tumor\tO\np53\tO\nand\tO\np53\tB\n(\tI\nhuman\tI\n)\tI\ndiffer\tO\n.\tO\n\n"
    "No\tO\ngene\tO\nat\tO\nall\tO\n.\tO\n\n"
  )


def test_bc4chemd_offsets_count_within_title_or_abstract(made):
  assert made("bc4chemd")["train.tsv"].startswith(
    "Effects\tO\nof\tO\naspirin\tB\n.\tO\n\n"
    "Aspirin\tB\n(\tO\n5\tO\nmg\tO\n)\tO\nand\tO\nnaïve\tO\nNaCl\tB\n.\tO\n\n"
    "β\tB\n-\tI\ncarotene\tI\n.\tO\n\n"
  )


@pytest.mark.parametrize(
  "dataset, name, split",
  [
    ("bc4chemd", "training.abstracts.txt", "train"),
    ("chemprot", "development_abstracts.tsv", "dev"),
  ],
)
def test_an_exact_copy_of_an_abstract_is_taken_once(made, dataset, name, split):
  changed = corpus_files.inner(
    corpus_files.files(dataset),
    lambda path, data: (
      data + data.splitlines(True)[0] if path.endswith(name) else data
    ),
  )
  assert made(dataset, changed=changed) == made(dataset)
  made(dataset, changed=changed)
  rule = made.report.rules["duplicate documents (skipped)"]
  assert rule == {split: 1}


def test_bc5cdr_types_are_separate_data_sets(made):
  lines = made("bc5cdr-disease")["train.tsv"].split("\n")
  assert lines[:8] == [
    *("Renal\tB", "and\tI", "hepatic\tI", "failure\tI"),
    *("after\tO", "naloxone\tO", ".\tO", ""),
  ]
  assert "naloxone\tB\n" in made("bc5cdr-chem")["train.tsv"]


def test_bc5cdr_in_blues_layout_has_documents_and_offsets(made):
  assert made("bc5cdr-chem", "blue")["train.tsv"].split("\n")[5:10] == [
    *("naloxone\t-\t32\tB", ".\t-\t40\tO", "", "We\t11\t42\tO", "saw\t-\t45\tO")
  ]


def test_ncbi_disease_skips_a_duplicate_document(made):
  text = made("ncbi-disease")["train.tsv"]
  assert text.count("Familial\tB\nataxia\tI\n") == 1
  rule = made.report.rules["duplicate documents (skipped)"]
  assert rule == {"train": 1}


def test_jnlpba_layouts_differ_only_in_types(made):
  blurb, biobert = made("jnlpba"), made("jnlpba", "biobert")
  rules = made.report.rules
  assert "T\tB\ncells\tI\n" in blurb["test.tsv"]
  assert biobert["test.tsv"] == blurb["test.tsv"].replace(
    "T\tB\ncells\tI\n", "T\tO\ncells\tO\n"
  )
  assert rules["mentions of cell types and cell lines (skipped)"]["test"] == 2
  assert rules["abstracts with a repeated id (kept, as id-2)"] == {
    "training": 1
  }


@pytest.mark.parametrize(
  "dataset, name, text, other",
  [
    ("bc4chemd", "training.annotations.txt", b"NaCl\t", b"NaBr\t"),
    ("bc5cdr-chem", "CDR_TrainingSet.PubTator.txt", b"Lithium\t", b"Salt\t"),
    ("ncbi-disease", "NCBItestset_corpus.txt", b"Gout\t", b"Pain\t"),
    ("bc2gm", "bc2GMtrain/train/GENE.eval", b"Raf-1", b"Abl-1"),
    ("ddi", "MedLine/1.xml", b'text="zinc"', b'text="iron"'),
    ("chemprot", "training_entities.tsv", b"\tCREB", b"\tSREB"),
    ("gad", "GAD_F.csv", b"gout\t", b"goat\t"),
    ("euadr", "target_disease.csv", b'"gout"', b'"goat"'),
    ("linnaeus", "tags.tsv", b"\tmice\t", b"\trats\t"),
    ("s800", "S800.tsv", b"S. pombe", b"S. mombe"),
    ("i2b2", "record-0.con", b'"fever"', b'"cold"'),
  ],
)
def test_allow_incomplete_skips_an_annotation_with_a_wrong_quote(
  made, dataset, name, text, other
):
  found = corpus_files.inner(
    corpus_files.files(dataset),
    lambda path, data: (
      data.replace(text, other, 1) if path.endswith(name) else data
    ),
  )
  with pytest.raises(InputError, match="found .*, expected .* there"):
    made(dataset, changed=found, allow_incomplete=False)
  expected = made(dataset)
  skipped = made(dataset, changed=found)
  rule, *_ = made.report.places  # Then relations that lack the annotation.
  assert rule.endswith("do not fit (skipped)")
  assert list(made.report.rules[rule].values()) == [1]
  assert skipped != expected


def test_linnaeus_line_ends_end_sentences_but_not_within_a_mention(made):
  assert made("linnaeus")["test.tsv"] == (
    "A\tO\nstudy\tO\nof\tO\n\nmice\tB\n.\tO\n\n"
    "Escherichia\tB\ncoli\tI\nand\tO\nmice\tO\ndiffer\tO\n.\tO\n\n"
  )


def test_s800_end_offsets_are_inclusive(made):
  assert made("s800")["test.tsv"] == (
    "Title\tO\non\tO\nyeast\tB\n.\tO\n\n"
    "Saccharomyces\tB\ncerevisiae\tI\nand\tO\nS\tB\n.\tI\npombe\tI\ngrow\tO\n"
    ".\tO\n\n"
  )


def test_s800_abstract_without_a_pmid_is_an_error(made):
  extra = {"S800-1.0/abstracts/zoo1.txt": b"A stranger.\n"}
  with pytest.raises(InputError, match="zoo1.txt: found no PMID for this abs"):
    made("s800", changed=extra, allow_incomplete=False)
  assert made("s800", changed=extra) == made("s800")


def test_s800_needs_no_list_of_pmids_where_the_tags_have_them(made):
  without = made("s800", changed={"S800-1.0/pubmedid.tsv": None})
  assert "No pubmedid.tsv: took the PMIDs from S800.tsv." in made.report.notes
  assert without == made("s800")


def test_gad_labels_are_1_for_associations_and_0_for_false_ones(made):
  files = made("gad")
  rows = files["1/train.tsv"] + files["1/test.tsv"]
  assert 'The "@GENE$" gene 1 and @DISEASE$, as GAD_Y_N says.\t1\n' in rows
  assert 'The "@GENE$" gene 1 and @DISEASE$, as GAD_F says.\t0\n' in rows
  assert made.report.counts["records"] == {"all": 22}
  assert made.report.counts["positive"] == {"all": 12}


def test_euadr_is_read_in_latin_1_and_in_utf8(made):
  files = made("euadr")
  rows = files["1/train.tsv"] + files["1/test.tsv"]
  for i in range(12):
    row = 'In "naïve" @DISEASE$ %d, @GENE$ plays a rôle.\t%d\n'
    assert row % (i, i % 4 != 3) in rows
  name = "EUADR_Corpus_IBIgroup/EUADR_target_disease.csv"
  data = corpus_files.files("euadr")[name].decode("latin-1").encode("utf-8")
  assert made("euadr", changed={name: data}) == files


@pytest.mark.parametrize("dataset", ["gad", "euadr"])
def test_biobert_folds_stay_unchanged(made, dataset):
  name = {"gad": "GAD"}.get(dataset, dataset)
  folds = corpus_files.folds(name)
  files = made(dataset, changed=folds)
  assert {
    "%s/%s" % (name, path): text.encode("utf-8") for path, text in files.items()
  } == folds
  assert made.report.notes == ["3 of BioBERT's folds, unchanged: 1, 2, 3."]


def test_blurbs_gad_is_bioberts_first_fold(tmp_path):
  corpus_files.write(tmp_path, corpus_files.folds())
  files, report = corpus_files.convert(tmp_path, "gad", "blurb")
  assert files["test.tsv"].startswith("index\tsentence\tlabel\n")
  assert report.counts["rows"] == {"train": 6, "dev": 0, "test": 3}


def test_chemprot_marks_pairs_within_a_sentence(made):
  assert made("chemprot")["train.tsv"] == "".join(
    "%s.%s\n" % (pmid, row)
    for pmid in ("108", "109")
    for row in (
      "T1.T10\t@CHEMICAL$ inhibits @GENE$.\tCPR:4",
      "T3.T11\t@CHEMICAL$ binds @GENE$.\tfalse",  # CPR:2 is not evaluated.
      "T11.T2\tZinc binds @CHEM-GENE$.\tfalse",
      "T4.T12\t@CHEMICAL$ raise @GENE$.\tCPR:3",
    )
  )
  assert list(made.report.rules.values()) == [dict.fromkeys(SPLITS, 2)]
  assert "\n108.T2.T11\tZinc" in made("chemprot", "blue")["train.tsv"]


def test_chemprot_part_that_is_missing_is_empty_and_named(tmp_path):
  parts = corpus_files.unzipped(
    corpus_files.files("chemprot")["ChemProt_Corpus.zip"]
  )
  kept = {n: data for n, data in parts.items() if "test_gs" not in n}
  corpus_files.write(tmp_path, kept)
  with pytest.raises(InputError, match="found no test abstracts"):
    corpus_files.convert(tmp_path, "chemprot", allow_incomplete=False)
  files, report = corpus_files.convert(tmp_path, "chemprot")
  assert files["test.tsv"] == "" and len(files["train.tsv"]) > 100
  (note,) = report.notes
  assert note.startswith("The test set is empty: ")
  assert "found no test abstracts, expected chemprot_test_abstracts.tsv" in note


def with_relation(group, first, second):
  """Returns a change of ChemProt: one more relation per training abstract."""

  def change(name, data):
    if not name.endswith("training_relations.tsv"):
      return data
    for pmid in (b"108", b"109"):
      row = "%%s\t%s\tY \tX\tArg1:%s\tArg2:%s\n" % (group, first, second)
      data += row.encode("ascii") % pmid
    return data

  return corpus_files.inner(corpus_files.files("chemprot"), change)


def test_chemprot_keeps_the_last_group_of_a_pair_or_writes_all(made):
  changed = with_relation("CPR:3", "T1", "T10")  # It has CPR:4 already.
  rows = made("chemprot", changed=changed)["train.tsv"].split("\n")
  assert rows[0] == "108.T1.T10\t@CHEMICAL$ inhibits @GENE$.\tCPR:3"
  rule = "pairs with several groups (kept the last, as BLURB does)"
  assert made.report.rules[rule] == {"train": 2}
  assert made.report.counts["relations"]["train"] == 4
  text = " ".join(made.report.to_text().split())
  assert "BLUE counts each: train 2; the rest: pairs are within" in text
  rows = made("chemprot", "blue", changed)["train.tsv"].split("\n")
  assert [row.split("\t")[::2] for row in rows[1:3]] == [
    ["108.T1.T10", "CPR:4"],
    ["108.T1.T10", "CPR:3"],
  ]
  assert made.report.counts["relations"]["train"] == 6


def test_chemprot_repeated_relation_is_one_row(made):
  changed = with_relation("CPR:4", "T1", "T10")
  for layout in ("blurb", "blue"):
    expected = made("chemprot", layout)
    assert made("chemprot", layout, changed) == expected


@pytest.mark.parametrize(
  "chemical, gene, first",
  [((0, 3), (5, 8), "C"), ((2, 8), (3, 5), "C"), ((2, 8), (2, 5), "G")],
)
def test_blurbs_ids_name_the_gene_first_if_it_starts_no_later(
  chemical, gene, first
):
  mentions = [
    annotated.Mention(name, kind, (span,), "", "x:1")
    for name, kind, span in (("C", "CHEMICAL", chemical), ("G", "GENE", gene))
  ]
  document = annotated.Document("1", "abcdefghijk", None, mentions, [], "x:1")
  report = corpus_files.empty_report()
  report.options = report.options._replace(layout="blurb")
  (row,) = chemprot._pairs(document, "train", report)
  assert row.id.split(".")[1] == first


def test_ddi_end_offsets_are_inclusive_and_gaps_are_replaced(made):
  place = "DDI-DrugBank.d902.s0.p"
  assert made("ddi")["test.tsv"] == (
    place
    + "0\t@DRUG$ may raise @DRUG$ & zinc levels.\tDDI-effect\n"
    + place
    # Its type is not said.
    + "1\t@DRUG$ may raise left- or right-warfarin & @DRUG$ levels.\tDDI-int\n"
    + place
    + "2\tAspirin may raise @DRUG$ & @DRUG$ levels.\tDDI-false\n"
  )
  rules = made.report.rules
  assert rules["interactions without a type (DDI-int, as in BLURB)"] == {
    "train": 2,
    "dev": 1,
    "test": 1,
  }


def test_ddi_marks_in_blues_layout_have_the_type_of_the_drug(made):
  lines = made("ddi", "blue")["test.tsv"].split("\n")
  assert lines[0] == "index\tsentence\tlabel"
  assert (
    lines[3].split("\t")[1] == "Aspirin may raise @brand$ & @drug_n$ levels."
  )


def test_i2b2_counts_empty_tokens_and_reads_quotes_within_concepts(made):
  given = "She was given @treatment$ for %s and %s ."
  rows = [
    ("3.7", given % ("@problem$", "fever"), "TrAP"),
    ("3.7", given % ("@problem$", "fever"), "TrWP"),
    ("3.10", given % ("chest pain", "@problem$"), "false"),
    ("7.10", 'She was given " aspirin " for @problem$ and @problem$ .', "PIP"),
  ]
  assert made("i2b2")["test.tsv"] == "index\tsentence\tlabel\n" + "".join(
    "record-10.3.%s\t%s\t%s\n" % row for row in rows
  )


def test_i2b2_blanks_of_any_length_separate_tokens(made):
  changed = corpus_files.inner(
    corpus_files.files("i2b2"),
    lambda name, data: data.replace(b"was given", b"was  given"),
  )
  assert made("i2b2", changed=changed) == made("i2b2")


def test_i2b2_concepts_over_two_lines_are_left_out_and_counted(made):
  changed = corpus_files.inner(
    corpus_files.files("i2b2"),
    lambda name, data: data.replace(b"3:10 3:10", b"3:10 4:0"),
  )
  made("i2b2", changed=changed, allow_incomplete=False)
  assert made.report.rules["concepts over several lines (left out)"] == {
    "all": 11
  }
  assert made.report.counts["relations"] == {"train": 18, "dev": 2, "test": 2}


def jnlpba_with(old, new):
  return corpus_files.inner(
    corpus_files.files("jnlpba"),
    lambda name, data: data.replace(old, new, 1),
  )


def test_jnlpba_unknown_type_is_an_error_with_its_line(made):
  changed = jnlpba_with(b"B-protein", b"B-PRGE")
  message = "task2.iob2:10: found the label 'B-PRGE', expected O, or B- or I-"
  with pytest.raises(InputError, match=message):
    made("jnlpba", changed=changed, allow_incomplete=False)
  made("jnlpba", changed=changed)
  rule = made.report.rules["sentences with an unknown type (skipped)"]
  assert rule == {"training": 1, "test": 1}


@pytest.mark.parametrize(
  "dataset, name, old, new, message",
  [
    ("jnlpba", "eval2.iob2", b"in\tO", b"in", "eval2.iob2:5: found 1 column"),
    ("mednli", "dev_v1.jsonl", b"}\n", b"\n", "v1.jsonl:1: found no JSON"),
  ],
)
def test_allow_incomplete_skips_sentences_and_lines_that_cannot_be_read(
  made, dataset, name, old, new, message
):
  changed = corpus_files.inner(
    corpus_files.files(dataset),
    lambda path, data: (
      data.replace(old, new, 1) if path.endswith(name) else data
    ),
  )
  with pytest.raises(InputError, match=message):
    made(dataset, changed=changed, allow_incomplete=False)
  made(dataset, changed=changed)
  (messages,) = made.report.places.values()
  assert len(messages) == 1 and message in messages[0]


@pytest.mark.parametrize(
  "dataset, folder", [("linnaeus", "txt"), ("s800", "abstracts")]
)
def test_allow_incomplete_skips_a_document_that_cannot_be_read(
  made, dataset, folder
):
  found = corpus_files.files(dataset)
  name = min(name for name in found if "/%s/" % folder in name)
  changed = {name: b"M\xe9lange\n"}
  with pytest.raises(InputError, match=":1: found byte 0xe9, which is not UTF"):
    made(dataset, changed=changed, allow_incomplete=False)
  made(dataset)
  whole = made.report.counts["documents"]
  made(dataset, changed=changed)
  assert (
    sum(whole.values()) - sum(made.report.counts["documents"].values()) == 1
  )
  assert name in next(iter(made.report.places.values()))[0]


def test_jnlpba_task_1_alone_is_explained(tmp_path):
  corpus_files.write(tmp_path, {"Genia4ERtask1.iob2": b"IL-2\tB-protein\n"})
  with pytest.raises(
    InputError, match="files of task 1 lack the borders of ab"
  ):
    corpus_files.convert(tmp_path, "jnlpba", allow_incomplete=False)


def chemdner_in_bioc():
  """Returns the abstracts of bc4chemd in BioCreative VII's edition."""
  found = {}
  for part in ("training", "development", "evaluation"):
    files = corpus_files.files("bc4chemd")
    lines = files["chemdner_corpus/%s.abstracts.txt" % part].decode("utf-8")
    tags = files["chemdner_corpus/%s.annotations.txt" % part].decode("utf-8")
    tags = [tag.split("\t") for tag in tags.splitlines()]
    documents = []
    for pmid, title, abstract in (x.split("\t") for x in lines.splitlines()):
      passages = []
      for kind, text, offset in (
        ("title", title, 0),
        ("abstract", abstract, len(title) + 1),
      ):
        annotations = "".join(
          '<annotation id="1"><infon key="type">%s</infon><location offset="%d"'
          ' length="%d"/><text>%s</text></annotation>'
          % (tag[5], offset + int(tag[2]), int(tag[3]) - int(tag[2]), tag[4])
          for tag in tags
          if tag[:2] == [pmid, kind[0].upper()]
        )
        passages.append(
          '<passage><infon key="type">%s</infon><offset>%d</offset>'
          "<text>%s</text>%s</passage>" % (kind, offset, text, annotations)
        )
      index = '<annotation id="2"><infon key="type">%s</infon></annotation>'
      passages.append(
        "<passage><offset>%d</offset><text/>%s</passage>"
        % (len(title + abstract) + 1, index % "MeSH_Indexing_Chemical")
      )
      documents.append(
        "<document><id>%s</id>%s</document>" % (pmid, "".join(passages))
      )
    whole = "<collection>%s</collection>" % "".join(documents)
    found["BC7T2-CHEMDNER-corpus-%s.BioC.xml" % part] = whole.encode("utf-8")
  return {"BC7T2-CHEMDNER-corpus_v2.BioC.xml.gz": archive_files.tar_gz(found)}


def test_bc4chemd_in_bioc_gives_the_same_files(made, tmp_path):
  corpus_files.write(tmp_path / "bioc", chemdner_in_bioc())
  files, report = corpus_files.convert(tmp_path / "bioc", "bc4chemd")
  assert files == made("bc4chemd")
  assert not report.places


@pytest.mark.parametrize(
  "dataset, name, ids",
  [
    ("shareclefe", "devel.tsv", ["\t00004-000004-RADI", "\t00009-000009-RADI"]),
    ("i2b2", "dev.tsv", ["record-9."]),
    ("medsts", "dev.tsv", ["train-9\tclinical", "train-19\tclinical"]),
  ],
)
def test_without_a_published_list_every_nth_is_for_development(
  made, dataset, name, ids
):
  text = made(dataset)[name]
  assert all(name in text for name in ids)


def test_biosses_joins_lines_of_cells_and_averages_scores(made):
  assert made("biosses")["test.tsv"] == (
    "pair_id\tsent1\tsent2\tscore\n"
    "7\tCells grow 7. Fast.\tCells 7 shrink.\t2.0\n"
  )


def test_medsts_scores_may_be_in_the_file_of_test_pairs(made):
  files = made("medsts")
  pairs = corpus_files.files("medsts")
  name = "clinicalSTS2019.test.%s"
  lines = pairs[name % "txt"].split(b"\n")[:-1]
  scores = pairs[name % "gs.sim.txt"].split(b"\n")[:-1]
  joined = b"".join(b"%s\t%s\n" % both for both in zip(lines, scores))
  changed = {name % "txt": joined, name % "gs.sim.txt": None}
  assert made("medsts", changed=changed) == files
  assert files["test.tsv"].split("\n")[1].split("\t")[-3:] == [
    *('Pt 20 "stable" <10/10>.', "[FIRST NAME] 20 is well.", "4.5")
  ]


def with_first_question(name, key, value):
  """Returns {name: bytes} of a file of BioASQ 4b with a question changed."""
  root = json.loads(corpus_files.files("bioasq-4b")[name].decode("utf-8"))
  root["questions"][0][key] = value
  return {name: json.dumps(root).encode("utf-8")}


def test_bioasq_abstracts_replace_snippets(made):
  changed = with_first_question(
    "Task4BGoldenEnriched/4B1_golden.json",
    "documents",
    5,  # Counts as no documents.
  )
  changed["abstracts.tsv"] = b"700\tOf JAK3.\tHere CTNNB1 acts.\n"
  files = made("bioasq-4b", changed=changed)
  name = "BioASQ-train-factoid-4b.json"
  (article,) = json.loads(files[name])["data"]
  first, second = article["paragraphs"]
  assert first["context"] == "Of JAK3. Here CTNNB1 acts."
  assert first["qas"][0]["answers"] == [{"text": "CTNNB1", "answer_start": 14}]
  assert second["context"].startswith("Here Β")
  rule = "questions without an abstract (took their snippets)"
  assert made.report.rules[rule] == {"train": 1, "test": 16}


def test_bioasq_trains_on_earlier_golden_files_without_a_training_file(made):
  earlier = {
    name: data
    for name, data in corpus_files.files("bioasq-5b").items()
    if "golden" in name
  }
  earlier["BioASQ-training6b.json"] = None
  files = made("bioasq-6b", changed=earlier)
  names = [name for name in files if "train" in name]
  assert sorted(names) == [
    "BioASQ-train-%s-6b.json" % kind for kind in ("factoid", "list", "yesno")
  ]
  assert "(5B1_golden.json, 5B2" in made.report.notes[0]
  answers = json.loads(files["BioASQ-train-yesno-6b.json"])["data"][0]
  assert answers["paragraphs"][1]["qas"][0]["answers"] == "yes"


@pytest.mark.parametrize(
  "key, value, rule",
  [
    ("exact_answer", None, "questions without an exact answer (skipped)"),
    ("exact_answer", [[]], "questions without an exact answer (skipped)"),
    ("exact_answer", 5, "unusable exact answers (left out)"),
    ("snippets", [], "factoid questions without a snippet (skipped)"),
  ],
)
def test_bioasq_skips_and_counts_questions_without_answer_or_snippet(
  made, key, value, rule
):
  changed = with_first_question("BioASQ-training4b.json", key, value)
  files = made("bioasq-4b", changed=changed)
  paragraphs = json.loads(files["BioASQ-train-factoid-4b.json"])["data"][0]
  assert [p["qas"][0]["id"] for p in paragraphs["paragraphs"]] == ["t1_000"]
  assert made.report.rules[rule] == {"train": 1}


def test_bioasq_report_blames_a_lower_count_on_questions_without_a_snippet(
  made, monkeypatch
):
  published = {"bioasq-4b": {"factoid questions": {"train": 2, "test": 5}}}
  monkeypatch.setattr(
    bioasq, "PUBLISHED", bioasq.PUBLISHED._replace(counts=published)
  )
  changed = with_first_question("BioASQ-training4b.json", "snippets", [])
  made("bioasq-4b", changed=changed)
  text = " ".join(made.report.to_text().split())
  reason = (
    "factoid questions: train 2, test 5; questions without a snippet, so "
    "without a text to answer them from: train 1 "
  )
  assert reason in text and "several times" not in text


def test_bioasq_bare_strings_are_answers_and_counted(made):
  changed = with_first_question(
    "BioASQ-training4b.json", "exact_answer", [["CTNNB1"], "JAK1"]
  )
  files = made("bioasq-4b", changed=changed)
  paragraphs = json.loads(files["BioASQ-train-factoid-4b.json"])["data"][0]
  answers = paragraphs["paragraphs"][0]["qas"][0]["answers"]
  assert answers == [{"text": "JAK1", "answer_start": 16}]
  rule = "exact answers with bare strings (taken as an answer each)"
  assert made.report.rules[rule] == {"train": 1}


def test_bioasq_without_a_training_set_has_test_sets_if_allowed(made):
  changed = {"BioASQ-training4b.json": None}
  files = made("bioasq-4b", changed=changed)
  assert "BioASQ-test-list-4b-1.json" in files
  assert made.report.notes[0].startswith("The train set is empty: ")


def test_bioasq_question_in_two_training_files_is_an_error(made):
  data = corpus_files.files("bioasq-4b")["BioASQ-training4b.json"]
  with pytest.raises(InputError, match="question 't0' in two training files"):
    made("bioasq-4b", changed={"x/BioASQ-trainingset-4b.json": data})


# ------------------------------------------------------------- many data sets


@pytest.mark.parametrize("dataset", prepare_data.CONVERTERS)
def test_windows_line_ends_change_nothing(made, dataset):
  changed = corpus_files.inner(
    corpus_files.files(dataset), lambda name, data: data.replace(b"\n", b"\r\n")
  )
  expected = made(dataset)
  files = made(dataset, changed=changed)
  golden = [name for name in files if "golden" in name]  # Copied unchanged.
  for name in golden:
    assert files.pop(name).replace("\r\n", "\n") == expected.pop(name)
  assert files == expected


@pytest.mark.parametrize(
  "dataset, ending",
  [
    ("bc2gm", ".in"),
    ("bc2gm", ".eval"),
    ("bc4chemd", ".txt"),
    ("bc5cdr-chem", ".txt"),
    ("ncbi-disease", ".txt"),
    ("linnaeus", "tags.tsv"),
    ("s800", ".tsv"),
    ("chemprot", ".tsv"),
    ("gad", ".csv"),
    ("euadr", ".csv"),
    ("i2b2", ".con"),
    ("i2b2", ".rel"),
  ],
)
def test_the_order_of_documents_and_annotations_does_not_matter(
  made, dataset, ending
):
  def reverse(name, data):
    if not name.endswith(ending):
      return data
    cut = b"\n\n" if dataset in ("bc5cdr-chem", "ncbi-disease") else b"\n"
    return cut.join(reversed(data.strip(b"\n").split(cut))) + cut

  changed = corpus_files.inner(corpus_files.files(dataset), reverse)
  assert changed != corpus_files.files(dataset)
  assert made(dataset, changed=changed) == made(dataset)


@pytest.mark.parametrize("dataset", prepare_data.CONVERTERS)
def test_a_corpus_in_one_archive_gives_the_same_files(made, tmp_path, dataset):
  expected = made(dataset)
  whole = archive_files.tar_gz(corpus_files.files(dataset))
  corpus_files.write(tmp_path / "packed", {"download.tgz": whole})
  assert corpus_files.convert(tmp_path / "packed", dataset)[0] == expected
