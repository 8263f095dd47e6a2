# SPDX-License-Identifier: Apache-2.0
"""The published weights: where they are, and under what licence."""

import collections

from common.data_sets import File

# files: what scripts/download.sh fetches; without any, a person downloads
# `archive` at `home`.
Weights = collections.namedtuple("Weights", "name licence home archive files")


def _bioalbert(size, texts, drive_id):
  """Returns the Weights of a BioALBERT.

  They are on Google Drive, which asks for a confirmation before files of this
  size. The links are those of github.com/usmaann/BioALBERT.
  """
  version = {"base": "Base v1.0", "large": "Large v1.1"}[size]
  return Weights(
    "BioALBERT-%s-%s" % (size, "-".join(texts)),
    "not stated",
    "https://drive.google.com/file/d/%s/view" % drive_id,
    "BioALBERT-%s (%s)"
    % (version, " + ".join(texts).replace("MIMIC", "MIMIC-III")),
    (),
  )


def _albert(size):
  """Returns the Weights of an ALBERT of version 2."""
  archive = "albert_%s_v2.tar.gz" % size
  return Weights(
    "ALBERT-%s-v2" % size,
    "Apache-2.0",
    "https://github.com/google-research/albert",
    archive,
    (File(archive, "https://storage.googleapis.com/albert_models/" + archive),),
  )


_PUBMED = ("PubMed",)
_PMC = ("PubMed", "PMC")
_MIMIC = ("PubMed", "MIMIC")
_ALL = ("PubMed", "PMC", "MIMIC")
BIOALBERT = (
  _bioalbert("base", _PUBMED, "1sCU1vvSOWoWVAkOoWGUC3ZKraItLIoXD"),
  _bioalbert("base", _PMC, "1N2UekXKNqhbjQLbtipsm8rNPcaFEG-2I"),
  _bioalbert("base", _MIMIC, "1t9XUVMxEfRzVYU0M99NB9PIPSZWAFX4V"),
  _bioalbert("base", _ALL, "1SIBd_-GETHhMiZ7BgMdDPEUDjOjtN_bH"),
  _bioalbert("large", _PUBMED, "1uX5w8yaMyJta3Nit_3ayrL16tE-dO8Ew"),
  _bioalbert("large", _PMC, "1WJp7KbWXPa-3QWpsXcN95smY6V2RRbcX"),
  _bioalbert("large", _MIMIC, "1mZeW_0iQsCSIn86cW_XduaGnVtNGGXYp"),
  _bioalbert("large", _ALL, "16KRtHf8Meze2Hcc4vK_GUNhG-9LY6_6P"),
)
WEIGHTS = BIOALBERT + tuple(
  map(_albert, ["base", "large", "xlarge", "xxlarge"])
)
