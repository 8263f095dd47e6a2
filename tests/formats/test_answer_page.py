# SPDX-License-Identifier: Apache-2.0
"""Tests of answer_page.py."""

from formats import answer_page
from formats.answer_page import Answered


def test_a_page_shows_questions_answers_and_where_they_are():
  page = answer_page.to_html(
    [
      Answered(
        "q<1>", "Who & what?", ["IL-2", "x<y"], [("a IL-2, IL-23", "IL-2")]
      ),
      Answered("q2", "Why?", [], [("So <b>", ""), ("it is", "not in it")]),
    ],
    "Answers & more",
    "The first 2.",
  )
  assert page.count("<article>") == 2 and "<h1>Answers &amp; more</h1>" in page
  assert '<p class="note">The first 2.</p>' in page
  assert "<h2>Who &amp; what?<span>q&lt;1&gt;</span></h2>" in page
  assert "<p><b>IL-2</b>; <b>x&lt;y</b></p>" in page
  assert "<p>a <mark>IL-2</mark>, IL-23</p>" in page
  assert "<p>no answer</p>" in page and "<summary>2 texts</summary>" in page
  assert "<p>So &lt;b&gt;</p>" in page and page.count("<mark>") == 1
