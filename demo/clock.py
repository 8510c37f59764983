"""Time that passes at once, so that nobody has to sit through it.

The product judges every wait by one clock, its database's. The demonstration's own database tells the application a
time that can be put forward; the product's code is what it is everywhere.
"""

from __future__ import annotations

from datetime import timedelta

import psycopg

from config.database import APPLICATION_ROLE, DATABASE_NAME

SET_UP = f"""
CREATE SCHEMA demonstration;
CREATE TABLE demonstration.clock (ahead interval NOT NULL);
INSERT INTO demonstration.clock VALUES ('0');
CREATE FUNCTION demonstration.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
    'SELECT pg_catalog.statement_timestamp() + ahead FROM demonstration.clock';
GRANT USAGE ON SCHEMA demonstration TO {APPLICATION_ROLE};
GRANT SELECT ON demonstration.clock TO {APPLICATION_ROLE};
ALTER ROLE {APPLICATION_ROLE} IN DATABASE {DATABASE_NAME} SET search_path = demonstration, pg_catalog, public;
"""


class Clock:
    """The clock of the database on this socket. Sessions that begin after it was made go by it."""

    def __init__(self, socket: str, port: str) -> None:
        self._where = f"host={socket} port={port} user=postgres dbname={DATABASE_NAME}"
        with psycopg.connect(self._where, autocommit=True) as connection:
            connection.execute(SET_UP)

    def put_forward(self, by: timedelta) -> None:
        """From now on it is that much later."""
        with psycopg.connect(self._where, autocommit=True) as connection:
            connection.execute("UPDATE demonstration.clock SET ahead = ahead + %s", [by])
