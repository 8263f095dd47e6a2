#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fine-tunes and scores a model that finds disease names, from scratch.
#
# usage: scripts/quickstart.sh [tf1|tf2.15|tf2] [output folder]
#
#   tf1, tf2.15, tf2  TensorFlow to install and use, as in scripts/setup.sh
#   output folder     where to write everything (default: $OUTPUT_DIR if set,
#                     else output/quickstart in the checkout)
#
# Creates the environment, fine-tunes the bundled small ALBERT on the NCBI
# disease corpus for two to three minutes on two cores, scores it on the test set
# beside published models, and labels the texts in examples/abstracts.txt. For
# better scores use the published weights; the last lines of the output give the
# commands.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

parse_arguments() {
  local output=${OUTPUT_DIR:-$REPO/output/quickstart}
  TENSORFLOW=''
  for argument in "$@"; do
    case $argument in
      tf1 | tf2.15 | tf2) TENSORFLOW=$argument ;;
      -h | --help) usage && exit ;;
      -*)
        die "unknown argument '$argument'; expected a TensorFlow or a folder"
        ;;
      *) output=$argument ;;
    esac
  done
  mkdir -p "$output"
  OUTPUT=$(cd "$output" && pwd)
}

train_and_score() {  # train_and_score PYTHON
  say "fine-tuning models/bioalbert-small on examples/ncbi-disease: two to" \
    "three minutes on two cores"
  "$1" run_ner.py \
    --do_train=true --do_eval=true --do_predict=true \
    --data_dir=examples/ncbi-disease \
    --bioalbert_dir=models/bioalbert-small \
    --predict_file=examples/abstracts.txt \
    --max_seq_length=128 \
    --num_train_epochs=2 \
    --train_batch_size=16 \
    --learning_rate=3e-4 \
    --eval_batch_size=32 \
    --predict_batch_size=32 \
    --precision=auto \
    --seed=1 \
    --output_dir="$OUTPUT"
}

print_scores() {  # print_scores PYTHON
  "$1" - "$OUTPUT/results.json" <<'END'
import csv
import json
import sys

MODELS = ("BioBERT", "BioLinkBERT-base", "PubMedBERT")  # BERT base's size
with open(sys.argv[1], encoding="utf-8") as f:
  test = json.load(f)["test"]
with open("configs/published_scores.csv", encoding="utf-8") as f:
  published = [
    "%s %.3f" % (row["model"], float(row["value"]) / 100)
    for row in csv.DictReader(f)
    if row["data_set"] == "NCBI-disease" and row["model"] in MODELS
  ]
print(
  "standard test set, whole entities: precision %.3f, recall %.3f, F1 %.3f with "
  "2 million weights; published F1 with 110 million: %s"
  % (test["precision"], test["recall"], test["f1"], ", ".join(published))
)
END
}

print_next_steps() {
  say "training, scores and labels took $1 s; everything is in $OUTPUT"
  say "the diseases in six abstracts of the test set: open this in a browser:"
  say "  $OUTPUT/abstracts.entities.html"
  say "next, with the published weights (hours on a CPU):"
  say "  source $(basename "$(venv_of "$TENSORFLOW")")/bin/activate"
  say "  bash scripts/download.sh BioALBERT-base-PubMed"
  say "  python run_ner.py --bioalbert_dir=weights/BioALBERT-base-PubMed" \
    "--do_eval --data_dir=examples/ncbi-disease --output_dir=output/ncbi"
}

main() {
  local python start seconds
  parse_arguments "$@"
  cd "$REPO"
  if [ -z "$TENSORFLOW" ]; then TENSORFLOW=$(choose_tensorflow); fi
  bash scripts/setup.sh "$TENSORFLOW"
  python=$(venv_of "$TENSORFLOW")/bin/python
  start=$SECONDS
  train_and_score "$python"
  seconds=$((SECONDS - start))
  print_scores "$python"
  print_next_steps $seconds
}

main "$@"
