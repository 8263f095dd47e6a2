# SPDX-License-Identifier: Apache-2.0
"""Labels the texts of --predict_file, or embeds those of --input_file.

Texts are read as a stream and encoded, by other processes if there are many.
Pools of windows are predicted together, in batches of similar lengths; the next
pool is prepared meanwhile. Labels are written in the order of the texts.
Large inputs become several files, and a run that was killed continues after the
finished ones; see common/stripes.py.
"""

import collections
import contextlib
import functools
import itertools
import os
import re
import time

from absl import logging
import numpy as np

from common import files
from common import processes
from common import progress
from common import stripes
from common.errors import InputError
from common.text import count_text
from common.text import size_text
from finetuning import label_files
from finetuning import label_inputs
from finetuning import splits
from formats import detect
from formats import inputs

SHARD_BYTES = 16 << 20  # Stored bytes of input per output file.
WHOLE_BYTES = 1 << 28  # Stored bytes of input whose labels may be kept.
LEFT_OUT = ".left_out.txt"

# What to label. patterns: paths, globs and folders, the value of --`flag`.
# allow_incomplete: whether to leave out texts that cannot be read. num_workers:
# see label_inputs.Reader.
Texts = collections.namedtuple(
  "Texts",
  "patterns flag allow_incomplete num_workers",
  defaults=("predict_file", False, None),
)
# Where the labels go. folder: of files that are named after the input. file: a
# path in place of `folder`. is_gzip: whether to compress them. part: the
# stripes.Part that this job labels.
Target = collections.namedtuple(
  "Target", "folder file is_gzip part", defaults=(None, False, stripes.WHOLE)
)
# What is needed to label elsewhere. stem: what file names begin with;
# open_shard: see stripes.Output.
Job = collections.namedtuple(
  "Job", "task plan stem allow_incomplete open_shard"
)


class Labelling:
  """The texts to label, and where their labels go.

  The first pool is read at once: a small input is thereby checked as a whole,
  and any input gives the features of a window.

  Attributes: `inputs`, a list of inputs.Input.
  """

  def __init__(self, task, texts, target):
    """Finds the files; raises InputError if they cannot be read or labelled.

    Args:
      task: a harness.Task that has learned, or what has the part of its methods
        that label.
      texts: Texts.
      target: Target.
    """
    self._allow_incomplete = texts.allow_incomplete
    self._left_out, *failed = label_inputs.failures(texts.allow_incomplete)

    def sniff(path):
      try:
        return detect.detect(label_inputs.source(path), task.unlabelled_kinds)
      except InputError as error:
        return failed[0](error)

    self._task = task
    self._is_gzip = target.is_gzip
    found = inputs.find(texts.patterns, sniff, texts.flag)
    self.inputs = [given for given in found if given.format]
    if not self.inputs:
      raise self._left_out[0]
    self._stem = _stem(self.inputs, texts.patterns)
    self._plan = stripes.Plan(self.inputs, self._paths(target), 1, target.part)
    self._pages = []  # Paths of pages written.
    self._reader = label_inputs.Reader(
      task, self._plan, *failed, texts.num_workers
    )
    self._pools = processes.one_ahead(self._reader.pools())
    self._first = next(self._pools, [])

  def _paths(self, target):
    """Returns the paths of the output: one, or one for each SHARD_BYTES."""
    form = self._task.predict_format
    if target.file:
      name, ending = os.path.splitext(target.file)
    else:
      name = "%s.%s" % (self._stem, self._task.label_kind)
      name = os.path.join(target.folder, name)
      ending = "." + label_files.ending(form, self._is_gzip)
    size = sum(given.bytes for given in self.inputs)
    count = -(-size // SHARD_BYTES)
    names = [name]
    if form == label_files.JSON:
      _check_whole(size, target.part)
    elif count > 1:
      names = ["%s-%05d-of-%05d" % (name, i, count) for i in range(count)]
    return [name + ending for name in names]

  def own_paths(self):
    """Returns the paths of the inputs that this part reads."""
    return [
      given.path
      for number, given in enumerate(self.inputs)
      if self._plan.reads(number, self._plan.first)
    ]

  def windows(self):
    """Returns the features of the windows of the first pool."""
    return [f for item in self._first for f in item.encoded.features]

  def sample(self):
    """Returns (number of texts, share of all bytes) of the first pool."""
    texts = sum(item.is_last for item in self._first)
    return texts, self._first[-1].end / self._plan.bytes if texts else 1.0

  def log(self, unk_id):
    """Logs what the first pool holds; warns if the vocabulary does not fit."""
    parts = [item.part for item in self._first]
    encoded = [item.encoded for item in self._first]
    path = self.inputs[0].path
    splits.log("raw", splits.collect(path, parts, encoded), unk_id)

  def run(self, predict, description):
    """Labels all texts and writes the labels, unless an earlier run did.

    Args:
      predict: function of a list of windows and a function that passes an
        iterator on; yields the predictions of the windows in their order.
      description: dict of what else the labels depend on.

    Returns:
      The labels of the format label_files.JSON, which are not written here.
    """
    with contextlib.closing(self._pools):
      return self._run(predict, description)

  def _run(self, predict, description):
    earlier = self._read_earlier(description)
    if earlier is None:
      return None
    if self._plan.first == self._plan.last:
      logging.info(
        "nothing to do: found %s to write, and none for part %d of %d",
        *(count_text(self._plan.stripes, "file"), *self._plan.part),
      )
      return None
    self._reader.start = self._plan.first + len(earlier)
    output = self._output(description, earlier)
    meter = _Meter(self._plan, self._reader.start)
    with contextlib.closing(meter), contextlib.closing(output):
      self._write_labels(output, predict, meter)
      left_out = self._list_left_out()
      output.finish()
    meter.log()
    self._log_written(output, left_out)
    return output.labels

  def run_apart(self, make_files, description):
    """Does the same with a function that reads, labels and writes all texts.

    Args:
      make_files: function of a Job; returns (record of each stripe, what was
        left out, paths of pages); see beam.py.
      description: see `run`.
    """
    self._pools.close()
    if self._read_earlier(description) is None:
      return
    job = Job(
      *(self._task, self._plan, self._stem, self._allow_incomplete),
      self._opener(),
    )
    begin = time.time()
    records, left_out, self._pages = make_files(job)
    self._left_out += left_out
    left_out = self._list_left_out()
    stripes.write_progress(self._plan, description, records)
    output = label_files.Shards(
      self._plan, job.open_shard, description, records
    )
    output.finish()
    texts = sum(record["shards"][0]["texts"] for record in records)
    seconds = max(time.time() - begin, 1e-3)
    logging.info(
      "%s in %s: %.1f documents/s",
      *(count_text(texts, "text"), progress.clock(seconds), texts / seconds),
    )
    self._log_written(output, left_out)

  def _read_earlier(self, description):
    """Returns the stripes that an earlier run finished; None: all of them."""
    earlier, is_finished = label_files.read_earlier(self._plan, description)
    if is_finished:
      logging.info("nothing to do: %s is finished", self._plan.name)
      return None
    return earlier

  def _log_written(self, output, left_out):
    if left_out:
      logging.warning(
        "left out texts or rests of files: %d, listed in %s; the first: %s",
        *(len(left_out), self._plan.own(LEFT_OUT), left_out[0]),
      )
    more = len(self.inputs) - 1
    logging.info(
      "finished %s%s: %s",
      self.inputs[0].path,
      " and %d more files" % more if more else "",
      ", ".join(output.written() + self._pages),
    )

  def _output(self, description, earlier):
    """Returns what takes the labels; see label_files.py."""
    if self._task.predict_format == label_files.JSON:
      return label_files.Whole()
    return label_files.Shards(self._plan, self._opener(), description, earlier)

  def _opener(self):
    return label_files.opener(self._task.label_file(), self._is_gzip)

  def _write_labels(self, output, predict, meter):
    page, stripe = None, self._reader.start
    if self._task.has_page and not stripe:
      page = label_files.Page()
    for item, label in self._labels(predict, meter):
      if item.stripe > stripe:  # It is finished next, and not read again.
        self._list_left_out()
        stripe = item.stripe
      written = self._task.format_label(item.example, label)
      if page and item.stripe:  # Before the first stripe is finished.
        page = self._write_page(page)
      elif page:
        page.add(item.example, label)
      output.add(item.stripe, written)
    if page:
      self._write_page(page)

  def _labels(self, predict, meter):
    """Yields (last _Part, label) of all texts that are not labelled yet."""
    label = []
    for pool in itertools.chain([self._first], self._pools):
      pool = [item for item in pool if item.stripe >= self._reader.start]
      if not pool:
        continue
      windows = [f for item in pool for f in item.encoded.features]
      outputs = predict(windows, meter.watch(pool, windows))
      for item in pool:
        own = [next(outputs) for _ in item.encoded.features]
        label += self._task.label(item.part, own)
        if item.is_last:
          yield item, label
          label = []
      assert next(outputs, None) is None, "a window too many"
      meter.add(pool, windows)
      self._first = []

  def _write_page(self, page):
    """Writes a label_files.Page."""
    self._pages = page.write(self._task, self._plan, self._stem)

  def _list_left_out(self):
    """Writes and returns what was left out, also by an earlier run."""
    path = self._plan.own(LEFT_OUT)
    before = []
    if self._reader.start > self._plan.first and files.exists(path):
      before = files.read(path).decode("utf-8").splitlines()
    lines = list(dict.fromkeys(before + list(map(str, self._left_out))))
    files.remove(path)
    if lines:
      files.write_text(path, "".join(line + "\n" for line in lines))
    return lines


def _check_whole(size, part):
  """Rejects an input of so many bytes, or a part, for label_files.JSON."""
  if size > WHOLE_BYTES:
    raise InputError(
      "--predict_format=json is made at the end, of all answers, for at most "
      "%s of input; found %s, expected --predict_format=jsonl"
      % (size_text(WHOLE_BYTES), size_text(size))
    )
  if part != stripes.WHOLE:
    raise InputError(
      "--predict_part=%d/%d: found --predict_format=json, which is made of "
      "all answers; expected --predict_format=jsonl" % part
    )


def _stem(found, patterns):
  """Returns what the names of the output begin with.

  This is the name of a single file without its endings, or that of the folder
  of the first of several.
  """
  path = found[0].path
  if len(found) > 1 or files.is_folder(patterns):
    return os.path.basename(os.path.dirname(os.path.abspath(path))) or "texts"
  name = re.sub(r"(\.tar)?\.t?gz$", "", os.path.basename(path))
  return os.path.splitext(name)[0]


class _Meter:
  """Shows how far labelling is, in bytes of input."""

  def __init__(self, plan, start):
    self._begin = plan.bytes * plan.first // plan.stripes
    self._total = plan.bytes * plan.last // plan.stripes - self._begin
    self._at = plan.bytes * start // plan.stripes
    at = self._at - self._begin
    self._bar = progress.Bar(self._total, "B", "done", at, scale=True)
    self._counts = np.zeros(4)  # texts, windows, useful tokens, truncated
    self._shown = np.zeros(4)
    self._began = time.time()

  def watch(self, pool, windows):
    """Returns a function that passes on and shows a pool's predictions."""
    counts = _counts(pool, windows)
    begin = self._at

    def watched(stream):
      for number, output in enumerate(stream, 1):
        if number % 16 == 0 or number == len(windows):
          share = min(number / len(windows), 1)
          at = begin + int(share * (pool[-1].end - begin))
          now = self._counts + share * counts
          at = min(at - self._begin, self._total - 1)
          self._bar.update(at, functools.partial(self._note, now))
        yield output

    return watched

  def _note(self, now, seconds):
    texts, _, tokens, _ = (now - self._shown) / seconds
    self._shown = now
    return _rates(texts, tokens)

  def add(self, pool, windows):
    """Counts a pool that is labelled."""
    self._counts += _counts(pool, windows)
    self._at = max([self._at] + [item.end for item in pool[-1:]])

  def log(self):
    """Logs the counts and the rates of this run."""
    seconds = max(time.time() - self._began, 1e-3)
    texts, windows, tokens, truncated = self._counts
    logging.info(
      "%s, %s, %s in %s: %s",
      count_text(texts, "text"),
      count_text(windows, "window"),
      count_text(tokens, "piece"),
      progress.clock(seconds),
      _rates(texts / seconds, tokens / seconds),
    )
    if truncated:
      logging.warning(
        "truncated %s with too many pieces", count_text(truncated, "input")
      )

  def close(self):
    self._bar.close()


def _counts(pool, windows):
  """Returns the numbers of a pool's texts, windows, pieces and truncations."""
  texts = sum(item.is_last for item in pool)
  pieces = sum(len(f["input_ids"]) for f in windows)
  truncated = sum(item.encoded.truncated for item in pool)
  return np.array([texts, len(windows), pieces, truncated])


def _rates(texts, tokens):
  return "%.1f documents/s, %.0f useful tokens/s" % (texts, tokens)
