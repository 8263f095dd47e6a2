#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Creates a virtual environment with everything that BioALBERT needs.
#
# usage: scripts/setup.sh [tf1|tf2.15|tf2] [--dev]
#
#   tf1     TensorFlow 1.15 on Python 3.7, in .venv-tf1
#   tf2.15  TensorFlow 2.15 on Python 3.9, 3.10 or 3.11, in .venv-tf2.15
#   tf2     TensorFlow 2.21 on Python 3.12 or 3.13, in .venv-tf2
#           (default: the newest for which a Python is found)
#   --dev   also install the test tools (requirements-dev.txt)
#
# Installs nothing outside the checkout. If uv is installed, it takes the place
# of pip, which needs three times as long, and fills its cache; if no fitting
# Python is found, it downloads one to .python. A second run does nothing, unless
# the requirements have changed: then it updates the environment. An environment
# that was left incomplete is created again. If two runs start at the same time,
# the second waits for the first.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The pip that comes with an old Python cannot read today's wheels. These are
# the last for Python 3.7, the last for 3.9 and the newest.
PIP=(
  'pip==24.0; python_version < "3.8"'
  'pip==26.0.1; python_version == "3.9"'
  'pip==26.3; python_version >= "3.10"'
)

parse_arguments() {
  TENSORFLOW='' KIND=plain
  for argument in "$@"; do
    case $argument in
      tf1 | tf2.15 | tf2) TENSORFLOW=$argument ;;
      --dev) KIND=dev ;;
      -h | --help) usage && exit ;;
      *)
        die "unknown argument '$argument'; expected tf1, tf2.15, tf2 or --dev"
        ;;
    esac
  done
  if [ -z "$TENSORFLOW" ]; then
    TENSORFLOW=$(choose_tensorflow)
    say "no TensorFlow given: using $TENSORFLOW ($(release "$TENSORFLOW"))"
  fi
  VENV=$(venv_of "$TENSORFLOW")
  NAME=$(basename "$VENV")
}

# Locks the environment until this process and its installer have ended. The
# kernel releases the lock, so it never goes stale. macOS has no flock command,
# hence Python.
lock() {  # lock PYTHON
  exec 9>>"$VENV.lock"
  "$1" -I -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' \
    2>/dev/null && return
  say "waiting for another setup.sh that is working on $NAME"
  "$1" -I -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
}

report_ready() {
  say "ready: source $NAME/bin/activate"
  exit
}

# Creates the environment if there is none, or if it is incomplete: without a
# stamp it may hold half-copied packages.
make_venv() {
  local reason=''
  if ! venv_fits "$TENSORFLOW"; then
    reason="has no Python $(python_range "$TENSORFLOW")"
  elif ! grep -qxF -e "plain $VENV" -e "dev $VENV" \
    "$VENV/setup-stamp" 2>/dev/null; then
    reason='is incomplete or was moved'
  fi
  if [ -n "$reason" ] && [ -e "$VENV" ]; then
    say "$NAME $reason: creating it again"
    rm -rf "$VENV"
  fi
  if [ ! -e "$VENV" ]; then
    say "creating $NAME with Python $FOUND_VERSION from $FOUND_ORIGIN: $FOUND"
    if has_uv; then  # It is quicker at installing pip, too.
      "$FOUND" -m venv "$VENV" --without-pip
    else
      "$FOUND" -m venv "$VENV"
    fi
  fi
}

install() {
  local requirements="requirements.txt"
  if [ "$KIND" = dev ]; then requirements="requirements-dev.txt"; fi
  say "installing $requirements into $NAME (downloads about 0.5 GB, needs" \
    "2 to 3 GB of disk; one or two minutes on a fast connection, with uv half" \
    "a minute)"
  # Without its stamp the environment counts as incomplete. When pip fails it
  # undoes its changes, and uv makes none before it has all packages, so the old
  # stamp comes back.
  if [ -e "$VENV/setup-stamp" ]; then
    mv "$VENV/setup-stamp" "$VENV/setup-stamp.old"
  fi
  install_packages "${PIP[@]}" &&
    install_packages -r "$REPO/$requirements" && return
  if [ -e "$VENV/setup-stamp.old" ]; then
    mv "$VENV/setup-stamp.old" "$VENV/setup-stamp"
  fi
  die "$requirements cannot be installed; see the message above"
}

# With uv if there is one. Neither compiles the modules: Python does it when it
# first imports one, and most of them never are.
install_packages() {
  if has_uv; then
    uv pip install --quiet --python "$VENV/bin/python" "$@"
  else
    "$VENV/bin/python" -m pip install -qq --no-cache-dir --no-compile "$@"
  fi
}

# Imports TensorFlow as the programs do. What it logs meanwhile is shown only if
# it fails.
check() {
  local seen
  seen=$("$VENV/bin/python" -W ignore -c 'import sentencepiece
from common import quiet
import tensorflow; print(tensorflow.__version__)' 2>&1) ||
    die "TensorFlow was installed in $NAME but cannot be imported: $seen"
  seen=${seen##*$'\n'}
  say "TensorFlow $seen is installed and can be imported ($SECONDS s in all)"
}

main() {
  parse_arguments "$@"
  cd "$REPO"
  if is_ready "$TENSORFLOW" "$KIND"; then report_ready; fi
  find_or_fetch_python "$TENSORFLOW" || die "$(advice "$TENSORFLOW")"
  lock "$FOUND"
  if is_ready "$TENSORFLOW" "$KIND"; then report_ready; fi
  make_venv
  install
  check
  expected_stamp "$TENSORFLOW" "$KIND" >"$VENV/setup-stamp"
  report_ready
}

main "$@"
