# SPDX-License-Identifier: Apache-2.0
"""Writes and reads the records of TFRecord files.

A record is its length (8 bytes), the length's checksum (4), the data and the
data's checksum (4), all little-endian; checksums are CRC-32C, masked as
TensorFlow does.
"""

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


def read(file, path):
  """Yields (offset of its first byte, content) of each record in an open file.

  Raises InputError with `path` and offset at the first record that is cut short
  or damaged.
  """
  offset = 0
  while True:
    head = file.read(_HEAD_SIZE)
    if not head:
      return
    length = _checked(head, _LENGTH.size, path, offset, "the length")
    size = _LENGTH.unpack(length)[0]
    body = file.read(size + _CHECKSUM.size)
    yield offset, _checked(body, size, path, offset, "the data")
    offset += _HEAD_SIZE + len(body)


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
