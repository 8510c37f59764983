"""Files as answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse

PIECE = 64 * 1024


def zip_of(what: str) -> dict[tuple[int, str], OpenApiResponse]:
    """The answers of an operation that gives a ZIP file, for the document."""
    return {(200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, what)}


def zip_answer(packed: IO[bytes], name: str) -> StreamingHttpResponse:
    """The file under this name; it is closed with its last piece, whatever the server does with the response."""
    response = StreamingHttpResponse(_pieces(packed), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
