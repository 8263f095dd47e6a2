# SPDX-License-Identifier: Apache-2.0
"""The tables of data sets and weights: complete, consistent, found by name."""

import os
import re

import pytest

from common import data_sets
from common import weights
from tests.helpers import REPO

EVERYTHING = data_sets.DATA_SETS + weights.WEIGHTS


@pytest.mark.parametrize(
  "name, expected",
  [
    ("gad", "gad"),
    ("EU-ADR", "euadr"),
    ("Species-800", "s800"),
    ("BC5CDR_chemical", "bc5cdr-chem"),
    ("ShARe/CLEFE", "shareclefe"),
    ("i2b2 2010", "i2b2"),
    ("BioASQ 7b", "bioasq-7b"),
    ("gads", None),
  ],
)
def test_a_data_set_is_found_by_name_label_and_alias(name, expected):
  assert getattr(data_sets.find(name), "name", None) == expected


def test_no_two_data_sets_share_a_name():
  for data_set in data_sets.DATA_SETS:
    for name in (data_set.name, data_set.label) + data_set.aliases:
      assert data_sets.find(name) is data_set


def test_names_make_folders():
  names = [row.name for row in EVERYTHING]
  assert len(set(names)) == len(names)
  assert all(re.match(r"[\w.-]+$", name) for name in names)


def test_every_row_has_a_licence_and_a_page():
  for row in EVERYTHING:
    assert row.licence and re.match(r"https?://[\w.-]+/", row.home)


def test_files_have_addresses_and_a_sound_checksum():
  for row in EVERYTHING:
    for file in row.files:
      assert re.match(r"[\w.-]+$", file.name)
      assert len(set(file.addresses)) == len(file.addresses) > 0
      for address in file.addresses:
        assert re.match(r"https?://[\w.-]+/\S+$", address)
      assert re.match(r"[0-9a-f]{64}$", file.sha256 or "0" * 64)


def test_data_that_needs_an_agreement_has_no_address():
  restricted = [d for d in data_sets.DATA_SETS if d.agreement]
  assert restricted and not any(d.files for d in restricted)
  # ChemProt is free, but its owners want to know who downloads it.
  assert [d.name for d in restricted if d.preprocessed] == ["chemprot"]


def test_whatever_needs_no_agreement_can_be_downloaded():
  for row in EVERYTHING:
    assert row.files or row.agreement


def test_the_authors_folders_are_all_different():
  folders = [d.preprocessed for d in data_sets.DATA_SETS if d.preprocessed]
  assert len(set(folders)) == len(folders) == 14
  pattern = r"https://drive.google.com/drive/folders/[\w-]{33}$"
  assert all(re.match(pattern, folder) for folder in folders)


def test_blurb_counts_with_metrics_of_the_table():
  for family, pairs in data_sets.BLURB.items():
    for label, metric in pairs:
      data_set = data_sets.find(label)
      if data_set and data_set.task != "QA":
        assert data_set.task == family
        assert metric in data_set.metrics


def test_the_markdown_table_has_a_line_for_each_converted_data_set():
  lines = data_sets.to_markdown().splitlines()
  assert len(lines) == 2 + len(data_sets.converted())
  gad = next(line for line in lines if "`gad`" in line)
  assert "relations" in gad and "`biobert`, `blurb`" in gad
  assert "License 1.0 | `scripts/download.sh gad` |" in gad
  chemprot = next(line for line in lines if "`chemprot`" in line)
  assert "or `scripts/download.sh --preprocessed chemprot` |" in chemprot


def test_the_documentation_has_the_same_table():
  path = os.path.join(REPO, "docs", "corpora.md")
  with open(path, encoding="utf-8") as f:
    assert data_sets.to_markdown() in f.read()
