#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the tests on every TensorFlow for which a Python is found.
#
# usage: scripts/test.sh [tf1|tf2.15|tf2] [-- arguments of pytest]
#
#   tf1, tf2.15, tf2  run on this TensorFlow only
#   --                pass the rest to pytest, which chooses the tests:
#                     scripts/test.sh tf2 -- -k metrics
#
# Creates the environments (scripts/setup.sh --dev); tests start when the first
# is ready. Prints the ten slowest tests of each TensorFlow. The first
# TensorFlow runs all tests; the others leave out slow ones marked "once", unless
# the mark names them. Folders that need no TensorFlow are tested on the first
# and the last only, the newest and the oldest Python. Fails if a test fails or
# if no Python is found. If the variable CI is set, it also fails if the Python
# for one of these TensorFlows is missing.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

parse_arguments() {
  local requested=''
  PYTEST_ARGUMENTS=()
  while [ $# -gt 0 ]; do
    case $1 in
      tf1 | tf2.15 | tf2) requested="$requested $1" ;;
      -h | --help) usage && exit ;;
      --) shift && PYTEST_ARGUMENTS=("$@") && break ;;
      *) die "unknown argument '$1'; put arguments of pytest after --" ;;
    esac
    shift
  done
  TENSORFLOWS=${requested:-$TENSORFLOWS}
}

# Keeps those TensorFlows for which a Python is found, and reports the others.
skip_missing() {
  local tensorflow found=''
  for tensorflow in $TENSORFLOWS; do
    if is_ready "$tensorflow" dev || find_python "$tensorflow"; then
      found="$found $tensorflow"
    else
      REPORT="$REPORT$tensorflow: NOT TESTED: $(advice "$tensorflow")"$'\n'
      if [ -n "${CI:-}" ]; then FAILED=1; fi
    fi
  done
  TENSORFLOWS=$found
}

# Sets up environments, one after another, beside the first one and its tests:
# setup.sh waits where another one is at work.
set_up_ahead() {  # set_up_ahead TENSORFLOW...
  local tensorflow
  for tensorflow; do
    bash "$REPO/scripts/setup.sh" "$tensorflow" --dev >/dev/null 2>&1 || true
  done
}

WITHOUT_TENSORFLOW='common converters evaluation formats scripts
  test_docs.py test_examples.py test_layering.py test_mutants.py
  test_tokenization.py'

# Sets SELECTION, the arguments of pytest that choose the tests of a TensorFlow.
choose_tests() {  # choose_tests TENSORFLOW ALL_OF_THEM...
  local name tensorflow=$1
  shift
  SELECTION=(${PYTEST_ARGUMENTS[@]+"${PYTEST_ARGUMENTS[@]}"})
  if [ ${#SELECTION[@]} -gt 0 ] || [ "$tensorflow" = "$1" ]; then return; fi
  SELECTION=("--again=$tensorflow")
  if [ "$tensorflow" = "${!#}" ]; then return; fi
  for name in $WITHOUT_TENSORFLOW; do SELECTION+=("--ignore=tests/$name"); done
}

# Runs SELECTION and adds a line to REPORT; false if anything failed.
test_on() {  # test_on TENSORFLOW
  local python version start=$SECONDS outcome=passed
  python=$(venv_of "$1")/bin/python
  is_ready "$1" dev || {
    REPORT="$REPORT$1: setup failed"$'\n'
    return 1
  }
  version="$("$python" -V), $("$python" -m pip freeze |
    grep -E '^tensorflow(-gpu)?==')"
  say "$1: testing with $version, $python"
  "$python" -m pytest -q --numprocesses=2 --dist=loadfile \
    --max-worker-restart=2 --durations=10 ${SELECTION[@]+"${SELECTION[@]}"} ||
    outcome="FAILED (pytest's exit code $?)"
  REPORT="$REPORT$1: $outcome in $((SECONDS - start)) s, $version, $python"$'\n'
  [ "$outcome" = passed ]
}

main() {
  local tensorflow
  REPORT='' FAILED=0
  parse_arguments "$@"
  cd "$REPO"
  export PYTHONDONTWRITEBYTECODE=  # Else each process compiles all files again.
  skip_missing
  # shellcheck disable=SC2086  # A word for each is intended.
  set -- $TENSORFLOWS
  set_up_ahead "${@:2}" &
  for tensorflow; do
    bash "$REPO/scripts/setup.sh" "$tensorflow" --dev || true
    choose_tests "$tensorflow" "$@"
    test_on "$tensorflow" || FAILED=1
  done
  printf '\n%s' "$REPORT"
  [ -n "$TENSORFLOWS" ] || die "no Python was found, so nothing was tested"
  if [ $FAILED = 1 ]; then die "the tests failed or are incomplete"; fi
}

main "$@"
