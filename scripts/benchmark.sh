#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fine-tunes and scores pretrained models on the data sets of the benchmark.
#
# usage: scripts/benchmark.sh [options] [-- flags that override every recipe]
#
#   --datasets LIST    such as bc2gm,gad (default: all that have a recipe)
#   --models DIR ...   folders of models, or names in --weights_dir (default:
#                      those of the eight published BioALBERTs that are there)
#   --seeds LIST       such as 1,2,3 or 1-5 (default: 1)
#   --folds LIST       of data sets that come in folds (default: all)
#   --data_dir DIR     with a folder for each data set (default: data)
#   --weights_dir DIR  with a folder for each model (default: weights)
#   --results_dir DIR  for DIR/<data set>/<model>/<run>/ (default: results)
#   --recipes DIR      flags for each data set (default: configs/recipes)
#   --jobs N           number of runs at a time (default: 1). With
#                      CUDA_VISIBLE_DEVICES=0,1,... each gets one of these GPUs
#   --dry_run          print the commands without running them
#   --report           only make the report of --results_dir
#
# PYTHON is the interpreter: a path, or tf1, tf2.15 or tf2 for that of
# scripts/setup.sh (default: the newest that is set up). Finished runs are
# skipped; failed ones are reported, with exit code 1. After Ctrl-C or a kill
# the same command continues where it left off. docs/benchmark.md explains more.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case " $* " in *" --help "* | *" -h "*) usage && exit ;; esac
python=${PYTHON:-$(newest_venv)} ||
  die "no environment was found; scripts/setup.sh creates one"
case $python in
  tf1 | tf2.15 | tf2) python=$(venv_of "$python")/bin/python ;;
esac
type -P "$python" >/dev/null ||
  die "PYTHON=$python: no such program; scripts/setup.sh creates environments"
exec "$python" "$REPO/scripts/benchmark.py" --python "$python" "$@"
