# SPDX-License-Identifier: Apache-2.0
"""The benchmark's data sets: the one table of their names, tasks, metrics,
licences and links.

prepare_data.py, scripts/download.sh, the sweep and the report all read it.
`python -m common.data_sets` prints it in Markdown.
"""

import collections
import re

# metrics: {key in results.json: name to show}; models are compared by the
# first.
Task = collections.namedtuple("Task", "title program metrics")

# A file to download from the first of its addresses that has it. A checksum is
# given only where one is published for it; scripts/download.sh records the
# others at the first download.
File = collections.namedtuple("File", "name addresses sha256", defaults=(None,))
DRIVE = "https://drive.google.com/"

# A row of the table:
#   name         for --dataset, scripts/download.sh and configs/recipes
#   label        as tables of scores show it
#   task         a key of TASKS
#   title        in full
#   licence      as the source states it
#   home         page to read about it, to ask for it, to download it by hand
#   input_files  what prepare_data.py wants to find in --input_dir
#   files        what scripts/download.sh fetches; without any, a person does
#   agreement    what a person must agree to first; such files are never fetched
#   preprocessed the folder of BioALBERT's authors; none where an agreement
#                forbids it
#   unpacking    what is left to do by hand once the files are there
#   layouts      whose splits and columns prepare_data.py writes, the default
#                first; none where there is no converter
#   metrics      as in Task; for questions see QUESTION_METRICS
#   aliases      other names of its folders of results
#   note         what to know about its scores
#   entity       what its entities are, where it has one type without a name
DataSet = collections.namedtuple(
  "DataSet",
  "name label task title licence home input_files files agreement"
  " preprocessed unpacking layouts metrics aliases note entity",
)

TASKS = {
  "NER": Task("named entities", "run_ner.py", {"f1": "entity F1"}),
  "RE": Task("relations", "run_re.py", {"f1": "micro F1"}),
  "STS": Task("similarity", "run_sts.py", {"pearson": "Pearson"}),
  "NLI": Task("inference", "run_nli.py", {"accuracy": "accuracy"}),
  "DC": Task(
    "documents", "run_dc.py", {"f1": "micro F1", "example_f1": "example F1"}
  ),
  "QA": Task("questions", "run_qa.py", {}),
}
# The metrics of each type of questions. BioASQ ranks yes/no answers by macro
# F1, but BLURB and most papers report accuracy.
QUESTION_METRICS = {
  "factoid": dict(
    mrr="MRR", strict="strict accuracy", lenient="lenient accuracy"
  ),
  "list": {"f1": "mean F1"},
  "yesno": {"accuracy": "accuracy"},
  "squad": {"f1": "F1", "exact": "exact match"},
}

# The (label, metric) of BLURB's data sets by family. EBM PICO and PubMedQA are
# not in this benchmark.
BLURB = {
  "NER": tuple(
    (name, "f1")
    for name in "BC5CDR-chem BC5CDR-disease NCBI-disease BC2GM JNLPBA".split()
  ),
  "PICO": (("EBM PICO", "macro_f1"),),
  "RE": (("ChemProt", "f1"), ("DDI", "f1"), ("GAD", "f1")),
  "STS": (("BIOSSES", "pearson"),),
  "DC": (("HoC", "f1"),),
  "QA": (("PubMedQA", "accuracy"), ("BioASQ 7b yes/no", "accuracy")),
}


def find(name):
  """Returns the DataSet of a name, label or alias; None for another name.

  Case and punctuation do not matter.
  """
  return _BY_NAME.get(_plain(name))


def converted():
  """Returns the DataSets that prepare_data.py converts."""
  return [data_set for data_set in DATA_SETS if data_set.layouts]


def to_markdown():
  """Returns the table for the documentation, a line for each data set."""
  rows = ["name | corpus | task | layouts | licence | how to get it"]
  rows.append(" | ".join(["---"] * 6))
  for data in converted():
    layouts = ", ".join("`%s`" % layout for layout in data.layouts)
    way = "`scripts/download.sh %s`" % data.name
    if not data.files:
      way = data.agreement
      if data.preprocessed:
        way += ", or `scripts/download.sh --preprocessed %s`" % data.name
    corpus = "[%s](%s)" % (data.title, data.home)
    cells = "`%s`" % data.name, corpus, TASKS[data.task].title, layouts
    rows.append(" | ".join(cells + (data.licence, way)))
  return "".join("| %s |\n" % row for row in rows)


def _plain(name):
  """Returns the letters and digits of a name, in lower case."""
  return re.sub(r"[\W_]", "", name.lower())


def drive_file(name, file_id):
  """Returns a File of Google Drive, at its two addresses.

  The second one skips the page that asks for a confirmation of large files,
  which the gdown for Python 3.7 does not understand any more.
  """
  return File(
    name,
    (
      DRIVE + "uc?id=" + file_id,
      "https://drive.usercontent.google.com/download?export=download&confirm=t"
      "&id=" + file_id,
    ),
  )


def _data_set(name, label, task, preprocessed="", **fields):
  """Returns a DataSet; omitted fields are empty, its metrics the task's."""
  defaults = dict(files=(), agreement="", unpacking="", aliases=(), note="")
  defaults["entity"] = ""
  defaults["metrics"] = TASKS[task].metrics
  if preprocessed:
    preprocessed = DRIVE + "drive/folders/" + preprocessed
  fields = dict(defaults, preprocessed=preprocessed, **fields)
  return DataSet(name, label, task, **fields)


def _files(folders, *names):
  """Returns the Files of folders on the web that hold the same."""
  return tuple(File(x, tuple(folder + x for folder in folders)) for x in names)


def _bc5cdr(name, label, preprocessed, aliases, entity):
  return _data_set(
    name,
    label,
    "NER",
    preprocessed,
    title="BioCreative V chemical-disease relation corpus",
    licence="public domain",
    home=_BIOCREATIVE + "tasks/biocreative-v/track-3-cdr/",
    input_files="CDR_Data.zip, or from it CDR_TrainingSet.PubTator.txt, "
    "CDR_DevelopmentSet.PubTator.txt and CDR_TestSet.PubTator.txt (or the "
    "three .BioC.xml files)",
    # The checksum belongs to this commit of a copy; then, the organizers'.
    files=(
      File(
        "CDR_Data.zip",
        (
          "https://raw.githubusercontent.com/JHnlp/BioCreative-V-CDR-Corpus/"
          "dd0b3165a94338874979a2a8aaedf74b67466b9c/CDR_Data.zip",
          _BIOCREATIVE + "media/store/files/2016/CDR_Data.zip",
        ),
        "0a359a7f038d283a7b05b084fa73de014e7410e1f5d7034bf3fd01f016fc2444",
      ),
    ),
    layouts=("biobert", "blurb", "blue"),
    aliases=aliases,
    entity=entity,
  )


def _bioasq(edition, layouts=("biobert",), note=""):
  golden = edition.upper()
  return _data_set(
    "bioasq-" + edition,
    "BioASQ " + edition,
    "QA",
    title="BioASQ task %s: factoid, list and yes/no questions" % edition,
    licence="CC BY 2.5",
    home="http://participants-area.bioasq.org/",
    agreement="registration at BioASQ",
    input_files="BioASQ's training file of that year (its name contains "
    f"training{edition}, or of earlier years golden files) or BioBERT's "
    f"BioASQ-train-factoid-{edition}.json; and the golden files "
    f"{golden}1_golden.json to {golden}5_golden.json. BioBERT's form of them: "
    "https://drive.google.com/open?id=19ft5q44W4SuptJgTwR84xZjsHg1jvjSZ. To "
    "read whole abstracts in place of snippets, also abstracts.tsv (PMID, "
    "title, abstract) or PubMed's XML as abstracts*.xml",
    layouts=layouts,
    note=note,
  )


_BIOCREATIVE = "https://biocreative.bioinformatics.udel.edu/"
_BIOCREATIVES = (_BIOCREATIVE, "http://www.biocreative.org/")
_NCBI_DISEASE = "https://www.ncbi.nlm.nih.gov/CBBresearch/Dogan/DISEASE/"
_GENIA = "http://www.nactem.ac.uk/GENIA/current/Shared-tasks/JNLPBA/"
_IBI = "http://ibi.imim.es/research-lines/biomedical-text-mining/corpora/"
_N2C2 = "https://portal.dbmi.hms.harvard.edu/projects/n2c2-nlp/"
_BIOBERT_FOLDS = "or the folders 1 to 10 of BioBERT's files, REdata.zip"
# The owners' archives have no address that leads to them without a browser.
_REDATA = (drive_file("REdata.zip", "1-jDKGcXREb2X9xTFnuiJ36PvsqoyHWcw"),)
_POSITIVE = {"f1": "F1 of the positive class"}
DATA_SETS = (
  # ------------------------------------------------------------ named entities
  _data_set(
    "ncbi-disease",
    "NCBI-disease",
    "NER",
    "1ESm_CF3cU0ZbKP2N8uXiMHz8wKARm-KW",
    title="NCBI disease corpus",
    licence="public domain",
    home=_NCBI_DISEASE,
    input_files="NCBItrainset_corpus.zip, NCBIdevelopset_corpus.zip and "
    "NCBItestset_corpus.zip, or the .txt files in them",
    # The checksums by which the loader of github.com/percevalw/nlstruct knows
    # the files at these addresses.
    files=(
      File(
        "NCBItrainset_corpus.zip",
        (_NCBI_DISEASE + "NCBItrainset_corpus.zip",),
        "26157233d70aeda0b2ac1dda4fc9369b0717bd888f5afe511d0c1c6a5ad307a0",
      ),
      File(
        "NCBIdevelopset_corpus.zip",
        (_NCBI_DISEASE + "NCBIdevelopset_corpus.zip",),
        "61681ad09356619c8f4f3e1738663dd007ad0135720fdc90195120fea944cbe9",
      ),
      File(
        "NCBItestset_corpus.zip",
        (_NCBI_DISEASE + "NCBItestset_corpus.zip",),
        "b978442f39c739deb6619c70e7b07327d9eb1b71aff64996c02a592435583f46",
      ),
    ),
    layouts=("biobert", "blurb"),
    aliases=("ncbi",),
    entity="Disease",
  ),
  _bc5cdr(
    "bc5cdr-disease",
    "BC5CDR-disease",
    "1BtEDXwj1bwSZfes8w-4S9mIZLdjTC4nj",
    aliases=("bc5-disease",),
    entity="Disease",
  ),
  _bc5cdr(
    "bc5cdr-chem",
    "BC5CDR-chem",
    "1b_C-vuOZ7ae1qUeuXZJhdyRSrWgygVMS",
    aliases=("bc5-chem", "bc5cdr-chemical"),
    entity="Chemical",
  ),
  _data_set(
    "bc4chemd",
    "BC4CHEMD",
    "NER",
    "1gASQyQoDtt7Ss2vXyTvR6EwdGzfFBXuJ",
    title="BioCreative IV chemical compound and drug name corpus (CHEMDNER)",
    # BigBIO's card of CHEMDNER says "unknown" too. CC BY 4.0, which is quoted
    # now and then, is the licence of the paper (Krallinger et al. 2015).
    licence="not stated; free for research, cite the paper",
    home=_BIOCREATIVE + "resources/biocreative-iv/chemdner-corpus/",
    input_files="chemdner_corpus.tar.gz, or from it training.abstracts.txt, "
    "training.annotations.txt and the same of development and evaluation; or "
    "BioCreative VII's edition, BC7T2-CHEMDNER-corpus_v2.BioC.xml.gz, from "
    "https://ftp.ncbi.nlm.nih.gov/pub/lu/BC7-NLM-Chem-track/, or from it the "
    "three .BioC.xml files",
    files=_files(
      [folder + "media/store/files/2014/" for folder in _BIOCREATIVES],
      "chemdner_corpus.tar.gz",
    ),
    layouts=("biobert",),
    entity="Chemical",
  ),
  _data_set(
    "bc2gm",
    "BC2GM",
    "NER",
    "130ei5___99HkOoaHg9KJhveC7sJM1Zw4",
    title="BioCreative II gene mention corpus",
    licence="public domain",
    home=_BIOCREATIVE + "resources/corpora/biocreative-ii-corpus/",
    input_files="bc2GMtrain_1.1.tar.gz and bc2GMtest_1.0.tar.gz, or their "
    "folders train and test",
    files=_files(
      [folder + "media/store/files/2011/" for folder in _BIOCREATIVES],
      "bc2GMtrain_1.1.tar.gz",
      "bc2GMtest_1.0.tar.gz",
    ),
    layouts=("biobert", "blurb"),
    entity="Gene",
  ),
  _data_set(
    "jnlpba",
    "JNLPBA",
    "NER",
    "1SMm-cY2XxKsyHvcIR2teNt97N-3zYaXc",
    title="JNLPBA shared task 2004",
    licence="GENIA project licence (free, with attribution)",
    home="http://www.geniaproject.org/shared-tasks/"
    "bionlp-jnlpba-shared-task-2004",
    input_files="Genia4ERtraining.tar.gz and Genia4ERtest.tar.gz, or from them "
    "Genia4ERtask2.iob2 and Genia4EReval2.iob2 (those of task 1 do not do)",
    files=_files([_GENIA + "Train/"], "Genia4ERtraining.tar.gz")
    + _files([_GENIA + "Evaluation/"], "Genia4ERtest.tar.gz"),
    layouts=("blurb", "biobert"),
  ),
  _data_set(
    "linnaeus",
    "LINNAEUS",
    "NER",
    "1jQEgdQAdRweoh6vHSYeEOwya7w1VDg2p",
    title="LINNAEUS species corpus",
    licence="CC BY; the texts are PMC's",
    home="https://linnaeus.sourceforge.net/",
    input_files="manual-corpus-species-1.0.tar.gz or -1.1.tar.gz, or from it "
    "tags.tsv and the folder txt",
    files=(
      File(
        "manual-corpus-species-1.0.tar.gz",
        (
          "https://sourceforge.net/projects/linnaeus/files/Corpora/"
          "manual-corpus-species-1.0.tar.gz/download",
          "https://iweb.dl.sourceforge.net/project/linnaeus/Corpora/"
          "manual-corpus-species-1.0.tar.gz",
        ),
      ),
    ),
    layouts=("biobert",),
    entity="Species",
  ),
  _data_set(
    "s800",
    "Species-800",
    "NER",
    "1s2k1e7hnW1f9kHOv2AIEfZyL0c0SIBfT",
    title="SPECIES-800 corpus",
    licence="free, subject to MEDLINE's terms",
    home="https://species.jensenlab.org/",
    input_files="S800-1.0.tar.gz, or from it S800.tsv, pubmedid.tsv and the "
    "folder abstracts",
    files=_files(["https://species.jensenlab.org/files/"], "S800-1.0.tar.gz"),
    layouts=("biobert",),
    entity="Species",
  ),
  _data_set(
    "shareclefe",
    "ShARe/CLEFE",
    "NER",
    title="ShARe/CLEF eHealth 2013 task 1",
    licence="PhysioNet credentialed health data use agreement",
    home="https://physionet.org/content/shareclefehealth2013/",
    agreement="PhysioNet's credentialed access",
    input_files="Task1TrainSetCorpus199, Task1TrainSetGOLD199knowtatorehost, "
    "Task1TestSetCorpus100 and Task1Gold_SN2012, as folders or archives",
    layouts=("blue",),
    aliases=("shareclef", "share"),
    entity="Disorder",
  ),
  # ----------------------------------------------------------------- relations
  _data_set(
    "chemprot",
    "ChemProt",
    "RE",
    "1iWAgFtAHowflx7_MTA9wttnoKh_W1C5U",
    title="BioCreative VI ChemProt corpus",
    licence="free after registration",
    home=_BIOCREATIVE + "resources/corpora/chemprot-corpus-biocreative-vi/",
    agreement="registration at BioCreative",
    input_files="ChemProt_Corpus.zip, or from it "
    "chemprot_{training,development,test}_{abstracts,entities,relations}.tsv "
    "(those of the test set may end in _gs)",
    layouts=("blurb", "blue"),
  ),
  _data_set(
    "ddi",
    "DDI",
    "RE",
    "1LK1j3oJitxgAUt9W1CkB7IEwY0spePiY",
    title="DDI Extraction 2013 corpus",
    licence="CC BY-NC 4.0",
    home="https://github.com/isegura/DDICorpus",
    input_files="DDICorpus-2013.zip (or .tar.gz) with the folders Train and "
    "Test",
    files=_files(
      [
        "https://github.com/isegura/DDICorpus/raw/"
        "819b0fa538ed83ab2a8b4f5417bba3c03249b7f3/"
      ],
      "DDICorpus-2013.zip",
    ),
    layouts=("blurb", "blue"),
    metrics={"f1": "micro F1", "macro_f1": "macro F1"},
    aliases=("ddi2013", "ddi13"),
    note="DDI: BLURB reports micro F1, BLUE macro F1 since August 2019.",
  ),
  _data_set(
    "i2b2",
    "i2b2 2010",
    "RE",
    title="i2b2/VA 2010 relations",
    licence="n2c2's data use agreement",
    home=_N2C2,
    agreement="n2c2's data use agreement",
    input_files="of 2010: concept_assertion_relation_training_data (folders "
    "beth and partners), reference_standard_for_test_data and test_data, or "
    "their archives",
    layouts=("blue",),
  ),
  _data_set(
    "gad",
    "GAD",
    "RE",
    "1dFc8eEqrtkf1Nt8etaz3I4WyswUQT9C8",
    title="Genetic association database corpus",
    # The README in GAD_Corpus_IBIgroup.zip. (BigBIO's CC BY 4.0 is the licence
    # of the paper, Bravo et al. 2015.)
    licence="Open Database License 1.0",
    home=_IBI,
    input_files="GAD_Corpus_IBIgroup.zip, or from it GAD_Y_N.csv and "
    "GAD_F.csv; " + _BIOBERT_FOLDS,
    files=_REDATA,
    layouts=("biobert", "blurb"),
    metrics=_POSITIVE,
    note="GAD: BioBERT's figures are means of ten folds, BLURB's of one split.",
  ),
  _data_set(
    "euadr",
    "EU-ADR",
    "RE",
    "1XuiG7W93Nce4cDlD8eAnenB7T4pBoXCs",
    title="EU-ADR corpus, targets and diseases",
    # The README in EUADR_Corpus_IBIgroup.zip.
    licence="Open Database License 1.0",
    home=_IBI,
    input_files="EUADR_Corpus_IBIgroup.zip, or from it "
    "EUADR_target_disease.csv; " + _BIOBERT_FOLDS,
    files=_REDATA,
    layouts=("biobert",),
    metrics=_POSITIVE,
  ),
  # ---------------------------------------------------------------- similarity
  _data_set(
    "biosses",
    "BIOSSES",
    "STS",
    "1dJm2cU2hZHlx9-3ZnfJo-dhCvPVYXkcJ",
    title="Biomedical sentence similarity estimation data set",
    licence="GPL-3.0",
    home="https://tabilab.cmpe.boun.edu.tr/BIOSSES/DataSet.html",
    input_files="Annotation-Pairs.docx and Annotator-Scores.docx, unpacked "
    "from BIOSSES-Dataset.rar (RAR archives are not read)",
    unpacking="unpack the archive in place (unrar x, or 7z x); it holds two "
    ".docx files",
    files=_files(
      ["https://tabilab.cmpe.boun.edu.tr/BIOSSES/Downloads/"],
      "BIOSSES-Dataset.rar",
    ),
    layouts=("blurb", "blue"),
  ),
  _data_set(
    "medsts",
    "MedSTS",
    "STS",
    title="Medical semantic textual similarity (MedSTS, n2c2 2019 track 1)",
    licence="n2c2's data use agreement",
    home=_N2C2,
    agreement="n2c2's data use agreement",
    input_files="of 2019, track 1: clinicalSTS2019.train.txt, "
    "clinicalSTS2019.test.txt and clinicalSTS2019.test.gs.sim.txt; or the "
    "files of the edition of 2018, without 2019 in their names",
    layouts=("blue",),
  ),
  # ------------------------------------------------- inference and documents
  _data_set(
    "mednli",
    "MedNLI",
    "NLI",
    title="Natural language inference in the clinical domain",
    licence="PhysioNet credentialed health data use agreement",
    home="https://physionet.org/content/mednli/",
    agreement="PhysioNet's credentialed access",
    input_files="mli_train_v1.jsonl, mli_dev_v1.jsonl and mli_test_v1.jsonl, "
    "or the archive with them",
    layouts=("blue",),
  ),
  _data_set(
    "hoc",
    "HoC",
    "DC",
    "1_IlZzKnrfnvr2KVoOe40STaqzMRXFd7T",
    title="Hallmarks of Cancer corpus",
    licence="GPL-3.0",
    home="https://github.com/sb895/Hallmarks-of-Cancer",
    input_files="the repository's folders text and labels, or an archive of "
    "them",
    files=(
      File(
        "Hallmarks-of-Cancer-master.zip",
        (
          "https://github.com/sb895/Hallmarks-of-Cancer/archive/refs/heads/"
          "master.zip",
        ),
      ),
    ),
    layouts=("blurb", "blue"),
    note="HoC: BLURB reports micro F1 over all pairs of document and label, "
    "BLUE the example F1, from the means of precision and recall over "
    "documents.",
  ),
  # ----------------------------------------------------------------- questions
  _bioasq("4b"),
  _bioasq("5b"),
  _bioasq("6b"),
  # In BLURB, so its scores are reported; there is no converter for it yet.
  _bioasq(
    "7b",
    layouts=(),
    note="BioASQ: scores are over the questions of all batches together. "
    "BLURB has the yes/no questions of 7b.",
  ),
)
_BY_NAME = {
  _plain(name): data_set
  for data_set in DATA_SETS
  for name in (data_set.name, data_set.label) + data_set.aliases
}

if __name__ == "__main__":
  print(to_markdown(), end="")
