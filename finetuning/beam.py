# SPDX-License-Identifier: Apache-2.0
"""Labels the texts of a --predict_file with an Apache Beam pipeline.

Texts, windows, labels and files are those of a run on one machine. Files are
read by any free worker, and so are blocks of their texts encoded, predicted
with a SavedModel, and labelled. See common/pipelines.py for what workers need.
"""

import collections
import functools
import itertools
import logging
import os
import time
import typing

import apache_beam as beam
from apache_beam.ml.inference import base

from common import files
from common import pipelines
from finetuning import label_files
from finetuning import label_inputs
from training import batches
from training import devices
from training import saved_models

# BatchElements of earlier versions logs its times as the program's.
logging.getLogger().addFilter(
  lambda record: not str(record.msg).startswith("BatchElements statistics")
)

BLOCKS = 8  # Their windows are predicted together: about a pool.

# A SavedModel that takes all features of a window, and how to run it. device: a
# devices.Device; the rest as in estimators.prediction_input.
Model = collections.namedtuple(
  "Model", "folder device padding batch_size length tokens"
)
_SUMMARY_SHAPE = {"written": [{"stripe": {}, "pages": [str]}], "left_out": []}


def run(job, model, description, runner):
  """Labels all texts of a labelling.Job.

  Args:
    job: a labelling.Job.
    model: a Model.
    description: see stripes.write_progress.
    runner: a pipelines.Runner.

  Returns:
    (record of each stripe, what was left out, paths of pages)
  """
  steps = functools.partial(_build, job=job, model=model)
  summary = pipelines.run(steps, job.plan, description, runner, _SUMMARY_SHAPE)
  written = sorted(summary["written"], key=lambda found: found["number"])
  return (
    [found["stripe"] for found in written],
    [
      message
      for _, messages in sorted(summary["left_out"])
      for message in messages
    ],
    [path for found in written for path in found["pages"]],
  )


def _build(pipeline, job, model):
  """Adds the steps from inputs to files of labels and summary."""
  read = (
    pipeline
    | "Inputs" >> beam.Create(range(len(job.plan.inputs)))
    | "Spread inputs" >> beam.Reshuffle()
    | "Read" >> beam.FlatMap(_read, job).with_outputs("left_out", main="blocks")
  )
  labelled = (
    read.blocks
    | "Spread blocks" >> beam.Reshuffle()
    | "Encode" >> beam.Map(_encode, job.task.encoder())
    | "Predict" >> base.RunInference(_Handler(model))
    | "Label"
    >> beam.FlatMap(_label, job.task).with_output_types(
      typing.Tuple[int, typing.Any]
    )
  )
  no_texts = pipeline | "No texts" >> beam.Create(
    [(stripe, None) for stripe in range(job.plan.stripes)]
  )
  written = (
    (labelled, no_texts)
    | "With empty files" >> beam.Flatten()
    | "By file" >> beam.GroupByKey()
    | "Write" >> beam.Map(_write, job)
  )
  pipelines.summarize(
    pipeline,
    job.plan,
    written=beam.pvalue.AsList(written),
    left_out=beam.pvalue.AsList(read.left_out),
  )


def _read(number, job):
  """Yields (place, block) of an input, then what was left out of it."""
  left_out, *failed = label_inputs.failures(job.allow_incomplete)
  reader = label_inputs.Reader(job.task, job.plan, *failed, 0)
  for turn, block in enumerate(label_inputs.blocks(reader.parts_of(number))):
    # Not the whole of a long text with each of its parts.
    yield (
      (number, turn),
      [p if p.is_last else p._replace(example=None) for p in block],
    )
  messages = list(map(str, left_out))
  yield beam.pvalue.TaggedOutput("left_out", (number, messages))


def _encode(place_and_block, encode):
  """Returns a block with its windows."""
  place, block = place_and_block
  encoded = encode([item.part for item in block])
  return place, list(label_inputs.with_encoded(block, encoded))


class _Handler(base.ModelHandler):
  """Predicts the windows of blocks, in batches of similar lengths.

  Beam's own handler for TensorFlow needs Keras, and inputs of one shape.
  """

  def __init__(self, model):
    super().__init__()
    self._model = model

  def load_model(self):
    config = devices.session_config(self._model.device)
    return saved_models.SavedModel(self._model.folder, config)

  def run_inference(self, batch, model, inference_args=None):
    """Returns (place, block, predictions of its windows in order) of each."""
    del inference_args
    windows = [
      f for _, block in batch for item in block for f in item.encoded.features
    ]
    outputs = iter(self._predict(windows, model))
    return [
      (place, block, [next(outputs) for x in block for _ in x.encoded.features])
      for place, block in batch
    ]

  def _predict(self, windows, model):
    _, _, padding, batch_size, length, tokens = self._model
    found = [None] * len(windows)
    for numbers in batches.prediction_batches(
      windows, batch_size, tokens=tokens
    ):
      features = [windows[i] for i in numbers]
      outputs = model(batches.pad_batch(features, padding, length))
      for i, values in zip(numbers, zip(*outputs.values())):
        found[i] = dict(zip(outputs, values))
    return found

  def batch_elements_kwargs(self):
    return {"min_batch_size": BLOCKS, "max_batch_size": BLOCKS}

  def get_num_bytes(self, batch):
    return sum(len(block) for _, block in batch)  # Beam would pickle them.


def _label(predicted, task):
  """Yields (stripe, (place, labels of parts)) of a block."""
  place, block, windows = predicted
  windows, labelled = iter(windows), []
  for item in block:
    own = list(itertools.islice(windows, len(item.encoded.features)))
    labelled.append((item, task.label(item.part, own)))
  for stripe, found in itertools.groupby(labelled, lambda pair: pair[0].stripe):
    yield stripe, (place, [(x.is_last, x.example, own) for x, own in found])


def _write(stripe_and_found, job):
  """Writes a file of labels, and a page of the first; returns its record."""
  stripe, found = stripe_and_found
  begin = time.time()
  path, page, pages = job.plan.shards[stripe], label_files.Page(), []
  count, label = 0, []
  with pipelines.whole(path, job.open_shard) as file:
    parts = [part for _, parts in sorted(filter(None, found)) for part in parts]
    for is_last, example, own in parts:
      label += own
      if is_last:
        file.write(label_files.to_write(job.task.format_label(example, label)))
        page.add(example, label)
        count, label = count + 1, []
  if job.task.has_page and not stripe:
    pages = page.write(job.task, job.plan, job.stem)
  shard = {
    "file": os.path.basename(path),
    "texts": count,
    "bytes": files.total_size(path),
  }
  record = {"counts": {}, "seconds": time.time() - begin, "shards": [shard]}
  return {"number": stripe, "stripe": record, "pages": pages}
