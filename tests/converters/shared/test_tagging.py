# SPDX-License-Identifier: Apache-2.0
"""tagging: every rule that turns mentions into labels, and its count."""

import random

import pytest

from converters.shared import tagging
from formats import annotated
from tests.helpers import corpus_files


def document(text, *mentions, name="1"):
  """Returns a Document of (type, (start, end), ...) mentions."""
  found = [
    annotated.Mention("T%d" % i, kind, spans, "", "a:1")
    for i, (kind, *spans) in enumerate(mentions, 1)
  ]
  found = [mention._replace(spans=tuple(mention.spans)) for mention in found]
  return annotated.Document(name, text, None, found, [], "a:1")


def tagged(*args, **options):
  """Returns sentences as "word/label ... | ...", and the counts."""
  rows, counts = tagging.tag(document(*args), **options)
  text = " | ".join(
    " ".join("/".join(pair) for pair in zip(row.words, row.labels))
    for row in rows
  )
  return text, {rule: number for rule, number in counts.items() if number}


X = "X"
TEXT = "Left and right renal pain."
RULES = [
  # mentions, labels, rules that apply once, why
  ("", "OOOOOO", "", "no mention"),
  ("15-20", "OOOBOO", "", "a word"),
  ("9-25", "OOBIIO", "", "three words"),
  ("9-14, 15-25", "OOBBIO", "", "two adjacent ones"),
  ("16-19", "OOOBOO", "within a word", "both ends within a word"),
  ("11-20", "OOBIOO", "within a word", "its beginning within a word"),
  ("15-23", "OOOBIO", "within a word", "its end within a word"),
  ("15-20, 9-25", "OOBIIO", "overlapping", "one within another, longer one"),
  ("15-25, 5-20", "OBIIOO", "overlapping", "two overlap, the second longer"),
  ("9-14, 0-14, 15-20", "BIIBOO", "overlapping", "one apart is kept"),
  ("15-17, 17-20", "OOOBOO", "overlapping, within a word", "two share a word"),
  ("15-20, 15-20", "OOOBOO", "repeated", "a repeated one"),
  ("0-4+15-25", "BOOIIO", "discontinuous", "two parts"),
  ("0-4+9-14+21-25", "BOIOIO", "discontinuous", "three parts"),
  ("0-4+21-25, 9-25", "BOOOIO", "discontinuous, overlapping", "gaps count"),
  ("1-4+15-20", "BOOIOO", "discontinuous, within a word", "part within a word"),
  ("0-2+2-4", "BOOOOO", "discontinuous, within a word", "parts of one word"),
]


def parse_mentions(text):
  """Returns the mentions in a text such as "0-4+15-25, 9-25"."""
  return [
    [X] + [tuple(map(int, part.split("-"))) for part in mention.split("+")]
    for mention in text.split(", ")
    if mention
  ]


@pytest.mark.parametrize(("mentions", "labels", "rules", "why"), RULES)
def test_rules_turn_mentions_into_labels(mentions, labels, rules, why):
  text, counts = tagged(TEXT, *parse_mentions(mentions))
  assert "".join(pair.split("/")[1] for pair in text.split()) == labels, why
  assert counts.pop("mentions", 0) == labels.count("B"), why
  assert counts == {rule: 1 for rule in rules.split(", ") if rule}, why


def test_the_first_of_equally_long_mentions_is_kept():
  text, counts = tagged("aa bb cc", (X, (3, 8)), (X, (0, 5)))
  assert text == "aa/B bb/I cc/O"
  assert counts == {"mentions": 1, "overlapping": 1}


def test_the_first_of_two_types_in_the_same_place_is_kept():
  text, counts = tagged("aa bb", ("Z", (0, 2)), ("A", (0, 2)), typed=True)
  assert text == "aa/B-Z bb/O"
  assert counts == {"mentions": 1, "overlapping": 1}


def test_words_are_split_at_punctuation_as_in_biobert():
  text, counts = tagged("IL-2 (0.5) rose.", (X, (0, 4)), (X, (8, 9)))
  assert text == "IL/B -/I 2/I (/O 0/O ./O 5/B )/O rose/O ./O"
  assert counts == {"mentions": 2}


def test_a_mention_without_visible_characters_is_skipped():
  dropped = []
  text, counts = tagged("aa \u200b bb", (X, (3, 4)), dropped=dropped)
  assert text == "aa/O bb/O"
  assert counts == {"without a word": 1}
  assert [m.id for m in dropped] == ["T1"]


def test_invisible_characters_do_not_belong_to_a_word():
  text, counts = tagged("aa \u200bbb\u200b cc", (X, (3, 7)))
  assert text == "aa/O bb/B cc/O"
  assert counts == {"mentions": 1}


def test_each_sentence_is_an_example():
  text, _ = tagged("It rose. We saw it.", (X, (12, 15)))
  assert text == "It/O rose/O ./O | We/O saw/B it/O ./O"


def test_a_sentence_that_ends_within_a_mention_is_joined_with_the_next():
  text, counts = tagged("It rose. We saw it. So.", (X, (3, 11)))
  assert text == "It/O rose/B ./I We/I saw/O it/O ./O | So/O ./O"
  assert counts == {"mentions": 1, "across sentences": 1}


def test_parts_in_two_sentences_join_the_sentences():
  text, counts = tagged("It rose. We saw it.", (X, (0, 2), (16, 18)))
  assert text == "It/B rose/O ./O We/O saw/O it/I ./O"
  assert counts == {"mentions": 1, "across sentences": 1, "discontinuous": 1}


def test_the_caller_may_pass_sentences():
  text, _ = tagged("It rose. We saw it.", sentences=[(0, 19)])
  assert " | " not in text
  text, _ = tagged("It rose. We saw it.", sentences=[(0, 2), (3, 19)])
  assert text.startswith("It/O | rose/O")


def test_a_sentence_without_words_is_skipped():
  rows, _ = tagging.tag(document("aa \u200b bb"), sentences=[(0, 2), (3, 4)])
  assert [row.words for row in rows] == [["aa"]]


def test_a_document_without_words_has_no_examples():
  assert tagging.tag(document(" "))[0] == []


def test_starts_are_offsets_in_the_document():
  rows, _ = tagging.tag(document("It rose.  We saw it.", name="12"))
  assert [row.document for row in rows] == ["12", "12"]
  assert [row.starts for row in rows] == [[0, 3, 7], [10, 13, 17, 19]]


def test_other_types_are_ignored():
  text, counts = tagged(
    "aa bb. Cc dd.", ("Gene", (0, 2)), ("Cell", (3, 9)), types={"Gene": "Gene"}
  )
  assert text == "aa/B bb/O ./O | Cc/O dd/O ./O"
  assert counts == {"mentions": 1}


def test_typed_labels_have_the_name_of_the_type():
  text, _ = tagged(
    "aa bb cc",
    ("Gene", (0, 5)),
    ("Cell", (6, 8)),
    types={"Gene": "G", "Cell": "C"},
    typed=True,
  )
  assert text == "aa/B-G bb/I-G cc/B-C"
  assert tagged("aa", ("Gene", (0, 2)), typed=True)[0] == "aa/B-Gene"


def test_two_types_with_the_same_label_count_as_repeated():
  _, counts = tagged(
    "aa",
    ("Modifier", (0, 2)),
    ("Disease", (0, 2)),
    types=dict.fromkeys(("Modifier", "Disease"), "Disease"),
  )
  assert counts == {"mentions": 1, "repeated": 1}


def test_tag_all_orders_documents_by_id():
  divided = {
    "train": [document("bb", name="2"), document("aa", name="1")],
    "dev": [],
  }
  found = tagging.tag_all(divided, corpus_files.empty_report())
  assert [row.words for row in found["train"]] == [["aa"], ["bb"]]
  assert found["dev"] == []


def test_tag_all_counts_each_rule_in_the_report():
  report = corpus_files.empty_report()
  tagging.tag_all(
    {
      "train": [document(TEXT, (X, (16, 19)), (X, (15, 25)), (X, (16, 19)))],
      "test": [document(TEXT, (X, (0, 4), (9, 13))), document(TEXT)],
    },
    report,
  )
  assert report.rules == {
    "mentions that " + tagging.RULES[rule]: numbers
    for rule, numbers in [
      ("repeated", {"train": 1}),
      ("overlapping", {"train": 1}),
      ("within a word", {"test": 1}),
      ("discontinuous", {"test": 1}),
    ]
  }


def test_tag_all_passes_its_options_on():
  found = tagging.tag_all(
    {"test": [document("It. We.", ("A", (0, 2)), ("B", (4, 6)))]},
    corpus_files.empty_report(),
    {"A": "Z"},
    True,
    lambda d: [(0, len(d.text))],
  )
  assert [row.labels for row in found["test"]] == [["B-Z", "O", "O", "O"]]


PIECES = "aa|IL-2|(0.5)| |  |. |\n|\u200b|e\u0301|We".split("|")


def random_document(rng):
  """Returns a Document with mentions in any place, of one to three parts."""
  text = "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 40)))
  mentions = []
  for _ in range(rng.randint(0, 8)):
    borders = sorted(
      rng.sample(
        range(len(text) + 1), min(len(text) + 1, 2 * rng.randint(1, 3))
      )
    )
    spans = [
      (start, end)
      for start, end in zip(borders[::2], borders[1::2])
      if text[start:end].strip()
    ]
    if spans:
      mentions.append(
        annotated.mention(text, "T", rng.choice("AB"), spans, None, "a:1")
      )
  mentions += rng.choices(mentions, k=rng.randint(0, 2)) if mentions else []
  return annotated.Document("1", text, None, mentions, [], "a:1")


@pytest.fixture(scope="module", params=[None, {"A": "A"}, {"A": "C", "B": "C"}])
def results(request):
  """Returns (document, mentions, rows, counts, dropped) of 400 documents."""
  rng = random.Random(7)
  found = []
  for _ in range(400):
    one, dropped = random_document(rng), []
    asked = [
      m for m in one.mentions if not request.param or m.type in request.param
    ]
    rows, counts = tagging.tag(one, request.param, True, dropped=dropped)
    found.append((one, asked, rows, counts, dropped))
  return found


def test_random_mentions_have_one_b_label_each(results):
  assert sum(counts["mentions"] for _, _, _, counts, _ in results) > 300
  for _, _, rows, counts, _ in results:
    labels = [label for row in rows for label in row.labels]
    assert counts["mentions"] == sum(label[0] == "B" for label in labels)


def test_random_mentions_are_kept_or_counted_as_dropped(results):
  for rule in ("repeated", "overlapping", "without a word"):
    assert sum(counts[rule] for _, _, _, counts, _ in results) > 0
  for _, asked, _, counts, dropped in results:
    lost = counts["overlapping"] + counts["without a word"]
    assert len(asked) == counts["mentions"] + counts["repeated"] + lost
    assert len(dropped) == lost


def test_random_labels_cover_the_kept_mentions(results):
  for one, asked, rows, _, dropped in results:
    kept = [m for m in asked if m not in dropped]
    for row in rows:
      for start, word, label in zip(row.starts, row.words, row.labels):
        covering = {
          m.type
          for m in kept
          for a, b in m.spans
          if a < start + len(word) and start < b
        }
        assert (label == "O") == (not covering), one


def test_random_words_are_those_of_the_text(results):
  for one, _, rows, _, _ in results:
    for row in rows:
      assert len(row.words) == len(row.starts) == len(row.labels) > 0
      for word, start in zip(row.words, row.starts):
        assert one.text.startswith(word, start)
    starts = [start for row in rows for start in row.starts]
    assert starts == sorted(set(starts))
