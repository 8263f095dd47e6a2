# SPDX-License-Identifier: Apache-2.0
"""Models in the forms that others load: SavedModels, Hugging Face's folders,
and folders to hand on. scripts/export.py is the program.
"""
