# SPDX-License-Identifier: Apache-2.0
"""Tests of transformers_check.py; test_forms.py runs transformers itself."""

import importlib

from exporting import transformers_check


def test_missing_packages_are_listed(monkeypatch):
  def import_module(name):
    if name == "torch":
      raise ImportError(name)

  monkeypatch.setattr(importlib, "import_module", import_module)
  assert transformers_check.missing_packages() == ["torch"]
