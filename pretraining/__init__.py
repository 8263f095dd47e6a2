# SPDX-License-Identifier: Apache-2.0
"""Pretraining: from raw text to TFRecord files, and from these to weights."""
