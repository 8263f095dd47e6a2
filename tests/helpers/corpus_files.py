# SPDX-License-Identifier: Apache-2.0
"""Small invented corpora in the formats of their owners.

`files` returns {path below --input_dir: bytes}; `write` writes them there.
"""

import io
import json
import tarfile
import zipfile

from common import data_sets
from converters.shared import corpus
from converters.shared import splits
import prepare_data
from tests.helpers import archive_files


def files(dataset):
  """Returns the files of an invented corpus, {name: bytes}."""
  found = CORPORA[dataset]()
  return {
    name: text if isinstance(text, bytes) else text.encode("utf-8")
    for name, text in found.items()
  }


def write(folder, found):
  """Writes {name: bytes} below a folder (a pathlib.Path); returns its path."""
  for name, data in found.items():
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
  return str(folder)


def convert(
  folder,
  dataset,
  layout=None,
  allow_incomplete=True,
  alternatives=False,
  drops=(),
  choices=None,
):
  """Converts a folder; returns ({file name: text}, corpus.Report)."""
  options = prepare_data.make_options(
    dataset, layout, alternatives, allow_incomplete, choices
  )
  return prepare_data.convert(str(folder), options, drops)[:2]


def empty_report():
  """Returns a corpus.Report without counts, for a data set without any."""
  return corpus.Report(
    data_sets.find("gad"),
    corpus.Published({}, "nobody"),
    corpus.Options("gad", "biobert", False, False),
  )


def unzipped(data):
  """Returns {name: bytes} of the files in a zip archive."""
  with zipfile.ZipFile(io.BytesIO(data)) as archive:
    return {name: archive.read(name) for name in archive.namelist()}


def untarred(data):
  """Returns {name: bytes} of the files in a tar archive."""
  with tarfile.open(fileobj=io.BytesIO(data)) as archive:
    return {
      info.name: archive.extractfile(info).read()
      for info in archive
      if info.isfile()
    }


def inner(found, change):
  """Returns files changed by a function of (name, bytes), also in archives."""
  changed = {}
  for name, data in found.items():
    if name.endswith(".zip"):
      data = archive_files.zipped(inner(unzipped(data), change))
    elif name.endswith(".tar.gz"):
      data = archive_files.tar_gz(inner(untarred(data), change))
    elif not name.endswith(".docx"):
      data = change(name, data)
    changed[name] = data
  return changed


def _rows(rows):
  """Returns lines of tab-separated cells."""
  return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def _span(text, phrase):
  """Returns the half-open span of the first occurrence of a phrase."""
  start = text.index(phrase)
  return start, start + len(phrase)


# --------------------------------------------------------------- named entities

_NOTE = (
  "00001||||1||||RADIOLOGY_REPORT||||2001-01-01\n"
  "Name: [**Known lastname 12**] ___\n\n"
  "The left %s is dilated. Seen by [**Name**]: mild pain in the knee.\n"
)


def shareclefe(with_xml=True):
  """Returns ten training and two test notes; gold in lines and Knowtator's XML.

  In each note one mention in two parts; in the first also one without a
  concept.
  """
  found = {}
  for i in range(12):
    name = "%05d-%06d-RADIOLOGY_REPORT" % (i, i)
    text = _NOTE % ("atrium" if i else "ventricle")
    first, second = _span(text, "left"), _span(text, "dilated")
    mentions = [("C0000001", (first, second))]
    if i == 0:
      mentions.append(("CUI-less", (_span(text, "pain in the knee"),)))
    part = ("Task1TrainSetCorpus199", "Task1TestSetCorpus100")[i > 9]
    found["%s/ALLREPORTS/%s.txt" % (part, name)] = text
    gold = "Task1TrainSetGOLD199knowtatorehost/Task1Gold/%s.txt" % name
    if i > 9:
      gold = "Task1Gold_SN2012/Gold_SN2012/%s.txt" % name
    if with_xml and i % 2 == 0 and i < 10:
      found[gold + ".knowtator.xml"] = _knowtator(name, mentions)
    else:
      found[gold] = _clef_lines(name, mentions)
  return found


def _clef_lines(name, mentions):
  return "".join(
    "%s.txt||Disease_Disorder||%s||%s\n"
    % (name, concept, "||".join("%d||%d" % span for span in spans))
    for concept, spans in mentions
  )


def _knowtator(name, mentions):
  lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<annotations textSource="%s.txt">' % name,
  ]
  for i, (concept, spans) in enumerate(mentions):
    parts = "".join('<span start="%d" end="%d"/>' % span for span in spans)
    lines += [
      ' <annotation><mention id="E_%d"/><annotator id="A1">A1</annotator>%s'
      "<spannedText>...</spannedText></annotation>" % (i, parts),
      ' <stringSlotMention id="S_%d"><mentionSlot id="Associate Code"/>'
      '<stringSlotMentionValue value="%s"/></stringSlotMention>' % (i, concept),
      ' <classMention id="E_%d"><hasSlotMention id="S_%d"/>'
      '<mentionClass id="Disease_Disorder">...</mentionClass></classMention>'
      % (i, i),
    ]
  return "\n".join(lines) + "\n</annotations>\n"


def _bc2gm():
  """Returns three, two and two sentences to train, develop and test on."""
  dev = sorted(splits.ids("bc2gm.dev"))[:2]
  train = [
    ("P1T0000", "The alpha beta kinase binds Raf-1. It is bound.", ["Raf-1"]),
    ("P2T0000", "Tumor p53 and p53 (human) differ.", ["p53", "p53 (human)"]),
    ("P3T0000", "No gene at all.", []),
    (dev[0], "Abl kinase.", ["Abl kinase"]),
    (dev[1], "Nothing here.", []),
  ]
  test = [
    ("P8T0000", "A cyclin D1 gene and cyclin D1.", ["cyclin D1 gene"]),
    ("P9T0000", "An end with Myc", ["Myc"]),
  ]
  found = {}
  for part, sentences in (("train", train), ("test", test)):
    found["bc2GM%s/%s/%s.in" % (part, part, part)] = "".join(
      "%s %s\n" % sentence[:2] for sentence in sentences
    )
    found["bc2GM%s/%s/GENE.eval" % (part, part)] = "".join(
      "%s|%d %d|%s\n" % ((name,) + _without_blanks(text, gene) + (gene,))
      for name, text, genes in sentences
      for gene in genes
    )
  return found


def _without_blanks(text, phrase):
  """Returns the first and last offset, not counting blanks."""
  start = len(text[: text.rindex(phrase)].replace(" ", ""))
  return start, start + len(phrase.replace(" ", "")) - 1


def _bc4chemd():
  """Returns two, one and one abstracts to train, develop and test on."""
  parts = {
    "training": [
      (
        "1",
        "Effects of aspirin.",
        "Aspirin (5 mg) and naïve NaCl. β-carotene.",
      ),
      ("2", "No chemical.", "Nothing of the kind."),
    ],
    "development": [("3", "Caffeine at work.", "It is caffeine.")],
    "evaluation": [("4", "Tea.", "Theanine-rich tea.")],
  }
  mentions = {
    "training": [
      ("1", "T", "aspirin", "TRIVIAL"),
      ("1", "A", "Aspirin", "TRIVIAL"),
      ("1", "A", "NaCl", "FORMULA"),
      ("1", "A", "β-carotene", "NO CLASS"),
    ],
    "development": [("3", "T", "Caffeine", "TRIVIAL")],
    "evaluation": [("4", "A", "Theanine", "TRIVIAL")],
  }
  found = {}
  for part, abstracts in parts.items():
    texts = {(n, "T"): t for n, t, _ in abstracts}
    texts.update({(n, "A"): a for n, _, a in abstracts})
    name = "chemdner_corpus/%s.%%s.txt" % part
    found[name % "abstracts"] = _rows(abstracts)
    found[name % "annotations"] = _rows(
      (n, where) + _span(texts[n, where], said) + (said, kind)
      for n, where, said, kind in mentions[part]
    )
  return found


_PUBTATOR = "%s|t|%s\n%s|a|%s\n%s\n"


def _pubtator(name, title, abstract, mentions, more=""):
  """Returns a document; mentions are (text, type, further columns)."""
  text = title + " " + abstract
  rows = _rows(
    (name,) + _span(text, said) + (said, kind) + tuple(cells)
    for said, kind, cells in mentions
  )
  return _PUBTATOR % (name, title, name, abstract, rows + more)


def _bc5cdr():
  """Returns two, one and one documents to train, develop and test on."""
  composite = _pubtator(
    "11",
    "Renal and hepatic failure after naloxone.",
    "We saw pain. Pain was bad.",
    [
      ("naloxone", "Chemical", ["D1"]),
      ("Renal and hepatic failure", "Disease", ["D2|D3", "Renal failure|..."]),
      ("pain", "Disease", ["D4"]),
    ],
    "11\tCID\tD1\tD2\n",
  )
  return {
    "CDR_TrainingSet.PubTator.txt": composite
    + _pubtator("12", "Lithium.", "", [("Lithium", "Chemical", ["-1"])]),
    "CDR_DevelopmentSet.PubTator.txt": _pubtator(
      "13", "A case.", "Acute fever.", [("fever", "Disease", ["D5"])]
    ),
    "CDR_TestSet.PubTator.txt": _pubtator(
      "14", "Zinc.", "Zinc gave ulcers.", [("Zinc", "Chemical", ["D6"])]
    ),
  }


def _ncbi_disease():
  """Returns three, one and one documents; a training document is repeated."""
  twice = _pubtator(
    "22",
    "Familial ataxia.",
    "An ataxia of adults.",
    [("Familial ataxia", "SpecificDisease", ["D1"])],
  )
  first = _pubtator(
    "21",
    "Breast or ovarian cancer.",
    "A cancer family.",
    [
      ("Breast or ovarian cancer", "CompositeMention", ["D2|OMIM:3"]),
      ("cancer family", "Modifier", ["D4+D5"]),
    ],
  )
  third = _pubtator(
    "23", "Ataxia.", "Tumours.", [("Tumours", "DiseaseClass", ["D6"])]
  )
  dev = _pubtator("24", "Gout.", "It is.", [("Gout", "SpecificDisease", ["D"])])
  return {
    "NCBItrainset_corpus.zip": archive_files.zipped(
      {"NCBItrainset_corpus.txt": "\n" + first + twice + third + twice}
    ),
    "NCBIdevelopset_corpus.zip": archive_files.zipped(
      {"NCBIdevelopset_corpus.txt": "\n" + dev}
    ),
    "NCBItestset_corpus.txt": dev.replace("24", "25"),
  }


def _jnlpba():
  """Returns 202 training abstracts, the last 200 for development; two for test.

  The first two have the same id.
  """
  abstract = (
    "###MEDLINE:%s\n\nIL-2\tB-DNA\ngene\tI-DNA\nin\tO\nT\tB-cell_type\n"
    "cells\tI-cell_type\n.\tO\n\nNF-kappaB\tB-protein\n.\tO\n\n"
  )
  training = "".join(
    abstract % (95000000 + max(i, 1)) for i in range(202)
  ).encode("utf-8")
  test = (abstract % 96000001 + abstract % 96000002).encode("utf-8")
  return {
    "Genia4ERtraining.tar.gz": archive_files.tar_gz(
      {"Genia4ERtask2.iob2": training}
    ),
    "Genia4ERtest.tar.gz": archive_files.tar_gz({"./Genia4EReval2.iob2": test}),
  }


def _linnaeus():
  """Returns two, one and one texts; one mention crosses a line end."""
  found, tags = {}, []
  for split in ("train", "dev", "test"):
    names = sorted(splits.ids("linnaeus." + split))[: 1 + (split == "train")]
    for name in names:
      text = "A study of\nmice.\n\nEscherichia\ncoli and mice differ.\n"
      found["manual-corpus-species-1.0/txt/%s.txt" % name] = text
      for said, taxon in (("mice", 10090), ("Escherichia\ncoli", 562)):
        tags.append(
          ("species:ncbi:%d" % taxon, name)
          + _span(text, said)
          + (" ".join(said.split()), "")
        )
  header = ("#species id", "document", "start", "end", "text", "code")
  found["manual-corpus-species-1.0/tags.tsv"] = _rows([header] + tags)
  return found


def _s800():
  """Returns two, one and one abstracts; end offsets are inclusive."""
  found, tags, pmids = {}, [], []
  chosen = [
    pmid
    for split in ("train", "dev", "test")
    for pmid in sorted(splits.ids("s800." + split))[: 1 + (split == "train")]
  ]
  for i, pmid in enumerate(chosen):
    name = "bact%03d" % i
    text = "Title on yeast.\nSaccharomyces cerevisiae and S. pombe grow.\n"
    found["S800-1.0/abstracts/%s.txt" % name] = text
    pmids.append((name, pmid, "bacteriology", 1, "Journal of Yeast"))
    for said in ("yeast", "Saccharomyces cerevisiae", "S. pombe"):
      start, end = _span(text, said)
      tags.append((4932, "%s:%s" % (name, pmid), start, end - 1, said))
  found["S800-1.0/S800.tsv"] = _rows(tags)
  found["S800-1.0/pubmedid.tsv"] = _rows(pmids)
  return found


# -------------------------------------------------------------------- relations

_GAD_COLUMNS = (
  "GAD_ID GAD_ASSOC GAD_GENE_SYMBOL GAD_GENE_NAME GAD_ENTREZ_ID "
  "NER_GENE_ENTITY NER_GENE_OFFSET GAD_DISEASE_NAME NER_DISEASE_ENTITY "
  "NER_DISEASE_OFFSET GAD_CONCLUSION"
).split()


def _gad():
  """Returns twelve positive records, one P, one gene a date; and ten false."""
  found = {}
  for name, labels, number in (("GAD_Y_N", "YN", 12), ("GAD_F", "F", 10)):
    rows = [_GAD_COLUMNS]
    for i in range(number):
      label = labels[i % len(labels)] if i else {"YN": "P"}.get(labels, "F")
      text = 'The "%s" gene %d and gout, as %s says.' % ("Sep15", i, name)
      gene, gout = _span(text, "Sep15"), _span(text, "gout")
      said = "09/15/14" if i == 1 else "Sep15"
      rows.append(
        (i, label, "SEP15", "selenoprotein", 9403, said, "%d#%d" % gene)
        + ("GOUT   ", "gout", "%d#%d" % gout, text)
      )
    found["GAD_Corpus_IBIgroup/%s.csv" % name] = _rows(rows)
  return {"GAD_Corpus_IBIgroup.zip": archive_files.zipped(found)}


def folds(name="GAD"):
  """Returns BioBERT's files of a corpus: three folds of nine rows."""
  whole = ["The @GENE$ %d and @DISEASE$ ." % i for i in range(9)]
  found = {}
  for fold in range(3):
    test = [i for i in range(9) if i % 3 == fold]
    train = [i for i in range(9) if i % 3 != fold]
    cells = [("index", "sentence", "label")]
    cells += [(n, whole[i], i % 2) for n, i in enumerate(test)]
    found["%s/%d/test.tsv" % (name, fold + 1)] = _rows(cells)
    found["%s/%d/train.tsv" % (name, fold + 1)] = _rows(
      (whole[i], i % 2) for i in train
    )
    found["%s/%d/dev.tsv" % (name, fold + 1)] = ""
  return {path: text.encode("utf-8") for path, text in found.items()}


_EUADR_COLUMNS = (
  "ASSOCIATION_TYPE PMID NUM_SENTENCE ENTITY1_TEXT ENTITY1_INI ENTITY1_END "
  "ENTITY1_TYPE ENTITY2_TEXT ENTITY2_INI ENTITY2_END ENTITY2_TYPE SENTENCE"
).split()


def _euadr():
  """Returns twelve records in Latin-1 with quoted cells; diseases first."""
  rows = [_EUADR_COLUMNS]
  for i in range(12):
    text = 'In "naïve" gout %d, ABCG2 plays a rôle.' % i
    gene = ("ABCG2",) + _span(text, "ABCG2")
    gene += ("SNP & Sequence variations" if i % 2 else "Genes & Proteins",)
    gout = ("gout",) + _span(text, "gout") + ("Diseases & Disorders",)
    rows.append(
      (("PA", "NA", "SA", "FA")[i % 4], 900 + i, 1)
      + (gout + gene if i % 2 else gene + gout)
      + (text,)
    )
  quoted = [
    ['"%s"' % str(cell).replace('"', '""') for cell in row] for row in rows
  ]
  return {
    "EUADR_Corpus_IBIgroup/EUADR_target_disease.csv": _rows(quoted).encode(
      "latin-1"
    ),
    "EUADR_Corpus_IBIgroup/EUADR_drug_disease.csv": "other columns\n",
  }


def _chemprot():
  """Returns nested archives.

  Each abstract has an evaluated relation, one of another group, one across
  sentences and a pair that overlaps.
  """
  found = {}
  for number, part in enumerate(("sample", "training", "development", "test")):
    end = "_gs.tsv" if part == "test" else ".tsv"
    inner = "chemprot_" + part + ("_gs" if part == "test" else "")
    tables = {"abstracts": [], "entities": [], "relations": []}
    for i in range(2):
      pmid = str(100 * number + 9 - i)  # Not in order.
      title = "Aspirin inhibits COX-2."
      abstract = "Zinc binds insulin receptor. β-blockers raise CREB."
      text = title + " " + abstract
      tables["abstracts"].append((pmid, title, abstract))
      for name, kind, said in (
        ("T1", "CHEMICAL", "Aspirin"),
        ("T2", "CHEMICAL", "insulin"),
        ("T3", "CHEMICAL", "Zinc"),
        ("T4", "CHEMICAL", "β-blockers"),
        ("T10", "GENE-Y", "COX-2"),
        ("T11", "GENE-N", "insulin receptor"),
        ("T12", "GENE-Y", "CREB"),
      ):
        row = (pmid, name, kind) + _span(text, said) + (said,)
        tables["entities"].append(row)
      for group, evaluated, kind, first, second in (
        ("CPR:4", "Y ", "INHIBITOR", "T1", "T10"),
        ("CPR:2", "N ", "DIRECT-REGULATOR", "T3", "T11"),
        ("CPR:3", "Y ", "ACTIVATOR", "T4", "T12"),
        ("CPR:9", "Y ", "SUBSTRATE", "T1", "T12"),
      ):
        tables["relations"].append(
          (pmid, group, evaluated, kind, "Arg1:" + first, "Arg2:" + second)
        )
    found["ChemProt_Corpus/%s.zip" % inner] = archive_files.zipped(
      {
        "%s/chemprot_%s_%s%s" % (inner, part, kind, end): _rows(rows)
        for kind, rows in tables.items()
      }
    )
  return {"ChemProt_Corpus.zip": archive_files.zipped(found)}


def _ddi():
  """Returns two, one and one documents; names of folders have blanks."""
  dev = min(splits.ids("ddi.blurb.dev"))
  test = "DDICorpus/Test/Test for DDI Extraction task/"
  whole = {
    "DDICorpus/Train/DrugBank/Mycophenolic acid.xml": "DDI-DrugBank.d900",
    "DDICorpus/Train/MedLine/1.xml": "DDI-MedLine.d901",
    "DDICorpus/Train/DrugBank/Zinc.xml": dev,
    test + "DrugBank/Iron salts.xml": "DDI-DrugBank.d902",
  }
  found = {path: _ddi_document(name) for path, name in whole.items()}
  found["DDICorpus/Test/Test for DrugNER task/DrugBank/Iron salts.xml"] = (
    "<document/>"
  )
  found["DDICorpus/README.txt"] = "A corpus."
  return found


def _ddi_document(name):
  """Returns three drugs, one in two parts; a pair has no type."""
  text = "Aspirin may raise left- or right-warfarin & zinc levels."
  drugs = (
    ("drug", ["Aspirin"], "Aspirin"),
    ("brand", ["left-", "warfarin"], "left-warfarin"),
    ("drug_n", ["zinc"], "zinc"),
  )
  pairs = (
    (0, 1, 'ddi="true" type="effect"'),
    (0, 2, 'ddi="true"'),
    (1, 2, 'ddi="false"'),
  )
  place, escaped = name + ".s0", text.replace("&", "&amp;")
  lines = ['<?xml version="1.0" encoding="UTF-8" standalone="no"?>']
  lines.append('<document id="%s">' % name)
  lines.append('  <sentence id="%s" text="%s">' % (place, escaped))
  for i, (kind, parts, said) in enumerate(drugs):
    spans = [_span(text, part) for part in parts]
    offsets = ";".join("%d-%d" % (start, end - 1) for start, end in spans)
    cells = (place, i, offsets, kind, said)
    lines.append(
      '    <entity id="%s.e%d" charOffset="%s" type="%s" text="%s"/>' % cells
    )
  for i, (first, second, label) in enumerate(pairs):
    cells = (place, i, place, first, place, second, label)
    lines.append('    <pair id="%s.p%d" e1="%s.e%d" e2="%s.e%d" %s/>' % cells)
  lines += [
    "  </sentence>",
    '  <sentence id="%s.s1" text="No drug here."/>' % name,
    "</document>",
  ]
  return "\n".join(lines) + "\n"


_I2B2_TEXT = (
  "Admission Date :\n"
  " He has chest pain .\n"  # Its token 0 is empty.
  'She was given " aspirin " for chest pain and fever .\n'
)


def _i2b2():
  """Returns ten training notes, one of them for development; one test note."""
  concepts = [
    ("chest pain", "2:3 2:4", "problem"),
    ('" aspirin "', "3:3 3:5", "treatment"),
    ("chest pain", "3:7 3:8", "problem"),
    ("fever", "3:10 3:10", "problem"),
  ]
  con = "".join('c="%s" %s||t="%s"\n' % concept for concept in concepts)
  ast = "".join(
    'c="%s" %s||t="%s"||a="present"\n' % concept
    for concept in concepts
    if concept[2] == "problem"
  )
  rel = "".join(
    'c="%s" %s||r="%s"||c="%s" %s\n'
    % (concepts[i][:2] + (kind,) + concepts[j][:2])
    for i, kind, j in ((1, "TrAP", 2), (1, "TrWP", 2), (3, "PIP", 2))
  )
  found = {}
  for i in range(11):
    if i < 10:
      part = "training_data/%s/" % ("beth", "partners")[i % 2]
      folders = [part + kind for kind in ("txt", "concept", "ast", "rel")]
    else:
      part = "reference_standard_for_test_data/"
      folders = ["test_data", part + "concepts", part + "ast", part + "rel"]
    endings = ("txt", "con", "ast", "rel")
    for folder, ending, text in zip(
      folders, endings, (_I2B2_TEXT, con, ast, rel)
    ):
      found["%s/record-%d.%s" % (folder, i, ending)] = text
  return found


# ------------------------------------------------ similarity, inference, others


def _biosses():
  """Returns the pairs 1 to 12; cells contain line ends."""
  header = ["", "Sentence 1", "Sentence 2"]
  texts = [
    ["%d  " % i, "Cells\tgrow %d.\nFast." % i, "Cells %d shrink." % i]
    for i in range(1, 13)
  ]
  scores = [
    [str(i)] + [str((i + k) % 5) for k in range(5)] for i in range(1, 13)
  ]
  return {
    "Annotation-Pairs.docx": word_document([header] + texts),
    "Annotator-Scores.docx": word_document(
      [["Sentence No"] + ["Annotator " + letter for letter in "ABCDE"]] + scores
    ),
  }


def word_document(*tables):
  """Returns a Word document of tables, which are rows of cells."""
  import docx

  document = docx.Document()
  for rows in tables:
    table = document.add_table(len(rows), len(rows[0]))
    for row, cells in zip(table.rows, rows):
      for cell, text in zip(row.cells, cells):
        cell.text = text
  return saved(document)


def saved(document):
  """Returns the bytes of a document of python-docx."""
  buffer = io.BytesIO()
  document.save(buffer)
  return buffer.getvalue()


def _medsts():
  """Returns twenty training pairs, two for development; three test pairs."""
  pairs = [
    ('Pt %d "stable" <10/10>.' % i, "[FIRST NAME] %d is well." % i)
    for i in range(23)
  ]
  scores = ["%.2g" % (i % 11 / 2.0) for i in range(23)]
  name = "clinicalSTS2019.%s.txt"
  return {
    name % "train": _rows(
      pair + (score,) for pair, score in zip(pairs[:20], scores)
    ),
    name % "test": _rows(pairs[20:]),
    name % "test.gs.sim": _rows((score,) for score in scores[20:]),
  }


def _mednli():
  """Returns six, three and three pairs to train, develop and test on."""
  labels = ("entailment", "contradiction", "neutral")
  found = {}
  for split, number in (("train", 6), ("dev", 3), ("test", 3)):
    found["mli_%s_v1.jsonl" % split] = "".join(
      json.dumps(
        {
          "sentence1": "Seen by [** Name **] on day %d %s." % (i, split),
          "pairID": "%s-%04d" % (split, i),
          "sentence1_parse": "(ROOT)",
          "sentence2": " Patient %d is β-thalassemic" % i,
          "gold_label": labels[i % 3],
        }
      )
      + "\n"
      for i in range(number)
    )
  return found


def _hoc():
  """Returns two, one and one abstracts to train, develop and test on."""
  dev, test = (min(splits.ids("hoc.blurb." + s)) for s in ("dev", "test"))
  found = {}
  for name in ("901", "902", dev, test):
    found["text/%s.txt" % name] = (
      "Cells grow in %s .\nThey do not die .\nMETHODS .\n" % name
    )
    found["labels/%s.txt" % name] = (
      "<Sustaining proliferative signaling--Growth factors ANDResisting cell "
      "death--Apoptosis AND Sustaining proliferative signaling--Receptors"
      "<NULL< "
    )
  return {
    "HoC.tar.gz": archive_files.tar_gz(
      {"./" + name: text.encode("utf-8") for name, text in found.items()}
    )
  }


def _bioasq(year):
  """Returns four training questions; five golden files with all kinds."""
  found = {"BioASQ-training%sb.json" % year: _questions("t", ("factoid",) * 2)}
  for batch in range(1, 6):
    found["Task%sBGoldenEnriched/%sB%d_golden.json" % (year, year, batch)] = (
      _questions(str(batch), ("factoid", "yesno", "list", "summary"))
    )
  return found


def _questions(name, kinds):
  """Returns questions as JSON, each with two snippets, one without answer."""
  exact = {
    "factoid": [["β-catenin", "CTNNB1"]],
    "yesno": "Yes.",
    "list": [["JAK1"], ["JAK2"]],
  }
  questions = []
  for i, kind in enumerate(kinds):
    question = {
      "id": "%s%d" % (name, i),
      "type": kind,
      "body": "What is meant by %s %d?" % (kind, i),
      "documents": ["http://www.ncbi.nlm.nih.gov/pubmed/%d" % (700 + i)],
      "snippets": [
        {
          "text": "Here Β-CATENIN, JAK1 and JAK2 act.",
          "document": "http://www.ncbi.nlm.nih.gov/pubmed/%d" % (700 + i),
          "offsetInBeginSection": 0,
        },
        {"text": "Nothing is said.", "document": "x"},
      ],
      "ideal_answer": ["Dummy."],
    }
    if kind in exact:
      question["exact_answer"] = exact[kind]
    questions.append(question)
  return json.dumps({"questions": questions}, ensure_ascii=False)


CORPORA = {
  "shareclefe": shareclefe,
  "bc2gm": _bc2gm,
  "bc4chemd": _bc4chemd,
  "bc5cdr-disease": _bc5cdr,
  "bc5cdr-chem": _bc5cdr,
  "jnlpba": _jnlpba,
  "linnaeus": _linnaeus,
  "ncbi-disease": _ncbi_disease,
  "s800": _s800,
  "gad": _gad,
  "euadr": _euadr,
  "chemprot": _chemprot,
  "ddi": _ddi,
  "i2b2": _i2b2,
  "biosses": _biosses,
  "medsts": _medsts,
  "mednli": _mednli,
  "hoc": _hoc,
  "bioasq-4b": lambda: _bioasq("4"),
  "bioasq-5b": lambda: _bioasq("5"),
  "bioasq-6b": lambda: _bioasq("6"),
}
