"""How Dynamics says no: OData's error with the Infolog inside of it, or the plain message of what lies around it."""

from __future__ import annotations

from typing import Any

from sandbox.dynamics.model import NAMESPACE, EntityType


class Refusal(Exception):
    """Raised anywhere below a handler; becomes the answer. ``mute`` leaves out what only the Infolog says."""

    def __init__(
        self, status: int, message: str, *, inner: str = "", plain: bool = False, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(f"{status}: {inner or message}")
        self.status = status
        self.message = message
        self.inner = inner
        self.plain = plain
        self.headers = headers or {}

    def body(self, *, mute: bool = False) -> dict[str, Any]:
        """The JSON of this refusal (dynamics §9)."""
        if self.plain:
            return {"Message": self.message}
        error: dict[str, Any] = {"code": "", "message": self.message}
        if self.inner and not mute:
            error["innererror"] = {
                "message": self.inner,
                "type": "Microsoft.Dynamics.Platform.Integration.Services.OData.ODataDataException",
                "stacktrace": "   at Microsoft.Dynamics.Platform.Integration.Services.OData.Update.UpdateManager",
            }
        return {"error": error}


def invalid(entity: EntityType, *reasons: str, method: str = "validateWrite", status: int = 400) -> Refusal:
    """What X++ refuses while writing: the reasons are the Infolog's warnings (dynamics §9)."""
    said = "".join(f"Warning: {reason}; " for reason in reasons)
    source = f"{entity.aot} ({entity.aot})"
    inner = (
        f"Write failed for table row of type '{entity.aot}'. Infolog: {said}"
        f"Warning: {method} failed on data source '{source}'."
    )
    return Refusal(status, "An error has occurred.", inner=inner)


def failed(inner: str, status: int = 400) -> Refusal:
    return Refusal(status, "An error has occurred.", inner=inner)


def bad_query(message: str) -> Refusal:
    return Refusal(400, f"The query specified in the URI is not valid. {message}")


def no_such_property(entity: EntityType, name: str) -> Refusal:
    """A name in a body that the type does not have (dynamics §9)."""
    return failed(
        f"The property '{name}' does not exist on type '{NAMESPACE}.{entity.type_name}'. Make sure to only use "
        "property names that are defined by the type."
    )


def no_route(uri: str) -> Refusal:
    """An unknown entity set or a key that is not the whole key (dynamics §2)."""
    return Refusal(404, f"No HTTP resource was found that matches the request URI '{uri}'.", plain=True)


def no_record(entity: EntityType) -> Refusal:
    return failed(f"No resources were found when selecting for {entity.type_name}.", 404)


def unauthorized() -> Refusal:
    return Refusal(401, "Unauthorized", plain=True, headers={"WWW-Authenticate": "Bearer"})


def forbidden(what: str) -> Refusal:
    return failed(f"Access denied to {what}.", 403)


def wrong_etag() -> Refusal:
    return failed("The request etag is not matching with server etag.", 412)


def conflict(entity: EntityType, status: int) -> Refusal:
    """Two processes wrote the header at once (dynamics §8)."""
    return invalid(
        entity,
        "An update conflict occurred due to another user process deleting the record or changing one or more fields in "
        "the record.",
        method="write",
        status=status,
    )


def throttled(seconds: int) -> Refusal:
    """The resource-based limit (dynamics §9)."""
    return Refusal(
        429,
        "This request could not be processed at this time due to system experiencing high resource utilization.",
        headers={"Retry-After": str(seconds)},
    )
