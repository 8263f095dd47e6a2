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
# Creates the environment, fine-tunes the bundled small ALBERT on bundled
# sentences of the NCBI disease corpus, scores it on the test sentences and
# labels the texts in examples/abstracts.txt. This shows that every part works.
# For good scores use published weights and a whole corpus; the last line of the
# output gives the command.
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
  "$1" run_ner.py \
    --do_train=true --do_eval=true --do_predict=true \
    --data_dir=examples/ncbi-disease \
    --bioalbert_dir=models/bioalbert-small \
    --predict_file=examples/abstracts.txt \
    --max_seq_length=128 \
    --num_train_epochs=16 \
    --train_batch_size=16 \
    --learning_rate=2e-4 \
    --seed=1 \
    --output_dir="$OUTPUT"
}

print_scores() {  # print_scores PYTHON
  "$1" - "$OUTPUT/results.json" <<'END'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as f:
  test = json.load(f)["test"]
print(
  "test set, whole entities: precision %.3f, recall %.3f, F1 %.3f"
  % (test["precision"], test["recall"], test["f1"])
)
END
  say "model, scores and predictions are in $OUTPUT"
  say "next, with published weights and a whole corpus:"
  say "  source $(basename "$(venv_of "$TENSORFLOW")")/bin/activate"
  say "  python run_ner.py --do_train --do_eval --do_predict" \
    "--bioalbert_dir=WEIGHTS --data_dir=CORPUS --output_dir=NEW_FOLDER"
}

main() {
  parse_arguments "$@"
  cd "$REPO"
  if [ -z "$TENSORFLOW" ]; then TENSORFLOW=$(choose_tensorflow); fi
  bash scripts/setup.sh "$TENSORFLOW"
  train_and_score "$(venv_of "$TENSORFLOW")/bin/python"
  print_scores "$(venv_of "$TENSORFLOW")/bin/python"
}

main "$@"
