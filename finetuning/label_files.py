# SPDX-License-Identifier: Apache-2.0
"""Writes the labels of texts: files in the plan of stripes.py, and a page."""

import collections
import functools
import json
import os

from absl import logging

from common import files
from common import stripes
from common.errors import InputError
from formats import entity_files

# The page shows the first texts of the first output file, up to these limits.
PAGE_TEXTS = 200
PAGE_CHARACTERS = 2000000

# How file names of formats end, where this is not their name.
_ENDINGS = {"bioc": "bioc.xml"}
JSON = "json"  # Documents that are made of all labels at the end.
_NEVER_GZIP = ("brat", JSON)

# What a file of labels begins and ends with.
LabelFile = collections.namedtuple("LabelFile", "header footer")


def ending(predict_format, is_gzip):
  """Returns how the name of a file of labels ends.

  Raises InputError for a format that cannot be compressed.
  """
  if is_gzip and predict_format in _NEVER_GZIP:
    raise InputError(
      "--predict_gzip: found --predict_format=%s, whose readers take no "
      "compressed files; expected another format" % predict_format
    )
  packed = ".gz" if is_gzip else ""
  return _ENDINGS.get(predict_format, predict_format) + packed


def read_earlier(plan, description):
  """Returns (stripes that an earlier run finished, whether it is finished).

  A single file of output is always made anew.

  Raises:
    InputError: another command made files of these names, or there is a folder
      of these names.
  """
  earlier, is_finished = _read_stripes(plan, description)
  for path in plan.shards[len(earlier) :]:
    if files.is_folder(path):
      raise InputError(
        "%s: is there already, perhaps with corrections; expected no such "
        "folder: move it, or give another --output_dir" % path
      )
  return earlier, is_finished


def _read_stripes(plan, description):
  if plan.stripes == 1:
    return [], False
  now = json.loads(json.dumps(description))
  for ending in (stripes.MANIFEST, stripes.PROGRESS):
    path = plan.beside(ending)
    before = files.read_json(path, None, {"stripes": [{"shards": [{}]}]})
    if before is None:
      continue
    for name in sorted(now):
      if before.get(name) != now[name]:
        raise InputError(
          "%s: these labels were made with another value of %s; expected the "
          "same command, or another --output_dir" % (path, name)
        )
    return before["stripes"], ending == stripes.MANIFEST
  return [], False


class Shards:
  """Writes texts to the files or folders of a stripes.Plan with one lane."""

  labels = None  # They are in files.

  def __init__(self, plan, file, description, earlier, is_gzip):
    """Takes a LabelFile, or None for folders with files of each text."""
    opener = Folder
    if file:
      ends = [text.encode("utf-8") for text in file]
      opener = functools.partial(
        stripes.File, header=ends[0], footer=ends[1], is_gzip=is_gzip
      )
    self._plan = plan
    self._description = description
    self._output = stripes.Output(plan, description, earlier, "texts", opener)

  def add(self, stripe, label):
    """Adds what Task.format_label returns to a stripe."""
    data = label.encode("utf-8") if isinstance(label, str) else label
    self._output.add(stripe, {}, [(0, 1, data)])

  def finish(self):
    """Gives the last file its name, and says that all are finished."""
    self._output.finish()
    if self._plan.stripes > 1:
      manifest = dict(self._description, stripes=self._output.stripes)
      files.write_json(self._plan.beside(stripes.MANIFEST), manifest)
    files.remove(self._plan.beside(stripes.PROGRESS))

  def close(self):
    self._output.discard()

  def written(self):
    """Returns the paths of the files, or of the first and the last."""
    shards = self._plan.shards
    return shards if len(shards) < 3 else [shards[0], "...", shards[-1]]


class Folder:
  """Writes a shard that is a folder with files of each text; see stripes.File.

  Another text with the id of one in the folder gets the name of id#2.
  """

  def __init__(self, path):
    self._path = path
    self._names = set()
    self._renamed = 0
    files.remove_folder(path)  # What a killed run left.
    files.make_folder(path)

  def write(self, data):
    """Writes (id of a text, {ending: text of the file})."""
    name, texts = data
    own, number = entity_files.brat_name(name), 1
    while own in self._names:
      number += 1
      own = entity_files.brat_name("%s#%d" % (name, number))
    self._names.add(own)
    self._renamed += number > 1
    for end, text in texts.items():
      with files.open_file(os.path.join(self._path, own + end), "wb") as f:
        f.write(text.encode("utf-8"))

  def finish(self):
    files.flush_folder(self._path)
    if self._renamed:
      logging.warning(
        "%s: %d texts have the id of another and got a number",
        *(self._path, self._renamed),
      )

  def discard(self):
    files.remove_folder(self._path)


class Whole:
  """Keeps the labels of all texts in `labels`, for others to write."""

  def __init__(self):
    self.labels = []

  def add(self, stripe, label):
    del stripe
    self.labels.append(label)

  def finish(self):
    pass

  def close(self):
    pass

  def written(self):
    return ["%d labels" % len(self.labels)]


class Page:
  """Collects the first texts and their labels, up to the limits of a page.

  Attributes: `examples`, `labels`, and `is_full`, whether a text is left out.
  """

  def __init__(self):
    self.examples, self.labels, self.is_full = [], [], False
    self._characters = 0

  def add(self, example, label):
    full = self._characters > PAGE_CHARACTERS
    self.is_full |= full or len(self.examples) == PAGE_TEXTS
    if not self.is_full:
      self.examples.append(example)
      self.labels.append(label)
      self._characters += len(repr((example, label)))
