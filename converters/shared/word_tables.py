# SPDX-License-Identifier: Apache-2.0
"""Reads the tables of Word documents (.docx) with python-docx."""

import io

from common.errors import InputError


def parse(data, path):
  """Returns the tables in a file's bytes as lists of rows of cell texts.

  Raises:
    InputError: the file is not a whole Word document.
  """
  import docx  # Imported here, as only BIOSSES needs it.

  try:
    document = docx.Document(io.BytesIO(data))
    return [
      [[cell.text for cell in row.cells] for row in table.rows]
      for table in document.tables
    ]
  except Exception as error:  # noqa: BLE001  Damage raises errors of many kinds.
    raise InputError(
      "%s: found no whole Word document (%s: %s), expected a .docx with a table"
      % (path, type(error).__name__, str(error).split("\n")[0])
    ) from None
