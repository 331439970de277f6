#!/bin/sh
# Fetches PgBouncer for test/database/pgbouncer.test.ts into node_modules/.cache/pgbouncer, from Debian; installs nothing.
#
#   sh scripts/fetchPgBouncer.sh           the one of this machine's Debian
#   sh scripts/fetchPgBouncer.sh trixie    that of another release, which brings its own C library
set -eu
suite=${1:-own}
target=$(cd "$(dirname "$0")/.." && pwd)/node_modules/.cache/pgbouncer/$suite
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs"
if [ "$suite" = own ]; then
  apt-get update -qq
  options=""
  packages="pgbouncer $(apt-cache depends pgbouncer | sed -n 's/.*Depends: \(libc-ares2\|libcares2\|libevent[^ ]*\)$/\1/p')"
else
  # From wherever this machine has its own packages.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"
  options="-o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$work/lists -o Dir::Cache=$work/cache"
  # shellcheck disable=SC2086
  apt-get $options update -qq
  packages="pgbouncer libc6 libcares2 libevent-2.1-7t64 libpam0g libssl3t64 libsystemd0 libcap2 libaudit1 libcap-ng0 libgcc-s1 libzstd1 zlib1g"
fi
# shellcheck disable=SC2086
(cd "$work/debs" && for package in $packages; do apt-get $options download "$package" >/dev/null 2>&1; done)
rm -rf "$target"
mkdir -p "$target"
for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$target"; done
libraries="$target/usr/lib/$(uname -m)-linux-gnu"
loader=$(find "$libraries" -name 'ld-linux*' | head -n 1)
{
  echo "#!/bin/sh"
  if [ -n "$loader" ]; then
    echo "exec '$loader' --library-path '$libraries' '$target/usr/sbin/pgbouncer' \"\$@\""
  else
    echo "LD_LIBRARY_PATH='$libraries' exec '$target/usr/sbin/pgbouncer' \"\$@\""
  fi
} >"$target/pgbouncer"
chmod 755 "$target/pgbouncer"
"$target/pgbouncer" --version | head -n 1
