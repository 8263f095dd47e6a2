# SPDX-License-Identifier: Apache-2.0
"""Helpers for all packages: errors, files, text, flags, progress, processes."""
