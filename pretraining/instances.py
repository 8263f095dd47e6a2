# SPDX-License-Identifier: Apache-2.0
"""Makes pretraining instances from documents: segment pairs with masked words.

An instance is [CLS] A [SEP] B [SEP], where A and B are consecutive sentences of
a document, in their order or swapped; the model predicts which (ALBERT, section
3.1). It is serialized as a tf.train.Example with the features of the ALBERT
release. The bytes depend only on the text, the Settings and a key, and are the
same on every version of Python and NumPy.

Places count pieces from the beginning of a chunk's text; ranges are half-open.
"""

import bisect
import collections
import functools
import itertools

import numpy as np

from common import word_arrays

# The flags of ALBERT's create_pretraining_data.py. The length n of an n-gram is
# drawn with a probability proportional to 1/n; without favor_shorter_ngram the
# probabilities are reversed. For ngram=3 they are 6/11, 3/11, 2/11 for lengths
# 1, 2, 3, or 2/11, 3/11, 6/11.
Settings = collections.namedtuple(
  "Settings",
  "max_seq_length max_predictions_per_seq masked_lm_prob short_seq_prob ngram"
  " favor_shorter_ngram do_whole_word_mask do_permutation random_next_sentence"
  " dupe_factor random_seed",
)

# The places of both segments, and the next_sentence_label: 1 if swapped.
_Pair = collections.namedtuple("_Pair", "a a_end b b_end label")

# N instances of S pieces: `ids` [N, S] of [CLS] A [SEP] B [SEP] and padding;
# `starts` [N, S], true for the first pieces of words and for [CLS] and [SEP];
# `sizes` [N, 2], numbers of pieces in A and B; `labels` [N, 1] of the pairs.
_Rows = collections.namedtuple("_Rows", "ids starts sizes labels")

# The pieces to predict: their sorted places in the flattened ids of _Rows, and
# the ids that replace them.
_Masks = collections.namedtuple("_Masks", "places substitutes")

_SPECIAL = 3  # [CLS] and two [SEP]
_BATCH = 512  # instances in memory at a time
_MASKED, _KEPT = 0.8, 0.1  # the rest become random pieces


def _halve(begin, end, word_starts):
  """Returns the word start nearest to a sentence's middle; None without one.

  `word_starts` is the sorted array of the first places of all words.
  """
  middle = (begin + end) // 2
  after = np.searchsorted(word_starts, middle)
  near = word_starts[max(after - 1, 0) : after + 1].tolist()
  inside = [place for place in near if begin < place < end]
  return min(inside, key=lambda p: abs(p - middle)) if inside else None


def _cut_up(begin, end, limit, word_starts):
  """Returns the ends of a sentence's parts of at most `limit` pieces."""
  if end - begin <= limit:
    return [end]
  middle = _halve(begin, end, word_starts) or (begin + end) // 2
  return _cut_up(begin, middle, limit, word_starts) + _cut_up(
    middle, end, limit, word_starts
  )


def _bounds(sizes, begin, max_pieces, word_starts, counts):
  """Returns the borders of a document's sentences.

  A sentence too long for an instance is cut up, a document's only sentence is
  halved, and one without pieces is dropped. Returns [] if fewer than two
  sentences are left.
  """
  bounds = [begin]
  for size in filter(None, sizes):
    end = bounds[-1] + size
    if size > max_pieces:
      counts["sentences_cut_up"] += 1
      bounds += _cut_up(bounds[-1], end, max_pieces // 2, word_starts)
    else:
      bounds.append(end)
  if len(bounds) == 2:
    middle = _halve(bounds[0], bounds[1], word_starts)
    if middle is None:
      counts["documents_of_one_word_dropped"] += 1
      return []
    counts["single_sentences_halved"] += 1
    return [bounds[0], middle, bounds[1]]
  if len(bounds) == 1:
    counts["documents_without_text_dropped"] += 1
    return []
  return bounds


def _end_of_pair(bounds, begin, target):
  """Returns the first sentence after those of the next pair.

  The pair has at least `target` pieces, if there are that many, and at least
  two sentences. It never leaves a single sentence over.
  """
  last = len(bounds) - 1
  enough = bisect.bisect_left(bounds, bounds[begin] + target)
  end = min(max(enough, begin + 2), last)
  if end == last - 1:
    return end - 1 if end - begin > 2 else last
  return end


def _draw_pairs(documents, settings, rng, counts):
  """Returns the random _Pairs of documents, given by their _bounds."""
  most = settings.max_seq_length - _SPECIAL
  random_next = settings.random_next_sentence
  alone = random_next and len(documents) == 1
  pairs = []
  for number, bounds in enumerate(documents):
    target = most
    if rng.random_sample() < settings.short_seq_prob:
      target = 2 + _draw_below(most - 1, rng)
    begin = 0
    while begin < len(bounds) - 1:
      end = _end_of_pair(bounds, begin, target)
      middle = begin + 1 + _draw_below(end - begin - 1, rng)
      a, b = (bounds[begin], bounds[middle]), (bounds[middle], bounds[end])
      changed = not alone and (rng.random_sample() < 0.5 or middle == end)
      if changed and not random_next:
        a, b = b, a
      elif changed:
        other = _draw_other(documents, number, rng)
        b = _draw_sentences(other, target - a[1] + a[0], rng)
        end = middle  # The replaced sentences are used by the next pair.
      begin = end
      counts["random_next" if random_next else "swapped"] += changed
      pairs.append(_truncate(_Pair(*a, *b, int(changed)), most, rng, counts))
  return pairs


def _draw_below(limit, rng):
  """Returns a random int from 0 to limit - 1; 0 for a limit of 0."""
  return int(rng.random_sample() * limit)


def _draw_other(documents, number, rng):
  """Returns the bounds of a random document other than this one."""
  other = _draw_below(len(documents) - 1, rng)
  return documents[other + (other >= number)]


def _draw_sentences(bounds, target, rng):
  """Returns the range of random sentences with `target` pieces, if possible."""
  begin = _draw_below(len(bounds) - 1, rng)
  enough = bisect.bisect_left(bounds, bounds[begin] + max(target, 1))
  return bounds[begin], bounds[min(enough, len(bounds) - 1)]


def _truncate(pair, most, rng, counts):
  """Truncates a _Pair to `most` pieces.

  The longer segment loses pieces until both are equally long, then they take
  turns. Each piece is removed from the front or the back at random.
  """
  sizes = [pair.a_end - pair.a, pair.b_end - pair.b]
  excess = sum(sizes) - most
  if excess <= 0:
    return pair
  counts["instances_truncated"] += 1
  counts["pieces_truncated"] += excess
  longer = int(sizes[1] >= sizes[0])
  kept = list(sizes)
  kept[longer] = most - sizes[1 - longer]
  if min(sizes) > most // 2:
    kept = [most - most // 2, most // 2]
  fronts = [
    int(np.count_nonzero(rng.random_sample(size - keep) < 0.5))
    for size, keep in zip(sizes, kept)
  ]
  a, b = pair.a + fronts[0], pair.b + fronts[1]
  return pair._replace(a=a, a_end=a + kept[0], b=b, b_end=b + kept[1])


def _lay_out(pairs, ids, starts, special):
  """Returns the _Rows of _Pairs.

  `ids` and `starts` are the chunk's; `special`, int32 [S + 1], has [CLS],
  padding, and [SEP] in its last place.
  """
  length = len(special) - 1
  rows = _Rows(
    ids=np.tile(special[:-1], (len(pairs), 1)),
    starts=np.zeros((len(pairs), length), bool),
    sizes=np.array([(p.a_end - p.a, p.b_end - p.b) for p in pairs]),
    labels=np.array([[p.label] for p in pairs], bool),
  )
  rows.starts[:, 0] = True
  for row_ids, row_starts, pair in zip(rows.ids, rows.starts, pairs):
    begin = 1
    for first, last in ((pair.a, pair.a_end), (pair.b, pair.b_end)):
      end = begin + last - first
      row_ids[begin:end] = ids[first:last]
      row_ids[end] = special[-1]
      row_starts[begin:end] = starts[first:last]
      row_starts[begin] = row_starts[end] = True
      begin = end + 1
  return rows


def _ngram_lengths(settings):
  """Returns the cumulative probabilities of the lengths 1, 2, ... `ngram`."""
  shares = 1 / np.arange(1, settings.ngram + 1)
  if not settings.favor_shorter_ngram:
    shares = shares[::-1]
  ends = np.cumsum(shares)
  return ends / ends[-1]


def _draw_ngrams(edges, segments, settings, rng):
  """Cuts segments into n-grams of random lengths.

  The n-grams cover each segment completely, so every word is equally likely to
  be masked when n-grams are drawn uniformly.

  Args:
    edges: int64 [E], places of the first pieces of words and of special pieces.
    segments: int64 [2N, 2], the indices into edges of each segment's first word
      and of the special piece after its last word.
    settings, rng: the Settings and a RandomState.

  Returns:
    Three arrays: the index into edges of each n-gram's first word and of the
    word after its last, and its row (0 to N - 1).
  """
  counts = segments[:, 1] - segments[:, 0]
  first, last = np.repeat(segments.T, counts, axis=1)
  lengths = np.searchsorted(
    _ngram_lengths(settings), rng.random_sample(len(first)), side="right"
  )
  lengths += 1
  before = np.cumsum(lengths) - lengths
  # A segment of k words needs at most its first k lengths.
  begins = (
    first + before - np.repeat(before[np.cumsum(counts) - counts], counts)
  )
  used = begins < last
  rows = np.repeat(np.arange(len(segments)) // 2, counts)
  ends = np.minimum(begins + lengths, last)
  return begins[used], ends[used], rows[used]


def _take(ngrams, edges, budget, from_front):
  """Returns the (begin, end) of n-grams whose pieces fill a budget, in order.

  An n-gram that does not fit loses words at its front or end; if no word fits,
  it is skipped. `ngrams` is an iterator of (begin, end, pieces), indices into
  edges; it stops after the last n-gram that was examined.
  """
  taken = []
  for begin, end, size in ngrams:
    while size > budget:
      begin, end = begin + from_front, end - (not from_front)
      size = int(edges[end] - edges[begin])
    if size:
      taken.append((begin, end))
      budget -= size
      if not budget:
        break
  return taken


def _places(ngrams, edges, size):
  """Returns the sorted places of all pieces in n-grams."""
  changes = np.zeros(size + 1, np.int8)
  begins, ends = np.array(ngrams, np.int64).reshape(-1, 2).T
  changes[edges[begins]] += 1
  changes[edges[ends]] -= 1
  return np.flatnonzero(np.cumsum(changes, dtype=np.int8))


def _find_segments(rows, whole_words):
  """Returns the edges and segments that _draw_ngrams needs."""
  count, length = rows.ids.shape
  special = np.cumsum(np.insert(rows.sizes + 1, 0, 0, axis=1), axis=1)
  if whole_words:
    edges = np.flatnonzero(rows.starts)
  else:
    edges = np.flatnonzero(np.arange(length) <= special[:, -1:])
  special += length * np.arange(count)[:, np.newaxis]
  found = np.searchsorted(edges, special)
  return edges, np.stack([found[:, :-1] + 1, found[:, 1:]], -1).reshape(-1, 2)


def _budgets(rows, settings):
  """Returns the number of pieces to mask in each row."""
  wanted = np.rint(rows.sizes.sum(axis=1) * settings.masked_lm_prob)
  if settings.masked_lm_prob:
    wanted = np.maximum(wanted, 1)
  return np.minimum(wanted, settings.max_predictions_per_seq).astype(int)


def _mask(rows, settings, mask_id, ordinary_ids, rng):
  """Returns the _Masks of rows.

  With do_permutation, as many pieces again swap places with each other and are
  also predicted, as in the ALBERT release.
  """
  edges, segments = _find_segments(rows, settings.do_whole_word_mask)
  begins, ends, owners = _draw_ngrams(edges, segments, settings, rng)
  order = np.argsort(owners + rng.random_sample(len(owners)))
  columns = (begins, ends, edges[ends] - edges[begins])
  columns = [column[order].tolist() for column in columns]
  masked, permuted = [], []
  first = 0
  for last, budget, from_front in zip(
    np.cumsum(np.bincount(owners)).tolist(),
    _budgets(rows, settings).tolist(),
    (rng.random_sample(len(rows.ids)) < 0.5).tolist(),
  ):
    own = zip(*[column[first:last] for column in columns])
    first = last
    masked += _take(own, edges, budget, from_front)
    if settings.do_permutation:
      permuted += _take(own, edges, budget, from_front)
  places = _places(masked, edges, rows.ids.size)
  substitutes = _substitute(
    rows.ids.ravel()[places], mask_id, ordinary_ids, rng
  )
  if permuted:
    more = _places(permuted, edges, rows.ids.size)
    places = np.append(places, more)
    substitutes = np.append(substitutes, _shuffle(rows.ids, more, rng))
  order = np.argsort(places)
  return _Masks(places[order], substitutes[order])


def _substitute(ids, mask_id, ordinary_ids, rng):
  """Replaces each piece by [MASK], itself or a random one of `ordinary_ids`."""
  fates = rng.random_sample(len(ids))
  drawn = rng.random_sample(len(ids)) * len(ordinary_ids)
  others = ordinary_ids[drawn.astype(int)]
  substitutes = np.where(fates < _MASKED + _KEPT, ids, others)
  return np.where(fates < _MASKED, mask_id, substitutes)


def _shuffle(ids, places, rng):
  """Returns the pieces at these places, shuffled within each row."""
  borders = np.flatnonzero(np.diff(places // ids.shape[1])) + 1
  sources = [rng.permutation(own) for own in np.split(places, borders)]
  return ids.ravel()[np.concatenate(sources)]


def _features(rows, masks, slots):
  """Returns the values of all features of rows by name, each [N, ...].

  Values are float32, int32, or bool for ints below 2. There are `slots` for the
  pieces to predict; unused ones are last and zero.
  """
  count, length = rows.ids.shape
  inputs = rows.ids.copy()
  inputs.ravel()[masks.places] = masks.substitutes
  owners, columns = np.divmod(masks.places, length)
  filled = np.bincount(owners, minlength=count)
  slot = word_arrays.ranges(np.zeros_like(filled), filled)
  positions, labels = np.zeros((2, count, slots), np.int32)
  positions[owners, slot] = columns
  labels[owners, slot] = rows.ids.ravel()[masks.places]
  column = np.arange(length)
  used = column < rows.sizes.sum(axis=1, keepdims=True) + _SPECIAL
  return {
    "input_ids": inputs,
    "input_mask": used,
    "segment_ids": used & (column >= rows.sizes[:, :1] + 2),
    "token_boundary": rows.starts,
    "masked_lm_positions": positions,
    "masked_lm_ids": labels,
    "masked_lm_weights": (np.arange(slots) < filled[:, np.newaxis]).astype(
      "<f4"
    ),
    "next_sentence_labels": rows.labels,
  }


def _serialize(features):
  """Returns a serialized tf.train.Example for each row of _features."""
  columns = [_entries(name, values) for name, values in features.items()]
  return [_delimited(b"\x0a", b"".join(entries)) for entries in zip(*columns)]


def _entries(name, values):
  """Yields the serialized map entry of a feature for each row."""
  kind = b"\x12" if values.dtype == np.float32 else b"\x1a"
  if values.dtype == np.int32:
    data, ends = _varints(values)
  else:
    data = values.tobytes()
    ends = np.arange(1, len(values) + 1) * (len(data) // len(values))
  begin = 0
  for end in ends.tolist():
    yield _head(name, kind, end - begin) + data[begin:end]
    begin = end


@functools.lru_cache(maxsize=10000)
def _head(name, kind, size):
  """Returns the bytes before the packed values of a feature.

  These are the tags and lengths of nested messages: the map entry holds a key
  and a Feature, the Feature a list, and the list the values.
  """
  values = b"\x0a" + _varint(size)
  feature = kind + _varint(len(values) + size) + values
  key = _delimited(b"\x0a", name.encode("ascii"))
  entry = key + b"\x12" + _varint(len(feature) + size) + feature
  return b"\x0a" + _varint(len(entry) + size) + entry


def _delimited(tag, data):
  return tag + _varint(len(data)) + data


def _varint(number):
  data = bytearray()
  while number > 127:
    data.append(number & 127 | 128)
    number >>= 7
  data.append(number)
  return bytes(data)


def _varints(values):
  """Returns an int32 array as varints, and the offset of each row's end."""
  width = max(int(values.max()).bit_length() + 6, 7) // 7
  shifted = values[..., np.newaxis] >> np.arange(
    0, 7 * width, 7, dtype=np.int32
  )
  written = shifted > 0
  written[..., 0] = True
  groups = (shifted & 127).astype(np.uint8)
  groups[..., :-1] |= written[..., 1:].astype(np.uint8) << 7
  return groups[written].tobytes(), np.cumsum(written.sum(axis=(1, 2)))


class InstanceMaker:
  """Turns documents into instances with a FullTokenizer and Settings."""

  def __init__(self, tokenizer, settings):
    self._tokenizer = tokenizer
    self._settings = settings
    special = tokenizer.special_ids
    ordinary = [i for i in range(tokenizer.vocab_size) if i not in special]
    self._ordinary_ids = np.array(ordinary, np.int32)
    self._frame = np.full(
      settings.max_seq_length + 1, tokenizer.pad_id, np.int32
    )
    self._frame[0] = tokenizer.cls_id
    self._frame[-1] = tokenizer.sep_id

  def chunk(self, documents, key):
    """Returns the instances of documents, and counts.

    Args:
      documents: list of lists of sentences.
      key: (file number, chunk number), which together with random_seed
        determines all random choices.

    Returns:
      An iterator over dupe_factor lists of serialized examples, each in random
      order, and a Counter. The Counter is complete when the iterator has ended.
      It counts the input (documents, sentences, pieces, unknown), the output of
      all copies (instances, maskable and masked pieces, swapped pairs), and
      everything dropped or cut.
    """
    counts = collections.Counter()
    words, bounds = self._read(documents, counts)
    return self._copies(words, bounds, key, counts), counts

  def _read(self, documents, counts):
    """Returns the tokenization.Words of documents and the _bounds of each."""
    words = self._tokenizer.encode_words(
      [sentence for document in documents for sentence in document]
    )
    counts["documents"] += len(documents)
    counts["sentences"] += len(words.sizes)
    counts["pieces"] += len(words.ids)
    counts["unknown"] += int(np.sum(words.ids == self._tokenizer.unk_id))
    most = self._settings.max_seq_length - _SPECIAL
    word_starts = np.flatnonzero(words.starts)
    all_sizes = iter(words.sizes.tolist())
    begin, all_bounds = 0, []
    for document in documents:
      sizes = list(itertools.islice(all_sizes, len(document)))
      bounds = _bounds(sizes, begin, most, word_starts, counts)
      begin += sum(sizes)
      if bounds:
        all_bounds.append(bounds)
    return words, all_bounds

  def _copies(self, words, bounds, key, counts):
    seed = self._settings.random_seed % (1 << 32)
    for copy in range(self._settings.dupe_factor):
      rng = np.random.RandomState([seed, *key, copy])
      pairs = _draw_pairs(bounds, self._settings, rng, counts)
      pairs = [pairs[i] for i in rng.permutation(len(pairs)).tolist()]
      batches = range(0, len(pairs), _BATCH)
      yield [
        example
        for begin in batches
        for example in self._make(
          pairs[begin : begin + _BATCH], words, rng, counts
        )
      ]

  def _make(self, pairs, words, rng, counts):
    """Returns the serialized instances of _Pairs."""
    settings = self._settings
    rows = _lay_out(pairs, words.ids, words.starts, self._frame)
    masks = _mask(
      rows, settings, self._tokenizer.mask_id, self._ordinary_ids, rng
    )
    counts["instances"] += len(pairs)
    counts["maskable"] += int(rows.sizes.sum())
    counts["masked"] += len(masks.places)
    owners = np.unique(masks.places // settings.max_seq_length)
    counts["instances_without_mask"] += len(pairs) - len(owners)
    slots = settings.max_predictions_per_seq * (1 + settings.do_permutation)
    return _serialize(_features(rows, masks, slots))
