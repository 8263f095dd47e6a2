# SPDX-License-Identifier: Apache-2.0
"""From the folders of a sweep to the benchmark's table, its charts and the
significance of differences; no TensorFlow. scripts/report.py is the program.
"""
