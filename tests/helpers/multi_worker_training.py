# SPDX-License-Identifier: Apache-2.0
"""Compares pretraining in one process and in two; run by test_replicas.py.

Without arguments it starts itself twice, as two machines would, and prints the
largest difference of any variable for each.
"""

import json
import os
import pathlib
import pickle
import socket
import subprocess
import sys
import tempfile
import time

from tests.helpers import mirrored_training


def free_ports(count):
  """Returns free ports."""
  sockets = [socket.socket() for _ in range(count)]
  for s in sockets:
    s.bind(("localhost", 0))
  ports = [s.getsockname()[1] for s in sockets]
  for s in sockets:
    s.close()
  return ports


def work(folder):
  """Trains as one worker and writes folder/values-INDEX."""
  values = mirrored_training.pretrain(
    folder,
    distribution="multi_worker_mirrored",
    init_checkpoint=mirrored_training.first_weights(folder),
    output_dir=str(folder / "together"),
  )
  task = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
  with open(str(folder / ("values-%d" % task)), "wb") as f:
    pickle.dump(values, f)


def start_two(script, *arguments):
  """Runs a script twice, as two machines, and waits for both."""
  hosts = ["localhost:%d" % port for port in free_ports(2)]
  workers = []
  for index in range(2):
    task = {"type": "worker", "index": index}
    config = {"cluster": {"worker": hosts}, "task": task}
    workers.append(
      subprocess.Popen(
        [sys.executable, script] + list(arguments),
        env=dict(os.environ, TF_CONFIG=json.dumps(config)),
      )
    )
  while any(worker.poll() is None for worker in workers):
    time.sleep(0.2)
    if any(worker.poll() for worker in workers):  # The other would wait for it.
      for worker in workers:
        worker.kill()
  assert not any(worker.poll() for worker in workers)


def main():
  if sys.argv[1:]:
    work(pathlib.Path(sys.argv[1]))
    return
  folder = mirrored_training.prepared(pathlib.Path(tempfile.mkdtemp()))
  one = mirrored_training.pretrain(folder)
  start_two(__file__, str(folder))
  found = {}
  for index in range(2):
    with open(str(folder / ("values-%d" % index)), "rb") as f:
      two = pickle.load(f)
    found["worker %d" % index] = mirrored_training.difference(one, two)
  print(json.dumps(found))


if __name__ == "__main__":
  main()
