# SPDX-License-Identifier: Apache-2.0
"""One module a corpus: from its owners' files to examples (see
shared.corpus). prepare_data.py is their only caller.
"""
