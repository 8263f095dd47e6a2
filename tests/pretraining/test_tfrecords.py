# SPDX-License-Identifier: Apache-2.0
import io
import struct

import pytest
import tensorflow.compat.v1 as tf

from common.errors import InputError
from pretraining import tfrecords

RECORDS = [b"", b"a", b"\0" * 5000, bytes(range(256)) * 300]


def framed():
  return b"".join(map(tfrecords.frame, RECORDS))


def read(data, path):
  return tfrecords.read(io.BytesIO(data), path, len(data))


def test_framed_records_are_read_back_with_their_offsets():
  found = list(read(framed(), "x"))
  assert [record for _, record in found] == RECORDS
  assert [offset for offset, _ in found] == [0, 16, 33, 5049]
  assert not list(read(b"", "an empty file"))


def test_tensorflow_writes_the_same_bytes(tmp_path):
  path = str(tmp_path / "x")
  with tf.io.TFRecordWriter(path) as writer:
    for record in RECORDS:
      writer.write(record)
  with open(path, "rb") as f:
    assert f.read() == framed()


@pytest.mark.parametrize("size", [1, 8, 11, 12, 14, 17, 32, 5048])
def test_a_file_cut_short_is_reported_with_the_offset(size):
  reader = read(framed()[:size], "some/file")
  with pytest.raises(InputError) as error:
    list(reader)
  offset = max(o for o in (0, 16, 33) if o < size)
  assert str(error.value).startswith(
    "some/file: the record at byte %d is cut short" % offset
  )


@pytest.mark.parametrize(
  "place, what", [(33, "length"), (41, "length"), (45, "data"), (5047, "data")]
)
def test_a_changed_byte_is_found(place, what):
  data = bytearray(framed())
  data[place] ^= 1
  found = []
  with pytest.raises(InputError) as error:
    for pair in read(bytes(data), "some/file"):
      found.append(pair)
  assert found == [(0, b""), (16, b"a")]
  assert str(error.value).startswith(
    "some/file: the %s of the record at byte 33 does not match" % what
  )


def test_records_are_counted_by_their_heads(tmp_path):
  path = tmp_path / "x"
  data = bytearray(framed())
  data[45] ^= 1  # In the data, which are not read.
  path.write_bytes(bytes(data))
  assert tfrecords.count(str(path)) == 4
  path.write_bytes(framed()[:-1])
  with pytest.raises(InputError, match="at byte 5049 is cut short or damaged"):
    tfrecords.count(str(path))


def test_a_huge_length_with_its_checksum_is_rejected(tmp_path):
  length = struct.pack("<Q", 1 << 60)
  data = framed() + length + tfrecords._checksum(length) + b"x" * 20
  message = r"cut short or damaged \(its length is 1152921504606846976, "
  with pytest.raises(InputError, match=message):
    list(read(data, "x"))
  (tmp_path / "x").write_bytes(data)
  with pytest.raises(InputError, match=message):
    tfrecords.count(str(tmp_path / "x"))


def test_a_file_of_records_is_told_from_others():
  assert tfrecords.looks_like(framed()[:16])
  assert not tfrecords.looks_like(b"abstract: fever was")
  assert not tfrecords.looks_like(b"")
