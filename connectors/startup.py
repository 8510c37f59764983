"""Whether the keys we were started with can open what is stored. Asked by web and worker before they serve anybody."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db import ProgrammingError, connections

from connectors.seal import known_key_ids


def check_keys() -> None:
    """Returns when every stored secret names a key of FERNET_KEYS.

    Raises ImproperlyConfigured otherwise, with the number of secrets that could not be read and the names of the
    keys they need; also when the database has not been migrated.
    """
    known = known_key_ids()
    missing = {key_id: count for key_id, count in sealed_secrets().items() if key_id not in known}
    if missing:
        names = f"missing: {', '.join(missing)}; given: {', '.join(sorted(known))}"
        raise ImproperlyConfigured(
            f"Secrets whose key is not in FERNET_KEYS: {sum(missing.values())} ({names}). Add the missing key "
            "behind the current one, start again, and run `manage.py rotate_keys` before you remove it."
        )


def sealed_secrets() -> dict[str, int]:
    """Key name → number of credentials, tokens and signing secrets of all tenants that it encrypted."""
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT key_id, connections FROM mlc_sealed_by()")
            return dict(cursor.fetchall())
    except ProgrammingError:
        raise ImproperlyConfigured("The database lacks this version's tables. Run `manage.py migrate` first.") from None
