# Installs the programs of others that Treering is compared and tried with, at the versions the caller pins, once per
# machine; sourced after common.sh. Each function says what it does and how many seconds it took, and leaves
#   $peers/bin/NAME           a Go program (peer_go)
#   $peers/venv/NAME/bin      the programs of a Python environment (peer_venv)
#   $peers/node/NAME          a folder with node_modules (peer_node)
#   $peers/bin/rekor-v1 and what it needs (peer_rekor_v1); run_rekor_v1 runs them all

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

# peer_rekor_v1: Rekor v1's server, Trillian, MariaDB and Redis. Of the latter two without the packages that make
# Debian start them, so that what the machine may have of its own is left alone.
peer_rekor_v1() {
  local name
  need_packages curl jq openssl mariadb-server-core mariadb-client-core redis-tools
  for name in trillian_log_server trillian_log_signer createtree; do
    peer_go "$name" "github.com/google/trillian/cmd/$name@$trillian_version" || return
  done
  peer_go rekor-v1 "github.com/sigstore/rekor/cmd/rekor-server@$rekor_v1_version"
}
rekor_v1_version=v1.5.4
trillian_version=v1.7.3

# run_rekor_v1 DIR PORT HOST: starts all five with an empty database in DIR, which must not exist, on eight ports from PORT on;
# Rekor v1 answers on PORT, as HOST. Its metrics are on :2112 whatever one says. Ready when it returns; leaves the ids of the
# processes in the array rekor_v1_pids, for who must end them, and what they say in DIR/log. MariaDB and Redis run as nobody where
# this runs as root. They are set up as upstream's compose file does, but for as many connections as are asked for.
run_rekor_v1() {
  local dir=$1 port=$2 host=$3 as=() uri tree schema
  rekor_v1_pids=()
  mkdir "$dir" "$dir/mysql" "$dir/redis" "$dir/log"
  # MariaDB refuses to run as root, and the folders above may be closed to others.
  if [ "$(id -u)" -eq 0 ]; then
    chmod 755 "$dir"
    chown nobody: "$dir" "$dir/mysql" "$dir/redis"
    as=(setpriv --reuid nobody --regid nogroup --clear-groups)
  fi
  "${as[@]}" mariadb-install-db --no-defaults --datadir="$dir/mysql" --skip-test-db \
    --auth-root-authentication-method=normal >"$dir/log/install" 2>&1 || { cat "$dir/log/install" >&2; return 1; }
  # On Debian the program of Redis is that of its check, by another name.
  ln -s "$(readlink -f "$(command -v redis-server || command -v redis-check-rdb)")" "$dir/redis-server"
  _rekor_v1_part mariadb "${as[@]}" mariadbd --no-defaults --datadir="$dir/mysql" --socket="$dir/mysql.sock" \
    --port=$((port + 1)) --bind-address=127.0.0.1 --skip-name-resolve --max-connections=2000 --pid-file="$dir/mysql/pid"
  _rekor_v1_part redis "${as[@]}" "$dir/redis-server" --port $((port + 2)) --bind 127.0.0.1 --dir "$dir/redis" --appendonly yes
  _rekor_v1_await mariadb mariadb --no-defaults --socket="$dir/mysql.sock" --user=root -e 'SELECT 1' || return
  # Where the module is: installing the programs left it there.
  schema=$(go mod download -json "github.com/google/trillian@$trillian_version" | jq -r .Dir)/storage/mysql/schema/storage.sql
  {
    echo "CREATE DATABASE trillian; CREATE USER 'trillian'@'127.0.0.1' IDENTIFIED BY 'trillian';"
    echo "GRANT ALL ON trillian.* TO 'trillian'@'127.0.0.1'; USE trillian;"
    cat "$schema"
  } | mariadb --no-defaults --socket="$dir/mysql.sock" --user=root || return
  uri="trillian:trillian@tcp(127.0.0.1:$((port + 1)))/trillian?parseTime=true&interpolateParams=true"
  _rekor_v1_part log-server "$peers/bin/trillian_log_server" --quota_system=noop --storage_system=mysql --mysql_uri="$uri" \
    --rpc_endpoint="127.0.0.1:$((port + 3))" --http_endpoint="127.0.0.1:$((port + 4))"
  _rekor_v1_part log-signer "$peers/bin/trillian_log_signer" --quota_system=noop --storage_system=mysql --mysql_uri="$uri" \
    --rpc_endpoint="127.0.0.1:$((port + 5))" --http_endpoint="127.0.0.1:$((port + 6))" --force_master
  _rekor_v1_await log-server curl --silent --fail --output /dev/null "http://127.0.0.1:$((port + 4))/healthz" || return
  tree=$("$peers/bin/createtree" --admin_server="127.0.0.1:$((port + 3))" 2>"$dir/log/createtree") || return
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$dir/key.pem"
  _rekor_v1_part rekor "$peers/bin/rekor-v1" serve --log_type prod --rekor_server.hostname "$host" --rekor_server.signer "$dir/key.pem" \
    --rekor_server.address 127.0.0.1 --port "$port" --trillian_log_server.port $((port + 3)) --trillian_log_server.tlog_id "$tree" \
    --redis_server.port $((port + 2))
  _rekor_v1_await rekor curl --silent --fail --output /dev/null "http://127.0.0.1:$port/api/v1/log"
}

# _rekor_v1_part NAME COMMAND...: starts one of them.
_rekor_v1_part() {
  local name=$1; shift
  "$@" >"$dir/log/$name" 2>&1 &
  rekor_v1_pids+=("$!")
}

# _rekor_v1_await NAME COMMAND...: waits until the command succeeds, a minute at most.
_rekor_v1_await() {
  local name=$1 pid=${rekor_v1_pids[-1]}; shift
  for _ in $(seq 600); do
    "$@" >/dev/null 2>&1 && return 0
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$dir/log/$name" >&2
  say "$name did not become ready"
  return 1
}
