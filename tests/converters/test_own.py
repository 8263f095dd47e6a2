# SPDX-License-Identifier: Apache-2.0
"""Corpora of one's own: every format, messy folders, splits, relations, and a
model trained on them.
"""

import json

import pytest

from common.errors import InputError
from converters import own
from formats import conll
import run_ner
import run_re
from tests.helpers import corpus_files
from tests.helpers import tiny

TEXT = "Naloxone relieved severe pain.\nIt raised blood pressure."
ANN = (
  "T1\tChemical 0 8\tNaloxone\nT2\tDisease 25 29\tpain\n"
  "T3\tSign 41 55\tblood pressure\nR1\tTreats Arg1:T1 Arg2:T2\n"
)
# The same document in the other formats.
PUBTATOR = (
  "d|t|Naloxone relieved severe pain.\nd|a|It raised blood pressure.\n"
  "d\t0\t8\tNaloxone\tChemical\tD9270\nd\t25\t29\tpain\tDisease\tD10146\n"
  "d\t41\t55\tblood pressure\tSign\n"
  "d\tTreats\tD9270\tD10146\tNovel\t0.5\n"
)
SPANS = {
  "Chemical": (0, 8, "Naloxone", "D9270"),
  "Disease": (25, 4, "pain", "D10146"),
  "Sign": (41, 14, "blood pressure", "-"),
}
BIOC_JSON = {
  "documents": [
    {
      "id": "d",
      "passages": [
        {
          "offset": 0,
          "infons": {"type": "title"},
          "text": TEXT[:30],
          "annotations": [
            {
              "id": str(i),
              "infons": {"type": kind, "identifier": concept},
              "text": covered,
              "locations": [{"offset": start, "length": length}],
            }
            for i, (kind, (start, length, covered, concept)) in enumerate(
              SPANS.items()
            )
          ],
        },
        {"offset": 31, "infons": {}, "text": TEXT[31:], "annotations": []},
      ],
      "relations": [
        {
          "id": "R0",
          "infons": {
            "novel": "No",
            "entity1": "D9270",
            "entity2": "D10146",
            "type": "Treats",
          },
          "nodes": [],
        }
      ],
    }
  ]
}
BIOC = "<collection><document><id>d</id>%s%s%s</document></collection>" % (
  '<passage><infon key="type">title</infon><offset>0</offset><text>%s</text>'
  "</passage><passage><offset>31</offset><text>%s</text></passage>"
  % (TEXT[:30], TEXT[31:]),
  "".join(
    '<annotation id="%d"><infon key="type">%s</infon>'
    '<location offset="%d" length="%d"/><text>%s</text></annotation>'
    % (i, kind, start, length, covered)
    for i, (kind, (start, length, covered, _)) in enumerate(SPANS.items())
  ),
  '<relation id="R0"><infon key="type">Treats</infon><node refid="0" role=""/>'
  '<node refid="1" role=""/></relation>',
)
NER = (
  "Naloxone\tB-Chemical\nrelieved\tO\nsevere\tO\npain\tB-Disease\n.\tO\n\n"
  "It\tO\nraised\tO\nblood\tB-Sign\npressure\tI-Sign\n.\tO\n\n"
)
FORMATS = {
  "brat": {"d.txt": TEXT, "d.ann": ANN},
  "pubtator": {"d.txt": PUBTATOR},
  "bioc": {"d.xml": BIOC},
  "bioc-json": {"d.json": json.dumps(BIOC_JSON)},
  "bioc-json-lines": {"d.json": json.dumps(BIOC_JSON["documents"][0])},
  "bioc-json-list": {"d.json": json.dumps([BIOC_JSON])},
  "conll": {"d.conll": NER},
}
WHOLE = {"test_fraction": 0.0, "dev_fraction": 0.0}


@pytest.fixture
def make(tmp_path):
  """Converts {file name: text or bytes}; returns {file name: text}."""

  def convert(found, allow_incomplete=False, **choices):
    convert.number += 1
    folder = tmp_path / str(convert.number)
    data = {
      name: text if isinstance(text, bytes) else text.encode("utf-8")
      for name, text in found.items()
    }
    texts, convert.report = corpus_files.convert(
      corpus_files.write(folder, data),
      own.NAME,
      allow_incomplete=allow_incomplete,
      choices=own.DEFAULTS._replace(**choices),
    )
    return texts

  convert.number = 0
  return convert


def several(number):
  """Returns the files of so many documents of brat."""
  return {
    "%d.%s" % (i, ending): text.replace("severe", "grade %d" % i, 1)
    for i in range(number)
    for ending, text in (("txt", TEXT), ("ann", ann_of(i)))
  }


def ann_of(i):
  shift = len("grade %d" % i) - len("severe")
  text = "Naloxone relieved grade %d pain" % i
  assert text.index("pain") == 25 + shift
  return "T1\tChemical 0 8\tNaloxone\nT2\tDisease %d %d\tpain\n%s" % (
    25 + shift,
    29 + shift,
    "R1\tTreats Arg1:T1 Arg2:T2\n",
  )


# ---------------------------------------------------------------- the formats


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("input_format", ["auto", "named"])
def test_each_format_gives_the_same_words_and_labels(make, name, input_format):
  if input_format == "named":
    input_format = name.split("-")[0]
  texts = make(FORMATS[name], input_format=input_format, **WHOLE)
  assert texts == {"train.tsv": NER}
  assert make.report.counts["mentions of Sign"] == {"train": 1}


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"conll"}))
def test_each_format_gives_the_same_pairs(make, name):
  texts = make(FORMATS[name], task="re", **WHOLE)
  header, *rows = texts["train.tsv"].splitlines()
  assert header == "index\tsentence\tlabel"
  assert [row.split("\t")[1:] for row in rows] == [
    ["@Chemical$ relieved severe @Disease$.", "Treats"]
  ]


def test_conll_has_no_relations(make):
  with pytest.raises(InputError, match="found CoNLL, which has no relations"):
    make(FORMATS["conll"], task="re")


@pytest.mark.parametrize(
  "labels, expected",
  [
    ("I-A I-A I-B O I-A", "B-A I-A B-B O B-A"),  # IOB1
    ("B-A E-A S-A S-A O", "B-A I-A B-A B-A O"),  # IOBES
    ("B-A B-A I-A B-C I-C", "B-A B-A I-A O O"),  # --types leaves C out.
    ("I-C I-A O O O", "O B-A O O O"),
  ],
)
def test_tags_of_conll_become_iob2(make, labels, expected):
  lines = ["w\t%s\n" % label for label in labels.split()]
  types = ["A", "B"] if "-B" in labels else ["A"]
  data = "".join(lines) + "\nw\tB-C\n"
  texts = make({"a.conll": data}, types=types, **WHOLE)
  found = [line.split("\t")[1] for line in texts["train.tsv"].split("\n")[:5]]
  assert " ".join(found) == expected


def test_files_that_are_no_documents_are_noted(make):
  found = dict(FORMATS["pubtator"], **{"README.txt": "Hi.", "x.pdf": b"%PDF-1"})
  make(found, **WHOLE)
  (note,) = [n for n in make.report.notes if "Ignored" in n]
  assert "README.txt" in note and "x.pdf" in note


def test_a_named_format_leaves_out_the_others(make):
  found = dict(FORMATS["bioc"], **FORMATS["conll"])
  found["Train.PubTator"] = PUBTATOR.replace("pain", "ache")
  texts = make(found, input_format="pubtator", **WHOLE)
  assert texts["train.tsv"] == NER.replace("pain", "ache")
  assert "d.conll" in make.report.notes[0] and "d.xml" in make.report.notes[0]


@pytest.mark.parametrize(
  "found, choices, message",
  [
    ({"a.txt": "Some text."}, {}, "found no annotated documents, expected"),
    (
      dict(FORMATS["bioc"], **{"p.txt": PUBTATOR}),
      {},
      "d.xml (bioc) and ",
    ),
    (
      {"x.pdf": "%PDF-"},
      {"input_format": "brat"},
      "found no file to read, exp",
    ),
    ({"a.xml": "<x/>"}, {"input_format": "bioc"}, "a.xml:1: found <x>, exp"),
    ({"a.json": "{}"}, {"input_format": "bioc"}, "a.json: found no document"),
    ({"a.txt": TEXT, "a.ann": ""}, {}, "found no annotated mention"),
    (
      FORMATS["brat"],
      {"types": ["Gene"]},
      "--types=Gene: found no mention of Gene in ",
    ),
    (
      FORMATS["brat"],
      {"types": ["Chemical", "Sign"], "task": "re"},
      "found no relation within a sentence of the training set, of the types",
    ),
  ],
)
def test_unfit_folders_are_rejected(make, found, choices, message):
  with pytest.raises(InputError) as caught:
    make(found, **dict(WHOLE, **choices))
  assert message in str(caught.value) and "\n" not in str(caught.value)


# ----------------------------------------------------------- messy annotations


@pytest.mark.parametrize(
  "text, shift",
  [
    (TEXT.replace("\n", "\r\n"), 1),  # Offsets count both characters,
    (TEXT.replace("\n", "\r\n"), 0),  # or one,
    ("\ufeff" + TEXT, 0),  # and no byte order mark.
    ("β" + TEXT[1:].replace("severe", "sévère"), 0),  # They count no bytes.
  ],
)
def test_offsets_are_counted_as_the_tool_did(make, text, shift):
  ann = ANN.replace("41 55", "%d %d" % (41 + shift, 55 + shift))
  ann = ann.replace("Naloxone", text.lstrip("\ufeff")[:8])
  texts = make({"a.txt": text, "a.ann": ann.replace("\n", "\r\n")}, **WHOLE)
  assert "blood\tB-Sign\npressure\tI-Sign" in texts["train.tsv"]
  assert texts["train.tsv"].count("B-") == 3


def test_offsets_that_count_a_byte_order_mark_are_counted(make):
  ann = "T1\tChemical 1 9\tNaloxone\nT2\tDisease 26 30\tpain\n"
  texts = make({"a.txt": "\ufeff" + TEXT, "a.ann": ann}, **WHOLE)
  assert texts["train.tsv"].startswith("Naloxone\tB-Chemical\n")
  (rule,) = [rule for rule in make.report.rules if "byte order mark" in rule]
  assert make.report.rules[rule] == {"all": 1}


def test_other_annotations_empty_files_and_bare_texts_are_no_faults(make):
  more = (
    "E1\tTreat:T1 Theme:T2\nA1\tNegation T1\n#1\tAnnotatorNotes T1\told\n"
    "*\tEquiv T1 T2\n"
  )
  found = {"a.txt": TEXT, "a.ann": ANN + more, "b.txt": "Nothing here."}
  found.update({"b.ann": "", "c.txt": "Not annotated."})
  texts = make(found, **WHOLE)
  assert texts["train.tsv"].count("B-") == 3
  assert "Nothing\tO" in texts["train.tsv"]
  assert "annotated" not in texts["train.tsv"]
  assert make.report.rules == {
    "texts without an .ann file (skipped, as not annotated)": {"all": 1}
  }


def test_nested_and_discontinuous_mentions_follow_the_rules(make):
  ann = (
    "T1\tSign 41 55\tblood pressure\nT2\tFluid 41 46\tblood\n"
    "T3\tEvent 9 17;25 29\trelieved pain\n"
  )
  texts = make({"a.txt": TEXT, "a.ann": ann}, **WHOLE)
  assert "relieved\tB-Event\nsevere\tO\npain\tI-Event" in texts["train.tsv"]
  assert "blood\tB-Sign\npressure\tI-Sign" in texts["train.tsv"]
  rules = "\n".join(make.report.rules)
  assert "share a word with a longer mention (skipped)" in rules
  assert "have several parts (B, then I, with O in the gaps)" in rules


def test_offsets_beyond_the_text_are_an_error_with_file_and_line(make):
  ann = ANN + "T4\tSign 90 99\twhat\n"
  found = {"a.txt": TEXT, "a.ann": ann}
  with pytest.raises(InputError, match=r"a\.ann:5: found the offsets 90 to 99"):
    make(found, **WHOLE)
  texts = make(found, allow_incomplete=True, **WHOLE)
  assert texts["train.tsv"].count("B-") == 3
  rules = make.report.rules
  assert rules == {"annotations that do not fit (skipped)": {"all": 1}}


def test_annotations_without_their_text_are_an_error(make):
  with pytest.raises(InputError, match="a.ann: found no .txt beside it"):
    make(dict(FORMATS["brat"], **{"a.ann": ANN}), **WHOLE)


def test_json_names_the_document_and_the_annotation(make):
  value = json.loads(json.dumps(BIOC_JSON))
  value["documents"][0]["passages"][0]["annotations"][1]["text"] = "gain"
  with pytest.raises(InputError) as caught:
    make({"d.json": json.dumps(value)}, **WHOLE)
  assert "d.json:1, document 'd', annotation '1': found 'pain' at" in str(
    caught.value
  )


def test_types_lose_their_white_space(make):
  found = {"p.txt": PUBTATOR.replace("\tSign", "\tVital sign")}
  texts = make(found, types=["Vital_sign"], **WHOLE)
  assert "pressure\tI-Vital_sign\n" in texts["train.tsv"]
  assert texts["train.tsv"].count("B-") == 1


# ------------------------------------------------------------------- relations


def rows_of(texts, split="train"):
  """Returns [(sentence, label)] of a split."""
  lines = texts[split + ".tsv"].splitlines()[1:]
  return [tuple(line.split("\t")[1:]) for line in lines]


def test_pairs_of_related_types_without_a_relation_are_negative(make):
  text = "Aspirin and iron: fever, not pain."
  ann = (
    "T1\tDrug 0 7\tAspirin\nT2\tDrug 12 16\tiron\nT3\tSign 18 23\tfever\n"
    "T4\tSign 29 33\tpain\nR1\tTreats Arg1:T1 Arg2:T3\n"
    "R2\tCauses Arg1:T4 Arg2:T2\nR3\tWorsens Arg1:T2 Arg2:T4\n"
  )
  texts = make({"a.txt": text, "a.ann": ann}, task="re", **WHOLE)
  assert rows_of(texts) == [
    ("@Drug$ and iron: @Sign$, not pain.", "Treats"),
    ("@Drug$ and iron: fever, not @Sign$.", "false"),
    ("Aspirin and @Drug$: @Sign$, not pain.", "false"),
    ("Aspirin and @Drug$: fever, not @Sign$.", "Causes"),
    ("Aspirin and @Drug$: fever, not @Sign$.", "Worsens"),
  ]
  assert make.report.rules == {
    "pairs with several relations (a row each)": {"train": 1}
  }
  assert make.report.counts["relations"] == {"train": 3}


def test_types_restrict_the_arguments(make):
  ann = ANN + "T4\tSign 18 24\tsevere\nR2\tHas Arg1:T2 Arg2:T4\n"
  found = {"a.txt": TEXT, "a.ann": ann}
  assert len(rows_of(make(found, task="re", **WHOLE))) == 2
  texts = make(found, task="re", types=["Chemical", "Disease"], **WHOLE)
  assert [label for _, label in rows_of(texts)] == ["Treats"]
  rule = "relations of other types (skipped)"
  assert make.report.rules == {rule: {"train": 1}}


def test_relations_across_sentences_are_counted(make):
  ann = ANN + "R2\tRaises Arg1:T1 Arg2:T3\n"
  texts = make({"a.txt": TEXT, "a.ann": ann}, task="re", **WHOLE)
  assert [label for _, label in rows_of(texts)] == ["Treats"]
  rule = "relations across sentences (skipped, as in BLURB and BLUE)"
  assert make.report.rules == {rule: {"train": 1}}


def test_relations_of_concepts_hold_for_each_of_their_mentions(make):
  text = PUBTATOR.replace("It raised blood", "Naloxone for pain").replace(
    "d\t41\t55\tblood pressure\tSign",
    "d\t31\t39\tNaloxone\tChemical\tD9270|D1\nd\t44\t48\tpain\tDisease\tD10146",
  )
  rows = rows_of(make({"p.txt": text}, task="re", **WHOLE))
  assert [label for _, label in rows] == ["Treats", "Treats"]


def test_a_relation_of_unknown_concepts_is_an_error(make):
  text = PUBTATOR.replace("Treats\tD9270", "Treats\tD1")
  message = "p.txt:6: found a relation of D1 and D10146, expected concepts of"
  with pytest.raises(InputError, match=message):
    make({"p.txt": text + PUBTATOR.replace("d", "e")}, task="re", **WHOLE)


def test_overlapping_mentions_share_a_mark(make):
  ann = ANN + "T4\tBad/pain 18 29\tsevere pain\nR2\tIs Arg1:T4 Arg2:T2\n"
  texts = make({"a.txt": TEXT, "a.ann": ann}, task="re", **WHOLE)
  assert ("Naloxone relieved @Bad_pain-Disease$.", "Is") in rows_of(texts)


# ------------------------------------------------------------------- the splits


@pytest.mark.parametrize(
  "names",
  [
    ("train/{}.txt", "Dev/{}.txt", "test/{}.txt"),
    ("x/Training/{}.txt", "x/devel/{}.txt", "x/testing/{}.txt"),
    ("CDR_TrainingSet_{}.txt", "my-dev_{}.txt", "Test{}.PubTator"),
  ],
)
def test_splits_in_the_names_are_kept(make, names):
  found = {
    name.format(i): PUBTATOR.replace("d|", "%s%d|" % (name[0], i)).replace(
      "\nd\t", "\n%s%d\t" % (name[0], i)
    )
    for name in names
    for i in range(1 + names.index(name))
  }
  texts = make(found)
  assert set(texts) == {"train.tsv", "devel.tsv", "test.tsv"}
  counts = make.report.counts["documents"]
  assert counts == {"train": 1, "dev": 2, "test": 3}


def test_names_of_brat_files_say_no_split(make):
  found = {
    name.replace("0.", "test."): text for name, text in several(4).items()
  }
  make(found)
  counts = make.report.counts["documents"]
  assert counts == {"train": 2, "dev": 1, "test": 1}


def test_splits_in_some_names_only_are_an_error(make):
  found = {"train/a.txt": PUBTATOR, "b.txt": PUBTATOR}
  with pytest.raises(InputError, match="b.txt: found no split in this path"):
    make(found)


def test_a_training_set_is_required(make):
  with pytest.raises(InputError, match="found test, expected a training set"):
    make({"test/a.txt": PUBTATOR})


def test_a_set_that_is_missing_is_drawn_if_its_fraction_is_given(make):
  found = {"train/" + name: text for name, text in several(5).items()}
  found.update(("test/" + n, text) for n, text in several(1).items())
  assert set(make(found)) == {"train.tsv", "test.tsv"}
  assert "--dev_fraction draws one" in make.report.notes[-1]
  make(found, dev_fraction=0.4)
  counts = make.report.counts["documents"]
  assert counts == {"train": 3, "dev": 2, "test": 1}
  with pytest.raises(InputError, match="has a test set of its own"):
    make(found, test_fraction=0.1)


def test_documents_stay_whole_and_a_seed_draws_the_same_ones(make):
  texts = make(several(20), seed=1)
  assert make.report.counts["sentences"] == {"train": 32, "dev": 4, "test": 4}
  assert texts == make(dict(reversed(list(several(20).items()))), seed=1)
  assert texts != make(several(20), seed=2)
  # The same on every Python and machine.
  grades = [
    line for line in texts["test.tsv"].split("\n") if line[:1].isdigit()
  ]
  assert grades == ["1\tO", "16\tO"]


def test_a_single_document_of_conll_is_split_by_its_sentences(make):
  lines = "".join("w%d\tB-A\nx\tO\n\n" % i for i in range(10))
  texts = make({"a.conll": lines}, test_fraction=0.2)
  assert [texts[name].count("B-A") for name in sorted(texts)] == [1, 2, 7]
  assert "sentences were drawn one by one" in "".join(make.report.notes)


def test_too_few_documents_to_draw_from_are_an_error(make):
  with pytest.raises(InputError, match="found 1 documents, expected some for"):
    make(FORMATS["brat"])


# -------------------------------------------------------------- trained models


def write_all(texts, folder):
  folder.mkdir()
  for name, text in texts.items():
    (folder / name).write_text(text, encoding="utf-8")
  return str(folder)


@pytest.mark.once
def test_a_brat_folder_trains_run_ner(make, tmp_path):
  data = write_all(make(several(30)), tmp_path / "data")
  results = tiny.run(
    run_ner, tmp_path, data_dir=data, do_eval=True, train_step=2
  )
  assert set(results["dev"]["types"]) == {"Chemical", "Disease"}
  assert results["test"]["gold"] == 6


@pytest.mark.once
def test_a_biored_like_pubtator_folder_trains_run_re(make, tmp_path):
  found = {
    "%s.PubTator" % split: "\n".join(
      PUBTATOR.replace("d|", "%s%d|" % (split, i))
      .replace("\nd\t", "\n%s%d\t" % (split, i))
      .replace("Treats", ("Association", "Cotreatment")[i % 2])
      for i in range(6)
    )
    for split in ("Train", "Dev", "Test")
  }
  data = write_all(make(found, task="re"), tmp_path / "data")
  results = tiny.run(
    run_re,
    tmp_path,
    data_dir=data,
    do_eval=True,
    train_step=2,
    task_name="generic",
  )
  assert "f1" in results["dev"] and "f1" in results["test"]


def test_run_re_reads_the_label_of_unrelated_pairs(make):
  text = PUBTATOR.replace("It raised blood", "Naloxone for pain").replace(
    "d\t41\t55\tblood pressure\tSign",
    "d\t31\t39\tNaloxone\tChemical\tD1\nd\t44\t48\tpain\tDisease\tD2",
  )
  data = make({"p.txt": text}, task="re", **WHOLE)["train.tsv"].encode("utf-8")
  task = run_re.Re(None, 128, negative_label=own.NEGATIVE)
  task.learned = task.learn(task.read(data, "train.tsv", "train"))
  assert task.learned["labels"] == ["Treats", "false"]
  assert task.negative() == "false"


def test_run_ner_reads_the_words_of_any_type(make):
  found = {"p.txt": PUBTATOR.replace("\tSign", "\tGene/Protein-Y")}
  data = make(found, **WHOLE)["train.tsv"].encode("utf-8")
  labels = conll.labels_of(conll.parse(data, "train.tsv"))
  assert "I-Gene/Protein-Y" in labels
