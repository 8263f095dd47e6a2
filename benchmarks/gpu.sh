#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures one GPU in under ten minutes: training and prediction for NER
# (finetuning_speed.py), and pretraining at length 128 with gradients
# accumulated over two batches (run_pretraining.py). Prints Markdown.
#
# usage: PYTHON=.venv-tf2/bin/python bash benchmarks/gpu.sh > gpu.md
#
# Environment variables:
#   PYTHON      interpreter with any TensorFlow (default: python)
#   MODELS      base, large, small, or paths of configs (default: base large)
#   PRECISIONS  default: fp16 bf16; what a GPU cannot do is "not possible"
#   XLA         default: false true
#   BATCH       default: 32 examples; pretraining takes twice as many
#   ROUNDS      turns in fine-tuning (default: 5)
#   UPDATES     updates in pretraining (default: 100)
set -euo pipefail
PYTHON=${PYTHON:-python} MODELS=${MODELS:-base large} XLA=${XLA:-false true}
PRECISIONS=${PRECISIONS:-fp16 bf16} BATCH=${BATCH:-32}
cd "$(dirname "$0")/.."
export CUDA_VISIBLE_DEVICES=${CUDA_VISIBLE_DEVICES:-0}
export TF_FORCE_GPU_ALLOW_GROWTH=true  # Several processes share the GPU.
VOCABULARY=examples/vocab/pubmed-8k.model
WORK=$(mktemp -d)
trap 'rm -r "$WORK"' EXIT

config_of() {  # config_of MODEL
  case $1 in
    base | large) echo "configs/albert_$1_v2.json" ;;
    small) echo models/bioalbert-small/albert_config.json ;;
    *) echo "$1" ;;
  esac
}

make_data() {
  "$PYTHON" create_pretraining_data.py --input_file=examples/abstracts.txt \
    --split_sentences=true --output_file="$WORK/data/text" \
    --spm_model_file=$VOCABULARY --max_seq_length=128 \
    --max_predictions_per_seq=20 --dupe_factor=10 2>"$WORK/log"
}

pretrain() {  # pretrain MODEL PRECISION XLA
  local config=$WORK/config.json rate
  sed 's/\("vocab_size": *\)[0-9]*/\18000/' "$(config_of "$1")" >"$config"
  # What was logged until the time is over counts.
  timeout 45 "$PYTHON" run_pretraining.py \
    --input_file="$WORK/data" --albert_config_file="$config" \
    --spm_model_file=$VOCABULARY --max_seq_length=128 \
    --max_predictions_per_seq=20 --train_batch_size=$((2 * BATCH)) \
    --num_accumulation_steps=2 --num_train_steps="${UPDATES:-100}" \
    --num_warmup_steps=0 --save_checkpoints_steps=100000 --precision="$2" \
    --use_xla="$3" --output_dir="$WORK/$1-$2-$3" >"$WORK/log" 2>&1 || true
  rate=$(grep -o '[0-9.]* useful tokens/s' "$WORK/log" | tail -1 || true)
  echo "| $1 | pretrain | $2 | XLA $3 | ${rate:-not possible} | |"
}

main() {
  local model precision xla
  nvidia-smi --query-gpu=name,memory.total --format=csv,noheader || true
  # shellcheck disable=SC2086
  timeout 390 "$PYTHON" benchmarks/finetuning_speed.py \
    --data=examples/ncbi-disease/devel.tsv --model $MODELS \
    --precision $PRECISIONS --use_xla $XLA --batch_size "$BATCH" \
    --rounds "${ROUNDS:-5}" || true
  make_data
  for model in $MODELS; do
    for precision in $PRECISIONS; do
      for xla in $XLA; do
        if [ $SECONDS -lt 550 ]; then pretrain "$model" "$precision" "$xla"; fi
      done
    done
  done
}

main "$@"
