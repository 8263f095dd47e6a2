# SPDX-License-Identifier: Apache-2.0
"""Pretrains on one of two machines; started by test_replicas.py.

The argument is a folder in which one device has pretrained.
"""

import json
import os
import pathlib
import pickle
import socket
import subprocess
import sys
import time

from tests.helpers import REPO
from tests.helpers import mirrored_training
from tests.helpers import tiny


def free_ports(count):
  """Returns free ports."""
  sockets = [socket.socket() for _ in range(count)]
  for s in sockets:
    s.bind(("localhost", 0))
  ports = [s.getsockname()[1] for s in sockets]
  for s in sockets:
    s.close()
  return ports


def start_two(name, *arguments):
  """Runs a script of this folder twice, as two machines; waits for both."""
  script = os.path.join(os.path.dirname(__file__), name)
  hosts = ["localhost:%d" % port for port in free_ports(2)]
  workers = []
  for index in range(2):
    task = {"type": "worker", "index": index}
    config = {"cluster": {"worker": hosts}, "task": task}
    workers.append(
      subprocess.Popen(
        [sys.executable, script] + list(arguments),
        env=dict(os.environ, TF_CONFIG=json.dumps(config), PYTHONPATH=REPO),
      )
    )
  while any(worker.poll() is None for worker in workers):
    time.sleep(0.2)
    if any(worker.poll() for worker in workers):  # The other would wait for it.
      for worker in workers:
        worker.kill()
  assert not any(worker.poll() for worker in workers)


def main():
  """Trains as one worker and writes folder/values-INDEX."""
  folder = pathlib.Path(sys.argv[1])
  values = mirrored_training.pretrain(
    folder,
    distribution="multi_worker_mirrored",
    init_checkpoint=mirrored_training.first_weights(folder),
    output_dir=str(folder / "together"),
  )
  task = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
  with open(str(folder / ("values-%d" % task)), "wb") as f:
    pickle.dump(values, f)


if __name__ == "__main__":
  with tiny.small_graphs():
    main()
