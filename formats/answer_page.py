# SPDX-License-Identifier: Apache-2.0
"""Shows answers to questions, and the texts they are from, on an HTML page."""

import collections
import html
import re

from common import html_page

# answers: strings, the best one first. texts: [(text, what is found in it)], of
# which the latter may be empty or not occur there.
Answered = collections.namedtuple("Answered", "id question answers texts")

_STYLE = """
body { max-width: 46rem; line-height: 1.6; }
h2 { font-size: 1rem; margin: 0 0 .25rem; }
h2 span, .note, summary { color: var(--soft); font-weight: normal; }
h2 span { font-size: .875rem; margin-left: .5em; }
p { margin: 0 0 .5rem; }
article { border-top: 1px solid var(--rule); padding: 1rem 0 .5rem;
  content-visibility: auto; contain-intrinsic-size: auto 12rem; }
article p { white-space: pre-wrap; }
mark { background: #ffe08a; color: #1b1f23; }
"""


def to_html(answered, title, note):
  """Returns a page of Answered; `title` and `note` are plain text."""
  articles = "\n".join(map(_article, answered))
  body = '<p class="note">%s</p>\n<main>\n%s\n</main>' % (
    html.escape(note),
    articles,
  )
  return html_page.page(title, _STYLE, body)


def _article(answered):
  """Returns the HTML of a question; several texts are folded."""
  name, question, answers, texts = answered
  shown = "; ".join("<b>%s</b>" % html.escape(answer) for answer in answers)
  paragraphs = "\n".join("<p>%s</p>" % _marked(*pair) for pair in texts)
  if len(texts) > 1:
    paragraphs = "<details>\n<summary>%d texts</summary>\n%s\n</details>" % (
      len(texts),
      paragraphs,
    )
  return "<article>\n<h2>%s<span>%s</span></h2>\n<p>%s</p>\n%s\n</article>" % (
    html.escape(question),
    html.escape(name),
    shown or "no answer",
    paragraphs,
  )


def _marked(text, found):
  """Returns a text as HTML; marks what is found wherever it is a word."""
  if not found:
    return html.escape(text)
  pattern = r"((?<!\w)%s(?!\w))" % re.escape(found)
  pieces = [html.escape(piece) for piece in re.split(pattern, text)]
  pieces[1::2] = ["<mark>%s</mark>" % piece for piece in pieces[1::2]]
  return "".join(pieces)
