# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the scripts share; sourced, never run. Says where the checkout is, which
# Python a TensorFlow needs, where one is found, and whether a virtual
# environment is ready. Written for bash 3.2 (macOS) and later.
#
# A TensorFlow is called tf1 (1.15, Python 3.7) or tf2 (2.15, Python 3.9-3.11).

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# Packages of the caller's own environment must not leak in, nor ours out.
unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_ROOT
export PYTHONNOUSERSITE=1 PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '%s\n' "$*"; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# The comment on top of a script, from its second paragraph on, is its --help.
usage() {
  awk 'NR > 3 && !/^#/ { exit } NR > 3 { sub(/^# ?/, ""); print }' "$0"
}

minors() { if [ "$1" = tf1 ]; then say 3.7; else say 3.11 3.10 3.9; fi; }
release() { if [ "$1" = tf1 ]; then say 1.15; else say 2.15; fi; }
pythons() { if [ "$1" = tf1 ]; then say 3.7; else say '3.9 to 3.11'; fi; }
venv_of() { say "$REPO/.venv-$1"; }

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi |
    cut -d ' ' -f 1
}

# What a finished environment was made of, and where: its scripts hold absolute
# paths, so a checkout that was moved needs a new one.
expected_stamp() {  # expected_stamp TENSORFLOW plain|dev
  printf '%s\n' "$2 $(venv_of "$1")"
  sha256 <"$REPO/requirements.txt"
  if [ "$2" = dev ]; then
    cat "$REPO/requirements-dev.txt" "$REPO/requirements-beam.txt" | sha256
  fi
}

# True if the environment is complete; one with the test tools serves without.
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

# Where an interpreter may be, best first: "origin<TAB>path" a line.
candidates() {  # candidates TENSORFLOW
  local minor name path base
  for name in $(minors "$1" | sed 's/3\./python3./g') python3 python; do
    type -aP "$name" 2>/dev/null | sed "s|^|PATH	|" || true
  done
  for base in "${PYENV_ROOT:-}" "$HOME/.pyenv"; do
    for minor in $(minors "$1"); do
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
    for minor in $(minors "$1"); do
      path=$(cd / && UV_PYTHON_DOWNLOADS=never uv python find "$minor" \
        2>/dev/null) && say "uv	$path"
    done
  fi
  return 0
}

# Prints "minor version lack path" of a running interpreter. A pyenv shim may
# stand on PATH and not run, so a candidate counts only once it answered.
PROBE='
import importlib.util, os, platform, sys
lack = [m for m in ("venv", "ensurepip") if not importlib.util.find_spec(m)]
if platform.python_implementation() != "CPython" or sys.maxsize < 2**32:
  lack = ["CPython-of-64-bit"]
path = sys.executable
if sys.prefix != sys.base_prefix:  # A venv may vanish; its base stays.
  base = os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2])
  path = base if os.path.exists(base) else path
print("%d.%d" % sys.version_info[:2], platform.python_version(),
      "+".join(lack) or "-", path)
'

# Sets FOUND (path), FOUND_VERSION, FOUND_ORIGIN; false if there is none. What
# would have fitted but for a missing part is added to UNFIT, a line each.
UNFIT=''
# shellcheck disable=SC2034  # Read by the scripts that source this.
find_python() {  # find_python TENSORFLOW
  local origin path minor version lack real
  while IFS='	' read -r origin path; do
    read -r minor version lack real \
      <<<"$("$path" -I -c "$PROBE" 2>/dev/null </dev/null || true)"
    case " $(minors "$1") " in *" ${minor:-none} "*) ;; *) continue ;; esac
    if [ "$lack" = - ]; then
      FOUND=$real FOUND_VERSION=$version FOUND_ORIGIN=$origin
      return 0
    fi
    UNFIT="$UNFIT  $path is Python $version but lacks $lack"$'\n'
  done < <(candidates "$1")
  return 1
}

# What to type, when find_python found nothing.
advice() {  # advice TENSORFLOW
  local full=3.11.7 minor=3.11
  if [ "$1" = tf1 ]; then full=3.7.16 minor=3.7; fi
  cat <<END
no Python $(pythons "$1") was found, which TensorFlow $(release "$1") needs
(looked on PATH and among the versions of pyenv, conda and uv).
${UNFIT}Install one in any of these ways, then run this again:
  pyenv install $full
  conda create --name python$minor python=$minor
  uv python install $minor
END
}

# The TensorFlow to take when none is named: tf2 where it can be, else tf1.
choose_tensorflow() {
  if is_ready tf2 plain || find_python tf2; then
    say tf2
  elif is_ready tf1 plain || find_python tf1; then
    say tf1
  else
    advice tf2 >&2
    say "TensorFlow 1.15 would do as well, with Python 3.7." >&2
    return 1
  fi
}
