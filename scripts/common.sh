# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Functions shared by the scripts; sourced, never run. They locate the checkout,
# find a Python for each TensorFlow, and check whether a virtual environment is
# complete. They work with bash 3.2 (macOS) and later.
#
# tf1 is TensorFlow 1.15 on Python 3.7, tf2 is 2.15 on Python 3.9 to 3.11.

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

python_minors() { if [ "$1" = tf1 ]; then say 3.7; else say 3.11 3.10 3.9; fi; }
python_range() { if [ "$1" = tf1 ]; then say 3.7; else say '3.9 to 3.11'; fi; }
release() { if [ "$1" = tf1 ]; then say 1.15; else say 2.15; fi; }
venv_of() { say "$REPO/.venv-$1"; }

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi |
    cut -d ' ' -f 1
}

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
      "$venv/bin/python" -c '' 2>/dev/null
      return
    fi
    [ "$2" = plain ] || return 1
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
  if command -v uv >/dev/null; then
    for minor in $(python_minors "$1"); do
      path=$(cd / && UV_PYTHON_DOWNLOADS=never uv python find "$minor" \
        2>/dev/null) && say "uv	$path"
    done
  fi
  return 0
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

# Sets FOUND (path), FOUND_VERSION and FOUND_ORIGIN; false if none is found.
# Appends a line to UNFIT for each interpreter that only lacks a module.
UNFIT=''
# shellcheck disable=SC2034  # Read by the scripts that source this.
find_python() {  # find_python TENSORFLOW
  local origin path minor version lacks real
  while IFS='	' read -r origin path; do
    read -r minor version lacks real \
      <<<"$("$path" -I -c "$PROBE" 2>/dev/null </dev/null || true)"
    case " $(python_minors "$1") " in
      *" ${minor:-none} "*) ;;
      *) continue ;;
    esac
    if [ "$lacks" = - ]; then
      FOUND=$real FOUND_VERSION=$version FOUND_ORIGIN=$origin
      return 0
    fi
    UNFIT="$UNFIT  $path is Python $version but lacks $lacks"$'\n'
  done < <(candidates "$1")
  return 1
}

# Explains how to install a Python after find_python found none.
advice() {  # advice TENSORFLOW
  local full=3.11.7 minor=3.11
  if [ "$1" = tf1 ]; then full=3.7.16 minor=3.7; fi
  cat <<END
no Python $(python_range "$1") was found, which TensorFlow $(release "$1") needs
(searched PATH and the versions installed by pyenv, conda and uv).
${UNFIT}Install one in any of these ways, then run this again:
  pyenv install $full
  conda create --name python$minor python=$minor
  uv python install $minor
END
}

# Prints the default TensorFlow: tf2 if a Python for it is found, else tf1.
choose_tensorflow() {
  if is_ready tf2 plain || find_python tf2; then
    say tf2
  elif is_ready tf1 plain || find_python tf1; then
    say tf1
  else
    advice tf2 >&2
    say "Python 3.7 with TensorFlow 1.15 works too." >&2
    return 1
  fi
}
