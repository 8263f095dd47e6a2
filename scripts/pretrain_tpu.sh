#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Pretrains on a Cloud TPU or a slice of a pod. Run it on a machine of Google
# Cloud in the TPU's zone, with the TensorFlow that the TPU runs.
#
# usage: scripts/pretrain_tpu.sh TPU CORES TRAIN EVAL OUTPUT \
#          [flags of run_pretraining.py]
#
#   TPU     its name, or its address (grpc://10.0.0.2:8470)
#   CORES   8 for a v2-8 or v3-8, 32 for a v3-32, ...
#   TRAIN   folder that create_pretraining_data.py wrote, in a bucket (gs://...)
#   EVAL    folder of held-out text, made in the same way
#   OUTPUT  new folder in a bucket, or that of a run to go on with
#
#   PYTHON  interpreter (default: python)
#   CONFIG  architecture (default: configs/albert_base_v2.json)
#   INIT    checkpoint to start from, in a bucket (default: none)
#   ZONE, PROJECT  of the TPU, where they are not this machine's
#
# The files must lie in buckets of the TPU's own region: its hosts read them,
# this machine does not. The batch has to be a multiple of CORES; 4096 is
# ALBERT's. Flags at the end of the command win over those below.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in -h | --help) usage && exit ;; esac
if [ $# -lt 5 ]; then die "expected TPU CORES TRAIN EVAL OUTPUT, see --help"; fi
TPU=$1 CORES=$2 TRAIN=$3 EVAL=$4 OUTPUT=$5
shift 5
for folder in "$TRAIN" "$EVAL" "$OUTPUT"; do
  case $folder in
    gs://*) ;;
    *) die "$folder: expected a folder in a bucket, gs://...; a TPU sees no other" ;;
  esac
done

exec "${PYTHON:-python}" "$REPO/run_pretraining.py" \
  --use_tpu=true --tpu_name="$TPU" --num_tpu_cores="$CORES" \
  ${ZONE:+--tpu_zone="$ZONE"} ${PROJECT:+--gcp_project="$PROJECT"} \
  --input_file="$TRAIN" --eval_file="$EVAL" --output_dir="$OUTPUT" \
  --albert_config_file="${CONFIG:-$REPO/configs/albert_base_v2.json}" \
  ${INIT:+--init_checkpoint="$INIT"} \
  --do_train=true --do_eval=true --precision=bf16 \
  --max_seq_length=512 --max_predictions_per_seq=76 \
  --train_batch_size=4096 --eval_batch_size=512 \
  --optimizer=lamb --learning_rate=0.00176 \
  --num_train_steps=125000 --num_warmup_steps=3125 \
  --save_checkpoints_steps=5000 --iterations_per_loop=1000 \
  "$@"
