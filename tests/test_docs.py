# SPDX-License-Identifier: Apache-2.0
"""The documentation: its links lead somewhere, and what it names exists."""

import ast
import glob
import os
import re

import pytest

from tests.helpers import REPO

# Flags of other programs that the pages mention.
FOREIGN = set(
  "array direct_num_workers direct_running_mode gres nodes time".split()
)
LINK = re.compile(r"\]\(([^()\s]+)\)")
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
FLAG = re.compile(r"(?<![\w-])--(\w[\w-]*)")
# A path that begins with a folder of this project and ends like a file.
PATH = re.compile(
  r"(?<![\w./<-])((?:benchmarks|common|configs|converters|docs|evaluation|"
  r"examples|finetuning|formats|models|ops|pretraining|scripts|tests|training)"
  r"/[\w./-]*\.(?:flags|ini|json|md|py|sh|csv|txt))\b"
)
# An option in the `case` of a shell script: --name), --name=*), --name |.
SHELL_OPTION = re.compile(r"--(\w+)(?==\*|\)| \|)")


def read(*path):
  with open(os.path.join(REPO, *path), encoding="utf-8") as f:
    return f.read()


def found(pattern):
  """The files of the project that fit a pattern, relative to its root."""
  paths = glob.glob(os.path.join(REPO, pattern), recursive=True)
  return sorted(os.path.relpath(path, REPO) for path in paths)


PAGES = ["README.md"] + found("docs/*.md")
# Not what programs write and download into the checkout.
MARKDOWN = found("*.md") + [
  path
  for folder in (
    "benchmarks configs converters docs examples models tests".split()
  )
  for path in found(folder + "/**/*.md")
]


def anchors(text):
  """The anchors of a page's headings, as GitHub makes them."""
  names = []
  for title in HEADING.findall(FENCED.sub("", text)):
    title = re.sub(r"\]\([^)]*\)", "", title).lower()
    names.append(re.sub(r"[^\w\- ]", "", title).replace(" ", "-"))
  return {
    name + "-%d" % names[:i].count(name) if name in names[:i] else name
    for i, name in enumerate(names)
  }


def defined_names(source):
  """The flags that a Python file defines by absl's or argparse's functions."""
  tree = ast.parse(source)
  names = set(_names_in(tree, {}))
  for loop in ast.walk(tree):
    if isinstance(loop, ast.For) and isinstance(loop.iter, ast.Tuple):
      for row in loop.iter.elts:
        targets = getattr(loop.target, "elts", [loop.target])
        values = getattr(row, "elts", [row])
        names |= set(
          _names_in(loop, {t.id: v for t, v in zip(targets, values)})
        )
  return names


def _names_in(tree, variables):
  """Names in calls such as DEFINE_bool("list", ...), "--" left out."""
  for node in ast.walk(tree):
    if isinstance(node, ast.Call) and re.match(
      "DEFINE_|add_argument$", _function_of(node)
    ):
      name = _text_of(node.args[0], variables)
      if name:
        yield name.lstrip("-")


def _function_of(call):
  return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _text_of(node, variables):
  """The string that an expression of constants, names and + stands for."""
  if isinstance(node, ast.Name) and node.id in variables:
    node = variables[node.id]
  if isinstance(node, ast.BinOp):
    parts = [_text_of(side, variables) for side in (node.left, node.right)]
    return "".join(parts) if all(parts) else None
  try:
    value = ast.literal_eval(node)
  except ValueError:
    return None
  return value if isinstance(value, str) else None


def refused_names(source):
  """The flags of other projects that programs refuse with a reason."""
  for node in ast.parse(source).body:
    if isinstance(node, ast.Assign) and node.targets[0].id == "REFUSED":
      return set(ast.literal_eval(node.value))
  raise AssertionError("no REFUSED")


@pytest.fixture(scope="module")
def known_flags():
  shared = os.path.join("common", "flag_groups.py")
  sources = ["*.py", shared, "scripts/*.py", "benchmarks/*.py"]
  names = FOREIGN | refused_names(read(shared)) | {"help", "flagfile"}
  for path in [path for pattern in sources for path in found(pattern)]:
    names |= defined_names(read(path))
  for path in found("scripts/*.sh"):
    names |= set(SHELL_OPTION.findall(read(path)))
  return names


def test_the_readme_is_short():
  assert len(read("README.md").splitlines()) <= 200


@pytest.mark.parametrize("page", MARKDOWN)
def test_links_inside_the_project_lead_somewhere(page):
  for link in LINK.findall(FENCED.sub("", read(page))):
    if re.match(r"\w+:", link):
      continue
    path, _, anchor = link.partition("#")
    target = os.path.join(os.path.dirname(page), path) if path else page
    assert os.path.exists(os.path.join(REPO, target)), link
    if anchor:
      assert anchor in anchors(read(target)), link


@pytest.mark.parametrize("page", PAGES)
def test_every_flag_that_a_page_mentions_is_defined(page, known_flags):
  assert set(FLAG.findall(read(page))) <= known_flags


@pytest.mark.parametrize("page", [p for p in MARKDOWN if p != "CHANGELOG.md"])
def test_every_file_that_a_page_mentions_exists(page):
  for path in PATH.findall(read(page)):
    places = (path, os.path.join(os.path.dirname(page), path))
    assert any(os.path.exists(os.path.join(REPO, p)) for p in places), path


def test_every_command_in_a_page_names_a_program_that_exists():
  for page in PAGES:
    for program in re.findall(r"\bpython (\S+\.py)", read(page)):
      assert os.path.exists(os.path.join(REPO, program)), (page, program)


@pytest.mark.parametrize(
  "source, names",
  [
    ('flags.DEFINE_bool("list", False, "Show.")', {"list"}),
    ('flags.DEFINE_alias("do_test", "do_predict")', {"do_test"}),
    ('parser.add_argument("--seed", type=int)', {"seed"}),
    (
      'for s, t in (("dev", 1), ("test", 2)):\n  DEFINE_string(s + "_file", t)',
      {"dev_file", "test_file"},
    ),
    ('print("list")', set()),
  ],
)
def test_flags_are_found_in_a_source(source, names):
  assert defined_names(source) == names


def test_headings_become_githubs_anchors():
  text = "# A b\n```bash\n# no heading\n```\n## Is `x` (y/z)?\n## A b\n"
  assert anchors(text) == {"a-b", "is-x-yz", "a-b-1"}
