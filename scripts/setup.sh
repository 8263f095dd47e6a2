#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes a virtual environment with everything that BioALBERT needs.
#
# usage: scripts/setup.sh [tf1|tf2] [--dev]
#
#   tf1    TensorFlow 1.15 on Python 3.7, in .venv-tf1
#   tf2    TensorFlow 2.15 on Python 3.9, 3.10 or 3.11, in .venv-tf2
#          (neither named: tf2 if a Python for it is found, else tf1)
#   --dev  the test tools too (requirements-dev.txt)
#
# Installs nothing outside the checkout. Does nothing when all is in place;
# installs what is missing when the requirements changed; starts afresh when an
# earlier run did not finish. Two runs at the same time wait for each other.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Newer than the pip of old Pythons, which cannot read today's wheels.
PIP=pip==24.0

parse_arguments() {
  TENSORFLOW='' KIND=plain
  for argument in "$@"; do
    case $argument in
      tf1 | tf2) TENSORFLOW=$argument ;;
      --dev) KIND=dev ;;
      -h | --help) usage && exit ;;
      *) die "unknown argument '$argument'; known are tf1, tf2 and --dev" ;;
    esac
  done
  if [ -z "$TENSORFLOW" ]; then
    TENSORFLOW=$(choose_tensorflow)
    say "no TensorFlow named: taking $TENSORFLOW"
  fi
  VENV=$(venv_of "$TENSORFLOW")
  NAME=$(basename "$VENV")
}

# Holds the lock until this process and its pip have ended, however they end.
# The kernel frees it, so there is no stale lock; Python, because macOS has no
# flock command.
lock() {  # lock PYTHON
  exec 9>>"$VENV.lock"
  "$1" -I -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' \
    2>/dev/null && return
  say "another setup.sh is at work on $NAME: waiting for it"
  "$1" -I -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
}

report_ready() {
  say "ready: source $NAME/bin/activate"
  exit
}

# An environment without a stamp may hold half-copied packages.
make_venv() {
  if [ -e "$VENV" ] &&
    ! { grep -qF " $VENV" "$VENV/setup-stamp" && "$VENV/bin/python" -c ''; } \
      2>/dev/null; then
    say "$NAME is unfinished, moved, or lost its Python: making it anew"
    rm -rf "$VENV"
  fi
  if [ ! -e "$VENV" ]; then
    say "Python $FOUND_VERSION from $FOUND_ORIGIN: $FOUND"
    "$FOUND" -m venv "$VENV"
  fi
}

install() {
  local requirements="requirements.txt"
  if [ "$KIND" = dev ]; then requirements="requirements-dev.txt"; fi
  say "installing $requirements into $NAME" \
    "(fetches about 0.5 GB, takes up to 2 GB; a minute or two on a fast line)"
  # Without its stamp the environment counts as half-made. Pip undoes what it
  # began when it fails, so then the old stamp holds again.
  if [ -e "$VENV/setup-stamp" ]; then
    mv "$VENV/setup-stamp" "$VENV/setup-stamp.old"
  fi
  for wanted in "$PIP" "--requirement=$REPO/$requirements"; do
    "$VENV/bin/python" -m pip install -qq --no-cache-dir "$wanted" ||
      pip_failed "$wanted"
  done
}

pip_failed() {
  if [ -e "$VENV/setup-stamp.old" ]; then
    mv "$VENV/setup-stamp.old" "$VENV/setup-stamp"
  fi
  die "pip could not install ${1#*=}: its message is above"
}

check() {
  local seen
  seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$VENV/bin/python" -W ignore -c \
    'import tensorflow, sentencepiece; print(tensorflow.__version__)') ||
    die "TensorFlow was installed in $NAME but does not import (see above)"
  say "TensorFlow $seen imports, $SECONDS s in all"
}

main() {
  parse_arguments "$@"
  cd "$REPO"
  if is_ready "$TENSORFLOW" "$KIND"; then report_ready; fi
  find_python "$TENSORFLOW" || die "$(advice "$TENSORFLOW")"
  lock "$FOUND"
  if is_ready "$TENSORFLOW" "$KIND"; then report_ready; fi
  make_venv
  install
  check
  expected_stamp "$TENSORFLOW" "$KIND" >"$VENV/setup-stamp"
  report_ready
}

main "$@"
