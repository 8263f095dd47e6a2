#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Pretrains on a Cloud TPU or a slice of a pod. Run it on a Google Cloud machine
# in the TPU's zone, with the TensorFlow version that the TPU runs.
#
# usage: scripts/pretrain_tpu.sh TPU CORES TRAIN EVAL OUTPUT \
#          [flags of run_pretraining.py]
#
#   TPU     name or address of the TPU (grpc://10.0.0.2:8470)
#   CORES   8 for a v2-8 or v3-8, 32 for a v3-32, ...
#   TRAIN   folder that create_pretraining_data.py wrote, in a bucket (gs://...)
#   EVAL    the same for held-out text
#   OUTPUT  new folder in a bucket, or the folder of a run to continue
#
# Environment variables:
#   PYTHON  interpreter (default: python)
#   CONFIG  architecture (default: configs/albert_base_v2.json)
#   INIT    checkpoint to start from, in a bucket (default: random weights)
#   ZONE, PROJECT  those of the TPU, if they differ from this machine's
#
# All files must be in buckets in the TPU's region, because the TPU's hosts read
# them, not this machine. The batch size has to be a multiple of CORES; 4096 is
# ALBERT's. Flags given on the command line override those of this script.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in -h | --help) usage && exit ;; esac
if [ $# -lt 5 ]; then die "expected TPU CORES TRAIN EVAL OUTPUT; see --help"; fi
TPU=$1 CORES=$2 TRAIN=$3 EVAL=$4 OUTPUT=$5
shift 5
for folder in "$TRAIN" "$EVAL" "$OUTPUT"; do
  case $folder in
    gs://*) ;;
    *) die "$folder: expected a folder in a bucket (gs://...)" ;;
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
