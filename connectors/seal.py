"""Credentials at rest: encrypted, and bound to the tenant and connection they were given for.

The ciphertext holds whose it is. Copied to another row, or another tenant, it is refused when opened.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping

from cryptography.fernet import InvalidToken
from django.conf import settings


class SealBroken(Exception):
    """These credentials cannot be used: wrong key, or they belong to another connection."""


def key_id(key: str) -> str:
    """A short public name of a Fernet key, kept beside what it encrypted."""
    return hashlib.sha256(b"ml-connector key id:" + key.encode()).hexdigest()[:12]


def current_key_id() -> str:
    """The name of the key that encrypts now."""
    return key_id(settings.FERNET_KEYS[0])


def known_key_ids() -> set[str]:
    """The names of all keys that can decrypt."""
    return {key_id(key) for key in settings.FERNET_KEYS}


def seal(tenant_id: uuid.UUID, connection_id: uuid.UUID, credentials: Mapping[str, str]) -> str:
    """The text to encrypt for this connection."""
    return json.dumps({"tenant": str(tenant_id), "connection": str(connection_id), "credentials": dict(credentials)})


def unseal(tenant_id: uuid.UUID, connection_id: uuid.UUID, sealed: str) -> dict[str, str]:
    """The credentials in a decrypted text; raises SealBroken when it was made for another connection."""
    if not sealed:
        return {}
    content = json.loads(sealed)
    if content["tenant"] != str(tenant_id) or content["connection"] != str(connection_id):
        raise SealBroken("These credentials were stored for another connection. Enter them again.")
    return {str(name): str(value) for name, value in content["credentials"].items()}


__all__ = ["InvalidToken", "SealBroken", "current_key_id", "key_id", "known_key_ids", "seal", "unseal"]
