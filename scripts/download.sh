#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Downloads published weights and corpora, or explains how to get them.
#
# usage: scripts/download.sh --list
#        scripts/download.sh NAME... [--output_dir DIR] [--weights_dir DIR]
#          [--retries N] [--timeout SECONDS]
#
#   --list         show all names with their licence and how to get them
#   NAME           a name of that list, in any case; or corpora, weights or all
#   --output_dir   put corpora into DIR/NAME (default: data/raw)
#   --weights_dir  unpack weights into DIR/NAME (default: weights)
#   --retries      how often to continue a broken transfer (default: 3)
#   --timeout      give up on a server after so many silent seconds (default: 60)
#
# Repeat the command to continue an interrupted download. Files that are there
# and match their checksum are not downloaded again. Where no checksum is
# published, SHA256SUMS beside the file records that of the first download: it
# reveals later damage or changes, but does not prove that the first copy was
# right. Addresses and checksums are in common/data_sets.py and
# common/weights.py.
#
# Some corpora need an agreement and some pages need a browser; then the script
# prints the page, what to get there and where to put it. The exit code is 1 if
# something requested by name was not downloaded; corpora, weights and all skip
# what cannot be downloaded.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

parse_arguments() {
  ARGUMENTS=()
  [ $# -gt 0 ] || die "no name given; --list shows all names"
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) usage && exit ;;
      --output_dir | --weights_dir | --retries | --timeout)
        [ $# -gt 1 ] || die "$1 needs a value"
        ARGUMENTS+=("$1=$2")
        shift
        ;;
      --list | --output_dir=* | --weights_dir=* | --retries=* | --timeout=*)
        ARGUMENTS+=("$1")
        ;;
      -*) die "unknown argument '$1'; --help lists all" ;;
      *) ARGUMENTS+=("$1") ;;
    esac
    shift
  done
}

# Any Python that BioALBERT supports will do, with or without packages.
choose_python() {
  local tensorflow
  CHOSEN=${PYTHON:-}
  if [ -z "$CHOSEN" ] && tensorflow=$(newest_venv); then
    CHOSEN=$(venv_of "$tensorflow")/bin/python
  fi
  for tensorflow in $TENSORFLOWS; do
    if [ -z "$CHOSEN" ] && find_python "$tensorflow"; then CHOSEN=$FOUND; fi
  done
  [ -n "$CHOSEN" ] || die "$(advice tf2)"
}

main() {
  parse_arguments "$@"
  choose_python
  # exec: Ctrl-C then reaches Python directly.
  exec "$CHOSEN" "$REPO/scripts/download.py" "${ARGUMENTS[@]}"
}

main "$@"
