# SPDX-License-Identifier: Apache-2.0
"""Reads the tables of Word documents (.docx), by the library python-docx."""

import io

from common.errors import InputError


def parse(data, path):
  """Returns the tables of a file's bytes: lists of rows of cells' texts.

  Raises:
    InputError: it is no such document.
  """
  import docx  # Here: no other format needs it.

  try:
    document = docx.Document(io.BytesIO(data))
    return [
      [[cell.text for cell in row.cells] for row in table.rows]
      for table in document.tables
    ]
  except Exception as error:  # noqa: BLE001  Damage shows in many ways.
    raise InputError(
      "%s: found no whole Word document (%s: %s), expected a .docx with a table"
      % (path, type(error).__name__, str(error).split("\n")[0])
    ) from None
