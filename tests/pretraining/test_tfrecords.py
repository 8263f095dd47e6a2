# SPDX-License-Identifier: Apache-2.0
import io

import pytest
import tensorflow.compat.v1 as tf

from common.errors import InputError
from pretraining import tfrecords

RECORDS = [b"", b"a", b"\0" * 5000, bytes(range(256)) * 300]


def framed():
  return b"".join(map(tfrecords.frame, RECORDS))


def test_framed_records_are_read_back_with_their_offsets():
  found = list(tfrecords.read(io.BytesIO(framed()), "x"))
  assert [record for _, record in found] == RECORDS
  assert [offset for offset, _ in found] == [0, 16, 33, 5049]
  assert not list(tfrecords.read(io.BytesIO(), "an empty file"))


def test_tensorflow_writes_the_same_bytes(tmp_path):
  path = str(tmp_path / "x")
  with tf.io.TFRecordWriter(path) as writer:
    for record in RECORDS:
      writer.write(record)
  with open(path, "rb") as f:
    assert f.read() == framed()


@pytest.mark.parametrize("size", [1, 8, 11, 12, 14, 17, 32, 5048])
def test_a_file_cut_short_is_reported_with_the_offset(size):
  reader = tfrecords.read(io.BytesIO(framed()[:size]), "some/file")
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
    for pair in tfrecords.read(io.BytesIO(bytes(data)), "some/file"):
      found.append(pair)
  assert found == [(0, b""), (16, b"a")]
  assert str(error.value).startswith(
    "some/file: the %s of the record at byte 33 does not match" % what
  )
