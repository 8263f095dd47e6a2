# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning: the contract of a task, its run, and what tasks share."""
