# SPDX-License-Identifier: Apache-2.0
"""Reads folders of annotated documents: brat, BioC, PubTator or CoNLL.

A folder or a file named after a split says what is in it: train/1.ann,
CDR_TestSet.PubTator.txt. The names of brat's files do not count, as each is a
document.
"""

import collections
import contextlib
import os
import re

from common.errors import InputError
from common.errors import first_five
from converters.shared import rows
from converters.shared import splits
from formats import annotated
from formats import bioc
from formats import brat
from formats import conll
from formats import detect
from formats import pubtator
from formats import streams
from formats import unlabelled

# Where documents are: {"": File}, or {"txt": File, "ann": File} of brat.
# `name` is the path that may say the split.
_Part = collections.namedtuple("_Part", "path name files")

# {word of a name: split}
_SPLITS = {
  **dict.fromkeys(("train", "training"), "train"),
  **dict.fromkeys(("dev", "devel", "develop", "development"), "dev"),
  **dict.fromkeys(("val", "valid", "validation"), "dev"),
  **dict.fromkeys(("test", "testing"), "test"),
}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# {kind of a file in detect.py: its format}
_DETECTED = {
  "bioc": "bioc",
  "json": "bioc",
  "pubtator": "pubtator",
  "words": "conll",
}
_NOT_DATA = re.compile(r"(readme|licen[cs]e|copying)\b|.*\.(md|conf)$", re.I)
_BOM = b"\xef\xbb\xbf"
_BARE = "texts without an .ann file (skipped, as not annotated)"
_OTHER_OFFSETS = (
  "texts with offsets that count \\r\\n as one character, or a byte order mark"
)


def read(source, input_format, report):
  """Returns (format, {split or None: documents}) of a corpus.

  The documents of CoNLL are splits.Groups of conll.Sentences, all others are
  annotated.Documents, whose types have no white space. The key is None if no
  name says a split.

  Args:
    source: an archives.Source.
    input_format: brat, bioc, pubtator, conll, or auto.
    report: a corpus.Report.

  Raises:
    InputError: there is nothing of this format, or a file is damaged, or some
      names say a split and others do not.
  """
  files = [f for f in source.every_file() if not _NOT_DATA.match(f.base)]
  if input_format == "auto":
    input_format, files = _detect(files, source.folder)
  elif input_format != "brat":
    files = [f for f in files if _format_of(f) in (input_format, None)]
  parts = _parts(files, input_format)
  if not parts:
    raise InputError(
      "%s: found no file to read, expected %s" % (source.folder, input_format)
    )
  _note_others(source, parts, report)
  divided = {}
  for part, split in _splits_of(parts, source.folder):
    documents = divided.setdefault(split, [])
    with report.skipping(annotated.UNFIT_DOCUMENTS, split or "all"):
      found = _READERS[input_format](part, report, split or "all")
      documents += found
  if input_format != "conll":
    for split, documents in divided.items():
      documents = list(map(_with_plain_types, documents))
      divided[split] = report.without_repeats(documents, split or "all")
  return input_format, divided


def _detect(files, folder):
  """Returns (format, its Files), by content; .ann files mean brat."""
  if any(file.base.lower().endswith(".ann") for file in files):
    return "brat", files
  found = {}
  for file in files:
    kind = _format_of(file)
    if kind:
      found.setdefault(kind, []).append(file)
  if len(found) != 1:
    names = ["%s (%s)" % (f[0].path, kind) for kind, f in found.items()]
    raise InputError(
      "%s: found %s, expected brat's .txt and .ann, BioC, PubTator or typed "
      "CoNLL, of one kind; --input_format names it"
      % (folder, " and ".join(names) or "no annotated documents")
    )
  return next(iter(found.items()))


def _format_of(file):
  """Returns the format of a file, None for none of them."""
  data = file.read()
  try:
    kind = detect.detect(streams.of_bytes(data, file.path), tuple(_DETECTED))
  except InputError:
    return None
  if kind == "json" and b'"passages"' not in data:
    return None
  return _DETECTED[kind]


def _parts(files, input_format):
  """Returns the _Parts of a format in Files."""
  if input_format != "brat":
    return [_Part(file.path, file.path, {"": file}) for file in files]
  pairs = {}
  for file in files:
    stem, _, ending = file.path.rpartition(".")
    if ending.lower() in ("txt", "ann"):
      pairs.setdefault(stem, {})[ending.lower()] = file
  return [
    _Part(stem, os.path.dirname(stem) + "/", pair)
    for stem, pair in pairs.items()
  ]


def _note_others(source, parts, report):
  """Notes the files that are not read."""
  known = {file.path for part in parts for file in part.files.values()}
  others = [f.path for f in source.every_file() if f.path not in known]
  if others:
    report.note("Ignored files: %s." % first_five(others))


def _splits_of(parts, folder):
  """Returns [(part, split or None)]; InputError if only some names say one."""
  found = [(p, _split_of(os.path.relpath(p.name, folder))) for p in parts]
  said = [part for part, split in found if split]
  unsaid = [part for part, split in found if not split]
  if said and unsaid:
    raise InputError(
      "%s: found no split in this path, but one in %s; expected train, dev or "
      "test in all of them (folders or names of files), or in none"
      % (unsaid[0].path, said[0].path)
    )
  return found


def _split_of(path):
  """Returns the split that a path says, by its first folder of such a name."""
  *folders, base = path.split("/")
  for folder in folders:
    split = _SPLITS.get(folder.lower().split(".")[0])
    if split:
      return split
  words = [word.lower() for word in _WORD.findall(base)]
  found = sorted({_SPLITS[word] for word in words if word in _SPLITS})
  if len(found) > 1:
    raise InputError(
      "%s: found the names of the splits %s, expected one of them"
      % (path, " and ".join(found))
    )
  return found[0] if found else None


def _read_brat(part, report, split):
  if "ann" not in part.files:
    report.rule(_BARE, split)
    return []
  if "txt" not in part.files:
    raise InputError(
      "%s: found no .txt beside it, expected the text that it annotates"
      % part.files["ann"].path
    )
  text, ann = part.files["txt"], part.files["ann"]
  name = text.name.rpartition(".")[0]
  annotations = ann.read()

  def parse(data, skipping):
    return brat.parse(data, annotations, name, text.path, ann.path, skipping)

  def count(data):
    lenient = parse(data, lambda rule: contextlib.suppress(InputError))
    return len(lenient.mentions)

  texts = _readings(text.read())
  best = max(texts, key=count) if len(texts) > 1 else texts[0]
  report.rule(_OTHER_OFFSETS, split, best != texts[0])
  return [parse(best, report.skipping_in(split))]


def _readings(data):
  """Returns the texts that a tool's offsets may count, the usual one first."""
  found = [data]
  if b"\r\n" in data:
    found.append(data.replace(b"\r\n", b"\n"))
  if data.startswith(_BOM):  # Decoding removes one.
    found += [_BOM + reading for reading in found]
  return found


def _read_bioc(part, report, split):
  file, skipping = part.files[""], report.skipping_in(split)
  data, skip = file.read(), bioc.is_part_of_composite
  # Not detect.detect: of damaged XML only the reader knows the line.
  if data[: len(_BOM) + 100].strip(_BOM + b" \t\r\n").startswith(b"<"):
    return bioc.parse(data, file.path, skip, skipping)
  found = []
  source = streams.of_bytes(data, file.path)
  for _, place, value in unlabelled.json_values(source):
    for document in bioc.json_documents(value):
      with skipping(annotated.UNFIT_DOCUMENTS):
        found.append(bioc.parse_json(document, place, skip, skipping))
  if not found:
    raise InputError(
      "%s: found no document, expected BioC in XML or JSON" % file.path
    )
  return found


def _read_pubtator(part, report, split):
  file = part.files[""]
  data = file.read()
  rows.check_end(data, file.path, report)
  data = data.rstrip(b"\r\n") + b"\n"
  return pubtator.parse(data, file.path, report.skipping_in(split))


def _read_conll(part, report, split):
  del report, split
  file = part.files[""]
  return [
    splits.Group("%s#%d" % (file.name, i), sentences, file.path)
    for i, (_, sentences) in enumerate(
      conll.parse_documents(file.read(), file.path), 1
    )
  ]


def _with_plain_types(document):
  """Returns a Document with "_" in place of white space in its types."""
  return document._replace(
    mentions=[_with_plain_type(m) for m in document.mentions],
    relations=[_with_plain_type(r) for r in document.relations],
  )


def _with_plain_type(item):
  return item._replace(type="_".join(item.type.split()))


_READERS = {
  "brat": _read_brat,
  "bioc": _read_bioc,
  "pubtator": _read_pubtator,
  "conll": _read_conll,
}
FORMATS = tuple(_READERS)
