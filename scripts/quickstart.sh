#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# From a bare machine to a fine-tuned, scored model that finds diseases.
#
# usage: scripts/quickstart.sh [tf1|tf2] [output folder]
#
#   tf1, tf2       the TensorFlow to set up and use, as for scripts/setup.sh
#   output folder  where everything is written (default: $OUTPUT_DIR, else
#                  output/quickstart in the checkout)
#
# Sets the environment up, then fine-tunes the bundled small ALBERT on bundled
# sentences of the NCBI disease corpus, scores it on its test sentences and
# labels the texts of examples/abstracts.txt. It shows that all parts work; for
# real scores take published weights and a whole corpus (the last line printed
# says how).
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

parse_arguments() {
  local output=${OUTPUT_DIR:-$REPO/output/quickstart}
  TENSORFLOW=''
  for argument in "$@"; do
    case $argument in
      tf1 | tf2) TENSORFLOW=$argument ;;
      -h | --help) usage && exit ;;
      -*) die "unknown argument '$argument'; known are tf1, tf2 and a folder" ;;
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

report() {  # report PYTHON
  "$1" - "$OUTPUT/results.json" <<'END'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as f:
  test = json.load(f)["test"]
print(
  "entities of the test set: precision %.3f, recall %.3f, F1 %.3f"
  % (test["precision"], test["recall"], test["f1"])
)
END
  say "everything is in $OUTPUT"
  say "with published weights: source $(basename "$(venv_of "$TENSORFLOW")")/bin/activate" \
    "&& python run_ner.py --bioalbert_dir=<folder of the weights>" \
    "--data_dir=<corpus> --output_dir=<new folder>"
}

main() {
  parse_arguments "$@"
  cd "$REPO"
  if [ -z "$TENSORFLOW" ]; then TENSORFLOW=$(choose_tensorflow); fi
  bash scripts/setup.sh "$TENSORFLOW"
  train_and_score "$(venv_of "$TENSORFLOW")/bin/python"
  report "$(venv_of "$TENSORFLOW")/bin/python"
}

main "$@"
