# SPDX-License-Identifier: Apache-2.0
"""Writes and reads the records of TFRecord files.

A record is its length (8 bytes), the length's checksum (4), the data and the
data's checksum (4), all little-endian; checksums are CRC-32C, masked as
TensorFlow does.
"""

import os
import struct

import google_crc32c

from common.errors import InputError

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_HEAD_SIZE = _LENGTH.size + _CHECKSUM.size
_MASK_DELTA = 0xA282EAD8


def frame(record):
  """Returns the bytes of a record in a TFRecord file."""
  length = _LENGTH.pack(len(record))
  return b"".join((length, _checksum(length), record, _checksum(record)))


def read(file, path, end):
  """Yields (offset of its first byte, content) of each record in an open file.

  `end` is the file's size. Raises InputError with `path` and offset at the
  first record that is cut short or damaged.
  """
  offset = 0
  while offset < end:
    size = _length(file.read(_HEAD_SIZE), path, offset, end)
    body = file.read(size + _CHECKSUM.size)
    yield offset, _checked(body, size, path, offset, "the data")
    offset += _HEAD_SIZE + len(body)


def count(path):
  """Counts the records of a local file by their heads; reads no data.

  TensorFlow believes a record's length, however large. Raises InputError as
  `read` does, unless only the data are damaged.
  """
  found = offset = 0
  with open(path, "rb", buffering=0) as file:
    end = file.seek(0, os.SEEK_END)
    while offset < end:
      head = os.pread(file.fileno(), _HEAD_SIZE, offset)
      size = _length(head, path, offset, end)
      offset += _HEAD_SIZE + size + _CHECKSUM.size
      found += 1
  return found


def looks_like(head):
  """Returns whether a file that begins with these bytes may hold records."""
  length, check = head[: _LENGTH.size], head[_LENGTH.size : _HEAD_SIZE]
  return len(head) >= _HEAD_SIZE and _checksum(length) == check


def _length(head, path, offset, end):
  """Returns the length in a record's head, which must fit into the file."""
  data = _checked(head, _LENGTH.size, path, offset, "the length")
  size = _LENGTH.unpack(data)[0]
  if size > end - offset - _HEAD_SIZE - _CHECKSUM.size:
    raise InputError(
      "%s: the record at byte %d is cut short or damaged (its length is %d, "
      "the file ends at byte %d), expected a complete TFRecord file; copy or "
      "make it again" % (path, offset, size, end)
    )
  return size


def _checked(data, size, path, offset, what):
  """Returns the first `size` bytes; checks their number and checksum."""
  if len(data) < size + _CHECKSUM.size:
    raise InputError(
      "%s: the record at byte %d is cut short, expected a complete TFRecord "
      "file; copy or make it again" % (path, offset)
    )
  if _checksum(data[:size]) != data[size:]:
    raise InputError(
      "%s: %s of the record at byte %d does not match its checksum, expected "
      "an undamaged TFRecord file; copy or make it again" % (path, what, offset)
    )
  return data[:size]


def _checksum(data):
  crc = google_crc32c.value(data)
  rotated = crc >> 15 | crc << 17
  return _CHECKSUM.pack((rotated + _MASK_DELTA) & 0xFFFFFFFF)
