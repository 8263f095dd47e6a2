#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Downloads published weights and corpora, ready for the programs.
#
# usage: scripts/download.sh --list
#        scripts/download.sh NAME... [--preprocessed | --raw] [--data_dir DIR]
#          [--output_dir DIR] [--weights_dir DIR] [--timeout SECONDS]
#
#   --list          show all names with their licence and how to get them
#   NAME            a name of that list, in any case; or corpora, weights, all
#   --preprocessed  fetch the files that BioALBERT's authors prepared, instead of
#                   converting the owners' corpus
#   --raw           fetch the owners' corpus without converting it
#   --data_dir      put what the programs read into DIR/NAME (default: data)
#   --output_dir    put the owners' files into DIR/NAME (default: data/raw)
#   --weights_dir   unpack weights into DIR/NAME (default: weights)
#   --timeout       give up on a server after so many silent seconds
#                   (default: 60)
#
# prepare_data.py converts a corpus in its default layout. Files that are there
# and match their checksum are not downloaded again. Where no checksum is
# published, SHA256SUMS beside the file records that of the first download: it
# reveals later damage or changes, but does not prove that the first copy was
# right. Links and checksums are in common/data_sets.py and common/weights.py.
#
# Some corpora need an agreement or a registration; then the script prints the
# page, what to get there and where to put it. The exit code is 1 if something
# requested by name is not there in the end; corpora and all skip what needs an
# agreement.
#
# It runs in $PYTHON if set, else in the active environment, else in one of
# scripts/setup.sh, which it creates if there is none.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

has_packages() { "$1" -c 'import absl, gdown, lxml, pooch' 2>/dev/null; }

choose_python() {
  local tensorflow
  CHOSEN=${PYTHON:-}
  if [ -z "$CHOSEN" ] && has_packages python; then CHOSEN=python; fi
  for tensorflow in $TENSORFLOWS; do
    if [ -z "$CHOSEN" ] && is_ready "$tensorflow" plain; then
      CHOSEN=$(venv_of "$tensorflow")/bin/python
    fi
  done
  [ -z "$CHOSEN" ] || return 0
  tensorflow=$(newest_venv || choose_tensorflow)
  bash "$REPO/scripts/setup.sh" "$tensorflow"
  CHOSEN=$(venv_of "$tensorflow")/bin/python
}

main() {
  case " $* " in *' -h '* | *' --help '*) usage && exit ;; esac
  choose_python
  # exec: Ctrl-C then reaches Python directly.
  exec "$CHOSEN" "$REPO/scripts/download.py" "$@"
}

main "$@"
