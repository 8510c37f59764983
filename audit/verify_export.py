#!/usr/bin/env python3
"""Verifies an exported audit trail, or an evidence pack, with Python's standard library alone (3.8 or newer).

    python3 verify_export.py [DIRECTORY]

DIRECTORY holds manifest.json and audit.jsonl; without it, the directory of this script is taken. Every entry's hash
is SHA-256 over the bytes of the previous entry's hash and the UTF-8 bytes of the entry's body, so that no entry can
be changed, removed or put in without breaking the chain from there on. Of an evidence pack, the manifest also names
every other file with its SHA-256, this script included.

Prints OK and exits with 0, or names the first broken entry and exits with 1. The manifest is part of the export: to
be sure that nobody made a whole new export, compare the last hash with one you were given on another way.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any


class Broken(Exception):
    """What does not hold, as a sentence."""


def verify(directory: Path) -> str:
    """What was verified, as a sentence; raises Broken."""
    manifest = read_manifest(directory / "manifest.json")
    count, last_hash, sha256 = verify_entries(directory / Path(manifest["file"]).name, manifest)
    first, last = manifest["from_seq"], manifest["to_seq"]
    if count < last - first + 1:
        raise Broken(f"Entry {first + count} is missing: the export ends before it.")
    if count > last - first + 1:
        raise Broken(f"Entry {last + 1} is not part of the export, but in its file.")
    if count != manifest["count"] or last_hash != manifest["last_hash"]:
        raise Broken(f"Entry {last} is not the last one that the manifest names.")
    if sha256 != manifest["sha256"]:
        raise Broken("The file is not the one that the manifest describes: its SHA-256 differs.")
    files = verify_files(directory, manifest)
    return (
        f"{count} entries of {manifest['company']} ({first} to {last}), exported at {manifest['exported_at']}. "
        f"Last hash {last_hash}.{files}"
    )


def verify_files(directory: Path, manifest: dict[str, Any]) -> str:
    """What was verified of the files that an evidence pack has besides the entries, as a sentence."""
    files = manifest.get("files")
    if files is None:
        return ""
    if not isinstance(files, dict) or Path(manifest["file"]).name not in files:
        raise Broken("The manifest cannot be read: files is not what it should be.")
    for name, stated in sorted(files.items()):
        digest = hashlib.sha256()
        try:
            with (directory / Path(name).name).open("rb") as file:
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
        except OSError as error:
            raise Broken(f"{name} cannot be read: {error}.") from None
        if digest.hexdigest() != stated:
            raise Broken(f"{name} is not the file that the manifest describes: its SHA-256 differs.")
    return f" {len(files)} files are as the manifest describes them."


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest, with every field this script needs."""
    texts = ("tenant", "company", "file", "first_previous_hash", "last_hash", "sha256", "exported_at")
    numbers = ("from_seq", "to_seq", "count")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        wrong = [name for name in texts if not isinstance(manifest[name], str)]
        wrong += [name for name in numbers if not isinstance(manifest[name], int)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Broken(f"The manifest cannot be read: {error!r}.") from None
    if wrong:
        raise Broken(f"The manifest cannot be read: {', '.join(wrong)} is not what it should be.")
    return manifest


def verify_entries(path: Path, manifest: dict[str, Any]) -> tuple[int, str, str]:
    """Follow the chain line by line; (number of entries, last hash, SHA-256 of the file)."""
    first, previous = manifest["from_seq"], manifest["first_previous_hash"]
    if first == 1 and previous != "0" * 64:
        raise Broken("Entry 1 is broken: it must be the first of its chain.")
    digest, count = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            for line in file:
                digest.update(line)
                previous = verify_entry(line, first + count, previous, manifest["tenant"])
                count += 1
    except OSError as error:
        raise Broken(f"The entries cannot be read: {error}.") from None
    return count, previous, digest.hexdigest()


def verify_entry(line: bytes, seq: int, previous: str, tenant: str) -> str:
    """The hash of this entry, which must be number ``seq`` and continue ``previous``."""
    try:
        entry = json.loads(line.decode("utf-8"))
        body = json.loads(entry["body"])
        content = bytes.fromhex(entry["previous_hash"]) + entry["body"].encode("utf-8")
        numbers, company = (entry["seq"], body["seq"]), body["tenant"]
        continued, stated = entry["previous_hash"], entry["hash"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Broken(f"Entry {seq} is broken: its line cannot be read.") from None
    if numbers != (seq, seq):
        raise Broken(f"Entry {seq} is missing: entry {numbers[0]} stands in its place.")
    if company != tenant:
        raise Broken(f"Entry {seq} is broken: it belongs to another company.")
    if continued != previous:
        raise Broken(f"Entry {seq} is broken: it does not continue the entry before it.")
    if stated != hashlib.sha256(content).hexdigest():
        raise Broken(f"Entry {seq} is broken: its content is not what was recorded.")
    return str(stated)


if __name__ == "__main__":
    try:
        found = verify(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
    except Broken as broken:
        sys.exit(f"BROKEN. {broken}")
    sys.stdout.write(f"OK. {found}\n")
