# SPDX-License-Identifier: Apache-2.0
"""Tests of run_ner.py's task; test_programs.py runs it from a shell."""

import numpy as np
import pytest

from common.errors import InputError
from finetuning import splits
from finetuning import words
from formats import bioc
from formats import conll
from formats import documents
import run_ner
from tests.helpers import tiny
from tests.helpers.unlabelled_texts import parts_of
from tests.helpers.unlabelled_texts import written
from training import batches


def task_for(tokenizer, sentences, max_seq_length=128):
  task = run_ner.Ner(tokenizer, max_seq_length, "jsonl")
  task.learned = task.learn(sentences)
  return task


def raw_documents(task, data, path):
  """Returns the RawDocuments of a file, with their words."""
  inner_punctuation = task.learned["inner_punctuation"]
  return [
    words.split_passages([part], inner_punctuation)[0]
    if isinstance(part, words.Passage)
    else part
    for part in parts_of(task, data, path)
  ]


def windows_of(task, part):
  """Returns the features of an unlabelled part."""
  (encoded,) = batches.unpack(task.encoder()([part]))
  return encoded.features


def oracle(task, features):
  """Returns the outputs of a model that predicts every gold label."""
  return [
    {
      "word": np.append(f["word"], [-1, -1]),  # Two pieces of padding.
      "label": np.append(np.maximum(f["label_ids"], 0), [0, 0]),
      "probability": np.full(len(f["word"]) + 2, 0.9),
    }
    for f in features
  ]


SENTENCE = conll.Sentence(
  ["Phenylmethylsulphonyl", "of", "\u200b", "the", "eye"],
  ["B", "O", "I", "O", "B"],
)


def test_every_word_is_labelled_on_its_first_piece(tokenizer):
  task = task_for(tokenizer, [SENTENCE])
  (features,) = task.encode(SENTENCE, False).features
  pieces = [len(tokenizer.encode(w)) or 1 for w in SENTENCE.words]
  firsts = 1 + np.cumsum([0] + pieces[:-1])
  assert pieces[0] > 1 and not tokenizer.encode(SENTENCE.words[2])
  assert features["word"][firsts].tolist() == [0, 1, 2, 3, 4]
  labels = [task.learned["labels"][i] for i in features["label_ids"][firsts]]
  assert labels == SENTENCE.labels
  others = np.delete(features["label_ids"], firsts)
  assert set(others) == {-1}


def test_word_without_pieces_becomes_the_unknown_piece(tokenizer):
  task = task_for(tokenizer, [SENTENCE])
  (features,) = task.encode(SENTENCE, False).features
  at = np.flatnonzero(features["word"] == 2)[0]
  assert features["input_ids"][at] == tokenizer.unk_id


def test_input_begins_with_cls_and_ends_with_sep(tokenizer):
  (features,) = task_for(tokenizer, [SENTENCE]).encode(SENTENCE, False).features
  ids = features["input_ids"]
  assert ids[0] == tokenizer.cls_id and ids[-1] == tokenizer.sep_id
  assert features["input_mask"].tolist() == [1] * len(ids)
  assert features["segment_ids"].tolist() == [0] * len(ids)
  assert {value.dtype for value in features.values()} == {np.dtype(np.int32)}


def test_words_without_labels_are_predicted_and_not_scored(tokenizer):
  task = task_for(tokenizer, [SENTENCE])
  (sentence,) = task.read(b"of\nthe\n", "x.tsv", "test")
  outputs = oracle(task, task.encode(sentence, False).features)
  assert task.score([sentence], [outputs], "test") == (
    {},
    {"NER_result_conll.txt": "of O\nthe O\n\n"},
  )


@pytest.mark.parametrize(
  "learned, label, known",
  [
    (["O", "B-Dis", "I-Dis"], "S-Dis", True),
    (["O", "B-Dis", "I-Dis"], "B-Chem", False),
    (["O", "B", "I"], "B-Dis", False),
    (["O", "B", "I"], "E", True),
  ],
)
def test_types_that_the_training_set_lacks_cannot_be_predicted(
  learned, label, known
):
  task = run_ner.Ner(None, 32, "jsonl")
  task.learned = {"labels": learned}
  assert task.can_predict(label) == known and task.can_predict("O")


def random_sentences(seed):
  """Returns sentences of several lengths, with words of several kinds."""
  random = np.random.RandomState(seed)
  known = ["fever", "retinoblastoma", "p53", "\u200b", "x" * 300, "of"]
  sentences = []
  for n in (1, 5, 40, 200):
    drawn = [known[i] for i in random.randint(len(known), size=n)]
    labels = ["BIO"[i] for i in random.randint(3, size=n)]
    sentences.append(conll.Sentence(drawn, labels))
  return sentences


def test_sentences_encoded_at_once_equal_each_alone(tokenizer):
  sentences = random_sentences(1)
  sentences.insert(1, conll.Sentence(["fever", "\u200b"], None))
  task = task_for(tokenizer, random_sentences(1), 31)
  found = task.encode_all(sentences, False)
  assert len(found) == len(sentences)
  for sentence, encoded in zip(sentences, found):
    (alone,) = task.encode_all([sentence], False)
    assert len(encoded.features) == len(alone.features)
    for window, expected in zip(encoded.features, alone.features):
      assert {k: v.tolist() for k, v in window.items()} == {
        k: v.tolist() for k, v in expected.items()
      }


@pytest.mark.parametrize("max_seq_length", [8, 9, 16, 31, 128])
def test_small_windows_lose_no_label(tokenizer, max_seq_length):
  sentences = random_sentences(max_seq_length)
  task = task_for(tokenizer, sentences, max_seq_length)
  features = [task.encode(s, False).features for s in sentences]
  assert max(len(f["input_ids"]) for fs in features for f in fs) <= (
    max_seq_length
  )
  scores, files = task.score(
    sentences, [oracle(task, fs) for fs in features], "test"
  )
  text = files["NER_result_conll.txt"]
  assert scores["f1"] == scores["token_accuracy"] == 1.0
  assert conll.parse(text.encode(), "x") == sentences


def test_unseen_label_is_scored_but_not_learned(tokenizer):
  task = task_for(tokenizer, [conll.Sentence(["fever"], ["O"])])
  (features,) = task.encode(
    conll.Sentence(["fever"], ["B-Sign"]), False
  ).features
  assert set(features["label_ids"]) == {-1}
  outputs = oracle(task, [features])
  scores, _ = task.score(
    [conll.Sentence(["fever"], ["B-Sign"])], [outputs], "dev"
  )
  assert scores["gold"] == 1 and scores["recall"] == 0.0


def test_word_without_a_prediction_is_an_error(tokenizer):
  task = task_for(tokenizer, [SENTENCE])
  outputs = oracle(task, task.encode(SENTENCE, False).features)
  outputs[0]["word"][1] = -1
  with pytest.raises(AssertionError, match="a word lost its label"):
    task.score([SENTENCE], [outputs], "dev")


def test_entities_of_raw_text_end_with_their_sentence(tokenizer):
  task = task_for(tokenizer, [SENTENCE])
  text = "He had a fever. Cancer was not seen."
  (example,) = raw_documents(task, text.encode(), "x.txt")
  features = windows_of(task, example)
  assert len(example.sentences) == 2
  outputs = oracle(task, features)
  marked = {"fever", ".", "Cancer"}  # Only the first may be a B.
  labels = task.learned["labels"]
  for output in outputs:
    for at in np.flatnonzero(output["word"] >= 0):
      word = example.words.strings()[output["word"][at]]
      tag = "B" if word == "fever" else "I" if word in marked else "O"
      output["label"][at] = labels.index(tag)
  found = [e.text for e in task.label(example, outputs)]
  assert found == ["fever.", "Cancer", "."]


def test_parts_of_a_long_document_have_its_words_and_windows(
  tokenizer, monkeypatch
):
  task = task_for(tokenizer, [SENTENCE], max_seq_length=8)
  data = b"He had a fever. It was not seen of the eye. " * 3 + b"\n"
  (whole,) = raw_documents(task, data, "x.txt")
  monkeypatch.setattr(words, "PART_CHARACTERS", 50)
  parts = raw_documents(task, data, "x.txt")
  assert [len(part.sentences) for part in parts] == [2, 2, 2]
  spans = [
    (part.offset + start, part.offset + end)
    for part in parts
    for start, end in part.spans
  ]
  assert spans == list(map(tuple, whole.spans))
  windows = [f for part in parts for f in windows_of(task, part)]
  assert [w["input_ids"].tolist() for w in windows] == [
    w["input_ids"].tolist() for w in windows_of(task, whole)
  ]
  second = parts[1]
  outputs = oracle(task, windows_of(task, second))
  for output in outputs:
    output["label"][output["word"] == 3] = task.learned["labels"].index("B")
  (entity,) = task.label(second, outputs)
  text = whole.document.text
  assert entity.text == text[entity.start : entity.end] == "fever"
  assert entity.start > len(parts[0].document.text)


def test_parts_say_how_much_of_the_document_they_end(tokenizer, monkeypatch):
  task = task_for(tokenizer, [SENTENCE])
  document = documents.Document("1", "He had it. " * 100, None)
  assert [share for _, share in task.parts(document)] == [1]
  monkeypatch.setattr(words, "PART_CHARACTERS", 500)
  shares = [share for _, share in task.parts(document)]
  assert shares == pytest.approx([0.45, 0.9, 1])


def test_raw_text_is_split_like_the_training_set(tokenizer):
  whole = [conll.Sentence(["IL-2", "x"], ["B", "O"])] * 20
  apart = [conll.Sentence(["IL", "-", "2"], ["B", "I", "I"])] * 20
  for sentences, expected in ((whole, ["IL-2"]), (apart, ["IL", "-", "2"])):
    task = task_for(tokenizer, sentences)
    (example,) = raw_documents(task, b"IL-2", "x.txt")
    assert example.words.strings() == expected


def test_words_of_a_file_are_labelled_as_they_stand(tokenizer):
  task = task_for(tokenizer, [SENTENCE])
  tagged = b"IL-2\tB\nrose\tO\n.\tO\n\nNo\tO\nTNF-\xce\xb1\tB\n.\tO\n"
  bare = b"IL-2\nrose\n.\n\nNo\nTNF-\xce\xb1\n.\n"
  for data in (tagged, bare):
    first, second = raw_documents(task, data, "x.tsv")
    assert (first.document.id, first.document.text) == ("1", "IL-2 rose .")
    assert first.words.strings() == ["IL-2", "rose", "."]
    assert second.words.strings() == ["No", "TNF-\u03b1", "."]
    assert second.spans.tolist() == [[0, 2], [3, 8], [9, 10]]
    outputs = oracle(task, windows_of(task, second))
    assert task.label(second, outputs) == []
  marked = b"###MEDLINE:7\n\n" + tagged
  (example,) = raw_documents(task, marked, "x.tsv")
  assert example.document.id == "7"
  assert example.document.text == "IL-2 rose .\nNo TNF-\u03b1 ."
  assert example.sentences.tolist() == [[0, 3], [3, 6]]


def test_document_without_words_is_kept(tokenizer):
  task = task_for(tokenizer, [SENTENCE])
  data = b'{"id": "a", "text": " "}\n{"id": "b", "text": "fever"}\n'
  examples = raw_documents(task, data, "x.jsonl")
  outputs = [oracle(task, windows_of(task, e)) for e in examples]
  assert [len(o) for o in outputs] == [0, 1]
  assert written(task, examples, outputs).count("\n") == 2


# Tags without and with types.
UNTYPED = conll.Sentence(["fever"], ["B"])
TYPED = conll.Sentence(["fever"], ["B-Sign"])


@pytest.mark.parametrize(
  "asked, known, expected",
  [
    ("Sign", "Disease", "Sign"),
    (None, "Disease", "Disease"),
    (None, "", "entity"),
  ],
)
def test_untyped_entities_have_a_type_everywhere(
  tokenizer, asked, known, expected
):
  task = run_ner.Ner(tokenizer, 32, "jsonl", asked, known)
  task.learned = task.learn([UNTYPED])
  assert task.learned["entity_type"] == expected
  later = run_ner.Ner(tokenizer, 32, "bioc", known_type="Gene")
  later.learned = task.learned  # As task.json keeps it.
  outputs = [oracle(task, task.encode(UNTYPED, False).features)]
  scores, _ = later.score([UNTYPED], outputs, "dev")
  assert list(scores["types"]) == [expected]
  (example,) = raw_documents(later, b"fever", "x.txt")
  text = written(later, [example] * 2, outputs * 2)
  for document in bioc.parse(text.encode("utf-8"), "x.xml"):
    (mention,) = document.mentions
    assert (mention.type, mention.text) == (expected, "fever")
  entities = later.label(example, outputs[0])
  page = later.page([example], [entities], "x", "y")
  assert 'data-type="%s"' % expected in page


def test_typed_entities_keep_their_types(tokenizer):
  task = run_ner.Ner(tokenizer, 32, "jsonl", known_type="Disease")
  assert "entity_type" not in task.learn([TYPED])
  assert "entity_type" not in task.learn(
    [TYPED, UNTYPED._replace(labels=["O"])]
  )
  task = run_ner.Ner(tokenizer, 32, "jsonl", entity_type="Disease")
  with pytest.raises(InputError, match="--entity_type=Disease: found Sign in"):
    task.learn([TYPED])


@pytest.mark.parametrize(
  "task_name, folder, train_file, expected",
  [
    ("NER", "data/ncbi-disease/", None, "Disease"),
    ("bc2gm", "data/ncbi-disease", None, "Gene"),
    ("NER", None, "data/BC4CHEMD/train.tsv", "Chemical"),
    ("NER", "data/chemprot", None, ""),
    ("NER", "data/mine", None, ""),
    ("NER", None, None, ""),
  ],
)
def test_names_of_data_sets_tell_the_type(
  task_name, folder, train_file, expected
):
  data = splits.Data(**dict.fromkeys(splits.Data._fields))
  data = data._replace(data_dir=folder, train_file=train_file)
  assert run_ner.known_type(task_name, data) == expected


def test_a_type_without_training_is_an_error(tmp_path):
  with pytest.raises(InputError, match="--entity_type=X: found nothing to tr"):
    tiny.run(run_ner, tmp_path, do_train=False, entity_type="X")


def test_untyped_entities_are_scored_as_entity(tokenizer):
  task = task_for(tokenizer, [SENTENCE])
  outputs = [oracle(task, task.encode(SENTENCE, False).features)]
  assert list(task.score([SENTENCE], outputs, "dev")[0]["types"]) == ["entity"]
