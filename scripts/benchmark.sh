#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fine-tunes and scores pretrained models on the data sets of the benchmark.
#
# usage: scripts/benchmark.sh [options] [-- flags for every run]
#
#   --datasets LIST    such as bc2gm,gad or "bc2gm gad" (default: all that have
#                      a recipe)
#   --models DIR ...   folders of pretrained models, or their names in
#                      --weights_dir (default: all, the eight published
#                      BioALBERTs as far as they are there)
#   --seeds LIST       such as 1,2,3 or 1-5 (default: 1). BLURB reports the mean
#                      of 5, and of 10 for BIOSSES and BioASQ
#   --folds LIST       of data sets that come in folds (default: all)
#   --data_dir DIR     with a folder for each data set (default: data)
#   --weights_dir DIR  with a folder for each model (default: weights)
#   --results_dir DIR  each run goes to DIR/<data set>/<model>/<run>/ (default:
#                      results)
#   --recipes DIR      the flags for each data set (default: configs/recipes)
#   --jobs N           number of runs at a time (default: 1). With
#                      CUDA_VISIBLE_DEVICES=0,1,... each gets one of these GPUs
#   --python PATH      interpreter, or tf1 or tf2 for that of scripts/setup.sh
#                      (default: $PYTHON, else tf2 if it is set up, else tf1)
#   --dry_run          print the commands without running them
#   --report           only make the report of --results_dir
#
# Flags after -- are added to every run and override the recipe:
# -- --num_train_epochs=1
#
# Finished runs are skipped. A failed run is reported with the last line of its
# log.txt, and the sweep continues. After Ctrl-C or a kill the same command
# continues where it left off; several sweeps may share the work. The sweep ends
# with a report of all results. The exit code is 1 if a run failed or if there
# was none.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

main() {
  local python=${PYTHON:-} arguments=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in
      -h | --help) usage && exit ;;
      --python=*) python=${1#*=} ;;
      --python) python=${2:-no value} && shift $(($# > 1)) ;;
      *) arguments+=("$1") ;;
    esac
    shift
  done
  arguments+=("$@")
  if [ -z "$python" ]; then
    if [ -x "$(venv_of tf2)/bin/python" ]; then python=tf2; else python=tf1; fi
  fi
  case $python in tf1 | tf2) python=$(venv_of "$python")/bin/python ;; esac
  type -P "$python" >/dev/null ||
    die "--python: $python: no such program; scripts/setup.sh makes tf1 and tf2"
  exec "$python" "$REPO/scripts/benchmark.py" --python "$python" \
    ${arguments[@]+"${arguments[@]}"}
}

main "$@"
