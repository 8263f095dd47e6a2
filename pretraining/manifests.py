# SPDX-License-Identifier: Apache-2.0
"""What a folder of pretraining shards says of itself.

manifest.json: how all its shards were made, and what was counted on the way.
progress.json, until then: the same of those that are finished. Both begin with
a description: program, flags, vocabulary, inputs. A folder never holds the
output of two of them.
"""

import itertools
import json
import os

from absl import logging

from common import files
from common.errors import InputError

MANIFEST = "manifest.json"
PROGRESS = "progress.json"
MEGABYTE = 1e6


def describe(plan, flags, tokenizer):
  """Returns the part of manifest.json that is known before the first shard.

  Args:
    plan: a Plan.
    flags: {name: value} of all that shape the output.
    tokenizer: a FullTokenizer.
  """
  return {
    "program": "create_pretraining_data.py",
    "flags": flags,
    "vocab_size": tokenizer.vocab_size,
    "vocabulary": {
      os.path.basename(path): files.sha256(path) for path in tokenizer.files
    },
    "inputs": [i._asdict() for i in plan.inputs],
  }


def read_earlier(plan, description):
  """Returns the manifest.json or progress.json of an earlier run, or None.

  Raises:
    InputError: the folder holds something else than this run's output.
  """
  for name in (MANIFEST, PROGRESS):
    path = os.path.join(plan.folder, name)
    if files.exists(path):
      before = _read_json(path)
      if name == PROGRESS and _is_empty(plan.folder, before):
        return None
      _refuse_other(path, before, description)
      return before
  for shard in plan.shards:
    if files.exists(shard):
      raise InputError(
        "%s: is there already, and no %s beside it that says how it was made; "
        "expected a new file or folder as --output_file" % (shard, MANIFEST)
      )
  return None


def _is_empty(folder, progress):
  """Whether a run ended before its first shard."""
  names = progress["flags"]["output_file"]
  paths = [os.path.join(folder, name) for name in names]
  return not (progress["stripes"] or any(map(files.exists, paths)))


def _read_json(path):
  try:
    return files.read_json(path)
  except InputError as e:
    raise InputError(
      "%s; expected another folder in --output_file, or an empty one" % e
    ) from e


def _refuse_other(path, before, now):
  """Stops where a folder holds the output of another command."""
  for name in sorted(set(before["flags"]) | set(now["flags"])):
    old, new = (d["flags"].get(name) for d in (before, now))
    if old != new:
      _refuse(path, "--%s=%s" % (name, old), "--%s=%s" % (name, new))
  for old, new in itertools.zip_longest(before["inputs"], now["inputs"]):
    if old != new:
      _refuse(path, "the input " + _described(old), _described(new))
  if before["vocabulary"] != now["vocabulary"]:
    _refuse(path, *(_listed(d["vocabulary"]) for d in (before, now)))


def _described(given):
  if given is None:
    return "nothing"
  return "%(path)s (%(format)s, %(bytes)d bytes)" % given


def _listed(vocabulary):
  return "the vocabulary " + ", ".join(
    "%s (sha256 %s...)" % (name, digest[:8])
    for name, digest in sorted(vocabulary.items())
  )


def _refuse(path, old, new):
  raise InputError(
    "%s: this folder's shards are made with %s, now it is %s; expected the "
    "same, or another folder in --output_file" % (path, old, new)
  )


def write_progress(plan, description, stripes):
  """Writes progress.json, after which the folder belongs to this command.

  Args:
    plan: a shards.Plan.
    description: of `describe`.
    stripes: what is known of the finished ones, see shards.Output.
  """
  _write_json(plan, PROGRESS, dict(description, stripes=stripes))


def write_manifest(plan, description, vocabulary, shards, report):
  """Writes manifest.json, and the vocabulary beside it: the output is finished.

  Args:
    plan: a shards.Plan.
    description: of `describe`.
    vocabulary: its files, which training hands on with the model.
    shards: list of {"file", "instances", "bytes"}.
    report: of `make_report`.

  Raises:
    InputError: there is not one instance; the empty shards are removed.
  """
  progress = os.path.join(plan.folder, PROGRESS)
  if not any(shard["instances"] for shard in shards):
    for path in plan.shards + [progress]:
      files.remove(path)
    raise InputError(
      "the input gave no instance (%s); expected text with at least two "
      "sentences a document, and the --input_format that fits it"
      % json.dumps(dict(report["counts"], dropped=report["dropped"]))
    )
  order = {os.path.basename(path): i for i, path in enumerate(plan.shards)}
  shards = sorted(shards, key=lambda shard: order[shard["file"]])
  for path in vocabulary:
    copy = os.path.join(plan.folder, os.path.basename(path))
    files.write(copy, files.read(path))
  _write_json(plan, MANIFEST, dict(description, shards=shards, report=report))
  files.remove(progress)


def _write_json(plan, name, value):
  files.write_json(os.path.join(plan.folder, name), value)


def make_report(plan, counts, dropped, seconds):
  """Returns what was counted, as manifest.json keeps it.

  Args:
    plan: a shards.Plan.
    counts: Counter of instances.InstanceMaker.
    dropped: Counter of corpora.documents, by reason.
    seconds: the time that making the shards took.
  """
  return {
    "counts": dict(sorted(counts.items())),
    "dropped": dict(sorted(dropped.items())),
    "unknown_rate": counts["unknown"] / max(counts["pieces"], 1),
    "masking_rate": counts["masked"] / max(counts["maskable"], 1),
    "bytes": plan.bytes,
    "seconds": round(seconds, 1),
    "megabytes_per_second": round(plan.bytes / MEGABYTE / seconds, 3),
  }


def log_report(plan, report):
  """Says on the screen what manifest.json keeps."""
  for name, count in report["counts"].items():
    logging.info("%s: %d", name, count)
  for reason, count in report["dropped"].items():
    logging.info("left out or cut: %d %s", count, reason)
  logging.info(
    "%.2f %% of the pieces are unknown, %.2f %% of the maskable are masked",
    100 * report["unknown_rate"],
    100 * report["masking_rate"],
  )
  logging.info(
    "%.1f MB in %.1f s, %.2f MB/s: %d file(s) and %s in %s",
    plan.bytes / MEGABYTE,
    report["seconds"],
    report["megabytes_per_second"],
    len(plan.shards),
    MANIFEST,
    plan.folder or ".",
  )
