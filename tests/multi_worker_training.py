# SPDX-License-Identifier: Apache-2.0
"""Trains the same in one process and in two; run by test_replicas.py.

Without arguments it starts itself twice, as two machines would, and prints
for a case of mirrored_training.py and for pretraining itself the largest
difference of any variable.
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

from tests import mirrored_training

CASE = "adamw, clipped, accumulated"


def free_ports(count):
  """Ports that nobody listens on."""
  sockets = [socket.socket() for _ in range(count)]
  for s in sockets:
    s.bind(("localhost", 0))
  ports = [s.getsockname()[1] for s in sockets]
  for s in sockets:
    s.close()
  return ports


def work(case, folder):
  """One worker's part; it leaves folder/CASE-INDEX."""
  where = {
    "distribution": "multi_worker_mirrored",
    "output_dir": str(folder / case),
  }
  if case == "pretraining":
    weights = mirrored_training.first_weights(folder)
    values = mirrored_training.pretrain(
      folder, init_checkpoint=weights, **where
    )
  else:
    values = mirrored_training.train(where, case, str(folder / "weights"))
  task = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
  with open(str(folder / ("%s-%d" % (case, task))), "wb") as f:
    pickle.dump(values, f)


def start_two(script, *arguments):
  """Runs a script twice, as two machines, to the end of both."""
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
    if any(worker.poll() for worker in workers):  # The other would wait.
      for worker in workers:
        worker.kill()
  assert not any(worker.poll() for worker in workers)


def main():
  if sys.argv[1:]:
    work(sys.argv[1], pathlib.Path(sys.argv[2]))
    return
  folder = mirrored_training.prepared(pathlib.Path(tempfile.mkdtemp()))
  weights = str(folder / "weights")
  mirrored_training.write_weights(weights)
  alone = {
    CASE: mirrored_training.train({"distribution": "none"}, CASE, weights),
    "pretraining": mirrored_training.pretrain(folder),
  }
  found = {}
  for case, one in alone.items():
    start_two(__file__, case, str(folder))
    for index in range(2):
      name = "%s-%d" % (case, index)
      with open(str(folder / name), "rb") as f:
        found[name] = mirrored_training.difference(one, pickle.load(f))
  print(json.dumps(found))


if __name__ == "__main__":
  main()
