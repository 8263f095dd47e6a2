# SPDX-License-Identifier: Apache-2.0
"""Splits text into the pieces of a model, by SentencePiece or WordPiece.

FullTokenizer does both. Its SentencePiece output equals that of the ALBERT
release's preprocess_text and encode_pieces on Python 3; its WordPiece output
equals that of BERT's BasicTokenizer and WordpieceTokenizer. Offsets are
half-open and count the characters of the original text, before normalisation.
Time is linear in the length of the text. Unusable files raise InputError.
"""

import bisect
import collections
import functools
import itertools
import os
import re
import string
import unicodedata

from absl import logging
import numpy as np
import sentencepiece

from common import files
from common import run_files
from common.errors import InputError
from common.word_arrays import ranges
from common.word_arrays import rows

# Names of the vocabulary in a model's folder; the first match counts.
_NAMES = (
  "30k-clean.model spiece.model *.model vocab.txt 30k-clean.vocab *.vocab"
).split()
# A larger share of unknown pieces suggests a vocabulary that does not fit the
# text. Measured with ALBERT's 30k-clean: 0.3 % in 9,713 PubMed abstracts, 0.0
# to 0.3 % in the NER and HoC corpora, 3.1 to 4.7 % in ChemProt, EU-ADR and GAD,
# whose markers (@GENE$) contain the unknown "@". Without lower-casing: 8.3 % in
# the abstracts and between 5.3 % (BC5CDR) and 13.1 % (EU-ADR) elsewhere.
MAX_UNKNOWN_RATE = 0.05

Pieces = collections.namedtuple("Pieces", "pieces ids starts ends")
Words = collections.namedtuple("Words", "ids starts sizes")

_UNDERLINE = "\u2581"  # "▁", which SentencePiece writes for a blank
_BLANKS = " " + _UNDERLINE  # SentencePiece also reads "▁" as a blank.
_FIRST_MARK = "\u0300"  # the first combining mark in Unicode
_SURROGATE = re.compile("[\ud800-\udfff]")
_CJK = re.compile(  # blocks that BERT splits into single characters
  "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
  "\U00020000-\U0002a6df\U0002a700-\U0002ceaf\U0002f800-\U0002fa1f]"
)
_SPECIAL_PIECE = re.compile(r"\[\w+\]|</?\w+>")  # [CLS], [unused1], <pad>, </s>
_UNKNOWN_WORD = "[UNK]"  # WordPiece's piece for a word outside the vocabulary
_MAX_FILE = 1 << 26  # bytes of a vocabulary; the largest known has 5 MB
_MAX_WORD = 200  # in characters; longer words are unknown, as in BERT
_MAX_CACHED = 100  # in characters; longer texts rarely repeat
_MAX_WORDS = 1 << 18  # cached for many at a time: about 40 MB
_MAX_PIECES = 1 << 21  # of these words
_MAX_CHARACTERS = 1 << 24  # of these words
_RECENT_BITS = 16  # of the number of words that are found without their string
_HASH = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio
_SEPARATORS = "/\u2014\u2015"  # Slash and long dashes separate words: "mg/kg".
_OPENING, _CLOSING = "([{", ")]}"
# Repetition gives a word several segmentations with the same score: "rr" "r"
# and "r" "rr". A difference below 0.01 counts as a tie; rounding changes the
# total score of a sentence by about 0.0001.
_THRICE = re.compile(r"(.{1,8}?)\1\1")
_TIE = 0.01


def preprocess_text(text, remove_space=True, lower=False):
  """Normalises text as the ALBERT release does before SentencePiece.

  Collapses white space to single blanks, applies NFKD and removes combining
  marks: " Café  ﬁt² " -> "Cafe fit2".
  """
  if remove_space:
    text = " ".join(text.strip().split())
  if not text.isascii():
    text = unicodedata.normalize("NFKD", text)
    marks = [c for c in set(text) if unicodedata.combining(c)]
    if marks:
      text = text.translate(dict.fromkeys(map(ord, marks)))
  return text.lower() if lower else text


def load(
  vocab_file=None,
  spm_model_file=None,
  do_lower_case=None,
  open_file=open,
  spm_digit_comma_fix=False,
):
  """Returns the FullTokenizer for these files, correcting common mistakes.

  The model of a SentencePiece vocabulary is found in the same folder. A model
  given as vocabulary is used as the model. Text is lower-cased if no piece has
  a capital, even with do_lower_case=False; None leaves it to the vocabulary.

  Raises:
    InputError: the files cannot be used, or the model is not found.
  """
  if vocab_file and not spm_model_file:
    if vocab_file.endswith(".model"):
      vocab_file, spm_model_file = None, vocab_file
    elif _is_sentencepiece(_read_vocab(vocab_file, open_file)):
      spm_model_file = _find_model(vocab_file, open_file)
      logging.info("%s: its model is %s", vocab_file, spm_model_file)

  def build(lower):
    return FullTokenizer(
      vocab_file, lower, spm_model_file, spm_digit_comma_fix, open_file
    )

  tokenizer = build(True)
  return tokenizer if _choose_case(tokenizer, do_lower_case) else build(False)


def look_for(folders):
  """Returns the vocabulary of the first folder that has one, or None."""
  return files.look_for(folders, _NAMES)


def find(
  folder,
  vocab_file=None,
  spm_model_file=None,
  do_lower_case=None,
  spm_digit_comma_fix=False,
):
  """Returns the FullTokenizer of the given files, or else of a model's folder.

  Without explicit values, do_lower_case and spm_digit_comma_fix are those in
  the folder's run_config.json, so that text is split as in training. For the
  arguments see `load`.

  Raises:
    InputError: there is no vocabulary, or it cannot be used.
  """
  if not vocab_file and not spm_model_file:
    vocab_file = files.find(folder, _NAMES, "--spm_model_file")
  kept = {}
  if folder:
    kept = run_files.read_description(folder).get("training") or {}
  if do_lower_case is None:
    do_lower_case = kept.get("do_lower_case")
  return load(
    vocab_file,
    spm_model_file,
    do_lower_case,
    files.open_file,
    spm_digit_comma_fix or kept.get("spm_digit_comma_fix", False),
  )


def check_vocab_size(tokenizer, vocab_size, config_file):
  """Raises InputError unless the configuration has this vocabulary size."""
  if tokenizer.vocab_size != vocab_size:
    raise InputError(
      f"{tokenizer.source} has {tokenizer.vocab_size} pieces, but {config_file}"
      f" has vocab_size {vocab_size}: take both from the same checkpoint"
    )


def unknown_rate(id_lists, unk_id, expected=0):
  """Returns the share (0 to 1) of `unk_id` among all ids; 0 without ids.

  `expected` is a number of known, intended occurrences, which do not count.
  """
  total, unknown = 0, -expected
  for ids in id_lists:
    total += len(ids)
    unknown += sum(i == unk_id for i in ids)
  return unknown / total if total else 0.0


def warn_of_unknown(rate, name):
  """Logs a warning if `rate` exceeds MAX_UNKNOWN_RATE."""
  if rate > MAX_UNKNOWN_RATE:
    logging.warning(
      "%s: %.1f %% of the pieces are unknown, but below %.1f %% with a suitable"
      " vocabulary: check vocabulary, lower-casing and language",
      name,
      100 * rate,
      100 * MAX_UNKNOWN_RATE,
    )


def _choose_case(tokenizer, wanted):
  """Returns whether to lower-case, and logs why."""
  name = tokenizer.source
  if tokenizer.has_capitals and wanted:
    logging.warning(
      "Lower-casing because of do_lower_case, but pieces of %s have capitals:"
      " these will never be used",
      name,
    )
  elif tokenizer.has_capitals:
    logging.info("Keeping capitals: pieces of %s have them", name)
  elif wanted is False:
    logging.warning(
      "Lower-casing although do_lower_case is false: no piece of %s has a"
      " capital, so every capital would be unknown",
      name,
    )
  else:
    logging.info("Lower-casing: no piece of %s has a capital", name)
  return bool(wanted) or not tokenizer.has_capitals


def _read(path, open_file):
  try:
    with open_file(path, "rb") as f:
      return files.read_open(f, path, _MAX_FILE)
  except InputError:
    raise
  except Exception as error:  # tf.io.gfile does not raise OSError.
    raise InputError(f"{path}: cannot be read ({error})") from error


def _read_vocab(path, open_file):
  """Returns the pieces of a file, one per line before an optional tab."""
  try:
    text = _read(path, open_file).decode("utf-8-sig")
  except UnicodeDecodeError as error:
    raise InputError(
      f"{path}: byte {error.start} is not UTF-8; a vocabulary is a text file"
      " with a piece per line (for a SentencePiece .model set spm_model_file)"
    ) from error
  lines = text.split("\n")  # splitlines() would split at pieces such as U+2028.
  if not lines[-1]:
    lines.pop()
  return [line.split("\t")[0].strip() for line in lines]


def _is_sentencepiece(pieces):
  has_underline = any(p.startswith(_UNDERLINE) for p in pieces)
  return has_underline and not any(p.startswith("##") for p in pieces)


def _find_model(vocab_file, open_file):
  """Returns the path of the SentencePiece model beside its vocabulary."""
  folder, name = os.path.split(vocab_file)
  stem = os.path.splitext(name)[0]
  names = [stem + ".model", "30k-clean.model", "spiece.model"]
  if os.path.isdir(folder or "."):
    there = [n for n in os.listdir(folder or ".") if n.endswith(".model")]
  else:  # A remote folder, which only open_file can access.
    there = [n for n in names if _can_read(os.path.join(folder, n), open_file)]
  found = [n for n in names if n in there] or there[: len(there) == 1]
  if not found:
    raise InputError(
      f"{vocab_file}: is a SentencePiece vocabulary, which needs its model;"
      f" expected {', '.join(names)} or a single *.model in its folder, found"
      f" {', '.join(sorted(there)) or 'none'}: set spm_model_file"
    )
  return os.path.join(folder, found[0])


def _can_read(path, open_file):
  try:
    return bool(_read(path, open_file))
  except InputError:
    return False


def _check_same_pieces(vocab, vocab_file, model, spm_model_file):
  """Raises InputError unless a vocabulary has the pieces of the model."""
  if len(vocab) != len(model):
    raise InputError(
      f"{vocab_file} has {len(vocab)} pieces, but {spm_model_file} has"
      f" {len(model)}: give the vocabulary of this model, or none"
    )
  for line, (given, expected) in enumerate(zip(vocab, model), 1):
    if given != expected.strip():
      raise InputError(
        f"{vocab_file}:{line}: found {given!r}, but {spm_model_file} has"
        f" {expected!r}: give the vocabulary of this model, or none"
      )


def _check_wordpiece(pieces, vocab_file):
  """Raises InputError unless the pieces are a WordPiece vocabulary."""
  if _is_sentencepiece(pieces):
    raise InputError(
      f"{vocab_file}: is a SentencePiece vocabulary, which needs its model:"
      " set spm_model_file"
    )
  if "[UNK]" not in pieces:
    raise InputError(
      f"{vocab_file}: has neither SentencePiece's pieces (with {_UNDERLINE})"
      " nor WordPiece's (with [UNK]); expected a vocabulary, one piece per line"
    )


def _special_id(vocab, spellings, source):
  for piece in spellings:
    if piece in vocab:
      return vocab[piece]
  raise InputError(
    f"{source}: has no piece {' or '.join(spellings)}, which inputs need"
  )


def _albert_form(char):
  """Returns a character after preprocess_text, without blanks."""
  return _without_blanks(preprocess_text(char))


def _bert_form(char, lower):
  """Returns a character after BasicTokenizer, but without lower-casing.

  BasicTokenizer strips accents after lower-casing. Stripping them before gives
  the same, and leaves no character that lower-cases to two, such as "İ".
  """
  category = unicodedata.category(char)
  if char in "\t\n\r" or category in ("Zs", "Zl", "Zp"):
    return " "
  if char in "\0\ufffd" or category in ("Cc", "Cf"):
    return ""
  form = char
  if lower:
    form = unicodedata.normalize("NFD", char)
    form = "".join(c for c in form if unicodedata.category(c) != "Mn")
  return f" {form} " if _CJK.match(char) else form


def _split_at_punctuation(word):
  def is_punctuation(char):
    return char in string.punctuation or unicodedata.category(char)[0] == "P"

  return "".join(f" {c} " if is_punctuation(c) else c for c in word).split()


def _ends_in_number(piece):
  """Returns whether the digit-comma rule applies to this piece."""
  return piece[-1:] == "," and piece[-2:-1].isdigit()


def _without_blanks(text):
  return text.replace(" ", "").replace(_UNDERLINE, "")


def _is_separator(text):
  return bool(text) and not text.strip(_SEPARATORS)


def _has_letters(text):
  return any(unicodedata.category(c)[0] != "P" for c in text)


def _count_nesting(text):
  """Returns the number of opening minus closing brackets."""
  return sum((c in _OPENING) - (c in _CLOSING) for c in text)


def _locate(pairs, firsts, lasts, text, forms):
  """Returns (pieces, starts, ends), the offsets of pieces in the text.

  Example: "ﬁt é" has the normalised characters f i t e, without blanks, which
  come from the offsets 0 0 1 3. Its pieces ("▁fi", 2), ("t", 1), ("▁e", 1) get
  the spans 0-1, 1-2, 3-4.

  Args:
    pairs: (piece, number of its normalised characters) in order.
    firsts, lasts: normalised character k comes from text[firsts[k]] to
      text[lasts[k]].
    text: the original text.
    forms: {character: its normalised form}.
  """
  pieces, counts = [piece for piece, _ in pairs], [count for _, count in pairs]
  assert sum(counts) == len(firsts), "pieces do not add up to the text"
  starts, ends, done = [], [], 0
  firsts = firsts + [len(text)]
  text += " "  # Not a mark, which ends the search for marks below.
  for count in counts:
    start = end = firsts[done]
    if count:
      done += count
      end = lasts[done - 1] + 1
      while text[end] >= _FIRST_MARK and _is_lost_mark(text[end], forms):
        end += 1
    starts.append(start)
    ends.append(end)
  return pieces, starts, ends


def _recut(pairs, origins, cuts, vocab, joint):
  """Returns the (piece, count) pairs of _locate, with pieces split at the cuts.

  A part is a piece if `vocab` has it, else each of its characters is one.
  Example: "▁proteins" with a cut before the "s" -> "▁protein", "s".

  Args:
    origins: _locate's `firsts`.
    cuts: offsets in the text.
    joint: prefix of pieces that continue a word, "##" in WordPiece.
  """
  borders = sorted({bisect.bisect_left(origins, cut) for cut in cuts})
  result, done = [], 0
  for piece, count in pairs:
    first = bisect.bisect_right(borders, done)
    last = bisect.bisect_left(borders, done + count)
    inside = [border - done for border in borders[first:last]]
    done += count
    if not inside:
      result.append((piece, count))
      continue
    mark, letters = piece[:-count], piece[-count:]
    for begin, end in zip([0] + inside, inside + [count]):
      part = mark + letters[begin:end]
      if piece == _UNKNOWN_WORD:
        result.append((piece, end - begin))
      elif part in vocab:
        result.append((part, end - begin))
      else:
        marks = [mark] + [joint] * (end - begin - 1)
        result += [(m + c, 1) for m, c in zip(marks, letters[begin:end])]
      mark = joint
  return result


def _is_lost_mark(char, forms):
  return not forms[char] and unicodedata.category(char)[0] == "M"


class _Table(dict):
  """Caches the values of a function; empties itself when full."""

  def __init__(self, function, size=1 << 16):
    super().__init__()
    self._function = function
    self._size = size

  def __missing__(self, key):
    if len(self) >= self._size:
      self.clear()
    value = self[key] = self._function(key)
    return value


_ALBERT_FORMS = _Table(_albert_form)
_BERT_FORMS = {
  lower: _Table(functools.partial(_bert_form, lower=lower))
  for lower in (False, True)
}


class FullTokenizer:
  """Splits text into pieces and maps them to ids.

  Uses SentencePiece with `spm_model_file` (`vocab_file` may be None or must
  match the model), else WordPiece with BERT's vocab.txt. Unlike `load`, this
  obeys `do_lower_case` in any case. For `spm_digit_comma_fix` see
  _SentencePiece. `open_file(path, "rb")` opens all files; pass
  tf.io.gfile.GFile for gs:// paths.

  Attributes:
    vocab, inv_vocab: {piece: id} and {id: piece}.
    vocab_size: number of pieces.
    source: the file of the pieces.
    files: all files that were read.
    has_capitals: whether a piece has capitals, except special pieces.
    pad_id, unk_id, cls_id, sep_id, mask_id: ids of special pieces.
    special_ids: these and all others that stand for no text: [unused1], </s>.
  """

  def __init__(
    self,
    vocab_file,
    do_lower_case=True,
    spm_model_file=None,
    spm_digit_comma_fix=False,
    open_file=open,
  ):
    if not vocab_file and not spm_model_file:
      raise InputError(
        "found neither a vocabulary nor a SentencePiece model: set vocab_file"
        " (BERT's vocab.txt) or spm_model_file (ALBERT's 30k-clean.model)"
      )
    self.do_lower_case = bool(do_lower_case)
    self.spm_digit_comma_fix = spm_digit_comma_fix
    self.source = vocab_file or spm_model_file
    self.files = tuple(f for f in (vocab_file, spm_model_file) if f)
    pieces = _read_vocab(vocab_file, open_file) if vocab_file else None
    if spm_model_file:
      self._cutter = _SentencePiece(
        _read(spm_model_file, open_file), spm_model_file, spm_digit_comma_fix
      )
      model = self._cutter.pieces
      if vocab_file:
        _check_same_pieces(pieces, vocab_file, model, spm_model_file)
      pieces = model
    else:
      _check_wordpiece(pieces, vocab_file)
      self._cutter = _WordPiece(pieces)
    self._index(pieces)
    self._cached_ids = _Table(self._encode)
    self._pieces = _PieceTable(self._encode_new)
    self._words = _WordTable(self._cutter, pieces)

  def _index(self, pieces):
    self.inv_vocab = dict(enumerate(pieces))
    self.vocab = {piece: i for i, piece in enumerate(pieces)}
    self.vocab_size = len(pieces)
    self.special_ids = frozenset(
      i for i, p in enumerate(pieces) if _SPECIAL_PIECE.fullmatch(p)
    ).union(self._cutter.special_ids)
    self.has_capitals = any(
      p != p.lower() for p in pieces if not _SPECIAL_PIECE.fullmatch(p)
    )
    find = functools.partial(_special_id, self.vocab, source=self.source)
    self.pad_id = find(["<pad>", "[PAD]"])
    self.unk_id = find(["<unk>", "[UNK]"])
    self.cls_id = find(["[CLS]"])
    self.sep_id = find(["[SEP]"])
    self.mask_id = find(["[MASK]"])

  def tokenize(self, text):
    """Returns the pieces of a text, preprocessed or not."""
    return self._cutter.cut(text, self.do_lower_case)

  def tokenize_with_offsets(self, text, cuts=()):
    """Returns the Pieces of a text, with their offsets.

    All pieces of a ligature cover it. Combining marks belong to the character
    before them; other characters that normalisation drops belong to no piece.
    "▁" covers nothing. Starts never decrease. Example: "Café (ﬁt)" ->
    ▁cafe 0-4, ▁ 5-5, ( 5-6, fi 6-7, t 7-8, ) 8-9.

    At the offsets `cuts`, pieces are split:
    "proteins", [7] -> ▁protein 0-7, s 7-8.
    """
    pieces, starts, ends = self._cutter.locate(text, self.do_lower_case, cuts)
    return Pieces(pieces, self.convert_tokens_to_ids(pieces), starts, ends)

  def encode(self, text):
    """Returns the ids of a text; short texts are cached."""
    if len(text) > _MAX_CACHED:
      return self._encode(text)
    return list(self._cached_ids[text])

  def encode_each(self, words):
    """Returns the ids of words that are texts of their own.

    Args:
      words: a WordArray.

    Returns:
      (ids of all words one after another, number of ids of each), int32.
    """
    return self._pieces.look_up(words)

  def _encode_new(self, words):
    lower = self.do_lower_case
    return self._cutter.encode_clean(
      [self._cutter.clean(w, lower) for w in words]
    )

  def _encode(self, text):
    return self.convert_tokens_to_ids(self.tokenize(text))

  def encode_all(self, texts):
    """Returns [encode(text) for text in texts], faster for many texts."""
    if len(texts) == 1:  # As fast, without the arrays.
      return [self.encode(texts[0])]
    ids, _, sizes = self.encode_words(texts)
    return rows(ids.tolist(), np.cumsum(sizes))

  def encode_words(self, texts):
    """Returns the Words of texts: ids as encode_all, and where words start.

    `ids` (int32) are the pieces of all texts one after another, `sizes` the
    number of pieces of each text; `starts` (bool) marks the first piece of each
    word. Words are separated by blanks, slashes and long dashes. Each piece of
    the punctuation at the ends of a word is a word of its own, except a bracket
    whose partner is inside. A "▁" belongs to the following piece.

    Example: "(p53/IL-2), 10(-6)." -> ▁( p53 / IL-2 ) , ▁10(-6) .
    """
    clean = self._cutter.clean
    return self._words.look_up_texts(
      [clean(t, self.do_lower_case) for t in texts]
    )

  def convert_tokens_to_ids(self, tokens):
    """Returns the ids of pieces; unk_id for unknown pieces."""
    vocab, unk_id = self.vocab, self.unk_id
    return [vocab.get(token, unk_id) for token in tokens]

  def convert_ids_to_tokens(self, ids):
    """Returns the pieces of ids; KeyError for an id out of range."""
    return [self.inv_vocab[i] for i in ids]


class _SentencePiece:
  """Splits as ALBERT: preprocess_text, SentencePiece, digit-comma rule.

  The rule: the number in a piece such as "▁2003," is encoded again, and the
  comma becomes a separate piece. On Python 3 the ALBERT release compares str
  with bytes there, so the "▁" that this adds stays even inside a word: "12," ->
  "▁12" ",". `digit_comma_fix` removes it, as Python 2 and Hugging Face do:
  "12" ",".
  """

  def __init__(self, data, source, digit_comma_fix):
    self._model = sentencepiece.SentencePieceProcessor()
    try:
      self._model.LoadFromSerializedProto(data)
    except RuntimeError as error:
      reason = " ".join(str(error).split())
      raise InputError(
        f"{source}: is not a SentencePiece model from spm_train ({reason})"
      ) from error
    if self._model.is_byte(self._model.piece_to_id("<0x00>")):
      raise InputError(
        f"{source}: was trained with --byte_fallback, whose pieces have no"
        " offsets in the text; expected a model trained without, as ALBERT's"
      )
    try:
      self.pieces = self._model.id_to_piece(list(range(len(self._model))))
    except UnicodeDecodeError as error:
      raise InputError(
        f"{source}: is damaged: a piece is not UTF-8 ({error})"
      ) from error
    model = self._model
    kinds = (model.is_control, model.is_unknown, model.is_unused)
    ids = range(len(self.pieces))
    self.special_ids = [i for i in ids if any(kind(i) for kind in kinds)]
    self._ids = {piece: i for i, piece in enumerate(self.pieces)}
    self._unk_id = self._model.unk_id()
    self._digit_comma_fix = digit_comma_fix
    self._numbers = _Table(self._cut_number)
    self._endings = frozenset(
      i for i, piece in enumerate(self.pieces) if _ends_in_number(piece)
    )
    # Whether a text can be split word by word. It cannot if the model was
    # trained with --split_by_whitespace=false or --add_dummy_prefix=false.
    words = [self._model.encode(word) for word in ("a", "b", "a b")]
    self.cuts_words = words[0] + words[1] == words[2] and not any(
      _UNDERLINE in piece[1:] for piece in self.pieces
    )

  def cut(self, text, lower):
    return self._encode(self.clean(text, lower))

  def encode_clean(self, texts):
    """Returns a list of ids per text; the texts come from `clean`."""
    rows = self._model.encode(texts, out_type=int, num_threads=1)
    for row, ids in enumerate(rows):
      if not self._endings.isdisjoint(ids):
        pieces = self._encode(texts[row])
        rows[row] = [self._ids.get(p, self._unk_id) for p in pieces]
    return rows

  def is_tied(self, word):
    """Returns whether the context can change the pieces of a word.

    SentencePiece sums scores over the whole text. If two segmentations of a
    word have the same score, rounding decides, which depends on the context.
    """
    if not _THRICE.search(word):
      return False
    if len(word) > _MAX_CACHED:
      return True
    best = self._model.nbest_encode(
      word, nbest_size=2, out_type="immutable_proto"
    ).nbests  # Empty if the model is not of type unigram.
    return len(best) == 2 and best[0].score - best[1].score < _TIE

  def locate(self, text, lower, cuts):
    clean = self.clean(text, lower)
    pieces = self._encode(clean)
    origins = [i for i, char in enumerate(text) for _ in _ALBERT_FORMS[char]]
    firsts = lasts = origins
    if _without_blanks("".join(pieces)) != _without_blanks(clean):
      firsts, lasts = self._origins_of_normal(clean, origins)
    pairs = [(p, len(p) - p.count(_UNDERLINE)) for p in pieces]
    if cuts:
      pairs = _recut(pairs, firsts, cuts, self._ids, "")
    return _locate(pairs, firsts, lasts, text, _ALBERT_FORMS)

  def clean(self, text, lower):
    clean = preprocess_text(text, lower=lower)
    # SentencePiece rejects lone surrogates, which broken JSON can contain.
    return clean if clean.isascii() else _SURROGATE.sub("\ufffd", clean)

  def _encode(self, clean):
    pieces = []
    for piece in self._model.encode(clean, out_type=str):
      if _ends_in_number(piece):
        pieces += self._numbers[piece]
      else:
        pieces.append(piece)
    return pieces

  def _cut_number(self, piece):
    number = piece[:-1].replace(_UNDERLINE, "")
    pieces = self._model.encode(number, out_type=str)
    if self._digit_comma_fix and piece[0] != _UNDERLINE:
      stripped = pieces[0][pieces[0][0] == _UNDERLINE :]
      pieces = ([stripped] if stripped else []) + pieces[1:]
    return pieces + [","]

  def _origins_of_normal(self, clean, origins):
    """Returns (firsts, lasts) after SentencePiece's own normalisation.

    Its normaliser joins Hangul letters into syllables, drops control
    characters and turns zero-width spaces into blanks. It works in chunks:
    characters of `normal` with the same offset come from the chunk of `clean`
    between this offset and the next, without the dropped characters at its end.
    """
    normal, offsets = self._model.normalize(clean, with_offsets=True)
    stays = _Table(self._model.normalize)
    rest = iter(origins)
    origin = [None if c in _BLANKS else next(rest) for c in clean]
    firsts, lasts, size = [], [], 0
    for char, begin, end in zip(normal, offsets, offsets[1:]):
      size += char not in _BLANKS
      if begin == end:  # The chunk continues.
        continue
      last = end - 1
      while last > begin and not stays[clean[last]]:
        last -= 1
      if size == last - begin + 1:  # One to one, as in a user-defined symbol.
        firsts += origin[begin : last + 1]
        lasts += origin[begin : last + 1]
      else:
        firsts += [origin[begin]] * size
        lasts += [origin[last]] * size
      size = 0
    return firsts, lasts


class _WordPiece:
  """Splits as BERT: BasicTokenizer, then the longest matching pieces."""

  special_ids = ()  # besides those recognized by their names
  cuts_words = True

  def __init__(self, pieces):
    self._vocab = {piece: i for i, piece in enumerate(pieces)}
    self._longest = max(map(len, pieces))
    self._words = _Table(self._cut_word)

  def cut(self, text, lower):
    return [p for word in self._cut_words(text, lower) for p, _ in word]

  def locate(self, text, lower, cuts):
    pairs = [pair for word in self._cut_words(text, lower) for pair in word]
    forms = _BERT_FORMS[lower]
    origins = [
      i for i, char in enumerate(text) for c in forms[char] if c != " "
    ]
    if cuts:
      pairs = _recut(pairs, origins, cuts, self._vocab, "##")
    return _locate(pairs, origins, origins, text, forms)

  def clean(self, text, lower):
    clean = "".join(map(_BERT_FORMS[lower].__getitem__, text))
    return clean.lower() if lower else clean

  def encode_clean(self, texts):
    """Returns a list of ids per text; the texts come from `clean`."""
    vocab, unk_id = self._vocab, self._vocab[_UNKNOWN_WORD]
    return [
      [vocab.get(p, unk_id) for w in text.split() for p, _ in self._words[w]]
      for text in texts
    ]

  def is_tied(self, word):
    return False

  def _cut_words(self, text, lower):
    return map(self._words.__getitem__, self.clean(text, lower).split())

  def _cut_word(self, word):
    """Returns (piece, number of its characters) pairs."""
    pairs = []
    for token in _split_at_punctuation(word):
      pairs += self._match(token) or [(_UNKNOWN_WORD, len(token))]
    return pairs

  def _match(self, token):
    """Returns the pairs of the longest pieces; [] if a part is unknown."""
    pairs, start = [], 0
    while start < len(token) <= _MAX_WORD:
      prefix = "##" if start else ""
      end = min(len(token), start + self._longest)
      while end > start and prefix + token[start:end] not in self._vocab:
        end -= 1
      if end == start:
        return []
      pairs.append((prefix + token[start:end], end - start))
      start = end
    return pairs


class _Numbering(dict):
  """Numbers its keys from 0 in the order of their first use.

  `new` lists those since it was last emptied.
  """

  def __init__(self):
    super().__init__()
    self.new = []

  def __missing__(self, key):
    number = self[key] = len(self)
    self.new.append(key)
    return number


class _PieceTable:
  """A cache of the pieces of words, looked up for many words at a time.

  A megabyte of abstracts has about 150,000 words; SentencePiece only has to
  split the few thousand that are new.
  """

  def __init__(self, encode):
    """Takes a function that returns a list of ids for each of many words."""
    self._encode = encode
    self._clear()

  def _clear(self):
    self._numbers = _Numbering()
    # The numbers of short words that were met last, by a hash of their keys.
    self._recent_keys = np.zeros(1 << _RECENT_BITS, np.uint64)
    self._recent_numbers = np.zeros(1 << _RECENT_BITS, np.int32)
    self._characters = 0  # Of all words.
    # Of each word: the number of its pieces, and the place of the first one in
    # `_ids`.
    self._sizes = np.zeros(0, np.int32)
    self._begins = np.zeros(0, np.int32)
    self._ids = np.zeros(0, np.int32)

  def look_up(self, words):
    """Returns (ids of all words one after another, number of each).

    `words` is a WordArray.
    """
    self._limit()
    numbers = self._find(words)
    sizes = self._sizes[numbers]
    return self._ids[ranges(self._begins[numbers], sizes)], sizes

  def _limit(self):
    """Empties the table if it is full."""
    if (
      len(self._numbers) > _MAX_WORDS
      or len(self._ids) > _MAX_PIECES
      or self._characters > _MAX_CHARACTERS
    ):
      self._clear()

  def _find(self, words):
    """Does what `_number` does for a WordArray, faster for frequent words."""
    keys = words.keys()
    slots = keys * np.uint64(_HASH) >> np.uint64(64 - _RECENT_BITS)
    numbers = self._recent_numbers[slots]
    others = np.flatnonzero((self._recent_keys[slots] != keys) | (keys == 0))
    if len(others):
      numbers[others] = self._number(words.strings(others))
      self._recent_keys[slots[others]] = keys[others]
      self._recent_numbers[slots[others]] = numbers[others]
    return numbers

  def _number(self, words):
    """Returns the number of each word, adding new words to the cache."""
    numbers = map(self._numbers.__getitem__, words)
    numbers = np.fromiter(numbers, np.int32, len(words))
    if self._numbers.new:
      self._add(self._numbers.new)
      self._numbers.new.clear()
    return numbers

  def _add(self, words):
    """Adds new words; returns their ids, and which are a word's first."""
    id_lists = self._encode(words)
    self._characters += sum(map(len, words))
    sizes = np.array(list(map(len, id_lists)), np.int32)
    ids = np.fromiter(itertools.chain.from_iterable(id_lists), np.int32)
    begins = np.cumsum(sizes) - sizes
    firsts = np.zeros(len(ids) + 1, bool)
    # The additional element is for a last word without pieces.
    firsts[begins] = True
    self._begins = np.append(self._begins, begins + len(self._ids))
    self._sizes = np.append(self._sizes, sizes)
    self._ids = np.append(self._ids, ids)
    return ids, firsts[:-1]


class _WordTable(_PieceTable):
  """Also knows where words start within texts, see encode_words."""

  def __init__(self, cutter, pieces):
    self._cutter = cutter
    texts = [p[2:] if p.startswith("##") else p for p in pieces]
    texts = [text.replace(_UNDERLINE, "") for text in texts]
    self._marked = np.array([p.startswith(_UNDERLINE) for p in pieces])
    self._bare = np.array([not text for text in texts])
    self._separates = np.array([_is_separator(text) for text in texts])
    self._has_letters = np.array([_has_letters(text) for text in texts])
    self._nesting = np.array([_count_nesting(text) for text in texts])
    super().__init__(cutter.encode_clean)

  def _clear(self):
    super()._clear()
    self._tied = np.zeros(0, bool)  # Whether the context can change a word.
    self._starts = np.zeros(0, bool)  # Whether a piece starts a word.

  def look_up_texts(self, texts):
    """Returns the Words of texts; the texts come from the cutter's `clean`."""
    self._limit()
    words, row_ends = [], []
    for text in texts:
      words += text.split() if self._cutter.cuts_words else [text]
      row_ends.append(len(words))
    numbers = self._number(words)
    self._replace_tied(numbers, row_ends, texts)
    sizes = self._sizes[numbers]
    places = ranges(self._begins[numbers], sizes)
    ends = np.append(0, np.cumsum(sizes))[np.array(row_ends, np.int32)]
    return Words(
      self._ids[places], self._starts[places], np.diff(ends, prepend=0)
    )

  def _replace_tied(self, numbers, row_ends, texts):
    """Replaces the words of a text by the whole text if one of them is tied.

    The whole text takes the place of the first word, nothing that of the rest.
    """
    tied = np.flatnonzero(self._tied[numbers])
    if not len(tied):
      return
    rows = np.unique(np.searchsorted(row_ends, tied, side="right")).tolist()
    nothing = self._number([""])
    for row, whole in zip(rows, self._number([texts[row] for row in rows])):
      begin = row_ends[row - 1] if row else 0
      numbers[begin : row_ends[row]] = nothing
      numbers[begin] = whole

  def _add(self, words):
    ids, firsts = super()._add(words)
    tied = np.array([self._cutter.is_tied(word) for word in words])
    self._tied = np.append(self._tied, tied)
    self._starts = np.append(self._starts, self._find_starts(ids, firsts))

  def _find_starts(self, ids, firsts):
    """Returns which pieces start a word, as encode_words defines it.

    Example: "(p53/IL-2)," has the pieces ▁( p53 / IL - 2 ) , in three parts,
    which a separator starts and ends: ▁( p53 | / | IL - 2 ) , . The lettered
    pieces of the third part go from IL to 2. Each piece before IL or after 2
    starts a word, as does IL itself; "-" and "2" do not. `firsts` says which
    pieces are the first after a blank.
    """
    if not len(ids):
      return np.zeros(0, bool)
    separates = self._separates[ids]
    parts = firsts | self._marked[ids] | separates
    parts[1:] |= separates[:-1]
    part = np.cumsum(parts) - 1  # number of each piece's part: 0 0 1 2 2 2 2 2
    lettered = np.flatnonzero(self._has_letters[ids])
    # The first and last lettered piece of each part. Of several values for one
    # place NumPy keeps the last, so `first` is filled from the end.
    first = np.full(part[-1] + 1, len(ids))
    last = np.full(part[-1] + 1, -1)
    first[part[lettered[::-1]]] = lettered[::-1]
    last[part[lettered]] = lettered
    self._include_brackets(ids, part, first, last)
    place = np.arange(len(ids))
    starts = (place <= first[part]) | (place > last[part])
    starts[1:] &= firsts[1:] | ~self._bare[ids[:-1]]
    return starts

  def _include_brackets(self, ids, part, first, last):
    """Extends words by an adjacent bracket whose partner is inside.

    Changes `first` and `last`: in "10(-6)", the last lettered piece is 6, and
    the word that it ends opens one bracket more than it closes, so it extends
    to the ")".
    """
    nesting = self._nesting[ids]
    depth = np.cumsum(nesting)
    lettered = np.flatnonzero(last >= 0)
    begin, end = first[lettered], last[lettered]
    opened = depth[end] - depth[begin] + nesting[begin]
    after = np.minimum(end + 1, len(ids) - 1)
    closed = (opened > 0) & (nesting[after] < 0) & (part[after] == lettered)
    last[lettered[closed]] += 1
    before = np.maximum(begin - 1, 0)
    closed = (opened < 0) & (nesting[before] > 0) & (part[before] == lettered)
    first[lettered[closed]] -= 1
