"""Keys for a development checkout, made once and kept beside its data. A deployment never gets here."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

import msgspec


class DevelopmentKeys(msgspec.Struct, frozen=True):
    """What a deployment is given as environment variables."""

    secret_key: str
    fernet_key: str


def development_keys(data_dir: Path) -> DevelopmentKeys:
    """The keys of this checkout: read from ``keys.json``, made first (readable by its owner only) when missing."""
    path = data_dir / "keys.json"
    data_dir.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = {"secret_key": secrets.token_urlsafe(50), "fernet_key": secrets.token_urlsafe(32)}
        partial = path.with_name(f"keys.{os.getpid()}.json")
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            json.dump(fresh, file)
        try:
            # The first process to link wins; the others read its keys.
            os.link(partial, path)
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    return msgspec.json.decode(path.read_bytes(), type=DevelopmentKeys)
