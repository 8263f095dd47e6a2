#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the tests on every TensorFlow for which a Python is found.
#
# usage: scripts/test.sh [tf1|tf2] [-- arguments of pytest]
#
#   tf1, tf2  run on this TensorFlow only
#   --        pass the rest to pytest: scripts/test.sh tf2 -- -k metrics
#
# First creates the environments (scripts/setup.sh --dev). Fails if a test fails
# or if no Python is found. If the variable CI is set, it also fails if the
# Python for either TensorFlow is missing.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

parse_arguments() {
  TENSORFLOWS=''
  PYTEST_ARGUMENTS=()
  while [ $# -gt 0 ]; do
    case $1 in
      tf1 | tf2) TENSORFLOWS="$TENSORFLOWS $1" ;;
      -h | --help) usage && exit ;;
      --) shift && PYTEST_ARGUMENTS=("$@") && break ;;
      *) die "unknown argument '$1'; put arguments of pytest after --" ;;
    esac
    shift
  done
  TENSORFLOWS=${TENSORFLOWS:-tf2 tf1}
}

# Runs the tests and adds a line to REPORT; false if anything failed.
test_on() {  # test_on TENSORFLOW
  local python version start=$SECONDS outcome=passed
  python=$(venv_of "$1")/bin/python
  bash "$REPO/scripts/setup.sh" "$1" --dev || {
    REPORT="$REPORT$1: setup failed"$'\n'
    return 1
  }
  version="$("$python" -V), $("$python" -m pip freeze |
    grep -E '^tensorflow(-gpu)?==')"
  say "$1: testing with $version, $python"
  "$python" -m pytest -q --numprocesses=auto --maxprocesses=4 --dist=loadfile \
    --max-worker-restart=2 \
    ${PYTEST_ARGUMENTS[@]+"${PYTEST_ARGUMENTS[@]}"} ||
    outcome="FAILED (pytest's exit code $?)"
  REPORT="$REPORT$1: $outcome in $((SECONDS - start)) s, $version, $python"$'\n'
  [ "$outcome" = passed ]
}

main() {
  local tensorflow failed=0 tested=0
  REPORT=''
  parse_arguments "$@"
  cd "$REPO"
  for tensorflow in $TENSORFLOWS; do
    if is_ready "$tensorflow" dev || find_python "$tensorflow"; then
      tested=$((tested + 1))
      test_on "$tensorflow" || failed=1
    else
      REPORT="$REPORT$tensorflow: NOT TESTED: $(advice "$tensorflow")"$'\n'
      if [ -n "${CI:-}" ]; then failed=1; fi
    fi
  done
  printf '\n%s' "$REPORT"
  if [ $tested = 0 ]; then die "no Python was found, so nothing was tested"; fi
  if [ $failed = 1 ]; then die "the tests failed or are incomplete"; fi
}

main "$@"
