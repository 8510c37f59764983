"""Secrets at rest: encrypted under ``FERNET_KEYS``, and bound to the tenant, connection and purpose they serve.

The ciphertext holds whose it is. Copied to another row, column or tenant, it is refused when opened. A row that is
merely read or saved is neither decrypted nor encrypted again: only ``seal`` and ``unseal`` use the keys.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.fernet import InvalidToken, MultiFernet
from django.conf import settings
from fernet_fields import EncryptedTextField

CREDENTIALS = "credentials"
TOKEN = "token"  # noqa: S105 - what is sealed, not a secret
INSTALL = "install"


class SealBroken(Exception):
    """This cannot be opened: no key fits, or it belongs elsewhere. The text is a sentence for staff."""


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """A ciphertext, as it lies in the database."""

    token: bytes

    def __repr__(self) -> str:
        return "Sealed(***)"


if TYPE_CHECKING:
    from django.db import models

    _EncryptedField = models.Field["Sealed | None", "Sealed | None"]
else:
    _EncryptedField = EncryptedTextField


class SealedField(_EncryptedField):
    """Holds a ``Sealed`` or None, the same on both sides of the database: a list page needs no key."""

    def from_db_value(self, value: Any, *args: Any) -> Sealed | None:
        return None if value is None else Sealed(bytes(value))

    def to_python(self, value: Sealed | None) -> Sealed | None:
        return value

    def get_db_prep_save(self, value: Sealed | None, connection: Any) -> Any:
        return None if value is None else connection.Database.Binary(value.token)


def key_id(key: str) -> str:
    """A short public name of a Fernet key, kept beside what it encrypted."""
    return hashlib.sha256(b"ml-connector key id:" + key.encode()).hexdigest()[:12]


def current_key_id() -> str:
    """The name of the key that encrypts now."""
    return key_id(settings.FERNET_KEYS[0])


def known_key_ids() -> set[str]:
    """The names of all keys that can decrypt."""
    return {key_id(key) for key in settings.FERNET_KEYS}


def seal(tenant_id: uuid.UUID, connection_id: uuid.UUID, purpose: str, content: Mapping[str, str]) -> Sealed:
    """``content`` encrypted under the current key for this connection and purpose alone."""
    text = json.dumps(
        {"tenant": str(tenant_id), "connection": str(connection_id), "purpose": purpose, "content": dict(content)}
    )
    return Sealed(_fernet().encrypt(text.encode()))


def unseal(tenant_id: uuid.UUID, connection_id: uuid.UUID, purpose: str, sealed: Sealed) -> dict[str, str]:
    """What ``seal`` was given with the same first three arguments; raises SealBroken otherwise."""
    held = json.loads(_decrypted(sealed))
    if (held["tenant"], held["connection"], held["purpose"]) != (str(tenant_id), str(connection_id), purpose):
        raise SealBroken("These credentials were stored for another connection. Enter them again.")
    return {str(name): str(value) for name, value in held["content"].items()}


def reseal(sealed: Sealed) -> Sealed:
    """The same content under the current key; raises SealBroken when no key fits."""
    return Sealed(_fernet().encrypt(_decrypted(sealed)))


def _decrypted(sealed: Sealed) -> bytes:
    try:
        return bytes(_fernet().decrypt(sealed.token))
    except InvalidToken:
        raise SealBroken(
            "The stored credentials cannot be read with the keys in use. Ask your operator to restore the key, or "
            "enter the credentials again."
        ) from None


def _fernet() -> MultiFernet:
    """The library's reading of FERNET_KEYS; with one key it gives a plain Fernet, which has the same methods."""
    fernet: MultiFernet = EncryptedTextField().fernet
    return fernet
