# SPDX-License-Identifier: Apache-2.0
"""What fine-tuning and pretraining share: devices, batches, heads, runs."""
