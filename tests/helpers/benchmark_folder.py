# SPDX-License-Identifier: Apache-2.0
"""Makes a folder of data, models and results to run the benchmark in."""

import json
import os
import shutil
import sys

from scripts import benchmark
from tests.helpers import REPO

BASH = shutil.which("bash")
# Stands in for an interpreter: leaves the sweep to a real one.
PYTHON = """#!{bash}
case "$1" in
  *benchmark.py) exec "{python}" "$@" ;;
  *) LOG="{log}" exec "{python}" "{fake}" "$@" ;;
esac
"""


class BenchmarkFolder:
  """A folder with a blank in its name; its `python` runs fake programs."""

  def __init__(self, folder):
    self.folder = folder / "a place"
    self.results = self.folder / "results"
    self.bin = self.folder / "bin"
    self.bin.mkdir(parents=True)
    self.log = self.bin / "log"
    fake = os.path.join(REPO, "tests", "helpers", "fake_program.py")
    self.python = self.add_program(
      "python",
      PYTHON.format(bash=BASH, python=sys.executable, fake=fake, log=self.log),
    )
    self.add_model("weights/tiny")

  def add_program(self, name, text):
    """Writes an executable and returns its path."""
    path = self.bin / name
    path.write_text(text)
    path.chmod(0o755)
    return str(path)

  def add_model(self, name):
    (self.folder / name).mkdir(parents=True)

  def add_data(self, *names, dev="a\tO\n"):
    for name in names:
      folder = self.folder / "data" / name
      folder.mkdir(parents=True)
      for split in ("train", "test"):
        (folder / (split + ".tsv")).write_text("a\tO\n")
      (folder / "dev.tsv").write_text(dev)

  def add_questions(self, batches, golden):
    """Writes bioasq-4b: a gene is the answer in batch 1, no in the others."""
    folder = self.folder / "data" / "bioasq-4b"
    folder.mkdir(parents=True)
    (folder / "BioASQ-train-factoid-4b.json").write_text("{}")
    for i in batches:
      (folder / ("BioASQ-test-factoid-4b-%d.json" % i)).write_text("{}")
    for i in golden:
      question = {"id": str(i), "type": "factoid", "body": "What?"}
      question["exact_answer"] = [["a gene" if i == 1 else "no"]]
      (folder / ("4B%d_golden.json" % i)).write_text(
        json.dumps({"questions": [question]})
      )

  def list_runs(self, *names, extra=(), **options):
    """Returns ([Run], [what is missing]) of data sets and a command line."""
    options.update(models="tiny", weights_dir=self.folder / "weights")
    options.update(data_dir=self.folder / "data", results_dir=self.results)
    words = ["--%s=%s" % item for item in options.items()]
    words += ["--datasets", *names, "--", *extra]
    return benchmark.list_runs(benchmark.parse_arguments(words))

  def logged(self):
    """Returns [(program, flags)] of the programs that ran, and forgets them."""
    if not self.log.exists():
      return []
    lines = self.log.read_text().splitlines()
    self.log.unlink()
    return [tuple(json.loads(line)) for line in lines]

  def read_json(self, name):
    return json.loads((self.results / name).read_text())
