# SPDX-License-Identifier: Apache-2.0
"""Tests of common/pipelines.py; what it runs has tests of the programs."""

import pytest

from common import pipelines
from common import stripes
from common.errors import InputError
from formats import inputs


def test_a_missing_library_is_named_with_what_installs_it():
  with pytest.raises(
    InputError, match="named 'no_beam'.*requirements-beam.txt"
  ):
    pipelines.load("no_beam")


@pytest.mark.parametrize("text", ["new", "the same"])
def test_a_shard_written_again_is_whole(tmp_path, text):
  path = tmp_path / "x.tsv"
  path.write_text("the same")
  with pipelines.whole(str(path)) as file:
    file.write(text.encode())
    assert path.read_text() == "the same"
  assert path.read_text() == text
  assert [p.name for p in tmp_path.iterdir()] == ["x.tsv"]


def test_a_shard_that_fails_leaves_nothing(tmp_path):
  with pytest.raises(InputError), pipelines.whole(str(tmp_path / "x")) as file:
    file.write(b"half")
    raise InputError("bad text")
  assert not list(tmp_path.iterdir())


def _fail(number):
  raise InputError("x.txt:%d: bad text" % number)


def test_a_runner_that_does_not_start_says_why():
  runner = pipelines.Runner("SparkRunner", None, None)
  with pytest.raises(InputError) as raised:
    with pipelines._explained_failures(runner):
      raise RuntimeError("no server:\n\tunreachable")
  assert str(raised.value).startswith(
    "--runner=SparkRunner did not start (RuntimeError no server: unreachable);"
  )


@pytest.mark.parametrize(
  "error",
  [
    ZeroDivisionError("division by zero [while running 'Label']"),
    RuntimeError("from SDK harness: Traceback (most recent call last):\n  x"),
  ],
  ids=["python", "java"],
)
def test_a_fault_of_the_program_in_a_worker_is_raised_as_it_is(error):
  runner = pipelines.Runner("FlinkRunner", None, None)
  with pytest.raises(type(error)) as raised:
    with pipelines._explained_failures(runner):
      raise error
  assert raised.value is error


@pytest.mark.once
def test_an_error_of_a_worker_is_said_as_it_was_raised(tmp_path):
  beam = pytest.importorskip(
    "apache_beam", reason="Apache Beam (requirements-beam.txt) is not installed"
  )
  partial = tmp_path / "x.tsv.0.partial"
  partial.write_text("of a killed run")
  given = [inputs.Input("x.txt", 1, "text")]
  plan = stripes.Plan(given, [str(tmp_path / "x.tsv")], 1)
  runner = pipelines.Runner("DirectRunner", None, None)
  with pytest.raises(InputError, match=r"^x\.txt:7: bad text$"):
    pipelines.run(
      lambda pipeline: pipeline | beam.Create([7]) | beam.Map(_fail),
      *(plan, {}, runner, {}),
    )
  assert not partial.exists()
