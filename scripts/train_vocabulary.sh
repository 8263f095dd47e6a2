#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Trains your own SentencePiece vocabulary with ALBERT's options.
#
# usage: scripts/train_vocabulary.sh [tf1|tf2.15|tf2]
#          --input FILES --output_prefix P [--vocab_size N] [--input_format F]
#          [--sentences N] [--threads N] [--keep_case]
#
#   --input          files or globs in quotes, comma-separated, in any format
#                    that create_pretraining_data.py reads
#   --output_prefix  writes P.model and P.vocab
#   --vocab_size     number of pieces (default 30000, as in ALBERT)
#   --input_format   auto (the default), text, pubmed, pmc or mimic
#   --sentences      number of random sentences to train on (default 10000000;
#                    each takes about 2 KB of memory)
#   --threads        number of threads (default 16; the result depends on it
#                    slightly)
#   --keep_case      keep capitals; by default text is lower-cased
#   tf1, tf2.15, tf2  the environment to use; see scripts/setup.sh
#
# Then: create_pretraining_data.py --spm_model_file=P.model ..., and in the
# model's configuration "vocab_size": N.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

parse_arguments() {
  TENSORFLOW='' OPTIONS=()
  while [ $# -gt 0 ]; do
    case $1 in
      tf1 | tf2.15 | tf2) TENSORFLOW=$1 ;;
      -h | --help) usage && exit ;;
      --keep_case) OPTIONS+=("$1") ;;
      --input=* | --output_prefix=* | --vocab_size=* | --input_format=* | \
        --sentences=* | --threads=*) OPTIONS+=("$1") ;;
      --input | --output_prefix | --vocab_size | --input_format | \
        --sentences | --threads)
        [ $# -gt 1 ] || die "$1 needs a value"
        OPTIONS+=("$1=$2")
        shift
        ;;
      *) die "unknown argument '$1'; --help lists all" ;;
    esac
    shift
  done
  for needed in --input --output_prefix; do
    case " ${OPTIONS[*]-} " in
      *" $needed="*) ;;
      *) die "$needed is not given; --help says what it is" ;;
    esac
  done
}

main() {
  local python=${PYTHON:-}
  parse_arguments "$@"
  if [ -z "$python" ]; then
    TENSORFLOW=${TENSORFLOW:-$(choose_tensorflow)}
    bash "$REPO/scripts/setup.sh" "$TENSORFLOW"
    python=$(venv_of "$TENSORFLOW")/bin/python
  fi
  exec "$python" "$REPO/scripts/train_vocabulary.py" "${OPTIONS[@]}"
}

main "$@"
