# SPDX-License-Identifier: Apache-2.0
import collections
import hashlib
import itertools
import os

import numpy as np
import pytest
from scipy import stats
import tensorflow.compat.v1 as tf

from pretraining import instances
from pretraining import record_inputs
from tests.helpers.pretraining_files import SETTINGS
import tokenization

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]", "<s>"]
WORDS = ["w%03d" % i for i in range(400)]
PLAIN = SETTINGS._replace(short_seq_prob=0.0)


@pytest.fixture(scope="module")
def words(tmp_path_factory):
  """A tokenizer to which each of WORDS is a piece, and "x" a further one."""
  path = tmp_path_factory.mktemp("words") / "vocab.txt"
  path.write_text("\n".join(SPECIALS + WORDS + ["##x"]) + "\n")
  return tokenization.FullTokenizer(str(path), False)


@pytest.fixture(scope="module")
def pubmed(repo):
  """The bundled SentencePiece vocabulary."""
  path = os.path.join(repo, "examples", "vocab", "pubmed-8k.model")
  return tokenization.FullTokenizer(None, True, path)


def sentences(*sizes, first=0):
  """Sentences of so many words each; no word occurs twice in 400."""
  numbers = itertools.count(first)
  return [
    " ".join(WORDS[next(numbers) % 400] for _ in range(size)) for size in sizes
  ]


def parse(example):
  found = tf.train.Example.FromString(example).features.feature
  return {
    name: list(value.float_list.value or value.int64_list.value)
    for name, value in found.items()
  }


def make(tokenizer, documents, settings=PLAIN, key=(0, 0)):
  """Returns the parsed instances of all copies, and the counts."""
  maker = instances.InstanceMaker(tokenizer, settings)
  copies, counts = maker.chunk(documents, key)
  return [parse(example) for copy in copies for example in copy], counts


def unmasked(features):
  """The ids as they were before masking."""
  ids = list(features["input_ids"])
  for position, true, weight in zip(
    features["masked_lm_positions"],
    features["masked_lm_ids"],
    features["masked_lm_weights"],
  ):
    if weight:
      ids[position] = true
  return ids


def segments(tokenizer, features):
  """The pieces of A and of B before masking."""
  ids = unmasked(features)[: sum(features["input_mask"])]
  seps = [i for i, x in enumerate(ids) if x == tokenizer.sep_id]
  assert ids[0] == tokenizer.cls_id and len(seps) == 2
  assert seps[1] == len(ids) - 1
  a, b = ids[1 : seps[0]], ids[seps[0] + 1 : -1]
  return tuple(tokenizer.convert_ids_to_tokens(part) for part in (a, b))


def in_order(tokenizer, features):
  """The pieces of both segments in the order of the text."""
  a, b = segments(tokenizer, features)
  return b + a if features["next_sentence_labels"] == [1] else a + b


def masked_positions(features):
  count = sum(w > 0 for w in features["masked_lm_weights"])
  return features["masked_lm_positions"][:count]


def test_an_instance_has_the_features_of_the_albert_release(words):
  maker = instances.InstanceMaker(words, SETTINGS)
  ((example,),) = maker.chunk([sentences(9, 9)], (0, 0))[0]
  found = tf.train.Example.FromString(example).features.feature
  sizes = {
    name: (value.WhichOneof("kind"), len(parse(example)[name]))
    for name, value in found.items()
  }
  ints, floats = "int64_list", "float_list"
  assert sizes == {
    "input_ids": (ints, 64),
    "input_mask": (ints, 64),
    "segment_ids": (ints, 64),
    "token_boundary": (ints, 64),
    "masked_lm_positions": (ints, 20),
    "masked_lm_ids": (ints, 20),
    "masked_lm_weights": (floats, 20),
    "next_sentence_labels": (ints, 1),
  }


@pytest.mark.parametrize("length", [64, 512])
def test_tensorflow_parses_what_is_serialized(pubmed, length):
  text = ["Expression of p53 in %d HeLa cells fell." % i for i in range(200)]
  settings = SETTINGS._replace(max_seq_length=length)
  copies, _ = instances.InstanceMaker(pubmed, settings).chunk([text], (0, 0))
  (examples,) = copies
  spec = record_inputs.features(record_inputs.Shape(length, 20, 8000))
  spec["token_boundary"] = spec["input_ids"]
  with tf.Graph().as_default(), tf.Session() as session:
    parsed = session.run(tf.io.parse_example(examples, spec))
  for row, example in enumerate(examples):
    for name, values in parse(example).items():
      assert parsed[name][row].tolist() == values


def test_ids_of_every_size_are_serialized():
  ids = [0, 1, 127, 128, 16383, 16384, 29999, 2097151, 2097152, 2**31 - 1]
  features = {"input_ids": np.array([ids, ids[::-1]], np.int32)}
  found = [parse(e) for e in instances._serialize(features)]
  assert found == [{"input_ids": ids}, {"input_ids": ids[::-1]}]


def test_mask_segments_and_padding_follow_the_pieces(words):
  for features in make(words, [sentences(4, 7, 5)] * 20)[0]:
    a, b = segments(words, features)
    used, sizes = 3 + len(a) + len(b), (len(a) + 2, len(b) + 1)
    assert features["input_mask"] == [1] * used + [0] * (64 - used)
    assert features["segment_ids"] == (
      [0] * sizes[0] + [1] * sizes[1] + [0] * (64 - used)
    )
    assert features["input_ids"][used:] == [words.pad_id] * (64 - used)
    assert features["token_boundary"] == [1] * used + [0] * (64 - used)
    weights = features["masked_lm_weights"]
    assert weights == sorted(weights, reverse=True) and set(weights) == {0, 1}
    positions = masked_positions(features)
    assert positions == sorted(set(positions))
    assert not any(features["masked_lm_positions"][len(positions) :])
    assert not any(features["masked_lm_ids"][len(positions) :])


def test_token_boundary_marks_the_first_pieces_of_words(pubmed):
  text = ["The p53 (10(-6) M).", "IL-2 and TNF-\u03b1 rose."]
  (features,), _ = make(pubmed, [text])
  pieces = pubmed.convert_ids_to_tokens(unmasked(features))
  found = []
  for piece, boundary in zip(pieces, features["token_boundary"]):
    if boundary:
      found.append("")
    found[-1] += piece
  found = [w.replace("\u2581", "").replace("<pad>", "") for w in found]
  first = "[CLS] the p53 ( 10(-6) m ) . [SEP]".split()
  second = "il-2 and tnf-\u03b1 rose . [SEP]".split()
  if features["next_sentence_labels"] == [1]:
    first, second = ["[CLS]"] + second, first[1:]
  assert found == first + second


def test_segments_are_consecutive_sentences_in_order_or_swapped(words):
  text = sentences(*[5] * 60)
  found, counts = make(words, [text], PLAIN._replace(max_seq_length=53))
  chunks = sorted(in_order(words, features) for features in found)
  assert [len(chunk) for chunk in chunks] == [50] * 6
  assert sum(chunks, []) == " ".join(text).split()
  assert counts["swapped"] == sum(
    f["next_sentence_labels"] == [1] for f in found
  )


def test_half_of_the_pairs_are_swapped(words):
  documents = [sentences(5, 5)] * 2000
  found, counts = make(words, documents)
  assert len(found) == 2000
  for features in found:
    a, b = segments(words, features)
    assert (a[0] == "w005") == (features["next_sentence_labels"] == [1])
  assert abs(counts["swapped"] - 1000) < 4 * 500**0.5


def test_the_first_segment_takes_a_random_number_of_sentences(words):
  found, _ = make(words, [sentences(5, 5, 5, 5)] * 600)
  sizes = collections.Counter(
    len(segments(words, features)[0]) // 5 for features in found
  )
  assert sorted(sizes) == [1, 2, 3]
  assert stats.chisquare(list(sizes.values())).pvalue > 0.001


@pytest.mark.parametrize("count", range(2, 40))
@pytest.mark.parametrize("length", [20, 64])
def test_no_sentence_is_lost_doubled_or_left_alone(words, count, length):
  text = sentences(*[7] * count)
  settings = SETTINGS._replace(max_seq_length=length, short_seq_prob=0.5)
  found, counts = make(words, [text], settings)
  chunks = sorted(in_order(words, features) for features in found)
  if not counts["pieces_truncated"]:
    assert sum(chunks, []) == " ".join(text).split()
  assert counts["maskable"] + counts["pieces_truncated"] == 7 * count
  for features in found:
    assert all(segments(words, features))


def test_a_document_of_one_sentence_makes_no_false_pair(words):
  documents = [sentences(9), sentences(9, 9, first=100)]
  settings = PLAIN._replace(dupe_factor=20)
  found, counts = make(words, documents, settings)
  halves = [f for f in found if sum(f["input_mask"]) == 12]
  assert len(found) == 40 and len(halves) == 20
  for features in halves:
    assert in_order(words, features) == documents[0][0].split()
    assert sorted(map(len, segments(words, features))) == [4, 5]
  assert {tuple(f["next_sentence_labels"]) for f in halves} == {(0,), (1,)}
  assert counts["single_sentences_halved"] == 1


def test_a_single_sentence_is_halved_between_words(words):
  (features,), _ = make(words, [["w001 w002xxxx"]])
  pieces = in_order(words, features)
  assert pieces == ["w001", "w002"] + ["##x"] * 4
  assert ["w001"] in segments(words, features)


def test_documents_of_fewer_than_two_words_are_dropped_and_counted(words):
  documents = [["w001xx"], [], ["", " "], sentences(3, 3)]
  found, counts = make(words, documents)
  assert len(found) == counts["instances"] == 1
  assert counts["documents"] == 4 and counts["sentences"] == 5
  assert counts["documents_of_one_word_dropped"] == 1
  assert counts["documents_without_text_dropped"] == 2


def test_no_document_makes_no_instance(words):
  found, counts = make(words, [], PLAIN._replace(dupe_factor=2))
  assert found == [] and counts["documents"] == 0


def test_a_sentence_too_long_for_an_instance_is_cut_up(words):
  text = sentences(300)
  settings = PLAIN._replace(max_seq_length=33)
  found, counts = make(words, [text], settings)
  assert counts["sentences_cut_up"] == 1
  assert counts["maskable"] + counts["pieces_truncated"] == 300
  assert counts["pieces_truncated"] < 0.5 * 300
  for features in found:
    pieces = in_order(words, features)
    assert pieces == sorted(pieces)


def test_a_share_of_the_documents_gets_shorter_instances(words):
  documents = [sentences(*[2] * 20)] * 1000
  settings = SETTINGS._replace(max_seq_length=43)
  found, _ = make(words, documents, settings)
  full = sum(f["input_mask"] == [1] * 43 for f in found)
  assert abs(full - 900) < 4 * 90**0.5 + 30  # few short targets are full ones
  found, _ = make(words, documents, settings._replace(short_seq_prob=1))
  sizes = {len(segments(words, f)[0]) for f in found}
  assert len(found) > 2000 and len(sizes) > 10


def test_the_longer_segment_is_truncated_at_both_ends(words):
  documents = [sentences(100, 10)] * 300
  # 113 would hold all; nothing is cut up as 100 pieces alone fit.
  settings = PLAIN._replace(max_seq_length=103)
  found, counts = make(words, documents, settings)
  firsts = collections.Counter()
  for features in found:
    pieces = in_order(words, features)
    assert pieces[-10:] == documents[0][1].split()
    assert pieces[:90] == WORDS[int(pieces[0][1:]) :][:90]
    firsts[int(pieces[0][1:])] += 1
  assert counts["instances_truncated"] == 300
  assert counts["pieces_truncated"] == 3000
  mean = sum(k * v for k, v in firsts.items()) / 300
  assert abs(mean - 5) < 4 * (10 * 0.25 / 300) ** 0.5 and len(firsts) > 4


@pytest.mark.parametrize(
  "sizes, kept",
  [((90, 80), (50, 50)), ((95, 20), (80, 20)), ((20, 95), (20, 80))],
)
def test_both_segments_are_truncated_to_what_is_left(words, sizes, kept):
  settings = PLAIN._replace(max_seq_length=103)
  found, _ = make(words, [sentences(*sizes)] * 10, settings)
  for features in found:
    a, b = map(len, segments(words, features))
    swapped = features["next_sentence_labels"] == [1]
    assert ((b, a) if swapped else (a, b)) == kept


def test_random_next_sentence_takes_another_documents_sentences(words):
  documents = [sentences(*[5] * 12, first=100 * k) for k in range(4)]
  settings = PLAIN._replace(random_next_sentence=True, dupe_factor=30)
  found, counts = make(words, documents, settings)
  labels = collections.Counter()
  for features in found:
    a, b = segments(words, features)
    same = a[0][1] == b[0][1]
    assert same == (features["next_sentence_labels"] == [0])
    if same:
      assert int(b[0][1:]) == int(a[-1][1:]) + 1
    labels[same] += 1
  assert counts["random_next"] == labels[False]
  assert 0.4 < labels[False] / len(found) < 0.75


def test_sentences_after_a_random_next_segment_are_still_used(words):
  documents = [sentences(*[5] * 12, first=100 * k) for k in range(2)]
  settings = PLAIN._replace(random_next_sentence=True, max_seq_length=33)
  for seed in range(10):
    found, counts = make(words, documents, settings._replace(random_seed=seed))
    assert counts["pieces_truncated"] == 0
    own = collections.Counter()
    for features in found:
      a, b = segments(words, features)
      own.update(a + b * (features["next_sentence_labels"] == [0]))
    assert own == collections.Counter(" ".join(sum(documents, [])).split())


def test_a_single_document_has_only_true_pairs(words):
  found, counts = make(
    words, [sentences(*[5] * 12)], PLAIN._replace(random_next_sentence=True)
  )
  assert all(f["next_sentence_labels"] == [0] for f in found)
  assert counts["random_next"] == 0


@pytest.mark.parametrize(
  "size, prob, most, expected",
  [
    (50, 0.15, 20, 8),  # round(7.5) to the even number
    (60, 0.15, 20, 9),
    (60, 0.15, 4, 4),
    (4, 0.15, 20, 1),
    (60, 0.0, 20, 0),
    (60, 1.0, 100, 60),
  ],
)
def test_the_budget_counts_real_pieces_only(words, size, prob, most, expected):
  settings = PLAIN._replace(masked_lm_prob=prob, max_predictions_per_seq=most)
  found, counts = make(words, [sentences(size // 2, size // 2)] * 5, settings)
  assert [len(masked_positions(f)) for f in found] == [expected] * 5
  assert counts["masked"] == 5 * expected and counts["maskable"] == 5 * size


def test_special_pieces_are_neither_masked_nor_substituted(words):
  settings = PLAIN._replace(masked_lm_prob=1.0, max_predictions_per_seq=64)
  found, _ = make(words, [sentences(20, 20)] * 2000, settings)
  drawn = collections.Counter()
  for features in found:
    a, b = segments(words, features)
    assert len(a) + len(b) == len(masked_positions(features)) == 40
    drawn.update(features["input_ids"][p] for p in masked_positions(features))
  names = {words.inv_vocab[i] for i in drawn}
  assert names == {"[MASK]", "##x"} | set(WORDS)


def test_eighty_percent_become_mask_ten_stay_ten_are_random(words):
  settings = PLAIN._replace(masked_lm_prob=1.0, max_predictions_per_seq=64)
  found, _ = make(words, [sentences(20, 20)] * 1000, settings)
  fates = collections.Counter()
  for features in found:
    for position, true in zip(
      masked_positions(features), features["masked_lm_ids"]
    ):
      now = features["input_ids"][position]
      fates["mask" if now == words.mask_id else now == true] += 1
  same_by_chance = 0.1 / 401
  expected = [0.8, 0.1 + same_by_chance, 0.1 - same_by_chance]
  observed = [fates["mask"], fates[True], fates[False]]
  assert sum(observed) == 40000
  expected = [40000 * e for e in expected]
  assert stats.chisquare(observed, expected).pvalue > 0.001


def test_whole_words_are_masked(words):
  text = ["w%03dxxx w%03dx w%03d" % (i, i + 1, i + 2) for i in range(0, 90, 3)]
  found, _ = make(words, [text] * 30)
  for features in found:
    masked = set(masked_positions(features))
    more = words.vocab["##x"]
    for position, true in enumerate(unmasked(features)):
      if true == more and features["token_boundary"][position] == 0:
        assert (position in masked) == (position - 1 in masked)


def test_without_whole_words_single_pieces_are_masked(words):
  text = ["w%03dxxx" % i for i in range(40)]
  settings = PLAIN._replace(do_whole_word_mask=False, ngram=1)
  found, _ = make(words, [text] * 30, settings)
  parted = 0
  for features in found:
    masked = set(masked_positions(features))
    for position, true in enumerate(unmasked(features)):
      first = words.inv_vocab[true].startswith("w")
      if first:
        assert features["token_boundary"][position] == 1
        group = {position, position + 1, position + 2, position + 3}
        parted += 0 < len(masked & group) < 4
  assert parted > 100


def test_a_word_longer_than_the_budget_is_skipped(words):
  text = ["w001" + "x" * 19, "w002 " * 20]
  found, counts = make(words, [text] * 50)  # 40 pieces: a budget of 6
  more = words.vocab["##x"]
  for features in found:
    assert more not in features["masked_lm_ids"]
    assert len(masked_positions(features)) == 6
  text = ["w001" + "x" * 9, "w002" + "x" * 9]
  found, counts = make(words, [text] * 7)  # 20 pieces: a budget of 3
  assert counts["masked"] == 0 and counts["instances_without_mask"] == 7


def layout(sizes, rng):
  """Edges and segments of rows whose segments have so many words each."""
  edges, bounds, place = [], [], 0
  for a, b in sizes:
    row = np.cumsum(np.append(1, rng.randint(1, 4, a + b + 2)))
    edges.append(place + row - 1)
    begin = sum(map(len, edges[:-1]))
    bounds += [(begin + 1, begin + 1 + a), (begin + 2 + a, begin + 2 + a + b)]
    place += row[-1]
  return np.concatenate(edges), np.array(bounds)


@pytest.mark.parametrize(
  "favored, shares", [(True, [6, 3, 2]), (False, [2, 3, 6])]
)
def test_lengths_of_ngrams_follow_their_probabilities(favored, shares):
  rng = np.random.RandomState(1)
  edges, bounds = layout([(400, 400)] * 40, rng)
  settings = SETTINGS._replace(favor_shorter_ngram=favored)
  begins, ends, _ = instances._draw_ngrams(edges, bounds, settings, rng)
  inner = ~np.isin(ends, bounds[:, 1])  # the last of a segment is cut
  observed = np.bincount((ends - begins)[inner])[1:]
  expected = observed.sum() * np.array(shares) / 11
  assert observed.sum() > 10000
  assert stats.chisquare(observed, expected).pvalue > 0.001


def test_masked_runs_have_lengths_near_those_drawn(words):
  """At a low rate few n-grams touch, so that runs tell their lengths."""
  means = {}
  for favored in (True, False):
    settings = PLAIN._replace(
      max_seq_length=399, masked_lm_prob=0.05, favor_shorter_ngram=favored
    )
    found, _ = make(words, [sentences(198, 198)] * 200, settings)
    runs = sum(
      sum(b != a + 1 for a, b in zip([-1] + masked, masked))
      for masked in map(masked_positions, found)
    )
    means[favored] = sum(len(masked_positions(f)) for f in found) / runs
  assert abs(means[True] - 18 / 11) < 0.15
  assert abs(means[False] - 26 / 11) < 0.25


@pytest.mark.once
def test_every_word_is_as_likely_to_be_masked_as_any_other(words):
  settings = PLAIN._replace(dupe_factor=4)
  found, _ = make(words, [sentences(30, 30)] * 2500, settings)
  hits = np.zeros(60)
  for features in found:
    a = len(segments(words, features)[0])
    for position in masked_positions(features):
      hits[position - 1 - (position > a)] += 1
  share = hits / len(found)
  assert abs(share.mean() - 0.15) < 1e-9
  # 0.0036 is the deviation by chance.
  assert np.abs(share - 0.15).max() < 4 * 0.0036


def test_permuted_pieces_change_places_and_are_predicted(words):
  settings = PLAIN._replace(do_permutation=True)
  found, counts = make(words, [sentences(30, 30)] * 50, settings)
  moved = 0
  for features in found:
    assert len(features["masked_lm_positions"]) == 40
    assert len(masked_positions(features)) == 18
    assert in_order(words, features) == WORDS[:60]
    moved += sum(
      features["input_ids"][p] not in (words.mask_id, true)
      for p, true in zip(masked_positions(features), features["masked_lm_ids"])
    )
    now = collections.Counter(features["input_ids"])
    assert now[words.mask_id] <= 9
  assert counts["masked"] == 18 * 50
  assert moved > 0.35 * counts["masked"]


def digest(copies):
  h = hashlib.sha256()
  for copy in copies:
    for example in copy:
      h.update(example)
  return h.hexdigest()


def varied(tokenizer, **changes):
  key = changes.pop("key", (3, 7))
  settings = SETTINGS._replace(dupe_factor=2, **changes)
  documents = [sentences(*range(3, 12), first=9 * k) for k in range(30)]
  maker = instances.InstanceMaker(tokenizer, settings)
  return digest(maker.chunk(documents, key)[0])


@pytest.mark.parametrize(
  "changes, stored",
  [
    ({}, "7a6c4e983a4ab847b3367a3522dfd6d0f138977650cb72bf4e8caa5689617655"),
    (
      {"random_next_sentence": True},
      "d46aad4a919e6b99359b19d1e1e24459d3ed9c674379a29e8d216466c385b9f6",
    ),
    (
      {"do_permutation": True},
      "7d54b9654629ac560dbf9e6dbdbc4705ec05abb358d375208ce0e2083ca95f00",
    ),
  ],
)
def test_instances_are_the_same_bytes_on_every_python_and_numpy(
  words, changes, stored
):
  assert varied(words, **changes) == stored


def test_global_randomness_is_neither_used_nor_touched(words):
  np.random.seed(1)
  expected = np.random.random_sample()
  np.random.seed(1)
  first = varied(words)
  assert np.random.random_sample() == expected
  assert varied(words) == first


@pytest.mark.parametrize(
  "change", [{"random_seed": 1}, {"key": (3, 8)}, {"key": (4, 7)}]
)
def test_seed_and_key_change_the_instances(words, change):
  assert varied(words, **change) != varied(words)


def test_copies_differ_in_their_masks(words):
  found, _ = make(words, [sentences(9, 9)], PLAIN._replace(dupe_factor=20))
  assert len({tuple(masked_positions(f)) for f in found}) > 10


def test_earlier_chunks_do_not_change_later_ones(pubmed):
  texts = [["IL-%d rose in %d cells." % (i, 7 * i)] * 5 for i in range(50)]
  fresh = instances.InstanceMaker(pubmed, SETTINGS)
  expected = digest(fresh.chunk(texts, (0, 1))[0])
  used = instances.InstanceMaker(pubmed, SETTINGS)
  digest(used.chunk([["Quite other words.", "rrr"]], (0, 0))[0])
  assert digest(used.chunk(texts, (0, 1))[0]) == expected


def test_counts_cover_input_and_output(words):
  documents = [sentences(3, 4) + ["w001 unheard"], sentences(5, 5)]
  settings = PLAIN._replace(dupe_factor=3)
  found, counts = make(words, documents, settings)
  assert counts["documents"] == 2 and counts["sentences"] == 5
  assert counts["pieces"] == 19 and counts["unknown"] == 1
  assert counts["instances"] == len(found) == 6
  assert counts["maskable"] == 3 * 19
  assert counts["masked"] == sum(len(masked_positions(f)) for f in found)


def test_copies_are_made_one_after_the_other(words):
  maker = instances.InstanceMaker(words, PLAIN._replace(dupe_factor=10**9))
  copies, counts = maker.chunk([sentences(5, 5)], (0, 0))
  next(copies)
  next(copies)
  assert counts["instances"] == 2


def test_text_is_tokenized_once_for_all_copies(pubmed, monkeypatch):
  calls = []
  encode_words = pubmed.encode_words
  monkeypatch.setattr(
    pubmed, "encode_words", lambda t: calls.append(t) or encode_words(t)
  )
  make(pubmed, [["One.", "Two."]], PLAIN._replace(dupe_factor=5))
  assert calls == [["One.", "Two."]]


def test_cutting_up_a_sentence_takes_linear_work(words, monkeypatch):
  calls = []
  halve = instances._halve
  monkeypatch.setattr(
    instances, "_halve", lambda *args: calls.append(args) or halve(*args)
  )

  def count(size):
    calls.clear()
    make(words, [[" ".join(["w002"] * size)]], PLAIN)
    return len(calls)

  assert 0 < count(16 * 1600) < 17 * count(1600)
