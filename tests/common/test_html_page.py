# SPDX-License-Identifier: Apache-2.0
"""Tests of html_page.py."""

import re

from common import html_page


def test_a_page_has_title_style_and_body():
  page = html_page.page("A & B", "p { margin: 0; }", "<p>text</p>")
  assert page.startswith("<!DOCTYPE html>\n")
  assert page.count("A &amp; B") == 2  # Of the window, and above the text.
  assert "p { margin: 0; }</style>" in page
  assert "<h1>A &amp; B</h1>\n<p>text</p>\n</body>" in page


def test_a_page_loads_nothing():
  page = html_page.page("x", "", "")
  assert "default-src 'none'" in page
  assert not re.search(r"https?:|<script|<link|url\(", page)
