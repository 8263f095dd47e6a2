# SPDX-License-Identifier: Apache-2.0
"""Writes the labels of texts: files in the plan of stripes.py, and a page."""

import collections
import json
import os

from common import files
from common import stripes
from common.errors import InputError

# The page shows the first texts of the first output file, up to these limits.
PAGE_TEXTS = 200
PAGE_CHARACTERS = 2000000

BRAT = "brat"  # The ending of a folder with files of its own for each text.

# What a file of labels begins with, and what stands between two texts.
LabelFile = collections.namedtuple("LabelFile", "header separator")


def read_earlier(plan, description):
  """Returns (stripes that an earlier run finished, whether it is finished).

  A single file of output is always made anew.

  Raises:
    InputError: another command made files of these names.
  """
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
  """Writes texts to the files of a stripes.Plan with one lane."""

  def __init__(self, plan, file, description, earlier):
    header = file.header.encode("utf-8")
    self._plan = plan
    self._separator = file.separator
    self._description = description
    self._stripe = None  # That of the last text.
    self._output = stripes.Output(plan, description, earlier, "texts", header)

  def add(self, stripe, text):
    """Appends a text to the file of a stripe."""
    if stripe == self._stripe:
      text = self._separator + text
    self._stripe = stripe
    self._output.add(stripe, {}, [(0, 1, text.encode("utf-8"))])

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


class Brat:
  """Writes the two files of each text to a folder."""

  def __init__(self, folder):
    self._folder = folder
    self._names = set()

  def add(self, stripe, texts):
    """Writes {file name: text}."""
    del stripe
    for name, text in texts.items():
      path = os.path.join(self._folder, name)
      if name in self._names:
        raise InputError(
          "%s: found two texts with its id, expected different ones" % path
        )
      self._names.add(name)
      files.write_text(path, text)

  def finish(self):
    pass

  def close(self):
    pass

  def written(self):
    return [self._folder]


class Page:
  """Collects the first texts and their labels, up to the limits of a page.

  Attributes: `examples`, `labels`, and `is_full`, whether a text is left out.
  """

  def __init__(self):
    self.examples, self.labels, self.is_full = [], [], False
    self._characters = 0

  def add(self, example, label, size):
    full = self._characters > PAGE_CHARACTERS
    self.is_full |= full or len(self.examples) == PAGE_TEXTS
    if not self.is_full:
      self.examples.append(example)
      self.labels.append(label)
      self._characters += size
