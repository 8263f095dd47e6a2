# SPDX-License-Identifier: Apache-2.0
"""Tests of transformers_check.py; test_forms.py runs transformers itself."""

import importlib.util

from exporting import transformers_check


def test_missing_packages_are_listed(monkeypatch):
  monkeypatch.setattr(
    importlib.util, "find_spec", lambda name: None if name == "torch" else name
  )
  assert transformers_check.missing_packages() == ["torch"]
