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
from common.errors import first_five
from common.text import count_text
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
  for path in plan.shards[plan.first + len(earlier) : plan.last]:
    if files.is_folder(path):
      raise InputError(
        "%s: is there already, perhaps with corrections; expected no such "
        "folder: move it, or give another --output_dir" % path
      )
  return earlier, is_finished


def _read_stripes(plan, description):
  if plan.stripes == 1:
    return [], False
  finished = _read_like(plan.beside(stripes.MANIFEST), description)
  if finished:
    return finished["stripes"], True
  begun = _read_like(plan.own(stripes.PROGRESS), description)
  return begun["stripes"] if begun else [], False


def _read_like(path, description):
  """Returns the content of a manifest or the like; None if there is none.

  Raises InputError if it is about another command. Parts know the hashes of
  their own inputs only.
  """
  before = files.read_json(path, None, {"stripes": [{"shards": [{}]}]})
  for name, value in json.loads(json.dumps(description)).items():
    if before is None:
      break
    found = before.get(name)
    if name == "sha256" and isinstance(found, dict):
      found = {key: found.get(key) for key in value}
    if found != value:
      raise InputError(
        "%s: these files were made with another value of %s; expected the "
        "same command, or another output" % (path, name)
      )
  return before


def opener(file, is_gzip):
  """Returns what opens a shard, see stripes.Output, for a Task.label_file."""
  if not isinstance(file, LabelFile):
    return file or Folder
  header, footer = (text.encode("utf-8") for text in file)
  return functools.partial(
    stripes.File, header=header, footer=footer, is_gzip=is_gzip
  )


def to_write(label):
  """Returns what Task.format_label returns as what a shard takes."""
  return label.encode("utf-8") if isinstance(label, str) else label


class Shards:
  """Writes texts to the files or folders of a stripes.Plan with one lane."""

  labels = None  # They are in files.

  def __init__(self, plan, open_shard, description, earlier):
    """Begins after the stripes that an earlier run has finished."""
    self._plan = plan
    self._description = description
    self._output = stripes.Output(
      plan, description, earlier, "texts", open_shard
    )

  def add(self, stripe, label):
    """Adds what Task.format_label returns to a stripe."""
    self._output.add(stripe, {}, [(0, 1, to_write(label))])

  def finish(self):
    """Gives the last file its name; the last part writes the manifest."""
    self._output.finish()
    plan = self._plan
    parts = [
      stripes.Part(i + 1, plan.part.count) for i in range(plan.part.count)
    ]
    found = [self._read_part(part) for part in parts]
    if None in found:
      logging.info(
        "this was part %d of %d; not finished: %s",
        *plan.part,
        first_five([str(p.number) for p, f in zip(parts, found) if f is None]),
      )
      return
    if plan.stripes > 1:
      manifest = dict(
        self._description,
        sha256={k: v for f in found for k, v in f.get("sha256", {}).items()},
        stripes=[stripe for f in found for stripe in f["stripes"]],
      )
      path = plan.own(stripes.MANIFEST)  # Other parts may finish as well.
      files.write_json(path, manifest)
      files.rename(path, plan.beside(stripes.MANIFEST))
    for part in parts:
      files.remove(plan.own(stripes.PROGRESS, part))

  def _read_part(self, part):
    """Returns what a part's progress file holds; None: it is not finished."""
    first, last = self._plan.range(part)
    if first == last:
      return {"stripes": []}
    description = dict(self._description)
    if part != self._plan.part:
      description.pop("sha256", None)
    path = self._plan.own(stripes.PROGRESS, part)
    found = _read_like(path, description)
    return found if found and len(found["stripes"]) == last - first else None

  def close(self):
    """Removes what no other run can use."""
    self._output.discard()
    if self._plan.stripes == 1:
      files.remove(self._plan.own(stripes.PROGRESS))

  def written(self):
    """Returns the paths of the files, or of the first and the last."""
    shards = self._plan.shards[self._plan.first : self._plan.last]
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
        "%s: renamed %s with the id of another",
        *(self._path, count_text(self._renamed, "text")),
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
    return [count_text(len(self.labels), "label")]


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

  def write(self, task, plan, stem):
    """Writes the page; returns its path in a list."""
    note = ""
    if self.is_full or plan.stripes > 1:
      note = "This page shows the first %d texts." % len(self.examples)
    text = task.page(self.examples, self.labels, stem, note)
    path = os.path.join(plan.folder, "%s.%s.html" % (stem, task.label_kind))
    files.write_text(path, text)
    return [path]
