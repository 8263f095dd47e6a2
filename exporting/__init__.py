# SPDX-License-Identifier: Apache-2.0
"""Exports models: as SavedModels, as folders for Hugging Face transformers, and
as folders to pass on. scripts/export.py is the program.
"""
