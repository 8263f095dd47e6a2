#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Pretrains on the GPUs of several machines, as a job of SLURM.
#
# usage: sbatch --nodes=4 --gres=gpu:4 scripts/pretrain_slurm.sh \
#          TRAIN EVAL OUTPUT [flags of run_pretraining.py]
#
#   TRAIN, EVAL, OUTPUT  folders as for scripts/pretrain_gpu.sh, on a file
#                        system that all machines see
#
#   PORT    on which the machines talk to each other (default: 29500)
#   PYTHON, CONFIG, INIT  as for scripts/pretrain_gpu.sh
#
# One process a node, which uses all GPUs that the job has there. Each learns
# from TF_CONFIG who takes part and which of them it is; the first one writes
# checkpoints. A job that was ended goes on when the same command is submitted
# again. --requeue lets SLURM do that.
#SBATCH --job-name=bioalbert
#SBATCH --ntasks-per-node=1
#SBATCH --requeue
set -euo pipefail

# SLURM runs a copy of this file from elsewhere; the job's folder is where it
# was submitted.
REPO=${REPO:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)}
if [ ! -e "$REPO/run_pretraining.py" ]; then REPO=$SLURM_SUBMIT_DIR; fi
export REPO

# {"cluster": {"worker": ["a:29500", "b:29500"]}, "task": {...}} for worker $1
# of the hosts that follow.
tf_config() {
  local index=$1 hosts=''
  shift
  for host in "$@"; do hosts="$hosts${hosts:+, }\"$host:${PORT:-29500}\""; done
  printf '{"cluster": {"worker": [%s]}, ' "$hosts"
  printf '"task": {"type": "worker", "index": %d}}\n' "$index"
}

# What every node runs. scontrol turns node[1-4] into a name a line.
work() {
  local hosts
  hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
  # shellcheck disable=SC2086  # A word a host is what is wanted.
  TF_CONFIG=$(tf_config "$SLURM_PROCID" $hosts)
  export TF_CONFIG
  exec bash "$REPO/scripts/pretrain_gpu.sh" "$@" \
    --distribution=multi_worker_mirrored
}

if [ "${1:-}" = --on-node ]; then
  shift
  work "$@"
elif [ -z "${SLURM_JOB_NODELIST:-}" ]; then
  awk 'NR > 3 && !/^#/ { exit } NR > 3 { sub(/^# ?/, ""); print }' "$0"
  case ${1:-} in -h | --help) exit ;; *) exit 1 ;; esac
else
  exec srun --ntasks-per-node=1 bash "$REPO/scripts/pretrain_slurm.sh" \
    --on-node "$@"
fi
