# SPDX-License-Identifier: Apache-2.0
"""Makes HTML pages that load nothing from elsewhere."""

import html

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{palette}{style}</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""
# Colours for light and dark mode.
_PALETTE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f23;
  --soft: #59636e; --rule: #dde2e7; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #14171a; --ink: #e4e7ea; --soft: #9ba5af;
    --rule: #30363d; } }
body { margin: 0 auto; padding: 1.5rem 1.25rem 4rem;
  background: var(--paper); color: var(--ink); font-family: system-ui,
  sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0 0 .5rem; }
"""


def page(title, style, body):
  """Returns the HTML of a page with a plain title and an HTML body.

  The CSS `style` has the variables --paper, --ink, --soft and --rule.
  """
  return _PAGE.format(
    title=html.escape(title), palette=_PALETTE, style=style, body=body
  )
