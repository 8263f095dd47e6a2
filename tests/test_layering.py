# SPDX-License-Identifier: Apache-2.0
"""Who imports whom: only from rows above one's own."""

import ast
import glob
import os

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROWS = [
  {"allocation", "errors", "quiet"},
  {"utf8"},
  {
    "kernels",
    "replicas",
    "splitting",
    "storage",
    "tables",
    "tfrecords",
    "web_pages",
  },
  {
    "annotations",
    "bioasq",
    "conll",
    "corpora",
    "curves",
    "documents",
    "feature_files",
    "flag_groups",
    "inputs",
    "instances",
    "label_sets",
    "masking",
    "metrics",
    "modeling",
    "optimization",
    "processes",
    "progress",
    "questions",
    "record_inputs",
    "spans",
    "tokenization",
  },
  {"heads", "manifests", "run_files", "runtime"},
  {"shards"},
  {"beam_shards", "finetuning", "pretraining"},
  {"sentences"},
  {
    "create_pretraining_data",
    "prepare_data",
    "extract_features",
    "run_dc",
    "run_ner",
    "run_nli",
    "run_pretraining",
    "run_qa",
    "run_re",
    "run_sts",
  },
]
WITHOUT_TENSORFLOW = {
  "allocation",
  "annotations",
  "beam_shards",
  "bioasq",
  "conll",
  "corpora",
  "create_pretraining_data",
  "documents",
  "errors",
  "feature_files",
  "flag_groups",
  "instances",
  "label_sets",
  "manifests",
  "metrics",
  "processes",
  "questions",
  "quiet",
  "shards",
  "spans",
  "splitting",
  "tables",
  "tfrecords",
  "tokenization",
  "utf8",
  "web_pages",
}
PROGRAMS = ROWS[-1]
# Packages above the rows, and the packages from which each may import. All but
# exporting do without TensorFlow, and so with the ground modules that do.
PACKAGES = {
  "preparation": {"preparation"},
  "converters": {"preparation"},
  "reporting": {"reporting"},
  "exporting": {"exporting"},
}


def tree(module):
  with open(os.path.join(REPO, module + ".py"), encoding="utf-8") as f:
    return ast.parse(f.read())


def imported(module):
  """The names of all modules that a module imports, anywhere in it."""
  names = set()
  for node in ast.walk(tree(module)):
    if isinstance(node, ast.Import):
      names |= {alias.name.split(".")[0] for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      names.add(node.module.split(".")[0])
  return names


def test_every_module_has_its_row():
  files = glob.glob(os.path.join(REPO, "*.py"))
  assert {os.path.basename(f)[:-3] for f in files} == set().union(*ROWS)


def test_a_module_imports_from_rows_before_its_own_only():
  own = set().union(*ROWS)
  for row, modules in enumerate(ROWS):
    allowed = set().union(*ROWS[:row])
    for module in modules:
      wrong = (imported(module) & own) - allowed
      assert not wrong, "%s imports %s" % (module, wrong)


def test_modules_that_need_no_tensorflow_do_not_import_it():
  for module in WITHOUT_TENSORFLOW:
    assert "tensorflow" not in imported(module), module


def test_packages_import_from_modules_and_packages_below_only():
  library = set().union(*ROWS) - PROGRAMS
  # storage imports TensorFlow for remote files only.
  ground = set().union(*ROWS[:4]) & (WITHOUT_TENSORFLOW | {"storage"})
  own = set().union(*ROWS) | set(PACKAGES) | {"tensorflow"}
  for package, below in PACKAGES.items():
    allowed = ground | below
    if package == "exporting":
      allowed |= library | {"tensorflow"}
    for path in glob.glob(os.path.join(REPO, package, "*.py")):
      module = os.path.relpath(path, REPO)[:-3]
      wrong = (imported(module) & own) - allowed
      assert not wrong, "%s imports %s" % (module, wrong)


def test_only_prepare_data_imports_from_the_packages():
  for module in set().union(*ROWS) - {"prepare_data"}:
    assert not imported(module) & set(PACKAGES), module
  assert imported("prepare_data") & set(PACKAGES) == {
    "preparation",
    "converters",
  }


def test_flags_are_read_in_programs_only():
  for module in set().union(*ROWS) - PROGRAMS - {"flag_groups"}:
    names = {n.id for n in ast.walk(tree(module)) if isinstance(n, ast.Name)}
    assert "FLAGS" not in names and "flags" not in imported(module), module


def test_nothing_of_tensorflow_is_used_that_one_of_both_lacks():
  for module in set().union(*ROWS):
    for node in ast.walk(tree(module)):
      if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        name = "%s.%s" % (node.value.id, node.attr)
        assert name not in (
          "tf.contrib",
          "tf.flags",
          "tf.app",
          "tf.layers",
          "tf.to_int32",
        ), "%s:%d %s" % (module, node.lineno, name)
