#!/usr/bin/env bash
# Runs a command with a Postgres to test against: tests/pg.sh COMMAND [ARGUMENT...]
#
# A server named by RONDO_TEST_PG is used as it is. Otherwise a throwaway cluster lives as long as the
# command, on a socket alone, and Debian's package is installed if there is no server. DATABASE_URL is
# not looked at: tests must never meet a real database by accident.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: tests/pg.sh COMMAND [ARGUMENT...]" >&2; exit 2; }
if [ -n "${RONDO_TEST_PG:-}" ]; then
    echo "postgres: the server at RONDO_TEST_PG" >&2
    exec "$@"
fi

here=$(cd "$(dirname "$0")" && pwd)
programs() {
    local found
    found=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
    if [ -z "$found" ] && command -v initdb >/dev/null; then
        found=$(dirname "$(readlink -f "$(command -v initdb)")")
    fi
    [ -x "$found/initdb" ] && [ -x "$found/pg_ctl" ] && echo "$found"
}
if ! bin=$(programs); then
    # The package would start a cluster of its own, which nobody here needs.
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    settings=/etc/postgresql-common/createcluster.d
    "${as_root[@]}" mkdir -p "$settings"
    echo "create_main_cluster = false" | "${as_root[@]}" tee "$settings/rondo.conf" >/dev/null
    "$here/apt-install" postgresql
    bin=$(programs) || { echo "postgres: no server even after installing it" >&2; exit 1; }
fi

# A socket's path has 107 bytes at most, so not below the project's folder.
cluster=$(mktemp -d /tmp/rondo-pg.XXXXXX)
if [ "$(id -u)" -eq 0 ]; then
    # PostgreSQL refuses to run as root.
    as() { (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"); }
    chown postgres:postgres "$cluster"
else
    as() { "$@"; }
fi
chmod 755 "$cluster"
clean_up() {
    if [ -f "$cluster/data/postmaster.pid" ]; then
        as "$bin/pg_ctl" -D "$cluster/data" -m immediate -w -s stop || true
    fi
    rm -rf "$cluster"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

as "$bin/initdb" -D "$cluster/data" -U rondo -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
cat >>"$cluster/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$cluster'
max_connections = 300
# Nothing here outlives the command.
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
autovacuum = off
jit = off
CONF
as "$bin/pg_ctl" -D "$cluster/data" -l "$cluster/log" -w -s start || { cat "$cluster/log" >&2; exit 1; }
echo "postgres: a throwaway cluster of $("$bin/postgres" --version)" >&2

export RONDO_TEST_PG="postgres://rondo@localhost/postgres?host=$cluster"
"$@"
