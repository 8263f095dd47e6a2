# SPDX-License-Identifier: Apache-2.0
"""Readers and writers of the files that people bring and take."""
