#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fine-tunes and scores pretrained models on the data sets of the benchmark.
#
# usage: scripts/benchmark.sh [options] [-- flags for every run]
#
#   --datasets LIST    such as bc2gm,gad or "bc2gm gad" (default: all, each of
#                      which has a recipe)
#   --models DIR ...   folders of pretrained models, or their names in
#                      --weights_dir; results are kept by the folder's name
#                      (default: all, those of the eight published BioALBERTs
#                      that are there: BioALBERT-{base,large}-{PubMed,
#                      PubMed-PMC,PubMed-MIMIC,PubMed-PMC-MIMIC})
#   --seeds LIST       such as 1,2,3 or 1-5 (default: 1). BLURB reports the mean
#                      of 5, and of 10 for BIOSSES and BioASQ
#   --folds LIST       of data sets that come in folds (default: all there are)
#   --data_dir DIR     with a folder for each data set (default: data)
#   --weights_dir DIR  with a folder for each model (default: weights)
#   --results_dir DIR  DIR/dataset/model/run/ is a run (default: results)
#   --recipes DIR      the flags for each data set (default: configs/recipes)
#   --jobs N           so many runs at a time (default: 1). With
#                      CUDA_VISIBLE_DEVICES=0,1,... each gets one of these GPUs
#   --python PATH      interpreter, or tf1 or tf2 for that of scripts/setup.sh
#                      (default: $PYTHON, else tf2 if it is set up, else tf1)
#   --dry_run          print the commands and run none
#   --report           make the report of --results_dir anew, and nothing else
#
#   --                 what follows is added to every run, and wins over the
#                      recipe: -- --num_train_epochs=1
#
# Finished runs are skipped and failed ones are passed by, so that the same
# command goes on after Ctrl-C or a kill, and several may share the work. A run
# leaves its log in log.txt of its folder. Data sets that are not there are
# said. At the end a report of all results is made. The exit code is 1 if a run
# failed, or if there was none.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Sets PYTHON and leaves all other arguments in ARGUMENTS.
parse_arguments() {
  PYTHON=${PYTHON:-}
  ARGUMENTS=()
  while [ $# -gt 0 ]; do
    case $1 in
      --) ARGUMENTS+=("$@") && break ;;
      -h | --help) usage && exit ;;
      --python=*) PYTHON=${1#*=} ;;
      --python)
        [ $# -gt 1 ] || die "--python: expected an interpreter, tf1 or tf2"
        PYTHON=$2
        shift
        ;;
      *) ARGUMENTS+=("$1") ;;
    esac
    shift
  done
}

find_interpreter() {
  local name
  case $PYTHON in
    tf1 | tf2) PYTHON=$(venv_of "$PYTHON")/bin/python ;;
    '')
      for name in tf1 tf2; do
        if [ -x "$(venv_of $name)/bin/python" ]; then
          PYTHON=$(venv_of $name)/bin/python
        fi
      done
      ;;
  esac
  if [ -z "$PYTHON" ]; then
    die "no environment is set up: run scripts/setup.sh, or give --python"
  fi
  type -P "$PYTHON" >/dev/null ||
    die "--python: $PYTHON: no such program; scripts/setup.sh makes tf1 and tf2"
}

main() {
  parse_arguments "$@"
  find_interpreter
  exec "$PYTHON" "$REPO/scripts/benchmark.py" --python "$PYTHON" \
    ${ARGUMENTS[@]+"${ARGUMENTS[@]}"}
}

main "$@"
