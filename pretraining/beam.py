# SPDX-License-Identifier: Apache-2.0
"""Runs create_pretraining_data.py as an Apache Beam pipeline.

Chunks, encoders and shards are those of a run on one machine, so the output has
the same bytes; files are read, chunks encoded and shards written by any free
worker. See common/pipelines.py for what workers need.
"""

import collections
import functools
import os
import time
import typing

import apache_beam as beam

from common import pipelines
from common import stripes
from pretraining import shards

_SUMMARY_SHAPE = {"counts": {}, "dropped": {}, "shards": []}


def run(plan, encoding, description, runner):
  """Writes all shards with a pipelines.Runner; returns their Outcome."""
  begin = time.time()
  steps = functools.partial(build, plan=plan, encoding=encoding)
  summary = pipelines.run(steps, plan, description, runner, _SUMMARY_SHAPE)
  return stripes.Outcome(
    collections.Counter(summary["counts"]),
    summary["shards"],
    collections.Counter(summary["dropped"]),
    time.time() - begin,
  )


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
  pipelines.summarize(
    pipeline,
    plan,
    counts=_total(encoded.counts, "counts"),
    dropped=_total(read.dropped, "dropped"),
    shards=beam.pvalue.AsList(written),
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
  """Writes a shard; returns its record."""
  shard, parts = shard_and_parts
  path = plan.shards[shard]
  instances = size = 0
  with pipelines.whole(path) as file:
    for _, count, records in sorted(part for part in parts if part):
      file.write(records)
      instances += count
      size += len(records)
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
