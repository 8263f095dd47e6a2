# SPDX-License-Identifier: Apache-2.0
"""Tests of the shell scripts, with stubs in place of Python: they install
nothing.
"""

import os
import shutil
import subprocess
import sys

import pytest

from tests.helpers import REPO

pytestmark = pytest.mark.once

BASH = shutil.which("bash")
SCRIPTS = "setup.sh test.sh lint.sh quickstart.sh train_vocabulary.sh".split()
# Every command that the scripts may use besides Python.
TOOLS = (
  "awk basename bash cat cp cut dirname grep mkdir mv rm sed sha256sum shasum"
  " sleep xargs"
)

# Stands in for an interpreter: answers the probe, copies itself into a virtual
# environment, logs calls of pip and pytest, and passes inline programs to the
# real Python.
STUB = """#!{bash}
case "$*" in
  *find_spec*) echo "{minor} {minor}.9 {lack} $0" ;;
  "-m venv "*) echo "venv" >>{log}
    mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip freeze") echo "tensorflow==0.0" ;;
  "-m pip "*) echo "${{*:7}}" >>{log}; sleep "${{PIP_SECONDS:-0}}"
    exit "${{PIP_CODE:-0}}" ;;
  "-m pytest "*) echo "$*" >>{log}; exit "${{PYTEST_CODE:-0}}" ;;
  run_ner.py*) echo "$*" >>{log}
    echo '{{"test": {{"precision": 0.5, "recall": 0.25, "f1": 0.333}}}}' \\
      >"$(sed 's/.*--output_dir=//; s/ .*//' <<<"$*")/results.json" ;;
  *fcntl* | -\\ *) exec {python} "$@" ;;
  -V) echo "Python {minor}.9" ;;
  *tensorflow*) echo 0.0 ;;
esac
"""


class Machine:
  """A checkout with an empty HOME and only a few tools on the PATH."""

  def __init__(self, folder, repo):
    self.checkout = folder / "checkout"
    self.home = folder / "home"
    self.bin = folder / "bin"
    self.log = folder / "log"
    self.home.mkdir()
    self.bin.mkdir()
    shutil.copytree(
      os.path.join(repo, "scripts"), str(self.checkout / "scripts")
    )
    for name in ("", "-dev", "-beam"):
      name = "requirements%s.txt" % name
      shutil.copy(os.path.join(repo, name), str(self.checkout))
    for tool in TOOLS.split():
      if shutil.which(tool):
        (self.bin / tool).symlink_to(shutil.which(tool))

  def add(self, name, text):
    """Writes an executable; `name` is relative to the folder on the PATH."""
    path = self.bin / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)

  def add_python(self, name, minor, lack="-"):
    """Adds a stub of Python `minor`.9 that lacks the module `lack`."""
    self.add(
      name,
      STUB.format(
        bash=BASH, minor=minor, lack=lack, log=self.log, python=sys.executable
      ),
    )

  def start(self, script, *arguments, **variables):
    """Starts a script and returns its process."""
    return subprocess.Popen(
      [BASH, str(self.checkout / "scripts" / script)] + list(arguments),
      env=dict(variables, PATH=str(self.bin), HOME=str(self.home)),
      cwd=str(self.home),
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
    )

  def run(self, script, *arguments, code=0, **variables):
    """Runs a script, checks its exit code and returns its output."""
    process = self.start(script, *arguments, **variables)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
    return output

  def logged(self):
    """Returns the calls that the stubs logged, and empties the log."""
    if not self.log.exists():
      return []
    lines = self.log.read_text().splitlines()
    self.log.unlink()
    return [line.replace(str(self.checkout) + "/", "") for line in lines]


PIP = (
  'pip==24.0; python_version < "3.8" pip==26.0.1; python_version == "3.9"'
  ' pip==26.3; python_version >= "3.10"'
)
PLAIN = "-r requirements.txt"
DEV = "-r requirements-dev.txt"


@pytest.fixture
def machine(tmp_path, repo):
  return Machine(tmp_path, repo)


@pytest.fixture
def ready(machine):
  """Returns a Machine with an environment for tf2."""
  machine.add_python("python3.13", "3.13")
  machine.run("setup.sh", "tf2")
  machine.logged()
  return machine


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_prints_the_usage_line(machine, script):
  output = machine.run(script, "--help")
  assert "usage: scripts/" + script in output


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_unknown_argument_is_an_error_that_names_it(machine, script):
  output = machine.run(script, "--devv", code=1)
  assert "unknown argument '--devv'" in output


def test_setup_installs_with_a_python_on_the_path(machine):
  machine.add_python("python3.13", "3.13")
  output = machine.run("setup.sh", "tf2")
  assert "Python 3.13.9 from PATH" in output
  assert output.endswith("ready: source .venv-tf2/bin/activate\n")
  assert machine.logged() == ["venv", PIP, PLAIN]


@pytest.mark.parametrize(
  "name, minor, tensorflow",
  [
    ("python3", "3.13", "tf2"),
    ("python", "3.12", "tf2"),
    ("python3", "3.9", "tf2.15"),
    ("python", "3.10", "tf2.15"),
    ("python3.7", "3.7", "tf1"),
    ("python3", "3.7", "tf1"),
  ],
)
def test_setup_chooses_the_tensorflow_that_the_python_supports(
  machine, name, minor, tensorflow
):
  machine.add_python(name, minor)
  output = machine.run("setup.sh")
  assert "using " + tensorflow in output
  assert (machine.checkout / (".venv-" + tensorflow)).is_dir()


def test_setup_prefers_the_newest_tensorflow_and_the_newest_python(machine):
  for minor in ("3.7", "3.11", "3.12", "3.13", "3.14"):
    machine.add_python("python" + minor, minor)
  output = machine.run("setup.sh")
  assert "using tf2 (2.21)" in output
  assert "creating .venv-tf2 with Python 3.13.9" in output


@pytest.mark.parametrize(
  "arguments, missing, advised",
  [
    (["tf1"], "3.7", "pyenv install 3.7"),
    (["tf2.15"], "3.9 to 3.11", "uv python install 3.11"),
    (["tf2"], "3.12 or 3.13", "uv python install 3.13"),
    ([], "3.12 or 3.13", "2.15 on Python 3.9 to 3.11 or 1.15 on 3.7 works too"),
  ],
)
def test_setup_explains_how_to_install_a_missing_python(
  machine, arguments, missing, advised
):
  machine.add_python("python3", "3.8")
  output = machine.run("setup.sh", *arguments, code=1)
  assert "no Python %s was found" % missing in output and advised in output
  assert machine.logged() == []


def test_setup_names_a_python_that_is_too_new(machine):
  machine.add_python("python3", "3.14")
  output = machine.run("setup.sh", code=1)
  assert output.count("too new for TensorFlow 2.21") == 1
  assert "bin/python3 is Python 3.14.9, too new for TensorFlow" in output


def test_a_failing_pyenv_shim_is_skipped(machine):
  machine.add(
    "python3.7", "#!%s\necho 'command not found' >&2; exit 127\n" % BASH
  )
  machine.run("setup.sh", "tf1", code=1)
  machine.add_python("../home/.pyenv/versions/3.7.16/bin/python", "3.7")
  output = machine.run("setup.sh", "tf1")
  assert "Python 3.7.9 from pyenv" in output


@pytest.mark.parametrize(
  "tool, python, script",
  [
    ("conda", "conda/envs/old/bin/python", "echo {home}/conda"),
    (
      "uv",
      "uv-python",
      'case "$UV_PYTHON_DOWNLOADS $*" in "never python find 3.7")'
      ' echo {home}/uv-python ;; " pip "*) ;; *) exit 2 ;; esac',
    ),
  ],
)
def test_setup_finds_a_python_of_conda_and_uv(machine, tool, python, script):
  machine.add_python("../home/" + python, "3.7")
  machine.add(tool, "#!%s\n%s\n" % (BASH, script.format(home=machine.home)))
  output = machine.run("setup.sh", "tf1")
  assert "Python 3.7.9 from " + tool in output


# Finds no Python, pretends to download one, and stands in for pip.
UV = """#!{bash}
case "$1 $2" in
  "pip install") echo "uv ${{*:4}}" >>{log}; exit ;;
  "python install") echo "uv $* $UV_PYTHON_INSTALL_BIN" >>{log} ;;
  *) exit 2 ;;
esac
[ -z "{offline}" ] || exit 2
python=$UV_PYTHON_INSTALL_DIR/cpython-$3.9-linux/bin/python$3
mkdir -p "$(dirname "$python")" && cp {python} "$python"
"""


@pytest.mark.parametrize(
  "arguments, minor, venv",
  [([], "3.13", ".venv-tf2"), (["tf1"], "3.7", ".venv-tf1")],
)
def test_uv_downloads_a_missing_python_into_the_checkout(
  machine, arguments, minor, venv
):
  machine.add_python("../python", minor)
  machine.add(
    "uv",
    UV.format(
      bash=BASH,
      log=machine.log,
      offline="",
      python=machine.bin.parent / "python",
    ),
  )
  output = machine.run("setup.sh", *arguments)
  assert "uv downloads %s to .python" % minor in output
  assert output.endswith("ready: source %s/bin/activate\n" % venv)
  log = machine.logged()
  assert log[:2] == ["uv python install %s 0" % minor, "venv"]
  with_uv = "uv --python %s/bin/python " % venv
  assert log[2:] == [with_uv + PIP, with_uv + PLAIN]
  (machine.bin / "uv").unlink()
  machine.run("setup.sh", *arguments, "--dev")
  assert machine.logged() == [PIP, DEV]


def test_setup_stops_with_advice_if_uv_cannot_download(machine):
  machine.add(
    "uv",
    UV.format(bash=BASH, log=machine.log, offline="yes", python=""),
  )
  output = machine.run("setup.sh", code=1)
  assert "no Python 3.12 or 3.13 was found, which TensorFlow 2.21" in output
  assert not (machine.checkout / ".venv-tf2").exists()


def test_an_installed_python_is_preferred_to_a_download(machine):
  machine.add_python("python3", "3.11")
  machine.add(
    "uv",
    UV.format(bash=BASH, log=machine.log, offline="yes", python=""),
  )
  output = machine.run("setup.sh")
  assert output.endswith("ready: source .venv-tf2.15/bin/activate\n")


def test_setup_names_a_python_that_lacks_ensurepip(machine):
  machine.add_python("python3.11", "3.11", lack="ensurepip")
  output = machine.run("setup.sh", code=1)
  assert "python3.11 is Python 3.11.9 but lacks ensurepip" in output


def test_a_second_setup_does_nothing(ready):
  (ready.bin / "python3.13").unlink()
  output = ready.run("setup.sh")
  assert output.endswith("ready: source .venv-tf2/bin/activate\n")
  assert ready.logged() == []


def test_download_creates_the_environment_it_needs(machine):
  machine.add_python("python3.13", "3.13")
  output = machine.run("download.sh", "ncbi-disease")
  assert output.endswith("ready: source .venv-tf2/bin/activate\n")
  assert machine.logged() == ["venv", PIP, PLAIN]
  assert machine.run("download.sh", "ncbi-disease") == ""
  assert machine.logged() == []


def test_changed_requirements_update_the_environment(ready):
  with (ready.checkout / "requirements.txt").open("a") as f:
    f.write("# changed\n")
  ready.run("setup.sh", "tf2")
  assert ready.logged() == [PIP, PLAIN]


def test_an_environment_with_test_tools_also_counts_as_plain(ready):
  ready.run("setup.sh", "tf2", "--dev")
  assert ready.logged() == [PIP, DEV]
  ready.run("setup.sh", "tf2")
  ready.run("setup.sh", "--dev")
  assert ready.logged() == []


@pytest.mark.parametrize(
  "lost, reason",
  [
    ("setup-stamp", "is incomplete or was moved"),
    ("bin/python", "has no Python 3.12 or 3.13"),
  ],
)
def test_an_incomplete_environment_is_created_again(ready, lost, reason):
  (ready.checkout / ".venv-tf2" / lost).unlink()
  output = ready.run("setup.sh", "tf2")
  assert ".venv-tf2 %s: creating it again" % reason in output
  assert ready.logged() == ["venv", PIP, PLAIN]


def test_an_environment_of_an_older_tf2_is_created_again(ready):
  """.venv-tf2 had TensorFlow 2.15 on Python 3.9 to 3.11."""
  ready.add_python("python3.11", "3.11")
  (ready.bin / "python3.11").rename(ready.checkout / ".venv-tf2/bin/python")
  output = ready.run("setup.sh", "tf2")
  assert ".venv-tf2 has no Python 3.12 or 3.13: creating it again" in output
  assert ready.logged() == ["venv", PIP, PLAIN]


def test_a_moved_checkout_gets_a_new_environment(ready):
  moved = ready.checkout.parent / "moved"
  ready.checkout.rename(moved)
  ready.checkout = moved
  ready.run("setup.sh", "tf2")
  assert ready.logged() == ["venv", PIP, PLAIN]


def test_a_failed_update_keeps_the_environment(ready):
  output = ready.run("setup.sh", "tf2", "--dev", PIP_CODE="1", code=1)
  assert "requirements-dev.txt cannot be installed; see" in output
  ready.run("setup.sh", "tf2")
  assert ready.logged() == [PIP]


def test_two_setups_at_once_install_once(machine):
  machine.add_python("python3.13", "3.13")
  processes = [
    machine.start("setup.sh", "tf2", PIP_SECONDS="0.4") for _ in range(2)
  ]
  outputs = [process.communicate(timeout=60)[0] for process in processes]
  assert [process.returncode for process in processes] == [0, 0], outputs
  assert sum("waiting for another" in output for output in outputs) == 1
  assert machine.logged() == ["venv", PIP, PLAIN]


@pytest.fixture
def complete(machine):
  """Returns a Machine with a Python for each TensorFlow."""
  for minor in ("3.7", "3.11", "3.13"):
    machine.add_python("python" + minor, minor)
  return machine


def test_test_sh_runs_on_all_tensorflows_and_forwards_arguments(complete):
  output = complete.run("test.sh", "--", "-k", "metrics", CI="true")
  commands = [x for x in complete.logged() if x.startswith("-m pytest -q ")]
  assert len(commands) == 3
  assert all(x.endswith(" --durations=10 -k metrics") for x in commands)
  for tensorflow in ("tf1", "tf2.15", "tf2"):
    assert "\n%s: passed in" % tensorflow in output


def test_test_sh_tests_on_each_tensorflow_what_depends_on_it(complete):
  complete.run("test.sh")
  newest, middle, oldest = [
    x.partition(" --durations=10")[2]
    for x in complete.logged()
    if x.startswith("-m pytest -q ")
  ]
  assert newest == ""
  assert oldest == " --again=tf1"
  ignored = middle.split(" --ignore=")
  assert ignored[0] == " --again=tf2.15"
  assert "tests/formats" in ignored and "tests/training" not in ignored
  for path in ignored[1:]:
    assert os.path.exists(os.path.join(REPO, path)), path


def test_test_sh_runs_on_the_named_tensorflows_only(complete):
  output = complete.run("test.sh", "tf2.15", CI="true")
  assert "\ntf2.15: passed in" in output
  assert sorted(complete.checkout.glob(".venv-*[0-9]")) == [
    complete.checkout / ".venv-tf2.15"
  ]


def test_test_sh_continues_after_a_failure_and_then_fails(complete):
  output = complete.run("test.sh", PYTEST_CODE="1", code=1)
  for tensorflow in ("tf1", "tf2.15", "tf2"):
    assert "\n%s: FAILED (pytest's exit code 1)" % tensorflow in output


def test_test_sh_fails_if_an_environment_cannot_be_set_up(complete):
  output = complete.run("test.sh", "tf1", "tf2", PIP_CODE="1", code=1)
  assert "\ntf1: setup failed\n" in output
  assert "\ntf2: setup failed\n" in output


@pytest.mark.parametrize("variables, code", [({}, 0), ({"CI": "true"}, 1)])
def test_a_missing_python_fails_the_tests_only_in_ci(machine, variables, code):
  machine.add_python("python3.13", "3.13")
  output = machine.run("test.sh", code=code, **variables)
  assert "tf2: passed in" in output
  assert "tf2.15: NOT TESTED: no Python 3.9 to 3.11 was found" in output
  assert "tf1: NOT TESTED: no Python 3.7 was found" in output


def test_test_sh_fails_without_a_python(machine):
  output = machine.run("test.sh", code=1)
  assert "nothing was tested" in output


def test_quickstart_prints_scores_beside_published_ones(machine, repo):
  machine.add_python("python3.13", "3.13")
  (machine.checkout / "configs").mkdir()
  shutil.copy(
    os.path.join(repo, "configs", "published_scores.csv"),
    str(machine.checkout / "configs"),
  )
  output = machine.run("quickstart.sh", "here")
  (line,) = [x for x in output.split("\n") if "F1" in x]
  assert "precision 0.500, recall 0.250, F1 0.333" in line
  assert "BioBERT 0.891, PubMedBERT 0.878, BioLinkBERT-base 0.882" in line
  assert " %s/here/abstracts.entities.html\n" % machine.home in output
  command = machine.logged()[-1]
  assert "--data_dir=examples/ncbi-disease" in command
  assert "--precision=auto" in command


def test_the_checkout_passes_lint(repo):
  """Needs the pinned ruff in the Python that runs the tests."""
  if subprocess.call(
    [sys.executable, "-m", "ruff", "--version"],
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
  ):
    pytest.skip("ruff is not installed: scripts/setup.sh --dev")
  lint = subprocess.run(
    [BASH, os.path.join(repo, "scripts", "lint.sh")],
    env=dict(os.environ, PYTHON=sys.executable),
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
  )
  assert lint.returncode == 0, lint.stdout
