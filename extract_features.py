# SPDX-License-Identifier: Apache-2.0
r"""Embeds texts: writes ALBERT's embeddings of each piece, of each text and of
its [CLS], from any layers, to a file of arrays that needs no code of ours.

Reads one text per line, JSON (id, text), CSV, PubTator, BioC, PubMed's XML or
JATS; two texts with " ||| " between them are a pair. The model may be
pretrained or fine-tuned:

  python extract_features.py --bioalbert_dir=weights/BioALBERT-base-PubMed \
    --input_file=abstracts.txt --output_file=features.npz

Arrays in the .npz or HDF5 file, for T texts, P pieces in total, and L layers of
size H:

  ids [T]                          ids of the texts; line numbers if the file
                                   has none
  token_index [T + 1]              text i has the pieces token_index[i] to
                                   token_index[i + 1] - 1
  tokens, token_start, token_end [P]   pieces, and their characters in the text
  token_embeddings [P, L, H]
  sentence_embeddings [T, L, H]    pooled as --sentence_pooling says
  pooled [T, H]                    the pooler's output for [CLS]
  layers [L]                       numbers of the layers
  meta                             JSON: command, checkpoint and its SHA-256;
                                   an attribute in HDF5

Texts are read as a stream. The embeddings of more than 16 MiB of input are
written to several such files, and after a kill the same command continues
after the finished ones.

A text of more than --max_seq_length pieces is split into overlapping windows.
Each piece has its embedding from the window in which it has most context;
`pooled` is that of the first window. The embeddings of a text without pieces
are NaN.
"""

from absl import flags

from common import flag_groups


def define_flags():
  """Defines the flags of BERT's extract_features.py, and a few more."""
  flag_groups.define_model_flags()
  flags.DEFINE_string(
    "input_file",
    None,
    "Texts: files, globs or folders, separated by commas; one text per line, "
    "JSON or CSV with text and id, PubTator, BioC, PubMed's XML or JATS.",
  )
  flags.DEFINE_bool(
    "allow_incomplete",
    False,
    "Leave out damaged texts; they are counted and listed.",
  )
  flags.DEFINE_integer(
    "num_workers",
    None,
    "Processes that tokenize beside the model; 0: the model's process does it. "
    "Default: by the amount of text, at most one per further core.",
    lower_bound=0,
  )
  flags.DEFINE_string(
    "part",
    None,
    "Embed a part of the texts: 3/64 is the third of 64 jobs, counted from 1, "
    "which have the same --output_file and may run on many machines.",
  )
  flags.DEFINE_string(
    "output_file",
    None,
    "File to write; its extension sets the format. Over 16 MiB of input "
    "become several files, name-00000-of-00012.npz and so on.",
  )
  flags.DEFINE_enum(
    "output_format",
    None,
    ["npz", "hdf5"],
    "Format of the file, if its extension does not say.",
  )
  _define_content_flags()
  flags.DEFINE_integer(
    "max_seq_length",
    128,
    "Maximum number of pieces per input, including [CLS] and [SEP]. Longer "
    "texts become overlapping windows.",
    lower_bound=8,
  )
  flags.DEFINE_integer(
    "batch_size", 32, "Number of windows per batch.", lower_bound=1
  )
  flags.DEFINE_integer(
    "batch_tokens",
    None,
    "Number of pieces per batch, padding included, in place of --batch_size: "
    "short texts make larger batches.",
    lower_bound=1,
  )
  flag_groups.define_inference_flags()
  flags.mark_flags_as_required(["input_file", "output_file"])


def _define_content_flags():
  """Defines which embeddings to write, and their number type."""
  flags.DEFINE_string(
    "layers",
    "-1",
    "Numbers of the layers: 0 is the input of the first layer, 1 the first "
    "layer, -1 the last. Give several as -1,-2 or 0..4, or use all.",
  )
  flags.DEFINE_string(
    "embeddings",
    "token,sentence,pooled",
    "What to write: token (of each piece), sentence (of each text), pooled "
    "(the pooler's output of each text).",
  )
  flags.DEFINE_enum(
    "sentence_pooling",
    "mean",
    ["mean", "max", "cls"],
    "Embedding of a text: the mean or the maximum over its pieces, without "
    "[CLS] and [SEP]; or that of [CLS] in its first window.",
  )
  flags.DEFINE_enum(
    "dtype", "float32", ["float32", "float16"], "Number type of the embeddings."
  )


if __name__ == "__main__":  # Before the imports that take seconds.
  flag_groups.parse(define_flags)

from common import files
from common import stripes
from common.errors import InputError
from exporting import embeddings
from finetuning import labelling
from formats import feature_files
import modeling
from training import devices
from training import model_folder


def _locked(path, part):
  """Locks the output, or what is one job's of it."""
  if part == stripes.WHOLE:
    return files.locked_beside(path)
  return files.locked_beside("%s.part-%d-of-%d" % (path, *part))


def load_model(values):
  """Returns the model_folder.Model that the flags name, with weights."""
  paths = flag_groups.pick(values, model_folder.ModelPaths)
  model = model_folder.load(paths, values.max_seq_length)
  if model.checkpoint is None:
    raise InputError("no weights: give --init_checkpoint or --bioalbert_dir")
  modeling.check_checkpoint(model.checkpoint)
  return model


def main(_):
  values = flag_groups.values()
  device = devices.choose_precision(flag_groups.pick(values, devices.Device))
  devices.check_batch_tokens("batch_tokens", values.batch_tokens, device)
  devices.check(device, {"batch_size": values.batch_size})
  part = stripes.parse_part(values.part, "part")
  path = values.output_file
  format = values.output_format or feature_files.format_of(path)
  model = load_model(values)
  wanted = embeddings.parse_wanted(
    values.layers,
    values.embeddings,
    values.sentence_pooling,
    values.dtype,
    model.config,
  )
  inference = flag_groups.pick(values, embeddings.Inference, device=device)
  meta = embeddings.describe(model, wanted, inference, values.input_file)
  task = embeddings.Embedder(model, wanted, values.max_seq_length, format, meta)
  given = labelling.Texts(
    values.input_file, "input_file", values.allow_incomplete, values.num_workers
  )
  with _locked(path, part):
    target = labelling.Target(None, path, part=part)
    texts = labelling.Labelling(task, given, target)
    texts.log(model.tokenizer.unk_id)
    embeddings.log_size(path, format, texts, wanted)
    embeddings.extract(texts, model, wanted, inference, meta)


if __name__ == "__main__":
  flag_groups.run(main, "the same command resumes after the finished files")
