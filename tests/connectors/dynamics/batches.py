"""What a batch asks for, by the standard library's reader of MIME."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message


def operations_in(content_type: str, body: bytes) -> list[list[tuple[str, str, bytes]]]:
    """Method, address and body of every operation, by changeset. ValueError for a batch that is not whole."""
    batch = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    return [[_operation(part) for part in _parts(changeset)] for changeset in _parts(batch)]


def _parts(multipart: Message) -> list[Message]:
    if multipart.defects or not multipart.is_multipart():
        raise ValueError(f"not a whole multipart: {multipart.defects}")
    return [part for part in multipart.get_payload() if isinstance(part, Message)]


def _operation(part: Message) -> tuple[str, str, bytes]:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    head, _, body = content.partition(b"\r\n\r\n")
    method, url, _ = head.split(b"\r\n")[0].decode().split(" ")
    return method, url, body
