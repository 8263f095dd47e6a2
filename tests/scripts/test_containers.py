# SPDX-License-Identifier: Apache-2.0
"""Tests that the Dockerfiles, the workflow and pyproject.toml agree with
scripts/common.sh and requirements.txt. They build and download nothing.
"""

import os
import re
import shutil
import subprocess

import pytest

BASH = shutil.which("bash")
DOCKERFILES = ["Dockerfile", "Dockerfile.tf1"]


@pytest.fixture
def read(repo):
  """Returns a function that reads a file of the checkout."""

  def read_text(*names):
    with open(os.path.join(repo, *names), encoding="utf-8") as f:
      return f.read()

  return read_text


@pytest.fixture
def pythons(repo):
  """Returns (TensorFlow, Python) for all that scripts/common.sh knows."""
  script = (
    '. "$0/scripts/common.sh"; for t in $TENSORFLOWS; do'
    " for p in $(python_minors $t); do say $t $p; done; done"
  )
  output = subprocess.check_output([BASH, "-c", script, repo], text=True)
  return {tuple(line.split()) for line in output.splitlines()}


def _instructions(text):
  """Returns a Dockerfile's (instruction, arguments), continued lines joined."""
  text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
  joined = text.replace("\\\n", " ")
  return [tuple(line.split(None, 1)) for line in joined.splitlines()]


def test_the_workflow_tests_every_python(read, pythons):
  workflow = read(".github", "workflows", "test.yml")
  found = re.findall(r'tensorflow: (\S+), python: "(.*)"', workflow)
  found += [("tf1", re.search(r"container: python:(.*)", workflow).group(1))]
  assert sorted(found) == sorted(pythons)


def test_the_workflow_runs_nothing_but_test_sh(read):
  commands = re.findall(r"run: (.*)", read(".github", "workflows", "test.yml"))
  assert commands == [
    "bash scripts/test.sh ${{ matrix.tensorflow }}",
    "bash scripts/test.sh tf1",
  ]


def test_uv_chooses_among_these_pythons(read, pythons):
  requires = re.search(r'requires-python = "(.*)"', read("pyproject.toml"))
  minors = sorted(int(python.split(".")[1]) for _, python in pythons)
  skipped = set(range(minors[0], minors[-1])) - set(minors)
  assert requires.group(1).split(", ") == (
    [">=3.%d" % minors[0]]
    + ["!=3.%d.*" % minor for minor in sorted(skipped)]
    + ["<3.%d" % (minors[-1] + 1)]
  )


def test_the_base_images_have_what_the_requirements_need(read, pythons):
  base = dict(_instructions(read("Dockerfile")))["FROM"]
  assert ("tf2", base[len("python:") : -len("-slim")]) in pythons
  base = dict(_instructions(read("Dockerfile.tf1")))["FROM"]
  version = re.search("tensorflow-gpu==([^;]*);", read("requirements.txt"))
  assert base == "tensorflow/tensorflow:%s-gpu-py3" % version.group(1)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_a_dockerfile_copies_files_that_exist_and_runs_valid_commands(
  name, read, repo
):
  for instruction, arguments in _instructions(read(name)):
    if instruction == "COPY":
      assert os.path.exists(os.path.join(repo, arguments.split()[0]))
    elif instruction == "RUN":
      assert subprocess.call([BASH, "-n", "-c", arguments]) == 0
    else:
      assert instruction in ("FROM", "WORKDIR", "ENV", "CMD")


def test_images_hold_nothing_that_git_ignores(read):
  excluded = read(".dockerignore").splitlines()
  for pattern in read(".gitignore").splitlines():
    if pattern and not pattern.startswith("#"):
      # Without a slash in front it holds in every folder.
      folder = "" if pattern.startswith("/") else "**/"
      assert folder + pattern.strip("/") in excluded
