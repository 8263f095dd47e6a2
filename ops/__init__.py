# SPDX-License-Identifier: Apache-2.0
"""What modeling and optimization compute with."""
