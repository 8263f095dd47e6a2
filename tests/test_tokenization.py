# SPDX-License-Identifier: Apache-2.0
"""Tests of tokenization.py."""

import gzip
import io
import itertools
import json
import os
import pickle
import random
import sys
import unicodedata

import numpy as np
import pytest
import sentencepiece

from common.errors import InputError
from common.word_arrays import WordArray
from tests.helpers import FIXTURES
from tests.helpers import REPO
from tests.helpers import SPM
from tests.helpers import count_operations
import tokenization

TEXTS = os.path.join(FIXTURES, "tokenization", "texts.jsonl")
PUBMED_8K = os.path.join(REPO, "examples", "vocab", "pubmed-8k")
SHARED = os.path.join(REPO, os.pardir, "shared")
ALBERT = os.path.join(SHARED, "data", "vocab", "albert", "30k-clean")
BERT = os.path.join(
  SHARED, "data", "vocab", "bert", "bert-base-cased-vocab.txt"
)
ALBERT_PIECES = os.path.join(
  SHARED, "fixtures", "tokenization", "tokenization_sentencepiece.jsonl"
)
ABSTRACTS = os.path.join(
  SHARED, "data", "pretraining", "text", "pubmed_abstracts.tsv.gz"
)


def needs(*paths):
  reason = "not beside the checkout: " + ", ".join(paths)
  return pytest.mark.skipif(not all(map(os.path.exists, paths)), reason=reason)


needs_albert = needs(ALBERT + ".model", ALBERT_PIECES)
needs_bert = needs(BERT)
needs_abstracts = needs(ABSTRACTS)

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDPIECES = (
  SPECIALS
  + (
    "un ##aff ##able john johan ##son ' s house . - 中 國 a aa aaa ##a i ##β β"
    " cafe caf ##e ##e\u0301 ##\u0301 ##s ας ##1 tnf ( )"
  ).split()
)


def read_jsonl(path):
  with open(path, encoding="utf-8") as f:
    return [json.loads(line) for line in f]


def read_abstracts(count):
  with gzip.open(ABSTRACTS, "rt", encoding="utf-8") as f:
    return [row.split("\t")[-1] for row in itertools.islice(f, count)]


def train_model(**options):
  """Returns a SentencePiece model whose pieces are single characters.

  All expected pieces can thus be found by hand. Only "12,", "9," and "▁9" are
  longer, like the pieces with digit and comma of real models.
  """
  chars = (
    "a b c d e f g h i k m n o p s t w x y z 0 1 2 3 ( ) - , α σ ς ˙ 한 국"
  )
  defaults = dict(
    sentence_iterator=iter([chars]),
    model_type="char",
    vocab_size=500,
    hard_vocab_limit=False,
    character_coverage=1.0,
    pad_id=0,
    unk_id=1,
    bos_id=-1,
    eos_id=-1,
    control_symbols="[CLS],[SEP],[MASK]",
    user_defined_symbols=["12,", "9,", "▁9"],
    minloglevel=2,
  )
  model = io.BytesIO()
  sentencepiece.SentencePieceTrainer.Train(
    model_writer=model, **dict(defaults, **options)
  )
  return model.getvalue()


def test_a_damaged_model_whose_pieces_are_no_text_is_rejected(tmp_path):
  (tmp_path / "m.model").write_bytes(
    train_model().replace("σ".encode(), b"\xff\xfe")
  )
  with pytest.raises(InputError, match="m.model: is damaged: a piece is not"):
    tokenization.load(spm_model_file=str(tmp_path / "m.model"))


@pytest.fixture(scope="module")
def char_model():
  return train_model()


@pytest.fixture(scope="module")
def char_file(char_model, tmp_path_factory):
  path = tmp_path_factory.mktemp("char") / "char.model"
  path.write_bytes(char_model)
  return str(path)


@pytest.fixture(scope="module")
def chars(char_file):
  return tokenization.FullTokenizer(None, True, char_file)


def write_vocab(folder, pieces, name="vocab.txt"):
  path = folder / name
  path.write_bytes("".join(p + "\n" for p in pieces).encode("utf-8"))
  return str(path)


@pytest.fixture(scope="module")
def wordpiece_file(tmp_path_factory):
  return write_vocab(tmp_path_factory.mktemp("wordpiece"), WORDPIECES)


@pytest.fixture(scope="module")
def words(wordpiece_file):
  return tokenization.FullTokenizer(wordpiece_file, True)


@pytest.fixture
def logged(monkeypatch):
  """Collects the messages that are logged, as (level, text) pairs."""
  messages = []
  for level in ("info", "warning"):

    def keep(message, *args, level=level):
      messages.append((level, message % args))

    monkeypatch.setattr(tokenization.logging, level, keep)
  return messages


def spans(tokenizer, text, cuts=()):
  found = tokenizer.tokenize_with_offsets(text, cuts)
  return list(zip(found.pieces, found.starts, found.ends))


# preprocess_text


@pytest.mark.parametrize("case, lower", [("uncased", True), ("cased", False)])
def test_preprocess_text_equals_the_albert_release(case, lower):
  rows = read_jsonl(TEXTS)
  assert len(rows) == 165
  for row in rows:
    assert tokenization.preprocess_text(row["text"], lower=lower) == row[case]


@pytest.mark.parametrize(
  "text, lower, expected, reason",
  [
    (" a \t\u2003 b\n", False, "a b", "any white space, also Unicode's"),
    ("Café ﬁt²", False, "Cafe fit2", "accents dropped, forms expanded"),
    ("ΟΔΟΣ ΣΑ", True, "οδος σα", "Σ at the end of a word lowers to ς"),
    ("İ", True, "i", "its dot is a combining mark after NFKD"),
    ("a\u0323\u0301b", False, "ab", "several marks on one letter"),
  ],
)
def test_preprocess_text(text, lower, expected, reason):
  assert tokenization.preprocess_text(text, lower=lower) == expected, reason


def test_preprocess_text_can_keep_white_space():
  assert tokenization.preprocess_text(" a  b", remove_space=False) == " a  b"


# SentencePiece: pieces


@needs_albert
@pytest.mark.parametrize("case, lower", [("uncased", True), ("cased", False)])
def test_pieces_and_ids_equal_the_albert_release(case, lower):
  tokenizer = tokenization.FullTokenizer(
    ALBERT + ".vocab", lower, ALBERT + ".model"
  )
  rows = read_jsonl(ALBERT_PIECES)
  assert len(rows) == 165
  for row in rows:
    found = tokenizer.tokenize_with_offsets(row["text"])
    assert found.pieces == row[case]["pieces"]
    assert found.ids == row[case]["ids"]
    assert tokenizer.tokenize(row["text"]) == row[case]["pieces"]
    assert tokenizer.tokenize(row[case]["preprocessed"]) == row[case]["pieces"]
    assert tokenizer.encode(row["text"]) == row[case]["ids"]
    assert tokenizer.convert_tokens_to_ids(row[case]["pieces"]) == found.ids


@pytest.mark.parametrize(
  "text, release, fixed, reason",
  [
    ("x12,", "▁ x ▁ 1 2 ,", "▁ x 1 2 ,", "a ▁ of its own stays, or goes"),
    ("x9,", "▁ x ▁9 ,", "▁ x 9 ,", "also a ▁ joined to the digit"),
    ("x 12,", "▁ x ▁ ▁ 1 2 ,", "▁ x ▁ 1 2 ,", "the first ▁ is the blank"),
    ("x,", "▁ x ,", "▁ x ,", "no digit before the comma"),
    (",", "▁ ,", "▁ ,", "nothing before the comma"),
  ],
)
def test_a_piece_of_digits_and_comma_is_encoded_again(
  char_file, text, release, fixed, reason
):
  for fix, expected in [(False, release), (True, fixed)]:
    tokenizer = tokenization.FullTokenizer(None, True, char_file, fix)
    assert tokenizer.tokenize(text) == expected.split(), reason


def test_full_tokenizer_can_keep_case(char_file):
  tokenizer = tokenization.FullTokenizer(None, False, char_file)
  assert tokenizer.encode("aB") == tokenizer.convert_tokens_to_ids(
    ["▁", "a", "<unk>"]
  )


def test_a_lone_surrogate_counts_as_a_blank(chars):
  assert spans(chars, "é\ud83da") == [
    ("▁", 0, 0),
    ("e", 0, 1),
    ("▁", 2, 2),
    ("a", 2, 3),
  ]


# SentencePiece: offsets


@pytest.mark.parametrize(
  "text, expected, reason",
  [
    ("", "", "no text, no piece"),
    (" \n ", "", "blanks alone give no piece"),
    ("ab", "▁:0-0 a:0-1 b:1-2", "▁ covers nothing"),
    (" a \t b", "▁:1-1 a:1-2 ▁:5-5 b:5-6", "▁ comes before its word"),
    ("éa", "▁:0-0 e:0-1 a:1-2", "an accent within the character"),
    ("e\u0301a", "▁:0-0 e:0-2 a:2-3", "an accent as a mark of its own"),
    ("e\u0323\u0301 a", "▁:0-0 e:0-3 ▁:4-4 a:4-5", "two marks"),
    ("\u0301a", "▁:1-1 a:1-2", "a mark without a letter belongs to no piece"),
    ("ﬁ\u0301x", "▁:0-0 f:0-2 i:0-2 x:2-3", "a ligature's pieces share it"),
    ("İx", "▁:0-0 i:0-1 x:1-2", "İ alone would lower to two characters"),
    ("ΑΣ ΑΣα", "▁:0-0 α:0-1 ς:1-2 ▁:3-3 α:3-4 σ:4-5 α:5-6", "both small Σ"),
    ("a\u00a8b", "▁:0-0 a:0-1 ▁:2-2 b:2-3", "NFKD of ¨ is a blank and a mark"),
    ("a▁b", "▁:0-0 a:0-1 ▁:2-2 b:2-3", "▁ in the text is a blank"),
    ("a\u200bb", "▁:0-0 a:0-1 ▁:2-2 b:2-3", "so is a zero-width space"),
    ("\u200ba\u200b", "▁:1-1 a:1-2", "but not at the ends"),
    ("\x01a\x01b\x01", "▁:1-1 a:1-2 b:3-4", "a control character is dropped"),
    ("한국 a", "▁:0-0 한:0-1 국:1-2 ▁:3-3 a:3-4", "NFKD cuts, NFKC joins"),
    ("x9,a", "▁:0-0 x:0-1 ▁9:1-2 ,:2-3 a:3-4", "a digit-comma piece"),
    ("x12,", "▁:0-0 x:0-1 ▁:1-1 1:1-2 2:2-3 ,:3-4", "with a stray ▁"),
    ("\x01x12,", "▁:1-1 x:1-2 ▁:2-2 1:2-3 2:3-4 ,:4-5", "and the normaliser"),
    ("Qq", "▁:0-0 qq:0-2", "unknown characters are one piece"),
  ],
)
def test_offsets_count_characters_of_the_original(
  chars, text, expected, reason
):
  found = ["%s:%d-%d" % span for span in spans(chars, text)]
  assert found == expected.split(), reason


def check_offsets(tokenizer, text, normalise):
  """Asserts the properties of offsets that hold for any text."""
  found = tokenizer.tokenize_with_offsets(text)
  assert found.pieces == tokenizer.tokenize(text)
  assert found.starts == sorted(found.starts)
  covered = set()
  for piece, start, end in zip(found.pieces, found.starts, found.ends):
    assert 0 <= start <= end <= len(text)
    covered.update(range(start, end))
    if piece != "[UNK]":
      bare = piece.replace("▁", "")
      bare = bare[2:] if bare.startswith("##") else bare
      assert bare in normalise(text[start:end])
      assert bool(bare) == (start < end)
  for i, char in enumerate(text):
    if normalise(char).strip():
      assert i in covered


def normalise_with(tokenizer_file, lower):
  """Returns preprocess_text followed by SentencePiece's own normaliser."""
  model = sentencepiece.SentencePieceProcessor(model_file=tokenizer_file)

  def normalise(text):
    text = tokenization.preprocess_text(text, lower=lower)
    return model.normalize(text).replace("▁", " ").strip()

  return normalise


@pytest.mark.parametrize("lower", [True, False])
def test_offsets_fit_every_biomedical_text(lower):
  model = PUBMED_8K + ".model"
  tokenizer = tokenization.FullTokenizer(None, lower, model)
  normalise = normalise_with(model, lower)
  for row in read_jsonl(TEXTS):
    check_offsets(tokenizer, row["text"], normalise)


@needs_albert
@needs_abstracts
def test_offsets_fit_real_abstracts():
  model = ALBERT + ".model"
  tokenizer = tokenization.FullTokenizer(None, True, model)
  normalise = normalise_with(model, True)
  for text in read_abstracts(60):
    check_offsets(tokenizer, text, normalise)


def count_lines(function, argument):
  """Returns the number of lines of Python that a call runs."""
  count = 0

  def trace(frame, event, _):
    nonlocal count
    count += event == "line"
    return trace

  before = sys.gettrace()
  sys.settrace(trace)
  try:
    function(argument)
  finally:
    sys.settrace(before)
  return count


@pytest.mark.parametrize("spice", ["", "\u200b", "ﬁ\u0301"])
def test_work_is_linear_in_the_length_of_one_text(chars, words, spice):
  for tokenizer in (chars, words):
    text = (spice + "abc 12, ") * 30
    tokenizer.tokenize_with_offsets(text)  # Fills the caches.
    short = count_lines(tokenizer.tokenize_with_offsets, text)
    long = count_lines(tokenizer.tokenize_with_offsets, text * 16)
    assert short < long <= 16 * short


# WordPiece


@pytest.mark.parametrize(
  "text, expected, reason",
  [
    ("", "", "no text, no piece"),
    (
      "John Johanson's house.",
      "john:0-4 johan:5-10 ##son:10-13 ':13-14 s:14-15 house:16-21 .:21-22",
      "the example of BERT's README",
    ),
    ("unaffable", "un:0-2 ##aff:2-5 ##able:5-9", "longest piece first"),
    ("aaaa", "aaa:0-3 ##a:3-4", "longest piece first, not the best fit"),
    ("a unaffx a", "a:0-1 [UNK]:2-8 a:9-10", "a part is unknown"),
    ("a中國a", "a:0-1 中:1-2 國:2-3 a:3-4", "an ideograph is a word"),
    ("Cafés", "cafe:0-4 ##s:4-5", "accents go with lower-casing"),
    ("cafe\u0301s", "cafe:0-5 ##s:5-6", "also as marks of their own"),
    ("İ", "i:0-1", "İ lowers to two characters, the second a mark"),
    ("ΑΣ", "ας:0-2", "Σ at the end of a word"),
    ("a\u00ada\u200ba", "aaa:0-5", "format characters are dropped"),
    ("\u200ba\x01", "a:1-2", "and belong to no piece at the ends"),
    ("a\x85a\ufffd", "aa:0-3", "control characters are not blanks to BERT"),
    ("a\u2028a\u3000a", "a:0-1 a:2-3 a:4-5", "Unicode's blanks are"),
    ("TNF-β1", "tnf:0-3 -:3-4 β:4-5 ##1:5-6", "punctuation is cut off"),
    ("(a)", "(:0-1 a:1-2 ):2-3", "on both sides"),
    ("\u0301 a", "a:2-3", "a word of marks only has no piece"),
    ("[MASK]", "[UNK]:0-1 [UNK]:1-5 [UNK]:5-6", "text holds no special piece"),
  ],
)
def test_wordpiece_equals_bert(words, text, expected, reason):
  found = ["%s:%d-%d" % span for span in spans(words, text)]
  assert found == expected.split(), reason
  assert words.tokenize(text) == [s.split(":")[0] for s in expected.split()]


def test_wordpiece_keeps_accents_and_capitals_with_case(wordpiece_file):
  tokenizer = tokenization.FullTokenizer(wordpiece_file, False)
  assert spans(tokenizer, "cafe\u0301s John") == [
    ("cafe", 0, 4),
    ("##\u0301", 4, 5),
    ("##s", 5, 6),
    ("[UNK]", 7, 11),
  ]


@pytest.mark.parametrize("length, unknown", [(200, False), (201, True)])
def test_wordpiece_makes_words_of_over_200_characters_unknown(
  words, length, unknown
):
  found = words.tokenize_with_offsets("a" * length)
  assert (found.pieces == ["[UNK]"]) == unknown
  assert (found.starts[0], found.ends[-1]) == (0, length)


def test_wordpiece_character_rules_equal_bert_on_the_whole_plane(words):
  """BERT strips marks after lower-casing, this code before."""
  for char in map(chr, range(0x10000)):
    if unicodedata.category(char) in ("Cc", "Cf", "Zs", "Zl", "Zp"):
      continue
    lowered = unicodedata.normalize("NFD", char.lower())
    expected = [c for c in lowered if unicodedata.category(c) != "Mn"]
    form = tokenization._BERT_FORMS[True][char]
    assert char == "\ufffd" or form.lower().strip() == "".join(expected)


@needs_bert
@pytest.mark.parametrize("lower", [True, False])
def test_wordpiece_offsets_fit_every_biomedical_text(lower):
  tokenizer = tokenization.FullTokenizer(BERT, lower)

  def normalise(text):
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    if lower:
      text = unicodedata.normalize("NFD", text.lower())
      text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    return text

  for row in read_jsonl(TEXTS):
    check_offsets(tokenizer, row["text"], normalise)


# Cuts


@pytest.mark.parametrize("text", ["ab", "1,", "e\u0301", "\u4e00 ", "x-"])
def test_the_work_grows_with_the_text_and_its_cuts_and_not_faster(text):
  tokenizer = tokenization.load(spm_model_file=SPM)

  def work(size):
    cuts = range(0, 2 * size, 3)
    return count_operations(tokenizer.tokenize_with_offsets, text * size, cuts)

  assert work(1200) < 4 * work(400)


@pytest.mark.parametrize(
  "text, cuts, expected, reason",
  [
    ("proteins", [7], "▁protein:0-7 s:7-8", "both parts are pieces"),
    ("proteins", [0, 8], "▁proteins:0-8", "the ends are no cuts"),
    ("genes genes", [4, 10], "▁gene:0-4 s:4-5 ▁gene:6-10 s:10-11", "each"),
    ("gene, gene", [4, 6], "▁gene:0-4 ,:4-5 ▁gene:6-10", "pieces end there"),
    ("genes", [2], "▁g:0-1 e:1-2 n:2-3 e:3-4 s:4-5", "no ▁ge, no nes"),
    ("Genes", [4], "▁gene:0-4 s:4-5", "case does not matter"),
    ("ge\u0301nes", [5], "▁gene:0-5 s:5-6", "a cut counts the text's letters"),
    ("x☃☃☃", [2], "▁x:0-1 ☃:1-2 ☃:2-3 ☃:3-4", "unknown characters"),
  ],
)
def test_a_piece_ends_at_every_cut(text, cuts, expected, reason):
  tokenizer = tokenization.FullTokenizer(None, True, PUBMED_8K + ".model")
  found = ["%s:%d-%d" % span for span in spans(tokenizer, text, cuts)]
  assert found == expected.split(), reason


@pytest.mark.parametrize(
  "text, cuts, expected, reason",
  [
    ("unaffable", [2], "un:0-2 ##aff:2-5 ##able:5-9", "a piece ends there"),
    ("aaa", [1], "a:0-1 ##a:1-2 ##a:2-3", "there is no ##aa"),
    ("aaa", [2], "aa:0-2 ##a:2-3", "both parts are pieces"),
    ("unaffx a", [2], "[UNK]:0-2 [UNK]:2-6 a:7-8", "unknown stays unknown"),
  ],
)
def test_a_wordpiece_ends_at_every_cut(words, text, cuts, expected, reason):
  found = ["%s:%d-%d" % span for span in spans(words, text, cuts)]
  assert found == expected.split(), reason


@pytest.mark.once
@pytest.mark.parametrize("lower", [True, False])
def test_a_cut_changes_only_the_piece_that_it_splits(words, lower):
  model = tokenization.FullTokenizer(None, lower, PUBMED_8K + ".model")
  for tokenizer, row in itertools.product((model, words), read_jsonl(TEXTS)):
    plain = spans(tokenizer, row["text"])
    for cut in range(0, len(row["text"]), 7):
      found = spans(tokenizer, row["text"], [cut])
      kept = [p for p in plain if p in found]
      if len(kept) == len(plain):
        assert found == plain
        continue
      ((_, start, end),) = [p for p in plain if p not in kept]
      assert start < cut < end
      parts = [p for p in found if p not in kept]
      assert (parts[0][1], parts[-1][2]) == (start, end)
      assert cut in [stop for _, _, stop in parts]


# FullTokenizer


def test_ids_and_pieces_convert_both_ways(words):
  ids = words.convert_tokens_to_ids(["un", "##aff", "no such piece"])
  assert words.convert_ids_to_tokens(ids) == ["un", "##aff", "[UNK]"]


def test_ids_of_special_pieces(chars, words):
  for t in (chars, words):
    ids = (t.pad_id, t.unk_id, t.cls_id, t.sep_id, t.mask_id)
    assert ids == (0, 1, 2, 3, 4)


def test_special_ids_include_all_pieces_that_stand_for_no_text(chars, tmp_path):
  assert chars.special_ids == {0, 1, 2, 3, 4}  # not "12,", "9,", "▁9"
  path = write_vocab(tmp_path, WORDPIECES + ["[unused7]", "</s>", "[", "<a"])
  size = len(WORDPIECES)
  special = tokenization.FullTokenizer(path).special_ids
  assert special == {*range(5), size, size + 1}


@pytest.mark.parametrize(
  "pieces, has_capitals",
  [([], False), (["[unused1]", "β"], False), (["##A"], True), (["Β"], True)],
)
def test_capitals_count_in_ordinary_pieces_only(tmp_path, pieces, has_capitals):
  path = write_vocab(tmp_path, WORDPIECES + pieces)
  assert tokenization.FullTokenizer(path).has_capitals == has_capitals


def test_files_lists_the_files_that_were_read(char_file, wordpiece_file):
  for path in (char_file, wordpiece_file):
    tokenizer = tokenization.load(path)
    assert (tokenizer.files, tokenizer.source) == ((path,), path)


def test_cached_ids_are_copies(chars):
  first = chars.encode("ab")
  first.append(-1)
  assert chars.encode("ab") == first[:-1]


def test_the_cache_of_encode_is_bounded(char_file, monkeypatch):
  tokenizer = tokenization.FullTokenizer(None, True, char_file)
  tokenizer._cached_ids = tokenization._Table(tokenizer._encode, size=10)
  for i in range(50):
    assert tokenizer.encode(str(i)) == tokenizer._encode(str(i))
    assert len(tokenizer._cached_ids) <= 10
  tokenizer.encode("long " * 100)
  assert not any(text.startswith("long") for text in tokenizer._cached_ids)


def test_a_tokenizer_can_be_pickled(chars, words):
  for tokenizer in (chars, words):
    tokenizer.encode("a")
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy.tokenize_with_offsets("aé 12,") == (
      tokenizer.tokenize_with_offsets("aé 12,")
    )


def test_all_files_are_opened_with_open_file(char_model):
  model = sentencepiece.SentencePieceProcessor(model_proto=char_model)
  vocab = "".join(model.id_to_piece(i) + "\t-1\n" for i in range(len(model)))
  bucket = {"gs://b/v": vocab.encode("utf-8"), "gs://b/m": char_model}

  def open_file(path, mode):
    assert mode == "rb"
    return io.BytesIO(bucket.pop(path))

  tokenizer = tokenization.FullTokenizer(
    "gs://b/v", True, "gs://b/m", open_file=open_file
  )
  assert tokenizer.tokenize("a") == ["▁", "a"] and not bucket


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_wordpiece_ids_are_line_numbers_with_any_line_ends(tmp_path, end):
  path = tmp_path / "vocab.txt"
  pieces = SPECIALS + ["a", "\u2028x", "b"]  # Not a line end here.
  path.write_bytes(("\ufeff" + end.join(pieces)).encode("utf-8"))
  tokenizer = tokenization.FullTokenizer(str(path))
  assert tokenizer.encode("a b") == [5, 7]


# Many texts at a time

RANDOM = "aabbrr.,()-–—/▁ \t\n\u200b\u00a0\u3000\x01\x1c\x85éß\u0301¨ΣσİΑ1239Ⅷ"
RANDOM += "中한ㅎ@\ud83d\U0001f600\ufeff\u00ad´ﬁ[]<>CLSunk"


def random_texts(count):
  rng = random.Random(1)
  return [
    "".join(rng.choice(RANDOM) for _ in range(rng.randint(0, 30)))
    for _ in range(count)
  ]


@pytest.fixture(
  params=["albert", "albert cased", "albert fixed", "pubmed", "bert", "chars"]
)
def any_tokenizer(request, chars):
  kind = request.param
  if kind == "chars":
    return chars
  if kind == "pubmed":
    return tokenization.FullTokenizer(None, True, PUBMED_8K + ".model")
  path = BERT if kind == "bert" else ALBERT + ".model"
  if not os.path.exists(path):
    pytest.skip("%s is not beside the checkout" % path)
  if kind == "bert":
    return tokenization.FullTokenizer(BERT, False)
  return tokenization.FullTokenizer(
    None, kind != "albert cased", path, kind == "albert fixed"
  )


def test_encode_all_equals_encode(any_tokenizer):
  biomedical = [row["text"] for row in read_jsonl(TEXTS)]
  for texts in (biomedical, random_texts(3000), [], [""], ["", " a "]):
    expected = [any_tokenizer.encode(text) for text in texts]
    assert any_tokenizer.encode_all(texts) == expected
    assert any_tokenizer.encode_all(texts) == expected  # From the cache.


def test_encode_each_equals_encode(any_tokenizer):
  biomedical = [row["text"] for row in read_jsonl(TEXTS)]
  words = " ".join(biomedical).split() + ["12,", "x" * 300]
  for texts in (words, random_texts(3000), ["", " a "], []):
    expected = list(map(any_tokenizer._encode, texts))
    for _ in range(2):  # Then from the cache.
      ids, sizes = any_tokenizer.encode_each(WordArray.of(texts))
      rows = np.split(ids, np.cumsum(sizes))
      assert [row.tolist() for row in rows[:-1]] == expected


@needs_albert
@needs_abstracts
def test_encode_all_equals_encode_on_real_abstracts():
  tokenizer = tokenization.FullTokenizer(None, True, ALBERT + ".model")
  texts = read_abstracts(500)
  assert tokenizer.encode_all(texts) == [tokenizer.encode(t) for t in texts]


@needs_albert
@pytest.mark.parametrize(
  "text", ["p (rrr)", "it is (bbb) and", "x = 0.666 here", "cgcgcgcgcg cgcgcg"]
)
def test_words_with_two_best_segmentations_equal_encode(text):
  tokenizer = tokenization.FullTokenizer(None, True, ALBERT + ".model")
  for before in ("", "a ", "the cells of ", "one two three four five " * 40):
    texts = ["plain", before + text, text + " rose", "plain"]
    assert tokenizer.encode_all(texts) == [tokenizer.encode(t) for t in texts]


def test_pieces_that_contain_blanks_are_found(tmp_path):
  model = train_model(
    sentence_iterator=iter(["of the cell", "in the cell"] * 50),
    model_type="bpe",
    vocab_size=28,
    split_by_whitespace=False,
    user_defined_symbols=[],
  )
  path = tmp_path / "x.model"
  path.write_bytes(model)
  tokenizer = tokenization.FullTokenizer(None, True, str(path))
  texts = ["of the cell", "in the cell of"]
  pieces = [tokenizer.tokenize(text) for text in texts]
  assert any("▁" in piece[1:] for row in pieces for piece in row)
  assert tokenizer.encode_all(texts) == [tokenizer.encode(t) for t in texts]


def test_the_cache_of_encode_all_is_bounded(char_file, monkeypatch):
  monkeypatch.setattr(tokenization, "_MAX_WORDS", 10)
  tokenizer = tokenization.FullTokenizer(None, True, char_file)
  texts = ["a%d b%d" % (i % 4, i) for i in range(300)]
  for begin in range(0, 300, 6):
    some = texts[begin : begin + 6]
    assert tokenizer.encode_all(some) == [tokenizer.encode(t) for t in some]
    assert len(tokenizer._words._numbers) <= 10 + 12


@pytest.mark.parametrize(
  "limit, most", [("_MAX_WORDS", 10), ("_MAX_PIECES", 30)]
)
def test_the_cache_of_encode_each_is_bounded(
  char_file, monkeypatch, limit, most
):
  monkeypatch.setattr(tokenization, limit, most)
  tokenizer = tokenization.FullTokenizer(None, True, char_file)
  for begin in range(0, 300, 6):
    words = ["a%d" % i for i in range(begin, begin + 6)]
    ids, _ = tokenizer.encode_each(WordArray.of(words))
    assert ids.tolist() == sum(map(tokenizer.encode, words), [])
    assert 0 < len(tokenizer._pieces._numbers) <= 10 + 6


def test_long_words_of_few_pieces_do_not_stay_in_the_cache(
  char_file, monkeypatch
):
  monkeypatch.setattr(tokenization, "_MAX_CHARACTERS", 1000)
  tokenizer = tokenization.FullTokenizer(None, True, char_file)
  for i in range(1, 20):
    word = "\u4e2d" * 300 + "a" * i
    tokenizer.encode_each(WordArray.of([word]))
    assert sum(map(len, tokenizer._pieces._numbers)) <= 1000 + 320


def words_of(tokenizer, text):
  """Returns the words of a text according to encode_words."""
  found, words = tokenizer.encode_words([text]), []
  for piece, start in zip(
    tokenizer.convert_ids_to_tokens(found.ids.tolist()), found.starts
  ):
    if start:
      words.append("")
    words[-1] += piece.replace("▁", "").replace("##", "")
  return words


@pytest.mark.parametrize(
  "text, expected, reason",
  [
    ("p53 IL-2 TNF-α rose", "p53 il-2 tnf-α rose", "blanks separate"),
    ("10(-6) M.", "10(-6) m .", "a bracket whose partner is inside stays"),
    ("(p53), (12)", "( p53 ) , ( 12 )", "punctuation at the ends"),
    ("(1)H-NMR f(x)", "(1)h-nmr f(x)", "also a bracket at the front"),
    ("(IL-2(R))", "( il-2(r) )", "only one of two"),
    ("mg/kg/day and/or", "mg / kg / day and / or", "a slash separates words"),
    ("cells—which —", "cells — which —", "a long dash too"),
    ("10–20 0.5 1,2-DCE", "10–20 0.5 1,2-dce", "nothing else inside does"),
    ("e.g. 'patients'", "e.g . ' patients '", "dots and quotes at the ends"),
    ("CD4+ Ca2+ <5", "cd4+ ca2+ <5", "symbols are not punctuation"),
    ("... .", ". . . .", "punctuation alone"),
    ("", "", "no text"),
    ("50, 3", "50 , 3", "cut by the digit-comma rule"),
  ],
)
def test_words_are_separated_by_blanks(text, expected, reason):
  tokenizer = tokenization.FullTokenizer(None, True, PUBMED_8K + ".model")
  assert words_of(tokenizer, text) == expected.split(), reason


@needs_bert
def test_wordpiece_has_the_same_words():
  tokenizer = tokenization.FullTokenizer(BERT, False)
  found = words_of(tokenizer, "p53 IL-2, TNF-α/10(-6) M. a中b")
  assert found == "p53 IL-2 , TNF-α / 10(-6) M . a 中 b".split()


def test_encode_words_assigns_pieces_to_texts(words):
  found = words.encode_words(["unaffable", "", "aa john's"])
  assert found.sizes.tolist() == [3, 0, 4]
  assert found.ids.tolist() == words.convert_tokens_to_ids(
    "un ##aff ##able aa john ' s".split()
  )
  assert found.starts.tolist() == [True, False, False, True, True, False, False]


# load


@pytest.fixture
def folder(tmp_path, char_model):
  """Returns a folder with a SentencePiece vocabulary but without its model."""
  model = sentencepiece.SentencePieceProcessor(model_proto=char_model)
  pieces = [model.id_to_piece(i) for i in range(len(model))]
  write_vocab(tmp_path, pieces, "vocab.txt")
  write_vocab(tmp_path, [p + "\t-1.5" for p in pieces], "char.vocab")
  return tmp_path


@pytest.mark.parametrize(
  "vocab, models, taken",
  [
    ("char.vocab", ["char.model", "30k-clean.model", "x.model"], "char.model"),
    ("vocab.txt", ["x.model", "30k-clean.model"], "30k-clean.model"),
    ("vocab.txt", ["x.model", "spiece.model"], "spiece.model"),
    ("char.vocab", ["anything.model"], "anything.model"),
  ],
)
def test_load_finds_the_model_beside_its_vocabulary(
  folder, char_model, logged, vocab, models, taken
):
  for name in models:
    (folder / name).write_bytes(char_model if name == taken else b"other")
  tokenizer = tokenization.load(str(folder / vocab))
  assert tokenizer.tokenize("a") == ["▁", "a"]
  assert ("info", "%s: its model is %s" % (folder / vocab, folder / taken)) in (
    logged
  )


@pytest.mark.parametrize("models", [[], ["x.model", "y.model"]])
def test_load_names_the_models_that_it_expects(folder, char_model, models):
  for name in models:
    (folder / name).write_bytes(char_model)
  with pytest.raises(InputError) as error:
    tokenization.load(str(folder / "char.vocab"))
  looked_for = ["char.model", "30k-clean.model", "spiece.model"]
  for name in ["char.vocab", "spm_model_file"] + looked_for + models:
    assert name in str(error.value)


def test_load_finds_models_in_a_bucket_by_name(folder, char_model):
  bucket = {
    "gs://b/vocab.txt": (folder / "vocab.txt").read_bytes(),
    "gs://b/spiece.model": char_model,
  }
  tokenizer = tokenization.load(
    "gs://b/vocab.txt", open_file=lambda path, _: io.BytesIO(bucket[path])
  )
  assert tokenizer.tokenize("a") == ["▁", "a"]


@pytest.mark.parametrize("flag", ["vocab_file", "spm_model_file"])
def test_load_accepts_a_model_alone(char_file, flag):
  tokenizer = tokenization.load(**{flag: char_file})
  assert tokenizer.tokenize("a") == ["▁", "a"]


def test_load_passes_the_digit_comma_fix_on(char_file):
  tokenizer = tokenization.load(char_file, spm_digit_comma_fix=True)
  assert tokenizer.tokenize("x9,") == ["▁", "x", "9", ","]


@pytest.mark.parametrize(
  "capitals, wanted, lower, level, message",
  [
    (False, None, True, "info", "no piece of"),
    (False, True, True, "info", "no piece of"),
    (False, False, True, "warning", "every capital would be unknown"),
    (True, None, False, "info", "Keeping capitals"),
    (True, False, False, "info", "Keeping capitals"),
    (True, True, True, "warning", "never be used"),
  ],
)
def test_load_decides_about_lower_casing(
  tmp_path, logged, capitals, wanted, lower, level, message
):
  path = write_vocab(tmp_path, WORDPIECES + ["John"] * capitals)
  tokenizer = tokenization.load(path, do_lower_case=wanted)
  assert tokenizer.do_lower_case == lower
  assert tokenizer.tokenize("John") == ["john" if lower else "John"]
  assert [(a, message in b) for a, b in logged] == [(level, True)]


# Errors


def test_a_tokenizer_without_files_is_rejected():
  with pytest.raises(InputError, match="set vocab_file .* or spm_model_file"):
    tokenization.load()


@pytest.mark.parametrize("flag", ["vocab_file", "spm_model_file"])
def test_a_missing_file_is_reported(tmp_path, flag):
  path = str(tmp_path / "absent")
  with pytest.raises(InputError, match="absent: cannot be read"):
    tokenization.load(**{flag: path})


@pytest.mark.parametrize("data", [b"", b"<html>", b"version https://git-lfs"])
def test_a_broken_model_is_reported(tmp_path, data):
  path = tmp_path / "x.model"
  path.write_bytes(data)
  with pytest.raises(InputError, match="x.model: is not a Sentence") as error:
    tokenization.load(spm_model_file=str(path))
  assert "\n" not in str(error.value)


def test_a_vocabulary_that_is_not_text_is_rejected(tmp_path, char_model):
  path = tmp_path / "vocab.txt"
  path.write_bytes(char_model)
  with pytest.raises(InputError, match="vocab.txt: byte .* spm_model_file"):
    tokenization.load(str(path))


def test_a_vocabulary_in_neither_format_is_rejected(tmp_path):
  path = write_vocab(tmp_path, ["some", "words"])
  with pytest.raises(InputError, match="neither SentencePiece's .* nor Word"):
    tokenization.load(path)


@pytest.mark.parametrize("missing", SPECIALS)
def test_a_missing_special_piece_is_reported(tmp_path, missing):
  path = write_vocab(tmp_path, [p for p in WORDPIECES if p != missing])
  with pytest.raises(InputError) as error:
    tokenization.FullTokenizer(path)
  assert missing in str(error.value) and path in str(error.value)


@pytest.mark.parametrize(
  "options, message",
  [
    ({"control_symbols": "[CLS],[SEP]"}, r"x.model: has no piece \[MASK\]"),
    ({"byte_fallback": True}, "x.model: .* --byte_fallback"),
  ],
)
def test_an_unsuitable_model_is_rejected(tmp_path, options, message):
  path = tmp_path / "x.model"
  path.write_bytes(train_model(**options))
  with pytest.raises(InputError, match=message):
    tokenization.FullTokenizer(None, True, str(path))


def test_full_tokenizer_rejects_a_vocabulary_without_its_model(folder):
  with pytest.raises(InputError, match="set spm_model_file"):
    tokenization.FullTokenizer(str(folder / "vocab.txt"))


@pytest.mark.parametrize(
  "change, message",
  [
    (slice(43, None), "vocab.txt has 44 pieces.*has 43"),
    (slice(10, 11), "vocab.txt:11: found 'other', but .*char.model"),
  ],
)
def test_a_vocabulary_of_another_model_is_rejected(
  folder, char_file, change, message
):
  path = folder / "vocab.txt"
  lines = path.read_bytes().splitlines()
  lines[change] = [b"other"]
  path.write_bytes(b"\n".join(lines))
  with pytest.raises(InputError, match=message):
    tokenization.FullTokenizer(str(path), True, char_file)


# Checks


def test_a_vocabulary_of_another_size_than_in_the_config_is_rejected(
  words, wordpiece_file
):
  tokenization.check_vocab_size(words, len(WORDPIECES), "config.json")
  with pytest.raises(InputError) as error:
    tokenization.check_vocab_size(words, 30000, "config.json")
  for part in [wordpiece_file, str(len(WORDPIECES)), "config.json", "30000"]:
    assert part in str(error.value)


@pytest.mark.parametrize(
  "id_lists, rate", [([[1, 5], [7, 1]], 0.5), ([[2], []], 0.0), ([], 0.0)]
)
def test_unknown_rate_is_a_share_of_all_ids(id_lists, rate):
  assert tokenization.unknown_rate(iter(id_lists), 1) == rate


@pytest.mark.parametrize("above, warnings", [(-0.001, 0), (0.001, 1)])
def test_only_rates_above_the_limit_warn(logged, above, warnings):
  tokenization.warn_of_unknown(
    tokenization.MAX_UNKNOWN_RATE + above, "train.tsv"
  )
  assert len(logged) == warnings
  assert all(level == "warning" for level, _ in logged)
  assert all(text.startswith("train.tsv: 5.1 %") for _, text in logged)


@needs_albert
@needs_abstracts
@pytest.mark.parametrize("lower, too_many", [(True, False), (False, True)])
def test_the_limit_detects_wrong_case_on_abstracts(lower, too_many):
  tokenizer = tokenization.FullTokenizer(None, lower, ALBERT + ".model")
  ids = map(tokenizer.encode, read_abstracts(200))
  rate = tokenization.unknown_rate(ids, tokenizer.unk_id)
  assert (rate > tokenization.MAX_UNKNOWN_RATE) == too_many
