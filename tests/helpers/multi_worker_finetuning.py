# SPDX-License-Identifier: Apache-2.0
"""Fine-tunes on one of two machines; started by finetuning/test_harness.py.

The argument is a folder with the corpus in data/ and the model in model/. The
second machine fails if it writes anything.
"""

import os
import pathlib
import sys
from unittest import mock

from common import files
import run_ner
from tests.helpers import tiny


def main():
  folder = pathlib.Path(sys.argv[1])
  changed = dict(
    data_dir=str(folder / "data"),
    distribution="multi_worker_mirrored",
    do_eval=True,
    do_predict=True,
    train_step=2,
    save_checkpoints_steps=1,
  )
  if '"index": 0' in os.environ["TF_CONFIG"]:
    tiny.run(run_ner, folder, **changed)
    return
  refused = mock.Mock(side_effect=AssertionError("the second machine writes"))
  with mock.patch.object(files, "write", refused):
    tiny.run(run_ner, folder, **changed)


if __name__ == "__main__":
  with tiny.small_graphs():
    main()
