#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs prepare_data.py three times on every corpus in a folder of official files
# and prints the median times.
#
# usage: bash benchmarks/conversion.sh DATA OUTPUT [PYTHON]
#   DATA    folder as in benchmarks/sweep.sh
#   OUTPUT  new folder
#   PYTHON  interpreter of an environment made by scripts/setup.sh
set -euo pipefail
DATA=$1 OUTPUT=$2 PYTHON=${3:-python}
cd "$(dirname "$0")/.."

measure() {  # measure DATA_SET FOLDER [FLAGS]
  local name=$1 folder=$2 begin end times=() i
  shift 2
  for i in 1 2 3; do
    begin=$("$PYTHON" -c 'import time; print(time.time())')
    "$PYTHON" prepare_data.py --dataset="$name" --input_dir="$DATA/$folder" \
      --output_dir="$OUTPUT/$name" "$@" >/dev/null
    end=$("$PYTHON" -c 'import time; print(time.time())')
    times+=("$(awk "BEGIN { printf \"%.1f\", $end - $begin }")")
  done
  printf '%s: median %s s of %s\n' "$name" \
    "$(printf '%s\n' "${times[@]}" | sort -n | sed -n 2p)" "${times[*]}"
}

measure bc2gm official/BC2GM
measure bc5cdr-chem official/BC5CDR
measure bc5cdr-disease official/BC5CDR
measure ncbi-disease official/NCBI-disease
measure ddi official
measure hoc official/HoC
measure biosses official/BIOSSES
measure chemprot official/ChemProt_partial --allow_incomplete
measure bioasq-4b benchmarks/QA/BioASQ
measure bioasq-6b benchmarks/QA/BioASQ
measure gad benchmarks/RE
measure euadr benchmarks/RE
