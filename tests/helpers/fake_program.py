# SPDX-License-Identifier: Apache-2.0
"""Stands in for the fine-tuning programs and the report in tests of the sweep.

usage: fake_program.py PROGRAM [flags]. Adds its flags to the file $LOG and
writes what the programs write. It fails where --output_dir matches $FAIL, and
never ends where it matches $HANG. It waits until $TOGETHER programs have begun.
"""

import json
import os
import re
import sys
import time


def main():
  program = os.path.basename(sys.argv[1])
  flags = dict(x[2:].partition("=")[::2] for x in sys.argv[2:])
  flags["gpu"] = os.environ.get("CUDA_VISIBLE_DEVICES", "")
  with open(os.environ["LOG"], "a") as f:
    f.write(json.dumps([program, flags]) + "\n")
  if program == "report.py":
    print("report of", sys.argv[2])
    return
  output = flags["output_dir"]
  os.makedirs(output, exist_ok=True)
  if re.search(os.environ.get("FAIL", "$^"), output):
    print("reading", flush=True)
    sys.exit("error: %s is not to its taste" % output)
  if re.search(os.environ.get("HANG", "$^"), output):
    write(output, "pid", os.getpid())
    time.sleep(600)
  while int(os.environ.get("TOGETHER", 1)) > count_lines(os.environ["LOG"]):
    time.sleep(0.01)
  if flags["do_predict"] == "false":
    write(output, "training_state.json", {"finished": True})
    return
  test = dict.fromkeys(["f1", "pearson", "accuracy", "mrr"], 0.5)
  write(output, "results.json", {"test": test})
  if program == "run_qa.py":
    batch = re.search("-([0-9]+).json", flags["test_file"])[1]
    answer = {"id": batch, "type": "factoid", "ideal_answer": "Dummy"}
    answer["exact_answer"] = [["no"], ["a gene"]]
    write(output, "BioASQform_BioASQ-answer.json", {"questions": [answer]})


def count_lines(path):
  with open(path) as f:
    return len(f.readlines())


def write(folder, name, value):
  with open(os.path.join(folder, name), "w") as f:
    json.dump(value, f)


if __name__ == "__main__":
  main()
