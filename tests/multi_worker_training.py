# SPDX-License-Identifier: Apache-2.0
"""Trains the same in one process and in two; run by test_replicas.py.

Without arguments it starts itself twice, as two machines would, and prints
for some cases of mirrored_training.py the largest difference of any variable.
"""

import json
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import time

from tests import mirrored_training

CASES = ["adamw, clipped", "lamb, clipped, accumulated"]


def free_ports(count):
  """Ports that nobody listens on."""
  sockets = [socket.socket() for _ in range(count)]
  for s in sockets:
    s.bind(("localhost", 0))
  ports = [s.getsockname()[1] for s in sockets]
  for s in sockets:
    s.close()
  return ports


def work(case, weights, folder):
  """One worker's part."""
  values = mirrored_training.train(
    {"distribution": "multi_worker_mirrored", "output_dir": folder},
    case,
    weights,
  )
  task = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
  with open(os.path.join(folder, "values-%d" % task), "wb") as f:
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


def train(case, weights):
  """What each of two workers has at the end."""
  folder = tempfile.mkdtemp()
  start_two(__file__, case, weights, folder)
  values = []
  for index in range(2):
    with open(os.path.join(folder, "values-%d" % index), "rb") as f:
      values.append(pickle.load(f))
  return values


def main():
  if sys.argv[1:]:
    work(*sys.argv[1:])
    return
  found = {}
  weights = os.path.join(tempfile.mkdtemp(), "weights")
  mirrored_training.write_weights(weights)
  for case in CASES:
    one = mirrored_training.train({"distribution": "none"}, case, weights)
    found[case] = max(
      mirrored_training.difference(one, values)
      for values in train(case, weights)
    )
  print(json.dumps(found))


if __name__ == "__main__":
  main()
