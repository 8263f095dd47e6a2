# SPDX-License-Identifier: Apache-2.0
"""What the sweep does with runs, with a fake program in place of TensorFlow."""

import os

import pytest

from evaluation import plan
from evaluation import sweep
from tests.helpers import REPO
from tests.helpers import benchmark_folder

RECIPES = plan.read_recipes(os.path.join(REPO, "configs", "recipes"))


class Bench(benchmark_folder.BenchmarkFolder):
  """Runs the sweep in this process."""

  def sweep(self, *names, jobs=1, seeds=(1,), extra=None):
    """Returns the counts of a sweep over data sets."""
    runs, _ = plan.list_runs(
      [recipe for name in names for recipe in RECIPES[name]],
      [str(self.folder / "weights" / "tiny")],
      seeds,
      None,
      str(self.folder / "data"),
      str(self.results),
      extra or {},
    )
    work = sweep.Sweep(self.python, jobs)
    work.do(runs)
    return dict(work.counts)


@pytest.fixture
def bench(tmp_path):
  return Bench(tmp_path)


def test_each_run_is_reported_with_its_score_and_described(bench, capsys):
  bench.add_data("bc2gm", "biosses")
  assert bench.sweep("biosses", "bc2gm", seeds=(1, 2)) == {"done": 4}
  lines = [x.rpartition(", ")[0] for x in capsys.readouterr().out.splitlines()]
  assert lines[0] == "[1/4] done    biosses tiny seed-1: pearson 0.5000"
  assert lines[3] == "[4/4] done    bc2gm tiny seed-2: f1 0.5000"
  run = bench.read_json("bc2gm/tiny/seed-2/run.json")
  assert (run["dataset"], run["model"], run["seed"]) == ("bc2gm", "tiny", 2)
  assert run["status"] == "done" and run["metric"] == "f1"
  assert run["flags"]["num_train_epochs"] == "9" and run["seconds"] > 0


def test_finished_runs_are_skipped_and_damaged_ones_repeated(bench, capsys):
  bench.add_data("bc2gm")
  bench.sweep("bc2gm", seeds=(1, 2))
  results = bench.results / "bc2gm" / "tiny" / "seed-2" / "results.json"
  results.write_text(results.read_text()[:10])
  bench.logged()
  assert bench.sweep("bc2gm", seeds=(1, 2)) == {"done": 1, "skipped": 1}
  assert "seed-1: f1 0.5000, finished before" in capsys.readouterr().out
  ((_, flags),) = bench.logged()
  assert flags["seed"] == "2"


def test_a_failed_run_is_reported_and_the_sweep_continues(
  bench, capsys, monkeypatch
):
  bench.add_data("bc2gm", "hoc")
  monkeypatch.setenv("FAIL", "bc2gm")
  assert bench.sweep("bc2gm", "hoc") == {"failed": 1, "done": 1}
  folder = str(bench.results / "bc2gm" / "tiny" / "seed-1")
  assert (
    "failed  bc2gm tiny seed-1: error: %s is not to its taste (exit code 1, "
    "%s/log.txt)\n" % (folder, folder) in capsys.readouterr().out
  )
  assert bench.read_json("bc2gm/tiny/seed-1/run.json")["status"] == "failed"
  with open(os.path.join(folder, "log.txt"), encoding="utf-8") as f:
    assert f.read().splitlines()[1] == "reading"
  monkeypatch.delenv("FAIL")
  assert bench.sweep("bc2gm", "hoc") == {"done": 1, "skipped": 1}


def test_results_of_other_flags_are_neither_used_nor_overwritten(bench, capsys):
  bench.add_data("bc2gm")
  bench.sweep("bc2gm", extra={"num_train_epochs": "1"})
  bench.logged()
  assert bench.sweep("bc2gm") == {"failed": 1}
  assert "was made with num_train_epochs 1, now 9;" in capsys.readouterr().out
  assert bench.logged() == []


def test_the_scores_of_all_batches_are_merged(bench, capsys):
  bench.add_questions(batches=[1, 2, 3], golden=[1, 2])
  assert bench.sweep("bioasq-4b") == {"done": 1}
  results = bench.read_json("bioasq-4b/tiny/factoid-seed-1/results.json")
  # The gold answer is second in the first batch, and first in the other.
  assert results["test"]["mrr"] == 0.75 and results["test"]["strict"] == 0.5
  assert results["batches"]["2"]["mrr"] == 0.5
  assert "factoid-seed-1: mrr 0.7500" in capsys.readouterr().out
  assert len(bench.logged()) == 4
  assert bench.sweep("bioasq-4b") == {"skipped": 1}


def test_a_failed_batch_is_answered_later_without_training(bench, monkeypatch):
  bench.add_questions(batches=[1, 2], golden=[1, 2])
  monkeypatch.setenv("FAIL", "batch-2")
  assert bench.sweep("bioasq-4b") == {"failed": 1}
  bench.logged()
  monkeypatch.delenv("FAIL")
  assert bench.sweep("bioasq-4b", extra={"seed": "2"}) == {"failed": 1}
  assert bench.logged() == []  # A model trained with other flags stays unused.
  assert bench.sweep("bioasq-4b") == {"done": 1}
  ((_, flags),) = bench.logged()
  assert flags["output_dir"].endswith("batch-2")


def test_batches_are_merged_if_the_sweep_was_killed_before(bench):
  bench.add_questions(batches=[1, 2], golden=[1, 2])
  bench.sweep("bioasq-4b")
  path = bench.results / "bioasq-4b" / "tiny" / "factoid-seed-1"
  (path / "results.json").unlink()
  bench.logged()
  assert bench.sweep("bioasq-4b") == {"done": 1}
  assert bench.logged() == [] and (path / "results.json").exists()


def test_jobs_run_at_the_same_time_each_on_its_gpu(bench, monkeypatch):
  bench.add_data("bc2gm")
  monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6,7")
  monkeypatch.setenv("TOGETHER", "3")
  assert bench.sweep("bc2gm", jobs=3, seeds=(1, 2, 3)) == {"done": 3}
  gpus = sorted(flags["gpu"] for _, flags in bench.logged())
  assert gpus == ["4", "6", "7"]


def test_a_single_job_has_all_gpus(bench, monkeypatch):
  bench.add_data("bc2gm")
  monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
  bench.sweep("bc2gm")
  assert bench.logged()[0][1]["gpu"] == "4,6"
