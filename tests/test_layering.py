# SPDX-License-Identifier: Apache-2.0
"""Tests of the layout: packages import only from rows below their own."""

import ast
import functools
import glob
import itertools
import os
import sys

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
# From top to bottom. Packages of one row never import each other.
ROWS = [
  {"finetuning", "pretraining", "exporting"},
  {"evaluation", "training", "converters"},
  {"formats", "modeling", "optimization", "tokenization"},
  {"common", "ops"},
]
LIBRARY = set().union(*ROWS)
WITHOUT_TENSORFLOW = {"common", "converters", "evaluation", "formats"}
# TensorFlow opens the files of other machines (gs://...).
REMOTE_FILES = os.path.join("common", "files.py")
# Missing in one of the TensorFlows, or (tf.app) silent about misspelt flags.
NOT_PORTABLE = {"tf.contrib", "tf.flags", "tf.app", "tf.layers", "tf.to_int32"}
MAX_LINES = {ast.FunctionDef: 60, ast.ClassDef: 250}


def files_of(name):
  """Returns the files of a package or of a module, relative to the root."""
  found = glob.glob(os.path.join(REPO, name + ".py"))
  found += glob.glob(os.path.join(REPO, name, "**", "*.py"), recursive=True)
  return sorted(os.path.relpath(path, REPO) for path in found)


LIBRARY_FILES = [
  (name, path) for name in sorted(LIBRARY) for path in files_of(name)
]


@functools.lru_cache(maxsize=None)
def nodes_of(path):
  """Returns all nodes of a file's syntax tree."""
  with open(os.path.join(REPO, path), encoding="utf-8") as f:
    return list(ast.walk(ast.parse(f.read())))


def imported(path):
  """Returns the top-level packages and modules that a file imports."""
  names = set()
  for node in nodes_of(path):
    if isinstance(node, ast.Import):
      names |= {alias.name.split(".")[0] for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      names.add(node.module.split(".")[0])
  return names


def attributes_of(path):
  """Yields (line, "x.y") of each attribute of a name in a file."""
  for node in nodes_of(path):
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
      yield node.lineno, "%s.%s" % (node.value.id, node.attr)


def reads_flags(path):
  """Returns whether a file uses FLAGS or imports absl.flags."""
  for node in nodes_of(path):
    if isinstance(node, ast.Name) and node.id == "FLAGS":
      return True
    if isinstance(node, ast.ImportFrom) and node.module == "absl":
      if "flags" in {alias.name for alias in node.names}:
        return True
  return False


def test_root_holds_only_programs_and_the_model():
  found = {os.path.basename(p)[:-3] for p in glob.glob(REPO + "/*.py")}
  assert found == PROGRAMS | {"modeling", "optimization", "tokenization"}


def test_files_import_only_from_lower_rows():
  wrong = {}
  for row, names in enumerate(ROWS):
    below = set().union(*ROWS[row + 1 :])
    for name, path in LIBRARY_FILES:
      if name in names:
        wrong[path] = imported(path) & (LIBRARY | PROGRAMS) - below - {name}
  assert len(wrong) == len(LIBRARY_FILES)
  assert not {path: names for path, names in wrong.items() if names}


def test_programs_import_no_program():
  wrong = {name: imported(name + ".py") & PROGRAMS for name in PROGRAMS}
  assert not {name: names for name, names in wrong.items() if names}


def test_programs_parse_flags_before_they_import_what_is_slow():
  """`--help` and a wrong flag then take no time; see CONTRIBUTING.md."""
  for name in PROGRAMS:
    tree = nodes_of(name + ".py")[0].body
    first = next(i for i, node in enumerate(tree) if isinstance(node, ast.If))
    nodes = [n for n in tree[:first] if isinstance(n, ast.ImportFrom)]
    assert {n.module.split(".")[0] for n in nodes} == {"absl", "common"}, name


def test_packages_that_need_no_tensorflow_do_not_import_it():
  assert not [
    path
    for name, path in LIBRARY_FILES
    if name in WITHOUT_TENSORFLOW and path != REMOTE_FILES
    if "tensorflow" in imported(path)
  ]


def test_only_programs_read_flags():
  found = [path for _, path in LIBRARY_FILES if reads_flags(path)]
  assert found == [os.path.join("common", "flag_groups.py")]


def test_code_uses_only_what_every_tensorflow_has():
  assert not [
    (path, line, name)
    for _, path in LIBRARY_FILES
    for line, name in attributes_of(path)
    if name in NOT_PORTABLE
  ]


@pytest.mark.skipif(sys.version_info < (3, 8), reason="no end_lineno in ast")
def test_functions_and_classes_are_short():
  names = sorted(LIBRARY | PROGRAMS | {"scripts", "benchmarks"})
  too_long = {}
  for path in itertools.chain(*map(files_of, names)):
    for node in nodes_of(path):
      if type(node) in MAX_LINES:
        lines = node.end_lineno - node.lineno + 1
        if lines > MAX_LINES[type(node)]:
          too_long["%s: %s" % (path, node.name)] = lines
  assert not too_long
