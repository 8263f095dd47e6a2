# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Functions shared by the scripts; sourced, never run. They locate the checkout,
# find a Python for each TensorFlow, and check whether a virtual environment is
# complete. They work with bash 3.2 (macOS) and later.

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# Keep the caller's packages out of our environments, and ours out of theirs.
unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_ROOT
export PYTHONNOUSERSITE=1 PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '%s\n' "$*"; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Prints the comment on top of the script, without the licence line.
usage() {
  awk 'NR > 3 && !/^#/ { exit } NR > 3 { sub(/^# ?/, ""); print }' "$0"
}

TENSORFLOWS='tf2 tf2.15 tf1' # Newest first, and so are the Pythons of each.
python_minors() {
  case $1 in
    tf1) say 3.7 ;;
    tf2.15) say 3.11 3.10 3.9 ;;
    tf2) say 3.13 3.12 ;;
  esac
}
python_range() {
  case $1 in
    tf1) say 3.7 ;;
    tf2.15) say '3.9 to 3.11' ;;
    tf2) say '3.12 or 3.13' ;;
  esac
}
release() {
  case $1 in tf1) say 1.15 ;; tf2.15) say 2.15 ;; tf2) say 2.21 ;; esac
}
venv_of() { say "$REPO/.venv-$1"; }
has_uv() { command -v uv >/dev/null; }

# True if a Python such as 3.12 is one that the TensorFlow supports.
fits() {  # fits TENSORFLOW MINOR
  case " $(python_minors "$1") " in *" ${2:-none} "*) ;; *) return 1 ;; esac
}

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi |
    cut -d ' ' -f 1
}

# Prints "minor version lacks path" from inside an interpreter. A pyenv shim can
# be on PATH and still fail to run, so only a candidate that answers counts.
PROBE='
import importlib.util, os, platform, sys
lacks = [m for m in ("venv", "ensurepip") if not importlib.util.find_spec(m)]
if platform.python_implementation() != "CPython" or sys.maxsize < 2**32:
  lacks = ["64-bit-CPython"]
path = sys.executable
if sys.prefix != sys.base_prefix:  # A virtual environment may be deleted.
  base = os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2])
  path = base if os.path.exists(base) else path
print("%d.%d" % sys.version_info[:2], platform.python_version(),
      "+".join(lacks) or "-", path)
'
probe() { "$1" -I -c "$PROBE" 2>/dev/null </dev/null || true; }  # probe PYTHON

# Prints the kind, path and requirements of a complete environment. The path is
# part of it because the environment's scripts hold absolute paths: a checkout
# that was moved needs a new environment.
expected_stamp() {  # expected_stamp TENSORFLOW plain|dev
  printf '%s\n' "$2 $(venv_of "$1")"
  sha256 <"$REPO/requirements.txt"
  if [ "$2" = dev ]; then
    cat "$REPO/requirements-dev.txt" "$REPO/requirements-beam.txt" | sha256
  fi
}

# True if the environment is complete. One made with --dev also counts as plain.
is_ready() {  # is_ready TENSORFLOW plain|dev
  local venv stamp kind
  venv=$(venv_of "$1")
  [ -r "$venv/setup-stamp" ] || return 1
  stamp=$(cat "$venv/setup-stamp")
  for kind in dev plain; do
    if [ "$stamp" = "$(expected_stamp "$1" $kind)" ]; then
      venv_fits "$1"
      return
    fi
    [ "$2" = plain ] || return 1
  done
  return 1
}

# True if the environment's Python runs and is one that the TensorFlow supports.
# When tf2 was TensorFlow 2.15, .venv-tf2 had Python 3.9 to 3.11.
venv_fits() {  # venv_fits TENSORFLOW
  local minor _
  read -r minor _ <<<"$(probe "$(venv_of "$1")/bin/python")"
  fits "$1" "$minor"
}

# Prints the newest TensorFlow that has an environment; false if none has.
newest_venv() {
  local tensorflow
  for tensorflow in $TENSORFLOWS; do
    if venv_fits "$tensorflow"; then say "$tensorflow" && return; fi
  done
  return 1
}

# Prints interpreters that may fit, best first, as lines "origin<TAB>path".
candidates() {  # candidates TENSORFLOW
  local minor name path base
  for name in $(python_minors "$1" | sed 's/3\./python3./g') python3 python; do
    type -aP "$name" 2>/dev/null | sed "s|^|PATH	|" || true
  done
  for base in "${PYENV_ROOT:-}" "$HOME/.pyenv"; do
    for minor in $(python_minors "$1"); do
      for path in "$base"/versions/"$minor"*/bin/python; do
        if [ -n "$base" ] && [ -x "$path" ]; then say "pyenv	$path"; fi
      done
    done
  done
  path=${CONDA_EXE:-$(command -v conda || true)}
  if [ -n "$path" ] && base=$("$path" info --base 2>/dev/null); then
    for path in "$base"/bin/python "$base"/envs/*/bin/python; do
      if [ -x "$path" ]; then say "conda	$path"; fi
    done
  fi
  if has_uv; then
    for minor in $(python_minors "$1"); do
      path=$(cd / && UV_PYTHON_DOWNLOADS=never uv python find "$minor" \
        2>/dev/null) && say "uv	$path"
    done
  fi
  for minor in $(python_minors "$1"); do
    for path in "$REPO/.python/cpython-$minor".*/bin/"python$minor"; do
      if [ -x "$path" ]; then say ".python	$path"; fi
    done
  done
  return 0
}

# Sets FOUND (path), FOUND_VERSION and FOUND_ORIGIN; false if none is found.
# Appends a line to UNFIT for each that lacks a module or is too new for all.
UNFIT=''
# shellcheck disable=SC2034  # Read by the scripts that source this.
find_python() {  # find_python TENSORFLOW
  local origin path minor version lacks real
  while IFS='	' read -r origin path; do
    read -r minor version lacks real <<<"$(probe "$path")"
    case $1-$minor in
      tf2-3.1[4-9])
        unfit "$path is Python $version, too new for TensorFlow $(release tf2)"
        ;;
    esac
    fits "$1" "$minor" || continue
    if [ "$lacks" = - ]; then
      FOUND=$real FOUND_VERSION=$version FOUND_ORIGIN=$origin
      return 0
    fi
    unfit "$path is Python $version but lacks $lacks"
  done < <(candidates "$1")
  return 1
}
unfit() { case $UNFIT in *"  $1"*) ;; *) UNFIT="$UNFIT  $1"$'\n' ;; esac; }

# Finds a Python; if there is none but there is uv, uv downloads one into the
# checkout.
find_or_fetch_python() {  # find_or_fetch_python TENSORFLOW
  local minor _
  find_python "$1" && return
  has_uv || return 1
  read -r minor _ <<<"$(python_minors "$1")"
  say "no Python $(python_range "$1") was found: uv downloads $minor to .python"
  # In / no project's settings apply; BIN=0: no link to it in ~/.local/bin.
  (cd / && UV_PYTHON_INSTALL_DIR=$REPO/.python UV_PYTHON_INSTALL_BIN=0 \
    uv python install "$minor") && find_python "$1"
}

# Explains how to install a Python after find_python found none.
advice() {  # advice TENSORFLOW
  local minor _
  read -r minor _ <<<"$(python_minors "$1")"
  cat <<END
no Python $(python_range "$1") was found, which TensorFlow $(release "$1") needs
(searched PATH and the versions installed by pyenv, conda and uv).
${UNFIT}Install one in any of these ways, then run this again:
  pyenv install $minor
  conda create --name python$minor python=$minor
  uv python install $minor (scripts/setup.sh does it if uv is installed)
END
}

# Prints the newest TensorFlow for which a Python is found or uv can fetch one.
choose_tensorflow() {
  local tensorflow
  for tensorflow in $TENSORFLOWS; do
    if is_ready "$tensorflow" plain || find_python "$tensorflow"; then
      say "$tensorflow" && return
    fi
  done
  if has_uv; then say tf2 && return; fi
  advice tf2 >&2
  say "TensorFlow 2.15 on Python 3.9 to 3.11 or 1.15 on 3.7 works too." >&2
  return 1
}
