#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures how much pretraining helps: pretrains a small ALBERT (4 layers of
# 256) on open text, fine-tunes it on two corpora, and compares that with
# fine-tuning from random weights.
#
# usage: bash benchmarks/pretrain_small.sh TEXT NER OUTPUT [PYTHON] [MODEL]
#   TEXT    folder with pubmed_abstracts.tsv.gz and pmc_oa_ccby_fulltext.txt.gz
#   NER     folder with NCBI-disease and BC5CDR-chem in BioBERT's layout
#   OUTPUT  where to write everything; finished parts in it are kept
#   PYTHON  interpreter of an environment made by scripts/setup.sh tf2 (default:
#           python)
#   MODEL   pretrained checkpoint to fine-tune; skips pretraining
#
# Pretrains on short sequences first, from which a new model learns several
# times as fast, and then on longer ones, to train the positions beyond 32 too.
set -euo pipefail
TEXT=$1 NER=$2 OUTPUT=$3 PYTHON=${4:-python} MODEL=${5:-}
cd "$(dirname "$0")/.."
VOCABULARY=examples/vocab/pubmed-8k.model
CONFIG=benchmarks/albert_config_4x256.json
mkdir -p "$OUTPUT"

# Writes the shards of a text.
instances() {  # instances PART LENGTH PREDICTIONS COPIES
  local folder=$OUTPUT/$1-$2
  "$PYTHON" create_pretraining_data.py --input_file="$OUTPUT/$1.txt" \
    --split_sentences=true --output_file="$folder/$1" --num_shards=4 \
    --spm_model_file=$VOCABULARY --max_seq_length="$2" \
    --max_predictions_per_seq="$3" --dupe_factor="$4" \
    --ngram=1 --do_whole_word_mask=false --num_workers=2
}

pretrain() {  # pretrain NAME LENGTH PREDICTIONS BATCH STEPS RATE FLAGS
  local name=$1 length=$2 predictions=$3 batch=$4 steps=$5 rate=$6
  shift 6
  "$PYTHON" run_pretraining.py --input_file="$OUTPUT/train-$length" \
    --eval_file="$OUTPUT/held-out-$length" --do_train --do_eval \
    --albert_config_file="$OUTPUT/albert_config.json" \
    --max_seq_length="$length" --max_predictions_per_seq="$predictions" \
    --train_batch_size="$batch" --num_train_steps="$steps" \
    --num_warmup_steps=300 --optimizer=adamw --learning_rate="$rate" \
    --save_checkpoints_steps=1000 --max_eval_steps=60 --precision=bf16 \
    --output_dir="$OUTPUT/$name" "$@"
}

# Fine-tunes a model, unless that is already done, and prints its scores.
fine_tune() {  # fine_tune CORPUS WEIGHTS SEED FLAGS
  local corpus=$1 weights=$2 seed=$3 folder=$OUTPUT/$1-$2-$3
  shift 3
  if [ ! -e "$folder/results.json" ]; then
    "$PYTHON" run_ner.py --do_train=true --do_eval=true --do_predict=true \
      --data_dir="$NER/$corpus" --albert_config_file=$CONFIG \
      --spm_model_file=$VOCABULARY --learning_rate=2e-4 \
      --num_train_epochs="${EPOCHS:-15}" --precision=bf16 --seed="$seed" \
      --output_dir="$folder" "$@"
  fi
  "$PYTHON" - "$corpus" "$weights" "$seed" "$folder/results.json" <<'END'
import json
import sys

with open(sys.argv[4], encoding="utf-8") as f:
  results = json.load(f)
print(
  "| %s | %s | %s | %.2f | %.2f |"
  % (
    tuple(sys.argv[1:4])
    + tuple(100 * results[part]["f1"] for part in ("dev", "test"))
  )
)
END
}

make_model() {
  if [ ! -e "$OUTPUT/train.txt" ]; then
    "$PYTHON" benchmarks/open_text.py --text "$TEXT" --output "$OUTPUT"
  fi
  # No dropout is needed: the model reads the text less than twice.
  sed 's/\(dropout_prob": \).*,/\10.0,/' $CONFIG > "$OUTPUT/albert_config.json"
  instances train 32 6 2
  instances held-out 32 6 1
  instances train 128 20 4
  instances held-out 128 20 1
  pretrain short 32 6 64 7000 5e-4
  pretrain long 128 20 16 6500 4e-4 \
    --init_checkpoint="$OUTPUT/short/model.ckpt-7000"
  MODEL=$OUTPUT/long/model.ckpt-best
}

if [ -z "$MODEL" ]; then make_model; fi
for corpus in NCBI-disease BC5CDR-chem; do
  for seed in 1 2 3; do
    fine_tune $corpus random $seed
    fine_tune $corpus pretrained $seed --init_checkpoint="$MODEL"
  done
done
