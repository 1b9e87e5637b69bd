# Builds RocksDB's C++ once per version and compiler, as two files instead of 342 (two minutes instead of ten);
# sourced after common.sh. Sets ROCKSDB_LIB_DIR and ROCKSDB_STATIC for the bindings.
# A plain `cargo build` without this script works too, and then compiles RocksDB the slow way.

rocksdb_prebuild() {
  local version src work pids= pid i list
  version=$(sed -n '/^name = "librocksdb-sys"/{n;s/^version = "\(.*\)"/\1/p}' "$root/Cargo.lock")
  [ -n "$version" ] || die "no librocksdb-sys in Cargo.lock"
  export ROCKSDB_LIB_DIR=$cache/rocksdb/$version-clang14 ROCKSDB_STATIC=1
  [ -f "$ROCKSDB_LIB_DIR/librocksdb.a" ] && return 0
  say "compiling RocksDB $version (once per machine, about two minutes on two cores)"
  src=$(ls -d "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/librocksdb-sys-"$version" | head -n 1)
  work=$(mktemp -d)
  local flags="-Irocksdb/include -Irocksdb -I. -DNDEBUG=1 -DHAVE_ALIGNED_NEW -DHAVE_UINT128_EXTENSION -DOS_LINUX
    -DROCKSDB_PLATFORM_POSIX -DROCKSDB_LIB_IO_POSIX -DROCKSDB_SCHED_GETCPU_PRESENT -DROCKSDB_AUXV_GETAUXVAL_PRESENT
    -DROCKSDB_FALLOCATE_PRESENT -DROCKSDB_RANGESYNC_PRESENT -std=c++20 -w -ffunction-sections -fdata-sections
    -fPIC -m64 -include cstdint"
  [ "$(uname -m)" = x86_64 ] && flags="$flags -msse4.2 -mpclmul"
  list=$src/rocksdb_lib_sources.txt
  # The first 145 files cost about as much as the rest.
  for i in 0 1; do
    grep -v build_version "$list" | awk -v i=$i '(NR<=145)==(i==0)' | sed 's/.*/#include "rocksdb\/&"/' >"$work/part$i.cc"
  done
  echo '#include "build_version.cc"' >>"$work/part1.cc"
  for i in 0 1; do
    # shellcheck disable=SC2086
    (cd "$src" && exec clang++-14 -O2 $flags -c "$work/part$i.cc" -o "$work/part$i.o") & pids="$pids $!"
  done
  for pid in $pids; do wait "$pid" || die "RocksDB did not compile"; done
  mkdir -p "$ROCKSDB_LIB_DIR"
  ar crs "$ROCKSDB_LIB_DIR/librocksdb.a.$$" "$work/part0.o" "$work/part1.o"
  mv "$ROCKSDB_LIB_DIR/librocksdb.a.$$" "$ROCKSDB_LIB_DIR/librocksdb.a"
  rm -r "$work"
}

# Everything that a build needs, in the order in which it is needed.
need_all() {
  step "system packages" need_build_packages
  step "Rust dependencies" cargo fetch --locked --manifest-path "$root/Cargo.toml"
  step "RocksDB" rocksdb_prebuild
}
