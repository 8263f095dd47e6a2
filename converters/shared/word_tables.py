# SPDX-License-Identifier: Apache-2.0
"""Reads the tables of Word documents (.docx) with python-docx."""

import io
import re
import zipfile

from common.errors import InputError
from formats import safe_xml

# A cell that spans thousands of columns, each of which python-docx makes.
_WIDE = re.compile(rb"gridSpan\b[^<>]*[\"']\s*\+?\d{4}")


def parse(data, path):
  """Returns the tables in a file's bytes as lists of rows of cell texts.

  Raises:
    InputError: the file is not a whole Word document, or unpacks to too much.
  """
  import docx  # Imported here, as only BIOSSES needs it.

  try:
    _check_size(data, path)
    document = docx.Document(io.BytesIO(data))
    return [
      [[cell.text for cell in row.cells] for row in table.rows]
      for table in document.tables
    ]
  except InputError:
    raise
  except Exception as error:  # noqa: BLE001  Damage raises errors of many kinds.
    raise InputError(
      "%s: found no whole Word document (%s: %s), expected a .docx with a table"
      % (path, type(error).__name__, str(error).split("\n")[0])
    ) from None


def _check_size(data, path):
  """Raises InputError if a document's parts do not fit into memory as XML."""
  with zipfile.ZipFile(io.BytesIO(data)) as archive:
    infos = archive.infolist()
    if sum(info.file_size for info in infos) <= safe_xml.MAX_SIZE:
      parts = list(map(archive.read, infos))
      is_small = sum(map(safe_xml.markup, parts)) <= safe_xml.MAX_MARKUP
      if is_small and not any(map(_WIDE.search, parts)):
        return
  raise InputError(
    "%s: found more than %d bytes, %d tags and attributes, or 999 columns "
    "inside, expected a Word document of some tables"
    % (path, safe_xml.MAX_SIZE, safe_xml.MAX_MARKUP)
  )
