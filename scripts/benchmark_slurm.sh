#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the benchmark as an array job of SLURM, a task for each run.
#
# usage: scripts/benchmark_slurm.sh [options of scripts/benchmark.sh]
#
#   SBATCH_FLAGS  flags for sbatch, such as
#                 '--gres=gpu:1 --time=8:00:00 --partition=long'
#   PYTHON        as for scripts/benchmark.sh
#
# Start it, rather than submit it, where paths are those of the machines that
# will do the work. --jobs N limits the number of tasks at a time (default: no
# limit). A second job makes the report when all tasks have ended. Submit it
# again to do what is left: finished runs are skipped, and a preempted task is
# requeued and continues where it left off.
set -euo pipefail
# SLURM runs a copy of this file from elsewhere.
REPO=${REPO:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)}
export REPO
BENCHMARK=$REPO/scripts/benchmark.sh

# --jobs is for the array, all other options are for the tasks.
parse_arguments() {
  LIMIT='' DRY=''
  ARGUMENTS=()
  while [ $# -gt 0 ]; do
    case $1 in
      --) ARGUMENTS+=("$@") && break ;;
      --jobs=*) LIMIT=${1#*=} ;;
      --jobs)
        LIMIT=${2:-0}
        [ $# = 1 ] || shift
        ;;
      --dry_run) DRY=yes ;;
      *) ARGUMENTS+=("$1") ;;
    esac
    shift
  done
  case $LIMIT in
    *[!0-9]* | 0*)
      printf '%s\n' "benchmark_slurm.sh: --jobs=$LIMIT: expected a number" >&2
      exit 1
      ;;
  esac
}

submit() {  # submit FLAGS OF SBATCH -- ARGUMENTS
  local flags=()
  while [ "$1" != -- ]; do flags+=("$1") && shift; done
  shift
  # shellcheck disable=SC2086  # The flags are to be split.
  sbatch --parsable --requeue --open-mode=append ${SBATCH_FLAGS:-} \
    "${flags[@]}" "$REPO/scripts/benchmark_slurm.sh" "$@"
}

# The flags for the runs come last, so the options follow --cell and --report.
main() {
  local count job
  parse_arguments "$@"
  set -- ${ARGUMENTS[@]+"${ARGUMENTS[@]}"}
  count=$(bash "$BENCHMARK" --count "$@")
  if [ "$count" = 0 ]; then
    printf '%s\n' "benchmark_slurm.sh: found no data to run on" >&2
    exit 1
  fi
  if [ -n "$DRY" ]; then exec bash "$BENCHMARK" --dry_run "$@"; fi
  job=$(submit --job-name=bioalbert-benchmark \
    --array="0-$((count - 1))${LIMIT:+%$LIMIT}" -- --on-node "$count" "$@")
  # A cluster's name may follow the number, after a semicolon.
  submit --job-name=bioalbert-report --dependency="afterany:${job%%;*}" \
    -- --on-node report "$@" >/dev/null
  printf '%s\n' "job ${job%%;*}: $count runs, slurm-${job%%;*}_*.out"
}

case ${1:-} in
  -h | --help)
    awk 'NR > 3 && !/^#/ { exit } NR > 3 { sub(/^# ?/, ""); print }' "$0"
    ;;
  --on-node)
    what=$2
    shift 2
    if [ "$what" = report ]; then exec bash "$BENCHMARK" --report "$@"; fi
    exec bash "$BENCHMARK" --cell "$SLURM_ARRAY_TASK_ID/$what" "$@"
    ;;
  *) main "$@" ;;
esac
