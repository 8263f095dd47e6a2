# SPDX-License-Identifier: Apache-2.0
"""What every other package may use: errors, files, text, flags, processes."""
