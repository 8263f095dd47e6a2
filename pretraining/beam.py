# SPDX-License-Identifier: Apache-2.0
"""Runs create_pretraining_data.py as an Apache Beam pipeline.

Chunks, encoders and shards are those of a run on one machine, so the output has
the same bytes; files are read, chunks encoded and shards written by any free
worker. Workers on other machines need this checkout on their PYTHONPATH, both
requirements files installed, and all files under the same paths. A shard must
fit in a worker's memory.
"""

import collections
import glob
import logging
import os
import shlex
import time
import typing
import uuid

# Beam logs about its own parts from its import on; real problems are raised.
# Its options stay at WARNING because unknown ones only cause a warning.
for part, level in (
  ("apache_beam", logging.ERROR),
  ("apache_beam.options", logging.WARNING),
  ("apache_beam.runners", logging.CRITICAL),
):
  logging.getLogger(part).setLevel(level)
# isort: split
import apache_beam as beam  # noqa: E402
from apache_beam.options.pipeline_options import PipelineOptions  # noqa: E402

from common import files  # noqa: E402
from common import stripes  # noqa: E402
from pretraining import shards  # noqa: E402

SUMMARY = ".beam.json"
_SUMMARY_SHAPE = {"counts": {}, "dropped": {}, "shards": []}


def run(plan, encoding, description, runner, options):
  """Writes all shards with a Beam runner; returns their stripes.Outcome.

  `options` are the runner's, as on a command line, or None.
  """
  begin = time.time()
  _show_checkout()
  files.make_folder(plan.folder)
  for path in plan.shards:  # A killed run may have left some.
    for partial in files.glob(glob.escape(path) + ".*.partial"):
      files.remove(partial)
  stripes.write_progress(plan, description, [])
  pipeline_options = PipelineOptions(
    ["--runner=" + runner] + shlex.split(options or "")
  )
  with beam.Pipeline(options=pipeline_options) as pipeline:
    build(pipeline, plan, encoding)
  path = plan.beside(SUMMARY)
  summary = files.read_json(path, shape=_SUMMARY_SHAPE)
  files.remove(path)
  return stripes.Outcome(
    collections.Counter(summary["counts"]),
    summary["shards"],
    collections.Counter(summary["dropped"]),
    time.time() - begin,
  )


def _show_checkout():
  """Lets workers on this machine import these modules."""
  here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
  before = os.environ.get("PYTHONPATH")
  os.environ["PYTHONPATH"] = here + (os.pathsep + before if before else "")


def build(pipeline, plan, encoding):
  """Adds the steps from inputs to shards and summary to a pipeline."""
  read = (
    pipeline
    | "Inputs" >> beam.Create(range(len(plan.inputs)))
    | "Spread inputs" >> beam.Reshuffle()
    | "Read" >> beam.FlatMap(_read, plan).with_outputs("dropped", main="chunks")
  )
  encoded = (
    read.chunks
    | "Spread chunks" >> beam.Reshuffle()
    | "Encode"
    # Beam would otherwise infer that records may be TaggedOutputs, not pairs.
    >> beam.ParDo(_Encode(plan, encoding))
    .with_output_types(typing.Tuple[int, typing.Any])
    .with_outputs("counts", main="records")
  )
  no_records = pipeline | "No records" >> beam.Create(
    [(shard, None) for shard in range(len(plan.shards))]
  )
  written = (
    (encoded.records, no_records)
    | "With empty shards" >> beam.Flatten()
    | "By shard" >> beam.GroupByKey()
    | "Write" >> beam.Map(_write, plan)
  )
  (
    pipeline
    | "Once" >> beam.Create([plan.beside(SUMMARY)])
    | "Summarize"
    >> beam.Map(
      _summarize,
      _total(encoded.counts, "counts"),
      _total(read.dropped, "dropped"),
      beam.pvalue.AsList(written),
    )
  )


def _read(file, plan):
  """Yields the chunks of an input, then a Counter of what was dropped."""
  dropped = collections.Counter()
  yield from shards.chunks(plan, file, dropped)
  yield beam.pvalue.TaggedOutput("dropped", dropped)


class _Encode(beam.DoFn):
  """Turns a chunk into (shard, (order in it, instances, records)) pairs."""

  def __init__(self, plan, encoding):
    self._plan = plan
    self._encoding = encoding

  def setup(self):
    self._encode = shards.Encoder(*self._encoding)

  def process(self, chunk):
    encoded = self._encode(chunk)
    for copy, part in enumerate(shards.parts(self._plan, encoded)):
      lane, count, records = part
      order = (encoded.file, encoded.number, copy)
      shard = self._plan.shard(encoded.stripe, lane)
      yield shard, (order, count, records)
    yield beam.pvalue.TaggedOutput("counts", encoded.counts)


def _write(shard_and_parts, plan):
  """Writes a shard; repeating the work writes the same bytes."""
  shard, parts = shard_and_parts
  path = plan.shards[shard]
  partial = "%s.%s.partial" % (path, uuid.uuid4().hex)
  instances = size = 0
  with files.open_file(partial, "wb") as f:
    for _, count, records in sorted(part for part in parts if part):
      f.write(records)
      instances += count
      size += len(records)
    files.close_safely(f)
  files.rename(partial, path)
  name = os.path.basename(path)
  return {"file": name, "instances": instances, "bytes": size}


def _total(counters, name):
  """Returns the sum of Counters as a side input."""
  total = counters | "Sum of " + name >> beam.CombineGlobally(_sum)
  return beam.pvalue.AsSingleton(total)


def _sum(counters):
  total = collections.Counter()
  for counter in counters:
    total.update(counter)  # "+" would drop zero counts.
  return total


def _summarize(path, counts, dropped, written):
  """Writes the counts to a file for the process that started the pipeline."""
  summary = {"counts": counts, "dropped": dropped, "shards": written}
  files.write_json(path, summary)
