"""Installing our app at a customer's Rippling: the code, whose company it is, and the end of the install.

Nothing here says who may install for whom; that is ``connectors.installing``. Source: rippling §1.2–§1.6.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode, urlsplit

from connectors.access import Grant
from connectors.contract import Company, ConnectorContext
from connectors.errors import ConnectionConfigError, ConnectorError
from connectors.http import RefusedReply
from connectors.rippling.client import PlatformClient, RestClient
from connectors.rippling.signing_in import app, credential, setting, token_endpoint

AUTHORIZE = "https://app.rippling.com/apps/PLATFORM/{name}/authorize"
RETURN = "https://app.rippling.com/apps/PLATFORM/{name}/redirect"


class AppShop:
    """One app at one customer. ``context.tokens`` holds what the install gave, once there is something."""

    def __init__(self, context: ConnectorContext) -> None:
        self._context = context
        self._endpoint = token_endpoint(context)
        access = credential(context)
        self._rest, self._platform = RestClient(context, access), PlatformClient(context, access)

    def authorize_address(self, state: str, redirect_uri: str) -> str:
        """Where an administrator's browser goes to agree; it comes back to ``redirect_uri`` with this state."""
        address = setting(self._context, "authorize_url") or AUTHORIZE.format(name=self._name)
        query = {"client_id": app(self._context, "client_id"), "redirect_uri": redirect_uri, "state": state}
        return f"{address}?{urlencode(query)}"

    def redirect_uri(self, ours: str) -> str:
        """The address registered for the app: the one that was entered, else ``ours``."""
        return app(self._context, "redirect_uri") or ours

    def exchange(self, code: str, redirect_uri: str) -> Grant:
        """What Rippling gives for the code, at once: a code works once and not for long."""
        form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)]
        used = "Rippling no longer accepts this install: it was used already, or took too long. Begin again."
        return self._endpoint.ask(self._platform.http, form, invalid_grant=used)

    def company(self) -> Company:
        """Whose access this is, by the API that tells; the Platform API is asked last, since asking it ends the
        install. ConnectionConfigError when neither tells."""
        refusal: ConnectorError | None = None
        for ask in (self._by_rest, self._by_platform):
            try:
                found = ask()
            except ConnectionConfigError as error:
                refusal = error
                continue
            if found.id:
                return found
        raise ConnectionConfigError(
            "Rippling does not say which company this install belongs to. Give the app the permission “sso-me.read” or "
            "“company:read” in its listing, then connect again.",
            detail=refusal.detail if refusal else "",
        )

    def mark_installed(self) -> bool:
        """Tell Rippling that the install is done; False when it could not be told."""
        try:
            reply = self._platform.http.write("POST", "/mark_app_installed", {})
        except (RefusedReply, ConnectorError):
            return False
        return bool(reply.status)

    def return_address(self, wanted: str) -> str:
        """Where on Rippling the browser goes in the end: ``wanted`` if that is Rippling's, else the app's own page."""
        return wanted if _is_ripplings(wanted) else RETURN.format(name=self._name)

    def close(self) -> None:
        """Release the sockets. Idempotent."""
        self._rest.http.close()
        self._platform.http.close()

    @property
    def _name(self) -> str:
        return quote(app(self._context, "name"), safe="")

    def _by_rest(self) -> Company:
        me = self._rest.signed_in()
        company = me.company
        name = (company.name or company.legal_name or "") if company else ""
        return Company(me.company_id or (company.id if company else ""), name)

    def _by_platform(self) -> Company:
        company = self._platform.company()
        return Company(company.id, company.name or "")


def _is_ripplings(address: str) -> bool:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    plain = address.isascii() and address.isprintable() and "\\" not in address and " " not in address
    return plain and parts.scheme == "https" and parts.netloc == urlsplit(RETURN).netloc and port is None
