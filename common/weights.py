# SPDX-License-Identifier: Apache-2.0
"""The published weights: where they are, and under what licence."""

import collections

from common.data_sets import File
from common.data_sets import drive_file

# files: the archives that scripts/download.sh fetches and unpacks. The field
# preprocessed is that of a DataSet, and empty.
Weights = collections.namedtuple(
  "Weights", "name licence home files preprocessed", defaults=("",)
)


def _bioalbert(size, texts, file_id):
  """Returns the Weights of a BioALBERT, which are on Google Drive.

  The links are those of github.com/usmaann/BioALBERT, where the base models
  are called v1.0 and the large ones v1.1. What kind of archives they are
  shows only in their content.
  """
  name = "BioALBERT-%s-%s" % (size, "-".join(texts))
  page = "https://drive.google.com/file/d/%s/view" % file_id
  archive = drive_file(name + ".archive", file_id)
  return Weights(name, "not stated", page, (archive,))


def _albert(size):
  """Returns the Weights of an ALBERT of version 2."""
  archive = "albert_%s_v2.tar.gz" % size
  address = "https://storage.googleapis.com/albert_models/" + archive
  home = "https://github.com/google-research/albert"
  return Weights(
    "ALBERT-%s-v2" % size, "Apache-2.0", home, (File(archive, (address,)),)
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
