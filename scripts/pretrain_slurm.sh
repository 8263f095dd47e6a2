#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Pretrains on the GPUs of several machines, as a SLURM job.
#
# usage: sbatch --nodes=4 --gres=gpu:4 scripts/pretrain_slurm.sh \
#          TRAIN EVAL OUTPUT [flags of run_pretraining.py]
#
#   TRAIN, EVAL, OUTPUT  folders as in scripts/pretrain_gpu.sh, on a file system
#                        that all machines share
#
# Environment variables:
#   PORT                  port for traffic between the machines (default: 29500)
#   PYTHON, CONFIG, INIT  as in scripts/pretrain_gpu.sh
#
# Runs one process per node, which uses all GPUs of the job on that node.
# TF_CONFIG tells each process the list of workers and its own index; the first
# one writes the checkpoints. To continue a job that was ended, submit the same
# command again; because of --requeue SLURM can do so itself.
#SBATCH --job-name=bioalbert
#SBATCH --ntasks-per-node=1
#SBATCH --requeue
set -euo pipefail

# SLURM runs a copy of this file from its spool folder, so the checkout has to
# be the folder from which the job was submitted.
REPO=${REPO:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)}
if [ ! -e "$REPO/run_pretraining.py" ]; then REPO=$SLURM_SUBMIT_DIR; fi
export REPO

# Prints {"cluster": {"worker": ["a:29500", "b:29500"]}, "task": {...}}.
tf_config() {  # tf_config INDEX HOST...
  local index=$1 hosts=''
  shift
  for host in "$@"; do hosts="$hosts${hosts:+, }\"$host:${PORT:-29500}\""; done
  printf '{"cluster": {"worker": [%s]}, ' "$hosts"
  printf '"task": {"type": "worker", "index": %d}}\n' "$index"
}

# Pretrains on this node. scontrol expands node[1-4] to one name per line.
pretrain_on_node() {
  local hosts
  hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
  # shellcheck disable=SC2086  # One word per host is intended.
  TF_CONFIG=$(tf_config "$SLURM_PROCID" $hosts)
  export TF_CONFIG
  exec bash "$REPO/scripts/pretrain_gpu.sh" "$@" \
    --distribution=multi_worker_mirrored
}

if [ "${1:-}" = --on-node ]; then
  shift
  pretrain_on_node "$@"
elif [ -z "${SLURM_JOB_NODELIST:-}" ]; then
  awk 'NR > 3 && !/^#/ { exit } NR > 3 { sub(/^# ?/, ""); print }' "$0"
  case ${1:-} in -h | --help) exit ;; *) exit 1 ;; esac
else
  exec srun --ntasks-per-node=1 bash "$REPO/scripts/pretrain_slurm.sh" \
    --on-node "$@"
fi
