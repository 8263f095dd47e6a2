#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks the style of the Python code (pyproject.toml) and the shell's syntax.
#
# usage: scripts/lint.sh [--fix]
#
#   --fix  put right what ruff can, formatting included, and report the rest
#
# Takes the ruff of $PYTHON, else of an environment made by
# scripts/setup.sh --dev.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Another version of ruff may format otherwise, so only the pinned one will do.
find_ruff() {
  local pinned
  pinned=$(sed -n 's/^ruff==//p' "$REPO/requirements-dev.txt")
  for RUFF in "${PYTHON:-python3}" "$(venv_of tf2)/bin/python" \
    "$(venv_of tf1)/bin/python"; do
    [ "$("$RUFF" -m ruff --version 2>/dev/null)" != "ruff $pinned" ] || return 0
  done
  die "ruff $pinned was not found; install it with: scripts/setup.sh --dev"
}

main() {
  local script failed=0
  case ${1:-} in
    '' | --fix) ;;
    -h | --help) usage && exit ;;
    *) die "unknown argument '$1'; known is --fix" ;;
  esac
  cd "$REPO"
  find_ruff
  if [ "${1:-}" = --fix ]; then
    "$RUFF" -m ruff check --quiet --fix . || failed=1
    "$RUFF" -m ruff format --quiet .
  else
    "$RUFF" -m ruff check --quiet . || failed=1
    "$RUFF" -m ruff format --quiet --diff . || failed=1
  fi
  for script in scripts/*.sh .ci/run; do
    bash -n "$script" || failed=1
  done
  if [ $failed = 1 ]; then die "some of it is mended by: scripts/lint.sh --fix"; fi
}

main "$@"
