#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Pretrains on the GPUs of this machine: all of them, or those listed in
# CUDA_VISIBLE_DEVICES (such as 0,1).
#
# usage: scripts/pretrain_gpu.sh TRAIN EVAL OUTPUT [flags of run_pretraining.py]
#
#   TRAIN   folder that create_pretraining_data.py wrote
#   EVAL    the same for held-out text
#   OUTPUT  new folder, or the folder of a run to continue
#
# Environment variables:
#   PYTHON  interpreter (default: python)
#   CONFIG  architecture (default: configs/albert_base_v2.json)
#   INIT    checkpoint to start from (default: random weights)
#
# One update uses 32 batches of 64, that is 2048 examples, for any number of
# GPUs. The GPUs share each batch, so their number has to divide 64. If memory
# runs out, halve --train_batch_size and double --num_accumulation_steps, or add
# --recompute. Flags given on the command line override those of this script.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in -h | --help) usage && exit ;; esac
if [ $# -lt 3 ]; then die "expected TRAIN EVAL OUTPUT; see --help"; fi
TRAIN=$1 EVAL=$2 OUTPUT=$3
shift 3

list_gpus() {
  if [ -n "${CUDA_VISIBLE_DEVICES:-}" ]; then
    tr ',' '\n' <<<"$CUDA_VISIBLE_DEVICES"
  else
    nvidia-smi --list-gpus || die "nvidia-smi found no GPU"
  fi
}

distribution=none
if [ "$(list_gpus | wc -l)" -gt 1 ]; then distribution=mirrored; fi

exec "${PYTHON:-python}" "$REPO/run_pretraining.py" \
  --input_file="$TRAIN" --eval_file="$EVAL" --output_dir="$OUTPUT" \
  --albert_config_file="${CONFIG:-$REPO/configs/albert_base_v2.json}" \
  ${INIT:+--init_checkpoint="$INIT"} \
  --do_train=true --do_eval=true \
  --distribution=$distribution --precision=fp16 --use_xla=true \
  --max_seq_length=512 --max_predictions_per_seq=76 \
  --train_batch_size=64 --num_accumulation_steps=32 \
  --optimizer=lamb --learning_rate=0.00124 \
  --num_train_steps=125000 --num_warmup_steps=3125 \
  --save_checkpoints_steps=1000 \
  "$@"
