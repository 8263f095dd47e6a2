#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Labels texts on many machines, as an array job of SLURM.
#
# usage: sbatch --array=1-64 --gres=gpu:1 scripts/label_slurm.sh \
#          PROGRAM [flags of that program]
#
#   PROGRAM  such as run_ner.py, with --bioalbert_dir, --predict_file and
#            --output_dir on a file system that all machines share
#
# Environment variables:
#   PYTHON   Python with the requirements (default: python)
#
# Task 3 of 64 runs the program with --predict_part=3/64. The files of labels are
# the same for any number of tasks; the last task to end writes their manifest.
# After a failure, submit the same command again: finished parts end at once, and
# others continue after their last finished file. Because of --requeue SLURM can
# do so itself for a preempted task.
#SBATCH --job-name=bioalbert-label
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

# SLURM runs a copy of this file from its spool folder, so the checkout has to
# be the folder from which the job was submitted.
REPO=${REPO:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)}
if [ ! -e "$REPO/run_ner.py" ]; then REPO=$SLURM_SUBMIT_DIR; fi

if [ $# = 0 ] || [ "$1" = -h ] || [ "$1" = --help ]; then
  awk 'NR > 3 && !/^#/ { exit } NR > 3 { sub(/^# ?/, ""); print }' "$0"
  [ $# != 0 ] && exit 0 || exit 1
fi
TASK=${SLURM_ARRAY_TASK_ID:-none} COUNT=${SLURM_ARRAY_TASK_COUNT:-0}
FIRST=${SLURM_ARRAY_TASK_MIN:-none} LAST=${SLURM_ARRAY_TASK_MAX:-none}
if [ "$FIRST" != 1 ] || [ "$LAST" != "$COUNT" ]; then
  printf '%s\n' "label_slurm.sh: found tasks $FIRST to $LAST, expected the tasks\
 1 to N of one array, as in sbatch --array=1-64" >&2
  exit 1
fi
PROGRAM=$1
shift
exec "${PYTHON:-python}" "$REPO/$(basename "$PROGRAM")" "$@" \
  --predict_part="$TASK/$COUNT"
