#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Prepares every corpus in a folder from its authors' files, fine-tunes the
# bundled small model on each for one epoch, and makes the report. This checks
# every step from the downloads to the table; the scores mean nothing.
#
# usage: bash benchmarks/sweep.sh DATA OUTPUT [options of scripts/benchmark.sh]
#   DATA    folder with official/ (the authors' files) and benchmarks/ (folds
#           and test files of BioBERT, where the authors' are not available)
#   OUTPUT  folder for data/ and results/; the same command continues there
set -euo pipefail
DATA=$(cd "$1" && pwd) OUTPUT=$2
shift 2
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv-tf2/bin/python}
mkdir -p "$OUTPUT/data"
OUTPUT=$(cd "$OUTPUT" && pwd)

# Prepares a corpus, unless that is already done.
prepare() {  # prepare DATA_SET FOLDER [FLAGS]
  local name=$1 folder=$2 begin=$SECONDS
  shift 2
  if [ -e "$OUTPUT/data/$name/conversion.json" ]; then return; fi
  "$PYTHON" prepare_data.py --dataset="$name" --input_dir="$DATA/$folder" \
    --output_dir="$OUTPUT/data/$name" "$@" >/dev/null
  echo "prepared $name in $((SECONDS - begin)) s"
}

prepare bc2gm official/BC2GM --alternatives
prepare bc5cdr-chem official/BC5CDR
prepare bc5cdr-disease official/BC5CDR
prepare ncbi-disease official/NCBI-disease
prepare gad benchmarks/RE
prepare euadr benchmarks/RE
prepare ddi official
prepare biosses official/BIOSSES
prepare hoc official/HoC
# The folder has only parts of these.
prepare chemprot official/ChemProt_partial --allow_incomplete
prepare bioasq-4b benchmarks/QA/BioASQ
prepare bioasq-6b benchmarks/QA/BioASQ

# ChemProt lacks its test set and JNLPBA its training set; another set takes its
# place, so that every step runs.
cp "$DATA/benchmarks/RE/chemprot/blurb_dev.tsv" "$OUTPUT/data/chemprot/test.tsv"
mkdir -p "$OUTPUT/data/jnlpba"
cp "$DATA"/benchmarks/NER/JNLPBA-typed/devel.tsv "$OUTPUT/data/jnlpba/train.tsv"
cp "$DATA"/benchmarks/NER/JNLPBA-typed/{devel,test}.tsv "$OUTPUT/data/jnlpba/"

PYTHON=$PYTHON bash scripts/benchmark.sh --data_dir "$OUTPUT/data" \
  --results_dir "$OUTPUT/results" --models models/bioalbert-small "$@" \
  -- --num_train_epochs=1
