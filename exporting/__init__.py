# SPDX-License-Identifier: Apache-2.0
"""Exports models (scripts/export.py) and embeddings (extract_features.py)."""
