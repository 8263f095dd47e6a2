#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fetches published weights and corpora, or says where to ask for them.
#
# usage: scripts/download.sh --list
#        scripts/download.sh NAME... [--output_dir DIR] [--weights_dir DIR]
#          [--table FILE] [--retries N] [--timeout SECONDS]
#
#   --list         a table of all names: kind, licence, how they are had
#   NAME           a name of that table, in any case; or corpora, weights or all
#   --output_dir   corpora are put into DIR/NAME (default: data/raw)
#   --weights_dir  weights are unpacked into DIR/NAME (default: weights)
#   --table        addresses and checksums (default: configs/downloads.ini)
#   --retries      how often a transfer that broke is taken up again (default 3)
#   --timeout      give up on a server that is silent for so long (default 60)
#
# An interrupted download is taken up where it stopped by the same command; a
# file that is there and agrees with its checksum is not fetched again. Where
# no checksum is published, that of the first download is recorded in
# SHA256SUMS beside the file and holds from then on: it shows later damage or
# change, not that the first copy was right.
#
# What needs an agreement or a browser is not fetched: the page, what to take
# there and where to put it are told. The exit code is 1 if anything asked for
# by name could not be fetched; corpora, weights and all pass over the rest.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

parse_arguments() {
  ARGUMENTS=()
  [ $# -gt 0 ] || die "nothing is asked for; --list shows all there is"
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) usage && exit ;;
      --output_dir | --weights_dir | --table | --retries | --timeout)
        [ $# -gt 1 ] || die "$1 needs a value"
        ARGUMENTS+=("$1=$2")
        shift
        ;;
      --list | --output_dir=* | --weights_dir=* | --table=* | --retries=* | \
        --timeout=*) ARGUMENTS+=("$1") ;;
      -*) die "unknown argument '$1'; --help lists all" ;;
      *) ARGUMENTS+=("$1") ;;
    esac
    shift
  done
}

# Any that BioALBERT runs on will do; no package is needed.
choose_python() {
  local tensorflow
  CHOSEN=${PYTHON:-}
  for tensorflow in tf2 tf1; do
    if [ -z "$CHOSEN" ] && is_ready $tensorflow plain; then
      CHOSEN=$(venv_of $tensorflow)/bin/python
    fi
  done
  for tensorflow in tf2 tf1; do
    if [ -z "$CHOSEN" ] && find_python $tensorflow; then CHOSEN=$FOUND; fi
  done
  [ -n "$CHOSEN" ] || die "$(advice tf2)"
}

main() {
  parse_arguments "$@"
  choose_python
  # As the process itself, so that Ctrl-C reaches it and nothing else.
  exec "$CHOSEN" "$REPO/scripts/download.py" "${ARGUMENTS[@]}"
}

main "$@"
