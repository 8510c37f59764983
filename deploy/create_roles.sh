#!/bin/sh
# Run once by the PostgreSQL image, on an empty volume: the role that migrates, the role that works, the database.
set -eu
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD
CREATE ROLE mlc_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE mlc_app LOGIN PASSWORD :'app_password';
CREATE DATABASE mlc OWNER mlc_owner TEMPLATE template0 ENCODING 'UTF8';
REVOKE TEMPORARY ON DATABASE mlc FROM PUBLIC;
SQL
