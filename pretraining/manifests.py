# SPDX-License-Identifier: Apache-2.0
"""The files beside pretraining shards that say how they were made.

The output x of create_pretraining_data.py (x, or x-00000-of-00064 and so on)
comes with x.manifest.json, and until it is finished with x.progress.json. Both
begin with a description: program, flags, vocabulary, inputs. The manifest adds
all shards and what was counted, the progress file the finished shards. Several
outputs with the same vocabulary may share a folder.

Earlier versions wrote manifest.json and progress.json, one output a folder;
these are still read.
"""

import collections
import fnmatch
import itertools
import json
import os

from absl import logging

from common import files
from common import progress
from common import stripes
from common.errors import InputError

MEGABYTE = 1e6
_SHARDS = [{"file": str, "instances": int, "bytes": int}]
_SHAPE = {
  "flags": {
    "max_seq_length?": int,
    "max_predictions_per_seq?": int,
    "output_file?": [str],
  },
  "vocab_size?": int,
  "vocabulary": {str: str},
  "inputs": [{"path": str, "format": str, "bytes": int}],
  "shards?": _SHARDS,
  "stripes?": [{"counts?": {str: int}, "seconds?": float, "shards": _SHARDS}],
}

# What an earlier run of the same command left: the path of its manifest or
# progress file (None without one), whether it is finished, and the records of
# its finished stripes (see stripes.Output).
Earlier = collections.namedtuple("Earlier", "path finished stripes")


def in_folder(folder):
  """Returns {path: content} of the manifests in a folder."""
  return _read_all(folder, stripes.MANIFEST)


def _read_all(folder, ending):
  return {
    os.path.join(folder, name): files.read_json(
      os.path.join(folder, name), shape=_SHAPE
    )
    for name in files.list_names(folder)
    if ("." + name).endswith(ending)  # Also the old names without a prefix.
  }


def only_shards(paths, pattern, is_record_file):
  """Returns the paths of those files that hold examples.

  In a folder with manifests these are the files that a manifest lists, in
  other folders all files but the hidden. A file that is named by itself counts
  in any folder.

  Args:
    paths: the files that a pattern, or the folder of this name, matches.
    pattern: the pattern, without the folder's files if it is a folder.
    is_record_file: function of a path that tells a TFRecord file from others.

  Raises:
    InputError: a file is not there that a manifest lists and the pattern
      matches; or the pattern matches a TFRecord file that no manifest lists
      beside those that one does; or the output is not finished.
  """
  folders = sorted(set(map(os.path.dirname, paths + [pattern])))
  found = []
  for folder in folders:
    group = [path for path in paths if os.path.dirname(path) == folder]
    _reject_unfinished(folder, group)
    manifests = in_folder(folder)
    for path, manifest in manifests.items():
      _reject_missing(path, manifest, group, pattern)
    listed = set().union(*map(_shard_names, manifests.values()))
    known = [path for path in group if os.path.basename(path) in listed]
    others = [path for path in group if _may_hold_examples(path, manifests)]
    if known and pattern not in group:
      for path in filter(is_record_file, set(others) - set(known)):
        raise InputError(
          "%s: is not among the files that %s lists; expected its own name in "
          "--input_file, or another folder for it"
          % (path, ", ".join(map(os.path.basename, manifests)))
        )
    found += known or others
  return found


def _may_hold_examples(path, manifests):
  """Returns whether a file is neither hidden nor known as something else."""
  name = os.path.basename(path)
  known = set().union(*(m.get("vocabulary", {}) for m in manifests.values()))
  others = name.startswith(".") or ("." + name).endswith(
    (stripes.MANIFEST, stripes.PROGRESS)
  )
  return not (others or name in known)


def _reject_unfinished(folder, paths):
  """Rejects files of an output that is not finished."""
  names = set(map(os.path.basename, paths))
  for path, begun in _read_all(folder, stripes.PROGRESS).items():
    made = begun.get("flags", {}).get("output_file", [])
    if names & set(made):
      raise InputError(
        "%s: this output is not finished; expected the command of "
        "create_pretraining_data.py once more, which finishes it" % path
      )


def _reject_missing(place, manifest, paths, pattern):
  """Rejects a manifest whose files are gone that a pattern would match."""
  names = set(map(os.path.basename, paths))
  for shard in manifest.get("shards", []):
    path = os.path.join(os.path.dirname(place), shard["file"])
    if shard["file"] not in names and fnmatch.fnmatchcase(path, pattern):
      raise InputError(
        "%s: no such file; %s lists it, with %d records and %d bytes"
        % (path, place, shard["instances"], shard["bytes"])
      )


def check_shards(paths, count):
  """Rejects files that are not as their manifests list them.

  Args:
    paths: the files.
    count: function of a path that returns its number of records.

  Returns:
    {path: number of records}, without the remote files that no manifest lists:
    they would have to be read.
  """
  listed, counts = {}, {}
  for place, manifest in of_files(paths).items():
    _warn_of_part(place, manifest, paths)
    for shard in manifest["shards"]:
      path = os.path.join(os.path.dirname(place), shard["file"])
      listed[path] = place, shard["instances"], shard["bytes"]
  for path in progress.shown(paths, len(paths), "checking", "file"):
    if path in listed:
      place, instances, size = listed[path]
      if files.size(path) != size:
        _reject_shard(path, place, size, files.size(path), "bytes")
    if not files.is_remote(path):
      counts[path] = count(path)
    elif path in listed:
      counts[path] = instances
    if path in listed and counts[path] != instances:
      _reject_shard(path, place, instances, counts[path], "records")
  return counts


def _reject_shard(path, place, expected, found, what):
  raise InputError(
    "%s: found %d %s, %s lists %d; copy or make the file again"
    % (path, found, what, place, expected)
  )


def _warn_of_part(place, manifest, paths):
  """Warns if not all files of an output are read."""
  folder, shards = os.path.dirname(place), manifest["shards"]
  used = [s for s in shards if os.path.join(folder, s["file"]) in paths]
  if len(used) < len(shards):
    logging.warning(
      "only %d of the %d files that %s lists are read, with %d of %d records",
      *(len(used), len(shards), place),
      *(sum(s["instances"] for s in group) for group in (used, shards)),
    )


def of_files(paths):
  """Returns {path: content} of the manifests that list any of these files."""
  found = {}
  for folder in sorted(set(map(os.path.dirname, paths))):
    names = {os.path.basename(p) for p in paths if os.path.dirname(p) == folder}
    for path, manifest in in_folder(folder).items():
      if names & _shard_names(manifest):
        found[path] = manifest
  return found


def _shard_names(manifest):
  return {shard["file"] for shard in manifest.get("shards", [])}


def vocabulary_beside(paths):
  """Returns the vocabulary files that data creation left beside shards."""
  found = [
    os.path.join(os.path.dirname(path), name)
    for path, manifest in of_files(paths).items()
    for name in manifest.get("vocabulary", {})
  ]
  return list(filter(files.exists, dict.fromkeys(found)))


def describe(plan, flags, tokenizer):
  """Returns the part of a manifest that is known before the first shard.

  `flags` has the values of all flags that shape the output, by name.
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
  """Returns the Earlier run whose output has the same files.

  Raises:
    InputError: another command made one of these files, or the folder holds
      another vocabulary of the same name.
  """
  for ending in (stripes.MANIFEST, stripes.PROGRESS):
    for path, before in _read_all(plan.folder, ending).items():
      names = before.get("flags", {}).get("output_file", [])
      if not set(names) & set(map(os.path.basename, plan.shards)):
        continue
      if ending == stripes.PROGRESS and _is_empty(plan.folder, before):
        continue
      _reject_other(path, before, description)
      if ending == stripes.PROGRESS:  # Which may have its old name.
        files.rename(path, plan.beside(stripes.PROGRESS))
      return Earlier(
        path, ending == stripes.MANIFEST, before.get("stripes", [])
      )
  _reject_unknown_files(plan, description)
  return Earlier(None, False, [])


def _is_empty(folder, progress):
  """Returns whether a run ended before its first shard."""
  names = progress["flags"]["output_file"]
  paths = [os.path.join(folder, name) for name in names]
  return not (progress["stripes"] or any(map(files.exists, paths)))


def _reject_unknown_files(plan, description):
  """Rejects a folder with files that this command would overwrite."""
  for shard in plan.shards:
    if files.exists(shard):
      raise InputError(
        "%s: exists already, without a manifest that says how it was made; "
        "expected a new file as --output_file" % shard
      )
  for name, digest in description["vocabulary"].items():
    path = os.path.join(plan.folder, name)
    if files.exists(path) and files.sha256(path) != digest:
      raise InputError(
        "%s: found another vocabulary than this command's; expected another "
        "folder in --output_file" % path
      )


def _reject_other(path, before, now):
  """Rejects the output of another command."""
  for name in sorted(set(before["flags"]) | set(now["flags"])):
    old, new = (d["flags"].get(name) for d in (before, now))
    if old != new:
      _reject(path, "--%s=%s" % (name, old), "--%s=%s" % (name, new))
  for old, new in itertools.zip_longest(before["inputs"], now["inputs"]):
    if old != new:
      _reject(path, "the input " + _input_text(old), _input_text(new))
  if before["vocabulary"] != now["vocabulary"]:
    _reject(path, *(_vocabulary_text(d["vocabulary"]) for d in (before, now)))


def _input_text(given):
  if given is None:
    return "nothing"
  return "%(path)s (%(format)s, %(bytes)d bytes)" % given


def _vocabulary_text(vocabulary):
  return "the vocabulary " + ", ".join(
    "%s (sha256 %s...)" % (name, digest[:8])
    for name, digest in sorted(vocabulary.items())
  )


def _reject(path, old, new):
  raise InputError(
    "%s: these shards were made with %s, this command has %s; expected the "
    "same, or another --output_file" % (path, old, new)
  )


def write_manifest(plan, description, vocabulary, shards, report):
  """Writes the manifest and the vocabulary: the output is finished.

  `vocabulary` lists its files, which training needs with the model; `shards`
  are dicts with "file", "instances" and "bytes".

  Raises:
    InputError: there is no instance at all; the empty shards are removed.
  """
  if not any(shard["instances"] for shard in shards):
    for path in plan.shards + [plan.beside(stripes.PROGRESS)]:
      files.remove(path)
    raise InputError(
      "the input gave no instance (%s); expected text with at least two "
      "sentences per document, and the --input_format that fits it"
      % json.dumps(dict(report["counts"], dropped=report["dropped"]))
    )
  order = {os.path.basename(path): i for i, path in enumerate(plan.shards)}
  shards = sorted(shards, key=lambda shard: order[shard["file"]])
  for path in vocabulary:
    copy = os.path.join(plan.folder, os.path.basename(path))
    files.write(copy, files.read(path))
  files.write_json(
    plan.beside(stripes.MANIFEST),
    dict(description, shards=shards, report=report),
  )
  files.remove(plan.beside(stripes.PROGRESS))


def make_report(plan, counts, dropped, seconds):
  """Returns the counts of InstanceMaker and sources for the manifest."""
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
  """Logs the counts of a finished output."""
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
    os.path.basename(plan.beside(stripes.MANIFEST)),
    plan.folder or ".",
  )
