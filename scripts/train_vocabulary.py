# SPDX-License-Identifier: Apache-2.0
"""Trains a SentencePiece vocabulary; run it with scripts/train_vocabulary.sh.

Uses the options that ALBERT documents, so the first ids are ALBERT's: 0 <pad>,
1 <unk>, 2 [CLS], 3 [SEP], 4 [MASK], 5 to 12 ( ) " - . – £ €. The text is
prepared as for a model, by tokenization.preprocess_text.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from common import arguments
from common import signals


def parse_arguments():
  """Parses the options; train_vocabulary.sh --help explains them."""
  parser = arguments.ArgumentParser(__doc__)
  parser.add_argument("--input", required=True)
  parser.add_argument("--input_format", default="auto")
  parser.add_argument("--output_prefix", required=True)
  parser.add_argument("--vocab_size", type=int, default=30000)
  parser.add_argument("--sentences", type=int, default=10000000)
  parser.add_argument("--threads", type=int, default=16)
  parser.add_argument("--keep_case", action="store_true")
  return parser.parse_args()


if __name__ == "__main__":  # Before the imports that take a while.
  signals.end_at_once()
  options = parse_arguments()

import collections
import io
import signal

from absl import logging
import sentencepiece

from common import errors
from common import files
from pretraining import sources
import tokenization

OPTIONS = dict(
  model_type="unigram",
  character_coverage=0.99995,
  pad_id=0,
  unk_id=1,
  bos_id=-1,
  eos_id=-1,
  control_symbols=["[CLS]", "[SEP]", "[MASK]"],
  user_defined_symbols=["(", ")", '"', "-", ".", "–", "£", "€"],
  shuffle_input_sentence=True,
)
SEED = 12345


def sentences(inputs, lower, counts):
  """Yields the sentences of all inputs, prepared as for a model.

  Args:
    inputs: list of inputs.Input.
    lower: whether to lower-case.
    counts: Counter of sentences, and of what was dropped, by reason.
  """
  for path, _, format in inputs:
    for text in sources.documents(
      path, format, open_file=files.open_file, dropped=counts
    ):
      lines = text.paragraphs
      if format != "text":
        lines = sources.sentences(lines)
      for line in lines:
        line = tokenization.preprocess_text(line, lower=lower)
        if line:
          counts["sentences"] += 1
          yield line


def train(options):
  """Writes output_prefix.model and .vocab; returns the model's path and counts.

  The same sentences, options and threads give the same bytes.
  """
  inputs = sources.find_inputs(options.input, options.input_format, "input")
  model_file, vocab_file = (
    options.output_prefix + end for end in (".model", ".vocab")
  )
  for path in (model_file, vocab_file):
    if files.exists(path):
      raise errors.InputError(
        "%s: exists already; expected another --output_prefix" % path
      )
  counts = collections.Counter()
  model = io.BytesIO()
  sentencepiece.set_random_generator_seed(SEED)
  try:
    sentencepiece.SentencePieceTrainer.train(
      sentence_iterator=sentences(inputs, not options.keep_case, counts),
      model_writer=model,
      vocab_size=options.vocab_size,
      input_sentence_size=options.sentences,
      num_threads=options.threads,
      minloglevel=1,
      **OPTIONS,
    )
  except RuntimeError as e:
    raise errors.InputError(
      "SentencePiece cannot train on %d sentences: %s"
      % (counts["sentences"], " ".join(str(e).split()))
    ) from e
  files.write(model_file, model.getvalue())
  files.write_text(vocab_file, vocabulary(model.getvalue()))
  return model_file, counts


def vocabulary(model):
  """Returns the text of a .vocab file: one piece and its score per line."""
  pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
  return "".join(
    "%s\t%g\n" % (pieces.id_to_piece(i), pieces.get_score(i))
    for i in range(len(pieces))
  )


def main(options):
  """Trains a vocabulary; prints counts and its size."""
  for number in signals.NAMES:  # The trainer would let no handler run.
    signal.signal(number, signal.SIG_DFL)
  logging.use_absl_handler()
  logging.set_verbosity(logging.WARNING)
  try:
    model, counts = train(options)
    tokenizer = tokenization.load(model)
  except errors.InputError as e:
    sys.exit("error: %s" % " ".join(str(e).split()))
  for name, count in sorted(counts.items()):
    print("%s: %d" % (name, count))
  print("%s: %d pieces" % (model, tokenizer.vocab_size))


if __name__ == "__main__":
  main(options)
