# SPDX-License-Identifier: Apache-2.0
"""Archives for tests; the same files give the same bytes at any time."""

import bz2
import gzip
import io
import tarfile
import zipfile


def zipped(files, compression=zipfile.ZIP_DEFLATED):
  """Returns a zip archive of {name: bytes or str}."""
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, "w") as archive:
    for name, content in files.items():
      archive.writestr(zipfile.ZipInfo(name), content, compression)
  return buffer.getvalue()


def tarred(files):
  """Returns a tar archive of {name: bytes or str}."""
  buffer = io.BytesIO()
  with tarfile.open(fileobj=buffer, mode="w") as archive:
    for name, content in files.items():
      content = content.encode() if isinstance(content, str) else content
      info = tarfile.TarInfo(name)
      info.size = len(content)
      archive.addfile(info, io.BytesIO(content))
  return buffer.getvalue()


def gzipped(data):
  """Returns bytes as a gzip file."""
  buffer = io.BytesIO()
  with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as f:
    f.write(data)
  return buffer.getvalue()


def tar_gz(files):
  """Returns a .tar.gz archive of {name: bytes or str}."""
  return gzipped(tarred(files))


def tar_bz2(files):
  """Returns a .tar.bz2 archive of {name: bytes or str}."""
  return bz2.compress(tarred(files))
