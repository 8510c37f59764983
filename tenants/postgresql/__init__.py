"""Django's PostgreSQL backend, with every statement bound to the tenant scope it runs in."""
