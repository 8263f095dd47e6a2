# SPDX-License-Identifier: Apache-2.0
"""What several test files share; REPO is the folder of the checkout."""

import os

REPO = os.path.dirname(
  os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)
FIXTURES = os.path.join(REPO, "tests", "fixtures")
