# SPDX-License-Identifier: Apache-2.0
"""Fine-tunes run_ner.py on two machines; run by finetuning/test_harness.py.

The argument is a folder with the corpus in data/. Without TF_CONFIG it starts
itself twice; the second process fails if it writes anything.
"""

import os
import pathlib
import sys
from unittest import mock

from common import files
import run_ner
from tests.helpers import multi_worker_training
from tests.helpers import programs
from tests.helpers import tiny


def main():
  folder = pathlib.Path(sys.argv[1])
  if "TF_CONFIG" not in os.environ:
    programs.write_model(folder / "model")
    multi_worker_training.start_two(__file__, str(folder))
    return
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
  main()
