#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks the style of the Python code and the syntax of the shell scripts.
#
# usage: scripts/lint.sh [--fix]
#
#   --fix  fix what ruff can fix, formatting included, and report the rest
#
# Uses ruff from $PYTHON if set, else from an environment made by
# scripts/setup.sh --dev. pyproject.toml holds its settings.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Sets RUFF to a Python with the pinned ruff; other versions format differently.
find_ruff() {
  local pinned
  pinned=$(sed -n 's/^ruff==//p' "$REPO/requirements-dev.txt")
  for RUFF in "${PYTHON:-python3}" "$REPO"/.venv-*/bin/python; do
    [ "$("$RUFF" -m ruff --version 2>/dev/null)" != "ruff $pinned" ] || return 0
  done
  die "ruff $pinned was not found; install it with: scripts/setup.sh --dev"
}

main() {
  local script failed=0
  case ${1:-} in
    '' | --fix) ;;
    -h | --help) usage && exit ;;
    *) die "unknown argument '$1'; expected --fix" ;;
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
  if [ $failed = 1 ]; then
    die "found problems; scripts/lint.sh --fix fixes some of them"
  fi
}

main "$@"
