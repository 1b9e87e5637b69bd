# Installs the programs of others that Treering is compared and tried with, at the versions the caller pins, once per
# machine; sourced after common.sh. Each function says what it does and how many seconds it took, and leaves
#   $peers/bin/NAME           a Go program (peer_go)
#   $peers/venv/NAME/bin      the programs of a Python environment (peer_venv)
#   $peers/node/NAME          a folder with node_modules (peer_node)

peers=$cache/peers

# peer_go NAME PACKAGE@VERSION: builds a Go program as $peers/bin/NAME, unless that is it already.
peer_go() { step "$1 (${2##*@})" _peer_go "$@"; }

_peer_go() {
  local name=$1 package=${2%@*} version=${2##*@} target=$peers/bin/$1 work status=0
  command -v go >/dev/null || die "go not found: install Go first"
  _peer_go_is "$target" "$package" "$version" && return 0
  mkdir -p "$peers/bin"
  # Of its own, because two packages may make programs of one name.
  work=$(mktemp -d "$peers/go.XXXXXX")
  if GOBIN=$work/bin go install "$package@$version" 2>"$work/log"; then
    mv "$work/bin/"* "$target" || status=$?
  else
    status=$?
    cat "$work/log" >&2
  fi
  rm -rf "$work"
  return "$status"
}

_peer_go_is() {
  local found
  [ -x "$1" ] || return 1
  found=$(go version -m "$1" | awk '$1 == "path" { path = $2 } $1 == "mod" { print path "@" $3 }')
  [ "$found" = "$2@$3" ]
}

# peer_venv NAME REQUIREMENT...: a Python environment with exactly these requirements, like sigstore==4.5.1.
peer_venv() { step "$1 (Python)" _peer_folder venv _peer_fill_venv "$@"; }

_peer_fill_venv() {
  local dir=$1; shift
  python3 -c 'import ensurepip, venv' 2>/dev/null || need_packages python3-venv
  python3 -m venv "$dir"
  "$dir/bin/pip" install --quiet --disable-pip-version-check "$@"
}

# peer_node NAME PACKAGE...: a folder with exactly these packages, like @sigstore/sign@4.1.1.
peer_node() { step "$1 (Node)" _peer_folder node _peer_fill_node "$@"; }

_peer_fill_node() {
  local dir=$1; shift
  command -v npm >/dev/null || need_packages nodejs npm
  mkdir -p "$dir"
  npm install --prefix "$dir" --silent --no-audit --no-fund --no-save "$@"
}

# _peer_folder KIND FILL NAME WANTED...: lets FILL make $peers/KIND/NAME, unless that was made of the same. The list of what
# it was made of is written last, so that what was interrupted is made again.
_peer_folder() {
  local fill=$2 dir=$peers/$1/$3
  shift 3
  [ "$(cat "$dir/.made-of" 2>/dev/null)" = "$*" ] && return 0
  rm -rf "$dir"
  mkdir -p "$(dirname "$dir")"
  "$fill" "$dir" "$@" || return
  printf '%s\n' "$*" >"$dir/.made-of"
}
