#!/bin/sh
# The entry point of the PostgreSQL image: makes the database at the first start, as the usual image does, and becomes the server.
set -eu
: "${PGDATA:=/var/lib/postgresql/data/pgdata}" "${POSTGRES_USER:=postgres}" "${POSTGRES_PASSWORD:?is needed for a new database}"
export PGDATA
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Beside the data, since a first start that is cut short must begin anew and not go on with half a database.
  rm -rf "$PGDATA.new"
  mkdir -p "$PGDATA.new"
  printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
  initdb -D "$PGDATA.new" -U "$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 --locale=C --encoding=UTF8 --no-instructions
  rm -f /tmp/password
  echo 'host all all all scram-sha-256' >>"$PGDATA.new/pg_hba.conf"
  mv "$PGDATA.new" "$PGDATA"
fi
exec postgres -h '*' "$@"
