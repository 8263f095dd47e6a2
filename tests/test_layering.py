# SPDX-License-Identifier: Apache-2.0
"""Who imports whom: packages import from rows below their own only."""

import ast
import glob
import os

import pytest

from tests.helpers import REPO

PROGRAMS = {
  "create_pretraining_data",
  "extract_features",
  "prepare_data",
  "run_dc",
  "run_ner",
  "run_nli",
  "run_pretraining",
  "run_qa",
  "run_re",
  "run_sts",
}
# From the top to the bottom. Neighbours in a row never import each other.
ROWS = [
  {"finetuning", "pretraining", "exporting"},
  {"evaluation", "training", "converters"},
  {"formats", "modeling", "optimization", "tokenization"},
  {"common", "ops"},
]
LIBRARY = set().union(*ROWS)
WITHOUT_TENSORFLOW = {"common", "converters", "evaluation", "formats"}
# The files of other machines (gs://...) are reached by TensorFlow.
REMOTE_FILES = os.path.join("common", "files.py")
# What one of the TensorFlows lacks, or what hides misspelt flags.
NOT_PORTABLE = {"tf.contrib", "tf.flags", "tf.app", "tf.layers", "tf.to_int32"}


def files_of(name):
  """The Python files of a package, or the one of a module in the root."""
  module = os.path.join(REPO, name + ".py")
  if os.path.exists(module):
    return [module]
  return sorted(
    glob.glob(os.path.join(REPO, name, "**", "*.py"), recursive=True)
  )


LIBRARY_FILES = [
  (name, os.path.relpath(path, REPO))
  for name in sorted(LIBRARY)
  for path in files_of(name)
]


def tree(path):
  with open(os.path.join(REPO, path), encoding="utf-8") as f:
    return ast.parse(f.read())


def imported(path):
  """The packages and modules, by their first name, that a file imports."""
  names = set()
  for node in ast.walk(tree(path)):
    if isinstance(node, ast.Import):
      names |= {alias.name.split(".")[0] for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      names.add(node.module.split(".")[0])
  return names


def test_the_root_holds_programs_and_the_model_only():
  found = {os.path.basename(p)[:-3] for p in glob.glob(REPO + "/*.py")}
  assert found == PROGRAMS | {"modeling", "optimization", "tokenization"}


@pytest.mark.parametrize("name, path", LIBRARY_FILES)
def test_a_file_imports_from_rows_below_its_own_only(name, path):
  (row,) = (i for i, names in enumerate(ROWS) if name in names)
  allowed = set().union(*ROWS[row + 1 :]) | {name}
  wrong = imported(path) & (LIBRARY | PROGRAMS) - allowed
  assert not wrong, "%s imports %s" % (path, wrong)


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_no_program_imports_a_program(name):
  assert not imported(name + ".py") & PROGRAMS


@pytest.mark.parametrize("name, path", LIBRARY_FILES)
def test_packages_that_need_no_tensorflow_do_not_import_it(name, path):
  if name in WITHOUT_TENSORFLOW and path != REMOTE_FILES:
    assert "tensorflow" not in imported(path)


@pytest.mark.parametrize("name, path", LIBRARY_FILES)
def test_flags_are_read_in_programs_only(name, path):
  if path == os.path.join("common", "flag_groups.py"):
    return
  for node in ast.walk(tree(path)):
    assert not (isinstance(node, ast.Name) and node.id == "FLAGS")
    if isinstance(node, ast.ImportFrom) and node.module == "absl":
      assert "flags" not in {alias.name for alias in node.names}


@pytest.mark.parametrize("name, path", LIBRARY_FILES)
def test_only_what_every_tensorflow_has_is_used(name, path):
  for node in ast.walk(tree(path)):
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
      used = "%s.%s" % (node.value.id, node.attr)
      assert used not in NOT_PORTABLE, "%s:%d" % (path, node.lineno)
