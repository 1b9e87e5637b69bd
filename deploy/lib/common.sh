# Shared by the scripts of this folder; sourced, never run.
# Where things are built: outside the checkout, so that a fresh clone finds them again.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${TREERING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/treering}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
mkdir -p "$cache"

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# step NAME COMMAND...: says what it does, and afterwards how many seconds it took.
step() {
  local name=$1 begin=$SECONDS; shift
  say "==> $name"
  if "$@"; then say "<== $name: $((SECONDS - begin)) s"; else
    local status=$?
    say "<== $name: failed with status $status after $((SECONDS - begin)) s"
    return "$status"
  fi
}

# need_packages NAME...: installs the Debian packages that are missing.
need_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || die "missing: ${missing[*]} (this is not Debian; install them by hand)"
  local sudo=; [ "$(id -u)" -eq 0 ] || sudo=sudo
  say "installing ${missing[*]}"
  # One at a time: the scripts may run side by side.
  (
    flock 8
    $sudo apt-get -o DPkg::Lock::Timeout=600 update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  ) 8>"$cache/apt.lock"
}

# What the build needs beside Rust and a C compiler: libclang for the RocksDB bindings, clang to compile RocksDB itself.
need_build_packages() {
  command -v cargo >/dev/null || die "cargo not found: install Rust (rustup) first"
  need_packages libclang1-14 libclang-common-14-dev clang-14
}
