# SPDX-License-Identifier: Apache-2.0
"""Scores, their significance, and the tables and pages that show them."""
