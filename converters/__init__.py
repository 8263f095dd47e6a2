# SPDX-License-Identifier: Apache-2.0
"""One module per corpus: from its owners' files to examples and files for
run_*.py. shared/corpus.py has the contract; prepare_data.py calls them.
"""
