# SPDX-License-Identifier: Apache-2.0
"""Helpers that several test files use, and paths in the checkout."""

import os

REPO = os.path.dirname(
  os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)
FIXTURES = os.path.join(REPO, "tests", "fixtures")
# The bundled SentencePiece model of 8,000 pieces.
SPM = os.path.join(REPO, "examples", "vocab", "pubmed-8k.model")
