# SPDX-License-Identifier: Apache-2.0
"""benchmarks/gpu.sh on the CPU, at tiny shapes."""

import os
import subprocess
import sys

import pytest

from tests.helpers import REPO

pytestmark = pytest.mark.once

TINY = os.path.join("examples", "albert_config_tiny.json")


def test_each_work_has_a_row_with_a_rate():
  printed = subprocess.check_output(
    ["bash", os.path.join(REPO, "benchmarks", "gpu.sh")],
    env=dict(
      os.environ,
      PYTHON=sys.executable,
      MODELS=TINY,
      PRECISIONS="fp32",
      XLA="false",
      BATCH="4",
      ROUNDS="1",
      UPDATES="2",
    ),
    encoding="utf-8",
  )
  rows = [line.split("|")[1:-1] for line in printed.splitlines() if "|" in line]
  rates = {row[1].strip(): row[4].split()[0] for row in rows[2:]}
  assert list(rates) == ["train", "predict", "pretrain"]
  assert all(float(rate) > 0 for rate in rates.values())
